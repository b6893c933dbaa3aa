//! Elliptic-curve key pairs: `CKM_EC_KEY_PAIR_GEN`.

use hsm_types::{AttributeType, KeyType, MechanismType, Params, Template};

use super::{KeySizes, MechanismDef, Ops, params};
use crate::crypto::Refused;
use crate::crypto::curve::Curve;
use crate::crypto::ec::EcPrivateKey;
use crate::error::Error;
use crate::key::ec_point;

/// The sizes of the curves in the table.
pub(super) const SIZES: KeySizes = KeySizes::Bits { min: Curve::P224.bits(), max: Curve::P521.bits() };

/// `CKM_EC_KEY_PAIR_GEN`.
pub(super) static EC_KEY_PAIR_GEN: MechanismDef = MechanismDef {
    id: MechanismType::EC_KEY_PAIR_GEN,
    spec: "PKCS#11 v3.1, elliptic curve key pair generation; FIPS 186-5 appendix A.2",
    key_types: &[KeyType::EC],
    key_sizes: SIZES,
    ops: Ops { generate_key_pair: Some(generate), ..Ops::NONE },
};

fn generate(params: &Params, public: &Template, _private: &Template) -> Result<(Template, Template), Error> {
    params::none(params)?;
    let failed = |Refused| Error::Crypto("EC key generation failed");
    let named = public.get(AttributeType::EC_PARAMS).ok_or(Error::TemplateIncomplete(AttributeType::EC_PARAMS))?;
    let curve = Curve::from_ec_params(named).map_err(|Refused| Error::CurveNotSupported)?;
    let key = EcPrivateKey::generate(curve).map_err(failed)?;
    let mut public = Template::new();
    public.set(AttributeType::EC_PARAMS, curve.ec_params());
    public.set(AttributeType::EC_POINT, ec_point(&key.point().map_err(failed)?));
    let mut private = Template::new();
    private.set(AttributeType::EC_PARAMS, curve.ec_params());
    private.set(AttributeType::VALUE, key.scalar().map_err(failed)?.as_slice());
    Ok((public, private))
}
