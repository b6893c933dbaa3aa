//! PKCS#11 v3.2 section 5.4 and 5.19: general-purpose and legacy functions.

use crate::error::Error;

/// Whether `C_WaitForSlotEvent` may block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// `CKF_DONT_BLOCK`.
    No,
    /// Until something happens.
    Block,
}

/// `C_WaitForSlotEvent`: slots neither come nor go by themselves, and waiting would need a thread.
pub(crate) fn wait_for_slot_event(wait: Wait) -> Result<(), Error> {
    match wait {
        Wait::No => Err(Error::NoEvent),
        Wait::Block => Err(hsm_core::Error::FunctionNotSupported("waiting for slot events").into()),
    }
}
