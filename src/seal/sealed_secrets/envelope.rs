//! One sealed value: a session key sealed for the controller, and the value sealed with it (secrets.md 3.1).

use super::certificate::Certificate;
use super::edit::failed;
use crate::model::Problem;
use crate::secret::SecretText;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::Oaep;
use rsa::rand_core::OsRng;
use rsa::sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of the tag at the end.
const TAG: usize = 16;

/// Seals a value for a controller; it opens under the same label alone.
///
/// The layout: two bytes with the length of the sealed session key, that key (RSA-OAEP, SHA-256 for hash and mask, the
/// label), and the value under AES-256-GCM with a nonce of zeros, which is right since no session key is used twice.
pub(super) fn seal(certificate: &Certificate, label: &str, value: &SecretText) -> Result<String, Problem> {
    let mut session = Zeroizing::new([0_u8; 32]);
    getrandom::fill(session.as_mut_slice())
        .map_err(|_| failed("the operating system gave no random bytes"))?;
    let padding = Oaep::new_with_label::<Sha256, _>(label);
    let sealed_key = certificate
        .key
        .encrypt(&mut OsRng, padding, session.as_slice())
        .map_err(|_| failed("the certificate's key cannot seal"))?;
    let length = u16::try_from(sealed_key.len()).map_err(|_| failed("the certificate's key is too long"))?;
    let cipher =
        Aes256Gcm::new_from_slice(session.as_slice()).map_err(|_| failed("the value cannot be sealed"))?;
    let body = cipher
        .encrypt(&Nonce::default(), value.expose_secret())
        .map_err(|_| failed("the value is too long to be sealed"))?;
    let bytes = [length.to_be_bytes().as_slice(), &sealed_key, &body].concat();
    Ok(STANDARD.encode(bytes))
}

/// Bits of the key that a text is sealed for, by its layout; why it is no sealed value, if it is none.
pub(super) fn key_bits(text: &str) -> Result<usize, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_| "it is no base64")?;
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or("it is too short")?;
    let length = usize::from(u16::from_be_bytes(*length));
    // The shortest key that OAEP with SHA-256 can seal 32 bytes for has 98 bytes.
    if length < 98 {
        return Err("it does not begin as a sealed value does");
    }
    if rest.len() < length + TAG {
        return Err("it is cut off, or does not begin as a sealed value does");
    }
    Ok(length * 8)
}
