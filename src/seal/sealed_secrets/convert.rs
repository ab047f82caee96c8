//! Secrets to SealedSecrets where they stand: in the clear or out of a SOPS file. Other documents of the file stay.

use super::certificate::Certificate;
use super::create::{Draft, sealed_values};
use super::edit::label_of;
use super::object::sealed_secrets;
use super::plain::{self, PlainSecret};
use super::{Identity, Scope};
use crate::model::{Problem, Reason};
use crate::seal::keys::Keyring;
use crate::seal::open;
use crate::seal::walk::read;
use crate::yaml::source::{Document, Edit, Item, Source, splice};
use std::sync::Arc;

/// What became of a file.
pub struct Converted {
    /// The new text.
    pub bytes: Vec<u8>,
    /// Every SealedSecret: what it is sealed as, its scope, and its keys by name.
    pub objects: Vec<(Identity, Scope, Vec<Arc<str>>)>,
    /// What was not taken over.
    pub left_out: Vec<String>,
    /// True if the values were sealed with SOPS, and not in the clear.
    pub was_sealed: bool,
}

/// Turns every Secret of a file into a SealedSecret. `called` tells what one is called in the end; without a scope that of
/// its annotations holds, as with `kubeseal`.
pub fn convert(
    bytes: &[u8],
    file: &str,
    keyring: &Keyring,
    certificate: &Certificate,
    scope: Option<Scope>,
    called: &dyn Fn(&Identity, Scope) -> Result<Identity, Problem>,
) -> Result<Converted, Problem> {
    let source = read(bytes, file)?;
    let was_sealed = source.documents.iter().any(|document| of_sops(document.root.as_ref()));
    let opened = if was_sealed {
        let open = open::open(bytes, file, keyring).map_err(|e| e.0)?;
        Some(open.documents)
    } else {
        None
    };
    let secrets = plain::secrets(&source, file, opened)?;
    let (mut edits, mut objects, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for secret in secrets {
        let scope = scope.unwrap_or(secret.scope);
        let sealed_as = called(&secret.identity, scope)?;
        edits.push(Edit {
            range: secret.span.clone(),
            text: sealed_text(&source, file, &secret, &sealed_as, scope, certificate)?,
        });
        objects.push((sealed_as, scope, secret.values.iter().map(|(key, _)| key.as_str().into()).collect()));
        left_out.extend(secret.left_out);
    }
    let comments = source.documents.iter().map(comments).sum::<usize>();
    if comments > 0 {
        left_out.push(if comments == 1 { "a comment".to_owned() } else { format!("{comments} comments") });
    }
    let text = splice(source.text, &edits);
    prove(text.as_bytes(), file, &objects)?;
    Ok(Converted { bytes: text.into_bytes(), objects, left_out, was_sealed })
}

fn of_sops(root: Option<&Item<'_>>) -> bool {
    root.is_some_and(|root| root.get("sops").is_some())
}

fn sealed_text(
    source: &Source<'_>,
    file: &str,
    secret: &PlainSecret,
    sealed_as: &Identity,
    scope: Scope,
    certificate: &Certificate,
) -> Result<String, Problem> {
    let label = label_of(scope, sealed_as, file, secret.line)?;
    let draft = Draft {
        identity: &secret.identity,
        sealed_as,
        scope,
        labels: &secret.labels,
        annotations: &secret.annotations,
        kind: secret.kind.as_deref(),
        immutable: secret.immutable,
        sealed: sealed_values(certificate, &label, &secret.values, file)?,
    };
    let mut text = draft.text(source.syntax);
    let old = &source.text[secret.span.clone()];
    if old.starts_with('\n') {
        text.insert(0, '\n');
    }
    if !old.ends_with('\n') {
        text.truncate(text.trim_end_matches('\n').len());
    }
    Ok(if source.line_break() == "\r\n" { text.replace('\n', "\r\n") } else { text })
}

/// The comments of a document that goes.
fn comments(document: &Document<'_>) -> usize {
    let is_secret = |root: &Item<'_>| {
        root.get("kind").and_then(|entry| entry.value.as_leaf()).is_some_and(|kind| &*kind.text == "Secret")
    };
    let Some(root) = document.root.as_ref().filter(|root| is_secret(root)) else { return 0 };
    document.comments.len() + comments_in(root)
}

fn comments_in(item: &Item<'_>) -> usize {
    use crate::yaml::source::MapPart;
    let Some(map) = item.as_map() else { return 0 };
    let parts = map.parts.iter().map(|part| match part {
        MapPart::Comment(_) => 1,
        MapPart::Entry(entry) => entry.trailing.len() + comments_in(&entry.value),
    });
    parts.sum()
}

/// Reads the result again: what was to be sealed is, under the names that were told.
fn prove(after: &[u8], file: &str, objects: &[(Identity, Scope, Vec<Arc<str>>)]) -> Result<(), Problem> {
    let made = sealed_secrets(file, after);
    let holds = objects.iter().all(|(identity, scope, keys)| {
        made.iter().any(|sealed| {
            sealed.sealed_as == *identity
                && sealed.scope == *scope
                && keys.iter().all(|key| sealed.keys.iter().any(|k| k.name == *key && k.bits.is_some()))
        })
    });
    if holds && plain::secret_names(file, after).is_none() {
        return Ok(());
    }
    Err(Problem::error(Reason::Refused, "the file would not hold what it should: nothing was changed")
        .at(file, 0)
        .next("give each Secret a file of its own, then try again"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FILE, ciphertext, controller, identity, only, opened};
    use super::*;
    use crate::seal::testing::{CART, OPS, ring};

    const PLAIN: &str = "# head\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: v1\nkind: Secret\n\
        metadata:\n  name: db\n  namespace: shop\n  uid: 1-2\n  finalizers: [a]\n  labels: {app: db}\n  annotations:\n    \
        note: kept\n    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":\"canary-4711\"}'\n\
        type: example.com/db\nimmutable: true\ndata:\n  a: aHVudGVy\n    Mg==\n  b: eA==\nstringData:\n  b: canary-4711 # why\n  c: \"\"\n\
        ---\napiVersion: v1\nkind: Service\nmetadata: {name: y}   # tail\n";

    const SAME: fn(&Identity, Scope) -> Result<Identity, Problem> = |identity, _| Ok(identity.clone());

    #[test]
    fn a_plain_secret_is_sealed_and_its_neighbours_stay() {
        // A number split over lines is one text in YAML, with a blank: that is no base64.
        let plain = PLAIN.replace("aHVudGVy\n    Mg==", "aHVudGVyMg==");
        let ring = Keyring::default();
        let done = convert(plain.as_bytes(), FILE, &ring, &controller(), None, &SAME).expect("converted");
        let text = String::from_utf8(done.bytes.clone()).expect("text");
        // Fields, since a ciphertext may hold any three letters.
        assert!(!text.contains("canary") && !text.contains(": eA==") && !text.contains("uid:"), "{text}");
        let (head, tail) = (plain.find("apiVersion: v1\nkind: Secret"), plain.rfind("---"));
        assert!(
            text.starts_with(&plain[..head.expect("there")])
                && text.ends_with(&plain[tail.expect("there")..])
        );
        for (key, value) in [("a", "hunter2"), ("b", "canary-4711"), ("c", "")] {
            let value_there = opened(&ciphertext(text.as_bytes(), key), Scope::Strict, &identity());
            assert_eq!(value_there.as_deref(), Some(value.as_bytes()), "{key}");
        }
        assert!(
            text.contains("    immutable: true\n") && text.contains("    type: example.com/db\n"),
            "{text}"
        );
        assert!(text.contains("note: kept") && text.contains("app: db"));
        assert_eq!(done.left_out, ["metadata.finalizers", "a comment"]);
        assert!(!done.was_sealed && only(text.as_bytes()).problems.is_empty());
    }

    #[test]
    fn a_file_of_sops_is_sealed_without_a_plaintext_on_the_way() {
        let called = |_: &Identity, _: Scope| Ok(identity());
        let wide = Some(Scope::NamespaceWide);
        let done =
            convert(CART.as_bytes(), FILE, &ring(OPS), &controller(), wide, &called).expect("converted");
        assert!(done.was_sealed && !String::from_utf8_lossy(&done.bytes).contains("sops"));
        let value = opened(&ciphertext(&done.bytes, "username"), Scope::NamespaceWide, &identity());
        assert_eq!(value.as_deref(), Some(b"cart".as_slice()));
        let closed = convert(CART.as_bytes(), FILE, &Keyring::default(), &controller(), wide, &called);
        assert!(closed.is_err_and(|problem| problem.reason == Reason::NeedsKey));
    }

    #[test]
    fn annotations_say_the_scope_as_they_do_to_kubeseal() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  annotations: \
            {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\nstringData: {a: b}\n";
        let done = convert(text.as_bytes(), FILE, &Keyring::default(), &controller(), None, &SAME)
            .expect("converted");
        assert_eq!(only(&done.bytes).scope, Scope::ClusterWide);
        let strict =
            convert(text.as_bytes(), FILE, &Keyring::default(), &controller(), Some(Scope::Strict), &SAME);
        assert!(strict.is_err_and(|problem| problem.cause.contains("no namespace")));
    }

    #[test]
    fn what_is_no_secret_of_kubernetes_is_refused_without_its_value() {
        let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n";
        let cases = [
            ("data: {a: canary-4711}\n", "is no base64"),
            ("stringData: {a: 4711}\n", "is no text"),
            ("stringData: {a: {b: canary-4711}}\n", "is no text"),
            ("stringData: {\"a b\": canary-4711}\n", "is no key of a Secret"),
            ("stringData: {}\n", "holds no value"),
            ("", "holds no value"),
            ("stringData: {a: [canary-4711\n", "cannot be read"),
        ];
        for (tail, wanted) in cases {
            let text = format!("{head}{tail}");
            let problem = convert(text.as_bytes(), FILE, &Keyring::default(), &controller(), None, &SAME);
            let problem = problem.err().unwrap_or_else(|| panic!("{tail} is refused"));
            assert!(problem.cause.contains(wanted) && !problem.next.is_empty(), "{tail}: {problem}");
            assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
        }
        let other = convert(b"kind: ConfigMap\n", FILE, &Keyring::default(), &controller(), None, &SAME);
        assert!(other.is_err_and(|problem| problem.cause.contains("holds no Secret")));
    }
}
