//! The store: records with every version they had, readings with their history, and the evidence chain. SQLite, one writer.
//!
//! What is stored is never changed, only closed: a record version and a reading hold over an interval. The record tables that indicators
//! query are a projection of the current versions and can be made anew from them at any time.

mod as_of;
mod core;
mod error;
mod evidence;
mod folder;
mod history;
mod names;
mod older;
mod past;
#[cfg(test)]
mod postgres;
mod project;
mod reader;
#[cfg(test)]
mod real;
mod records;
mod snapshot;
mod spans;
pub mod sql;
pub mod sqlite;
mod sum;
pub mod tables;
#[cfg(test)]
mod tests;
mod touched;
mod under;
mod verify;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::record::{Door, Feed, Record, Zone};

use evidence::Kind;
use sql::Database;
use sqlite::Sqlite;

pub use self::core::DATABASE_FILE;
pub use as_of::AsOf;
pub use error::Error;
pub use evidence::{Anchor, Entry, Kind as EntryKind};
pub use folder::{begin_with, compact, open_to_others, size};
pub use history::{Change, Interval, Key, Since, Stored};
pub use past::{Held, Stats, SystemNames, Version};
pub use reader::{Reader, Verification};
pub use snapshot::Snapshot;
pub use sql::Interrupter;
pub use sqlite::{Look, Projection, Query, QueryError};
pub use touched::{Affected, Touched};
pub use under::{Memories, Opened, StoredMethod};
pub use verify::{Expected, Finding, Place, Verified, verify};

/// An open store. Holds the folder's lock for as long as it lives.
#[derive(Debug)]
pub struct Store {
    // Closed in this order: the last connection, if it may write, puts everything into the one file.
    reader: Box<dyn Database>,
    writer: Box<dyn Database>,
    names: names::Names,
    zone: Zone,
    path: PathBuf,
    /// Of a database that is a file: what holds the folder's lock.
    folder: Option<folder::Folder>,
}

/// Records that are held and that a poll did not bring: stream, shape and id.
pub type Absent = BTreeSet<(String, String, String)>;

/// How a stream's records stand to those that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All there are: what is absent is gone.
    Snapshot,
    /// Those that changed: what is absent stays.
    Changes,
    /// Nothing changed: records, position and what the stream feeds are those that are stored.
    Unchanged,
}

/// What one stream of a poll delivers.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The stream's name.
    pub stream: String,
    /// How to read `records`.
    pub mode: Mode,
    /// The records.
    pub records: Vec<Record>,
    /// Where the next poll goes on, opaque to the store; `None` keeps what was there.
    pub position: Option<String>,
    /// What the stream feeds.
    pub feeds: Vec<Feed>,
}

/// What a commit changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Records that were added, changed or removed, or belong to another system now.
    pub touched: Touched,
    /// Records added.
    pub added: usize,
    /// Records changed.
    pub changed: usize,
    /// Records removed.
    pub removed: usize,
    /// By how many the records of each table are more than before; fewer are negative.
    pub grown: BTreeMap<&'static str, i64>,
}

/// What the store remembers of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceState {
    /// The first complete poll ever.
    pub first_success_at: Option<i64>,
    /// The last complete poll.
    pub last_success_at: Option<i64>,
    /// Positions by stream.
    pub positions: BTreeMap<String, String>,
    /// What each stream fed when it was read last.
    pub feeds: BTreeMap<String, Vec<Feed>>,
}

impl Store {
    /// Opens the store in `data_dir`, making folder and database, for their owner only, where they are missing.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Newer`], [`Error::Folder`], or what SQLite reports.
    pub fn open(data_dir: &Path, zone: Zone) -> Result<Self, Error> {
        let mut folder = folder::Folder::open(data_dir)?;
        let path = data_dir.join(DATABASE_FILE);
        let writer = core::open(&path).map_err(|error| error.at(&path))?;
        let mut reader = Sqlite::open_read_only(&path)?;
        let names = prepare(&writer, Some(&mut reader), zone).map_err(|error| error.at(&path))?;
        folder.remember();
        Ok(Self { writer: Box::new(writer), reader: Box::new(reader), names, zone, path, folder: Some(folder) })
    }

    /// Makes the tables that indicators query anew from the ledger if they are not what it says, and gives what differed first.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn renew(&mut self, now: i64) -> Result<Option<String>, Error> {
        self.write_named(|transaction, names| {
            let Some(what) = verify::projection_differs(transaction, None)? else { return Ok(None) };
            let zone = core::meta(transaction, "zone")?.as_deref().and_then(Zone::parse).unwrap_or(Zone::UTC);
            core::make_record_tables(transaction)?;
            make_anew(transaction, zone)?;
            note_renewal(transaction, &what, now)?;
            *names = names::Names::load(transaction)?;
            Ok(Some(what))
        })
    }

    /// Notes that the agent begins to run.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn begin_run(&mut self, now: i64) -> Result<(), Error> {
        self.write(|transaction| spans::begin(transaction, now))
    }

    /// Notes that the agent runs, and seals that once an hour.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn go_on(&mut self, now: i64) -> Result<(), Error> {
        self.write(|transaction| spans::go_on(transaction, now))
    }

    /// Notes that the agent ends as it should, and gives the last entry of evidence: what to keep elsewhere.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn end_run(&mut self, now: i64) -> Result<Anchor, Error> {
        self.write(|transaction| {
            spans::end(transaction, now)?;
            evidence::head(transaction)
        })
    }

    /// Looks whether the database is still the one in its folder, and whether that can be written.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Replaced`]; [`Error::Unwritable`], [`Error::Full`].
    pub fn look(&self) -> Result<(), Error> {
        self.in_place()?;
        self.folder.as_ref().map_or(Ok(()), folder::Folder::writable)
    }

    /// Writes: a part of what is written [together](Self::together), or a whole of its own. Into a database that is not the one in its folder nothing is
    /// written: it would be lost with the process.
    fn write<T>(&self, write: impl FnOnce(&dyn Database) -> Result<T, Error>) -> Result<T, Error> {
        self.in_place()?;
        self.writer.together(write)
    }

    fn in_place(&self) -> Result<(), Error> {
        self.folder.as_ref().map_or(Ok(()), folder::Folder::in_place)
    }

    /// Writes what may change the names of systems.
    fn write_named<T>(&mut self, write: impl FnOnce(&dyn Database, &mut names::Names) -> Result<T, Error>) -> Result<T, Error> {
        let mut names = self.names.clone();
        let written = self.write(|transaction| write(transaction, &mut names))?;
        self.names = names;
        Ok(written)
    }

    /// Several writes as one: all of them are stored, or none.
    ///
    /// # Errors
    /// Those of `write`, or what SQLite reports; nothing is changed then.
    pub fn together<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.in_place()?;
        let names = self.names.clone();
        self.writer.batch("BEGIN")?;
        let written = write(self).and_then(|value| self.writer.batch("COMMIT").map(|()| value));
        if written.is_err() {
            self.names = names;
            // Some errors, a full disk among them, have ended the transaction already.
            if self.writer.is_in_transaction() {
                self.writer.batch("ROLLBACK")?;
            }
        }
        written
    }

    /// A read-only connection that sees what was committed last.
    pub fn reader(&self) -> &dyn Database {
        &*self.reader
    }

    /// Keeps the database from growing, as a full disk does.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self, full: bool) {
        let pages: i64 = self.writer.one("SELECT page_count FROM pragma_page_count", &[], |row| row.get(0)).unwrap();
        self.writer.batch(&format!("PRAGMA max_page_count = {}", if full { pages } else { 1_000_000 })).unwrap();
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered of a source.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn source_state(&self, source: &str) -> Result<SourceState, Error> {
        records::source_state(&*self.writer, source)
    }

    /// Stores what a complete poll delivered, in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn commit(&mut self, source: &str, delivered: &[Delivered], now: i64) -> Result<Committed, Error> {
        let zone = self.zone;
        self.write_named(|transaction, names| records::commit(transaction, source, delivered, names, zone, now, true))
    }

    /// Stores what a poll delivered that could read some of its streams: they are as after a complete poll, and the source is not.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_part(&mut self, source: &str, delivered: &[Delivered], now: i64) -> Result<Committed, Error> {
        let zone = self.zone;
        self.write_named(|transaction, names| records::commit(transaction, source, delivered, names, zone, now, false))
    }

    /// The records that are held and that these streams, read whole, do not have any more: stream, shape and id.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn absent(&self, source: &str, delivered: &[Delivered]) -> Result<Absent, Error> {
        records::absent(&*self.writer, source, delivered)
    }

    /// Removes the records of sources that are not configured any more. Their versions stay in the history.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn forget_sources_except(&mut self, configured: &[&str], now: i64) -> Result<Committed, Error> {
        let mut committed = Committed::default();
        for source in records::known_sources(&*self.writer)? {
            if configured.contains(&source.as_str()) {
                continue;
            }
            let zone = self.zone;
            let removed = self.write_named(|transaction, names| records::remove_source(transaction, &source, names, zone, now))?;
            committed.touched.join(&removed.touched);
            committed.removed += removed.removed;
        }
        Ok(committed)
    }

    /// The readings of an indicator that hold, by labels.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn readings_of(&self, indicator: &str) -> Result<Vec<(String, Stored)>, Error> {
        history::of_indicator(&*self.writer, indicator)
    }

    /// Closes the readings of every indicator that is not in force any more.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn close_readings_except(&mut self, in_force: &[&str], now: i64) -> Result<(), Error> {
        let mut closing = Vec::new();
        for indicator in history::held_indicators(&*self.writer)?.iter().filter(|indicator| !in_force.contains(&indicator.as_str())) {
            let keys = history::of_indicator(&*self.writer, indicator)?.into_iter().map(|(labels, _)| Key { indicator: indicator.clone(), labels });
            closing.extend(keys.map(|key| Change { key, opens: None, closes: true, memory: None }));
        }
        self.record_readings(closing, now)
    }

    /// Notes that from one moment to another readings were shown that could not be stored.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn record_gap(&mut self, from: i64, until: i64) -> Result<(), Error> {
        self.write(|transaction| evidence::append(transaction, until, Kind::Gap, serde_json::json!({ "from": from, "until": until })).map(drop))
    }

    /// Stores changes of readings, with one evidence entry for all of them.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn record_readings(&mut self, changes: impl IntoIterator<Item = Change, IntoIter: Send>, now: i64) -> Result<(), Error> {
        let mut changes = changes.into_iter().peekable();
        if changes.peek().is_none() {
            return Ok(());
        }
        self.write(|transaction| history::record(transaction, changes, now))
    }

    /// Puts an indicator's method into the evidence, unless it is the one that was put there last. `digest` is that of `document`.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn record_method(&mut self, indicator: &str, digest: &str, document: &serde_json::Value, now: i64) -> Result<(), Error> {
        self.record_document(
            Kind::Method,
            &format!("method:{indicator}"),
            digest,
            now,
            || serde_json::json!({ "indicator": indicator, "digest": digest, "document": document }),
        )
    }

    /// Puts a configuration into the evidence, unless it is the one that was put there last.
    ///
    /// # Errors
    /// [`Error::Full`], or what SQLite reports; nothing is changed then.
    pub fn record_configuration(&mut self, document: &serde_json::Value, now: i64) -> Result<(), Error> {
        let digest = crate::record::Digest::of(document.to_string().as_bytes()).to_string();
        self.record_document(Kind::Configuration, "configuration", &digest, now, || serde_json::json!({ "digest": digest, "document": document }))
    }

    fn record_document(&mut self, kind: Kind, name: &str, digest: &str, now: i64, body: impl FnOnce() -> serde_json::Value) -> Result<(), Error> {
        if core::meta(&*self.writer, name)?.as_deref() == Some(digest) {
            return Ok(());
        }
        self.write(|transaction| {
            core::set_meta(transaction, name, digest)?;
            evidence::append(transaction, now, kind, body()).map(drop)
        })
    }

    /// How many records of a source are odd, by reason.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn doubt_counts(&self, source: &str) -> Result<BTreeMap<String, u64>, Error> {
        let sql = "SELECT reason, count(*) FROM doubts WHERE source = ?1 GROUP BY reason";
        let counts = self.reader().rows(sql, &[source.into()], |row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs())))?;
        Ok(counts.into_iter().collect())
    }

    /// How many records of each table a source holds now.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn record_counts(&self, source: &str) -> Result<BTreeMap<&'static str, u64>, Error> {
        let sql = "SELECT shape, count(*) FROM record_versions WHERE source = ?1 AND held_until IS NULL GROUP BY shape";
        let mut counts = BTreeMap::new();
        self.reader().each(sql, &[source.into()], |row| {
            if let Some(shape) = crate::record::shape::by_name(&row.get::<String>(0)?) {
                counts.insert(shape.table, row.get::<i64>(1)?.unsigned_abs());
            }
            Ok(())
        })?;
        Ok(counts)
    }
}

/// Brings a database to what this release works with. `beside` is a second connection to it.
fn prepare(database: &dyn Database, beside: Option<&mut dyn Database>, zone: Zone) -> Result<names::Names, Error> {
    database.together(|transaction| {
        let found = core::migrate(transaction)?;
        let is_older = found == core::OLDER_EVIDENCE;
        if is_older {
            older::complete(transaction)?;
        }
        // As long as nothing was written, both see the same.
        let why = renew_if_needed(transaction, beside.filter(|_| found == core::VERSION), zone)?;
        if is_older {
            older::seal(transaction)?;
        } else if let Some((why, at)) = why.zip(evidence::last_at(transaction)?) {
            note_renewal(transaction, &why, at)?;
        }
        names::Names::load(transaction)
    })
}

/// Makes the tables that indicators query anew if that must be, and says why.
fn renew_if_needed(transaction: &dyn Database, beside: Option<&mut dyn Database>, zone: Zone) -> Result<Option<String>, Error> {
    let other_definition = core::renew_record_tables(transaction)?;
    let other_zone = core::meta(transaction, "zone")?.as_deref() != Some(zone.name());
    let why = if other_definition {
        "their definition changed".to_owned()
    } else if other_zone {
        "the time zone changed".to_owned()
    } else if evidence::projection(transaction)?.is_none() {
        "their digest was not kept".to_owned()
    } else if let Some(what) = verify::projection_differs(transaction, beside)? {
        tracing::error!(what, "the tables that indicators query are not what the ledger says: they are made anew from it");
        core::make_record_tables(transaction)?;
        what
    } else {
        return Ok(None);
    };
    core::set_meta(transaction, "zone", zone.name())?;
    make_anew(transaction, zone)?;
    Ok(Some(why))
}

fn make_anew(transaction: &dyn Database, zone: Zone) -> Result<(), Error> {
    let mut sum = project::renew(transaction, &Door { now: 0, zone })?;
    sum.join(&history::renew(transaction)?);
    evidence::set_projection(transaction, &sum)
}

fn note_renewal(transaction: &dyn Database, why: &str, at: i64) -> Result<(), Error> {
    let mut body = core::projection_settings(transaction)?;
    body["why"] = why.into();
    evidence::append(transaction, at, Kind::Renewal, body)?;
    Ok(())
}
