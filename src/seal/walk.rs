//! One walk over a file as SOPS sees it: leaves and comments in file order, each with its path and what decides whether
//! it is sealed (secrets.md 1.1, 1.2, 1.6).
//!
//! Aliases are followed as copies, `<<` stays a key of its own: that is how SOPS binds values to their places.

use super::cipher::{CipherError, DataKey, Sealed};
use super::inspect::format_of;
use super::open::broken;
use super::rules::Selector;
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use crate::yaml::source::{
    Comment, Content, Document, Entry, Item, Leaf, Map, MapPart, ObstacleKind, Seq, SeqPart, Source, Syntax,
};
use crate::yaml::{self, Mark, Node, Scalar, ScalarKind, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Values in one file, aliases followed; more is an attack.
const MOST_VALUES: usize = 200_000;
/// Larger files are not opened by Flux either (secrets.md 2.1).
const LARGEST: usize = 5 << 20;

/// Where a value or a comment stands.
pub(super) struct Place<'a> {
    /// The keys from the root; list indexes do not count. For a comment, those of what it stands in.
    pub(super) path: &'a [Arc<str>],
    /// Comments since the last value, for each level.
    comments: &'a [Vec<&'a str>],
    /// True for a comment.
    is_comment: bool,
    /// True inside `{}` or `[]`, where a plain `ENC[…]` would not parse (secrets.md 1.14, trap 9).
    pub(super) in_flow: bool,
    file: &'a str,
}

/// What is done at every leaf and comment.
pub(super) trait Visit<'s, 't> {
    /// A scalar that is not null. What is given back stands in the opened document; nothing leaves it out.
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem>;

    /// A comment.
    fn comment(&mut self, _comment: &'s Comment<'t>, _place: &Place<'_>) -> Result<(), Problem> {
        Ok(())
    }
}

impl Place<'_> {
    /// Whether the selector seals what stands here.
    pub(super) fn is_selected(&self, selector: &Selector) -> bool {
        let any = |matches: &dyn Fn(&str) -> bool| {
            // A comment that matches seals what follows and stays plain itself.
            let own = usize::from(self.is_comment);
            let last = self.comments.len().saturating_sub(1);
            self.comments.iter().enumerate().any(|(level, comments)| {
                let count = comments.len() - if level == last { own.min(comments.len()) } else { 0 };
                comments[..count].iter().any(|c| matches(c))
            })
        };
        match selector {
            Selector::UnencryptedCommentRegex(regex) => {
                !self.comments.iter().flatten().any(|comment| regex.is_match(comment))
            }
            Selector::EncryptedCommentRegex(regex) => any(&|comment| regex.is_match(comment)),
            _ => selects(selector, self.path),
        }
    }

    /// The additional authenticated data of this place.
    pub(super) fn aad(&self) -> String {
        aad(self.path)
    }

    /// What a ciphertext of this place holds.
    pub(super) fn opened(
        &self,
        key: &DataKey,
        line: u32,
        text: &str,
    ) -> Result<(Sealed, SecretText), Problem> {
        let damaged = |error: CipherError| self.broken(line, &error.to_string());
        let sealed = Sealed::parse(text).map_err(damaged)?;
        let plain = key.open(&sealed, &self.aad()).map_err(damaged)?;
        Ok((sealed, plain))
    }

    /// The path for people.
    pub(super) fn name(&self) -> String {
        clean(&self.path.join("."))
    }

    /// Something is wrong here.
    pub(super) fn broken(&self, line: u32, cause: &str) -> Problem {
        broken(self.file, line, format!("`{}`: {cause}", self.name())).0
    }
}

/// The additional authenticated data of a path: its keys joined with colons, and one at the end.
pub(super) fn aad(path: &[Arc<str>]) -> String {
    let mut aad = path.join(":");
    aad.push(':');
    aad
}

/// Whether a selector that looks at keys seals this path. Where comments decide, which are not known here, only the
/// walk can tell: no path is selected.
pub(super) fn selects(selector: &Selector, path: &[Arc<str>]) -> bool {
    match selector {
        Selector::UnencryptedSuffix(s) => !path.iter().any(|p| p.ends_with(&**s)),
        Selector::EncryptedSuffix(s) => path.iter().any(|p| p.ends_with(&**s)),
        Selector::UnencryptedRegex(r) => !path.iter().any(|p| r.is_match(p)),
        Selector::EncryptedRegex(r) => path.iter().any(|p| r.is_match(p)),
        Selector::UnencryptedCommentRegex(_) | Selector::EncryptedCommentRegex(_) => false,
    }
}

/// Takes a file apart, by the format that its name gives it.
pub(super) fn read<'t>(bytes: &'t [u8], file: &str) -> Result<Source<'t>, Problem> {
    read_as(bytes, file, format_of(file))
}

/// Takes a file apart. Parser messages are not passed on: they quote what stands in the file, which may be secret.
pub(super) fn read_as<'t>(bytes: &'t [u8], file: &str, format: SealedFormat) -> Result<Source<'t>, Problem> {
    check_size(bytes.len(), file)?;
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).lines().count().max(1);
        broken(file, u32::try_from(line).unwrap_or(0), "the file is not UTF-8".to_owned()).0
    })?;
    let starts = text.trim_start().starts_with('{');
    let (syntax, name) = match format {
        SealedFormat::Dotenv => (Syntax::Dotenv, "dotenv"),
        SealedFormat::Ini => (Syntax::Ini, "INI"),
        SealedFormat::Json if starts => (Syntax::Json, "JSON"),
        _ if starts && yaml::from_json(bytes).is_ok() => (Syntax::Json, "JSON"),
        _ => (Syntax::Yaml, "YAML"),
    };
    if let Some(line) = text.lines().position(|l| l.starts_with("sops_lastmodified="))
        && syntax == Syntax::Dotenv
        && text.split('\n').nth(line).is_some_and(|l| l.ends_with('\r'))
    {
        let cause = "its lines end in CRLF, which SOPS cannot read in a sealed dotenv file";
        return Err(Problem::error(Reason::SealBroken, cause)
            .at(file, u32::try_from(line + 1).unwrap_or(0))
            .next("write `*.env text eol=lf` into .gitattributes and check the file out again"));
    }
    Source::read(text, syntax)
        .map_err(|e| broken(file, e.line, format!("the file cannot be read as {name}")).0)
}

/// Refuses what is larger than anything that opens it would take.
pub(super) fn check_size(bytes: usize, file: &str) -> Result<(), Problem> {
    if bytes <= LARGEST {
        return Ok(());
    }
    Err(Problem::error(Reason::LimitExceeded, "a sealed file may have 5 MiB at most")
        .at(file, 0)
        .next("split it: Flux opens no larger file either"))
}

/// True for what belongs to the block and not to the tree: the key `sops`, in dotenv all keys that begin with `sops_`
/// (secrets.md 1.8).
pub(super) fn is_block(syntax: Syntax, key: &str) -> bool {
    if syntax == Syntax::Dotenv { key.starts_with("sops_") } else { key == "sops" }
}

/// Walks over all documents; the opened documents come back without their `sops` blocks.
pub(super) fn walk<'s, 't>(
    source: &'s Source<'t>,
    file: &str,
    visit: &mut dyn Visit<'s, 't>,
) -> Result<Vec<Node>, Problem> {
    for obstacle in &source.obstacles {
        let cause = match &obstacle.kind {
            ObstacleKind::KeyNotString(key) => format!("the key `{}` is no string", clean(key)),
            ObstacleKind::KeyNotScalar => "a mapping or a list is a key".to_owned(),
            ObstacleKind::RepeatedKey(key) if source.syntax == Syntax::Yaml => {
                format!("the key `{}` stands twice", clean(key))
            }
            ObstacleKind::RepeatedKey(key) if source.syntax == Syntax::Ini => {
                let cause = format!("the key `{}` stands twice, of which SOPS keeps one", clean(key));
                return Err(broken(file, obstacle.line, cause).0);
            }
            _ => continue,
        };
        return Err(broken(file, obstacle.line, format!("{cause}, which SOPS refuses")).0);
    }
    let mut walker = Walker {
        file,
        syntax: source.syntax,
        mark: file.into(),
        visit,
        path: Vec::new(),
        comments: Vec::new(),
        anchors: HashMap::new(),
        count: 0,
        flows: 0,
    };
    source.documents.iter().filter_map(|d| walker.document(d).transpose()).collect()
}

struct Walker<'w, 's, 't> {
    file: &'w str,
    syntax: Syntax,
    mark: Arc<str>,
    visit: &'w mut dyn Visit<'s, 't>,
    path: Vec<Arc<str>>,
    comments: Vec<Vec<&'s str>>,
    /// Anchored values; `None` while they are open.
    anchors: HashMap<&'s str, Option<&'s Item<'t>>>,
    count: usize,
    /// How many `{}` and `[]` are open.
    flows: usize,
}

impl<'s, 't> Walker<'_, 's, 't> {
    fn document(&mut self, document: &'s Document<'t>) -> Result<Option<Node>, Problem> {
        self.anchors.clear();
        self.flows = usize::from(document.root.as_ref().is_some_and(is_flow));
        let Some(root) = &document.root else { return Ok(None) };
        let Some(map) = root.as_map() else {
            let cause = "the top of a sealed document must be a mapping".to_owned();
            return Err(broken(self.file, root.line, cause).0);
        };
        self.comments.push(Vec::new());
        document.comments.iter().try_for_each(|c| self.comment(c))?;
        let entries = self.entries(map, true);
        self.comments.pop();
        Ok(Some(Node::map(entries?).at(self.mark(root))))
    }

    fn mark(&self, item: &Item<'_>) -> Mark {
        let column = u32::try_from(item.column + 1).unwrap_or(1);
        Mark { file: Some(self.mark.clone()), line: item.line, column }
    }

    fn comment(&mut self, comment: &'s Comment<'t>) -> Result<(), Problem> {
        if let Some(level) = self.comments.last_mut() {
            level.push(comment.text.trim_end_matches('\r'));
        }
        let (in_flow, file) = (self.flows > 0, self.file);
        let place = Place { path: &self.path, comments: &self.comments, is_comment: true, in_flow, file };
        self.visit.comment(comment, &place)
    }

    fn entries(&mut self, map: &'s Map<'t>, is_root: bool) -> Result<yaml::Map, Problem> {
        let mut open = yaml::Map::new();
        for part in &map.parts {
            let entry = match part {
                MapPart::Comment(comment) => {
                    self.comment(comment)?;
                    continue;
                }
                MapPart::Entry(entry) => entry,
            };
            if is_root && is_block(self.syntax, &entry.key.text) {
                // SOPS takes the block away and leaves the comment behind its key.
                let behind: &'s [Comment<'t>] =
                    if self.syntax == Syntax::Yaml { &entry.trailing } else { &[] };
                behind.iter().try_for_each(|comment| self.comment(comment))?;
                continue;
            }
            if let Some(value) = self.entry(entry)? {
                let key = yaml::Key {
                    text: entry.key.text.as_ref().into(),
                    kind: ScalarKind::Str,
                    line: entry.key.line,
                };
                open.entries.push(yaml::Entry { key, value });
            }
        }
        Ok(open)
    }

    fn entry(&mut self, entry: &'s Entry<'t>) -> Result<Option<Node>, Problem> {
        // go-yaml puts the comment behind a `{}` or `[]` into it, every other one before the entry.
        let inside = is_flow(&entry.value);
        if !inside {
            entry.trailing.iter().try_for_each(|c| self.comment(c))?;
        }
        self.path.push(entry.key.text.as_ref().into());
        let trailing: &'s [Comment<'t>] = if inside { &entry.trailing } else { &[] };
        let value = self.item(&entry.value, trailing);
        self.path.pop();
        self.clear_comments();
        value
    }

    fn clear_comments(&mut self) {
        if let Some(level) = self.comments.last_mut() {
            level.clear();
        }
    }

    fn item(&mut self, item: &'s Item<'t>, trailing: &'s [Comment<'t>]) -> Result<Option<Node>, Problem> {
        self.count += 1;
        if self.count > MOST_VALUES {
            let cause = format!("more than {MOST_VALUES} values, aliases followed");
            return Err(Problem::error(Reason::LimitExceeded, cause)
                .at(self.file, item.line)
                .next("split the file"));
        }
        if let Some(anchor) = item.anchor {
            self.anchors.insert(anchor, None);
        }
        let node = match &item.content {
            Content::Alias(name) => {
                let target = self.anchors.get(name).copied().flatten();
                let target = target.ok_or_else(|| {
                    broken(self.file, item.line, "an alias of nothing, or of what it stands in".to_owned()).0
                })?;
                // The copy is no anchor of its own.
                self.content(target, &[])?
            }
            _ => self.content(item, trailing)?,
        };
        if let Some(anchor) = item.anchor {
            self.anchors.insert(anchor, Some(item));
        }
        Ok(node)
    }

    fn content(&mut self, item: &'s Item<'t>, trailing: &'s [Comment<'t>]) -> Result<Option<Node>, Problem> {
        let flow = usize::from(is_flow(item));
        self.flows += flow;
        let node = self.children(item, trailing);
        self.flows -= flow;
        node
    }

    fn children(&mut self, item: &'s Item<'t>, trailing: &'s [Comment<'t>]) -> Result<Option<Node>, Problem> {
        match &item.content {
            Content::Map(map) => {
                self.comments.push(Vec::new());
                let entries =
                    trailing.iter().try_for_each(|c| self.comment(c)).and_then(|()| self.entries(map, false));
                self.comments.pop();
                Ok(Some(Node::map(entries?).at(self.mark(item))))
            }
            Content::Seq(seq) => {
                self.comments.push(Vec::new());
                let items = trailing.iter().try_for_each(|c| self.comment(c)).and_then(|()| self.items(seq));
                self.comments.pop();
                Ok(Some(Node::seq(items?).at(self.mark(item))))
            }
            Content::Scalar(leaf) if leaf.kind == ScalarKind::Null => {
                Ok(Some(Node::null().at(self.mark(item))))
            }
            Content::Scalar(leaf) => {
                let (in_flow, file) = (self.flows > 0, self.file);
                let place =
                    Place { path: &self.path, comments: &self.comments, is_comment: false, in_flow, file };
                let node = self.visit.leaf(item, leaf, &place)?;
                Ok(node.map(|node| node.at(self.mark(item))))
            }
            Content::Alias(_) => self.item(item, trailing),
        }
    }

    fn items(&mut self, seq: &'s Seq<'t>) -> Result<Vec<Node>, Problem> {
        let mut open = Vec::new();
        for part in &seq.parts {
            match part {
                SeqPart::Comment(comment) => self.comment(comment)?,
                SeqPart::Item(item) => {
                    item.trailing.iter().try_for_each(|c| self.comment(c))?;
                    open.extend(self.item(&item.value, &[])?);
                    self.clear_comments();
                }
            }
        }
        Ok(open)
    }
}

fn is_flow(item: &Item<'_>) -> bool {
    match &item.content {
        Content::Map(map) => map.flow,
        Content::Seq(seq) => seq.flow,
        Content::Scalar(_) | Content::Alias(_) => false,
    }
}

/// A value that is no secret, as it stands.
pub(super) fn plain_node(item: &Item<'_>, file: &Arc<str>) -> Node {
    let node = match &item.content {
        Content::Map(map) => Node::map(
            map.entries().map(|e| (e.key.text.as_ref(), plain_node(&e.value, file))).collect::<yaml::Map>(),
        ),
        Content::Seq(seq) => Node::seq(seq.items().map(|i| plain_node(&i.value, file)).collect()),
        Content::Scalar(leaf) => scalar(leaf),
        Content::Alias(_) => Node::null(),
    };
    node.at(Mark {
        file: Some(file.clone()),
        line: item.line,
        column: u32::try_from(item.column + 1).unwrap_or(1),
    })
}

/// A scalar that is no secret.
pub(super) fn scalar(leaf: &Leaf<'_>) -> Node {
    Node::new(Value::Scalar(Scalar { text: Arc::from(&*leaf.text), kind: leaf.kind, style: leaf.style }))
}
