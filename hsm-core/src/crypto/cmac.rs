//! AES-CMAC (NIST SP 800-38B).

use aes::{Aes128, Aes192, Aes256};
use cmac::digest::InnerInit;
use cmac::{Cmac, Mac};

use super::aes::{AesCipher, BLOCK};

/// A running CMAC.
#[derive(Clone)]
pub struct CmacContext(Inner);

#[derive(Clone)]
enum Inner {
    Aes128(Cmac<Aes128>),
    Aes192(Cmac<Aes192>),
    Aes256(Cmac<Aes256>),
}

impl CmacContext {
    /// Starts with a prepared key.
    #[must_use]
    pub fn new(cipher: &AesCipher) -> Self {
        Self(match cipher {
            AesCipher::Aes128(cipher) => Inner::Aes128(Cmac::inner_init(cipher.clone())),
            AesCipher::Aes192(cipher) => Inner::Aes192(Cmac::inner_init(cipher.clone())),
            AesCipher::Aes256(cipher) => Inner::Aes256(Cmac::inner_init(cipher.clone())),
        })
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            Inner::Aes128(mac) => mac.update(data),
            Inner::Aes192(mac) => mac.update(data),
            Inner::Aes256(mac) => mac.update(data),
        }
    }

    /// The CMAC of all data.
    #[must_use]
    pub fn finish(self) -> [u8; BLOCK] {
        match self.0 {
            Inner::Aes128(mac) => mac.finalize().into_bytes().into(),
            Inner::Aes192(mac) => mac.finalize().into_bytes().into(),
            Inner::Aes256(mac) => mac.finalize().into_bytes().into(),
        }
    }
}
