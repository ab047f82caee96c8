//! Commits, and what they leave alone.

use super::super::testing::{Scratch, ten_lines};
use super::super::*;
use crate::model::CommitId;
use std::os::unix::fs::PermissionsExt;

fn request(parent: CommitId, files: Vec<FileChange>) -> CommitRequest {
    CommitRequest {
        target: Target::Current,
        expected_parent: parent,
        files,
        message: "ours: change\n\n\n".to_owned(),
    }
}

fn app(text: &str) -> Vec<FileChange> {
    vec![FileChange::write("app.yaml", text.as_bytes())]
}

/// Everything that a refusal must leave as it was.
fn everything(scratch: &Scratch) -> (String, String, String, Vec<String>) {
    let mut files: Vec<String> = std::fs::read_dir(scratch.path().join(".git"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "sealane")
        .collect();
    files.sort();
    let left = std::fs::read_dir(scratch.path().join(".git/sealane")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "our own folder is empty");
    (
        scratch.git(&["for-each-ref"]),
        scratch.git(&["status", "--porcelain=v2", "--branch"]),
        scratch.git(&["ls-files", "--stage"]),
        files,
    )
}

#[test]
fn commit_moves_branch_files_and_index_together() {
    let scratch = Scratch::new();
    scratch.write("gone/away.yaml", "x\n");
    scratch.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(scratch.path().join("run.sh"), PermissionsExt::from_mode(0o750)).unwrap();
    let parent = scratch.save("more");
    let repo = scratch.repo();
    let made = repo
        .commit(&request(
            parent,
            vec![
                FileChange::write("app.yaml", *b"new: 1\n"),
                FileChange::write("run.sh", *b"#!/bin/sh\necho\n"),
                FileChange::write("brand/new/file.yaml", *b"n: 1\n"),
                FileChange::remove("gone/away.yaml"),
                FileChange { mode: Some(FileMode::Link), ..FileChange::write("link", *b"app.yaml") },
            ],
        ))
        .unwrap();
    assert_eq!((made.parent, made.branch.as_str(), made.is_new_branch), (parent, "main", false));
    assert_eq!(scratch.head(), made.id);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.read("app.yaml"), "new: 1\n");
    assert_eq!(scratch.read("link"), "new: 1\n");
    assert!(!scratch.path().join("gone").exists(), "an empty folder goes, as with git");
    let bits = scratch.path().join("run.sh").metadata().unwrap().permissions().mode();
    assert_eq!(bits & 0o777, 0o750);
    assert_eq!(
        scratch.git(&["log", "-1", "--format=%an <%ae>|%cn|%B"]).trim_end(),
        "Ada <ada@example.org>|Ada|ours: change"
    );
    assert!(scratch.git(&["reflog", "-1"]).contains("commit: ours: change"));
    assert_eq!(scratch.git(&["fsck", "--strict"]).trim(), "");
    assert!(!scratch.path().join(".git/index.lock").exists());
}

#[test]
fn dirty_files_elsewhere_stay_exactly_as_they_are() {
    let scratch = Scratch::new();
    scratch.write("staged.yaml", "1\n");
    scratch.write("edited.yaml", "1\n");
    let parent = scratch.save("more");
    scratch.write("staged.yaml", "2\n");
    scratch.git(&["add", "staged.yaml"]);
    scratch.write("staged.yaml", "3\n");
    scratch.write("edited.yaml", "2\n");
    scratch.write("untracked.yaml", "u\n");
    scratch.write("added.yaml", "a\n");
    scratch.git(&["add", "-N", "added.yaml"]);
    let before = scratch.git(&["status", "--porcelain"]);
    let repo = scratch.repo();
    let made = repo.commit(&request(parent, app("new: 1\n"))).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), before);
    assert_eq!(scratch.git(&["show", "--format=", "--name-only", &made.id.to_string()]), "app.yaml\n");
    assert_eq!((scratch.read("staged.yaml"), scratch.read("edited.yaml")), ("3\n".into(), "2\n".into()));
    repo.take_back(&made).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), before);
    assert_eq!((scratch.head(), scratch.read("app.yaml")), (parent, ten_lines("app")));
}

/// Something a user does to the worktree.
type Edit<'a> = &'a dyn Fn(&Scratch);

#[test]
fn files_with_changes_of_the_user_are_refused_by_name_before_anything_is_written() {
    let dirty: [(&str, Edit<'_>); 6] = [
        ("edited", &|s| drop(s.write("app.yaml", "mine\n"))),
        ("staged", &|s| {
            s.write("app.yaml", "mine\n");
            s.git(&["add", "app.yaml"]);
        }),
        ("staged, then put back", &|s| {
            s.write("app.yaml", "mine\n");
            s.git(&["add", "app.yaml"]);
            s.write("app.yaml", &ten_lines("app"));
        }),
        ("removed", &|s| std::fs::remove_file(s.path().join("app.yaml")).unwrap()),
        ("a folder now", &|s| {
            std::fs::remove_file(s.path().join("app.yaml")).unwrap();
            s.write("app.yaml/x", "mine");
        }),
        ("a link now", &|s| {
            std::fs::remove_file(s.path().join("app.yaml")).unwrap();
            std::os::unix::fs::symlink("dir", s.path().join("app.yaml")).unwrap();
        }),
    ];
    for (what, make_dirty) in dirty {
        let scratch = Scratch::new();
        let parent = scratch.head();
        make_dirty(&scratch);
        let before = everything(&scratch);
        let error = scratch.repo().commit(&request(parent, app("new: 1\n"))).unwrap_err();
        match &error {
            GitError::Dirty { files } => assert_eq!(files.as_slice(), &["app.yaml".into()], "{what}"),
            other => panic!("{what}: {other}"),
        }
        assert!(error.next_step().contains("stash"));
        assert_eq!(everything(&scratch), before, "{what}");
    }
}

#[test]
fn untracked_and_ignored_files_are_not_overwritten() {
    let scratch = Scratch::new();
    scratch.write(".gitignore", "*.log\n");
    let parent = scratch.save("ignore");
    let outside = tempfile::tempdir().unwrap();
    scratch.write("new.yaml", "mine\n");
    scratch.write("new.log", "mine\n");
    scratch.write("folder/mine.yaml", "mine\n");
    std::os::unix::fs::symlink(outside.path(), scratch.path().join("out")).unwrap();
    let before = everything(&scratch);
    let repo = scratch.repo();
    for (path, named) in [
        ("new.yaml", "new.yaml"),
        ("new.log", "new.log"),
        ("folder", "folder/mine.yaml"),
        ("out/x.yaml", "out"),
    ] {
        let error = repo.commit(&request(parent, vec![FileChange::write(path, *b"ours\n")])).unwrap_err();
        match error {
            GitError::Dirty { files } => assert_eq!(files.as_slice(), &[named.into()]),
            other => panic!("{path}: {other}"),
        }
    }
    assert_eq!(everything(&scratch), before);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn new_branch_leaves_what_is_checked_out_alone() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    scratch.write("app.yaml", "dirty\n");
    let before = scratch.git(&["status", "--porcelain"]);
    let repo = scratch.repo();
    let on = |name: &str| CommitRequest {
        target: Target::New(name.to_owned()),
        ..request(parent, app("new: 1\n"))
    };
    let made = repo.commit(&on("fix/app")).unwrap();
    assert!(made.is_new_branch);
    assert_eq!(repo.branch_tip("fix/app").unwrap(), Some(made.id));
    assert_eq!((scratch.head(), scratch.read("app.yaml")), (parent, "dirty\n".to_owned()));
    assert_eq!(scratch.git(&["status", "--porcelain"]), before);
    assert_eq!(scratch.git(&["show", "fix/app:app.yaml"]), "new: 1\n");
    assert!(matches!(repo.commit(&on("fix/app")), Err(GitError::BranchExists { .. })));
    for name in ["", "-x", "a..b", "a b", "HEAD", "x.lock", "a\u{1b}b", "fix"] {
        let error = repo.commit(&on(name)).unwrap_err();
        assert!(matches!(error, GitError::BranchName { .. }), "{name:?}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
    repo.take_back(&made).unwrap();
    assert_eq!(repo.branch_tip("fix/app").unwrap(), None);
}

#[test]
fn branch_that_moved_meanwhile_is_told() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    let actual = scratch.save("meanwhile");
    let before = everything(&scratch);
    let error = scratch.repo().commit(&request(parent, app("new: 1\n"))).unwrap_err();
    assert!(
        matches!(&error, GitError::Moved { expected, actual: Some(now), .. } if (*expected, *now) == (parent, actual)),
        "{error}"
    );
    assert!(!error.next_step().is_empty());
    assert_eq!(everything(&scratch), before);
}

#[test]
fn hooks_see_the_new_commit_and_may_refuse_it() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    scratch.write("unrelated.yaml", "dirty\n");
    scratch.hook(
        "pre-commit",
        "git diff --cached --name-only; cat app.yaml; git symbolic-ref HEAD; printf '\\033[31mno\\n' >&2; exit 1",
    );
    let before = everything(&scratch);
    let error = scratch.repo().commit(&request(parent, app("new: 1\n"))).unwrap_err();
    match &error {
        GitError::HookRefused { hook, output } => {
            assert_eq!(hook, "pre-commit");
            assert_eq!(output.lines().next(), Some("app.yaml"), "only our change is staged");
            for word in ["new: 1", "refs/heads/main", "␛[31mno"] {
                assert!(output.contains(word), "{output}");
            }
        }
        other => panic!("{other}"),
    }
    assert!(error.next_step().contains("never skipped"));
    assert_eq!(everything(&scratch), before);
    assert_eq!(scratch.head(), parent);
}

#[test]
fn hooks_may_change_the_message_but_not_the_files() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    scratch.hook("pre-commit", "test -f app.yaml && test -f dir/deep/web.yaml && test ! -e unrelated.yaml");
    scratch.hook("prepare-commit-msg", "test \"$2\" = message && echo 'Prepared: yes' >> \"$1\"");
    scratch.hook("commit-msg", "grep -q '^ours: ' \"$1\" && echo 'Change-Id: I1' >> \"$1\"");
    scratch.write("unrelated.yaml", "dirty\n");
    let repo = scratch.repo();
    let made = repo.commit(&request(parent, app("new: 1\n"))).unwrap();
    let message = scratch.git(&["log", "-1", "--format=%B"]);
    assert_eq!(message.trim_end(), "ours: change\nPrepared: yes\nChange-Id: I1");
    scratch.hook("pre-commit", "echo more >> app.yaml && git add app.yaml");
    let before = everything(&scratch);
    let error = repo.commit(&request(made.id, app("new: 2\n"))).unwrap_err();
    assert!(
        matches!(&error, GitError::HookRefused { output, .. } if output.contains("changed the files")),
        "{error}"
    );
    assert_eq!(everything(&scratch), before);
    scratch.hook("pre-commit", "exit 0");
    scratch.hook("commit-msg", "echo 'say why' >&2; exit 1");
    let error = repo.commit(&request(made.id, app("new: 2\n"))).unwrap_err();
    assert!(
        matches!(&error, GitError::HookRefused { hook, output } if hook == "commit-msg" && output == "say why")
    );
    assert_eq!(everything(&scratch), before);
}

#[test]
fn hook_that_guards_refs_may_refuse() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    scratch
        .hook("reference-transaction", "test \"$1\" != prepared || { echo 'main is frozen' >&2; exit 1; }");
    let before = (scratch.head(), scratch.git(&["status", "--porcelain"]));
    let error = scratch.repo().commit(&request(parent, app("new: 1\n"))).unwrap_err();
    assert!(
        matches!(&error, GitError::HookRefused { hook, .. } if hook == "reference-transaction"),
        "{error}"
    );
    assert!(error.to_string().contains("main is frozen"), "{error}");
    assert_eq!((scratch.head(), scratch.git(&["status", "--porcelain"])), before);
    assert_eq!(scratch.read("app.yaml"), ten_lines("app"));
}

#[test]
fn signing_is_done_by_git_as_configured() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    let signer = scratch.write(
        ".git/signer",
        "#!/bin/sh\ncat >/dev/null\necho >&2\necho '[GNUPG:] SIG_CREATED x' >&2\necho '-----BEGIN PGP SIGNATURE-----'\necho 'abc'\necho '-----END PGP SIGNATURE-----'\n",
    );
    std::fs::set_permissions(&signer, PermissionsExt::from_mode(0o755)).unwrap();
    scratch.git(&["config", "commit.gpgsign", "true"]);
    scratch.git(&["config", "gpg.program", signer.to_str().unwrap()]);
    let repo = scratch.repo();
    let made = repo.commit(&request(parent, app("new: 1\n"))).unwrap();
    assert!(
        scratch.git(&["cat-file", "-p", &made.id.to_string()]).contains("gpgsig -----BEGIN PGP SIGNATURE")
    );
    std::fs::write(&signer, "#!/bin/sh\necho 'no secret key' >&2\nexit 1\n").unwrap();
    let before = everything(&scratch);
    let error = repo.commit(&request(made.id, app("new: 2\n"))).unwrap_err();
    assert!(matches!(&error, GitError::Signing { output } if output.contains("sign")), "{error}");
    assert_eq!(everything(&scratch), before);
}

#[test]
fn unknown_author_is_told_with_the_commands() {
    let scratch = Scratch::new();
    scratch.git(&["config", "user.name", ""]);
    let before = everything(&scratch);
    let error = scratch.repo().commit(&request(scratch.head(), app("new: 1\n"))).unwrap_err();
    assert!(matches!(error, GitError::NoIdentity { .. }), "{error}");
    assert!(error.next_step().contains("git config user.name"));
    assert_eq!(everything(&scratch), before);
}

#[test]
fn nothing_and_no_message_make_no_commit() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let same = request(scratch.head(), app(&ten_lines("app")));
    assert!(matches!(repo.commit(&same), Err(GitError::Nothing)));
    let silent = CommitRequest { message: " \n".to_owned(), ..request(scratch.head(), app("x\n")) };
    assert!(matches!(repo.commit(&silent), Err(GitError::NoMessage)));
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    for path in [
        "",
        "/etc/x",
        "../x",
        "a/../x",
        "a//b",
        "a/",
        ".git/config",
        ".GIT/config",
        "dir/.git/x",
        "git~1/x",
        ".git./x",
        ".git ",
        "a\\b",
        "a\nb",
        "a\u{1b}",
        "app.yaml/below",
        "dir",
    ] {
        let error = repo.commit(&request(scratch.head(), vec![FileChange::write(path, *b"x")])).unwrap_err();
        assert!(matches!(error, GitError::Path { .. }), "{path:?}: {error}");
        assert!(!error.to_string().chars().any(char::is_control));
    }
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn file_may_become_a_folder_and_a_folder_a_file() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let there = repo
        .commit(&request(
            scratch.head(),
            vec![
                FileChange::remove("app.yaml"),
                FileChange::write("app.yaml/inside.yaml", *b"x\n"),
                FileChange::remove("dir/deep/web.yaml"),
                FileChange::write("dir", *b"a file now\n"),
            ],
        ))
        .unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(
        (scratch.read("app.yaml/inside.yaml"), scratch.read("dir")),
        ("x\n".into(), "a file now\n".into())
    );
    repo.take_back(&there).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.read("dir/deep/web.yaml"), ten_lines("web"));
}

#[test]
fn line_ends_and_filters_of_the_user_are_honoured() {
    let scratch = Scratch::new();
    scratch.write(".gitattributes", "*.crlf text eol=crlf\n*.up filter=up\n");
    scratch.git(&["config", "filter.up.clean", "tr A-Z a-z"]);
    scratch.git(&["config", "filter.up.smudge", "tr a-z A-Z"]);
    scratch.write("a.crlf", "one\r\n");
    scratch.write("b.up", "LOUD\n");
    let parent = scratch.save("filters");
    let files = vec![FileChange::write("a.crlf", *b"one\ntwo\n"), FileChange::write("b.up", *b"quiet\n")];
    let repo = scratch.repo();
    let made = repo.commit(&request(parent, files)).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!((scratch.read("a.crlf"), scratch.read("b.up")), ("one\r\ntwo\r\n".into(), "QUIET\n".into()));
    assert_eq!(scratch.git(&["show", "HEAD:b.up"]), "quiet\n");
    repo.take_back(&made).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn only_the_last_unpushed_commit_is_taken_back() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    let repo = scratch.repo();
    let first = repo.commit(&request(parent, app("new: 1\n"))).unwrap();
    let second = repo.commit(&request(first.id, app("new: 2\n"))).unwrap();
    let error = repo.take_back(&first).unwrap_err();
    assert!(error.to_string().contains("not the newest"), "{error}");
    scratch.git(&["update-ref", "refs/remotes/origin/main", &second.id.to_string()]);
    let error = repo.take_back(&second).unwrap_err();
    assert!(error.to_string().contains("pushed already"), "{error}");
    assert!(error.next_step().contains("revert"));
    scratch.git(&["update-ref", "refs/remotes/origin/main", &first.id.to_string()]);
    scratch.write("app.yaml", "mine\n");
    assert!(matches!(repo.take_back(&second), Err(GitError::Dirty { .. })));
    scratch.git(&["checkout", "-q", "app.yaml"]);
    repo.take_back(&second).unwrap();
    assert_eq!((scratch.head(), scratch.read("app.yaml")), (first.id, "new: 1\n".to_owned()));
    assert_eq!(scratch.git(&["cat-file", "-t", &second.id.to_string()]).trim(), "commit");
    assert!(scratch.git(&["reflog"]).contains("take back"));
}

#[test]
fn linked_worktrees_and_subfolders_work_alike() {
    let scratch = Scratch::new();
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("linked");
    scratch.git(&["worktree", "add", "-q", "-b", "linked", path.to_str().unwrap()]);
    scratch.hook("pre-commit", "test \"$(git symbolic-ref HEAD)\" = refs/heads/linked");
    let repo = Repo::open(&path.join("dir")).unwrap();
    let made = repo.commit(&request(scratch.head(), app("new: 1\n"))).unwrap();
    assert_eq!(made.branch, "linked");
    assert_eq!(std::fs::read_to_string(path.join("app.yaml")).unwrap(), "new: 1\n");
    assert_eq!(super::super::testing::git_in(&path, &["status", "--porcelain"]), "");
    assert_eq!(scratch.read("app.yaml"), ten_lines("app"));
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn two_writers_at_once_never_mix() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    let results: Vec<Result<Committed, GitError>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let repo = scratch.repo();
                scope.spawn(move || repo.commit(&request(parent, app(&format!("writer: {number}\n")))))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let made: Vec<usize> = (0..4).filter(|number| results[*number].is_ok()).collect();
    assert_eq!(made.len(), 1, "{results:?}");
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let told = matches!(error, GitError::Moved { .. } | GitError::Locked { .. } | GitError::Dirty { .. });
        assert!(told, "{error}");
    }
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.read("app.yaml"), format!("writer: {}\n", made[0]));
    assert_eq!(scratch.git(&["rev-list", "--count", "HEAD"]).trim(), "2");
}

#[test]
fn lock_of_another_git_is_respected() {
    let scratch = Scratch::new();
    let lock = scratch.write(".git/index.lock", "another git");
    let error = scratch.repo().commit(&request(scratch.head(), app("x\n"))).unwrap_err();
    assert!(matches!(&error, GitError::Locked { file } if file.ends_with("index.lock")), "{error}");
    assert_eq!(std::fs::read_to_string(lock).unwrap(), "another git");
    assert_eq!(scratch.read("app.yaml"), ten_lines("app"));
}

#[test]
fn unpushed_commit_is_put_on_top_of_theirs() {
    let scratch = Scratch::new();
    let parent = scratch.head();
    scratch.git(&["checkout", "-q", "-b", "theirs"]);
    scratch.write("theirs.yaml", "t\n");
    let theirs = scratch.save("theirs");
    scratch.git(&["checkout", "-q", "main"]);
    let repo = scratch.repo();
    let ours = repo.commit(&request(parent, app("new: 1\n"))).unwrap();
    let author = scratch.git(&["log", "-1", "--format=%an %ae %at"]);
    let change = repo.replay(&[ours.id], theirs, &|_, _, _, _| None).unwrap();
    scratch.write("mine.yaml", "untracked\n");
    let replaced = repo.replace_unpushed(&ours, change.onto, &change.files).unwrap();
    assert_eq!((replaced.replaced, replaced.committed.parent), (ours.id, theirs));
    assert_eq!(scratch.head(), replaced.committed.id);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "?? mine.yaml\n");
    assert_eq!((scratch.read("app.yaml"), scratch.read("theirs.yaml")), ("new: 1\n".into(), "t\n".into()));
    assert_eq!(scratch.git(&["log", "-1", "--format=%an %ae %at"]), author);
    assert_eq!(scratch.git(&["log", "-1", "--format=%s"]), "ours: change\n");
    assert!(scratch.git(&["reflog"]).contains(&ours.id.short()), "the old commit can be found");
    // Commits below ours that theirs does not have would be lost.
    let below = repo.commit(&request(replaced.committed.id, app("new: 2\n"))).unwrap();
    let error = repo.replace_unpushed(&below, theirs, &app("x\n")).unwrap_err();
    assert!(matches!(error, GitError::NotTakenBack { .. }), "{error}");
}
