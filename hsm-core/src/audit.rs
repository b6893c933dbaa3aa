//! The audit log: one JSON line per event, each with the hash of the line before.
//!
//! A line that was changed, taken out, added or moved breaks the chain, and [`verify`] names it. What the chain alone
//! cannot show is that lines are missing at the end: compare the last sequence number with what you know elsewhere.
//! No secret is ever written. A line survives the death of the process; it is not synced, so a power cut may take the
//! newest ones.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hsm_types::{MechanismType, ObjectId, Rv};
use rustix::fs::{FlockOperation, flock};

use crate::crypto::seal::sha256;
use crate::error::Error;
use crate::store::{files, fork};

/// The audit log of one token, shared by all processes that use it.
pub struct AuditLog {
    path: PathBuf,
    open: Mutex<Open>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Seconds since 1970.
    pub time: u64,
    /// Who did it: a user's name with its role, or the program's part.
    pub who: &'a str,
    /// What was done: the name of the function or of the management operation.
    pub event: &'a str,
    /// The object it was done with.
    pub object: Option<ObjectId>,
    /// The mechanism it was done by.
    pub mechanism: Option<MechanismType>,
    /// How it ended.
    pub result: Rv,
}

/// Why a log does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// The chain breaks here.
    #[error("line {line} of the audit log is broken: {why}")]
    Broken {
        /// The first broken line, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file could not be read.
    #[error("the audit log cannot be read: {0}")]
    Unreadable(String),
}

/// Where the chain is.
#[derive(Clone, Copy)]
struct Link {
    /// The last line's sequence number; 0 before the first.
    sequence: u64,
    /// The last line's hash, without its newline; zeros before the first.
    hash: [u8; 32],
    /// The file's size at that line's end.
    end: u64,
}

struct Open {
    file: File,
    /// A forked child shares the file's lock with its parent, and so opens its own.
    process: u32,
    last: Link,
}

impl AuditLog {
    /// What the log's file is called.
    pub const FILE: &'static str = "audit.log";

    /// Opens the log in a token's directory, created when absent.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be opened, or others could have written it.
    pub fn open(token: &Path) -> Result<Self, Error> {
        let path = token.join(Self::FILE);
        let open = Mutex::new(Open::new(&path)?);
        Ok(Self { path, open })
    }

    /// Appends an event and returns its sequence number.
    ///
    /// # Errors
    /// [`Error::StoreFull`], [`Error::Store`]: the event is not in the log then, and the log is as before.
    pub fn append(&self, event: &Event<'_>) -> Result<u64, Error> {
        let _fork = fork::enter();
        let mut open = self.open.lock()?;
        if open.process != std::process::id() {
            *open = Open::new(&self.path)?;
        }
        let failed = |error| files::cannot("append to", &self.path, &error);
        flock(&open.file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let appended = open.append(event).map_err(failed);
        // Unlocking a file that we have just locked does not fail.
        let _ = flock(&open.file, FlockOperation::Unlock);
        appended
    }
}

impl Open {
    fn new(path: &Path) -> Result<Self, Error> {
        let file = files::open_file(path, OpenOptions::new().append(true))?;
        Ok(Self { file, process: std::process::id(), last: Link::START })
    }

    fn append(&mut self, event: &Event<'_>) -> std::io::Result<u64> {
        let size = self.file.metadata()?.len();
        if size != self.last.end {
            self.last = Link::at_end_of(&self.file, size)?;
            if self.last.end != size {
                log::warn!("the audit log ended in half a line, which is cut off");
                self.file.set_len(self.last.end)?;
            }
        }
        let sequence = self.last.sequence + 1;
        let line = line(sequence, event, &self.last.hash);
        if let Err(error) = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n")) {
            // Half a line is worse than none; if even this fails, the next append cuts it off.
            let _ = self.file.set_len(self.last.end);
            return Err(error);
        }
        let end = self.last.end + 1 + u64::try_from(line.len()).unwrap_or(u64::MAX / 2);
        self.last = Link { sequence, hash: sha256(line.as_bytes()), end };
        Ok(sequence)
    }
}

impl Link {
    const START: Self = Self { sequence: 0, hash: [0; 32], end: 0 };

    /// The last whole line of a file, which ends at or before `size`.
    fn at_end_of(file: &File, size: u64) -> std::io::Result<Self> {
        let mut reach = 4096;
        loop {
            let start = size.saturating_sub(reach);
            let mut bytes = vec![0; usize::try_from(size - start).map_err(std::io::Error::other)?];
            file.read_exact_at(&mut bytes, start)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n');
            let before = whole.and_then(|end| bytes.get(..end)).unwrap_or_default();
            let line_start = before.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            match (whole, line_start) {
                (None, _) if start == 0 => return Ok(Self::START),
                (Some(end), at) if at.is_some() || start == 0 => {
                    let line = before.get(at.unwrap_or(0)..).unwrap_or_default();
                    let sequence = parse(line).map_or(0, |parsed| parsed.sequence);
                    let end = start + 1 + u64::try_from(end).map_err(std::io::Error::other)?;
                    return Ok(Self { sequence, hash: sha256(line), end });
                }
                _ => reach *= 4,
            }
        }
    }
}

/// Checks the chain of a log and counts its lines.
///
/// # Errors
/// [`AuditFault::Broken`] naming the first broken line; [`AuditFault::Unreadable`].
pub fn verify(path: &Path) -> Result<u64, AuditFault> {
    let unreadable = |error: std::io::Error| AuditFault::Unreadable(error.to_string());
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let (mut count, mut previous, mut line) = (0, [0; 32], Vec::new());
    while reader.read_until(b'\n', &mut line).map_err(unreadable)? != 0 {
        count += 1;
        let broken = |why| AuditFault::Broken { line: count, why };
        let text = line.strip_suffix(b"\n").ok_or_else(|| broken("it is cut off"))?;
        let parsed = parse(text).ok_or_else(|| broken("it is not a line of this log"))?;
        if parsed.sequence != count {
            return Err(broken("its sequence number does not follow"));
        }
        if parsed.previous != hex(&previous).as_bytes() {
            return Err(broken("it does not continue the line before it"));
        }
        previous = sha256(text);
        line.clear();
    }
    Ok(count)
}

/// What of a line makes the chain.
struct Parsed<'l> {
    sequence: u64,
    previous: &'l [u8],
}

/// Sequence number and hash stand at fixed places: first, and last.
fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    let rest = line.strip_prefix(b"{\"sequence\":")?;
    let digits = rest.get(..rest.iter().position(|byte| *byte == b',')?)?;
    let sequence = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (rest, previous) = line.strip_suffix(b"\"}")?.split_last_chunk::<64>()?;
    rest.strip_suffix(b",\"previous\":\"")?;
    Some(Parsed { sequence, previous })
}

fn line(sequence: u64, event: &Event<'_>, previous: &[u8; 32]) -> String {
    let optional = |value: Option<String>| value.map_or("null".to_owned(), |value| quoted(&value));
    format!(
        "{{\"sequence\":{sequence},\"time\":{},\"who\":{},\"event\":{},\"object\":{},\"mechanism\":{},\"result\":{},\
         \"pid\":{},\"previous\":\"{}\"}}",
        event.time,
        quoted(event.who),
        quoted(event.event),
        optional(event.object.map(|object| object.to_string())),
        optional(event.mechanism.map(|mechanism| mechanism.to_string())),
        quoted(&event.result.to_string()),
        std::process::id(),
        hex(previous),
    )
}

/// A JSON string (RFC 8259 section 7).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(who: &str) -> Event<'_> {
        let object = Some(ObjectId(7));
        Event { time: 1, who, event: "C_Sign", object, mechanism: Some(MechanismType::ECDSA), result: Rv::OK }
    }

    fn log_of(lines: u64) -> (tempfile::TempDir, AuditLog) {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::open(directory.path()).unwrap();
        for sequence in 1..=lines {
            assert_eq!(log.append(&event("user")).unwrap(), sequence);
        }
        (directory, log)
    }

    #[test]
    fn an_untouched_log_verifies() {
        let (_directory, log) = log_of(3);
        assert_eq!(verify(&log.path), Ok(3));
    }

    #[test]
    fn a_line_is_this_json() {
        let line = line(1, &event("a \"name\"\n"), &[0; 32]);
        let expected = format!(
            "{{\"sequence\":1,\"time\":1,\"who\":\"a \\\"name\\\"\\u000a\",\"event\":\"C_Sign\",\
             \"object\":\"0000000000000007\",\"mechanism\":\"CKM_ECDSA\",\"result\":\"CKR_OK\",\"pid\":{},\
             \"previous\":\"{}\"}}",
            std::process::id(),
            "0".repeat(64)
        );
        assert_eq!(line, expected);
    }

    #[test]
    fn every_changed_byte_is_found_at_its_line_or_the_next() {
        let (_directory, log) = log_of(3);
        let good = std::fs::read(&log.path).unwrap();
        let last_line = good.len() - good.len() / 3;
        for at in 0..last_line {
            let mut changed = good.clone();
            changed[at] ^= 1;
            std::fs::write(&log.path, &changed).unwrap();
            let line = u64::try_from(good[..at].iter().filter(|byte| **byte == b'\n').count()).unwrap() + 1;
            match verify(&log.path) {
                Err(AuditFault::Broken { line: found, .. }) => assert!((line..=line + 1).contains(&found), "byte {at}"),
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_line_that_is_taken_out_added_or_moved_breaks_the_chain_there() {
        let (_directory, log) = log_of(4);
        let good = std::fs::read_to_string(&log.path).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let orders: [(&[usize], u64); 4] =
            [(&[1, 2, 3], 1), (&[0, 2, 3], 2), (&[0, 2, 1, 3], 2), (&[0, 1, 1, 2, 3], 3)];
        for (order, first_broken) in orders {
            let text: String = order.iter().map(|at| format!("{}\n", lines[*at])).collect();
            std::fs::write(&log.path, text).unwrap();
            assert!(matches!(verify(&log.path), Err(AuditFault::Broken { line, .. }) if line == first_broken));
        }
    }

    #[test]
    fn half_a_line_is_cut_off_and_the_chain_goes_on() {
        let (directory, log) = log_of(2);
        let good = std::fs::read(&log.path).unwrap();
        std::fs::write(&log.path, &good[..good.len() - 10]).unwrap();
        assert!(matches!(verify(&log.path), Err(AuditFault::Broken { line: 2, .. })));
        assert_eq!(AuditLog::open(directory.path()).unwrap().append(&event("user")).unwrap(), 2);
        assert_eq!(log.append(&event("user")).unwrap(), 3);
        assert_eq!(verify(&log.path), Ok(3));
    }

    #[test]
    fn long_lines_and_several_writers_share_one_chain() {
        let (directory, log) = log_of(1);
        let other = AuditLog::open(directory.path()).unwrap();
        let long = "x".repeat(10_000);
        std::thread::scope(|scope| {
            for log in [&log, &other, &log, &other] {
                scope.spawn(|| (0..20).for_each(|_| assert!(log.append(&event(&long)).is_ok())));
            }
        });
        assert_eq!(verify(&log.path), Ok(81));
    }
}
