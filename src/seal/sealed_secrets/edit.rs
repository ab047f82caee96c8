//! Keys of a SealedSecret set and removed; every other byte of the file stays as it is.

use super::certificate::Certificate;
use super::envelope;
use super::object::sealed_secrets;
use super::{Identity, Scope, SealedSecret};
use crate::model::{ObjectKey, Problem, Reason, clean};
use crate::seal::edit::{Edit, as_text};
use crate::seal::walk::read;
use crate::secret::SecretText;
use crate::yaml::source::{Item, Map, Source, Syntax, splice};
use std::collections::BTreeMap;

/// The longest name that Kubernetes takes for a key.
const LONGEST_KEY: usize = 253;

/// Changes keys of one SealedSecret, `sealed`, in the text it was read from; new values open as `identity`.
pub fn edit(
    bytes: &[u8],
    file: &str,
    sealed: &SealedSecret,
    identity: &Identity,
    certificate: &Certificate,
    edits: Vec<Edit>,
) -> Result<Vec<u8>, Problem> {
    let mut text = as_text(bytes, file)?.to_owned();
    let label = label_of(sealed.scope, identity, file, sealed.line)?;
    // Each key's sealed text as it must be in the end; none for what was removed.
    let mut wanted = BTreeMap::new();
    for edit in edits {
        text = match edit {
            Edit::Set { key, value } => {
                check_key(&key, file, sealed.line)?;
                let fresh = envelope::seal(certificate, &label, &value)?;
                let text = set(&text, file, sealed, &key, &fresh)?;
                wanted.insert(key, Some(fresh));
                text
            }
            Edit::Remove { key } => {
                let text = remove(&text, file, sealed, &key)?;
                wanted.insert(key, None);
                text
            }
            Edit::Rename { key, .. } => {
                let cause = format!("`{}` cannot get another name: nobody here can open it", clean(&key));
                return Err(refused(
                    file,
                    sealed.line,
                    &cause,
                    "set the value under its new name, then remove the old one",
                ));
            }
            Edit::SetAt { .. } => {
                return Err(refused(file, sealed.line, "a SealedSecret has keys and no paths", "name a key"));
            }
        };
    }
    prove(bytes, text.as_bytes(), file, sealed, &wanted)?;
    Ok(text.into_bytes())
}

/// The label of new values; refuses one that nothing could open.
pub(super) fn label_of(scope: Scope, identity: &Identity, file: &str, line: u32) -> Result<String, Problem> {
    let missing = |what: &str, next: &str| {
        let cause = format!("the SealedSecret has no {what}, and its scope is {}", scope.word());
        refused(file, line, &cause, next)
    };
    if identity.name.is_empty() {
        let next = "give it a name (`metadata.name`, or `--name` for a new one)";
        return Err(refused(file, line, "the SealedSecret has no name", next));
    }
    if identity.namespace.is_empty() && scope != Scope::ClusterWide {
        let next =
            "give it a namespace (`metadata.namespace`, or `--namespace`): its values open there alone";
        return Err(missing("namespace", next));
    }
    Ok(scope.label(identity))
}

/// Refuses a key that Kubernetes would refuse in the Secret.
pub(super) fn check_key(key: &str, file: &str, line: u32) -> Result<(), Problem> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let right = !key.is_empty() && key.len() <= LONGEST_KEY && key.bytes().all(is_letter);
    if right && key != "." && !key.starts_with("..") {
        return Ok(());
    }
    let shown: String = clean(key).chars().take(60).collect();
    let cause = format!("`{shown}` is no key of a Secret");
    Err(refused(file, line, &cause, "a key is made of letters, digits, `-`, `_` and `.`, 253 at most"))
}

fn set(text: &str, file: &str, sealed: &SealedSecret, key: &str, fresh: &str) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    let spec = spec_of(&source, file, sealed)?;
    let spec = spec.as_map().ok_or_else(|| no_mapping(file, sealed.line, "spec"))?;
    let quoted = || format!("\"{fresh}\"");
    let edit = match spec.get("encryptedData").map(|entry| &entry.value) {
        Some(item) if item.as_leaf().is_some_and(|leaf| leaf.text.is_empty() || &*leaf.text == "null") => {
            source.replace(item, &format!("{{{}: {}}}", json(key), quoted()))
        }
        Some(item) => {
            let map = writable(&source, file, item)?;
            let text = if source.syntax == Syntax::Json || map.flow { quoted() } else { fresh.to_owned() };
            match map.get(key) {
                Some(entry) if entry.value.as_leaf().is_some() => source.replace(&entry.value, &text),
                Some(entry) => return Err(no_mapping(file, entry.key.line, key)),
                None => source.insert(map, key, &text),
            }
        }
        None => source.insert(spec, "encryptedData", &format!("{{{}: {}}}", json(key), quoted())),
    };
    Ok(splice(text, &[edit]))
}

/// A checked key in quotes: it holds nothing that would have to be escaped.
fn json(key: &str) -> String {
    format!("\"{key}\"")
}

fn remove(text: &str, file: &str, sealed: &SealedSecret, key: &str) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    let spec = spec_of(&source, file, sealed)?;
    let item = spec.get("encryptedData").map(|entry| &entry.value);
    let map = item.map(|item| writable(&source, file, item)).transpose()?;
    let found = map.and_then(|map| Some((map, map.get(key)?)));
    let Some((map, entry)) = found else {
        let cause = format!("there is no key `{}`", clean(key));
        return Err(Problem::error(Reason::MissingFile, cause)
            .at(file, sealed.line)
            .next("`sealane audit` lists the keys that are there"));
    };
    if map.entries().count() == 1 {
        let cause =
            format!("`{}` is the last key: a SealedSecret without keys makes an empty Secret", clean(key));
        return Err(refused(file, entry.key.line, &cause, "remove the file instead, and what names it"));
    }
    Ok(splice(text, &[source.remove(map, entry)]))
}

/// The `spec` of the object, which stands in a document of its own.
fn spec_of<'s, 't>(
    source: &'s Source<'t>,
    file: &str,
    sealed: &SealedSecret,
) -> Result<&'s Item<'t>, Problem> {
    let roots = source.documents.iter().filter_map(|document| document.root.as_ref());
    let root = sealed.ordinal.and_then(|ordinal| roots.filter(|root| is_object(root)).nth(ordinal));
    let root = root.ok_or_else(|| {
        let cause = "the SealedSecret stands in a list, where Sealane does not write";
        let next = "give it a document of its own";
        Problem::error(Reason::NotSupported, cause).at(file, sealed.line).next(next)
    })?;
    let spec = root.get("spec").map(|entry| &entry.value);
    spec.ok_or_else(|| refused(file, sealed.line, "the SealedSecret has no `spec`", "write `spec: {}` first"))
}

/// The same question as [`super::object::is_sealed_secret`], of a file taken apart.
fn is_object(root: &Item<'_>) -> bool {
    let text = |key: &str| root.get(key).and_then(|entry| entry.value.as_leaf()).map(|leaf| &*leaf.text);
    text("kind") == Some("SealedSecret")
        && text("apiVersion").is_some_and(|version| ObjectKey::split_api_version(version).0 == "bitnami.com")
}

/// The mapping, if it is written out here: what others share by an anchor is not changed for them.
fn writable<'s, 't>(source: &Source<'_>, file: &str, item: &'s Item<'t>) -> Result<&'s Map<'t>, Problem> {
    let map = item.as_map().ok_or_else(|| no_mapping(file, item.line, "encryptedData"))?;
    let lines = source.text[..map.span.start].lines().count()..=source.text[..map.span.end].lines().count();
    let within = |line: u32| usize::try_from(line).is_ok_and(|line| lines.contains(&line));
    match source.obstacles.iter().find(|obstacle| within(obstacle.line)) {
        None => Ok(map),
        Some(obstacle) => {
            let cause = "the sealed keys have an anchor, an alias, a merge key or a key that stands twice";
            Err(Problem::error(Reason::NotSupported, cause)
                .at(file, obstacle.line)
                .next("write the values out, then try again"))
        }
    }
}

/// Reads the result again: the same objects, every value a sealed one, those that were named as they should be, and the others
/// as they were. What stands twice in a file is written in one place and read in another.
fn prove(
    before: &[u8],
    after: &[u8],
    file: &str,
    edited: &SealedSecret,
    wanted: &BTreeMap<String, Option<String>>,
) -> Result<(), Problem> {
    let (old, new) = (sealed_secrets(file, before), sealed_secrets(file, after));
    let same = |a: &SealedSecret, b: &SealedSecret| {
        let kept =
            |key: &super::SealedKey| b.keys.iter().any(|k| k.name == key.name && k.digest == key.digest);
        a.ordinal == edited.ordinal || a.keys.iter().all(kept)
    };
    let whole = old.len() == new.len()
        && old.iter().zip(&new).all(|(a, b)| {
            a.identity == b.identity && a.scope == b.scope && a.ordinal == b.ordinal && same(a, b)
        });
    let is_as_wanted = |sealed: &SealedSecret, (name, text): (&String, &Option<String>)| {
        let key = sealed.keys.iter().find(|key| *key.name == **name);
        key.is_some_and(|key| text.as_ref().is_some_and(|text| key.is(text)))
            || key.is_none() && text.is_none()
    };
    let is_done = |sealed: &SealedSecret| {
        sealed.keys.iter().all(|key| key.bits.is_some())
            && wanted.iter().all(|pair| is_as_wanted(sealed, pair))
    };
    if whole && new.iter().find(|sealed| sealed.ordinal == edited.ordinal).is_some_and(is_done) {
        return Ok(());
    }
    let cause = "the file would not hold what it should: nothing was changed";
    let next = "take out fields that stand twice, and seal the values again that `sealane audit` names; then try again";
    Err(refused(file, edited.line, cause, next))
}

fn no_mapping(file: &str, line: u32, what: &str) -> Problem {
    refused(
        file,
        line,
        &format!("`{}` is not written as it should be", clean(what)),
        "write its keys out below it",
    )
}

fn refused(file: &str, line: u32, cause: &str, next: &str) -> Problem {
    Problem::error(Reason::Refused, cause).at(file, line).next(next)
}

pub(super) fn failed(cause: &str) -> Problem {
    Problem::error(Reason::SealBroken, cause).next("try again")
}

/// A value on its way into a new object.
pub(super) fn sealed_value(
    certificate: &Certificate,
    label: &str,
    key: &str,
    value: &SecretText,
    file: &str,
) -> Result<String, Problem> {
    check_key(key, file, 0)?;
    envelope::seal(certificate, label, value)
}

#[cfg(test)]
mod tests {
    use super::super::create;
    use super::super::testing::{FILE, ciphertext, controller, identity, only, opened, set};
    use super::*;
    use proptest::prelude::*;

    /// As kubeseal writes one, with what people add.
    fn file(a: &str, b: &str) -> String {
        format!(
            "# the database\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: &m\n  name: x\nmore: *m\n---\n\
             apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret   # sealed\nmetadata:\n  name: db\n  namespace: shop\n\
             spec:\n  encryptedData:\n    # first\n    a: {a}   # why\n    'b.c': \"{b}\"\n  template:\n    \
             metadata:\n      name: db\n      namespace: shop\n    type: Opaque\n"
        )
    }

    fn values() -> [String; 2] {
        let made =
            create(FILE, &identity(), Scope::Strict, &controller(), vec![set("a", "one"), set("b", "two")]);
        let made = made.expect("made");
        ["a", "b"].map(|key| ciphertext(&made, key))
    }

    fn change(text: &str, edits: Vec<Edit>) -> Result<String, Problem> {
        let sealed = only(text.as_bytes());
        let edited = edit(text.as_bytes(), FILE, &sealed, &identity(), &controller(), edits)?;
        Ok(String::from_utf8(edited).expect("text"))
    }

    #[test]
    fn what_would_be_written_where_nobody_reads_it_is_refused() {
        let twice = "{\"kind\": \"SealedSecret\", \"apiVersion\": \"bitnami.com/v1alpha1\", \"metadata\": {\"name\": \"db\", \
                     \"namespace\": \"shop\"}, \"spec\": {}, \"spec\": {}}";
        let sealed = only(twice.as_bytes());
        let edited =
            edit(twice.as_bytes(), "db.json", &sealed, &identity(), &controller(), vec![set("a", "x")]);
        assert!(edited.expect_err("refused").next.contains("stand twice"));
    }

    #[test]
    fn one_key_changes_one_line_and_nothing_else() {
        let [a, b] = values();
        let before = file(&a, &b);
        let after = change(&before, vec![set("a", "new")]).expect("edited");
        let fresh = ciphertext(after.as_bytes(), "a");
        assert_eq!(after.replace(&fresh, &a), before, "every other byte is as it was");
        assert_eq!(opened(&fresh, Scope::Strict, &identity()).as_deref(), Some(b"new".as_slice()));
        let after =
            change(&before, vec![set("new.key", "x"), Edit::Remove { key: "b.c".into() }]).expect("edited");
        let fresh = ciphertext(after.as_bytes(), "new.key");
        let wanted = before.replace(&format!("    'b.c': \"{b}\"\n"), &format!("    new.key: {fresh}\n"));
        assert_eq!(after, wanted);
    }

    #[test]
    fn every_way_of_writing_is_written() {
        let [a, _] = values();
        let head =
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\n";
        let tails = [
            "spec: {encryptedData: {}}\n".to_owned(),
            "spec: {encryptedData: null}\n".to_owned(),
            "spec:\n  encryptedData:\n".to_owned(),
            "spec:\n  encryptedData: {}\n  template: {}\n".to_owned(),
            "spec:\n  template: {}\n".to_owned(),
            "spec: {}\n".to_owned(),
            format!("spec:\r\n  encryptedData:\r\n    a: {a}\r\n"),
            format!("spec:\n  encryptedData:\n    a: |-\n      {a}\n"),
            format!("spec:\n    encryptedData: {{a: {a}}}"),
        ];
        let json = format!(
            "{{\n  \"apiVersion\": \"bitnami.com/v1alpha1\", \"kind\": \"SealedSecret\",\n  \"metadata\": \
             {{\"name\": \"db\", \"namespace\": \"shop\"}},\n  \"spec\": {{\"encryptedData\": {{\n    \"a\": \"{a}\"\n  }}}}\n}}\n"
        );
        for before in tails.iter().map(|tail| format!("{head}{tail}")).chain([json]) {
            for key in ["a", "new.key"] {
                let after = change(&before, vec![set(key, "canary-4711")]);
                let after = after.unwrap_or_else(|problem| panic!("{problem}\n{before}"));
                let fresh = ciphertext(after.as_bytes(), key);
                let value = opened(&fresh, Scope::Strict, &identity());
                assert_eq!(value.as_deref(), Some(b"canary-4711".as_slice()), "{after}");
                assert!(
                    key == "a" || !before.contains(&a) || ciphertext(after.as_bytes(), "a") == a,
                    "{after}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let [a, b] = values();
        let before = file(&a, &b);
        let cause = |text: &str, edits: Vec<Edit>| change(text, edits).expect_err("refused").cause;
        for key in ["", "a b", "a/b", "..", "..a", "a\u{1b}[31m", "ä", "a\nb", &"x".repeat(254)] {
            let told = cause(&before, vec![set(key, "canary-4711")]);
            assert!(told.contains("is no key of a Secret") && !told.contains('\u{1b}'), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
        let one = before.replace(&format!("    'b.c': \"{b}\"\n"), "");
        assert!(cause(&one, vec![Edit::Remove { key: "a".into() }]).contains("is the last key"));
        assert!(cause(&before, vec![Edit::Remove { key: "no".into() }]).contains("there is no key `no`"));
        let shared = before.replace("encryptedData:\n", "encryptedData:\n    <<: {}\n");
        assert!(cause(&shared, vec![set("a", "x")]).contains("merge key"));
        let plain = before.replace(&b, "hunter2");
        assert!(cause(&plain, vec![set("a", "x")]).contains("would not hold what it should"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_key_and_value_comes_back(
            key in "[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,40}",
            value in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            static VALUES: std::sync::LazyLock<[String; 2]> = std::sync::LazyLock::new(values);
            let before = file(&VALUES[0], &VALUES[1]);
            let new = Edit::Set { key: key.clone(), value: SecretText::from_vec(value.clone()) };
            let after = change(&before, vec![new]).expect("edited");
            let fresh = ciphertext(after.as_bytes(), &key);
            prop_assert_eq!(opened(&fresh, Scope::Strict, &identity()), Some(value));
            if key != "a" && key != "b.c" {
                let line = after.lines().find(|line| line.contains(&fresh)).expect("its line");
                prop_assert_eq!(after.replace(&format!("{line}\n"), ""), before);
            }
        }
    }
}
