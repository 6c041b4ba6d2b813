//! The store as it was: the tables that indicators query, made from the ledger as of an entry of evidence, in a database of their own. Whoever
//! writes the ledger may go on meanwhile: what comes after the entry is not looked at.

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use serde_json::Value;

use super::{
    Error, Projection, SystemNames, core, evidence, history,
    names::{self, Names},
    past, project, retention,
    sql::{Cell, Database},
    sqlite::Sqlite,
    sum::Sum,
    tables::{self, SourceRow},
};
use crate::record::{Door, Zone, shape};

/// What was stored when an entry of evidence was the last one.
///
/// Its tables are made in a temporary file, and go with it.
#[derive(Debug)]
pub struct AsOf {
    ledger: Sqlite,
    own: Sqlite,
    folder: tempfile::TempDir,
    entry: i64,
    /// The entry up to which readings are shown.
    readings: i64,
    state: State,
    /// When each source was read to its end last, as it is shown.
    read_at: BTreeMap<String, Option<i64>>,
    /// The last entry that removed rows when this was opened.
    removed_by: Option<i64>,
    /// Digest of the definition of this release's tables.
    tables: String,
    /// Views that say something else than those of this release.
    other_views: BTreeMap<String, String>,
}

/// What entries say beside the rows under them.
#[derive(Debug, Clone, Default)]
struct State {
    /// The time zone in which days ended.
    zone: Option<Zone>,
    /// The configuration in force, as evidence has it.
    configuration: Value,
    /// When each source was read to its end last.
    read_at: BTreeMap<String, Option<i64>>,
    /// Release and tables of the agent that ran.
    made_by: (String, String),
    /// When the last entry was made, epoch seconds.
    at: i64,
}

const FILE: &str = "as-of.sqlite";

impl AsOf {
    /// As of an entry; 0: before anything was stored.
    ///
    /// # Errors
    /// [`Error::Folder`] when there is no room for it; what SQLite reports.
    pub(super) fn open(database: &Path, entry: i64) -> Result<Self, Error> {
        let refused = |source| Error::Folder { path: std::env::temp_dir(), source };
        let folder = tempfile::Builder::new().prefix("clause9-as-of").tempdir().map_err(refused)?;
        let ledger = Sqlite::open_read_only(database)?;
        let own = Sqlite::open(&folder.path().join(FILE))?;
        own.make_transient()?;
        core::migrate(&own)?;
        core::make_record_tables(&own)?;
        let tables = core::meta(&own, "record_tables")?.unwrap_or_default();
        let removed_by = retention::last(&ledger)?;
        let (state, read_at, other_views) = (State::default(), BTreeMap::new(), BTreeMap::new());
        let mut as_of = Self { ledger, own, folder, entry: 0, readings: 0, state, read_at, removed_by, tables, other_views };
        as_of.advance(entry)?;
        Ok(as_of)
    }

    /// Goes on to a later entry.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn advance(&mut self, to: i64) -> Result<(), Error> {
        let (ledger, from): (&dyn Database, _) = (&self.ledger, self.entry);
        // How what was taken over ended may be gone with it.
        if retention::last(ledger)? != self.removed_by {
            return Err(Error::Conflict("rows were removed by retention meanwhile: ask again".to_owned()));
        }
        let state = self.state.then(ledger, from, to)?;
        let zone = state.zone(ledger)?;
        // What has days was made of another zone's, or nothing was made yet and all is made at once.
        let whole = from == 0 || self.state.zone != state.zone;
        let own: &dyn Database = &self.own;
        own.together(|own| {
            let changes_names = move_records(ledger, own, from, to, (!whole).then_some(zone))?;
            if whole {
                project::renew(own, &Door { now: 0, zone })?;
            } else if changes_names {
                project::resolve_again(own, &Names::load(own)?, &mut Sum::default())?;
            }
            move_readings(ledger, own, self.readings, to)?;
            tables::replace_sources(own, &state.sources())
        })?;
        self.read_at.clone_from(&state.read_at);
        (self.entry, self.readings, self.state) = (to, to, state);
        Ok(())
    }

    /// Shows the sources as a later entry seals them: what was read up to then, without the records that it brought.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn see_sources_of(&mut self, entry: i64) -> Result<(), Error> {
        let state = self.state.then(&self.ledger, self.entry, entry)?;
        let own: &dyn Database = &self.own;
        own.together(|own| tables::replace_sources(own, &state.sources()))?;
        self.read_at = state.read_at;
        Ok(())
    }

    /// Shows the readings that a later entry left, too.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn see_readings_of(&mut self, entry: i64) -> Result<(), Error> {
        let (ledger, own): (&dyn Database, &dyn Database) = (&self.ledger, &self.own);
        own.together(|own| move_readings(ledger, own, self.readings, entry))?;
        self.readings = entry;
        Ok(())
    }

    /// Whether views say what a stored method says of them, and all others what this release says.
    pub fn has_views(&self, stored: &BTreeMap<&str, &str>) -> bool {
        let others = other_views(stored);
        others.len() == self.other_views.len() && others.iter().all(|(name, sql)| self.other_views.get(*name).is_some_and(|own| own == sql))
    }

    /// Whether any view says something else than this release.
    pub fn has_other_views(&self) -> bool {
        !self.other_views.is_empty()
    }

    /// Has these views say what a stored method says of them, and all others what this release says. Nobody may be looking at them meanwhile.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn with_views(&mut self, stored: &BTreeMap<&str, &str>) -> Result<(), Error> {
        let known = own_views();
        let others = other_views(stored);
        let restored = self.other_views.keys().filter_map(|name| Some((name.as_str(), *known.get(name.as_str())?)));
        tables::replace_views(&self.own, &restored.chain(others.clone()).collect())?;
        self.other_views = others.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect();
        Ok(())
    }

    /// The entry.
    pub fn entry(&self) -> i64 {
        self.entry
    }

    /// The time zone in which days ended.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn zone(&self) -> Result<Zone, Error> {
        self.state.zone(&self.ledger)
    }

    /// The configuration that was in force, as evidence has it: digest, organisation, sources, thresholds, parameters. Null: none was.
    pub fn configuration(&self) -> &Value {
        &self.state.configuration
    }

    /// The systems of the inventory by every name that they had.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn system_names(&self) -> Result<SystemNames, Error> {
        past::system_names(&self.own)
    }

    /// When each source was read to its end last; `None`: never.
    pub fn read_at(&self) -> &BTreeMap<String, Option<i64>> {
        &self.read_at
    }

    /// After how many seconds without a complete poll each source was stale, by the configuration that was in force; one whose schedule says it is left out.
    pub fn stale_after(&self) -> BTreeMap<String, i64> {
        let sources = self.state.configuration["sources"].as_array().into_iter().flatten();
        let by_seconds = sources.filter(|source| source["stale_after"].get("missed_polls").is_none());
        by_seconds.filter_map(|source| Some((source["name"].as_str()?.to_owned(), source["stale_after"]["seconds"].as_i64()?))).collect()
    }

    /// The release that ran, if what it derived from records, or in which tables it put them, may have been something else than now.
    pub fn other_release(&self) -> Option<&str> {
        let (version, tables) = &self.state.made_by;
        (!version.is_empty() && (version != env!("CARGO_PKG_VERSION") || *tables != self.tables)).then_some(version)
    }

    /// The tables, for reading alone.
    pub fn tables(&self) -> &dyn Database {
        &self.own
    }

    /// What indicators see. It sees what [`Self::advance`] changes from its next look on.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn projection(&self) -> Result<Projection, Error> {
        Projection::open(&self.folder.path().join(FILE))
    }
}

/// This release's views.
fn own_views() -> &'static BTreeMap<&'static str, &'static str> {
    static OWN: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| tables::views().iter().map(|view| (view.name.as_str(), view.sql.as_str())).collect());
    &OWN
}

/// Those of these views that say something else than this release's.
fn other_views<'s>(stored: &BTreeMap<&'s str, &'s str>) -> BTreeMap<&'s str, &'s str> {
    stored.iter().filter(|(name, sql)| own_views().get(*name) != Some(sql)).map(|(name, sql)| (*name, *sql)).collect()
}

impl State {
    /// What holds after a later entry.
    fn then(&self, ledger: &dyn Database, from: i64, to: i64) -> Result<Self, Error> {
        let mut state = self.clone();
        ledger.each("SELECT kind, body, at FROM evidence WHERE entry > ?1 AND entry <= ?2 ORDER BY entry", &[from.into(), to.into()], |row| {
            let (kind, mut body): (String, Value) = (row.get(0)?, serde_json::from_str(&row.get::<String>(1)?).unwrap_or_default());
            state.at = row.get(2)?;
            if let Some(zone) = body["zone"].as_str().and_then(Zone::parse) {
                state.zone = Some(zone);
            }
            if let Some((version, tables)) = body["version"].as_str().zip(body["record_tables"].as_str()) {
                state.made_by = (version.to_owned(), tables.to_owned());
            }
            if kind == evidence::Kind::Configuration.as_str() {
                state.configuration = body["document"].take();
            }
            if kind == evidence::Kind::Removal.as_str() {
                state.read_at.remove(body["source"].as_str().unwrap_or_default());
            }
            for (source, span) in body["spans"]["sources"].as_object().into_iter().flatten() {
                state.read_at.insert(source.clone(), span[1].as_i64());
            }
            Ok(())
        })?;
        Ok(state)
    }

    /// Entries of an older release do not say it: then it is that of now.
    fn zone(&self, ledger: &dyn Database) -> Result<Zone, Error> {
        match self.zone {
            Some(zone) => Ok(zone),
            None => Ok(core::meta(ledger, "zone")?.as_deref().and_then(Zone::parse).unwrap_or(Zone::UTC)),
        }
    }

    /// The rows of the table `sources`.
    fn sources(&self) -> Vec<SourceRow> {
        let row = |source: &Value| {
            let text = |name: &str| source[name].as_str().unwrap_or_default().to_owned();
            let name = text("name");
            SourceRow {
                connector: text("connector"),
                kind: text("kind"),
                interval_seconds: source["interval_seconds"].as_i64().unwrap_or_default(),
                stale_after_seconds: source["stale_after"]["seconds"].as_i64().unwrap_or_default(),
                // A success in the future is a clock that was set back: it proves nothing.
                last_success_at: self.read_at.get(&name).copied().flatten().filter(|read_at| *read_at <= self.at),
                name,
            }
        };
        self.configuration["sources"].as_array().into_iter().flatten().map(row).collect()
    }
}

/// Takes over which versions hold, and where a zone is given, what they come to in the tables. Whether names of systems may be others then.
fn move_records(ledger: &dyn Database, own: &dyn Database, from: i64, to: i64, zone: Option<Zone>) -> Result<bool, Error> {
    let (mut changes_names, mut change) = (false, Sum::default());
    let bounds = [Cell::from(from), to.into()];
    let closed = "SELECT source, shape, id FROM record_versions WHERE until_entry > ?1 AND until_entry <= ?2 AND from_entry <= ?1";
    ledger.each(closed, &bounds, |row| {
        let (source, name, id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // All of them hold here, and only of those there is an index.
        let delete = "DELETE FROM record_versions WHERE source = ?1 AND shape = ?2 AND id = ?3 AND held_until IS NULL";
        own.execute(delete, &[(&source).into(), (&name).into(), (&id).into()])?;
        changes_names |= name == SYSTEM;
        match (zone, shape::by_name(&name)) {
            (Some(_), Some(shape)) => project::remove(own, &source, shape, &id, &mut change),
            _ => Ok(()),
        }
    })?;
    let opened = held_after(ledger, from, to, "source, stream, shape, id, digest, body, held_from, from_entry", ("record_versions", "version"))?;
    let names = if zone.is_some() { Names::load(own)? } else { Names::default() };
    ledger.each(&opened, &bounds, |row| {
        let insert = "INSERT INTO record_versions (source, stream, shape, id, digest, body, held_from, from_entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        own.execute(insert, &(0..8).map(|column| row.cell(column)).collect::<Vec<_>>())?;
        let (source, name, id, body): (String, String, String, String) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(5)?);
        changes_names |= name == SYSTEM;
        if let Some((zone, shape)) = zone.zip(shape::by_name(&name)) {
            let mut record = project::read(shape, &source, &id, &body)?;
            Door { now: 0, zone }.derive_again(&mut record);
            project::insert(own, &source, &record, row.get(6)?, &names, zone, &mut change)?;
        }
        Ok(())
    })?;
    if changes_names && zone.is_some() {
        names::publish(own, &Names::load(own)?, &mut change)?;
    }
    Ok(changes_names)
}

/// The shape by whose records systems are found.
const SYSTEM: &str = "system";

/// Takes over which readings hold.
fn move_readings(ledger: &dyn Database, own: &dyn Database, from: i64, to: i64) -> Result<(), Error> {
    let bounds = [Cell::from(from), to.into()];
    let closed = "SELECT indicator, labels FROM reading_intervals WHERE until_entry > ?1 AND until_entry <= ?2 AND from_entry <= ?1";
    ledger.each(closed, &bounds, |row| {
        own.execute("DELETE FROM readings WHERE indicator = ?1 AND labels = ?2", &[row.cell(0), row.cell(1)])?;
        Ok(())
    })?;
    let opened = held_after(ledger, from, to, history::COLUMNS, ("reading_intervals", "reading"))?;
    history::each_shown_of(ledger, &opened, &bounds, |row| row.put(own))
}

/// Selects what began after entry `?1` and held after entry `?2`, in the order in which it was stored: of what began between the two, or, where less
/// ended after the second than began before it, of what ended after it and what holds.
fn held_after(ledger: &dyn Database, from: i64, to: i64, columns: &str, (table, number): (&str, &str)) -> Result<String, Error> {
    let last = evidence::head(ledger)?.entry;
    if to - from <= last - to {
        return Ok(format!(
            "SELECT {columns} FROM {table} r WHERE r.from_entry > ?1 AND r.from_entry <= ?2 AND (r.until_entry IS NULL OR r.until_entry > ?2)
             ORDER BY r.from_entry, r.{number}"
        ));
    }
    // A plus sign keeps SQLite from the index of beginnings.
    let of = |which: &str| format!("SELECT {number} FROM {table} WHERE +from_entry > ?1 AND +from_entry <= ?2 AND {which}");
    let (ended, holds) = (of("until_entry > ?2"), of("held_until IS NULL AND until_entry IS NULL"));
    Ok(format!("SELECT {columns} FROM {table} r WHERE r.{number} IN ({ended} UNION ALL {holds}) ORDER BY r.{number}"))
}
