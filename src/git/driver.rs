//! Our own ways to merge and to compare files in a clone (gitattributes(5): `merge`, `diff`), and the merge of text that
//! git would do without one.

use super::{GitError, Repo, lines};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What two changes of the same text give.
pub struct MergedText {
    /// The text; with conflict markers where both sides changed the same lines.
    pub content: Vec<u8>,
    /// True if there are none.
    pub clean: bool,
}

/// Merges text line by line, as git does.
pub fn merge_text(base: &[u8], ours: &[u8], theirs: &[u8], marker_size: u16) -> Result<MergedText, GitError> {
    lines::merged(base, ours, theirs, marker_size)
        .map(|(content, clean)| MergedText { content, clean })
        .map_err(GitError::store("cannot join files"))
}

/// Gives a file another content, at once: whoever reads it, or finds it after a kill or on a full disk, finds the old or the
/// new one whole. A link stays, and so do the rights of what it leads to.
pub fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let file = match file.canonicalize() {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let mut fresh =
        builder.prefix(".sealane-").permissions(PermissionsExt::from_mode(0o666)).tempfile_in(folder)?;
    if let Ok(old) = std::fs::metadata(&file) {
        fresh.as_file().set_permissions(old.permissions())?;
    }
    fresh.write_all(content)?;
    fresh.as_file().sync_all()?;
    fresh.persist(&file).map(drop).map_err(|failed| failed.error)
}

impl Repo {
    /// Names a merge driver in this clone's own configuration and gives it files by pattern, in `info/attributes`: nothing
    /// that is committed changes. Gives the file with the patterns. Doing it twice changes nothing.
    pub fn install_merge_driver(
        &self,
        name: &str,
        about: &str,
        command: &str,
        patterns: &[String],
    ) -> Result<PathBuf, GitError> {
        for (key, value) in [("name", about), ("driver", command)] {
            self.git(&["config", "--local", &format!("merge.{name}.{key}"), value]).answer()?;
        }
        self.give(patterns, &format!("merge={name}"))
    }

    /// The same for a command that `git diff` compares files by. What it prints is not kept (`cachetextconv`).
    pub fn install_textconv(
        &self,
        name: &str,
        command: &str,
        patterns: &[String],
    ) -> Result<PathBuf, GitError> {
        self.git(&["config", "--local", &format!("diff.{name}.textconv"), command]).answer()?;
        self.give(patterns, &format!("diff={name}"))
    }

    /// Gives files an attribute, in this clone alone.
    fn give(&self, patterns: &[String], attribute: &str) -> Result<PathBuf, GitError> {
        let path = self.git(&["rev-parse", "--git-path", "info/attributes"]).answer()?;
        let file = self.root().join(path.trim());
        let broken = GitError::disk(&file);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(&broken)?;
        }
        let mut text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(broken(error)),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for pattern in patterns {
            let line = format!("{pattern} {attribute}");
            if !text.lines().any(|known| known == line) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        replace(&file, text.as_bytes()).map_err(&broken)?;
        drop(broken);
        Ok(file)
    }
}
