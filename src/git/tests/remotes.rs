//! Fetch and push to real remotes on this disk.

use super::super::testing::{Scratch, git_in};
use super::super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A clone of a bare origin.
fn cloned() -> (Scratch, TempDir) {
    let scratch = Scratch::new();
    let origin = tempfile::tempdir().unwrap();
    let url = origin.path().to_str().unwrap();
    scratch.git(&["clone", "-q", "--bare", ".", url]);
    git_in(origin.path(), &["config", "core.hooksPath", "hooks"]);
    scratch.git(&["remote", "add", "origin", url]);
    scratch.git(&["fetch", "-q", "origin"]);
    scratch.git(&["branch", "-q", "-u", "origin/main"]);
    (scratch, origin)
}

/// Somebody else pushes a commit.
fn meanwhile(origin: &TempDir) -> crate::model::CommitId {
    let other = Scratch { folder: tempfile::tempdir().unwrap() };
    other.git(&["clone", "-q", origin.path().to_str().unwrap(), "."]);
    other.identify();
    other.write("theirs.yaml", "t\n");
    let theirs = other.save("theirs");
    other.git(&["push", "-q", "origin", "HEAD:main"]);
    theirs
}

fn ours(scratch: &Scratch) -> Committed {
    scratch
        .repo()
        .commit(&CommitRequest {
            target: Target::Current,
            expected_parent: scratch.head(),
            files: vec![FileChange::write("app.yaml", *b"ours\n")],
            message: "ours".to_owned(),
        })
        .unwrap()
}

fn origin_hook(origin: &TempDir, name: &str, script: &str) {
    let path = origin.path().join("hooks").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn push_sends_the_commit_and_knows_it_afterwards() {
    let (scratch, origin) = cloned();
    let before = scratch.head();
    let made = ours(&scratch);
    let repo = scratch.repo();
    let outcome = repo.push("origin", "main", made.id, Some(before)).unwrap();
    assert_eq!(outcome, PushOutcome::Pushed { from: Some(before), to: made.id });
    assert_eq!(outcome.problem(), None);
    assert_eq!(git_in(origin.path(), &["rev-parse", "main"]).trim(), made.id.to_string());
    assert_eq!(repo.status().unwrap().upstream.unwrap().ahead, 0);
    assert!(matches!(repo.take_back(&made), Err(GitError::NotTakenBack { .. })));
    let new = repo.push("origin", "review/x", made.id, None).unwrap();
    assert_eq!(new, PushOutcome::Pushed { from: None, to: made.id });
}

#[test]
fn remote_that_moved_is_told_and_the_way_on_works() {
    let (scratch, origin) = cloned();
    let before = scratch.head();
    let made = ours(&scratch);
    let theirs = meanwhile(&origin);
    let repo = scratch.repo();
    let outcome = repo.push("origin", "main", made.id, Some(before)).unwrap();
    assert_eq!(outcome, PushOutcome::RemoteMoved { theirs: Some(theirs) });
    let problem = outcome.problem().unwrap();
    assert!(problem.cause.contains(&theirs.short()) && problem.next.contains("fetch"));
    assert_eq!(git_in(origin.path(), &["rev-parse", "main"]).trim(), theirs.to_string());

    let fetched = repo.fetch("origin").unwrap();
    assert_eq!(fetched.moved, [("main".to_owned(), Some(before), Some(theirs))]);
    assert_eq!(repo.remote_tip("origin", "main").unwrap(), Some(theirs));
    let change = repo.replay(&[made.id], theirs, &|_, _, _, _| None).unwrap();
    let replaced = repo.replace_unpushed(&made, theirs, &change.files).unwrap();
    let outcome = repo.push("origin", "main", replaced.committed.id, Some(theirs)).unwrap();
    assert_eq!(outcome, PushOutcome::Pushed { from: Some(theirs), to: replaced.committed.id });
    assert_eq!(git_in(origin.path(), &["rev-list", "--count", "main"]).trim(), "3");
}

#[test]
fn remote_that_was_set_back_is_not_filled_up_again() {
    let (scratch, origin) = cloned();
    let first = ours(&scratch);
    let repo = scratch.repo();
    repo.push("origin", "main", first.id, Some(first.parent)).unwrap();
    let request = CommitRequest {
        target: Target::Current,
        expected_parent: first.id,
        files: vec![FileChange::write("app.yaml", *b"second\n")],
        message: "second".to_owned(),
    };
    let second = repo.commit(&request).unwrap();
    git_in(origin.path(), &["update-ref", "refs/heads/main", &first.parent.to_string()]);
    let outcome = repo.push("origin", "main", second.id, Some(first.id)).unwrap();
    assert_eq!(outcome, PushOutcome::RemoteMoved { theirs: Some(first.parent) });
}

#[test]
fn refusals_say_who_and_what() {
    let (scratch, origin) = cloned();
    let before = scratch.head();
    let made = ours(&scratch);
    let repo = scratch.repo();
    let push = || repo.push("origin", "main", made.id, Some(before)).unwrap();
    let refused = |outcome: PushOutcome, by: Refuser, word: &str| {
        let problem = outcome.problem().unwrap();
        match outcome {
            PushOutcome::Refused { by: found, message } => {
                assert_eq!(found, by);
                assert!(message.contains(word), "{message}");
                assert!(!message.contains('\u{1b}'));
            }
            other => panic!("{other:?}"),
        }
        assert!(!problem.next.is_empty());
        assert_eq!(git_in(origin.path(), &["rev-parse", "main"]).trim(), before.to_string());
    };
    origin_hook(&origin, "pre-receive", "printf 'policy \\033[31mno\\n' >&2; exit 1");
    refused(push(), Refuser::RemoteHook, "policy ␛[31mno");
    origin_hook(
        &origin,
        "pre-receive",
        "echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1",
    );
    refused(push(), Refuser::Protected, "GH006");
    origin_hook(&origin, "pre-receive", "exit 0");
    origin_hook(
        &origin,
        "update",
        "echo 'You are not allowed to push code to protected branches' >&2; exit 1",
    );
    refused(push(), Refuser::Protected, "protected branches");
    origin_hook(&origin, "update", "exit 0");
    scratch.hook("pre-push", "echo 'not on Fridays' >&2; exit 1");
    refused(push(), Refuser::LocalHook, "not on Fridays");
    scratch.hook("pre-push", "exit 0");
    assert!(matches!(push(), PushOutcome::Pushed { .. }));
}

#[test]
fn branch_checked_out_at_the_remote_is_refused_by_it() {
    let (scratch, origin) = cloned();
    let before = scratch.head();
    let made = ours(&scratch);
    git_in(origin.path(), &["config", "core.bare", "false"]);
    let outcome = scratch.repo().push("origin", "main", made.id, Some(before)).unwrap();
    match outcome {
        PushOutcome::Refused { by: Refuser::Remote, message } => {
            assert!(message.contains("checked out"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn remote_out_of_reach_is_told_without_credentials() {
    let (scratch, _origin) = cloned();
    scratch.git(&["remote", "add", "gone", "/no/such/folder"]);
    scratch.git(&["remote", "add", "closed", "http://ada:hunter2@127.0.0.1:1/x.git"]);
    scratch.git(&["remote", "add", "outside", "ext::sh -c touch% trap"]);
    let repo = scratch.repo();
    for name in ["gone", "closed"] {
        let error = repo.fetch(name).unwrap_err();
        assert!(matches!(error, RemoteError::Unreachable { .. }), "{error}");
        let problem = error.problem();
        assert!(problem.cause.contains(name) && !problem.next.is_empty());
        assert!(!problem.cause.contains("hunter2"), "{}", problem.cause);
        assert!(repo.push(name, "main", scratch.head(), None).is_err());
    }
    assert!(repo.fetch("outside").is_err());
    assert!(!scratch.path().join("trap").exists());
    assert!(matches!(repo.fetch("nobody"), Err(RemoteError::NoSuchRemote { .. })));
    assert!(matches!(repo.fetch("--upload-pack=x"), Err(RemoteError::NoSuchRemote { .. })));
    let urls: Vec<String> = repo.remotes().unwrap().into_iter().map(|remote| remote.url).collect();
    assert!(urls.contains(&"http://…@127.0.0.1:1/x.git".to_owned()), "{urls:?}");
}

#[test]
fn server_that_wants_a_password_is_told_apart() {
    use std::io::{Read, Write};
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let (scratch, _origin) = cloned();
    scratch.git(&["config", "credential.helper", ""]);
    scratch.git(&["config", "core.askPass", "true"]);
    scratch.git(&["remote", "add", "locked", &format!("http://127.0.0.1:{port}/x.git")]);
    let error = scratch.repo().fetch("locked").unwrap_err();
    assert!(matches!(error, RemoteError::AuthFailed { .. }), "{error}");
    assert!(error.next_step().contains("credential helper"));
}
