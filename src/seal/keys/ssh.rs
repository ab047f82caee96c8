//! SSH keys as recipients and identities: ed25519 and RSA, in the files that `ssh-keygen` writes.
//!
//! What comes from a repository is looked over before it is given to the parser of age, which does not expect numbers that
//! no SSH program writes.

use super::recipient::{RecipientError, short};
use age::ssh::{EncryptedKey, Identity, ParseRecipientKeyError, UnsupportedKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Rounds of the passphrase's derivation above which a key is taken for hostile: minutes of work.
const MOST_ROUNDS: u32 = 20_000;

/// A private key that was read.
pub(super) enum PrivateKey {
    Open(Identity),
    Locked(EncryptedKey),
}

/// Reads a public key: `ssh-ed25519 AAAA… comment`.
pub(super) fn recipient(text: &str) -> Result<age::ssh::Recipient, RecipientError> {
    let invalid = || RecipientError::Invalid(short(text));
    let mut words = text.split_whitespace();
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !matches!(kind, "ssh-ed25519" | "ssh-rsa") {
        return Err(RecipientError::Unsupported {
            short: short(text),
            kind: format!("an {} key", crate::model::clean(kind)),
        });
    }
    let bytes = STANDARD.decode(blob).map_err(|_| invalid())?;
    public_key(&bytes).filter(|found| *found == kind).ok_or_else(invalid)?;
    let unsupported = |kind: &str| RecipientError::Unsupported { short: short(text), kind: kind.to_owned() };
    // One blank between the two words, whatever was there.
    format!("{kind} {blob}").parse().map_err(|error| match error {
        ParseRecipientKeyError::RsaModulusTooLarge => unsupported("an RSA key of more than 4,096 bits"),
        ParseRecipientKeyError::RsaModulusTooSmall => unsupported("an RSA key of less than 2,048 bits"),
        _ => invalid(),
    })
}

/// True if a file's text begins as a private key does.
pub(super) fn looks_private(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----")
}

/// Reads a private key with its recipient.
pub(super) fn identity(text: &str) -> Result<(PrivateKey, String), String> {
    let text = text.trim_start();
    if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        well_formed(text).ok_or("it is no private key that age can read: it is damaged")?;
    }
    let read = Identity::from_buffer(text.as_bytes(), None).map_err(
        |_| "it is no private key that age can read (ed25519 or RSA, as `ssh-keygen` writes them)",
    )?;
    let recipient = age::ssh::Recipient::try_from(read.clone());
    let key = match read {
        Identity::Unsupported(kind) => return Err(unsupported(&kind)),
        Identity::Encrypted(key) => PrivateKey::Locked(key),
        open @ Identity::Unencrypted(_) => PrivateKey::Open(open),
    };
    match recipient {
        Ok(recipient) => Ok((key, recipient.to_string())),
        Err(ParseRecipientKeyError::RsaModulusTooLarge) => {
            Err("an RSA key of more than 4,096 bits, which age cannot use".to_owned())
        }
        Err(_) => Err("a key of a kind that age cannot use; ed25519 and RSA can be used".to_owned()),
    }
}

fn unsupported(kind: &UnsupportedKey) -> String {
    match kind {
        UnsupportedKey::EncryptedPem => {
            "it is locked in the old PEM format; `ssh-keygen -p -f FILE` writes it anew in one that can be read".to_owned()
        }
        UnsupportedKey::EncryptedSsh(cipher) => {
            format!("it is locked with the cipher {}, which age cannot read", crate::model::clean(cipher))
        }
        UnsupportedKey::Hardware(_) => {
            "the key is in hardware (FIDO), which SSH can only sign with; an age plug-in can open files with it".to_owned()
        }
        UnsupportedKey::Type(kind) => {
            format!("a key of the kind {}; age can use ed25519 and RSA", crate::model::clean(kind))
        }
    }
}

/// SSH's own encoding: lengths of four bytes, then what they say.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count)
    }

    /// A number that is not negative, without needless zeros, and not zero.
    fn positive(&mut self) -> Option<()> {
        match self.string()? {
            [0, next, ..] if next & 0x80 != 0 => Some(()),
            [first, ..] if *first != 0 && first & 0x80 == 0 => Some(()),
            _ => None,
        }
    }
}

/// The kind of a public key whose fields are as they must be.
fn public_key(bytes: &[u8]) -> Option<&str> {
    let mut fields = Fields(bytes);
    let kind = std::str::from_utf8(fields.string()?).ok()?;
    match kind {
        "ssh-rsa" => {
            fields.positive()?;
            fields.positive()?;
        }
        "ssh-ed25519" => {
            fields.string().filter(|key| key.len() == 32)?;
        }
        _ => return Some(kind),
    }
    fields.0.is_empty().then_some(kind)
}

/// Looks an OpenSSH private key over; `None` if something in it is as no program writes it.
fn well_formed(text: &str) -> Option<()> {
    let inside = text.split("-----").nth(2)?;
    let mut body = Zeroizing::new(String::with_capacity(inside.len()));
    body.extend(inside.chars().filter(|letter| !letter.is_whitespace()));
    let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    let mut fields = Fields(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let cipher = fields.string()?;
    let _derivation = fields.string()?;
    let mut options = Fields(fields.string()?);
    fields.number().filter(|keys| *keys == 1)?;
    public_key(fields.string()?)?;
    let mut private = Fields(fields.string()?);
    if cipher != b"none" {
        options.string()?;
        return (options.number()? <= MOST_ROUNDS).then_some(());
    }
    private.take(8)?;
    if private.string()? == b"ssh-rsa" {
        (0..6).try_for_each(|_| private.positive())?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(bytes: &[u8]) -> Vec<u8> {
        let count = u32::try_from(bytes.len()).expect("short");
        [&count.to_be_bytes()[..], bytes].concat()
    }

    #[test]
    fn public_keys_that_no_program_writes_are_refused() {
        let key = |parts: &[&[u8]]| {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| field(part)).collect();
            format!("ssh-rsa {} someone", STANDARD.encode(bytes))
        };
        let modulus = [0x7f; 256];
        // Zeros alone make age's own reader panic.
        for (name, text) in [
            ("zeros", key(&[b"ssh-rsa", &[0, 0, 0], &modulus])),
            ("a zero", key(&[b"ssh-rsa", &[0], &modulus])),
            ("nothing", key(&[b"ssh-rsa", &[], &modulus])),
            ("negative", key(&[b"ssh-rsa", &[0x80], &modulus])),
            ("cut", key(&[b"ssh-rsa", &[3]])),
            ("more", key(&[b"ssh-rsa", &[1, 0, 1], &modulus, b"x"])),
            ("another kind", key(&[b"ssh-ed25519", &[7; 32]])),
            ("no base64", "ssh-rsa !!!!".to_owned()),
            ("no key", "ssh-rsa".to_owned()),
        ] {
            assert!(matches!(recipient(&text), Err(RecipientError::Invalid(_))), "{name}");
        }
        let weak = recipient(&key(&[b"ssh-rsa", &[1, 0, 1], &modulus[..128]]));
        assert!(weak.is_err_and(|e| e.to_string().contains("less than 2,048 bits")));
    }

    #[test]
    fn private_keys_that_no_program_writes_are_refused() {
        let armored = |bytes: &[u8]| {
            let body = STANDARD.encode(bytes);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        let public = [field(b"ssh-rsa"), field(&[1, 0, 1]), field(&[0x7f; 256])].concat();
        let private = [vec![0; 8], field(b"ssh-rsa"), field(&[0, 0]), field(&[1]), field(&[1])].concat();
        let whole = [
            b"openssh-key-v1\0".to_vec(),
            field(b"none"),
            field(b"none"),
            field(b""),
            vec![0, 0, 0, 1],
            field(&public),
            field(&private),
        ]
        .concat();
        for text in [
            armored(&whole),
            armored(b"openssh-key-v1\0"),
            armored(&[]),
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
        ] {
            assert!(identity(&text).is_err_and(|why| why.contains("damaged")), "{text}");
        }
    }
}
