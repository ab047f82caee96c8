//! What a controller gets of a repository: the files that the source hands on, no links, and for an
//! `ExternalArtifact` the copies that its generator makes.

use super::glob;
use super::ignore::Ignore;
use crate::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use std::collections::BTreeMap;
use std::sync::Arc;

type Listing = Vec<(Arc<str>, TreeEntry)>;

/// The artifact of a source: a view of a tree.
pub struct Artifact<'t> {
    tree: &'t dyn Tree,
    ignore: Arc<Ignore>,
}

impl<'t> Artifact<'t> {
    /// The artifact of a `GitRepository` with these patterns.
    pub fn new(tree: &'t dyn Tree, ignore: Arc<Ignore>) -> Self {
        Self { tree, ignore }
    }

    fn shows(&self, path: &str, entry: TreeEntry) -> Result<bool, TreeError> {
        match entry.kind {
            EntryKind::File => Ok(!self.ignore.excludes(path, false)),
            // Archives leave links and other repositories out.
            EntryKind::Link | EntryKind::Submodule => Ok(false),
            EntryKind::Folder if path.is_empty() || !self.ignore.excludes(path, true) => Ok(true),
            EntryKind::Folder => self.holds_something(path),
        }
    }

    fn holds_something(&self, folder: &str) -> Result<bool, TreeError> {
        for (name, entry) in self.tree.list(folder)?.unwrap_or_default() {
            if self.shows(&join(folder, &name), entry)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Tree for Artifact<'_> {
    fn id(&self) -> ContentId {
        self.tree.id()
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        match self.tree.entry(path)? {
            // Whoever asks for one by its path is told what it is; it is in no listing.
            Some(entry) if entry.kind == EntryKind::Submodule || self.shows(path, entry)? => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Listing>, TreeError> {
        let Some(entries) = self.tree.list(path)? else { return Ok(None) };
        let mut shown = Vec::with_capacity(entries.len());
        for (name, entry) in entries {
            if self.shows(&join(path, &name), entry)? {
                shown.push((name, entry));
            }
        }
        Ok(Some(shown))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.tree.read(id)
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// One copy that an `ArtifactGenerator` makes.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// What is copied: a path in the source; `**` stands for folders at any depth.
    pub from: String,
    /// Where to: a path in the artifact, a folder if it ends with a slash.
    pub to: String,
    /// What of it is not copied.
    pub exclude: Vec<String>,
}

/// An artifact put together from copies.
pub struct Composed<'t> {
    below: &'t dyn Tree,
    files: BTreeMap<String, TreeEntry>,
    folders: BTreeMap<String, BTreeMap<Arc<str>, TreeEntry>>,
    /// Where each file stands in the repository.
    sources: BTreeMap<Arc<str>, Arc<str>>,
}

impl<'t> Composed<'t> {
    /// Copies files out of a tree.
    pub fn new(below: &'t dyn Tree, copies: &[Copy]) -> Result<Self, TreeError> {
        let mut all = Vec::new();
        walk(below, "", &mut all)?;
        let mut composed =
            Self { below, files: BTreeMap::new(), folders: BTreeMap::new(), sources: BTreeMap::new() };
        for copy in copies {
            for (path, entry) in &all {
                if let Some(target) = copy.target(path) {
                    composed.put(&target, path, *entry);
                }
            }
        }
        Ok(composed)
    }

    /// Where a file of the artifact stands in the repository.
    pub fn source_of(&self, path: &str) -> Option<&Arc<str>> {
        self.sources.get(path)
    }

    /// Where a folder of the artifact stands in the repository, told by the first file below it.
    pub fn folder_of(&self, path: &str) -> Option<String> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let start: Arc<str> = prefix.as_str().into();
        let (file, source) = self.sources.range(start..).next()?;
        let below = file.strip_prefix(&prefix)?;
        source.strip_suffix(below).map(|folder| folder.trim_end_matches('/').to_owned())
    }

    fn put(&mut self, target: &str, source: &str, entry: TreeEntry) {
        self.files.insert(target.to_owned(), entry);
        self.sources.insert(target.into(), source.into());
        let (mut path, mut entry) = (target, entry);
        loop {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            self.folders.entry(folder.to_owned()).or_default().insert(name.into(), entry);
            if folder.is_empty() {
                break;
            }
            // The identity of a folder that is put together says only which repository it came from.
            entry = TreeEntry { kind: EntryKind::Folder, id: self.below.id() };
            path = folder;
        }
    }
}

fn walk(tree: &dyn Tree, folder: &str, files: &mut Vec<(String, TreeEntry)>) -> Result<(), TreeError> {
    for (name, entry) in tree.list(folder)?.unwrap_or_default() {
        let path = join(folder, &name);
        match entry.kind {
            EntryKind::Folder => walk(tree, &path, files)?,
            EntryKind::File => files.push((path, entry)),
            EntryKind::Link | EntryKind::Submodule => {}
        }
    }
    Ok(())
}

impl Copy {
    /// Where a file is copied to; `None` if the copy is not about it.
    fn target(&self, path: &str) -> Option<String> {
        let from: Vec<&str> = self.from.split('/').filter(|p| !p.is_empty()).collect();
        let parts: Vec<&str> = path.split('/').collect();
        let is_pattern = |part: &&str| part.contains(['*', '?', '[']);
        let fixed = from.iter().position(is_pattern).unwrap_or(from.len());
        if parts.len() < fixed || parts[..fixed] != from[..fixed] {
            return None;
        }
        let is_folder = self.to.is_empty() || self.to.ends_with('/');
        let to = self.to.trim_matches('/');
        let relative = if fixed < from.len() {
            if !fits(&from[fixed..], &parts[fixed..]) {
                return None;
            }
            parts[fixed..].join("/")
        } else if parts.len() == fixed {
            if is_folder { parts[fixed - 1].to_owned() } else { String::new() }
        } else if is_folder && fixed > 0 {
            parts[fixed - 1..].join("/")
        } else {
            parts[fixed..].join("/")
        };
        let excluded = self.exclude.iter().any(|pattern| {
            let pattern: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty()).collect();
            fits(&pattern, &parts) || fits(&pattern, &parts[fixed.min(parts.len() - 1)..])
        });
        let target = [to, relative.as_str()].iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>();
        (!excluded).then(|| target.join("/"))
    }
}

/// Patterns of path parts; `**` stands for any number of parts.
fn fits(pattern: &[&str], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) | (Some((&"**", [])), _) => true,
        (Some((&"**", rest)), _) => (0..=parts.len()).any(|skipped| fits(rest, &parts[skipped..])),
        (Some((first, rest)), Some((name, after))) => {
            glob::matches_name(first, name) == Some(true) && fits(rest, after)
        }
        _ => false,
    }
}

impl Tree for Composed<'_> {
    fn id(&self) -> ContentId {
        self.below.id()
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let folder = || {
            self.folders
                .contains_key(path)
                .then(|| TreeEntry { kind: EntryKind::Folder, id: self.below.id() })
        };
        Ok(self.files.get(path).copied().or_else(folder))
    }

    fn list(&self, path: &str) -> Result<Option<Listing>, TreeError> {
        Ok(self.folders.get(path).map(|names| names.iter().map(|(n, e)| (n.clone(), *e)).collect()))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.below.read(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    #[test]
    fn links_and_ignored_files_are_not_handed_on() {
        let files = Files::new(&[
            ("a/x.yaml", "x"),
            ("a/link.yaml@", "x.yaml"),
            ("a/b/y.png", "y"),
            ("z/only.png", ""),
        ]);
        let ignore = Ignore::load(&files, None, &crate::render::flux::ignore::Bare::default())
            .expect("the files are in memory");
        let artifact = Artifact::new(&files, ignore.into());
        let names = |path: &str| -> Vec<String> {
            let list = artifact.list(path).expect("the files are in memory").unwrap_or_default();
            list.iter().map(|(name, _)| name.to_string()).collect()
        };
        assert_eq!(names("a"), ["b", "x.yaml"]);
        assert_eq!(names("a/b"), Vec::<String>::new());
        assert_eq!(artifact.entry("a/link.yaml").expect("the files are in memory"), None);
    }

    #[test]
    fn copies_are_placed_as_their_rules_say() {
        let files = Files::new(&[
            ("apps/base/a.yaml", "a"),
            ("apps/base/sub/b.yaml", "b"),
            ("apps/prod/c.yaml", "c"),
            ("one.yaml", "1"),
        ]);
        let copy = |from: &str, to: &str| Copy { from: from.into(), to: to.into(), ..Copy::default() };
        let rules = [
            copy("apps/base/**", "base/"),
            copy("apps/prod", ""),
            copy("one.yaml", "renamed.yaml"),
            Copy { exclude: vec!["**/b.yaml".into()], ..copy("apps/base/**", "again") },
        ];
        let composed = Composed::new(&files, &rules).expect("the files are in memory");
        let found: Vec<(&str, &str)> = composed.sources.iter().map(|(to, from)| (&**to, &**from)).collect();
        let expected = [
            ("again/a.yaml", "apps/base/a.yaml"),
            ("base/a.yaml", "apps/base/a.yaml"),
            ("base/sub/b.yaml", "apps/base/sub/b.yaml"),
            ("prod/c.yaml", "apps/prod/c.yaml"),
            ("renamed.yaml", "one.yaml"),
        ];
        assert_eq!(found, expected);
        assert!(composed.entry("base/sub").expect("in memory").is_some_and(|e| e.kind == EntryKind::Folder));
    }
}
