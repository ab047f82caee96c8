//! Canaries on the screen: every screen and overlay of the real program, at two sizes, over sealed files and a live Secret
//! that hold a value; every key but those that reveal, write or leave. The value is in no byte that the terminal is sent.

use crate::journeys::open_the_form;
use crate::pty::Pty;
use crate::sandbox::{Sandbox, holds, spellings};
use crate::served::Served;
use crate::terminal;
use rustix::process::Signal;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const CANARY: &str = "canary-77aa-on-no-screen";
const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";

/// A page: the row of Home that is chosen by a filter, the keys from there, and what it shows then.
const PAGES: [(&str, &str, &str); 19] = [
    ("", "", "failing"),
    ("", "11", "failing"),
    ("", "22", "failing"),
    ("", "?", "Keys: apps"),
    ("", ":", "edit source"),
    ("cart env:prod", "\r", "live in the cluster"),
    ("cart env:prod", "\r/cart-db\rd", "cart-db"),
    ("cart env:prod", "\r/cart-db\ry", "cart-db"),
    ("cart env:prod", "d", "Diff"),
    ("cart env:prod", "h", "commits change"),
    ("cart env:prod", "h\r", "›"),
    ("cart env:prod", "l", "logs"),
    ("cart env:prod", "D", "main"),
    ("cart env:prod", "s", "db.sops.yaml"),
    ("cart env:prod", "sw", "flux-prod"),
    ("cart env:prod", "se", "password"),
    ("cart env:prod", "sn", "Path of the new file"),
    ("cart env:prod", "sr", "nothing written yet"),
    ("pay env:prod", "v", "nothing written yet"),
];

/// All keys of the table but `V` (reveals), `C`, `B`, `P` (write; `journeys` presses them), `q`, ctrl-c and ctrl-z (leave), and
/// the counters, which hide rows from the next page and have pages of their own.
const KEYS: &str = "jkgG[]-Rz{}S\t\tcdyjhlsjwDxc \x04\x15\x0c-eK";

/// Puts the canary into the sealed file and waits until the live Secret has it.
fn sow(sandbox: &Sandbox, served: &Served) {
    let mut child = sandbox
        .command(env!("CARGO_BIN_EXE_sealane"))
        .args(["seal", CART, "--set", "password", "--commit", "--push", "--no-cluster"])
        .current_dir(&served.clone)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(CANARY.as_bytes()).expect("typed");
    assert!(child.wait().expect("waited").success());
    served.secret_becomes("cart-db", "password", CANARY);
}

/// Whether the terminal was sent the value, or shows it, in any spelling.
fn is_told(screen: &Pty) -> bool {
    let (raw, screens) = screen.everything();
    [raw.as_slice(), screens.as_bytes()].iter().any(|bytes| holds(bytes, &spellings(CANARY)))
}

/// One step back until the apps are there, all of them.
fn home(screen: &mut Pty) {
    let begun = Instant::now();
    // No box of an overlay before them.
    let is_home = |s: &str| {
        !s.contains('╭') && s.contains("failing") && s.contains("checkout") && s.contains("rendered")
    };
    while !is_home(&screen.screen()) {
        assert!(begun.elapsed() < Duration::from_mins(1), "no way back\n{}", screen.screen());
        screen.press("\x1b");
        std::thread::sleep(Duration::from_millis(120));
    }
}

/// Waits a while for this; the keys before it may have gone to an editor that was just ending.
fn comes(screen: &Pty, wanted: impl Fn(&str) -> bool) -> bool {
    let begun = Instant::now();
    while !wanted(&screen.screen()) {
        if begun.elapsed() > Duration::from_secs(12) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// The row of Home that a filter leaves.
fn choose(screen: &mut Pty, filter: &str) -> bool {
    home(screen);
    if filter.is_empty() {
        return true;
    }
    screen.press("/");
    screen.type_text(filter);
    screen.press("\r");
    let app = filter.split(' ').next().unwrap_or_default();
    comes(screen, |s| {
        s.contains(&format!("/{filter}")) && s.lines().any(|l| l.starts_with('▸') && l.contains(app))
    })
}

fn visit(screen: &mut Pty, (filter, keys, wanted): (&str, &str, &str)) {
    for _ in 0..3 {
        if !choose(screen, filter) {
            continue;
        }
        for key in keys.chars() {
            screen.press(key.encode_utf8(&mut [0; 4]));
            std::thread::sleep(Duration::from_millis(80));
            // After a refresh the files are read anew, behind the rows.
            let _ = key != 's' || comes(screen, |s| s.contains("db.sops.yaml"));
        }
        if comes(screen, |s| s.contains(wanted)) {
            return;
        }
    }
    panic!("{filter:?}, then {keys:?}, does not show {wanted:?}\n{}", screen.screen());
}

fn walk(sandbox: &Sandbox, clone: &Path, size: (u16, u16)) {
    for page in PAGES {
        // Each in a program of its own: what was pressed before would decide what is there.
        let mut screen = started(sandbox, clone, size);
        visit(&mut screen, page);
        for key in KEYS.chars() {
            screen.press(key.encode_utf8(&mut [0; 4]));
            std::thread::sleep(Duration::from_millis(15));
        }
        screen.rests();
        assert!(!is_told(&screen), "{page:?} at {size:?} tells the value");
        screen.press("\x03");
        screen.ends();
        assert!(!is_told(&screen), "{page:?} at {size:?} tells the value when it ends");
    }
    // The control: asked for, it is on the screen, and seen there.
    let mut screen = started(sandbox, clone, size);
    visit(&mut screen, ("cart env:prod", "se", "password"));
    screen.press("j");
    screen.shows("▸ password");
    screen.press("V");
    screen.until("the value, asked for", |s| s.contains(CANARY));
    assert!(is_told(&screen));
    screen.press("\x03");
    screen.ends();
}

fn started(sandbox: &Sandbox, clone: &Path, size: (u16, u16)) -> Pty {
    let screen = Pty::start(sandbox, size, env!("CARGO_BIN_EXE_sealane").as_ref(), &[clone.as_os_str()]);
    screen.shows("failing");
    screen
}

#[test]
#[ignore = "takes minutes: just canaries"]
fn no_screen_and_no_key_tells_a_value_that_was_not_asked_for() {
    let mut sandbox = Sandbox::new();
    let mut served = Served::start(&mut sandbox);
    for (name, value) in [("EDITOR", "true"), ("COLORTERM", "truecolor"), ("RUST_LOG", "trace")] {
        sandbox.more.push((name.to_owned(), value.to_owned()));
    }
    sow(&sandbox, &served);
    let (sandbox, clone) = (&sandbox, served.clone.clone());
    std::thread::scope(|scope| {
        for size in [(80, 24), (140, 40)] {
            let clone = &clone;
            scope.spawn(move || walk(sandbox, clone, size));
        }
    });
    assert_eq!(sandbox.leaks(CANARY), Vec::<String>::new());
    served.ends(Signal::INT);
}

/// A panic while a value is being typed: what is printed of it does not hold the value.
#[test]
fn a_panic_while_a_value_is_held_does_not_tell_it() {
    let test = "screens::a_panic_while_a_value_is_held_does_not_tell_it";
    if terminal::is_the_other_half() {
        return terminal::panicking();
    }
    for signal in [Signal::USR1, Signal::USR2] {
        let typed = |screen: &mut Pty| {
            open_the_form(screen);
            screen.press("\r");
            screen.shows("being typed");
            screen.type_text(CANARY);
            // What is not read yet when the terminal is given back, the terminal itself echoes.
            screen.rests();
        };
        let (screen, said) = terminal::panicked(test, signal, typed);
        assert!(said.contains("on purpose"), "{said}");
        assert!(!is_told(&screen), "{said}");
    }
}
