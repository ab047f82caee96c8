//! The kustomization loader and all transformers, over a small tree of files that the input spells out:
//! `== path` begins a file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealane::git::id_of;
use sealane::model::{ContentId, EntryKind, Listing, Tree, TreeEntry, TreeError};
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, Order, build, to_text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files by path. A file whose path ends with `@` is a link to its content.
struct Files(BTreeMap<String, Arc<[u8]>>);

impl Files {
    fn of(text: &str) -> Self {
        let mut files = BTreeMap::new();
        for part in text.split("== ").take(24) {
            let (path, content) = part.split_once('\n').unwrap_or((part, ""));
            let clean = path.split('/').all(|name| !matches!(name, "" | "." | "..") && name != ".git");
            if clean && path.len() < 64 {
                files.insert(path.to_owned(), Arc::from(content.as_bytes()));
            }
        }
        Self(files)
    }
}

impl Tree for Files {
    fn id(&self) -> ContentId {
        id_of(b"")
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let folder = path.is_empty()
            || self.0.keys().any(|k| k.strip_prefix(path).is_some_and(|r| r.starts_with('/')));
        let file = self.0.get(path).map(|content| (EntryKind::File, id_of(content)));
        let link = self.0.get(&format!("{path}@")).map(|content| (EntryKind::Link, id_of(content)));
        let found = link.or(file).or_else(|| folder.then(|| (EntryKind::Folder, id_of(path.as_bytes()))));
        Ok(found.map(|(kind, id)| TreeEntry { kind, id }))
    }

    fn list(&self, path: &str) -> Result<Option<Listing>, TreeError> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: Vec<String> = self
            .0
            .keys()
            .filter_map(|k| k.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .map(|name| name.trim_end_matches('@').to_owned())
            .collect();
        names.sort();
        names.dedup();
        let mut listing = vec![];
        for name in names {
            if let Some(entry) = self.entry(&format!("{prefix}{name}"))? {
                listing.push((Arc::from(name.as_str()), entry));
            }
        }
        Ok((!listing.is_empty()).then_some(listing))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.0
            .values()
            .find(|content| id_of(content) == id)
            .cloned()
            .ok_or_else(|| TreeError::Unreadable { path: id.to_string(), cause: "gone".to_owned() })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files = Files::of(text);
    for partial in [false, true] {
        let options =
            BuildOptions { confined: true, order: Order::Legacy, managed_by_label: partial, partial };
        let (documents, remotes) = (DocumentCache::default(), BTreeMap::new());
        let inputs = Inputs { opener: None, remotes: &remotes, documents: &documents };
        match build(&files, "", &options, &inputs) {
            Ok(built) => drop(to_text(&built)),
            Err(error) => {
                let problem = error.problem();
                assert!(!problem.cause.is_empty());
            }
        }
    }
});
