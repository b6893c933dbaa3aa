//! AES with its block modes: ECB, CBC and CTR.

use aes::cipher::consts::U16;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit, KeyInit,
    StreamCipher,
};
use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128BE;

use super::Refused;

/// Bytes in a block.
pub const BLOCK: usize = 16;

/// An AES key with its schedules computed. Zeroed when dropped.
#[derive(Clone)]
pub enum AesCipher {
    /// 16-byte key.
    Aes128(Aes128),
    /// 24-byte key.
    Aes192(Aes192),
    /// 32-byte key.
    Aes256(Aes256),
}

/// Blocks through a mode: each call continues where the last one ended.
pub trait BlockMode: Send {
    /// Encrypts or decrypts whole blocks; both slices have the same length, a multiple of [`BLOCK`].
    ///
    /// # Errors
    /// [`Refused`] for lengths that differ or are no multiple.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Refused>;
}

/// Bytes through a key stream.
pub trait KeyStream: Send {
    /// Encrypts or decrypts; both slices have the same length.
    ///
    /// # Errors
    /// [`Refused`] for lengths that differ.
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Refused>;
}

/// Runs the expression with the cipher of each key size.
macro_rules! with_cipher {
    ($self:expr, $cipher:ident => $body:expr) => {
        match $self {
            AesCipher::Aes128($cipher) => $body,
            AesCipher::Aes192($cipher) => $body,
            AesCipher::Aes256($cipher) => $body,
        }
    };
}

impl AesCipher {
    /// Computes the schedules.
    ///
    /// # Errors
    /// [`Refused`] for a key that is not 16, 24 or 32 bytes long.
    pub fn new(key: &[u8]) -> Result<Self, Refused> {
        match key.len() {
            16 => Aes128::new_from_slice(key).map(Self::Aes128).map_err(|_| Refused),
            24 => Aes192::new_from_slice(key).map(Self::Aes192).map_err(|_| Refused),
            32 => Aes256::new_from_slice(key).map(Self::Aes256).map_err(|_| Refused),
            _ => Err(Refused),
        }
    }

    /// Encrypts one block in place.
    pub fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        with_cipher!(self, cipher => cipher.encrypt_block(block.into()));
    }

    /// Electronic code book, encrypting (NIST SP 800-38A section 6.1).
    #[must_use]
    pub fn ecb_encrypt(&self) -> Box<dyn BlockMode> {
        with_cipher!(self, cipher => Box::new(EcbEncrypt(cipher.clone())))
    }

    /// Electronic code book, decrypting.
    #[must_use]
    pub fn ecb_decrypt(&self) -> Box<dyn BlockMode> {
        with_cipher!(self, cipher => Box::new(EcbDecrypt(cipher.clone())))
    }

    /// Cipher block chaining, encrypting (NIST SP 800-38A section 6.2).
    #[must_use]
    pub fn cbc_encrypt(&self, iv: &[u8; BLOCK]) -> Box<dyn BlockMode> {
        with_cipher!(self, cipher => Box::new(CbcEncrypt(cbc::Encryptor::inner_iv_init(cipher.clone(), iv.into()))))
    }

    /// Cipher block chaining, decrypting.
    #[must_use]
    pub fn cbc_decrypt(&self, iv: &[u8; BLOCK]) -> Box<dyn BlockMode> {
        with_cipher!(self, cipher => Box::new(CbcDecrypt(cbc::Decryptor::inner_iv_init(cipher.clone(), iv.into()))))
    }

    /// Counter mode over the whole block, big-endian (NIST SP 800-38A section 6.5).
    ///
    /// It wraps silently: the caller bounds how much goes through.
    #[must_use]
    pub fn ctr(&self, first: &[u8; BLOCK]) -> Box<dyn KeyStream> {
        with_cipher!(self, cipher => {
            let core = ctr::CtrCore::inner_iv_init(cipher.clone(), first.into());
            Box::new(Ctr(Ctr128BE::from_core(core)))
        })
    }
}

struct EcbEncrypt<C>(C);
struct EcbDecrypt<C>(C);
struct CbcEncrypt<C>(C);
struct CbcDecrypt<C>(C);
struct Ctr<C>(C);

macro_rules! block_mode {
    ($mode:ident: $bound:ident . $run:ident) => {
        impl<C: $bound + BlockSizeUser<BlockSize = U16> + Send> BlockMode for $mode<C> {
            fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Refused> {
                let (blocks, tail) = InOutBuf::new(input, output).map_err(|_| Refused)?.into_chunks::<U16>();
                if !tail.is_empty() {
                    return Err(Refused);
                }
                self.0.$run(blocks);
                Ok(())
            }
        }
    };
}

block_mode!(EcbEncrypt: BlockCipherEncrypt.encrypt_blocks_inout);
block_mode!(EcbDecrypt: BlockCipherDecrypt.decrypt_blocks_inout);
block_mode!(CbcEncrypt: BlockModeEncrypt.encrypt_blocks_inout);
block_mode!(CbcDecrypt: BlockModeDecrypt.decrypt_blocks_inout);

impl<C: StreamCipher + Send> KeyStream for Ctr<C> {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), Refused> {
        let buffer = InOutBuf::new(input, output).map_err(|_| Refused)?;
        self.0.try_apply_keystream_inout(buffer).map_err(|_| Refused)
    }
}
