//! A number in a file that other processes write, read without a system call.
//!
//! It lives in this folder because there is no safe wrapper for it and the folder may call C; it has nothing
//! to do with cryptography.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// The first eight bytes of a file as a little-endian number, mapped into memory.
///
/// Whoever cuts the file off while it is mapped kills the reader (`SIGBUS`). The file lies in a directory that
/// only its owner can write; SQLite maps its own `-shm` file there on the same terms.
pub struct MappedNumber {
    map: MmapRaw,
}

impl MappedNumber {
    /// Bytes that the file must have.
    pub const LEN: usize = 8;

    /// Maps the start of a file that is at least [`LEN`](Self::LEN) bytes long.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] for a file that is too short.
    pub fn open(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < 8 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { map: MmapOptions::new().len(Self::LEN).map_raw_read_only(file)? })
    }

    /// The number now.
    ///
    /// A write in progress may show in part. That is some number other than the one before, which is all that a
    /// reader who compares may conclude.
    #[must_use]
    pub fn load(&self) -> u64 {
        let start = self.map.as_ptr().cast_mut().cast::<u64>();
        // SAFETY: a mapping starts at a page boundary and is 8 bytes long at least, so the pointer is aligned and
        // readable for as long as `self` lives; this process only ever loads through it, atomically.
        let number = unsafe { AtomicU64::from_ptr(start) };
        u64::from_le(number.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_number_written_to_the_file_is_seen_without_reading_it() {
        let file = tempfile::tempfile().unwrap();
        assert!(MappedNumber::open(&file).is_err(), "an empty file is too short");
        file.write_all_at(&7_u64.to_le_bytes(), 0).unwrap();
        let number = MappedNumber::open(&file).unwrap();
        assert_eq!(number.load(), 7);
        file.write_all_at(&u64::MAX.to_le_bytes(), 0).unwrap();
        assert_eq!(number.load(), u64::MAX);
    }
}
