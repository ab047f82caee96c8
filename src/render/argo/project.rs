//! What an `AppProject` forbids its Applications: Argo CD refuses what is not permitted, so it is told.

use super::glob::Glob;
use super::spec::{Application, GROUP};
use crate::model::{Manifest, Problem, Reason, clean};
use crate::render::scopes::Known;
use crate::yaml::Node;
use std::collections::BTreeSet;

/// True for projects.
pub(in crate::render) fn is_project(manifest: &Manifest) -> bool {
    &*manifest.key.group == GROUP && &*manifest.key.kind == "AppProject"
}

/// What a project forbids an Application and its objects.
pub(in crate::render) fn check<'m>(
    project: &Manifest,
    app: &Application,
    objects: impl Iterator<Item = &'m Manifest>,
    scopes: &Known<'_>,
) -> Vec<Problem> {
    let spec = project.body.get("spec").cloned().unwrap_or_else(Node::null);
    let mut causes: Vec<String> = Vec::new();
    for source in &app.sources {
        if !permits_source(&spec, &source.url) {
            causes.push(format!("the source {}", clean(&source.url)));
        }
    }
    let to = &app.destination;
    if !permits_destination(&spec, &to.cluster, &to.namespace) {
        let cluster = if to.cluster.is_empty() { "Argo CD's own cluster" } else { &*to.cluster };
        causes.push(format!("the destination {}, namespace {}", clean(cluster), clean(&to.namespace)));
    }
    let mut refused = BTreeSet::new();
    for manifest in objects {
        let (key, cluster_wide) =
            (&manifest.key, scopes.is_cluster_wide(&manifest.key.group, &manifest.key.kind));
        if !permits_kind(&spec, &key.group, &key.kind, cluster_wide) {
            refused.insert(format!("the kind {}", key.kind));
        } else if !cluster_wide && !permits_destination(&spec, &to.cluster, &key.namespace) {
            refused.insert(format!("objects in the namespace {}", key.namespace));
        }
    }
    causes.extend(refused);
    if causes.is_empty() {
        return Vec::new();
    }
    let declared = format!("{} in {}:{}", project.key, project.origin.file, project.origin.line);
    let cause = format!("Argo CD refuses it: {declared} does not permit {}", causes.join(", "));
    vec![Problem::warning(Reason::Refused, cause).at(&app.origin.file, app.origin.line)]
}

fn texts<'n>(spec: &'n Node, name: &str) -> Vec<&'n str> {
    let list = spec.get(name).and_then(Node::as_seq).unwrap_or_default();
    list.iter().filter_map(Node::scalar_text).collect()
}

/// Pattern and value as projects match them: `!` negates.
fn fits(pattern: &str, value: &str, separator: Option<char>) -> bool {
    match pattern.strip_prefix('!') {
        Some(denied) => !Glob::separated(denied, separator).matches(value),
        None => pattern == "*" || Glob::separated(pattern, separator).matches(value),
    }
}

/// A URL as projects compare it.
fn normal(url: &str) -> String {
    let url = url.trim().to_lowercase();
    url.strip_suffix(".git").unwrap_or(&url).to_owned()
}

fn permits_source(spec: &Node, url: &str) -> bool {
    let url = normal(url);
    let mut any = false;
    for pattern in texts(spec, "sourceRepos") {
        let pattern = match pattern.strip_prefix('!') {
            Some(denied) => format!("!{}", normal(denied)),
            None => normal(pattern),
        };
        let matched = fits(&pattern, &url, Some('/'));
        if !matched && pattern.starts_with('!') {
            return false;
        }
        any |= matched;
    }
    any
}

/// Only one of name and server of a cluster is known: what is said of the other one may fit.
fn permits_destination(spec: &Node, cluster: &str, namespace: &str) -> bool {
    let (server, name) = match cluster {
        "" => (Some("https://kubernetes.default.svc"), Some("in-cluster")),
        url if url.contains("://") => (Some(url), None),
        name => (None, Some(name)),
    };
    let mut any = false;
    for item in spec.get("destinations").and_then(Node::as_seq).unwrap_or_default() {
        let text = |key: &str| item.get(key).and_then(Node::scalar_text).unwrap_or("");
        let may = |pattern: &str, value: Option<&str>| match value {
            Some(value) => fits(pattern, value, None),
            None => !pattern.is_empty(),
        };
        let (by_server, by_name) = (may(text("server"), server), may(text("name"), name));
        let in_namespace = fits(text("namespace"), namespace, None);
        if (by_server || by_name) && in_namespace {
            any = true;
        } else if (!by_name && text("name").starts_with('!'))
            || (!by_server && text("server").starts_with('!') && in_namespace)
            || (!in_namespace && text("namespace").starts_with('!') && by_server)
        {
            return false;
        }
    }
    any
}

fn permits_kind(spec: &Node, group: &str, kind: &str, cluster_wide: bool) -> bool {
    let listed = |name: &str| {
        let list = spec.get(name).and_then(Node::as_seq)?;
        let text =
            |item: &Node, key: &str| item.get(key).and_then(Node::scalar_text).unwrap_or("").to_owned();
        let is = |item: &Node| {
            Glob::new(&text(item, "group")).matches(group) && Glob::new(&text(item, "kind")).matches(kind)
        };
        Some(list.iter().any(is))
    };
    if cluster_wide {
        return listed("clusterResourceWhitelist") == Some(true)
            && listed("clusterResourceBlacklist") != Some(true);
    }
    listed("namespaceResourceWhitelist") != Some(false) && listed("namespaceResourceBlacklist") != Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::{application, manifest};

    const APP: &str = "spec:\n  source: {repoURL: https://git.example/shop/config.git, path: a}\n\
                       \x20 destination: {name: in-cluster, namespace: shop}\n";

    fn told(spec: &str, object: &str) -> Vec<String> {
        let project = manifest(&format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: p}}\nspec: {spec}\n"
        ));
        let object = manifest(object);
        let scopes = Known::of(None, [].into_iter());
        let problems = check(&project, &application(APP), [&object].into_iter(), &scopes);
        problems
            .into_iter()
            .map(|p| p.cause.split_once("not permit ").map_or(String::new(), |(_, c)| c.to_owned()))
            .collect()
    }

    #[test]
    fn what_a_project_forbids_is_told() {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: shop}\n";
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
        let open =
            "{sourceRepos: ['https://git.example/shop/*'], destinations: [{server: '*', namespace: shop}]}";
        assert!(told(open, service).is_empty());
        assert_eq!(told(open, namespace), ["the kind Namespace"]);
        let closed = "{sourceRepos: ['https://git.example/*', '!https://git.example/shop/config'], destinations: [{name: in-cluster, namespace: 'a*'}]}";
        let causes = told(closed, service).remove(0);
        assert!(
            causes.starts_with("the source https://git.example/shop/config.git, the destination"),
            "{causes}"
        );
        let kinds = "{sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}], namespaceResourceBlacklist: [{group: '', kind: 'S*'}], clusterResourceWhitelist: [{group: '*', kind: '*'}]}";
        assert_eq!(told(kinds, service), ["the kind Service"]);
        assert!(told(kinds, namespace).is_empty());
    }
}
