//! Bad input: what git itself may be in. What is read goes on; what cannot be written is refused, and nothing is lost.

use super::{kept, said, told};
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use std::path::PathBuf;

/// The commit that broke `pay`; reverting it is what is asked for below.
const BREAKS_PAY: &str = "99c88d5";
const REVERT: [&str; 4] = ["revert", BREAKS_PAY, "--commit", "--no-cluster"];

fn fleet(sandbox: &Sandbox) -> PathBuf {
    DemoRepository::create(sandbox.folder()).expect("made").clone
}

/// Every environment is rendered as far as it ever is, and its apps have their rows.
fn everything_is_shown(status: &str) {
    for words in [["dev ", "8 of 9"], ["staging ", "7 of 8"], ["prod ", "7 of 8"]] {
        told(status, &words);
    }
    for app in ["cart", "checkout", "front", "pay"] {
        assert_eq!(
            status.lines().filter(|l| l.contains(&format!("unknown      {app} "))).count(),
            3,
            "{status}"
        );
    }
}

#[test]
fn a_folder_without_a_repository_is_told() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder().join("plain/deep");
    std::fs::create_dir_all(&folder).expect("made");
    let place = folder.canonicalize().expect("there").display().to_string();
    for words in [
        &["status", "--no-cluster"][..],
        &["render"],
        &["doctor"],
        &["diff", "HEAD"],
        &["history", "Deployment/shop/pay"],
        &["revert", "HEAD"],
        &["seal", "a.yaml", "--remove", "x"],
    ] {
        let (text, code) = said(&sandbox, &folder, words);
        assert_eq!(code, 2, "{words:?}: {text}");
        told(
            &text,
            &[&place, "is not inside a git repository", "next: run sealane in a clone, or give its path"],
        );
    }
    assert_eq!(std::fs::read_dir(&folder).expect("readable").count(), 0, "nothing is made there");
}

#[test]
fn a_bare_repository_is_shown_and_refuses_commits() {
    let sandbox = Sandbox::new();
    let origin = DemoRepository::create(sandbox.folder()).expect("made").origin;
    let before = kept(&origin);
    let (status, code) = said(&sandbox, &origin, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    everything_is_shown(&status);
    let (doctor, _) = said(&sandbox, &origin, &["doctor"]);
    told(&doctor, &["repository", &origin.display().to_string(), "bare: commits are made in a clone"]);
    let (text, code) = said(&sandbox, &origin, &REVERT);
    assert_eq!(code, 2, "{text}");
    told(&text, &["the repository is bare: it has no worktree", "next: work in a clone that has a worktree"]);
    assert!(
        text.contains("apps/pay/overlays/prod/kustomization.yaml"),
        "the effect is shown all the same\n{text}"
    );
    assert_eq!(kept(&origin), before);
}

#[test]
fn an_empty_repository_is_shown() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder().join("empty");
    std::fs::create_dir(&folder).expect("made");
    sandbox.git(&folder, &["init", "-q", "-b", "main"]);
    let before = kept(&folder);
    let (text, code) = said(&sandbox, &folder, &["status", "--no-cluster"]);
    assert_eq!(code, 0, "{text}");
    told(&text, &["empty", "no commit on main yet", "`git commit` makes the first"]);
    let (text, code) = said(&sandbox, &folder, &["revert", "HEAD", "--commit"]);
    assert_eq!(code, 2, "{text}");
    told(&text, &["branch main has no commits yet", "next: make the first commit with git"]);
    let (text, code) = said(&sandbox, &folder, &["history", "Deployment/shop/pay", "--no-cluster"]);
    assert_eq!(code, 2, "{text}");
    told(&text, &["main has no commit yet", "next: make the first commit with git"]);
    let (text, _) = said(&sandbox, &folder, &["doctor"]);
    told(&text, &["environments", "no commit yet"]);
    assert_eq!(kept(&folder), before);
}

#[test]
fn an_unborn_head_is_told_and_other_branches_are_read() {
    let sandbox = Sandbox::new();
    let fleet = fleet(&sandbox);
    sandbox.git(&fleet, &["checkout", "-q", "--orphan", "fresh"]);
    let before = kept(&fleet);
    let (text, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert_eq!(code, 0, "{text}");
    told(&text, &["no commit on fresh yet", "`git commit` makes the first"]);
    let (text, code) = said(&sandbox, &fleet, &REVERT);
    assert_ne!(code, 0, "{text}");
    told(&text, &["no commit", "next: make", "first commit"]);
    let (text, code) = said(&sandbox, &fleet, &["diff", "main~3..main"]);
    assert!(code == 3 && text.contains("Deployment/shop/pay  image 2.3.0 → 2.4.1"), "{code} {text}");
    assert_eq!(kept(&fleet), before);
}

#[test]
fn a_detached_head_is_shown_and_refuses_commits() {
    let sandbox = Sandbox::new();
    let fleet = fleet(&sandbox);
    sandbox.git(&fleet, &["checkout", "-q", "--detach"]);
    let before = kept(&fleet);
    let (status, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    told(&status, &["fleet", "5054947", "HEAD is detached", "`git switch` goes to a branch"]);
    everything_is_shown(&status);
    let (text, code) = said(&sandbox, &fleet, &REVERT);
    assert_eq!(code, 2, "{text}");
    told(&text, &["HEAD is on no branch", "next: check out a branch first"]);
    assert_eq!(kept(&fleet), before);
}

#[test]
fn a_shallow_clone_is_shown_as_far_as_it_goes() {
    let sandbox = Sandbox::new();
    let url = format!("file://{}", fleet(&sandbox).display());
    sandbox.git(sandbox.folder(), &["clone", "-q", "--depth", "4", &url, "shallow"]);
    let shallow = sandbox.folder().join("shallow");
    for (name, value) in [("user.name", "You"), ("user.email", "you@example.org")] {
        sandbox.git(&shallow, &["config", name, value]);
    }
    let before = kept(&shallow);
    let (status, code) = said(&sandbox, &shallow, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    everything_is_shown(&status);
    let words = ["history", "Deployment/shop/pay", "--environment", "prod", "--no-cluster"];
    let (text, _) = said(&sandbox, &shallow, &words);
    assert!(text.contains(BREAKS_PAY), "{text}");
    told(&text, &["shallow", "next: ", "git fetch --unshallow"]);
    let (text, _) = said(&sandbox, &shallow, &["doctor"]);
    told(&text, &["repository", &shallow.display().to_string(), "history is cut off (shallow clone)"]);
    let oldest = sandbox.git(&shallow, &["rev-list", "HEAD"]).lines().last().expect("a commit").to_owned();
    let (text, code) = said(&sandbox, &shallow, &["revert", &oldest, "--commit", "--no-cluster"]);
    assert_ne!(code, 0, "{text}");
    told(&text, &[&oldest[..7], "next: fetch the rest: git fetch --unshallow"]);
    assert_eq!(kept(&shallow), before);
    // What does not need the missing past goes on.
    let (text, code) = said(&sandbox, &shallow, &REVERT);
    assert!(code == 0 && text.contains("committed"), "{text}");
}

#[test]
fn a_merge_in_progress_is_shown_and_refuses_commits() {
    let sandbox = Sandbox::new();
    let fleet = fleet(&sandbox);
    sandbox.git(&fleet, &["checkout", "-q", "-b", "side", "HEAD~2"]);
    std::fs::write(fleet.join("apps/front/side.txt"), "x\n").expect("written");
    sandbox.git(&fleet, &["add", "-A"]);
    sandbox.git(&fleet, &["commit", "-q", "-m", "side"]);
    sandbox.git(&fleet, &["checkout", "-q", "main"]);
    sandbox.git(&fleet, &["merge", "-q", "--no-commit", "--no-ff", "side"]);
    let before = kept(&fleet);
    let (status, code) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    told(&status, &["fleet", "a merge is in progress", "finish or abort it"]);
    everything_is_shown(&status);
    let (text, _) = said(&sandbox, &fleet, &["doctor"]);
    told(&text, &["repository", &fleet.display().to_string(), "a merge is in progress"]);
    let (text, code) = said(&sandbox, &fleet, &REVERT);
    assert_eq!(code, 2, "{text}");
    told(&text, &["a merge is in progress", "next: finish it with git commit, or git merge --abort"]);
    assert_eq!(kept(&fleet), before);
}

#[test]
fn submodules_are_told_and_everything_else_renders() {
    let sandbox = Sandbox::new();
    let fleet = fleet(&sandbox);
    let library = sandbox.folder().join("library");
    std::fs::create_dir(&library).expect("made");
    sandbox.git(&library, &["init", "-q", "-b", "main"]);
    std::fs::write(library.join("kustomization.yaml"), "resources: []\n").expect("written");
    sandbox.git(&library, &["add", "-A"]);
    let me = ["-c", "user.name=You", "-c", "user.email=you@example.org"];
    sandbox.git(&library, &[&me[..], &["commit", "-q", "-m", "first"]].concat());
    let url = library.display().to_string();
    sandbox.git(
        &fleet,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "apps/library"],
    );
    let uses = fleet.join("apps/front/base/kustomization.yaml");
    let text = std::fs::read_to_string(&uses).expect("text");
    std::fs::write(&uses, text.replacen("resources:\n", "resources:\n  - ../../library\n", 1))
        .expect("written");
    sandbox.git(&fleet, &["add", "-A"]);
    sandbox.git(&fleet, &["commit", "-q", "-m", "use the library"]);
    let before = kept(&fleet);
    for words in [&["status", "--no-cluster"][..], &["doctor"]] {
        let (text, code) = said(&sandbox, &fleet, words);
        assert_eq!(code, 3, "{text}");
        told(
            &text,
            &["apps/library: it is a submodule", "another repository", "open that repository by itself"],
        );
    }
    // Who needs it says so, with the line; the others are as they were.
    let (status, _) = said(&sandbox, &fleet, &["status", "--no-cluster"]);
    told(
        &status,
        &[
            "not rendered front",
            "apps/front/base/kustomization.yaml:",
            "apps/library is a submodule: its files are",
            "next: ",
        ],
    );
    assert!(
        status.lines().any(|l| l.contains("unknown") && l.contains(" pay ") && l.contains(" prod "))
            && status.contains("6 of 8"),
        "{status}"
    );
    let (text, code) = said(&sandbox, &fleet, &["revert", "HEAD", "--commit", "--no-cluster"]);
    assert_ne!(code, 0, "{text}");
    told(&text, &["apps/library", "submodule"]);
    assert_eq!(kept(&fleet), before);
}
