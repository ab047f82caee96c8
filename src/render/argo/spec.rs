//! An Argo CD Application as its object says it.

use super::fields::{Fields, present};
use crate::model::{Manifest, ObjectKey, Origin, Problem, ProducerSpec, Reason};
use crate::render::flux::spec::clean_path;
use crate::render::kustomize::Text;
use crate::yaml::Node;

/// The group of Argo CD's kinds.
pub(in crate::render) const GROUP: &str = "argoproj.io";

/// The cluster that Argo CD itself runs in.
const IN_CLUSTER: [&str; 2] = ["https://kubernetes.default.svc", "in-cluster"];

/// An Application.
#[derive(Clone, Debug)]
pub(in crate::render) struct Application {
    /// Its identity.
    pub key: ObjectKey,
    /// Where it is declared.
    pub origin: Origin,
    /// The whole object.
    pub body: Node,
    /// Where its manifests come from.
    pub sources: Vec<Source>,
    /// True for `spec.sources`: then a source may only lend its files to others.
    pub has_several: bool,
    /// Where they go.
    pub destination: Destination,
    /// The project that it belongs to.
    pub project: String,
    /// What is wrong with the object itself.
    pub problems: Vec<Problem>,
}

/// One source.
#[derive(Clone, Debug)]
pub(in crate::render) struct Source {
    /// All of it, with the blocks of the tools.
    pub node: Node,
    /// How it is called in problems: `spec.source`, `spec.sources[1]`.
    pub field: String,
    /// `repoURL`
    pub url: Text,
    /// `path`, as written.
    pub path: Text,
    /// `chart`
    pub chart: Text,
    /// `targetRevision`
    pub revision: Text,
    /// `ref`
    pub reference: Text,
}

/// The cluster and namespace that objects go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::render) struct Destination {
    /// The API server's URL, or the cluster's name in Argo CD; empty for Argo CD's own cluster.
    pub cluster: String,
    /// The namespace of objects that name none.
    pub namespace: String,
}

/// Fields of a source.
const SOURCE: [&str; 10] =
    ["repoURL", "path", "targetRevision", "helm", "kustomize", "directory", "plugin", "chart", "ref", "name"];

/// True for what Argo CD renders itself.
pub(in crate::render) fn is_application(key: &ObjectKey) -> bool {
    &*key.group == GROUP && &*key.kind == "Application"
}

/// True for a set of Applications.
pub(in crate::render) fn is_set(key: &ObjectKey) -> bool {
    &*key.group == GROUP && &*key.kind == "ApplicationSet"
}

impl Application {
    /// Reads an object; `None` if it is no Application, or a patch of one.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        if !is_application(&manifest.key) {
            return None;
        }
        let spec = manifest.body.get("spec")?;
        let mut fields = Fields::new(&manifest.origin);
        let has_several = !fields.list(spec, "spec", "sources").is_empty();
        let mut sources = Vec::new();
        if has_several {
            for (place, node) in fields.list(spec, "spec", "sources").iter().enumerate() {
                sources.push(Source::of(node, format!("spec.sources[{place}]"), &mut fields));
            }
        } else if let Some(node) = present(spec, "source") {
            sources.push(Source::of(node, "spec.source".to_owned(), &mut fields));
        } else if present(spec, "sourceHydrator").is_none() {
            return None;
        }
        let destination = destination(spec, &mut fields);
        let project = fields.text(spec, "spec", "project").text;
        let application = Self {
            key: manifest.key.clone(),
            origin: manifest.origin.clone(),
            body: manifest.body.clone(),
            sources,
            has_several,
            destination,
            project: if project.is_empty() { "default".to_owned() } else { project.to_string() },
            problems: fields.problems,
        };
        Some(application)
    }

    /// The name that Argo CD gives its objects: that of an Application outside of Argo CD's own namespace begins with
    /// its namespace.
    pub fn instance(&self, own_namespace: &str) -> String {
        if self.key.namespace.is_empty() || *self.key.namespace == *own_namespace {
            return self.key.name.to_string();
        }
        format!("{}_{}", self.key.namespace, self.key.name)
    }

    /// What the controller is asked for. An Application that is synced by hand is not suspended.
    pub fn producer(&self) -> ProducerSpec {
        let automated = self.body.at_path(&["spec", "syncPolicy", "automated"]).filter(|n| !n.is_null());
        let is_set = |name: &str| automated.and_then(|a| a.get(name)).and_then(Node::as_bool);
        let skips = ["metadata", "annotations", "argocd.argoproj.io/skip-reconcile"];
        // The first source with a folder is where a person would look.
        let path = self.sources.iter().map(|source| &*source.path).find(|path| !path.is_empty());
        ProducerSpec {
            path: clean_path(path.unwrap_or("")).into(),
            suspend: self.body.str_at(&skips) == Some("true"),
            prune: is_set("prune") == Some(true) && is_set("enabled") != Some(false),
            ..ProducerSpec::default()
        }
    }

    /// True if its objects come out of a branch that Argo CD writes itself.
    pub fn is_hydrated(&self) -> bool {
        self.body.at_path(&["spec", "sourceHydrator"]).is_some_and(|node| !node.is_null())
    }
}

impl Source {
    fn of(node: &Node, field: String, fields: &mut Fields<'_>) -> Self {
        fields.check_names(node, &field, &SOURCE);
        let source = Self {
            url: fields.text(node, &field, "repoURL"),
            path: fields.text(node, &field, "path"),
            chart: fields.text(node, &field, "chart"),
            revision: fields.text(node, &field, "targetRevision"),
            reference: fields.text(node, &field, "ref"),
            node: node.clone(),
            field,
        };
        let needs = match source.url.is_empty() {
            true => Some("repoURL"),
            false if source.path.is_empty() && source.chart.is_empty() && source.reference.is_empty() => {
                Some("path, chart or ref")
            }
            false => None,
        };
        if let Some(needs) = needs {
            let cause = format!("`{}` needs {needs}: Argo CD refuses the Application", source.field);
            let name = source.field.clone();
            fields.tell(Problem::error(Reason::InvalidObject, cause), node, &name);
        }
        source
    }
}

fn destination(spec: &Node, fields: &mut Fields<'_>) -> Destination {
    let Some(node) = present(spec, "destination") else {
        let cause = "`spec.destination` is missing: Argo CD refuses the Application";
        fields.tell(Problem::error(Reason::InvalidObject, cause), spec, "spec.destination");
        return Destination::default();
    };
    fields.check_names(node, "spec.destination", &["server", "namespace", "name"]);
    let server = fields.text(node, "spec.destination", "server").text;
    let name = fields.text(node, "spec.destination", "name").text;
    let namespace = fields.text(node, "spec.destination", "namespace").text.to_string();
    let wrong = match (server.is_empty(), name.is_empty()) {
        (true, true) => Some("names no cluster"),
        (false, false) => Some("has both server and name"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        let cause = format!("`spec.destination` {wrong}: Argo CD refuses the Application");
        let next = "give server or name, not both";
        fields.tell(Problem::error(Reason::InvalidObject, cause).next(next), node, "spec.destination");
    }
    let cluster = if server.is_empty() { &name } else { &server };
    let is_own = IN_CLUSTER.contains(&cluster.trim_end_matches('/'));
    Destination { cluster: if is_own { String::new() } else { cluster.to_string() }, namespace }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::application;

    #[test]
    fn an_application_is_read_with_its_sources_and_its_destination() {
        let app = application(
            "spec:\n  sources:\n  - {repoURL: https://x/a, path: ./apps/}\n  - {repoURL: https://x/b, ref: values}\n\
             \x20 destination: {name: in-cluster, namespace: shop}\n  syncPolicy: {automated: {prune: true}}\n",
        );
        assert!(app.has_several && app.sources.len() == 2 && app.problems.is_empty(), "{:?}", app.problems);
        assert_eq!(app.destination, Destination { cluster: String::new(), namespace: "shop".to_owned() });
        let producer = app.producer();
        assert!(producer.prune && !producer.suspend && &*producer.path == "apps");
        assert_eq!(
            (app.instance("argocd"), app.instance("other")),
            ("web".to_owned(), "argocd_web".to_owned())
        );
    }

    #[test]
    fn what_argo_cd_refuses_is_told_with_its_place() {
        let app = application(
            "spec:\n  source:\n    repoURL: [x]\n    pahth: a\n  destination: {server: https://k, name: k}\n",
        );
        let told: Vec<_> = app
            .problems
            .iter()
            .map(|p| (p.place.as_ref().map_or(0, |place| place.line), p.cause.as_str(), p.next.as_str()))
            .collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].1.contains("pahth") && told[0].0 == 7 && told[0].2.contains("`path`"), "{told:?}");
        assert!(told[1].1.contains("`spec.source.repoURL` needs a text") && told[1].0 == 6, "{told:?}");
        assert!(
            told[2].1.contains("needs repoURL") && told[3].1.contains("both server and name"),
            "{told:?}"
        );
    }

    #[test]
    fn an_application_that_is_synced_by_hand_is_not_suspended() {
        let app = application("spec:\n  source: {repoURL: x, path: a}\n  destination: {name: in-cluster}\n");
        assert!(!app.producer().suspend && !app.producer().prune);
    }
}
