//! Roles as the command line calls them.

use clap::ValueEnum;
use hsm_core::Role;

/// A role's name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Manages users.
    Admin,
    /// Has keys and uses them.
    CryptoUser,
}

impl RoleName {
    /// The HSM's role.
    pub const fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::CryptoUser => Role::CryptoUser,
        }
    }
}

/// The name of a role.
pub const fn name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::CryptoUser => "crypto-user",
    }
}
