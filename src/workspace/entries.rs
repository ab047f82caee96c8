//! Entries that a change takes out of git, and what controllers remove: neither is a difference of two renderings.

use super::rehearse::Sides;
use crate::diff;
use crate::model::{EntryKind, ObjectKey, Problem, Producer, Reason, Rendered, Tree};
use crate::yaml::Node;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The group of Flux Kustomizations.
const FLUX: &str = "kustomize.toolkit.fluxcd.io";
/// The group of Argo CD's Applications.
const ARGO: &str = "argoproj.io";

/// An entry of an environment that is declared before a change and not after it.
pub(super) struct Gone {
    key: ObjectKey,
    path: Arc<str>,
    fate: Fate,
    /// The producers that it led to, itself among them.
    below: BTreeSet<ObjectKey>,
}

/// What becomes of it in the cluster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It applied itself and prunes: it removes itself, and at its end what it applied.
    Pruned,
    /// Its folder is gone too: kustomize-controller stops at a path that is not found, before it removes anything.
    Stops,
    /// Nothing in git applied it, so nothing removes it: it goes on.
    GoesOn,
}

/// True for the entry of an environment, and the entry of Flux.
fn is_entry(producer: &Producer) -> bool {
    producer.parent.is_none() && &*producer.key.group == FLUX
}

/// Where one side has entries of Flux and the other has none, the other's plain folders are no environments: a cluster
/// that an entry syncs does not apply them. What the configuration names stays.
pub(super) fn leave_out_folders(sides: &mut [Sides; 2], is_configured: impl Fn(&str) -> bool) {
    let has_entries = |side: &Sides| side.values().any(|r| r.producers.iter().any(is_entry));
    let [before, after] = [has_entries(&sides[0]), has_entries(&sides[1])];
    for (side, other_has) in sides.iter_mut().zip([after, before]) {
        if other_has && !has_entries(side) {
            side.retain(|name, _| is_configured(name));
        }
    }
}

/// The entries of an environment that the change takes out.
pub(super) fn gone(name: &str, old: &Rendered, after: &Sides, tree: &dyn Tree) -> Vec<Gone> {
    let entries = old.producers.iter().enumerate().filter(|(_, p)| is_entry(p));
    let gone = entries.filter(|(_, entry)| !is_declared(entry, name, after));
    gone.map(|(place, entry)| {
        let applies_itself = !entry.declared.generated && entry.objects.iter().any(|m| m.key == entry.key);
        let folder = tree.entry(&entry.spec.path).ok().flatten().filter(|e| e.kind == EntryKind::Folder);
        let fate = match folder {
            None if !entry.spec.path.is_empty() => Fate::Stops,
            _ if applies_itself && entry.spec.prune => Fate::Pruned,
            _ => Fate::GoesOn,
        };
        Gone { key: entry.key.clone(), path: entry.spec.path.clone(), fate, below: below(old, place) }
    })
    .collect()
}

/// True if an entry is still declared: in its environment, or by the very same lines in another one. What a bootstrap is
/// only assumed to have been told is no declaration of what stood in a file.
fn is_declared(entry: &Producer, name: &str, after: &Sides) -> bool {
    after.iter().any(|(environment, rendered)| {
        rendered.producers.iter().filter(|p| p.key == entry.key).any(|p| {
            let lines = (&p.declared.file, p.declared.line) == (&entry.declared.file, entry.declared.line);
            let assumed = p.declared.generated && !entry.declared.generated;
            !assumed && (**environment == *name || lines)
        })
    })
}

/// The keys of a producer and of all that it leads to.
fn below(rendered: &Rendered, root: usize) -> BTreeSet<ObjectKey> {
    let leads = |place: usize| {
        std::iter::successors(Some(place), |at| rendered.producers.get(*at)?.parent).any(|at| at == root)
    };
    let all = rendered.producers.iter().enumerate();
    all.filter(|(place, _)| leads(*place)).map(|(_, p)| p.key.clone()).collect()
}

/// The new side without what is rendered of the entries only because they are assumed there still.
pub(super) fn without(new: &Rendered, gone: &[Gone]) -> Rendered {
    let mut keys: BTreeSet<ObjectKey> = gone.iter().flat_map(|g| g.below.iter().cloned()).collect();
    for (place, producer) in new.producers.iter().enumerate() {
        if gone.iter().any(|g| g.key == producer.key) {
            keys.extend(below(new, place));
        }
    }
    let mut moved = HashMap::new();
    let mut producers = Vec::new();
    for (place, producer) in new.producers.iter().enumerate().filter(|(_, p)| !keys.contains(&p.key)) {
        let parent = producer.parent.and_then(|p| moved.get(&p).copied());
        moved.insert(place, producers.len());
        producers.push(Producer { parent, ..producer.clone() });
    }
    Rendered { producers, problems: new.problems.clone() }
}

impl Gone {
    /// True if what a producer made is not touched by the change, as far as anybody knows.
    pub(super) fn spares(&self, producer: &ObjectKey) -> bool {
        self.fate != Fate::Pruned && self.below.contains(producer)
    }

    /// True if it led to this producer.
    pub(super) fn led_to(&self, producer: &ObjectKey) -> bool {
        self.below.contains(producer)
    }

    /// What happens, in one sentence. `removed` of `all` objects go.
    pub(super) fn told(&self, environment: &str, removed: usize, all: usize) -> Problem {
        let Self { key, path, .. } = self;
        let entry = format!("{key}, the entry of {environment},");
        match self.fate {
            Fate::Pruned => Problem::warning(
                Reason::EntryGone,
                format!(
                    "{entry} is no longer declared: Flux removes it, and with it what it and its Kustomizations applied, \
                     where pruning is on ({removed} of {all} objects)"
                ),
            )
            .next("keep its file, or turn pruning off in a commit before this one"),
            Fate::Stops => Problem::error(
                Reason::EntryGone,
                format!(
                    "{entry} goes with its folder {path}: Flux stops at the missing path and removes nothing, and from \
                     then on nothing follows git"
                ),
            )
            .next("delete the Kustomization in the cluster if its objects shall go"),
            Fate::GoesOn => Problem::error(
                Reason::EntryGone,
                format!(
                    "{entry} is no longer declared, and nothing in git removes it: it goes on with {}, which was not \
                     rehearsed",
                    if path.is_empty() { "the whole repository" } else { &**path }
                ),
            )
            .next("delete it in the cluster if it shall end"),
        }
    }
}

/// True if Argo CD removes what an Application no longer makes: it prunes, or the Application is pruned itself and takes
/// its objects along (`resources-finalizer.argocd.argoproj.io`).
fn argo_prunes(
    producer: &Producer,
    today: Option<&Producer>,
    old: &Rendered,
    known: &HashMap<ObjectKey, bool>,
) -> bool {
    if let Some(today) = today {
        return today.spec.prune;
    }
    let parent = producer.parent.and_then(|p| known.get(&old.producers.get(p)?.key));
    let object = old.objects().find(|(_, m)| m.key == producer.key).map(|(_, m)| &m.body);
    let finalizers = object.and_then(|body| body.at_path(&["metadata", "finalizers"])).and_then(Node::as_seq);
    let mut names = finalizers.unwrap_or_default().iter().filter_map(Node::scalar_text);
    parent.copied().unwrap_or(false)
        && names.any(|name| name.starts_with("resources-finalizer.argocd.argoproj.io"))
}

/// For each producer of the old side: true if what it no longer makes is removed from the cluster.
pub(super) fn prunes(old: &Rendered, new: &Rendered) -> HashMap<ObjectKey, bool> {
    let mut known: HashMap<ObjectKey, bool> = HashMap::new();
    for producer in &old.producers {
        let removes = match new.producers.iter().find(|p| p.key == producer.key) {
            today if &*producer.key.group == ARGO => argo_prunes(producer, today, old, &known),
            _ if &*producer.key.group != FLUX => true,
            Some(today) => today.spec.prune,
            None => {
                let object = old.objects().find(|(_, m)| m.key == producer.key).map(|(_, m)| &m.body);
                let parent = producer.parent.and_then(|p| known.get(&old.producers.get(p)?.key));
                let ends = parent.copied().unwrap_or(true) && !object.is_some_and(diff::is_kept);
                // kustomize-controller's finalizer: `spec.deletionPolicy`, which follows `prune` unless it is set.
                let policy = object.and_then(|body| body.str_at(&["spec", "deletionPolicy"]));
                ends && !producer.spec.suspend
                    && match policy {
                        Some("Orphan") => false,
                        Some("Delete" | "WaitForTermination") => true,
                        _ => producer.spec.prune,
                    }
            }
        };
        known.insert(producer.key.clone(), removes);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Manifest, Origin, ProducerSpec};
    use crate::yaml::{Dialect, Limits, read_stream};

    fn application(name: &str, finalizers: &str) -> Arc<Manifest> {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, finalizers: [{finalizers}]}}\n"
        );
        let stream = read_stream(text.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
        let body = stream.documents.into_iter().next().expect("a document").root;
        let (key, version) = ObjectKey::of(&body).expect("an object");
        Arc::new(Manifest { key, version, body, origin: Origin::default(), steps: Vec::new() })
    }

    fn producer(name: &str, prune: bool, parent: Option<usize>, objects: Vec<Arc<Manifest>>) -> Producer {
        Producer {
            key: ObjectKey::new(ARGO, "Application", "", name),
            parent,
            declared: Origin::default(),
            spec: ProducerSpec { prune, ..ProducerSpec::default() },
            objects,
            problems: Vec::new(),
            complete: true,
            reads: Arc::new([]),
        }
    }

    #[test]
    fn argo_cd_removes_what_a_pruning_application_no_longer_makes() {
        let children = vec![
            application("cascades", "resources-finalizer.argocd.argoproj.io"),
            application("stays", ""),
            application("keeps", ""),
        ];
        let old = Rendered {
            producers: vec![
                producer("root", true, None, children),
                producer("cascades", false, Some(0), Vec::new()),
                producer("stays", true, Some(0), Vec::new()),
                producer("keeps", false, Some(0), Vec::new()),
                producer("lone", true, None, Vec::new()),
            ],
            problems: Vec::new(),
        };
        let new = Rendered {
            producers: vec![
                producer("root", true, None, Vec::new()),
                producer("keeps", false, Some(0), Vec::new()),
            ],
            problems: Vec::new(),
        };
        let known = prunes(&old, &new);
        let of = |name: &str| known[&ObjectKey::new(ARGO, "Application", "", name)];
        // Without the finalizer an Application goes and leaves its objects; one that was applied by hand stays itself.
        assert_eq!(["root", "cascades", "stays", "keeps", "lone"].map(of), [true, true, false, false, false]);
    }
}
