//! Certificates of clusters: the key and CSR of a fresh cluster, the hardware's certificates, and the checks of
//! InitializeCluster.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use zeroize::Zeroizing;

use super::error::{Refusal, invalid};

/// How long the hardware's certificates are valid: 20 years, in seconds.
const HARDWARE_VALIDITY: i64 = 20 * 365 * 86_400;

/// What the first HSM of a cluster shows before initialisation, PEM.
pub struct Claimable {
    /// `ClusterCsr`.
    pub csr: String,
    /// `HsmCertificate`.
    pub hsm: String,
    /// `AwsHardwareCertificate`.
    pub aws: String,
    /// `ManufacturerHardwareCertificate`.
    pub manufacturer: String,
}

/// Makes the key (RSA 2048, as on AWS) at `key_file`, unless it is there, and its certificates.
/// `hardware` is the directory of this agent's roots.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn claimable(hardware: &Path, key_file: &Path, hsm_id: &str, now: u64) -> Result<Claimable, Refusal> {
    let key = key(key_file, || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048))?;
    let mode = "for FIPS mode";
    let subject = name(&[
        (DnType::CountryName, "US"),
        (DnType::StateOrProvinceName, "CA"),
        (DnType::OrganizationName, "Kinko"),
        (DnType::OrganizationalUnitName, "software HSM"),
        (DnType::LocalityName, "localhost"),
        (DnType::CommonName, &format!("HSM:{hsm_id}:PARTN:1, {mode}")),
    ]);
    let mut request = CertificateParams::default();
    request.distinguished_name = subject.clone();
    let csr = request.serialize_request(&key).and_then(|csr| csr.pem()).map_err(issuing)?;

    let hardware_key = p256(&hardware.join("hardware.key"))?;
    let hardware_params = params(name(&[(DnType::CommonName, "Kinko hardware")]), Role::Authority, now)?;
    let under = |root: &str, common_name: &str| -> Result<String, Refusal> {
        let root_key = p256(&hardware.join(format!("{root}.key")))?;
        let root_params = params(name(&[(DnType::CommonName, common_name)]), Role::Authority, now)?;
        let root_file = hardware.join(format!("{root}.crt"));
        if !root_file.exists() {
            let certificate = root_params.self_signed(&root_key).map_err(issuing)?;
            write(&root_file, certificate.pem().as_bytes())?;
        }
        let issuer = Issuer::from_params(&root_params, &root_key);
        Ok(hardware_params.signed_by(&hardware_key, &issuer).map_err(issuing)?.pem())
    };
    let hsm = params(subject, Role::Hsm, now)?
        .signed_by(&key, &Issuer::from_params(&hardware_params, &hardware_key))
        .map_err(issuing)?;
    Ok(Claimable {
        csr,
        hsm: hsm.pem(),
        aws: under("aws-root", "Kinko service root")?,
        manufacturer: under("manufacturer-root", "Kinko manufacturer root")?,
    })
}

enum Role {
    Authority,
    Hsm,
}

fn params(subject: DistinguishedName, role: Role, now: u64) -> Result<CertificateParams, Refusal> {
    let from = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let from = from.ok_or_else(|| Refusal::Internal(format!("the clock says {now}: set it right")))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = from - time::Duration::minutes(5);
    params.not_after = from + time::Duration::seconds(HARDWARE_VALIDITY);
    params.is_ca = match role {
        Role::Authority => IsCa::Ca(BasicConstraints::Unconstrained),
        Role::Hsm => IsCa::ExplicitNoCa,
    };
    Ok(params)
}

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (part, value) in parts {
        name.push(part.clone(), *value);
    }
    name
}

fn issuing(error: rcgen::Error) -> Refusal {
    Refusal::Internal(format!("making a certificate: {error}"))
}

fn p256(file: &Path) -> Result<KeyPair, Refusal> {
    key(file, || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256))
}

/// The key in a file, made when it is not there.
fn key(file: &Path, make: impl FnOnce() -> Result<KeyPair, rcgen::Error>) -> Result<KeyPair, Refusal> {
    if file.exists() {
        return KeyPair::from_pem(&read_key(file)?).map_err(issuing);
    }
    let key = make().map_err(issuing)?;
    write(file, Zeroizing::new(key.serialize_pem()).as_bytes())?;
    Ok(key)
}

/// A private key, PEM.
///
/// # Errors
/// [`Refusal::Internal`] naming the file.
pub fn read_key(file: &Path) -> Result<Zeroizing<String>, Refusal> {
    let text = fs::read_to_string(file).map_err(|error| Refusal::Internal(format!("{}: {error}", file.display())))?;
    Ok(Zeroizing::new(text))
}

/// Writes a file that only the agent may read: all of it is on the disk when it has its name.
///
/// # Errors
/// [`Refusal::Internal`] naming the file.
pub fn write(file: &Path, content: &[u8]) -> Result<(), Refusal> {
    let attempt = || -> std::io::Result<()> {
        let directory = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let half = file.with_extension("half");
        let mut open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
        open.write_all(content)?;
        open.sync_all()?;
        fs::rename(&half, file)?;
        fs::File::open(directory)?.sync_all()
    };
    attempt().map_err(|error| Refusal::Internal(format!("{}: {error}", file.display())))
}

/// The checks of InitializeCluster, in the order in which their failures are told.
///
/// # Errors
/// [`Refusal::Invalid`] saying which check failed.
pub fn check_claim(csr: &str, signed: &str, anchor: &str, now: u64) -> Result<(), Refusal> {
    let (signed_pem, anchor_pem) = (one_pem("SignedCert", signed)?, one_pem("TrustAnchor", anchor)?);
    let (signed, anchor) = (certificate("SignedCert", &signed_pem)?, certificate("TrustAnchor", &anchor_pem)?);
    check_anchor(&anchor, now)?;
    check_time("SignedCert", &signed, now)?;
    let csr_pem = one_pem("ClusterCsr", csr)?;
    let (_, request) = X509CertificationRequest::from_der(&csr_pem.contents)
        .map_err(|error| Refusal::Internal(format!("the cluster's own CSR: {error}")))?;
    if signed.public_key().raw != request.certification_request_info.subject_pki.raw {
        return invalid("SignedCert does not carry the public key of the cluster's CSR.");
    }
    if signed.issuer().as_raw() != anchor.subject().as_raw() {
        return invalid("SignedCert is not issued by TrustAnchor: its issuer is not the subject of TrustAnchor.");
    }
    if signed.verify_signature(Some(anchor.public_key())).is_err() {
        return invalid("SignedCert is not signed by the key of TrustAnchor.");
    }
    Ok(())
}

fn check_anchor(anchor: &X509Certificate<'_>, now: u64) -> Result<(), Refusal> {
    match anchor.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) if matches!(rsa.key_size(), 2048 | 4096) => {}
        Ok(PublicKey::EC(_)) => {}
        _ => return invalid("TrustAnchor must have an RSA key of 2048 or 4096 bits, or an EC key."),
    }
    if anchor.subject().as_raw() != anchor.issuer().as_raw() || anchor.verify_signature(None).is_err() {
        return invalid("TrustAnchor is not self-signed: give the root certificate.");
    }
    match anchor.basic_constraints() {
        Err(_) => return invalid("TrustAnchor has conflicting Basic Constraints."),
        Ok(Some(constraints)) if !constraints.value.ca => {
            return invalid("TrustAnchor's Basic Constraints say that it is not a CA.");
        }
        Ok(None) if !anchor.extensions().is_empty() => {
            return invalid("TrustAnchor has extensions but no Basic Constraints.");
        }
        Ok(_) => {}
    }
    check_time("TrustAnchor", anchor, now)
}

fn check_time(member: &str, certificate: &X509Certificate<'_>, now: u64) -> Result<(), Refusal> {
    let now = i64::try_from(now).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
    if now.is_some_and(|now| certificate.validity().is_valid_at(now)) {
        return Ok(());
    }
    let validity = certificate.validity();
    invalid(format!("{member} is not valid now: only from {} to {}.", validity.not_before, validity.not_after))
}

fn one_pem(member: &str, text: &str) -> Result<Pem, Refusal> {
    let (rest, pem) =
        parse_x509_pem(text.as_bytes()).map_err(|_| Refusal::Invalid(format!("{member} is not a PEM certificate.")))?;
    if String::from_utf8_lossy(rest).contains("-----BEGIN") {
        return invalid(format!("{member} has more than one certificate."));
    }
    Ok(pem)
}

fn certificate<'a>(member: &str, pem: &'a Pem) -> Result<X509Certificate<'a>, Refusal> {
    match pem.parse_x509() {
        Ok(certificate) if pem.label == "CERTIFICATE" => Ok(certificate),
        _ => invalid(format!("{member} is not an X.509 certificate.")),
    }
}
