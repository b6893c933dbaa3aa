//! `libkinko_pkcs11.so`: the PKCS#11 2.40, 3.0 and 3.2 C ABI over `hsm-core`, and nothing else.
//!
//! Start reading at `ffi/entry.rs`, where every `C_` function is declared once; `library.rs` holds
//! what a process has between `C_Initialize` and `C_Finalize`. Nothing runs when the library is
//! loaded, no thread is ever started, and the host's logger and panic hook are left alone (the
//! library carries its own copies of Rust's).
#![deny(unsafe_code)]

mod backend;
mod calls;
mod clusters;
mod config;
mod error;
mod library;
mod logging;
mod session_table;

#[allow(unsafe_code, reason = "the C ABI: the only module that touches the caller's memory")]
mod ffi;

#[cfg(test)]
mod documentation;
