//! Forms for sealed files: names, types and states of keys; a value only when a person asks for it.

use super::plan::SecretForm;
use super::session::Session;
use crate::model::{EntryKind, Problem, Reason, Revision, Tree, clean};
use crate::seal;
use crate::seal::sealed_secrets::SealedSecret;
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Node, Value};
use std::sync::Arc;

/// The form for a file at HEAD; an empty one if it does not exist yet.
pub(super) fn of(session: &Session, file: &str) -> Result<SecretForm, Problem> {
    let tree = head_tree(session)?;
    let rules = Session::rules(&*tree);
    let rule = rules.matching(file);
    let names = |recipients: &[seal::Recipient]| -> Vec<Arc<str>> {
        recipients.iter().map(|r| r.name.clone().unwrap_or_else(|| r.key.clone())).collect()
    };
    let mut form = SecretForm {
        file: file.into(),
        new: true,
        rule: rule.map_or_else(|| "no rule of .sops.yaml matches".to_owned(), seal::Rule::describe),
        recipients: rule.map(|r| names(&r.recipients)).unwrap_or_default(),
        keys: Vec::new(),
        sealed_secret: false,
        problems: Vec::new(),
    };
    if let Some(bytes) = bytes_of(&*tree, file)? {
        form.new = false;
        let sealed = seal::sealed_secrets::sealed_secrets(file, &bytes);
        if let Some(first) = sealed.first() {
            of_sealed_secret(&mut form, first, sealed.len());
        } else if let Some(info) = seal::inspect(file, &bytes, &rules) {
            form.recipients = names(&info.recipients);
            form.keys = info.keys;
            form.problems.extend(seal::verify(&bytes, file, &session.keyring).err());
        } else {
            form.problems.push(
                Problem::error(Reason::SealBroken, "the file is not sealed")
                    .at(file, 0)
                    .next("seal it with `sealane seal`"),
            );
        }
    } else if rule.is_none_or(|r| r.recipients.is_empty()) {
        form.problems.push(
            Problem::error(Reason::Config, format!("no rule of .sops.yaml says who may open {file}"))
                .at(".sops.yaml", 0)
                .next("add a rule with a path_regex that matches, and recipients under `age`"),
        );
    }
    Ok(form)
}

/// The form of a SealedSecret: its keys can be set, and never read.
fn of_sealed_secret(form: &mut SecretForm, sealed: &SealedSecret, count: usize) {
    form.sealed_secret = true;
    form.rule =
        format!("SealedSecret, {}: opens {}", sealed.scope.word(), sealed.scope.opens_as(&sealed.sealed_as));
    form.recipients = vec!["the sealed-secrets controller of its cluster".into()];
    form.keys = sealed.keys.iter().map(|key| (clean(&key.name).into(), "sealed")).collect();
    form.problems.clone_from(&sealed.problems);
    if count > 1 {
        let cause = format!("the file holds {count} SealedSecrets; the keys of the first are shown");
        let next = "`sealane seal FILE --name NAME --set KEY` sets keys of the others";
        form.problems.push(Problem::warning(Reason::NotSupported, cause).at(&form.file, 0).next(next));
    }
}

/// One value.
pub(super) fn reveal(session: &Session, file: &str, key: &str) -> Result<SecretText, Problem> {
    let tree = head_tree(session)?;
    let missing =
        || Problem::error(Reason::MissingFile, format!("there is no sealed key `{key}`")).at(file, 0);
    let bytes = bytes_of(&*tree, file)?.ok_or_else(missing)?;
    if !seal::sealed_secrets::sealed_secrets(file, &bytes).is_empty() {
        let cause = "the values of a SealedSecret open in its cluster alone";
        return Err(Problem::error(Reason::NeedsKey, cause)
            .at(file, 0)
            .next("the Secret that its controller makes there holds them"));
    }
    let open = seal::open(&bytes, file, &session.keyring).map_err(|e| e.0)?;
    let leaf = open.documents.into_iter().find_map(|d| find(&d, key)).ok_or_else(missing)?;
    drop(open.key);
    match leaf {
        SecretLeaf::Text(text) => Arc::try_unwrap(text).map_err(|_| missing()),
        _ => Err(missing()),
    }
}

/// The leaf of this name; the document is consumed, so that the leaf is the only handle left.
fn find(document: &Node, key: &str) -> Option<SecretLeaf> {
    match &document.value {
        Value::Map(map) => map.entries.iter().find_map(|entry| match &entry.value.value {
            Value::Secret(leaf) if *entry.key.text == *key => Some(leaf.clone()),
            _ => find(&entry.value, key),
        }),
        Value::Seq(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}

fn head_tree(session: &Session) -> Result<Arc<dyn Tree>, Problem> {
    let head = session.head()?.ok_or_else(|| {
        Problem::error(Reason::Repository, "the branch has no commit yet").next("make a first commit")
    })?;
    session.tree(Revision::Commit(head))
}

fn bytes_of(tree: &dyn Tree, file: &str) -> Result<Option<Arc<[u8]>>, Problem> {
    let failed = |e: crate::model::TreeError| {
        Problem::error(Reason::Repository, e.to_string()).at(file, 0).next(e.next_step())
    };
    match tree.entry(file).map_err(failed)? {
        Some(entry) if entry.kind == EntryKind::File => tree.read(entry.id).map(Some).map_err(failed),
        Some(_) => Err(Problem::error(Reason::Repository, "this is no regular file").at(file, 0)),
        None => Ok(None),
    }
}
