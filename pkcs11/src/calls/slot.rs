//! PKCS#11 v3.2 section 5.5: slots and tokens.

use hsm_core::mechanism::{self, MECHANISMS};
use hsm_types::{MechanismInfo, MechanismType, SlotId};

use crate::error::Error;
use crate::library::{Library, Slot};
use hsm_core::TokenInfo;

/// What `C_GetTokenInfo` has to say.
pub(crate) enum TokenState {
    /// The slot waits for `C_InitToken`.
    Uninitialized,
    /// A token is there.
    Initialized(Box<TokenInfo>),
}

/// One line that tells a person which slot this is: where its token is on disk. A token that cannot
/// be opened has a slot nevertheless.
pub(crate) fn description(library: &Library, id: SlotId) -> Result<String, Error> {
    library.check_slot(id)?;
    Ok(format!("Kinko slot {}: {}", id.0, library.open()?.place(id)))
}

/// `C_GetTokenInfo`.
pub(crate) fn token_info(library: &Library, id: SlotId) -> Result<TokenState, Error> {
    match library.slot(id)? {
        Slot::Free => Ok(TokenState::Uninitialized),
        Slot::Token(token) => Ok(TokenState::Initialized(Box::new(token.info()?))),
    }
}

/// `C_GetMechanismList`. The free slot lists what its token will have.
pub(crate) fn mechanisms(library: &Library, id: SlotId) -> Result<Vec<MechanismType>, Error> {
    match library.slot(id)? {
        Slot::Free => Ok(MECHANISMS.iter().map(|definition| definition.id).collect()),
        Slot::Token(token) => Ok(token.mechanisms()?),
    }
}

/// `C_GetMechanismInfo`.
pub(crate) fn mechanism_info(library: &Library, id: SlotId, mechanism: MechanismType) -> Result<MechanismInfo, Error> {
    match library.slot(id)? {
        Slot::Free => match mechanism::find(mechanism) {
            Some(definition) => Ok(definition.info()),
            None => Err(hsm_core::Error::MechanismInvalid(mechanism).into()),
        },
        Slot::Token(token) => Ok(token.mechanism_info(mechanism)?),
    }
}

/// `C_InitToken`.
pub(crate) fn initialize(library: &Library, id: SlotId, so_pin: &[u8], label: &[u8; 32]) -> Result<(), Error> {
    let open = library.open()?;
    if open.clusters.get(id).is_some() {
        return Err(
            hsm_core::Error::FunctionNotSupported("C_InitToken on a cluster: use `kinko cluster activate`").into()
        );
    }
    library.check_slot(id)?;
    Ok(open.tokens.initialize(id, so_pin, label)?)
}
