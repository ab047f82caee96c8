//! What `argocd-cm`, or the operator's `ArgoCD` object, says about Argo CD itself, if the repository declares it.

use super::spec::GROUP;
use crate::model::{Manifest, Problem, Reason};
use crate::render::kustomize::{BuildOptions, Order};
use crate::yaml::Node;
use std::collections::BTreeMap;

/// How Argo CD finds its objects again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Tracking {
    /// By the annotation `argocd.argoproj.io/tracking-id`; the default since v3.
    Annotation,
    /// By a label.
    Label,
    /// By the annotation, with the label for other tools.
    Both,
}

/// Settings of Argo CD.
#[derive(Clone, Debug)]
pub(in crate::render) struct Settings {
    /// The namespace of Argo CD itself.
    pub namespace: String,
    /// How objects are marked.
    pub tracking: Tracking,
    /// The label.
    pub label: String,
    /// The id of this installation among several; empty for none.
    pub installation: String,
    /// True if the repository says how kustomize is called.
    pub is_declared: bool,
    /// Source types that are switched off: their folders are taken as plain ones.
    pub disabled: Vec<&'static str>,
    /// How kustomize is called.
    pub options: Vec<String>,
    /// What is wrong with the settings.
    pub problems: Vec<Problem>,
}

/// Where the settings are called what, in `argocd-cm` and in the operator's object.
const NAMES: [(&str, &str); 6] = [
    ("application.resourceTrackingMethod", "resourceTrackingMethod"),
    ("application.instanceLabelKey", "applicationInstanceLabelKey"),
    ("installationID", "installationID"),
    ("kustomize.buildOptions", "kustomizeBuildOptions"),
    ("kustomize.enable", ""),
    ("helm.enable", ""),
];

/// True for what holds settings.
pub(in crate::render) fn holds_settings(manifest: &Manifest) -> bool {
    let key = &manifest.key;
    let is_map = key.group.is_empty() && &*key.kind == "ConfigMap" && &*key.name == "argocd-cm";
    is_map || (&*key.group == GROUP && &*key.kind == "ArgoCD")
}

impl Settings {
    /// Reads what the declared objects say.
    pub fn of<'m>(declared: impl Iterator<Item = &'m Manifest> + Clone) -> Self {
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        let mut problems = Vec::new();
        let mut is_declared = false;
        for manifest in declared.clone().filter(|m| holds_settings(m)) {
            is_declared = true;
            for (name, operators) in NAMES {
                let value = match &*manifest.key.kind {
                    "ConfigMap" => manifest.body.at_path(&["data", name]),
                    _ => manifest.body.at_path(&["spec", operators]),
                };
                let Some(text) = value.and_then(Node::scalar_text) else { continue };
                match values.get(name) {
                    Some(known) if known != text => problems.push(differs(manifest, name, known)),
                    _ => drop(values.insert(name, text.to_owned())),
                }
            }
        }
        let mut take = |name: &str| values.remove(name).unwrap_or_default();
        let method = take("application.resourceTrackingMethod");
        let tracking = match &*method {
            "label" => Tracking::Label,
            "annotation+label" => Tracking::Both,
            _ => Tracking::Annotation,
        };
        let label = take("application.instanceLabelKey");
        let disabled = [("kustomize.enable", "kustomize"), ("helm.enable", "helm")];
        Self {
            namespace: namespace(declared),
            tracking,
            label: if label.is_empty() { "app.kubernetes.io/instance".to_owned() } else { label },
            installation: take("installationID"),
            is_declared,
            disabled: disabled
                .iter()
                .filter(|(key, _)| take(key) == "false")
                .map(|(_, tool)| *tool)
                .collect(),
            options: take("kustomize.buildOptions").split_whitespace().map(str::to_owned).collect(),
            problems,
        }
    }

    /// How kustomize is called for an Application.
    pub fn build_options(&self) -> BuildOptions {
        let mut options = BuildOptions { partial: true, ..BuildOptions::default() };
        let mut words = self.options.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let (flag, own) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
            match flag {
                "--load-restrictor" => {
                    options.confined = own.or_else(|| words.next()) != Some("LoadRestrictionsNone");
                }
                "--reorder" if own.or_else(|| words.next()) == Some("none") => options.order = Order::None,
                "--enable-managedby-label" => options.managed_by_label = own != Some("false"),
                _ => {}
            }
        }
        options
    }

    /// True if kustomize may run programs, which generators of sealed files are.
    pub fn runs_plugins(&self) -> bool {
        !self.is_declared || self.options.iter().any(|word| word.starts_with("--enable-alpha-plugins"))
    }
}

fn differs(manifest: &Manifest, name: &str, taken: &str) -> Problem {
    let cause = format!("`{name}` of Argo CD is declared twice; `{}` is taken", crate::model::clean(taken));
    Problem::warning(Reason::Conflict, cause).at(&manifest.origin.file, manifest.origin.line)
}

/// The namespace of Argo CD itself: of its settings, else of most projects, which exist nowhere else.
fn namespace<'m>(declared: impl Iterator<Item = &'m Manifest> + Clone) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for manifest in declared {
        let weight = match &*manifest.key.kind {
            _ if manifest.key.namespace.is_empty() => continue,
            _ if holds_settings(manifest) => 1_000_000,
            "AppProject" => 1_000,
            "Application" | "ApplicationSet" if &*manifest.key.namespace == "argocd" => 100,
            "Application" | "ApplicationSet" => 1,
            _ => continue,
        };
        *counts.entry(&manifest.key.namespace).or_default() += weight;
    }
    let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
    most.map_or_else(|| "argocd".to_owned(), |(namespace, _)| namespace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::manifest;

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm, namespace: cd}\ndata:\n";

    #[test]
    fn without_a_word_the_defaults_of_version_3_hold() {
        let settings = Settings::of([].iter());
        assert_eq!((settings.tracking, &*settings.namespace), (Tracking::Annotation, "argocd"));
        assert!(settings.build_options().confined && !settings.is_declared);
    }

    #[test]
    fn the_config_map_and_the_operators_object_say_the_same_things() {
        let data = "  application.resourceTrackingMethod: annotation+label\n  installationID: two\n  helm.enable: 'false'\n\
                    \x20 kustomize.buildOptions: --enable-helm --load-restrictor LoadRestrictionsNone\n";
        let map = manifest(&format!("{MAP}{data}"));
        let settings = Settings::of([map].iter());
        assert_eq!((settings.tracking, &*settings.installation), (Tracking::Both, "two"));
        assert_eq!((&*settings.namespace, settings.disabled.as_slice()), ("cd", ["helm"].as_slice()));
        assert!(!settings.build_options().confined && !settings.runs_plugins());
        let object = manifest(
            "apiVersion: argoproj.io/v1beta1\nkind: ArgoCD\nmetadata: {name: a, namespace: openshift-gitops}\n\
             spec: {resourceTrackingMethod: label, kustomizeBuildOptions: '--load-restrictor=LoadRestrictionsNone'}\n",
        );
        let settings = Settings::of([object].iter());
        assert_eq!((settings.tracking, &*settings.namespace), (Tracking::Label, "openshift-gitops"));
        assert!(!settings.build_options().confined);
    }

    #[test]
    fn two_maps_that_differ_are_told() {
        let map = |method: &str| manifest(&format!("{MAP}  application.resourceTrackingMethod: {method}\n"));
        let settings = Settings::of([map("label"), map("annotation")].iter());
        assert_eq!(settings.problems.len(), 1);
        assert_eq!(settings.tracking, Tracking::Label);
    }
}
