//! Side by side: what git declares, what the cluster has, aligned by identity, and between them how they relate.

use super::state;
use super::{Counter, Facts, Route, Screen, Step, Strip, draw_empty, draw_reading, open_object};
use crate::model::{HealthState, ObjectKey, Place, Verdict};
use crate::tui::canvas::{Canvas, Piece, bold, cells, piece};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{Ordered, Table};
use crate::tui::theme::Label;
use crate::workspace::{ClusterView, EnvironmentView, ObjectId, ObjectRow, Snapshot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

mod rows;

/// Whose objects are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of one producer, and what nobody declares in its namespaces.
    App(Arc<str>, ObjectKey),
    /// All of one environment.
    Environment(Arc<str>),
    /// What nobody declares in one environment.
    Undeclared(Arc<str>),
}

/// One object on screen.
#[derive(Clone, Debug)]
struct Node {
    row: Arc<ObjectRow>,
    /// How deep below its owner; children of the cluster's own making hang below.
    depth: usize,
    last: bool,
}

/// The screen.
pub(crate) struct Tree {
    scope: Scope,
    nodes: HashMap<ObjectId, Node>,
    rows: Ordered<ObjectId>,
    filter: Filter,
    only: Option<Chip>,
    opened: u64,
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chip {
    Failing,
    Differs,
    OnlyGit,
    OnlyLive,
    Unknown,
    Synced,
}

const CHIPS: [Chip; 6] =
    [Chip::Failing, Chip::Differs, Chip::OnlyGit, Chip::OnlyLive, Chip::Unknown, Chip::Synced];

struct ObjectFields<'a>(&'a ObjectRow);

impl Fields for ObjectFields<'_> {
    fn text(&self) -> String {
        let row = self.0;
        let file = row.origin.as_ref().map_or("", |o| &o.file);
        format!("{} {} {} {file} {} {}", row.key, row.environment, row.summary, row.by, row.health.reason)
    }

    fn field(&self, name: &str) -> Option<Field> {
        let row = self.0;
        Some(match name {
            "env" => Field::Word(row.environment.to_string()),
            "kind" => Field::Word(row.key.kind.to_string()),
            "ns" | "namespace" => Field::Word(row.key.namespace.to_string()),
            "name" => Field::Word(row.key.name.to_string()),
            "state" => Field::Word(row.verdict.word().to_owned()),
            "health" => Field::Word(row.health.state.word().to_owned()),
            "by" => Field::Word(row.by.clone()),
            "fields" => Field::Number(i64::try_from(row.fields).unwrap_or(i64::MAX)),
            _ => return None,
        })
    }
}

fn id(row: &ObjectRow) -> ObjectId {
    ObjectId { environment: row.environment.clone(), key: row.key.clone() }
}

fn chip(row: &ObjectRow) -> Chip {
    if matches!(row.health.state, HealthState::Degraded | HealthState::Missing) {
        return Chip::Failing;
    }
    match row.verdict {
        Verdict::Synced => Chip::Synced,
        Verdict::Unknown(_) | Verdict::NotRendered(_) | Verdict::Forbidden => Chip::Unknown,
        _ if row.declared && !row.live => Chip::OnlyGit,
        _ if row.live && !row.declared => Chip::OnlyLive,
        _ => Chip::Differs,
    }
}

/// Urgency of a row among its siblings: what fails, then what differs by its verdict, the rest by kind and name.
fn urgency(row: &ObjectRow) -> (bool, &Verdict, &str, &str) {
    (chip(row) != Chip::Failing, &row.verdict, &row.key.kind, &row.key.name)
}

impl Tree {
    /// What stands above the right side.
    fn live_head(&self, facts: &Facts<'_>) -> &'static str {
        if self.has_cluster(facts) { "live in the cluster" } else { "no cluster to compare with" }
    }

    /// False where git alone is looked at.
    fn has_cluster(&self, facts: &Facts<'_>) -> bool {
        let (Scope::App(name, _) | Scope::Environment(name) | Scope::Undeclared(name)) = &self.scope;
        let alone =
            |e: &EnvironmentView| matches!(e.cluster, ClusterView::Off | ClusterView::Unchosen { .. });
        !facts.snapshot.environments.iter().any(|e| e.name == *name && alone(e))
    }

    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            nodes: HashMap::new(),
            rows: Ordered::default(),
            filter: Filter::default(),
            only: None,
            opened: 0,
        }
    }

    /// The objects of the scope, each below its owner.
    fn collect(&self, snapshot: &Snapshot) -> Vec<Node> {
        let chosen: Vec<&Arc<ObjectRow>> = self.members(snapshot);
        let known: HashSet<(&str, &ObjectKey)> = chosen.iter().map(|r| (&*r.environment, &r.key)).collect();
        let mut below: HashMap<(&str, &ObjectKey), Vec<&Arc<ObjectRow>>> = HashMap::new();
        let mut roots = vec![];
        for row in &chosen {
            match row.owner.as_ref().filter(|o| known.contains(&(&*row.environment, *o)) && **o != row.key) {
                Some(owner) => below.entry((&row.environment, owner)).or_default().push(row),
                None => roots.push(*row),
            }
        }
        let mut nodes = vec![];
        hang(roots, 0, &below, &mut nodes);
        nodes
    }

    fn members<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Arc<ObjectRow>> {
        let objects = snapshot.objects.iter();
        match &self.scope {
            Scope::Environment(name) => objects.filter(|o| o.environment == *name).collect(),
            Scope::Undeclared(name) => {
                objects.filter(|o| o.environment == *name && o.verdict == Verdict::Unmanaged).collect()
            }
            Scope::App(environment, key) => {
                let inside = |o: &&Arc<ObjectRow>| o.environment == *environment;
                let own = |o: &&Arc<ObjectRow>| o.producer.as_ref() == Some(key);
                // Namespaces that are this app's alone: what nobody declares there is its neighbour.
                let used = |mine: bool| -> HashSet<&str> {
                    let declared = objects.clone().filter(inside).filter(|o| o.producer.is_some());
                    declared.filter(|o| own(o) == mine).map(|o| &*o.key.namespace).collect()
                };
                let others = used(false);
                let spaces: HashSet<&str> =
                    used(true).into_iter().filter(|n| !n.is_empty() && !others.contains(n)).collect();
                let stray = |o: &&Arc<ObjectRow>| {
                    let space = &*o.key.namespace;
                    let neighbour = o.verdict == Verdict::Unmanaged && spaces.contains(space);
                    o.producer.is_none() && (neighbour || o.owner.is_some())
                };
                let chosen: Vec<_> = objects.filter(inside).filter(|o| own(o) || stray(o)).collect();
                with_owners(&chosen, key)
            }
        }
    }

    fn selected(&self) -> Option<&Arc<ObjectRow>> {
        self.rows.selected().and_then(|id| self.nodes.get(id)).map(|n| &n.row)
    }

    fn enter(&self, facts: &Facts<'_>) -> Vec<Step> {
        let Some(row) = self.selected() else { return vec![] };
        let app = facts.snapshot.apps.iter().any(|a| a.environment == row.environment && a.key == row.key);
        let itself = matches!(&self.scope, Scope::App(_, key) if *key == row.key);
        if app && !itself {
            return vec![Step::Go(Route::Tree(Scope::App(row.environment.clone(), row.key.clone())))];
        }
        open_object(&id(row), None, Action::Details)
    }
}

/// Children without a producer belong to the app only if their owner does.
fn with_owners<'a>(chosen: &[&'a Arc<ObjectRow>], key: &ObjectKey) -> Vec<&'a Arc<ObjectRow>> {
    let by_key: HashMap<&ObjectKey, &Arc<ObjectRow>> = chosen.iter().map(|o| (&o.key, *o)).collect();
    let belongs = |row: &Arc<ObjectRow>| {
        let mut at = row;
        // Owners form a chain of a few links; a longer one is a circle that a server would not make.
        for _ in 0..8 {
            if at.producer.as_ref() == Some(key) || at.verdict == Verdict::Unmanaged {
                return true;
            }
            match at.owner.as_ref().and_then(|o| by_key.get(o)) {
                Some(owner) => at = owner,
                None => return false,
            }
        }
        false
    };
    chosen.iter().copied().filter(|row| belongs(row)).collect()
}

fn hang(
    mut rows: Vec<&Arc<ObjectRow>>,
    depth: usize,
    below: &HashMap<(&str, &ObjectKey), Vec<&Arc<ObjectRow>>>,
    nodes: &mut Vec<Node>,
) {
    rows.sort_by(|a, b| urgency(a).cmp(&urgency(b)));
    let count = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        nodes.push(Node { row: row.clone(), depth, last: index + 1 == count });
        if depth < 8
            && let Some(children) = below.get(&(&*row.environment, &row.key))
        {
            hang(children.clone(), depth + 1, below, nodes);
        }
    }
}

impl Screen for Tree {
    fn mode(&self) -> Mode {
        Mode::Tree
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        match &self.scope {
            Scope::App(_, key) => key.name.to_string(),
            Scope::Environment(name) => format!("objects of {name}"),
            Scope::Undeclared(_) => "undeclared".into(),
        }
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Tree(self.scope.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        match &self.scope {
            Scope::App(environment, _) | Scope::Environment(environment) | Scope::Undeclared(environment) => {
                Some(environment.clone())
            }
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
            Action::Enter => self.enter(facts),
            Action::Counter(number) => {
                let counters = self.counters(facts);
                let chosen = counters.get(usize::from(number).saturating_sub(1));
                let chosen = chosen.and_then(|c| CHIPS.into_iter().find(|chip| word(*chip) == c.word));
                self.only = if self.only == chosen { None } else { chosen };
                self.arrange(facts, true);
                vec![]
            }
            Action::Back if self.only.is_some() => {
                self.only = None;
                vec![Step::Filter(String::new())]
            }
            Action::Secrets => vec![Step::Go(Route::Secrets(Some(self.scope.clone())))],
            Action::Back | Action::Quit => vec![],
            action => self.selected().map_or(vec![], |row| open_object(&id(row), place(row), action)),
        }
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        Some(self.rows.table(&mut self.filter, facts.now))
    }

    fn arrange(&mut self, facts: &Facts<'_>, force: bool) {
        let nodes = self.collect(facts.snapshot);
        let wanted = nodes
            .iter()
            .filter(|n| self.only.is_none_or(|only| chip(&n.row) == only))
            .filter(|n| self.filter.passes(&ObjectFields(&n.row)))
            .map(|n| id(&n.row))
            .collect();
        self.nodes = nodes.into_iter().map(|n| (id(&n.row), n)).collect();
        self.rows.arrange(wanted, facts.now, force);
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn counters(&self, _facts: &Facts<'_>) -> Vec<Counter> {
        CHIPS
            .into_iter()
            .map(|which| {
                let label = match which {
                    Chip::Failing => Label::Bad,
                    Chip::Synced | Chip::Unknown => Label::Muted,
                    Chip::Differs | Chip::OnlyGit | Chip::OnlyLive => Label::Notice,
                };
                let number = self.nodes.values().filter(|n| chip(&n.row) == which).count();
                Counter { label, number, word: word(which).into(), on: self.only == Some(which) }
            })
            .filter(|c| c.number > 0)
            .collect()
    }

    fn remark(&self, facts: &Facts<'_>) -> Vec<Piece> {
        let Scope::App(environment, key) = &self.scope else { return vec![] };
        let app = facts.snapshot.apps.iter().find(|a| a.environment == *environment && a.key == *key);
        let applied = app.and_then(|a| a.applied.as_ref()).and_then(|a| a.commit);
        applied.map_or(vec![], |id| vec![piece(Label::Muted, format!("cluster applied {}", id.short()))])
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        self.selected().map_or_else(Strip::default, |row| object_strip(row, facts))
    }

    fn can(&self, action: Action, facts: &Facts<'_>) -> bool {
        let row = self.selected();
        match action {
            Action::Edit => row.is_some_and(|r| place(r).is_some()),
            Action::Logs => row.is_some_and(|r| r.live && super::home::has_logs(&r.key)),
            Action::Secrets => {
                facts.snapshot.secrets.iter().any(|s| super::secrets::inside(s, &self.scope, facts))
            }
            Action::History => row.is_some_and(|r| r.declared),
            Action::Details | Action::Yaml | Action::Compare | Action::K9s | Action::Enter => row.is_some(),
            _ => true,
        }
    }

    fn alarm(&self, facts: &Facts<'_>) -> Option<u64> {
        self.rows.alarm(facts.now)
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        if self.rows.order.is_empty() {
            return draw_none(self, facts, canvas);
        }
        let middle = canvas.width() / 2;
        let head = piece(Label::Muted, "declared in git");
        canvas.put(2, 0, middle.saturating_sub(4), &head);
        canvas.put(middle + 3, 0, canvas.width(), &piece(Label::Muted, self.live_head(facts)));
        let rows = facts.rows().min(self.rows.order.len() - self.rows.list.top);
        canvas.post(middle - 1, 0, cells(rows + 1));
        canvas.post(middle + 1, 0, cells(rows + 1));
        for (y, at) in (self.rows.list.top..self.rows.list.top + rows).enumerate() {
            let Some(node) = self.nodes.get(&self.rows.order[at]) else { continue };
            self.draw_row(node, at == self.rows.list.cursor, cells(y + 1), facts, canvas);
        }
    }
}

fn word(chip: Chip) -> &'static str {
    match chip {
        Chip::Failing => "failing",
        Chip::Differs => "differ",
        Chip::OnlyGit => "only in git",
        Chip::OnlyLive => "only live",
        Chip::Unknown => "not compared",
        Chip::Synced => "synced",
    }
}

fn place(row: &ObjectRow) -> Option<Place> {
    let origin = row.origin.as_ref()?;
    Some(Place { file: origin.file.clone(), line: origin.line, field: None })
}

fn object_strip(row: &ObjectRow, facts: &Facts<'_>) -> Strip {
    let g = &facts.look.glyphs;
    let face = state::verdict(&row.verdict, row.key.is_secret(), g);
    let mut cause = vec![bold(face.label, format!("{} {}", face.sign, face.word))];
    if !row.summary.is_empty() {
        cause.push(piece(Label::Text, format!("  {}", row.summary)));
    }
    if !row.by.is_empty() {
        cause.push(piece(Label::Text, format!(", by {}", row.by)));
    }
    if !row.health.reason.is_empty() {
        let health = state::health(row.health.state, g);
        cause.push(bold(health.label, format!("  {} {}", health.sign, health.word)));
        cause.push(piece(Label::Text, format!("  {}", row.health.reason)));
    }
    let next = match row.verdict {
        Verdict::Unmanaged | Verdict::Orphan => "nobody declares it; `d` shows it, git can declare it",
        Verdict::Drifted | Verdict::Conflict => "`d` shows what differs and who set it",
        Verdict::Pending(_) => "the cluster will follow git; `d` shows the change",
        _ if row.health.state == HealthState::Degraded => "`d` shows events, `h` the commits that changed it",
        _ => "",
    };
    Strip {
        title: row.key.to_string(),
        cause,
        place: place(row).map(|p| p.to_string()).unwrap_or_default(),
        next: next.to_owned(),
    }
}

fn draw_none(tree: &Tree, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
    if tree.only.is_some() || !tree.filter.is_empty() {
        return draw_empty(canvas, "No object passes this filter.", "esc takes the filter back");
    }
    if facts.snapshot.is_filling() {
        return draw_reading(canvas, facts, "reading its objects", tree.opened);
    }
    if matches!(tree.scope, Scope::Undeclared(_)) {
        return draw_empty(canvas, "Everything in this cluster that we read is declared.", "");
    }
    draw_empty(
        canvas,
        "It declares no objects, or they could not be rendered.",
        "esc goes back; its row says why",
    );
}
