//! Questions about one object: its details, and how it differs from another commit.

use super::details::{Details, EventLine, FieldChange, ObjectId};
use super::facts::Compared;
use super::history::{self, environment_at};
use super::publish::FieldFacts;
use super::session::Session;
use crate::cluster::Reader;
use crate::diff;
use crate::model::{Commit, CommitId, Live, Manager, ObjectKey, Problem, Reason, Revision, clean};
use crate::yaml::{Map, Node, to_masked_string};
use std::sync::Arc;

/// The object among those that were compared.
pub(super) fn find<'a>(field: &'a FieldFacts, key: &ObjectKey) -> Option<&'a Arc<Compared>> {
    field.compared.iter().find(|c| c.key == *key)
}

/// A live object that was not compared: a child of one that was.
pub(super) fn child<'a>(field: &'a FieldFacts, key: &ObjectKey) -> Option<&'a Arc<Live>> {
    field.facts.live.get(key)
}

/// All about one object that can be told without the cluster.
pub(super) fn details(id: &ObjectId, field: &FieldFacts, session: &Session) -> Result<Details, Problem> {
    let compared = find(field, &id.key).cloned().or_else(|| {
        let live = child(field, &id.key)?;
        Some(Arc::new(of_child(field, live)))
    });
    let compared = compared.ok_or_else(|| unknown(id))?;
    let status = compared.producer.as_ref().and_then(|p| field.facts.statuses.get(p));
    let applied = status.and_then(|s| s.applied.as_ref()?.commit);
    let head = session.head()?;
    let commit = |id: Option<CommitId>| -> Option<Commit> { session.repo.commit_at(id?).ok() };
    Ok(Details {
        id: id.clone(),
        diff: compared.diff.clone(),
        health: compared.health.clone(),
        origin: compared.desired.as_ref().map(|m| m.origin.clone()),
        producer: compared.producer.clone(),
        desired: compared.desired.as_ref().map(|m| yaml(&m.body)),
        live: compared.live.as_ref().filter(|l| l.whole).map(|l| yaml(&l.body)),
        describe: compared.live.as_ref().map(|l| describe(l)).unwrap_or_default(),
        events: Vec::new(),
        problems: Vec::new(),
        revision: commit(head),
        applied: commit(applied),
    })
}

fn of_child(field: &FieldFacts, live: &Arc<Live>) -> Compared {
    Compared {
        key: live.key.clone(),
        producer: None,
        desired: None,
        live: Some(live.clone()),
        diff: crate::model::ObjectDiff {
            key: live.key.clone(),
            verdict: crate::model::Verdict::Synced,
            fields: Vec::new(),
            folded: Vec::new(),
            hidden: 0,
            approximate: false,
        },
        health: field.facts.health(live),
    }
}

pub(super) fn unknown(id: &ObjectId) -> Problem {
    Problem::error(
        Reason::MissingFile,
        format!("{} is neither in git nor in the cluster of {}", id.key, id.environment),
    )
    .next("`sealane status` lists what there is")
}

/// Masked YAML, safe for a screen.
fn yaml(body: &Node) -> String {
    clean(&to_masked_string(body))
}

/// The facts of a live object in the order in which people look for them; an empty value starts a section.
fn describe(live: &Live) -> Vec<(String, String)> {
    let conditions = live.body.at_path(&["status", "conditions"]).and_then(Node::as_seq).unwrap_or_default();
    let sections: [(&str, Vec<(String, String)>); 6] = [
        ("Object", identity(live)),
        ("Labels", entries(live.body.at_path(&["metadata", "labels"]))),
        ("Annotations", entries(live.body.at_path(&["metadata", "annotations"]))),
        ("Conditions", conditions.iter().map(condition).collect()),
        ("Status", entries(live.body.get("status"))),
        ("Written by", live.managers.iter().map(writer).collect()),
    ];
    let mut rows = Vec::new();
    for (title, section) in sections {
        if !section.is_empty() {
            rows.push((title.to_owned(), String::new()));
            rows.extend(section.into_iter().map(|(name, value)| (clean(&name), clean(&value))));
        }
    }
    rows
}

fn identity(live: &Live) -> Vec<(String, String)> {
    let time = |field: &str| live.body.at_path(&["metadata", field]).and_then(Node::scalar_text).map(minute);
    let known = |value: &str| Some(value.to_owned()).filter(|v| !v.is_empty());
    let owners = live.owners.iter().map(|owner| ("owner", Some(format!("{}/{}", owner.kind, owner.name))));
    [("created", time("creationTimestamp")), ("deleted", time("deletionTimestamp"))]
        .into_iter()
        .chain(owners)
        .chain([("uid", known(&live.uid)), ("resource version", known(&live.resource_version))])
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The scalar entries of a mapping.
fn entries(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.and_then(Node::as_map).into_iter().flat_map(Map::iter);
    entries.filter_map(|(name, value)| Some((name.to_string(), value.scalar_text()?.to_owned()))).collect()
}

fn condition(condition: &Node) -> (String, String) {
    let part = |name: &str| condition.get(name).and_then(Node::scalar_text).unwrap_or_default();
    let text = format!("{}  {}  {}", part("status"), part("reason"), part("message"));
    (part("type").to_owned(), text.trim_end().to_owned())
}

fn writer(manager: &Manager) -> (String, String) {
    let verb = if manager.apply { "applied" } else { "updated" };
    let what = if manager.subresource.is_empty() { "" } else { " the " };
    (manager.name.to_string(), format!("{verb}{what}{}  {}", manager.subresource, minute(&manager.time)))
}

/// A server's time for people: `2026-08-21 14:02 UTC`; other text as it is.
fn minute(time: &str) -> String {
    let read = time.parse::<jiff::Timestamp>();
    read.map_or_else(|_| time.to_owned(), |t| t.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The events of an object, newest first.
pub(super) async fn events(reader: &Reader, key: &ObjectKey) -> Result<Vec<EventLine>, Problem> {
    let events = reader.events(key).await.map_err(|e| e.problem())?;
    Ok(events
        .into_iter()
        .rev()
        .map(|e| EventLine {
            at: e.last.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second),
            warning: e.warning,
            reason: e.reason,
            message: e.message,
            count: u32::try_from(e.count).unwrap_or(u32::MAX),
            source: e.source,
        })
        .collect())
}

/// How an object differs between a commit and what is looked at now.
pub(super) fn compare(
    session: &Session,
    field: &FieldFacts,
    key: &ObjectKey,
    with: CommitId,
) -> Result<Vec<FieldChange>, Problem> {
    let tree = session.tree(Revision::Commit(with))?;
    let environment = environment_at(session, &*tree, &field.facts.environment);
    let then = session.render(&*tree, &environment);
    let before = history::find(&then, key, &session.digests);
    let now = history::find(&field.facts.desired, key, &session.digests);
    Ok(history::shown(&diff::compare(before.as_ref().map(|m| &m.body), now.as_ref().map(|m| &m.body))))
}
