//! Frames: a length and as many bytes, strictly in turn. Both sides use this file.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use hsm_types::wire::MAX_FRAME;
use prost::Message;
use zeroize::Zeroizing;

/// Bytes read at first: most frames are smaller, so one call to the system brings one.
const FIRST: usize = 16 * 1024;
/// A longer frame's memory grows with what has arrived, by this much: a length alone costs nothing.
const STEP: usize = 256 * 1024;

/// Sends a message.
///
/// # Errors
/// `InvalidInput` for a message larger than [`MAX_FRAME`]; the stream's.
pub fn write(stream: &mut impl Write, message: &impl Message) -> io::Result<()> {
    let length = message.encoded_len();
    if length > MAX_FRAME {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the message is larger than a frame can be"));
    }
    let mut frame = Zeroizing::new(Vec::with_capacity(length.saturating_add(4)));
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    message.encode(&mut *frame).map_err(io::Error::other)?;
    stream.write_all(&frame)?;
    stream.flush()
}

/// Receives a message. The rest of a frame may take `patience` and one time-out of the stream after its first byte.
///
/// `None` when the other side has closed the connection between two frames.
///
/// # Errors
/// `WouldBlock` when the stream's time-out ends before the first byte; `InvalidData` for a length over [`MAX_FRAME`], bytes after the frame, or bytes that are no message; `UnexpectedEof`
/// for a cut frame; `TimedOut` for a slow one; the stream's.
pub fn read<M: Message + Default>(stream: &mut impl Read, patience: Duration) -> io::Result<Option<M>> {
    let mut buffer = Zeroizing::new(vec![0; FIRST]);
    let mut filled = 0_usize;
    let mut deadline = None;
    loop {
        if let Some(length) = announced(&buffer, filled)? {
            let total = length.saturating_add(4);
            if filled > total {
                return Err(invalid("there are bytes after the frame"));
            }
            if filled == total {
                let body = buffer.get(4..total).unwrap_or_default();
                return M::decode(body).map(Some).map_err(|_| invalid("the frame is no message"));
            }
            if filled == buffer.len() {
                grow(&mut buffer, total);
            }
        }
        let room = buffer.get_mut(filled..).unwrap_or_default();
        match stream.read(room) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        if now > *deadline.get_or_insert(now + patience) {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}

/// The frame's length, once it has arrived.
fn announced(buffer: &[u8], filled: usize) -> io::Result<Option<usize>> {
    let Some(header) = buffer.first_chunk::<4>().filter(|_| filled >= 4) else { return Ok(None) };
    match usize::try_from(u32::from_be_bytes(*header)) {
        Ok(length) if length <= MAX_FRAME => Ok(Some(length)),
        _ => Err(invalid("the frame is too long")),
    }
}

/// Makes room for more of a frame of `total` bytes. The old memory may hold a secret: it is zeroed.
fn grow(buffer: &mut Zeroizing<Vec<u8>>, total: usize) {
    let mut larger = Zeroizing::new(Vec::new());
    larger.reserve_exact(total.min(buffer.len().saturating_add(STEP)));
    larger.extend_from_slice(buffer);
    larger.resize(total.min(buffer.len().saturating_add(STEP)), 0);
    *buffer = larger;
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use hsm_types::wire::Request;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn request(length: usize) -> Request {
        let mut request = Request::default();
        request.function = 21;
        request.data = (0..=250).cycle().take(length).collect();
        request
    }

    /// Gives out at most `step` bytes per call.
    struct Trickle<'b>(&'b [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(room.len()).min(self.0.len());
            room[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_message_of_any_length_arrives_in_pieces_of_any_length() {
        for length in [0, 1, FIRST - 20, FIRST, FIRST + 1, STEP * 3 + 7] {
            let mut bytes = Vec::new();
            write(&mut bytes, &request(length)).unwrap();
            for step in [1000, 16_384, usize::MAX] {
                let read: Option<Request> = read(&mut Trickle(&bytes, step), PATIENCE).unwrap();
                assert_eq!(read, Some(request(length)));
            }
        }
    }

    #[test]
    fn a_cut_frame_a_giant_length_and_bytes_after_a_frame_are_errors() {
        let mut bytes = Vec::new();
        write(&mut bytes, &request(30)).unwrap();
        for length in 1..bytes.len() {
            let cut = read::<Request>(&mut &bytes[..length], PATIENCE).unwrap_err();
            assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
        }
        bytes.push(0);
        assert_eq!(read::<Request>(&mut &bytes[..], PATIENCE).unwrap_err().kind(), ErrorKind::InvalidData);
        let giant = [0xff; 64];
        assert_eq!(read::<Request>(&mut &giant[..], PATIENCE).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read::<Request>(&mut &[][..], PATIENCE).unwrap(), None);
    }
}
