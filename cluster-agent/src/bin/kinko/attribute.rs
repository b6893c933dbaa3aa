//! Attributes as the command line calls them, in the order in which it shows them.

use hsm_types::{AttributeType as A, KeyType, ObjectClass, Template};
use serde_json::{Value, json};

use crate::curve;
use crate::failure::Failure;

/// One attribute.
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// PKCS#11's number.
    pub attribute: A,
    /// The form of its value.
    pub form: Form,
    /// What is shown for a key that does not have it.
    pub absent: Absent,
}

/// The form of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Bool,
    Text,
    /// `0x…`.
    Hex,
    Number,
    KeyType,
    Class,
    Curve,
    /// A point in its OCTET STRING.
    Point,
}

/// What is shown for a key that does not have the attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// `false`.
    False,
    /// An empty string.
    Empty,
    /// Nothing: only some types of key have it.
    Hidden,
}

/// The table.
pub const ATTRIBUTES: &[Attribute] = &[
    row("key-type", A::KEY_TYPE, Form::KeyType, Absent::Hidden),
    row("label", A::LABEL, Form::Text, Absent::Empty),
    row("id", A::ID, Form::Hex, Absent::Empty),
    row("check-value", A::CHECK_VALUE, Form::Hex, Absent::Hidden),
    row("class", A::CLASS, Form::Class, Absent::Hidden),
    boolean("encrypt", A::ENCRYPT),
    boolean("decrypt", A::DECRYPT),
    boolean("token", A::TOKEN),
    boolean("always-sensitive", A::ALWAYS_SENSITIVE),
    boolean("derive", A::DERIVE),
    boolean("destroyable", A::DESTROYABLE),
    boolean("extractable", A::EXTRACTABLE),
    boolean("local", A::LOCAL),
    boolean("modifiable", A::MODIFIABLE),
    boolean("never-extractable", A::NEVER_EXTRACTABLE),
    boolean("private", A::PRIVATE),
    boolean("sensitive", A::SENSITIVE),
    boolean("sign", A::SIGN),
    boolean("trusted", A::TRUSTED),
    boolean("unwrap", A::UNWRAP),
    boolean("verify", A::VERIFY),
    boolean("wrap", A::WRAP),
    boolean("wrap-with-trusted", A::WRAP_WITH_TRUSTED),
    row("key-length-bytes", A::VALUE_LEN, Form::Number, Absent::Hidden),
    row("ec-point", A::EC_POINT, Form::Point, Absent::Hidden),
    row("curve", A::EC_PARAMS, Form::Curve, Absent::Hidden),
    row("public-exponent", A::PUBLIC_EXPONENT, Form::Hex, Absent::Hidden),
    row("modulus", A::MODULUS, Form::Hex, Absent::Hidden),
    row("modulus-size-bits", A::MODULUS_BITS, Form::Number, Absent::Hidden),
];

const fn row(name: &'static str, attribute: A, form: Form, absent: Absent) -> Attribute {
    Attribute { name, attribute, form, absent }
}

const fn boolean(name: &'static str, attribute: A) -> Attribute {
    row(name, attribute, Form::Bool, Absent::False)
}

const KEY_TYPES: &[(&str, KeyType)] = &[
    ("aes", KeyType::AES),
    ("generic-secret", KeyType::GENERIC_SECRET),
    ("rsa", KeyType::RSA),
    ("ec", KeyType::EC),
    ("ed25519", KeyType::EC_EDWARDS),
];

const CLASSES: &[(&str, ObjectClass)] = &[
    ("public-key", ObjectClass::PUBLIC_KEY),
    ("private-key", ObjectClass::PRIVATE_KEY),
    ("secret-key", ObjectClass::SECRET_KEY),
];

impl Attribute {
    /// The row of a name.
    ///
    /// # Errors
    /// [`Failure::Input`] naming it.
    pub fn named(name: &str) -> Result<&'static Self, Failure> {
        let found = ATTRIBUTES.iter().find(|row| row.name == name);
        found.ok_or_else(|| Failure::Input(format!("there is no attribute `{name}`")))
    }

    /// Reads a value as it is typed.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the attribute and what it takes.
    pub fn parse(&self, text: &str) -> Result<Vec<u8>, Failure> {
        let parsed = match self.form {
            Form::Bool => match text {
                "true" => Some(vec![1]),
                "false" => Some(vec![0]),
                _ => None,
            },
            Form::Text => Some(text.as_bytes().to_vec()),
            Form::Hex => from_hex(text),
            Form::Point => from_hex(text).map(|point| curve::octets(&point)),
            Form::Number => text.parse().ok().map(ulong),
            Form::KeyType => KEY_TYPES.iter().find(|(name, _)| *name == text).map(|(_, code)| ulong(code.0)),
            Form::Class => CLASSES.iter().find(|(name, _)| *name == text).map(|(_, code)| ulong(code.0)),
            Form::Curve => curve::named(text).map(|(_, params)| params.to_vec()),
        };
        parsed.ok_or_else(|| Failure::Input(format!("{} takes {}, not `{text}`", self.name, self.takes())))
    }

    fn takes(&self) -> &'static str {
        match self.form {
            Form::Bool => "true or false",
            Form::Text => "text",
            Form::Hex | Form::Point => "0x and hexadecimal digits",
            Form::Number => "a number",
            Form::KeyType => "aes, generic-secret, rsa, ec or ed25519",
            Form::Class => "secret-key, private-key or public-key",
            Form::Curve => "the name of a curve",
        }
    }

    /// The value as it is shown; `None` when nothing is.
    pub fn show(&self, key: &Template) -> Option<Value> {
        let Some(value) = key.get(self.attribute) else {
            return match self.absent {
                Absent::False => Some(json!(false)),
                Absent::Empty => Some(json!("")),
                Absent::Hidden => None,
            };
        };
        let number = || key.ulong(self.attribute).unwrap_or_default();
        Some(match self.form {
            Form::Bool => json!(key.bool(self.attribute).unwrap_or_default()),
            Form::Text => json!(String::from_utf8_lossy(value)),
            Form::Hex if value.is_empty() => json!("0x"),
            Form::Hex => json!(to_hex(value)),
            Form::Point => json!(to_hex(curve::bare(value))),
            Form::Number => json!(number()),
            Form::KeyType => named(KEY_TYPES.iter().map(|(name, code)| (*name, code.0)), number()),
            Form::Class => named(CLASSES.iter().map(|(name, code)| (*name, code.0)), number()),
            Form::Curve => curve::of_params(value).map_or_else(|| json!(to_hex(value)), |name| json!(name)),
        })
    }
}

/// Reads `name=value` pairs into a template; what they name wins over what is there.
///
/// # Errors
/// As [`Attribute::parse`].
pub fn apply(template: &mut Template, pairs: &[String]) -> Result<(), Failure> {
    for pair in pairs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::Input(format!("`{pair}` is not <attribute>=<value>")))?;
        let row = Attribute::named(name)?;
        template.set(row.attribute, row.parse(value)?);
    }
    Ok(())
}

fn named(mut names: impl Iterator<Item = (&'static str, u64)>, code: u64) -> Value {
    names.find(|(_, known)| *known == code).map_or_else(|| json!(format!("{code:#x}")), |(name, _)| json!(name))
}

fn ulong(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x")?).ok()
}

fn to_hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
