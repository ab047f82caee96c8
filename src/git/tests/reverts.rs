//! Reverts in memory agree with `git revert`, and conflicts tell who stands in the way.

use super::super::testing::{Scratch, ten_lines};
use super::super::*;
use crate::model::{CommitId, Revision, Tree};

fn no_help(_: &str, _: &[u8], _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    None
}

/// The tree that a change gives, through a real commit on a branch of its own.
fn tree_of(repo: &Repo, change: &TreeChange, name: &str) -> String {
    let request = CommitRequest {
        target: Target::New(name.to_owned()),
        expected_parent: change.onto,
        files: change.files.clone(),
        message: name.to_owned(),
    };
    let made = repo.commit(&request).unwrap();
    repo.tree(Revision::Commit(made.id)).unwrap().id().to_string()
}

fn conflict(error: GitError) -> Conflict {
    match error {
        GitError::Conflict(conflict) => *conflict,
        other => panic!("no conflict but: {other}"),
    }
}

#[test]
fn revert_equals_git_revert_for_every_kind_of_change() {
    let scratch = Scratch::new();
    scratch.write("gone.yaml", &ten_lines("gone"));
    scratch.write("tool.sh", "#!/bin/sh\n");
    scratch.save("before");
    scratch.write("app.yaml", &ten_lines("app").replace("app2", "APP2"));
    scratch.write("new/deep/file.yaml", "new\n");
    std::fs::remove_file(scratch.path().join("gone.yaml")).unwrap();
    std::os::unix::fs::symlink("app.yaml", scratch.path().join("link")).unwrap();
    std::fs::set_permissions(
        scratch.path().join("tool.sh"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let bad = scratch.save("bad");
    scratch.write("app.yaml", &scratch.read("app.yaml").replace("app9", "APP9"));
    let head = scratch.save("later, elsewhere");
    let repo = scratch.repo();
    let change = repo.revert(&[bad], head, &no_help).unwrap();
    assert_eq!(change.onto, head);
    let paths: Vec<&str> = change.files.iter().map(|file| file.path.as_ref()).collect();
    assert_eq!(paths, ["app.yaml", "gone.yaml", "link", "new/deep/file.yaml", "tool.sh"]);
    assert_eq!(scratch.git(&["status", "--porcelain"]), "", "nothing was written");
    let rehearsed = change.over(repo.tree(Revision::Commit(head)).unwrap());
    assert!(rehearsed.entry("new").unwrap().is_none());
    let app = rehearsed.entry("app.yaml").unwrap().unwrap();
    let expected = ten_lines("app").replace("app9", "APP9");
    assert_eq!(rehearsed.read(app.id).unwrap().as_ref(), expected.as_bytes());
    let ours = tree_of(&repo, &change, "ours");
    scratch.git(&["revert", "--no-edit", &bad.to_string()]);
    assert_eq!(ours, scratch.git(&["rev-parse", "HEAD^{tree}"]).trim());
}

#[test]
fn several_commits_are_reverted_newest_first_whatever_the_order_given() {
    let scratch = Scratch::new();
    let start = scratch.git(&["rev-parse", "HEAD^{tree}"]);
    let commits: Vec<CommitId> = (1..=3)
        .map(|number| {
            scratch.write("app.yaml", &ten_lines(&format!("app{number}")));
            scratch.save("step")
        })
        .collect();
    let head = scratch.head();
    let repo = scratch.repo();
    let order = [commits[1], commits[0], commits[2]];
    let change = repo.revert(&order, head, &no_help).unwrap();
    assert_eq!(tree_of(&repo, &change, "all"), start.trim());
    let none = repo.revert(&[], head, &no_help).unwrap();
    assert_eq!(none.files, []);
}

#[test]
fn merge_is_reverted_against_its_first_parent() {
    let scratch = Scratch::new();
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.write("side.yaml", "s\n");
    scratch.save("side");
    scratch.git(&["checkout", "-q", "main"]);
    scratch.write("app.yaml", &ten_lines("main"));
    scratch.save("main");
    scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let merge = scratch.head();
    let change = scratch.repo().revert(&[merge], merge, &no_help).unwrap();
    assert_eq!(change.files, [FileChange::remove("side.yaml")]);
}

#[test]
fn conflict_names_lines_and_the_one_commit_in_the_way() {
    let scratch = Scratch::new();
    scratch.write("app.yaml", &ten_lines("app").replace("app4", "bad4"));
    let bad = scratch.save("bad");
    scratch.write("app.yaml", &scratch.read("app.yaml").replace("app9", "far9"));
    let far = scratch.save("far away");
    scratch.write("app.yaml", &format!("top\n{}", scratch.read("app.yaml").replace("bad4", "worse4")));
    let near = scratch.save("same line");
    let repo = scratch.repo();
    let error = repo.revert(&[bad], near, &no_help).unwrap_err();
    assert!(error.to_string().contains("app.yaml:5 changed again"), "{error}");
    assert_eq!(error.next_step(), format!("revert {} too", near.short()));
    let found = conflict(error);
    assert_eq!((found.commit, found.attempt), (bad, Attempt::Revert));
    assert_eq!(found.files.len(), 1);
    assert_eq!(format!("{:?}", found.files[0].kind), "Lines([5..6])");
    assert_eq!(found.files[0].later, [near]);
    assert_eq!(found.later, [near], "not {}", far.short());
    assert!(found.later_suffice);
    let both = repo.revert(&[&[bad][..], &found.later].concat(), near, &no_help).unwrap();
    let expected = ten_lines("app").replace("app9", "far9");
    assert_eq!(
        both.files,
        [FileChange { mode: Some(FileMode::File), ..FileChange::write("app.yaml", expected.into_bytes()) }]
    );
}

#[test]
fn conflicts_with_removals_and_additions_are_told_apart() {
    let scratch = Scratch::new();
    scratch.write("app.yaml", "changed\n");
    scratch.write("added.yaml", "1\n");
    let bad = scratch.save("bad");
    std::fs::remove_file(scratch.path().join("app.yaml")).unwrap();
    scratch.write("added.yaml", "2\n");
    let later = scratch.save("later");
    let found = conflict(scratch.repo().revert(&[bad], later, &no_help).unwrap_err());
    let kinds: Vec<_> = found.files.iter().map(|file| (file.path.as_ref(), &file.kind)).collect();
    assert_eq!(
        kinds,
        [("added.yaml", &ConflictKind::ChangedLater), ("app.yaml", &ConflictKind::RemovedLater)]
    );
    assert_eq!((found.later, found.later_suffice), (vec![later], true));
}

#[test]
fn sealed_files_may_be_joined_by_who_can_open_them() {
    let scratch = Scratch::new();
    scratch.write("secret.yaml", "a: 1\nmac: x\n");
    scratch.save("sealed");
    scratch.write("secret.yaml", "a: 2\nmac: y\n");
    let bad = scratch.save("bad");
    scratch.write("secret.yaml", "a: 2\nmac: z\nb: 1\n");
    let head = scratch.save("another key");
    let repo = scratch.repo();
    assert!(repo.revert(&[bad], head, &no_help).is_err());
    let help = |path: &str, base: &[u8], ours: &[u8], theirs: &[u8]| {
        assert_eq!(path, "secret.yaml");
        assert_eq!(
            (base, ours, theirs),
            (&b"a: 2\nmac: y\n"[..], &b"a: 2\nmac: z\nb: 1\n"[..], &b"a: 1\nmac: x\n"[..])
        );
        Some(b"joined\n".to_vec())
    };
    let change = repo.revert(&[bad], head, &help).unwrap();
    assert_eq!(change.files[0].content.as_deref(), Some(&b"joined\n"[..]));
}

#[test]
fn revert_follows_a_file_that_was_renamed_since() {
    let scratch = Scratch::new();
    scratch.write("app.yaml", &ten_lines("app").replace("app4", "bad4"));
    let bad = scratch.save("bad");
    scratch.git(&["mv", "app.yaml", "moved.yaml"]);
    let head = scratch.save("move");
    let change = scratch.repo().revert(&[bad], head, &no_help).unwrap();
    assert_eq!(change.files.len(), 1);
    assert_eq!(change.files[0].path.as_ref(), "moved.yaml");
    assert_eq!(change.files[0].content.as_deref(), Some(ten_lines("app").as_bytes()));
}

#[test]
fn revert_of_a_rename_takes_later_edits_along() {
    let scratch = Scratch::new();
    scratch.git(&["mv", "app.yaml", "moved.yaml"]);
    let moved = scratch.save("move");
    scratch.write("moved.yaml", &ten_lines("app").replace("app4", "later4"));
    let head = scratch.save("later");
    let repo = scratch.repo();
    let change = repo.revert(&[moved], head, &no_help).unwrap();
    let files: Vec<_> =
        change.files.iter().map(|file| (file.path.as_ref(), file.content.as_deref())).collect();
    let expected = ten_lines("app").replace("app4", "later4");
    assert_eq!(files, [("app.yaml", Some(expected.as_bytes())), ("moved.yaml", None)]);
    std::fs::remove_file(scratch.path().join("moved.yaml")).unwrap();
    let gone = scratch.save("gone");
    let found = conflict(repo.revert(&[moved], gone, &no_help).unwrap_err());
    assert_eq!(found.files[0].kind, ConflictKind::RemovedLater);
    assert_eq!(found.files[0].path.as_ref(), "moved.yaml");
    assert!(found.later_suffice && found.later.contains(&gone));
}

#[test]
fn revert_of_what_brought_a_file_that_was_renamed_since_is_refused() {
    let scratch = Scratch::new();
    scratch.write("new.yml", &ten_lines("new"));
    let came = scratch.save("new");
    scratch.git(&["mv", "new.yml", "new.yaml"]);
    let moved = scratch.save("move");
    scratch.write("other.yaml", "a: 1\n");
    let head = scratch.save("other");
    let repo = scratch.repo();
    let found = conflict(repo.revert(&[came], head, &no_help).unwrap_err());
    assert_eq!(found.files[0].kind, ConflictKind::MovedLater("new.yaml".into()));
    assert!(found.to_string().ends_with("new.yml would go, but is new.yaml by now"), "{found}");
    assert!(found.later_suffice && found.later == [moved]);
    let change = repo.revert(&[came, moved], head, &no_help).unwrap();
    let files: Vec<_> = change.files.iter().map(|f| (f.path.as_ref(), f.content.is_some())).collect();
    assert_eq!(files, [("new.yaml", false)]);
    // What is gone for good is no conflict.
    scratch.git(&["rm", "-q", "new.yaml"]);
    let gone = scratch.save("gone");
    assert!(scratch.repo().revert(&[came], gone, &no_help).unwrap().files.is_empty());
}

#[test]
fn later_commits_that_stand_in_each_others_way_are_all_found() {
    let scratch = Scratch::new();
    scratch.write("app.yaml", &ten_lines("app").replace("app4", "bad4"));
    let bad = scratch.save("bad");
    scratch.write("app.yaml", &ten_lines("app").replace("app4", "worse4"));
    scratch.write("dir/deep/web.yaml", &ten_lines("web").replace("web4", "worse4"));
    let worse = scratch.save("same line, and another file");
    scratch.write("dir/deep/web.yaml", &ten_lines("web").replace("web4", "worst4"));
    let last = scratch.save("only the other file");
    let repo = scratch.repo();
    let found = conflict(repo.revert(&[bad], last, &no_help).unwrap_err());
    assert_eq!((found.later.as_slice(), found.later_suffice), (&[last, worse][..], true));
    let all = repo.revert(&[last, bad, worse], last, &no_help).unwrap();
    assert_eq!(all.files.len(), 2);
}

#[test]
fn commits_of_other_branches_are_not_reverted() {
    let scratch = Scratch::new();
    let head = scratch.head();
    scratch.git(&["checkout", "-q", "-b", "side"]);
    scratch.write("app.yaml", "x\n");
    let side = scratch.save("side");
    let error = scratch.repo().revert(&[side], head, &no_help).unwrap_err();
    assert!(error.to_string().contains("not part of this branch"), "{error}");
}

#[test]
fn replay_equals_git_cherry_pick() {
    let scratch = Scratch::new();
    let base = scratch.head();
    scratch.write("app.yaml", &ten_lines("app").replace("app2", "OURS2"));
    scratch.write("new.yaml", "n\n");
    let ours = scratch.save("ours");
    scratch.git(&["checkout", "-q", "-b", "theirs", &base.to_string()]);
    scratch.write("app.yaml", &ten_lines("app").replace("app8", "THEIRS8"));
    let theirs = scratch.save("theirs");
    let repo = scratch.repo();
    let change = repo.replay(&[ours], theirs, &no_help).unwrap();
    let made = tree_of(&repo, &change, "replayed");
    scratch.git(&["cherry-pick", &ours.to_string()]);
    assert_eq!(made, scratch.git(&["rev-parse", "HEAD^{tree}"]).trim());
    scratch.git(&["reset", "-q", "--hard", &theirs.to_string()]);
    scratch.write("app.yaml", &ten_lines("app").replace("app2", "CLASH2"));
    let clash = scratch.save("clash");
    let found = conflict(repo.replay(&[ours], clash, &no_help).unwrap_err());
    assert_eq!((found.attempt, found.commit), (Attempt::Replay, ours));
    assert_eq!(found.later, [clash, theirs]);
}

/// 30 random edits of a few short files, then a revert of each: ours and git's agree on what fits and on
/// the result.
#[test]
fn random_reverts_agree_with_git() {
    let mut seed = 7_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let scratch = Scratch::new();
    let mut commits = Vec::new();
    for number in 0..30 {
        let name = ["app.yaml", "dir/deep/web.yaml", "third.yaml"][random(3)];
        let old = std::fs::read_to_string(scratch.path().join(name)).unwrap_or_default();
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        match random(4) {
            0 => lines.insert(random(lines.len() + 1), format!("added: {number}")),
            1 if lines.len() > 3 => {
                lines.remove(random(lines.len()));
            }
            _ if lines.is_empty() => lines.extend(ten_lines("third").lines().map(str::to_owned)),
            _ => {
                let at = random(lines.len());
                lines[at] = format!("changed: {number}");
            }
        }
        scratch.write(name, &(lines.join("\n") + "\n"));
        commits.push(scratch.save("random"));
    }
    let head = scratch.head();
    let repo = scratch.repo();
    let mut fitting = 0;
    for commit in commits {
        let ours = repo.revert(&[commit], head, &no_help);
        let theirs = std::process::Command::new("git")
            .args(["-c", "merge.renames=false", "revert", "--no-commit", &commit.to_string()])
            .current_dir(scratch.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert_eq!(ours.is_ok(), theirs.status.success(), "{commit:?}");
        if let Ok(change) = ours.as_ref() {
            fitting += 1;
            for file in &change.files {
                assert_eq!(file.content.as_deref().unwrap(), scratch.read(&file.path).as_bytes());
            }
        } else if let Err(error) = ours {
            let found = conflict(error);
            assert!(found.later_suffice && !found.later.is_empty());
        }
        scratch.git(&["reset", "-q", "--hard"]);
    }
    assert!((5..30).contains(&fitting), "{fitting} of 30 fit: the test should see both");
}
