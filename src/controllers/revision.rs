//! Revision texts of all ages: `main@sha1:<hex>`, `main/<hex>`, `sha256:<hex>`, a chart version.

use crate::model::{CommitId, SourceRevision, clean};

/// Reads what a controller wrote as a revision; `None` for an empty text.
///
/// ```
/// let new = sealane::controllers::revision("main@sha1:4af8bd5c2b7d7ea2f8c1d3a5e6f708192a3b4c5d").unwrap();
/// assert_eq!(new.reference.as_deref(), Some("main"));
/// assert_eq!(new.commit.unwrap().short(), "4af8bd5");
/// let chart = sealane::controllers::revision("6.3.0").unwrap();
/// assert_eq!(chart.commit, None);
/// ```
pub fn revision(text: &str) -> Option<SourceRevision> {
    let text = clean(text.trim());
    if text.is_empty() {
        return None;
    }
    let (reference, commit) = parts(&text);
    Some(SourceRevision { reference: reference.map(Into::into), commit, text: text.as_str().into() })
}

fn parts(text: &str) -> (Option<&str>, Option<CommitId>) {
    let named = |reference: &str| !reference.is_empty() && reference != "HEAD";
    // Since Flux 2.0: reference, `@`, algorithm, `:`, hex. A reference may hold `@` itself.
    if let Some((reference, digest)) = text.rsplit_once('@') {
        return (
            Some(reference).filter(|r| named(r)),
            digest.split_once(':').and_then(|(a, h)| commit(a, h)),
        );
    }
    if let Some((algorithm, hex)) = text.split_once(':') {
        return (None, commit(algorithm, hex));
    }
    // Before Flux 2.0: reference, `/`, hex (diff.md 4).
    if let Some((reference, hex)) = text.rsplit_once('/') {
        return match CommitId::parse(hex) {
            Some(id) => (Some(reference).filter(|r| named(r)), Some(id)),
            None => (Some(text), None),
        };
    }
    (None, CommitId::parse(text))
}

fn commit(algorithm: &str, hex: &str) -> Option<CommitId> {
    if algorithm == "sha1" { CommitId::parse(hex) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "4af8bd5c2b7d7ea2f8c1d3a5e6f708192a3b4c5d";

    #[test]
    fn every_form_is_read() {
        for (text, reference, has_commit) in [
            (format!("main@sha1:{HEX}"), Some("main"), true),
            (format!("feature/x@y@sha1:{HEX}"), Some("feature/x@y"), true),
            (format!("main/{HEX}"), Some("main"), true),
            (format!("release/1.x/{HEX}"), Some("release/1.x"), true),
            (format!("sha1:{HEX}"), None, true),
            (HEX.to_owned(), None, true),
            (format!("HEAD/{HEX}"), None, true),
            ("v1.2@sha256:aaaa".to_owned(), Some("v1.2"), false),
            ("sha256:aaaa".to_owned(), None, false),
            ("6.3.0".to_owned(), None, false),
        ] {
            let read = revision(&text).expect("it is not empty");
            assert_eq!((read.reference.as_deref(), read.commit.is_some()), (reference, has_commit), "{text}");
            assert_eq!(&*read.text, text);
        }
        assert_eq!(revision("  "), None);
    }

    #[test]
    fn escapes_do_not_pass() {
        assert!(!revision("main\u{1b}[2J@sha1:00").expect("some").text.contains('\u{1b}'));
    }
}
