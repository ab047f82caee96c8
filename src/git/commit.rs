//! Commits as the repository's own configuration says: author, signature, hooks.

use super::change::FileChange;
use super::hooks::Draft;
use super::process::notice;
use super::{GitError, Head, Repo};
use crate::model::{CommitId, ContentId};

/// Where a commit goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The branch that is checked out; files and index follow.
    Current,
    /// A new branch of this name; what is checked out stays as it is.
    New(String),
}

/// A commit to make.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// On which branch.
    pub target: Target,
    /// The commit that the change was shown on top of. If the branch is elsewhere by now, nothing is done.
    pub expected_parent: CommitId,
    /// The files to write and to remove.
    pub files: Vec<FileChange>,
    /// The message.
    pub message: String,
}

/// The proof of a commit that we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: CommitId,
    /// The branch that it is on.
    pub branch: String,
    /// Whether the branch was made for it.
    pub is_new_branch: bool,
}

/// What became of a commit of ours that was put on top of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The commit that stands there now.
    pub committed: Committed,
    /// The commit that it replaces. The branch's reflog keeps it: `git branch <name> <id>` brings it back.
    pub replaced: CommitId,
}

impl Repo {
    /// Makes one commit, or refuses before anything is written.
    ///
    /// The order keeps a kill at any instant harmless: objects (nothing refers to them yet), hooks in a
    /// folder of their own, the commit object, then the branch with its files and index as `advance` tells.
    /// Files that the user changed, staged or not, are never overwritten: the commit is refused, naming them.
    /// `post-commit` and `post-rewrite` are not run.
    pub fn commit(&self, request: &CommitRequest) -> Result<Committed, GitError> {
        let parent = request.expected_parent;
        let branch = self.branch_for(&request.target, parent)?;
        let before = self.node(parent)?.tree;
        let tree = self.write_tree(before, &request.files)?;
        if tree == before {
            return Err(GitError::Nothing);
        }
        let is_new_branch = matches!(request.target, Target::New(_));
        if !is_new_branch {
            self.refuse_dirty(&self.deltas(Some(before), Some(tree))?)?;
        }
        let seen = Some(branch.as_str()).filter(|_| !is_new_branch);
        let message = tidy(&request.message);
        let message = self.run_hooks(&Draft { tree, parent, branch: seen, message: &message })?;
        let id = self.commit_object(tree, parent, &tidy(&message), None)?;
        let note = format!("commit: {}", message.lines().next().unwrap_or_default());
        if is_new_branch {
            self.update_ref(&branch, None, id, &note, None)?;
        } else {
            self.advance(&branch, parent, id, &note)?;
        }
        Ok(Committed { id, parent, branch, is_new_branch })
    }

    /// Takes back a commit of ours that is the newest on its branch and that no remote has seen. Its files
    /// go back to what they were; the commit stays in the reflog until git forgets it.
    pub fn take_back(&self, committed: &Committed) -> Result<(), GitError> {
        self.refuse_published(committed.id)?;
        let note = format!("reset: take back {}", committed.id.short());
        let commit = committed.id;
        if committed.is_new_branch && !self.is_checked_out(&committed.branch)? {
            if self.branch_tip(&committed.branch)? != Some(commit) {
                return Err(GitError::NotTakenBack { commit, cause: "its branch has moved on" });
            }
            return self.delete_ref(&committed.branch, commit);
        }
        match self.head()? {
            Head::Branch { name, at } if name == committed.branch && at == commit => {
                self.refuse_busy()?;
                self.advance(&committed.branch, commit, committed.parent, &note)
            }
            Head::Branch { name, .. } if name == committed.branch => {
                Err(GitError::NotTakenBack { commit, cause: "it is not the newest commit of its branch" })
            }
            _ => Err(GitError::NotTakenBack { commit, cause: "its branch is not checked out" }),
        }
    }

    /// Puts an unpushed commit of ours on top of `onto`: makes a commit with `files` there, with the message
    /// and author of the old one, and moves the branch to it. The old commit stays in the reflog.
    pub fn replace_unpushed(
        &self,
        ours: &Committed,
        onto: CommitId,
        files: &[FileChange],
    ) -> Result<Replaced, GitError> {
        self.refuse_published(ours.id)?;
        match self.head()? {
            Head::Branch { name, at } if name == ours.branch && at == ours.id => self.refuse_busy()?,
            _ => {
                let cause = "it is not the newest commit of the branch that is checked out";
                return Err(GitError::NotTakenBack { commit: ours.id, cause });
            }
        }
        // Everything below ours must be below theirs too, or it would be lost.
        if !self.contains(onto, ours.parent)? {
            let cause = "the commits below it are not part of the other side";
            return Err(GitError::NotTakenBack { commit: ours.id, cause });
        }
        let tree = self.write_tree(self.node(onto)?.tree, files)?;
        if tree == self.node(onto)?.tree {
            return Err(GitError::Nothing);
        }
        let message = self.raw_message(ours.id)?;
        let id = self.commit_object(tree, onto, &message, Some(ours.id))?;
        let note = format!("rebase: {} onto {}", ours.id.short(), onto.short());
        self.advance(&ours.branch, ours.id, id, &note)?;
        let committed = Committed { id, parent: onto, branch: ours.branch.clone(), is_new_branch: false };
        Ok(Replaced { committed, replaced: ours.id })
    }

    /// The name of the branch to move, once it is sure that it may be moved.
    fn branch_for(&self, target: &Target, parent: CommitId) -> Result<String, GitError> {
        self.workdir()?;
        match target {
            Target::New(name) => {
                let valid = git2::Branch::name_is_valid(name).unwrap_or(false) && !name.starts_with('-');
                if !valid || name == "HEAD" || crate::model::clean(name) != *name {
                    return Err(GitError::BranchName { name: crate::model::clean(name) });
                }
                match self.branch_tip(name)? {
                    Some(_) => Err(GitError::BranchExists { branch: name.clone() }),
                    None => Ok(name.clone()),
                }
            }
            Target::Current => match self.head()? {
                Head::Unborn { name } => Err(GitError::Unborn { branch: name }),
                Head::Detached { at } => Err(GitError::Detached { at }),
                Head::Branch { name, at } if at != parent => {
                    Err(GitError::Moved { branch: name, expected: parent, actual: Some(at) })
                }
                Head::Branch { name, .. } => self.refuse_busy().map(|()| name),
            },
        }
    }

    fn refuse_busy(&self) -> Result<(), GitError> {
        self.operation()?.map_or(Ok(()), |operation| Err(GitError::Busy { operation }))
    }

    /// Refuses if a branch of a remote, as last seen, contains the commit.
    fn refuse_published(&self, commit: CommitId) -> Result<(), GitError> {
        let tips = self.with(|handle| {
            let failed = GitError::store("cannot read the remote branches");
            let all = handle.references_glob("refs/remotes/*").map_err(&failed)?;
            Ok(all.flatten().filter_map(|tip| tip.target().map(super::ids::commit_id)).collect::<Vec<_>>())
        })?;
        for tip in tips {
            if self.contains(tip, commit)? {
                return Err(GitError::NotTakenBack { commit, cause: "it was pushed already" });
            }
        }
        Ok(())
    }

    /// Writes a commit object through `git commit-tree`, which knows author, committer and signing keys.
    fn commit_object(
        &self,
        tree: ContentId,
        parent: CommitId,
        message: &str,
        author_of: Option<CommitId>,
    ) -> Result<CommitId, GitError> {
        if message.trim().is_empty() {
            return Err(GitError::NoMessage);
        }
        let sign = self.git(&["config", "--type=bool", "--get", "commit.gpgsign"]).run()?;
        let sign = sign.stdout.starts_with(b"true");
        let (tree, parent) = (tree.to_string(), parent.to_string());
        let mut args = vec!["commit-tree", "-p", &parent, "-F", "-"];
        args.extend(sign.then_some("-S"));
        args.push(&tree);
        let mut git = self.git(&args).input(message).within(std::time::Duration::from_mins(2));
        if let Some(old) = author_of {
            for (name, value) in self.author_variables(old)? {
                git = git.env(name, value);
            }
        }
        let output = git.run()?;
        let id = CommitId::parse(String::from_utf8_lossy(&output.stdout).trim());
        match id {
            Some(id) if output.ok => Ok(id),
            _ => Err(not_made(notice(&output.stderr), sign)),
        }
    }

    fn author_variables(&self, commit: CommitId) -> Result<Vec<(&'static str, String)>, GitError> {
        self.with(|handle| {
            let commit = handle
                .find_commit(super::ids::oid(commit.0))
                .map_err(GitError::store("cannot read a commit"))?;
            let author = commit.author();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (time, zone) = (author.when(), author.when().offset_minutes());
            let sign = if zone < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}{:02}", zone.abs() / 60, zone.abs() % 60);
            Ok(vec![
                ("GIT_AUTHOR_NAME", text(author.name_bytes())),
                ("GIT_AUTHOR_EMAIL", text(author.email_bytes())),
                ("GIT_AUTHOR_DATE", format!("{} {zone}", time.seconds())),
            ])
        })
    }

    fn raw_message(&self, commit: CommitId) -> Result<String, GitError> {
        self.with(|handle| {
            let commit = handle
                .find_commit(super::ids::oid(commit.0))
                .map_err(GitError::store("cannot read a commit"))?;
            Ok(String::from_utf8_lossy(commit.message_bytes()).into_owned())
        })
    }
}

fn not_made(output: String, sign: bool) -> GitError {
    let says = |words: &[&str]| words.iter().any(|word| output.contains(word));
    if says(&["tell me who you are", "empty ident", "auto-detect", "invalid ident", "no email was given"]) {
        GitError::NoIdentity { output }
    } else if sign && says(&["sign", "gpg", "key"]) {
        GitError::Signing { output }
    } else if says(&["No space left", "Disk quota", "unable to write", "File too large"]) {
        GitError::Disk { path: "the object store".to_owned(), cause: output }
    } else {
        GitError::Child { command: "commit-tree".to_owned(), output }
    }
}

/// As `git commit -m` does it: no blanks at line ends, no runs of empty lines, one line break at the end.
fn tidy(message: &str) -> String {
    let mut tidy = String::new();
    let mut gap = false;
    for line in message.lines().map(str::trim_end) {
        if line.is_empty() {
            gap = !tidy.is_empty();
            continue;
        }
        if gap {
            tidy.push('\n');
            gap = false;
        }
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy
}
