//! The `sops` block: read leniently, kept untouched where it is not ours (secrets.md 1.8).

use super::rules::Selector;
use crate::model::{Problem, Reason, clean};
use crate::yaml::{Map, Node};
use std::sync::Arc;

/// What the `sops` block of a file says.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Recipients with the data key wrapped for each.
    pub age: Vec<Wrapped>,
    /// Other key types that can open the file (`pgp`, `kms`, …), with how many keys each.
    pub foreign: Vec<(Arc<str>, usize)>,
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
    /// True if several key groups have to work together (Shamir).
    pub key_groups: bool,
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
            last_modified: "".into(),
            mac: None,
            version: None,
            selector,
            mac_only_encrypted,
            key_groups: false,
            line: 0,
        }
    }

    pub(super) fn read(block: &Node) -> Result<Self, String> {
        let map = block.as_map().ok_or("the `sops` block is no mapping")?;
        let text = |name: &str| map.get(name).and_then(Node::scalar_text).map(Arc::from);
        let mut foreign: Vec<(Arc<str>, usize)> = ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"]
            .into_iter()
            .filter_map(|name| Some((name.into(), map.get(name)?.as_seq()?.len())))
            .filter(|(_, count)| *count > 0)
            .collect();
        let groups = map.get("key_groups").and_then(Node::as_seq).unwrap_or_default();
        if !groups.is_empty() {
            foreign.push(("key_groups".into(), groups.len()));
        }
        Ok(Self {
            age: wrapped(map),
            foreign,
            last_modified: text("lastmodified").unwrap_or_default(),
            mac: text("mac").filter(|m: &Arc<str>| !m.is_empty()),
            version: text("version"),
            selector: Selector::read(block)?,
            mac_only_encrypted: map.get("mac_only_encrypted").and_then(Node::as_bool).unwrap_or(false),
            key_groups: !groups.is_empty(),
            line: block.mark.line,
        })
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
