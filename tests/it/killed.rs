//! Killed with `kill -9` at random instants while it writes: everything is as before or as after, the next run goes on,
//! and what was typed stands nowhere.

use crate::sandbox::{Sandbox, holds, spellings};
use sealane::demo::{DemoRepository, OPERATOR};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CANARY: &str = "canary-1d0e-killed-at-any-instant";
const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
/// A file that does not exist yet.
const NEW: &str = "apps/cart/overlays/prod/fresh.sops.yaml";
/// Kills of each `cargo test`; `SEALANE_KILLS` asks for others, as `just canaries` does.
const KILLS: usize = 40;

/// What is killed: the verb, and the files that it may change.
const VERBS: [(&str, &[&str]); 6] = [
    ("seal CART --set password --commit", &[CART]),
    ("seal NEW --set password --commit", &[NEW]),
    ("reseal CART --commit", &[CART]),
    ("revert HEAD --commit", &[CART]),
    ("merge-driver base ours theirs 7 CART", &["ours"]),
    ("merge-driver --install", &[".git/info/attributes", ".git/config"]),
];

/// Random numbers that are the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides.max(1)
    }
}

/// A repository in which a sealed file was changed twice, so that there is something to revert and to merge.
struct Field {
    sandbox: Sandbox,
    clone: PathBuf,
    /// The commit that everything starts from.
    base: String,
}

/// What is on disk for a verb: HEAD, the index, and the files that it may change.
#[derive(PartialEq, Debug)]
struct State {
    head: String,
    index: String,
    files: Vec<Option<Vec<u8>>>,
}

impl Field {
    fn new() -> Self {
        let mut sandbox = Sandbox::new();
        let clone = DemoRepository::create(sandbox.folder()).expect("made").clone;
        sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPERATOR.to_owned()));
        let mut field = Self { sandbox, clone, base: String::new() };
        for (version, key) in [("base", "username"), ("ours", "password"), ("theirs", "username")] {
            field.through(&format!("seal CART --set {key} --commit"));
            std::fs::copy(field.clone.join(CART), field.sandbox.folder().join(version)).expect("copied");
        }
        field.base = field.git(&["rev-parse", "HEAD"]);
        field
    }

    fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.clone, words).trim().to_owned()
    }

    /// The program on its way, with the canary on its standard input.
    fn start(&self, words: &str) -> Child {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_sealane"));
        let words = words.replace("CART", CART).replace("NEW", NEW);
        command.args(words.split(' ').map(|word| match word {
            "base" | "ours" | "theirs" => self.sandbox.folder().join(word).display().to_string(),
            word => word.to_owned(),
        }));
        if !words.contains(" ours ") {
            command.arg("--no-cluster");
        }
        command.current_dir(&self.clone);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // Whoever reads nothing may close its end.
        let _ = child.stdin.take().expect("piped").write_all(CANARY.as_bytes());
        child
    }

    /// Runs it to its end; how long that took.
    fn through(&self, words: &str) -> Duration {
        let begun = Instant::now();
        let output = self.start(words).wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{words}: {said}");
        begun.elapsed()
    }

    /// Where a name of a verb's list lies.
    fn path(&self, file: &str) -> PathBuf {
        if file == "ours" { self.sandbox.folder().join(file) } else { self.clone.join(file) }
    }

    fn state(&self, files: &[&str]) -> State {
        State {
            head: self.git(&["rev-parse", "HEAD"]),
            index: self.git(&["ls-files", "--stage"]),
            files: files.iter().map(|file| std::fs::read(self.path(file)).ok()).collect(),
        }
    }

    /// Everything as it was at first.
    fn rewind(&self, ours: &[u8]) {
        self.git(&["reset", "--quiet", "--hard", &self.base]);
        self.git(&["clean", "--quiet", "-d", "--force"]);
        std::fs::write(self.path("ours"), ours).expect("written");
        // What `--install` writes.
        let _ = std::fs::remove_file(self.path(".git/info/attributes"));
        let mut command = self.sandbox.command("git");
        command.args(["config", "--remove-section", "merge.sealane"]).current_dir(&self.clone);
        command.stderr(Stdio::null()).status().expect("git runs");
    }

    /// Runs a verb, kills it after so long, and looks at what is left; an `Err` says what is wrong.
    fn kill(&self, (words, files): (&str, &[&str]), after: Duration) -> Result<bool, String> {
        let before = self.state(files);
        let mut child = self.start(words);
        std::thread::sleep(after);
        // It may have ended by itself.
        let _ = child.kill();
        let status = child.wait().expect("waited");
        let mut said = Vec::new();
        let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        out.read_to_end(&mut said).and_then(|_| err.read_to_end(&mut said)).expect("read");

        if holds(&said, &spellings(CANARY)) {
            return Err("what was typed is said".to_owned());
        }
        let leaks = self.sandbox.leaks(CANARY);
        if !leaks.is_empty() {
            return Err(format!("what was typed stands in {leaks:?}"));
        }
        self.never_between(&before, files)?;
        self.goes_on(&before, files)?;
        Ok(status.code().is_none())
    }

    /// Each file has the content that it had, or the whole of what the verb makes of it.
    fn never_between(&self, before: &State, files: &[&str]) -> Result<(), String> {
        for (file, old) in files.iter().zip(&before.files) {
            let now = std::fs::read(self.path(file)).ok();
            if now == *old || (file.starts_with("apps") && now == self.committed(file)) {
                continue;
            }
            let is_whole = match (*file, &now) {
                ("ours", Some(now)) => is_whole(now),
                (".git/info/attributes", Some(now)) => now.ends_with(b"merge=sealane\n"),
                (".git/config", Some(_)) => !self.git(&["config", "--list"]).is_empty(),
                _ => false,
            };
            if !is_whole {
                return Err(format!("{file} is neither as before nor as after: {now:?}"));
            }
        }
        Ok(())
    }

    /// The file's content in HEAD or in the commit that is being made: the branch moves before the worktree does.
    fn committed(&self, file: &str) -> Option<Vec<u8>> {
        let mut command = self.sandbox.command("git");
        let output = command.args(["show", &format!("HEAD:{file}")]).current_dir(&self.clone).output();
        output.ok().filter(|o| o.status.success()).map(|o| o.stdout)
    }

    /// The next run finishes or forgets what was begun: HEAD is the old commit or a child of it, index and worktree agree
    /// with it, nothing of ours is left, and nothing stands in the way.
    fn goes_on(&self, before: &State, files: &[&str]) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let next = self.start("check --staged").wait_with_output().expect("it ends");
            let text = String::from_utf8_lossy(&[next.stdout, next.stderr].concat()).into_owned();
            // A git that it had started may still end its own work.
            let unfinished = self.unfinished();
            if unfinished.is_empty() {
                break;
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(format!("{unfinished:?} is left after the next run, which says {text}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let after = self.state(files);
        let parent = self.git(&["rev-parse", "HEAD~1"]);
        if after.head != before.head && parent != before.head {
            return Err(format!("HEAD is {}, which was {}", after.head, before.head));
        }
        if after.head == before.head && after.index != before.index {
            return Err("the index changed and HEAD did not".to_owned());
        }
        let status = self.git(&["status", "--porcelain"]);
        if !status.is_empty() {
            return Err(format!("the worktree is not what HEAD says: {status}"));
        }
        let broken = self.git(&["fsck", "--strict", "--no-dangling"]);
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }

    /// What a move of the branch leaves while it is under way.
    fn unfinished(&self) -> Vec<PathBuf> {
        let moves = std::fs::read_dir(self.clone.join(".git/sealane")).into_iter().flatten().flatten();
        // A folder without a note was never begun; it goes after a minute.
        let mut found: Vec<PathBuf> =
            moves.map(|folder| folder.path().join("move.json")).filter(|note| note.exists()).collect();
        found.extend(
            [".git/index.lock", ".git/HEAD.lock"]
                .map(|f| self.clone.join(f))
                .into_iter()
                .filter(|f| f.exists()),
        );
        found
    }
}

/// A sealed file that opens and verifies.
fn is_whole(bytes: &[u8]) -> bool {
    let mut ring = sealane::seal::Keyring::default();
    ring.add_text(OPERATOR, "test");
    sealane::seal::verify(bytes, CART, &ring).is_ok()
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

#[test]
fn killed_at_any_instant_everything_is_as_before_or_as_after_and_the_next_run_goes_on() {
    let kills = asked("SEALANE_KILLS").and_then(|n| usize::try_from(n).ok()).unwrap_or(KILLS);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seed = asked("SEALANE_KILLS_SEED").unwrap_or_else(|| u64::from(now.subsec_nanos()) | 1);
    println!("SEALANE_KILLS_SEED={seed} SEALANE_KILLS={kills}");
    let left = Mutex::new((kills, Dice(seed)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| killing(&left, seed));
        }
    });
}

/// Kills until none is left, in a repository of its own.
fn killing(left: &Mutex<(usize, Dice)>, seed: u64) {
    let field = Field::new();
    let ours = std::fs::read(field.path("ours")).expect("there");
    // How long each takes: an instant is a part of it.
    let mut times = VERBS.map(|(words, _)| {
        field.rewind(&ours);
        field.through(words)
    });
    for verb in (0..VERBS.len()).cycle() {
        let part = {
            let mut left = left.lock().expect("nobody panicked");
            if left.0 == 0 {
                return;
            }
            u32::try_from(left.1.below(1000)).expect("small")
        };
        let after = times[verb] * part / 1000;
        field.rewind(&ours);
        match field.kill(VERBS[verb], after) {
            // The machine does other things beside it, more at one time than at another: the measure follows.
            Ok(true) => {
                times[verb] += times[verb] / 20;
                let mut left = left.lock().expect("nobody panicked");
                left.0 = left.0.saturating_sub(1);
            }
            // It had ended by itself, so it takes no longer than that, and this was no kill.
            Ok(false) => times[verb] = times[verb].min(after),
            Err(cause) => panic!("seed {seed}: {} after {after:?}: {cause}", VERBS[verb].0),
        }
    }
}

/// The same look sees what would be between: half a file, a foreign commit, a lock, a value.
#[test]
fn what_is_between_is_seen() {
    let field = Field::new();
    let before = field.state(&[CART]);
    assert_eq!(field.never_between(&before, &[CART]), Ok(()));
    let whole = std::fs::read(field.path(CART)).expect("there");
    std::fs::write(field.path(CART), &whole[..whole.len() / 2]).expect("written");
    assert!(field.never_between(&before, &[CART]).is_err());
    assert!(field.goes_on(&before, &[CART]).is_err_and(|cause| cause.contains("not what HEAD says")));
    assert!(!is_whole(&whole[..whole.len() / 2]) && is_whole(&whole));
    std::fs::write(field.path(CART), &whole).expect("written");
    field.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert!(field.goes_on(&before, &[CART]).is_err_and(|cause| cause.contains("HEAD is")));
    field.git(&["reset", "--quiet", "--hard", &field.base]);
    std::fs::write(field.clone.join(".git/index.lock"), "").expect("written");
    assert_eq!(field.unfinished().len(), 1);
    std::fs::remove_file(field.clone.join(".git/index.lock")).expect("removed");
    plant(&field.clone.join(".git/sealane/left"));
    assert_eq!(field.sandbox.leaks(CANARY).len(), 1);
}

fn plant(file: &Path) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::write(file, spellings(CANARY).last().expect("some")).expect("written");
}
