//! TLS 1.3 to an HSM, checked against the cluster's trust anchor.
//!
//! What is checked is who issued the certificate, not the name in it: an HSM's certificate names its serial number, its
//! address comes from a pool, and only the owner of the trust anchor (`customerCA.crt`) issues certificates for it.
//! Owners sign with `openssl x509 -req`, which makes certificates of version 1 when it is given no extensions. The usual
//! web verifier refuses those, so the chain (one step) is checked here, with the parser's and AWS-LC's own functions.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned, version,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::Error;

/// A TLS stream.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Whose certificates are accepted, and what we show.
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// Reads the trust anchor (`customerCA.crt`, PEM), and a client certificate with its key if the cluster wants one.
    ///
    /// # Errors
    /// [`Error::Configuration`] naming the file and what is wrong with it.
    pub fn load(anchor: &Path, client: Option<(&Path, &Path)>) -> Result<Self, Error> {
        let named = |path: &Path, what: &str| Error::Configuration(format!("{}: {what}", path.display()));
        let certificate = CertificateDer::from_pem_file(anchor)
            .map_err(|error| named(anchor, &format!("the trust anchor cannot be read: {error}")))?;
        parse(&certificate).map_err(|_| named(anchor, "it is no X.509 certificate"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(AnchorVerifier { anchor: certificate, provider: Arc::clone(&provider) });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| Error::Configuration(format!("TLS 1.3 is not available: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let certificates = CertificateDer::pem_file_iter(chain)
                    .and_then(Iterator::collect)
                    .map_err(|error| named(chain, &format!("the client certificate cannot be read: {error}")))?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| named(key, &format!("the client's key cannot be read: {error}")))?;
                builder
                    .with_client_auth_cert(certificates, secret)
                    .map_err(|error| named(key, &format!("it does not go with the client certificate: {error}")))?
            }
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands. The error names what is wrong with the HSM's certificate.
    pub(crate) fn handshake(&self, stream: TcpStream, address: SocketAddr) -> io::Result<TlsStream> {
        let name = ServerName::IpAddress(address.ip().into());
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

/// Accepts certificates that the anchor's key has signed, within their time.
#[derive(Debug)]
struct AnchorVerifier {
    anchor: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl AnchorVerifier {
    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl ServerCertVerifier for AnchorVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let anchor = parse(&self.anchor)?;
        let certificate = parse(end_entity)?;
        if certificate.issuer() != anchor.subject() || certificate.verify_signature(Some(anchor.public_key())).is_err()
        {
            return Err(CertificateError::UnknownIssuer.into());
        }
        for checked in [&certificate, &anchor] {
            let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            if seconds < checked.validity().not_before.timestamp() {
                return Err(CertificateError::NotValidYet.into());
            }
            if seconds > checked.validity().not_after.timestamp() {
                return Err(CertificateError::Expired.into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let parsed = parse(certificate)?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signature, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, rustls::Error> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}
