//! Three versions of a file to one, as git asks its merge drivers: sealed files key by key, everything else as text.

use super::session::Session;
use crate::git::{self, GitError};
use crate::model::{Problem, Reason, Revision, clean};
use crate::seal::{self, KeySources, Keyring, MergeError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The name of the driver in git's configuration.
const DRIVER: &str = "sealane";

/// What git hands a merge driver (gitattributes(5)).
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The common ancestor (`%O`); empty if there is none.
    pub base: PathBuf,
    /// Our version (`%A`); the result is written there.
    pub ours: PathBuf,
    /// Their version (`%B`).
    pub theirs: PathBuf,
    /// How long conflict markers are (`%L`).
    pub marker_size: u16,
    /// The path in the repository (`%P`), for what is told.
    pub path: String,
}

/// Merges the versions and writes the result over ours. A problem is a conflict: sealed files are as they were then, text
/// has conflict markers. No value is told.
pub fn merge(request: &MergeRequest, keys: &KeySources) -> Result<(), Problem> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|e| {
            let shown = clean(&file.to_string_lossy());
            Problem::error(Reason::Repository, format!("{shown} cannot be read: {e}"))
        })
    };
    let [base, ours, theirs] = [read(&request.base)?, read(&request.ours)?, read(&request.theirs)?];
    let rules = seal::Rules::default();
    let is_sealed = |bytes: &Vec<u8>| seal::inspect(&request.path, bytes, &rules).is_some();
    let sealed = [&base, &ours, &theirs].into_iter().filter(|bytes| is_sealed(bytes)).count();
    let merged = match sealed {
        3 => sealed_whole(request, [&base, &ours, &theirs], &Keyring::load(keys))?,
        _ if ours == theirs => return Ok(()),
        0 => return text(request, [&base, &ours, &theirs]),
        _ if base.is_empty() => return Err(conflict(request, "both sides added it, each sealed by itself")),
        _ => return Err(conflict(request, "it is sealed on one side and not on the other")),
    };
    write(request, &merged)
}

fn sealed_whole(request: &MergeRequest, sides: [&[u8]; 3], keyring: &Keyring) -> Result<Vec<u8>, Problem> {
    let [base, ours, theirs] = sides;
    let time = jiff::Timestamp::now().as_second();
    seal::merge(base, ours, theirs, &request.path, keyring, time).map_err(|error| match error {
        MergeError::Closed(problem) => {
            let cause = format!("cannot be merged key by key: {}", problem.cause);
            Problem { place: None, ..Problem::error(problem.reason, cause) }
                .at(&request.path, 0)
                .next(problem.next)
        }
        MergeError::Conflict(keys) => conflict(request, &format!("both sides changed {}", keys.join(", "))),
    })
}

fn text(request: &MergeRequest, [base, ours, theirs]: [&[u8]; 3]) -> Result<(), Problem> {
    let merged = git::merge_text(base, ours, theirs, request.marker_size).map_err(|e| e.problem())?;
    write(request, &merged.content)?;
    if merged.clean { Ok(()) } else { Err(conflict(request, "both sides changed the same lines")) }
}

fn conflict(request: &MergeRequest, cause: &str) -> Problem {
    Problem::error(Reason::Conflict, cause)
        .at(&request.path, 0)
        .next("choose a side with `git checkout --ours` or `--theirs`, set what is missing with `sealane seal`, `git add` it")
}

fn write(request: &MergeRequest, merged: &[u8]) -> Result<(), Problem> {
    git::replace(&request.ours, merged).map_err(|e| {
        Problem::error(Reason::Repository, format!("the merged version cannot be written: {e}"))
            .at(&request.path, 0)
            .next("nothing was changed; make room or check permissions, then merge again")
    })
}

/// A sealed file as `git diff` compares it: marks instead of values, under a key of the first identity in `keys`.
pub fn textconv(file: &Path, keys: &KeySources) -> Result<String, Problem> {
    let shown = clean(&file.to_string_lossy());
    let bytes = std::fs::read(file)
        .map_err(|e| Problem::error(Reason::MissingFile, format!("it cannot be read: {e}")).at(&shown, 0))?;
    Ok(seal::textconv(&bytes, &shown, &Keyring::load(keys)))
}

impl Session {
    /// Sets git up in this clone to merge, and with `textconv` to compare, the sealed files that HEAD holds. Gives the file
    /// with the patterns, and them.
    pub(super) fn install_drivers(
        &self,
        program: &Path,
        textconv: bool,
    ) -> Result<(PathBuf, Vec<String>), Problem> {
        let told = |e: GitError| e.problem();
        let mut patterns = BTreeSet::new();
        if let Some(head) = self.head()? {
            let files = self.secret_files(&*self.tree(Revision::Commit(head))?, None);
            patterns.extend(files.sealed.keys().filter_map(|path| pattern(path)));
        }
        patterns.insert("*.sops.yaml".to_owned());
        let patterns: Vec<String> = patterns.into_iter().collect();
        let program = program.to_string_lossy().replace('\'', r"'\''");
        let merge = format!("'{program}' merge-driver %O %A %B %L %P");
        let about = "sealed files, key by key (Sealane)";
        let mut file = self.repo.install_merge_driver(DRIVER, about, &merge, &patterns).map_err(told)?;
        if textconv {
            let command = format!("'{program}' textconv");
            file = self.repo.install_textconv(DRIVER, &command, &patterns).map_err(told)?;
        }
        Ok((file, patterns))
    }
}

/// The pattern of gitattributes(5) that means this file, and others that are named like it. `None` for names that no
/// pattern can hold.
fn pattern(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, extension)) = name.rsplit_once(".sops.") {
        return Some(format!("*.sops.{extension}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    path.chars().all(plain).then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_given_by_their_kind_of_name_or_one_by_one() {
        assert_eq!(pattern("apps/db.sops.yaml").as_deref(), Some("*.sops.yaml"));
        assert_eq!(pattern("apps/secret.yaml").as_deref(), Some("/apps/secret.yaml"));
        assert_eq!(pattern("apps/a b*.yaml"), None);
    }
}
