//! Questions that are asked of this server and of a real kube-apiserver, and how their answers are compared.
//!
//! The rig plants [`PLANTED`] in both (server-side apply, field manager [`PLANTER`]), asks all of [`QUESTIONS`], and
//! wants [`differences`] to be empty. What the two may differ in is named here and nowhere else.

use serde_json::{Map, Value};

/// The field manager that plants.
pub const PLANTER: &str = "kustomize-controller";

/// What is planted in both servers before they are asked, as YAML.
pub const PLANTED: &str = include_str!("planted.yaml");

/// How two answers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal but for what differs by nature: uids, versions, times, addresses.
    Equal,
    /// All that ours says the real one says too; it may say more.
    Within,
    /// Status code, media type, and the Status's reason and details.
    Refusal,
    /// The sequence of a watch's events: types, kinds, names.
    Events,
    /// Text, as it is.
    Text,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: &'static str,
    /// The `Accept` header.
    pub accept: &'static str,
    /// The body of an access review; empty for none.
    pub body: &'static str,
    /// How the answers are compared.
    pub compare: Compare,
}

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const DISCOVERY: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

const fn get(path: &'static str, accept: &'static str, compare: Compare) -> Question {
    Question { method: "GET", path, accept, body: "", compare }
}

const fn review(path: &'static str, body: &'static str) -> Question {
    Question { method: "POST", path, accept: JSON, body, compare: Compare::Within }
}

/// All questions.
pub const QUESTIONS: &[Question] = &[
    // Discovery and health.
    get("/readyz", "*/*", Compare::Text),
    get("/livez", "*/*", Compare::Text),
    get("/api", DISCOVERY, Compare::Within),
    get("/apis", DISCOVERY, Compare::Within),
    get("/apis", JSON, Compare::Within),
    get("/apis/apps", JSON, Compare::Equal),
    get("/apis/apps/v1", JSON, Compare::Within),
    get("/api/v1", JSON, Compare::Within),
    get("/apis/probe.sealane.dev/v1", JSON, Compare::Within),
    get("/apis/probe.sealane.dev", JSON, Compare::Equal),
    // One object, in all forms.
    get("/apis/apps/v1/namespaces/probe/deployments/cart", JSON, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/statefulsets/db", JSON, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/daemonsets/agent", JSON, Compare::Equal),
    get("/apis/batch/v1/namespaces/probe/cronjobs/nightly", JSON, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/replicasets/old", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services/outside", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/persistentvolumeclaims/disk", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/pods/lonely", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/pods", TABLE, Compare::Within),
    get("/api/v1/namespaces/probe/services", TABLE, Compare::Within),
    get("/api/v1/namespaces/probe/configmaps", TABLE, Compare::Within),
    get("/api/v1/namespaces/probe/secrets", TABLE, Compare::Within),
    get("/apis/apps/v1/namespaces/probe/statefulsets", TABLE, Compare::Within),
    get("/apis/apps/v1/namespaces/probe/replicasets", TABLE, Compare::Within),
    get("/apis/apps/v1/namespaces/probe/daemonsets", TABLE, Compare::Within),
    get(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.probe.sealane.dev",
        JSON,
        Compare::Within,
    ),
    get("/api/v1/namespaces/probe/services/web", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services/headless", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/configmaps/settings", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/secrets/sealed", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/serviceaccounts/runner", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe", JSON, Compare::Equal),
    get("/apis/networking.k8s.io/v1/namespaces/probe/ingresses/web", JSON, Compare::Equal),
    get("/apis/networking.k8s.io/v1/namespaces/probe/networkpolicies/closed", JSON, Compare::Equal),
    get("/apis/rbac.authorization.k8s.io/v1/namespaces/probe/rolebindings/runner", JSON, Compare::Equal),
    get("/apis/rbac.authorization.k8s.io/v1/namespaces/probe/roles/runner", JSON, Compare::Equal),
    get("/apis/policy/v1/namespaces/probe/poddisruptionbudgets/cart", JSON, Compare::Equal),
    get("/apis/autoscaling/v2/namespaces/probe/horizontalpodautoscalers/cart", JSON, Compare::Equal),
    get("/apis/probe.sealane.dev/v1/namespaces/probe/things/one", JSON, Compare::Equal),
    get("/apis/probe.sealane.dev/v1beta1/namespaces/probe/things/one", JSON, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/deployments/cart/status", JSON, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/deployments/cart", METADATA, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/daemonsets/agent", METADATA, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/deployments/cart", TABLE, Compare::Within),
    // Lists.
    get("/api/v1/namespaces/probe/services", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services", METADATA_LIST, Compare::Equal),
    get("/apis/apps/v1/namespaces/probe/deployments", TABLE, Compare::Within),
    get("/apis/probe.sealane.dev/v1/namespaces/probe/things", JSON, Compare::Equal),
    get("/apis/probe.sealane.dev/v1/namespaces/probe/things", TABLE, Compare::Within),
    get("/api/v1/namespaces/probe/services?limit=1", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services?labelSelector=tier%3Dweb", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services?labelSelector=tier%20in%20(web,db),!old", JSON, Compare::Equal),
    get("/api/v1/namespaces/probe/services?fieldSelector=metadata.name%3Dweb", JSON, Compare::Equal),
    get("/api/v1/services?fieldSelector=metadata.namespace%3Dprobe", JSON, Compare::Equal),
    get("/api/v1/namespaces/empty/pods", JSON, Compare::Equal),
    // Watches.
    get("/api/v1/namespaces/probe/services?watch=true&timeoutSeconds=1", JSON, Compare::Events),
    get("/api/v1/namespaces/probe/services?watch=true&timeoutSeconds=1", METADATA, Compare::Events),
    get(
        "/api/v1/namespaces/probe/services?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
         &allowWatchBookmarks=true&timeoutSeconds=1",
        JSON,
        Compare::Events,
    ),
    get("/api/v1/namespaces/probe/services?watch=true&sendInitialEvents=true", JSON, Compare::Refusal),
    // Refusals.
    get("/api/v1/namespaces/probe/services/missing", JSON, Compare::Refusal),
    get("/apis/apps/v1/namespaces/probe/deployments/missing", JSON, Compare::Refusal),
    get("/api/v1/namespaces/probe/nonsense", JSON, Compare::Refusal),
    get("/apis/nonsense.example.org/v1/things", JSON, Compare::Text),
    get("/apis/apps/v9/deployments", JSON, Compare::Refusal),
    get("/api/v1/namespaces/probe/services?fieldSelector=spec.nonsense%3Dx", JSON, Compare::Refusal),
    get("/api/v1/namespaces/probe/services?continue=nonsense", JSON, Compare::Refusal),
    get("/api/v1/namespaces/probe/services", "application/xml", Compare::Refusal),
    get("/openapi/v3/apis/nonsense.example.org/v1", JSON, Compare::Text),
    // Access reviews, as somebody who may only read.
    review(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview",
            "spec":{"resourceAttributes":{"verb":"list","group":"apps","resource":"deployments","namespace":"probe"}}}"#,
    ),
];

/// Fields whose values differ by nature.
const NATURAL: [&str; 9] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "time",
    "continue",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "description",
];

/// One answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// The `Content-Type`.
    pub media: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What differs, a line each; empty if the answers are as good as equal.
pub fn differences(question: &Question, real: &Answered, ours: &Answered) -> Vec<String> {
    let mut found = Vec::new();
    if real.status != ours.status {
        found.push(format!("status: {} is {}", real.status, ours.status));
    }
    let bare = |media: &str| media.split(';').next().unwrap_or("").to_owned();
    if bare(&real.media) != bare(&ours.media) {
        found.push(format!("media type: {} is {}", real.media, ours.media));
    }
    let json = |answer: &Answered| serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
    match question.compare {
        Compare::Text => {
            if real.body != ours.body {
                found.push("the text".to_owned());
            }
        }
        Compare::Equal => compare(&natural(&json(real)), &natural(&json(ours)), "", true, &mut found),
        Compare::Within => compare(&natural(&json(real)), &natural(&json(ours)), "", false, &mut found),
        Compare::Refusal => {
            let (real, ours) = (json(real), json(ours));
            for field in ["kind", "apiVersion", "status", "reason", "details", "code"] {
                compare(&real[field], &ours[field], field, true, &mut found);
            }
        }
        Compare::Events => {
            let (real, ours) = (events(&real.body), events(&ours.body));
            if real != ours {
                found.push(format!("events: {real:?} are {ours:?}"));
            }
        }
    }
    found
}

fn events(body: &[u8]) -> Vec<String> {
    let lines = body.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut events: Vec<String> = lines
        .map(|event| {
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
            let (kind, name) = (text("/object/kind"), text("/object/metadata/name"));
            format!("{} {kind} {name}", text("/type"))
        })
        .collect();
    // The order of initial events is not promised; their closing bookmark stays last by its name.
    events.sort();
    events
}

/// The answer without what differs by nature.
fn natural(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
                // `clusterIP: None` is a wish, not an allocation.
                let wish = name.starts_with("clusterIP") && value.to_string().contains("None");
                let allocated = NATURAL.contains(&name.as_str()) && !wish;
                let told = if allocated { Value::from("…") } else { natural(value) };
                (name.clone(), told)
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(natural).collect()),
        Value::String(text) if is_age(text) || is_allocated(text) => Value::from("…"),
        other => other.clone(),
    }
}

/// An address, or `80:31234/TCP` with the port of the node.
fn is_allocated(text: &str) -> bool {
    let port = text.split_once(':').and_then(|(_, node)| node.split_once('/'));
    text.parse::<std::net::IpAddr>().is_ok() || port.is_some_and(|(node, _)| node.parse::<u16>().is_ok())
}

/// `3m10s`: the age in a table.
fn is_age(text: &str) -> bool {
    let unit = |c: char| matches!(c, 's' | 'm' | 'h' | 'd');
    text.ends_with(unit)
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || unit(c))
}

fn compare(real: &Value, ours: &Value, at: &str, whole: bool, found: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(left), Value::Object(right)) => {
            for (name, value) in right {
                match left.get(name) {
                    Some(other) => compare(other, value, &format!("{at}.{name}"), whole, found),
                    None => found.push(format!("{at}.{name}: only ours has it: {value}")),
                }
            }
            for name in left.keys().filter(|n| whole && !right.contains_key(*n)) {
                found.push(format!("{at}.{name}: only the real one has it: {}", left[name]));
            }
        }
        (Value::Array(left), Value::Array(right)) if whole => {
            if left.len() != right.len() {
                found.push(format!("{at}: {} items are {}", left.len(), right.len()));
            }
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(left, right, &format!("{at}[{index}]"), whole, found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for item in right {
                within(left, item, at, found);
            }
        }
        _ if real == ours => {}
        _ => found.push(format!("{at}: {real} is {ours}")),
    }
}

/// The item of the real list that ours stands for is found by its name.
fn within(list: &[Value], item: &Value, at: &str, found: &mut Vec<String>) {
    const NAMES: [&str; 7] =
        ["/metadata/name", "/name", "/resource", "/version", "/subresource", "/cells/0", "/type"];
    let same = NAMES.iter().find_map(|path| {
        let name = item.pointer(path)?;
        Some((name, list.iter().find(|other| other.pointer(path) == Some(name))))
    });
    match same {
        Some((name, Some(other))) => compare(other, item, &format!("{at}[{name}]"), false, found),
        Some((name, None)) => found.push(format!("{at}[{name}]: only ours has it")),
        None if list.contains(item) => {}
        // The core group has no name; it is alone.
        None if list.len() == 1 => compare(&list[0], item, &format!("{at}[0]"), false, found),
        None => found.push(format!("{at}: only ours has {item}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(compare: Compare, real: &str, ours: &str) -> Vec<String> {
        let answer =
            |body: &str| Answered { status: 200, media: JSON.to_owned(), body: body.as_bytes().to_vec() };
        differences(&get("/", JSON, compare), &answer(real), &answer(ours))
    }

    #[test]
    fn what_differs_by_nature_is_no_difference_and_the_rest_is() {
        assert_eq!(
            told(Compare::Equal, r#"{"uid":"a","n":1}"#, r#"{"uid":"b","n":1}"#),
            Vec::<String>::new()
        );
        assert_eq!(told(Compare::Equal, r#"{"n":1}"#, r#"{"n":2}"#).len(), 1);
        assert_eq!(told(Compare::Equal, r#"{"n":1,"m":2}"#, r#"{"n":1}"#).len(), 1);
        assert_eq!(told(Compare::Within, r#"{"n":1,"m":2}"#, r#"{"n":1}"#).len(), 0);
        assert_eq!(told(Compare::Within, r#"{"n":1}"#, r#"{"n":1,"m":2}"#).len(), 1);
        assert_eq!(told(Compare::Events, r#"{"type":"ADDED"}"#, r#"{"type":"DELETED"}"#).len(), 1);
    }

    #[test]
    fn there_are_at_least_forty() {
        assert!(QUESTIONS.len() >= 40, "{}", QUESTIONS.len());
    }
}
