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
    pages: usize,
}

impl Book {
    /// Keeps what the screen shows once it shows this.
    fn page(&mut self, screen: &Pty, name: &str, wanted: &str) {
        screen.shows(wanted);
        screen.rests();
        let file = format!("{name}-{}x{}-{}", self.size.0, self.size.1, self.paper.name());
        let (text, drawn) = screen.with(|s| (s.contents(), picture(s, self.paper)));
        std::fs::write(self.folder.join(format!("{file}.txt")), text).expect("written");
        std::fs::write(self.folder.join(format!("{file}.svg")), drawn).expect("written");
        self.pages += 1;
    }
}

#[test]
#[ignore = "draws the picture book: just pictures"]
fn every_screen_is_drawn() {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent().expect("the target folder").join("pictures");
    std::fs::create_dir_all(&folder).expect("made");
    for size in SIZES {
        for paper in [Paper::Dark, Paper::Light] {
            let mut book = Book { folder: folder.clone(), size, paper, pages: 0 };
            draw(&mut book);
            assert_eq!(book.pages, 21);
        }
    }
}

fn draw(book: &mut Book) {
    let mut sandbox = Sandbox::new();
    sandbox.more.push(("COLORTERM".to_owned(), "truecolor".to_owned()));
    let program = env!("CARGO_BIN_EXE_sealane");
    let mut screen = Pty::start(&sandbox, book.size, program.as_ref(), &["demo".as_ref()]);
    screen.answers("\x1b]11;?", book.paper.answer());
    screen.shows("since 010a23f");
    // What just changed is bold for a moment.
    (0..3).for_each(|_| screen.rests());
    objects(book, &mut screen);
    overlays(book, &mut screen);
    secrets(book, &mut screen);
    changes(book, &mut screen);
    screen.press("q");
    assert!(screen.ends().success());
}

/// What stands in a row of Home, by its filter.
fn choose(screen: &mut Pty, filter: &str) {
    screen.press("/");
    screen.type_text(filter);
    screen.press("\r");
    screen.shows(&format!("/{filter}"));
}

fn back(screen: &mut Pty, to: &str) {
    screen.press("\x1b");
    screen.shows(to);
    screen.rests();
}

fn objects(book: &mut Book, screen: &mut Pty) {
    book.page(screen, "home", "failing");
    choose(screen, "front env:prod");
    book.page(screen, "home-filtered", "front");
    screen.press("\r");
    book.page(screen, "tree", "live in the cluster");
    screen.press("d");
    book.page(screen, "diff", "spec.replicas");
    screen.press("\t");
    book.page(screen, "describe", "Conditions");
    screen.press("\t");
    book.page(screen, "yaml", "apiVersion");
    screen.press("\t");
    book.page(screen, "events", "Events");
    back(screen, "live in the cluster");
    screen.press("l");
    book.page(screen, "logs", "logs");
    back(screen, "live in the cluster");
    screen.press("h");
    book.page(screen, "history", "commits change this object");
    screen.press("\r");
    book.page(screen, "changes", "›");
    back(screen, "commits change this object");
    back(screen, "live in the cluster");
    screen.press("D");
    book.page(screen, "commits", "main");
    back(screen, "live in the cluster");
    back(screen, "app");
    back(screen, "failing");
}

fn overlays(book: &mut Book, screen: &mut Pty) {
    screen.press("?");
    book.page(screen, "help", "Keys: apps");
    back(screen, "failing");
    screen.press(":");
    book.page(screen, "palette", "edit source");
    back(screen, "failing");
}

fn secrets(book: &mut Book, screen: &mut Pty) {
    choose(screen, "cart env:prod");
    screen.press("s");
    book.page(screen, "secrets", "db.sops.yaml");
    screen.press("w");
    book.page(screen, "readers", "flux-prod");
    back(screen, "db.sops.yaml");
    screen.press("e");
    book.page(screen, "form", "password");
    back(screen, "db.sops.yaml");
    back(screen, "app");
    back(screen, "failing");
}

fn changes(book: &mut Book, screen: &mut Pty) {
    screen.press("v");
    book.page(screen, "plan", "nothing written yet");
    screen.press("C");
    book.page(screen, "plan-committed", "not pushed");
    screen.press("P");
    book.page(screen, "push", "Type prod to agree");
    screen.type_text("prod");
    screen.press("\r");
    book.page(screen, "pushed", "pushed 1 commit");
    back(screen, "app");
    book.page(screen, "healed", "pay is healthy again");
}
