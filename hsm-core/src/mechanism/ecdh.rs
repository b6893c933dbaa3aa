//! Elliptic-curve Diffie-Hellman: `CKM_ECDH1_DERIVE` and `CKM_ECDH1_COFACTOR_DERIVE`.

use std::sync::Arc;

use hsm_types::{AttributeType, KeyType, MechanismType, Params};
use zeroize::Zeroizing;

use super::ec_key_gen::SIZES;
use super::{MechanismDef, Ops};
use crate::crypto::Refused;
use crate::crypto::digest::Hash;
use crate::error::Error;
use crate::key::{Key, MAX_SECRET_LEN};

/// `CKM_ECDH1_DERIVE`.
pub(super) static ECDH1_DERIVE: MechanismDef = row(MechanismType::ECDH1_DERIVE);

/// `CKM_ECDH1_COFACTOR_DERIVE`: the same, as every curve of the token has cofactor 1.
pub(super) static ECDH1_COFACTOR_DERIVE: MechanismDef = row(MechanismType::ECDH1_COFACTOR_DERIVE);

const fn row(id: MechanismType) -> MechanismDef {
    MechanismDef {
        id,
        spec: "PKCS#11 v3.1, elliptic curve Diffie-Hellman; ANSI X9.63; NIST SP 800-56A section 5.7.1.2",
        key_types: &[KeyType::EC],
        key_sizes: SIZES,
        ops: Ops { derive: Some(derive), ..Ops::NONE },
    }
}

fn derive(params: &Params, key: &Arc<Key>, length: Option<usize>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Params::Ecdh1 { kdf, shared_data, public_data } = params else {
        return Err(Error::MechanismParamInvalid("the parameter is a CK_ECDH1_DERIVE_PARAMS"));
    };
    let key = key.ec_private()?;
    let kdf = kdf_hash(*kdf)?;
    if kdf.is_none() && !shared_data.is_empty() {
        return Err(Error::MechanismParamInvalid("CKD_NULL takes no shared data"));
    }
    if length.is_some_and(|length| !(1..=MAX_SECRET_LEN).contains(&length)) {
        return Err(Error::AttributeValueInvalid {
            attribute: AttributeType::VALUE_LEN,
            rule: "a secret has 1 to 65536 bytes",
        });
    }
    let secret = key
        .curve()
        .bare_point(public_data)
        .and_then(|point| key.agree(point))
        .map_err(|Refused| Error::MechanismParamInvalid("the public data is a point on the key's curve"))?;
    match kdf {
        None => cut(&secret, length),
        Some(hash) => Ok(x9_63(hash, &secret, shared_data, length.unwrap_or(hash.len()))),
    }
}

/// The hash of a `CKD_…`; none for `CKD_NULL` (PKCS#11 v3.1 section 6.3.1).
const fn kdf_hash(kdf: u64) -> Result<Option<Hash>, Error> {
    match kdf {
        1 => Ok(None),
        2 => Ok(Some(Hash::Sha1)),
        5 => Ok(Some(Hash::Sha224)),
        6 => Ok(Some(Hash::Sha256)),
        7 => Ok(Some(Hash::Sha384)),
        8 => Ok(Some(Hash::Sha512)),
        _ => Err(Error::MechanismParamInvalid("the KDF is CKD_NULL or X9.63's with a SHA-1 or SHA-2 hash")),
    }
}

/// "The truncation removes bytes from the leading end of the secret value."
fn cut(secret: &[u8], length: Option<usize>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let start = secret.len().checked_sub(length.unwrap_or(secret.len())).ok_or(Error::TemplateInconsistent {
        attribute: AttributeType::VALUE_LEN,
        rule: "it is more than the shared secret has",
    })?;
    Ok(Zeroizing::new(secret.iter().skip(start).copied().collect()))
}

/// Hash of secret, counter from 1, and shared data, as often as needed (ANSI X9.63 section 5.6.3).
fn x9_63(hash: Hash, secret: &[u8], shared_data: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(Vec::with_capacity(length + Hash::MAX_LEN));
    for counter in 1_u32.. {
        if output.len() >= length {
            break;
        }
        let mut context = hash.context();
        context.update(secret);
        context.update(&counter.to_be_bytes());
        context.update(shared_data);
        output.extend_from_slice(context.finish().as_ref());
    }
    output.truncate(length);
    output
}

#[cfg(test)]
mod tests {
    use super::super::testing::{cases, curve, ec_pair, ec_private, message};
    use super::*;
    use crate::crypto::curve::Curve;
    use crate::crypto::der::{self, tag};

    fn params(kdf: u64, shared_data: &[u8], public_data: &[u8]) -> Params {
        Params::Ecdh1 { kdf, shared_data: Zeroizing::new(shared_data.to_vec()), public_data: public_data.to_vec() }
    }

    #[test]
    fn secrets_are_those_of_the_standard_for_every_form_of_the_point() {
        for case in cases(include_str!("../../../tests/vectors/ecdh.txt")) {
            let curve = curve(case.text("curve").unwrap());
            let (key, point) = (ec_private(curve, &case.bytes("scalar")), case.bytes("point"));
            let mut compressed = point[..1 + curve.len()].to_vec();
            compressed[0] = 2 + (point[2 * curve.len()] & 1);
            for form in [&point, &*der::element(tag::OCTET_STRING, &[&point]), &compressed] {
                let secret = derive(&params(1, &[], form), &key, None).unwrap();
                assert_eq!(*secret, case.bytes("secret"), "{curve:?}");
            }
        }
    }

    #[test]
    fn both_sides_get_the_same_secret_on_every_curve() {
        for curve in Curve::ALL {
            let (ours, theirs) = (ec_pair(curve), ec_pair(curve));
            let point = |pair: &super::super::testing::Pair| pair.public.ec_public().unwrap().point().unwrap();
            let one = derive(&params(6, b"shared", &point(&theirs)), &ours.private, Some(100)).unwrap();
            let other = derive(&params(6, b"shared", &point(&ours)), &theirs.private, Some(100)).unwrap();
            assert_eq!(one, other);
            assert_eq!(one.len(), 100);
        }
    }

    #[test]
    fn keys_derived_by_x9_63_are_those_of_the_standard() {
        for case in cases(include_str!("../../../tests/vectors/x963_kdf.txt")) {
            let hash = match case.text("hash").unwrap() {
                "SHA1" => Hash::Sha1,
                "SHA224" => Hash::Sha224,
                "SHA256" => Hash::Sha256,
                "SHA384" => Hash::Sha384,
                _ => Hash::Sha512,
            };
            let expected = case.bytes("derived");
            let derived = x9_63(hash, &case.bytes("secret"), &case.bytes("shared_data"), expected.len());
            assert_eq!(*derived, expected);
        }
    }

    #[test]
    fn truncation_removes_leading_bytes() {
        let pair = ec_pair(Curve::P256);
        let point = ec_pair(Curve::P256).public.ec_public().unwrap().point().unwrap();
        let whole = derive(&params(1, &[], &point), &pair.private, None).unwrap();
        assert_eq!(*derive(&params(1, &[], &point), &pair.private, Some(16)).unwrap(), whole[16..]);
        let refused = derive(&params(1, &[], &point), &pair.private, Some(33)).err();
        assert!(matches!(refused, Some(Error::TemplateInconsistent { attribute: AttributeType::VALUE_LEN, .. })));
    }

    #[test]
    fn a_point_off_the_curve_and_at_infinity_is_refused() {
        let pair = ec_pair(Curve::P256);
        let mut off = ec_pair(Curve::P256).public.ec_public().unwrap().point().unwrap();
        off[64] ^= 1;
        let other_curve = ec_pair(Curve::Secp256k1).public.ec_public().unwrap().point().unwrap();
        let zero = [&[4][..], &[0; 64]].concat();
        for point in [&off[..], &other_curve, &zero, &[0], &[], &message(65)] {
            let refused = derive(&params(1, &[], point), &pair.private, None).err();
            assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))));
        }
        let good = ec_pair(Curve::P256).public.ec_public().unwrap().point().unwrap();
        let refused = derive(&params(1, b"data", &good), &pair.private, None).err();
        assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))));
    }
}
