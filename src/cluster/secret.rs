//! A whole Secret by its name, values and all, where a person asks to seal it. Every other way in ends in digests.

use super::error::ClusterError;
use super::object::unescaped;
use super::read::Reader;
use super::request::accept;
use crate::model::{LiveSecret, ObjectKey, SecretFrame};
use crate::secret::SecretText;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A Secret as the server writes it; its values stay in the answer's own buffer, which is wiped.
#[derive(Deserialize)]
struct Whole<'a> {
    metadata: Metadata,
    #[serde(rename = "type", default)]
    secret_type: String,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(borrow, default)]
    data: Option<BTreeMap<String, &'a RawValue>>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Domains whose labels and annotations controllers write.
const CONTROLLERS: [&str; 8] = [
    "fluxcd.io",
    "argoproj.io",
    "helm.sh",
    "kubernetes.io",
    "k8s.io",
    "sealedsecrets.bitnami.com",
    "cert-manager.io",
    "external-secrets.io",
];

impl Reader {
    /// Reads one Secret with its values; without a namespace in that of the context. `None` if it does not exist.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<LiveSecret>, ClusterError> {
        let key = ObjectKey {
            group: "".into(),
            kind: "Secret".into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let Some(answer) = self.fetch(&key, "v1", accept::JSON).await? else { return Ok(None) };
        let whole: Whole<'_> = serde_json::from_slice(&answer)
            .map_err(|error| self.connection().malformed(&key.to_string(), &error))?;
        Ok(Some(whole.into_secret()))
    }
}

impl Whole<'_> {
    fn into_secret(self) -> LiveSecret {
        let mut left_out = Vec::new();
        let mut kept = |pairs: Option<BTreeMap<String, String>>| {
            let (own, foreign): (Vec<_>, Vec<_>) =
                pairs.unwrap_or_default().into_iter().partition(|(key, _)| !is_of_controller(key));
            left_out.extend(foreign.into_iter().map(|(key, _)| key));
            own
        };
        let (labels, annotations) = (kept(self.metadata.labels), kept(self.metadata.annotations));
        let value = |raw: &RawValue| {
            let inner = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            SecretText::from_vec(unescaped(inner.unwrap_or_default().as_bytes()))
        };
        let values = self.data.unwrap_or_default().into_iter().map(|(key, raw)| (key, value(raw)));
        LiveSecret {
            values: values.collect(),
            left_out,
            frame: SecretFrame {
                namespace: self.metadata.namespace,
                name: self.metadata.name,
                secret_type: self.secret_type,
                labels,
                annotations,
                immutable: self.immutable == Some(true),
            },
        }
    }
}

/// True for what a controller or the server writes; `app.kubernetes.io` is what people write, but for who manages it.
fn is_of_controller(key: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else { return false };
    if domain == "app.kubernetes.io" {
        return name == "managed-by";
    }
    CONTROLLERS
        .iter()
        .any(|own| domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_and_controllers_wrote_is_left_out() {
        let json = r#"{"kind":"Secret","metadata":{"name":"db","namespace":"shop","uid":"1","resourceVersion":"7",
            "labels":{"team":"shop","app.kubernetes.io/name":"db","app.kubernetes.io/managed-by":"Helm","kustomize.toolkit.fluxcd.io/name":"a"},
            "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","note":"x"},
            "managedFields":[{"manager":"x"}]},"data":{"b":"Y2FuYXJ5","a":null,"c":"Y\/8="},"type":"kubernetes.io/tls","immutable":true}"#;
        let whole: Whole<'_> = serde_json::from_str(json).expect("a Secret");
        let secret = whole.into_secret();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let frame = SecretFrame {
            namespace: "shop".into(),
            name: "db".into(),
            secret_type: "kubernetes.io/tls".into(),
            labels: vec![pair("app.kubernetes.io/name", "db"), pair("team", "shop")],
            annotations: vec![pair("note", "x")],
            immutable: true,
        };
        assert_eq!(secret.frame, frame);
        assert_eq!(secret.left_out.len(), 3);
        let values: Vec<_> =
            secret.values.iter().map(|(key, value)| (&**key, value.expose_secret())).collect();
        assert_eq!(values, [("a", &b""[..]), ("b", b"Y2FuYXJ5"), ("c", b"Y/8=")]);
    }
}
