//! Access reviews: what the server would let us read, asked beforehand.

use super::connect::Connection;
use super::error::ClusterError;
use crate::model::clean;
use serde::Deserialize;
use serde_json::json;

/// What a server said about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// True if it may be done.
    pub allowed: bool,
    /// Why (not), if the server says so; safe for a screen.
    pub reason: String,
}

/// One rule: these verbs on these resources.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `get`, `list` …, or `*`.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// API groups, or `*`.
    #[serde(default)]
    pub api_groups: Vec<String>,
    /// Resource types, or `*`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Names that it is limited to; none means all.
    #[serde(default)]
    pub resource_names: Vec<String>,
}

#[derive(Deserialize)]
struct Review<S> {
    status: S,
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    #[serde(default)]
    resource_rules: Vec<Rule>,
    #[serde(default)]
    incomplete: bool,
}

impl Connection {
    /// Whether the verb is allowed on a resource type (`deployments` of `apps`); an empty namespace means all.
    pub async fn can(
        &self,
        verb: &str,
        group: &str,
        plural: &str,
        namespace: &str,
    ) -> Result<Allowed, ClusterError> {
        let attributes = json!({"verb": verb, "group": group, "resource": plural, "namespace": namespace});
        let spec = json!({"resourceAttributes": attributes});
        let Review { status } = self.review::<Decision>("SelfSubjectAccessReview", &spec).await?;
        Ok(Allowed { allowed: status.allowed, reason: clean(&status.reason) })
    }

    /// The rules that hold in a namespace, and whether they are all.
    pub async fn rules(&self, namespace: &str) -> Result<(Vec<Rule>, bool), ClusterError> {
        let spec = json!({"namespace": namespace});
        let Review { status } = self.review::<Rules>("SelfSubjectRulesReview", &spec).await?;
        Ok((status.resource_rules, !status.incomplete))
    }

    async fn review<S: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
        spec: &serde_json::Value,
    ) -> Result<Review<S>, ClusterError> {
        let question = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
        let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_lowercase());
        let answer = self.ask(&path, question.to_string().into_bytes()).await?;
        serde_json::from_slice(&answer).map_err(|error| self.malformed("an access review", &error))
    }
}
