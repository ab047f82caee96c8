//! The loader: paths of one folder to files of the tree, with links, confinement and cycles (render.md 2.16).

use super::error::{BuildError, Cause};
use super::reads::{ReadSet, Seen};
use crate::model::{ContentId, EntryKind, Tree};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Most links followed on one path, as Linux has it.
const MOST_LINKS: usize = 40;

/// The folder of one kustomization: what its entries are relative to.
#[derive(Clone)]
pub struct Loader<'a> {
    tree: &'a dyn Tree,
    /// The folder, links followed; `""` is the root of the tree.
    root: Rc<str>,
    /// Folders on the way here, outermost first, this one included.
    chain: Rc<Vec<Rc<str>>>,
    confined: bool,
    /// What marks and problems put before a path: empty, or the URL of a remote base.
    label: Rc<str>,
    /// `None` for remote content, which does not belong to this repository.
    reads: Option<Rc<RefCell<ReadSet>>>,
}

/// A file that was found and read.
pub struct Loaded {
    /// Its path, for marks and problems.
    pub path: Arc<str>,
    /// Its identity.
    pub id: ContentId,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// What stands at the end of a path.
enum Found {
    Nothing,
    File { path: String, id: ContentId },
    Folder { path: String },
    Other { path: String },
}

impl<'a> Loader<'a> {
    /// The outermost loader. `dir` must be a folder of the tree.
    pub fn new(
        tree: &'a dyn Tree,
        dir: &str,
        confined: bool,
        reads: Option<Rc<RefCell<ReadSet>>>,
        label: &str,
    ) -> Result<Self, Cause> {
        let mut loader =
            Self { tree, root: "".into(), chain: Rc::default(), confined, label: label.into(), reads };
        let root: Rc<str> = loader.folder(dir)?.into();
        loader.chain = Rc::new(vec![root.clone()]);
        loader.root = root;
        Ok(loader)
    }

    /// The folder, as problems name it.
    pub fn root(&self) -> String {
        self.shown(if self.root.is_empty() { "." } else { &self.root })
    }

    /// A loader for another folder, named relative to this one.
    pub fn enter(&self, entry: &str) -> Result<Self, Cause> {
        if entry.is_empty() {
            return Err(Cause::Missing("an entry without a path".to_owned()));
        }
        if entry.starts_with('/') {
            return Err(Cause::Outside { path: entry.to_owned(), root: "the repository".to_owned() });
        }
        let root: Rc<str> = self.folder(entry)?.into();
        if self.chain.iter().any(|visited| is_in_or_below(visited, &root)) {
            return Err(Cause::Cycle(self.shown(if root.is_empty() { "." } else { &root })));
        }
        let mut chain = Vec::clone(&self.chain);
        chain.push(root.clone());
        Ok(Self { root, chain: Rc::new(chain), ..self.clone() })
    }

    /// True if a file of this name stands in the folder.
    pub fn has(&self, name: &str) -> Result<bool, Cause> {
        let path = join(&self.root, name).unwrap_or_default();
        Ok(matches!(self.find(&path)?, Found::File { .. }))
    }

    /// Reads a file named relative to the folder.
    pub fn load(&self, entry: &str) -> Result<Loaded, Cause> {
        if super::remote::is_url(entry) {
            return Err(Cause::Remote { url: entry.to_owned() });
        }
        let path = if entry.starts_with('/') { None } else { join(&self.root, entry) };
        let Some(path) = path else {
            return Err(Cause::Outside { path: entry.to_owned(), root: "the repository".to_owned() });
        };
        let (found, id) = match self.find(&path)? {
            Found::File { path, id } => (path, id),
            Found::Nothing => return Err(Cause::Missing(self.shown(&path))),
            Found::Folder { path } => {
                return Err(Cause::WrongKind(format!("{} is a folder, not a file", self.shown(&path))));
            }
            Found::Other { path } => return Err(Cause::Submodule(self.shown(&path))),
        };
        if self.confined && !is_in_or_below(parent(&found), &self.root) {
            return Err(Cause::Outside { path: self.shown(&path), root: self.root() });
        }
        self.note(&found, Seen::File(id));
        let path = self.shown(&found);
        let bytes = self.tree.read(id).map_err(|error| error.of(&path))?;
        Ok(Loaded { path: path.into(), id, bytes })
    }

    fn folder(&self, entry: &str) -> Result<String, Cause> {
        let Some(path) = join(&self.root, entry) else {
            return Err(Cause::Outside { path: entry.to_owned(), root: "the repository".to_owned() });
        };
        if path.is_empty() {
            return Ok(path);
        }
        match self.find(&path)? {
            Found::Folder { path } => {
                self.note(&path, Seen::Folder);
                Ok(path)
            }
            Found::Nothing => Err(Cause::Missing(self.shown(&path))),
            Found::File { .. } => {
                Err(Cause::WrongKind(format!("{} is a file, not a folder", self.shown(&path))))
            }
            Found::Other { path } => Err(Cause::Submodule(self.shown(&path))),
        }
    }

    /// Follows a path through all links. Folders on the way are only looked at when the short way fails.
    fn find(&self, path: &str) -> Result<Found, Cause> {
        let entry = if path.is_empty() { None } else { self.tree.entry(path)? };
        match entry.map(|e| (e.kind, e.id)) {
            Some((EntryKind::File, id)) => Ok(Found::File { path: path.to_owned(), id }),
            Some((EntryKind::Folder, _)) => Ok(Found::Folder { path: path.to_owned() }),
            Some((EntryKind::Submodule, _)) => Ok(Found::Other { path: path.to_owned() }),
            None if path.is_empty() => Ok(Found::Folder { path: String::new() }),
            Some((EntryKind::Link, _)) | None => self.follow(path),
        }
    }

    fn follow(&self, path: &str) -> Result<Found, Cause> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut here = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            let Some(next) = join(&here, &part) else {
                return Err(Cause::Link { path: self.shown(path), why: "leaves the repository".to_owned() });
            };
            if next.is_empty() {
                here = next;
                continue;
            }
            let entry = self.tree.entry(&next)?;
            match entry.map(|e| (e.kind, e.id)) {
                None => {
                    self.note(&next, Seen::Absent);
                    return Ok(Found::Nothing);
                }
                Some((EntryKind::File, id)) => {
                    let last = rest.is_empty();
                    if !last {
                        self.note(&next, Seen::File(id));
                    }
                    return Ok(if last { Found::File { path: next, id } } else { Found::Nothing });
                }
                Some((EntryKind::Submodule, _)) => {
                    self.note(&next, Seen::Other);
                    return Ok(Found::Other { path: next });
                }
                Some((EntryKind::Folder, _)) => here = next,
                Some((EntryKind::Link, id)) => {
                    links += 1;
                    self.note(&next, Seen::Link(id));
                    let target = self.link_target(&next, id, links)?;
                    rest.extend(target.split('/').rev().map(str::to_owned));
                }
            }
        }
        Ok(Found::Folder { path: here })
    }

    fn link_target(&self, path: &str, id: ContentId, links: usize) -> Result<String, Cause> {
        let refuse = |why: &str| Cause::Link { path: self.shown(path), why: why.to_owned() };
        if links > MOST_LINKS {
            return Err(refuse("leads in a circle"));
        }
        let bytes = self.tree.read(id)?;
        let target = std::str::from_utf8(&bytes).map_err(|_| refuse("has a target that is no text"))?;
        if target.starts_with('/') {
            return Err(refuse("leaves the repository"));
        }
        Ok(target.to_owned())
    }

    fn note(&self, path: &str, seen: Seen) {
        if let Some(reads) = &self.reads {
            reads.borrow_mut().note(path, seen);
        }
    }

    fn shown(&self, path: &str) -> String {
        if self.label.is_empty() { path.to_owned() } else { format!("{} {path}", self.label) }
    }

    /// An error of this folder as a whole.
    pub fn error(&self, cause: Cause) -> BuildError {
        cause.at(&self.root(), 0)
    }
}

/// `entry` relative to `root`, dots resolved by spelling alone; `None` if it climbs out of the tree.
pub fn join(root: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<&str> = root.split('/').filter(|p| !p.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// True if `path` is `folder` or lies below it.
fn is_in_or_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        assert_eq!(join("a/b", "../c").as_deref(), Some("a/c"));
        assert_eq!(join("a", "./x//y/.").as_deref(), Some("a/x/y"));
        assert_eq!(join("a", "..").as_deref(), Some(""));
        assert_eq!(join("a", "../.."), None);
    }

    #[test]
    fn a_sibling_with_the_same_beginning_is_not_below() {
        assert!(is_in_or_below("a/b", "a/b"));
        assert!(is_in_or_below("a/b/c", "a/b"));
        assert!(!is_in_or_below("a/bc", "a/b"));
        assert!(is_in_or_below("x", ""));
    }
}
