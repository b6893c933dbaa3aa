//! PKCS#11 v3.2 section 5.5: slots and tokens.

use hsm_types::{MechanismInfo, MechanismType, SlotId};

use crate::core::{Slot, TokenInfo};
use crate::error::Error;
use crate::library::Library;

/// What `C_GetTokenInfo` has to say.
pub(crate) enum TokenState {
    /// The slot waits for `C_InitToken`.
    Uninitialized,
    /// A token is there.
    Initialized(Box<TokenInfo>),
}

/// One line that tells a person which slot this is: the tokens' folder.
pub(crate) fn description(library: &Library, id: SlotId) -> Result<String, Error> {
    let open = library.open()?;
    let state = match open.tokens.slot(id)? {
        Slot::Free => "free",
        Slot::Token(_) => "token",
    };
    Ok(format!("Kinko {state} slot {} in {}", id.0, open.directory.display()))
}

/// `C_GetTokenInfo`.
pub(crate) fn token_info(library: &Library, id: SlotId) -> Result<TokenState, Error> {
    match library.slot(id)? {
        Slot::Free => Ok(TokenState::Uninitialized),
        Slot::Token(token) => Ok(TokenState::Initialized(Box::new(token.info()?))),
    }
}

/// `C_GetMechanismList`.
pub(crate) fn mechanisms(library: &Library, id: SlotId) -> Result<Vec<MechanismType>, Error> {
    Ok(library.token(id)?.mechanisms())
}

/// `C_GetMechanismInfo`.
pub(crate) fn mechanism_info(library: &Library, id: SlotId, mechanism: MechanismType) -> Result<MechanismInfo, Error> {
    Ok(library.token(id)?.mechanism_info(mechanism)?)
}

/// `C_InitToken`.
pub(crate) fn initialize(library: &Library, id: SlotId, so_pin: &[u8], label: &[u8; 32]) -> Result<(), Error> {
    Ok(library.open()?.tokens.initialize(id, so_pin, label)?)
}
