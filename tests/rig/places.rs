//! Places for changes: where in a set of live objects a kind of change can be made. What git declares is read off the
//! field ownership of the real kustomize-controller.

use serde_json::{Value, json};

/// A place where a kind of change can be made: the object, and the JSON patch that makes it.
pub struct Place {
    /// The object before.
    pub object: Value,
    /// The field as a JSON pointer into the object after the change.
    pub field: String,
    /// The JSON patch that makes it.
    pub patch: Vec<Value>,
}

pub fn scale(objects: &[Value]) -> Vec<Place> {
    let declared = objects.iter().filter(|o| declares(o, &["f:spec", "f:replicas"]));
    let place = |o: &Value| {
        let replicas = o["spec"]["replicas"].as_u64().unwrap_or(1) + 3;
        change(o, "/spec/replicas", &json!(replicas))
    };
    declared.filter(|o| range(objects, o).is_none()).map(place).collect()
}

/// Where an autoscaler rules the number of replicas.
pub fn scale_in_range(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects.iter().filter(|o| declares(o, &["f:spec", "f:replicas"])) {
        let (Some((min, max)), Some(now)) = (range(objects, o), o["spec"]["replicas"].as_u64()) else {
            continue;
        };
        let other = (min..=max).rev().find(|n| *n != now);
        found.extend(other.map(|n| change(o, "/spec/replicas", &json!(n))));
    }
    found
}

/// Fewest and most replicas that an autoscaler gives a workload.
fn range(objects: &[Value], workload: &Value) -> Option<(u64, u64)> {
    let autoscaler = objects.iter().find(|o| {
        let target = &o["spec"]["scaleTargetRef"];
        o["kind"] == "HorizontalPodAutoscaler"
            && o["metadata"]["namespace"] == workload["metadata"]["namespace"]
            && target["kind"] == workload["kind"]
            && target["name"] == workload["metadata"]["name"]
    })?;
    let spec = &autoscaler["spec"];
    Some((spec["minReplicas"].as_u64().unwrap_or(1), spec["maxReplicas"].as_u64()?))
}

pub fn image(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, name, _| {
        let item = by_name(name);
        let path = ["f:spec", "f:template", "f:spec", "f:containers", &item, "f:image"];
        let field = format!("/spec/template/spec/containers/{index}/image");
        declares(o, &path).then(|| change(o, &field, &json!("rig.invalid/planted:1"))).into_iter().collect()
    })
}

pub fn label_changed(objects: &[Value]) -> Vec<Place> {
    each_label(objects, |o, field| change(o, field, &json!("planted")))
}

pub fn label_removed(objects: &[Value]) -> Vec<Place> {
    each_label(objects, remove)
}

pub fn label_added(objects: &[Value]) -> Vec<Place> {
    let labelled = objects.iter().filter(|o| o["metadata"]["labels"].is_object());
    labelled.map(|o| change(o, "/metadata/labels/tool.example~1seen", &json!("yes"))).collect()
}

pub fn annotation(objects: &[Value]) -> Vec<Place> {
    let annotated = objects.iter().filter(|o| o["metadata"]["annotations"].is_object());
    annotated.map(|o| change(o, "/metadata/annotations/tool.example~1seen", &json!("yes"))).collect()
}

pub fn env_changed(objects: &[Value]) -> Vec<Place> {
    each_env(objects, |o, field, variable| {
        variable["value"].is_string().then(|| change(o, &format!("{field}/value"), &json!("planted")))
    })
}

pub fn env_removed(objects: &[Value]) -> Vec<Place> {
    // The last one of its list, so that the pointer names nothing afterwards.
    each_env(objects, |o, field, _| {
        let (list, index) = field.rsplit_once('/')?;
        let is_last = o.pointer(list)?.as_array()?.len() == index.parse::<usize>().ok()? + 1;
        is_last.then(|| remove(o, field))
    })
}

pub fn env_added(objects: &[Value]) -> Vec<Place> {
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

pub fn container(objects: &[Value]) -> Vec<Place> {
    let pods = objects.iter().filter_map(|o| {
        let count = o.pointer("/spec/template/spec/containers")?.as_array()?.len();
        let added = json!({"name": "planted", "image": "rig.invalid/sidecar:1"});
        Some(change(o, &format!("/spec/template/spec/containers/{count}"), &added))
    });
    pods.collect()
}

pub fn port_added(objects: &[Value]) -> Vec<Place> {
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

pub fn target_port(objects: &[Value]) -> Vec<Place> {
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

pub fn data_changed(objects: &[Value]) -> Vec<Place> {
    each_data(objects, |o, field| change(o, field, &json!(data_value(o))))
}

pub fn data_removed(objects: &[Value]) -> Vec<Place> {
    each_data(objects, remove)
}

pub fn data_added(objects: &[Value]) -> Vec<Place> {
    let with_data = objects.iter().filter(|o| o["data"].is_object());
    with_data.map(|o| change(o, "/data/planted", &json!(data_value(o)))).collect()
}

pub fn quantity(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, _, container| {
        let mut places = Vec::new();
        for (group, name) in
            [("limits", "memory"), ("requests", "memory"), ("limits", "cpu"), ("requests", "cpu")]
        {
            let value = container["resources"][group][name].as_str().unwrap_or_default();
            let respelled = respelled(value);
            if let Some(respelled) = respelled {
                let field = format!("/spec/template/spec/containers/{index}/resources/{group}/{name}");
                places.push(change(o, &field, &json!(respelled)));
            }
        }
        places
    })
}

pub fn finalizer(objects: &[Value]) -> Vec<Place> {
    let without = objects.iter().filter(|o| o["metadata"]["finalizers"].is_null());
    let place = |o: &Value| {
        let patch =
            vec![json!({"op": "add", "path": "/metadata/finalizers", "value": ["tool.example/planted"]})];
        Place { object: o.clone(), field: "/metadata/finalizers/0".to_owned(), patch }
    };
    without.map(place).collect()
}

pub fn interval(objects: &[Value]) -> Vec<Place> {
    let declared =
        objects.iter().filter(|o| o["kind"] == "HelmRelease" && declares(o, &["f:spec", "f:interval"]));
    declared.map(|o| change(o, "/spec/interval", &json!("7h13m0s"))).collect()
}

pub fn annotation_changed(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects {
        for name in o["metadata"]["annotations"].as_object().into_iter().flat_map(|all| all.keys()) {
            // What steers Flux itself is left alone.
            if declares(o, &["f:metadata", "f:annotations", &format!("f:{name}")])
                && !name.contains("fluxcd.io/")
            {
                let field = format!("/metadata/annotations/{}", escaped(name));
                found.push(change(o, &field, &json!("planted")));
            }
        }
    }
    found
}

pub fn secret_changed(objects: &[Value]) -> Vec<Place> {
    let secrets: Vec<Value> = objects.iter().filter(|o| o["kind"] == "Secret").cloned().collect();
    data_changed(&secrets)
}

/// The last element of a keyed list comes first.
pub fn moved(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects {
        for list in ["/spec/template/spec/volumes", "/spec/ports"] {
            let Some(items) = o.pointer(list).and_then(Value::as_array).filter(|items| items.len() > 1)
            else {
                continue;
            };
            let patch = vec![
                json!({"op": "remove", "path": format!("{list}/{}", items.len() - 1)}),
                json!({"op": "add", "path": format!("{list}/0"), "value": items[items.len() - 1]}),
            ];
            found.push(Place { object: o.clone(), field: format!("{list}/0"), patch });
        }
    }
    found
}

/// The last argument of a container comes first: order means something there.
pub fn reordered(objects: &[Value]) -> Vec<Place> {
    each_container(objects, |o, index, name, container| {
        let item = by_name(name);
        let declared = declares(o, &["f:spec", "f:template", "f:spec", "f:containers", &item, "f:args"]);
        let args = container["args"].as_array().filter(|args| declared && args.first() != args.last());
        let list = format!("/spec/template/spec/containers/{index}/args");
        args.map(|args| {
            let mut turned = args.clone();
            turned.rotate_right(1);
            change(o, &list, &Value::Array(turned))
        })
        .into_iter()
        .collect()
    })
}

pub fn duration_respelled(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    for o in objects.iter().filter(|o| o["kind"] == "HelmRelease" && declares(o, &["f:spec", "f:interval"])) {
        let minutes =
            o["spec"]["interval"].as_str().and_then(|text| text.strip_suffix('m')?.parse::<u64>().ok());
        found.extend(minutes.map(|n| change(o, "/spec/interval", &json!(format!("{}s", n * 60)))));
    }
    found
}

pub fn chart_version(objects: &[Value]) -> Vec<Place> {
    let path = ["f:spec", "f:chart", "f:spec", "f:version"];
    let declared = objects.iter().filter(|o| o["kind"] == "HelmRelease" && declares(o, &path));
    declared.map(|o| change(o, "/spec/chart/spec/version", &json!("99.98.97"))).collect()
}

pub fn value_changed(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    each_value(objects, |o, field, value| {
        if value.is_string() || value.is_boolean() || value.is_number() {
            found.push(change(o, field, &json!("planted")));
        }
    });
    found
}

pub fn value_added(objects: &[Value]) -> Vec<Place> {
    let with_values =
        objects.iter().filter(|o| o["kind"] == "HelmRelease" && o["spec"]["values"].is_object());
    with_values.map(|o| change(o, "/spec/values/planted", &json!("yes"))).collect()
}

pub fn custom_quantity(objects: &[Value]) -> Vec<Place> {
    let mut found = Vec::new();
    each_value(objects, |o, field, value| {
        let below = |part: &str| field.contains(&format!("/resources/{part}/"));
        let text = value.as_str().filter(|_| below("limits") || below("requests"));
        found.extend(text.and_then(respelled).map(|text| change(o, field, &json!(text))));
    });
    found
}

/// Calls back for every declared leaf of a HelmRelease's values that stands in no list.
fn each_value(objects: &[Value], mut leaf: impl FnMut(&Value, &str, &Value)) {
    fn walk(at: &Value, path: &mut Vec<String>, leaf: &mut dyn FnMut(&[String], &Value)) {
        match at {
            Value::Object(map) => {
                for (name, below) in map {
                    path.push(name.clone());
                    walk(below, path, leaf);
                    path.pop();
                }
            }
            Value::Array(_) => {}
            _ => leaf(path, at),
        }
    }
    for o in objects.iter().filter(|o| o["kind"] == "HelmRelease") {
        walk(&o["spec"]["values"], &mut Vec::new(), &mut |path, value| {
            let names: Vec<String> = path.iter().map(|name| format!("f:{name}")).collect();
            let mut owned = vec!["f:spec", "f:values"];
            owned.extend(names.iter().map(String::as_str));
            if !path.is_empty() && declares(o, &owned) {
                let steps: Vec<String> = path.iter().map(|name| escaped(name)).collect();
                leaf(o, &format!("/spec/values/{}", steps.join("/")), value);
            }
        });
    }
}

/// The same quantity in another unit, if that can be written exactly.
fn respelled(value: &str) -> Option<String> {
    match (value.strip_suffix("Gi"), value.strip_suffix("Mi"), value.strip_suffix('m')) {
        (Some(gibi), _, _) => gibi.parse::<u64>().ok().map(|n| format!("{}Mi", n * 1024)),
        (_, Some(mebi), _) => mebi.parse::<u64>().ok().map(|n| format!("{}Ki", n * 1024)),
        (_, _, Some(milli)) => milli.parse::<u64>().ok().map(|n| format!("{}.{:03}", n / 1000, n % 1000)),
        _ => None,
    }
}

/// A step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
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
                found.push(place(o, &format!("/metadata/labels/{}", escaped(label))));
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
                found.push(place(o, &format!("/data/{}", escaped(entry))));
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
pub fn place_of(object: &Value) -> (&str, &str) {
    let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (part("namespace"), part("name"))
}

/// The object's kind as kubectl takes it: `Deployment.v1.apps`.
pub fn resource_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or_default();
    match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
        Some((group, version)) => format!("{kind}.{version}.{group}"),
        None => kind.to_owned(),
    }
}

/// `Kind/namespace/name`.
pub fn key(object: &Value) -> String {
    let (namespace, name) = place_of(object);
    format!("{}/{namespace}/{name}", object["kind"].as_str().unwrap_or_default())
}
