//! Name references: fields that hold the name of an object follow when its name changes (render.md 2.11).

use super::config::{Config, FieldSpec};
use super::error::Cause;
use super::fields::{Make, walk_body};
use super::id::Gvk;
use super::resmap::ResMap;
use super::resource::{Resource, retext};
use super::steps::By;
use crate::model::{Because, Link};
use crate::yaml::{Map, Node, ScalarKind, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Mends all references. Objects whose name never changed cannot be meant, so a set without history is left alone.
/// `told` keeps each mended object as a step that says which object each field follows.
pub fn fix(objects: &mut ResMap, config: &Config, told: Option<&By<'_>>) -> Result<(), Cause> {
    objects.list().iter().try_for_each(check_subjects)?;
    let Some(index) = Index::of(objects.list()) else { return Ok(()) };
    for place in 0..objects.list().len() {
        let referrer = &objects.list()[place];
        let followed = told.map(|_| RefCell::default());
        let search = Search { objects: objects.list(), index: &index, referrer, followed };
        let Some(body) = search.mend(config)? else { continue };
        let because = search.followed.map(RefCell::into_inner).unwrap_or_default();
        let target = &mut objects.list_mut()[place];
        target.body = body;
        target.refresh();
        if let Some(by) = told {
            target.step(by, because);
        }
    }
    Ok(())
}

/// Places of objects by their earlier names.
struct Index {
    by_past_name: HashMap<Arc<str>, Vec<usize>>,
}

impl Index {
    fn of(objects: &[Resource]) -> Option<Self> {
        let mut by_past_name: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (place, resource) in objects.iter().enumerate() {
            for past in &resource.history {
                let places = by_past_name.entry(past.name.clone()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        (!by_past_name.is_empty()).then_some(Self { by_past_name })
    }
}

struct Search<'s> {
    objects: &'s [Resource],
    index: &'s Index,
    referrer: &'s Resource,
    /// What was written after whose name, if that is to be told.
    followed: Option<RefCell<Vec<Because>>>,
}

/// One field of the referrer, and what it refers to.
struct Field<'f> {
    spec: &'f FieldSpec,
    target: &'f Gvk,
    /// Namespaces of service accounts, if the referrer is a `RoleBinding`.
    subjects: &'f [String],
}

impl Search<'_> {
    /// The referrer's body with its references mended; `None` if it has none.
    fn mend(&self, config: &Config) -> Result<Option<Node>, Cause> {
        let original = self.referrer.original().gvk;
        let subjects = service_account_namespaces(self.referrer);
        let mut body: Option<Node> = None;
        for reference in &config.name_reference {
            for spec in reference.referrers.iter().filter(|spec| original.selected_by(&spec.gvk)) {
                let mut work = body.clone().unwrap_or_else(|| self.referrer.body.clone());
                let field = Field { spec, target: &reference.target, subjects: &subjects };
                let mut changed = false;
                walk_body(&mut work, spec, Make::Nothing, &mut |node| {
                    changed |= self.visit(node, &field)?;
                    Ok(())
                })?;
                if changed {
                    body = Some(work);
                }
            }
        }
        Ok(body)
    }

    fn visit(&self, node: &mut Node, field: &Field<'_>) -> Result<bool, Cause> {
        match &node.value {
            Value::Scalar(s) if s.kind == ScalarKind::Null => Ok(false),
            Value::Scalar(_) => self.scalar(node, field),
            Value::Map(_) => self.mapping(node, field),
            Value::Secret(_) => Ok(false),
            Value::Seq(items) => {
                let mut copies = Vec::clone(items);
                let mut changed = false;
                for item in &mut copies {
                    changed |= match &item.value {
                        Value::Scalar(s) if s.kind == ScalarKind::Null => false,
                        Value::Map(_) => self.mapping(item, field)?,
                        Value::Scalar(_) => self.scalar(item, field)?,
                        _ => return Err(self.refuse(field, "is neither a text nor a mapping")),
                    };
                }
                if changed {
                    node.value = Value::Seq(Arc::new(copies));
                }
                Ok(changed)
            }
        }
    }

    fn scalar(&self, node: &mut Node, field: &Field<'_>) -> Result<bool, Cause> {
        let old = node.scalar_text().unwrap_or("").to_owned();
        let same_name = |a: &Resource, b: &Resource| a.name() == b.name();
        let Some(found) = self.select(&old, None, field, same_name)? else { return Ok(false) };
        if found.name() == old {
            return Ok(false);
        }
        retext(node, found.name());
        self.tell(node, found, "name");
        Ok(true)
    }

    /// Notes that a field follows a field of an object's metadata.
    fn tell(&self, node: &Node, found: &Resource, field: &str) {
        let Some(followed) = &self.followed else { return };
        let place = found.body.at_path(&["metadata", field]).map(|n| n.mark.clone());
        followed.borrow_mut().push(Because {
            of: node.mark.clone(),
            value: node.scalar_text().map(Into::into),
            link: Link::Name,
            source: found.id.to_string(),
            place: place.filter(|mark| mark.line > 0),
            sealed: None,
        });
    }

    /// A mapping with a name and perhaps a namespace: both are matched and both are written.
    fn mapping(&self, node: &mut Node, field: &Field<'_>) -> Result<bool, Cause> {
        let Some(name) = node.get("name") else {
            return Err(self.refuse(field, "has no field `name`"));
        };
        let old = name.as_scalar().map_or(String::new(), |s| s.text.to_string());
        let namespace =
            node.get("namespace").map(|n| n.as_scalar().map_or(String::new(), |s| s.text.to_string()));
        let same = |a: &Resource, b: &Resource| a.name() == b.name() && a.id.namespace == b.id.namespace;
        let Some(found) = self.select(&old, namespace.as_deref(), field, same)? else { return Ok(false) };
        if found.name() == old && found.id.namespace.is_empty() {
            return Ok(false);
        }
        let Some(map) = node.as_map_mut() else { return Ok(false) };
        for (field, text) in [("name", &found.id.name), ("namespace", &found.id.namespace)] {
            if text.is_empty() {
                continue;
            }
            // What says the same already does not follow anything.
            let follows = map.get(field).and_then(Node::as_scalar).is_none_or(|old| old.text != *text);
            let node = write(map, field, text, found);
            if follows && let Some(node) = node {
                self.tell(node, found, field);
            }
        }
        Ok(true)
    }

    /// The one object that is meant, if one is (render.md 2.11, steps 1 to 5).
    fn select(
        &self,
        name: &str,
        namespace: Option<&str>,
        field: &Field<'_>,
        same: impl Fn(&Resource, &Resource) -> bool,
    ) -> Result<Option<&Resource>, Cause> {
        let role = self.role(field.spec);
        let places = self.index.by_past_name.get(name).map_or(&[][..], Vec::as_slice);
        let mut found: Vec<&Resource> = places
            .iter()
            .map(|place| &self.objects[*place])
            .filter(|r| self.reachable(r, field.subjects))
            .collect();
        if let Some(namespace) = namespace {
            found = self.in_namespace(found, namespace, field.subjects);
        }
        found.retain(|r| past_is(r, field.target));
        if let Some(role) = &role {
            found.retain(|r| past_is(r, role));
        }
        found.retain(|r| self.same_namespace(r));
        if found.len() == 1 {
            return Ok(found.pop());
        }
        found.retain(|r| chains_agree(r, self.referrer, true));
        if found.len() > 1 {
            found.retain(|r| chains_agree(r, self.referrer, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(first)),
            several => Err(self.ambiguous(name, field, several)),
        }
    }

    /// Whether the referrer could refer to an object at all.
    fn reachable(&self, candidate: &Resource, subjects: &[String]) -> bool {
        self.referrer.id.cluster
            || candidate.id.cluster
            || candidate.id.effective_namespace() == self.referrer.id.effective_namespace()
            || subjects.iter().any(|namespace| **namespace == *candidate.id.namespace)
    }

    /// Candidates whose original namespace is the one written; if no object at all had it, whose current one is.
    fn in_namespace<'c>(
        &self,
        found: Vec<&'c Resource>,
        wanted: &str,
        subjects: &[String],
    ) -> Vec<&'c Resource> {
        let original = |r: &Resource| r.original().effective_namespace() == wanted && !r.original().cluster;
        let anybody = self.objects.iter().any(|r| original(r) && self.reachable(r, subjects));
        let current = |r: &Resource| r.id.effective_namespace() == wanted && !r.id.cluster;
        found.into_iter().filter(|r| if anybody { original(r) } else { current(r) }).collect()
    }

    fn same_namespace(&self, candidate: &Resource) -> bool {
        self.referrer.id.cluster
            || candidate.id.cluster
            || &*candidate.id.gvk.kind == "ServiceAccount"
            || candidate.id.effective_namespace() == self.referrer.id.effective_namespace()
    }

    /// What `roleRef` says about kind and group, for fields that end with `roleRef/name`.
    fn role(&self, spec: &FieldSpec) -> Option<Gvk> {
        if !spec.path.ends_with("roleRef/name") {
            return None;
        }
        let role = self.referrer.body.get("roleRef")?;
        let text = |field: &str| role.get(field)?.as_scalar().map(|s| s.text.clone());
        Some(Gvk { group: text("apiGroup")?, version: "".into(), kind: text("kind")? })
    }

    fn refuse(&self, field: &Field<'_>, what: &str) -> Cause {
        let what = format!("{} of {} {what}", field.spec.path, self.referrer.id);
        Cause::Transformer { transformer: "name references", what }
    }

    fn ambiguous(&self, name: &str, field: &Field<'_>, several: &[&Resource]) -> Cause {
        let candidates: Vec<String> = several.iter().map(|r| r.id.to_string()).collect();
        Cause::Ambiguous {
            name: name.to_owned(),
            field: field.spec.path.to_string(),
            referrer: self.referrer.id.to_string(),
            candidates: candidates.join(" or "),
        }
    }
}

/// Writes a field; one that is new is written where the object has it.
fn write<'m>(map: &'m mut Map, key: &str, text: &str, found: &Resource) -> Option<&'m Node> {
    if let Some(node) = map.get_mut(key) {
        retext(node, text);
    } else {
        let mark = found.body.at_path(&["metadata", key]).map(|node| node.mark.clone());
        map.set(key, Node::string(text).at(mark.unwrap_or_default()));
    }
    map.get(key)
}

fn past_is(resource: &Resource, wanted: &Gvk) -> bool {
    let now = &resource.id.gvk;
    resource.history.iter().any(|past| {
        let gvk = Gvk { kind: past.kind.clone(), group: now.group.clone(), version: now.version.clone() };
        gvk.selected_by(wanted)
    })
}

/// Prefixes and suffixes agree if one chain ends with the other; what was never extended agrees with all, if allowed.
fn chains_agree(a: &Resource, b: &Resource, empty_agrees: bool) -> bool {
    let agree = |x: &[Arc<str>], y: &[Arc<str>]| {
        if x.is_empty() || y.is_empty() {
            return empty_agrees || x.len() == y.len();
        }
        x.ends_with(y) || y.ends_with(x)
    };
    agree(&a.prefixes, &b.prefixes) && agree(&a.suffixes, &b.suffixes)
}

/// A service account of a `RoleBinding` with a namespace that is no text is refused, whether or not anything was renamed.
fn check_subjects(resource: &Resource) -> Result<(), Cause> {
    if &*resource.id.gvk.kind != "RoleBinding" {
        return Ok(());
    }
    let subjects = resource.body.get("subjects").and_then(Node::as_seq).unwrap_or_default();
    let blank = |s: &&Node| {
        s.str_at(&["kind"]) == Some("ServiceAccount")
            && s.get("namespace").is_some_and(|n| n.as_str().is_none())
    };
    match subjects.iter().find(blank) {
        Some(_) => Err(Cause::NotAnObject(format!("a subject of {} has a blank namespace", resource.id))),
        None => Ok(()),
    }
}

/// Namespaces of the service accounts that a `RoleBinding` names: it may refer to them across namespaces.
fn service_account_namespaces(referrer: &Resource) -> Vec<String> {
    if &*referrer.id.gvk.kind != "RoleBinding" {
        return Vec::new();
    }
    let subjects = referrer.body.get("subjects").and_then(Node::as_seq).unwrap_or_default();
    subjects
        .iter()
        .filter(|s| s.str_at(&["kind"]) == Some("ServiceAccount"))
        .filter_map(|s| Some(s.str_at(&["namespace"])?.to_owned()))
        .collect()
}
