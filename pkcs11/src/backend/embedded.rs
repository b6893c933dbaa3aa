//! A token in this process. Its sessions are the core's own; see [`super::SessionBackend`].

use std::sync::Arc;

use hsm_core::{Access, Error, Token, TokenInfo};
use hsm_types::{MechanismInfo, MechanismType};

use super::{SessionBackend, TokenBackend};

impl TokenBackend for Token {
    fn info(&self) -> Result<TokenInfo, Error> {
        Self::info(self)
    }

    fn mechanisms(&self) -> Result<Vec<MechanismType>, Error> {
        Ok(Self::mechanisms(self))
    }

    fn mechanism_info(&self, mechanism: MechanismType) -> Result<MechanismInfo, Error> {
        Self::mechanism_info(self, mechanism)
    }

    fn open_session(self: Arc<Self>, access: Access) -> Result<Arc<dyn SessionBackend>, Error> {
        let session = Self::open_session(&self, access)?;
        Ok(session)
    }
}
