//! Marks that tools leave on what they make: who owns a live object, as it says itself (diff.md 2.11).

use crate::model::{Live, ObjectKey};
use crate::yaml::Node;

/// An owner that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerMark {
    /// Which tool set the mark.
    pub tool: Tool,
    /// The owner. A Helm release without Flux has kind `Release` and no group.
    pub owner: ObjectKey,
}

/// Tools that mark what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Flux: labels of a Kustomization or `HelmRelease`.
    Flux,
    /// Argo CD: tracking id, or the label of a tracked application.
    Argo,
    /// Helm: annotations of a release.
    Helm,
    /// Config Sync.
    ConfigSync,
}

/// Who owns the object, as its marks say; the most specific one if there are several.
pub fn owner_marks(live: &Live) -> Option<OwnerMark> {
    flux(&live.body).or_else(|| argo(live)).or_else(|| helm(&live.body)).or_else(|| config_sync(&live.body))
}

fn text<'n>(body: &'n Node, map: &str, name: &str) -> Option<&'n str> {
    body.at_path(&["metadata", map])?.get(name)?.scalar_text().filter(|t| !t.is_empty())
}

fn flux(body: &Node) -> Option<OwnerMark> {
    [
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        ("helm.toolkit.fluxcd.io", "HelmRelease"),
        ("fluxcd.controlplane.io", "FluxInstance"),
        ("resourceset.fluxcd.controlplane.io", "ResourceSet"),
    ]
    .into_iter()
    .find_map(|(group, kind)| {
        let name = text(body, "labels", &format!("{group}/name"))?;
        let namespace = text(body, "labels", &format!("{group}/namespace"))?;
        let api = if kind == "ResourceSet" { "fluxcd.controlplane.io" } else { group };
        Some(OwnerMark { tool: Tool::Flux, owner: ObjectKey::new(api, kind, namespace, name) })
    })
}

/// `<app>:<group>/<kind>:<namespace>/<name>`; copies describe another object and say nothing about this one.
fn argo(live: &Live) -> Option<OwnerMark> {
    let id = text(&live.body, "annotations", "argocd.argoproj.io/tracking-id")?;
    let mut parts = id.splitn(3, ':');
    let (app, kind, object) = (parts.next()?, parts.next()?, parts.next()?);
    let (group, kind) = kind.split_once('/')?;
    let (namespace, name) = object.split_once('/')?;
    let described = (group, kind, name) == (&*live.key.group, &*live.key.kind, &*live.key.name)
        && (namespace == &*live.key.namespace || live.key.namespace.is_empty());
    if !described || app.is_empty() {
        return None;
    }
    let (namespace, app) = app.split_once('_').unwrap_or(("", app));
    Some(OwnerMark { tool: Tool::Argo, owner: ObjectKey::new("argoproj.io", "Application", namespace, app) })
}

fn helm(body: &Node) -> Option<OwnerMark> {
    let name = text(body, "annotations", "meta.helm.sh/release-name")?;
    let namespace = text(body, "annotations", "meta.helm.sh/release-namespace").unwrap_or("");
    Some(OwnerMark { tool: Tool::Helm, owner: ObjectKey::new("", "Release", namespace, name) })
}

/// `:root` or `<namespace>` stands for the default syncs, `<namespace>_<name>` and `:root_<name>` for named ones.
fn config_sync(body: &Node) -> Option<OwnerMark> {
    let manager = text(body, "annotations", "configsync.gke.io/manager")?;
    let (scope, name) = manager.split_once('_').unwrap_or((manager, ""));
    let owner = if scope == ":root" {
        let name = if name.is_empty() { "root-sync" } else { name };
        ObjectKey::new("configsync.gke.io", "RootSync", "config-management-system", name)
    } else {
        ObjectKey::new(
            "configsync.gke.io",
            "RepoSync",
            scope,
            if name.is_empty() { "repo-sync" } else { name },
        )
    };
    Some(OwnerMark { tool: Tool::ConfigSync, owner })
}
