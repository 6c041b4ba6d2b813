//! A store that is only read, beside whoever writes it.

use std::path::Path;

use rusqlite::{Connection, InterruptHandle};

use super::{Anchor, Error, Verified, core, verify};

/// A connection that can't write.
#[derive(Debug)]
pub struct Reader(Connection);

/// What ends, from another thread, what a [`Reader`] is doing.
pub struct Interrupter(InterruptHandle);

impl Reader {
    /// Opens a database. Nothing is made where there is none.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn open(database: &Path) -> Result<Self, Error> {
        Ok(Self(core::open_reader(database)?))
    }

    /// Verifies everything, and that the store goes on from an anchor.
    ///
    /// # Errors
    /// What SQLite reports; that it was interrupted, too.
    pub fn verify(&self, expected: Option<&Anchor>) -> Result<Verified, Error> {
        verify(&self.0, expected)
    }

    /// What interrupts it.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.0.get_interrupt_handle())
    }
}

impl Interrupter {
    /// Ends what the reader is doing with an error.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}
