//! What an API server adds to objects of built-in kinds: defaults and allocations, the usual ones (diff.md 2.8).

use super::kinds::Kind;
use base64::Engine as _;
use serde_json::{Map, Value, json};

/// Sets fields that are missing or null.
macro_rules! default {
    ($object:expr, $($fields:tt)+) => { fill(&mut $object, json!({ $($fields)+ })) };
}

fn fill(object: &mut Value, missing: Value) {
    let Value::Object(missing) = missing else { return };
    if object.is_null() {
        *object = json!({});
    }
    let Some(fields) = object.as_object_mut() else { return };
    for (name, value) in missing {
        if fields.get(&name).is_none_or(Value::is_null) {
            fields.insert(name, value);
        }
    }
}

/// True for kinds whose `metadata.generation` counts. Those without a spec have none.
pub fn has_generation(kind: &Kind) -> bool {
    let without = [
        "Namespace",
        "Node",
        "Service",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Event",
        "Endpoints",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "ResourceQuota",
        "LimitRange",
    ];
    let groups = ["rbac.authorization.k8s.io", "autoscaling"];
    let core = kind.group.is_empty() && without.contains(&kind.kind.as_str());
    !core && !groups.contains(&kind.group.as_str()) && kind.kind != "ControllerRevision"
}

/// Sets the generation of kinds that have one.
pub fn count_generation(kind: &Kind, metadata: &mut Value, generation: i64) {
    if has_generation(kind) {
        metadata["generation"] = json!(generation);
    }
}

/// Brings a sent object into the form in which it is compared and owned: no fields of the server, the stored version,
/// a Secret's `stringData` in `data`.
pub fn normalize(kind: &Kind, object: &mut Value) {
    object["apiVersion"] = json!(kind.api_version(&kind.versions[0]));
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(field);
        }
        if kind.namespaced {
            metadata.entry("namespace").or_insert_with(|| json!("default"));
        } else {
            metadata.remove("namespace");
        }
    }
    if kind.group.is_empty() && kind.kind == "Secret" {
        encode_string_data(object);
    }
}

fn encode_string_data(object: &mut Value) {
    let Some(Value::Object(plain)) = object.as_object_mut().and_then(|o| o.remove("stringData")) else {
        return;
    };
    let engine = base64::engine::general_purpose::STANDARD;
    let encoded =
        plain.into_iter().map(|(key, value)| (key, json!(engine.encode(value.as_str().unwrap_or("")))));
    match object.get_mut("data").and_then(Value::as_object_mut) {
        Some(data) => data.extend(encoded),
        None => object["data"] = Value::Object(encoded.collect()),
    }
}

/// Fills in defaults and allocates addresses. `allocated` counts addresses of the cluster.
pub fn complete(kind: &Kind, object: &mut Value, allocated: &mut u32) {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => namespace(object),
        ("", "Pod") => {
            pod(&mut object["spec"]);
            lone_pod(object);
        }
        ("", "Service") => service(object, allocated),
        ("", "Secret") => default!(*object, "type": "Opaque"),
        ("", "PersistentVolumeClaim") => claim(object),
        ("apps", name) => workload(name, object),
        ("batch", "Job") => {
            job(&mut object["spec"]);
            default!(*object, "status": {});
        }
        ("batch", "CronJob") => cron_job(object),
        ("rbac.authorization.k8s.io", _) => rbac(object),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(object),
        ("networking.k8s.io", "Ingress") => {
            default!(*object, "status": {"loadBalancer": {}});
        }
        ("autoscaling", _) => {
            default!(object["spec"], "minReplicas": 1);
            default!(*object, "status": {"currentMetrics": null, "desiredReplicas": 0});
        }
        ("policy", _) => {
            default!(*object, "status": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
        }
        ("apiextensions.k8s.io", _) => definition(object),
        _ => {}
    }
}

fn namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    if object["metadata"].get("labels").is_none_or(|l| !l.is_object()) {
        object["metadata"]["labels"] = json!({});
    }
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    default!(*object, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"});
}

fn each<'a>(object: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn pod(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    default!(*spec, "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
        "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler");
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        // The field's old name is kept filled (core/v1 conversion).
        spec["serviceAccount"] = account;
    }
    for list in ["initContainers", "containers"] {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
}

/// What Pods get and templates do not: requests from limits, and what the admission plug-ins add that are on by default.
fn lone_pod(object: &mut Value) {
    let spec = &mut object["spec"];
    let toleration = |key: &str| json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    default!(*spec, "enableServiceLinks": true, "priority": 0, "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": [toleration("not-ready"), toleration("unreachable")]);
    let (mut some, mut all) = (false, true);
    for container in each(spec, "containers") {
        let resources = &mut container["resources"];
        if let Some(limits) = resources.get("limits").cloned() {
            default!(*resources, "requests": {});
            fill(&mut resources["requests"], limits);
        }
        some |= resources.as_object().is_some_and(|r| !r.is_empty());
        let both = ["cpu", "memory"].iter().all(|r| resources["limits"].get(r).is_some());
        all &= both && resources["limits"] == resources["requests"];
    }
    let class = if all {
        "Guaranteed"
    } else if some {
        "Burstable"
    } else {
        "BestEffort"
    };
    default!(object["status"], "phase": "Pending", "qosClass": class);
}

fn container(container: &mut Value) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or("");
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("latest", |(_, tag)| tag);
    let policy = if tag == "latest" && !image.contains('@') { "Always" } else { "IfNotPresent" };
    default!(*container, "imagePullPolicy": policy, "resources": {}, "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File");
    each(container, "ports").for_each(|port| default!(*port, "protocol": "TCP"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).filter(|p| p.is_object()) {
            default!(*probe, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3);
            if let Some(get) = probe.get_mut("httpGet") {
                default!(*get, "path": "/", "scheme": "HTTP");
            }
        }
    }
    for variable in each(container, "env") {
        if let Some(reference) = variable.pointer_mut("/valueFrom/fieldRef") {
            default!(*reference, "apiVersion": "v1");
        }
    }
}

fn volume(volume: &mut Value) {
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(source) {
            default!(*source, "defaultMode": 420);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        default!(*path, "type": "");
    }
}

fn workload(name: &str, object: &mut Value) {
    let spec = &mut object["spec"];
    match name {
        "Deployment" => {
            default!(*spec, "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {});
            default!(spec["strategy"], "type": "RollingUpdate");
            if spec["strategy"]["type"] == json!("RollingUpdate") {
                default!(spec["strategy"], "rollingUpdate": {});
                default!(spec["strategy"]["rollingUpdate"], "maxUnavailable": "25%", "maxSurge": "25%");
            }
        }
        "StatefulSet" => {
            default!(*spec, "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"});
            for claim in each(spec, "volumeClaimTemplates") {
                default!(*claim, "apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"});
                default!(claim["spec"], "volumeMode": "Filesystem");
            }
        }
        "DaemonSet" => {
            default!(*spec, "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}});
        }
        "ReplicaSet" => default!(*spec, "replicas": 1),
        _ => return,
    }
    template(&mut spec["template"]);
    if name == "DaemonSet" {
        let none = json!({"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0});
        default!(*object, "status": none);
    } else if name == "Deployment" {
        default!(*object, "status": {});
    } else if name == "StatefulSet" {
        default!(*object, "status": {"replicas": 0, "availableReplicas": 0});
    } else {
        default!(*object, "status": {"replicas": 0});
    }
}

fn job(spec: &mut Value) {
    default!(*spec, "completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
        "podReplacementPolicy": "TerminatingOrFailed", "manualSelector": false);
    template(&mut spec["template"]);
}

fn template(template: &mut Value) {
    default!(*template, "metadata": {});
    pod(&mut template["spec"]);
}

fn cron_job(object: &mut Value) {
    let spec = &mut object["spec"];
    default!(*spec, "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1);
    default!(spec["jobTemplate"], "metadata": {});
    template(&mut spec["jobTemplate"]["spec"]["template"]);
    default!(*object, "status": {});
}

fn service(object: &mut Value, allocated: &mut u32) {
    let spec = &mut object["spec"];
    default!(*spec, "type": "ClusterIP", "sessionAffinity": "None");
    let kind = spec["type"].as_str().unwrap_or("").to_owned();
    for port in each(spec, "ports") {
        let target = port.get("port").cloned().unwrap_or_default();
        default!(*port, "protocol": "TCP", "targetPort": target);
    }
    if kind == "ExternalName" {
        return;
    }
    default!(*spec, "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack");
    if spec.get("clusterIP").is_none_or(|ip| ip == "") {
        *allocated += 1;
        spec["clusterIP"] = json!(format!("10.96.{}.{}", *allocated / 250, *allocated % 250 + 1));
    }
    let ip = spec["clusterIP"].clone();
    default!(*spec, "clusterIPs": [ip]);
    if kind == "NodePort" || kind == "LoadBalancer" {
        default!(*spec, "externalTrafficPolicy": "Cluster");
        for port in each(spec, "ports") {
            if port.get("nodePort").is_none() {
                *allocated += 1;
                port["nodePort"] = json!(30000 + *allocated % 2768);
            }
        }
    }
    if kind == "LoadBalancer" {
        default!(*spec, "allocateLoadBalancerNodePorts": true);
    }
    default!(*object, "status": {"loadBalancer": {}});
}

fn claim(object: &mut Value) {
    default!(object["spec"], "volumeMode": "Filesystem", "storageClassName": "standard");
    default!(object["metadata"], "finalizers": ["kubernetes.io/pvc-protection"]);
    default!(*object, "status": {"phase": "Pending"});
}

fn rbac(object: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if let Some(role) = object.get_mut("roleRef").filter(|r| r.is_object()) {
        default!(*role, "apiGroup": GROUP);
    }
    for subject in each(object, "subjects") {
        if subject["kind"] != json!("ServiceAccount") {
            default!(*subject, "apiGroup": GROUP);
        }
    }
}

fn network_policy(object: &mut Value) {
    let spec = &mut object["spec"];
    let mut types = vec!["Ingress"];
    if spec.get("egress").is_some() {
        types.push("Egress");
    }
    default!(*spec, "policyTypes": types);
    for rules in ["ingress", "egress"] {
        for rule in each(spec, rules) {
            each(rule, "ports").for_each(|port| default!(*port, "protocol": "TCP"));
        }
    }
}

fn definition(object: &mut Value) {
    let spec = &mut object["spec"];
    default!(*spec, "conversion": {"strategy": "None"});
    let names = spec["names"].clone();
    let kind = names["kind"].as_str().unwrap_or("").to_owned();
    default!(spec["names"], "singular": kind.to_lowercase(), "listKind": format!("{kind}List"));
    let stored: Vec<Value> =
        each(spec, "versions").filter(|v| v["storage"] == json!(true)).map(|v| v["name"].clone()).collect();
    let accepted = spec["names"].clone();
    let condition = |name: &str, reason: &str, message: &str| json!({"type": name, "status": "True", "reason": reason, "message": message});
    let mut status = Map::new();
    status.insert("acceptedNames".to_owned(), accepted);
    status.insert("storedVersions".to_owned(), json!(stored));
    let conditions = [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ];
    status.insert("conditions".to_owned(), json!(conditions));
    object["status"] = Value::Object(status);
}
