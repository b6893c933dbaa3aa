//! The attribute table: for every attribute, which objects have it, who may give it, what its
//! default is, who may change it and whether its value may come out.
//!
//! PKCS#11 v3.2 section 4 (tables 13–36) and section 6 for the components of keys. A new attribute
//! is one row of [`RULES`].

use hsm_types::AttributeType as A;

use super::kind::{Kind, Kinds};

/// Everything about one attribute for some kinds of object.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The attribute.
    pub attribute: A,
    /// The kinds of object this row is about.
    pub kinds: Kinds,
    /// The form of its value.
    pub form: Form,
    /// Where a caller may give it.
    pub given: Origins,
    /// Where a caller must give it.
    pub required: Origins,
    /// What it is when nobody gives it.
    pub default: Default,
    /// How it may change later (`C_SetAttributeValue`, `C_CopyObject`).
    pub change: Change,
    /// Whether its value is the secret itself.
    pub reveal: Reveal,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `CK_BBOOL`.
    Bool,
    /// `CK_ULONG`.
    Ulong,
    /// An array of `CK_ULONG`.
    Ulongs,
    /// Bytes of any length: strings, big integers, DER.
    Bytes,
    /// `CK_DATE`: empty, or eight digits.
    Date,
    /// A nested template.
    Template,
}

/// A call that makes an object; each value is its bit in [`Origins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// `C_CreateObject`.
    Create = 1,
    /// `C_GenerateKey`, `C_GenerateKeyPair`.
    Generate = 2,
    /// `C_UnwrapKey`.
    Unwrap = 4,
    /// `C_DeriveKey`.
    Derive = 8,
}

/// A set of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origins(u8);

impl Origins {
    /// Nowhere.
    pub const NEVER: Self = Self(0);
    /// `C_CreateObject` only.
    pub const CREATE: Self = Self(Origin::Create as u8);
    /// Key generation only.
    pub const GENERATE: Self = Self(Origin::Generate as u8);
    /// Key derivation only.
    pub const DERIVE: Self = Self(Origin::Derive as u8);
    /// Everywhere.
    pub const ANY: Self = Self(15);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set has an origin.
    #[must_use]
    pub const fn contains(self, origin: Origin) -> bool {
        self.0 & origin as u8 != 0
    }
}

/// What an attribute is when the template leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// The object does not have it then.
    Absent,
    /// `CK_FALSE`.
    False,
    /// `CK_TRUE`.
    True,
    /// An empty value.
    Empty,
    /// A number.
    Ulong(u64),
    /// True, unless the template makes the key a wrapping or unwrapping key: a key has one role.
    TrueUnlessWrapping,
}

/// How an attribute may change after creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Never.
    Never,
    /// Freely.
    Free,
    /// From false to true only: `CKA_SENSITIVE`, `CKA_WRAP_WITH_TRUSTED`.
    OnlyToTrue,
    /// From true to false only: `CKA_EXTRACTABLE`, `CKA_COPYABLE`, `CKA_DESTROYABLE`.
    OnlyToFalse,
    /// A role of a key: dropped freely; taken up later only under the `compatible` policy,
    /// because a key that may change roles can wrap today and decrypt tomorrow.
    Role,
    /// By an administrator only: `CKA_TRUSTED`.
    ByAdmin,
    /// While copying only: `CKA_TOKEN`, `CKA_PRIVATE`, `CKA_MODIFIABLE`.
    OnCopy,
}

/// Whether a value may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    /// Always.
    Always,
    /// Only when `CKA_SENSITIVE` is false and `CKA_EXTRACTABLE` true.
    UnlessProtected,
}

/// The row for an attribute of a kind of object, if such objects have it.
#[must_use]
pub fn rule(kind: Kind, attribute: A) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.attribute == attribute && rule.kinds.contains(kind))
}

/// All rows of a kind of object.
pub fn rules(kind: Kind) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| rule.kinds.contains(kind))
}

const BASE: Rule = Rule {
    attribute: A::CLASS,
    kinds: Kinds::ALL,
    form: Form::Bytes,
    given: Origins::ANY,
    required: Origins::NEVER,
    default: Default::Absent,
    change: Change::Never,
    reveal: Reveal::Always,
};

/// A row for a `CK_BBOOL`.
const fn boolean(attribute: A, kinds: Kinds, default: Default, change: Change) -> Rule {
    Rule { attribute, kinds, form: Form::Bool, default, change, ..BASE }
}

/// A row for bytes that default to empty and may change.
const fn text(attribute: A, kinds: Kinds) -> Rule {
    Rule { attribute, kinds, default: Default::Empty, change: Change::Free, ..BASE }
}

/// A row for what only the token sets.
const fn by_token(attribute: A, kinds: Kinds, form: Form) -> Rule {
    Rule { attribute, kinds, form, given: Origins::NEVER, ..BASE }
}

/// A row for a component of a key that is imported.
const fn component(attribute: A, kinds: Kinds, required: Origins, reveal: Reveal) -> Rule {
    Rule { attribute, kinds, given: Origins::CREATE, required, reveal, ..BASE }
}

/// The table.
pub static RULES: &[Rule] = &[
    // What every object has.
    Rule { form: Form::Ulong, required: Origins::CREATE, ..BASE },
    boolean(A::TOKEN, Kinds::ALL, Default::False, Change::OnCopy),
    boolean(A::PRIVATE, Kinds::PROTECTED.or(Kinds::DATA), Default::True, Change::OnCopy),
    boolean(A::PRIVATE, Kinds::PUBLIC.or(Kinds::CERTIFICATE), Default::False, Change::OnCopy),
    boolean(A::MODIFIABLE, Kinds::ALL, Default::True, Change::OnCopy),
    boolean(A::COPYABLE, Kinds::ALL, Default::True, Change::OnlyToFalse),
    boolean(A::DESTROYABLE, Kinds::ALL, Default::True, Change::OnlyToFalse),
    text(A::LABEL, Kinds::ALL),
    by_token(A::UNIQUE_ID, Kinds::ALL, Form::Bytes),
    // Data.
    text(A::APPLICATION, Kinds::DATA),
    text(A::OBJECT_ID, Kinds::DATA),
    text(A::VALUE, Kinds::DATA),
    // Certificates.
    Rule {
        attribute: A::CERTIFICATE_TYPE,
        kinds: Kinds::CERTIFICATE,
        form: Form::Ulong,
        required: Origins::CREATE,
        ..BASE
    },
    boolean(A::TRUSTED, Kinds::CERTIFICATE.or(Kinds::PUBLIC).or(Kinds::SECRET), Default::False, Change::ByAdmin),
    Rule {
        attribute: A::CERTIFICATE_CATEGORY,
        kinds: Kinds::CERTIFICATE,
        form: Form::Ulong,
        default: Default::Ulong(0),
        ..BASE
    },
    Rule { attribute: A::CHECK_VALUE, kinds: Kinds::CERTIFICATE.or(Kinds::SECRET), ..BASE },
    Rule {
        attribute: A::START_DATE,
        kinds: Kinds::CERTIFICATE.or(Kinds::KEYS),
        form: Form::Date,
        default: Default::Empty,
        change: Change::Free,
        ..BASE
    },
    Rule {
        attribute: A::END_DATE,
        kinds: Kinds::CERTIFICATE.or(Kinds::KEYS),
        form: Form::Date,
        default: Default::Empty,
        change: Change::Free,
        ..BASE
    },
    Rule { attribute: A::SUBJECT, kinds: Kinds::CERTIFICATE, required: Origins::CREATE, change: Change::Free, ..BASE },
    text(A::SUBJECT, Kinds::PUBLIC.or(Kinds::PRIVATE)),
    text(A::ID, Kinds::CERTIFICATE.or(Kinds::KEYS)),
    text(A::ISSUER, Kinds::CERTIFICATE),
    text(A::SERIAL_NUMBER, Kinds::CERTIFICATE),
    Rule { attribute: A::VALUE, kinds: Kinds::CERTIFICATE, default: Default::Empty, ..BASE },
    Rule { attribute: A::URL, kinds: Kinds::CERTIFICATE, default: Default::Empty, ..BASE },
    Rule { attribute: A::HASH_OF_SUBJECT_PUBLIC_KEY, kinds: Kinds::CERTIFICATE, default: Default::Empty, ..BASE },
    Rule { attribute: A::HASH_OF_ISSUER_PUBLIC_KEY, kinds: Kinds::CERTIFICATE, default: Default::Empty, ..BASE },
    Rule { attribute: A::NAME_HASH_ALGORITHM, kinds: Kinds::CERTIFICATE, form: Form::Ulong, ..BASE },
    Rule {
        attribute: A::JAVA_MIDP_SECURITY_DOMAIN,
        kinds: Kinds::CERTIFICATE,
        form: Form::Ulong,
        default: Default::Ulong(0),
        ..BASE
    },
    // What every key has.
    Rule { attribute: A::KEY_TYPE, kinds: Kinds::KEYS, form: Form::Ulong, required: Origins::CREATE, ..BASE },
    boolean(A::DERIVE, Kinds::EC_DERIVING, Default::True, Change::Role),
    boolean(
        A::DERIVE,
        Kinds::PUBLIC.or(Kinds::RSA_PRIVATE).or(Kinds::EDWARDS_PRIVATE).or(Kinds::SECRET),
        Default::False,
        Change::Role,
    ),
    by_token(A::LOCAL, Kinds::KEYS, Form::Bool),
    by_token(A::KEY_GEN_MECHANISM, Kinds::KEYS, Form::Ulong),
    Rule { attribute: A::ALLOWED_MECHANISMS, kinds: Kinds::KEYS, form: Form::Ulongs, ..BASE },
    // Roles. What a template leaves out defaults to what such a key is for: clients depend on it.
    boolean(A::ENCRYPT, Kinds::RSA_PUBLIC.or(Kinds::AES), Default::TrueUnlessWrapping, Change::Role),
    boolean(A::ENCRYPT, Kinds::EC_PUBLIC.or(Kinds::GENERIC), Default::False, Change::Role),
    boolean(A::DECRYPT, Kinds::RSA_PRIVATE.or(Kinds::AES), Default::TrueUnlessWrapping, Change::Role),
    boolean(A::DECRYPT, Kinds::EC_PRIVATE.or(Kinds::GENERIC), Default::False, Change::Role),
    boolean(A::SIGN, Kinds::PRIVATE, Default::TrueUnlessWrapping, Change::Role),
    boolean(A::SIGN, Kinds::GENERIC, Default::True, Change::Role),
    boolean(A::SIGN, Kinds::AES, Default::False, Change::Role),
    boolean(A::VERIFY, Kinds::PUBLIC.or(Kinds::GENERIC), Default::True, Change::Role),
    boolean(A::VERIFY, Kinds::AES, Default::False, Change::Role),
    boolean(A::SIGN_RECOVER, Kinds::PRIVATE, Default::False, Change::Role),
    boolean(A::VERIFY_RECOVER, Kinds::PUBLIC, Default::False, Change::Role),
    boolean(A::WRAP, Kinds::PUBLIC.or(Kinds::SECRET), Default::False, Change::Role),
    boolean(A::UNWRAP, Kinds::PROTECTED, Default::False, Change::Role),
    // Protection.
    boolean(A::SENSITIVE, Kinds::PROTECTED, Default::True, Change::OnlyToTrue),
    boolean(A::EXTRACTABLE, Kinds::PROTECTED, Default::False, Change::OnlyToFalse),
    by_token(A::ALWAYS_SENSITIVE, Kinds::PROTECTED, Form::Bool),
    by_token(A::NEVER_EXTRACTABLE, Kinds::PROTECTED, Form::Bool),
    boolean(A::WRAP_WITH_TRUSTED, Kinds::PROTECTED, Default::False, Change::OnlyToTrue),
    boolean(A::ALWAYS_AUTHENTICATE, Kinds::PRIVATE, Default::False, Change::Never),
    nested(A::WRAP_TEMPLATE, Kinds::PUBLIC.or(Kinds::SECRET)),
    nested(A::UNWRAP_TEMPLATE, Kinds::PROTECTED),
    nested(A::DERIVE_TEMPLATE, Kinds::PROTECTED),
    // Components. Public keys carry theirs openly, the others when the key is not protected.
    Rule { attribute: A::PUBLIC_KEY_INFO, kinds: Kinds::CERTIFICATE, default: Default::Empty, ..BASE },
    Rule { attribute: A::PUBLIC_KEY_INFO, kinds: Kinds::PUBLIC.or(Kinds::PRIVATE), ..BASE },
    Rule {
        attribute: A::MODULUS_BITS,
        kinds: Kinds::RSA_PUBLIC,
        form: Form::Ulong,
        given: Origins::CREATE.or(Origins::GENERATE),
        required: Origins::GENERATE,
        ..BASE
    },
    component(A::MODULUS, Kinds::RSA, Origins::CREATE, Reveal::Always),
    Rule {
        attribute: A::PUBLIC_EXPONENT,
        kinds: Kinds::RSA_PUBLIC,
        given: Origins::CREATE.or(Origins::GENERATE),
        required: Origins::CREATE,
        ..BASE
    },
    component(A::PUBLIC_EXPONENT, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::Always),
    component(A::PRIVATE_EXPONENT, Kinds::RSA_PRIVATE, Origins::CREATE, Reveal::UnlessProtected),
    component(A::PRIME_1, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::UnlessProtected),
    component(A::PRIME_2, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::UnlessProtected),
    component(A::EXPONENT_1, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::UnlessProtected),
    component(A::EXPONENT_2, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::UnlessProtected),
    component(A::COEFFICIENT, Kinds::RSA_PRIVATE, Origins::NEVER, Reveal::UnlessProtected),
    Rule {
        attribute: A::EC_PARAMS,
        kinds: Kinds::EC_PUBLIC,
        given: Origins::CREATE.or(Origins::GENERATE),
        required: Origins::CREATE.or(Origins::GENERATE),
        ..BASE
    },
    component(A::EC_PARAMS, Kinds::EC_PRIVATE, Origins::CREATE, Reveal::Always),
    component(A::EC_POINT, Kinds::EC_PUBLIC, Origins::CREATE, Reveal::Always),
    component(A::VALUE, Kinds::EC_PRIVATE, Origins::CREATE, Reveal::UnlessProtected),
    component(A::VALUE, Kinds::SECRET, Origins::CREATE, Reveal::UnlessProtected),
    Rule {
        attribute: A::VALUE_LEN,
        kinds: Kinds::SECRET,
        form: Form::Ulong,
        given: Origins::ANY,
        required: Origins::GENERATE,
        ..BASE
    },
];

/// A row for a nested template.
const fn nested(attribute: A, kinds: Kinds) -> Rule {
    Rule { attribute, kinds, form: Form::Template, ..BASE }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 10] = [
        Kind::Data,
        Kind::Certificate,
        Kind::RsaPublic,
        Kind::RsaPrivate,
        Kind::EcPublic,
        Kind::EcPrivate,
        Kind::EdwardsPublic,
        Kind::EdwardsPrivate,
        Kind::Aes,
        Kind::Generic,
    ];

    #[test]
    fn every_kind_has_at_most_one_rule_for_an_attribute() {
        for kind in KINDS {
            let mut seen = Vec::new();
            for rule in rules(kind) {
                assert!(!seen.contains(&rule.attribute), "{} twice for {kind:?}", rule.attribute);
                seen.push(rule.attribute);
            }
        }
    }

    #[test]
    fn an_edwards_key_signs_and_derives_nothing_unless_told_and_is_else_as_any_on_a_curve() {
        let default = |kind, attribute| rule(kind, attribute).map(|rule| rule.default);
        assert_eq!(default(Kind::EdwardsPrivate, A::SIGN), Some(Default::TrueUnlessWrapping));
        assert_eq!(default(Kind::EdwardsPublic, A::VERIFY), Some(Default::True));
        assert_eq!(default(Kind::EdwardsPrivate, A::DERIVE), Some(Default::False));
        for (edwards, other) in [(Kind::EdwardsPublic, Kind::EcPublic), (Kind::EdwardsPrivate, Kind::EcPrivate)] {
            let names = |kind| rules(kind).map(|rule| rule.attribute).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(names(edwards), names(other));
        }
    }

    #[test]
    fn every_secret_component_is_hidden_by_the_table() {
        for kind in [Kind::RsaPrivate, Kind::EcPrivate, Kind::EdwardsPrivate, Kind::Aes, Kind::Generic] {
            let open = [A::MODULUS, A::PUBLIC_EXPONENT, A::EC_PARAMS, A::VALUE_LEN];
            for attribute in
                [A::VALUE, A::PRIVATE_EXPONENT, A::PRIME_1, A::PRIME_2, A::EXPONENT_1, A::EXPONENT_2, A::COEFFICIENT]
            {
                if let Some(rule) = rule(kind, attribute) {
                    assert!(open.contains(&attribute) || rule.reveal == Reveal::UnlessProtected);
                }
            }
        }
    }

    #[test]
    fn the_bits_that_protect_a_key_only_ever_get_stricter() {
        for kind in [Kind::RsaPrivate, Kind::EcPrivate, Kind::EdwardsPrivate, Kind::Aes, Kind::Generic] {
            assert_eq!(rule(kind, A::SENSITIVE).map(|rule| rule.change), Some(Change::OnlyToTrue));
            assert_eq!(rule(kind, A::EXTRACTABLE).map(|rule| rule.change), Some(Change::OnlyToFalse));
            assert_eq!(rule(kind, A::WRAP_WITH_TRUSTED).map(|rule| rule.change), Some(Change::OnlyToTrue));
        }
    }
}
