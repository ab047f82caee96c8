//! Which files of a folder Argo CD takes for manifests, and how links are followed.

use crate::model::{ContentId, EntryKind, Tree, TreeError};

/// Links in a row that are followed.
const MOST_LINKS: usize = 40;
/// Folders inside each other that are walked.
const DEEPEST: usize = 128;

/// A file that may hold manifests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its path in the repository, as it is named there.
    pub path: String,
    /// Its path below the folder, which patterns are matched with.
    pub relative: String,
    /// Its content.
    pub id: ContentId,
}

/// What became of a walk.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Files in the order they are read.
    pub files: Vec<Candidate>,
    /// Folders that were listed.
    pub folders: Vec<String>,
    /// Links that lead to no file, which Argo CD passes over.
    pub broken: Vec<String>,
    /// A link that leads out of the repository, or more folders than are walked: then Argo CD renders nothing.
    pub refused: Option<String>,
}

/// A folder and a name in it.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Walks a folder: its files by name, those of its folders in between if `recurse`.
pub(super) fn walk(tree: &dyn Tree, folder: &str, recurse: bool) -> Result<Walked, TreeError> {
    let mut walked = Walked::default();
    inside(tree, folder, "", recurse, 0, &mut walked)?;
    Ok(walked)
}

fn inside(
    tree: &dyn Tree,
    folder: &str,
    relative: &str,
    recurse: bool,
    depth: usize,
    walked: &mut Walked,
) -> Result<(), TreeError> {
    if depth > DEEPEST {
        walked.refused = Some(format!("{folder} lies more than {DEEPEST} folders deep"));
        return Ok(());
    }
    walked.folders.push(folder.to_owned());
    for (name, entry) in tree.list(folder)?.unwrap_or_default() {
        let (path, below) = (join(folder, &name), join(relative, &name));
        match entry.kind {
            EntryKind::Folder if recurse => inside(tree, &path, &below, recurse, depth + 1, walked)?,
            EntryKind::File if is_manifest(&name) => {
                walked.files.push(Candidate { path, relative: below, id: entry.id });
            }
            EntryKind::Link if is_manifest(&name) => match resolve(tree, &path)? {
                Resolved::File(_, id) => walked.files.push(Candidate { path, relative: below, id }),
                Resolved::Nothing | Resolved::Folder(_) => walked.broken.push(path),
                Resolved::Outside => walked.refused = Some(format!("the link {path} leaves the repository")),
            },
            _ => {}
        }
    }
    Ok(())
}

fn is_manifest(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml" | "json" | "jsonnet")))
}

/// Where a path leads when links are followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// A file, with its own path.
    File(String, ContentId),
    /// A folder, with its own path.
    Folder(String),
    /// Nothing is there, or links go in a circle.
    Nothing,
    /// It leaves the repository.
    Outside,
}

/// Follows the links of a path.
pub(super) fn resolve(tree: &dyn Tree, path: &str) -> Result<Resolved, TreeError> {
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut here: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match &*part {
            ".." if here.pop().is_none() => return Ok(Resolved::Outside),
            "" | "." | ".." => continue,
            _ => here.push(part),
        }
        let at = here.join("/");
        let Some(entry) = tree.entry(&at)? else { return Ok(Resolved::Nothing) };
        match entry.kind {
            EntryKind::Folder => {}
            EntryKind::File if rest.is_empty() => return Ok(Resolved::File(at, entry.id)),
            EntryKind::File | EntryKind::Submodule => return Ok(Resolved::Nothing),
            EntryKind::Link => {
                links += 1;
                let bytes = tree.read(entry.id)?;
                let Ok(target) = std::str::from_utf8(&bytes) else { return Ok(Resolved::Nothing) };
                if links > MOST_LINKS {
                    return Ok(Resolved::Nothing);
                }
                if target.starts_with('/') {
                    return Ok(Resolved::Outside);
                }
                here.pop();
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
        }
    }
    Ok(Resolved::Folder(here.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    #[test]
    fn files_come_in_order_and_links_are_followed() {
        let tree = Files::new(&[
            ("a/b.yaml", "x"),
            ("a/c.txt", "x"),
            ("a/d/e.json", "y"),
            ("a/f.yml@", "../z/real.yml"),
            ("a/gone.yaml@", "nowhere.yaml"),
            ("z/real.yml", "z"),
        ]);
        let names = |recurse| {
            let walked = walk(&tree, "a", recurse).expect("it can be read");
            (walked.files.into_iter().map(|f| f.relative).collect::<Vec<_>>(), walked.broken)
        };
        assert_eq!(names(false), (vec!["b.yaml".into(), "f.yml".into()], vec!["a/gone.yaml".into()]));
        assert_eq!(names(true).0, ["b.yaml", "d/e.json", "f.yml"]);
    }

    #[test]
    fn links_out_and_circles_end() {
        let tree =
            Files::new(&[("a/x.yaml@", "../../etc/x"), ("b/x.yaml@", "y"), ("b/y@", "x.yaml"), ("c@", "b")]);
        assert!(walk(&tree, "a", false).expect("read").refused.is_some());
        assert_eq!(walk(&tree, "b", false).expect("read").broken, ["b/x.yaml"]);
        assert_eq!(resolve(&tree, "c").expect("read"), Resolved::Folder("b".to_owned()));
    }
}
