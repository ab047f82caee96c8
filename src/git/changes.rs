//! Which files differ between two revisions.

use super::folder::{Named, kind_of};
use super::{GitError, Repo};
use crate::model::{Change, CommitId, ContentId, EntryKind, Revision, Tree, TreeEntry, TreeError};
use std::sync::Arc;

/// Folders deeper than this are not compared: only a hostile tree has them.
const DEEPEST: usize = 512;

/// A changed file with git's modes.
#[derive(Clone)]
pub(super) struct Delta {
    pub(super) path: Arc<str>,
    pub(super) before: Option<Named>,
    pub(super) after: Option<Named>,
    /// Its name is kept out of trees; `path` is what to show.
    pub(super) odd: bool,
}

impl Delta {
    /// The way back.
    pub(super) fn turned(self) -> Self {
        Self { before: self.after, after: self.before, ..self }
    }
}

impl Repo {
    /// The files that differ, by path. A changed mode alone is no change: nobody renders modes.
    pub fn changed(&self, before: Revision, after: Revision) -> Result<Vec<Change>, GitError> {
        if let (Revision::Commit(before), Revision::Commit(after)) = (before, after) {
            let deltas = self.deltas(Some(self.node(before)?.tree), Some(self.node(after)?.tree))?;
            return Ok(content_changes(deltas));
        }
        Ok(changes(self.tree(before)?.as_ref(), self.tree(after)?.as_ref())?)
    }

    /// What a commit changed, compared with its first parent; everything it holds, if it is the first.
    pub fn changed_by(&self, commit: CommitId) -> Result<Vec<Change>, GitError> {
        Ok(content_changes(self.deltas_of(commit)?))
    }

    /// With modes. Where a shallow clone ends nobody knows what a commit changed.
    pub(super) fn deltas_of(&self, commit: CommitId) -> Result<Vec<Delta>, GitError> {
        let (before, after) = self.history().change(commit)?;
        self.deltas(before, Some(after))
    }

    pub(super) fn deltas(
        &self,
        before: Option<ContentId>,
        after: Option<ContentId>,
    ) -> Result<Vec<Delta>, GitError> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), before, after, 0)];
        while let Some((path, before, after, depth)) = open.pop() {
            if before == after || depth > DEEPEST {
                continue;
            }
            let (before, odd_before) = self.entries(before)?;
            let (after, odd_after) = self.entries(after)?;
            for (name, before, after) in pair(odd_before, odd_after, |named| &named.name) {
                if !same(before.as_ref(), after.as_ref()) {
                    found.push(Delta { path: join(&path, &name).into(), before, after, odd: true });
                }
            }
            for (name, before, after) in pair(before, after, |named| &named.name) {
                if same(before.as_ref(), after.as_ref()) {
                    continue;
                }
                let path = join(&path, &name);
                let [(old_folder, old_file), (new_folder, new_file)] = [before, after].map(split);
                if old_folder.is_some() || new_folder.is_some() {
                    open.push((path.clone(), old_folder, new_folder, depth + 1));
                }
                if old_file.is_some() || new_file.is_some() {
                    found.push(Delta { path: path.into(), before: old_file, after: new_file, odd: false });
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// A folder's plain entries and its odd ones.
    fn entries(&self, folder: Option<ContentId>) -> Result<(Vec<Named>, Vec<Named>), GitError> {
        let Some(id) = folder else { return Ok(Default::default()) };
        let folder = self.inner.folders.get(&self.inner.odb, id)?;
        Ok((folder.entries.clone(), folder.odd.clone()))
    }
}

/// The files that differ between any two trees, by path.
pub fn changes(before: &dyn Tree, after: &dyn Tree) -> Result<Vec<Change>, TreeError> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), true, true, 0)];
    while let Some((path, in_before, in_after, depth)) = open.pop() {
        if depth > DEEPEST {
            continue;
        }
        let list = |tree: &dyn Tree, is_there: bool| {
            if is_there { tree.list(&path).map(Option::unwrap_or_default) } else { Ok(Vec::new()) }
        };
        let (old, new) = (list(before, in_before)?, list(after, in_after)?);
        for (name, old, new) in pair(old, new, |(name, _)| name) {
            let [old, new] = [old, new].map(|side| side.map(|(_, entry)| entry));
            if old == new {
                continue;
            }
            let path = join(&path, &name);
            let is_folder = |side: Option<TreeEntry>| side.is_some_and(|e| e.kind == EntryKind::Folder);
            if is_folder(old) || is_folder(new) {
                open.push((path.clone(), is_folder(old), is_folder(new), depth + 1));
            }
            let file = |side: Option<TreeEntry>| side.filter(|e| e.kind != EntryKind::Folder).map(|e| e.id);
            if file(old) != file(new) {
                found.push(Change { path: path.into(), before: file(old), after: file(new) });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn content_changes(deltas: Vec<Delta>) -> Vec<Change> {
    let id = |side: &Option<Named>| side.as_ref().map(|named| named.id);
    deltas
        .into_iter()
        .map(|delta| Change { before: id(&delta.before), after: id(&delta.after), path: delta.path })
        .filter(|change| change.before != change.after)
        .collect()
}

/// Two sorted lists side by side.
fn pair<T>(
    old: Vec<T>,
    new: Vec<T>,
    name: impl Fn(&T) -> &Arc<str>,
) -> Vec<(Arc<str>, Option<T>, Option<T>)> {
    let mut pairs = Vec::with_capacity(old.len().max(new.len()));
    let mut old = old.into_iter().peekable();
    let mut new = new.into_iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return pairs,
            (Some(a), Some(b)) => name(a).cmp(name(b)),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        if let Some(named) = a.as_ref().or(b.as_ref()).map(|side| name(side).clone()) {
            pairs.push((named, a, b));
        }
    }
}

fn same(one: Option<&Named>, other: Option<&Named>) -> bool {
    let key = |side: Option<&Named>| side.map(|named| (named.mode, named.id));
    key(one) == key(other)
}

/// A side as the folder or the file that it is.
fn split(side: Option<Named>) -> (Option<ContentId>, Option<Named>) {
    match side {
        Some(named) if kind_of(named.mode) == EntryKind::Folder => (Some(named.id), None),
        other => (None, other),
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
