//! Searches (PKCS#11 v3.2 section 5.7.7).

use hsm_types::{ObjectId, Template};

use super::Session;
use crate::error::Error;

/// What a search found, and how far the caller has come.
pub(crate) struct Found {
    objects: Vec<ObjectId>,
    next: usize,
}

impl Session {
    /// `C_FindObjectsInit`: searches at once, so that the answer is of one moment.
    ///
    /// # Errors
    /// [`Error::OperationActive`] while another search runs.
    pub fn find_init(&self, template: &Template) -> Result<(), Error> {
        let login = self.enter()?;
        let mut running = self.operations()?;
        if running.find.is_some() {
            return Err(Error::OperationActive);
        }
        let objects = self.token.search(template, login.as_ref())?;
        running.find = Some(Found { objects, next: 0 });
        Ok(())
    }

    /// `C_FindObjects`: the next handles, at most `most`.
    ///
    /// # Errors
    /// [`Error::OperationNotInitialized`].
    pub fn find(&self, most: usize) -> Result<Vec<ObjectId>, Error> {
        let mut running = self.operations()?;
        let found = running.find.as_mut().ok_or(Error::OperationNotInitialized)?;
        let page: Vec<_> = found.objects.iter().skip(found.next).take(most).copied().collect();
        found.next += page.len();
        Ok(page)
    }

    /// `C_FindObjectsFinal`.
    ///
    /// # Errors
    /// [`Error::OperationNotInitialized`].
    pub fn find_final(&self) -> Result<(), Error> {
        self.operations()?.find.take().map(drop).ok_or(Error::OperationNotInitialized)
    }
}
