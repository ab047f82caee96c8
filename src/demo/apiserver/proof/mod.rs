//! Tests: the store behind a real `kube::Client`, read through the `cluster` room and its guard.

mod reads;
mod wire;
mod writes;

use super::{ApiServer, Store};
use crate::cluster::{
    ClusterError, ClusterEvent, Connection, KindState, LogOptions, Namespaces, Patience, Reader, Watch,
    WatchKind,
};
use crate::model::{Live, ObjectKey, Reason};
use crate::secret::DigestKey;
use crate::yaml::Node;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn store() -> Arc<Store> {
    let store = Store::new(Box::new(|| "2024-05-01T12:00:00Z".parse().expect("a time")));
    store
        .apply("test", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}), true)
        .expect("applied");
    Arc::new(store)
}

fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop", "labels": {"app": "cart"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}},
                "spec": {"containers": [{"name": "cart", "image": image, "ports": [{"containerPort": 80}]}]}}}})
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"k": value}})
}

fn crd(scope: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "kustomizations.kustomize.toolkit.fluxcd.io"},
        "spec": {"group": "kustomize.toolkit.fluxcd.io", "scope": scope,
            "names": {"kind": "Kustomization", "plural": "kustomizations", "shortNames": ["ks"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Ready", "type": "string",
                        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}],
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {"path": {"type": "string"},
                            "dependsOn": {"type": "array", "items": {"type": "object"}}}},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
                {"name": "v1beta2", "served": true, "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

fn kustomization() -> Value {
    json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "shop"}, "spec": {"path": "./apps"}})
}

fn patience() -> Patience {
    Patience { backoff: Duration::from_millis(20), watch: Duration::from_secs(20), ..Patience::default() }
}

fn connect(server: ApiServer) -> Connection {
    Connection::from_service(server, "demo").with_patience(patience())
}

async fn reader(store: &Arc<Store>) -> Reader {
    let key = Arc::new(DigestKey::new([9; 32]));
    Reader::open(connect(ApiServer::new(store.clone())), key).await.expect("a reader").0
}

fn key(kind: &str, name: &str) -> ObjectKey {
    let group = match kind {
        "Deployment" => "apps",
        "Kustomization" => "kustomize.toolkit.fluxcd.io",
        "CustomResourceDefinition" => "apiextensions.k8s.io",
        _ => "",
    };
    ObjectKey::new(group, kind, if group == "apiextensions.k8s.io" { "" } else { "shop" }, name)
}

fn kind(group: &str, kind: &str, whole: bool) -> WatchKind {
    WatchKind { group: group.into(), kind: kind.into(), version: None, whole }
}

async fn next(watch: &mut Watch) -> ClusterEvent {
    tokio::time::timeout(Duration::from_secs(10), watch.next())
        .await
        .expect("an event in time")
        .expect("an event")
}

/// Reads events until one is as wished.
async fn until(watch: &mut Watch, wished: impl Fn(&ClusterEvent) -> bool) -> ClusterEvent {
    loop {
        let event = next(watch).await;
        if wished(&event) {
            return event;
        }
    }
}

fn manager<'l>(live: &'l Live, name: &str) -> &'l crate::model::Manager {
    live.managers.iter().find(|m| &*m.name == name).unwrap_or_else(|| panic!("{name} is no manager"))
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart"}},
        "spec": {"containers": [{"name": "cart", "image": "cart:1"}]}})
}
