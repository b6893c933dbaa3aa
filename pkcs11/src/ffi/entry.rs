//! Every C function, declared once, in the standard's order. `steps.rs` explains the words.
#![allow(non_snake_case, reason = "the standard's names")]
#![allow(clippy::too_many_arguments, reason = "the standard's signatures")]

use core::ffi::c_void;

use cryptoki_sys::*;
use hsm_types::{Mechanism, MechanismType, ObjectId, SlotId};

use super::buffer::{Handles, Input, List, Output, Place, fixed, whole};
#[cfg(test)]
use super::steps::ck_offered;
use super::steps::{ck_fn, ck_functions, ck_steps};
use super::template::{self, Attributes};
use super::{ending, enter, info, interface, params, process};
use crate::backend::SessionBackend;
use crate::calls::{general, session, slot};
use crate::error::Error;
use hsm_core::{Access, UserType};

/// A row of `docs/functions.md`.
#[cfg(test)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The version of PKCS#11 that brought it.
    pub(crate) since: &'static str,
    /// False: it answers `CKR_FUNCTION_NOT_SUPPORTED`.
    pub(crate) offered: bool,
    pub(crate) summary: &'static str,
}

ck_functions! {
    since 2.40 {
        /// Initialises the library. Mutex callbacks are accepted and not needed: the library locks with the operating system's primitives, which every program with threads can bear.
        fn C_Initialize(pInitArgs: *mut c_void) { uninitialized => initialize(pInitArgs) }
        /// Closes all sessions and lets go of the tokens. Calls that run in other threads end safely.
        fn C_Finalize(pReserved: *mut c_void) { library library => {
            null(pReserved)?;
            library.stop()
        } }
        /// Says who made the library, and its version.
        fn C_GetInfo(pInfo: *mut CK_INFO) { place out(pInfo) => set(&out, info::library()) }
        /// Gives the 2.40 function list.
        fn C_GetFunctionList(ppFunctionList: *mut *mut CK_FUNCTION_LIST) {
            uninitialized place out(ppFunctionList) => set(&out, core::ptr::from_ref(&FUNCTIONS_2_40).cast_mut())
        }

        /// Lists the slots: one for each token, and a free one. Every slot has a token, if an uninitialised one.
        fn C_GetSlotList(_tokenPresent: CK_BBOOL, pSlotList: *mut CK_SLOT_ID, pulCount: *mut CK_ULONG) {
            library library list slots(pSlotList, pulCount) => {
                let ids: Vec<CK_SLOT_ID> = library.slots()?.into_iter().map(|slot| slot.0).collect();
                slots.set(&ids)
            }
        }
        /// Describes a slot: its description names the folder of the tokens.
        fn C_GetSlotInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_SLOT_INFO) {
            library library place out(pInfo) => set(&out, info::slot(&slot::description(library, SlotId(slotID))?))
        }
        /// Describes the token in a slot.
        fn C_GetTokenInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_TOKEN_INFO) {
            library library place out(pInfo) => set(&out, info::token(&slot::token_info(library, SlotId(slotID))?))
        }
        /// Lists the mechanisms of a token.
        fn C_GetMechanismList(slotID: CK_SLOT_ID, pMechanismList: *mut CK_MECHANISM_TYPE, pulCount: *mut CK_ULONG) {
            library library list mechanisms(pMechanismList, pulCount) => {
                let types = slot::mechanisms(library, SlotId(slotID))?;
                let types: Vec<CK_MECHANISM_TYPE> = types.into_iter().map(|mechanism| mechanism.0).collect();
                mechanisms.set(&types)
            }
        }
        /// Describes a mechanism of a token.
        fn C_GetMechanismInfo(slotID: CK_SLOT_ID, type_: CK_MECHANISM_TYPE, pInfo: *mut CK_MECHANISM_INFO) {
            library library place out(pInfo) => set(
                &out,
                info::mechanism(slot::mechanism_info(library, SlotId(slotID), MechanismType(type_))?)
            )
        }
        /// Makes a token in a free slot, or empties the one that is there.
        fn C_InitToken(slotID: CK_SLOT_ID, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG, pLabel: *mut CK_UTF8CHAR) {
            library library in pin(pPin, ulPinLen) label label(pLabel) => {
                slot::initialize(library, SlotId(slotID), typed(pPin, pin)?, &label)
            }
        }
        /// Sets the password of the default user, or of the user in `name:password`.
        fn C_InitPIN(hSession: CK_SESSION_HANDLE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG) {
            session s(hSession) in pin(pPin, ulPinLen) => s.init_pin(typed(pPin, pin)?)
        }
        /// Changes the password of the user who is logged in, or of the default user.
        fn C_SetPIN(hSession: CK_SESSION_HANDLE, pOldPin: *mut CK_UTF8CHAR, ulOldLen: CK_ULONG, pNewPin: *mut CK_UTF8CHAR, ulNewLen: CK_ULONG) {
            session s(hSession) in old(pOldPin, ulOldLen) in new(pNewPin, ulNewLen)
            => s.set_pin(typed(pOldPin, old)?, typed(pNewPin, new)?)
        }

        /// Opens a session. `CKF_SERIAL_SESSION` must be set; no notification is ever sent.
        fn C_OpenSession(slotID: CK_SLOT_ID, flags: CK_FLAGS, _pApplication: *mut c_void, _Notify: CK_NOTIFY, phSession: *mut CK_SESSION_HANDLE) {
            library library place handle(phSession) => set(
                &handle,
                session::open(library, SlotId(slotID), access(flags)?)?
            )
        }
        /// Closes a session.
        fn C_CloseSession(hSession: CK_SESSION_HANDLE) { library library => session::close(library, hSession) }
        /// Closes all sessions of this process on a slot.
        fn C_CloseAllSessions(slotID: CK_SLOT_ID) { library library => session::close_all(library, SlotId(slotID)) }
        /// Describes a session.
        fn C_GetSessionInfo(hSession: CK_SESSION_HANDLE, pInfo: *mut CK_SESSION_INFO) {
            library library place out(pInfo) => {
                let open = library.session(hSession)?;
                set(&out, info::session(&open, &open.session.info()?))
            }
        }
        /// Would save the state of a running operation.
        fn C_GetOperationState(hSession: CK_SESSION_HANDLE, pOperationState: *mut CK_BYTE, pulOperationStateLen: *mut CK_ULONG) { unsupported }
        /// Would restore the state of an operation.
        fn C_SetOperationState(hSession: CK_SESSION_HANDLE, pOperationState: *mut CK_BYTE, ulOperationStateLen: CK_ULONG, hEncryptionKey: CK_OBJECT_HANDLE, hAuthenticationKey: CK_OBJECT_HANDLE) { unsupported }
        /// Logs a user in to the token. The PIN is the default user's password, or `name:password`.
        fn C_Login(hSession: CK_SESSION_HANDLE, userType: CK_USER_TYPE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG) {
            session s(hSession) in pin(pPin, ulPinLen) => session::login(&*s, user_type(userType)?, typed(pPin, pin)?)
        }
        /// Logs the user out and ends the user's running operations.
        fn C_Logout(hSession: CK_SESSION_HANDLE) { session s(hSession) => s.logout() }

        /// Creates an object from a template.
        fn C_CreateObject(hSession: CK_SESSION_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG, phObject: *mut CK_OBJECT_HANDLE) {
            session s(hSession) template template(pTemplate, ulCount) place object(phObject)
            => set(&object, s.create_object(template)?.0)
        }
        /// Copies an object, with changes.
        fn C_CopyObject(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG, phNewObject: *mut CK_OBJECT_HANDLE) {
            session s(hSession) template template(pTemplate, ulCount) place copy(phNewObject)
            => set(&copy, s.copy_object(ObjectId(hObject), &template)?.0)
        }
        /// Destroys an object for good.
        fn C_DestroyObject(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE) {
            session s(hSession) => s.destroy_object(ObjectId(hObject))
        }
        /// Gives the size of an object in bytes.
        fn C_GetObjectSize(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE, pulSize: *mut CK_ULONG) {
            session s(hSession) place size(pulSize) => set(&size, s.object_size(ObjectId(hObject))?)
        }
        /// Reads attributes of an object.
        fn C_GetAttributeValue(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG) {
            session s(hSession) attributes attributes(pTemplate, ulCount)
            => attributes.fill(&s.attributes(ObjectId(hObject), &attributes.kinds())?)
        }
        /// Changes attributes of an object: all of them or none.
        fn C_SetAttributeValue(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG) {
            session s(hSession) template template(pTemplate, ulCount) => s.set_attributes(ObjectId(hObject), &template)
        }
        /// Starts a search for objects with the attributes of a template.
        fn C_FindObjectsInit(hSession: CK_SESSION_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG) {
            session s(hSession) template template(pTemplate, ulCount) => s.find_init(&template)
        }
        /// Gives the next objects of a search.
        fn C_FindObjects(hSession: CK_SESSION_HANDLE, phObject: *mut CK_OBJECT_HANDLE, ulMaxObjectCount: CK_ULONG, pulObjectCount: *mut CK_ULONG) {
            session s(hSession) handles objects(phObject, ulMaxObjectCount) place count(pulObjectCount) => {
                let found = s.find(objects.max())?;
                set(&count, objects.set(found.into_iter().map(|object| object.0)))
            }
        }
        /// Ends a search.
        fn C_FindObjectsFinal(hSession: CK_SESSION_HANDLE) { session s(hSession) => s.find_final() }

        /// Starts an encryption; a null mechanism ends the running one.
        fn C_EncryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) {
            session s(hSession) cancellable mechanism(pMechanism)
            => begin(&*s, CKF_ENCRYPT, mechanism, |mechanism| s.encrypt_init(mechanism, ObjectId(hKey)))
        }
        /// Encrypts in one part.
        fn C_Encrypt(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pEncryptedData: *mut CK_BYTE, pulEncryptedDataLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_ENCRYPT) in data(pData, ulDataLen) out room(pEncryptedData, pulEncryptedDataLen)
            => s.encrypt(data, room)
        }
        /// Encrypts the next part.
        fn C_EncryptUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG, pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_ENCRYPT) in part(pPart, ulPartLen) out room(pEncryptedPart, pulEncryptedPartLen)
            => s.encrypt_update(part, room)
        }
        /// Ends an encryption in parts.
        fn C_EncryptFinal(hSession: CK_SESSION_HANDLE, pLastEncryptedPart: *mut CK_BYTE, pulLastEncryptedPartLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_ENCRYPT) out room(pLastEncryptedPart, pulLastEncryptedPartLen) => s.encrypt_final(room)
        }

        /// Starts a decryption; a null mechanism ends the running one.
        fn C_DecryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) {
            session s(hSession) cancellable mechanism(pMechanism)
            => begin(&*s, CKF_DECRYPT, mechanism, |mechanism| s.decrypt_init(mechanism, ObjectId(hKey)))
        }
        /// Decrypts in one part.
        fn C_Decrypt(hSession: CK_SESSION_HANDLE, pEncryptedData: *mut CK_BYTE, ulEncryptedDataLen: CK_ULONG, pData: *mut CK_BYTE, pulDataLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_DECRYPT) in encrypted(pEncryptedData, ulEncryptedDataLen) out room(pData, pulDataLen)
            => s.decrypt(encrypted, room)
        }
        /// Decrypts the next part.
        fn C_DecryptUpdate(hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG, pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_DECRYPT) in encrypted(pEncryptedPart, ulEncryptedPartLen) out room(pPart, pulPartLen)
            => s.decrypt_update(encrypted, room)
        }
        /// Ends a decryption in parts.
        fn C_DecryptFinal(hSession: CK_SESSION_HANDLE, pLastPart: *mut CK_BYTE, pulLastPartLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_DECRYPT) out room(pLastPart, pulLastPartLen) => s.decrypt_final(room)
        }

        /// Starts a digest; a null mechanism ends the running one.
        fn C_DigestInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM) {
            session s(hSession) cancellable mechanism(pMechanism)
            => begin(&*s, CKF_DIGEST, mechanism, |mechanism| s.digest_init(mechanism))
        }
        /// Digests in one part.
        fn C_Digest(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pDigest: *mut CK_BYTE, pulDigestLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_DIGEST) in data(pData, ulDataLen) out room(pDigest, pulDigestLen) => s.digest(data, room)
        }
        /// Digests the next part.
        fn C_DigestUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
            session s(hSession) ends(CKF_DIGEST) in part(pPart, ulPartLen) => s.digest_update(part)
        }
        /// Digests the value of a secret key.
        fn C_DigestKey(hSession: CK_SESSION_HANDLE, hKey: CK_OBJECT_HANDLE) {
            session s(hSession) => s.digest_key(ObjectId(hKey))
        }
        /// Ends a digest in parts.
        fn C_DigestFinal(hSession: CK_SESSION_HANDLE, pDigest: *mut CK_BYTE, pulDigestLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_DIGEST) out room(pDigest, pulDigestLen) => s.digest_final(room)
        }

        /// Starts a signature or MAC; a null mechanism ends the running one.
        fn C_SignInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) {
            session s(hSession) cancellable mechanism(pMechanism)
            => begin(&*s, CKF_SIGN, mechanism, |mechanism| s.sign_init(mechanism, ObjectId(hKey)))
        }
        /// Signs in one part.
        fn C_Sign(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_SIGN) in data(pData, ulDataLen) out room(pSignature, pulSignatureLen) => s.sign(data, room)
        }
        /// Signs the next part.
        fn C_SignUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
            session s(hSession) ends(CKF_SIGN) in part(pPart, ulPartLen) => s.sign_update(part)
        }
        /// Ends a signature in parts.
        fn C_SignFinal(hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) {
            session s(hSession) ends(CKF_SIGN) out room(pSignature, pulSignatureLen) => s.sign_final(room)
        }
        /// Would start a signature from which the data can be recovered.
        fn C_SignRecoverInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would sign so that the data can be recovered.
        fn C_SignRecover(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) { unsupported }

        /// Starts a verification; a null mechanism ends the running one.
        fn C_VerifyInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) {
            session s(hSession) cancellable mechanism(pMechanism)
            => begin(&*s, CKF_VERIFY, mechanism, |mechanism| s.verify_init(mechanism, ObjectId(hKey)))
        }
        /// Verifies in one part.
        fn C_Verify(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) {
            session s(hSession) ends(CKF_VERIFY) in data(pData, ulDataLen) in signature(pSignature, ulSignatureLen)
            => s.verify(data, signature)
        }
        /// Verifies the next part.
        fn C_VerifyUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) {
            session s(hSession) ends(CKF_VERIFY) in part(pPart, ulPartLen) => s.verify_update(part)
        }
        /// Ends a verification in parts.
        fn C_VerifyFinal(hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) {
            session s(hSession) ends(CKF_VERIFY) in signature(pSignature, ulSignatureLen) => s.verify_final(signature)
        }
        /// Would start a verification that recovers the data.
        fn C_VerifyRecoverInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would verify and recover the data.
        fn C_VerifyRecover(hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG, pData: *mut CK_BYTE, pulDataLen: *mut CK_ULONG) { unsupported }

        /// Would digest and encrypt the next part.
        fn C_DigestEncryptUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG, pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG) { unsupported }
        /// Would decrypt and digest the next part.
        fn C_DecryptDigestUpdate(hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG, pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG) { unsupported }
        /// Would sign and encrypt the next part.
        fn C_SignEncryptUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG, pEncryptedPart: *mut CK_BYTE, pulEncryptedPartLen: *mut CK_ULONG) { unsupported }
        /// Would decrypt and verify the next part.
        fn C_DecryptVerifyUpdate(hSession: CK_SESSION_HANDLE, pEncryptedPart: *mut CK_BYTE, ulEncryptedPartLen: CK_ULONG, pPart: *mut CK_BYTE, pulPartLen: *mut CK_ULONG) { unsupported }

        /// Makes a secret key.
        fn C_GenerateKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) {
            session s(hSession) mechanism mechanism(pMechanism) template template(pTemplate, ulCount) place key(phKey)
            => set(&key, s.generate_key(&mechanism, template)?.0)
        }
        /// Makes a key pair: both keys or none.
        fn C_GenerateKeyPair(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, pPublicKeyTemplate: *mut CK_ATTRIBUTE, ulPublicKeyAttributeCount: CK_ULONG, pPrivateKeyTemplate: *mut CK_ATTRIBUTE, ulPrivateKeyAttributeCount: CK_ULONG, phPublicKey: *mut CK_OBJECT_HANDLE, phPrivateKey: *mut CK_OBJECT_HANDLE) {
            session s(hSession) mechanism mechanism(pMechanism)
            template public(pPublicKeyTemplate, ulPublicKeyAttributeCount)
            template private(pPrivateKeyTemplate, ulPrivateKeyAttributeCount)
            place public_key(phPublicKey) place private_key(phPrivateKey) => {
                let (made_public, made_private) = s.generate_key_pair(&mechanism, public, private)?;
                public_key.set(made_public.0);
                set(&private_key, made_private.0)
            }
        }
        /// Wraps a key.
        fn C_WrapKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hWrappingKey: CK_OBJECT_HANDLE, hKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, pulWrappedKeyLen: *mut CK_ULONG) {
            session s(hSession) mechanism mechanism(pMechanism) out room(pWrappedKey, pulWrappedKeyLen)
            => s.wrap_key(&mechanism, ObjectId(hWrappingKey), ObjectId(hKey), room)
        }
        /// Unwraps a key.
        fn C_UnwrapKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hUnwrappingKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, ulWrappedKeyLen: CK_ULONG, pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) {
            session s(hSession) mechanism mechanism(pMechanism) in wrapped(pWrappedKey, ulWrappedKeyLen)
            template template(pTemplate, ulAttributeCount) place key(phKey)
            => set(&key, s.unwrap_key(&mechanism, ObjectId(hUnwrappingKey), wrapped, template)?.0)
        }
        /// Derives a key from another one.
        fn C_DeriveKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hBaseKey: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) {
            session s(hSession) mechanism mechanism(pMechanism) template template(pTemplate, ulAttributeCount) place key(phKey)
            => set(&key, s.derive_key(&mechanism, ObjectId(hBaseKey), template)?.0)
        }

        /// Offers bytes to the random generator.
        fn C_SeedRandom(hSession: CK_SESSION_HANDLE, pSeed: *mut CK_BYTE, ulSeedLen: CK_ULONG) {
            session s(hSession) in seed(pSeed, ulSeedLen) => s.seed_random(seed)
        }
        /// Gives random bytes.
        fn C_GenerateRandom(hSession: CK_SESSION_HANDLE, pRandomData: *mut CK_BYTE, ulRandomLen: CK_ULONG) {
            session s(hSession) fill room(pRandomData, ulRandomLen) => s.generate_random(room)
        }
        /// Legacy: functions do not run in parallel.
        fn C_GetFunctionStatus(hSession: CK_SESSION_HANDLE) { session _s(hSession) => Err(Error::NotParallel) }
        /// Legacy: functions do not run in parallel.
        fn C_CancelFunction(hSession: CK_SESSION_HANDLE) { session _s(hSession) => Err(Error::NotParallel) }
        /// With `CKF_DONT_BLOCK`: no slot ever comes or goes. Blocking is not supported, since it would need a thread.
        fn C_WaitForSlotEvent(flags: CK_FLAGS, pSlot: *mut CK_SLOT_ID, pReserved: *mut c_void) {
            place _slot(pSlot) => {
                null(pReserved)?;
                general::wait_for_slot_event(if flags & CKF_DONT_BLOCK == 0 { general::Wait::Block } else { general::Wait::No })
            }
        }
    }
    since 3.0 {
        /// Lists the interfaces: 3.2, 3.0 and 2.40.
        fn C_GetInterfaceList(pInterfacesList: *mut CK_INTERFACE, pulCount: *mut CK_ULONG) {
            uninitialized list interfaces(pInterfacesList, pulCount) => interfaces.set(&interface::all())
        }
        /// Gives an interface by name, version and flags; by default the newest.
        fn C_GetInterface(pInterfaceName: *mut CK_UTF8CHAR, pVersion: *mut CK_VERSION, ppInterface: *mut *mut CK_INTERFACE, flags: CK_FLAGS) {
            uninitialized place out(ppInterface) => set(&out, {
                // SAFETY: the caller passes null or a zero-terminated name, and null or a version.
                unsafe { interface::find(pInterfaceName, pVersion, flags) }?
            })
        }
        /// Logs a user in by name.
        fn C_LoginUser(hSession: CK_SESSION_HANDLE, userType: CK_USER_TYPE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG, pUsername: *mut CK_UTF8CHAR, ulUsernameLen: CK_ULONG) {
            session s(hSession) in pin(pPin, ulPinLen) in name(pUsername, ulUsernameLen)
            => session::login_user(&*s, user_type(userType)?, typed(pPin, pin)?, name)
        }
        /// Ends running operations of a session.
        fn C_SessionCancel(hSession: CK_SESSION_HANDLE, flags: CK_FLAGS) { session s(hSession) => s.cancel(flags) }
        /// Would start encrypting messages with one key.
        fn C_MessageEncryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would encrypt a message.
        fn C_EncryptMessage(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, pPlaintext: *mut CK_BYTE, ulPlaintextLen: CK_ULONG, pCiphertext: *mut CK_BYTE, pulCiphertextLen: *mut CK_ULONG) { unsupported }
        /// Would begin a message to encrypt in parts.
        fn C_EncryptMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG) { unsupported }
        /// Would encrypt the next part of a message.
        fn C_EncryptMessageNext(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pPlaintextPart: *mut CK_BYTE, ulPlaintextPartLen: CK_ULONG, pCiphertextPart: *mut CK_BYTE, pulCiphertextPartLen: *mut CK_ULONG, flags: CK_FLAGS) { unsupported }
        /// Would end encrypting messages.
        fn C_MessageEncryptFinal(hSession: CK_SESSION_HANDLE) { unsupported }
        /// Would start decrypting messages with one key.
        fn C_MessageDecryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would decrypt a message.
        fn C_DecryptMessage(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, pCiphertext: *mut CK_BYTE, ulCiphertextLen: CK_ULONG, pPlaintext: *mut CK_BYTE, pulPlaintextLen: *mut CK_ULONG) { unsupported }
        /// Would begin a message to decrypt in parts.
        fn C_DecryptMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG) { unsupported }
        /// Would decrypt the next part of a message.
        fn C_DecryptMessageNext(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pCiphertextPart: *mut CK_BYTE, ulCiphertextPartLen: CK_ULONG, pPlaintextPart: *mut CK_BYTE, pulPlaintextPartLen: *mut CK_ULONG, flags: CK_FLAGS) { unsupported }
        /// Would end decrypting messages.
        fn C_MessageDecryptFinal(hSession: CK_SESSION_HANDLE) { unsupported }
        /// Would start signing messages with one key.
        fn C_MessageSignInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would sign a message.
        fn C_SignMessage(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) { unsupported }
        /// Would begin a message to sign in parts.
        fn C_SignMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG) { unsupported }
        /// Would sign the next part of a message.
        fn C_SignMessageNext(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) { unsupported }
        /// Would end signing messages.
        fn C_MessageSignFinal(hSession: CK_SESSION_HANDLE) { unsupported }
        /// Would start verifying messages with one key.
        fn C_MessageVerifyInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) { unsupported }
        /// Would verify a message.
        fn C_VerifyMessage(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) { unsupported }
        /// Would begin a message to verify in parts.
        fn C_VerifyMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG) { unsupported }
        /// Would verify the next part of a message.
        fn C_VerifyMessageNext(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG, pData: *mut CK_BYTE, ulDataLen: CK_ULONG, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) { unsupported }
        /// Would end verifying messages.
        fn C_MessageVerifyFinal(hSession: CK_SESSION_HANDLE) { unsupported }
    }
    since 3.2 {
        /// Would encapsulate a new key for a public key.
        fn C_EncapsulateKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hPublicKey: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pCiphertext: *mut CK_BYTE, pulCiphertextLen: *mut CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) { unsupported }
        /// Would decapsulate a key.
        fn C_DecapsulateKey(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hPrivateKey: CK_OBJECT_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pCiphertext: *mut CK_BYTE, ulCiphertextLen: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) { unsupported }
        /// Would start a verification with the signature given first.
        fn C_VerifySignatureInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) { unsupported }
        /// Would verify in one part.
        fn C_VerifySignature(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG) { unsupported }
        /// Would verify the next part.
        fn C_VerifySignatureUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) { unsupported }
        /// Would end a verification in parts.
        fn C_VerifySignatureFinal(hSession: CK_SESSION_HANDLE) { unsupported }
        /// Gives the validation flags of the session's last operation: none, since the library is not validated.
        fn C_GetSessionValidationFlags(hSession: CK_SESSION_HANDLE, _type: CK_SESSION_VALIDATION_FLAGS_TYPE, pFlags: *mut CK_FLAGS) {
            session _s(hSession) place flags(pFlags) => set(&flags, 0)
        }
        /// Would fetch the result of an asynchronous function.
        fn C_AsyncComplete(hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, pResult: *mut CK_ASYNC_DATA) { unsupported }
        /// Would name an asynchronous function for another process.
        fn C_AsyncGetID(hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, pulID: *mut CK_ULONG) { unsupported }
        /// Would take over an asynchronous function.
        fn C_AsyncJoin(hSession: CK_SESSION_HANDLE, pFunctionName: *mut CK_UTF8CHAR, ulID: CK_ULONG, pData: *mut CK_BYTE, ulData: CK_ULONG) { unsupported }
        /// Would wrap a key with associated data.
        fn C_WrapKeyAuthenticated(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hWrappingKey: CK_OBJECT_HANDLE, hKey: CK_OBJECT_HANDLE, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, pWrappedKey: *mut CK_BYTE, pulWrappedKeyLen: *mut CK_ULONG) { unsupported }
        /// Would unwrap a key with associated data.
        fn C_UnwrapKeyAuthenticated(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hUnwrappingKey: CK_OBJECT_HANDLE, pWrappedKey: *mut CK_BYTE, ulWrappedKeyLen: CK_ULONG, pTemplate: *mut CK_ATTRIBUTE, ulAttributeCount: CK_ULONG, pAssociatedData: *mut CK_BYTE, ulAssociatedDataLen: CK_ULONG, phKey: *mut CK_OBJECT_HANDLE) { unsupported }
    }
}

fn initialize(args: *mut c_void) -> Result<(), Error> {
    // SAFETY: the caller passes null or a CK_C_INITIALIZE_ARGS.
    if let Some(args) = unsafe { super::buffer::read(args.cast_const().cast::<CK_C_INITIALIZE_ARGS>()) } {
        null(args.pReserved)?;
        let given = [
            args.CreateMutex.is_some(),
            args.DestroyMutex.is_some(),
            args.LockMutex.is_some(),
            args.UnlockMutex.is_some(),
        ];
        if given.contains(&true) && given.contains(&false) {
            return Err(hsm_core::Error::ArgumentsBad("some mutex callbacks are given and some are null").into());
        }
    }
    process::initialize()
}

/// Starts an operation, or ends the running one if the caller gave no mechanism.
fn begin(
    session: &dyn SessionBackend,
    operation: CK_FLAGS,
    mechanism: Option<Mechanism>,
    init: impl FnOnce(&Mechanism) -> Result<(), hsm_core::Error>,
) -> Result<(), hsm_core::Error> {
    match mechanism {
        Some(mechanism) => init(&mechanism),
        None => session.cancel(operation),
    }
}

fn set<T: Copy>(place: &Place<T>, value: T) -> Result<(), Error> {
    place.set(value);
    Ok(())
}

fn null(reserved: *const c_void) -> Result<(), Error> {
    if reserved.is_null() {
        Ok(())
    } else {
        Err(hsm_core::Error::ArgumentsBad("the reserved argument is not null").into())
    }
}

/// A PIN that was typed into the program. A null one would mean a keypad at the token.
fn typed(start: *const CK_UTF8CHAR, pin: &[u8]) -> Result<&[u8], Error> {
    if start.is_null() {
        return Err(hsm_core::Error::ArgumentsBad("the PIN is null, and the token has no keypad").into());
    }
    Ok(pin)
}

const fn access(flags: CK_FLAGS) -> Result<Access, Error> {
    if flags & CKF_SERIAL_SESSION == 0 {
        Err(Error::ParallelSession)
    } else if flags & CKF_RW_SESSION == 0 {
        Ok(Access::ReadOnly)
    } else {
        Ok(Access::ReadWrite)
    }
}

const fn user_type(number: CK_USER_TYPE) -> Result<UserType, Error> {
    match number {
        CKU_SO => Ok(UserType::So),
        CKU_USER => Ok(UserType::User),
        CKU_CONTEXT_SPECIFIC => Ok(UserType::ContextSpecific),
        _ => Err(Error::Core(hsm_core::Error::UserTypeInvalid)),
    }
}
