//! Rows of Home: what each producer needs, why, and what to do next.

use super::facts::{Compared, Facts};
use super::field::NOT_SERVED;
use super::snapshot::{AppRow, AppState, Next};
use crate::model::{
    Commit, ConditionStatus, Health, HealthState, ObjectKey, PendingKind, Place, Problem, Producer,
    ProducerStatus, Reason, Severity, Verdict,
};
use std::sync::Arc;

/// What git's history adds to a row; computed apart, since it walks commits.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// Commits between the applied revision and HEAD that touch what the producer reads.
    pub(super) behind: Option<usize>,
    /// The newest commit that touches it.
    pub(super) changed: Option<Commit>,
    /// The commit since which it fails.
    pub(super) failing_since: Option<Commit>,
}

/// The row of one producer.
pub(super) fn row(
    facts: &Facts,
    producer: &Producer,
    own: &[&Compared],
    story: &Story,
    findings: &[Problem],
) -> AppRow {
    let status = facts.statuses.get(&producer.key);
    let own_health: Vec<&Compared> =
        own.iter().copied().filter(|c| facts.producer(&c.key).is_none()).collect();
    let health = worst(&own_health, status);
    let scene = Scene { facts, producer, status, own, story, findings, health: &health };
    let judged = scene.judge();
    let secrets: Vec<_> = own.iter().filter(|c| c.key.is_secret()).collect();
    AppRow {
        environment: facts.environment.name.clone(),
        key: producer.key.clone(),
        state: judged.state,
        cause: judged.cause,
        place: judged.place.or_else(|| declared_at(producer)),
        next: judged.next,
        commit: judged.commit,
        object: judged.object,
        objects: own.iter().filter(|c| c.desired.is_some()).count(),
        drifted: count(own, |v| matches!(v, Verdict::Drifted | Verdict::Conflict)),
        pending: count(own, |v| matches!(v, Verdict::Pending(_) | Verdict::Conflict)),
        stray: count(own, |v| matches!(v, Verdict::Missing | Verdict::Extra { .. } | Verdict::Orphan)),
        secrets: secrets.len(),
        secrets_differ: secrets.iter().filter(|c| !c.diff.verdict.is_synced() && c.live.is_some()).count(),
        applied: status.and_then(|s| s.applied.clone()),
        behind: story.behind,
        changed: story.changed.clone(),
        waiting_on: status.map(|s| s.waiting_on.clone()).unwrap_or_default(),
        path: producer.spec.path.clone(),
        health,
    }
}

/// A row for what nobody declares in an environment's namespaces; `None` if there is nothing.
pub(super) fn strays(facts: &Facts, own: &[&Compared]) -> Option<AppRow> {
    let first = own.first()?;
    let cause = match own.len() {
        1 => format!("{} is in the cluster and nobody declares it", first.key),
        n => format!("{} and {} more are in the cluster and nobody declares them", first.key, n - 1),
    };
    Some(AppRow {
        environment: facts.environment.name.clone(),
        key: ObjectKey::new("", "Undeclared", "", "undeclared"),
        state: AppState::Undeclared,
        cause,
        place: None,
        next: "declare it in git, or have its owner delete it".into(),
        commit: None,
        object: Some(first.key.clone()),
        health: Health::new(HealthState::NotApplicable, ""),
        objects: 0,
        drifted: 0,
        pending: 0,
        stray: own.len(),
        secrets: 0,
        secrets_differ: 0,
        applied: None,
        behind: None,
        changed: None,
        waiting_on: Vec::new(),
        path: "".into(),
    })
}

struct Judged {
    state: AppState,
    cause: String,
    place: Option<Place>,
    next: Next,
    commit: Option<Commit>,
    object: Option<ObjectKey>,
}

struct Scene<'a> {
    facts: &'a Facts,
    producer: &'a Producer,
    status: Option<&'a ProducerStatus>,
    own: &'a [&'a Compared],
    story: &'a Story,
    findings: &'a [Problem],
    health: &'a Health,
}

impl Scene<'_> {
    /// The first of these that applies, most urgent first.
    fn judge(&self) -> Judged {
        self.waiting()
            .or_else(|| self.failing())
            .or_else(|| self.plaintext())
            .or_else(|| self.suspended())
            .or_else(|| self.drifted())
            .or_else(|| self.stray())
            .or_else(|| self.progressing())
            .or_else(|| self.pending())
            .or_else(|| self.not_rendered())
            .or_else(|| self.unknown())
            .unwrap_or_else(|| judged(AppState::Synced, String::new(), Next::Nothing))
    }

    fn failing(&self) -> Option<Judged> {
        let broken = self.judged_here().find(|c| c.health.state == HealthState::Degraded);
        let said =
            self.status.and_then(|s| s.condition("Ready")).filter(|c| c.status == ConditionStatus::False);
        let cause = match (broken, said) {
            (Some(object), _) => format!("{}: {}", object.key, object.health.reason),
            (None, Some(ready)) if self.status.is_some_and(|s| !s.suspended) => {
                format!("{}: {}", ready.reason, first_sentence(&ready.message))
            }
            _ => return None,
        };
        let since = self.story.failing_since.as_ref();
        let cause =
            since.map_or(cause.clone(), |c| format!("{cause}, since {} by {}", c.id.short(), c.author));
        let next = since.map_or(Next::Objects, |c| Next::Revert(c.clone()));
        Some(Judged {
            commit: self.story.failing_since.clone(),
            object: broken.map(|c| c.key.clone()),
            place: broken.and_then(|c| origin(c)),
            ..judged(AppState::Failing, cause, next)
        })
    }

    /// Objects whose health is this app's affair: producers among them have rows of their own.
    fn judged_here(&self) -> impl Iterator<Item = &&Compared> {
        self.own.iter().filter(|c| self.facts.producer(&c.key).is_none())
    }

    fn waiting(&self) -> Option<Judged> {
        let status = self.status?;
        let ready = status.condition("Ready")?;
        let on = status.waiting_on.first().filter(|_| &*ready.reason == "DependencyNotReady")?;
        let fails = self.facts.statuses.get(on).and_then(|s| s.condition("Ready"));
        let fails = fails.is_some_and(|c| c.status == ConditionStatus::False);
        let what = if fails { "fails" } else { "is not ready" };
        let cause = format!("waits for {}, which {what}", on.name);
        Some(judged(AppState::Waiting, cause, Next::Words(format!("mend {} first", on.name))))
    }

    fn plaintext(&self) -> Option<Judged> {
        let finding = self.findings.iter().find(|f| f.reason == Reason::Plaintext)?;
        Some(Judged {
            place: finding.place.clone(),
            ..judged(AppState::Plaintext, finding.cause.clone(), finding.next.as_str().into())
        })
    }

    fn drifted(&self) -> Option<Judged> {
        let urgent = |wanted: fn(&Verdict) -> bool| self.own.iter().find(|c| wanted(&c.diff.verdict));
        let (object, state) = urgent(|v| *v == Verdict::Conflict)
            .map(|c| (c, AppState::Conflict))
            .or_else(|| urgent(|v| *v == Verdict::Drifted).map(|c| (c, AppState::Drifted)))?;
        let by = object.diff.fields.iter().find_map(|f| f.by.as_ref());
        let by = by.map_or(String::new(), |m| format!(", by {}", crate::model::clean(&m.name)));
        let cause = format!("{}: {}{by}", object.key, super::inventory::summary(object));
        Some(Judged {
            object: Some(object.key.clone()),
            place: origin(object),
            ..judged(state, cause, Next::BothSides)
        })
    }

    fn stray(&self) -> Option<Judged> {
        let object = self.own.iter().find(|c| {
            matches!(
                c.diff.verdict,
                Verdict::Missing | Verdict::Extra { .. } | Verdict::OwnedByOther(_) | Verdict::Unadopted
            )
        })?;
        let cause = match &object.diff.verdict {
            Verdict::Missing => format!("{} was deleted in the cluster", object.key),
            Verdict::Extra { kept: true } => {
                format!("{} is kept though git no longer declares it", object.key)
            }
            Verdict::Extra { kept: false } => {
                format!("{} is no longer declared and will be pruned", object.key)
            }
            Verdict::OwnedByOther(owner) => format!("{} says that it belongs to {owner}", object.key),
            _ => format!("{} exists and nobody has taken it over", object.key),
        };
        Some(Judged {
            object: Some(object.key.clone()),
            place: origin(object),
            ..judged(AppState::Differs, cause, Next::Object)
        })
    }

    fn suspended(&self) -> Option<Judged> {
        let status = self.status.filter(|s| s.suspended)?;
        let in_git = self.producer.spec.suspend;
        let at = status
            .applied
            .as_ref()
            .and_then(|r| r.commit)
            .map_or(String::new(), |c| format!(" at {}", c.short()));
        let whose = if in_git { "git says so" } else { "not in git: somebody suspended it in the cluster" };
        let next = if in_git {
            "remove `suspend` from git to resume"
        } else {
            "resume it with `flux resume`, or declare it"
        };
        Some(judged(AppState::Suspended, format!("suspended{at}; {whose}"), next.into()))
    }

    fn progressing(&self) -> Option<Judged> {
        let object = self.judged_here().find(|c| c.health.state == HealthState::Progressing);
        let reconciling = self.status.and_then(|s| s.condition("Reconciling"));
        let reconciling = reconciling.filter(|c| c.status == ConditionStatus::True);
        let cause = match (object, reconciling) {
            (Some(c), _) => format!("{}: {}", c.key, c.health.reason),
            (None, Some(c)) => first_sentence(&c.message),
            (None, None) => return None,
        };
        Some(judged(AppState::Progressing, cause, "nothing to do yet".into()))
    }

    fn pending(&self) -> Option<Judged> {
        let pending: Vec<_> =
            self.own.iter().filter(|c| matches!(c.diff.verdict, Verdict::Pending(_))).collect();
        let first = pending.first()?;
        let ahead = match self.story.behind {
            Some(1) => "git is 1 commit ahead".to_owned(),
            Some(n) if n > 1 => format!("git is {n} commits ahead"),
            _ => "git is ahead".to_owned(),
        };
        let what = match (&first.diff.verdict, pending.len()) {
            (Verdict::Pending(PendingKind::Create), 1) => format!("{} will be made", first.key),
            (Verdict::Pending(PendingKind::Remove), 1) => format!("{} will go", first.key),
            (_, 1) => format!("{}: {}", first.key, super::inventory::summary(first)),
            (_, n) => format!("{n} objects will change"),
        };
        let next = "nothing to do: the controller comes by, or push if it is not pushed";
        Some(Judged {
            object: Some(first.key.clone()),
            place: origin(first),
            commit: self.story.changed.clone(),
            ..judged(AppState::Pending, format!("{ahead}: {what}"), next.into())
        })
    }

    fn not_rendered(&self) -> Option<Judged> {
        if self.producer.complete {
            return None;
        }
        let problem = self
            .producer
            .problems
            .iter()
            .find(|p| p.severity == Severity::Error)
            .or(self.producer.problems.first());
        // The state says it already.
        let cause = problem.map_or("", |p| p.cause.strip_prefix("not rendered: ").unwrap_or(&p.cause));
        let cause = cause.to_owned();
        let next = problem.map_or(Next::Nothing, |p| p.next.as_str().into());
        Some(Judged {
            place: problem.and_then(|p| p.place.clone()),
            ..judged(AppState::NotRendered, cause, next)
        })
    }

    fn unknown(&self) -> Option<Judged> {
        if self.facts.reader.is_none() {
            let objects = match self.producer.objects.len() {
                1 => "1 object".to_owned(),
                n => format!("{n} objects"),
            };
            let cause = format!("{objects} in git; no cluster to compare with");
            return Some(judged(AppState::Unknown, cause, Next::Nothing));
        }
        if !self.facts.complete {
            return Some(judged(AppState::Unknown, "being read".to_owned(), Next::Nothing));
        }
        let object = self.own.iter().find(|c| {
            matches!(c.diff.verdict, Verdict::Unknown(_) | Verdict::Forbidden | Verdict::NotRendered(_))
        });
        if let Some(object) = object {
            let (why, next) = match &object.diff.verdict {
                Verdict::Unknown(why) if **why == *NOT_SERVED => (
                    why.to_string(),
                    "see whether its CustomResourceDefinition is installed, and by what".into(),
                ),
                Verdict::Unknown(why) => (why.to_string(), Next::Object),
                Verdict::Forbidden => {
                    ("the server does not let us read it".to_owned(), "ask for a role with get on it".into())
                }
                other => (other.word().to_owned(), Next::Object),
            };
            return Some(judged(AppState::Unknown, format!("{}: {why}", object.key), next));
        }
        // Nothing stands for a folder in the cluster, and what Argo CD says about its Applications is not read.
        let silent = &*self.producer.key.kind == "Folder" || &*self.producer.key.group == "argoproj.io";
        (self.status.is_none() && !silent && self.health.state != HealthState::Healthy).then(|| {
            let cause = format!("{} is not in the cluster", self.producer.key);
            judged(AppState::Unknown, cause, "is this the right cluster?".into())
        })
    }
}

fn judged(state: AppState, cause: String, next: Next) -> Judged {
    Judged { state, cause, place: None, next, commit: None, object: None }
}

fn count(own: &[&Compared], wanted: impl Fn(&Verdict) -> bool) -> usize {
    own.iter().filter(|c| wanted(&c.diff.verdict)).count()
}

fn worst(own: &[&Compared], status: Option<&ProducerStatus>) -> Health {
    let judged = own.iter().map(|c| &c.health).filter(|h| h.state != HealthState::NotApplicable);
    let worst = judged.min_by_key(|h| h.state).cloned();
    match (worst, status) {
        (Some(health), _) => health,
        (None, Some(_)) => Health::healthy(),
        (None, None) => Health::new(HealthState::Unknown, ""),
    }
}

fn origin(compared: &Compared) -> Option<Place> {
    let from_field = compared.diff.fields.iter().find_map(|f| {
        let mark = &f.desired.as_ref()?.mark;
        Some(Place { file: mark.file.clone()?, line: mark.line, field: None })
    });
    let from_object = || {
        compared.desired.as_ref().map(|m| Place {
            file: m.origin.file.clone(),
            line: m.origin.line,
            field: None,
        })
    };
    from_field.or_else(from_object)
}

fn declared_at(producer: &Producer) -> Option<Place> {
    let declared = &producer.declared;
    (!declared.file.is_empty()).then(|| Place {
        file: declared.file.clone(),
        line: declared.line,
        field: None,
    })
}

fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(200).collect()
}

/// The most urgent rows first; within a state production first, then by name.
pub(super) fn sort(rows: &mut [Arc<AppRow>], is_production: impl Fn(&str) -> bool) {
    rows.sort_by_cached_key(|r| {
        (r.state, !is_production(&r.environment), r.environment.clone(), r.key.name.clone())
    });
}
