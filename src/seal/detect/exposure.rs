//! `Exposure`: one thing that stands in the clear, its kind, and the digest that an exception names it by.

use crate::model::{Problem, Reason, Severity};
use crate::secret::{DigestKey, SecretDigest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// What kind of thing stands in the clear, or is sealed wrongly (secrets.md 1.13, 2.3, 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A `v1/Secret` with values that anybody can read, also in a list, a template, a patch or another object's text.
    SecretObject,
    /// A file that a rule or its own name says is sealed, and that has no seal.
    NotSealed,
    /// A file with the block of SOPS in which nothing is sealed.
    SealedInNameOnly,
    /// A sealed file with a value in the clear that its own selector seals.
    OpenValue,
    /// A sealed file whose block went missing: nobody can open its values.
    LostBlock,
    /// Kind, version or name of an object are sealed too: no controller reads it.
    WholeManifest,
    /// The seal does not fit what it seals: the file was changed without its key.
    Tampered,
    /// A private key.
    PrivateKey,
    /// A token of a known service.
    Token,
    /// A URL with a password in it.
    UrlPassword,
    /// A kubeconfig or registry login with what it logs in with.
    Login,
    /// The annotation in which `kubectl apply` keeps a whole Secret.
    LastApplied,
    /// A decrypted file that was left behind.
    DecryptedFile,
    /// A generator that makes a Secret of plain values or files.
    Generator,
    /// A value whose name says that it is secret.
    NamedValue,
    /// The Secret with a controller's keys names them so that the controller does not find them.
    KeyName,
    /// Sealed files that a Flux Kustomization applies without opening them.
    NoDecryption,
    /// The Secret that a Kustomization opens files with stands in another namespace.
    OtherNamespace,
    /// A generator names a sealed file so that Flux reads it in another format.
    OtherFormat,
    /// A file that is sealed for others than its rule says.
    OtherRecipients,
    /// The rules themselves cannot be used as they are written.
    Rules,
}

impl Kind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 21] = [
        Self::SecretObject,
        Self::NotSealed,
        Self::SealedInNameOnly,
        Self::OpenValue,
        Self::LostBlock,
        Self::WholeManifest,
        Self::Tampered,
        Self::PrivateKey,
        Self::Token,
        Self::UrlPassword,
        Self::Login,
        Self::LastApplied,
        Self::DecryptedFile,
        Self::Generator,
        Self::NamedValue,
        Self::KeyName,
        Self::NoDecryption,
        Self::OtherNamespace,
        Self::OtherFormat,
        Self::OtherRecipients,
        Self::Rules,
    ];

    /// The code in JSON and SARIF.
    pub fn code(self) -> &'static str {
        match self {
            Self::SecretObject => "secret-object",
            Self::NotSealed => "not-sealed",
            Self::SealedInNameOnly => "sealed-in-name-only",
            Self::OpenValue => "open-value",
            Self::LostBlock => "lost-block",
            Self::WholeManifest => "whole-manifest",
            Self::Tampered => "tampered",
            Self::PrivateKey => "private-key",
            Self::Token => "token",
            Self::UrlPassword => "url-password",
            Self::Login => "login",
            Self::LastApplied => "last-applied",
            Self::DecryptedFile => "decrypted-file",
            Self::Generator => "generator",
            Self::NamedValue => "named-value",
            Self::KeyName => "key-name",
            Self::NoDecryption => "no-decryption",
            Self::OtherNamespace => "other-namespace",
            Self::OtherFormat => "other-format",
            Self::OtherRecipients => "other-recipients",
            Self::Rules => "rules",
        }
    }

    /// The kind in a sentence, for a list of rules.
    pub fn describe(self) -> &'static str {
        match self {
            Self::SecretObject => "a Kubernetes Secret holds values in the clear",
            Self::NotSealed => "a rule or the file's name says that it is sealed, and it is not",
            Self::SealedInNameOnly => "the file has a SOPS block, and nothing in it is sealed",
            Self::OpenValue => "a sealed file holds a value in the clear that its selector seals",
            Self::LostBlock => "sealed values without the SOPS block that opens them",
            Self::WholeManifest => {
                "kind, apiVersion or metadata are sealed, so no controller can read the object"
            }
            Self::Tampered => "the file was changed without its key: its MAC or a tag does not fit",
            Self::PrivateKey => "a private key stands in the clear",
            Self::Token => "a token of a known service stands in the clear",
            Self::UrlPassword => "a URL holds a password",
            Self::Login => "a kubeconfig or registry login holds its credentials in the clear",
            Self::LastApplied => "the last-applied annotation holds a Secret in the clear",
            Self::DecryptedFile => "a decrypted file was left behind",
            Self::Generator => "a secretGenerator is fed from the clear",
            Self::NamedValue => "a value whose name says that it is secret stands in the clear",
            Self::KeyName => "a key's name hides it from the controller that needs it",
            Self::NoDecryption => "a Flux Kustomization applies sealed files and does not open them",
            Self::OtherNamespace => "the decryption Secret stands in another namespace",
            Self::OtherFormat => "a generator reads a sealed file in another format than its own",
            Self::OtherRecipients => "a file is sealed for others than its rule says",
            Self::Rules => "rules of .sops.yaml that cannot be used",
        }
    }

    /// The reason that a problem of this kind has.
    pub fn reason(self) -> Reason {
        match self {
            Self::LostBlock | Self::Tampered => Reason::SealBroken,
            Self::WholeManifest
            | Self::KeyName
            | Self::NoDecryption
            | Self::OtherNamespace
            | Self::OtherFormat
            | Self::OtherRecipients
            | Self::Rules => Reason::Config,
            _ => Reason::Plaintext,
        }
    }

    /// Certain kinds stop a commit; what is likely wants a look (secrets.md 6.2).
    fn severity(self) -> Severity {
        match self {
            Self::UrlPassword
            | Self::Generator
            | Self::NamedValue
            | Self::WholeManifest
            | Self::KeyName
            | Self::NoDecryption
            | Self::OtherNamespace
            | Self::OtherFormat
            | Self::OtherRecipients => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// One thing that stands in the clear. What it is made of is kept for the digest alone and wiped.
pub struct Exposure {
    /// What kind of thing.
    pub kind: Kind,
    /// Where, why and what to do; never the value.
    pub problem: Problem,
    material: Zeroizing<Vec<u8>>,
    /// The values themselves, as whoever uses them would hold them.
    values: Vec<Zeroizing<Vec<u8>>>,
}

/// Shorter values are equal by chance.
const SHORTEST: usize = 6;

/// Rounds of the digest: a try costs a millisecond, so that nobody tries a dictionary in passing.
const ROUNDS: usize = 4096;

impl Exposure {
    /// A thing of a kind at a place; `material` is what an exception is bound to.
    pub fn new(kind: Kind, path: &str, line: u32, cause: String, material: &[u8]) -> Self {
        let mut problem = Problem::error(kind.reason(), cause).at(path, line);
        problem.severity = kind.severity();
        Self { kind, problem, material: Zeroizing::new(material.to_vec()), values: Vec::new() }
    }

    /// The same with the values that it is about, as they are written and as base64 has them.
    pub(super) fn holding<'v>(mut self, values: impl IntoIterator<Item = &'v [u8]>) -> Self {
        for value in values {
            let decoded = STANDARD.decode(value.trim_ascii()).ok().map(Zeroizing::new);
            let forms = [Some(Zeroizing::new(value.to_vec())), decoded].into_iter().flatten();
            self.values.extend(forms.filter(|form| form.len() >= SHORTEST));
        }
        self
    }

    /// What tells whether a value is still in use somewhere: its digests, in each form in which it may be held.
    pub fn digests(&self, digests: &DigestKey) -> Vec<SecretDigest> {
        self.values.iter().map(|value| digests.digest(value)).collect()
    }

    /// The same with its next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.problem.next = next.into();
        self
    }

    /// True if an exception's digest was made of this very value.
    pub fn has_digest(&self, digest: &str) -> bool {
        digest.split_once('-').is_some_and(|(salt, _)| self.digest(salt) == digest)
    }

    /// A digest for an exception, under a salt of its own: `SALT-HASH`. It is told only when it is asked for.
    pub fn fresh_digest(&self) -> Option<String> {
        let mut salt = [0; 8];
        getrandom::fill(&mut salt).ok()?;
        Some(self.digest(&hex(&salt)))
    }

    fn digest(&self, salt: &str) -> String {
        let mut sum = Zeroizing::new(<[u8; 32]>::from(
            Sha256::new_with_prefix(salt).chain_update(&*self.material).finalize(),
        ));
        for _ in 1..ROUNDS {
            *sum = Sha256::new_with_prefix(salt).chain_update(*sum).finalize().into();
        }
        format!("{salt}-{}", hex(&sum[..16]))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_fits_its_own_value_and_no_other() {
        let exposure = |value: &[u8]| Exposure::new(Kind::Token, "a", 1, String::new(), value);
        let [one, other] = [b"4711", b"4712"].map(|v| exposure(v));
        let digest = one.fresh_digest().expect("random");
        assert!(one.has_digest(&digest) && !other.has_digest(&digest));
        assert_ne!(one.fresh_digest(), Some(digest), "every digest has its own salt");
        assert!(!one.has_digest("") && !one.has_digest("-"));
    }

    #[test]
    fn every_kind_is_listed_once() {
        let mut codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }
}
