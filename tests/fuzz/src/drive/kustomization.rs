//! The kustomization loader, all transformers and Flux's Kustomizations, over a small tree of files that the input
//! spells out: `== path` begins a file.
use sealane::git::id_of;
use sealane::model::{ContentId, EntryKind, Listing, Tree, TreeEntry, TreeError};
use sealane::render::kustomize::{self, BuildOptions, Order, build, to_text};
use sealane::render::{Caches, Inputs, discover, render_environment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files by path. A file whose path ends with `@` is a link to its content.
struct Files(BTreeMap<String, (ContentId, Arc<[u8]>)>);

impl Files {
    fn of(text: &str) -> Self {
        let mut files = BTreeMap::new();
        for part in text.split("== ").take(24) {
            let (path, content) = part.split_once('\n').unwrap_or((part, ""));
            let clean = path.split('/').all(|name| !matches!(name, "" | "." | "..") && name != ".git");
            if clean && path.len() < 64 {
                files.insert(path.to_owned(), (id_of(content.as_bytes()), Arc::from(content.as_bytes())));
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
        let file = self.0.get(path).map(|(id, _)| (EntryKind::File, *id));
        let link = self.0.get(&format!("{path}@")).map(|(id, _)| (EntryKind::Link, *id));
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
            .find(|(own, _)| *own == id)
            .map(|(_, content)| content.clone())
            .ok_or_else(|| TreeError::Unreadable { path: id.to_string(), cause: "gone".to_owned() })
    }
}

/// One input.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files = Files::of(text);
    let caches = Caches::default();
    for partial in [false, true] {
        let options =
            BuildOptions { confined: true, order: Order::Legacy, managed_by_label: partial, partial };
        let inputs = kustomize::Inputs { steps: partial, ..kustomize::Inputs::new(&caches.documents) };
        match build(&files, "", &options, &inputs) {
            Ok(built) => drop(to_text(&built)),
            Err(error) => {
                let problem = error.problem();
                assert!(!problem.cause.is_empty() && problem.place.is_some());
            }
        }
    }
    // Where Flux syncs a folder of these files, what it would apply.
    if text.contains("toolkit.fluxcd.io") {
        let inputs = Inputs { steps: true, ..Inputs::new(&caches) };
        for environment in
            discover(&files, &caches.surveys, &[]).into_iter().flat_map(|found| found.environments)
        {
            let rendered = render_environment(&files, &environment, &inputs);
            for problem in rendered.producers.iter().flat_map(|producer| &producer.problems) {
                assert!(!problem.cause.is_empty());
            }
        }
    }
}
