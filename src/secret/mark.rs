//! `MarkKey`: short keyed digests that may be shown, so that a person sees which value changed and never what it is.

use super::digest::hmac;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// What the key is for: another purpose gets another key from the same identity.
const PURPOSE: &[u8] = b"sealane/textconv/v1";
/// Bytes of a mark: enough that two values of one file differ, too few to be worth anything else.
const LENGTH: usize = 6;

/// A key that is derived from a secret of the user's own (HKDF-SHA-256, RFC 5869): the same in every run, and unknown to
/// everybody who does not hold that secret, so that nobody else can try values against a mark.
pub struct MarkKey(Zeroizing<[u8; 32]>);

impl MarkKey {
    /// The key of an identity, or of another secret with as much entropy.
    pub fn of(secret: &[u8]) -> Self {
        let extracted = Zeroizing::new(hmac(PURPOSE, &[secret]));
        Self(Zeroizing::new(hmac(&*extracted, &[b"marks", &[1]])))
    }

    /// The mark of bytes at a place: equal bytes at another place have another one.
    pub fn mark(&self, place: &str, bytes: &[u8]) -> String {
        let length = (place.len() as u64).to_be_bytes();
        let sum = hmac(&*self.0, &[&length, place.as_bytes(), bytes]);
        sum[..LENGTH].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_its_value_its_place_and_its_key() {
        let key = MarkKey::of(b"identity");
        let mark = key.mark("data:password:", b"hunter2");
        assert_eq!(
            mark,
            MarkKey::of(b"identity").mark("data:password:", b"hunter2"),
            "the same in every run"
        );
        assert_eq!(mark.len(), 2 * LENGTH);
        for other in [
            key.mark("data:password:", b"hunter3"),
            key.mark("data:other:", b"hunter2"),
            key.mark("data:password", b":hunter2"),
            MarkKey::of(b"somebody else").mark("data:password:", b"hunter2"),
        ] {
            assert_ne!(mark, other);
        }
    }
}
