//! What the core says about slots, tokens, mechanisms and sessions, as C structures.

use cryptoki_sys::{
    CK_INFO, CK_MECHANISM_INFO, CK_SESSION_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_UNAVAILABLE_INFORMATION, CK_VERSION,
    CKF_LOGIN_REQUIRED, CKF_RNG, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKF_TOKEN_PRESENT,
};
use hsm_types::MechanismInfo;

use crate::calls::slot::TokenState;
use crate::session_table::OpenSession;
use hsm_core::{Access, SessionInfo, TokenInfo};

const MANUFACTURER: &str = "Kinko";
const NO_HARDWARE: CK_VERSION = CK_VERSION { major: 0, minor: 0 };

/// `C_GetInfo`.
pub(crate) fn library() -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(MANUFACTURER),
        flags: 0,
        libraryDescription: padded("Kinko software HSM"),
        libraryVersion: library_version(),
    }
}

/// `C_GetSlotInfo`.
pub(crate) fn slot(description: &str) -> CK_SLOT_INFO {
    CK_SLOT_INFO {
        slotDescription: padded(description),
        manufacturerID: padded(MANUFACTURER),
        flags: CKF_TOKEN_PRESENT,
        hardwareVersion: NO_HARDWARE,
        firmwareVersion: library_version(),
    }
}

/// `C_GetTokenInfo`.
pub(crate) fn token(state: &TokenState) -> CK_TOKEN_INFO {
    match state {
        TokenState::Uninitialized => uninitialized_token(),
        TokenState::Initialized(info) => initialized_token(info),
    }
}

fn initialized_token(info: &TokenInfo) -> CK_TOKEN_INFO {
    CK_TOKEN_INFO {
        label: info.label,
        manufacturerID: padded(info.manufacturer),
        model: padded(info.model),
        serialNumber: info.serial,
        flags: info.flags,
        ulMaxSessionCount: info.max_session_count,
        ulSessionCount: info.session_count,
        ulMaxRwSessionCount: info.max_rw_session_count,
        ulRwSessionCount: info.rw_session_count,
        ulMaxPinLen: info.max_pin_len,
        ulMinPinLen: info.min_pin_len,
        ulTotalPublicMemory: info.total_public_memory,
        ulFreePublicMemory: info.free_public_memory,
        ulTotalPrivateMemory: info.total_private_memory,
        ulFreePrivateMemory: info.free_private_memory,
        hardwareVersion: CK_VERSION { major: info.hardware_version.0, minor: info.hardware_version.1 },
        firmwareVersion: CK_VERSION { major: info.firmware_version.0, minor: info.firmware_version.1 },
        utcTime: info.utc_time,
    }
}

/// The token that a free slot shows: present, so that `C_InitToken` can be called, and empty.
fn uninitialized_token() -> CK_TOKEN_INFO {
    CK_TOKEN_INFO {
        label: padded(""),
        manufacturerID: padded(MANUFACTURER),
        model: padded(MANUFACTURER),
        serialNumber: padded(""),
        flags: CKF_RNG | CKF_LOGIN_REQUIRED,
        ulMaxSessionCount: 0,
        ulSessionCount: 0,
        ulMaxRwSessionCount: 0,
        ulRwSessionCount: 0,
        ulMaxPinLen: 255,
        ulMinPinLen: 4,
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: NO_HARDWARE,
        firmwareVersion: library_version(),
        utcTime: padded(""),
    }
}

/// `C_GetMechanismInfo`.
pub(crate) fn mechanism(info: MechanismInfo) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO { ulMinKeySize: info.min_key_size, ulMaxKeySize: info.max_key_size, flags: info.flags }
}

/// `C_GetSessionInfo`.
pub(crate) fn session(open: &OpenSession, info: &SessionInfo) -> CK_SESSION_INFO {
    let access = match info.access {
        Access::ReadOnly => 0,
        Access::ReadWrite => CKF_RW_SESSION,
    };
    CK_SESSION_INFO { slotID: open.slot.0, state: info.state, flags: CKF_SERIAL_SESSION | access, ulDeviceError: 0 }
}

/// Text as PKCS#11 has it: no terminator, filled up with blanks. What is too long loses its middle,
/// so that both the beginning and the end (of a path) can be read.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let shortened;
    let text = if text.len() <= N {
        text
    } else {
        shortened = shorten(text, N);
        &shortened
    };
    for (to, from) in field.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    field
}

/// At most `len` bytes of whole characters, with dots for the middle that is missing.
fn shorten(text: &str, len: usize) -> String {
    let kept = len.saturating_sub(3);
    let head_len = kept / 2;
    let head_end = (0..=head_len).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let tail_from = text.len().saturating_sub(kept.saturating_sub(head_len));
    let tail_start = (tail_from..=text.len()).find(|start| text.is_char_boundary(*start)).unwrap_or(text.len());
    format!("{}...{}", text.get(..head_end).unwrap_or(""), text.get(tail_start..).unwrap_or(""))
}

/// The package's version.
fn library_version() -> CK_VERSION {
    let part = |text: &str| text.parse().unwrap_or(0);
    CK_VERSION { major: part(env!("CARGO_PKG_VERSION_MAJOR")), minor: part(env!("CARGO_PKG_VERSION_MINOR")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_padded_with_blanks_and_long_text_keeps_both_ends() {
        assert_eq!(&padded::<8>("Kinko"), b"Kinko   ");
        assert_eq!(&padded::<11>("/some/long/path"), b"/som...path");
    }

    #[test]
    fn shortened_text_is_still_utf8() {
        for len in 3..20 {
            let text = shorten("金庫金庫金庫金庫金庫", len);
            assert!(text.len() <= len, "{text}");
        }
    }
}
