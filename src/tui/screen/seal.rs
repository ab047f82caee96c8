//! The keys of one sealed file: typed masked, straight into wiped memory, and handed to the Plan.

mod in_editor;
mod keys;

use super::plan::PlanScreen;
use super::{Asked, Facts, Given, Route, Screen, Step, Strip, draw_problem, draw_reading, problem_lines};
use crate::model::clean;
use crate::secret::SecretText;
use crate::tui::canvas::{Canvas, Line, Piece, bold, cells, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::keymap::{Action, Letter, Mode};
use crate::tui::list::List;
use crate::tui::overlay::{Overlay, confirm::Confirm, prompt::Prompt};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{KeyEdit, SecretForm};
use in_editor::InEditor;
use std::sync::Arc;

/// How long a value is shown, in milliseconds.
const SHOWN: u64 = 10_000;
/// Room for a typed value from the start, so that typing leaves no copies behind.
const ROOM: usize = 4_096;
/// Letters of a random value: 192 bits.
const LETTERS: usize = 32;
/// A mask says that there is a value, not how long it is.
const MASK: usize = 8;

/// Why nobody sees the values of a SealedSecret here.
const NOT_HERE: &str = "the values of a SealedSecret open in its cluster alone";

/// The screen.
pub(crate) struct Form {
    file: Arc<str>,
    content: Asked<SecretForm>,
    keys: Vec<Key>,
    list: List,
    typing: Option<Typing>,
    revealed: Option<Revealed>,
    /// The environment that the file is rendered for, once a snapshot says so.
    environment: Option<Arc<str>>,
    in_editor: InEditor,
}

struct Key {
    name: Arc<str>,
    kind: &'static str,
    change: Change,
    new: bool,
}

enum Change {
    Kept,
    Set(SecretText),
    Generated,
    Renamed(Arc<str>),
    Removed,
}

struct Typing {
    text: SecretText,
    letters: usize,
}

struct Revealed {
    key: Arc<str>,
    /// `None` until the answer is there.
    text: Option<SecretText>,
    until: u64,
}

impl Form {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.into(),
            content: Asked::Reading { since: 0 },
            keys: vec![],
            list: List::default(),
            typing: None,
            revealed: None,
            environment: None,
            in_editor: InEditor::default(),
        }
    }

    fn changed(&self) -> usize {
        self.keys.iter().filter(|k| !matches!(k.change, Change::Kept)).count()
    }

    fn begin(&mut self) {
        if self.list.cursor < self.keys.len() {
            self.revealed = None;
            self.typing = Some(Typing { text: SecretText::with_capacity(ROOM), letters: 0 });
        }
    }

    /// A key while a value is typed. Nothing of it is kept but in the wiped buffer.
    fn typed(&mut self, action: Action) {
        let Some(typing) = &mut self.typing else { return };
        match action {
            Action::Type(Letter(letter)) => {
                typing.text.push_char(letter);
                typing.letters += 1;
            }
            Action::Erase => {
                typing.text.pop_char();
                typing.letters = typing.letters.saturating_sub(1);
            }
            Action::Back => {
                self.typing = None;
                // A new key without a value is no key.
                self.keys.retain(|k| !k.new || !matches!(k.change, Change::Kept));
            }
            Action::Generate => {
                self.typing = None;
                self.generate();
            }
            Action::Enter => {
                if let Some(typing) = self.typing.take()
                    && let Some(key) = self.keys.get_mut(self.list.cursor)
                {
                    key.change = Change::Set(typing.text);
                }
            }
            _ => {}
        }
    }

    fn show_plan(&mut self) -> Vec<Step> {
        if self.changed() == 0 {
            return vec![Step::Say(Label::Muted, "nothing was changed".into())];
        }
        let mut edits = vec![];
        for key in &mut self.keys {
            match std::mem::replace(&mut key.change, Change::Kept) {
                Change::Kept => {}
                Change::Set(value) => edits.push(KeyEdit::Set { key: key.name.clone(), value }),
                Change::Generated => {
                    edits.push(KeyEdit::Generate { key: key.name.clone(), letters: LETTERS });
                }
                Change::Renamed(to) => edits.push(KeyEdit::Rename { key: key.name.clone(), to }),
                Change::Removed => edits.push(KeyEdit::Remove { key: key.name.clone() }),
            }
        }
        // The values have left this form; coming back reads it anew.
        self.content = Asked::Reading { since: 0 };
        self.keys.clear();
        vec![Step::Open(Box::new(PlanScreen::seal(&self.file, edits)))]
    }

    fn add(&mut self, name: &str, facts: &Facts<'_>) -> Vec<Step> {
        let at = self.keys.iter().position(|k| *k.name == *name).unwrap_or_else(|| {
            self.keys.push(Key { name: name.into(), kind: "string", change: Change::Kept, new: true });
            self.keys.len() - 1
        });
        self.list.select(at, self.keys.len(), facts.now);
        self.begin();
        vec![]
    }

    fn reveal(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        let Some(key) = self.keys.get(self.list.cursor).filter(|k| !k.new) else { return vec![] };
        if self.revealed.as_ref().is_some_and(|r| r.key == key.name) {
            self.revealed = None;
            return vec![];
        }
        if self.is_sealed_secret() {
            return vec![Step::Say(Label::Muted, NOT_HERE.into())];
        }
        let name = key.name.clone();
        self.revealed = Some(Revealed { key: name.clone(), text: None, until: facts.now + SHOWN });
        vec![Step::Ask(Question::Reveal { file: self.file.to_string(), key: name.to_string() })]
    }
}

fn height(facts: &Facts<'_>) -> usize {
    facts.height().saturating_sub(4)
}

impl Screen for Form {
    fn mode(&self) -> Mode {
        if self.typing.is_some() { Mode::Secret } else { Mode::Form }
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        self.file.rsplit_once('/').map_or(&*self.file, |(_, name)| name).to_owned()
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Form(self.file.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        self.environment.clone()
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        let row = facts.snapshot.secrets.iter().find(|row| row.file.as_ref() == Some(&self.file));
        self.environment = row.map(|row| row.environment.clone()).filter(|name| !name.is_empty());
        if matches!(self.content, Asked::Here(_)) {
            return vec![];
        }
        self.content = Asked::Reading { since: facts.now };
        vec![Step::Ask(Question::Form(self.file.to_string()))]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        if self.typing.is_some() {
            self.typed(action);
            return vec![];
        }
        if self.list.act(action, self.keys.len(), height(facts), facts.now) {
            return vec![];
        }
        match action {
            Action::Enter => self.begin(),
            Action::New => return vec![Step::Show(Box::new(Overlay::Prompt(Prompt::key_name())))],
            Action::Drop => self.remove(),
            Action::Reveal => return self.reveal(facts),
            Action::Generate => self.generate(),
            Action::Rename if self.is_sealed_secret() => {
                let said =
                    "a SealedSecret's value opens under its key's name alone, and nobody here opens it";
                return vec![Step::Say(Label::Muted, said.into())];
            }
            Action::Rename => return self.ask_for_name(),
            Action::Edit => return self.edit(),
            Action::Done => return self.show_plan(),
            Action::Copy => {
                let name = self.keys.get(self.list.cursor).map_or(&self.file, |k| &k.name);
                return vec![Step::Copy(name.to_string())];
            }
            Action::Back | Action::Quit if self.changed() > 0 => {
                let sentence =
                    format!("Leave without sealing {}?", words::count(self.changed(), "changed key"));
                let confirm = Confirm::new(
                    sentence,
                    "What was typed is wiped; the file stays as it is.",
                    "leave",
                    vec![Step::Given(Given::Discard)],
                );
                return vec![Step::Show(Box::new(Overlay::Confirm(confirm)))];
            }
            _ => {}
        }
        vec![]
    }

    fn paste(&mut self, text: SecretText) -> bool {
        let Some(typing) = &mut self.typing else { return false };
        typing.text.push(text.expose_secret());
        typing.letters += text.expose_secret_str().map_or(MASK, |t| t.chars().count());
        true
    }

    fn awaits(&self, slot: Slot) -> bool {
        match slot {
            Slot::Form | Slot::Editor => true,
            Slot::Reveal => self.revealed.is_some(),
            _ => false,
        }
    }

    fn accept(&mut self, answer: Answer, facts: &Facts<'_>) -> Vec<Step> {
        match answer {
            Answer::Form(form) => {
                self.keys = form
                    .iter()
                    .flat_map(|f| &f.keys)
                    .map(|(name, kind)| Key { name: name.clone(), kind, change: Change::Kept, new: false })
                    .collect();
                self.content = form.into();
            }
            Answer::Begun(begun) => return self.in_editor.begun(begun),
            Answer::Edited(edited) => return self.in_editor.edited(edited),
            Answer::Reveal(Ok(text)) => {
                if let Some(revealed) = &mut self.revealed {
                    revealed.text = Some(text);
                    revealed.until = facts.now + SHOWN;
                }
            }
            Answer::Reveal(Err(problem)) => {
                self.revealed = None;
                return vec![Step::Say(Label::Bad, problem.to_string())];
            }
            _ => {}
        }
        vec![]
    }

    fn given(&mut self, given: Given, facts: &Facts<'_>) -> Vec<Step> {
        match given {
            Given::KeyName(name) => self.add(&name, facts),
            Given::NewName(name) => self.rename(&name),
            Given::EditOnDisk => InEditor::begin(&self.file, true),
            Given::EditAgain => self.in_editor.open(),
            Given::EditDropped => {
                self.in_editor.drop_it();
                vec![Step::Say(Label::Muted, "nothing was changed; the text is wiped".into())]
            }
            Given::Discard => {
                self.keys.clear();
                self.content = Asked::Reading { since: facts.now };
                vec![Step::Leave]
            }
            _ => vec![],
        }
    }

    fn returned(&mut self, failed: bool, _facts: &Facts<'_>) -> Vec<Step> {
        self.in_editor.returned(failed)
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        if self.revealed.as_ref().is_some_and(|r| r.until <= facts.now) {
            self.revealed = None;
        }
        self.list.settle(self.keys.len(), height(facts));
    }

    fn click(&mut self, _x: u16, y: u16, facts: &Facts<'_>) -> bool {
        let line = usize::from(y).checked_sub(4).filter(|_| self.typing.is_none());
        line.is_some_and(|line| self.list.click(line, self.keys.len(), facts.now))
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let changed = self.changed();
        if changed == 0 {
            return vec![piece(Label::Muted, "nothing changed yet")];
        }
        vec![piece(Label::Notice, format!("{} changed, ctrl-s shows the plan", words::count(changed, "key")))]
    }

    fn strip(&self, _facts: &Facts<'_>) -> Strip {
        let title =
            self.keys.get(self.list.cursor).map_or_else(|| self.file.to_string(), |k| k.name.to_string());
        let (said, next) = match (&self.typing, &self.revealed) {
            (Some(_), _) => (
                "The value stands in locked memory only: no file, no log, no clipboard of ours.",
                "type or paste it, ctrl-g takes a random one; enter keeps it, esc drops it",
            ),
            (None, Some(_)) => {
                ("Shown for ten seconds because you asked; that it was shown is noted.", "V hides it")
            }
            (None, None) if self.is_sealed_secret() => (
                "A new value is sealed for the controller; the others keep their ciphertext, which opens in the cluster alone.",
                "",
            ),
            (None, None) => ("Keys that are not touched keep their ciphertext byte for byte.", ""),
        };
        Strip { title, cause: vec![piece(Label::Muted, said)], place: String::new(), next: next.into() }
    }

    fn can(&self, action: Action, _facts: &Facts<'_>) -> bool {
        let key = self.keys.get(self.list.cursor);
        match action {
            Action::Enter | Action::Drop | Action::Generate => key.is_some(),
            Action::Rename => key.is_some() && !self.is_sealed_secret(),
            Action::Reveal => key.is_some_and(|k| !k.new) && !self.is_sealed_secret(),
            Action::Edit => self.content.here().is_some() && !self.is_sealed_secret() && self.changed() == 0,
            Action::Done => self.changed() > 0,
            Action::New => self.content.here().is_some(),
            _ => true,
        }
    }

    fn waiting_since(&self) -> Option<u64> {
        self.content.since()
    }

    fn alarm(&self, _facts: &Facts<'_>) -> Option<u64> {
        self.revealed.as_ref().map(|r| r.until)
    }

    fn dirty(&self) -> bool {
        self.changed() > 0 || self.typing.is_some()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        match &self.content {
            Asked::Reading { since } => draw_reading(canvas, facts, "opening the file", *since),
            Asked::Failed(problem) => draw_problem(canvas, problem),
            Asked::Here(form) => self.draw_form(form, facts, canvas),
        }
    }
}

impl Form {
    fn draw_form(&self, form: &SecretForm, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let g = &facts.look.glyphs;
        let file = if form.new { format!("  {} (new)", form.file) } else { format!("  {}", form.file) };
        canvas.line(0, &Line::new(vec![bold(Label::Text, file)]));
        let who =
            if form.recipients.is_empty() { "nobody yet".to_owned() } else { form.recipients.join(", ") };
        let rule = Line::new(vec![
            piece(Label::Muted, format!("  {}  can open it: ", form.rule)),
            piece(Label::Text, who),
        ]);
        canvas.line(1, &rule);
        let names = self.keys.iter().map(|k| words::width(&k.name)).max().unwrap_or(3).clamp(12, 32);
        let head = format!("  {:names$}  {:8}  {:34}  what happens", "key", "type", "value");
        canvas.line(3, &Line::text(Label::Muted, head));
        let shown = height(facts);
        for (at, key) in self.keys.iter().enumerate().skip(self.list.top).take(shown) {
            let y = cells(at - self.list.top + 4);
            let here = at == self.list.cursor;
            let name = words::cut(&key.name, names, g.cut);
            let pad = " ".repeat(names - words::width(&name));
            let mut pieces = vec![
                piece(Label::Accent, format!("{} ", if here { g.here } else { ' ' })),
                Piece { bold: here, ..piece(Label::Text, format!("{name}{pad}")) },
                piece(Label::Muted, format!("  {:8}  ", key.kind)),
            ];
            pieces.push(self.value(key, here, facts));
            pieces.push(fate(key, here && self.typing.is_some()));
            canvas.row(y, here, &Line::new(pieces));
        }
        let mut y = cells(self.keys.len().min(shown) + 5);
        if self.keys.is_empty() {
            canvas.line(4, &Line::text(Label::Muted, "  no key yet; n adds one"));
            y = 6;
        }
        for problem in &form.problems {
            for line in problem_lines(problem, facts.width().saturating_sub(6), g.failing) {
                canvas.part(2, y, canvas.width().saturating_sub(4), 1).line(0, &line);
                y += 1;
            }
        }
    }

    /// The value's cell, 36 wide: a mask, what is typed as bullets, or the value for ten seconds.
    fn value(&self, key: &Key, here: bool, facts: &Facts<'_>) -> Piece {
        let g = &facts.look.glyphs;
        let room = 34;
        if let (true, Some(typing)) = (here, &self.typing) {
            let bullets = g.bullet.to_string().repeat(typing.letters.min(room - 4));
            let cursor = if g.ascii { "_" } else { "▏" };
            return bold(Label::Accent, format!("{:room$}  ", format!("[ {bullets}{cursor}")));
        }
        let revealed = self.revealed.as_ref().filter(|r| r.key == key.name);
        if let Some(text) = revealed.and_then(|r| r.text.as_ref()) {
            let shown = text.expose_secret_str().map_or_else(|| "binary, not shown".to_owned(), clean);
            let first = words::cut(shown.lines().next().unwrap_or_default(), room, g.cut);
            let pad = " ".repeat(room.saturating_sub(words::width(&first)) + 2);
            return bold(Label::Notice, format!("{first}{pad}"));
        }
        let mask = g.bullet.to_string().repeat(MASK);
        let label =
            if matches!(key.change, Change::Set(_) | Change::Generated) { Label::Text } else { Label::Muted };
        let mask = if matches!(key.change, Change::Removed) { String::new() } else { mask };
        piece(label, format!("{mask:room$}  "))
    }
}

fn fate(key: &Key, typing: bool) -> Piece {
    match (&key.change, key.new) {
        _ if typing => piece(Label::Motion, "being typed"),
        (Change::Set(_), true) => piece(Label::Notice, "new"),
        (Change::Set(_), false) => piece(Label::Notice, "will change"),
        (Change::Generated, true) => piece(Label::Notice, "new, random"),
        (Change::Generated, false) => piece(Label::Notice, "random value"),
        (Change::Renamed(to), _) => piece(Label::Notice, format!("will be {}", clean(to))),
        (Change::Removed, _) => piece(Label::Notice, "will go"),
        (Change::Kept, _) => piece(Label::Muted, "stays"),
    }
}
