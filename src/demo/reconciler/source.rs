//! The GitRepository: it looks at origin, and stores what it finds as an artifact.

use super::cluster::DemoCluster;
use super::{FLUX, SOURCE, condition, number};
use crate::model::{CommitId, ObjectKey};
use serde_json::{Value, json};

/// The revision as Flux writes it.
pub(super) fn revision(commit: CommitId) -> String {
    format!("{}@sha1:{commit}", crate::demo::repository::BRANCH)
}

/// True if it is time to look at origin, and there is something new.
pub(super) fn sees_more(cluster: &DemoCluster) -> bool {
    let since = cluster.clock.now().as_second() - cluster.fetched_at.as_second();
    let head = || cluster.origin.resolve(crate::demo::repository::BRANCH);
    since >= cluster.interval && head().is_ok_and(|head| cluster.artifact != Some(head))
}

/// Looks at origin if it is time, and stores what is new.
pub(super) fn look(cluster: &mut DemoCluster) {
    let now = cluster.clock.now();
    if now.as_second() - cluster.fetched_at.as_second() < cluster.interval {
        return;
    }
    cluster.fetched_at = now;
    // Origin may be busy with a push; the next look finds it.
    if let Ok(head) = cluster.origin.resolve(crate::demo::repository::BRANCH)
        && cluster.artifact != Some(head)
    {
        store(cluster, head);
    }
}

/// Stores a commit's artifact and says so in the status.
pub(super) fn store(cluster: &mut DemoCluster, commit: CommitId) {
    cluster.artifact = Some(commit);
    let key = ObjectKey::new(SOURCE, "GitRepository", FLUX, FLUX);
    let Some(object) = cluster.store.get(&key) else { return };
    let status = status(cluster, &object, commit);
    // The object was there a line ago; nobody else writes here.
    let _ = cluster.store.update_status("source-controller", &key, status);
}

/// The status of the source while `commit` is its artifact.
pub(super) fn status(cluster: &DemoCluster, object: &Value, commit: CommitId) -> Value {
    let (now, revision) = (cluster.stamp(), revision(commit));
    let generation = number(object, "/metadata/generation");
    let message = format!("stored artifact for revision '{revision}'");
    json!({
        "observedGeneration": generation,
        "conditions": [
            condition(object, "Ready", "True", "Succeeded", &message, &now, generation),
            condition(object, "ArtifactInStorage", "True", "Succeeded", &message, &now, generation),
        ],
        "artifact": {
            "revision": revision,
            "digest": format!("sha256:{commit}{}", &commit.to_string()[..24]),
            "lastUpdateTime": now,
            "path": format!("gitrepository/{FLUX}/{FLUX}/{commit}.tar.gz"),
            "url": format!("http://source-controller.{FLUX}.svc.cluster.local./gitrepository/{FLUX}/{FLUX}/{commit}.tar.gz"),
        },
    })
}
