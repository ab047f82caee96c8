//! Every line about git of the issue's "Bad input": a cause, a next step, and everything else still works.

use super::super::testing::{Scratch, git_in, ten_lines};
use super::super::*;
use crate::model::{Revision, TreeError};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn told(error: &GitError) -> (String, String) {
    let problem = error.problem();
    assert!(!problem.cause.chars().any(|letter| letter.is_control() && letter != '\n'), "{}", problem.cause);
    (problem.cause, problem.next)
}

fn commit(repo: &Repo, parent: crate::model::CommitId) -> Result<Committed, GitError> {
    repo.commit(&CommitRequest {
        target: Target::Current,
        expected_parent: parent,
        files: vec![FileChange::write("app.yaml", *b"new\n")],
        message: "change".to_owned(),
    })
}

#[test]
fn no_repository_is_said_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("not/there")] {
        let error = Repo::open(&path).err().unwrap();
        let (cause, next) = told(&error);
        assert!(matches!(error, GitError::NotARepository { .. }));
        assert!(cause.contains("is not inside a git repository"), "{cause}");
        assert!(next.contains("clone"), "{next}");
    }
}

#[test]
fn repository_is_found_from_a_folder_inside() {
    let scratch = Scratch::new();
    let repo = Repo::open(&scratch.path().join("dir/deep")).unwrap();
    assert_eq!(repo.root().canonicalize().unwrap(), scratch.path().canonicalize().unwrap());
}

#[test]
fn bare_repository_is_readable_and_refuses_commits() {
    let scratch = Scratch::new();
    let bare = tempfile::tempdir().unwrap();
    scratch.git(&["clone", "-q", "--bare", ".", bare.path().to_str().unwrap()]);
    let repo = Repo::open(bare.path()).unwrap();
    let status = repo.status().unwrap();
    assert!(status.bare && status.dirty.is_clean());
    let tree = repo.tree(Revision::Commit(scratch.head())).unwrap();
    assert!(tree.entry("app.yaml").unwrap().is_some());
    assert!(matches!(repo.tree(Revision::Worktree), Err(GitError::Bare)));
    let error = commit(&repo, scratch.head()).unwrap_err();
    assert!(told(&error).1.contains("worktree"));
}

#[test]
fn empty_repository_has_an_unborn_head_and_empty_trees() {
    let scratch = Scratch::empty();
    let repo = scratch.repo();
    let status = repo.status().unwrap();
    assert_eq!(status.head, Head::Unborn { name: "main".to_owned() });
    assert!(status.dirty.is_clean());
    assert_eq!(repo.tree(Revision::Index).unwrap().list("").unwrap().unwrap(), []);
    scratch.write("a.yaml", "a: 1\n");
    let tree = repo.tree(Revision::Worktree).unwrap();
    assert!(tree.entry("a.yaml").unwrap().is_some());
    assert_eq!(repo.blame("a.yaml", Revision::Worktree, None).unwrap()[0].commit, None);
    assert!(matches!(repo.resolve("HEAD"), Err(GitError::NoSuchRevision { .. } | GitError::Unborn { .. })));
    let error = commit(&repo, crate::model::CommitId([7; 20])).unwrap_err();
    assert!(matches!(&error, GitError::Unborn { branch } if branch == "main"), "{error}");
    assert!(told(&error).1.contains("first commit"));
}

#[test]
fn detached_head_reads_and_commits_only_to_a_new_branch() {
    let scratch = Scratch::new();
    let head = scratch.head();
    scratch.git(&["checkout", "-q", "--detach"]);
    let repo = scratch.repo();
    assert_eq!(repo.status().unwrap().head, Head::Detached { at: head });
    let error = commit(&repo, head).unwrap_err();
    assert!(matches!(error, GitError::Detached { .. }));
    assert!(told(&error).1.contains("branch"));
    let request = CommitRequest {
        target: Target::New("fix".to_owned()),
        expected_parent: head,
        files: vec![FileChange::write("app.yaml", *b"new\n")],
        message: "change".to_owned(),
    };
    let made = repo.commit(&request).unwrap();
    assert_eq!(repo.branch_tip("fix").unwrap(), Some(made.id));
    assert_eq!(repo.status().unwrap().head, Head::Detached { at: head });
}

#[test]
fn shallow_clone_ends_where_it_ends_and_says_so() {
    let scratch = Scratch::new();
    for number in 0..4 {
        scratch.write("app.yaml", &ten_lines(&format!("app{number}")));
        scratch.save("more");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", scratch.path().display());
    git_in(folder.path(), &["clone", "-q", "--depth", "2", &url, "."]);
    let repo = Repo::open(folder.path()).unwrap();
    assert!(repo.status().unwrap().shallow);
    let head = repo.resolve("HEAD").unwrap();
    let log = repo.log(head, &LogOptions::default()).unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].parents, []);
    assert_eq!(repo.blame("app.yaml", Revision::Commit(head), None).unwrap().len(), 10);
    let error = repo.changed_by(log[1].id).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }));
    assert!(told(&error).1.contains("--unshallow"));
    assert!(matches!(repo.revert(&[log[1].id], head, &|_, _, _, _| None), Err(GitError::Shallow { .. })));
    assert!(repo.revert(&[head], head, &|_, _, _, _| None).is_ok());
}

#[test]
fn merge_in_progress_reads_ours_and_refuses_commits() {
    let scratch = Scratch::new();
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.write("app.yaml", "side\n");
    scratch.save("side");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("app.yaml", "main\n");
    let head = scratch.save("main");
    let merge = std::process::Command::new("git")
        .args(["merge", "-q", "side"])
        .current_dir(scratch.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(!merge.status.success());
    let repo = scratch.repo();
    let status = repo.status().unwrap();
    assert_eq!(status.operation, Some(Operation::Merge));
    assert_eq!(status.dirty.conflicted, 1);
    let index = repo.tree(Revision::Index).unwrap();
    let ours = index.entry("app.yaml").unwrap().unwrap();
    assert_eq!(index.read(ours.id).unwrap().as_ref(), b"main\n");
    assert!(repo.tree(Revision::Worktree).unwrap().entry("app.yaml").unwrap().is_some());
    let error = commit(&repo, head).unwrap_err();
    let (cause, next) = told(&error);
    assert_eq!(cause, "a merge is in progress");
    assert!(next.contains("git merge --abort"));
    assert_eq!(scratch.head(), head);
}

#[test]
fn submodules_are_named_and_not_entered() {
    let inner = Scratch::new();
    let scratch = Scratch::new();
    scratch.git(&["submodule", "add", "-q", inner.path().to_str().unwrap(), "lib"]);
    let head = scratch.save("submodule");
    let repo = scratch.repo();
    assert_eq!(repo.status().unwrap().submodules, 1);
    for revision in [Revision::Commit(head), Revision::Index, Revision::Worktree] {
        let tree = repo.tree(revision).unwrap();
        assert_eq!(tree.entry("lib").unwrap().unwrap().kind, crate::model::EntryKind::Submodule);
        assert!(tree.list("lib").unwrap().is_none());
        assert!(tree.entry("lib/app.yaml").unwrap().is_none());
        let problems = repo.problems(revision).unwrap();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].place.as_ref().unwrap().file.as_ref(), "lib");
        assert!(problems[0].cause.contains("submodule") && !problems[0].next.is_empty());
    }
    let error = repo.revert(&[head], head, &|_, _, _, _| None).unwrap_err();
    assert!(told(&error).0.contains("lib"), "{error}");
    let inside = CommitRequest {
        target: Target::Current,
        expected_parent: head,
        files: vec![FileChange::write("lib/app.yaml", *b"x")],
        message: "x".to_owned(),
    };
    assert!(matches!(repo.commit(&inside), Err(GitError::Path { .. })));
    // What does not touch the submodule goes on.
    let made = commit(&repo, head).unwrap();
    assert_eq!(scratch.head(), made.id);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
}

#[test]
fn lfs_pointers_are_told_apart() {
    let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n");
    let found = lfs_pointer(pointer.as_bytes()).unwrap();
    assert_eq!((found.oid.as_str(), found.bytes), (oid, 12345));
    for other in ["", "a: 1\n", "version https://git-lfs.github.com/spec/v1\n", &pointer.replace('4', "x")] {
        assert_eq!(lfs_pointer(other.as_bytes()), None, "{other}");
    }
    let scratch = Scratch::new();
    scratch.write("dir/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    scratch.write("dir/big.bin", &pointer);
    let head = scratch.save("lfs");
    let problems = scratch.repo().problems(Revision::Commit(head)).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place.as_ref().unwrap().file.as_ref(), "dir/big.bin");
    assert!(problems[0].cause.contains("12345"), "{}", problems[0].cause);
    assert!(!problems[0].next.is_empty());
}

#[test]
fn links_are_entries_and_never_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.yaml"), "canary").unwrap();
    let scratch = Scratch::new();
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, scratch.path().join(name)).unwrap();
    };
    link(outside.path(), "out");
    link(Path::new("../../up.yaml"), "up.yaml");
    link(Path::new("loop-b"), "loop-a");
    link(Path::new("loop-a"), "loop-b");
    link(Path::new("dir/deep/web.yaml"), "inside.yaml");
    let repo = scratch.repo();
    let untracked = repo.tree(Revision::Worktree).unwrap();
    let head = scratch.save("links");
    for tree in
        [untracked, repo.tree(Revision::Worktree).unwrap(), repo.tree(Revision::Commit(head)).unwrap()]
    {
        for name in ["out", "up.yaml", "loop-a", "loop-b", "inside.yaml"] {
            let entry = tree.entry(name).unwrap().unwrap();
            assert_eq!(entry.kind, crate::model::EntryKind::Link, "{name}");
            assert!(!String::from_utf8_lossy(&tree.read(entry.id).unwrap()).contains("canary"));
        }
        assert!(tree.entry("out/secret.yaml").unwrap().is_none());
        assert!(tree.list("out").unwrap().is_none());
    }
    let problems = repo.problems(Revision::Commit(head)).unwrap();
    let places: Vec<&str> = problems.iter().map(|p| p.place.as_ref().unwrap().file.as_ref()).collect();
    assert_eq!(places, ["out", "up.yaml"]);
    assert!(problems.iter().all(|problem| !problem.next.is_empty()));
}

#[test]
fn file_swapped_for_a_link_is_not_read_through_it() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x"), "canary").unwrap();
    let scratch = Scratch::new();
    // Too large to be kept, so that it is read again.
    scratch.write("large.yaml", &"a: 1\n".repeat(100_000));
    let repo = scratch.repo();
    let tree = repo.tree(Revision::Worktree).unwrap();
    let entry = tree.entry("large.yaml").unwrap().unwrap();
    std::fs::remove_file(scratch.path().join("large.yaml")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("x"), scratch.path().join("large.yaml")).unwrap();
    match tree.read(entry.id) {
        Ok(content) => assert_eq!(id_of(&content), entry.id),
        Err(error) => assert!(error.to_string().contains("large.yaml"), "{error}"),
    }
}

#[test]
fn odd_names_are_kept_out_named_and_survive_our_commits() {
    let scratch = Scratch::new();
    let odd: [&[u8]; 4] =
        [b"a\nb.yaml", b"esc\x1b[31m.yaml", b"latin-\xe9.yaml", "rtl\u{202e}.yaml".as_bytes()];
    for name in odd {
        std::fs::write(scratch.path().join(std::ffi::OsStr::from_bytes(name)), "x: 1\n").unwrap();
    }
    std::fs::create_dir(scratch.path().join("sub\tfolder")).unwrap();
    std::fs::write(scratch.path().join("sub\tfolder/x.yaml"), "x: 1\n").unwrap();
    let head = scratch.save("odd");
    let repo = scratch.repo();
    for revision in [Revision::Commit(head), Revision::Index, Revision::Worktree] {
        let tree = repo.tree(revision).unwrap();
        let names: Vec<String> =
            tree.list("").unwrap().unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["app.yaml", "dir"], "{revision:?}");
        let problems = repo.problems(revision).unwrap();
        assert_eq!(problems.len(), 5, "{problems:?}");
        for problem in problems {
            let text = problem.to_string();
            assert!(!text.chars().any(char::is_control), "{text:?}");
            assert!(text.contains("git mv"));
        }
    }
    // The ids are git's own all the same.
    assert_eq!(repo.tree(Revision::Worktree).unwrap().id(), repo.tree(Revision::Commit(head)).unwrap().id());
    let made = commit(&repo, head).unwrap();
    assert_eq!(scratch.git(&["status", "--porcelain"]), "");
    assert_eq!(scratch.git(&["ls-tree", "-r", "-z", &made.id.to_string()]).matches('\0').count(), 7);
    let error = repo.revert(&[head], made.id, &|_, _, _, _| None).unwrap_err();
    assert!(told(&error).0.contains("not plain text"), "{error}");
}

#[test]
fn large_file_is_refused_when_read_and_nothing_else_is() {
    let scratch = Scratch::new();
    let large = scratch.path().join("large.yaml");
    std::fs::File::create(&large).unwrap().set_len(50 << 20).unwrap();
    let repo = scratch.repo();
    let untracked = repo.tree(Revision::Worktree).unwrap();
    scratch.git(&["-c", "core.compression=1", "add", "-A"]);
    let staged = repo.tree(Revision::Index).unwrap();
    let head = scratch.save("large");
    let committed = repo.tree(Revision::Commit(head)).unwrap();
    for tree in [untracked, staged, committed, repo.tree(Revision::Worktree).unwrap()] {
        let entry = tree.entry("large.yaml").unwrap().unwrap();
        match tree.read(entry.id) {
            Err(TreeError::TooLarge { bytes, limit, path }) => {
                assert_eq!((bytes, limit, &*path), (50 << 20, LARGEST_FILE, "large.yaml"));
            }
            other => panic!("{:?}", other.map(|content| content.len())),
        }
        let app = tree.entry("app.yaml").unwrap().unwrap();
        assert_eq!(tree.read(app.id).unwrap().as_ref(), ten_lines("app").as_bytes());
    }
}

#[test]
fn large_content_that_stands_at_several_paths_is_named_at_all_of_them() {
    let scratch = Scratch::new();
    for path in ["dir/b.yaml", "dir/a.yaml", "c.yaml"] {
        std::fs::File::create(scratch.path().join(path)).unwrap().set_len(50 << 20).unwrap();
    }
    scratch.git(&["-c", "core.compression=1", "add", "-A"]);
    let head = scratch.save("large");
    let tree = scratch.repo().tree(Revision::Commit(head)).unwrap();
    let error = tree.read(tree.entry("c.yaml").unwrap().unwrap().id).unwrap_err().to_string();
    assert_eq!(
        error,
        "c.yaml (also at dir/a.yaml, dir/b.yaml) has 52428800 bytes; at most 20971520 are read"
    );
    for index in 0..9 {
        std::fs::hard_link(scratch.path().join("c.yaml"), scratch.path().join(format!("d{index}.yaml")))
            .unwrap();
    }
    scratch.git(&["-c", "core.compression=1", "add", "-A"]);
    let tree = scratch.repo().tree(Revision::Index).unwrap();
    let error = tree.read(tree.entry("c.yaml").unwrap().unwrap().id).unwrap_err().to_string();
    assert!(
        error.starts_with("c.yaml (also at d0.yaml, d1.yaml, d2.yaml, d3.yaml and 7 more) has"),
        "{error}"
    );
}

#[test]
fn pipes_and_unreadable_files_do_not_stop_the_rest() {
    let scratch = Scratch::new();
    let pipe = scratch.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let repo = scratch.repo();
    let tree = repo.tree(Revision::Worktree).unwrap();
    assert!(tree.entry("pipe").unwrap().is_none());
    assert!(tree.entry("app.yaml").unwrap().is_some());
}

#[test]
fn foreign_owner_is_explained() {
    let scratch = Scratch::new();
    if std::os::unix::fs::chown(scratch.path().join(".git"), Some(12345), None).is_err() {
        // Only root can give files away; then libgit2's answer is made by hand.
        let code = git2::ErrorCode::Owner;
        let quoted = format!("repository path '{}' is not owned by current user", scratch.path().display());
        let error = super::super::error::opening(
            scratch.path(),
            &git2::Error::new(code, git2::ErrorClass::Config, quoted),
        );
        assert!(told(&error).1.contains("safe.directory"));
        return;
    }
    std::os::unix::fs::chown(scratch.path(), Some(12345), None).unwrap();
    let error = Repo::open(scratch.path()).err().unwrap();
    let (cause, next) = told(&error);
    assert!(cause.contains("belongs to another user"), "{cause}");
    assert!(next.contains("git config --global --add safe.directory"), "{next}");
}

#[test]
fn formats_that_libgit2_cannot_read_are_named() {
    for (format, extension, word) in [
        ("sha256", "", "SHA-256"),
        ("sha1", "partialClone", "partial clone"),
        ("sha1", "refStorage", "reftable"),
        ("sha1", "somethingNew", "newer"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        git_in(folder.path(), &["init", "-q", &format!("--object-format={format}"), "."]);
        if !extension.is_empty() {
            git_in(folder.path(), &["config", &format!("extensions.{extension}"), "reftable"]);
            git_in(folder.path(), &["config", "core.repositoryFormatVersion", "1"]);
        }
        let error = Repo::open(folder.path()).err().unwrap();
        let (cause, next) = told(&error);
        assert!(matches!(error, GitError::Unsupported { .. }), "{error}");
        assert!(cause.contains(word) && cause.contains("not supported"), "{cause}");
        assert!(!next.is_empty());
    }
}

#[test]
fn damaged_objects_are_named_and_the_rest_reads() {
    let scratch = Scratch::new();
    let head = scratch.head();
    let blob = scratch.git(&["rev-parse", "HEAD:app.yaml"]);
    let (start, rest) = blob.trim().split_at(2);
    let object = scratch.path().join(".git/objects").join(start).join(rest);
    std::fs::remove_file(&object).unwrap();
    let repo = scratch.repo();
    let tree = repo.tree(Revision::Commit(head)).unwrap();
    let app = tree.entry("app.yaml").unwrap().unwrap();
    let error = tree.read(app.id).unwrap_err().to_string();
    assert!(error.contains(&app.id.to_string()) && error.contains("git f"), "{error}");
    std::fs::write(&object, "rubbish").unwrap();
    assert!(tree.read(app.id).is_err());
    let web = tree.entry("dir/deep/web.yaml").unwrap().unwrap();
    assert!(tree.read(web.id).is_ok());
}

#[test]
fn hostile_trees_do_no_harm() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let raw = |names: &[&[u8]]| {
        let id = id_of(b"");
        let mut tree = Vec::new();
        for name in names {
            tree.extend_from_slice(b"100644 ");
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend_from_slice(&id.0);
        }
        tree
    };
    let write = |kind: &str, content: &[u8]| {
        use std::io::Write;
        let mut child = std::process::Command::new("git")
            .args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"])
            .current_dir(scratch.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    write("blob", b"");
    let names: [&[u8]; 9] = [b"..", b".git", b".GIT", b".", b"", b"a/b", b"ok", b"ok", b"../../etc/passwd"];
    let tree = write("tree", &raw(&names));
    let commit = scratch.git(&["commit-tree", "-m", "hostile", &tree]);
    let id = crate::model::CommitId::parse(commit.trim()).unwrap();
    let shown = repo.tree(Revision::Commit(id)).unwrap();
    let names: Vec<String> =
        shown.list("").unwrap().unwrap().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["ok"]);
    assert!(shown.entry("..").unwrap().is_none());
    assert!(shown.entry("../../etc/passwd").unwrap().is_none());
    repo.problems(Revision::Commit(id)).unwrap();
    for damaged in [&b"100644 no-end"[..], b"xyz name\0", b"100644 short\0abc", b"99999999999 x\0"] {
        let tree = write("tree", damaged);
        let commit = scratch.git(&["commit-tree", "-m", "damaged", &tree]);
        let id = crate::model::CommitId::parse(commit.trim()).unwrap();
        let tree = repo.tree(Revision::Commit(id)).unwrap();
        assert!(tree.list("").unwrap_err().to_string().contains("damaged"));
    }
}

#[test]
fn deep_trees_end_without_overflowing_the_stack() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let top = repo
        .with(|handle| {
            let failed = GitError::store("test");
            let mut at = handle.treebuilder(None).and_then(|empty| empty.write()).map_err(&failed)?;
            for _ in 0..1_000 {
                let mut builder = handle.treebuilder(None).map_err(&failed)?;
                builder.insert("d", at, 0o040_000).map_err(&failed)?;
                at = builder.write().map_err(&failed)?;
            }
            Ok(at)
        })
        .unwrap();
    let commit = scratch.git(&["commit-tree", "-m", "deep", &top.to_string()]);
    let id = crate::model::CommitId::parse(commit.trim()).unwrap();
    // A small stack shows what a deeper tree would do to a large one.
    let small = std::thread::Builder::new().stack_size(96 << 10);
    let walk = small.spawn(move || {
        assert_eq!(repo.changed_by(id).unwrap(), []);
        assert_eq!(repo.problems(Revision::Commit(id)).unwrap(), []);
    });
    walk.unwrap().join().unwrap();
}

#[test]
fn repository_settings_start_no_program_while_reading() {
    let scratch = Scratch::new();
    let trap = scratch.path().join("trap");
    let script = format!("#!/bin/sh\ntouch {}\n", trap.display());
    let program = scratch.write(".git/evil", &script);
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let evil = program.to_str().unwrap();
    for setting in [
        "core.fsmonitor",
        "diff.external",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "core.sshCommand",
        "core.pager",
        "diff.y.textconv",
        "credential.helper",
        "gpg.program",
    ] {
        scratch.git(&["config", setting, evil]);
    }
    scratch.write(".gitattributes", "* filter=x diff=y\n");
    scratch.write("app.yaml", "changed\n");
    let repo = scratch.repo();
    let head = repo.resolve("HEAD").unwrap();
    repo.status().unwrap();
    repo.problems(Revision::Worktree).unwrap();
    repo.tree(Revision::Worktree).unwrap();
    repo.blame("app.yaml", Revision::Worktree, None).unwrap();
    repo.log(head, &LogOptions::default()).unwrap();
    repo.revert(&[head], head, &|_, _, _, _| None).unwrap();
    repo.changed(Revision::Commit(head), Revision::Worktree).unwrap();
    repo.fingerprint();
    repo.worktree_fingerprint();
    assert!(!trap.exists());
}
