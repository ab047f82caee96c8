//! Flux by hand around the real `kubectl kustomize`: from an entry's folder to all objects.

use super::files::{self, KUSTOMIZATIONS, Listing, Trees, folder_of, joined, name_of};
use super::normal::{Body, SEALED, is_nameless, of_yaml, of_yaml_or_nothing};
use super::substitute::{Variables, substitute};
use crate::support::{text, tool};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const FLUX: &str = "kustomize.toolkit.fluxcd.io";

/// What one entry means at one revision.
#[derive(Clone, Default)]
pub struct Desired {
    /// The objects by `group/kind/namespace/name`.
    pub objects: BTreeMap<String, Arc<Body>>,
    /// Kustomizations that kustomize refuses, with what it says.
    pub failed: BTreeMap<String, String>,
    /// Kustomizations of artifacts that an `ArtifactGenerator` puts together, which is not done here. Those of other
    /// repositories say nothing about this one.
    pub composed: BTreeSet<String>,
    /// Remote entries and charts that were taken out, by folder and entry.
    pub remote: BTreeSet<String>,
}

/// The oracle for one repository.
pub struct Oracle {
    program: &'static str,
    trees: Trees,
    built: HashMap<String, Arc<Built>>,
    /// Objects of texts that were read before.
    applied: HashMap<String, Arc<Vec<Arc<Body>>>>,
    /// How often the real program ran.
    pub runs: usize,
    /// False to build everything each time.
    pub remembers: bool,
}

struct Built {
    text: Result<String, String>,
    remote: BTreeSet<String>,
}

/// A Flux Kustomization.
#[derive(Clone, PartialEq)]
struct Kustomization {
    namespace: String,
    name: String,
    spec: Value,
}

impl Kustomization {
    fn of(body: &Body) -> Option<Self> {
        let group = body["apiVersion"].as_str()?.split('/').next()?;
        if body["kind"] != "Kustomization" || group != FLUX || !body["spec"]["sourceRef"].is_object() {
            return None;
        }
        let text = |field: &str| body["metadata"][field].as_str().unwrap_or("").to_owned();
        Some(Self { namespace: text("namespace"), name: text("name"), spec: body["spec"].clone() })
    }

    fn folder(&self) -> String {
        joined("", self.spec["path"].as_str().unwrap_or("")).unwrap_or_default()
    }

    fn list(&self, field: &str) -> Vec<Value> {
        self.spec[field].as_array().cloned().unwrap_or_default()
    }

    fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl Oracle {
    /// With `kubectl kustomize`.
    pub fn of(repository: &Path) -> Self {
        Self::with("kubectl", repository)
    }

    /// With `kubectl kustomize`, or with `kustomize build`.
    pub fn with(program: &'static str, repository: &Path) -> Self {
        Self {
            program,
            trees: Trees::of(repository),
            built: HashMap::new(),
            applied: HashMap::new(),
            runs: 0,
            remembers: true,
        }
    }

    /// True if a revision holds the file or the folder.
    pub fn has(&mut self, revision: &str, path: &str) -> bool {
        let listing = self.trees.listing(revision);
        listing.contains_key(path) || files::below(&listing, path).next().is_some()
    }

    /// All objects that the entry's folder leads to at a revision.
    pub fn desired(&mut self, revision: &str, entry: &str) -> Desired {
        let listing = self.trees.listing(revision);
        let mut desired = Desired::default();
        let mut pending = VecDeque::from(self.seeds(&listing, entry));
        let source = pending[0].spec["sourceRef"]["name"].clone();
        let mut seen = BTreeSet::new();
        while let Some(spec) = next(&mut pending, &desired) {
            if !seen.insert(spec.key()) {
                continue;
            }
            let from = &spec.spec["sourceRef"];
            if from["kind"] == "ExternalArtifact" {
                desired.composed.insert(spec.key());
            }
            if from["name"] != source || from["kind"] != "GitRepository" {
                continue;
            }
            let built = self.build(&listing, &spec);
            desired.remote.extend(built.remote.iter().cloned());
            let objects = match &built.text {
                Ok(text) => self.applied(text, &spec, &desired),
                Err(said) => {
                    desired.failed.insert(spec.key(), said.clone());
                    continue;
                }
            };
            pending.extend(objects.iter().filter_map(|body| Kustomization::of(body)));
            for body in objects.iter().filter(|body| !is_nameless(body)) {
                desired.objects.entry(key_of(body)).or_insert_with(|| body.clone());
            }
        }
        scoped(&mut desired);
        desired
    }

    /// Where rendering starts: the Kustomization in the entry's folder that syncs that folder, as `flux bootstrap` commits
    /// it; in a folder of `clusters`, where bootstrap did not commit it yet, the one that it makes; the same where a Flux
    /// instance is told to sync the folder, which makes it in the cluster; else the Kustomizations that lie in it.
    fn seeds(&mut self, listing: &Listing, entry: &str) -> Vec<Kustomization> {
        let source = json!({"kind": "GitRepository", "name": "flux-system"});
        let made = Kustomization {
            namespace: "flux-system".into(),
            name: "flux-system".into(),
            spec: json!({"path": entry, "sourceRef": source}),
        };
        let built = self.build(listing, &made);
        let own: Vec<Kustomization> = built
            .text
            .as_deref()
            .map(of_yaml)
            .unwrap_or_default()
            .iter()
            .filter_map(Kustomization::of)
            .collect();
        match own.iter().find(|spec| spec.folder() == entry) {
            Some(itself) => vec![itself.clone()],
            None if own.is_empty() || entry.starts_with("clusters/") => vec![made],
            None if self.is_synced(listing, entry) => vec![made],
            None => own,
        }
    }

    /// True if a `FluxInstance`, or the values of the chart that makes one, names the folder.
    fn is_synced(&mut self, listing: &Listing, entry: &str) -> bool {
        let is_yaml = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "yaml");
        listing.iter().filter(|(path, _)| is_yaml(path)).any(|(_, id)| {
            let blob = self.trees.blob(id);
            let text = String::from_utf8_lossy(&blob);
            let objects = if text.contains("sync:") { of_yaml_or_nothing(&text) } else { vec![] };
            objects.iter().any(|body| {
                let sync = match body["kind"].as_str() {
                    Some("FluxInstance") => &body["spec"]["sync"],
                    Some("HelmRelease") => &body["spec"]["values"]["instance"]["sync"],
                    _ => return false,
                };
                sync["path"].as_str().and_then(|path| joined("", path)).as_deref() == Some(entry)
            })
        })
    }

    fn applied(&mut self, text: &str, spec: &Kustomization, desired: &Desired) -> Arc<Vec<Arc<Body>>> {
        let variables = variables(spec, desired);
        let says = (&spec.spec["postBuild"], &spec.spec["commonMetadata"]);
        let key = format!("{} {says:?} {variables:?} {text}", spec.key());
        let known = self.applied.entry(key);
        known.or_insert_with(|| Arc::new(applied(text, spec, &variables))).clone()
    }

    fn build(&mut self, listing: &Listing, spec: &Kustomization) -> Arc<Built> {
        let folder = spec.folder();
        let components = spec.list("components");
        let beside: Vec<String> = components.iter().filter_map(|c| joined(&folder, c.as_str()?)).collect();
        let (closure, hash) = self.trees.closure(listing, &folder, &beside);
        let added = ["targetNamespace", "namePrefix", "nameSuffix", "patches", "components", "images"]
            .map(|field| spec.spec[field].to_string());
        let key = format!("{folder} {hash} {}", added.join(" "));
        if self.remembers
            && let Some(known) = self.built.get(&key)
        {
            return known.clone();
        }
        let built = Arc::new(self.run(&closure, &folder, spec));
        self.built.insert(key, built.clone());
        built
    }

    fn run(&mut self, closure: &Listing, folder: &str, spec: &Kustomization) -> Built {
        if closure.is_empty() {
            let text = Err(format!("there is no folder {folder}"));
            return Built { text, remote: BTreeSet::new() };
        }
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let mut remote = BTreeSet::new();
        for (path, id) in closure {
            let mut bytes = self.trees.blob(id);
            if KUSTOMIZATIONS.contains(&name_of(path))
                && let Some(local) = without_remote(&bytes, folder_of(path), &mut remote)
            {
                bytes = local.into_bytes().into();
                write(&scratch.path().join(folder_of(path)).join(NOTHING), b"");
            }
            write(&scratch.path().join(path), &bytes);
        }
        generate(scratch.path(), closure, folder, spec);
        self.runs += 1;
        let text = kustomize(self.program, &scratch.path().join(folder));
        Built { text, remote }
    }
}

/// A file with no object, so that a kustomization of which nothing is left is still one.
const NOTHING: &str = "nothing-is-left.yaml";

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("folders can be made");
    std::fs::write(path, bytes).expect("files can be written");
}

/// What the real program prints for a folder, or why it refuses.
fn kustomize(program: &str, folder: &Path) -> Result<String, String> {
    let verb = if program == "kubectl" { "kustomize" } else { "build" };
    let output = Command::new(tool(program))
        .args([verb, "--load-restrictor=LoadRestrictionsNone"])
        .arg(folder)
        // Whatever was overlooked shall fail at once instead of reaching for the network.
        .envs([("HTTPS_PROXY", "http://127.0.0.1:9"), ("HTTP_PROXY", "http://127.0.0.1:9")])
        .env("GIT_ALLOW_PROTOCOL", "none")
        .stdin(Stdio::null())
        .output()
        .expect("kubectl runs");
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A kustomization file without its remote entries and charts, but with the generators that fetch, which fail; `None` if it has none.
fn without_remote(bytes: &[u8], folder: &str, remote: &mut BTreeSet<String>) -> Option<String> {
    let mut file: Value = serde_yaml::from_slice(bytes).ok()?;
    let map = file.as_object_mut()?;
    let before = remote.len();
    let note = |what: &str| format!("{folder}: {what}");
    for field in ["resources", "bases", "components"] {
        let Some(entries) = map.get_mut(field).and_then(Value::as_array_mut) else { continue };
        remote.extend(entries.iter().filter_map(Value::as_str).filter(|e| is_remote(e)).map(note));
        entries.retain(|entry| !entry.as_str().is_some_and(is_remote));
        if entries.is_empty() {
            entries.push(NOTHING.into());
        }
    }
    if let Some(charts) = map.remove("helmCharts") {
        remote.insert(note(&charts.to_string()));
    }
    if remote.len() == before {
        return None;
    }
    if !map.contains_key("resources") {
        map.insert("resources".into(), json!([NOTHING]));
    }
    Some(serde_yaml::to_string(&file).expect("it can be printed"))
}

fn is_remote(entry: &str) -> bool {
    entry.contains("://") || entry.starts_with("github.com/") || entry.contains("?ref=")
}

/// Writes the kustomization that the controller builds, where that is not the one that lies in the folder.
fn generate(top: &Path, closure: &Listing, folder: &str, spec: &Kustomization) {
    let at = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let file = KUSTOMIZATIONS.iter().find(|name| closure.contains_key(&at(name)));
    let path = top.join(folder).join(file.unwrap_or(&KUSTOMIZATIONS[0]));
    let own = file.map(|_| std::fs::read_to_string(&path).expect("it was written"));
    let mut kustomization = match own.as_deref().map(serde_yaml::from_str::<Value>) {
        Some(Ok(own)) if own.is_object() => own,
        // Broken ones are kustomize's to refuse.
        Some(_) => return,
        None => json!({"resources": scanned(closure, folder)}),
    };
    let before = kustomization.clone();
    let map = kustomization.as_object_mut().expect("it is a mapping");
    for (from, to) in
        [("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix")]
    {
        if let Some(value) = spec.spec[from].as_str().filter(|value| !value.is_empty()) {
            map.insert(to.into(), value.into());
        }
    }
    for (field, own) in [("patches", spec.list("patches")), ("components", spec.list("components"))] {
        let all = map.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let all: Vec<Value> = all.into_iter().chain(own).collect();
        if !all.is_empty() {
            map.insert(field.into(), all.into());
        }
    }
    for image in spec.list("images") {
        let images = map.entry("images").or_insert(json!([])).as_array_mut().expect("images are a list");
        assert!(images.iter().all(|known| known["name"] != image["name"]), "merging images is not done here");
        images.push(image);
    }
    for field in ["patchesStrategicMerge", "patchesJson6902", "buildMetadata"] {
        assert!(spec.list(field).is_empty(), "{field} of a Kustomization is not done here");
    }
    if file.is_none() || kustomization != before {
        write(&path, serde_yaml::to_string(&kustomization).expect("it can be printed").as_bytes());
    }
}

/// The resources of a folder without a kustomization: folders that have one, and all other YAML files.
fn scanned(closure: &Listing, folder: &str) -> Vec<String> {
    let mut resources = Vec::new();
    let with_own: BTreeSet<&str> = closure
        .keys()
        .filter(|path| KUSTOMIZATIONS.contains(&name_of(path)))
        .map(|path| folder_of(path))
        .collect();
    let mut taken = BTreeSet::new();
    for (path, _) in files::below(closure, folder) {
        let relative = if folder.is_empty() { path } else { &path[folder.len() + 1..] };
        let mut above: Vec<&str> = relative.match_indices('/').map(|(at, _)| &relative[..at]).collect();
        above.retain(|part| {
            let full = if folder.is_empty() { (*part).to_owned() } else { format!("{folder}/{part}") };
            with_own.contains(full.as_str())
        });
        match above.first() {
            Some(first) if taken.insert((*first).to_owned()) => resources.push((*first).to_owned()),
            None if matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml"))) => {
                resources.push(relative.to_owned());
            }
            Some(_) | None => {}
        }
    }
    resources
}

/// The first Kustomization whose variables are at hand, else the first.
fn next(pending: &mut VecDeque<Kustomization>, desired: &Desired) -> Option<Kustomization> {
    let ready = |spec: &Kustomization| sources(spec).iter().all(|key| desired.objects.contains_key(key));
    let place = pending.iter().position(ready).unwrap_or(0);
    pending.remove(place)
}

fn sources(spec: &Kustomization) -> Vec<String> {
    let from = spec.spec["postBuild"]["substituteFrom"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or("").to_owned();
    from.iter().map(|e| format!("/{}/{}/{}", text(e, "kind"), spec.namespace, text(e, "name"))).collect()
}

/// The documents of a build, each with the line break at its end: a block scalar that ends it keeps its own by that.
fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\n---\n") {
        documents.push(&rest[..=at]);
        rest = &rest[at + "\n---\n".len()..];
    }
    documents.push(rest);
    documents.retain(|document| !document.trim().is_empty());
    documents
}

/// The objects of one build as they are applied: variables, common metadata, labels.
fn applied(text: &str, spec: &Kustomization, variables: &Variables) -> Vec<Arc<Body>> {
    let mut objects = Vec::new();
    for document in documents(text) {
        let mut bodies = of_yaml(document);
        let mut sealed = Vec::new();
        let opted_out = bodies.iter().any(|body| {
            ["labels", "annotations"]
                .iter()
                .any(|field| body["metadata"][*field][format!("{FLUX}/substitute")] == "disabled")
        });
        if spec.spec["postBuild"].is_object() && !opted_out {
            bodies = of_yaml(&substitute(document, variables));
            sealed = variables.sealed_in(document);
        }
        for mut body in bodies {
            if !sealed.is_empty() {
                body[SEALED] = json!(sealed);
            }
            mark(&mut body, spec);
            objects.push(Arc::new(body));
        }
    }
    objects
}

fn variables(spec: &Kustomization, desired: &Desired) -> Variables {
    let mut variables = Variables::default();
    for key in sources(spec) {
        let Some(body) = desired.objects.get(&key) else {
            variables.incomplete = true;
            continue;
        };
        let values = [&body["data"], &body["stringData"]].into_iter().filter_map(Value::as_object).flatten();
        for (name, value) in values {
            // Values of Secrets are never shown, so they stay as they are written.
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if body["kind"] == "ConfigMap" && value.is_string() && !written.starts_with("ENC[") {
                variables.set(name, &written);
            } else {
                variables.seal(name, &written);
            }
        }
    }
    for (name, value) in spec.spec["postBuild"]["substitute"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        variables.set(name, &value);
    }
    variables
}

fn mark(body: &mut Body, spec: &Kustomization) {
    let metadata = &mut body["metadata"];
    let mut set = |field: &str, key: &str, value: Value| {
        if !metadata[field].is_object() {
            metadata[field] = json!({});
        }
        metadata[field][key] = value;
    };
    for field in ["labels", "annotations"] {
        let common = spec.spec["commonMetadata"][field].as_object().cloned().unwrap_or_default();
        common.into_iter().for_each(|(key, value)| set(field, &key, value));
    }
    set("labels", &format!("{FLUX}/name"), spec.name.as_str().into());
    set("labels", &format!("{FLUX}/namespace"), spec.namespace.as_str().into());
}

/// `group/kind/namespace/name`.
fn key_of(body: &Body) -> String {
    let api = body["apiVersion"].as_str().unwrap_or("");
    let group = api.rsplit_once('/').map_or("", |(group, _)| group);
    let text = |field: &str| body["metadata"][field].as_str().unwrap_or("").to_owned();
    format!("{group}/{}/{}/{}", body["kind"].as_str().unwrap_or(""), text("namespace"), text("name"))
}

/// Kinds that a server has without being told, and whether they have namespaces.
const BUILT_IN: [&str; 8] = [
    "",
    "apps",
    "batch",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "policy",
    "autoscaling",
    "storage.k8s.io",
];
const CLUSTER_SCOPED: [&str; 8] = [
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "StorageClass",
    "PersistentVolume",
    "IngressClass",
    "Node",
    "PriorityClass",
];

/// Objects under the namespaces that the server gives them: none for cluster-scoped kinds, `default` where none is said.
fn scoped(desired: &mut Desired) {
    let defined: BTreeMap<(String, String), bool> = desired
        .objects
        .values()
        .filter(|body| body["kind"] == "CustomResourceDefinition")
        .map(|body| {
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            let spec = &body["spec"];
            ((text(&spec["group"]), text(&spec["names"]["kind"])), spec["scope"] == "Namespaced")
        })
        .collect();
    let objects = std::mem::take(&mut desired.objects);
    for (key, body) in objects {
        // A name that is a variable may hold a slash.
        let [group, kind, namespace, name] = key.splitn(4, '/').collect::<Vec<_>>()[..] else {
            panic!("{key} is no key");
        };
        let namespaced = defined.get(&(group.to_owned(), kind.to_owned())).copied();
        let built_in = BUILT_IN.contains(&group).then(|| !CLUSTER_SCOPED.contains(&kind));
        let namespace = match namespaced.or(built_in) {
            Some(true) if namespace.is_empty() => "default",
            Some(false) => "",
            _ => namespace,
        };
        desired.objects.insert(format!("{group}/{kind}/{namespace}/{name}"), body);
    }
}

#[test]
fn a_document_keeps_the_line_break_that_ends_its_last_block() {
    let text = "a: |\n  x\n---\nb: |+\n  y\n\n---\nc: |\n  z\n";
    assert_eq!(documents(text), ["a: |\n  x\n", "b: |+\n  y\n\n", "c: |\n  z\n"]);
    let read: Vec<Body> = documents(text).into_iter().flat_map(of_yaml).collect();
    assert_eq!(read, of_yaml(text));
}
