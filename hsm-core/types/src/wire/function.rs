//! The functions of the protocol: one row each.

/// What happens to a call whose HSM died before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It makes and ends nothing: another HSM is asked.
    Yes,
    /// It may have taken effect: the caller is told that the outcome is unknown.
    No,
}

macro_rules! functions {
    ($( $(#[doc = $doc:literal])* $name:ident = $code:literal, $repeat:ident; )*) => {
        /// A function of the protocol. The numbers are for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Function {
            $( $(#[doc = $doc])* $name = $code, )*
        }

        impl Function {
            /// All functions, in the order of their numbers.
            pub const ALL: &'static [Self] = &[ $(Self::$name),* ];

            /// The function with this number.
            #[must_use]
            pub const fn of_code(code: u32) -> Option<Self> {
                match code {
                    $( $code => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self {
                    $( Self::$name => $code, )*
                }
            }

            /// Whether it is repeated on another HSM.
            #[must_use]
            pub const fn repeat(self) -> Repeat {
                match self {
                    $( Self::$name => Repeat::$repeat, )*
                }
            }

            /// The name in logs and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$name => stringify!($name), )*
                }
            }
        }
    };
}

functions! {
    /// Names the version (`number`) and the client (`data`). The first frame of a connection.
    Hello = 1, Yes;
    /// `C_GetTokenInfo`: `token`.
    TokenInfo = 2, Yes;
    /// `C_GetMechanismList` and `C_GetMechanismInfo`: four numbers each in `numbers`.
    Mechanisms = 3, Yes;
    /// `C_OpenSession`: `number` 1 for read/write; answers the session in `number`.
    OpenSession = 4, Yes;
    /// `C_CloseSession`.
    CloseSession = 5, Yes;
    /// `C_GetSessionInfo`: the state in `number`.
    SessionInfo = 6, Yes;
    /// `C_Login`, `C_LoginUser`: `number` is `CKU_…`, `more` the name if `named`, `data` the password.
    Login = 7, No;
    /// `C_Logout`.
    Logout = 8, Yes;
    /// `C_InitPIN`: `data`.
    InitPin = 9, No;
    /// `C_SetPIN`: `data` the old one, `more` the new one.
    SetPin = 10, No;
    /// `C_CreateObject`: `templates[0]`; answers `objects[0]`.
    CreateObject = 11, No;
    /// `C_CopyObject`: `objects[0]`, `templates[0]`.
    CopyObject = 12, No;
    /// `C_DestroyObject`: `objects[0]`.
    DestroyObject = 13, No;
    /// `C_GetObjectSize`: `objects[0]`; answers `number`.
    ObjectSize = 14, Yes;
    /// `C_GetAttributeValue`: `objects[0]`, `numbers`; answers `attributes`, in the same order.
    Attributes = 15, Yes;
    /// `C_SetAttributeValue`: `objects[0]`, `templates[0]`.
    SetAttributes = 16, No;
    /// `C_FindObjectsInit`: `templates[0]`.
    FindInit = 17, Yes;
    /// `C_FindObjects`: at most `number`; answers `objects`.
    Find = 18, No;
    /// `C_FindObjectsFinal`.
    FindFinal = 19, No;
    /// `C_EncryptInit`: `mechanism`, `objects[0]`.
    EncryptInit = 20, Yes;
    /// `C_Encrypt`: `data`, `room`; answers `data`, or the length needed in `number`.
    Encrypt = 21, Yes;
    /// `C_EncryptUpdate`.
    EncryptUpdate = 22, No;
    /// `C_EncryptFinal`.
    EncryptFinal = 23, No;
    /// `C_DecryptInit`.
    DecryptInit = 24, Yes;
    /// `C_Decrypt`.
    Decrypt = 25, Yes;
    /// `C_DecryptUpdate`.
    DecryptUpdate = 26, No;
    /// `C_DecryptFinal`.
    DecryptFinal = 27, No;
    /// `C_DigestInit`.
    DigestInit = 28, Yes;
    /// `C_Digest`.
    Digest = 29, Yes;
    /// `C_DigestUpdate`.
    DigestUpdate = 30, No;
    /// `C_DigestKey`: `objects[0]`.
    DigestKey = 31, No;
    /// `C_DigestFinal`.
    DigestFinal = 32, No;
    /// `C_SignInit`.
    SignInit = 33, Yes;
    /// `C_Sign`.
    Sign = 34, Yes;
    /// `C_SignUpdate`.
    SignUpdate = 35, No;
    /// `C_SignFinal`.
    SignFinal = 36, No;
    /// `C_VerifyInit`.
    VerifyInit = 37, Yes;
    /// `C_Verify`: `data`, the signature in `more`.
    Verify = 38, Yes;
    /// `C_VerifyUpdate`.
    VerifyUpdate = 39, No;
    /// `C_VerifyFinal`: the signature in `more`.
    VerifyFinal = 40, No;
    /// `C_GenerateKey`: `mechanism`, `templates[0]`; answers `objects[0]`.
    GenerateKey = 41, No;
    /// `C_GenerateKeyPair`: `templates` public, private; answers `objects` public, private.
    GenerateKeyPair = 42, No;
    /// `C_WrapKey`: `objects` wrapping key, key.
    WrapKey = 43, Yes;
    /// `C_UnwrapKey`: `objects[0]`, `data`, `templates[0]`.
    UnwrapKey = 44, No;
    /// `C_DeriveKey`: `objects[0]`, `templates[0]`.
    DeriveKey = 45, No;
    /// `C_SeedRandom`: `data`.
    SeedRandom = 46, Yes;
    /// `C_GenerateRandom`: `number` bytes.
    GenerateRandom = 47, Yes;
    /// `C_SessionCancel`: `number` is `CKF_…`.
    Cancel = 48, Yes;
    /// Lists the users: `users`. Needs no login.
    Users = 64, Yes;
    /// Makes a user: `number` the role (0 admin, 1 crypto user), `more` the name, `data` the password.
    CreateUser = 65, No;
    /// Deletes a user: `number`, `more`.
    DeleteUser = 66, No;
    /// Sets a user's password: `number`, `more`, `data`.
    ChangePassword = 67, No;
    /// Activates the cluster: `data` is the first admin's password. Needs no login.
    Activate = 68, No;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_function_and_no_other() {
        for function in Function::ALL {
            assert_eq!(Function::of_code(function.code()), Some(*function));
        }
        assert_eq!(Function::of_code(0), None);
        assert_eq!(Function::of_code(u32::MAX), None);
    }
}
