//! Rehearsal: what a change of files does to every object of every environment, before a commit exists.

use super::entries::{self, Gone};
use super::facts::hidden_name;
use super::history::{shown, text};
use super::plan::{ObjectEffect, PlanEffect};
use super::session::Session;
use crate::diff;
use crate::model::{Coverage, Manifest, ObjectKey, Problem, Producer, Reason, Rendered, Severity, Tree};
use crate::yaml::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a change does.
#[derive(Default)]
pub(super) struct Rehearsal {
    pub(super) effects: Vec<PlanEffect>,
    pub(super) coverage: Coverage,
    pub(super) not_rendered: Vec<Problem>,
    /// What else is to be known before it is done.
    pub(super) warnings: Vec<Problem>,
}

/// The environments of one side.
pub(super) type Sides = BTreeMap<Arc<str>, Arc<Rendered>>;

/// Renders both trees for every environment, or for the one that is named, and compares object by object.
pub(super) fn rehearse(
    session: &Session,
    before: &dyn Tree,
    after: &dyn Tree,
    only: Option<&str>,
) -> Rehearsal {
    let mut sides = [before, after].map(|tree| {
        let environments = session.environments(tree).environments;
        environments.into_iter().map(|e| (e.name.clone(), session.render(tree, &e))).collect::<Sides>()
    });
    let configured = &session.config.environments;
    entries::leave_out_folders(&mut sides, |name| configured.get(name).is_some_and(|e| e.entry.is_some()));
    let names: BTreeSet<&Arc<str>> = sides.iter().flat_map(BTreeMap::keys).collect();
    let empty = Arc::<Rendered>::default();
    let mut rehearsal = Rehearsal::default();
    for name in names.into_iter().filter(|name| only.is_none_or(|only| ***name == *only)) {
        let [old, new] = [&sides[0], &sides[1]].map(|side| side.get(name).unwrap_or(&empty));
        let production = session.is_production(name);
        let gone = entries::gone(name, old, &sides[1], after);
        let rest = (!gone.is_empty()).then(|| entries::without(new, &gone));
        let new = rest.as_ref().unwrap_or(new);
        let mut effects = environment(name, production, old, new);
        effects.retain(|effect| !gone.iter().any(|entry| entry.spares(&effect.producer)));
        rehearsal.tell(name, &gone, &effects);
        match (sides[0].contains_key(name), sides[1].contains_key(name)) {
            _ if !gone.is_empty() => {}
            (true, false) => effects.retain(|effect| !is_elsewhere(&effect.producer, old, &sides[1])),
            (false, true) => effects.retain(|effect| !is_elsewhere(&effect.producer, new, &sides[0])),
            _ => {}
        }
        rehearsal.effects.extend(effects);
        rehearsal.count(old, new);
    }
    rehearsal.effects.sort_by_key(|e| (!e.production, e.environment.clone(), e.producer.clone()));
    rehearsal
}

/// True if the very same declaration of a producer is rendered in an environment of the other side. A Kustomization that
/// nobody renders is an environment of its own, which goes when somebody does and comes when nobody does any more: no
/// cluster is told to make or to remove anything by that.
fn is_elsewhere(key: &ObjectKey, rendered: &Rendered, other: &BTreeMap<Arc<str>, Arc<Rendered>>) -> bool {
    let Some(own) = rendered.producers.iter().find(|p| p.key == *key) else { return false };
    let same = |p: &Producer| {
        p.key == own.key && p.declared.file == own.declared.file && p.declared.line == own.declared.line
    };
    other.values().any(|rendered| rendered.producers.iter().any(same))
}

impl Rehearsal {
    /// Tells what becomes of entries that go.
    fn tell(&mut self, environment: &str, gone: &[Gone], effects: &[PlanEffect]) {
        for entry in gone {
            let own = effects.iter().filter(|effect| entry.led_to(&effect.producer));
            let objects: Vec<&ObjectEffect> = own.flat_map(|effect| &effect.objects).collect();
            let removed = objects.iter().filter(|o| !o.kept).count();
            let told = entry.told(environment, removed, objects.len());
            match told.severity {
                Severity::Error => self.not_rendered.push(told),
                _ => self.warnings.push(told),
            }
        }
    }

    /// What was not rendered on either side is told, so that "no effect" is never said of it.
    fn count(&mut self, old: &Rendered, new: &Rendered) {
        let coverage = new.coverage();
        self.coverage.complete += coverage.complete;
        self.coverage.total += coverage.total;
        for (reason, count) in coverage.missing {
            *self.coverage.missing.entry(reason).or_default() += count;
        }
        for problem in new.not_rendered().chain(old.not_rendered()) {
            if !self.not_rendered.contains(problem) {
                self.not_rendered.push(problem.clone());
            }
        }
    }
}

fn environment(name: &Arc<str>, production: bool, old: &Rendered, new: &Rendered) -> Vec<PlanEffect> {
    let keys: BTreeSet<&ObjectKey> = old.producers.iter().chain(&new.producers).map(|p| &p.key).collect();
    let side = |rendered: &'_ Rendered| -> Everything {
        rendered.objects().map(|(_, m)| (m.key.clone(), m.clone())).collect()
    };
    // An object that moves from one producer to another is neither made nor removed.
    let (all_old, all_new) = (side(old), side(new));
    let (failed_old, failed_new) = (failed(old), failed(new));
    let cleaners = entries::prunes(old, new);
    keys.into_iter()
        .filter_map(|key| {
            let own = |rendered: &Rendered| -> Vec<Arc<Manifest>> {
                let producer: Option<&Producer> = rendered.producers.iter().find(|p| p.key == *key);
                producer.map(|p| p.objects.clone()).unwrap_or_default()
            };
            // What could not be rendered on the other side neither comes nor goes, as far as anybody knows.
            let hidden = |here: &Rendered, failed: &Failed| hidden_by(key, here, failed).is_some();
            let (own_old, own_new) = (own(old), own(new));
            let pruned = cleaners.get(key).copied().unwrap_or(true);
            let objects: Vec<ObjectEffect> = effects(&own_old, &own_new, (&all_old, &all_new), pruned)
                .into_iter()
                .filter(|effect| match effect.sign {
                    '+' => !hidden(new, &failed_old),
                    '-' => !hidden(old, &failed_new),
                    _ => true,
                })
                .collect();
            let effect = || PlanEffect {
                environment: name.clone(),
                production,
                producer: key.clone(),
                objects: objects.clone(),
            };
            (!objects.is_empty()).then(effect)
        })
        .collect()
}

/// Producers that made nothing because they could not be rendered, each with the reason.
pub(super) type Failed = BTreeMap<ObjectKey, Problem>;

/// True if a folder was built, and only remote entries were left out of it: what is not among its objects is not in the
/// repository.
fn is_built(producer: &Producer) -> bool {
    // An entry is told at the field that names it; another repository's folder, at the object that asks for it.
    let is_entry = |problem: &Problem| {
        let field = problem.place.as_ref().and_then(|place| place.field.as_ref());
        problem.reason == Reason::NeedsNetwork && field.is_some()
    };
    let mut errors =
        producer.problems.iter().filter(|problem| problem.severity == Severity::Error).peekable();
    errors.peek().is_some() && errors.all(is_entry)
}

pub(super) fn failed(rendered: &Rendered) -> Failed {
    let failed = rendered.producers.iter().filter(|p| !p.complete && p.objects.is_empty() && !is_built(p));
    let why = |p: &Producer| {
        let error = p.problems.iter().find(|problem| problem.severity == Severity::Error);
        let unknown = || Problem::error(Reason::NotSupported, format!("{} is not rendered", p.key));
        error.or(p.problems.first()).cloned().unwrap_or_else(unknown)
    };
    failed.map(|p| (p.key.clone(), why(p))).collect()
}

/// Why a producer that is rendered in `here` may exist where these failed: it, or one above it, is among them.
pub(super) fn hidden_by<'f>(key: &ObjectKey, here: &Rendered, failed: &'f Failed) -> Option<&'f Problem> {
    let own = here.producers.iter().position(|p| p.key == *key);
    let mut line = std::iter::successors(own, |place| here.producers.get(*place)?.parent);
    line.find_map(|place| failed.get(&here.producers.get(place)?.key))
}

/// The objects of one side.
type Everything = HashMap<ObjectKey, Arc<Manifest>>;

fn effects(
    old: &[Arc<Manifest>],
    new: &[Arc<Manifest>],
    (all_old, all_new): (&Everything, &Everything),
    pruned: bool,
) -> Vec<ObjectEffect> {
    // Two producers may declare one object differently; each is compared with what it said itself.
    let known: HashMap<&ObjectKey, &Arc<Manifest>> = old.iter().map(|m| (&m.key, m)).collect();
    let changed =
        new.iter().flat_map(|after| match known.get(&after.key).copied().or(all_old.get(&after.key)) {
            None => vec![made(after)],
            // What was not rendered anew is the very same.
            Some(before) if Arc::ptr_eq(before, after) => Vec::new(),
            Some(before) if hidden_name(before) != hidden_name(after) => renamed(before, after, pruned),
            Some(before) => changed(before, after).into_iter().collect(),
        });
    let removed =
        old.iter().filter(|before| !all_new.contains_key(&before.key)).map(|before| removed(before, pruned));
    changed.chain(removed).collect()
}

/// A name that is made of a secret became another one: that is another object, though git's expression is the same.
fn renamed(before: &Manifest, after: &Manifest, pruned: bool) -> Vec<ObjectEffect> {
    let under = |effect: ObjectEffect, which: &str| ObjectEffect {
        summary: format!("{}, under its {which} secret name", effect.summary),
        ..effect
    };
    vec![under(removed(before, pruned), "old"), under(made(after), "new")]
}

fn made(after: &Manifest) -> ObjectEffect {
    ObjectEffect {
        key: after.key.clone(),
        sign: '+',
        summary: "will be made".to_owned(),
        changes: Vec::new(),
        rollout: replicas(&after.body),
        caution: String::new(),
        kept: false,
    }
}

/// An object that is no longer declared; without pruning it stays in the cluster.
fn removed(before: &Manifest, pruned: bool) -> ObjectEffect {
    let kept = !pruned || diff::is_kept(&before.body);
    let caution = match &*before.key.kind {
        _ if kept => "",
        "PersistentVolumeClaim" => "deletes a volume claim and perhaps its data",
        "Namespace" => "deletes a namespace with everything in it",
        "CustomResourceDefinition" => "deletes every object of this kind",
        "StatefulSet" => "stops a database or another thing with state",
        _ => "",
    };
    ObjectEffect {
        key: before.key.clone(),
        sign: '-',
        summary: if kept { "no longer declared; it stays, since pruning is off" } else { "will go" }
            .to_owned(),
        changes: Vec::new(),
        rollout: None,
        caution: caution.to_owned(),
        kept,
    }
}

fn changed(before: &Manifest, after: &Manifest) -> Option<ObjectEffect> {
    let changes = diff::compare(Some(&before.body), Some(&after.body));
    if changes.is_empty() {
        return None;
    }
    let template = changes.iter().any(|c| c.path.to_string().starts_with("spec.template."));
    Some(ObjectEffect {
        key: after.key.clone(),
        sign: '~',
        summary: diff::summarize(&changes),
        changes: shown(&changes),
        rollout: template.then(|| replicas(&after.body)).flatten(),
        caution: caution(after, &changes),
        kept: false,
    })
}

/// Pods of a workload; `None` for everything else.
fn replicas(body: &Node) -> Option<u32> {
    match body.str_at(&["kind"])? {
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            let said = body.at_path(&["spec", "replicas"]).and_then(Node::as_i64);
            Some(said.and_then(|n| u32::try_from(n).ok()).unwrap_or(1))
        }
        _ => None,
    }
}

/// What to think about twice.
fn caution(after: &Manifest, changes: &[diff::Change]) -> String {
    for change in changes {
        let path = change.path.to_string();
        let fixed = match &*after.key.kind {
            "Deployment" | "DaemonSet" => path.starts_with("spec.selector"),
            "StatefulSet" => ["spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"]
                .iter()
                .any(|p| path.starts_with(p)),
            "Job" => path.starts_with("spec.template") || path.starts_with("spec.selector"),
            _ => false,
        };
        if fixed {
            return format!("{path} cannot be changed in place: the server will refuse");
        }
        let to = change.after.as_ref().map(text).unwrap_or_default();
        if path == "spec.replicas" && to == "0" {
            return "scales to nothing".to_owned();
        }
        if path.ends_with(".limits.memory") && smaller(change) {
            return "lowers a memory limit".to_owned();
        }
    }
    String::new()
}

fn smaller(change: &diff::Change) -> bool {
    let bytes = |node: &Option<Node>| node.as_ref().and_then(|n| bytes(&text(n)));
    matches!((bytes(&change.before), bytes(&change.after)), (Some(a), Some(b)) if b < a)
}

/// A quantity of memory in bytes, as far as a comparison needs it.
fn bytes(quantity: &str) -> Option<u64> {
    let digits = quantity.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &quantity[digits.len()..] {
        "" => 1,
        "k" => 1000,
        "Ki" => 1 << 10,
        "M" => 1_000_000,
        "Mi" => 1 << 20,
        "G" => 1_000_000_000,
        "Gi" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
