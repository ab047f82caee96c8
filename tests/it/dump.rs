//! What a dump of the program's memory holds after the form was closed, without the hardening that forbids dumps.

use crate::journeys::{CANARY, FILE, open_the_form};
use crate::pty::Pty;
use crate::sandbox::{Sandbox, holds, spellings};
use sealane::demo::{DemoRepository, OPERATOR};
use sealane::tui::{self, Opened, Options};
use sealane::workspace::{Settings, Workspace};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names the repository for the other half of the test, which runs as a program of its own.
const UNHARDENED: &str = "SEALANE_IT_UNHARDENED";

/// Long enough for a busy machine to render what was committed.
const REST: Duration = Duration::from_secs(20);

#[test]
fn a_dump_taken_after_the_form_closed_holds_nothing_of_what_was_typed() {
    if let Some(path) = std::env::var_os(UNHARDENED) {
        return unhardened(Path::new(&path));
    }
    let mut sandbox = Sandbox::new();
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
    sandbox.more.push((UNHARDENED.to_owned(), repository.clone.display().to_string()));
    let program = std::env::current_exe().expect("this program");
    let name =
        concat!(module_path!(), "::a_dump_taken_after_the_form_closed_holds_nothing_of_what_was_typed");
    let name = name.split_once("::").expect("without the crate").1;
    let arguments = ["--exact", name, "--nocapture", "--test-threads", "1"].map(AsRef::as_ref);
    let mut screen = Pty::start(&sandbox, (100, 30), program.as_ref(), &arguments);

    screen.shows("rendered");
    open_the_form(&mut screen);
    screen.press("\r");
    screen.shows("being typed");
    // As a person types, and then as a clipboard pastes.
    screen.type_text(CANARY);
    screen.press("\r");
    screen.shows("will change");
    assert!(!dump(&screen).is_empty(), "the control: while the form is open the value is in memory");
    screen.press("j");
    screen.press("\r");
    screen.shows("being typed");
    screen.send(&format!("\x1b[200~{CANARY}\x1b[201~"));
    screen.press("\r");
    screen.shows("2 keys changed");
    screen.press("\x13");
    screen.shows("nothing written yet");
    nothing_is_left(&screen, "after the form was closed");
    screen.press("C");
    screen.shows("not pushed");
    assert!(sandbox.git(&repository.clone, &["show", "--stat", "HEAD"]).contains(FILE));
    nothing_is_left(&screen, "after the commit");
    screen.press("\x03");
    screen.ends();
}

/// The screen as `main` runs it, but for the hardening.
fn unhardened(path: &Path) {
    let variable = |name: &str| std::env::var(name).ok();
    let home = variable("HOME").map(PathBuf::from);
    let settings = Settings { no_cluster: true, ..Settings::of_user(path, variable, home.as_deref()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let open = || {
            let workspace = Workspace::open(settings).expect("it opens");
            Ok(Opened { workspace, tour: None, keeps: None })
        };
        tui::run(open, Options::detect(variable)).await.expect("it ends in order");
    });
}

/// Fails if the program keeps the canary. While it renders a sealed file the values stand in secret leaves, for as long
/// as that takes: so it is asked until it rests. What was not wiped stays, since nothing is written over it then.
fn nothing_is_left(screen: &Pty, when: &str) {
    let begun = Instant::now();
    loop {
        screen.rests();
        let found = dump(screen);
        if found.is_empty() {
            return;
        }
        assert!(begun.elapsed() < REST, "{when}: {found:#?}");
    }
}

/// Reads all memory of the program and tells where the canary stands in it, in any spelling.
fn dump(screen: &Pty) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", screen.pid())).expect("readable");
    let memory = File::open(format!("/proc/{}/mem", screen.pid())).expect("not hardened, so readable");
    let spellings = spellings(CANARY);
    let (mut read, mut found) = (0, vec![]);
    for line in maps.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The program's own text holds the canary as a constant; nobody types into what cannot be written.
        let [range, rights, .., name] = words.as_slice() else { continue };
        if !rights.starts_with("rw") {
            continue;
        }
        let address = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (from, to) = range.split_once('-').map(|(a, b)| (address(a), address(b))).expect("a range");
        let mut bytes = vec![0; usize::try_from(to - from).expect("fits")];
        // Pages that were never touched may be refused.
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            read += bytes.len();
            if holds(&bytes, &spellings) {
                found.push(format!("{name}: {}", around(&bytes, &spellings)));
            }
        }
    }
    assert!(read > 1 << 20, "only {read} bytes could be read");
    found
}

/// What stands beside the first hit, so that its owner can be found.
fn around(bytes: &[u8], spellings: &[String]) -> String {
    let hit = |s: &String| bytes.windows(s.len()).position(|window| window == s.as_bytes());
    let at = spellings.iter().find_map(hit).unwrap_or_default();
    let beside = &bytes[at.saturating_sub(160)..bytes.len().min(at + 160)];
    String::from_utf8_lossy(beside).escape_debug().to_string()
}
