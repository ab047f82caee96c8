//! Every secret that the repository declares or a cluster holds, and how each stands. No value is on screen.

use super::plan::PlanScreen;
use super::state::{self, SECRET_STATES};
use super::tree::Scope;
use super::{Counter, Facts, Given, Route, Screen, Step, Strip, draw_empty, draw_reading, marked};
use crate::model::ObjectKey;
use crate::tui::canvas::{Canvas, Line, Piece, cells, piece};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{Marked, Ordered, Table};
use crate::tui::overlay::{Overlay, prompt::Prompt};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{KeyState, ObjectId, Recipient, SealScope, SecretRow, SecretState, Snapshot};
use std::sync::Arc;

/// What identifies a row.
type Id = (Arc<str>, Option<Arc<str>>, Option<ObjectKey>);

/// The screen.
pub(crate) struct Secrets {
    scope: Option<Scope>,
    rows: Ordered<Id>,
    filter: Filter,
    only: Option<SecretState>,
    marked: Marked<Arc<str>>,
    opened: u64,
    /// What is to be copied, while its target is asked for.
    copying: Option<Id>,
}

struct SecretFields<'a>(&'a SecretRow, i64);

impl Fields for SecretFields<'_> {
    fn text(&self) -> String {
        let row = self.0;
        let keys: Vec<&str> = row.keys.iter().map(|(name, _)| &**name).collect();
        format!("{} {} {} {}", name(row), row.environment, row.cause, keys.join(" "))
    }

    fn field(&self, name: &str) -> Option<Field> {
        let row = self.0;
        Some(match name {
            "env" => Field::Word(row.environment.to_string()),
            "state" => Field::Word(state::secret(row.state, &crate::tui::glyph::UNICODE).word.to_owned()),
            "keys" => Field::Number(i64::try_from(row.keys.len()).unwrap_or(i64::MAX)),
            "can" | "recipient" => Field::Word(openers(row).join(" ")),
            "age" => row.sealed_at.map_or(Field::Nothing, |at| Field::Age(self.1 - at)),
            "author" => row.changed_by.as_ref().map_or(Field::Nothing, |by| Field::Word(by.to_string())),
            _ => return None,
        })
    }
}

fn id(row: &SecretRow) -> Id {
    (row.environment.clone(), row.file.clone(), row.object.clone())
}

/// The file, or the object where no file makes it.
fn name(row: &SecretRow) -> String {
    match (&row.file, &row.object) {
        (Some(file), _) => file.to_string(),
        (None, Some(object)) => object.to_string(),
        (None, None) => String::new(),
    }
}

/// True if a secret belongs to a scope.
pub(crate) fn inside(row: &SecretRow, scope: &Scope, facts: &Facts<'_>) -> bool {
    match scope {
        Scope::Undeclared(name) => row.environment == *name && row.file.is_none(),
        Scope::Environment(name) => row.environment == *name,
        Scope::App(environment, key) => {
            if row.environment != *environment {
                return false;
            }
            let snapshot = facts.snapshot;
            let made = row.object.as_ref().is_some_and(|object| {
                snapshot.objects.iter().any(|o| {
                    o.environment == *environment && o.key == *object && o.producer.as_ref() == Some(key)
                })
            });
            let app = snapshot.apps.iter().find(|a| a.environment == *environment && a.key == *key);
            let below = |app: &Arc<crate::workspace::AppRow>| {
                row.file.as_ref().is_some_and(|f| !app.path.is_empty() && f.starts_with(&*app.path))
            };
            made || app.is_some_and(below)
        }
    }
}

impl Secrets {
    pub(crate) fn new(scope: Option<Scope>) -> Self {
        Self {
            scope,
            rows: Ordered::default(),
            filter: Filter::default(),
            only: None,
            marked: Marked::default(),
            opened: 0,
            copying: None,
        }
    }

    fn members<'a>(&self, facts: &Facts<'a>) -> impl Iterator<Item = &'a Arc<SecretRow>> {
        let snapshot: &'a Snapshot = facts.snapshot;
        let inside: Vec<_> = snapshot
            .secrets
            .iter()
            .filter(|row| self.scope.as_ref().is_none_or(|scope| inside(row, scope, facts)))
            .collect();
        inside.into_iter()
    }

    fn row<'a>(facts: &Facts<'a>, wanted: &Id) -> Option<&'a Arc<SecretRow>> {
        facts.snapshot.secrets.iter().find(|row| id(row) == *wanted)
    }

    fn selected<'a>(&self, facts: &Facts<'a>) -> Option<&'a Arc<SecretRow>> {
        self.rows.selected().and_then(|id| Self::row(facts, id))
    }

    fn enter(row: &SecretRow) -> Vec<Step> {
        match (&row.file, &row.object) {
            (Some(file), _) => vec![Step::Go(Route::Form(file.clone()))],
            (None, Some(object)) => {
                let id = ObjectId { environment: row.environment.clone(), key: object.clone() };
                vec![Step::Go(Route::Details(id, super::details::Tab::Diff))]
            }
            (None, None) => vec![],
        }
    }

    fn reseal(&self, row: &SecretRow) -> Vec<Step> {
        let mut files: Vec<String> = self.marked.iter().map(ToString::to_string).collect();
        files.sort();
        if files.is_empty() {
            files.extend(row.file.as_ref().map(ToString::to_string));
        }
        if files.is_empty() {
            return vec![Step::Say(Label::Muted, "no file of the repository makes this secret".into())];
        }
        vec![Step::Open(Box::new(PlanScreen::reseal(files)))]
    }
}

/// Who can open it, a word each.
fn openers(row: &SecretRow) -> Vec<String> {
    if let Some(sealed) = &row.sealed_for {
        // What it is: its controller's, in that scope.
        return vec![sealed.scope.map_or("its controller", SealScope::word).to_owned()];
    }
    row.recipients.iter().map(Recipient::word).collect()
}

impl Screen for Secrets {
    fn mode(&self) -> Mode {
        Mode::Secrets
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        "secrets".into()
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Secrets(self.scope.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        match &self.scope {
            Some(Scope::App(environment, _) | Scope::Environment(environment)) => Some(environment.clone()),
            _ => None,
        }
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        self.opened = facts.now;
        self.arrange(facts, true);
        vec![]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        if self.rows.list.act(action, self.rows.order.len(), facts.rows(), facts.now) {
            return vec![];
        }
        match action {
            Action::Counter(number) => {
                let chosen = self.counters(facts).get(usize::from(number).saturating_sub(1)).cloned();
                let g = &facts.look.glyphs;
                let chosen = chosen
                    .and_then(|c| SECRET_STATES.into_iter().find(|s| state::secret(*s, g).word == c.word));
                self.only = if self.only == chosen { None } else { chosen };
                self.arrange(facts, true);
                return vec![];
            }
            Action::New => {
                let start = self.selected(facts).and_then(|r| r.file.clone());
                let folder =
                    start.as_deref().and_then(|f| f.rsplit_once('/')).map(|(folder, _)| format!("{folder}/"));
                let prompt = Prompt::file_name(&folder.unwrap_or_default());
                return vec![Step::Show(Box::new(Overlay::Prompt(prompt)))];
            }
            Action::Back if self.only.is_some() => {
                self.only = None;
                return vec![Step::Filter(String::new())];
            }
            Action::Back | Action::Quit => return vec![],
            _ => {}
        }
        let Some(row) = self.selected(facts) else { return vec![] };
        if row.sealed_for.is_some() && matches!(action, Action::Reseal | Action::Mark | Action::CopyTo) {
            let said = "a SealedSecret opens in its cluster alone: nobody here can seal it again";
            return vec![Step::Say(Label::Muted, said.into())];
        }
        match action {
            Action::Enter | Action::Edit | Action::Reveal => Self::enter(row),
            Action::Reseal => self.reseal(row),
            Action::Who => vec![Step::Open(Box::new(super::readers::Readers::new(row.file.clone())))],
            Action::Copy => vec![Step::Copy(name(row))],
            Action::CopyTo => {
                self.copying = Some(id(row));
                let start = match (&row.file, &row.object) {
                    (Some(file), _) => file.to_string(),
                    (None, object) => {
                        object.as_ref().map_or_else(String::new, |o| format!("{}.sops.yaml", o.name))
                    }
                };
                vec![Step::Show(Box::new(Overlay::Prompt(Prompt::copy_to(&start))))]
            }
            Action::Mark => {
                if let Some(file) = &row.file {
                    self.marked.toggle(file.clone());
                }
                self.rows.list.act(Action::Down, self.rows.order.len(), facts.rows(), facts.now);
                vec![]
            }
            _ => vec![],
        }
    }

    fn given(&mut self, given: Given, _facts: &Facts<'_>) -> Vec<Step> {
        match given {
            Given::FileName(file) => vec![Step::Go(Route::Form(file.into()))],
            Given::CopyTo(file) => match self.copying.take() {
                Some((_, Some(from), _)) if *from == *file => {
                    vec![Step::Say(Label::Muted, "this is the same file".into())]
                }
                Some((_, Some(from), _)) => {
                    vec![Step::Open(Box::new(PlanScreen::copy(from.to_string(), file)))]
                }
                Some((environment, None, Some(object))) => {
                    let live = format!("{}/{}", object.namespace, object.name);
                    vec![Step::Open(Box::new(PlanScreen::from_live(environment, live, file)))]
                }
                _ => vec![],
            },
            _ => vec![],
        }
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        Some(self.rows.table(&mut self.filter, facts.now))
    }

    fn arrange(&mut self, facts: &Facts<'_>, force: bool) {
        let mut wanted: Vec<&Arc<SecretRow>> = self
            .members(facts)
            .filter(|row| self.only.is_none_or(|only| row.state == only))
            .filter(|row| self.filter.passes(&SecretFields(row, facts.seconds())))
            .collect();
        wanted.sort_by_key(|row| row.state);
        let wanted = wanted.into_iter().map(|row| id(row)).collect();
        self.rows.arrange(wanted, facts.now, force);
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn counters(&self, facts: &Facts<'_>) -> Vec<Counter> {
        let g = &facts.look.glyphs;
        let members: Vec<_> = self.members(facts).collect();
        SECRET_STATES
            .into_iter()
            .map(|which| {
                let face = state::secret(which, g);
                let number = members.iter().filter(|r| r.state == which).count();
                let on = self.only == Some(which);
                Counter { label: face.label, number, word: face.word.into(), on }
            })
            .filter(|c| c.number > 0)
            .collect()
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        if self.marked.is_empty() {
            return vec![];
        }
        vec![piece(Label::Accent, format!("{} marked", self.marked.len()))]
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let Some(row) = self.selected(facts) else { return Strip::default() };
        let g = &facts.look.glyphs;
        let mut cause = vec![];
        if !row.cause.is_empty() {
            cause.push(piece(Label::Text, format!("{}   ", row.cause)));
        }
        cause.extend(key_pieces(row, g));
        let place = match (&row.file, &row.object) {
            (Some(_), Some(object)) => object.to_string(),
            _ => String::new(),
        };
        Strip { title: name(row), cause, place, next: state::next(&row.next) }
    }

    fn can(&self, action: Action, facts: &Facts<'_>) -> bool {
        let row = self.selected(facts);
        let file = row.is_some_and(|r| r.file.is_some());
        match action {
            // Nobody here can open a SealedSecret: not to show it, and not to seal it again.
            Action::Reseal | Action::Mark | Action::Reveal => {
                file && row.is_some_and(|row| row.sealed_for.is_none())
            }
            Action::CopyTo => row.is_some_and(|row| row.sealed_for.is_none()),
            Action::Edit => file,
            Action::Enter | Action::Who => row.is_some(),
            _ => true,
        }
    }

    fn alarm(&self, facts: &Facts<'_>) -> Option<u64> {
        self.rows.alarm(facts.now)
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        if self.rows.order.is_empty() {
            if self.only.is_some() || !self.filter.is_empty() {
                return draw_empty(canvas, "No secret passes this filter.", "esc takes the filter back");
            }
            if facts.snapshot.is_filling() {
                return draw_reading(canvas, facts, "looking for sealed files", self.opened);
            }
            return draw_empty(canvas, "No sealed files.", "n makes one, ? explains the keys");
        }
        self.table(facts, canvas);
    }
}

/// The keys of a secret and how each stands; equal ones are folded to a count when there are many.
fn key_pieces(row: &SecretRow, g: &crate::tui::glyph::Glyphs) -> Vec<Piece> {
    let mut pieces = vec![];
    let told = |s: KeyState| !matches!(s, KeyState::Same | KeyState::NotCompared);
    let quiet = row.keys.iter().filter(|(_, s)| !told(*s)).count();
    let fold = row.keys.len() > 6;
    for (key, key_state) in row.keys.iter().filter(|(_, s)| told(*s) || !fold) {
        let face = state::key(*key_state, g);
        pieces.push(piece(Label::Text, format!("{key} ")));
        pieces.push(piece(face.label, format!("{} {}   ", face.sign, face.word)));
    }
    if fold && quiet > 0 {
        pieces.push(piece(Label::Muted, format!("{quiet} more the same")));
    }
    pieces
}

impl Secrets {
    fn table(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let g = &facts.look.glyphs;
        let width = facts.width();
        let members: Vec<_> = self.members(facts).collect();
        let longest = members.iter().map(|r| words::width(&name(r))).max().unwrap_or(8);
        let fixed = if width >= 140 {
            92
        } else if width >= 100 {
            76
        } else {
            51
        };
        let room = longest.clamp(8, width.saturating_sub(fixed).max(8));
        let head =
            format!("  {:13} {:room$}  {:8} {:>4}  {:17}", "state", "file or object", "env", "keys", "live");
        let mut pieces = vec![piece(Label::Muted, head)];
        if width >= 100 {
            pieces.push(piece(Label::Muted, format!("{:>6}  {:16}", "sealed", "can open")));
        }
        if width >= 140 {
            pieces.push(piece(Label::Muted, "changed by"));
        }
        canvas.line(0, &Line::new(pieces));
        let end = (self.rows.list.top + facts.rows()).min(self.rows.order.len());
        for (at, wanted) in self.rows.order[..end].iter().enumerate().skip(self.rows.list.top) {
            let Some(row) = Self::row(facts, wanted) else { continue };
            let y = cells(at - self.rows.list.top + 1);
            let here = at == self.rows.list.cursor;
            let file_marked = row.file.as_ref().is_some_and(|f| self.marked.contains(f));
            let lead =
                format!("{}{}", if here { g.here } else { ' ' }, if file_marked { g.bullet } else { ' ' });
            let mut line = vec![piece(Label::Accent, lead)];
            line.extend(self.cells_of(row, here, room, facts));
            canvas.row(y, here, &Line::new(line));
        }
    }

    fn cells_of(&self, row: &SecretRow, here: bool, room: usize, facts: &Facts<'_>) -> Vec<Piece> {
        let g = &facts.look.glyphs;
        let face = state::secret(row.state, g);
        let quiet = matches!(row.state, SecretState::Same | SecretState::Sealed);
        let main = if quiet { Label::Muted } else { Label::Text };
        let shown = words::cut_path(&name(row), room, g.cut);
        let pad = " ".repeat(room - words::width(&shown));
        let mut pieces = vec![piece(face.label, format!("{:13} ", format!("{} {}", face.sign, face.word)))];
        pieces.extend(marked(main, &shown, here, Some(&self.filter)));
        let environment = words::cut(&row.environment, 8, g.cut);
        pieces.push(piece(Label::Muted, format!("{pad}  {environment:8} {:>4}  ", row.keys.len())));
        let (label, live) = live_words(row);
        pieces.push(piece(label, format!("{live:17}")));
        if facts.width() >= 100 {
            let sealed = row.sealed_at.map(|at| words::ago(facts.seconds(), at)).unwrap_or_default();
            let who = words::cut(&openers(row).join(", "), 16, g.cut);
            pieces.push(piece(Label::Muted, format!("{sealed:>6}  {who:16}")));
        }
        if facts.width() >= 140 {
            pieces.push(piece(Label::Muted, row.changed_by.as_deref().unwrap_or_default()));
        }
        pieces
    }
}

fn live_words(row: &SecretRow) -> (Label, String) {
    if row.sealed_for.is_some() {
        // Its values cannot be compared: what it is says why.
        return (Label::Muted, "SealedSecret".into());
    }
    let of = |wanted: KeyState| row.keys.iter().filter(|(_, s)| *s == wanted).count();
    let differ = of(KeyState::Differs) + of(KeyState::OnlyGit) + of(KeyState::OnlyLive);
    if matches!(row.state, SecretState::OnlyGit) {
        return (Label::Notice, "not there yet".into());
    }
    if differ > 0 && row.file.is_some() {
        let text = if differ == 1 { "1 key differs".to_owned() } else { format!("{differ} keys differ") };
        return (Label::Notice, text);
    }
    if of(KeyState::Closed) > 0 {
        return (Label::Muted, "cannot be told".into());
    }
    if !row.keys.is_empty() && of(KeyState::Same) == row.keys.len() {
        return (Label::Muted, "same".into());
    }
    (Label::Muted, String::new())
}
