//! Who may read what: the access reviews, and the refusals that tests ask for.

use super::answer::{self, Answer};
use super::kinds::Kind;
use http::StatusCode;
use serde_json::{Value, json};

/// Rules for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The bearer token that is asked for; `None` lets everybody in.
    pub token: Option<String>,
    /// The resource types that may be read (`group/plural`, the core group is empty); `None` for all.
    pub readable: Option<Vec<String>>,
}

impl Access {
    /// True if the credentials are right.
    pub(super) fn knows(&self, header: Option<&http::HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        header.and_then(|h| h.to_str().ok()).and_then(|h| h.strip_prefix("Bearer ")) == Some(token)
    }

    fn may(&self, verb: &str, group: &str, plural: &str, subresource: &str) -> bool {
        let reads = matches!(verb, "get" | "list" | "watch");
        let wanted = format!("{group}/{plural}");
        let acts = matches!(subresource, "exec" | "attach" | "portforward" | "proxy");
        reads && !acts && self.readable.as_ref().is_none_or(|list| list.contains(&wanted))
    }

    /// The answer 403, if this may not be read.
    pub(super) fn refuse(
        &self,
        verb: &str,
        kind: &Kind,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Option<Answer> {
        if self.may(verb, &kind.group, &kind.plural, "") {
            return None;
        }
        let resource = kind.resource();
        let subject = match name {
            Some(name) => format!("{resource} \"{name}\" is forbidden"),
            None => format!("{resource} is forbidden"),
        };
        let place = match namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{subject}: User \"sealane\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
            kind.plural, kind.group
        );
        let mut details = json!({"kind": kind.plural});
        if let Some(name) = name {
            details["name"] = json!(name);
        }
        if !kind.group.is_empty() {
            details["group"] = json!(kind.group);
        }
        Some(answer::failure(StatusCode::FORBIDDEN, "Forbidden", &message, details))
    }

    /// Answers an access review.
    pub(super) fn review(&self, plural: &str, question: &[u8]) -> Answer {
        let Ok(mut review) = serde_json::from_slice::<Value>(question) else {
            return answer::bad_request("the body of the request is no JSON");
        };
        if !review.is_object() {
            return answer::bad_request("the body of the request is no object");
        }
        let (kind, status) = match plural {
            "selfsubjectaccessreviews" => ("SelfSubjectAccessReview", self.decide(&review["spec"])),
            _ => ("SelfSubjectRulesReview", self.rules()),
        };
        review["kind"] = json!(kind);
        review["apiVersion"] = json!("authorization.k8s.io/v1");
        review["status"] = status;
        answer::json(StatusCode::CREATED, &review)
    }

    fn decide(&self, spec: &Value) -> Value {
        let text = |field: &str| spec["resourceAttributes"][field].as_str().unwrap_or("");
        let allowed = match spec.get("nonResourceAttributes") {
            Some(other) => other["verb"] == json!("get"),
            None => self.may(text("verb"), text("group"), text("resource"), text("subresource")),
        };
        if allowed {
            json!({"allowed": true})
        } else {
            json!({"allowed": false, "reason": "this cluster is only read"})
        }
    }

    fn rules(&self) -> Value {
        let verbs = json!(["get", "list", "watch"]);
        let rule =
            |group: &str, plural: &str| json!({"verbs": verbs, "apiGroups": [group], "resources": [plural]});
        let rules: Vec<Value> = match &self.readable {
            None => vec![rule("*", "*")],
            Some(list) => list.iter().filter_map(|r| r.split_once('/')).map(|(g, p)| rule(g, p)).collect(),
        };
        let other = json!([{"verbs": ["get"], "nonResourceURLs": ["*"]}]);
        json!({"resourceRules": rules, "nonResourceRules": other, "incomplete": false})
    }
}
