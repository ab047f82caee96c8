//! The firewall's certain findings: secrets in the clear, told by structure (secrets.md 6.2). Values are never told.

use super::inspect::format_of;
use super::metadata::Metadata;
use super::open::documents;
use super::rules::{Rules, Selector};
use super::walk::{Place, Visit, read, walk};
use crate::model::{ObjectKey, Problem, Reason, SealedFormat};
use crate::yaml::source::{Item, Leaf};
use crate::yaml::{Map, Node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Beginnings of private keys, each with its name.
const PRIVATE: [(&str, &str); 9] = [
    ("-----BEGIN RSA PRIVATE KEY-----", "an RSA private key"),
    ("-----BEGIN EC PRIVATE KEY-----", "an EC private key"),
    ("-----BEGIN PRIVATE KEY-----", "a private key"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "an SSH private key"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a PGP private key"),
    ("-----BEGIN DSA PRIVATE KEY-----", "a DSA private key"),
    ("AGE-SECRET-KEY-1", "an age identity"),
    ("AGE-SECRET-KEY-PQ-1", "a post-quantum age identity"),
    ("AGE-PLUGIN-", "an age plug-in identity"),
];

/// What in this file should be sealed and is not.
pub fn findings(path: &str, bytes: &[u8], rules: &Rules) -> Vec<Problem> {
    let mut found = private_keys(path, bytes);
    let structured = matches!(format_of(path), SealedFormat::Yaml | SealedFormat::Json);
    let Some(documents) = structured.then(|| documents(bytes, path).ok()).flatten() else { return found };
    found.extend(super::sealed_secrets::findings(path, &documents));
    let block = documents.first().and_then(Metadata::of);
    for document in &documents {
        for object in objects(document) {
            found.extend(plain_secret(path, object, rules));
        }
    }
    match block {
        Some(Ok(metadata)) => {
            let open = unsealed(path, bytes, &metadata.selector);
            let plain_secret = found.iter().any(|f| f.reason == Reason::Plaintext);
            found.extend(
                open.into_iter().filter(|_| !plain_secret).map(|(key, line)| in_name_only(path, &key, line)),
            );
        }
        Some(Err(cause)) => found.push(
            Problem::error(Reason::Plaintext, format!("sealed in name only: {cause}"))
                .at(path, 0)
                .next("seal it again with a rule that is right, and change the value: it may be known"),
        ),
        None => {
            // A Secret whose values are all empty has nothing to seal.
            let only_secrets =
                documents.iter().flat_map(objects).all(|o| o.str_at(&["kind"]) == Some("Secret"));
            // The rules themselves are named like what they rule.
            let is_rules =
                path.rsplit('/').next().is_some_and(|name| matches!(name, ".sops.yaml" | ".sops.yml"));
            let rule = rules.matching(path).filter(|rule| rule.path.is_some() && !is_rules);
            let only_seals = documents.iter().flat_map(objects).all(super::sealed_secrets::is_sealed_secret);
            if let (Some(rule), true) = (rule, found.is_empty() && !only_seals)
                && !(only_secrets && unsealed(path, bytes, &rule.selector).is_empty())
            {
                found.push(
                    Problem::error(
                        Reason::Plaintext,
                        format!("not sealed, though {} of .sops.yaml says so", rule.describe()),
                    )
                    .at(path, 0)
                    .next("seal it with `sealane seal`, then change the value: history still has it"),
                );
            }
        }
    }
    found
}

fn private_keys(path: &str, bytes: &[u8]) -> Vec<Problem> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let next = lines.peek().map(|(_, next)| next.trim());
        // A key's own line, a YAML value or a JSON string; prose that only names the mark is no key.
        let hit = PRIVATE.iter().find(|(mark, _)| {
            line.find(mark).is_some_and(|at| {
                let behind = &line[at + mark.len()..];
                is_key_material(behind.trim_start_matches("\\r").trim_start_matches("\\n"))
                    || (behind.trim_end().is_empty() && next.is_some_and(is_key_material))
            })
        });
        if let Some((_, name)) = hit {
            found.push(
                Problem::error(Reason::Plaintext, format!("{name} stands in the clear"))
                    .at(path, u32::try_from(index + 1).unwrap_or(0))
                    .next("take it out, make a new key, and stop trusting this one: history still has it"),
            );
        }
    }
    found
}

/// Twenty letters of base64 or bech32 in a row, or the header of a locked key.
fn is_key_material(text: &str) -> bool {
    let letters =
        text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')).count();
    letters >= 20 || text.starts_with("Proc-Type:")
}

/// The objects of a document, those of a `List` too.
fn objects(document: &Node) -> Vec<&Node> {
    match document.get("items").and_then(Node::as_seq) {
        Some(items) if document.str_at(&["kind"]).is_some_and(|k| k.ends_with("List")) => {
            items.iter().collect()
        }
        _ => vec![document],
    }
}

fn plain_secret(path: &str, object: &Node, rules: &Rules) -> Option<Problem> {
    let is_secret = object.str_at(&["kind"]) == Some("Secret")
        && ObjectKey::split_api_version(object.str_at(&["apiVersion"])?).0.is_empty();
    if !is_secret {
        return None;
    }
    let (mut keys, mut line) = (Vec::new(), 0);
    for field in ["stringData", "data"] {
        for (key, value) in object.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
            let Some(text) = value.scalar_text() else { continue };
            let inner = decoded(field, text);
            let inner = inner.as_ref().map_or(text, |inner| inner);
            if is_plain(text) && is_plain(inner) && !is_public_of_argo(object, key, inner) {
                keys.push(format!("`{key}`"));
                line = if line == 0 { value.mark.line } else { line };
            }
        }
    }
    if keys.is_empty() {
        return None;
    }
    let name = object.at_path(&["metadata", "name"]).and_then(Node::scalar_text).unwrap_or("without a name");
    let next = match rules.matching(path) {
        Some(rule) if !rule.recipients.is_empty() => {
            format!("seal it ({} applies), then change the value: history still has it", rule.describe())
        }
        _ => "seal it (no rule of .sops.yaml matches its path yet), then change the value: history still has it".to_owned(),
    };
    let cause = format!(
        "Secret {} holds {} in the clear",
        crate::model::clean(name),
        crate::model::clean(&keys.join(", "))
    );
    Some(Problem::error(Reason::Plaintext, cause).at(path, line).next(next))
}

/// True for a value that somebody could read: not sealed, not empty, not a placeholder that is filled in later.
fn is_plain(text: &str) -> bool {
    let text = text.trim();
    // Substitutions make the value elsewhere, wherever they stand in it: `postgres://${USER}:${PASSWORD}@db`.
    let is_filled_in = ["${", "{{", "<path:", "ref+", "$("].iter().any(|mark| text.contains(mark));
    !text.is_empty() && !text.starts_with("ENC[") && !is_filled_in && !is_dummy(text)
}

/// `CHANGE_ME`, `<your-token>`, `__REPLACE_ME__`: what templates of a repository ask their users to replace.
fn is_dummy(text: &str) -> bool {
    let word: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(24)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let asks = ["changeme", "replaceme", "replacethis", "updateme", "fixme", "todo", "placeholder"];
    let is_name = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let is_told = is_name
        && ["UPDATE_", "CHANGE_", "REPLACE_", "YOUR_", "INSERT_"].iter().any(|start| text.starts_with(start));
    let in_brackets = text.starts_with('<') && text.ends_with('>') && !text.contains('\n');
    is_told || in_brackets || asks.contains(&&*word)
}

/// What stands in `data`, where it is text.
fn decoded(field: &str, text: &str) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok().filter(|_| field == "data")?);
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Argo CD keeps repositories and clusters in Secrets, most of whose keys say where and not with what.
fn is_public_of_argo(object: &Node, key: &str, text: &str) -> bool {
    let label = object.at_path(&["metadata", "labels", "argocd.argoproj.io/secret-type"]);
    let is_argo = label.and_then(Node::scalar_text).is_some();
    let names = [
        "name",
        "url",
        "type",
        "project",
        "server",
        "enableOCI",
        "enableLfs",
        "insecure",
        "forceHttpBasicAuth",
    ];
    let credentials = ["bearerToken", "password", "keyData", "token"];
    is_argo
        && (names.contains(&key) || (key == "config" && !credentials.iter().any(|word| text.contains(word))))
}

/// Leaves that a selector seals and that stand in the clear.
fn unsealed(path: &str, bytes: &[u8], selector: &Selector) -> Vec<(String, u32)> {
    let mut unsealed = Unsealed { selector, open: Vec::new() };
    // What cannot be walked is named when it is opened.
    let _ = read(bytes, path).and_then(|source| walk(&source, path, &mut unsealed).map(drop));
    unsealed.open
}

/// Finds leaves that the file's own selector should have sealed and did not.
struct Unsealed<'a> {
    selector: &'a Selector,
    open: Vec<(String, u32)>,
}

impl<'s, 't> Visit<'s, 't> for Unsealed<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if is_plain(&leaf.text) && place.is_selected(self.selector) {
            self.open.push((place.name(), item.line));
        }
        Ok(None)
    }
}

fn in_name_only(path: &str, key: &str, line: u32) -> Problem {
    Problem::error(
        Reason::Plaintext,
        format!("`{}` stands in the clear in a sealed file", crate::model::clean(key)),
    )
    .at(path, line)
    .next("seal the file again, then change the value: history still has it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../demo/sealed/rules.yaml");
    const CART: &str = include_str!("../demo/sealed/cart-prod-2.yaml");

    fn of(path: &str, text: &str) -> Vec<Problem> {
        findings(path, text.as_bytes(), &Rules::parse(RULES.as_bytes(), ".sops.yaml"))
    }

    #[test]
    fn a_secret_in_the_clear_is_found_with_its_line_and_without_its_value() {
        let text =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: smtp\nstringData:\n  PASSWORD: canary-4711\n";
        let found = of("apps/mail/smtp.yaml", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place.as_ref().map(|p| p.line), Some(6));
        assert_eq!(found[0].cause, "Secret smtp holds `PASSWORD` in the clear");
        assert!(!format!("{found:?}").contains("canary"));
    }

    #[test]
    fn a_sealed_file_is_clean() {
        assert_eq!(of("apps/cart/overlays/prod/db.sops.yaml", CART), []);
    }

    #[test]
    fn a_file_that_is_sealed_in_name_only_is_found() {
        let text = CART.replace("    url: ENC", "    extra: open-word\n    url: ENC");
        let found = of("apps/cart/overlays/prod/db.sops.yaml", &text);
        assert!(found.iter().any(|f| f.cause.contains("extra")), "{found:?}");
        let broken = CART.replace("^(data|stringData)$", "^(data");
        assert!(!of("a.yaml", &broken).is_empty());
    }

    #[test]
    fn a_file_under_a_rule_must_be_sealed() {
        let found = of("apps/x/overlays/dev/values.sops.yaml", "password: open\n");
        assert!(found[0].cause.contains("rule 1"), "{found:?}");
    }

    #[test]
    fn private_keys_are_found_and_prose_about_them_is_not() {
        assert_eq!(of("keys.txt", super::super::testing::OPS).len(), 1);
        assert_eq!(of("README.txt", "Never commit a file with AGE-SECRET-KEY-1 in it.\n"), []);
    }

    #[test]
    fn what_a_template_asks_to_replace_is_no_secret() {
        let object = |value: &str| {
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  a: {value}\n")
        };
        for value in
            ["CHANGE_ME", "__REPLACE_ME__", "UPDATE_AWS_KEY", "<your-token>", "change me", "u://${A}:${B}@c"]
        {
            assert_eq!(of("a.yaml", &object(value)), [], "{value}");
        }
        for value in ["change-it-4711", "minioadmin", "UPDATE_x"] {
            assert_eq!(of("a.yaml", &object(value)).len(), 1, "{value}");
        }
        let encoded = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: Y2hhbmdlIG1lCg==, b: aHVudGVyMg==}\n";
        assert!(of("a.yaml", encoded)[0].cause.contains("holds `b` in"));
    }

    #[test]
    fn where_argo_finds_a_repository_is_no_secret() {
        let text = |more: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels: {{argocd.argoproj.io/secret-type: repository}}\n\
                 stringData:\n  url: https://charts.example\n  type: helm\n{more}"
            )
        };
        assert_eq!(of("a.yaml", &text("")), []);
        assert!(of("a.yaml", &text("  password: hunter2\n"))[0].cause.contains("holds `password` in"));
    }

    #[test]
    fn the_rules_file_is_not_asked_to_be_sealed() {
        let rules =
            Rules::parse(b"creation_rules:\n  - path_regex: .*sops.yaml\n    age: age1x\n", ".sops.yaml");
        assert_eq!(findings(".sops.yaml", b"creation_rules: []\n", &rules), []);
        assert_eq!(findings("a.sops.yaml", b"a: b\n", &rules).len(), 1);
    }

    #[test]
    fn references_and_placeholders_are_no_secrets() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: '${TOKEN}', b: ''}\n";
        assert_eq!(of("a.yaml", text), []);
    }
}
