//! Discovery: which kinds the server serves, in two requests (KEP-3352), or in one for each version on old servers.

use super::connect::Connection;
use super::error::ClusterError;
use super::request::accept;
use crate::model::{KindInfo, Problem, Reason, Scopes, clean};
use serde::Deserialize;
use std::sync::Arc;

/// What a server says about itself.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The kinds it serves.
    pub scopes: Scopes,
    /// Its version, for example `v1.36.3`.
    pub version: Arc<str>,
    /// Groups that could not be asked, for example of an extension server that is down.
    pub problems: Vec<Problem>,
}

impl Connection {
    /// Asks for the server's version: the cheapest question that shows whether it can be read at all.
    pub async fn version(&self) -> Result<Arc<str>, ClusterError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let answer = self.fetch("/version", accept::JSON).await?;
        let version: Version =
            serde_json::from_slice(&answer).map_err(|error| self.malformed("the version", &error))?;
        Ok(clean(&version.git_version).into())
    }

    /// Asks which kinds are served.
    pub async fn discover(&self) -> Result<Discovered, ClusterError> {
        let version = self.version().await?;
        let mut found = Discovered { version, ..Discovered::default() };
        for root in ["/api", "/apis"] {
            let answer = self.fetch(root, accept::DISCOVERY).await?;
            let groups: Groups =
                serde_json::from_slice(&answer).map_err(|error| self.malformed("discovery", &error))?;
            match groups.kind.as_str() {
                "APIGroupDiscoveryList" => found.take(groups.items),
                _ => self.one_by_one(root, groups, &mut found).await?,
            }
        }
        Ok(found)
    }

    /// Servers before 1.26, and proxies that drop the `Accept` header, list groups only.
    async fn one_by_one(
        &self,
        root: &str,
        groups: Groups,
        found: &mut Discovered,
    ) -> Result<(), ClusterError> {
        let core = groups.versions.iter().map(|version| (String::new(), version.clone()));
        let named = groups.groups.iter().flat_map(|group| {
            let preferred = group.preferred_version.iter();
            let others = group
                .versions
                .iter()
                .filter(|v| Some(&v.version) != group.preferred_version.as_ref().map(|p| &p.version));
            preferred.chain(others).map(|v| (group.name.clone(), v.version.clone()))
        });
        // Collected first: closures over borrowed groups must not live across an await.
        let wanted: Vec<(String, String)> = core.chain(named).collect();
        for (group, version) in wanted {
            let path = if group.is_empty() {
                format!("{root}/{version}")
            } else {
                format!("{root}/{group}/{version}")
            };
            let list: ResourceList = match self.fetch(&path, accept::JSON).await {
                Ok(answer) => {
                    serde_json::from_slice(&answer).map_err(|error| self.malformed("discovery", &error))?
                }
                Err(error @ (ClusterError::Answer { .. } | ClusterError::Forbidden { .. })) => {
                    found.not_told(&group, &version, &error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            for resource in list.resources.iter().filter(|r| !r.name.contains('/')) {
                let kind = Resource {
                    resource: resource.name.clone(),
                    response_kind: Some(ResponseKind { kind: resource.kind.clone() }),
                    scope: if resource.namespaced { "Namespaced" } else { "Cluster" }.to_owned(),
                    verbs: resource.verbs.clone(),
                };
                found.add(&group, &version, &kind);
            }
        }
        Ok(())
    }
}

impl Discovered {
    fn take(&mut self, groups: Vec<Group>) {
        for group in groups {
            let name = group.metadata.name.unwrap_or_default();
            for version in group.versions {
                if version.freshness.as_deref() == Some("Stale") {
                    self.not_told(&name, &version.version, "the server that extends the API is out of reach");
                }
                version.resources.iter().for_each(|resource| self.add(&name, &version.version, resource));
            }
        }
    }

    /// Versions come preferred first; the first resource of a kind that can be listed stands for it.
    fn add(&mut self, group: &str, version: &str, resource: &Resource) {
        let Some(kind) = resource.response_kind.as_ref().map(|k| &k.kind).filter(|k| !k.is_empty()) else {
            return;
        };
        let can = |verb: &str| resource.verbs.iter().any(|v| v == verb);
        if !can("get") && !can("list") {
            return;
        }
        let info =
            self.scopes.kinds.entry((group.into(), kind.as_str().into())).or_insert_with(|| KindInfo {
                plural: resource.resource.as_str().into(),
                namespaced: resource.scope == "Namespaced",
                versions: Vec::new(),
                watchable: can("list") && can("watch"),
            });
        if *info.plural == *resource.resource && !info.versions.iter().any(|v| **v == *version) {
            info.versions.push(version.into());
        }
    }

    fn not_told(&mut self, group: &str, version: &str, why: &str) {
        self.problems.push(
            Problem::warning(
                Reason::Cluster,
                clean(&format!("the kinds of {group}/{version} are not known: {why}")),
            )
            .next(format!("see `kubectl get apiservice {version}.{group}`")),
        );
    }
}

/// Both forms of `/api` and `/apis`: aggregated (`items`), and the older lists of versions and of groups.
#[expect(clippy::struct_field_names, reason = "fields are named as Kubernetes names them")]
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Groups {
    kind: String,
    items: Vec<Group>,
    versions: Vec<String>,
    groups: Vec<OldGroup>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
struct GroupMeta {
    name: Option<String>,
}

#[expect(clippy::struct_field_names, reason = "fields are named as Kubernetes names them")]
#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
    freshness: Option<String>,
}

#[expect(clippy::struct_field_names, reason = "fields are named as Kubernetes names them")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldGroup {
    name: String,
    #[serde(default)]
    versions: Vec<OldVersion>,
    preferred_version: Option<OldVersion>,
}

#[derive(Deserialize)]
struct OldVersion {
    version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<OldResource>,
}

#[derive(Deserialize)]
struct OldResource {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}
