//! `.sops.yaml`: which rule applies to a file, who may open it, and which leaves are sealed (secrets.md 1.6, 1.11).

use super::keys::{Plugins, RecipientKind};
use crate::model::{Problem, Reason, Severity, clean};
use crate::yaml::{Dialect, Limits, Node, read_stream};
use regex::Regex;
use std::sync::Arc;

/// Which leaves of a file are sealed. At most one selector is set in a file.
#[derive(Clone, Debug)]
pub enum Selector {
    /// Leaves are sealed unless a key on their path ends with this text.
    UnencryptedSuffix(Arc<str>),
    /// Leaves are sealed if a key on their path ends with this text.
    EncryptedSuffix(Arc<str>),
    /// Leaves are sealed unless a key on their path matches.
    UnencryptedRegex(Regex),
    /// Leaves are sealed if a key on their path matches.
    EncryptedRegex(Regex),
    /// Leaves are sealed unless a comment before them matches.
    UnencryptedCommentRegex(Regex),
    /// Leaves are sealed if a comment before them matches.
    EncryptedCommentRegex(Regex),
}

/// A recipient with the name that a comment gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The age recipient.
    pub key: Arc<str>,
    /// The comment behind it, if there is one.
    pub name: Option<Arc<str>>,
}

/// One creation rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its line, from 1.
    pub line: u32,
    /// Which files it is for; `None` means every file.
    pub path: Option<Regex>,
    /// Who may open them; of all key groups, where there are some.
    pub recipients: Vec<Recipient>,
    /// Key groups; where there are several, each gets a share of the data key.
    pub groups: Vec<Vec<Recipient>>,
    /// How many of several key groups have to work together; 0 means all.
    pub threshold: usize,
    /// Which leaves are sealed.
    pub selector: Selector,
    /// True if only sealed leaves count for the MAC.
    pub mac_only_encrypted: bool,
    /// Other key types the rule names (`pgp`, `kms`, …): such a file cannot be made by Sealane.
    pub foreign: Vec<Arc<str>>,
    /// What wraps for recipients of plug-ins; without it they are refused.
    pub plugins: Plugins,
}

/// All rules of a `.sops.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Where the file stands.
    pub file: Arc<str>,
    /// The rules in order.
    pub rules: Vec<Rule>,
    /// What is wrong with the file. A rule with a broken expression matches nothing and is named here.
    pub problems: Vec<Problem>,
}

impl Default for Selector {
    fn default() -> Self {
        Self::UnencryptedSuffix("_unencrypted".into())
    }
}

impl Selector {
    /// The field of the metadata block, and its value; `None` for the default.
    pub fn field(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::UnencryptedSuffix(s) if &**s == "_unencrypted" => return None,
            Self::UnencryptedSuffix(s) => ("unencrypted_suffix", s.to_string()),
            Self::EncryptedSuffix(s) => ("encrypted_suffix", s.to_string()),
            Self::UnencryptedRegex(r) => ("unencrypted_regex", r.to_string()),
            Self::EncryptedRegex(r) => ("encrypted_regex", r.to_string()),
            Self::UnencryptedCommentRegex(r) => ("unencrypted_comment_regex", r.to_string()),
            Self::EncryptedCommentRegex(r) => ("encrypted_comment_regex", r.to_string()),
        })
    }

    /// Reads the selector out of a rule or a metadata block. An expression that does not compile, or more
    /// than one selector, is an error: SOPS would seal nothing and say nothing (secrets.md 1.13).
    pub fn read(node: &Node) -> Result<Self, String> {
        let mut found = None;
        for name in [
            "unencrypted_suffix",
            "encrypted_suffix",
            "unencrypted_regex",
            "encrypted_regex",
            "unencrypted_comment_regex",
            "encrypted_comment_regex",
        ] {
            let Some(text) = node.get(name).and_then(Node::scalar_text).filter(|t| !t.is_empty()) else {
                continue;
            };
            if found.is_some() {
                return Err(format!("`{name}` stands beside another selector; at most one may be set"));
            }
            let regex = || {
                Regex::new(text)
                    .map_err(|_| format!("`{name}` is no valid regular expression: nothing would be sealed"))
            };
            found = Some(match name {
                "unencrypted_suffix" => Self::UnencryptedSuffix(text.into()),
                "encrypted_suffix" => Self::EncryptedSuffix(text.into()),
                "unencrypted_regex" => Self::UnencryptedRegex(regex()?),
                "encrypted_regex" => Self::EncryptedRegex(regex()?),
                "unencrypted_comment_regex" => Self::UnencryptedCommentRegex(regex()?),
                _ => Self::EncryptedCommentRegex(regex()?),
            });
        }
        Ok(found.unwrap_or_default())
    }
}

impl Rules {
    /// Reads the text of a `.sops.yaml`.
    pub fn parse(text: &[u8], file: &str) -> Self {
        let file: Arc<str> = file.into();
        let stream = read_stream(text, &file, Dialect::Resource, &Limits::default());
        let mut rules = Self { file: file.clone(), ..Self::default() };
        for error in &stream.errors {
            rules.problems.push(
                Problem::error(Reason::InvalidYaml, clean(&error.message))
                    .at(&file, error.line)
                    .next("mend the file: no rule can be read from it"),
            );
        }
        let comments: Vec<Option<Arc<str>>> =
            String::from_utf8_lossy(text).lines().map(trailing_comment).collect();
        let list = stream.documents.first().and_then(|d| d.root.get("creation_rules")).and_then(Node::as_seq);
        for (index, node) in list.unwrap_or_default().iter().enumerate() {
            rules.add(index + 1, node, &comments);
        }
        rules
    }

    fn add(&mut self, number: usize, node: &Node, comments: &[Option<Arc<str>>]) {
        let line = node.mark.line;
        let problem = |cause: String| {
            Problem::error(Reason::Config, cause)
                .at(&self.file, line)
                .next(format!("mend rule {number}; until then files under it are not sealed by Sealane"))
        };
        let selector = match Selector::read(node) {
            Ok(selector) => selector,
            Err(cause) => return self.problems.push(problem(cause)),
        };
        let Ok(path) = node.str_at(&["path_regex"]).map(Regex::new).transpose() else {
            return self.problems.push(problem("`path_regex` is no valid regular expression".to_owned()));
        };
        let key_groups = node.get("key_groups").and_then(Node::as_seq).unwrap_or_default();
        let (mut groups, mut foreign) = (Vec::new(), Vec::new());
        for group in key_groups {
            let mut members = Vec::new();
            members_of(group, comments, &mut members, &mut foreign, 0);
            groups.push(members);
        }
        // Where there are groups SOPS does not look at keys beside them.
        if groups.is_empty() {
            groups.push(recipients(node.get("age"), comments));
            let names = FOREIGN_OF_RULES.into_iter();
            foreign.extend(names.filter(|n| node.get(n).is_some_and(|n| !n.is_null())).map(Arc::from));
        }
        let threshold = node.get("shamir_threshold").and_then(Node::scalar_text).unwrap_or_default();
        let Ok(threshold) = threshold.parse().or_else(|e| if threshold.is_empty() { Ok(0) } else { Err(e) })
        else {
            return self.problems.push(problem("`shamir_threshold` is no number".to_owned()));
        };
        let mixed = groups.iter().filter_map(|group| post_quantum_in_vain(group)).map(|cause| Problem {
            severity: Severity::Note,
            ..Problem::warning(Reason::Config, format!("rule {number}: {cause}")).at(&self.file, line).next(
                "use recipients that begin with age1pq1 alone, or know that the file is as safe as its weakest",
            )
        });
        let mixed: Vec<Problem> = mixed.collect();
        self.problems.extend(mixed);
        self.rules.push(Rule {
            number,
            line,
            path,
            recipients: groups.iter().flatten().cloned().collect(),
            groups,
            threshold,
            selector,
            mac_only_encrypted: node.get("mac_only_encrypted").and_then(Node::as_bool).unwrap_or(false),
            foreign,
            plugins: Plugins::default(),
        });
    }

    /// The same rules, under which plug-ins are run that the user agreed to.
    #[must_use]
    pub fn with_plugins(mut self, plugins: &Plugins) -> Self {
        for rule in &mut self.rules {
            rule.plugins = plugins.clone();
        }
        self
    }

    /// The first rule that matches a path relative to the rules' own folder.
    pub fn matching(&self, path: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.path.as_ref().is_none_or(|r| r.is_match(path)))
    }

    /// The name that a comment gives a recipient, in any rule.
    pub fn name_of(&self, recipient: &str) -> Option<Arc<str>> {
        self.rules
            .iter()
            .flat_map(|r| &r.recipients)
            .find(|r| &*r.key == recipient)
            .and_then(|r| r.name.clone())
    }
}

impl Rule {
    /// The rule in words: `rule 2 (path_regex overlays/prod)`.
    pub fn describe(&self) -> String {
        match &self.path {
            Some(path) => format!("rule {} (path_regex {})", self.number, clean(path.as_str())),
            None => format!("rule {} (every file)", self.number),
        }
    }
}

/// A file opens with any of its recipients: one that a quantum computer breaks makes the others' care void.
pub(super) fn post_quantum_in_vain(recipients: &[Recipient]) -> Option<String> {
    let kinds = recipients.iter().filter_map(|r| RecipientKind::of(&r.key));
    let (safe, other): (Vec<_>, Vec<_>) = kinds.partition(|kind| kind.is_post_quantum());
    (!safe.is_empty() && !other.is_empty()).then(|| {
        format!(
            "{} of {} recipients are not post-quantum, so the post-quantum ones bring nothing",
            other.len(),
            recipients.len()
        )
    })
}

/// Key types beside age, as a rule names them.
const FOREIGN_OF_RULES: [&str; 6] =
    ["pgp", "kms", "gcp_kms", "azure_keyvault", "hc_vault_transit_uri", "hckms"];
/// The same in a key group.
const FOREIGN_OF_GROUPS: [&str; 6] = ["pgp", "kms", "gcp_kms", "azure_keyvault", "hc_vault", "hckms"];

/// The recipients of a key group and of those merged into it; what else is in it goes to `foreign`.
fn members_of(
    group: &Node,
    comments: &[Option<Arc<str>>],
    members: &mut Vec<Recipient>,
    foreign: &mut Vec<Arc<str>>,
    depth: usize,
) {
    let merged = group.get("merge").and_then(Node::as_seq).unwrap_or_default();
    if depth < 16 {
        for inner in merged {
            members_of(inner, comments, members, foreign, depth + 1);
        }
    }
    for recipient in recipients(group.get("age"), comments) {
        if members.iter().all(|m| m.key != recipient.key) {
            members.push(recipient);
        }
    }
    let has = |name: &str| group.get(name).and_then(Node::as_seq).is_some_and(|keys| !keys.is_empty());
    for name in FOREIGN_OF_GROUPS {
        if has(name) && foreign.iter().all(|f| &**f != name) {
            foreign.push(name.into());
        }
    }
}

fn recipients(node: Option<&Node>, comments: &[Option<Arc<str>>]) -> Vec<Recipient> {
    let comment = |line: u32| comments.get((line as usize).saturating_sub(1)).cloned().flatten();
    let one = |text: &str, name: Option<Arc<str>>| -> Vec<Recipient> {
        text.split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(|t| Recipient { key: t.into(), name: name.clone() })
            .collect()
    };
    match node {
        Some(node) => match (node.as_seq(), node.as_str()) {
            (Some(items), _) => items
                .iter()
                .filter_map(|item| Some(one(item.as_str()?, comment(item.mark.line))))
                .flatten()
                .collect(),
            (None, Some(text)) => one(text, None),
            _ => Vec::new(),
        },
        None => Vec::new(),
    }
}

/// The comment at the end of a line, made safe for a screen. A `#` inside quotes does not occur in recipients.
fn trailing_comment(line: &str) -> Option<Arc<str>> {
    let comment = line.split_once(" #")?.1.trim();
    (!comment.is_empty()).then(|| clean(comment).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../demo/sealed/rules.yaml");

    #[test]
    fn the_first_rule_that_matches_wins_and_names_its_recipients() {
        let rules = Rules::parse(RULES.as_bytes(), ".sops.yaml");
        let rule = rules.matching("apps/cart/overlays/prod/db.sops.yaml").expect("a rule matches");
        assert_eq!(rule.number, 3);
        let names: Vec<_> = rule.recipients.iter().map(|r| r.name.as_deref()).collect();
        assert_eq!(names, [Some("ops"), Some("flux-prod")]);
        assert!(matches!(&rule.selector, Selector::EncryptedRegex(r) if r.as_str() == "^(data|stringData)$"));
        assert!(rules.matching("README.md").is_none());
    }

    #[test]
    fn a_broken_expression_is_named_and_matches_nothing() {
        let text = "creation_rules:\n  - encrypted_regex: '^(data'\n    age: age1x\n";
        let rules = Rules::parse(text.as_bytes(), ".sops.yaml");
        assert!(rules.matching("a.yaml").is_none());
        let problem = rules.problems.first().expect("a problem");
        assert_eq!(problem.place.as_ref().map(|p| p.line), Some(2));
        assert!(problem.cause.contains("encrypted_regex"));
    }

    #[test]
    fn two_selectors_are_refused() {
        let text =
            "creation_rules:\n  - encrypted_regex: a\n    encrypted_suffix: b\n    age: age1x, age1y\n";
        let rules = Rules::parse(text.as_bytes(), ".sops.yaml");
        assert!(rules.rules.is_empty() && rules.problems.len() == 1);
    }

    #[test]
    fn recipients_may_stand_in_one_string() {
        let rules = Rules::parse(b"creation_rules:\n  - age: age1x, age1y\n", ".sops.yaml");
        let keys: Vec<_> = rules.rules[0].recipients.iter().map(|r| &*r.key).collect();
        assert_eq!(keys, ["age1x", "age1y"]);
    }

    #[test]
    fn a_post_quantum_recipient_beside_another_is_told_to_bring_nothing() {
        let rules =
            |list: &str| Rules::parse(format!("creation_rules:\n  - age: {list}\n").as_bytes(), ".sops.yaml");
        let mixed = rules("age1pq1x, age1y, ssh-ed25519 AAAA");
        let [note] = mixed.problems.as_slice() else { panic!("{:?}", mixed.problems) };
        assert_eq!(note.severity, Severity::Note);
        assert!(note.cause.starts_with("rule 1: 2 of 3 recipients are not post-quantum"), "{note}");
        assert_eq!(mixed.rules.len(), 1);
        assert!(
            rules("age1pq1x, age1tagpq1y").problems.is_empty()
                && rules("age1x, ssh-rsa B").problems.is_empty()
        );
    }
}
