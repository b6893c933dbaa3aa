//! PKCS#1 v1.5 paddings (RFC 8017 sections 7.2 and 8.2), with implicit rejection on decryption.
//!
//! A ciphertext with a bad padding decrypts to bytes that follow from the key and the ciphertext
//! alone: no error, no difference in time, so no oracle (Bleichenbacher 1998; Marvin 2023). The
//! bytes are those of draft-irtf-cfrg-rsa-guidance and of OpenSSL 3.2 and later.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess};
use zeroize::Zeroizing;

use super::Refused;
use super::digest::Hash;
use super::hmac::HmacKey;
use super::rng::Rng;
use super::rsa::{RsaPrivateKey, RsaPublicKey};

/// Bytes that the padding takes: two in front, eight of padding, one zero.
pub const OVERHEAD: usize = 11;

/// The longest message for a modulus of `modulus_len` bytes.
#[must_use]
pub const fn max_message_len(modulus_len: usize) -> usize {
    modulus_len.saturating_sub(OVERHEAD)
}

/// Signs data as it is: `CKM_RSA_PKCS`, or a `DigestInfo`. `signature` has the modulus's length.
///
/// # Errors
/// [`Refused`] for data that is too long.
pub fn sign(key: &RsaPrivateKey, data: &[u8], signature: &mut [u8]) -> Result<(), Refused> {
    let mut encoded = vec![0; key.len()];
    encode_signed(data, &mut encoded)?;
    key.transform(&encoded, signature)
}

/// Verifies by building the one valid encoding and comparing: nothing is parsed.
///
/// # Errors
/// [`Refused`] when the signature does not verify.
pub fn verify(key: &RsaPublicKey, data: &[u8], signature: &[u8]) -> Result<(), Refused> {
    let mut expected = vec![0; key.len()];
    encode_signed(data, &mut expected)?;
    let mut encoded = vec![0; key.len()];
    key.transform(signature, &mut encoded)?;
    if bool::from(encoded.ct_eq(&expected)) { Ok(()) } else { Err(Refused) }
}

/// Encrypts a message. `output` has the modulus's length.
///
/// # Errors
/// [`Refused`] for a message that is too long, or when the generator fails.
pub fn encrypt(key: &RsaPublicKey, rng: &dyn Rng, message: &[u8], output: &mut [u8]) -> Result<(), Refused> {
    let mut encoded = Zeroizing::new(vec![0; key.len()]);
    let padding_len = padding_len(message, &encoded)?;
    let (head, tail) = encoded.split_at_mut(2 + padding_len);
    let (start, padding) = head.split_at_mut(2);
    start.copy_from_slice(&[0, 2]);
    rng.fill(padding).map_err(|_| Refused)?;
    for byte in padding {
        while *byte == 0 {
            rng.fill(core::slice::from_mut(byte)).map_err(|_| Refused)?;
        }
    }
    let (_zero, end) = tail.split_at_mut(1);
    end.copy_from_slice(message);
    key.transform(&encoded, output)
}

/// Decrypts a ciphertext of the modulus's length; never fails for its padding.
///
/// # Errors
/// [`Refused`] for a wrong length or a number not below the modulus: both are public.
pub fn decrypt(key: &RsaPrivateKey, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut encoded = Zeroizing::new(vec![0; key.len()]);
    key.transform(ciphertext, &mut encoded)?;
    Ok(reject_implicitly(key.exponent_hash(), ciphertext, &encoded))
}

fn padding_len(message: &[u8], encoded: &[u8]) -> Result<usize, Refused> {
    let room = encoded.len().checked_sub(message.len() + 3).ok_or(Refused)?;
    if room >= 8 { Ok(room) } else { Err(Refused) }
}

fn encode_signed(data: &[u8], encoded: &mut [u8]) -> Result<(), Refused> {
    let padding_len = padding_len(data, encoded)?;
    encoded.fill(0xff);
    let (head, tail) = encoded.split_at_mut(2 + padding_len);
    if let Some(start) = head.first_chunk_mut::<2>() {
        *start = [0, 1];
    }
    let (zero, end) = tail.split_at_mut(1);
    zero.fill(0);
    end.copy_from_slice(data);
    Ok(())
}

/// The message of a good encoding, or the synthetic message of a bad one. Everything up to the
/// choice of the length runs the same for both.
fn reject_implicitly(exponent_hash: &[u8; 32], ciphertext: &[u8], encoded: &[u8]) -> Zeroizing<Vec<u8>> {
    let derivation_key = HmacKey::new(Hash::Sha256, exponent_hash).tag(ciphertext);
    let derivation_key = HmacKey::new(Hash::Sha256, derivation_key.as_ref());
    let synthetic = prf(&derivation_key, b"message", encoded.len());
    let candidates = prf(&derivation_key, b"length", CANDIDATES * 2);
    let synthetic_start = count(encoded.len()) - synthetic_len(&candidates, encoded.len());

    let (is_good, message_start) = find_message(encoded);
    let start = u32::conditional_select(&synthetic_start, &message_start, is_good);
    // The length is the caller's to see, and no more is given away from here on.
    let start = usize::try_from(start).unwrap_or(encoded.len());
    let mut message = Zeroizing::new(Vec::with_capacity(encoded.len()));
    for (real, fake) in encoded.iter().zip(synthetic.iter()).skip(start) {
        message.push(u8::conditional_select(fake, real, is_good));
    }
    message
}

/// Whether the encoding is 00 02, at least eight bytes that are not zero, a zero; and where its
/// message starts.
fn find_message(encoded: &[u8]) -> (Choice, u32) {
    let mut is_good = Choice::from(1);
    let mut is_found = Choice::from(0);
    let mut zero_at = 0;
    for (at, byte) in (0_u32..).zip(encoded) {
        match at {
            0 => is_good &= byte.ct_eq(&0),
            1 => is_good &= byte.ct_eq(&2),
            _ => {
                let is_zero = byte.ct_eq(&0);
                zero_at = u32::conditional_select(&zero_at, &at, is_zero & !is_found);
                is_found |= is_zero;
            }
        }
    }
    is_good &= is_found & zero_at.ct_gt(&9);
    (is_good, zero_at + 1)
}

/// How many candidates for the synthetic length are drawn: the last that fits is taken, and that
/// none fits has a chance below 2^-128.
const CANDIDATES: usize = 128;

fn synthetic_len(candidates: &[u8], modulus_len: usize) -> u32 {
    let longest = count(modulus_len) - 10;
    let mask = longest.checked_next_power_of_two().map_or(u32::MAX, |power| power - 1);
    // A power of two is its own next power: the mask must cover it too.
    let mask = mask | longest;
    let mut len = 0;
    for pair in candidates.as_chunks::<2>().0 {
        let candidate = u32::from(u16::from_be_bytes(*pair)) & mask;
        len = u32::conditional_select(&len, &candidate, candidate.ct_lt(&longest));
    }
    len
}

/// HMAC-SHA-256 over counter, label and length in bits, as often as needed.
fn prf(key: &HmacKey, label: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let bits = u16::try_from(len * 8).unwrap_or(u16::MAX).to_be_bytes();
    let mut output = Zeroizing::new(Vec::with_capacity(len + 32));
    for counter in 0_u16.. {
        if output.len() >= len {
            break;
        }
        let mut context = key.context();
        context.update(&counter.to_be_bytes());
        context.update(label);
        context.update(&bits);
        output.extend_from_slice(context.finish().as_ref());
    }
    output.truncate(len);
    output
}

/// A length that is bounded by the largest modulus, 2048 bytes.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
