//! The text of a new SealedSecret, as `kubeseal` would make it.

use super::certificate::Certificate;
use super::edit::{label_of, sealed_value};
use super::{Identity, Scope};
use crate::model::{Problem, Reason};
use crate::seal::edit::Edit;
use crate::secret::SecretText;
use crate::yaml::source::Syntax;
use crate::yaml::{Map, Node, to_json, to_masked_string};

/// A SealedSecret that is to be written; nothing in it is a plaintext.
pub(super) struct Draft<'a> {
    /// What the file calls it.
    pub(super) identity: &'a Identity,
    /// What it is called in the end: its values are bound to that.
    pub(super) sealed_as: &'a Identity,
    pub(super) scope: Scope,
    pub(super) labels: &'a [(String, String)],
    pub(super) annotations: &'a [(String, String)],
    pub(super) kind: Option<&'a str>,
    pub(super) immutable: bool,
    pub(super) sealed: Vec<(String, String)>,
}

/// Makes a new file with one SealedSecret.
pub fn create(
    file: &str,
    identity: &Identity,
    scope: Scope,
    certificate: &Certificate,
    edits: Vec<Edit>,
) -> Result<Vec<u8>, Problem> {
    let label = label_of(scope, identity, file, 0)?;
    let mut sealed = Vec::new();
    for edit in edits {
        if let Edit::Set { key, value } = edit {
            let text = sealed_value(certificate, &label, &key, &value, file)?;
            sealed.push((key, text));
        }
    }
    if sealed.is_empty() {
        return Err(Problem::error(
            Reason::Refused,
            "a new SealedSecret without a value has nothing to seal",
        )
        .at(file, 0)
        .next("give a key and its value"));
    }
    let syntax = if crate::seal::format_of(file) == crate::model::SealedFormat::Json {
        Syntax::Json
    } else {
        Syntax::Yaml
    };
    let draft = Draft {
        identity,
        sealed_as: identity,
        scope,
        labels: &[],
        annotations: &[],
        kind: Some("Opaque"),
        immutable: false,
        sealed,
    };
    Ok(draft.text(syntax).into_bytes())
}

/// Seals every value under one label.
pub(super) fn sealed_values(
    certificate: &Certificate,
    label: &str,
    values: &[(String, SecretText)],
    file: &str,
) -> Result<Vec<(String, String)>, Problem> {
    let sealed = |(key, value): &(String, SecretText)| {
        Ok((key.clone(), sealed_value(certificate, label, key, value, file)?))
    };
    values.iter().map(sealed).collect()
}

impl Draft<'_> {
    pub(super) fn text(&self, syntax: Syntax) -> String {
        let node = self.node();
        match syntax {
            Syntax::Yaml | Syntax::Dotenv | Syntax::Ini => to_masked_string(&node),
            Syntax::Json => {
                let compact = to_json(&node);
                let pretty = serde_json::from_str::<serde_json::Value>(&compact)
                    .and_then(|value| serde_json::to_string_pretty(&value));
                let mut text = pretty.unwrap_or(compact);
                text.push('\n');
                text
            }
        }
    }

    fn node(&self) -> Node {
        let scope = self.scope.annotation().map(|name| (name.to_owned(), "true".to_owned()));
        let mut metadata = named(self.identity);
        if self.identity.namespace.is_empty() && !self.sealed_as.namespace.is_empty() {
            metadata = named(&Identity { name: self.identity.name.clone(), ..self.sealed_as.clone() });
        }
        if let Some(scope) = &scope {
            metadata.set("annotations", strings(std::slice::from_ref(scope)));
        }
        let mut inner = named(self.sealed_as);
        let annotations: Vec<_> = self.annotations.iter().chain(scope.as_ref()).cloned().collect();
        if !annotations.is_empty() {
            inner.set("annotations", strings(&annotations));
        }
        if !self.labels.is_empty() {
            inner.set("labels", strings(self.labels));
        }
        let mut template = Map::new();
        if self.immutable {
            template.set("immutable", Node::bool(true));
        }
        template.set("metadata", Node::map(inner));
        if let Some(kind) = self.kind {
            template.set("type", Node::string(kind));
        }
        let mut spec = Map::new();
        spec.set("encryptedData", strings(&self.sealed));
        spec.set("template", Node::map(template));
        let mut root = Map::new();
        root.set("apiVersion", Node::string("bitnami.com/v1alpha1"));
        root.set("kind", Node::string("SealedSecret"));
        root.set("metadata", Node::map(metadata));
        root.set("spec", Node::map(spec));
        Node::map(root)
    }
}

fn named(identity: &Identity) -> Map {
    let mut map = Map::new();
    map.set("name", Node::string(identity.name.clone()));
    if !identity.namespace.is_empty() {
        map.set("namespace", Node::string(identity.namespace.clone()));
    }
    map
}

fn strings(pairs: &[(String, String)]) -> Node {
    let mut map = Map::new();
    for (key, value) in pairs {
        map.set(key.as_str(), Node::string(value.as_str()));
    }
    Node::map(map)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FILE, ciphertext, controller, identity, only, opened, set};
    use super::*;

    #[test]
    fn a_new_one_opens_under_its_own_name_alone_in_each_scope() {
        let elsewhere = [Identity::new("shop", "other"), Identity::new("bank", "db")];
        for (scope, opens) in [
            (Scope::Strict, [false, false]),
            (Scope::NamespaceWide, [true, false]),
            (Scope::ClusterWide, [true, true]),
        ] {
            let edits = vec![set("password", "canary-4711"), set("tls.crt", "")];
            let made = create(FILE, &identity(), scope, &controller(), edits).expect("made");
            let sealed = only(&made);
            assert_eq!((sealed.scope, &sealed.identity, &sealed.problems), (scope, &identity(), &Vec::new()));
            let text = ciphertext(&made, "password");
            assert_eq!(opened(&text, scope, &identity()).as_deref(), Some(b"canary-4711".as_slice()));
            assert_eq!(elsewhere.each_ref().map(|other| opened(&text, scope, other).is_some()), opens);
            assert_eq!(
                opened(&ciphertext(&made, "tls.crt"), scope, &identity()).as_deref(),
                Some(b"".as_slice())
            );
            assert!(!String::from_utf8_lossy(&made).contains("canary"));
        }
    }

    #[test]
    fn json_stays_json() {
        let made = create("a.json", &identity(), Scope::ClusterWide, &controller(), vec![set("a", "b")])
            .expect("made");
        let value: serde_json::Value = serde_json::from_slice(&made).expect("JSON");
        assert_eq!(value["metadata"]["annotations"]["sealedsecrets.bitnami.com/cluster-wide"], "true");
    }

    #[test]
    fn nothing_is_made_that_could_not_open() {
        let made = |namespace: &str, name: &str, scope: Scope, edits: Vec<Edit>| {
            let identity = Identity::new(namespace, name);
            create(FILE, &identity, scope, &controller(), edits).err().map(|problem| problem.cause)
        };
        let one = || vec![set("a", "canary-4711")];
        assert!(made("", "db", Scope::Strict, one()).is_some_and(|cause| cause.contains("no namespace")));
        assert!(
            made("", "db", Scope::NamespaceWide, one()).is_some_and(|cause| cause.contains("no namespace"))
        );
        assert_eq!(made("", "db", Scope::ClusterWide, one()), None);
        assert!(made("shop", "", Scope::ClusterWide, one()).is_some_and(|cause| cause.contains("no name")));
        assert!(
            made("shop", "db", Scope::Strict, vec![]).is_some_and(|cause| cause.contains("nothing to seal"))
        );
    }
}
