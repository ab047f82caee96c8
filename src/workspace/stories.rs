//! What history adds to the rows of Home, found beside the engine: how far git is ahead, who changed it last, and
//! since which commit it fails.

use super::apps::Story;
use super::engine::Message;
use super::field::Field;
use super::history::{self, Question};
use super::session::Session;
use crate::git::LogOptions;
use crate::model::{CommitId, Environment, HealthState, ObjectKey, Rendered};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How far back a failing object's commit is looked for.
const FAR: usize = 400;

/// Stories and what was asked to get them.
pub(super) struct Told {
    pub(super) asked: u64,
    pub(super) stories: HashMap<ObjectKey, Story>,
}

struct Asked {
    head: CommitId,
    environment: Environment,
    desired: Arc<Rendered>,
    /// Producer, applied commit, failing object.
    producers: Vec<(ObjectKey, Option<CommitId>, Option<ObjectKey>)>,
}

/// Starts telling the stories of an environment, if something they depend on changed.
pub(super) fn ask(
    name: &Arc<str>,
    field: &mut Field,
    head: CommitId,
    session: &Arc<Session>,
    sender: &mpsc::Sender<Message>,
) {
    let asked = Asked {
        head,
        environment: field.facts.environment.clone(),
        desired: field.facts.desired.clone(),
        producers: field.facts.desired.producers.iter().map(|p| standing(field, &p.key)).collect(),
    };
    let fingerprint = asked.fingerprint();
    if field.asked == fingerprint {
        return;
    }
    field.asked = fingerprint;
    let (name, session, sender) = (name.clone(), session.clone(), sender.clone());
    tokio::task::spawn_blocking(move || {
        let stories = asked.producers.iter().map(|p| (p.0.clone(), tell(&asked, &session, p))).collect();
        let _ = sender.blocking_send(Message::Stories(name, Told { asked: fingerprint, stories }));
    });
}

fn standing(field: &Field, producer: &ObjectKey) -> (ObjectKey, Option<CommitId>, Option<ObjectKey>) {
    let applied = field.facts.statuses.get(producer).and_then(|s| s.applied.as_ref()?.commit);
    let attempted = field.facts.statuses.get(producer).and_then(|s| s.attempted.as_ref()?.commit);
    let failing = field
        .compared
        .iter()
        .find(|c| c.producer.as_ref() == Some(producer) && c.health.state == HealthState::Degraded)
        .map(|c| c.key.clone());
    (producer.clone(), attempted.filter(|_| failing.is_some()).or(applied), failing)
}

impl Asked {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.head, &self.producers).hash(&mut hasher);
        hasher.finish().max(1)
    }
}

fn tell(
    asked: &Asked,
    session: &Session,
    (key, applied, failing): &(ObjectKey, Option<CommitId>, Option<ObjectKey>),
) -> Story {
    let mut story = Story::default();
    let Some(producer) = asked.desired.producers.iter().find(|p| p.key == *key) else { return story };
    let paths: Vec<Arc<str>> = producer.reads.iter().filter(|p| !p.is_empty()).cloned().collect();
    if !paths.is_empty() {
        story.changed =
            session.repo.log_of_paths(&paths, asked.head, 1).ok().and_then(|log| log.into_iter().next());
        story.behind = applied.and_then(|applied| {
            let options = LogOptions { paths, without: vec![applied], ..LogOptions::default() };
            session.repo.log(asked.head, &options).ok().map(|log| log.len())
        });
    }
    if let Some(object) = failing {
        let question = Question {
            session,
            environment: &asked.environment,
            key: object,
            from: applied.unwrap_or(asked.head),
            limit: FAR,
            enough: 1,
            cancel: &CancellationToken::new(),
        };
        let answer = history::walk(&question).ok();
        story.failing_since = answer.and_then(|a| a.entries.into_iter().next()).map(|e| e.commit);
    }
    story
}

impl Field {
    /// Takes over stories, unless newer ones were asked for meanwhile.
    pub(super) fn told(&mut self, told: Told) {
        if told.asked == self.asked {
            self.told = told.asked;
            self.stories = told.stories;
            self.stale = true;
        }
    }
}
