//! Tables: what `kubectl get` prints, made by the server.

use super::kinds::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A column: header, OpenAPI type, priority, and how its cell is made.
struct Column {
    name: String,
    kind: String,
    priority: i64,
    cell: Cell,
}

enum Cell {
    Name,
    Age,
    Path(String),
    Made(fn(&Value) -> Value),
}

fn column(name: &str, kind: &str, cell: Cell) -> Column {
    Column { name: name.to_owned(), kind: kind.to_owned(), priority: 0, cell }
}

/// A Table of these objects.
pub(super) fn table<'o>(
    kind: &Kind,
    version: &str,
    objects: impl Iterator<Item = &'o Value>,
    metadata: &Value,
    include: Option<&str>,
    now: Timestamp,
) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|c| {
            let format = if matches!(c.cell, Cell::Name) { "name" } else { "" };
            json!({"name": c.name, "type": c.kind, "format": format, "description": "", "priority": c.priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|c| cell(c, object, now)).collect();
            let mut row = json!({"cells": cells});
            match include {
                Some("None") => {}
                Some("Object") => {
                    let mut whole = object.clone();
                    whole["apiVersion"] = json!(kind.api_version(version));
                    row["object"] = whole;
                }
                _ => row["object"] = super::list::metadata_only(object),
            }
            row
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

/// A column's name, its type and how its cell is made.
type Printed = (&'static str, &'static str, fn(&Value) -> Value);

/// Group and kind, with the columns that an API server prints between name and age.
const PRINTED: &[(&str, &str, &[Printed])] = &[
    (
        "",
        "Pod",
        &[("Ready", "string", ready_of), ("Status", "string", pod_status), ("Restarts", "string", restarts)],
    ),
    (
        "apps",
        "Deployment",
        &[
            ("Ready", "string", |o| of(o, "/status/readyReplicas", "/spec/replicas")),
            ("Up-to-date", "string", |o| number(o, "/status/updatedReplicas")),
            ("Available", "string", |o| number(o, "/status/availableReplicas")),
        ],
    ),
    ("apps", "StatefulSet", &[("Ready", "string", |o| of(o, "/status/readyReplicas", "/spec/replicas"))]),
    (
        "apps",
        "ReplicaSet",
        &[
            ("Desired", "integer", |o| number(o, "/spec/replicas")),
            ("Current", "integer", |o| number(o, "/status/replicas")),
            ("Ready", "integer", |o| number(o, "/status/readyReplicas")),
        ],
    ),
    (
        "apps",
        "DaemonSet",
        &[
            ("Desired", "integer", |o| number(o, "/status/desiredNumberScheduled")),
            ("Current", "integer", |o| number(o, "/status/currentNumberScheduled")),
            ("Ready", "integer", |o| number(o, "/status/numberReady")),
        ],
    ),
    (
        "batch",
        "Job",
        &[
            ("Status", "string", job_status),
            ("Completions", "string", |o| of(o, "/status/succeeded", "/spec/completions")),
        ],
    ),
    (
        "batch",
        "CronJob",
        &[("Schedule", "string", |o| text(o, "/spec/schedule")), ("Suspend", "boolean", suspended)],
    ),
    (
        "",
        "Service",
        &[
            ("Type", "string", |o| text(o, "/spec/type")),
            ("Cluster-IP", "string", |o| text(o, "/spec/clusterIP")),
            ("External-IP", "string", |_| json!("<none>")),
            ("Port(s)", "string", ports),
        ],
    ),
    ("", "ConfigMap", &[("Data", "string", |o| json!(entries(o, "data") + entries(o, "binaryData")))]),
    (
        "",
        "Secret",
        &[("Type", "string", |o| text(o, "/type")), ("Data", "string", |o| json!(entries(o, "data")))],
    ),
    ("", "Namespace", &[("Status", "string", |o| text(o, "/status/phase"))]),
    (
        "",
        "PersistentVolumeClaim",
        &[
            ("Status", "string", |o| text(o, "/status/phase")),
            ("Volume", "string", |o| text(o, "/spec/volumeName")),
            ("StorageClass", "string", |o| text(o, "/spec/storageClassName")),
        ],
    ),
    ("", "Node", &[("Status", "string", node_status)]),
];

fn columns(kind: &Kind) -> Vec<Column> {
    let mut columns = vec![column("Name", "string", Cell::Name)];
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Event") => return events(),
        ("apiextensions.k8s.io", _) => {
            columns.push(column("Created At", "date", Cell::Path(".metadata.creationTimestamp".to_owned())));
            return columns;
        }
        (group, name) => {
            let printed = PRINTED.iter().filter(|(g, k, _)| (*g, *k) == (group, name));
            let cells = printed.flat_map(|(_, _, cells)| cells.iter());
            columns.extend(cells.map(|(name, kind, make)| column(name, kind, Cell::Made(*make))));
        }
    }
    if kind.custom {
        columns.extend(kind.columns.iter().map(|c| Column {
            name: c.name.clone(),
            kind: c.kind.clone(),
            priority: c.priority,
            cell: Cell::Path(c.path.clone()),
        }));
    }
    // A CRD that names columns of its own gets no other.
    if kind.columns.is_empty() {
        columns.push(column("Age", "string", Cell::Age));
    }
    columns
}

fn restarts(o: &Value) -> Value {
    let statuses = o.pointer("/status/containerStatuses").and_then(Value::as_array);
    let restarts: i64 = statuses.into_iter().flatten().filter_map(|s| s["restartCount"].as_i64()).sum();
    json!(restarts.to_string())
}

fn suspended(o: &Value) -> Value {
    json!(o.pointer("/spec/suspend").is_some_and(|s| *s == json!(true)).to_string())
}

fn events() -> Vec<Column> {
    let path = |name: &str, path: &str| column(name, "string", Cell::Path(path.to_owned()));
    let about = |o: &Value| {
        let kind = o.pointer("/involvedObject/kind").and_then(Value::as_str).unwrap_or("").to_lowercase();
        json!(format!("{kind}/{}", o.pointer("/involvedObject/name").and_then(Value::as_str).unwrap_or("")))
    };
    vec![
        column("Last Seen", "string", Cell::Age),
        path("Type", ".type"),
        path("Reason", ".reason"),
        column("Object", "string", Cell::Made(about)),
        path("Message", ".message"),
    ]
}

fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    match &column.cell {
        Cell::Name => object["metadata"]["name"].clone(),
        Cell::Age => age(&object["metadata"]["creationTimestamp"], now),
        Cell::Made(make) => make(object),
        Cell::Path(path) => {
            let found = at(object, path);
            match (column.kind.as_str(), found) {
                ("date", Some(value)) => age(value, now),
                (_, Some(Value::String(text))) => json!(text),
                (_, Some(value @ (Value::Number(_) | Value::Bool(_)))) => match column.kind.as_str() {
                    "string" => json!(value.to_string()),
                    _ => value.clone(),
                },
                (_, Some(other)) => json!(other.to_string()),
                (_, None) => json!(""),
            }
        }
    }
}

/// The simple JSON paths of printer columns: `.a.b`, `.a[0]`, `.a[?(@.type=="Ready")].b`, `.a['b.c']`.
fn at<'o>(object: &'o Value, path: &str) -> Option<&'o Value> {
    let mut at = object;
    let mut rest = path.trim_start_matches('{').trim_end_matches('}');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            at = match inside.strip_prefix("?(@.").and_then(|f| f.strip_suffix(')')) {
                Some(filter) => {
                    let (name, value) = filter.split_once("==")?;
                    let value = value.trim_matches(|c| matches!(c, '"' | '\'' | '\\' | ' '));
                    at.as_array()?.iter().find(|item| item[name.trim()].as_str() == Some(value))?
                }
                None => match inside.parse::<usize>() {
                    Ok(index) => at.get(index)?,
                    Err(_) => at.get(inside.trim_matches(['\'', '"']))?,
                },
            };
            rest = after;
        } else {
            let named = rest.strip_prefix('.').unwrap_or(rest);
            let end = named.find(['.', '[']).unwrap_or(named.len());
            at = at.get(&named[..end])?;
            rest = &named[end..];
        }
    }
    Some(at)
}

/// `5s`, `3m10s`, `2d`: as `apimachinery/pkg/util/duration` prints it.
fn age(time: &Value, now: Timestamp) -> Value {
    let Some(then) = time.as_str().and_then(|t| t.parse::<Timestamp>().ok()) else {
        return json!("<unknown>");
    };
    let seconds = (now.as_second() - then.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |big: i64, sign: char, small: i64, unit: char| {
        if small == 0 { format!("{big}{sign}") } else { format!("{big}{sign}{small}{unit}") }
    };
    json!(match seconds {
        s if s < 120 => format!("{s}s"),
        s if minutes < 10 => two(minutes, 'm', s % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, 'd', hours % 24, 'h'),
        _ if days < 730 => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    })
}

fn number(object: &Value, path: &str) -> Value {
    json!(object.pointer(path).and_then(Value::as_i64).unwrap_or(0))
}

fn of(object: &Value, done: &str, all: &str) -> Value {
    json!(format!("{}/{}", number(object, done), number(object, all)))
}

fn text(object: &Value, path: &str) -> Value {
    json!(object.pointer(path).and_then(Value::as_str).unwrap_or(""))
}

fn entries(object: &Value, field: &str) -> usize {
    object[field].as_object().map_or(0, serde_json::Map::len)
}

fn ready_of(pod: &Value) -> Value {
    let list =
        |path: &str| pod.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ready = list("/status/containerStatuses").iter().filter(|s| s["ready"] == json!(true)).count();
    json!(format!("{ready}/{}", list("/spec/containers").len()))
}

fn pod_status(pod: &Value) -> Value {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return json!("Terminating");
    }
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let reason = statuses.into_iter().flatten().find_map(|status| {
        let state = &status["state"];
        state
            .pointer("/waiting/reason")
            .or_else(|| state.pointer("/terminated/reason"))
            .and_then(Value::as_str)
    });
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Unknown");
    json!(reason.unwrap_or(phase))
}

fn job_status(job: &Value) -> Value {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    let done = conditions.into_iter().flatten().find(|c| c["status"] == json!("True"));
    json!(done.and_then(|c| c["type"].as_str()).unwrap_or("Running"))
}

fn node_status(node: &Value) -> Value {
    let ready = at(node, ".status.conditions[?(@.type==\"Ready\")].status").and_then(Value::as_str);
    json!(if ready == Some("True") { "Ready" } else { "NotReady" })
}

fn ports(service: &Value) -> Value {
    let list = service.pointer("/spec/ports").and_then(Value::as_array);
    let one = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        match port["nodePort"].as_i64() {
            Some(node) => format!("{}:{node}/{protocol}", port["port"]),
            None => format!("{}/{protocol}", port["port"]),
        }
    };
    let ports: Vec<String> = list.into_iter().flatten().map(one).collect();
    json!(if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") })
}
