//! From the engine's state to what is published: the snapshot that faces show, and the facts that questions need.

use super::apps::{self, Story};
use super::facts::{Compared, Facts};
use super::field::Field;
use super::repository::RepositoryRead;
use super::secrets::SealedFile;
use super::session::Session;
use super::snapshot::{AppRow, EnvironmentView, HeadView, ObjectRow, RepoView, Snapshot, Work};
use super::{inventory, secrets};
use crate::git::Head;
use crate::model::{CommitId, Health, Live, ObjectKey, Place, Problem, Verdict};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is published: plain data for faces, and shared facts for answering questions.
#[derive(Default)]
pub(super) struct Published {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) fields: BTreeMap<Arc<str>, Arc<FieldFacts>>,
}

/// One environment's facts with what was compared.
pub(super) struct FieldFacts {
    pub(super) facts: Facts,
    pub(super) compared: Vec<Arc<Compared>>,
}

/// The engine's state, lent for one publication.
pub(super) struct Scene<'a> {
    pub(super) session: &'a Session,
    pub(super) repository: Option<&'a RepositoryRead>,
    pub(super) broken: Option<&'a Problem>,
    pub(super) fields: &'a BTreeMap<Arc<str>, Field>,
    pub(super) takes_back: Option<CommitId>,
    pub(super) generation: u64,
    pub(super) reading: bool,
    pub(super) now: i64,
}

impl Scene<'_> {
    pub(super) fn publish(&self) -> Published {
        let mut apps = Vec::new();
        let mut objects: Vec<Arc<ObjectRow>> = Vec::new();
        for field in self.fields.values() {
            apps.extend(self.apps_of(field).into_iter().map(Arc::new));
            objects.extend(inventory::rows(&field.facts.environment.name, &field.compared, &children(field)));
        }
        apps::sort(&mut apps, |name| self.session.is_production(name));
        let secrets = self.repository.map(|r| secrets::rows(&r.secrets, self.fields)).unwrap_or_default();
        let snapshot = Snapshot {
            generation: self.generation,
            repo: self.repo(),
            environments: self.environments(),
            apps: apps.into(),
            objects: objects.into(),
            secrets: secrets.into(),
            key_needs: super::identities::needs(&self.session.keyring),
            problems: self.problems(),
            work: self.work(),
            at: self.now,
        };
        let fields = self.fields.iter().map(|(name, field)| {
            let facts = FieldFacts { facts: field.facts.clone(), compared: field.compared.clone() };
            (name.clone(), Arc::new(facts))
        });
        Published { snapshot: Arc::new(snapshot), fields: fields.collect() }
    }

    fn repo(&self) -> RepoView {
        let path: Arc<str> = self.session.repo.root().to_string_lossy().into();
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().into();
        let mut view = RepoView { name, path, takes_back: self.takes_back, ..RepoView::default() };
        let Some(read) = self.repository else { return view };
        view.read = true;
        view.commit.clone_from(&read.head);
        view.head = match &read.status.head {
            Head::Branch { name, .. } => HeadView::Branch(name.as_str().into()),
            Head::Detached { .. } => HeadView::Detached,
            Head::Unborn { name } => HeadView::Unborn(name.as_str().into()),
        };
        if let Some(upstream) = &read.status.upstream {
            view.upstream = Some(format!("{}/{}", upstream.remote, upstream.branch).into());
            (view.ahead, view.behind) = (upstream.ahead, upstream.behind);
        }
        let dirty = read.status.dirty;
        view.dirty = dirty.staged + dirty.unstaged + dirty.untracked + dirty.conflicted;
        view.operation = read.status.operation.map(|o| o.to_string().into());
        view
    }

    fn environments(&self) -> Arc<[EnvironmentView]> {
        let mut views: Vec<EnvironmentView> = self
            .fields
            .values()
            .map(|field| EnvironmentView {
                name: field.facts.environment.name.clone(),
                entry: field.facts.environment.entry.clone(),
                why: field.facts.environment.why.clone(),
                production: self.session.is_production(&field.facts.environment.name),
                context: field.context.clone(),
                cluster: field.cluster.clone(),
                coverage: field.facts.desired.coverage(),
            })
            .collect();
        views.sort_by_key(|v| (v.production, v.name.clone()));
        views.into()
    }

    fn apps_of(&self, field: &Field) -> Vec<AppRow> {
        let mut own: HashMap<&ObjectKey, Vec<&Compared>> = HashMap::new();
        let mut strays = Vec::new();
        for compared in &field.compared {
            match &compared.producer {
                Some(producer) => own.entry(producer).or_default().push(compared),
                None if matches!(compared.diff.verdict, Verdict::Unmanaged | Verdict::Orphan) => {
                    strays.push(&**compared);
                }
                None => {}
            }
        }
        let none = Story::default();
        let mut rows: Vec<AppRow> = field
            .facts
            .desired
            .producers
            .iter()
            .map(|producer| {
                let objects = own.get(&producer.key).map(Vec::as_slice).unwrap_or_default();
                let story = field.stories.get(&producer.key).unwrap_or(&none);
                let findings = self.findings_of(&producer.reads);
                apps::row(&field.facts, producer, objects, story, &findings)
            })
            .collect();
        rows.extend(apps::strays(&field.facts, &strays));
        rows
    }

    /// Secrets in the clear in files that a producer reads.
    fn findings_of(&self, reads: &[Arc<str>]) -> Vec<Problem> {
        let all = self.repository.map(|r| r.secrets.findings.as_slice()).unwrap_or_default();
        let read = |place: &Place| reads.iter().any(|r| **r == *place.file);
        all.iter().filter(|f| f.place.as_ref().is_some_and(read)).cloned().collect()
    }

    fn problems(&self) -> Arc<[Problem]> {
        let mut all: Vec<Problem> = self.broken.iter().map(|p| (*p).clone()).collect();
        all.extend(
            self.repository
                .iter()
                .flat_map(|r| r.problems.iter().chain(&r.secrets.findings).chain(&r.secrets.left_out))
                .cloned(),
        );
        all.extend(
            self.repository.iter().flat_map(|r| r.secrets.sealed.values()).filter_map(SealedFile::damage),
        );
        for field in self.fields.values() {
            all.extend(field.told_by_cluster());
            all.extend(field.facts.desired.all_problems().cloned());
        }
        let mut seen = Vec::new();
        all.retain(|p| {
            !seen.contains(p) && {
                seen.push(p.clone());
                true
            }
        });
        all.into()
    }

    fn work(&self) -> Arc<[Work]> {
        let mut work = Vec::new();
        if self.reading || (self.repository.is_none() && self.broken.is_none()) {
            work.push(Work { what: "reading git".to_owned(), done: 0, total: 0 });
        }
        for field in self.fields.values() {
            if field.asked != field.told {
                let what = format!("reading the history of {}", field.facts.environment.name);
                work.push(Work { what, done: 0, total: 0 });
            }
            if field.rendering_again {
                let what = format!("rendering with the variables of {}", field.facts.environment.name);
                work.push(Work { what, done: 0, total: 0 });
            }
            if !field.rendering.is_empty() {
                let what = format!("rendering what {} has applied", field.facts.environment.name);
                work.push(Work { what, done: 0, total: field.rendering.len() });
            }
            if field.schemas.reading > 0 {
                let what = format!("reading the schemas of {}", field.facts.environment.name);
                work.push(Work { what, done: 0, total: field.schemas.reading });
            }
            if let super::snapshot::ClusterView::Reading { done, kinds, .. } = &field.cluster {
                let what = format!("reading {}", field.facts.environment.name);
                work.push(Work { what, done: *done, total: *kinds });
            }
        }
        work.into()
    }
}

/// Live children of what was compared (ReplicaSets, Pods …), each with its owner.
fn children(field: &Field) -> Vec<(ObjectKey, Arc<Live>, Health)> {
    let mut found: Vec<(ObjectKey, Arc<Live>, Health)> = Vec::new();
    for live in field.facts.live.values().filter(|l| matches!(&*l.key.kind, "Pod" | "ReplicaSet" | "Job")) {
        let Some(owner) = live.owners.iter().find(|o| o.controller) else { continue };
        let key = ObjectKey {
            group: owner.group.clone(),
            kind: owner.kind.clone(),
            namespace: live.key.namespace.clone(),
            name: owner.name.clone(),
        };
        if field.facts.live.contains_key(&key) {
            found.push((key, live.clone(), field.facts.health(live)));
        }
    }
    found.sort_by(|a, b| a.1.key.cmp(&b.1.key));
    found
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
