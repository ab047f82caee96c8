//! The terminal is given back whatever happens, and every size and setting of it is lived with.

use crate::pty::Pty;
use crate::sandbox::Sandbox;
use rustix::process::Signal;
use sealane::demo::{Demo, DemoRepository, OPERATOR};
use sealane::tui::{self, Error, Opened, Options};
use sealane::workspace::{Settings, Workspace};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A screen on a repository alone, which needs no demo to run.
fn on_a_repository(sandbox: &Sandbox, size: (u16, u16)) -> Pty {
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    let arguments = ["--no-cluster".as_ref(), repository.clone.as_os_str()];
    Pty::start(sandbox, size, env!("CARGO_BIN_EXE_sealane").as_ref(), &arguments)
}

#[test]
fn a_signal_ends_the_demo_gives_the_terminal_back_and_takes_the_folder() {
    for name in [Signal::TERM, Signal::INT, Signal::HUP] {
        let sandbox = Sandbox::new();
        let mut screen = Pty::sealane(&sandbox, &["demo".as_ref()]);
        screen.shows("22 of 25 rendered");
        assert_eq!(sandbox.demos().len(), 1);
        screen.signal(name);
        screen.ends();
        screen.given_back();
        assert_eq!(sandbox.demos(), Vec::<PathBuf>::new(), "{name:?}");
    }
}

#[test]
fn suspended_the_terminal_is_the_shells_and_resumed_it_is_ours_again() {
    let sandbox = Sandbox::new();
    let mut screen = on_a_repository(&sandbox, (100, 30));
    screen.shows("22 of 25 rendered");
    for _ in 0..2 {
        screen.press("\x1a");
        screen.in_state("T");
        screen.given_back();
        screen.signal(Signal::CONT);
        screen.shows("22 of 25 rendered");
    }
    screen.resize((80, 24));
    screen.until("the last line at its new place", |s| {
        s.lines().nth(23).is_some_and(|l| l.contains("enter open"))
    });
    screen.resize((140, 40));
    screen.until("the last line at its new place", |s| {
        s.lines().nth(39).is_some_and(|l| l.contains("enter open"))
    });
    screen.press("q");
    assert!(screen.ends().success());
    screen.given_back();
}

#[test]
fn a_terminal_of_one_cell_is_lived_with_until_it_grows_and_no_color_has_none() {
    let mut sandbox = Sandbox::new();
    sandbox.more.push(("NO_COLOR".to_owned(), "1".to_owned()));
    let mut screen = on_a_repository(&sandbox, (1, 1));
    screen.takes_the_terminal();
    for key in ["j", "\r", "\x1b", ":", "\x1b", "?", "\x1b", "/", "\x1b"] {
        screen.press(key);
    }
    screen.resize((80, 24));
    screen.until("the smallest whole screen", |s| {
        s.contains("22 of 25 rendered")
            && s.contains("1 plaintext")
            && s.lines().nth(23).is_some_and(|line| line.contains("enter open"))
    });
    screen.resize((40, 10));
    screen.until("what it needs, what it has, and what to do", |s| {
        let words = s.split_whitespace().collect::<Vec<_>>().join(" ");
        words.contains("Sealane needs 80 columns and 24 lines. Here are 40 and 10: make the terminal larger.")
    });
    screen.press("\x03");
    assert!(screen.ends().success());
    screen.given_back();
    let raw = String::from_utf8_lossy(&screen.everything().0).into_owned();
    // Select Graphic Rendition: 30 to 49 and 90 to 107 are colours, 39 and 49 take them back.
    let colours =
        regex::Regex::new("\x1b\\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;[0-9;]*)?m").expect("valid");
    assert_eq!(colours.find(&raw).map(|found| found.as_str()), None);
}

/// A key that is ready in the same moment as a change of size: one of a hundred was lost to it.
#[test]
fn no_key_is_lost_to_a_change_of_size() {
    let sandbox = Sandbox::new();
    let mut screen = on_a_repository(&sandbox, (100, 30));
    screen.shows("22 of 25 rendered");
    for round in 0..100 {
        screen.resize((100 + round % 2, 30));
        std::thread::sleep(Duration::from_micros(u64::from(round) * 7));
        screen.press("?");
        screen.until(&format!("help, round {round}"), |s| s.contains("Keys: apps"));
        screen.press("\x1b");
        screen.until(&format!("no help, round {round}"), |s| !s.contains("Keys: apps"));
    }
    screen.press("q");
    assert!(screen.ends().success());
}

/// Names the repository for the half of the tests below that runs as a program of its own.
const PANICS: &str = "SEALANE_IT_PANICS";

#[test]
fn a_panic_of_the_screen_gives_the_terminal_back_and_is_printed() {
    if is_the_other_half() {
        return panicking();
    }
    let (screen, said) = panicked(
        "terminal::a_panic_of_the_screen_gives_the_terminal_back_and_is_printed",
        Signal::USR1,
        |_| {},
    );
    assert!(said.contains("on purpose, here") && said.contains("terminal.rs"), "{said}");
    screen.given_back();
}

#[test]
fn a_panic_elsewhere_ends_the_screen_in_order_and_is_told() {
    if is_the_other_half() {
        return panicking();
    }
    let (screen, said) =
        panicked("terminal::a_panic_elsewhere_ends_the_screen_in_order_and_is_told", Signal::USR2, |_| {});
    assert!(said.contains("a part of Sealane died: on purpose, elsewhere at"), "{said}");
    screen.given_back();
}

/// True in the program that a test started to panic in its stead.
pub fn is_the_other_half() -> bool {
    std::env::var_os(PANICS).is_some()
}

/// Runs the other half of the test, does something in it, sends the signal that makes it panic, and gives what stands there
/// at the end.
pub fn panicked(test: &str, signal: Signal, before: impl FnOnce(&mut Pty)) -> (Pty, String) {
    let mut sandbox = Sandbox::new();
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    sandbox.more.push((PANICS.to_owned(), repository.clone.display().to_string()));
    let program = std::env::current_exe().expect("this program");
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
    let arguments = ["--exact", test, "--nocapture", "--test-threads", "1"].map(AsRef::as_ref);
    let mut screen = Pty::start(&sandbox, (100, 30), program.as_ref(), &arguments);
    screen.shows("22 of 25 rendered");
    before(&mut screen);
    screen.signal(signal);
    assert!(!screen.ends().success());
    let said = screen.screen();
    (screen, said)
}

/// The screen as `main` runs it, in a program that panics when it is told to: the real one has no way to.
pub fn panicking() {
    let variable = |name: &str| std::env::var(name).ok();
    let path = std::env::var_os(PANICS).map(PathBuf::from).expect("set");
    let home = variable("HOME").map(PathBuf::from);
    let settings = Settings { no_cluster: true, ..Settings::of_user(&path, variable, home.as_deref()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut here = signal(SignalKind::user_defined1()).expect("heard");
        let mut elsewhere = signal(SignalKind::user_defined2()).expect("heard");
        tokio::spawn(async move {
            elsewhere.recv().await;
            panic!("on purpose, elsewhere");
        });
        let open = || {
            let workspace = Workspace::open(settings).map_err(|p| Error::NotOpened(p.to_string()))?;
            Ok(Opened { workspace, tour: None, keeps: None })
        };
        tokio::select! {
            ended = tui::run(open, Options::default()) => {
                let error = ended.err().map(|error| error.to_string());
                panic!("{}", error.unwrap_or_default());
            }
            _ = here.recv() => panic!("on purpose, here"),
        }
    });
}

/// Says when to panic for the half of the test below that runs as a program of its own.
const DIES: &str = "SEALANE_IT_DIES";
/// The file that makes it panic, in its folder: the demo's folder is there by then.
const NOW: &str = "now";

#[test]
fn a_panic_while_the_demo_starts_gives_the_terminal_back_and_takes_the_folder() {
    if let Some(when) = std::env::var_os(DIES) {
        return dying(when == "beside");
    }
    for (when, report) in [
        ("opening", "a part of Sealane died: on purpose, while opening at"),
        ("beside", "on purpose, beside the opening"),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.more.push((DIES.to_owned(), when.to_owned()));
        let program = std::env::current_exe().expect("this program");
        let test =
            "terminal::a_panic_while_the_demo_starts_gives_the_terminal_back_and_takes_the_folder".as_ref();
        let arguments = ["--exact".as_ref(), test, "--nocapture".as_ref(), "--test-threads=1".as_ref()];
        let mut screen = Pty::start(&sandbox, (100, 30), program.as_ref(), &arguments);
        screen.takes_the_terminal();
        screen.until("the folder of the demo", |_| sandbox.demos().len() == 1);
        std::fs::write(sandbox.folder().join(NOW), "").expect("written");
        assert!(!screen.ends().success(), "{when}");
        screen.given_back();
        assert!(screen.screen().contains(report), "{when}: {}", screen.screen());
        assert_eq!(sandbox.demos(), Vec::<PathBuf>::new(), "{when}");
    }
}

/// The demo's screen as `main` runs it; it panics where it is told to while the demo is there and nothing is shown yet.
fn dying(beside: bool) {
    let is_now = || std::path::Path::new(NOW).exists();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let open = move || {
            let demo = Demo::start().map_err(|e| Error::NotOpened(e.to_string()))?;
            while !is_now() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert!(beside, "on purpose, while opening");
            // The screen has ended by the time that this is there.
            std::thread::sleep(std::time::Duration::from_millis(200));
            let workspace = Workspace::open(demo.settings()).map_err(|p| Error::NotOpened(p.to_string()))?;
            Ok(Opened { workspace, tour: None, keeps: Some(Box::new(demo)) })
        };
        let told = async {
            while !beside || !is_now() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = tui::run(open, Options::default()) => {
                panic!("{}", ended.err().map(|error| error.to_string()).unwrap_or_default());
            }
            () = told => panic!("on purpose, beside the opening"),
        }
    });
}
