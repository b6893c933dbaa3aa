//! The C ABI: the only module that touches the caller's memory.
//!
//! Every `C_` function runs inside [`enter`]. Nothing outside this folder spells `CK_` or `CKR_`.

mod buffer;
mod entry;
mod info;
mod interface;
mod params;
pub(crate) mod process;
mod steps;
mod template;

#[cfg(test)]
pub(crate) use entry::FUNCTIONS;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys::{CK_FLAGS, CK_RV, CKR_GENERAL_ERROR, CKR_OK};

use crate::backend::SessionBackend;
use crate::error::Error;

/// Runs a `C_` function: stops panics, and turns an error into its `CKR_` value and one log line.
///
/// State that `f` shares with other calls sits behind locks that a panic poisons, so what a panic
/// leaves half done is not used again.
fn enter(name: &'static str, f: impl FnOnce() -> Result<(), Error>) -> CK_RV {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(error)) => {
            let rv = error.rv();
            // Logging cannot be allowed to panic into C either.
            drop(catch_unwind(AssertUnwindSafe(|| log::debug!("{name}: {rv}: {error}"))));
            rv.0
        }
        Err(_) => {
            drop(catch_unwind(|| log::error!("{name}: an internal error was stopped here")));
            CKR_GENERAL_ERROR
        }
    }
}

/// Ends the session's operation when the arguments of a call on it are bad: a call that fails for
/// any reason but `CKR_BUFFER_TOO_SMALL` ends it, and the core does not see these calls.
fn ending(
    session: &dyn SessionBackend,
    operation: CK_FLAGS,
    call: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let outcome = call();
    if let Err(Error::Core(hsm_core::Error::ArgumentsBad(_))) = outcome {
        session.cancel(operation)?;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_general_error() {
        assert_eq!(enter("C_Test", || panic!("on purpose")), CKR_GENERAL_ERROR);
    }

    #[test]
    fn an_error_becomes_its_own_value_and_success_is_ok() {
        let refused = enter("C_Test", || Err(hsm_core::Error::PinLocked.into()));
        assert_eq!(refused, hsm_types::Rv::PIN_LOCKED.0);
        assert_eq!(enter("C_Test", || Ok(())), CKR_OK);
    }
}
