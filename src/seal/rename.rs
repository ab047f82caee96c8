//! Another name for a key: its value is bound to its place, so it is sealed again, with the type it had (secrets.md 1.2).

use super::cipher::{DataKey, Sealed};
use super::edit::{Change, failed, must_be_sealed, not_writable};
use super::metadata::Metadata;
use super::walk::{aad, is_block, selects};
use crate::model::{Problem, Reason, clean};
use crate::yaml::source::{Edit, Map, Source, Syntax};
use std::sync::Arc;

/// The edits of key and value.
pub(super) fn edits(
    source: &Source<'_>,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    change: &Change,
    map: &Map<'_>,
    to: &str,
) -> Result<Vec<Edit>, Problem> {
    let Some((old, parents)) = change.path.split_last() else { return Ok(Vec::new()) };
    let Some(entry) = map.get(old) else { return Ok(Vec::new()) };
    let refused = |cause: String, next: &str| {
        Err(Problem::error(Reason::Refused, cause).at(file, entry.key.line).next(next))
    };
    if map.get(to).is_some() {
        return refused(
            format!("there is a key `{}` already", clean(to)),
            "remove it first, or choose another",
        );
    }
    if parents.is_empty() && is_block(source.syntax, to) {
        return refused(format!("`{}` is a name that SOPS keeps for its block", clean(to)), "choose another");
    }
    let quoted = source.syntax == Syntax::Json || map.flow;
    let written = if quoted {
        crate::yaml::to_json(&crate::yaml::Node::string(to))
    } else {
        source.written_key(to).ok_or_else(|| not_writable(source, file, "key"))?
    };
    let mut edits = vec![Edit { range: entry.key.span.clone(), text: written }];
    let path: Vec<Arc<str>> = parents.iter().cloned().chain([Arc::from(to)]).collect();
    let Some(leaf) = entry.value.as_leaf() else { return Ok(edits) };
    if !Sealed::looks_sealed(&leaf.text) {
        // An empty value stays bare; a plain one may not come under the selector by its name.
        if !leaf.text.is_empty() && selects(&metadata.selector, &path) {
            let cause =
                format!("`{}` would have to be sealed under that name", clean(&change.path.join(".")));
            return refused(cause, "set it under the new name, and remove the old one");
        }
        return Ok(edits);
    }
    let renamed = Change { document: change.document, path, new: super::edit::New::Gone };
    must_be_sealed(source, file, metadata, &renamed, Some(&entry.value))?;
    let damaged = |e: super::CipherError| {
        super::open::broken(file, entry.value.line, format!("`{}`: {e}", clean(&change.path.join(".")))).0
    };
    let sealed = Sealed::parse(&leaf.text).map_err(damaged)?;
    let plain = key.open(&sealed, &aad(&change.path)).map_err(damaged)?;
    let fresh = key.seal(plain.expose_secret(), &aad(&renamed.path), sealed.value_type).map_err(failed)?;
    let text = if quoted { format!("\"{fresh}\"") } else { fresh.to_string() };
    edits.push(source.replace(&entry.value, &text));
    Ok(edits)
}
