//! The macro behind every family of PKCS#11 numbers: one line per number gives the constant and its printed name.

/// Defines a newtype over a `CK_ULONG` family with named constants and a name look-up.
///
/// `Display` and `Debug` print the standard's name (`CKA_LABEL`), or the number in hexadecimal
/// where the standard has none.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident, $prefix:literal { $($code:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        #[allow(missing_docs, reason = "the constants are the standard's own names")]
        impl $name {
            $(pub const $code: Self = Self($value);)*
        }

        impl $name {
            /// The standard's name of this number, if it has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(concat!($prefix, stringify!($code))),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}{:#010x}", $prefix, self.0),
                }
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(crate) use codes;
