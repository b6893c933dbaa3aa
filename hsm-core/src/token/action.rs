//! What the audit log calls the things that are done.

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
    Login,
    Logout,
    InitializeToken,
    CreateUser,
    SetPassword,
}

impl Action {
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
            Self::Login => "login",
            Self::Logout => "logout",
            Self::InitializeToken => "initialize-token",
            Self::CreateUser => "create-user",
            Self::SetPassword => "set-password",
        }
    }
}
