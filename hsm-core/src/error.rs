//! The one error type of the HSM, and the one place where an error becomes a `CKR_` value.

use hsm_types::{AttributeType, MechanismType, Rv};

/// Why an operation was refused or failed.
///
/// A variant per cause that a caller can act on. `Display` names the thing and the rule it broke
/// and never holds a secret; the boundary logs it once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller passed an argument that the function forbids.
    #[error("bad argument: {0}")]
    ArgumentsBad(&'static str),
    /// The object's own attributes (`CKA_COPYABLE`, `CKA_DESTROYABLE`, `CKA_MODIFIABLE`) forbid the action.
    #[error("the object forbids this action: {0}")]
    ActionProhibited(&'static str),
    /// The caller may not set or change this attribute.
    #[error("{attribute} is read-only: {rule}")]
    AttributeReadOnly {
        /// The attribute that was set.
        attribute: AttributeType,
        /// Why it may not be set.
        rule: &'static str,
    },
    /// The attribute's value may not be revealed.
    #[error("{0} is sensitive")]
    AttributeSensitive(AttributeType),
    /// The object has no such attribute.
    #[error("{0} is not an attribute of this object")]
    AttributeTypeInvalid(AttributeType),
    /// The value given for an attribute is not one it can have.
    #[error("{attribute} has an invalid value: {rule}")]
    AttributeValueInvalid {
        /// The attribute that was set.
        attribute: AttributeType,
        /// What a valid value looks like.
        rule: &'static str,
    },
    /// The output buffer is too small; the operation stays active.
    #[error("the output needs {needed} bytes")]
    BufferTooSmall {
        /// Bytes that the output needs.
        needed: usize,
    },
    /// The curve is not one that this token has.
    #[error("the curve is not supported")]
    CurveNotSupported,
    /// The plaintext or message is not acceptable to the mechanism.
    #[error("the data is invalid for the mechanism")]
    DataInvalid,
    /// The length of the plaintext or message is not acceptable to the mechanism.
    #[error("the data's length is outside the mechanism's range: {0}")]
    DataLenRange(&'static str),
    /// An HSM of a cluster refused or could not be reached, in its own words.
    #[error("{message}")]
    Remote {
        /// The value that callers see.
        rv: Rv,
        /// Why.
        message: String,
    },
    /// A stored record does not authenticate: it was changed, swapped or cut.
    #[error("the store is damaged: {record} does not authenticate; restore it from a backup")]
    Damaged {
        /// Which record.
        record: String,
    },
    /// The store could not be read or written.
    #[error("the store failed: {0}")]
    Store(String),
    /// The disk or the engine is full.
    #[error("the store is full: {0}")]
    StoreFull(String),
    /// A backup, or its key file, cannot be used: what is wrong with which file.
    #[error("the backup cannot be used: {0}")]
    Backup(String),
    /// The store was written by a newer version of Kinko.
    #[error("the store has schema version {found}, this version knows up to {known}: use a newer Kinko")]
    StoreTooNew {
        /// The store's version.
        found: u32,
        /// The newest that this build knows.
        known: u32,
    },
    /// Ciphertext, a tag or a padding does not verify. Never says which check failed.
    #[error("the encrypted data is invalid")]
    EncryptedDataInvalid,
    /// The ciphertext has a length that the mechanism cannot produce.
    #[error("the encrypted data's length is outside the mechanism's range")]
    EncryptedDataLenRange,
    /// The function is not offered.
    #[error("the function is not supported: {0}")]
    FunctionNotSupported(&'static str),
    /// A policy of the token refuses the call.
    #[error("refused by the token's policy: {0}")]
    FunctionRejected(&'static str),
    /// The handle names no key that this session can use.
    #[error("no such {0}")]
    HandleInvalid(HandleRole),
    /// The key's usage attributes do not permit this function.
    #[error("the key's {0} does not permit this function")]
    KeyFunctionNotPermitted(AttributeType),
    /// The key cannot be wrapped by this mechanism or this wrapping key.
    #[error("the key may not be wrapped: {0}")]
    KeyNotWrappable(&'static str),
    /// The key's size is not one that the mechanism takes.
    #[error("the {0}'s size is outside the mechanism's range")]
    KeySizeRange(HandleRole),
    /// The key's type or class is not one that the mechanism takes.
    #[error("the {0}'s type does not fit the mechanism")]
    KeyTypeInconsistent(HandleRole),
    /// `CKA_EXTRACTABLE` is false.
    #[error("the key is not extractable")]
    KeyUnextractable,
    /// A secret key cannot be digested.
    #[error("the key cannot be digested")]
    KeyIndigestible,
    /// The mechanism is unknown, or does not offer this function.
    #[error("{0} does not offer this function")]
    MechanismInvalid(MechanismType),
    /// The mechanism's parameter breaks a rule.
    #[error("the mechanism's parameter is invalid: {0}")]
    MechanismParamInvalid(&'static str),
    /// Another operation of this kind is active in the session.
    #[error("another operation is active in this session")]
    OperationActive,
    /// No operation of this kind is active in the session.
    #[error("no such operation is active in this session")]
    OperationNotInitialized,
    /// The password is wrong; the attempt was counted.
    #[error("the password is wrong")]
    PinIncorrect,
    /// The new password holds bytes that the policy forbids.
    #[error("the new password is invalid: {0}")]
    PinInvalid(&'static str),
    /// The password's length is outside the policy's range.
    #[error("the password's length is outside the policy's range")]
    PinLenRange,
    /// The account is locked; only an admin's password change unlocks it.
    #[error("the account is locked")]
    PinLocked,
    /// The public key is not valid.
    #[error("the public key is invalid")]
    PublicKeyInvalid,
    /// The token's generator takes no seed.
    #[error("the random generator takes no seed")]
    RandomSeedNotSupported,
    /// The limit on sessions is reached.
    #[error("too many sessions")]
    SessionCount,
    /// A session is open, so the token cannot be initialised.
    #[error("the token has open sessions")]
    SessionExists,
    /// The handle names no open session.
    #[error("no such session")]
    SessionHandleInvalid,
    /// The session is read-only.
    #[error("the session is read-only")]
    SessionReadOnly,
    /// A read-only session exists, so the SO cannot log in.
    #[error("a read-only session exists")]
    SessionReadOnlyExists,
    /// The SO is logged in, so no read-only session can be opened.
    #[error("the SO is logged in: read-only sessions are not possible")]
    SessionReadWriteSoExists,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    SignatureInvalid,
    /// The signature has a length that the mechanism cannot produce.
    #[error("the signature's length is outside the mechanism's range")]
    SignatureLenRange,
    /// There is no such slot.
    #[error("no such slot")]
    SlotIdInvalid,
    /// A required attribute is missing.
    #[error("{0} is missing from the template")]
    TemplateIncomplete(AttributeType),
    /// An attribute conflicts with another one, with the key type, or is given twice.
    #[error("{attribute} is inconsistent: {rule}")]
    TemplateInconsistent {
        /// The attribute.
        attribute: AttributeType,
        /// What it conflicts with.
        rule: &'static str,
    },
    /// The slot holds no initialised token.
    #[error("the slot holds no initialised token")]
    TokenNotPresent,
    /// Somebody is logged in already with this user type.
    #[error("the user is already logged in")]
    UserAlreadyLoggedIn,
    /// Another user is logged in.
    #[error("another user is already logged in")]
    UserAnotherAlreadyLoggedIn,
    /// The account is in use by another program, so its password cannot be changed.
    #[error("the account is logged in through another program: log it out there first")]
    UserInUse,
    /// The function needs a login that the session does not have, or has lost.
    #[error("the user is not logged in")]
    UserNotLoggedIn,
    /// There is no such user, or it has no password yet.
    #[error("no such user, or its password was never set")]
    UserPinNotInitialized,
    /// The user type is not one of the token's.
    #[error("the user type is invalid")]
    UserTypeInvalid,
    /// The wrapped key does not unwrap. Never says which check failed.
    #[error("the wrapped key is invalid")]
    WrappedKeyInvalid,
    /// The wrapped key has a length that the mechanism cannot produce.
    #[error("the wrapped key's length is outside the mechanism's range")]
    WrappedKeyLenRange,
    /// A lock was poisoned by a panic: the token stops rather than work on a state it cannot trust.
    #[error("the token stopped after an internal error; restart the program")]
    Poisoned,
    /// The cryptographic library refused what should have worked.
    #[error("the cryptographic library failed: {0}")]
    Crypto(&'static str),
}

/// Which handle of a call an error is about: PKCS#11 has a value of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleRole {
    /// An object.
    Object,
    /// The key of an operation.
    Key,
    /// The key that wraps.
    WrappingKey,
    /// The key that unwraps.
    UnwrappingKey,
}

impl core::fmt::Display for HandleRole {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Object => "object",
            Self::Key => "key",
            Self::WrappingKey => "wrapping key",
            Self::UnwrappingKey => "unwrapping key",
        })
    }
}

impl Error {
    /// The value that PKCS#11 callers see.
    #[must_use]
    pub const fn rv(&self) -> Rv {
        match self {
            Self::Remote { rv, .. } => *rv,
            Self::ArgumentsBad(_) => Rv::ARGUMENTS_BAD,
            Self::ActionProhibited(_) => Rv::ACTION_PROHIBITED,
            Self::AttributeReadOnly { .. } => Rv::ATTRIBUTE_READ_ONLY,
            Self::AttributeSensitive(_) => Rv::ATTRIBUTE_SENSITIVE,
            Self::AttributeTypeInvalid(_) => Rv::ATTRIBUTE_TYPE_INVALID,
            Self::AttributeValueInvalid { .. } => Rv::ATTRIBUTE_VALUE_INVALID,
            Self::BufferTooSmall { .. } => Rv::BUFFER_TOO_SMALL,
            Self::CurveNotSupported => Rv::CURVE_NOT_SUPPORTED,
            Self::DataInvalid => Rv::DATA_INVALID,
            Self::DataLenRange(_) => Rv::DATA_LEN_RANGE,
            Self::Damaged { .. } | Self::Store(_) | Self::Backup(_) | Self::Poisoned => Rv::DEVICE_ERROR,
            Self::StoreFull(_) => Rv::DEVICE_MEMORY,
            Self::StoreTooNew { .. } => Rv::TOKEN_NOT_RECOGNIZED,
            Self::EncryptedDataInvalid => Rv::ENCRYPTED_DATA_INVALID,
            Self::EncryptedDataLenRange => Rv::ENCRYPTED_DATA_LEN_RANGE,
            Self::FunctionNotSupported(_) => Rv::FUNCTION_NOT_SUPPORTED,
            Self::FunctionRejected(_) | Self::UserInUse => Rv::FUNCTION_REJECTED,
            Self::HandleInvalid(HandleRole::Object) => Rv::OBJECT_HANDLE_INVALID,
            Self::HandleInvalid(HandleRole::Key) => Rv::KEY_HANDLE_INVALID,
            Self::HandleInvalid(HandleRole::WrappingKey) => Rv::WRAPPING_KEY_HANDLE_INVALID,
            Self::HandleInvalid(HandleRole::UnwrappingKey) => Rv::UNWRAPPING_KEY_HANDLE_INVALID,
            Self::KeyFunctionNotPermitted(_) => Rv::KEY_FUNCTION_NOT_PERMITTED,
            Self::KeyNotWrappable(_) => Rv::KEY_NOT_WRAPPABLE,
            Self::KeySizeRange(HandleRole::WrappingKey) => Rv::WRAPPING_KEY_SIZE_RANGE,
            Self::KeySizeRange(HandleRole::UnwrappingKey) => Rv::UNWRAPPING_KEY_SIZE_RANGE,
            Self::KeySizeRange(_) => Rv::KEY_SIZE_RANGE,
            Self::KeyTypeInconsistent(HandleRole::WrappingKey) => Rv::WRAPPING_KEY_TYPE_INCONSISTENT,
            Self::KeyTypeInconsistent(HandleRole::UnwrappingKey) => Rv::UNWRAPPING_KEY_TYPE_INCONSISTENT,
            Self::KeyTypeInconsistent(_) => Rv::KEY_TYPE_INCONSISTENT,
            Self::KeyUnextractable => Rv::KEY_UNEXTRACTABLE,
            Self::KeyIndigestible => Rv::KEY_INDIGESTIBLE,
            Self::MechanismInvalid(_) => Rv::MECHANISM_INVALID,
            Self::MechanismParamInvalid(_) => Rv::MECHANISM_PARAM_INVALID,
            Self::OperationActive => Rv::OPERATION_ACTIVE,
            Self::OperationNotInitialized => Rv::OPERATION_NOT_INITIALIZED,
            Self::PinIncorrect => Rv::PIN_INCORRECT,
            Self::PinInvalid(_) => Rv::PIN_INVALID,
            Self::PinLenRange => Rv::PIN_LEN_RANGE,
            Self::PinLocked => Rv::PIN_LOCKED,
            Self::PublicKeyInvalid => Rv::PUBLIC_KEY_INVALID,
            Self::RandomSeedNotSupported => Rv::RANDOM_SEED_NOT_SUPPORTED,
            Self::SessionCount => Rv::SESSION_COUNT,
            Self::SessionExists => Rv::SESSION_EXISTS,
            Self::SessionHandleInvalid => Rv::SESSION_HANDLE_INVALID,
            Self::SessionReadOnly => Rv::SESSION_READ_ONLY,
            Self::SessionReadOnlyExists => Rv::SESSION_READ_ONLY_EXISTS,
            Self::SessionReadWriteSoExists => Rv::SESSION_READ_WRITE_SO_EXISTS,
            Self::SignatureInvalid => Rv::SIGNATURE_INVALID,
            Self::SignatureLenRange => Rv::SIGNATURE_LEN_RANGE,
            Self::SlotIdInvalid => Rv::SLOT_ID_INVALID,
            Self::TemplateIncomplete(_) => Rv::TEMPLATE_INCOMPLETE,
            Self::TemplateInconsistent { .. } => Rv::TEMPLATE_INCONSISTENT,
            Self::TokenNotPresent => Rv::TOKEN_NOT_RECOGNIZED,
            Self::UserAlreadyLoggedIn => Rv::USER_ALREADY_LOGGED_IN,
            Self::UserAnotherAlreadyLoggedIn => Rv::USER_ANOTHER_ALREADY_LOGGED_IN,
            Self::UserNotLoggedIn => Rv::USER_NOT_LOGGED_IN,
            Self::UserPinNotInitialized => Rv::USER_PIN_NOT_INITIALIZED,
            Self::UserTypeInvalid => Rv::USER_TYPE_INVALID,
            Self::WrappedKeyInvalid => Rv::WRAPPED_KEY_INVALID,
            Self::WrappedKeyLenRange => Rv::WRAPPED_KEY_LEN_RANGE,
            Self::Crypto(_) => Rv::FUNCTION_FAILED,
        }
    }
}

impl<T> From<std::sync::PoisonError<T>> for Error {
    fn from(_: std::sync::PoisonError<T>) -> Self {
        Self::Poisoned
    }
}
