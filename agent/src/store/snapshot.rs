//! A copy of a store, to look at what another would hold without touching the one that is.

use std::path::{Path, PathBuf};

use super::{DATABASE_FILE, Error, Interval, Key, history, sql::Database, sqlite::Sqlite};

/// A copy in a folder of its own, which goes with it.
#[derive(Debug)]
pub struct Snapshot {
    data_dir: PathBuf,
    _folder: tempfile::TempDir,
}

impl Snapshot {
    /// Copies the store in `data_dir` as it was committed last; the agent may run meanwhile.
    ///
    /// # Errors
    /// [`Error::Folder`] when there is no room for it, or what SQLite reports.
    pub fn of(data_dir: &Path) -> Result<Self, Error> {
        let refused = |source| Error::Folder { path: std::env::temp_dir(), source };
        let folder = tempfile::tempdir().map_err(refused)?;
        let copied = folder.path().join("data");
        std::fs::create_dir(&copied).map_err(refused)?;
        Sqlite::copy(&data_dir.join(DATABASE_FILE), &copied.join(DATABASE_FILE))?;
        Ok(Self { data_dir: copied, _folder: folder })
    }

    /// The folder of the copy, as a `data_dir`.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The readings that hold.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn readings(&self) -> Result<Vec<(Key, Interval)>, Error> {
        history::holding(&self.open()?)
    }

    /// The last moment of which the store tells: an entry of evidence, or a complete poll. Epoch seconds.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn last_moment(&self) -> Result<i64, Error> {
        let sql = "SELECT coalesce(max(m.at), 0) FROM (SELECT max(at) AS at FROM evidence UNION ALL SELECT max(last_success_at) FROM source_states) m";
        let database: &dyn Database = &self.open()?;
        database.one(sql, &[], |row| row.get(0))
    }

    fn open(&self) -> Result<Sqlite, Error> {
        Sqlite::open_read_only(&self.data_dir.join(DATABASE_FILE))
    }
}
