//! Recipients: which kinds there are, and a data key wrapped for one of them as a complete armored age file.

use super::super::cipher::DataKey;
use super::plugin::{self, PluginError, Plugins};
use super::{hybrid, ssh};
use age::armor::{ArmoredWriter, Format};
use std::io::Write as _;

/// What a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientKind {
    /// `age1…`: X25519.
    X25519,
    /// `age1pq1…`: ML-KEM-768 and X25519 together, safe from quantum computers.
    Hybrid,
    /// `age1tag1…`: a key in hardware, P-256.
    Tagged,
    /// `age1tagpq1…`: a key in hardware, ML-KEM-768 and P-256 together.
    TaggedHybrid,
    /// `ssh-ed25519 …` or `ssh-rsa …`.
    Ssh,
    /// `age1NAME1…`: whatever the program `age-plugin-NAME` makes of it.
    Plugin,
}

/// A recipient that cannot be sealed for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// A kind of recipient that age does not know.
    #[error("recipient {short} is {kind}, which age cannot seal for")]
    Unsupported {
        /// Its beginning.
        short: String,
        /// What it is.
        kind: String,
    },
    /// Not a recipient at all.
    #[error("`{0}` is no age recipient")]
    Invalid(String),
    /// An identity, where everybody reads it.
    #[error("a private key stands where a recipient belongs: replace the key, it is known now")]
    Private,
    /// The plug-in it needs did not do it.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// age refused.
    #[error("age could not wrap the data key")]
    Failed,
}

impl RecipientKind {
    /// True if a quantum computer would not help whoever recorded the file.
    pub fn is_post_quantum(self) -> bool {
        matches!(self, Self::Hybrid | Self::TaggedHybrid)
    }

    /// The kind, by its beginning alone: what is behind it may be damaged.
    pub(in crate::seal) fn of(text: &str) -> Option<Self> {
        if text.starts_with("ssh-") {
            return Some(Self::Ssh);
        }
        let rest = text.strip_prefix("age1")?;
        Some(match rest.split_once('1') {
            None => Self::X25519,
            Some(("pq", _)) => Self::Hybrid,
            Some(("tag", _)) => Self::Tagged,
            Some(("tagpq", _)) => Self::TaggedHybrid,
            Some(_) => Self::Plugin,
        })
    }
}

/// Says what kind a recipient is, or why nothing can be sealed for it. No plug-in is run.
pub fn parse_recipient(text: &str) -> Result<RecipientKind, RecipientError> {
    resolved(text, &Plugins::default()).map(|(kind, _)| kind)
}

/// Wraps a data key for one recipient, as a complete armored age file. Recipients of plug-ins are refused.
pub fn wrap(key: &DataKey, recipient: &str) -> Result<String, RecipientError> {
    wrap_with(key, recipient, &Plugins::default())
}

/// The same; plug-ins are run if the user agreed to them.
pub fn wrap_with(key: &DataKey, recipient: &str, plugins: &Plugins) -> Result<String, RecipientError> {
    wrap_bytes(key.bytes(), recipient, plugins)
}

/// Wraps a data key, or one share of it, for one recipient.
pub(in crate::seal) fn wrap_bytes(
    bytes: &[u8],
    recipient: &str,
    plugins: &Plugins,
) -> Result<String, RecipientError> {
    let (_, recipient) = resolved(recipient, plugins)?;
    let failed = |_| RecipientError::Failed;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&*recipient)).map_err(reason)?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(bytes).map_err(failed)?;
    let bytes = writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| RecipientError::Failed)
}

/// What age says, or what our own recipients said through it.
fn reason(error: age::EncryptError) -> RecipientError {
    match error {
        age::EncryptError::Io(error) => match error.downcast::<PluginError>() {
            Ok(error) => RecipientError::Plugin(error),
            Err(_) => RecipientError::Failed,
        },
        _ => RecipientError::Failed,
    }
}

fn resolved(
    text: &str,
    plugins: &Plugins,
) -> Result<(RecipientKind, Box<dyn age::Recipient>), RecipientError> {
    let text = text.trim();
    let invalid = || RecipientError::Invalid(short(text));
    if text.starts_with("AGE-") || text.contains("PRIVATE KEY") {
        return Err(RecipientError::Private);
    }
    let kind = RecipientKind::of(text).ok_or_else(invalid)?;
    let recipient: Box<dyn age::Recipient> = match kind {
        RecipientKind::X25519 => Box::new(text.parse::<age::x25519::Recipient>().map_err(|_| invalid())?),
        RecipientKind::Hybrid => Box::new(text.parse::<hybrid::Recipient>().map_err(|()| invalid())?),
        RecipientKind::Tagged => Box::new(text.parse::<age::tag::Recipient>().map_err(|_| invalid())?),
        RecipientKind::TaggedHybrid => {
            Box::new(text.parse::<age::tagpq::Recipient>().map_err(|_| invalid())?)
        }
        RecipientKind::Ssh => Box::new(ssh::recipient(text)?),
        RecipientKind::Plugin => Box::new(plugin::Recipient::parse(text, plugins).ok_or_else(invalid)?),
    };
    Ok((kind, recipient))
}

/// The beginning of a recipient, safe for a screen.
pub(super) fn short(text: &str) -> String {
    let short: String = text.chars().take(16).collect();
    crate::model::clean(&short)
}

/// True if two texts name the same recipient: the comment behind an SSH key does not count.
pub(super) fn same(one: &str, other: &str) -> bool {
    let essence = |text: &str| -> Vec<String> {
        let words = if text.trim_start().starts_with("ssh-") { 2 } else { 1 };
        text.split_whitespace().take(words).map(str::to_owned).collect()
    };
    essence(one) == essence(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recipient_is_named_by_its_beginning() {
        let long = format!("age1pq1{}", "q".repeat(2000));
        for (text, said) in [
            ("bob", "`bob` is no age recipient"),
            ("age1qqqq", "`age1qqqq` is no age recipient"),
            (&*long, "`age1pq1qqqqqqqqq` is no age recipient"),
            ("age1yubikey1qqqq", "`age1yubikey1qqqq` is no age recipient"),
            ("age1\u{202e}tag1qqqq", "is no age recipient"),
            ("AGE-SECRET-KEY-1CANARY", "a private key stands where a recipient belongs"),
            ("ssh-dss AAAAB3NzaC1kc3MAAACB", "recipient ssh-dss AAAAB3Nz is an ssh-dss key"),
        ] {
            let Err(error) = parse_recipient(text) else { panic!("{text} was taken") };
            let told = error.to_string();
            assert!(told.contains(said) && !told.contains('\u{202e}'), "{told}");
        }
    }

    #[test]
    fn the_comment_of_an_ssh_key_does_not_count() {
        assert!(same("ssh-ed25519 AAAA ana@host", "ssh-ed25519 AAAA"));
        assert!(!same("ssh-ed25519 AAAA", "ssh-ed25519 BBBB"));
        assert!(same(" age1x ", "age1x"));
    }
}
