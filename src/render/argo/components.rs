//! `components`: patterns of folders, as `kustomize edit add component` finds them.

use super::files::{self, Resolved};
use crate::model::{EntryKind, Tree, TreeError};
use crate::render::flux::glob;
use crate::render::kustomize::remote;

/// What a pattern gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Entries for the kustomization.
    Entries(Vec<String>),
    /// Nothing is there, and nothing is said of it.
    Skipped,
    /// Nothing is there: kustomize fails.
    Nothing,
}

/// Most entries of one pattern.
const MOST: usize = 10_000;

/// The entries that a component, written relative to `folder`, stands for.
pub(super) fn find(
    tree: &dyn Tree,
    folder: &str,
    component: &str,
    ignore_missing: bool,
) -> Result<Found, TreeError> {
    let exists = |entry: &str| -> Result<bool, TreeError> {
        Ok(!matches!(
            files::resolve(tree, &files::join(folder, entry))?,
            Resolved::Nothing | Resolved::Outside
        ))
    };
    // What is missing is looked for as it is written, patterns included.
    if ignore_missing && !exists(component)? {
        return Ok(Found::Skipped);
    }
    let is_pattern = component.contains(['*', '?', '[', '\\']);
    let entries = match is_pattern {
        true => matches(tree, folder, component)?,
        false if exists(component)? => vec![component.to_owned()],
        false => Vec::new(),
    };
    if !entries.is_empty() {
        return Ok(Found::Entries(entries));
    }
    let is_remote = remote::is_url(component) || remote::is_repository(component);
    Ok(if is_remote { Found::Entries(vec![component.to_owned()]) } else { Found::Nothing })
}

/// Paths that fit a pattern, part by part, sorted.
fn matches(tree: &dyn Tree, folder: &str, pattern: &str) -> Result<Vec<String>, TreeError> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for path in paths {
            if !part.contains(['*', '?', '[', '\\']) {
                next.push(files::join(&path, part));
                continue;
            }
            let Resolved::Folder(at) = files::resolve(tree, &files::join(folder, &path))? else { continue };
            for (name, entry) in tree.list(&at)?.unwrap_or_default() {
                if glob::matches_name(part, &name) == Some(true) && entry.kind != EntryKind::Submodule {
                    next.push(files::join(&path, &name));
                }
            }
        }
        next.truncate(MOST);
        paths = next;
    }
    let mut found = Vec::new();
    for path in paths {
        let at = files::join(folder, &path);
        if !matches!(files::resolve(tree, &at)?, Resolved::Nothing | Resolved::Outside) {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    #[test]
    fn patterns_are_expanded_and_missing_ones_refused_or_skipped() {
        let tree = Files::new(&[
            ("apps/web/kustomization.yaml", ""),
            ("components/a/kustomization.yaml", ""),
            ("components/b/kustomization.yaml", ""),
            ("components/x.yaml", ""),
        ]);
        let find =
            |component: &str, ignore| find(&tree, "apps/web", component, ignore).expect("it can be read");
        let entries = |list: &[&str]| Found::Entries(list.iter().map(|e| (*e).to_owned()).collect());
        assert_eq!(find("../../components/a", false), entries(&["../../components/a"]));
        assert_eq!(find("../../components/?", false), entries(&["../../components/a", "../../components/b"]));
        assert_eq!(find("../../components/c", false), Found::Nothing);
        assert_eq!(find("../../components/c", true), Found::Skipped);
        assert_eq!(find("../../components/?", true), Found::Skipped);
        let url = "https://github.com/x/y//z?ref=v1";
        assert_eq!(find(url, false), entries(&[url]));
    }
}
