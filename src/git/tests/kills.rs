//! Killed at any instant, or out of room: before or after, never between.

use super::super::journal::{Journal, Note};
use super::super::testing::{Scratch, ten_lines};
use super::super::*;
use crate::model::CommitId;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "SEALANE_TEST_KILLED_CHILD";

fn request(parent: CommitId, text: &str) -> CommitRequest {
    CommitRequest {
        target: Target::Current,
        expected_parent: parent,
        files: vec![
            FileChange::write("app.yaml", text.as_bytes()),
            FileChange::write("dir/deep/web.yaml", text.as_bytes()),
            FileChange::write(&format!("new/{text}.yaml"), text.as_bytes()),
        ],
        message: "ours".to_owned(),
    }
}

/// Runs up to a step as `advance` does, then vanishes as a killed process would: locks drop, files stay.
fn killed_after(scratch: &Scratch, step: u8) -> (CommitId, CommitId) {
    let repo = scratch.repo();
    let parent = scratch.head();
    let tree = repo.write_tree(repo.node(parent).unwrap().tree, &request(parent, "x").files).unwrap();
    let id = scratch.git(&["commit-tree", "-p", "HEAD", "-m", "ours", &tree.to_string()]);
    let id = CommitId::parse(id.trim()).unwrap();
    let deltas = repo.deltas(Some(repo.node(parent).unwrap().tree), Some(tree)).unwrap();
    let mut journal = Journal::begin(&repo).unwrap();
    if step == 0 {
        return (parent, id);
    }
    if step == 1 {
        journal.lock_index(&repo).unwrap();
        return (parent, id);
    }
    let note: Note = repo.prepare(&mut journal, "main", (parent, id), &deltas).unwrap();
    if step >= 3 {
        repo.update_ref("main", Some(parent), id, "commit: ours", None).unwrap();
    }
    if step >= 4 {
        let staged = journal.folder.join(note.steps[0].staged.unwrap().to_string());
        std::fs::rename(staged, scratch.path().join("app.yaml")).unwrap();
    }
    if step >= 5 {
        repo.put_in_place(&note, &journal.folder).unwrap();
    }
    (parent, id)
}

#[test]
fn every_step_that_was_cut_short_is_undone_or_finished_by_the_next_open() {
    for step in 0..=5 {
        let scratch = Scratch::new();
        scratch.write("mine.yaml", "mine\n");
        let (parent, id) = killed_after(&scratch, step);
        let repo = scratch.repo();
        let status = repo.status().unwrap();
        assert!(!status.unfinished);
        let expected = if step >= 3 { (id, "x".to_owned()) } else { (parent, ten_lines("app")) };
        assert_eq!((scratch.head(), scratch.read("app.yaml")), expected, "step {step}");
        // Asked before `git status` runs, which takes and gives back this lock itself.
        assert!(!scratch.path().join(".git/index.lock").exists());
        assert_eq!(scratch.git(&["status", "--porcelain"]), "?? mine.yaml\n", "step {step}");
        assert_eq!(std::fs::read_dir(scratch.path().join(".git/sealane")).unwrap().count(), 0);
        repo.commit(&request(scratch.head(), "again")).unwrap();
    }
}

#[test]
fn finishing_never_overwrites_what_the_user_wrote_meanwhile() {
    let scratch = Scratch::new();
    let (_, id) = killed_after(&scratch, 3);
    scratch.write("app.yaml", "mine, after the crash\n");
    scratch.repo();
    assert_eq!(scratch.head(), id);
    assert_eq!(scratch.read("app.yaml"), "mine, after the crash\n");
    assert_eq!(scratch.read("dir/deep/web.yaml"), "x");
    assert_eq!(scratch.git(&["status", "--porcelain"]), " M app.yaml\n");
}

#[test]
fn living_process_is_left_alone() {
    let scratch = Scratch::new();
    let repo = scratch.repo();
    let journal = Journal::begin(&repo).unwrap();
    journal.lock_index(&repo).unwrap();
    let second = scratch.repo();
    assert!(journal.folder.exists() && scratch.path().join(".git/index.lock").exists());
    assert!(!second.status().unwrap().unfinished);
    assert!(matches!(second.commit(&request(scratch.head(), "x")), Err(GitError::Locked { .. })));
    journal.end(&repo);
    second.commit(&request(scratch.head(), "x")).unwrap();
}

#[test]
fn note_in_a_hostile_copy_reaches_nothing_outside_of_it() {
    let scratch = Scratch::new();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("0");
    std::fs::write(&victim, "canary").unwrap();
    let head = scratch.head().to_string();
    for (path, staged) in [
        ("x.yaml", format!("{victim:?}")),
        ("../evil-file-of-sealane", "0".to_owned()),
        (".git/config", "0".to_owned()),
    ] {
        let folder = ".git/sealane/move-evil";
        let step = format!(r#"{{"path":{path:?},"before":null,"staged":{staged}}}"#);
        let note = format!(r#"{{"branch":"main","from":"","to":"{head}","steps":[{step}]}}"#);
        scratch.write(&format!("{folder}/move.json"), &note);
        scratch.write(&format!("{folder}/0"), "evil");
        scratch.write(".git/index.lock", "sealane move-evil");
        let config = scratch.read(".git/config");
        let repo = scratch.repo();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "canary");
        assert!(!scratch.path().parent().unwrap().join("evil-file-of-sealane").exists());
        assert_eq!(scratch.read(".git/config"), config);
        assert!(!scratch.path().join("x.yaml").exists());
        drop(repo);
        // What could not be finished is told, and stops only commits.
        drop(std::fs::remove_file(scratch.path().join(".git/index.lock")));
        drop(std::fs::remove_dir_all(scratch.path().join(folder)));
    }
    std::os::unix::fs::symlink(outside.path(), scratch.path().join(".git/sealane/link")).unwrap();
    std::fs::write(outside.path().join("move.json"), "{}").unwrap();
    scratch.repo();
    assert!(victim.exists());
}

/// Not a test by itself: what the tests below run in a process of its own.
#[test]
#[ignore = "run by the tests below"]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let repo = Repo::open(path.as_ref()).unwrap();
    if let Some(size) = std::env::var("SEALANE_TEST_BYTES").ok().and_then(|size| size.parse().ok()) {
        // Incompressible on demand, so that the object or only the file is too large.
        let noise = std::env::var_os("SEALANE_TEST_NOISE").is_some();
        let mut seed = 1_u64;
        let mut byte = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if noise { seed.to_be_bytes()[0] } else { b'a' }
        };
        let content: Vec<u8> = (0..size).map(|_: usize| byte()).collect();
        let files = vec![FileChange::write("app.yaml", content)];
        let error = repo.commit(&CommitRequest { files, ..request(repo.resolve("HEAD").unwrap(), "x") });
        let error = error.unwrap_err();
        assert!(matches!(error, GitError::Disk { .. }), "{error}");
        assert!(error.next_step().contains("make room"));
        return;
    }
    for number in 0.. {
        let parent = repo.resolve("HEAD").unwrap();
        repo.commit(&request(parent, &format!("round{number}"))).unwrap();
    }
}

fn child_command(scratch: &Scratch) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "git::tests::kills::child", "--ignored"])
        .env(CHILD, scratch.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// No folder of a move is left but one that was never begun.
fn is_settled(scratch: &Scratch) -> bool {
    let moves = std::fs::read_dir(scratch.path().join(".git/sealane")).unwrap();
    let begun = moves.flatten().any(|folder| folder.path().join("move.json").exists());
    !begun && !scratch.path().join(".git/index.lock").exists()
}

#[test]
fn killed_for_real_it_is_before_or_after() {
    for round in 0..12_u64 {
        let scratch = Scratch::new();
        let mut child = child_command(&scratch).spawn().unwrap();
        while scratch.git(&["rev-list", "--count", "HEAD"]).trim() == "1" {
            assert!(child.try_wait().unwrap().is_none(), "it commits until it is killed");
        }
        std::thread::sleep(Duration::from_micros(round * 1_700));
        child.kill().unwrap();
        child.wait().unwrap();
        // A git child of it may still end its own work, and keeps the note locked until then.
        let end = Instant::now() + Duration::from_secs(20);
        let mut repo = scratch.repo();
        while Instant::now() < end && !is_settled(&scratch) {
            std::thread::sleep(Duration::from_millis(5));
            repo = scratch.repo();
        }
        assert_eq!(scratch.git(&["status", "--porcelain"]), "", "round {round}");
        assert!(!repo.status().unwrap().unfinished);
        assert_eq!(scratch.read("app.yaml"), scratch.git(&["show", "HEAD:app.yaml"]));
        scratch.git(&["fsck", "--strict"]);
        repo.commit(&request(scratch.head(), "afterwards")).unwrap();
    }
}

#[test]
fn full_disk_changes_nothing() {
    // A limit on the size of files stops writes as a full disk does, and needs no privileges.
    for (bytes, noise, many) in [(100_000, true, 0), (100_000, false, 0), (10, false, 600)] {
        let scratch = Scratch::new();
        for number in 0..many {
            scratch.write(&format!("many/a-rather-long-name-of-a-file-{number}.yaml"), "x\n");
        }
        scratch.save("before");
        let before = (scratch.head(), scratch.git(&["status", "--porcelain"]), scratch.read("app.yaml"));
        let exe = std::env::current_exe().unwrap();
        // 40 blocks are 20,480 bytes (POSIX) or 40,960 (bash).
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 40; exec \"$0\" --exact git::tests::kills::child --ignored",
            ])
            .arg(exe)
            .env(CHILD, scratch.path())
            .env("SEALANE_TEST_BYTES", bytes.to_string());
        if noise {
            shell.env("SEALANE_TEST_NOISE", "1");
        }
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        assert_eq!(
            (scratch.head(), scratch.git(&["status", "--porcelain"]), scratch.read("app.yaml")),
            before
        );
        assert!(!scratch.path().join(".git/index.lock").exists());
        assert_eq!(std::fs::read_dir(scratch.path().join(".git/sealane")).map_or(0, Iterator::count), 0);
    }
}
