//! `sealane edit` with editors that are scripts: one value is one line, nothing is left behind, whatever happens to the editor
//! or to us.

use crate::pty::{PATIENCE, Pty};
use crate::sandbox::{holds, spellings};
use crate::seal_verbs::{CANARY, Repository};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A repository with an editor that notes what it was given, then does what the script says with `$1`.
struct Desk {
    repository: Repository,
    seen: PathBuf,
}

impl Desk {
    fn new(script: &str) -> Self {
        let mut repository = Repository::new();
        let folder = repository.sandbox.folder().to_owned();
        let (editor, seen) = (folder.join("editor"), folder.join("seen"));
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" > {}\n{script}\n", seen.display());
        fs::write(&editor, text).expect("written");
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("made a program");
        repository.sandbox.more.push(("SOPS_EDITOR".to_owned(), editor.display().to_string()));
        repository.sandbox.more.push(("EDITOR".to_owned(), "false".to_owned()));
        repository.done(&["seal", "db.sops.yaml", "--set", "password"], CANARY);
        repository.done(&["seal", "db.sops.yaml", "--set", "user"], "ana");
        Self { repository, seen }
    }

    /// The file that the editor was given.
    fn given(&self) -> PathBuf {
        PathBuf::from(fs::read_to_string(&self.seen).expect("the editor ran").trim())
    }

    /// Nothing is left of what the editor was given, and of the secret.
    fn is_clean(&self) {
        let folder = self.given().parent().expect("a folder").to_owned();
        assert!(!folder.exists(), "{} is left", folder.display());
        assert_eq!(self.repository.sandbox.leaks(CANARY), Vec::<String>::new());
    }

    /// Starts it with an editor that waits, and waits until that has its file.
    fn waiting(&self) -> Child {
        let child = self
            .repository
            .sandbox
            .command(env!("CARGO_BIN_EXE_sealane"))
            .args(["edit", "db.sops.yaml", "--no-cluster"])
            .current_dir(&self.repository.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        becomes(|| fs::read_to_string(&self.seen).is_ok_and(|text| text.ends_with('\n')));
        child
    }
}

fn becomes(true_now: impl Fn() -> bool) {
    let begun = Instant::now();
    while !true_now() {
        assert!(begun.elapsed() < PATIENCE, "it did not come to pass");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Keys of the lines that a commit changed. Whether the time did depends on the second.
fn lines(repository: &Repository, range: &str) -> Vec<String> {
    let diff = repository.git(&["diff", "--unified=0", range]);
    let signs =
        |line: &&str| line.starts_with('+') && !line.starts_with("+++") && !line.contains("lastmodified");
    diff.lines()
        .filter(signs)
        .map(|line| line.split(':').next().unwrap_or("").replace('+', "").trim().to_owned())
        .collect()
}

#[test]
fn one_changed_value_is_one_line_and_the_text_lay_in_memory_alone() {
    let desk = Desk::new(
        "{ stat -c '%a %F' \"$1\"; stat -c %a \"$(dirname \"$1\")\"; df --output=fstype \"$1\"; } > \"$HOME/modes\"; sed -i 's/user: ana/user: bob/' \"$1\"",
    );
    let text = desk.repository.done(&["edit", "db.sops.yaml"], "");
    assert!(text.contains("edit db.sops.yaml: set user"), "{text}");
    let (password, user) = (["stringData", "password"], ["stringData", "user"]);
    assert_eq!(desk.repository.value("db.sops.yaml", &user).as_deref(), Some("bob"));
    assert_eq!(desk.repository.value("db.sops.yaml", &password).as_deref(), Some(CANARY));
    assert_eq!(lines(&desk.repository, "HEAD~1"), ["user", "mac"]);
    let modes = fs::read_to_string(desk.repository.sandbox.folder().join("home/modes")).expect("noted");
    let modes: Vec<&str> = modes.lines().collect();
    assert_eq!(modes[..2], ["600 regular file", "700"]);
    assert!(desk.given().ends_with("db.sops.yaml") && modes.last() == Some(&"tmpfs"), "{modes:?}");
    desk.is_clean();
}

#[test]
fn nothing_changed_is_nothing_done() {
    let desk = Desk::new("cat \"$1\" > \"$1.new\"; mv \"$1.new\" \"$1\"; echo swap > \"$TMPDIR/.swp\"");
    let before = desk.repository.git(&["rev-parse", "HEAD"]);
    let text = desk.repository.done(&["edit", "db.sops.yaml"], "");
    assert!(text.contains("nothing was changed"), "{text}");
    assert_eq!(desk.repository.git(&["rev-parse", "HEAD"]), before);
    desk.is_clean();
}

#[test]
fn what_cannot_be_sealed_is_told_and_wiped() {
    for (script, said) in [
        ("echo '  : [' >> \"$1\"", "db.sops.yaml:"),
        ("echo 'sops: {}' >> \"$1\"", "SOPS keeps for its block"),
        ("rm \"$1\"", "the editor's file cannot be read"),
        ("ln -sf /etc/hostname \"$1\"", "the editor's file cannot be read"),
        ("exit 3", "ended with exit status: 3"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let desk = Desk::new(script);
        desk.repository.refused(&["edit", "db.sops.yaml"], "", &[said]);
        desk.is_clean();
    }
}

#[test]
fn what_cannot_be_edited_is_said_before_an_editor_starts() {
    let desk = Desk::new("exit 0");
    desk.repository.commit("plain.yaml", "a: b\n");
    desk.repository.refused(&["edit", "plain.yaml"], "", &["the file is not sealed"]);
    desk.repository.refused(&["edit", "../outside.yaml"], "", &["is not inside"]);
    assert!(!desk.seen.exists());
}

#[test]
fn a_new_file_begins_as_a_secret() {
    let desk = Desk::new("sed -i 's/key: value/token: fresh/' \"$1\"");
    let text = desk.repository.done(&["edit", "apps/new.sops.yaml"], "");
    assert!(text.contains("seal a new file"), "{text}");
    assert_eq!(
        desk.repository.value("apps/new.sops.yaml", &["stringData", "token"]).as_deref(),
        Some("fresh")
    );
    desk.is_clean();
}

#[test]
fn what_the_branch_got_meanwhile_stays() {
    let sealane = env!("CARGO_BIN_EXE_sealane");
    let meanwhile = |key: &str| {
        format!(
            "cd \"$REPOSITORY\" && echo x | {sealane} seal db.sops.yaml --set {key} --no-cluster --commit > /dev/null; sed -i 's/user: ana/user: bob/' \"$1\""
        )
    };
    for (key, same) in [("token", false), ("user", true)] {
        let mut desk = Desk::new(&meanwhile(key));
        let folder = desk.repository.folder.display().to_string();
        desk.repository.sandbox.more.push(("REPOSITORY".to_owned(), folder));
        let (text, code) = desk.repository.sealane(&["edit", "db.sops.yaml", "--commit"], "");
        if same {
            assert!(code > 1 && text.contains("the branch changed stringData.user meanwhile too"), "{text}");
        } else {
            assert_eq!(code, 0, "{text}");
            let value = |key| desk.repository.value("db.sops.yaml", &["stringData", key]);
            assert_eq!((value("token").as_deref(), value("user").as_deref()), (Some("x"), Some("bob")));
        }
        desk.is_clean();
    }
}

#[test]
fn a_signal_ends_the_editor_and_wipes_its_file() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let desk = Desk::new("trap '' HUP; echo $$ > \"$HOME/pid\"; exec sleep 600");
        let mut child = desk.waiting();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).expect("sent");
        assert!(!child.wait().expect("it ends").success());
        desk.is_clean();
        let pid = fs::read_to_string(desk.repository.sandbox.folder().join("home/pid")).expect("noted");
        assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists(), "the editor is gone");
    }
}

#[test]
fn what_a_kill_leaves_is_wiped_by_the_next_start() {
    let desk = Desk::new("echo $$ > \"$HOME/pid\"; exec sleep 600");
    let mut child = desk.waiting();
    // Another start meanwhile leaves it alone.
    desk.repository.sealane(&["doctor"], "");
    let file = desk.given();
    assert!(fs::read_to_string(&file).is_ok_and(|text| text.contains(CANARY)));
    child.kill().expect("killed");
    child.wait().expect("it ends");
    assert!(file.exists(), "nobody could wipe it");
    desk.repository.sealane(&["doctor"], "");
    desk.is_clean();
    let pid = fs::read_to_string(desk.repository.sandbox.folder().join("home/pid")).expect("noted");
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("the editor was still there");
}

#[test]
fn the_screen_lends_the_terminal_to_the_editor_and_shows_the_plan() {
    let desk = Desk::new(
        "if [ -e \"$HOME/once\" ]; then sed -i -e '/: \\[/d' -e 's/user: ana/user: bob/' \"$1\"; else touch \"$HOME/once\"; echo '  : [' >> \"$1\"; fi",
    );
    let repository = &desk.repository;
    let mut screen =
        Pty::sealane(&repository.sandbox, &[repository.folder.as_os_str(), "--no-cluster".as_ref()]);
    screen.shows("fleet");
    screen.press(":");
    screen.type_text("secrets: all");
    screen.press("\r");
    screen.shows("db.sops.yaml");
    screen.press("\r");
    screen.until("the keys", |s| s.contains("password") && s.contains("stays"));
    screen.press("e");
    let told = screen.shows("edit again");
    assert!(told.contains("db.sops.yaml:") && told.contains("esc wipes it"), "{told}");
    assert!(desk.given().exists(), "the text is still there");
    screen.press("\r");
    screen.until("the plan", |s| {
        s.contains("edit db.sops.yaml: set user") && s.contains("nothing written yet")
    });
    assert!(!desk.given().exists());
    screen.press("C");
    screen.shows("committed");
    assert_eq!(repository.value("db.sops.yaml", &["stringData", "user"]).as_deref(), Some("bob"));
    let (raw, screens) = screen.everything();
    for bytes in [raw.as_slice(), screens.as_bytes()] {
        assert!(!holds(bytes, &spellings(CANARY)), "a secret is on screen");
    }
    screen.send("\x03");
    assert!(screen.ends().success());
    screen.given_back();
    desk.is_clean();
}
