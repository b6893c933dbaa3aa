//! The little DER that keys need: strict reading, and writing that leaves no copies of secrets.

use zeroize::Zeroizing;

use super::Refused;

/// Tags.
#[allow(missing_docs, reason = "the names are X.690's")]
pub mod tag {
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const SEQUENCE: u8 = 0x30;
    pub const CONTEXT_0: u8 = 0xa0;
    pub const CONTEXT_1: u8 = 0xa1;
    pub const CONTEXT_1_PRIMITIVE: u8 = 0x81;
}

/// What is left to read.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, which must have this tag.
    ///
    /// # Errors
    /// [`Refused`] for another tag, and for lengths that are not in DER's one form.
    pub fn read(&mut self, tag: u8) -> Result<&'a [u8], Refused> {
        let (found, rest) = self.0.split_first().ok_or(Refused)?;
        if *found != tag {
            return Err(Refused);
        }
        let (length, rest) = read_length(rest)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(Refused)?;
        self.0 = rest;
        Ok(content)
    }

    /// As [`read`](Self::read), when the next element has this tag; `None` when it has another.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Refused> {
        if self.0.first() == Some(&tag) { self.read(tag).map(Some) } else { Ok(None) }
    }

    /// An integer that is not negative, without its leading zero.
    ///
    /// # Errors
    /// [`Refused`] for a negative integer, and for one that is longer than it needs to be.
    pub fn read_unsigned(&mut self) -> Result<&'a [u8], Refused> {
        match self.read(tag::INTEGER)? {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => Ok(rest),
            content if content.first().is_some_and(|first| *first != 0 && first & 0x80 == 0) => Ok(content),
            _ => Err(Refused),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Refused`] when bytes are left.
    pub const fn end(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused) }
    }
}

/// The content of one element that fills `bytes`.
///
/// # Errors
/// [`Refused`] for another tag, a bad length, or trailing bytes.
pub fn only(tag: u8, bytes: &[u8]) -> Result<&[u8], Refused> {
    let mut reader = Reader::new(bytes);
    let content = reader.read(tag)?;
    reader.end()?;
    Ok(content)
}

/// An element made of the parts, one after the other.
#[must_use]
pub fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1 + MAX_LENGTH_BYTES));
    bytes.push(tag);
    write_length(length, &mut bytes);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// An integer from big-endian bytes, with or without leading zeros.
#[must_use]
pub fn unsigned(number: &[u8]) -> Zeroizing<Vec<u8>> {
    match super::rsa::strip_zeros(number) {
        [] => element(tag::INTEGER, &[&[0]]),
        number @ [first, ..] if first & 0x80 != 0 => element(tag::INTEGER, &[&[0], number]),
        number => element(tag::INTEGER, &[number]),
    }
}

const MAX_LENGTH_BYTES: usize = 1 + size_of::<usize>();

fn read_length(bytes: &[u8]) -> Result<(usize, &[u8]), Refused> {
    let (first, rest) = bytes.split_first().ok_or(Refused)?;
    if *first < 0x80 {
        return Ok((usize::from(*first), rest));
    }
    let count = usize::from(*first & 0x7f);
    let (digits, rest) = rest.split_at_checked(count).ok_or(Refused)?;
    // Keys are far below 16 MiB; the indefinite form has no digits.
    if count > 3 || digits.first().is_none_or(|digit| *digit == 0) {
        return Err(Refused);
    }
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    if length < 0x80 { Err(Refused) } else { Ok((length, rest)) }
}

fn write_length(length: usize, bytes: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let digits = length.to_be_bytes();
            let digits = super::rsa::strip_zeros(&digits);
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            bytes.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_reads_back_at_every_length_form() {
        for length in [0, 1, 127, 128, 255, 256, 65535, 65536] {
            let content = vec![7; length];
            let bytes = element(tag::OCTET_STRING, &[&content]);
            assert_eq!(only(tag::OCTET_STRING, &bytes), Ok(content.as_slice()), "{length} bytes");
        }
    }

    #[test]
    fn only_ders_one_form_is_read() {
        for (name, bytes) in [
            ("long form of a short length", &[4, 0x81, 1, 0][..]),
            ("leading zero in a length", &[4, 0x82, 0, 1, 0]),
            ("indefinite length", &[4, 0x80, 0, 0]),
            ("cut content", &[4, 2, 0]),
            ("trailing byte", &[4, 1, 0, 0]),
            ("nothing", &[]),
        ] {
            assert_eq!(only(tag::OCTET_STRING, bytes), Err(Refused), "{name}");
        }
        for bytes in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 1]] {
            assert_eq!(Reader::new(bytes).read_unsigned(), Err(Refused), "{bytes:?}");
        }
    }
}
