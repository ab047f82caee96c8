//! The `sops` block: read leniently, kept untouched where it is not ours (secrets.md 1.8).

use super::rules::Selector;
use crate::model::{Problem, Reason, clean};
use crate::yaml::{Map, Node};
use std::sync::Arc;

/// What the `sops` block of a file says.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Recipients with what is wrapped for each: the data key, or one share of it where there are key groups.
    pub age: Vec<Wrapped>,
    /// Other key types that can open the file (`pgp`, `kms`, …), with how many keys each.
    pub foreign: Vec<(Arc<str>, usize)>,
    /// Key groups; where there are several, each holds a share of the data key.
    pub groups: Vec<Group>,
    /// How many of several key groups have to work together (Shamir).
    pub threshold: usize,
    /// When it was sealed last, as written; the MAC is bound to this text.
    pub last_modified: Arc<str>,
    /// The sealed MAC; `None` if the block has none.
    pub mac: Option<Arc<str>>,
    /// The version of the program that wrote it.
    pub version: Option<Arc<str>>,
    /// Which leaves are sealed.
    pub selector: Selector,
    /// True if only sealed leaves count for the MAC.
    pub mac_only_encrypted: bool,
    /// Line of the block, from 1.
    pub line: u32,
}

/// The data key, wrapped for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The recipient.
    pub recipient: Arc<str>,
    /// A complete armored age file.
    pub enc: Arc<str>,
}

/// Keys of which any one opens the same share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Recipients with what is wrapped for each.
    pub age: Vec<Wrapped>,
    /// Keys of other types: the type, and which key it is.
    pub foreign: Vec<(Arc<str>, String)>,
}

/// Key types beside age, with the fields that say which key it is (secrets.md 1.8).
pub(super) const FOREIGN: [(&str, &[&str]); 6] = [
    ("pgp", &["fp"]),
    ("kms", &["arn"]),
    ("gcp_kms", &["resource_id"]),
    ("azure_kv", &["vault_url", "name", "version"]),
    ("hc_vault", &["vault_address", "engine_path", "key_name"]),
    ("hckms", &["key_id"]),
];

impl Metadata {
    /// Reads the block of a document; `None` if it has none.
    pub fn of(root: &Node) -> Option<Result<Self, String>> {
        let block = root.get("sops")?;
        Some(Self::read(block))
    }

    /// The block of a file that is about to be made.
    pub(super) fn fresh(selector: Selector, mac_only_encrypted: bool) -> Self {
        Self {
            age: Vec::new(),
            foreign: Vec::new(),
            groups: Vec::new(),
            threshold: 0,
            last_modified: "".into(),
            mac: None,
            version: None,
            selector,
            mac_only_encrypted,
            line: 0,
        }
    }

    pub(super) fn read(block: &Node) -> Result<Self, String> {
        let map = block.as_map().ok_or("the `sops` block is no mapping")?;
        let text = |name: &str| map.get(name).and_then(Node::scalar_text).map(Arc::from);
        let top = Group::read(map);
        // Keys beside `key_groups` are the only ones that SOPS looks at.
        let groups = if top.is_empty() {
            let list = map.get("key_groups").and_then(Node::as_seq).unwrap_or_default();
            list.iter().filter_map(Node::as_map).map(Group::read).collect()
        } else {
            vec![top]
        };
        let mut foreign: Vec<(Arc<str>, usize)> = Vec::new();
        for (name, _) in groups.iter().flat_map(|g: &Group| &g.foreign) {
            match foreign.iter_mut().find(|(known, _)| known == name) {
                Some((_, count)) => *count += 1,
                None => foreign.push((name.clone(), 1)),
            }
        }
        let threshold = map.get("shamir_threshold").and_then(Node::scalar_text).unwrap_or_default();
        Ok(Self {
            age: groups.iter().flat_map(|g| g.age.iter().cloned()).collect(),
            foreign,
            groups,
            threshold: threshold.parse().unwrap_or(0),
            last_modified: text("lastmodified").unwrap_or_default(),
            mac: text("mac").filter(|m: &Arc<str>| !m.is_empty()),
            version: text("version"),
            selector: Selector::read(block)?,
            mac_only_encrypted: truth(map.get("mac_only_encrypted"))?,
            line: block.mark.line,
        })
    }

    /// How many of how many key groups have to work together; `None` where any one key opens the file.
    pub fn quorum(&self) -> Option<(usize, usize)> {
        let count = self.groups.len();
        // A file without a threshold was made with all of them.
        (count > 1).then(|| (if self.threshold == 0 { count } else { self.threshold.max(2) }, count))
    }

    /// Refuses files of a version whose format is not known, and those without one, as SOPS does (secrets.md 1.8).
    pub(super) fn check_version(&self, file: &str) -> Result<(), Problem> {
        let Some(version) = self.version.as_deref().filter(|v| !v.is_empty()) else {
            return Err(Problem::error(
                Reason::SealBroken,
                "the `sops` block has no version, so SOPS refuses the file",
            )
            .at(file, self.line)
            .next("add `version: 3.13.3` to the block, if you know that SOPS or Sealane sealed it"));
        };
        let major: Option<u32> = version.split('.').next().and_then(|m| m.parse().ok());
        if major.is_some_and(|major| (1..=3).contains(&major)) {
            return Ok(());
        }
        let cause = format!("sealed by sops {}, a version whose format is not known here", clean(version));
        Err(Problem::error(Reason::NotSupported, cause)
            .at(file, self.line)
            .next("open it with that version of sops, or look for a newer Sealane"))
    }
}

impl Group {
    fn read(map: &Map) -> Self {
        let mut foreign = Vec::new();
        for (name, fields) in FOREIGN {
            for key in map.get(name).and_then(Node::as_seq).unwrap_or_default() {
                let words = fields.iter().filter_map(|field| key.get(field)?.scalar_text());
                foreign.push((Arc::from(name), clean(&words.collect::<Vec<_>>().join(" "))));
            }
        }
        Self { age: wrapped(map), foreign }
    }

    fn is_empty(&self) -> bool {
        self.age.is_empty() && self.foreign.is_empty()
    }
}

/// SOPS takes words and numbers for a boolean, and refuses a file in which it is something else.
fn truth(node: Option<&Node>) -> Result<bool, String> {
    match node.and_then(Node::scalar_text).unwrap_or_default() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("`mac_only_encrypted` is neither true nor false".to_owned()),
    }
}

fn wrapped(map: &Map) -> Vec<Wrapped> {
    let list = map.get("age").and_then(Node::as_seq).unwrap_or_default();
    list.iter()
        .filter_map(|item| {
            Some(Wrapped {
                recipient: item.get("recipient")?.scalar_text()?.into(),
                enc: item.get("enc")?.scalar_text()?.into(),
            })
        })
        .collect()
}
