//! What a revision holds that we do not read: odd names, submodules, files that live in LFS, links that lead out.

use super::folder::{Named, kind_of};
use super::status::lfs_pointer;
use super::tree::{CommitTree, DEEPEST};
use super::{GitError, Repo};
use crate::model::{EntryKind, Problem, Reason, Revision, Severity, Tree, clean};

impl Repo {
    /// Everything in a revision that stays unread, each with its place and next step. Not cheap: it walks
    /// the whole tree, and reads small files if git attributes name LFS anywhere.
    pub fn problems(&self, revision: Revision) -> Result<Vec<Problem>, GitError> {
        let tree: Box<dyn Look> = match revision {
            Revision::Commit(id) => Box::new(self.commit_tree(id)?),
            Revision::Index => Box::new(self.index_tree()?),
            Revision::Worktree => Box::new(self.worktree_tree()?),
        };
        let mut found = Vec::new();
        let mut files = Vec::new();
        let mut open = vec![(String::new(), 0)];
        while let Some((path, depth)) = open.pop() {
            for odd in tree.odd(&path)? {
                found.push(odd_name(&path, &odd));
            }
            for (name, entry) in tree.list(&path)?.unwrap_or_default() {
                let path = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
                match entry.kind {
                    EntryKind::Folder if depth < DEEPEST => open.push((path, depth + 1)),
                    EntryKind::Folder => {}
                    EntryKind::Submodule => found.push(submodule(&path)),
                    EntryKind::Link => found.extend(link(tree.as_ref(), &path, entry.id)?),
                    EntryKind::File => files.push((path, entry.id)),
                }
            }
        }
        found.extend(lfs(tree.as_ref(), &files));
        found.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(found)
    }
}

/// A tree that also tells what it keeps out.
trait Look: Tree {
    fn odd(&self, path: &str) -> Result<Vec<Named>, GitError>;
}

impl Look for CommitTree {
    fn odd(&self, path: &str) -> Result<Vec<Named>, GitError> {
        Ok(match self.named(path)? {
            Some(at) if kind_of(at.mode) == EntryKind::Folder => self.folder(at.id)?.odd.clone(),
            _ => Vec::new(),
        })
    }
}

impl Look for super::flat::FlatTree {
    fn odd(&self, path: &str) -> Result<Vec<Named>, GitError> {
        Ok(self.folder(path).map_or_else(Vec::new, |folder| folder.odd.clone()))
    }
}

fn odd_name(folder: &str, odd: &Named) -> Problem {
    let path = if folder.is_empty() { odd.name.to_string() } else { format!("{folder}/{}", odd.name) };
    Problem::warning(
        Reason::NotSupported,
        format!("the name {:?} is not plain text, so it is left out", odd.name),
    )
    .at(&path, 0)
    .next("rename it with git mv")
}

fn submodule(path: &str) -> Problem {
    note("it is a submodule: its files are in another repository".to_owned())
        .at(path, 0)
        .next("open that repository by itself")
}

fn link(tree: &dyn Look, path: &str, id: crate::model::ContentId) -> Result<Option<Problem>, GitError> {
    let target = tree.read(id)?;
    let target = String::from_utf8_lossy(&target);
    let mut depth = path.matches('/').count();
    let mut leads_out = target.starts_with('/');
    for name in target.split('/') {
        match name {
            ".." if depth == 0 => leads_out = true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    let problem = || {
        let shown = clean(&target).replace('\n', "␊");
        note(format!("the link leads out of the repository, to {shown}"))
            .at(path, 0)
            .next("put the file into the repository; links are followed only inside of it")
    };
    Ok(leads_out.then(problem))
}

/// Worth knowing only: what renders and needs such a file says so with an error of its own.
fn note(cause: String) -> Problem {
    Problem { severity: Severity::Note, ..Problem::error(Reason::NotSupported, cause) }
}

/// Pointers are looked for only where attributes say that LFS is used.
fn lfs(tree: &dyn Look, files: &[(String, crate::model::ContentId)]) -> Vec<Problem> {
    let attributes = files.iter().filter(|(path, _)| path.rsplit('/').next() == Some(".gitattributes"));
    let is_used = attributes
        .filter_map(|(_, id)| tree.read(*id).ok())
        .any(|text| text.windows(10).any(|part| part == b"filter=lfs"));
    if !is_used {
        return Vec::new();
    }
    let pointers = files.iter().filter_map(|(path, id)| Some((path, lfs_pointer(&tree.read(*id).ok()?)?)));
    pointers
        .map(|(path, pointer)| {
            let cause =
                format!("git holds only an LFS pointer; the file of {} bytes is elsewhere", pointer.bytes);
            note(cause).at(path, 0).next("keep manifests out of LFS: controllers see the pointer too")
        })
        .collect()
}
