//! Which files of a repository a Flux source hands on: gitignore patterns, as source-controller reads them
//! (render.md 6.1).

use super::glob;
use crate::model::{ContentId, EntryKind, Tree, TreeError};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

const VCS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// What is left out when nobody says anything.
const DEFAULTS: [&str; 20] = [
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// The patterns of one source.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
    /// A digest of all patterns.
    pub print: [u8; 16],
}

#[derive(Clone, Debug)]
struct Pattern {
    /// The folder it is written for.
    domain: Vec<String>,
    parts: Vec<Part>,
    include: bool,
    folders_only: bool,
    /// True if it is about whole paths and not about single names.
    anchored: bool,
}

/// One part of a pattern's path.
#[derive(Clone, Debug)]
enum Part {
    Nothing,
    AnyDepth,
    Name(String),
    /// A star, and what the name ends with.
    Ending(String),
    Glob(Vec<glob::Glob>),
    /// Malformed; matches nothing.
    Broken,
}

impl Part {
    fn parse(text: &str) -> Self {
        match text {
            "" => Self::Nothing,
            "**" => Self::AnyDepth,
            text if text.contains("**") => Self::Broken,
            text if !text.contains(['*', '?', '[', '\\']) => Self::Name(text.to_owned()),
            text => match text.strip_prefix('*') {
                Some(end) if !end.contains(['*', '?', '[', '\\']) => Self::Ending(end.to_owned()),
                _ => Self::glob(text),
            },
        }
    }

    fn glob(text: &str) -> Self {
        glob::parse(text).map_or(Self::Broken, Self::Glob)
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Ending(end) => name.ends_with(end.as_str()),
            Self::Glob(own) => glob::matches(own, &name.chars().collect::<Vec<_>>()),
            Self::Nothing | Self::AnyDepth | Self::Broken => false,
        }
    }
}

impl Ignore {
    /// Reads all `.sourceignore` files of a tree, and what the source itself says in `spec.ignore`. If there
    /// is neither, the defaults hold.
    pub fn load(tree: &dyn Tree, spec: Option<&str>, bare: &Bare) -> Result<Self, TreeError> {
        let mut own = Vec::new();
        let has_ids = tree.id().0 != [0; 20];
        collect(tree, ("", tree.id()), has_ids.then_some(bare), &mut own)?;
        if let Some(text) = spec {
            own.extend(lines(text, &[]));
        }
        // Everything else is the same for everybody.
        let mut print = [0; 16];
        print.copy_from_slice(&Sha256::digest(format!("{own:?}"))[..16]);
        let mut patterns: Vec<Pattern> = VCS.iter().map(|line| Pattern::parse(line, &[])).collect();
        if own.is_empty() {
            patterns.extend(DEFAULTS.iter().map(|line| Pattern::parse(line, &[])));
        }
        patterns.extend(own);
        Ok(Self { patterns, print })
    }

    /// True if this file or folder is left out. The last pattern that matches decides; a file in a folder
    /// that is left out can be let in again.
    pub fn excludes(&self, path: &str, is_folder: bool) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        self.patterns
            .iter()
            .rev()
            .find(|pattern| pattern.matches(&parts, is_folder))
            .is_some_and(|pattern| !pattern.include)
    }
}

/// Folders in which no `.sourceignore` stands, at any depth; by content, for all revisions.
#[derive(Default)]
pub struct Bare(Mutex<HashSet<ContentId>>);

/// More than so many folders are not remembered; then the memory starts anew.
const MOST_BARE: usize = 200_000;

impl Bare {
    fn knows(&self, id: ContentId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn keep(&self, id: ContentId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_BARE {
            known.clear();
        }
        known.insert(id);
    }
}

fn collect(
    tree: &dyn Tree,
    (folder, id): (&str, ContentId),
    bare: Option<&Bare>,
    patterns: &mut Vec<Pattern>,
) -> Result<(), TreeError> {
    if bare.is_some_and(|bare| bare.knows(id)) {
        return Ok(());
    }
    let Some(entries) = tree.list(folder)? else { return Ok(()) };
    let domain: Vec<String> = folder.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let before = patterns.len();
    let own = entries.iter().find(|(name, _)| &**name == ".sourceignore");
    if let Some((_, entry)) = own
        && entry.kind == EntryKind::File
    {
        let bytes = tree.read(entry.id)?;
        patterns.extend(lines(&String::from_utf8_lossy(&bytes), &domain));
    }
    for (name, entry) in entries.iter().filter(|(name, e)| e.kind == EntryKind::Folder && &**name != ".git") {
        let below = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        collect(tree, (&below, entry.id), bare, patterns)?;
    }
    if let Some(bare) = bare.filter(|_| patterns.len() == before) {
        bare.keep(id);
    }
    Ok(())
}

fn lines(text: &str, domain: &[String]) -> Vec<Pattern> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| Pattern::parse(line, domain))
        .collect()
}

impl Pattern {
    fn parse(line: &str, domain: &[String]) -> Self {
        let (include, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        Self {
            domain: domain.to_vec(),
            parts: line.split('/').map(Part::parse).collect(),
            include,
            folders_only,
            anchored: line.contains('/'),
        }
    }

    fn matches(&self, path: &[&str], is_folder: bool) -> bool {
        if path.len() <= self.domain.len() || self.domain.iter().zip(path).any(|(a, b)| a != b) {
            return false;
        }
        let path = &path[self.domain.len()..];
        if self.anchored { self.matches_path(path, is_folder) } else { self.matches_name(path, is_folder) }
    }

    /// A single name matches at any depth, and with a folder all that is in it.
    fn matches_name(&self, path: &[&str], is_folder: bool) -> bool {
        let found = path.iter().position(|name| self.parts[0].fits(name));
        found.is_some_and(|place| !(self.folders_only && !is_folder && place == path.len() - 1))
    }

    fn matches_path(&self, mut path: &[&str], is_folder: bool) -> bool {
        let (mut matched, mut any_depth) = (false, false);
        for (number, part) in self.parts.iter().enumerate() {
            match part {
                Part::Nothing => any_depth = false,
                Part::AnyDepth if number == self.parts.len() - 1 => break,
                Part::AnyDepth => any_depth = true,
                Part::Broken => return false,
                part if any_depth => {
                    any_depth = false;
                    if path.is_empty() {
                        return false;
                    }
                    let place = path.iter().position(|name| part.fits(name));
                    matched = place.is_some();
                    path = place.map_or(&[], |place| &path[place + 1..]);
                }
                part => {
                    let Some((name, rest)) = path.split_first() else { return false };
                    if !part.fits(name) {
                        return false;
                    }
                    matched = true;
                    path = rest;
                }
            }
        }
        matched && !(self.folders_only && !is_folder && path.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    fn ignore(files: &[(&str, &str)], spec: Option<&str>) -> Ignore {
        Ignore::load(&Files::new(files), spec, &Bare::default()).expect("the files are in memory")
    }

    #[test]
    fn defaults_hold_until_somebody_says_something() {
        let defaults = ignore(&[("a.yaml", "")], None);
        for (path, excluded) in [
            ("a.yaml", false),
            ("docs/a.png", true),
            (".github/workflows/ci.yaml", true),
            ("x/.sops.yaml", true),
            (".gitignore", true),
        ] {
            assert_eq!(defaults.excludes(path, false), excluded, "{path}");
        }
        let own = ignore(&[("a.yaml", "")], Some("# nothing\nvendor/\n"));
        assert!(own.excludes("vendor/a.yaml", false) && !own.excludes("docs/a.png", false));
        assert!(own.excludes(".gitignore", false));
    }

    #[test]
    fn a_list_of_what_is_let_in_works() {
        let own = ignore(&[(".sourceignore", "# all\n/*\n\n!/apps/\n")], None);
        assert!(own.excludes("README.md", false) && own.excludes("docs/a.yaml", false));
        assert!(!own.excludes("apps/base/a.yaml", false) && !own.excludes("apps", true));
    }

    #[test]
    fn a_file_in_a_folder_is_scoped_to_it() {
        let own = ignore(&[("apps/.sourceignore", "*.txt\n/only-here.yaml\n")], None);
        assert!(own.excludes("apps/x/a.txt", false) && !own.excludes("a.txt", false));
        assert!(own.excludes("apps/only-here.yaml", false) && !own.excludes("apps/x/only-here.yaml", false));
    }
}
