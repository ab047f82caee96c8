//! What `sealane diff --live --output json` says, and how it compares with what a mutator planted.

use crate::kinds::Expected;
use crate::mutator::Planted;
use crate::places::key;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One answer of the program.
#[derive(Debug)]
pub struct Report {
    /// The whole answer.
    pub json: Value,
    /// The exit code.
    pub exit: i32,
}

/// A field as it is told: JSON pointer, class, manager.
type Field = (String, String, String);

impl Report {
    /// How many objects agree.
    pub fn equal(&self) -> u64 {
        self.json["equal"].as_u64().unwrap_or_else(|| panic!("the answer has no `equal`: {}", self.json))
    }

    /// Reads an answer. Fields that no server knows are true findings about a repository, and no changes: they are left out.
    pub fn new(mut json: Value, exit: i32) -> Self {
        for part in ["objects", "folded"] {
            let objects = json[part].as_array_mut().unwrap_or_else(|| panic!("the answer has no `{part}`"));
            for object in &mut *objects {
                if let Some(fields) = object["folded"].as_array_mut() {
                    fields.retain(|field| field["class"] != "unknown field");
                }
            }
            objects.retain(|object| {
                object["verdict"] != "synced" || object["folded"] != Value::Array(Vec::new())
            });
        }
        Self { json, exit }
    }

    fn list(&self, name: &str) -> &[Value] {
        self.json[name].as_array().unwrap_or_else(|| panic!("the answer has no `{name}`: {}", self.json))
    }

    /// Everything that does not agree, and every field of others, in lines for a person.
    pub fn lines(&self) -> Vec<String> {
        let told = |o: &Value, fields: &str| -> Vec<String> {
            let fields = o[fields].as_array().cloned().unwrap_or_default();
            fields.iter().map(|f| format!("{} {} by {}", f["path"], f["class"], f["manager"])).collect()
        };
        let line = |o: &Value| {
            let fields = [told(o, "fields"), told(o, "folded")].concat().join("; ");
            format!("{} {} {} by {}: {fields}", o["verdict"], o["object"], o["why"], o["by"])
        };
        self.list("objects").iter().chain(self.list("folded")).map(line).collect()
    }

    /// Every way in which this is not what must be told about the planted changes, and only about them. `live` are the
    /// objects after the changes, `before` the ones before.
    pub fn unlike(&self, planted: &[Planted], live: &[Value], before: &[Value]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut by_object: BTreeMap<&str, Vec<&Planted>> = BTreeMap::new();
        for change in planted {
            by_object.entry(&change.object).or_default().push(change);
        }
        let told: BTreeMap<&str, &Value> = self
            .list("objects")
            .iter()
            .chain(self.list("folded"))
            .map(|o| (o["object"].as_str().unwrap_or_default(), o))
            .collect();
        for name in told.keys().filter(|name| !by_object.contains_key(**name)) {
            wrong.push(format!("{name} is reported and was not touched: {}", told[name]));
        }
        for (name, changes) in &by_object {
            let bodies = [live, before].map(|all| all.iter().find(|o| key(o) == *name));
            wrong.extend(unlike_one(name, changes, told.get(name).copied(), bodies));
        }
        wrong
    }
}

/// What one object must be reported as.
fn unlike_one(
    name: &str,
    changes: &[&Planted],
    told: Option<&Value>,
    bodies: [Option<&Value>; 2],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = || format!("{changes:?} was told as {told:?}");
    let expects = |wanted: &[Expected]| changes.iter().any(|c| wanted.contains(&c.expected));
    let shown = [Expected::Drifted, Expected::Removed, Expected::AddedToList];
    let verdict = if expects(&[Expected::Missing]) {
        "missing"
    } else if expects(&[Expected::Unmanaged]) {
        "unmanaged"
    } else if expects(&shown) {
        "drifted"
    } else {
        "synced"
    };
    let said = told.map_or("synced", |o| o["verdict"].as_str().unwrap_or_default());
    if said != verdict {
        wrong.push(format!("{name} is `{said}` and must be `{verdict}`: {}", all()));
        return wrong;
    }
    if verdict == "unmanaged" && told.is_some_and(|o| o["by"] != changes[0].manager) {
        wrong.push(format!("{name} does not tell who made it: {}", all()));
    }
    let folded = [Expected::Added, Expected::Delegated];
    for (part, wanted) in [("fields", shown.as_slice()), ("folded", &folded)] {
        let mut found = fields(told, part, bodies, &mut wrong);
        for change in changes.iter().filter(|c| wanted.contains(&c.expected)) {
            let class = match change.expected {
                Expected::Added => "added by others",
                Expected::Delegated => "delegated",
                _ => "drifted",
            };
            let place = found.iter().position(|(field, said, manager)| {
                *field == change.field && said == class && is_manager(change, changes, manager)
            });
            match place {
                Some(place) => drop(found.remove(place)),
                None => wrong.push(format!("{change:?} was not found: {}", all())),
            }
        }
        wrong.extend(found.iter().map(|field| format!("{name}: nobody planted {field:?}: {}", all())));
    }
    wrong
}

/// A removal leaves no owner: who wrote to the object since is a candidate.
fn is_manager(change: &Planted, changes: &[&Planted], manager: &str) -> bool {
    match change.expected {
        Expected::Removed => manager.is_empty() || changes.iter().any(|c| c.manager == manager),
        _ => manager == change.manager,
    }
}

fn fields(
    told: Option<&Value>,
    part: &str,
    bodies: [Option<&Value>; 2],
    wrong: &mut Vec<String>,
) -> Vec<Field> {
    let mut found = Vec::new();
    for field in told.and_then(|o| o[part].as_array()).into_iter().flatten() {
        let text = |name: &str| field[name].as_str().unwrap_or_default().to_owned();
        let pointer = bodies.into_iter().flatten().find_map(|body| pointer_of(&text("path"), body));
        match pointer {
            Some(pointer) => found.push((pointer, text("class"), text("manager"))),
            None => wrong.push(format!("{} names no field of the object", text("path"))),
        }
    }
    found
}

/// The JSON pointer that a path of ours means in an object: `spec.ports[80,TCP].name` is `/spec/ports/0/name`.
fn pointer_of(path: &str, object: &Value) -> Option<String> {
    let (mut at, mut pointer, mut rest) = (object, String::new(), path);
    while !rest.is_empty() {
        let step;
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let end = quoted.find("\"]")?;
            (step, rest) = (quoted[..end].to_owned(), &quoted[end + 2..]);
        } else if let Some(item) = rest.strip_prefix('[') {
            let end = item.find(']')?;
            step = index_of(&item[..end], at.as_array()?)?.to_string();
            rest = &item[end + 1..];
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (step, rest) = (name[..end].to_owned(), &name[end..]);
        }
        let escaped = step.replace('~', "~0").replace('/', "~1");
        at = at.pointer(&format!("/{escaped}"))?;
        pointer = format!("{pointer}/{escaped}");
    }
    Some(pointer)
}

/// The place of a list's element, by the values of the fields that identify it.
fn index_of(item: &str, list: &[Value]) -> Option<usize> {
    let keys: [&[&str]; 5] =
        [&["name"], &["containerPort", "protocol"], &["port", "protocol"], &["mountPath"], &["uid"]];
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_it = |element: &Value| {
        let by = |key: &&[&str]| key.iter().map(|k| plain(&element[k])).collect::<Vec<_>>().join(",") == item;
        if element.is_object() { keys.iter().any(by) } else { plain(element) == item }
    };
    list.iter().position(is_it).or_else(|| item.parse().ok().filter(|index| *index < list.len()))
}

/// The kinds of changes that were planted.
pub fn whats(planted: &[Planted]) -> BTreeSet<&'static str> {
    planted.iter().map(|p| p.what).collect()
}

#[test]
fn our_paths_are_understood() {
    let object = serde_json::json!({
        "metadata": {"labels": {"a.b/c": "1"}, "finalizers": ["x/y"]},
        "spec": {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP", "name": "web"}], "args": ["a", "b"]}
    });
    for (path, pointer) in [
        ("metadata.labels[\"a.b/c\"]", "/metadata/labels/a.b~1c"),
        ("metadata.finalizers[x/y]", "/metadata/finalizers/0"),
        ("spec.ports[81,TCP].name", "/spec/ports/1/name"),
        ("spec.ports[web]", "/spec/ports/1"),
        ("spec.args[1]", "/spec/args/1"),
    ] {
        assert_eq!(pointer_of(path, &object).as_deref(), Some(pointer), "{path}");
    }
    assert_eq!(pointer_of("spec.gone", &object), None);
}
