//! Locked identities and plug-ins as a user meets them: asked for at the terminal without echo, unlocked on the screen, named
//! where nobody can be asked, and never run unasked.

use crate::pty::Pty;
use crate::sandbox::Sandbox;
use sealane::seal::{Rules, seal_plain};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "guards nothing";
const LOCKED: &str = include_str!("../../keys/tests/ssh-ed25519-locked");
const PUBLIC: &str = include_str!("../../keys/tests/ssh-ed25519-locked.pub");

/// A repository with one sealed Secret, for one recipient.
fn repository(sandbox: &Sandbox, recipient: &str) -> PathBuf {
    let folder = sandbox.folder().join("repository");
    fs::create_dir_all(&folder).expect("made");
    let rules =
        format!("creation_rules:\n  - encrypted_regex: ^(data|stringData)$\n    age:\n      - {recipient}\n");
    let read = Rules::parse(rules.as_bytes(), ".sops.yaml");
    let plain = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  token: canary-4711\n";
    let sealed = seal_plain(plain.as_bytes(), "a.sops.yaml", &read, 1_700_000_000).expect("sealed");
    for (name, content) in [
        (".sops.yaml", rules.as_bytes()),
        ("a.sops.yaml", &sealed),
        ("kustomization.yaml", b"resources: [a.sops.yaml]\n"),
    ] {
        fs::write(folder.join(name), content).expect("written");
    }
    let identity = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
    sandbox.git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    sandbox.git(&folder, &["add", "."]);
    sandbox.git(&folder, &[&identity[..], &["commit", "--quiet", "-m", "start"]].concat());
    folder
}

/// A home with a locked SSH key, and a repository that is sealed for it.
fn with_locked_key() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let ssh = sandbox.folder().join("home/.ssh");
    fs::create_dir_all(&ssh).expect("made");
    fs::write(ssh.join("id_ed25519"), LOCKED).expect("written");
    let folder = repository(&sandbox, PUBLIC.trim());
    (sandbox, folder)
}

/// What `doctor` says where no terminal is, and its exit code.
fn doctor(sandbox: &Sandbox, folder: &Path) -> (String, i32) {
    let mut command = sandbox.command("setsid");
    let output = command
        .args(["--wait", env!("CARGO_BIN_EXE_sealane"), "doctor"])
        .arg(folder)
        .output()
        .expect("it runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code().expect("no signal ended it"))
}

#[test]
fn the_terminal_is_asked_without_echo_and_given_back() {
    let (sandbox, folder) = with_locked_key();
    let mut screen = Pty::sealane(&sandbox, &["doctor".as_ref(), folder.as_os_str()]);
    screen.shows("passphrase of");
    screen.type_text("canary wrong\r");
    screen.shows("this is not it; once more");
    // A line that is wiped, a letter that is taken back.
    screen.type_text("canary\u{15}guards nothingx\u{7f}\r");
    screen.shows("1 of them open here");
    screen.ends();
    screen.given_back();
    let (raw, _) = screen.everything();
    let raw = String::from_utf8_lossy(&raw);
    assert!(!raw.contains("canary") && !raw.contains("guards"), "{raw}");
    assert_eq!([sandbox.leaks("canary wrong"), sandbox.leaks("canary-4711")].concat(), [""; 0]);
}

#[test]
fn whoever_interrupts_the_question_has_his_terminal_and_hears_what_is_locked() {
    let (sandbox, folder) = with_locked_key();
    let mut screen = Pty::sealane(&sandbox, &["doctor".as_ref(), folder.as_os_str()]);
    screen.shows("passphrase of");
    screen.send("\u{3}");
    screen.shows("needs its passphrase");
    screen.ends();
    screen.given_back();
}

#[test]
fn without_a_terminal_what_is_locked_is_named_with_what_to_do() {
    let (sandbox, folder) = with_locked_key();
    let (text, code) = doctor(&sandbox, &folder);
    assert_eq!(code, 3, "{text}");
    let key = sandbox.folder().join("home/.ssh/id_ed25519").display().to_string();
    for words in [
        &*key,
        "a private SSH key (ssh-ed25519 …",
        "locked with a passphrase",
        "an SSH agent cannot help",
        "nothing in SOPS_AGE_SSH_PRIVATE_KEY_FILE",
        "1 sealed file, 0 of them open here",
        "locked: ",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn on_the_screen_an_identity_is_unlocked_through_the_palette() {
    let (sandbox, folder) = with_locked_key();
    let mut screen = Pty::sealane(&sandbox, &["--no-cluster".as_ref(), folder.as_os_str()]);
    screen.shows("1 problem");
    screen.press(":");
    screen.type_text("unlock");
    screen.shows("id_ed25519");
    screen.press("\r");
    screen.shows("Passphrase of");
    screen.type_text("canary-wrong");
    screen.shows("••••");
    screen.press("\r");
    screen.shows("this is not the passphrase");
    screen.press("\r");
    screen.press(":");
    screen.type_text("unlock");
    screen.shows("id_ed25519");
    screen.press("\r");
    screen.shows("Passphrase of");
    screen.send(&format!("\u{1b}[200~{PASSPHRASE}\u{1b}[201~"));
    screen.shows("•");
    screen.press("\r");
    screen.until("no problem any more", |s| s.contains("1 unknown") && !s.contains("1 problem"));
    let (raw, _) = screen.everything();
    let raw = String::from_utf8_lossy(&raw);
    assert!(!raw.contains("canary-wrong") && !raw.contains(PASSPHRASE), "it was shown");
}

#[test]
fn a_plug_in_runs_only_after_a_yes_which_is_remembered() {
    let mut sandbox = Sandbox::new();
    let text = |prefix: &str| {
        age_core::primitives::bech32_encode(bech32::Hrp::parse(prefix).expect("a prefix"), b"public")
    };
    let folder = repository(&sandbox, include_str!("../../keys/tests/ssh-rsa.pub").trim());
    // The file is for the plug-in, as its metadata says.
    let sealed = fs::read_to_string(folder.join("a.sops.yaml")).expect("there");
    let line = sealed.lines().find(|l| l.contains("recipient:")).expect("a recipient").to_owned();
    let theirs = format!("          recipient: {}", text("age1fake"));
    fs::write(folder.join("a.sops.yaml"), sealed.replace(&line, &theirs)).expect("written");
    sandbox.git(
        &folder,
        &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-am", "plug-in"],
    );
    let programs = sandbox.folder().join("bin");
    fs::create_dir_all(&programs).expect("made");
    let program = programs.join("age-plugin-fake");
    let mark = sandbox.folder().join("ran");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\nexit 1\n", mark.display())).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made runnable");
    let keys = sandbox.folder().join("keys.txt");
    fs::write(&keys, text("age-plugin-fake-").to_uppercase()).expect("written");
    sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    sandbox.more.push(("PATH".to_owned(), path));

    let (told, code) = doctor(&sandbox, &folder);
    assert!(code == 3 && told.contains("is run only after you agree to it"), "{code} {told}");
    assert!(told.contains(&program.display().to_string()) && !mark.exists(), "{told}");

    let mut screen = Pty::sealane(&sandbox, &["doctor".as_ref(), folder.as_os_str()]);
    screen.shows("Run it, now and later?");
    screen.type_text("n\r");
    screen.shows("is run only after you agree");
    screen.ends();
    assert!(!mark.exists());

    let mut screen = Pty::sealane(&sandbox, &["doctor".as_ref(), folder.as_os_str()]);
    screen.shows("Run it, now and later?");
    screen.type_text("y\r");
    screen.shows("ended before it was done");
    screen.ends();
    assert!(mark.exists());
    fs::remove_file(&mark).expect("there");
    let (told, _) = doctor(&sandbox, &folder);
    assert!(told.contains("ended before it was done") && mark.exists(), "{told}");
}
