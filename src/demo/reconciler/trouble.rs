//! What somebody did by hand: the stories that the demo's first screen tells.

use super::cluster::DemoCluster;
use super::{FLUX, KUSTOMIZE};
use crate::demo::apiserver::Writer;
use crate::model::ObjectKey;
use serde_json::json;

/// Before the last commits came: production's database was put on hold.
pub(super) fn before_the_last_commits(cluster: &DemoCluster) {
    if cluster.name == "prod" {
        let data = ObjectKey::new(KUSTOMIZE, "Kustomization", FLUX, "data");
        edit(cluster, "flux", &data, |k| k["spec"]["suspend"] = json!(true));
    }
}

/// After the controllers had done their work: production was changed behind git's back.
pub(super) fn by_hand(cluster: &DemoCluster) {
    if cluster.name != "prod" {
        return;
    }
    let front = ObjectKey::new("apps", "Deployment", "shop", "front");
    edit(cluster, "kubectl-edit", &front, |d| d["spec"]["replicas"] = json!(5));
    // base64 of a password that git does not know
    let password = ObjectKey::new("", "Secret", "shop", "cart-db");
    edit(cluster, "kubectl-patch", &password, |s| s["data"]["password"] = json!("Y2hhbmdlZC1ieS1oYW5k"));
    let hotfix = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "cart-hotfix", "namespace": "shop"}, "data": {"CART_TTL": "1h"}});
    // The namespace is there: the apps live in it.
    let _ = cluster.store.put(Writer::update("kubectl-create"), &hotfix);
}

fn edit(cluster: &DemoCluster, manager: &str, key: &ObjectKey, change: impl FnOnce(&mut serde_json::Value)) {
    // A story whose object is missing is simply not told.
    let _ = cluster.store.edit_as(Writer::update(manager), key, change);
}
