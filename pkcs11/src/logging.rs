//! Log lines to standard error or to a file.
//!
//! A line is one `write`, and writing takes no lock: a fork in the middle of another thread's line
//! leaves nothing behind that the child could wait for. The `log` crate's state is private to this
//! shared library, so the host's own logger is neither used nor replaced.

use std::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// The log file; unset means standard error. The first `C_Initialize` of the process decides.
static FILE: OnceLock<File> = OnceLock::new();

/// Sets the level and, the first time, where lines go.
///
/// # Errors
/// What is wrong with the file, with its name.
pub(crate) fn configure(level: LevelFilter, file: Option<&Path>) -> Result<(), String> {
    if let (Some(path), None) = (file, FILE.get()) {
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(|error| format!("the log file {} cannot be opened: {error}", path.display()))?;
        // Another thread may have been first: its file stays, ours is closed.
        drop(FILE.set(opened));
    }
    // Fails from the second time on, when the logger is there already.
    let _ = log::set_logger(&Logger);
    log::set_max_level(level);
    Ok(())
}

/// Reports what a person must see even though logging is off: the library would fail silently.
pub(crate) fn report(message: &str) {
    log::error!("{message}");
    let seen_on_stderr = FILE.get().is_none() && log::max_level() >= LevelFilter::Error;
    if !seen_on_stderr {
        write_stderr(&line(Level::Error, "kinko", format_args!("{message}")));
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let line = line(record.level(), record.target(), *record.args());
        match FILE.get() {
            // A full disk must not fail the host's call.
            Some(mut file) => drop(file.write_all(line.as_bytes())),
            None => write_stderr(&line),
        }
    }

    fn flush(&self) {}
}

fn line(level: Level, target: &str, message: Arguments<'_>) -> String {
    format!("kinko[{}] {level} {target}: {message}\n", std::process::id())
}

/// Duplicates the descriptor for each line: holding a copy would keep the host's terminal or pipe
/// open after the host closed it, and `std`'s own handle takes a lock.
fn write_stderr(line: &str) {
    if let Ok(descriptor) = std::io::stderr().as_fd().try_clone_to_owned() {
        drop(File::from(descriptor).write_all(line.as_bytes()));
    }
}
