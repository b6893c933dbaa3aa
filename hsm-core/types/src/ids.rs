//! Identifiers that parts of the system hand to each other.

use core::fmt;

/// Defines a newtype for one kind of identifier, printed in hexadecimal.
macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:016x})"), self.0)
            }
        }
    };
}

id! {
    /// An object of a token: random, never reused, and the same on every node of a cluster.
    ///
    /// It is also the object's PKCS#11 handle, so a handle is stable for as long as the object
    /// exists. Bit 62 tells a session object from a token object; bit 63 is never set, so that
    /// languages with signed 64-bit integers show the same number.
    ObjectId
}

id! {
    /// A user of a token: random, never reused, independent of the user's name.
    UserId
}

id! {
    /// A slot, numbered in creation order and never renumbered.
    SlotId
}

impl ObjectId {
    const SESSION_BIT: u64 = 1 << 62;
    const RANDOM_BITS: u64 = Self::SESSION_BIT - 1;

    /// The id of a token object made from 64 random bits. Zero (`CK_INVALID_HANDLE`) is avoided.
    #[must_use]
    pub const fn token(random: u64) -> Self {
        let low = random & Self::RANDOM_BITS;
        Self(if low == 0 { 1 } else { low })
    }

    /// The id of a session object made from 64 random bits.
    #[must_use]
    pub const fn session(random: u64) -> Self {
        Self(Self::token(random).0 | Self::SESSION_BIT)
    }

    /// Whether the object lives in one session only.
    #[must_use]
    pub const fn is_session_object(self) -> bool {
        self.0 & Self::SESSION_BIT != 0
    }
}
