//! Post-quantum keys of age, `age1pq1…`: ML-KEM-768 and X25519 joined as X-Wing, in HPKE (secrets.md 1.12).
//!
//! The construction is that of c2sp.org/age (`mlkem768x25519`): HPKE base mode with X-Wing (KEM 0x647a), HKDF-SHA256 and
//! ChaCha20-Poly1305. A hybrid key is as safe as the stronger of its two parts.

use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{bech32_decode, bech32_encode};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hpke::aead::ChaCha20Poly1305;
use hpke::generic_array::typenum::{Sum, U32, U96, U192, U1024};
use hpke::kdf::HkdfSha256;
use hpke::kem::SharedSecret;
use hpke::{Deserializable, HpkeError, OpModeR, OpModeS, Serializable};
use ml_kem::kem::{Decapsulate as _, Encapsulate as _};
use ml_kem::{EncodedSizeUser as _, KemCore, MlKem768};
use rand_core::{CryptoRng, OsRng, RngCore};
use sha3::digest::{ExtendableOutput as _, FixedOutput as _, Update as _, XofReader as _};
use sha3::{Sha3_256, Shake256};
use std::collections::HashSet;
use std::str::FromStr;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

const STANZA: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const RECIPIENT: &str = "age1pq";
const IDENTITY: &str = "AGE-SECRET-KEY-PQ-";
/// What X-Wing ends its hash with: `\.//^\`.
const LABEL: &[u8] = br"\.//^\";
const MLKEM_PUBLIC: usize = 1184;
const MLKEM_CIPHERTEXT: usize = 1088;
const PUBLIC: usize = MLKEM_PUBLIC + 32;
const ENCAPSULATED: usize = MLKEM_CIPHERTEXT + 32;
/// The poly1305 tag behind a sealed file key.
const TAG: usize = 16;

type Encapsulation = <MlKem768 as KemCore>::EncapsulationKey;
type Decapsulation = <MlKem768 as KemCore>::DecapsulationKey;

/// A public key that can be sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient(PublicKey);

/// A private key. Wiped on drop.
pub(super) struct Identity(PrivateKey);

impl FromStr for Recipient {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        PublicKey::from_bytes(&decoded(text, RECIPIENT)?).map(Self).map_err(|_| ())
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        PrivateKey::from_bytes(&decoded(text, IDENTITY)?).map(Self).map_err(|_| ())
    }
}

/// The bytes of a Bech32 text of any length with this prefix.
fn decoded(text: &str, prefix: &str) -> Result<Zeroizing<Vec<u8>>, ()> {
    let is_ours = |found: &str| if found == prefix { Ok(()) } else { Err(()) };
    bech32_decode(text, |_| (), |hrp| is_ours(hrp.as_str()), |_, bytes| Ok(Zeroizing::new(bytes.collect())))
}

impl Identity {
    /// The recipient that belongs to it, as text.
    pub(super) fn recipient(&self) -> String {
        let public = <XWing as hpke::Kem>::sk_to_pk(&self.0);
        bech32::Hrp::parse(RECIPIENT).map_or_else(|_| String::new(), |hrp| bech32_encode(hrp, &public.0[..]))
    }

    fn open(&self, encapsulated: &Encapped, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let mode = OpModeR::Base;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &mode,
            &self.0,
            encapsulated,
            INFO,
            body,
            &[],
        )
        .map(Zeroizing::new)
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (encapsulated, body) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing, _>(
            &OpModeS::Base,
            &self.0,
            INFO,
            file_key.expose_secret(),
            &[],
            &mut OsRng,
        )
        .map_err(|_| EncryptError::Io(std::io::Error::other("the key of this recipient is damaged")))?;
        let args = vec![STANDARD_NO_PAD.encode(&encapsulated.0[..])];
        let labels = HashSet::from(["postquantum".to_owned()]);
        Ok((vec![Stanza { tag: STANZA.to_owned(), args, body }], labels))
    }
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != STANZA {
            return None;
        }
        // A stanza of this kind that is not as it must be is a damaged file, whoever it is for.
        let damaged = || Some(Err(DecryptError::InvalidHeader));
        let [argument] = stanza.args.as_slice() else { return damaged() };
        let Ok(bytes) = STANDARD_NO_PAD.decode(argument) else { return damaged() };
        let Ok(encapsulated) = Encapped::from_bytes(&bytes) else { return damaged() };
        if stanza.body.len() != FILE_KEY_BYTES + TAG {
            return damaged();
        }
        match self.open(&encapsulated, &stanza.body) {
            // ML-KEM gives a key for every ciphertext, so that a stanza for somebody else is seen only here.
            Err(HpkeError::OpenError) => None,
            Err(_) => damaged(),
            Ok(plain) => <[u8; FILE_KEY_BYTES]>::try_from(plain.as_slice())
                .map(|key| Ok(FileKey::new(Box::new(key))))
                .ok(),
        }
    }
}

/// X-Wing: the bytes of both public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PublicKey(Box<[u8; PUBLIC]>);

/// X-Wing: the seed that both private keys grow from.
#[derive(Clone, PartialEq, Eq)]
struct PrivateKey(Zeroizing<[u8; 32]>);

/// X-Wing: both ciphertexts.
#[derive(Clone)]
struct Encapped(Box<[u8; ENCAPSULATED]>);

/// The two private keys, grown.
struct Grown {
    lattice: Decapsulation,
    encapsulation: Encapsulation,
    scalar: Zeroizing<[u8; 32]>,
}

impl PublicKey {
    fn lattice(&self) -> Result<Encapsulation, HpkeError> {
        let bytes = self.0[..MLKEM_PUBLIC].try_into().map_err(|_| HpkeError::ValidationError)?;
        let key = Encapsulation::from_bytes(bytes);
        // FIPS 203, 7.2: numbers above the modulus are refused.
        if key.as_bytes()[..] == self.0[..MLKEM_PUBLIC] { Ok(key) } else { Err(HpkeError::ValidationError) }
    }

    fn point(&self) -> [u8; 32] {
        last(&self.0[..])
    }
}

impl PrivateKey {
    fn grown(&self) -> Grown {
        let mut bytes = Zeroizing::new([0; 96]);
        Shake256::default().chain(&self.0[..]).finalize_xof().read(bytes.as_mut_slice());
        let part = |from: usize| {
            let mut part = Zeroizing::new([0; 32]);
            part.copy_from_slice(&bytes[from..from + 32]);
            part
        };
        let (d, z) = (part(0), part(32));
        let (lattice, encapsulation) = MlKem768::generate_deterministic(&(*d).into(), &(*z).into());
        Grown { lattice, encapsulation, scalar: part(64) }
    }
}

impl Grown {
    fn point(&self) -> [u8; 32] {
        x25519(*self.scalar, X25519_BASEPOINT_BYTES)
    }
}

/// The last 32 bytes: those of X25519.
fn last(bytes: &[u8]) -> [u8; 32] {
    let mut point = [0; 32];
    point.copy_from_slice(&bytes[bytes.len() - 32..]);
    point
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<Box<[u8; N]>, HpkeError> {
    let wrong = |_| HpkeError::IncorrectInputLength(N, bytes.len());
    Box::<[u8]>::from(bytes).try_into().map_err(wrong)
}

impl Serializable for PublicKey {
    type OutputSize = Sum<U1024, U192>;

    fn write_exact(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0[..]);
    }
}

impl Deserializable for PublicKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let key = Self(exact(bytes)?);
        key.lattice()?;
        Ok(key)
    }
}

impl Serializable for PrivateKey {
    type OutputSize = U32;

    fn write_exact(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0[..]);
    }
}

impl Deserializable for PrivateKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let mut seed = Zeroizing::new([0; 32]);
        if bytes.len() != seed.len() {
            return Err(HpkeError::IncorrectInputLength(seed.len(), bytes.len()));
        }
        seed.copy_from_slice(bytes);
        Ok(Self(seed))
    }
}

impl Serializable for Encapped {
    type OutputSize = Sum<U1024, U96>;

    fn write_exact(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0[..]);
    }
}

impl Deserializable for Encapped {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        exact(bytes).map(Self)
    }
}

/// The KEM, as HPKE wants it.
struct XWing;

impl hpke::Kem for XWing {
    type PublicKey = PublicKey;
    type PrivateKey = PrivateKey;
    type EncappedKey = Encapped;
    type NSecret = U32;
    const KEM_ID: u16 = 0x647a;

    fn sk_to_pk(private: &PrivateKey) -> PublicKey {
        let grown = private.grown();
        let mut bytes = Box::new([0; PUBLIC]);
        bytes[..MLKEM_PUBLIC].copy_from_slice(&grown.encapsulation.as_bytes());
        bytes[MLKEM_PUBLIC..].copy_from_slice(&grown.point());
        PublicKey(bytes)
    }

    /// draft-ietf-hpke-pq: the seed is drawn from SHAKE256 over the labelled input.
    fn derive_keypair(material: &[u8]) -> (PrivateKey, PublicKey) {
        let mut seed = Zeroizing::new([0; 32]);
        Shake256::default()
            .chain(material)
            .chain(b"HPKE-v1KEM")
            .chain(Self::KEM_ID.to_be_bytes())
            .chain(b"\x00\x0dDeriveKeyPair\x00\x20")
            .finalize_xof()
            .read(seed.as_mut_slice());
        let private = PrivateKey(seed);
        let public = Self::sk_to_pk(&private);
        (private, public)
    }

    fn decap(
        private: &PrivateKey,
        sender: Option<&PublicKey>,
        encapsulated: &Encapped,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        let grown = private.grown();
        let ciphertext = encapsulated.0[..MLKEM_CIPHERTEXT].try_into().map_err(|_| HpkeError::DecapError)?;
        let theirs = last(&encapsulated.0[..]);
        let lattice = grown.lattice.decapsulate(ciphertext).map_err(|()| HpkeError::DecapError)?;
        let curve = Zeroizing::new(x25519(*grown.scalar, theirs));
        // A point of low order gives zero, whoever's key it is; there are no senders in this mode.
        if *curve == [0; 32] || sender.is_some() {
            return Err(HpkeError::DecapError);
        }
        Ok(combined(&lattice, &curve, &theirs, &grown.point()))
    }

    fn encap<R: CryptoRng + RngCore>(
        public: &PublicKey,
        sender: Option<(&PrivateKey, &PublicKey)>,
        random: &mut R,
    ) -> Result<(SharedSecret<Self>, Encapped), HpkeError> {
        let (ciphertext, lattice) =
            public.lattice()?.encapsulate(random).map_err(|()| HpkeError::EncapError)?;
        let mut scalar = Zeroizing::new([0; 32]);
        random.try_fill_bytes(scalar.as_mut_slice()).map_err(|_| HpkeError::EncapError)?;
        let ours = x25519(*scalar, X25519_BASEPOINT_BYTES);
        let curve = Zeroizing::new(x25519(*scalar, public.point()));
        if *curve == [0; 32] || sender.is_some() {
            return Err(HpkeError::EncapError);
        }
        let mut encapsulated = Box::new([0; ENCAPSULATED]);
        encapsulated[..MLKEM_CIPHERTEXT].copy_from_slice(&ciphertext);
        encapsulated[MLKEM_CIPHERTEXT..].copy_from_slice(&ours);
        Ok((combined(&lattice, &curve, &ours, &public.point()), Encapped(encapsulated)))
    }
}

/// X-Wing's combiner: SHA3-256 over both secrets, the ciphertext and the public key of X25519, and the label.
fn combined(
    lattice: &[u8],
    curve: &[u8; 32],
    ciphertext: &[u8; 32],
    point: &[u8; 32],
) -> SharedSecret<XWing> {
    let hash = Sha3_256::default().chain(lattice).chain(curve).chain(ciphertext).chain(point).chain(LABEL);
    SharedSecret(hash.finalize_fixed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::{Identity as _, Recipient as _};
    use hpke::Kem as _;
    use sha2::Digest as _;

    fn bytes(hex: &str) -> Vec<u8> {
        let pair = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex");
        (0..hex.len() / 2).map(pair).collect()
    }

    /// The first vector of draft-ietf-hpke-pq for MLKEM768-X25519; of the public key its SHA-256.
    #[test]
    fn keys_grow_as_the_draft_says() {
        let material = bytes("0379761fa4f6869592b0d1f9a71eb92b122dc030a7a8858132109f6b1a4bbde4");
        let (private, public) = XWing::derive_keypair(&material);
        let seed = bytes("b3f98b03126a431ccecc62ae0f68e102c2d8e1cc7b21ba85d821d8e31761e0f8");
        assert_eq!(private.0.to_vec(), seed);
        let sum = sha2::Sha256::digest(&public.0[..]);
        assert_eq!(sum.to_vec(), bytes("120b60e0ae3c00c1c9def1c61aeb12de710bfa49646ae6f99a7e564b25ace493"));
    }

    #[test]
    fn a_file_key_comes_back_and_only_for_its_owner() {
        let (private, public) = XWing::derive_keypair(&[1; 32]);
        let (other, _) = XWing::derive_keypair(&[2; 32]);
        let (mine, theirs) = (Identity(private), Identity(other));
        let recipient: Recipient = mine.recipient().parse().expect("its own text");
        assert_eq!(recipient.0, public);
        let (stanzas, labels) = recipient.wrap_file_key(&FileKey::new(Box::new([7; 16]))).expect("wrapped");
        assert!(labels.contains("postquantum"));
        let opened = mine.unwrap_stanza(&stanzas[0]).expect("ours").expect("opened");
        assert_eq!(opened.expose_secret(), &[7; 16]);
        assert!(theirs.unwrap_stanza(&stanzas[0]).is_none());
    }

    #[test]
    fn damaged_keys_and_stanzas_are_refused() {
        let (private, public) = XWing::derive_keypair(&[1; 32]);
        let mut wrong = public.0.clone();
        // A number above the modulus.
        (wrong[0], wrong[1]) = (0xff, 0xff);
        assert!(PublicKey::from_bytes(&wrong[..]).is_err());
        assert!(PublicKey::from_bytes(&public.0[1..]).is_err());
        assert!("age1pq1qqqq".parse::<Recipient>().is_err());
        let mut low = public.clone();
        low.0[MLKEM_PUBLIC..].fill(0);
        assert!(Recipient(low).wrap_file_key(&FileKey::new(Box::new([7; 16]))).is_err());
        let identity = Identity(private);
        let recipient = Recipient(public);
        let (stanzas, _) = recipient.wrap_file_key(&FileKey::new(Box::new([7; 16]))).expect("wrapped");
        let [stanza] = stanzas.as_slice() else { panic!("one stanza") };
        let copy = |args: Vec<String>, body: Vec<u8>| Stanza { tag: STANZA.to_owned(), args, body };
        let short = copy(stanza.args.clone(), stanza.body[1..].to_vec());
        let two = copy([stanza.args.clone(), stanza.args.clone()].concat(), stanza.body.clone());
        for damaged in [short, two] {
            assert!(matches!(identity.unwrap_stanza(&damaged), Some(Err(DecryptError::InvalidHeader))));
        }
    }
}
