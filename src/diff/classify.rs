//! The rows of the field table: what a difference at one place means (diff.md 2.7).

use super::comparison::{Base, Controller};
use super::defaults::{Spot, is_default};
use super::mutations::{Effect, is_strict, well_known};
use super::normal::{equal_scalars, is_closed};
use super::owners::{Cursor, Holders};
use super::pattern::last_key;
use super::sides::Sides;
use super::walk::Walk;
use crate::model::{FieldClass, FieldStep, Manager, PendingKind, SchemaRef};
use crate::yaml::Node;

/// How a difference is classed, by whom, and what to say about it.
pub(super) struct Ruling<'n> {
    class: FieldClass,
    by: Option<&'n Manager>,
    note: String,
}

/// What the base agrees with.
#[derive(Clone, Copy, Default)]
struct Agrees {
    live: bool,
    desired: bool,
}

/// Names that stand for writes before server-side apply began; they are nobody's in particular.
const HISTORY: [&str; 2] = ["before-first-apply", "ancient-changes"];

/// Labels and annotations with which controllers mark what they apply (diff.md 2.2).
const MARKS: [&str; 12] = [
    "kustomize.toolkit.fluxcd.io/*",
    "helm.toolkit.fluxcd.io/*",
    "fluxcd.controlplane.io/*",
    "resourceset.fluxcd.controlplane.io/*",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "app.kubernetes.io/managed-by",
    "meta.helm.sh/*",
    "configsync.gke.io/*",
    "configmanagement.gke.io/*",
    "config.k8s.io/owning-inventory",
    "objectset.rio.cattle.io/*",
];

impl<'n> Ruling<'n> {
    fn new(class: FieldClass, by: Option<&'n Manager>, note: impl Into<String>) -> Self {
        Self { class, by, note: note.into() }
    }

    fn plain(class: FieldClass) -> Self {
        Self::new(class, None, "")
    }
}

impl<'n> Walk<'n> {
    /// Classes the difference at the current path and keeps it.
    pub fn rule(&mut self, sides: Sides<'n>, cursor: Cursor, schema: Option<SchemaRef<'n>>) {
        if self.two_way {
            let note = sides.d.zip(sides.l).map_or_else(String::new, |(d, l)| order_note(l, d));
            return self.push(FieldClass::Changed, sides, None, note);
        }
        let agrees = match (sides.base(), sides.d, sides.l) {
            (Some(b), Some(d), Some(l)) => {
                Agrees { live: self.says(b, l, cursor, schema), desired: self.repeats(b, d) }
            }
            _ => Agrees::default(),
        };
        let ruling = self.ruling(sides, self.owners.holders(cursor), schema, agrees);
        self.push(ruling.class, sides, ruling.by, ruling.note);
    }

    /// The elements are the same and their order differs, where order means something.
    pub fn rule_order(&mut self, sides: Sides<'n>, live_is_base: bool, cursor: Cursor) {
        let class = match sides.b {
            Base::Unknown => FieldClass::Changed,
            _ if live_is_base => FieldClass::Pending(PendingKind::Change),
            _ => FieldClass::Drifted,
        };
        let by = self.newest_foreign(self.owners.holders(cursor));
        self.push(class, sides, by, "only the order differs".to_owned());
    }

    fn ruling(
        &self,
        sides: Sides<'n>,
        holders: Holders,
        schema: Option<SchemaRef>,
        agrees: Agrees,
    ) -> Ruling<'n> {
        if let Some(rule) = self.rules.covering(&self.path, &self.indices, &self.owners.managers(holders)) {
            return Ruling::new(
                FieldClass::Ignored,
                self.newest_foreign(holders),
                format!("ignored by {rule}"),
            );
        }
        if sides.d.is_some() && sides.l.is_some() && (is_closed(sides.d) || is_closed(sides.l)) {
            return Ruling::new(FieldClass::Unknown, None, "sealed: no key at hand opens it");
        }
        if let Some(ruling) = self.replicas(sides, holders) {
            return ruling;
        }
        let foreign = self.foreign(holders);
        if let Some(row) = well_known(&self.subject, &self.path, sides.d, sides.base(), &foreign) {
            let class = match row.effect {
                Effect::SystemSet => FieldClass::SystemSet,
                Effect::Delegated => FieldClass::Delegated,
                Effect::Added if self.applied_by(holders, true) => FieldClass::InjectedByController,
                Effect::Added => FieldClass::AddedByOthers,
            };
            return Ruling::new(class, foreign.first().copied(), row.note);
        }
        match (sides.d, sides.l) {
            (Some(d), Some(l)) => self.both(sides.b, (d, l), holders, schema, agrees),
            (Some(_), None) => self.gone(sides),
            (None, Some(live)) => self.extra(sides, live, holders, schema),
            (None, None) => Ruling::plain(FieldClass::Synced),
        }
    }

    /// Rows 2 to 8: git and cluster both have a value.
    fn both(
        &self,
        base: Base<'n>,
        (d, l): (&'n Node, &'n Node),
        holders: Holders,
        schema: Option<SchemaRef>,
        agrees: Agrees,
    ) -> Ruling<'n> {
        let by = self.newest_foreign(holders);
        let note = order_note(d, l);
        match base {
            Base::Unknown => Ruling::new(FieldClass::Changed, by, note),
            Base::Is(_) if agrees.live => Ruling::new(FieldClass::Pending(PendingKind::Change), None, note),
            Base::Is(_) if agrees.desired => match (by, self.input.controller) {
                (Some(_), _) => Ruling::new(FieldClass::Drifted, by, note),
                (None, Controller::Reconciled) if !self.owners.nothing_known() => {
                    Ruling::new(FieldClass::MutatedOnWrite, None, note)
                }
                _ => Ruling::new(FieldClass::Drifted, None, note),
            },
            // Git adds a field whose live value nobody chose: it was only a default, so nothing drifted.
            Base::Absent if self.is_nobodys(l, holders, schema) => {
                Ruling::new(FieldClass::Pending(PendingKind::Change), None, note)
            }
            _ => Ruling::new(FieldClass::Conflict, by, note),
        }
    }

    fn is_nobodys(&self, live: &'n Node, holders: Holders, schema: Option<SchemaRef>) -> bool {
        self.foreign(holders).is_empty() || is_default(&self.spot(live), schema)
    }

    /// Rows 9 and 10: the cluster has nothing.
    fn gone(&self, sides: Sides<'n>) -> Ruling<'n> {
        match sides.b {
            Base::Unknown => Ruling::plain(FieldClass::Changed),
            Base::Absent => Ruling::plain(FieldClass::Pending(PendingKind::Create)),
            Base::Is(_) => {
                let since = self.candidates();
                let names: Vec<&str> = since.iter().map(|m| &*m.name).collect();
                let note = match names.as_slice() {
                    [] => "removed".to_owned(),
                    [one] => format!("removed, probably by {}", crate::model::clean(one)),
                    many => format!("removed by one of {}", crate::model::clean(&many.join(", "))),
                };
                let by = if since.len() == 1 { since.first().copied() } else { None };
                Ruling::new(FieldClass::Drifted, by, note)
            }
        }
    }

    /// A removal leaves no owner: who wrote last since the applier is only a candidate (row 9).
    fn candidates(&self) -> Vec<&'n Manager> {
        let applied = self.owners.all().iter().filter(|m| self.is_applier(m)).map(|m| &m.time).max();
        let mut since: Vec<&Manager> = self
            .owners
            .all()
            .iter()
            .filter(|m| !self.is_applier(m) && &*m.subresource != "status")
            .filter(|m| applied.is_none_or(|time| m.time >= *time))
            .collect();
        since.sort_by(|a, b| b.time.cmp(&a.time));
        since
    }

    /// Rows 12 to 17: git says nothing.
    fn extra(
        &self,
        sides: Sides<'n>,
        live: &'n Node,
        holders: Holders,
        schema: Option<SchemaRef>,
    ) -> Ruling<'n> {
        if let Base::Is(_) = sides.b {
            let certain = self.applied_by(holders, true);
            let note = if certain { "" } else { "may stay: its controller does not own it" };
            let by = self.newest_foreign(holders);
            return Ruling::new(FieldClass::Pending(PendingKind::Remove), by, note);
        }
        let known_base = !matches!(sides.b, Base::Unknown);
        let default = || is_default(&self.spot(live), schema);
        if holders.is_empty() {
            let class = if default() { FieldClass::Defaulted } else { FieldClass::Unowned };
            return Ruling::plain(class);
        }
        if self.applied_by(holders, true) {
            return Ruling::plain(match (known_base, self.is_mark()) {
                _ if default() => FieldClass::Defaulted,
                (true, _) | (_, true) => FieldClass::InjectedByController,
                _ => FieldClass::Pending(PendingKind::Remove),
            });
        }
        if self.applied_by(holders, false) {
            return if known_base || default() {
                Ruling::plain(FieldClass::Defaulted)
            } else if self.is_mark() {
                Ruling::plain(FieldClass::InjectedByController)
            } else {
                Ruling::new(FieldClass::Unknown, None, "no applied revision to compare with")
            };
        }
        let foreign = self.foreign(holders);
        let by = foreign.first().copied();
        // Who writes by update also comes to own the defaults that its write brings along.
        if default() {
            return Ruling::plain(FieldClass::Defaulted);
        }
        if is_strict(&self.subject, &self.path, &foreign) {
            Ruling::new(FieldClass::Drifted, by, "added")
        } else {
            Ruling::new(FieldClass::AddedByOthers, by, "")
        }
    }

    /// `spec.replicas` under an autoscaler (diff.md 2.9).
    fn replicas(&self, sides: Sides<'n>, holders: Holders) -> Option<Ruling<'n>> {
        let steps = [FieldStep::Key("spec".into()), FieldStep::Key("replicas".into())];
        if self.path != steps {
            return None;
        }
        let live = sides.l?;
        let by = self.newest_foreign(holders);
        if let Some(scaler) = self.input.scalers.iter().find(|s| s.rules(self.input.key)) {
            let (min, max, key) = (scaler.min, scaler.max, &scaler.key);
            let within = live.as_i64().is_some_and(|n| (min..=max).contains(&n));
            let (class, place) =
                if within { (FieldClass::Delegated, "within") } else { (FieldClass::Drifted, "outside") };
            return Some(Ruling::new(class, by, format!("{place} {min} to {max} of {key}")));
        }
        // The scale subresource records nobody where the applier does not own the field.
        if sides.d.is_none() && sides.base().is_none() && holders.is_empty() && live.as_i64() != Some(1) {
            return Some(Ruling::new(
                FieldClass::AddedByOthers,
                None,
                "scaled; the server did not record by whom",
            ));
        }
        let robot = self.foreign(holders).into_iter().find(|m| {
            (&*m.name == "kube-controller-manager" && &*m.subresource == "scale")
                || m.name.starts_with("keda")
        })?;
        Some(Ruling::new(FieldClass::Delegated, Some(robot), "scaled by an autoscaler"))
    }

    fn is_mark(&self) -> bool {
        let on_metadata = matches!(self.path.first(), Some(FieldStep::Key(key)) if &**key == "metadata");
        on_metadata && last_key(&self.path).is_some_and(|name| super::normal::listed(&MARKS, name))
    }

    fn spot<'s>(&'s self, live: &'s Node) -> Spot<'s, 'n> {
        Spot { subject: &self.subject, path: &self.path, above: &self.above, live }
    }

    /// True if the live value is what the base says, with nothing but defaults added to it.
    fn says(
        &mut self,
        base: &'n Node,
        live: &'n Node,
        cursor: Cursor,
        schema: Option<SchemaRef<'n>>,
    ) -> bool {
        if base.as_scalar().is_some() || live.as_scalar().is_some() {
            return equal_scalars(&self.subject, &self.path, schema, base, live).holds();
        }
        self.finds_nothing(Sides { d: Some(base), b: Base::Absent, l: Some(live) }, cursor, schema)
    }

    /// True if two renderings of git say the same here.
    fn repeats(&self, a: &Node, b: &Node) -> bool {
        super::equal::same(&self.subject, &self.path, a, b)
    }

    fn is_applier(&self, manager: &Manager) -> bool {
        self.input.appliers.contains(&&*manager.name) || HISTORY.contains(&&*manager.name)
    }

    fn applied_by(&self, holders: Holders, apply: bool) -> bool {
        self.owners.managers(holders).iter().any(|m| self.is_applier(m) && m.apply == apply)
    }

    /// Managers that are not the applier, newest first.
    fn foreign(&self, holders: Holders) -> Vec<&'n Manager> {
        self.owners.managers(holders).into_iter().filter(|m| !self.is_applier(m)).collect()
    }

    fn newest_foreign(&self, holders: Holders) -> Option<&'n Manager> {
        self.foreign(holders).first().copied()
    }
}

/// What to say about two lists: how many elements came and went, or that they only changed places.
fn order_note(d: &Node, l: &Node) -> String {
    let (Some(d), Some(l)) = (d.as_seq(), l.as_seq()) else { return String::new() };
    super::edits::note(d, l)
}
