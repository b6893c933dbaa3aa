//! Attribute lists: templates from callers and the attributes of objects.

use zeroize::Zeroizing;

use crate::attribute_type::AttributeType;
use crate::key_type::KeyType;
use crate::object_class::ObjectClass;

/// A value of an attribute, in the byte form that PKCS#11 gives it on a 64-bit little-endian
/// machine: `CK_BBOOL` is one byte, `CK_ULONG` eight bytes little-endian, a nested template the
/// encoding of [`Template::encode`].
pub type Value = Zeroizing<Vec<u8>>;

/// A list of attributes without duplicates, sorted by type. Values are zeroed when dropped.
///
/// `Debug` prints the types and lengths only: values can be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<(AttributeType, Value)>);

/// A template named the same attribute twice (`CKR_TEMPLATE_INCONSISTENT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateAttribute(pub AttributeType);

/// Bytes that are not an encoded attribute list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATemplate;

/// Attributes whose value is itself a list of attributes (`CKF_ARRAY_ATTRIBUTE`).
#[must_use]
pub const fn is_nested(attribute: AttributeType) -> bool {
    matches!(attribute, AttributeType::WRAP_TEMPLATE | AttributeType::UNWRAP_TEMPLATE | AttributeType::DERIVE_TEMPLATE)
}

impl Template {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes the attributes of a caller's template.
    ///
    /// # Errors
    /// [`DuplicateAttribute`] when a type occurs twice.
    pub fn from_pairs(mut pairs: Vec<(AttributeType, Value)>) -> Result<Self, DuplicateAttribute> {
        pairs.sort_by_key(|(attribute, _)| *attribute);
        for pair in pairs.windows(2) {
            if let [(first, _), (second, _)] = pair
                && first == second
            {
                return Err(DuplicateAttribute(*first));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of an attribute, if present.
    #[must_use]
    pub fn get(&self, attribute: AttributeType) -> Option<&[u8]> {
        let at = self.position(attribute).ok()?;
        self.0.get(at).map(|(_, value)| value.as_slice())
    }

    /// Whether the attribute is present.
    #[must_use]
    pub fn contains(&self, attribute: AttributeType) -> bool {
        self.position(attribute).is_ok()
    }

    /// A `CK_BBOOL` attribute; `None` when absent or not one byte. Every byte but 0 is true.
    #[must_use]
    pub fn bool(&self, attribute: AttributeType) -> Option<bool> {
        match self.get(attribute)? {
            [byte] => Some(*byte != 0),
            _ => None,
        }
    }

    /// A `CK_ULONG` attribute; `None` when absent or not eight bytes.
    #[must_use]
    pub fn ulong(&self, attribute: AttributeType) -> Option<u64> {
        Some(u64::from_le_bytes(self.get(attribute)?.try_into().ok()?))
    }

    /// `CKA_CLASS`, if present and well-formed.
    #[must_use]
    pub fn class(&self) -> Option<ObjectClass> {
        self.ulong(AttributeType::CLASS).map(ObjectClass)
    }

    /// `CKA_KEY_TYPE`, if present and well-formed.
    #[must_use]
    pub fn key_type(&self) -> Option<KeyType> {
        self.ulong(AttributeType::KEY_TYPE).map(KeyType)
    }

    /// Sets an attribute, replacing an earlier value.
    pub fn set(&mut self, attribute: AttributeType, value: impl Into<Vec<u8>>) {
        let value = Zeroizing::new(value.into());
        match self.position(attribute) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (attribute, value)),
        }
    }

    /// Sets a `CK_BBOOL` attribute.
    pub fn set_bool(&mut self, attribute: AttributeType, value: bool) {
        self.set(attribute, [u8::from(value)]);
    }

    /// Sets a `CK_ULONG` attribute.
    pub fn set_ulong(&mut self, attribute: AttributeType, value: u64) {
        self.set(attribute, value.to_le_bytes());
    }

    /// Sets an attribute that is absent; keeps a value that is there.
    pub fn set_default(&mut self, attribute: AttributeType, value: impl Into<Vec<u8>>) {
        if !self.contains(attribute) {
            self.set(attribute, value);
        }
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, attribute: AttributeType) -> Option<Value> {
        let at = self.position(attribute).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The attributes in the order of their types.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeType, &[u8])> {
        self.0.iter().map(|(attribute, value)| (*attribute, value.as_slice()))
    }

    /// How many attributes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list as bytes: for each attribute its type (u64), its length in bytes (u32), its value;
    /// numbers little-endian. `docs/storage-format.md` shows an example.
    #[must_use]
    pub fn encode(&self) -> Value {
        let size = self.0.iter().map(|(_, value)| 12 + value.len()).sum();
        // Reserved whole: a growing vector would leave copies of secret values behind.
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        for (attribute, value) in &self.0 {
            out.extend_from_slice(&attribute.0.to_le_bytes());
            out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(value);
        }
        out
    }

    /// Reads what [`Template::encode`] wrote.
    ///
    /// # Errors
    /// [`NotATemplate`] for bytes that are cut, unsorted or hold a duplicate.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, NotATemplate> {
        let mut list: Vec<(AttributeType, Value)> = Vec::new();
        while !bytes.is_empty() {
            let (attribute, rest) = bytes.split_first_chunk::<8>().ok_or(NotATemplate)?;
            let (length, rest) = rest.split_first_chunk::<4>().ok_or(NotATemplate)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| NotATemplate)?;
            let (value, rest) = rest.split_at_checked(length).ok_or(NotATemplate)?;
            let attribute = AttributeType(u64::from_le_bytes(*attribute));
            if list.last().is_some_and(|(last, _)| *last >= attribute) {
                return Err(NotATemplate);
            }
            list.push((attribute, Zeroizing::new(value.to_vec())));
            bytes = rest;
        }
        Ok(Self(list))
    }

    fn position(&self, attribute: AttributeType) -> Result<usize, usize> {
        self.0.binary_search_by_key(&attribute, |(attribute, _)| *attribute)
    }
}

impl core::fmt::Debug for Template {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(attribute, value)| (attribute, format!("{} bytes", value.len()))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_template_decodes_to_itself() {
        let mut template = Template::new();
        template.set(AttributeType::LABEL, *b"a label");
        template.set_ulong(AttributeType::CLASS, 3);
        template.set_bool(AttributeType::TOKEN, true);
        assert_eq!(Template::decode(&template.encode()), Ok(template));
    }

    #[test]
    fn a_cut_template_is_refused_at_every_length() {
        let mut template = Template::new();
        template.set(AttributeType::LABEL, *b"a label");
        let bytes = template.encode();
        for cut in 1..bytes.len() {
            assert_eq!(Template::decode(&bytes[..cut]), Err(NotATemplate), "cut at {cut}");
        }
    }

    #[test]
    fn a_template_with_a_duplicate_is_refused_by_its_type() {
        let pair = (AttributeType::LABEL, Value::default());
        assert_eq!(Template::from_pairs(vec![pair.clone(), pair]), Err(DuplicateAttribute(AttributeType::LABEL)));
    }

    #[test]
    fn debug_output_holds_no_value() {
        let mut template = Template::new();
        template.set(AttributeType::VALUE, *b"secret");
        assert!(!format!("{template:?}").contains("secret"));
    }
}
