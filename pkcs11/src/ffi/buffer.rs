//! Bytes and values in the caller's memory: every pointer and length check.
//!
//! What the caller says about its memory is believed, as C makes us do, but nothing more: null,
//! impossible lengths and missing alignment are handled, and a `&mut` to the caller's memory is
//! made only when no input overlaps it.

use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr;
use core::slice;

use cryptoki_sys::CK_ULONG;
use zeroize::Zeroizing;

use crate::error::Error;

/// What a PKCS#11 number must be for the code of this folder: the core's numbers are 64 bits.
const _: () = assert!(size_of::<CK_ULONG>() == size_of::<u64>() && size_of::<usize>() == size_of::<u64>());

/// Bytes that the caller passes in; checked, not yet borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    start: *const u8,
    len: usize,
    caller: PhantomData<&'a [u8]>,
}

/// The bytes of an [`Input`]: the caller's own, or a copy because the output overlaps them.
pub(crate) enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Copied(Zeroizing<Vec<u8>>),
}

impl<'a> Input<'a> {
    /// # Safety
    /// If `start` is not null, `len` bytes there are readable and do not change during `'a`, except
    /// through an [`Output`] that every `Input` was taken [`apart_from`](Self::apart_from).
    pub(crate) unsafe fn new(start: *const u8, len: CK_ULONG) -> Result<Self, Error> {
        let len = checked_len(start, len)?;
        Ok(Self { start, len, caller: PhantomData })
    }

    /// The caller's bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: non-null with `len` readable, unchanging bytes by `new`'s contract; `checked_len` saw to the length.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }

    /// The caller's bytes, copied if `output` overlaps them.
    pub(crate) fn apart_from(self, output: &Output<'_>) -> Bytes<'a> {
        if output.overlaps(self.start, self.len) {
            // The borrow ends with the copy, before `output` is made a `&mut`.
            Bytes::Copied(Zeroizing::new(self.bytes().to_vec()))
        } else {
            Bytes::Borrowed(self.bytes())
        }
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// Room for output in the caller's memory, with the length that is read and written (PKCS#11 v3.2
/// section 5.2: null asks for the length, too little room is `CKR_BUFFER_TOO_SMALL`).
pub(crate) struct Output<'a> {
    start: *mut u8,
    room: usize,
    len: *mut CK_ULONG,
    caller: PhantomData<&'a mut [u8]>,
}

impl Output<'_> {
    /// # Safety
    /// If `len` is not null, it is readable and writable; if `start` is not null either, `*len`
    /// bytes there are writable during the output's life, and nobody else uses them.
    pub(crate) unsafe fn new(start: *mut u8, len: *mut CK_ULONG) -> Result<Self, Error> {
        if len.is_null() {
            return Err(hsm_core::Error::ArgumentsBad("the output's length is null").into());
        }
        let room = if start.is_null() {
            0
        } else {
            // SAFETY: `len` is non-null, checked above, and readable by this function's contract; alignment is not needed.
            let room = unsafe { len.read_unaligned() };
            checked_len(start, room)?
        };
        Ok(Self { start, room, len, caller: PhantomData })
    }

    /// The caller's room; `None` is a length query.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        if self.start.is_null() {
            return None;
        }
        if self.room == 0 {
            return Some(&mut []);
        }
        // SAFETY: non-null with `room` writable bytes by `new`'s contract; inputs that overlap were copied by `apart_from`.
        Some(unsafe { slice::from_raw_parts_mut(self.start, self.room) })
    }

    /// Tells the caller the length of the output, or of the room that it needs.
    pub(crate) fn finish(self, outcome: Result<usize, hsm_core::Error>) -> Result<(), Error> {
        let len = match &outcome {
            Ok(len) | Err(hsm_core::Error::BufferTooSmall { needed: len }) => Some(*len),
            Err(_) => None,
        };
        if let Some(len) = len {
            let len = CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX);
            // SAFETY: `len` is non-null and writable by `new`'s contract; no borrow of the caller's memory lives any more.
            unsafe { self.len.write_unaligned(len) };
        }
        outcome?;
        Ok(())
    }

    fn overlaps(&self, start: *const u8, len: usize) -> bool {
        let (mine, other) = (self.start.addr(), start.addr());
        // Neither end wraps around: `checked_len`.
        mine < other.wrapping_add(len) && other < mine.wrapping_add(self.room)
    }
}

/// Room for one value, which is written when the call has succeeded.
pub(crate) struct Place<T> {
    at: *mut T,
}

impl<T: Copy> Place<T> {
    /// # Safety
    /// If `at` is not null, a `T` may be written there during the place's life.
    pub(crate) unsafe fn new(at: *mut T) -> Result<Self, Error> {
        if at.is_null() {
            return Err(hsm_core::Error::ArgumentsBad("a pointer for a result is null").into());
        }
        Ok(Self { at })
    }

    /// Writes the value.
    pub(crate) fn set(&self, value: T) {
        // SAFETY: non-null, checked by `new`, and writable by its contract; alignment is not needed.
        unsafe { self.at.write_unaligned(value) };
    }
}

/// Room for a list of numbers whose count is read and written (slots, mechanisms).
pub(crate) struct List<T> {
    start: *mut T,
    count: *mut CK_ULONG,
}

impl<T: Copy> List<T> {
    /// # Safety
    /// If `count` is not null, it is readable and writable; if `start` is not null either, `*count`
    /// values may be written there during the list's life.
    pub(crate) unsafe fn new(start: *mut T, count: *mut CK_ULONG) -> Result<Self, Error> {
        if count.is_null() {
            return Err(hsm_core::Error::ArgumentsBad("the list's count is null").into());
        }
        Ok(Self { start, count })
    }

    /// Writes the list, or only its count if the caller asked for that or has too little room.
    pub(crate) fn set(&self, values: &[T]) -> Result<(), Error> {
        // SAFETY: `count` is non-null, checked by `new`, and readable by its contract.
        let room = unsafe { self.count.read_unaligned() };
        let count = CK_ULONG::try_from(values.len()).unwrap_or(CK_ULONG::MAX);
        // SAFETY: as above, and writable.
        unsafe { self.count.write_unaligned(count) };
        if self.start.is_null() {
            return Ok(());
        }
        if room < count {
            return Err(hsm_core::Error::BufferTooSmall { needed: values.len() }.into());
        }
        for (index, value) in values.iter().enumerate() {
            // SAFETY: `index` is below the caller's count, so the place is writable by `new`'s contract.
            unsafe { self.start.wrapping_add(index).write_unaligned(*value) };
        }
        Ok(())
    }
}

/// Room for a given number of handles (`C_FindObjects`).
pub(crate) struct Handles {
    start: *mut CK_ULONG,
    max: usize,
}

impl Handles {
    /// # Safety
    /// If `start` is not null, `max` handles may be written there during the life of this.
    pub(crate) unsafe fn new(start: *mut CK_ULONG, max: CK_ULONG) -> Result<Self, Error> {
        let bytes = max.checked_mul(8).ok_or(hsm_core::Error::ArgumentsBad("more handles than fit into memory"))?;
        checked_len(start, bytes)?;
        Ok(Self { start, max: usize::try_from(max).unwrap_or(0) })
    }

    /// How many handles have room.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Writes the handles, as many as have room, and returns how many that were.
    pub(crate) fn set(&self, handles: impl Iterator<Item = CK_ULONG>) -> CK_ULONG {
        let mut written: CK_ULONG = 0;
        for (index, handle) in handles.take(self.max).enumerate() {
            // SAFETY: `index` is below `max`, so the place is non-null and writable by `new`'s contract.
            unsafe { self.start.wrapping_add(index).write_unaligned(handle) };
            written = written.saturating_add(1);
        }
        written
    }
}

/// A caller's buffer that is to be filled whole.
///
/// # Safety
/// If `start` is not null, `len` bytes there are writable during `'a`, and nobody else uses them.
pub(crate) unsafe fn whole<'a>(start: *mut u8, len: CK_ULONG) -> Result<&'a mut [u8], Error> {
    let len = checked_len(start, len)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: non-null and of possible length (`checked_len`), writable and unshared by this function's contract.
    Ok(unsafe { slice::from_raw_parts_mut(start, len) })
}

/// A caller's array of fixed length, such as a token label; null is refused.
///
/// # Safety
/// If `start` is not null, `N` bytes there are readable.
pub(crate) unsafe fn fixed<const N: usize>(start: *const u8) -> Result<[u8; N], Error> {
    if start.is_null() {
        return Err(hsm_core::Error::ArgumentsBad("a pointer to fixed-length text is null").into());
    }
    // SAFETY: non-null, checked above, and readable for `N` bytes by this function's contract.
    Ok(unsafe { start.cast::<[u8; N]>().read_unaligned() })
}

/// A structure that the caller passes by pointer; `None` for null.
///
/// # Safety
/// If `at` is not null, a valid `T` is readable there.
pub(crate) unsafe fn read<T: Copy>(at: *const T) -> Option<T> {
    if at.is_null() {
        return None;
    }
    // SAFETY: non-null, checked above, and readable by this function's contract; alignment is not needed.
    Some(unsafe { at.read_unaligned() })
}

/// Copies bytes of ours to the caller.
///
/// # Safety
/// `to` is writable for the length of `bytes`.
pub(crate) unsafe fn copy_out(bytes: &[u8], to: *mut u8) {
    // SAFETY: `to` is writable by this function's contract, and `bytes` is memory of ours, which no caller's buffer overlaps.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
}

/// A length that memory can have at this address: null only with length 0, not beyond the end of
/// the address space.
pub(crate) fn checked_len<T>(start: *const T, len: CK_ULONG) -> Result<usize, Error> {
    let bad = |what| Err(hsm_core::Error::ArgumentsBad(what).into());
    if start.is_null() && len != 0 {
        return bad("a pointer is null although its length is not 0");
    }
    let Ok(len) = isize::try_from(len) else { return bad("a length is larger than memory can be") };
    let len = len.unsigned_abs();
    if start.addr().checked_add(len).is_none() {
        return bad("a buffer reaches beyond the end of the address space");
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input<'_> {
        // SAFETY: the pointer and length are those of a live slice.
        unsafe { Input::new(bytes.as_ptr(), bytes.len() as CK_ULONG) }.unwrap()
    }

    #[test]
    fn null_with_length_zero_is_empty_and_with_a_length_is_refused() {
        // SAFETY: null is allowed.
        assert!(unsafe { Input::new(ptr::null(), 0) }.unwrap().bytes().is_empty());
        // SAFETY: null is allowed.
        assert!(unsafe { Input::new(ptr::null(), 1) }.is_err());
    }

    #[test]
    fn impossible_lengths_are_refused_without_touching_memory() {
        let byte = 0u8;
        for len in [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX / 2] {
            let at = if len == CK_ULONG::MAX / 2 { usize::MAX - 1 } else { (&raw const byte).addr() };
            // SAFETY: refused before the memory is looked at.
            assert!(unsafe { Input::new(ptr::without_provenance(at), len) }.is_err(), "{len}");
        }
    }

    #[test]
    fn an_input_is_copied_exactly_when_the_output_overlaps_it() {
        let mut memory = [0u8; 32];
        let start = memory.as_mut_ptr();
        let mut len: CK_ULONG = 8;
        for (at, overlaps) in [(0, false), (1, true), (8, true), (15, true), (16, false)] {
            // SAFETY: both ranges lie in `memory`.
            let given = unsafe { Input::new(start.wrapping_add(at), 8) }.unwrap();
            // SAFETY: as above; `len` is a local.
            let output = unsafe { Output::new(start.wrapping_add(8), &raw mut len) }.unwrap();
            assert_eq!(
                matches!(given.apart_from(&output), Bytes::Copied(_)),
                overlaps,
                "input at {at}, output at 8..16"
            );
        }
    }

    #[test]
    fn a_length_query_gives_the_length_and_too_little_room_gives_the_need() {
        let mut len: CK_ULONG = 77;
        // SAFETY: null output, local length.
        let mut query = unsafe { Output::new(ptr::null_mut(), &raw mut len) }.unwrap();
        assert!(query.room().is_none());
        query.finish(Ok(16)).unwrap();
        assert_eq!(len, 16);
        let mut room = [0u8; 4];
        len = 4;
        // SAFETY: local buffer and length.
        let mut small = unsafe { Output::new(room.as_mut_ptr(), &raw mut len) }.unwrap();
        assert_eq!(small.room().unwrap().len(), 4);
        assert!(small.finish(Err(hsm_core::Error::BufferTooSmall { needed: 20 })).is_err());
        assert_eq!(len, 20);
    }

    #[test]
    fn an_error_leaves_the_callers_length_alone() {
        let mut len: CK_ULONG = 77;
        // SAFETY: null output, local length.
        let query = unsafe { Output::new(ptr::null_mut(), &raw mut len) }.unwrap();
        assert!(query.finish(Err(hsm_core::Error::DataInvalid)).is_err());
        assert_eq!(len, 77);
    }

    #[test]
    fn a_list_with_too_little_room_tells_its_count_and_writes_nothing() {
        let mut room: [CK_ULONG; 2] = [9, 9];
        let mut count: CK_ULONG = 2;
        // SAFETY: local array and count.
        let list = unsafe { List::new(room.as_mut_ptr(), &raw mut count) }.unwrap();
        assert!(list.set(&[1, 2, 3]).is_err());
        assert_eq!((room, count), ([9, 9], 3));
    }

    #[test]
    fn an_empty_input_never_counts_as_overlapping_nothing() {
        assert!(input(b"").bytes().is_empty());
    }
}
