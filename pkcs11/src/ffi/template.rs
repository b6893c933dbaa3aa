//! `CK_ATTRIBUTE` arrays, in and out.

use cryptoki_sys::{CK_ATTRIBUTE, CK_ULONG, CK_UNAVAILABLE_INFORMATION};
use hsm_types::{AttributeType, Template, Value, is_nested};
use zeroize::Zeroizing;

use super::buffer::{checked_len, copy_out};
use crate::backend;
use crate::error::Error;

/// The most attributes that one template can hold, those of nested templates included: the standard
/// has fewer than 200 types, and a type may occur once only in each.
const MAX_ATTRIBUTES: CK_ULONG = 1024;

/// How deep templates nest: a wrap template may itself hold one.
const MAX_DEPTH: usize = 4;

/// Reads the caller's template.
///
/// # Errors
/// [`hsm_core::Error::ArgumentsBad`] for a null or impossible array,
/// [`hsm_core::Error::AttributeValueInvalid`] for a null or impossible value,
/// [`hsm_core::Error::TemplateInconsistent`] for a type that occurs twice.
///
/// # Safety
/// If `start` is not null, `count` attributes are readable there; each `pValue` that is not null
/// is readable for its `ulValueLen` bytes, and so on within nested templates.
pub(crate) unsafe fn read(start: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template, Error> {
    let mut left = MAX_ATTRIBUTES;
    // SAFETY: this function's contract.
    unsafe { read_nested(start, count, 0, &mut left) }
}

/// # Safety
/// As [`read`].
unsafe fn read_nested(
    start: *const CK_ATTRIBUTE,
    count: CK_ULONG,
    depth: usize,
    left: &mut CK_ULONG,
) -> Result<Template, Error> {
    *left = left.checked_sub(count).ok_or(hsm_core::Error::ArgumentsBad("the template's count is impossible"))?;
    let count = checked_count(start, count)?;
    let mut pairs = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: `index` is below the caller's count, so the attribute is readable by this function's contract.
        let attribute = unsafe { start.wrapping_add(index).read_unaligned() };
        // SAFETY: the attribute's value is readable by this function's contract.
        let value = unsafe { value(&attribute, depth, left) }?;
        pairs.push((AttributeType(attribute.type_), value));
    }
    Template::from_pairs(pairs).map_err(|duplicate| {
        hsm_core::Error::TemplateInconsistent { attribute: duplicate.0, rule: "it occurs twice in the template" }.into()
    })
}

/// # Safety
/// A value that is not null is readable for its length, and so on within nested templates.
unsafe fn value(attribute: &CK_ATTRIBUTE, depth: usize, left: &mut CK_ULONG) -> Result<Value, Error> {
    let kind = AttributeType(attribute.type_);
    let invalid = |rule| Error::from(hsm_core::Error::AttributeValueInvalid { attribute: kind, rule });
    if attribute.ulValueLen > CK_ULONG::from(u32::MAX) {
        return Err(invalid("its length is impossible"));
    }
    let start: *const u8 = attribute.pValue.cast();
    let len =
        checked_len(start, attribute.ulValueLen).map_err(|_| invalid("pValue is null although ulValueLen is not 0"))?;
    if is_nested(kind) {
        if depth == MAX_DEPTH {
            return Err(invalid("templates nest too deep"));
        }
        if len % size_of::<CK_ATTRIBUTE>() != 0 {
            return Err(invalid("its length is not that of an array of CK_ATTRIBUTE"));
        }
        let count =
            CK_ULONG::try_from(len / size_of::<CK_ATTRIBUTE>()).map_err(|_| invalid("its length is impossible"))?;
        // SAFETY: `len` readable bytes at `start` are `count` attributes; this function's contract covers their values.
        return Ok(unsafe { read_nested(start.cast(), count, depth.saturating_add(1), left) }?.encode());
    }
    let mut bytes = Zeroizing::new(vec![0; len]);
    if len != 0 {
        // SAFETY: `start` is non-null (`checked_len`) and readable for `len` bytes; `bytes` is new memory of that length.
        unsafe { core::ptr::copy_nonoverlapping(start, bytes.as_mut_ptr(), len) };
    }
    Ok(bytes)
}

/// The template of `C_GetAttributeValue`: types to answer, with room for their values.
pub(crate) struct Attributes {
    start: *mut CK_ATTRIBUTE,
    count: usize,
}

impl Attributes {
    /// # Errors
    /// [`hsm_core::Error::ArgumentsBad`] for a null or impossible array.
    ///
    /// # Safety
    /// While this lives: if `start` is not null, `count` attributes are readable and writable there;
    /// each `pValue` that is not null is writable for its `ulValueLen` bytes, and so on within arrays
    /// of attributes.
    pub(crate) unsafe fn new(start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Result<Self, Error> {
        Ok(Self { start, count: checked_count(start, count)? })
    }

    /// The types of the template's attributes.
    pub(crate) fn kinds(&self) -> Vec<AttributeType> {
        // SAFETY: each index is below the caller's count, so the attribute is readable by `new`'s contract.
        let read = |index| unsafe { self.start.wrapping_add(index).read_unaligned() };
        (0..self.count).map(|index| AttributeType(read(index).type_)).collect()
    }

    /// Fills the template from an object, through to its end.
    ///
    /// # Errors
    /// One of [`hsm_core::Error::AttributeSensitive`], [`hsm_core::Error::AttributeTypeInvalid`] and
    /// [`hsm_core::Error::BufferTooSmall`], in this order of preference, if any attribute met it.
    pub(crate) fn fill(&self, object: &backend::Attributes) -> Result<(), Error> {
        let mut worst = Worst::default();
        for index in 0..self.count {
            let at = self.start.wrapping_add(index);
            // SAFETY: `index` is below the caller's count, so the attribute is readable by `new`'s contract.
            let mut attribute = unsafe { at.read_unaligned() };
            let kind = AttributeType(attribute.type_);
            let filled = match object.value(kind) {
                // SAFETY: the attribute's value is writable by `new`'s contract.
                Ok(bytes) if is_nested(kind) => unsafe { fill_nested(&mut attribute, bytes) },
                // SAFETY: as above.
                Ok(bytes) => unsafe { fill(&mut attribute, bytes) },
                Err(error) => Err(error),
            };
            if let Err(error) = filled {
                attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
                worst.note(error)?;
            }
            // SAFETY: `at` is writable by `new`'s contract.
            unsafe { at.write_unaligned(attribute) };
        }
        worst.into_result()
    }
}

/// Writes a plain value, or its length.
///
/// # Safety
/// If `pValue` is not null, it is writable for `ulValueLen` bytes.
unsafe fn fill(attribute: &mut CK_ATTRIBUTE, bytes: &[u8]) -> Result<(), hsm_core::Error> {
    let len = CK_ULONG::try_from(bytes.len()).unwrap_or(CK_UNAVAILABLE_INFORMATION);
    if !attribute.pValue.is_null() {
        if attribute.ulValueLen < len {
            return Err(hsm_core::Error::BufferTooSmall { needed: bytes.len() });
        }
        // SAFETY: non-null, checked above, and writable for at least `len` bytes by this function's contract.
        unsafe { copy_out(bytes, attribute.pValue.cast()) };
    }
    attribute.ulValueLen = len;
    Ok(())
}

/// Writes an encoded template as an array of attributes: the types always, lengths where the
/// elements' `pValue` is null, values where there is room (PKCS#11 v3.2 C_GetAttributeValue).
///
/// # Safety
/// If `pValue` is not null, it is an array of attributes, readable and writable for `ulValueLen`
/// bytes, and each element's value is writable for its length.
unsafe fn fill_nested(attribute: &mut CK_ATTRIBUTE, encoded: &[u8]) -> Result<(), hsm_core::Error> {
    let template =
        Template::decode(encoded).map_err(|_| hsm_core::Error::Damaged { record: "a nested template".into() })?;
    let needed = template.len().saturating_mul(size_of::<CK_ATTRIBUTE>());
    let len = CK_ULONG::try_from(needed).unwrap_or(CK_UNAVAILABLE_INFORMATION);
    if !attribute.pValue.is_null() {
        if attribute.ulValueLen < len {
            return Err(hsm_core::Error::BufferTooSmall { needed });
        }
        let start: *mut CK_ATTRIBUTE = attribute.pValue.cast();
        let mut small = None;
        for (index, (kind, bytes)) in template.iter().enumerate() {
            let at = start.wrapping_add(index);
            // SAFETY: `index` is below the number of elements that have room, so it is readable by this function's contract.
            let mut element = unsafe { at.read_unaligned() };
            element.type_ = kind.0;
            let filled = if is_nested(kind) {
                // SAFETY: the element's value is an array of attributes by this function's contract.
                unsafe { fill_nested(&mut element, bytes) }
            } else {
                // SAFETY: the element's value is writable by this function's contract.
                unsafe { fill(&mut element, bytes) }
            };
            if let Err(error) = filled {
                element.ulValueLen = CK_UNAVAILABLE_INFORMATION;
                small = Some(error);
            }
            // SAFETY: `at` is writable by this function's contract.
            unsafe { at.write_unaligned(element) };
        }
        if let Some(error) = small {
            return Err(error);
        }
    }
    attribute.ulValueLen = len;
    Ok(())
}

/// The error to answer when attributes met several.
#[derive(Default)]
struct Worst {
    sensitive: Option<hsm_core::Error>,
    unknown: Option<hsm_core::Error>,
    small: Option<hsm_core::Error>,
}

impl Worst {
    /// Remembers an error that concerns one attribute; passes on any other.
    fn note(&mut self, error: hsm_core::Error) -> Result<(), Error> {
        match error {
            hsm_core::Error::AttributeSensitive(_) => self.sensitive = Some(error),
            hsm_core::Error::AttributeTypeInvalid(_) => self.unknown = Some(error),
            hsm_core::Error::BufferTooSmall { .. } => self.small = Some(error),
            other => return Err(other.into()),
        }
        Ok(())
    }

    fn into_result(self) -> Result<(), Error> {
        self.sensitive.or(self.unknown).or(self.small).map_or(Ok(()), |error| Err(error.into()))
    }
}

fn checked_count(start: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<usize, Error> {
    if start.is_null() && count != 0 {
        return Err(hsm_core::Error::ArgumentsBad("the template is null although its count is not 0").into());
    }
    if count > MAX_ATTRIBUTES {
        return Err(hsm_core::Error::ArgumentsBad("the template's count is impossible").into());
    }
    usize::try_from(count).map_err(|_| hsm_core::Error::ArgumentsBad("the template's count is impossible").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: AttributeType, value: &mut [u8]) -> CK_ATTRIBUTE {
        CK_ATTRIBUTE { type_: kind.0, pValue: value.as_mut_ptr().cast(), ulValueLen: value.len() as CK_ULONG }
    }

    fn rv(result: Result<Template, Error>) -> hsm_types::Rv {
        result.unwrap_err().rv()
    }

    #[test]
    fn a_nested_template_goes_in_and_comes_out_the_same() {
        let (mut yes, mut label) = ([1u8], *b"name");
        let mut inner = [attribute(AttributeType::LABEL, &mut label), attribute(AttributeType::ENCRYPT, &mut yes)];
        let outer = CK_ATTRIBUTE {
            type_: AttributeType::WRAP_TEMPLATE.0,
            pValue: inner.as_mut_ptr().cast(),
            ulValueLen: size_of_val(&inner) as CK_ULONG,
        };
        // SAFETY: everything lives in locals.
        let template = unsafe { read(&raw const outer, 1) }.unwrap();
        let encoded = template.get(AttributeType::WRAP_TEMPLATE).unwrap();
        assert_eq!(Template::decode(encoded).unwrap().get(AttributeType::LABEL), Some(b"name".as_slice()));

        let (mut first, mut second) = ([0u8; 8], [0u8; 8]);
        let mut room = [attribute(AttributeType(0), &mut first), attribute(AttributeType(0), &mut second)];
        let mut out = CK_ATTRIBUTE {
            type_: AttributeType::WRAP_TEMPLATE.0,
            pValue: room.as_mut_ptr().cast(),
            ulValueLen: size_of_val(&room) as CK_ULONG,
        };
        // SAFETY: everything lives in locals.
        unsafe { fill_nested(&mut out, encoded) }.unwrap();
        assert_eq!((room[0].type_, room[0].ulValueLen), (AttributeType::LABEL.0, 4));
        assert_eq!((room[1].type_, room[1].ulValueLen), (AttributeType::ENCRYPT.0, 1));
        assert_eq!((&first[..4], second[0]), (b"name".as_slice(), 1));
    }

    #[test]
    fn templates_that_nest_without_end_are_refused() {
        let mut endless = CK_ATTRIBUTE {
            type_: AttributeType::WRAP_TEMPLATE.0,
            pValue: core::ptr::null_mut(),
            ulValueLen: size_of::<CK_ATTRIBUTE>() as CK_ULONG,
        };
        let at = &raw mut endless;
        // SAFETY: a local.
        unsafe { (*at).pValue = at.cast() };
        // SAFETY: a local that contains itself.
        assert_eq!(rv(unsafe { read(at, 1) }), hsm_types::Rv::ATTRIBUTE_VALUE_INVALID);
    }

    #[test]
    fn a_null_array_with_a_count_and_an_impossible_count_are_refused() {
        let mut byte = [0u8];
        let one = attribute(AttributeType::LABEL, &mut byte);
        // SAFETY: refused before memory is read.
        assert_eq!(rv(unsafe { read(core::ptr::null(), 1) }), hsm_types::Rv::ARGUMENTS_BAD);
        // SAFETY: refused before memory is read.
        assert_eq!(rv(unsafe { read(&raw const one, CK_ULONG::MAX) }), hsm_types::Rv::ARGUMENTS_BAD);
        // SAFETY: null with count 0.
        assert!(unsafe { read(core::ptr::null(), 0) }.unwrap().is_empty());
    }

    #[test]
    fn a_null_or_impossible_value_is_refused_by_its_attribute() {
        for (at, len) in [(core::ptr::null_mut(), 1), (core::ptr::dangling_mut(), CK_ULONG::MAX)] {
            let one = CK_ATTRIBUTE { type_: AttributeType::LABEL.0, pValue: at, ulValueLen: len };
            // SAFETY: the attribute is a local; its value is refused before it is read.
            assert_eq!(rv(unsafe { read(&raw const one, 1) }), hsm_types::Rv::ATTRIBUTE_VALUE_INVALID);
        }
    }
}
