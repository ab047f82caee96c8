//! Plants changes in a live cluster as other people and tools would, at places chosen by a seeded generator, and keeps a
//! record of each: that record, not our own diff, is what a test expects to be found.

use crate::support::Rig;
use serde_json::Value;
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be said about a planted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A declared field has another value, or lost it.
    Drifted,
    /// A declared object is gone.
    Missing,
    /// Nothing that git says anything about has changed.
    NoDifference,
}

/// One change, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// `Kind/namespace/name`.
    pub object: String,
    /// The field's path as a JSON pointer; empty for the whole object.
    pub field: String,
    /// The field manager the change was made under.
    pub manager: &'static str,
    /// The verdict it must get.
    pub expected: Expected,
}

/// A generator that gives the same numbers for the same seed (`splitmix64`).
pub struct Random(u64);

impl Random {
    /// The next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of the entries.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        assert!(!of.is_empty(), "nothing to choose from");
        let index = self.next() % of.len() as u64;
        &of[usize::try_from(index).expect("an index fits")]
    }
}

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

    /// Somebody runs `kubectl scale` on a Deployment.
    pub fn scale(&mut self) -> Planted {
        let target = self.any("deployments.apps");
        let replicas = target["spec"]["replicas"].as_u64().unwrap_or(1) + 3;
        self.patch(&target, "kubectl-edit", &format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#));
        self.note(&target, "/spec/replicas", "kubectl-edit", Expected::Drifted)
    }

    /// Somebody sets another image in the first container of a Deployment.
    pub fn image(&mut self) -> Planted {
        let target = self.any("deployments.apps");
        let name = target
            .pointer("/spec/template/spec/containers/0/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let body = format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"{name}","image":"rig.invalid/planted:1"}}]}}}}}}}}"#
        );
        self.patch(&target, "kubectl-set", &body);
        self.note(&target, "/spec/template/spec/containers/0/image", "kubectl-set", Expected::Drifted)
    }

    /// Another tool leaves a note of its own: nobody declared that, so it is no difference.
    pub fn foreign_annotation(&mut self) -> Planted {
        let target = self.any("services");
        self.patch(&target, "some-operator", r#"{"metadata":{"annotations":{"tool.example/seen":"yes"}}}"#);
        self.note(
            &target,
            "/metadata/annotations/tool.example~1seen",
            "some-operator",
            Expected::NoDifference,
        )
    }

    /// Somebody deletes a Service.
    pub fn delete(&mut self) -> Planted {
        let target = self.any("services");
        let (namespace, name) = place(&target);
        self.rig.kubectl(&["delete", "service", "--namespace", namespace, name]);
        self.note(&target, "", "", Expected::Missing)
    }

    /// Any object of the kind that Flux applied and nobody was at yet.
    fn any(&mut self, kind: &str) -> Value {
        let listed = self.rig.kubectl_json(&[
            "get",
            kind,
            "--all-namespaces",
            "--selector",
            "kustomize.toolkit.fluxcd.io/name",
        ]);
        let all = listed["items"].as_array().cloned().unwrap_or_default();
        let free: Vec<Value> =
            all.into_iter().filter(|item| self.planted.iter().all(|done| done.object != key(item))).collect();
        assert!(!free.is_empty(), "no {kind} is left to change");
        self.random.pick(&free).clone()
    }

    fn patch(&self, target: &Value, manager: &str, body: &str) {
        let (namespace, name) = place(target);
        let kind = target["kind"].as_str().unwrap_or_default();
        let manager = format!("--field-manager={manager}");
        self.rig.kubectl(&["patch", kind, name, "--namespace", namespace, &manager, "--patch", body]);
    }

    fn note(&mut self, target: &Value, field: &str, manager: &'static str, expected: Expected) -> Planted {
        let planted = Planted { object: key(target), field: field.to_owned(), manager, expected };
        self.planted.push(planted.clone());
        planted
    }
}

/// An object's namespace and name.
fn place(object: &Value) -> (&str, &str) {
    let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (part("namespace"), part("name"))
}

/// `Kind/namespace/name`.
fn key(object: &Value) -> String {
    let (namespace, name) = place(object);
    format!("{}/{namespace}/{name}", object["kind"].as_str().unwrap_or_default())
}
