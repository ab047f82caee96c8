//! Bad input: what stands in the way of a commit or a push. It is told, and nothing is lost: worktree, index, refs.

use super::{kept, said, told};
use crate::pty::Pty;
use crate::sandbox::Sandbox;
use sealane::demo::{DemoRepository, OPERATOR};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

const COMMIT: [&str; 4] = ["revert", "99c88d5", "--commit", "--no-cluster"];
const PUSH: [&str; 5] = ["revert", "99c88d5", "--commit", "--push", "--no-cluster"];
/// The one change that the revert makes.
const EFFECT: &str = "Deployment/shop/pay  image 2.4.1 → 2.3.0, 2 pods replaced";

/// A clone in which somebody is at work: a changed file, a staged one, a new one.
fn repository(sandbox: &Sandbox) -> DemoRepository {
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    let fleet = &repository.clone;
    let append = |path: &str| {
        let text = std::fs::read_to_string(fleet.join(path)).expect("text");
        std::fs::write(fleet.join(path), text + "# being written\n").expect("written");
    };
    append("apps/front/base/deployment.yaml");
    append("apps/cart/base/service.yaml");
    sandbox.git(fleet, &["add", "apps/cart/base/service.yaml"]);
    std::fs::write(fleet.join("notes.txt"), "mine\n").expect("written");
    repository
}

/// A hook, in a folder that the repository is told to use.
fn hook(sandbox: &Sandbox, repository: &Path, folder: &str, name: &str, script: &str) {
    let folder = sandbox.folder().join(folder);
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).expect("set");
    sandbox.git(repository, &["config", "core.hooksPath", &folder.display().to_string()]);
}

fn tip(sandbox: &Sandbox, repository: &Path, name: &str) -> String {
    sandbox.git(repository, &["rev-parse", name]).trim().to_owned()
}

/// Somebody else's commit, pushed.
fn meanwhile(sandbox: &Sandbox, origin: &Path) -> String {
    let other = sandbox.folder().join("other");
    sandbox.git(sandbox.folder(), &["clone", "-q", &origin.display().to_string(), "other"]);
    std::fs::write(other.join("apps/front/theirs.txt"), "theirs\n").expect("written");
    sandbox.git(&other, &["add", "-A"]);
    let me = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"];
    sandbox.git(&other, &[&me[..], &["commit", "-q", "-m", "theirs, meanwhile"]].concat());
    sandbox.git(&other, &["push", "-q", "origin", "HEAD:main"]);
    tip(sandbox, &other, "HEAD")
}

#[test]
fn a_full_disk_is_told_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let fleet = repository(&sandbox).clone;
    let before = kept(&fleet);
    let git_dir = fleet.join(".git").canonicalize().expect("there").display().to_string();
    // A limit on the size of files stops writes as a full disk does, and needs no privileges.
    for blocks in ["0", "1", "2", "4"] {
        let script = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        let program = env!("CARGO_BIN_EXE_sealane");
        let mut shell = sandbox.command("sh");
        shell
            .args(["-c", script, "sh", blocks, program])
            .args(COMMIT)
            .current_dir(&fleet)
            .stdin(Stdio::null());
        let output = shell.output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(2), "{text}");
        told(
            &text,
            &[
                "cannot write ",
                &git_dir,
                "File too large",
                "next: nothing was changed; make room or check permissions",
            ],
        );
        assert!(text.contains(EFFECT), "{text}");
        assert_eq!(kept(&fleet), before, "{blocks}");
    }
    let (text, code) = said(&sandbox, &fleet, &COMMIT);
    assert!(code == 0 && text.contains("committed"), "with room it goes on\n{text}");
}

#[test]
fn two_sealanes_at_once_never_mix_and_the_second_is_told() {
    let sandbox = Sandbox::new();
    let fleet = repository(&sandbox).clone;
    let arguments = ["--no-cluster".as_ref(), fleet.as_os_str()];
    let mut screen = Pty::sealane(&sandbox, &arguments);
    screen.shows("22 of 25 rendered");
    screen.press(":");
    screen.type_text("commits");
    screen.press("\r");
    screen.press("/");
    screen.type_text("2.4.1 in prod");
    screen.press("\r");
    screen.until("the commit", |s| s.lines().any(|l| l.starts_with('▸') && l.contains("99c88d5")));
    screen.press("v");
    screen.until("the plan", |s| s.contains("nothing written yet") && s.contains("image 2.4.1 → 2.3.0"));

    // The other one commits first.
    let (text, code) = said(&sandbox, &fleet, &COMMIT);
    assert_eq!(code, 0, "{text}");
    let between = kept(&fleet);
    screen.press("C");
    let refused = screen.shows("main has moved");
    assert!(refused.contains("look at the change again on top of it"), "{refused}");
    assert!(!refused.contains("not pushed"), "{refused}");
    assert_eq!(kept(&fleet), between, "what the first wrote is whole");
    assert_eq!(sandbox.git(&fleet, &["show", "-s", "--format=%s"]).trim(), "Revert \"pay: 2.4.1 in prod\"");
    assert_eq!(sandbox.git(&fleet, &["fsck", "--strict"]), "");
}

#[test]
fn a_remote_that_moved_is_told_with_its_commits_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    let repository = repository(&sandbox);
    let theirs = meanwhile(&sandbox, &repository.origin);
    let before = kept(&repository.origin);
    let head = tip(&sandbox, &repository.clone, "HEAD");
    let (text, code) = said(&sandbox, &repository.clone, &PUSH);
    assert_eq!(code, 5, "{text}");
    told(&text, &["origin/main has moved; nothing was pushed"]);
    told(&text, &[&theirs[..7], "theirs, meanwhile"]);
    told(&text, &["next: `git pull --rebase` puts the commit on top of theirs, `git push` sends it"]);
    assert_eq!(text.matches(EFFECT).count(), 2, "rehearsed again on top of theirs\n{text}");
    assert_eq!(kept(&repository.origin), before);
    assert_eq!(tip(&sandbox, &repository.clone, "HEAD~1"), head, "our commit is kept");
    sandbox.git(&repository.clone, &["stash", "-q"]);
    sandbox.git(&repository.clone, &["pull", "-q", "--rebase"]);
    sandbox.git(&repository.clone, &["push", "-q"]);
    assert_eq!(tip(&sandbox, &repository.origin, "main~1"), theirs, "the next step works");
}

#[test]
fn a_hook_that_refuses_is_told_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    let fleet = repository(&sandbox).clone;
    for (name, script, says) in [
        ("pre-commit", "echo 'no commits on \u{1b}[31mfridays' >&2; exit 1", "no commits on ␛[31mfridays"),
        ("commit-msg", "echo 'name a ticket' >&2; exit 1", "name a ticket"),
        (
            "reference-transaction",
            "test \"$1\" != prepared || { echo 'main is frozen' >&2; exit 1; }",
            "main is frozen",
        ),
    ] {
        hook(&sandbox, &fleet, name, name, script);
        let before = kept(&fleet);
        let (text, code) = said(&sandbox, &fleet, &COMMIT);
        assert_eq!(code, 5, "{text}");
        let refused = format!("the hook {name} refused: {says}");
        told(&text, &[&refused, "next: mend what it names, or change the hook; it is never skipped"]);
        assert!(text.contains(EFFECT), "{text}");
        assert_eq!(kept(&fleet), before, "{name}");
    }
}

#[test]
fn a_protected_branch_is_told_and_a_branch_of_its_own_is_the_way() {
    let sandbox = Sandbox::new();
    let repository = repository(&sandbox);
    let guards = "while read old new ref; do test \"$ref\" != refs/heads/main || { \
                  echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1; }; done";
    hook(&sandbox, &repository.origin, "guards", "pre-receive", guards);
    let before = kept(&repository.origin);
    let head = tip(&sandbox, &repository.clone, "HEAD");
    let (text, code) = said(&sandbox, &repository.clone, &PUSH);
    assert_eq!(code, 5, "{text}");
    told(
        &text,
        &[
            "origin/main: refused by the remote, since the branch is protected",
            "GH006: Protected branch update failed for refs/heads/main.",
            "next: commit on a branch of its own and ask for a review",
        ],
    );
    assert_eq!(kept(&repository.origin), before);
    assert_eq!(tip(&sandbox, &repository.clone, "HEAD~1"), head, "our commit is kept");
    assert_eq!(tip(&sandbox, &repository.clone, "origin/main"), head);
    // The next step: on a branch of its own it goes through, with the worktree untouched.
    let before = std::fs::read(repository.clone.join("notes.txt")).expect("there");
    let (text, code) = said(
        &sandbox,
        &repository.clone,
        &["revert", "HEAD", "--commit", "--branch", "for-review", "--no-cluster"],
    );
    assert!(code == 0 && text.contains("on for-review"), "{text}");
    sandbox.git(&repository.clone, &["push", "-q", "origin", "for-review"]);
    assert_eq!(std::fs::read(repository.clone.join("notes.txt")).expect("there"), before);
}

#[test]
fn closed_input_is_told_and_nothing_is_written() {
    let mut sandbox = Sandbox::new();
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
    let fleet = repository(&sandbox).clone;
    let before = kept(&fleet);
    let (text, code) = said(&sandbox, &fleet, &[]);
    assert_eq!(code, 2, "{text}");
    told(&text, &["this is no terminal; `sealane status` prints the same as text"]);
    let (text, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert!(code == 3 && text.contains("22 of 25") || text.contains("7 of 8"), "that way works\n{text}");
    let words = ["seal", crate::journeys::FILE, "--set", "password", "--commit", "--no-cluster"];
    let (text, code) = said(&sandbox, &fleet, &words);
    assert_eq!(code, 2, "{text}");
    told(
        &text,
        &[
            "standard input ended without a value",
            "next: write the value to it; an empty line is an empty value",
        ],
    );
    assert_eq!(kept(&fleet), before);
    // Closed altogether, as some supervisors do.
    let mut shell = sandbox.command("sh");
    let script = "exec \"$@\" <&-";
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_sealane")]).args(words).current_dir(&fleet);
    let output = shell.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(kept(&fleet), before);
}
