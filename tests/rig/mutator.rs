//! Plants changes in a live cluster as other people and tools would, at places chosen by a seeded generator, and keeps a
//! record of each: that record, not our own diff, is what a test expects to be found. Takes all of it back afterwards.

use crate::kinds::{Expected, KINDS, Kind};
use crate::places::{Place, key, place_of, resource_of};
use crate::support::{Rig, User, text, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;
use std::{env, fs};

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

/// The kinds of objects that changes are planted in. Flux's own objects that steer the controller are not among them.
const TARGETS: &[&str] = &[
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "services",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "ingresses.networking.k8s.io",
    "helmreleases.helm.toolkit.fluxcd.io",
    "helmrepositories.source.toolkit.fluxcd.io",
    "sealedsecrets.bitnami.com",
    "horizontalpodautoscalers.autoscaling",
];

/// Plants changes, remembers them, and takes them back.
pub struct Mutator<'a> {
    rig: &'a Rig,
    /// The kinds, as kubectl takes them.
    kinds: String,
    /// Everything of the kinds above that the controller applied, as it was before any change.
    objects: Vec<Value>,
}

impl<'a> Mutator<'a> {
    /// Looks at what the controller has applied; nothing may have been changed yet.
    pub fn new(rig: &'a Rig) -> Mutator<'a> {
        let served = rig.kubectl(&["api-resources", "--output", "name"]);
        let is_served = |kind: &&&str| served.lines().any(|line| line == **kind);
        let targets: Vec<&str> = TARGETS.iter().filter(is_served).copied().collect();
        let selector = "kustomize.toolkit.fluxcd.io/name";
        let kinds = targets.join(",");
        let words = ["get", &kinds, "--all-namespaces", "--show-managed-fields", "--selector", selector];
        let listed = rig.kubectl_json(&words);
        let objects = listed["items"].as_array().cloned().unwrap_or_default();
        assert!(!objects.is_empty(), "the controller has applied nothing");
        Mutator { rig, kinds, objects }
    }

    /// The objects as they were before any change.
    pub fn before(&self) -> &[Value] {
        &self.objects
    }

    /// All objects of these kinds as they are now.
    pub fn live(&self) -> Vec<Value> {
        let listed =
            self.rig.kubectl_json(&["get", &self.kinds, "--all-namespaces", "--show-managed-fields"]);
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    /// The seeds to plant with: that of `SEALANE_RIG_SEED` alone, or the given number from the clock on.
    pub fn seeds(count: u64) -> Vec<u64> {
        let said = env::var("SEALANE_RIG_SEED").ok().and_then(|text| text.parse().ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let first = now.map_or(0, |since| since.as_secs() * 1000);
        said.map_or_else(|| (first..first + count).collect(), |seed| vec![seed])
    }

    /// Plants one change of every kind that the cluster has a place for, in an object of its own as long as there is one.
    pub fn plant(&self, seed: u64) -> Vec<Planted> {
        let mut random = Random(seed);
        let mut planted: Vec<Planted> = Vec::new();
        let mut kinds: Vec<&Kind> = KINDS.iter().collect();
        let mut chosen: Vec<(&Kind, Place)> = Vec::new();
        // What is deleted is chosen first, so that nothing else is planted in it.
        let gone = self.to_delete(&mut random);
        while !kinds.is_empty() {
            let kind = kinds.remove(random.below(kinds.len()));
            let mut places = (kind.places)(&self.objects);
            places.retain(|p| key(&p.object) != key(gone) && chosen.iter().all(|(_, c)| !touches(c, p)));
            let is_free = |p: &Place| chosen.iter().all(|(_, c)| key(&c.object) != key(&p.object));
            if places.iter().any(is_free) {
                places.retain(is_free);
            }
            if !places.is_empty() {
                let place = places.swap_remove(random.below(places.len()));
                chosen.push((kind, place));
            }
        }
        self.patch_all(&chosen);
        for (kind, place) in chosen {
            planted.push(Planted {
                what: kind.what,
                object: key(&place.object),
                field: place.field,
                manager: kind.manager,
                expected: kind.expected,
            });
        }
        planted.push(self.delete(gone));
        planted.extend(self.create(&mut random));
        planted
    }

    /// Makes every object what it was before, the record of its managers too.
    pub fn undo(&self, planted: &[Planted]) {
        let touched: Vec<&Value> =
            self.objects.iter().filter(|o| planted.iter().any(|p| p.object == key(o))).collect();
        let mut deleted: BTreeMap<String, Value> = BTreeMap::new();
        for change in planted {
            let [kind, namespace, name] = change.object.split('/').collect::<Vec<_>>()[..] else {
                panic!("{change:?} names no object");
            };
            match change.expected {
                Expected::Unmanaged => {
                    self.rig.kubectl(&["delete", kind, name, "--namespace", namespace]);
                }
                Expected::Missing => {
                    let object = touched.iter().find(|o| key(o) == change.object).expect("it was there");
                    deleted.insert(change.object.clone(), bare(object));
                }
                _ => {}
            }
        }
        self.send("create", &deleted.into_values().collect::<Vec<_>>());
        let all: Vec<Value> = touched.into_iter().map(bare).collect();
        // Twice: the first one takes the values back and is booked as a change, the second one takes the booking back.
        self.send("replace", &all);
        self.send("replace", &all);
    }

    fn send(&self, verb: &str, objects: &[Value]) {
        if objects.is_empty() {
            return;
        }
        let file = self.rig.folder().join("undo.json");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        fs::write(&file, list.to_string()).expect("a file");
        let words = [verb, "--field-manager=undo", "-f", &file.display().to_string()];
        // Controllers write too: what was modified meanwhile is sent again, all of it.
        wait_for("nobody else to write", Duration::from_mins(1), || {
            let output = self.rig.try_kubectl(User::Admin, &words);
            let said = text(&output.stderr);
            assert!(output.status.success() || said.contains("(Conflict)"), "{verb}: {said}");
            output.status.success().then_some(())
        });
    }

    fn patch_all(&self, chosen: &[(&Kind, Place)]) {
        let mut running: Vec<(&Kind, Child)> = Vec::new();
        for (kind, place) in chosen {
            let (namespace, name) = place_of(&place.object);
            let resource = resource_of(&place.object);
            let manager = format!("--field-manager={}", kind.manager);
            let body = Value::Array(place.patch.clone()).to_string();
            let words = [
                "patch",
                &resource,
                name,
                "--namespace",
                namespace,
                &manager,
                "--type=json",
                "--patch",
                &body,
            ];
            running.push((kind, self.rig.spawn_kubectl(User::Admin, &words)));
            // A few at a time.
            if running.len() >= 6 {
                finish(running.remove(0));
            }
        }
        running.into_iter().for_each(finish);
    }

    /// Makes one change.
    pub fn patch(&self, manager: &str, place: &Place) {
        let (namespace, name) = place_of(&place.object);
        let manager = format!("--field-manager={manager}");
        let body = Value::Array(place.patch.clone()).to_string();
        let resource = resource_of(&place.object);
        self.rig.kubectl(&[
            "patch",
            &resource,
            name,
            "--namespace",
            namespace,
            &manager,
            "--type=json",
            "--patch",
            &body,
        ]);
    }

    fn to_delete(&self, random: &mut Random) -> &Value {
        let is_candidate = |o: &&Value| {
            matches!(o["kind"].as_str(), Some("Service" | "ConfigMap" | "HelmRelease" | "HelmRepository"))
                && o["metadata"]["finalizers"].is_null()
        };
        let candidates: Vec<&Value> = self.objects.iter().filter(is_candidate).collect();
        candidates[random.below(candidates.len())]
    }

    fn delete(&self, object: &Value) -> Planted {
        let (namespace, name) = place_of(object);
        self.rig.kubectl(&["delete", &resource_of(object), name, "--namespace", namespace]);
        note("object deleted", key(object), "", Expected::Missing)
    }

    /// A stray beside what git declares: of a kind that it declares there, where there is one that can be made by a command.
    fn create(&self, random: &mut Random) -> Option<Planted> {
        // What lies about in the system's own namespace is nobody's business.
        let is_near = |o: &&Value| o["kind"] == "ConfigMap" && o["metadata"]["namespace"] != "kube-system";
        let near: Vec<&Value> = self.objects.iter().filter(is_near).collect();
        let near = if near.is_empty() { return None } else { near[random.below(near.len())] };
        let (namespace, _) = place_of(near);
        let name = format!("planted-{}", random.below(100_000));
        let manager = "--field-manager=kubectl-create";
        let words =
            ["create", "configmap", &name, "--namespace", namespace, manager, "--from-literal=key=value"];
        self.rig.kubectl(&words);
        Some(note(
            "object created",
            format!("ConfigMap/{namespace}/{name}"),
            "kubectl-create",
            Expected::Unmanaged,
        ))
    }
}

/// Fails the test where the record is not what the cluster says.
pub fn check(planted: &[Planted], live: &[Value], seed: u64) {
    for change in planted {
        let object = live.iter().find(|o| key(o) == change.object);
        assert_eq!(object.is_some(), change.expected != Expected::Missing, "seed {seed}: {change:?}");
        let Some(object) = object else { continue };
        let there = object.pointer(&change.field).is_some();
        assert_eq!(there, change.expected != Expected::Removed, "seed {seed}: {change:?}");
        // What only was removed, or spelled otherwise, leaves no owner behind.
        if !matches!(change.expected, Expected::Removed | Expected::Same) {
            let managers = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            let named = managers.iter().any(|entry| entry["manager"] == change.manager);
            assert!(named, "seed {seed}: {change:?}");
        }
    }
}

fn finish((kind, patch): (&Kind, Child)) {
    let output = patch.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "{}: {}", kind.what, text(&output.stderr));
}

/// True if both change the same field, or fields of the same list or map.
fn touches(a: &Place, b: &Place) -> bool {
    let (x, y) = (&a.field, &b.field);
    let parent = |field: &str| field.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned());
    key(&a.object) == key(&b.object)
        && (x.starts_with(y.as_str()) || y.starts_with(x.as_str()) || parent(x) == parent(y))
}

fn note(what: &'static str, object: String, manager: &'static str, expected: Expected) -> Planted {
    Planted { what, object, field: String::new(), manager, expected }
}

/// An object as it can be sent again.
fn bare(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(metadata) = bare["metadata"].as_object_mut() {
        for field in ["resourceVersion", "uid", "creationTimestamp", "generation"] {
            metadata.remove(field);
        }
    }
    bare
}
