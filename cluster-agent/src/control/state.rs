//! The words of the API that the catalog keeps: states, HSM types, modes.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// Declares an enum whose values are words of the API, in the catalog and on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$value_doc])* $value,)+ }

        impl $name {
            /// Every value with its word.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$value, $word),)+];

            /// The word of the API.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            /// The value of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.word()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::from_word(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    };
}

words! {
    /// `ClusterState` of the API.
    ClusterState {
        /// Being made.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Made, not claimed: no certificate yet.
        Uninitialized = "UNINITIALIZED",
        /// Its certificate is being installed.
        InitializeInProgress = "INITIALIZE_IN_PROGRESS",
        /// Claimed, without a first admin password.
        Initialized = "INITIALIZED",
        /// In use.
        Active = "ACTIVE",
        /// HSMs are being added or removed.
        UpdateInProgress = "UPDATE_IN_PROGRESS",
        /// Moving to another HSM type.
        ModifyInProgress = "MODIFY_IN_PROGRESS",
        /// Moving back to the former HSM type.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// Being removed.
        DeleteInProgress = "DELETE_IN_PROGRESS",
        /// Gone.
        Deleted = "DELETED",
        /// Not healthy.
        Degraded = "DEGRADED",
    }
}

words! {
    /// `HsmState` of the API.
    HsmState {
        /// Being started for the first time.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Running.
        Active = "ACTIVE",
        /// It should run and does not; `StateMessage` says why.
        Degraded = "DEGRADED",
        /// Being stopped for good.
        DeleteInProgress = "DELETE_IN_PROGRESS",
    }
}

words! {
    /// `BackupState` of the API.
    BackupState {
        /// Being made or copied.
        CreateInProgress = "CREATE_IN_PROGRESS",
        /// Whole and verified.
        Ready = "READY",
        /// It could not be made; `Backup` has no message, the log says why.
        Deleted = "DELETED",
        /// To be removed at `DeleteTimestamp`.
        PendingDeletion = "PENDING_DELETION",
    }
}

words! {
    /// `HsmType` of the API: the types that exist.
    HsmType {
        /// FIPS 140-2, no new clusters on AWS.
        Hsm1Medium = "hsm1.medium",
        /// FIPS 140-3.
        Hsm2mMedium = "hsm2m.medium",
    }
}

words! {
    /// `ClusterMode` of the API.
    Mode {
        /// Only what FIPS permits.
        Fips = "FIPS",
        /// Everything.
        NonFips = "NON_FIPS",
    }
}

words! {
    /// `NetworkType` of the API.
    NetworkType {
        /// IPv4 only.
        Ipv4 = "IPV4",
        /// IPv4 and IPv6.
        DualStack = "DUALSTACK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_word() {
        for (state, word) in ClusterState::ALL {
            assert_eq!(ClusterState::from_word(word), Some(*state));
        }
        assert_eq!(HsmState::from_word("GONE"), None);
    }
}
