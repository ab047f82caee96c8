//! Certificates of sealed-secrets controllers: read from PEM, and judged before anything is sealed for one (secrets.md 3.3).

use crate::model::{Problem, Reason, Severity, clean};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey, pkcs1};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Time;
use x509_cert::{Certificate as X509, TbsCertificate};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Larger files are no certificates.
const LARGEST: usize = 1 << 20;
/// The shortest RSA key that is sealed for: what NIST SP 800-57 calls acceptable.
const SHORTEST: usize = 2048;
/// The longest one that is computed with.
const LONGEST: usize = 16_384;
/// The controller adds a key that often, if its configuration says nothing else (secrets.md 3.3).
const RENEWAL: i64 = 30 * DAY;
const DAY: i64 = 86_400;
/// Clocks that differ this much are not told.
const SKEW: i64 = 300;
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// How a certificate is fetched where Sealane itself may not: it never asks a server to be a proxy.
pub const FETCH: &str = "fetch it with `kubeseal --fetch-cert > FILE`, or with `kubectl get --raw \
    /api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:/proxy/v1/cert.pem > FILE`";

/// The public half of a sealed-secrets controller's key.
pub struct Certificate {
    pub(super) key: RsaPublicKey,
    /// The file it was read from.
    pub file: Arc<str>,
    /// SHA-256 of its bytes, in hex.
    pub fingerprint: Arc<str>,
    /// From when it is valid, seconds since 1970; the controller seals with the newest.
    pub not_before: i64,
    /// Until when it is valid, seconds since 1970.
    pub not_after: i64,
    /// Bits of its key.
    pub bits: usize,
    /// True if it looks as the controller makes them: its own issuer, and for enciphering alone.
    pub of_controller: bool,
    /// Names of web servers that it is for.
    servers: bool,
    /// How many certificates stand in the file.
    count: usize,
}

impl Certificate {
    /// Reads the first certificate of a PEM file, as `kubeseal` does. Text around it does not matter.
    pub fn read(bytes: &[u8], file: &str) -> Result<Self, Problem> {
        let refuse = |line: u32, cause: &str| {
            Problem::error(Reason::Config, cause.to_owned()).at(file, line).next(FETCH)
        };
        if bytes.len() > LARGEST {
            return Err(refuse(0, "the file is too large for a certificate"));
        }
        let text = String::from_utf8_lossy(bytes);
        let Some((der, line)) = first_block(&text) else {
            let cause = if text.contains(BEGIN) {
                "its certificate is cut off, or its PEM is damaged"
            } else if text.contains("PRIVATE KEY-----") {
                "it holds a private key and no certificate"
            } else {
                "it holds no certificate (PEM)"
            };
            return Err(refuse(0, cause));
        };
        let certificate = X509::from_der(&der)
            .map_err(|_| refuse(line, "its certificate cannot be read: it is no X.509"))?;
        let tbs = &certificate.tbs_certificate;
        let key = public_key(&tbs.subject_public_key_info).map_err(|cause| refuse(line, &cause))?;
        Ok(Self {
            bits: key.n().bits(),
            key,
            file: file.into(),
            fingerprint: hex(&Sha256::digest(&der)).into(),
            not_before: seconds(tbs.validity.not_before),
            not_after: seconds(tbs.validity.not_after),
            of_controller: is_of_controller(tbs),
            servers: tbs.get::<SubjectAltName>().is_ok_and(|names| names.is_some()),
            count: text.matches(BEGIN).count(),
        })
    }

    /// The first letters of its fingerprint, enough to know it by.
    pub fn short(&self) -> &str {
        self.fingerprint.get(..16).unwrap_or(&self.fingerprint)
    }

    /// True if the controller has probably a newer one, as far as its age tells.
    pub fn is_stale(&self, now: i64) -> bool {
        now - self.not_before > RENEWAL
    }

    /// What is wrong with it at that time (seconds since 1970), errors first. An error forbids to seal for it.
    pub fn problems(&self, now: i64) -> Vec<Problem> {
        let told = |severity: Severity, cause: String, next: &str| Problem {
            severity,
            ..Problem::error(Reason::Config, cause).at(&self.file, 0).next(next)
        };
        let (error, warning) = (Severity::Error, Severity::Warning);
        let mut found = Vec::new();
        if self.bits < SHORTEST {
            let cause = format!("its RSA key has {} bits; less than {SHORTEST} can be broken", self.bits);
            found.push(told(error, cause, "give the controller a longer key (`--key-size=4096`)"));
        }
        if now > self.not_after {
            let cause = format!("the certificate has expired on {}", day(self.not_after));
            found.push(told(error, cause, FETCH));
        } else if now + SKEW < self.not_before {
            let cause = format!("the certificate is not valid before {}", day(self.not_before));
            found.push(told(error, cause, "look at this machine's clock, or fetch the certificate again"));
        } else if self.is_stale(now) {
            let cause = format!(
                "the certificate is of {}, {} days ago: the controller makes a new key every 30 days, and this one \
                 opens still but is probably not its newest",
                day(self.not_before),
                (now - self.not_before) / DAY
            );
            found.push(told(Severity::Note, cause, FETCH));
        }
        if self.servers {
            let cause =
                "the certificate is that of a web server: no sealed-secrets controller makes such ones";
            found.push(told(warning, cause.to_owned(), FETCH));
        }
        if self.count > 1 {
            let cause = format!("it holds {} certificates; the first is used, as kubeseal does", self.count);
            found.push(told(warning, cause, "leave only the controller's in it"));
        }
        found
    }
}

/// The bytes of the first certificate and its line; `None` if there is no whole one.
fn first_block(text: &str) -> Option<(Vec<u8>, u32)> {
    text.match_indices(BEGIN).find_map(|(start, _)| {
        let body = &text[start + BEGIN.len()..];
        let body = &body[..body.find(END)?];
        let compact: String = body.split_ascii_whitespace().collect();
        let line = text[..start].lines().count() + 1;
        Some((STANDARD.decode(compact).ok()?, u32::try_from(line).unwrap_or(0)))
    })
}

fn public_key(info: &SubjectPublicKeyInfoOwned) -> Result<RsaPublicKey, String> {
    let kind = info.algorithm.oid;
    if kind != RSA {
        let name = if kind == EC { "an elliptic curve (EC)".to_owned() } else { format!("of kind {kind}") };
        return Err(format!("its key is {name}, and SealedSecrets are sealed for RSA keys alone"));
    }
    let damaged = || "its RSA key is damaged".to_owned();
    let bytes = info.subject_public_key.as_bytes().ok_or_else(damaged)?;
    let key = pkcs1::RsaPublicKey::from_der(bytes).map_err(|_| damaged())?;
    let number = |part: pkcs1::UintRef<'_>| BigUint::from_bytes_be(part.as_bytes());
    let (modulus, exponent) = (number(key.modulus), number(key.public_exponent));
    if modulus.bits() > LONGEST {
        return Err(format!(
            "its RSA key has {} bits; more than {LONGEST} are not computed with",
            modulus.bits()
        ));
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, LONGEST).map_err(|_| damaged())
}

/// As `sealed-secrets` makes them: issued by itself, a CA, for enciphering alone.
fn is_of_controller(tbs: &TbsCertificate) -> bool {
    let enciphers = matches!(tbs.get::<KeyUsage>(), Ok(Some((_, usage))) if usage.encipher_only());
    let is_ca = matches!(tbs.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca);
    tbs.issuer == tbs.subject && enciphers && is_ca
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn day(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_| "a day unknown".to_owned(), |time| clean(&time.strftime("%Y-%m-%d").to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
