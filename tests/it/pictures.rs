//! The picture book: every screen of the real program on the demo, as text and as SVG, in `target/pictures`.

use crate::pty::Pty;
use crate::sandbox::Sandbox;
use crate::svg::{Paper, picture};
use std::path::PathBuf;

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 40)];

/// One book: a size and a background.
struct Book {
    folder: PathBuf,
    size: (u16, u16),
    paper: Paper,
}

impl Book {
    /// Keeps what the screen shows once it shows this.
    fn page(&self, screen: &Pty, name: &str, wanted: &str) {
        screen.shows(wanted);
        screen.rests();
        let file = format!("{name}-{}x{}-{}", self.size.0, self.size.1, self.paper.name());
        let (text, drawn) = screen.with(|s| (s.contents(), picture(s, self.paper)));
        std::fs::write(self.folder.join(format!("{file}.txt")), text).expect("written");
        std::fs::write(self.folder.join(format!("{file}.svg")), drawn).expect("written");
    }
}

/// One step of the way through the program.
enum Step {
    /// Keys; the page that they open is kept under this name once it shows this.
    Page(&'static str, &'static str, &'static str),
    /// Esc, and what stands there then.
    Back(&'static str),
    /// Rows of Home, by their filter.
    Rows(&'static str),
    /// What somebody makes of `.sops.yaml` in an editor and commits: this text instead of that one.
    Rules(&'static str, &'static str),
}

use Step::{Back, Page, Rows, Rules};

const WAY: &[Step] = &[
    Page("", "home", "failing"),
    Rows("front env:prod"),
    Page("", "home-filtered", "front"),
    Page("\r", "tree", "live in the cluster"),
    Page("d", "diff", "spec.replicas"),
    Page("\t", "describe", "Conditions"),
    Page("\t", "yaml", "apiVersion"),
    Page("\t", "events", "Events"),
    Back("live in the cluster"),
    Page("l", "logs", "logs"),
    Back("live in the cluster"),
    Page("h", "history", "commits change this object"),
    Page("\r", "changes", "›"),
    Back("commits change this object"),
    Back("live in the cluster"),
    Page("D", "commits", "main"),
    Back("live in the cluster"),
    Back("app"),
    Back("failing"),
    Page("?", "help", "Keys: apps"),
    Back("failing"),
    Page(":", "palette", "edit source"),
    Back("failing"),
    Rows("cart env:prod"),
    Page("s", "secrets", "db.sops.yaml"),
    Page("w", "readers", "flux-prod"),
    Back("db.sops.yaml"),
    Page("e", "form", "password"),
    Back("db.sops.yaml"),
    Back("app"),
    Back("failing"),
    Page("v", "plan", "nothing written yet"),
    Page("C", "plan-committed", "not pushed"),
    Page("P", "push", "Type prod to agree"),
    Page("prod\r", "pushed", "pushed 1 commit"),
    Back("app"),
    Page("", "healed", "pay is healthy again"),
];

const OPS: &str = "overlays/prod/.*\\.sops\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age:\n";
const OPS_AND_BEA: &str = "overlays/prod/.*\\.sops\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age:\n      - \
     age1gnjumux88ny00205kmky57umn52vl9v76pvc3dh8c995g9ud43lqyzu8r3 # bea\n";

/// The first ten minutes with secrets, as the README tells them: a new secret, a colleague comes and goes, a leak.
const SECRETS: &[Step] = &[
    Rows("cart env:prod"),
    Page("s", "secrets-1", "db.sops.yaml"),
    Page("n", "secrets-2-where", "Path of the new file"),
    Page("token.sops.yaml\r", "secrets-3-new", "no key yet"),
    Page("n", "secrets-4-key", "Name of the new key"),
    Page("token\r", "secrets-5-typing", "being typed"),
    Page("a-value-of-mine\r", "secrets-6-kept", "1 key changed"),
    Page("\x13", "secrets-7-plan", "nothing written yet"),
    Page("C", "secrets-8-committed", "not pushed"),
    Page("P", "secrets-9-push", "Type prod to agree"),
    Page("prod\r", "secrets-10-pushed", "pushed 1 commit"),
    Back("Keys that are not touched"),
    Back("db.sops.yaml"),
    Page("", "secrets-11-live", "≡ same"),
    Rules(OPS, OPS_AND_BEA),
    Page("w", "secrets-12-comes", "bea"),
    Back("token.sops.yaml"),
    Page(" j r", "secrets-13-resealed", "nothing written yet"),
    Page("C", "secrets-14-committed", "not pushed"),
    Back("token.sops.yaml"),
    Page("w", "secrets-15-reads", "bea"),
    Rules(OPS_AND_BEA, OPS),
    Page("", "secrets-16-goes", "seals it for those"),
    Back("token.sops.yaml"),
    Page(" j r", "secrets-17-new-keys", "nothing written yet"),
    Page("C", "secrets-18-committed", "not pushed"),
    Back("token.sops.yaml"),
    Back("cart"),
    Back("plaintext"),
    Rows("mail env:dev"),
    Page("s", "secrets-19-leak", "smtp.yaml"),
    Page("r", "secrets-20-needs-a-rule", "no rule of .sops.yaml matches"),
    Back("smtp.yaml"),
    Back("mail"),
    Back("plaintext"),
];

#[test]
#[ignore = "draws the picture book: just pictures"]
fn every_screen_is_drawn() {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent().expect("the target folder").join("pictures");
    std::fs::create_dir_all(&folder).expect("made");
    for size in SIZES {
        for paper in [Paper::Dark, Paper::Light] {
            let book = Book { folder: folder.clone(), size, paper };
            draw(&book, WAY);
            draw(&book, SECRETS);
        }
    }
}

fn draw(book: &Book, way: &[Step]) {
    let mut sandbox = Sandbox::new();
    sandbox.more.push(("COLORTERM".to_owned(), "truecolor".to_owned()));
    let program = env!("CARGO_BIN_EXE_sealane");
    let mut screen = Pty::start(&sandbox, book.size, program.as_ref(), &["demo".as_ref()]);
    screen.answers("\x1b]11;?", book.paper.answer());
    screen.shows("since 99c88d5");
    // What just changed is bold for a moment.
    (0..3).for_each(|_| screen.rests());
    for step in way {
        take(step, book, &sandbox, &mut screen);
    }
    screen.press("q");
    assert!(screen.ends().success());
}

fn take(step: &Step, book: &Book, sandbox: &Sandbox, screen: &mut Pty) {
    match step {
        Page(keys, name, wanted) => {
            screen.type_text(keys);
            book.page(screen, name, wanted);
        }
        Back(to) => {
            screen.press("\x1b");
            screen.shows(to);
            screen.rests();
        }
        Rows(filter) => {
            screen.press("/");
            screen.type_text(filter);
            screen.press("\r");
            screen.shows(&format!("/{filter}"));
        }
        Rules(from, to) => {
            let fleet = sandbox.demos()[0].join("fleet");
            let rules = std::fs::read_to_string(fleet.join(".sops.yaml")).expect("there are rules");
            assert!(rules.contains(from), "{rules}");
            std::fs::write(fleet.join(".sops.yaml"), rules.replace(from, to)).expect("written");
            let who = ["-c", "user.name=Ana Silva", "-c", "user.email=ana@shop.example"];
            sandbox.git(&fleet, &[&who[..], &["commit", "-qam", "prod: who opens secrets"]].concat());
        }
    }
}
