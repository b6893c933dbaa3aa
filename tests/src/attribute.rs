//! Attributes of templates, owned, and their C form for the length of one call.

use cryptoki_sys::{CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_FALSE, CK_TRUE, CK_ULONG};

/// One attribute of a template.
#[derive(Clone, Debug)]
pub struct Attribute {
    kind: CK_ATTRIBUTE_TYPE,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Bytes(Vec<u8>),
    Template(Vec<Attribute>),
}

/// An attribute that is `CK_TRUE`.
#[must_use]
pub fn yes(kind: CK_ATTRIBUTE_TYPE) -> Attribute {
    bytes(kind, [CK_TRUE])
}

/// An attribute that is `CK_FALSE`.
#[must_use]
pub fn no(kind: CK_ATTRIBUTE_TYPE) -> Attribute {
    bytes(kind, [CK_FALSE])
}

/// An attribute that is a `CK_ULONG`.
#[must_use]
pub fn number(kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Attribute {
    bytes(kind, value.to_ne_bytes())
}

/// An attribute that is a string of bytes.
#[must_use]
pub fn bytes(kind: CK_ATTRIBUTE_TYPE, value: impl AsRef<[u8]>) -> Attribute {
    Attribute { kind, value: Value::Bytes(value.as_ref().to_vec()) }
}

/// An attribute that is itself a template.
#[must_use]
pub fn template(kind: CK_ATTRIBUTE_TYPE, value: &[Attribute]) -> Attribute {
    Attribute { kind, value: Value::Template(value.to_vec()) }
}

/// Templates laid end to end.
#[must_use]
pub fn joined(templates: &[&[Attribute]]) -> Vec<Attribute> {
    templates.concat()
}

/// A template in its C form. It must outlive the call that it is passed to.
pub(crate) struct CTemplate {
    attributes: Vec<CK_ATTRIBUTE>,
    // Held only because `attributes` points into them.
    _inner: Vec<CTemplate>,
}

impl CTemplate {
    pub(crate) fn new(template: &[Attribute]) -> Self {
        let mut inner = Vec::new();
        let attributes = template.iter().map(|attribute| c_attribute(attribute, &mut inner)).collect();
        Self { attributes, _inner: inner }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut CK_ATTRIBUTE {
        self.attributes.as_mut_ptr()
    }

    pub(crate) fn len(&self) -> CK_ULONG {
        self.attributes.len() as CK_ULONG
    }
}

fn c_attribute(attribute: &Attribute, inner: &mut Vec<CTemplate>) -> CK_ATTRIBUTE {
    let (value, length) = match &attribute.value {
        Value::Bytes(bytes) => (bytes.as_ptr().cast_mut().cast(), bytes.len()),
        Value::Template(template) => {
            let mut nested = CTemplate::new(template);
            let place = (nested.as_mut_ptr().cast(), size_of_val(nested.attributes.as_slice()));
            inner.push(nested);
            place
        }
    };
    CK_ATTRIBUTE { type_: attribute.kind, pValue: value, ulValueLen: length as CK_ULONG }
}
