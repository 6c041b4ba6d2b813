//! A store that is only read, beside whoever writes it.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    Anchor, AsOf, Entry, EntryKind, Error, Expected, Held, Key, Memories, Opened, Stats, StoredMethod, SystemNames, Verified, Version, evidence, past,
    sql::{Database, Interrupter},
    sqlite::Sqlite,
    under,
    verify::verify_beside,
};

/// A look at everything that is stored, on two connections at once.
#[derive(Debug)]
pub struct Verification {
    walks: Reader,
    looks_for_damage: Reader,
}

impl Verification {
    /// Opens a database. Nothing is made where there is none.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn open(database: &Path) -> Result<Self, Error> {
        Ok(Self { walks: Reader::open(database)?, looks_for_damage: Reader::open(database)? })
    }

    /// Verifies everything, and that each of these entries is there.
    ///
    /// # Errors
    /// What SQLite reports; that it was interrupted, too.
    pub fn verify(&mut self, expected: &[Expected]) -> Result<Verified, Error> {
        let (walks, beside) = (&self.walks, &mut self.looks_for_damage.database);
        verify_beside(&walks.database, beside, expected).map_err(|error| error.at(&walks.path))
    }

    /// What interrupts it.
    pub fn interrupter(&self) -> Interrupter {
        let both = [self.walks.database.interrupter(), self.looks_for_damage.database.interrupter()];
        Interrupter::new(move || both.iter().for_each(Interrupter::interrupt))
    }
}

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

    /// The same database on another connection, for another thread.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn again(&self) -> Result<Self, Error> {
        Self::open(&self.path)
    }

    /// The tables, for reading alone.
    pub fn tables(&self) -> &dyn Database {
        &self.database
    }

    /// The indicators that ever had a reading, sorted.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn indicators(&self) -> Result<Vec<String>, Error> {
        self.read(past::indicators)
    }

    /// The labels of every reading that an indicator ever had, each a JSON object, sorted.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn labels(&self, indicator: &str) -> Result<Vec<String>, Error> {
        self.read(|database| past::labels(database, indicator))
    }

    /// Those of them that may have these labels, the text of each a JSON object as all of them are; others may be among them. Who asks by a label that
    /// comes first in the order of names walks over few readings.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn labels_with(&self, indicator: &str, wanted: &BTreeMap<&str, &str>) -> Result<Vec<String>, Error> {
        if wanted.is_empty() {
            return self.labels(indicator);
        }
        let mut all = Vec::new();
        for name in self.read(|database| past::first_labels(database, indicator))? {
            let how = match wanted.get(name.as_str()) {
                Some(value) => format!("{{{}:{}", serde_json::Value::from(name), serde_json::Value::from(*value)),
                None if name.is_empty() => continue,
                None => format!("{{\"{name}\":"),
            };
            all.extend(self.read(|database| past::labels_that_begin(database, indicator, &how))?);
        }
        Ok(all)
    }

    /// What held of a reading in a period (epoch seconds), in the order of time. What began before, or ends after it, is told with its own times.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn held(&self, indicator: &str, labels: &str, period: &Range<i64>) -> Result<Vec<Held>, Error> {
        self.read(|database| past::held(database, indicator, labels, period))
    }

    /// What held of a reading in a period (epoch seconds), in the order of time and without facts, as it was known when `entry` was the last entry of
    /// evidence.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn held_as_of(&self, indicator: &str, labels: &str, period: &Range<i64>, entry: i64) -> Result<Vec<Held>, Error> {
        self.read(|database| past::held_as_of(database, indicator, labels, period, entry))
    }

    /// Calls `take` with indicator and labels of each reading and the spans of a period (epoch seconds) in which it was in breach, by indicator and labels
    /// and in the order of time. False, and nothing is taken, where a clock was set back: then what an interval says may have been stored anew by a later
    /// one.
    ///
    /// # Errors
    /// What SQLite reports, and those of `take`.
    pub fn each_breach(&self, period: &Range<i64>, take: impl FnMut(&str, &str, Range<i64>) -> Result<(), Error>) -> Result<bool, Error> {
        self.read(|database| past::each_breach(database, period, take))
    }

    /// Spans (epoch seconds) in which an agent ran and could store what it saw; sorted, none touching another.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn watched(&self) -> Result<Vec<Range<i64>>, Error> {
        self.read(past::watched)
    }

    /// Every version of a record, by its shape (`case`) and id, whichever source had it; in the order of time.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn versions(&self, shape: &str, id: &str) -> Result<Vec<Version>, Error> {
        self.read(|database| past::versions(database, shape, id))
    }

    /// The records of a shape (`case`) that were changed or went away, by source and id.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn changed(&self, shape: &str) -> Result<Vec<(String, String)>, Error> {
        self.read(|database| past::changed(database, shape))
    }

    /// The systems of the inventory by every name that they have now.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn system_names(&self) -> Result<SystemNames, Error> {
        self.read(past::system_names)
    }

    /// The last entry of evidence, and when it was made.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn head(&self) -> Result<(Anchor, Option<i64>), Error> {
        self.read(|database| database.together(|database| Ok((evidence::head(database)?, evidence::last_at(database)?))))
    }

    /// The last entry of evidence that was made before a moment (epoch seconds), and when; `None`: nothing was stored then.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn head_before(&self, moment: i64) -> Result<Option<(Anchor, i64)>, Error> {
        self.read(|database| evidence::head_before(database, moment))
    }

    /// When the first entry of evidence was made; `None`: nothing is stored.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn first_at(&self) -> Result<Option<i64>, Error> {
        self.read(evidence::first_at)
    }

    /// Calls `take` with the entries of evidence after one and up to another, in their order.
    ///
    /// # Errors
    /// What SQLite reports, and those of `take`.
    pub fn each_entry(&self, after: i64, to: i64, take: impl FnMut(Entry) -> Result<(), Error>) -> Result<(), Error> {
        self.read(|database| evidence::each(database, after, to, take))
    }

    /// The first entries of evidence after one and up to another that were made in a time (epoch seconds) and are of one of these kinds, in their order; no
    /// kinds are all.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn entries(&self, numbers: Range<i64>, made: &Range<i64>, kinds: &[EntryKind], most: usize) -> Result<Vec<Entry>, Error> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|database| evidence::page(database, numbers.start, numbers.end, made, kinds, most))
    }

    /// Everything as it was when an entry of evidence was the last one.
    ///
    /// # Errors
    /// [`Error::Folder`] when there is no room for it; what SQLite reports.
    pub fn as_of(&self, entry: i64) -> Result<AsOf, Error> {
        AsOf::open(&self.path, entry).map_err(|error| error.at(&self.path))
    }

    /// The methods that came into force up to an entry, in the order of their entries.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn methods(&self, up_to: i64) -> Result<Vec<StoredMethod>, Error> {
        self.read(|database| under::methods(database, up_to))
    }

    /// The entries that stored readings, and when they were made (epoch seconds): after one, up to another.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn evaluations(&self, after: i64, up_to: i64) -> Result<Vec<(i64, i64)>, Error> {
        self.read(|database| under::evaluations(database, after, up_to))
    }

    /// The intervals that an entry began, and those that it ended.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn under(&self, entry: i64) -> Result<(Vec<Opened>, Vec<Opened>), Error> {
        self.read(|database| Ok((under::opened(database, entry)?, under::closed(database, entry)?)))
    }

    /// The interval of a reading that held after an entry.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn reading_after(&self, key: &Key, entry: i64) -> Result<Option<Opened>, Error> {
        self.read(|database| under::after(database, key, entry))
    }

    /// How many intervals of readings are stored.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn intervals(&self) -> Result<i64, Error> {
        self.read(under::intervals)
    }

    /// About so many readings, spread evenly over all intervals that are stored, by the entry that began them. `place` decides with which it begins.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn sample(&self, count: usize, place: u64) -> Result<BTreeMap<i64, HashSet<Key>>, Error> {
        self.read(|database| under::sample(database, count, place))
    }

    /// Brings what rules remember after one entry to what they do after a later one.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn remember(&self, memories: &mut Memories, after: i64, up_to: i64) -> Result<(), Error> {
        self.read(|database| under::remember(database, memories, after, up_to))
    }

    /// From when until when readings were shown that an entry stored and that could not be stored before, in epoch seconds; `None`: there were none.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn unstored_before(&self, entry: i64) -> Result<Option<(i64, i64)>, Error> {
        self.read(|database| under::unstored_before(database, entry))
    }

    /// When an entry was made, epoch seconds; `None`: there is none of this number.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn made_at(&self, entry: i64) -> Result<Option<i64>, Error> {
        self.read(|database| under::made_at(database, entry))
    }

    /// How much of what is stored.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn stats(&self) -> Result<Stats, Error> {
        self.read(|database| database.together(past::stats))
    }

    /// Copies the database, as it was committed last, into a new file for its owner alone; an agent may write it meanwhile. The copy is whole or is
    /// not there: it gets its name when it is complete and on disk.
    ///
    /// # Errors
    /// [`Error::Folder`] when there is such a file already, or no room for it; what SQLite reports.
    pub fn back_up(&self, to: &Path) -> Result<(), Error> {
        let refused = |source| Error::Folder { path: to.to_owned(), source };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Made for its owner alone; SQLite fills a file that is empty.
        let file = tempfile::Builder::new().prefix(".clause9-backup").tempfile_in(folder).map_err(refused)?;
        Sqlite::copy(&self.path, file.path()).map_err(|error| error.at(&self.path))?;
        file.as_file().sync_all().map_err(refused)?;
        file.persist_noclobber(to).map_err(|error| refused(error.error))?;
        Ok(())
    }

    /// What interrupts it.
    pub fn interrupter(&self) -> Interrupter {
        self.database.interrupter()
    }

    fn read<T>(&self, read: impl FnOnce(&dyn Database) -> Result<T, Error>) -> Result<T, Error> {
        read(&self.database).map_err(|error| error.at(&self.path))
    }
}
