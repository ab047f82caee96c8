//! Plants changes in a live cluster as other people and tools would, at places chosen by a seeded generator, and keeps a
//! record of each: that record, not our own diff, is what a test expects to be found.
//!
//! What git declares is read off the field ownership of the real kustomize-controller, before anything is changed.

use crate::support::Rig;
use serde_json::{Value, json};
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be said about a planted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A declared field has another value.
    Drifted,
    /// A declared field is gone.
    Removed,
    /// A field or map entry that git does not mention: folded, and the object stays as it is.
    Added,
    /// An element in a list where additions matter (containers, env, ports): shown as drifted.
    AddedToList,
    /// A declared object is gone.
    Missing,
    /// An object that nobody declares.
    Unmanaged,
    /// The same, spelled otherwise.
    Same,
}

/// One change, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What was done.
    pub what: &'static str,
    /// `Kind/namespace/name`.
    pub object: String,
    /// The field as a JSON pointer into the live object after the change; empty for the whole object.
    pub field: String,
    /// The field manager the change was made under.
    pub manager: &'static str,
    /// The verdict it must get.
    pub expected: Expected,
}

/// A generator that gives the same numbers for the same seed (`splitmix64`).
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        assert!(limit > 0, "nothing to choose from");
        usize::try_from(self.next() % limit as u64).expect("an index fits")
    }
}

/// A place where a kind of change can be made: the object, and the JSON patch that makes it.
struct Place {
    object: Value,
    field: String,
    patch: Vec<Value>,
}

/// A kind of change.
struct Kind {
    what: &'static str,
    manager: &'static str,
    expected: Expected,
    places: fn(&[Value]) -> Vec<Place>,
}

/// Kinds of changes that are made by a patch. Deleting and creating come beside them, in [`Mutator::plant`].
const KINDS: &[Kind] = &[
    Kind { what: "scale", manager: "kubectl-edit", expected: Expected::Drifted, places: scale },
    Kind { what: "image", manager: "kubectl-set", expected: Expected::Drifted, places: image },
    Kind {
        what: "label changed",
        manager: "kubectl-label",
        expected: Expected::Drifted,
        places: label_changed,
    },
    Kind {
        what: "label removed",
        manager: "kubectl-label",
        expected: Expected::Removed,
        places: label_removed,
    },
    Kind {
        what: "label of another",
        manager: "some-operator",
        expected: Expected::Added,
        places: label_added,
    },
    Kind {
        what: "annotation of another",
        manager: "some-operator",
        expected: Expected::Added,
        places: annotation,
    },
    Kind {
        what: "env var changed",
        manager: "kubectl-set",
        expected: Expected::Drifted,
        places: env_changed,
    },
    Kind {
        what: "env var removed",
        manager: "kubectl-edit",
        expected: Expected::Removed,
        places: env_removed,
    },
    Kind {
        what: "env var added",
        manager: "kubectl-set",
        expected: Expected::AddedToList,
        places: env_added,
    },
    Kind { what: "container added", manager: "injector", expected: Expected::AddedToList, places: container },
    Kind { what: "port added", manager: "kubectl-edit", expected: Expected::AddedToList, places: port_added },
    Kind {
        what: "target port changed",
        manager: "kubectl-edit",
        expected: Expected::Drifted,
        places: target_port,
    },
    Kind { what: "data changed", manager: "kubectl-edit", expected: Expected::Drifted, places: data_changed },
    Kind { what: "data removed", manager: "kubectl-edit", expected: Expected::Removed, places: data_removed },
    Kind { what: "data added", manager: "some-operator", expected: Expected::Added, places: data_added },
    Kind { what: "quantity respelled", manager: "kubectl-edit", expected: Expected::Same, places: quantity },
    Kind { what: "finalizer", manager: "some-operator", expected: Expected::Added, places: finalizer },
    Kind { what: "interval changed", manager: "kubectl-edit", expected: Expected::Drifted, places: interval },
];

/// The kinds of objects that changes are planted in. Flux's own objects that steer the controller are not among them.
const TARGETS: &[&str] = &[
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "helmreleases.helm.toolkit.fluxcd.io",
];

/// Plants changes and remembers them.
pub struct Mutator<'a> {
    rig: &'a Rig,
    random: Random,
    /// The seed, for the message of a test that fails.
    pub seed: u64,
    /// What was planted so far.
    pub planted: Vec<Planted>,
}

impl<'a> Mutator<'a> {
    /// With the seed of `SEALANE_RIG_SEED`, or else a new one.
    pub fn new(rig: &'a Rig) -> Mutator<'a> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let seed = env::var("SEALANE_RIG_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(now);
        Mutator { rig, random: Random(seed), seed, planted: Vec::new() }
    }

    /// Plants one change of every kind that the cluster has a place for, each in an object of its own.
    pub fn plant(&mut self) {
        let objects = self.applied();
        let mut order: Vec<&Kind> = KINDS.iter().collect();
        while !order.is_empty() {
            let kind = order.remove(self.random.below(order.len()));
            let mut places = (kind.places)(&objects);
            places.retain(|place| self.is_free(&place.object));
            if places.is_empty() {
                continue;
            }
            let place = places.swap_remove(self.random.below(places.len()));
            self.patch(kind, &place);
        }
        let mut services: Vec<Value> =
            objects.iter().filter(|o| o["kind"] == "Service" && self.is_free(o)).cloned().collect();
        if !services.is_empty() {
            let gone = services.swap_remove(self.random.below(services.len()));
            self.delete(&gone);
        }
        let near = objects[self.random.below(objects.len())].clone();
        self.create(&near);
    }

    /// Everything of the kinds above that the controller applied, as it is before any change.
    fn applied(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for kind in TARGETS {
            let selector = "kustomize.toolkit.fluxcd.io/name";
            let words = ["get", kind, "--all-namespaces", "--show-managed-fields", "--selector", selector];
            let listed = self.rig.kubectl_json(&words);
            found.extend(listed["items"].as_array().cloned().unwrap_or_default());
        }
        assert!(!found.is_empty(), "the controller has applied nothing");
        found
    }

    fn is_free(&self, object: &Value) -> bool {
        self.planted.iter().all(|done| done.object != key(object))
    }

    fn patch(&mut self, kind: &Kind, place: &Place) {
        let (namespace, name) = place_of(&place.object);
        let resource = resource_of(&place.object);
        let manager = format!("--field-manager={}", kind.manager);
        let body = Value::Array(place.patch.clone()).to_string();
        let words =
            ["patch", &resource, name, "--namespace", namespace, &manager, "--type=json", "--patch", &body];
        self.rig.kubectl(&words);
        self.planted.push(Planted {
            what: kind.what,
            object: key(&place.object),
            field: place.field.clone(),
            manager: kind.manager,
            expected: kind.expected,
        });
    }

    fn delete(&mut self, object: &Value) {
        let (namespace, name) = place_of(object);
        self.rig.kubectl(&["delete", &resource_of(object), name, "--namespace", namespace]);
        self.note("object deleted", key(object), "", Expected::Missing);
    }

    fn create(&mut self, near: &Value) {
        let (namespace, _) = place_of(near);
        let name = format!("planted-{}", self.random.below(100_000));
        let manager = "--field-manager=kubectl-create";
        let words =
            ["create", "configmap", &name, "--namespace", namespace, manager, "--from-literal=key=value"];
        self.rig.kubectl(&words);
        self.note(
            "object created",
            format!("ConfigMap/{namespace}/{name}"),
            "kubectl-create",
            Expected::Unmanaged,
        );
    }

    fn note(&mut self, what: &'static str, object: String, manager: &'static str, expected: Expected) {
        self.planted.push(Planted { what, object, field: String::new(), manager, expected });
    }
}

// --- places -----------------------------------------------------------------------------------------------------------

fn scale(objects: &[Value]) -> Vec<Place> {
    let declared = objects.iter().filter(|o| declares(o, &["f:spec", "f:replicas"]));
    let place = |o: &Value| {
        let replicas = o["spec"]["replicas"].as_u64().unwrap_or(1) + 3;
        change(o, "/spec/replicas", &json!(replicas))
    };
    declared.map(place).collect()
}

fn image(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, name, _| {
        let item = by_name(name);
        let path = ["f:spec", "f:template", "f:spec", "f:containers", &item, "f:image"];
        let field = format!("/spec/template/spec/containers/{index}/image");
        declares(o, &path).then(|| change(o, &field, &json!("rig.invalid/planted:1"))).into_iter().collect()
    })
}

fn label_changed(objects: &[Value]) -> Vec<Place> {
    each_label(objects, |o, field| change(o, field, &json!("planted")))
}

fn label_removed(objects: &[Value]) -> Vec<Place> {
    each_label(objects, remove)
}

fn label_added(objects: &[Value]) -> Vec<Place> {
    let labelled = objects.iter().filter(|o| o["metadata"]["labels"].is_object());
    labelled.map(|o| change(o, "/metadata/labels/tool.example~1seen", &json!("yes"))).collect()
}

fn annotation(objects: &[Value]) -> Vec<Place> {
    let annotated = objects.iter().filter(|o| o["metadata"]["annotations"].is_object());
    annotated.map(|o| change(o, "/metadata/annotations/tool.example~1seen", &json!("yes"))).collect()
}

fn env_changed(objects: &[Value]) -> Vec<Place> {
    each_env(objects, |o, field, variable| {
        variable["value"].is_string().then(|| change(o, &format!("{field}/value"), &json!("planted")))
    })
}

fn env_removed(objects: &[Value]) -> Vec<Place> {
    // The last one of its list, so that the pointer names nothing afterwards.
    each_env(objects, |o, field, _| {
        let (list, index) = field.rsplit_once('/')?;
        let is_last = o.pointer(list)?.as_array()?.len() == index.parse::<usize>().ok()? + 1;
        is_last.then(|| remove(o, field))
    })
}

fn env_added(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, _, container| {
        let list = format!("/spec/template/spec/containers/{index}/env");
        let count = container["env"].as_array().map_or(0, Vec::len);
        let added = json!({"name": "PLANTED", "value": "yes"});
        if count == 0 {
            let patch = vec![json!({"op": "add", "path": list, "value": [added]})];
            return vec![Place { object: o.clone(), field: format!("{list}/0"), patch }];
        }
        vec![change(o, &format!("{list}/{count}"), &added)]
    })
}

fn container(objects: &[Value]) -> Vec<Place> {
    let pods = objects.iter().filter_map(|o| {
        let count = o.pointer("/spec/template/spec/containers")?.as_array()?.len();
        let added = json!({"name": "planted", "image": "rig.invalid/sidecar:1"});
        Some(change(o, &format!("/spec/template/spec/containers/{count}"), &added))
    });
    pods.collect()
}

fn port_added(objects: &[Value]) -> Vec<Place> {
    let named = objects.iter().filter(|o| {
        let ports = o["spec"]["ports"].as_array();
        o["kind"] == "Service" && ports.is_some_and(|ports| ports.iter().all(|port| port["name"].is_string()))
    });
    let place = |o: &Value| {
        let count = o["spec"]["ports"].as_array().map_or(0, Vec::len);
        let added = json!({"name": "planted", "port": 31999, "protocol": "TCP", "targetPort": 31999});
        change(o, &format!("/spec/ports/{count}"), &added)
    };
    named.map(place).collect()
}

fn target_port(objects: &[Value]) -> Vec<Place> {
    let mut places = Vec::new();
    for o in objects.iter().filter(|o| o["kind"] == "Service") {
        for (index, port) in o["spec"]["ports"].as_array().into_iter().flatten().enumerate() {
            let item = format!(r#"k:{{"port":{},"protocol":{}}}"#, port["port"], port["protocol"]);
            if declares(o, &["f:spec", "f:ports", &item, "f:targetPort"]) {
                places.push(change(o, &format!("/spec/ports/{index}/targetPort"), &json!(31998)));
            }
        }
    }
    places
}

fn data_changed(objects: &[Value]) -> Vec<Place> {
    each_data(objects, |o, field| change(o, field, &json!(data_value(o))))
}

fn data_removed(objects: &[Value]) -> Vec<Place> {
    each_data(objects, remove)
}

fn data_added(objects: &[Value]) -> Vec<Place> {
    let with_data = objects.iter().filter(|o| o["data"].is_object());
    with_data.map(|o| change(o, "/data/planted", &json!(data_value(o)))).collect()
}

fn quantity(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, _, container| {
        let mut places = Vec::new();
        for (group, name) in
            [("limits", "memory"), ("requests", "memory"), ("limits", "cpu"), ("requests", "cpu")]
        {
            let value = container["resources"][group][name].as_str().unwrap_or_default();
            let respelled =
                match (value.strip_suffix("Gi"), value.strip_suffix("Mi"), value.strip_suffix('m')) {
                    (Some(gibi), _, _) => gibi.parse::<u64>().ok().map(|n| format!("{}Mi", n * 1024)),
                    (_, Some(mebi), _) => mebi.parse::<u64>().ok().map(|n| format!("{}Ki", n * 1024)),
                    (_, _, Some(milli)) => {
                        milli.parse::<u64>().ok().map(|n| format!("{}.{:03}", n / 1000, n % 1000))
                    }
                    _ => None,
                };
            if let Some(respelled) = respelled {
                let field = format!("/spec/template/spec/containers/{index}/resources/{group}/{name}");
                places.push(change(o, &field, &json!(respelled)));
            }
        }
        places
    })
}

fn finalizer(objects: &[Value]) -> Vec<Place> {
    let without = objects.iter().filter(|o| o["metadata"]["finalizers"].is_null());
    let place = |o: &Value| {
        let patch =
            vec![json!({"op": "add", "path": "/metadata/finalizers", "value": ["tool.example/planted"]})];
        Place { object: o.clone(), field: "/metadata/finalizers".to_owned(), patch }
    };
    without.map(place).collect()
}

fn interval(objects: &[Value]) -> Vec<Place> {
    let declared =
        objects.iter().filter(|o| o["kind"] == "HelmRelease" && declares(o, &["f:spec", "f:interval"]));
    declared.map(|o| change(o, "/spec/interval", &json!("7h13m0s"))).collect()
}

// --- what they share --------------------------------------------------------------------------------------------------

/// Sets a field, whether it was there or not; at the index behind a list's last element, appends one.
fn change(object: &Value, field: &str, value: &Value) -> Place {
    let patch = vec![json!({"op": "add", "path": field, "value": value})];
    Place { object: object.clone(), field: field.to_owned(), patch }
}

fn remove(object: &Value, field: &str) -> Place {
    Place {
        object: object.clone(),
        field: field.to_owned(),
        patch: vec![json!({"op": "remove", "path": field})],
    }
}

/// For every container of every workload.
fn each_container(
    objects: &[Value],
    places: impl Fn(&Value, usize, &str, &Value) -> Vec<Place>,
) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects {
        let containers = o.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let name = container["name"].as_str().unwrap_or_default();
            found.extend(places(o, index, name, container));
        }
    }
    found
}

/// For every declared environment variable, with its pointer.
fn each_env(objects: &[Value], place: impl Fn(&Value, &str, &Value) -> Option<Place>) -> Vec<Place> {
    each_container(objects, |o, index, name, container| {
        let mut found = Vec::new();
        for (at, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
            let (outer, inner) = (by_name(name), by_name(variable["name"].as_str().unwrap_or_default()));
            let path = ["f:spec", "f:template", "f:spec", "f:containers", &outer, "f:env", &inner];
            if declares(o, &path) {
                found.extend(place(o, &format!("/spec/template/spec/containers/{index}/env/{at}"), variable));
            }
        }
        found
    })
}

/// For every declared label that is git's and not the controller's, with its pointer.
fn each_label(objects: &[Value], place: impl Fn(&Value, &str) -> Place) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects {
        for label in o["metadata"]["labels"].as_object().into_iter().flat_map(|labels| labels.keys()) {
            let ours = declares(o, &["f:metadata", "f:labels", &format!("f:{label}")]);
            if ours && !label.starts_with("kustomize.toolkit.fluxcd.io/") {
                found.push(place(
                    o,
                    &format!("/metadata/labels/{}", label.replace('~', "~0").replace('/', "~1")),
                ));
            }
        }
    }
    found
}

/// For every declared entry of a `ConfigMap` or `Secret`, with its pointer.
fn each_data(objects: &[Value], place: impl Fn(&Value, &str) -> Place) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects {
        for entry in o["data"].as_object().into_iter().flat_map(|data| data.keys()) {
            let name = format!("f:{entry}");
            // A Secret's stringData is owned as such, and shows in data.
            if declares(o, &["f:data", &name]) || declares(o, &["f:stringData", &name]) {
                found.push(place(o, &format!("/data/{}", entry.replace('~', "~0").replace('/', "~1"))));
            }
        }
    }
    found
}

/// A value that fits: a Secret's data is base64.
fn data_value(object: &Value) -> &'static str {
    if object["kind"] == "Secret" { "cGxhbnRlZA==" } else { "planted" }
}

/// True if the controller applied that field, as managedFields names it.
fn declares(object: &Value, path: &[&str]) -> bool {
    let entries = object["metadata"]["managedFields"].as_array();
    entries.into_iter().flatten().any(|entry| {
        let applied = entry["manager"] == "kustomize-controller" && entry["operation"] == "Apply";
        applied && path.iter().try_fold(&entry["fieldsV1"], |at, step| at.get(*step)).is_some()
    })
}

/// The key of a list element in managedFields.
fn by_name(name: &str) -> String {
    format!("k:{}", json!({ "name": name }))
}

/// An object's namespace and name.
fn place_of(object: &Value) -> (&str, &str) {
    let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (part("namespace"), part("name"))
}

/// The object's kind as kubectl takes it: `Deployment.v1.apps`.
fn resource_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
        Some((group, version)) => format!("{kind}.{version}.{group}"),
        None => kind.to_owned(),
    }
}

/// `Kind/namespace/name`.
fn key(object: &Value) -> String {
    let (namespace, name) = place_of(object);
    format!("{}/{namespace}/{name}", object["kind"].as_str().unwrap_or_default())
}
