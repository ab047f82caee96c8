//! One value under one data key: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (secrets.md 1.3, 1.4).

use crate::secret::SecretText;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::consts::{U12, U16, U24, U32};
use aes_gcm::{AeadInOut as _, AesGcm, KeyInit as _, Nonce, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// The 32 bytes that every value of a file is encrypted with. Wiped on drop.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// The type that a value had before it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A string.
    Str,
    /// A signed 64-bit integer.
    Int,
    /// A float.
    Float,
    /// A boolean.
    Bool,
    /// A timestamp.
    Time,
    /// A comment.
    Comment,
    /// Raw bytes: read, never written (secrets.md 1.4).
    Bytes,
}

/// A sealed value, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Ciphertext.
    pub data: Vec<u8>,
    /// Nonce; 32 bytes when SOPS or Sealane wrote it.
    pub iv: Vec<u8>,
    /// The authentication tag.
    pub tag: Vec<u8>,
    /// What it holds.
    pub value_type: ValueType,
}

/// Why a sealed value cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The text is no `ENC[…]`.
    #[error("this is not a value that SOPS sealed")]
    NotSealed,
    /// It begins like one and is cut, or has something behind it.
    #[error("this sealed value is damaged: it cannot be taken apart")]
    Malformed,
    /// The type is not known.
    #[error("this sealed value has a type that is not known")]
    UnknownType,
    /// The nonce has a length that is not supported.
    #[error("this sealed value has a nonce of a length that is not supported")]
    NonceLength,
    /// The tag does not fit: edited, moved to another path, or sealed under another data key.
    #[error("this sealed value was edited or moved: its tag does not fit its key and place")]
    Tampered,
    /// What it holds is nothing of the type that stands behind it, which the tag does not cover.
    #[error("this sealed value was edited: what it holds is not of the type that it names")]
    WrongType,
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl DataKey {
    /// A new random key.
    pub fn generate() -> Result<Self, CipherError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| CipherError::NoRandomness)?;
        Ok(Self(key))
    }

    /// A key from the 32 bytes that age gave back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Seals bytes at a path with a fresh random nonce.
    pub fn seal(&self, plain: &[u8], aad: &str, value_type: ValueType) -> Result<Sealed, CipherError> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|_| CipherError::NoRandomness)?;
        self.seal_with(plain, aad, value_type, nonce)
    }

    fn seal_with(
        &self,
        plain: &[u8],
        aad: &str,
        value_type: ValueType,
        nonce: [u8; 32],
    ) -> Result<Sealed, CipherError> {
        let mut data = plain.to_vec();
        let cipher =
            AesGcm::<Aes256, U32>::new(self.0.as_slice().try_into().map_err(|_| CipherError::Malformed)?);
        let tag: Tag = cipher
            .encrypt_inout_detached(
                &Nonce::<U32>::from(nonce),
                aad.as_bytes(),
                InOutBuf::from(data.as_mut_slice()),
            )
            .map_err(|_| CipherError::Malformed)?;
        Ok(Sealed { data, iv: nonce.to_vec(), tag: tag.to_vec(), value_type })
    }

    /// Opens a value at its path.
    pub fn open(&self, sealed: &Sealed, aad: &str) -> Result<SecretText, CipherError> {
        let tag: Tag = Tag::try_from(sealed.tag.as_slice()).map_err(|_| CipherError::Malformed)?;
        let mut data = Zeroizing::new(sealed.data.clone());
        let key = self.0.as_slice().try_into().map_err(|_| CipherError::Malformed)?;
        macro_rules! open_with {
            ($size:ty) => {{
                let nonce =
                    Nonce::<$size>::try_from(sealed.iv.as_slice()).map_err(|_| CipherError::NonceLength)?;
                AesGcm::<Aes256, $size>::new(key).decrypt_inout_detached(
                    &nonce,
                    aad.as_bytes(),
                    InOutBuf::from(data.as_mut_slice()),
                    &tag,
                )
            }};
        }
        match sealed.iv.len() {
            12 => open_with!(U12),
            16 => open_with!(U16),
            24 => open_with!(U24),
            32 => open_with!(U32),
            _ => return Err(CipherError::NonceLength),
        }
        .map_err(|_| CipherError::Tampered)?;
        if !sealed.value_type.holds(&data) {
            return Err(CipherError::WrongType);
        }
        Ok(SecretText::from_vec(std::mem::take(&mut *data)))
    }
}

impl ValueType {
    /// Whether these bytes may be of this type. SOPS reads them with Go's `strconv` and refuses what is none.
    fn holds(self, bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return matches!(self, Self::Str | Self::Comment | Self::Bytes);
        };
        match self {
            Self::Str | Self::Comment | Self::Bytes => true,
            Self::Int => text.parse::<i64>().is_ok(),
            Self::Float => text.parse::<f64>().is_ok(),
            Self::Bool => {
                matches!(text.to_ascii_lowercase().as_str(), "1" | "t" | "true" | "0" | "f" | "false")
            }
            // RFC 3339.
            Self::Time => {
                text.len() > 18 && text.bytes().all(|b| b.is_ascii_digit() || b"TtZz:+-. ".contains(&b))
            }
        }
    }
}

impl Sealed {
    /// True if the text begins like a sealed value.
    pub fn looks_sealed(text: &str) -> bool {
        text.starts_with("ENC[AES256_GCM,")
    }

    /// Takes `ENC[…]` apart. Stricter than SOPS: text behind the bracket is damage, not ignored.
    pub fn parse(text: &str) -> Result<Self, CipherError> {
        let inner = text.strip_prefix("ENC[AES256_GCM,").ok_or(CipherError::NotSealed)?;
        let inner = inner.strip_suffix(']').ok_or(CipherError::Malformed)?;
        let mut parts = inner.split(',');
        let mut part = |name: &str| -> Result<&str, CipherError> {
            parts.next().and_then(|p| p.strip_prefix(name)).ok_or(CipherError::Malformed)
        };
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| CipherError::Malformed);
        let (data, iv, tag) = (bytes(part("data:")?)?, bytes(part("iv:")?)?, bytes(part("tag:")?)?);
        let value_type = ValueType::parse(part("type:")?).ok_or(CipherError::UnknownType)?;
        if parts.next().is_some() || data.is_empty() {
            return Err(CipherError::Malformed);
        }
        Ok(Self { data, iv, tag, value_type })
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (data, iv, tag) =
            (STANDARD.encode(&self.data), STANDARD.encode(&self.iv), STANDARD.encode(&self.tag));
        write!(f, "ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{}]", self.value_type.word())
    }
}

impl ValueType {
    /// The name in the sealed text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Comment => "comment",
            Self::Bytes => "bytes",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Str, Self::Int, Self::Float, Self::Bool, Self::Time, Self::Comment, Self::Bytes]
            .into_iter()
            .find(|t| t.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> DataKey {
        DataKey::from_bytes(&(0..32).collect::<Vec<u8>>()).expect("32 bytes")
    }

    /// The worked vectors of secrets.md 1.15, which the real `sops` accepts.
    #[test]
    fn the_worked_vectors_hold() {
        let nonce: [u8; 32] = std::array::from_fn(|i| 0x20 + u8::try_from(i).expect("below 32"));
        let cases = [
            ("stringData:s:", "hunter2", ValueType::Str, "f7SfPOh95A==", "B3tMUvMVA+oRIw1fs4hViw=="),
            ("stringData:i:", "-7", ValueType::Int, "OvY=", "g2Ufb9AXprGiJQ31Cq3CiA=="),
            ("stringData:f:", "1.5", ValueType::Float, "Ju/E", "rbJqiGgdgQWr6R3r9t3tNA=="),
            ("stringData:b:", "True", ValueType::Bool, "Q7OELQ==", "RjzpeXxVkSW59KS0M3v+gg=="),
            ("stringData:u:", "héllo 🔑", ValueType::Str, "fwJYJOFg9tNZxfc=", "xUT62RJBqbnwyzxWrK6skQ=="),
            ("stringData:l:", "x", ValueType::Str, "bw==", "cvD4yrPuVCPiO7JzdZtDmA=="),
            (":", " note", ValueType::Comment, "N6+ePOg=", "cPJU+gQfuk2Cck4/gS4NwA=="),
        ];
        for (aad, plain, value_type, data, tag) in cases {
            let sealed = key().seal_with(plain.as_bytes(), aad, value_type, nonce).expect("sealed");
            assert_eq!(
                (STANDARD.encode(&sealed.data), STANDARD.encode(&sealed.tag)),
                (data.into(), tag.into()),
                "{aad}"
            );
            assert_eq!(key().open(&sealed, aad).expect("opens").expose_secret(), plain.as_bytes());
        }
    }

    #[test]
    fn a_moved_value_does_not_open() {
        let sealed = key().seal(b"hunter2", "stringData:a:", ValueType::Str).expect("sealed");
        assert_eq!(key().open(&sealed, "stringData:b:").err(), Some(CipherError::Tampered));
    }

    #[test]
    fn damage_has_a_name() {
        let good = key().seal(b"hunter2", "a:", ValueType::Str).expect("sealed").to_string();
        assert_eq!(Sealed::parse("plain"), Err(CipherError::NotSealed));
        assert_eq!(Sealed::parse(&good[..good.len() - 1]), Err(CipherError::Malformed));
        assert_eq!(Sealed::parse(&format!("{good} tail")), Err(CipherError::Malformed));
        assert_eq!(Sealed::parse(&good.replace("type:str", "type:odd")), Err(CipherError::UnknownType));
        assert_eq!(
            Sealed::parse("ENC[AES256_GCM,data:,iv:AA==,tag:AA==,type:str]"),
            Err(CipherError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 1..200), aad in "[a-z:]{0,20}") {
            let sealed = key().seal(&plain, &aad, ValueType::Str).expect("sealed");
            let parsed = Sealed::parse(&sealed.to_string()).expect("parses");
            prop_assert_eq!(&parsed, &sealed);
            let opened = key().open(&parsed, &aad).expect("opens");
            prop_assert_eq!(opened.expose_secret(), plain.as_slice());
        }

        #[test]
        fn any_text_is_taken_apart_or_refused(text in "\\PC{0,80}") {
            let _ = Sealed::parse(&text);
        }
    }
}
