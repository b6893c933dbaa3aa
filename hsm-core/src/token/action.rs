//! What the audit log calls the things that are done.

use hsm_types::AttributeType;

/// A management operation, as the audit log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Action {
    CreateObject,
    CopyObject,
    DestroyObject,
    SetAttributes,
    GenerateKey,
    WrapKey,
    UnwrapKey,
    DeriveKey,
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Login,
    Logout,
    InitializeToken,
    CreateUser,
    DeleteUser,
    SetPassword,
}

/// What is written to the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditScope {
    /// Logins, users, and what happens to token objects.
    #[default]
    Management,
    /// Also every start of a cryptographic operation, and what happens to session objects.
    Everything,
}

impl Action {
    /// The operation that a key's usage attribute permits.
    #[must_use]
    pub const fn of_usage(usage: AttributeType) -> Option<Self> {
        match usage {
            AttributeType::ENCRYPT => Some(Self::Encrypt),
            AttributeType::DECRYPT => Some(Self::Decrypt),
            AttributeType::SIGN => Some(Self::Sign),
            AttributeType::VERIFY => Some(Self::Verify),
            _ => None,
        }
    }

    /// The name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateObject => "create-object",
            Self::CopyObject => "copy-object",
            Self::DestroyObject => "destroy-object",
            Self::SetAttributes => "set-attributes",
            Self::GenerateKey => "generate-key",
            Self::WrapKey => "wrap-key",
            Self::UnwrapKey => "unwrap-key",
            Self::DeriveKey => "derive-key",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::InitializeToken => "initialize-token",
            Self::CreateUser => "create-user",
            Self::DeleteUser => "delete-user",
            Self::SetPassword => "set-password",
        }
    }
}
