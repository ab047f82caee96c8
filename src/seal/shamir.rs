//! Shamir's secret sharing over the bytes of a data key, as SOPS does it for key groups (secrets.md 1.8).
//!
//! Each byte is the value at 0 of a polynomial over GF(2^8) (the polynomial of AES); a share is its values at one x, which
//! is the share's last byte.

use super::cipher::{CipherError, DataKey};
use zeroize::Zeroizing;

/// One share: 32 bytes and its x.
pub(super) type Share = Zeroizing<Vec<u8>>;

/// Splits a key into shares, `threshold` of which bring it back. `None` if that number makes no sense.
pub(super) fn split(
    key: &DataKey,
    shares: usize,
    threshold: usize,
) -> Result<Option<Vec<Share>>, CipherError> {
    if !(2..=shares).contains(&threshold) || shares > 255 {
        return Ok(None);
    }
    let mut parts: Vec<Share> = (0..shares).map(|_| Zeroizing::new(Vec::with_capacity(33))).collect();
    let mut random = Zeroizing::new(vec![0; threshold - 1]);
    for secret in key.bytes() {
        getrandom::fill(&mut random).map_err(|_| CipherError::NoRandomness)?;
        for (x, part) in (1..=255).zip(&mut parts) {
            // Horner's rule, from the highest coefficient down to the secret.
            let y = random.iter().chain([secret]).fold(0, |sum, coefficient| product(sum, x) ^ coefficient);
            part.push(y);
        }
    }
    for (x, part) in (1..=255).zip(&mut parts) {
        part.push(x);
    }
    Ok(Some(parts))
}

/// The key that shares were made of; `None` for shares that cannot belong together. Too few shares give a wrong key.
pub(super) fn combine(shares: &[Share]) -> Option<DataKey> {
    let xs: Vec<u8> = shares.iter().map(|share| share.last().copied()).collect::<Option<_>>()?;
    let is_repeated = |at: usize| xs[..at].contains(&xs[at]);
    if shares.len() < 2 || shares.iter().any(|share| share.len() != 33) || (0..xs.len()).any(is_repeated) {
        return None;
    }
    // Lagrange's weights at 0; where one x is 0, its share is the secret itself.
    let weights: Vec<u8> = (0..xs.len())
        .map(|at| {
            let others = xs.iter().enumerate().filter(|(other, _)| *other != at);
            others.fold(1, |weight, (_, x)| product(weight, product(*x, inverse(x ^ xs[at]))))
        })
        .collect();
    let sum =
        |byte: usize| shares.iter().zip(&weights).fold(0, |sum, (share, w)| sum ^ product(share[byte], *w));
    let secret: Zeroizing<Vec<u8>> = Zeroizing::new((0..32).map(sum).collect());
    DataKey::from_bytes(&secret)
}

/// The product in GF(2^8), in the same time for all factors.
fn product(a: u8, b: u8) -> u8 {
    let mut wide = 0_u16;
    for bit in 0..8 {
        wide ^= (u16::from(a) << bit) & u16::from((b >> bit) & 1).wrapping_neg();
    }
    for bit in (8..15).rev() {
        wide ^= (0x11B << (bit - 8)) & ((wide >> bit) & 1).wrapping_neg();
    }
    wide.to_le_bytes()[0]
}

/// What gives 1 with `a`: its 254th power.
fn inverse(a: u8) -> u8 {
    let (mut power, mut result) = (a, 1);
    for _ in 0..7 {
        power = product(power, power);
        result = product(result, power);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shares_that_suffice_bring_the_key_back_and_fewer_do_not() {
        let key = DataKey::generate().expect("random");
        for (count, threshold) in [(2, 2), (3, 2), (5, 3), (255, 4)] {
            let shares = split(&key, count, threshold).expect("random").expect("sensible numbers");
            let pick = |from: usize| -> Vec<Share> { shares[count - from..].to_vec() };
            let bytes = |shares: Vec<Share>| combine(&shares).map(|key| key.bytes().to_vec());
            assert_eq!(bytes(pick(threshold)).as_deref(), Some(key.bytes()));
            assert_eq!(bytes(shares.clone()).as_deref(), Some(key.bytes()));
            assert_ne!(bytes(pick(threshold - 1)).as_deref(), Some(key.bytes()));
        }
        assert!(split(&key, 2, 3).is_ok_and(|s| s.is_none()) && split(&key, 2, 1).is_ok_and(|s| s.is_none()));
    }

    #[test]
    fn shares_that_cannot_belong_together_are_refused() {
        let key = DataKey::generate().expect("random");
        let shares = split(&key, 3, 2).expect("random").expect("sensible numbers");
        assert!(combine(&[shares[0].clone(), shares[0].clone()]).is_none());
        assert!(combine(&shares[..1]).is_none() && combine(&[]).is_none());
        assert!(combine(&[Zeroizing::new(vec![1, 2]), shares[1].clone()]).is_none());
    }

    #[test]
    fn products_are_those_of_the_field_of_aes() {
        // FIPS 197, 4.2.
        assert_eq!((product(0x57, 0x83), product(0x57, 0x13)), (0xC1, 0xFE));
        assert!((1..=255).all(|a| product(a, inverse(a)) == 1));
    }
}
