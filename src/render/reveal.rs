//! The one file of Flux's layer that looks into secret values: substitution and variables. What it makes of
//! them is secret again (decisions.md 3).

use crate::secret::SecretText;
use base64::Engine as _;

/// Something that a secret is put together from.
pub(super) enum Fragment<'a> {
    /// Text that is no secret.
    Text(&'a str),
    /// A whole secret.
    Secret(&'a SecretText),
}

/// Puts a secret together.
pub(super) fn join(fragments: &[Fragment<'_>]) -> SecretText {
    let size = fragments.iter().map(|fragment| match fragment {
        Fragment::Text(text) => text.len(),
        Fragment::Secret(secret) => secret.expose_secret().len(),
    });
    let mut joined = SecretText::with_capacity(size.sum());
    for fragment in fragments {
        match fragment {
            Fragment::Text(text) => joined.push(text.as_bytes()),
            Fragment::Secret(secret) => joined.push(secret.expose_secret()),
        }
    }
    joined
}

/// A piece of a secret.
pub(super) fn slice(secret: &SecretText, range: std::ops::Range<usize>) -> SecretText {
    let mut piece = SecretText::with_capacity(range.len());
    piece.push(secret.expose_secret().get(range).unwrap_or_default());
    piece
}

/// Hands the text of a secret to a function whose result does not tell what it is: positions, a verdict.
/// `None` if it is no text.
pub(super) fn inspect<T>(secret: &SecretText, question: impl FnOnce(&str) -> T) -> Option<T> {
    secret.expose_secret_str().map(question)
}

/// Makes another secret out of secrets, all of them text; `None` if one is not.
pub(super) fn transform<E>(
    secrets: &[SecretText],
    change: impl FnOnce(&[&str]) -> Result<String, E>,
) -> Option<Result<SecretText, E>> {
    let texts: Vec<&str> = secrets.iter().map(SecretText::expose_secret_str).collect::<Option<_>>()?;
    Some(change(&texts).map(SecretText::from_string))
}

/// A secret without its line breaks, as substitution takes it.
pub(super) fn without_newlines(secret: &SecretText) -> SecretText {
    let mut flat = SecretText::with_capacity(secret.expose_secret().len());
    for line in secret.expose_secret().split(|byte| *byte == b'\n') {
        flat.push(line);
    }
    flat
}

/// What the base64 text of a Secret's `data` decodes to; `None` if it is no base64.
pub(super) fn decode_base64(encoded: &SecretText) -> Option<SecretText> {
    let mut compact = SecretText::with_capacity(encoded.expose_secret().len());
    for piece in encoded.expose_secret().split(u8::is_ascii_whitespace) {
        compact.push(piece);
    }
    base64::engine::general_purpose::STANDARD.decode(compact.expose_secret()).ok().map(SecretText::from_vec)
}

/// Standard base64 of a secret.
pub(super) fn encode_base64(secret: &SecretText) -> SecretText {
    SecretText::from_string(base64::engine::general_purpose::STANDARD.encode(secret.expose_secret()))
}

/// What base64 text decodes to that stands in the clear; `None` if it is no base64.
pub(super) fn plain_base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(compact).ok()
}
