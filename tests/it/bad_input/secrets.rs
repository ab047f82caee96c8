//! Bad input: what stands in the way of sealing. It is told with cause and next step, and every file is as it was.

use super::{kept, told};
use crate::hardening::{as_a_user, give, readable};
use crate::journeys::FILE;
use crate::sandbox::Sandbox;
use sealane::demo::{DemoRepository, OPERATOR};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SEALANE: &str = env!("CARGO_BIN_EXE_sealane");
const VALUE: &str = "canary-3b7e-bad-input";
const SEAL: [&str; 6] = ["seal", FILE, "--set", "password", "--commit", "--no-cluster"];

fn repository(sandbox: &mut Sandbox) -> PathBuf {
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
    DemoRepository::create(sandbox.folder()).expect("made").clone
}

/// Runs a command with the value on its standard input; what it says, and its code. The value is not in it.
fn typed(mut command: Command) -> (String, i32) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // Whoever reads nothing may close its end.
    let _ = child.stdin.take().expect("piped").write_all(VALUE.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(!text.contains(VALUE), "{text}");
    (text, output.status.code().expect("no signal ended it"))
}

fn sealane(sandbox: &Sandbox, folder: &Path, words: &[&str]) -> (String, i32) {
    let mut command = sandbox.command(SEALANE);
    command.args(words).current_dir(folder);
    typed(command)
}

/// The same on a disk that takes this many blocks of a file and no more.
fn on_a_full_disk(sandbox: &Sandbox, folder: &Path, blocks: &str, words: &[&str]) -> (String, i32) {
    let mut command = sandbox.command("sh");
    let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    command.args(["-c", script, "sh", blocks, SEALANE]).args(words).current_dir(folder);
    typed(command)
}

/// Three versions of the sealed file that merge: base, ours and theirs.
fn versions(sandbox: &Sandbox, fleet: &Path) -> [String; 3] {
    ["base", "ours", "theirs"].map(|version| {
        let key = if version == "ours" { "password" } else { "username" };
        let words = ["seal", FILE, "--set", key, "--commit", "--no-cluster"];
        assert_eq!(sealane(sandbox, fleet, &words).1, 0);
        let path = sandbox.folder().join(version);
        std::fs::copy(fleet.join(FILE), &path).expect("copied");
        path.display().to_string()
    })
}

#[test]
fn a_full_disk_leaves_sealed_files_whole_and_is_told() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox);
    let [base, ours, theirs] = versions(&sandbox, &fleet);
    let (before, mine) = (kept(&fleet), std::fs::read(&ours).expect("there"));
    for blocks in ["0", "1"] {
        let (text, code) = on_a_full_disk(&sandbox, &fleet, blocks, &SEAL);
        assert_eq!(code, 2, "{text}");
        told(&text, &["cannot write ", "File too large", "next: nothing was changed; make room"]);
        assert_eq!(kept(&fleet), before, "{blocks}");
        let merge = ["merge-driver", &base, &ours, &theirs, "7", FILE];
        let (text, code) = on_a_full_disk(&sandbox, &fleet, blocks, &merge);
        assert_eq!(code, 1, "{text}");
        told(&text, &[FILE, "the merged version cannot be written", "next: nothing was changed; make room"]);
        assert_eq!(std::fs::read(&ours).expect("there"), mine, "git takes what it finds there: {blocks}");
    }
    let (text, code) = on_a_full_disk(&sandbox, &fleet, "0", &["merge-driver", "--install"]);
    assert!(code > 1 && text.contains("next: "), "{code} {text}");
    assert_eq!(kept(&fleet), before);
    let left = std::fs::read_dir(sandbox.folder()).expect("readable").flatten();
    let left: Vec<_> =
        left.map(|e| e.file_name()).filter(|n| n.to_string_lossy().starts_with(".sealane")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(sealane(&sandbox, &fleet, &SEAL).1, 0, "with room it goes on");
    assert_eq!(sandbox.leaks(VALUE), Vec::<String>::new());
}

#[test]
fn a_folder_that_is_read_only_is_told_and_nothing_changes() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox);
    let program = readable(Path::new(SEALANE), &sandbox);
    give(sandbox.folder());
    let run = || {
        let mut command = sandbox.command(&program);
        command.args(SEAL).current_dir(&fleet);
        typed(as_a_user(command))
    };
    let whose = |folder: &Path, mode: u32| {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(mode)).expect("set");
    };
    let before = kept(&fleet);
    for folder in [
        fleet.join(FILE).parent().expect("a folder").to_owned(),
        fleet.join(".git/objects"),
        fleet.join(".git"),
    ] {
        whose(&folder, 0o555);
        let (text, code) = run();
        whose(&folder, 0o755);
        assert!(code == 2 || code == 5, "{}: {code} {text}", folder.display());
        told(&text, &["ermission denied", "next: "]);
        // The log of a branch keeps that it moved and came back.
        let files = |all: BTreeMap<PathBuf, Vec<u8>>| {
            all.into_iter().filter(|(path, _)| !path.starts_with(fleet.join(".git/logs"))).collect::<Vec<_>>()
        };
        let same = files(kept(&fleet)) == files(before.clone());
        assert!(same, "{}: {text}", folder.display());
    }
    let (text, code) = run();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_head_that_moves_while_a_value_is_sealed_is_told_and_nothing_is_lost() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox);
    let hooks = sandbox.folder().join("hooks");
    std::fs::create_dir_all(&hooks).expect("made");
    // Somebody else commits after the plan was made.
    let script = "#!/bin/sh\nunset GIT_INDEX_FILE\nid=$(git -c user.name=Ana -c user.email=ana@example.org commit-tree -p HEAD -m theirs 'HEAD^{tree}') && git update-ref refs/heads/main \"$id\"\n";
    std::fs::write(hooks.join("pre-commit"), script).expect("written");
    std::fs::set_permissions(hooks.join("pre-commit"), PermissionsExt::from_mode(0o755)).expect("set");
    sandbox.git(&fleet, &["config", "core.hooksPath", &hooks.display().to_string()]);
    let head = sandbox.git(&fleet, &["rev-parse", "HEAD"]);
    let file = std::fs::read(fleet.join(FILE)).expect("there");
    let (text, code) = sealane(&sandbox, &fleet, &SEAL);
    assert_eq!(code, 2, "{text}");
    told(&text, &["main has moved", "next: look at the change again on top of it"]);
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD~1"]), head, "theirs, on what we had");
    assert_eq!(sandbox.git(&fleet, &["show", "-s", "--format=%s"]).trim(), "theirs");
    assert_eq!(std::fs::read(fleet.join(FILE)).expect("there"), file);
    assert_eq!(sandbox.git(&fleet, &["status", "--porcelain"]), "");
    assert_eq!(sandbox.leaks(VALUE), Vec::<String>::new());
}

#[test]
fn a_hundred_mebibytes_are_refused_by_every_verb_that_would_seal_them() {
    let mut sandbox = Sandbox::new();
    let fleet = repository(&mut sandbox);
    let large = std::fs::File::create(fleet.join("large.bin")).expect("made");
    large.set_len(100 << 20).expect("sparse");
    let before = sandbox.git(&fleet, &["rev-parse", "HEAD"]);
    for words in [&["seal", "large.bin", "--commit"][..], &["seal", FILE, "--from", "large.bin", "--commit"]]
    {
        let (text, code) = sealane(&sandbox, &fleet, &[words, &["--no-cluster"]].concat());
        assert!(code > 1, "{words:?}: {text}");
        told(&text, &["large.bin", "at most", "next: "]);
    }
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD"]), before);
}
