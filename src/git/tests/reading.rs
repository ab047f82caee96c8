//! Trees, history and blame agree with what the system git says.

use super::super::testing::{Scratch, ten_lines};
use super::super::*;
use crate::model::{ChangeKind, CommitId, EntryKind, Revision, Tree};
use std::sync::Arc;

fn files(tree: &dyn Tree, folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (name, entry) in tree.list(folder).unwrap().unwrap() {
        let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        match entry.kind {
            EntryKind::Folder => all.extend(files(tree, &path)),
            _ => all.push(path),
        }
    }
    all
}

fn ids(scratch: &Scratch, args: &[&str]) -> Vec<CommitId> {
    scratch.git(args).lines().filter_map(CommitId::parse).collect()
}

fn is_shared<T: Send + Sync + 'static>(_: &T) {}

#[test]
fn commit_index_and_clean_worktree_are_the_same_tree() {
    let scratch = Scratch::new();
    std::os::unix::fs::symlink("app.yaml", scratch.path().join("link")).unwrap();
    scratch.write("a.b/x", "1");
    scratch.write("a/x", "2");
    scratch.write("a-b", "3");
    let head = scratch.save("names that git and bytes sort differently");
    let repo = scratch.repo();
    is_shared(&repo);
    let commit = repo.tree(Revision::Commit(head)).unwrap();
    let index = repo.tree(Revision::Index).unwrap();
    let worktree = repo.tree(Revision::Worktree).unwrap();
    assert_eq!(commit.id().to_string(), scratch.git(&["rev-parse", "HEAD^{tree}"]).trim());
    assert_eq!(commit.id(), index.id());
    assert_eq!(commit.id(), worktree.id());
    let expected = ["a/x", "a-b", "a.b/x", "app.yaml", "dir/deep/web.yaml", "link"];
    for tree in [commit, index, worktree] {
        let mut found = files(tree.as_ref(), "");
        found.sort_by_key(|path| path.replace('/', "\u{1}"));
        assert_eq!(found, expected);
        assert_eq!(tree.entry("link").unwrap().unwrap().kind, EntryKind::Link);
        let app = tree.entry("app.yaml").unwrap().unwrap();
        assert_eq!(tree.read(app.id).unwrap().as_ref(), ten_lines("app").as_bytes());
        assert!(tree.entry("app.yaml/below").unwrap().is_none());
        assert!(tree.entry("nothing").unwrap().is_none());
        assert!(tree.list("app.yaml").unwrap().is_none());
    }
}

#[test]
fn worktree_shows_changes_new_files_and_removals_but_nothing_ignored() {
    let scratch = Scratch::new();
    scratch.write(".gitignore", "*.log\nbuild/\n");
    scratch.save("ignore");
    scratch.write("app.yaml", "changed: true\n");
    scratch.write("new/file.yaml", "new: true\n");
    scratch.write("noise.log", "x");
    scratch.write("build/out.yaml", "x");
    std::fs::remove_file(scratch.path().join("dir/deep/web.yaml")).unwrap();
    let repo = scratch.repo();
    let tree = repo.tree(Revision::Worktree).unwrap();
    assert_eq!(files(tree.as_ref(), ""), [".gitignore", "app.yaml", "new/file.yaml"]);
    let app = tree.entry("app.yaml").unwrap().unwrap();
    assert_eq!(app.id.to_string(), scratch.git(&["hash-object", "app.yaml"]).trim());
    assert_eq!(tree.read(app.id).unwrap().as_ref(), b"changed: true\n");
    // The index is still as committed.
    assert_eq!(repo.changed(Revision::Commit(scratch.head()), Revision::Index).unwrap(), []);
    let changed = repo.changed(Revision::Index, Revision::Worktree).unwrap();
    let told: Vec<_> = changed.iter().map(|change| (change.path.as_ref(), change.kind())).collect();
    assert_eq!(
        told,
        [
            ("app.yaml", ChangeKind::Modified),
            ("dir/deep/web.yaml", ChangeKind::Removed),
            ("new/file.yaml", ChangeKind::Added)
        ]
    );
    // A tree once taken stays readable when the file changes again.
    scratch.write("app.yaml", "changed: again\n");
    assert_eq!(tree.read(app.id).unwrap().as_ref(), b"changed: true\n");
    let dirty = repo.status().unwrap().dirty;
    assert_eq!(dirty, Dirty { staged: 0, unstaged: 2, untracked: 1, conflicted: 0 });
}

#[test]
fn changed_agrees_with_git_diff_tree() {
    let scratch = Scratch::new();
    let first = scratch.head();
    scratch.write("dir/deep/web.yaml", "other\n");
    scratch.write("dir/new.yaml", "n\n");
    std::fs::remove_file(scratch.path().join("app.yaml")).unwrap();
    scratch.write("app.yaml/now-a-folder", "f\n");
    let second = scratch.save("second");
    let repo = scratch.repo();
    let ours = repo.changed_by(second).unwrap();
    let between = repo.changed(Revision::Commit(first), Revision::Commit(second)).unwrap();
    assert_eq!(ours, between);
    let ours: Vec<String> = ours
        .iter()
        .map(|change| {
            let sign = match change.kind() {
                ChangeKind::Added => "A",
                ChangeKind::Modified => "M",
                ChangeKind::Removed => "D",
            };
            format!("{sign}\t{}", change.path)
        })
        .collect();
    let theirs = scratch.git(&["diff-tree", "-r", "--no-renames", "--name-status", "HEAD^", "HEAD"]);
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
    assert_eq!(repo.changed_by(first).unwrap().len(), 2, "a first commit adds everything");
}

#[test]
fn names_resolve() {
    let scratch = Scratch::new();
    let first = scratch.head();
    scratch.git(&["tag", "-a", "v1", "-m", "one"]);
    let second = scratch.save("second");
    let repo = scratch.repo();
    for name in ["v1", "HEAD~1", "main^", &first.to_string()[..8], &first.to_string()] {
        assert_eq!(repo.resolve(name).unwrap(), first, "{name}");
    }
    let error = repo.resolve("no\u{1b}such").unwrap_err();
    assert!(matches!(error, GitError::NoSuchRevision { .. }));
    assert!(!error.to_string().contains('\u{1b}'));
    assert!(!error.next_step().is_empty());
    let commit = repo.commit_at(second).unwrap();
    assert_eq!((commit.author.as_ref(), commit.subject.as_ref()), ("Ada", "second"));
    assert_eq!(commit.parents, [first]);
}

/// Two branches that change different files, merged.
fn forked() -> Scratch {
    let scratch = Scratch::new();
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.write("dir/deep/web.yaml", &ten_lines("web").replace("web3", "WEB3"));
    scratch.save("side one");
    scratch.write("side.yaml", "s\n");
    scratch.save("side two");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("app.yaml", &ten_lines("app").replace("app5", "APP5"));
    scratch.save("main one");
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merge side", "side"]);
    scratch.write("app.yaml", &ten_lines("app").replace("app9", "APP9"));
    scratch.save("main two");
    scratch
}

#[test]
fn log_agrees_with_git_log() {
    let scratch = forked();
    let repo = scratch.repo();
    let head = scratch.head();
    let ours = |options: &LogOptions| -> Vec<CommitId> {
        repo.log(head, options).unwrap().into_iter().map(|commit| commit.id).collect()
    };
    assert_eq!(ours(&LogOptions::default()), ids(&scratch, &["log", "--format=%H"]));
    assert_eq!(
        ours(&LogOptions { first_parent: true, ..LogOptions::default() }),
        ids(&scratch, &["log", "--first-parent", "--format=%H"])
    );
    assert_eq!(
        ours(&LogOptions { skip: 1, limit: Some(2), ..LogOptions::default() }),
        ids(&scratch, &["log", "--skip=1", "-2", "--format=%H"])
    );
    let side = repo.resolve("side").unwrap();
    assert_eq!(
        ours(&LogOptions { without: vec![side], ..LogOptions::default() }),
        ids(&scratch, &["log", "--format=%H", "HEAD", "^side"])
    );
    for path in ["app.yaml", "dir", "dir/deep/web.yaml", "side.yaml", "nothing"] {
        let found = repo.log_of_paths(&[Arc::from(path)], head, usize::MAX).unwrap();
        let found: Vec<CommitId> = found.into_iter().map(|commit| commit.id).collect();
        assert_eq!(found, ids(&scratch, &["log", "--format=%H", "--", path]), "{path}");
    }
}

#[test]
fn blame_agrees_with_git_blame() {
    let scratch = forked();
    scratch.git(&["mv", "app.yaml", "renamed.yaml"]);
    scratch.save("move");
    scratch.write("renamed.yaml", &format!("top\n{}", scratch.read("renamed.yaml").replace("app2", "APP2")));
    let head = scratch.save("after the move");
    let repo = scratch.repo();
    for path in ["renamed.yaml", "dir/deep/web.yaml"] {
        let ours: Vec<CommitId> = repo
            .blame(path, Revision::Commit(head), None)
            .unwrap()
            .into_iter()
            .map(|line| line.commit.unwrap())
            .collect();
        let theirs: Vec<CommitId> = scratch
            .git(&["blame", "--porcelain", path])
            .lines()
            .filter(|line| !line.starts_with('\t'))
            .filter_map(|line| CommitId::parse(line.split(' ').next()?))
            .collect();
        assert_eq!(ours, theirs, "{path}");
    }
    let some = repo.blame("renamed.yaml", Revision::Commit(head), Some(2..=3)).unwrap();
    assert_eq!(some.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(some[0].path.as_ref(), "app.yaml", "written before the move");

    scratch.write("renamed.yaml", &format!("not yet committed\n{}", scratch.read("renamed.yaml")));
    let now = repo.blame("renamed.yaml", Revision::Worktree, None).unwrap();
    assert_eq!(now[0].commit, None);
    assert_eq!(now[1].commit, Some(head));
}

#[test]
fn fingerprint_changes_exactly_with_the_repository() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let mut last = (repo.fingerprint(), repo.worktree_fingerprint());
    assert_eq!(last, (repo.fingerprint(), repo.worktree_fingerprint()));
    scratch.write("app.yaml", "x");
    assert_eq!(last.0, repo.fingerprint(), "an edit does not touch git");
    assert_ne!(last.1, repo.worktree_fingerprint());
    for step in [
        &["add", "-A"][..],
        &["commit", "-qm", "x"],
        &["branch", "a/b/c"],
        &["tag", "t"],
        &["checkout", "-q", "a/b/c"],
    ] {
        last = (repo.fingerprint(), last.1);
        scratch.git(step);
        assert_ne!(last.0, repo.fingerprint(), "{step:?}");
    }
    let before = repo.worktree_fingerprint();
    scratch.write("dir/deep/new.yaml", "x");
    assert_ne!(before, repo.worktree_fingerprint());
}

#[test]
fn many_threads_read_at_once() {
    let scratch = forked();
    let repo = scratch.repo();
    let head = scratch.head();
    let expected = repo.tree(Revision::Commit(head)).unwrap().id();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let tree = repo.tree(Revision::Worktree).unwrap();
                    assert_eq!(tree.id(), expected);
                    for path in files(tree.as_ref(), "") {
                        let entry = tree.entry(&path).unwrap().unwrap();
                        assert_eq!(id_of(&tree.read(entry.id).unwrap()), entry.id);
                    }
                    assert_eq!(repo.log(head, &LogOptions::default()).unwrap().len(), 6);
                }
            });
        }
    });
}

#[test]
fn status_tells_branch_upstream_and_distance() {
    let scratch = Scratch::new();
    let origin = tempfile::tempdir().unwrap();
    let url = origin.path().to_str().unwrap();
    scratch.git(&["clone", "-q", "--bare", ".", url]);
    scratch.git(&["remote", "add", "origin", url]);
    scratch.git(&["fetch", "-q", "origin"]);
    let repo = scratch.repo();
    assert_eq!(repo.status().unwrap().upstream, None);
    scratch.git(&["branch", "-q", "-u", "origin/main"]);
    let pushed = scratch.head();
    let head = scratch.save("not pushed");
    let status = repo.status().unwrap();
    assert_eq!(status.head, Head::Branch { name: "main".to_owned(), at: head });
    let upstream = status.upstream.unwrap();
    assert_eq!((upstream.remote.as_str(), upstream.branch.as_str()), ("origin", "main"));
    assert_eq!((upstream.at, upstream.ahead, upstream.behind), (Some(pushed), 1, 0));
    assert_eq!(repo.remote_tip("origin", "main").unwrap(), Some(pushed));
}
