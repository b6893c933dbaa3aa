//! A PKCS#11 session: each function of the C ABI that the tests need, in safe types.

use std::ptr;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_FLAGS, CK_MECHANISM_PTR, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_SLOT_ID,
    CK_ULONG, CKF_RW_SESSION, CKF_SERIAL_SESSION,
};
use hsm_types::Rv;

use crate::attribute::CTemplate;
use crate::library::call;
use crate::{Attribute, Library, Mechanism, User};

/// An object's handle.
pub type Object = CK_OBJECT_HANDLE;

/// What a session may do.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// The operations with a key that run in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `C_Encrypt…`
    Encrypt,
    /// `C_Decrypt…`
    Decrypt,
    /// `C_Sign…`
    Sign,
    /// `C_Verify…`
    Verify,
}

/// An open session. Dropping it closes it.
pub struct Session<'l> {
    library: &'l Library,
    handle: CK_SESSION_HANDLE,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A session that the test has ended in another way is closed already.
        let _ = call!(self.library, C_CloseSession(self.handle));
    }
}

/// Every function returns what the module answers as its error.
#[allow(clippy::missing_errors_doc, reason = "said once for all of them, above")]
impl<'l> Session<'l> {
    /// `C_OpenSession`.
    pub(crate) fn open(library: &'l Library, slot: CK_SLOT_ID, access: Access) -> Result<Self, Rv> {
        let flags: CK_FLAGS = match access {
            Access::ReadOnly => CKF_SERIAL_SESSION,
            Access::ReadWrite => CKF_SERIAL_SESSION | CKF_RW_SESSION,
        };
        let mut handle = 0;
        call!(library, C_OpenSession(slot, flags, ptr::null_mut(), None, &raw mut handle))?;
        Ok(Self { library, handle })
    }

    /// The session's handle, for calls that these wrappers do not make.
    #[must_use]
    pub fn handle(&self) -> CK_SESSION_HANDLE {
        self.handle
    }

    /// `C_Login`.
    pub fn login(&self, user: User, pin: &str) -> Result<(), Rv> {
        call!(self.library, C_Login(self.handle, user.code(), pin.as_ptr().cast_mut(), pin.len() as CK_ULONG))
    }

    /// `C_Logout`.
    pub fn logout(&self) -> Result<(), Rv> {
        call!(self.library, C_Logout(self.handle))
    }

    /// `C_InitPIN`.
    pub fn init_pin(&self, pin: &str) -> Result<(), Rv> {
        call!(self.library, C_InitPIN(self.handle, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG))
    }

    /// `C_SetPIN`.
    pub fn set_pin(&self, old: &str, new: &str) -> Result<(), Rv> {
        let (old_at, new_at) = (old.as_ptr().cast_mut(), new.as_ptr().cast_mut());
        call!(self.library, C_SetPIN(self.handle, old_at, old.len() as CK_ULONG, new_at, new.len() as CK_ULONG))
    }

    /// `C_CreateObject`.
    pub fn create(&self, template: &[Attribute]) -> Result<Object, Rv> {
        let (mut c, mut object) = (CTemplate::new(template), 0);
        call!(self.library, C_CreateObject(self.handle, c.as_mut_ptr(), c.len(), &raw mut object))?;
        Ok(object)
    }

    /// `C_CopyObject`.
    pub fn copy(&self, object: Object, template: &[Attribute]) -> Result<Object, Rv> {
        let (mut c, mut copy) = (CTemplate::new(template), 0);
        call!(self.library, C_CopyObject(self.handle, object, c.as_mut_ptr(), c.len(), &raw mut copy))?;
        Ok(copy)
    }

    /// `C_DestroyObject`.
    pub fn destroy(&self, object: Object) -> Result<(), Rv> {
        call!(self.library, C_DestroyObject(self.handle, object))
    }

    /// `C_GetAttributeValue` of one attribute: its length first, then its value.
    pub fn attribute(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>, Rv> {
        let mut one = CK_ATTRIBUTE { type_: kind, pValue: ptr::null_mut(), ulValueLen: 0 };
        call!(self.library, C_GetAttributeValue(self.handle, object, &raw mut one, 1))?;
        let mut value = vec![0; one.ulValueLen as usize];
        one.pValue = value.as_mut_ptr().cast();
        call!(self.library, C_GetAttributeValue(self.handle, object, &raw mut one, 1))?;
        value.truncate(one.ulValueLen as usize);
        Ok(value)
    }

    /// `C_GetAttributeValue` of one attribute into a large buffer, and whatever is in the buffer
    /// after the call, be it refused or not.
    pub fn probe(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> (Result<(), Rv>, Vec<u8>) {
        let mut value = vec![0; 8192];
        let room = value.len() as CK_ULONG;
        let mut one = CK_ATTRIBUTE { type_: kind, pValue: value.as_mut_ptr().cast(), ulValueLen: room };
        let answer = call!(self.library, C_GetAttributeValue(self.handle, object, &raw mut one, 1));
        (answer, value)
    }

    /// `C_SetAttributeValue`.
    pub fn set(&self, object: Object, template: &[Attribute]) -> Result<(), Rv> {
        let mut c = CTemplate::new(template);
        call!(self.library, C_SetAttributeValue(self.handle, object, c.as_mut_ptr(), c.len()))
    }

    /// A whole search: `C_FindObjectsInit`, `C_FindObjects` to the end, `C_FindObjectsFinal`.
    pub fn find(&self, template: &[Attribute]) -> Result<Vec<Object>, Rv> {
        self.find_start(template)?;
        let mut found = Vec::new();
        loop {
            let some = self.find_next(100)?;
            if some.is_empty() {
                break;
            }
            found.extend(some);
        }
        call!(self.library, C_FindObjectsFinal(self.handle))?;
        Ok(found)
    }

    /// `C_FindObjectsInit`.
    pub fn find_start(&self, template: &[Attribute]) -> Result<(), Rv> {
        let mut c = CTemplate::new(template);
        call!(self.library, C_FindObjectsInit(self.handle, c.as_mut_ptr(), c.len()))
    }

    /// `C_FindObjects`: at most `most` more.
    pub fn find_next(&self, most: usize) -> Result<Vec<Object>, Rv> {
        let (mut found, mut count) = (vec![0; most], 0);
        call!(self.library, C_FindObjects(self.handle, found.as_mut_ptr(), most as CK_ULONG, &raw mut count))?;
        found.truncate(count as usize);
        Ok(found)
    }

    /// `C_GenerateKey`.
    pub fn generate(&self, mechanism: &Mechanism, template: &[Attribute]) -> Result<Object, Rv> {
        let (mut c, mut key) = (CTemplate::new(template), 0);
        mechanism
            .lend(|m| call!(self.library, C_GenerateKey(self.handle, m, c.as_mut_ptr(), c.len(), &raw mut key)))?;
        Ok(key)
    }

    /// `C_GenerateKeyPair`: the public key, then the private one.
    pub fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(Object, Object), Rv> {
        let (mut c_public, mut c_private) = (CTemplate::new(public), CTemplate::new(private));
        let (public, public_len) = (c_public.as_mut_ptr(), c_public.len());
        let (private, private_len) = (c_private.as_mut_ptr(), c_private.len());
        let (mut one, mut other) = (0, 0);
        let places = (&raw mut one, &raw mut other);
        mechanism.lend(|m| {
            let handle = self.handle;
            call!(
                self.library,
                C_GenerateKeyPair(handle, m, public, public_len, private, private_len, places.0, places.1)
            )
        })?;
        Ok((one, other))
    }

    /// `C_WrapKey`.
    pub fn wrap(&self, mechanism: &Mechanism, wrapping: Object, key: Object) -> Result<Vec<u8>, Rv> {
        self.fill(8192, |at, length| {
            mechanism.lend(|m| call!(self.library, C_WrapKey(self.handle, m, wrapping, key, at, length)))
        })
    }

    /// `C_UnwrapKey`.
    pub fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapping: Object,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<Object, Rv> {
        let (mut c, mut key) = (CTemplate::new(template), 0);
        let (blob, length) = (wrapped.as_ptr().cast_mut(), wrapped.len() as CK_ULONG);
        let (handle, attributes, count) = (self.handle, c.as_mut_ptr(), c.len());
        let place = &raw mut key;
        mechanism.lend(|m| {
            call!(self.library, C_UnwrapKey(handle, m, unwrapping, blob, length, attributes, count, place))
        })?;
        Ok(key)
    }

    /// `C_DeriveKey`.
    pub fn derive(&self, mechanism: &Mechanism, base: Object, template: &[Attribute]) -> Result<Object, Rv> {
        let (mut c, mut key) = (CTemplate::new(template), 0);
        let (attributes, count) = (c.as_mut_ptr(), c.len());
        let place = &raw mut key;
        mechanism.lend(|m| call!(self.library, C_DeriveKey(self.handle, m, base, attributes, count, place)))?;
        Ok(key)
    }

    /// `C_EncryptInit`, `C_DecryptInit`, `C_SignInit` or `C_VerifyInit`.
    pub fn start(&self, operation: Operation, mechanism: &Mechanism, key: Object) -> Result<(), Rv> {
        let init = |m: CK_MECHANISM_PTR| match operation {
            Operation::Encrypt => call!(self.library, C_EncryptInit(self.handle, m, key)),
            Operation::Decrypt => call!(self.library, C_DecryptInit(self.handle, m, key)),
            Operation::Sign => call!(self.library, C_SignInit(self.handle, m, key)),
            Operation::Verify => call!(self.library, C_VerifyInit(self.handle, m, key)),
        };
        mechanism.lend(init)
    }

    /// `C_Encrypt`, `C_Decrypt` or `C_Sign`; for `Verify`, `C_Verify` of a signature of 64 bytes.
    pub fn run(&self, operation: Operation, data: &[u8]) -> Result<Vec<u8>, Rv> {
        let (input, length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        self.fill(data.len() + 8192, |at, room| match operation {
            Operation::Encrypt => call!(self.library, C_Encrypt(self.handle, input, length, at, room)),
            Operation::Decrypt => call!(self.library, C_Decrypt(self.handle, input, length, at, room)),
            Operation::Sign => call!(self.library, C_Sign(self.handle, input, length, at, room)),
            Operation::Verify => call!(self.library, C_Verify(self.handle, input, length, at, 64)),
        })
    }

    /// `C_EncryptInit` and `C_Encrypt`.
    pub fn encrypt(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.start(Operation::Encrypt, mechanism, key)?;
        self.run(Operation::Encrypt, data)
    }

    /// `C_DecryptInit` and `C_Decrypt`.
    pub fn decrypt(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.start(Operation::Decrypt, mechanism, key)?;
        self.run(Operation::Decrypt, data)
    }

    /// `C_SignInit` and `C_Sign`.
    pub fn sign(&self, mechanism: &Mechanism, key: Object, data: &[u8]) -> Result<Vec<u8>, Rv> {
        self.start(Operation::Sign, mechanism, key)?;
        self.run(Operation::Sign, data)
    }

    /// `C_VerifyInit` and `C_Verify`.
    pub fn verify(&self, mechanism: &Mechanism, key: Object, data: &[u8], signature: &[u8]) -> Result<(), Rv> {
        self.start(Operation::Verify, mechanism, key)?;
        let (input, length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        let (signature, signature_len) = (signature.as_ptr().cast_mut(), signature.len() as CK_ULONG);
        call!(self.library, C_Verify(self.handle, input, length, signature, signature_len))
    }

    /// `C_DigestInit`.
    pub fn digest_start(&self, mechanism: &Mechanism) -> Result<(), Rv> {
        mechanism.lend(|m| call!(self.library, C_DigestInit(self.handle, m)))
    }

    /// `C_DigestKey`.
    pub fn digest_key(&self, key: Object) -> Result<(), Rv> {
        call!(self.library, C_DigestKey(self.handle, key))
    }

    /// `C_DigestFinal`.
    pub fn digest_final(&self) -> Result<Vec<u8>, Rv> {
        self.fill(64, |at, length| call!(self.library, C_DigestFinal(self.handle, at, length)))
    }

    /// `C_GetOperationState`.
    pub fn operation_state(&self) -> Result<Vec<u8>, Rv> {
        self.fill(8192, |at, length| call!(self.library, C_GetOperationState(self.handle, at, length)))
    }

    /// `C_GenerateRandom`.
    pub fn random(&self, count: usize) -> Result<Vec<u8>, Rv> {
        let mut bytes = vec![0; count];
        call!(self.library, C_GenerateRandom(self.handle, bytes.as_mut_ptr(), count as CK_ULONG))?;
        Ok(bytes)
    }

    fn fill(&self, room: usize, call: impl FnOnce(*mut u8, *mut CK_ULONG) -> Result<(), Rv>) -> Result<Vec<u8>, Rv> {
        let (mut output, mut length) = (vec![0; room], room as CK_ULONG);
        call(output.as_mut_ptr(), &raw mut length)?;
        output.truncate(length as usize);
        Ok(output)
    }
}
