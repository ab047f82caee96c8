//! Journeys of a person at a real terminal, and of the same person on the command line: find, revert, push, watch.

use crate::pty::{PATIENCE, Pty};
use crate::sandbox::{Sandbox, holds, spellings};
use crate::served::Served;
use rustix::process::Signal;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// The most keys a person needs from the first screen to a healthy app, besides typed text.
const KEYS: usize = 12;

/// The row of this app in this environment.
fn row<'s>(screen: &'s str, app: &str, environment: &str) -> Option<&'s str> {
    screen.lines().find(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != app);
        words.next().is_some() && words.next() == Some(environment)
    })
}

fn is(screen: &str, app: &str, environment: &str, state: &str) -> bool {
    row(screen, app, environment).is_some_and(|row| row.contains(state))
}

#[test]
fn a_failing_rollout_is_found_reverted_pushed_and_heals_in_twelve_keys() {
    let mut sandbox = Sandbox::new();
    let stalls = sandbox.folder().join("stalls");
    sandbox.more.push(("SEALANE_STALLS".to_owned(), stalls.display().to_string()));
    let mut screen = Pty::sealane(&sandbox, &["demo".as_ref()]);
    let home = screen.until("pay failing since a commit", |s| {
        is(s, "pay", "prod", "failing") && s.contains("since 99c88d5 by Ana Silva")
    });
    assert!(home.lines().any(|line| line.starts_with('▸') && line.contains("pay")), "it is selected\n{home}");
    let fleet = sandbox.demos()[0].join("fleet");
    let head = sandbox.git(&fleet, &["rev-parse", "HEAD"]);

    screen.press("h");
    let history = screen.shows("commits change this object");
    assert!(history.contains("▸ 99c88d5") && history.contains("image 2.3.0 → 2.4.1"), "{history}");
    screen.press("\r");
    screen.until("what the commit changed", |s| s.contains("pay:2.3.0") && s.contains("pay:2.4.1"));
    screen.press("v");
    let plan = screen.until("the rehearsed revert", |s| {
        s.contains("nothing written yet") && s.contains("Deployment pay  image 2.4.1 → 2.3.0")
    });
    assert!(plan.contains("1 change") && plan.contains("2 pods restart"), "{plan}");
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD"]), head, "nothing is written by rehearsing");

    screen.press("C");
    screen.shows("not pushed");
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "HEAD~1"]), head);
    assert_eq!(sandbox.git(&fleet, &["rev-parse", "origin/main"]), head, "a commit is no push");
    screen.press("P");
    screen.shows("Type prod to agree");
    screen.type_text("prod");
    screen.press("\r");
    screen.shows("pushed 1 commit to origin/main");
    assert_ne!(sandbox.git(&fleet, &["ls-remote", "origin", "main"]).get(..40), head.get(..40));

    // One after the other, by what the next screen says: two at once are another key, and a header that is short of room
    // leaves the way out.
    for shown in ["1 field changed by 99c88d5", "8 of 44 commits change", "declared by nobody"] {
        screen.press("\x1b");
        screen.shows(shown);
    }
    screen.until("pay healthy, and who waited for it", |s| {
        is(s, "pay", "prod", "synced") && is(s, "checkout", "prod", "synced")
    });
    screen.shows("tour: pay is healthy again. Select cart in prod");
    assert!(screen.keys <= KEYS, "{} keys", screen.keys);
    assert_eq!(sandbox.git(&fleet, &["show", "-s", "--format=%s"]).trim(), "Revert \"pay: 2.4.1 in prod\"");

    screen.press("q");
    assert!(screen.ends().success());
    screen.given_back();
    assert_eq!(sandbox.demos(), Vec::<std::path::PathBuf>::new(), "the demo's folder goes with it");
    no_turn_was_too_long(&stalls);
}

/// The loop's turns took no more CPU time than 8 ms, as the stall detector in the program noted them; twice that
/// for what was compiled without optimisation.
fn no_turn_was_too_long(noted: &Path) {
    let text = std::fs::read_to_string(noted).expect("noted");
    assert!(text.lines().last().is_some_and(|line| line.starts_with("worst ")), "{text}");
    let limit = if cfg!(debug_assertions) { 16.0 } else { 8.0 };
    for line in text.lines() {
        let millis: f64 = line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a number");
        assert!(millis <= limit, "{text}");
    }
}

/// What is typed into the form. It may be found in the live Secret alone.
pub const CANARY: &str = "canary-7f3a-never-in-the-clear";
pub const FILE: &str = "apps/cart/overlays/prod/db.sops.yaml";

/// Fails if the secret stands in the clear in a file, a git object, on a screen, or in what the terminal was sent.
fn nothing_leaked(sandbox: &Sandbox, screen: &Pty, when: &str) {
    let found = leaks(sandbox, screen);
    assert!(found.is_empty(), "{when}: {found:#?}");
}

fn leaks(sandbox: &Sandbox, screen: &Pty) -> Vec<String> {
    let mut found = sandbox.leaks(CANARY);
    let (raw, screens) = screen.everything();
    for (bytes, place) in [(raw.as_slice(), "the bytes of the terminal"), (screens.as_bytes(), "a screen")] {
        if holds(bytes, &spellings(CANARY)) {
            found.push(place.to_owned());
        }
    }
    found
}

/// Which cluster belongs to which environment is asked once, and never guessed.
fn choose_clusters(screen: &mut Pty) {
    for (at, name) in ["dev", "staging", "prod"].iter().enumerate() {
        screen.shows(&format!("Which cluster is {name}?"));
        for _ in 0..at {
            screen.press("j");
        }
        screen.until("the right one", |s| s.lines().any(|l| l.contains(&format!("▸ demo-{name} "))));
        screen.press("\r");
    }
}

/// From the first screen to the form of the secret of cart in prod.
pub fn open_the_form(screen: &mut Pty) {
    screen.press("/");
    screen.type_text("cart env:prod");
    screen.press("\r");
    screen.until("cart selected", |s| s.lines().any(|l| l.starts_with('▸') && l.contains("cart")));
    screen.press("s");
    screen.shows("db.sops.yaml");
    screen.press("e");
    screen.until("the form", |s| s.contains("▸ username"));
}

/// From the first screen to the form, and its password typed.
fn set_the_password(screen: &mut Pty) {
    open_the_form(screen);
    screen.press("j");
    screen.shows("▸ password");
    screen.press("\r");
    screen.shows("being typed");
    screen.type_text(CANARY);
    screen.press("\r");
    screen.shows("will change");
}

#[test]
fn a_secret_is_set_and_arrives_and_is_in_no_file_object_log_or_screen() {
    let mut sandbox = Sandbox::new();
    let served = Served::start(&mut sandbox);
    let clone = served.clone.clone();
    // Without the file that says which cluster is which, the screen asks.
    std::fs::remove_file(clone.join(".sealane.yaml")).expect("it was there");
    let mut screen = Pty::sealane(&sandbox, &[clone.as_os_str()]);
    choose_clusters(&mut screen);
    screen.until("one key of cart differs", |s| is(s, "cart", "prod", "drifted"));
    set_the_password(&mut screen);
    nothing_leaked(&sandbox, &screen, "typed");
    screen.press("\x13");
    screen.shows("nothing written yet");
    nothing_leaked(&sandbox, &screen, "rehearsed");
    screen.press("C");
    screen.shows("not pushed");
    let changed: Vec<String> = sandbox
        .git(&clone, &["show", "--format=", "--unified=0", "HEAD"])
        .lines()
        .filter(|line| line.starts_with("+ ") || line.starts_with("- "))
        .filter_map(|line| Some(line.split_once(':')?.0.split_whitespace().collect()))
        .collect();
    assert_eq!(changed, ["-password", "+password", "-lastmodified", "-mac", "+lastmodified", "+mac"]);
    screen.press("P");
    screen.shows("Type prod to agree");
    screen.type_text("prod");
    screen.press("\r");
    screen.shows("pushed 1 commit to origin/main");
    served.secret_becomes("cart-db", "password", CANARY);
    screen.press(":");
    screen.type_text("secrets");
    screen.press("\r");
    screen.until("git and cluster agree", |s| s.lines().any(|l| l.contains("cart") && l.contains("same")));
    nothing_leaked(&sandbox, &screen, "arrived");
    no_core_is_left_by(&mut screen, &sandbox);
    nothing_leaked(&sandbox, &screen, "killed");
    planted_leaks_are_found(&sandbox, &mut screen, &clone);
}

/// Even when the system would write cores of any size.
fn no_core_is_left_by(screen: &mut Pty, sandbox: &Sandbox) {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", screen.pid())).expect("readable");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("there");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    screen.signal(Signal::ABORT);
    assert!(!screen.ends().success());
    assert_eq!(sandbox.cores(), Vec::<std::path::PathBuf>::new());
}

/// Each of the ways in which a secret could get out, done on purpose: the search finds every one.
fn planted_leaks_are_found(sandbox: &Sandbox, screen: &mut Pty, clone: &Path) {
    let home = sandbox.folder().join("home");
    let planted = [
        clone.parent().expect("a folder").join("planted"),
        home.join(".cache/planted"),
        home.join(".local/state/sealane.log"),
        sandbox.folder().join("tmp/planted"),
    ];
    for (at, file) in planted.iter().enumerate() {
        let spelled = &spellings(CANARY)[at % 5];
        std::fs::write(file, format!("x{spelled}")).expect("written");
        let found = leaks(sandbox, screen);
        assert_eq!(found, [file.display().to_string()], "planted as {spelled}");
        std::fs::remove_file(file).expect("removed");
    }
    let file = sandbox.folder().join("planted");
    std::fs::write(&file, CANARY).expect("written");
    sandbox.git(clone, &["hash-object", "-w", &file.display().to_string()]);
    let mut other = Pty::start(sandbox, (80, 24), "cat".as_ref(), &[file.as_os_str()]);
    assert!(other.ends().success());
    std::fs::remove_file(&file).expect("removed");
    let found = leaks(sandbox, &other);
    assert!(found[0].starts_with("an object of "), "{found:?}");
    assert_eq!(found[1..], ["the bytes of the terminal", "a screen"]);
}

/// What the command printed, on both streams; fails unless it ended with this code.
fn said(sandbox: &Sandbox, clone: &Path, words: &[&str], typed: &str, code: i32) -> String {
    let mut child = sandbox
        .command(env!("CARGO_BIN_EXE_sealane"))
        .args(words)
        .current_dir(clone)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(typed.as_bytes()).expect("typed");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "sealane {words:?}\n{text}");
    assert!(!holds(text.as_bytes(), &spellings(CANARY)), "a secret is printed by sealane {words:?}");
    text
}

#[test]
fn both_journeys_go_by_the_command_line_too() {
    let mut sandbox = Sandbox::new();
    let mut served = Served::start(&mut sandbox);
    let clone = served.clone.clone();
    let prod = ["--environment", "prod", "--context", "demo-prod"];
    // 3: a Helm release is not rendered, in every answer about the whole of prod.
    let status = || said(&sandbox, &clone, &[&["status"][..], &prod].concat(), "", 3);
    let of = |status: &str, app: &str| row(status, app, "prod").unwrap_or_default().to_owned();
    let before = status();
    assert!(
        of(&before, "pay").contains("failing") && of(&before, "pay").contains("since 99c88d5"),
        "{before}"
    );
    let live = said(&sandbox, &clone, &[&["diff", "--live"][..], &prod].concat(), "", 3);
    assert!(live.contains("drifted") && live.contains("needs Helm"), "{live}");
    let history = said(&sandbox, &clone, &[&["history", "Deployment/shop/pay"][..], &prod].concat(), "", 0);
    assert!(history.lines().nth(1).is_some_and(|l| l.starts_with("99c88d5") && l.contains("2.3.0 → 2.4.1")));

    let head = sandbox.git(&clone, &["rev-parse", "HEAD"]);
    let rehearsed = said(&sandbox, &clone, &["revert", "99c88d5"], "", 3);
    assert!(rehearsed.contains("image 2.4.1 → 2.3.0"), "{rehearsed}");
    assert_eq!(sandbox.git(&clone, &["rev-parse", "HEAD"]), head, "nothing is written by rehearsing");
    let reverted = said(&sandbox, &clone, &["revert", "99c88d5", "--commit", "--push"], "", 0);
    assert!(reverted.contains("pushed"), "{reverted}");
    let begun = Instant::now();
    while !of(&status(), "pay").contains("synced") {
        assert!(begun.elapsed() < PATIENCE, "{}", status());
    }

    let sealed = said(&sandbox, &clone, &["seal", FILE, "--set", "password"], &format!("{CANARY}\n"), 3);
    assert!(sealed.contains("set password"), "{sealed}");
    assert_eq!(sandbox.git(&clone, &["status", "--porcelain"]), "", "nothing is written by rehearsing");
    let words = ["seal", FILE, "--set", "password", "--commit", "--push"];
    said(&sandbox, &clone, &words, &format!("{CANARY}\n"), 0);
    served.secret_becomes("cart-db", "password", CANARY);
    let after = status();
    assert!(of(&after, "cart").contains("synced") && of(&after, "checkout").contains("synced"), "{after}");
    assert_eq!(sandbox.leaks(CANARY), Vec::<String>::new());
    served.ends(Signal::INT);
    assert_eq!(sandbox.demos(), Vec::<std::path::PathBuf>::new());
}
