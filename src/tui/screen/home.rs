//! Home: every app of every environment, what is broken first, with its cause in words.

use super::state::{self, APP_STATES};
use super::tree::Scope;
use super::{Counter, Facts, Route, Screen, Step, Strip, draw_empty, draw_reading, open_object};
use crate::model::{ObjectKey, Place, Problem};
use crate::tui::canvas::{Canvas, Piece, bold, cells, piece};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{Ordered, Table};
use crate::tui::overlay::{Overlay, pager::Pager};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{AppRow, AppState, EnvironmentView, ObjectId, Snapshot};
use std::collections::HashMap;
use std::sync::Arc;
use table::Columns;

mod cluster;
mod table;

/// How long a cell that changed is bold, in milliseconds.
const FRESH: u64 = 1_500;

/// One row: a cluster that needs a word first, or an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Row {
    Cluster(Arc<str>),
    App(Arc<str>, ObjectKey),
}

/// The first screen.
#[derive(Default)]
pub(crate) struct Home {
    rows: Ordered<Row>,
    filter: Filter,
    only: Option<AppState>,
    changed: HashMap<Row, u64>,
    opened: u64,
}

struct AppFields<'a>(&'a AppRow, i64);

impl Fields for AppFields<'_> {
    fn text(&self) -> String {
        let row = self.0;
        format!("{} {} {} {} {}", row.key.name, row.environment, row.cause, row.path, row.key.namespace)
    }

    fn field(&self, name: &str) -> Option<Field> {
        let row = self.0;
        let number = |n: usize| Field::Number(i64::try_from(n).unwrap_or(i64::MAX));
        Some(match name {
            "env" => Field::Word(row.environment.to_string()),
            "app" | "name" => Field::Word(row.key.name.to_string()),
            "state" => Field::Word(state::app(row.state, &crate::tui::glyph::UNICODE).word.to_owned()),
            "drift" => number(row.drifted),
            "pending" => number(row.pending),
            "secrets" => number(row.secrets),
            "objects" => number(row.objects),
            "behind" => row.behind.map_or(Field::Nothing, number),
            "author" => row.changed.as_ref().map_or(Field::Nothing, |c| Field::Word(c.author.to_string())),
            "age" => row.changed.as_ref().map_or(Field::Nothing, |c| Field::Age(self.1 - c.time)),
            _ => return None,
        })
    }
}

impl Home {
    fn wanted(&self, facts: &Facts<'_>) -> Vec<Row> {
        let clusters = facts.snapshot.environments.iter().filter(|e| cluster::needs_word(e));
        let clusters = clusters.filter(|_| self.only.is_none() && self.filter.is_empty());
        let apps = facts.snapshot.apps.iter().filter(|row| {
            self.only.is_none_or(|only| row.state == only)
                && self.filter.passes(&AppFields(row, facts.seconds()))
        });
        clusters
            .map(|e| Row::Cluster(e.name.clone()))
            .chain(apps.map(|row| Row::App(row.environment.clone(), row.key.clone())))
            .collect()
    }

    fn app<'a>(&self, facts: &Facts<'a>) -> Option<&'a Arc<AppRow>> {
        match self.rows.selected()? {
            Row::App(environment, key) => find(facts.snapshot, environment, key),
            Row::Cluster(_) => None,
        }
    }

    fn cluster<'a>(&self, facts: &Facts<'a>) -> Option<&'a EnvironmentView> {
        match self.rows.selected()? {
            Row::Cluster(name) => facts.snapshot.environments.iter().find(|e| e.name == *name),
            Row::App(..) => None,
        }
    }

    fn enter(&self, facts: &Facts<'_>) -> Vec<Step> {
        if let Some(view) = self.cluster(facts) {
            return cluster::open(view, facts);
        }
        self.app(facts).map_or(vec![], |row| vec![Step::Go(Route::Tree(scope(row)))])
    }

    fn on_app(row: &AppRow, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let key = row.object.clone().unwrap_or_else(|| row.key.clone());
        let id = ObjectId { environment: row.environment.clone(), key };
        match action {
            Action::Revert => row.commit.as_ref().map_or_else(
                || {
                    let text = "no single commit brought this about; `h` shows what changed the object";
                    vec![Step::Say(Label::Notice, text.into())]
                },
                |commit| vec![super::plan::revert(vec![commit.id])],
            ),
            Action::Secrets => {
                vec![Step::Go(Route::Secrets(Some(scope(row))))]
            }
            Action::Copy => vec![Step::Copy(row.key.name.to_string())],
            action => open_object(&id, place_of(row, facts), action),
        }
    }

    fn count(&mut self, number: u8, facts: &Facts<'_>) -> Vec<Step> {
        let chips = chips(facts);
        match chips.get(usize::from(number).saturating_sub(1)) {
            Some((Chip::State(state), _)) => {
                self.only = if self.only == Some(*state) { None } else { Some(*state) };
                self.arrange(facts, true);
                vec![]
            }
            Some((Chip::Problems, _)) => {
                let untold: Vec<Problem> = untold(facts).cloned().collect();
                let page = Pager::problems("What could not be read", &untold, facts);
                vec![Step::Show(Box::new(Overlay::Pager(page)))]
            }
            None => vec![],
        }
    }
}

/// What a row opens. The row of what nobody declares is no app; it stands for the cluster's own objects.
fn scope(row: &AppRow) -> Scope {
    if &*row.key.kind == UNDECLARED {
        Scope::Undeclared(row.environment.clone())
    } else {
        Scope::App(row.environment.clone(), row.key.clone())
    }
}

/// The kind of the row that the workspace makes for objects without a producer.
pub(super) const UNDECLARED: &str = "Undeclared";

/// What a counter counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chip {
    State(AppState),
    Problems,
}

fn chips(facts: &Facts<'_>) -> Vec<(Chip, usize)> {
    let apps = &facts.snapshot.apps;
    let mut chips: Vec<_> = APP_STATES
        .into_iter()
        .map(|state| (Chip::State(state), apps.iter().filter(|a| a.state == state).count()))
        .collect();
    let synced = chips.pop();
    chips.push((Chip::Problems, untold(facts).count()));
    chips.extend(synced);
    chips.retain(|(_, number)| *number > 0);
    chips
}

/// Problems that no row of the table tells.
fn untold<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Problem> {
    let snapshot = facts.snapshot;
    let telling = |row: &&Arc<AppRow>| matches!(row.state, AppState::NotRendered | AppState::Plaintext);
    let rows: Vec<_> = snapshot.apps.iter().filter(telling).collect();
    let told = move |problem: &Problem| {
        rows.iter().any(|row| row.place == problem.place && problem.cause.ends_with(&row.cause))
    };
    snapshot.problems.iter().filter(move |problem| !told(problem))
}

fn find<'a>(snapshot: &'a Snapshot, environment: &str, key: &ObjectKey) -> Option<&'a Arc<AppRow>> {
    snapshot.apps.iter().find(|row| *row.environment == *environment && row.key == *key)
}

fn place_of(row: &AppRow, facts: &Facts<'_>) -> Option<Place> {
    row.place.clone().or_else(|| {
        let object = facts.snapshot.objects.iter().find(|o| {
            o.environment == row.environment && o.key == *row.object.as_ref().unwrap_or(&row.key)
        })?;
        let origin = object.origin.as_ref()?;
        Some(Place { file: origin.file.clone(), line: origin.line, field: None })
    })
}

impl Screen for Home {
    fn mode(&self) -> Mode {
        Mode::Home
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        "apps".into()
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Home)
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
            Action::Enter => self.enter(facts),
            Action::Counter(number) => self.count(number, facts),
            Action::Back if self.only.is_some() => {
                self.only = None;
                vec![Step::Filter(String::new())]
            }
            Action::Back | Action::Quit => vec![],
            action => self.app(facts).map_or(vec![], |row| Self::on_app(row, action, facts)),
        }
    }

    fn refresh(&mut self, before: &Snapshot, facts: &Facts<'_>) -> Vec<Step> {
        let old: HashMap<_, _> = before.apps.iter().map(|r| ((&*r.environment, &r.key), r)).collect();
        for row in facts.snapshot.apps.iter() {
            if let Some(was) = old.get(&(&*row.environment, &row.key))
                && (was.state != row.state || was.cause != row.cause)
            {
                self.changed.insert(Row::App(row.environment.clone(), row.key.clone()), facts.now);
            }
        }
        self.changed.retain(|_, at| facts.now < *at + FRESH);
        self.arrange(facts, false);
        vec![]
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        Some(self.rows.table(&mut self.filter, facts.now))
    }

    fn arrange(&mut self, facts: &Facts<'_>, force: bool) {
        let wanted = self.wanted(facts);
        self.rows.arrange(wanted, facts.now, force);
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn counters(&self, facts: &Facts<'_>) -> Vec<Counter> {
        let g = &facts.look.glyphs;
        chips(facts)
            .into_iter()
            .map(|(chip, number)| match chip {
                Chip::State(state) => {
                    let face = state::app(state, g);
                    let on = self.only == Some(state);
                    Counter { label: face.label, number, word: face.word.into(), on }
                }
                Chip::Problems => {
                    let word = if number == 1 { "problem" } else { "problems" };
                    Counter { label: Label::Bad, number, word: word.into(), on: false }
                }
            })
            .collect()
    }

    fn remark(&self, facts: &Facts<'_>) -> Vec<Piece> {
        if let Some(work) = facts.snapshot.work.first() {
            let spin = facts.look.glyphs.spin(facts.now);
            let count = match (work.done, work.total) {
                (0, 0) => String::new(),
                (done, 0) => format!(" {done}"),
                (done, total) => format!(" {done}/{total}"),
            };
            return vec![piece(Label::Motion, format!("{spin} {}{count}", work.what))];
        }
        if self.rows.waits {
            return vec![piece(Label::Muted, "order changed, R sorts")];
        }
        coverage(facts)
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        if let Some(view) = self.cluster(facts) {
            let (_, label, _, cause, next) = cluster::words_of(view, facts);
            // A repository of one cluster without a name has this environment.
            let title = match &*view.name {
                "cluster" => "the cluster".to_owned(),
                name => format!("the cluster of {name}"),
            };
            return Strip { title, cause: vec![piece(label, cause)], place: String::new(), next };
        }
        self.app(facts).map_or_else(Strip::default, |row| app_strip(row, facts))
    }

    fn can(&self, action: Action, facts: &Facts<'_>) -> bool {
        let app = self.app(facts);
        match action {
            Action::Revert => app.is_some_and(|row| row.commit.is_some()),
            Action::Secrets => app.is_some_and(|row| row.secrets > 0),
            Action::Edit => app.is_some_and(|row| place_of(row, facts).is_some()),
            Action::Enter => !self.rows.order.is_empty(),
            Action::Logs => app.is_some_and(|row| row.object.as_ref().is_some_and(has_logs)),
            Action::Details | Action::History | Action::Yaml | Action::Compare | Action::K9s => app.is_some(),
            _ => true,
        }
    }

    fn reads(&self, facts: &Facts<'_>) -> bool {
        facts.snapshot.is_filling()
    }

    fn alarm(&self, facts: &Facts<'_>) -> Option<u64> {
        let fresh = self.changed.values().map(|at| at + FRESH).filter(|until| facts.now < *until).min();
        let rest = self.rows.alarm(facts.now);
        fresh.into_iter().chain(rest).min()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        if self.rows.order.is_empty() {
            return draw_nothing(self, facts, canvas);
        }
        let columns = Columns::of(facts);
        columns.head(canvas);
        let end = (self.rows.list.top + facts.rows()).min(self.rows.order.len());
        for (at, row) in self.rows.order[..end].iter().enumerate().skip(self.rows.list.top) {
            let y = cells(at - self.rows.list.top + 1);
            let here = at == self.rows.list.cursor;
            let fresh = self.changed.get(row).is_some_and(|at| facts.now < at + FRESH);
            if here {
                canvas.select(y);
                canvas.put(0, y, 1, &piece(Label::Accent, facts.look.glyphs.here));
            }
            match row {
                Row::Cluster(name) => {
                    if let Some(view) = facts.snapshot.environments.iter().find(|e| e.name == *name) {
                        columns.cluster(view, here, y, facts, canvas);
                    }
                }
                Row::App(environment, key) => {
                    if let Some(app) = find(facts.snapshot, environment, key) {
                        columns.app(app, (here, fresh), y, &self.filter, facts, canvas);
                    }
                }
            }
            canvas.unselect();
        }
    }
}

/// Kinds that have pods of their own.
pub(crate) fn has_logs(key: &ObjectKey) -> bool {
    matches!(
        &*key.kind,
        "Pod" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob"
    )
}

/// "43 of 45 rendered; 2 needs-helm", where it is not all.
fn coverage(facts: &Facts<'_>) -> Vec<Piece> {
    let (mut complete, mut total) = (0, 0);
    for view in facts.snapshot.environments.iter() {
        complete += view.coverage.complete;
        total += view.coverage.total;
    }
    if total > complete {
        vec![piece(Label::Muted, format!("{complete} of {total} rendered"))]
    } else {
        vec![]
    }
}

fn app_strip(row: &AppRow, facts: &Facts<'_>) -> Strip {
    let face = state::app(row.state, &facts.look.glyphs);
    let mut cause = vec![bold(face.label, format!("{} {}", face.sign, face.word))];
    let objects = words::count(row.objects, "object");
    let said = match (row.cause.is_empty(), row.state) {
        (true, AppState::Unknown) => format!("  {objects} in git, with no cluster to compare"),
        (true, _) => format!("  {objects}, git and cluster agree"),
        (false, _) => format!("  {}", row.cause),
    };
    cause.push(piece(Label::Text, said));
    if let Some(commit) = &row.commit
        && !row.cause.contains(&commit.id.short())
    {
        let ago = words::ago(facts.seconds(), commit.time);
        let text = format!("  since {} {}, {ago}: {}", commit.id.short(), commit.author, commit.subject);
        cause.push(piece(Label::Muted, text));
    }
    Strip {
        title: format!("{}  {}", row.key.name, row.environment),
        cause,
        place: row.place.as_ref().map_or_else(|| row.path.to_string(), ToString::to_string),
        next: state::next(&row.next),
    }
}

fn draw_nothing(home: &Home, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
    let snapshot = facts.snapshot;
    if home.only.is_some() || !home.filter.is_empty() {
        return draw_empty(canvas, "No app passes this filter.", "esc takes the filter back");
    }
    if snapshot.is_filling() {
        let what = snapshot.work.first().map_or("reading the repository", |w| w.what.as_str());
        return draw_reading(canvas, facts, what, home.opened);
    }
    if let Some(problem) = snapshot.problems.first() {
        return super::draw_problem(canvas, problem);
    }
    draw_empty(
        canvas,
        "Nothing here is deployed by what Sealane knows.",
        "Looked for Flux Kustomizations and kustomization.yaml files. `: commits` shows the history, `?` the keys.",
    );
}
