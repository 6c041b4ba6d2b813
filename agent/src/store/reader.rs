//! A store that is only read, beside whoever writes it.

use std::path::{Path, PathBuf};

use super::{
    Anchor, Error, Verified,
    sql::{Database, Interrupter},
    sqlite::Sqlite,
    verify,
};

/// A connection that can't write.
#[derive(Debug)]
pub struct Reader {
    database: Sqlite,
    path: PathBuf,
}

impl Reader {
    /// Opens a database. Nothing is made where there is none.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn open(database: &Path) -> Result<Self, Error> {
        Ok(Self { database: Sqlite::open_read_only(database)?, path: database.to_owned() })
    }

    /// Verifies everything, and that the store goes on from an anchor.
    ///
    /// # Errors
    /// What SQLite reports; that it was interrupted, too.
    pub fn verify(&self, expected: Option<&Anchor>) -> Result<Verified, Error> {
        verify(&self.database, expected).map_err(|error| error.at(&self.path))
    }

    /// What interrupts it.
    pub fn interrupter(&self) -> Interrupter {
        self.database.interrupter()
    }
}
