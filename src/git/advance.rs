//! Moving the branch that is checked out from one commit to another, with its files and the index.
//!
//! The order, so that a kill at any instant leaves all as before or lets the next Sealane make it as after:
//!
//! 1. lock the index as git does, then refuse if a file in the way has changes of the user;
//! 2. write the new files and the new index into a folder of ours, and the note of what will be done;
//! 3. move the branch, atomically and only from where it was expected: `git update-ref <new> <old>`;
//! 4. rename the new files and the new index into place.
//!
//! A kill before 3 changed nothing; after it `git status` shows the files that have not followed yet as
//! changed, git's programs say that `index.lock` exists, and [`Repo::open`] finishes step 4 from the note,
//! leaving alone what the user changed meanwhile. Everything that needs room on the disk is
//! written before 3.

use super::changes::Delta;
use super::folder::{Named, mode};
use super::journal::{Journal, Note, Step};
use super::place::{Place, prune};
use super::process::notice;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

impl Repo {
    /// Moves `branch`, which is checked out, from one commit to another.
    pub(super) fn advance(
        &self,
        branch: &str,
        from: CommitId,
        to: CommitId,
        note: &str,
    ) -> Result<(), GitError> {
        let deltas = self.deltas(Some(self.node(from)?.tree), Some(self.node(to)?.tree))?;
        for delta in &deltas {
            super::write::check_path(&delta.path)?;
        }
        let mut journal = Journal::begin(self)?;
        let moved = self.prepare(&mut journal, branch, (from, to), &deltas).and_then(|plan| {
            self.update_ref(branch, Some(from), to, note, Some(&journal.note))?;
            self.put_in_place(&plan, &journal.folder).inspect_err(|_| self.undo(branch, (from, to), &deltas))
        });
        journal.end(self);
        moved?;
        // Only refreshes what the index remembers of the files' times; `git status` would do it else.
        self.git(&["update-index", "-q", "--refresh"]).run()?;
        Ok(())
    }

    /// Steps 1 and 2.
    pub(super) fn prepare(
        &self,
        journal: &mut Journal,
        branch: &str,
        (from, to): (CommitId, CommitId),
        deltas: &[Delta],
    ) -> Result<Note, GitError> {
        journal.lock_index(self)?;
        self.refuse_dirty(deltas)?;
        let mut note = Note {
            branch: branch.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
            steps: Vec::with_capacity(deltas.len()),
        };
        for (number, delta) in deltas.iter().enumerate() {
            let file = |side: &Option<Named>| side.clone().filter(|named| named.mode != mode::SUBMODULE);
            let (before, after) = (file(&delta.before), file(&delta.after));
            if before.is_none() && after.is_none() {
                continue;
            }
            if let Some(after) = &after {
                self.stage(&journal.folder.join(number.to_string()), &delta.path, after)?;
            }
            let staged = after.map(|_| number);
            let before = before.map(|named| named.id.to_string());
            note.steps.push(Step { path: delta.path.to_string(), before, staged });
        }
        self.stage_index(&journal.folder.join("index"), deltas)?;
        journal.write(&note)?;
        Ok(note)
    }

    /// Writes one new file aside, as it will lie in the worktree.
    fn stage(&self, at: &Path, path: &str, new: &Named) -> Result<(), GitError> {
        let failed = GitError::disk(at);
        if new.mode == mode::LINK {
            let target = self.inner.blob(new.id)?;
            let target = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&target);
            return std::os::unix::fs::symlink(target, at).map_err(failed);
        }
        let content = self.converted(path, new.id)?;
        let bits = if new.mode == mode::PROGRAM { 0o777 } else { 0o666 };
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(bits).open(at);
        let mut file = file.map_err(&failed)?;
        file.write_all(&content).map_err(&failed)?;
        // A file that the user keeps more private than usual stays so.
        let there = self.workdir()?.join(path).symlink_metadata().ok().filter(std::fs::Metadata::is_file);
        if let Some(there) = there {
            let own = there.permissions().mode() & 0o777;
            let runs = if new.mode == mode::PROGRAM { own | (own & 0o444) >> 2 } else { own & !0o111 };
            file.set_permissions(std::fs::Permissions::from_mode(runs)).map_err(&failed)?;
        }
        file.sync_all().map_err(&failed)
    }

    /// The content as git would check it out: line ends, LFS and other filters that the user set up.
    fn converted(&self, path: &str, id: ContentId) -> Result<Arc<[u8]>, GitError> {
        if !self.is_filtered(path)? {
            return Ok(self.inner.blob(id)?);
        }
        let output =
            self.git(&["cat-file", "--filters", &format!("--path={path}"), &id.to_string()]).run()?;
        if output.ok {
            return Ok(output.stdout.into());
        }
        Err(GitError::Child { command: "cat-file --filters".to_owned(), output: notice(&output.stderr) })
    }

    fn is_filtered(&self, path: &str) -> Result<bool, GitError> {
        self.with(|handle| {
            let set = |name| {
                let value = handle.get_attr(Path::new(path), name, git2::AttrCheckFlags::FILE_THEN_INDEX);
                // Not to know is as good as a filter: git is asked then.
                value.map_or(true, |value| !matches!(value, None | Some("false")))
            };
            let config = handle.config().map_err(GitError::store("cannot read the configuration"))?;
            let converts = config.get_string("core.autocrlf").is_ok_and(|value| value != "false")
                || config.get_string("core.eol").is_ok();
            Ok(converts
                || ["filter", "text", "eol", "ident", "working-tree-encoding", "crlf"].into_iter().any(set))
        })
    }

    /// Makes the new index aside, with git's own program, which knows every kind of index.
    fn stage_index(&self, at: &Path, deltas: &[Delta]) -> Result<(), GitError> {
        let index = self.inner.git_dir.join("index");
        std::fs::copy(&index, at).map_err(GitError::disk(at))?;
        let mut lines = Vec::new();
        let removed = deltas.iter().filter(|delta| delta.after.is_none());
        for delta in removed {
            lines.extend(format!("0 {}\t{}\0", ContentId([0; 20]), delta.path).into_bytes());
        }
        for delta in deltas {
            if let Some(after) = &delta.after {
                lines.extend(format!("{:o} {}\t{}\0", after.mode, after.id, delta.path).into_bytes());
            }
        }
        let output = self
            .git(&["-c", "core.hooksPath=/dev/null", "update-index", "-z", "--index-info"])
            .env("GIT_INDEX_FILE", at)
            .input(lines)
            .run()?;
        if output.ok {
            return Ok(());
        }
        Err(GitError::Disk { path: super::error::shown(at), cause: notice(&output.stderr) })
    }

    /// Step 4; also run by whoever finishes the work of a killed process, so every step may be done already.
    pub(super) fn put_in_place(&self, note: &Note, folder: &Path) -> Result<(), GitError> {
        let root = self.workdir()?;
        for step in note.steps.iter().filter(|step| step.staged.is_none()) {
            let there = Place::find(root, &step.path, false)?;
            if let Some(place) = there.filter(|_| self.is_unchanged(&step.path, step.before.as_deref())) {
                place.remove()?;
                prune(root, &step.path);
            }
        }
        for step in &note.steps {
            let Some(staged) = step.staged.map(|number| folder.join(number.to_string())) else { continue };
            // Gone if it was put in place before a kill.
            if staged.symlink_metadata().is_err() || !self.is_unchanged(&step.path, step.before.as_deref()) {
                continue;
            }
            if let Some(place) = Place::find(root, &step.path, true)? {
                place.put(&staged)?;
            }
        }
        let (new, index) = (folder.join("index"), self.inner.git_dir.join("index"));
        if new.exists() {
            std::fs::rename(&new, &index).map_err(GitError::disk(&index))?;
        }
        Ok(())
    }

    /// Whether the file on disk is still as git knows it, so that replacing it loses nothing.
    fn is_unchanged(&self, path: &str, before: Option<&str>) -> bool {
        let Ok(root) = self.workdir() else { return false };
        let full = root.join(path);
        let Ok(meta) = full.symlink_metadata() else { return before.is_none() };
        let Some(before) = before else { return false };
        if meta.is_symlink() {
            let target = std::fs::read_link(&full).unwrap_or_default();
            return super::id_of(target.as_os_str().as_encoded_bytes()).to_string() == before;
        }
        if std::fs::read(&full).is_ok_and(|content| super::id_of(&content).to_string() == before) {
            return true;
        }
        // Else through git's filters, as the id was made.
        self.git(&["hash-object", "--path", path, "--", path]).answer().is_ok_and(|id| id == before)
    }

    /// Puts back what step 4 began and could not end.
    fn undo(&self, branch: &str, (from, to): (CommitId, CommitId), deltas: &[Delta]) {
        let note = format!("reset: {} could not be put in place", to.short());
        // If even this fails, the branch has the commit and the files show as changed: nothing is lost.
        if self.update_ref(branch, Some(to), from, &note, None).is_err() {
            return;
        }
        let Ok(root) = self.workdir() else { return };
        for delta in deltas {
            // Each on its own: what cannot be put back stays as it is and shows as changed.
            drop(self.undo_file(root, delta));
        }
    }

    fn undo_file(&self, root: &Path, delta: &Delta) -> Result<(), GitError> {
        let unchanged = |side: &Named| self.is_unchanged(&delta.path, Some(&side.id.to_string()));
        match &delta.before {
            None if delta.after.as_ref().is_some_and(unchanged) => {
                if let Some(place) = Place::find(root, &delta.path, false)? {
                    place.remove()?;
                    prune(root, &delta.path);
                }
            }
            Some(before) if !unchanged(before) => {
                let aside = tempfile::tempdir_in(&self.inner.git_dir);
                let aside = aside.map_err(GitError::disk(&self.inner.git_dir))?;
                let staged = aside.path().join("0");
                self.stage(&staged, &delta.path, before)?;
                if let Some(place) = Place::find(root, &delta.path, true)? {
                    place.put(&staged)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
