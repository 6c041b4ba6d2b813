//! Temporary tables and views that stand before those of the database, on one connection and for it alone.
//!
//! In SQLite a name means what `temp` has of that name, and only else what the database has. So an indicator's SQL, unchanged, reads what the agent
//! shows it: sources and plan checks as they are in memory, readings that could not be stored, and the records of some systems only. Views of the
//! database never see `temp`, which is why each of them is made again on top. What many indicators read is computed once, into such a table.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::{
    record::SHAPES,
    store::{
        Error, Touched,
        sql::{Cell, Database},
        tables::{
            Dialect, OTHER_TABLES, PlanCheckRow, SourceRow, UnstoredReading, View, adapted, create_statements, relatives, replace_plan_checks, replace_sources,
            views,
        },
    },
};

/// The table of the systems that are chosen.
const CHOSEN: &str = "CREATE TEMP TABLE chosen_systems (system TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID";

/// Readings that are not stored, and the keys of stored ones that are no more.
const UNSTORED: [&str; 2] = ["unstored_readings", "gone_readings"];

/// A table that holds, on a restricted connection, what belongs to the chosen systems.
struct Part {
    table: &'static str,
    /// For the items of a list, the table of their records.
    records: Option<&'static str>,
    /// Copies what belongs to the chosen systems.
    copy: String,
}

/// Every table of records that know systems, lists after their records.
static PARTS: LazyLock<Vec<Part>> = LazyLock::new(|| {
    let mut parts = Vec::new();
    for shape in SHAPES.iter().filter(|shape| shape.name == "system" || shape.belongs_to_system) {
        let (table, system) = (shape.table, if shape.name == "system" { "id" } else { "system" });
        // CROSS JOIN: the few systems first, then what each has.
        let mut copy = format!("INSERT INTO temp.{table} SELECT r.* FROM temp.chosen_systems c CROSS JOIN main.{table} r WHERE r.{system} = c.system");
        if table == "cases" {
            let begin = "SELECT c.rowid FROM temp.chosen_systems s CROSS JOIN main.cases c WHERE c.system = s.system";
            copy = format!("INSERT INTO temp.cases {} SELECT r.* FROM relatives k CROSS JOIN main.cases r WHERE r.rowid = k.place", relatives::of(begin));
        }
        parts.push(Part { table, records: None, copy });
        parts.extend(shape.lists.iter().map(|list| {
            let list = list.table;
            let copy = format!("INSERT INTO temp.{list} SELECT l.* FROM temp.{table} r CROSS JOIN main.{list} l WHERE l.source = r.source AND l.id = r.id");
            Part { table: list, records: Some(table), copy }
        }));
    }
    parts
});

/// Selects what belongs to a chosen system.
const IS_CHOSEN: &str = "IN (SELECT c.system FROM temp.chosen_systems c)";

/// Restricts all that follows on this connection to the systems of [`choose`]; none at first.
///
/// A record is there when it belongs to a chosen system and its table was copied ([`copy`]), an item of a list when its record is. Cases come with their
/// relatives (`relatives.rs`). Tables that know no systems stay whole. Records are copies with the indexes of the originals, not views: on
/// few records SQLite then does what it does on all, however many systems are chosen.
///
/// # Errors
/// What the database reports.
pub(super) fn restrict(database: &dyn Database) -> Result<(), Error> {
    database.batch(CHOSEN)?;
    let is_part = |name: &str| PARTS.iter().any(|part| part.table == name);
    for statement in create_statements(Dialect::Sqlite) {
        let table = statement.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split(' ').next());
        let index = statement.strip_prefix("CREATE INDEX ").and_then(|rest| Some((rest, rest.split(" ON ").nth(1)?.split(' ').next()?)));
        if table.is_some_and(is_part) {
            database.batch(&statement.replacen("CREATE TABLE", "CREATE TEMP TABLE", 1))?;
        } else if let Some((rest, _)) = index.filter(|(_, table)| is_part(table)) {
            database.batch(&format!("CREATE INDEX temp.{rest}"))?;
        }
    }
    restrict_readings(database)?;
    make_views(database)
}

/// Readings are not copied: who reads them names the indicators whose he reads, and by these and the systems they are found.
fn restrict_readings(database: &dyn Database) -> Result<(), Error> {
    database.batch(&format!("CREATE TEMP VIEW readings AS SELECT r.* FROM main.readings r WHERE r.system {IS_CHOSEN}"))
}

/// Chooses the systems of a connection that is restricted. Nothing of them is there before it is copied.
///
/// # Errors
/// What the database reports.
pub(super) fn choose<'s>(database: &dyn Database, systems: impl IntoIterator<Item = &'s String>) -> Result<(), Error> {
    for table in PARTS.iter().map(|part| part.table).chain(["chosen_systems"]) {
        database.execute(&format!("DELETE FROM temp.{table}"), &[])?;
    }
    let insert = "INSERT INTO temp.chosen_systems (system) VALUES (?1)";
    systems.into_iter().try_for_each(|system| database.execute(insert, &[system.into()]).map(drop))
}

/// Copies of these tables what belongs to the chosen systems, unless `copied` says that it was done, and notes it there.
///
/// # Errors
/// What the database reports.
pub(super) fn copy(database: &dyn Database, tables: &BTreeSet<String>, copied: &mut BTreeSet<&'static str>) -> Result<(), Error> {
    let lists = || PARTS.iter().filter(|part| tables.contains(part.table));
    let is_wanted = |part: &Part| tables.contains(part.table) || lists().any(|list| list.records == Some(part.table));
    for part in PARTS.iter().filter(|part| is_wanted(part)) {
        if copied.insert(part.table) {
            database.execute(&part.copy, &[])?;
        }
    }
    Ok(())
}

/// Views over records alone that many indicators read whole: computing them takes longer than reading what was computed. And their indexes. Those
/// that take the longest come first.
const SHARED: [(&str, &[&str]); 4] = [
    ("occasions", &["system, kind", "kind"]),
    ("assessed_models", &[]),
    ("judged_measurements", &["system, family"]),
    ("same_cases", &["source, id", "case_key"]),
];

/// The place of a view among those that are computed once for all indicators that read them.
pub(super) fn place_among_shared(view: &str) -> Option<usize> {
    SHARED.iter().position(|(shared, _)| *shared == view)
}

/// Makes tables for what [`compute`] computes once for all indicators that read it. Until then they are empty.
///
/// # Errors
/// What the database reports.
pub(super) fn share(database: &dyn Database) -> Result<(), Error> {
    for (view, indexes) in SHARED {
        database.batch(&format!("CREATE TEMP TABLE {view} AS SELECT * FROM main.{view} LIMIT 0"))?;
        for (number, columns) in indexes.iter().enumerate() {
            database.batch(&format!("CREATE INDEX temp.{view}_{number} ON {view} ({columns})"))?;
        }
    }
    make_views(database)
}

/// Computes those of these views that are shared, unless `computed` says that it was done, and notes it there.
///
/// # Errors
/// What the database reports.
pub(super) fn compute(database: &dyn Database, views: &BTreeSet<String>, computed: &mut BTreeSet<&'static str>) -> Result<(), Error> {
    SHARED.iter().filter(|(view, _)| views.contains(*view)).try_for_each(|(view, _)| compute_view(database, view, computed))
}

/// Computes a view from what was computed of those that it reads. A view of the database would compute them anew.
fn compute_view(database: &dyn Database, name: &'static str, computed: &mut BTreeSet<&'static str>) -> Result<(), Error> {
    if computed.contains(name) {
        return Ok(());
    }
    let view = view(name);
    for (shared, _) in SHARED.iter().filter(|(shared, _)| view.reads.iter().any(|read| read == shared)) {
        compute_view(database, shared, computed)?;
    }
    database.execute(&format!("DELETE FROM temp.{name}"), &[])?;
    database.execute(&format!("INSERT INTO temp.{name} {}", view.sql), &[])?;
    computed.insert(name);
    Ok(())
}

/// Whether a view is made of records that changed.
pub(super) fn is_made_of(name: &str, touched: &Touched) -> bool {
    view(name).reads.iter().any(|read| match views().iter().find(|view| view.name == *read) {
        Some(view) => is_made_of(&view.name, touched),
        None => touched.has_table(table_of(read)),
    })
}

/// The table of the records that a table belongs to: of a list, that of its shape.
fn table_of(table: &str) -> &str {
    SHAPES.iter().find(|shape| shape.lists.iter().any(|list| list.table == table)).map_or(table, |shape| shape.table)
}

fn view(name: &str) -> &'static View {
    views().iter().find(|view| view.name == name).expect("a view of the agent's own")
}

/// Shows these rows as the table `sources`.
///
/// # Errors
/// What the database reports.
pub(super) fn show_sources(database: &dyn Database, rows: &[SourceRow]) -> Result<(), Error> {
    stand_before(database, "sources")?;
    replace_sources(database, rows)
}

/// Shows these rows as the table `plan_checks`.
///
/// # Errors
/// What the database reports.
pub(super) fn show_plan_checks(database: &dyn Database, rows: &[PlanCheckRow]) -> Result<(), Error> {
    stand_before(database, "plan_checks")?;
    replace_plan_checks(database, rows)
}

/// Shows the table `readings` as it would be if these were stored. Without any, the table itself is read, and nothing is in between.
///
/// # Errors
/// What the database reports.
pub(super) fn show_unstored(database: &dyn Database, rows: &[UnstoredReading]) -> Result<(), Error> {
    let restricted = has(database, "chosen_systems")?;
    if !has(database, UNSTORED[0])? {
        if rows.is_empty() {
            return Ok(());
        }
        let readings = like(definition("readings"), "readings", UNSTORED[0]);
        database.batch(&readings)?;
        database.batch("CREATE TEMP TABLE gone_readings (indicator TEXT NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (indicator, labels)) STRICT")?;
        database.batch(&overlay(restricted))?;
        make_views(database)?;
    } else if rows.is_empty() {
        database.batch("DROP VIEW temp.readings; DROP TABLE temp.unstored_readings; DROP TABLE temp.gone_readings")?;
        if restricted {
            restrict_readings(database)?;
        }
        return Ok(());
    }
    UNSTORED.iter().try_for_each(|table| database.execute(&format!("DELETE FROM temp.{table}"), &[]).map(drop))?;
    rows.iter().try_for_each(|row| insert_unstored(database, row))
}

/// The view `readings` over what is stored and what is not.
fn overlay(restricted: bool) -> String {
    let of_chosen = |row: &str| if restricted { format!("{row}.system {IS_CHOSEN}") } else { "true".to_owned() };
    let absent = UNSTORED.map(|table| format!("NOT EXISTS (SELECT 1 FROM temp.{table} u WHERE u.indicator = r.indicator AND u.labels = r.labels)"));
    format!(
        "DROP VIEW IF EXISTS temp.readings;
         CREATE TEMP VIEW readings AS
         SELECT r.* FROM main.readings r WHERE {} AND {}
         UNION ALL SELECT n.* FROM temp.unstored_readings n WHERE {}",
        of_chosen("r"),
        absent.join(" AND "),
        of_chosen("n")
    )
}

fn insert_unstored(database: &dyn Database, row: &UnstoredReading) -> Result<(), Error> {
    let row = match row {
        UnstoredReading::Holds(row) => row,
        UnstoredReading::Gone { indicator, labels } => {
            let insert = "INSERT OR REPLACE INTO temp.gone_readings (indicator, labels) VALUES (?1, ?2)";
            return database.execute(insert, &[indicator.into(), labels.into()]).map(drop);
        }
    };
    let insert = "INSERT OR REPLACE INTO temp.unstored_readings (indicator, labels, system, model, version, feature, attribute, value, since, per_seconds,
                                                                 state, state_from, known_state, known_from)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let values = [
        Cell::from(&row.indicator),
        Cell::from(&row.labels),
        row.system.as_ref().into(),
        row.model.as_ref().into(),
        row.version.as_ref().into(),
        row.feature.as_ref().into(),
        row.attribute.as_ref().into(),
        row.value.into(),
        row.since.into(),
        row.per_seconds.into(),
        Cell::from(&row.state),
        row.state_from.into(),
        row.known_state.as_ref().into(),
        row.known_from.into(),
    ];
    database.execute(insert, &values).map(drop)
}

/// Makes an empty table of this name and definition that stands before the one of the database, unless there is one.
fn stand_before(database: &dyn Database, table: &str) -> Result<(), Error> {
    if has(database, table)? {
        return Ok(());
    }
    database.batch(&like(definition(table), table, table))?;
    make_views(database)
}

/// Makes every view of the database again, unless that was done.
fn make_views(database: &dyn Database) -> Result<(), Error> {
    views().iter().try_for_each(|view| database.batch(&format!("CREATE TEMP VIEW IF NOT EXISTS {} AS\n{}", view.name, view.sql)))
}

fn has(database: &dyn Database, name: &str) -> Result<bool, Error> {
    database.any("SELECT 1 FROM temp.sqlite_schema WHERE name = ?1", &[name.into()])
}

fn definition(table: &str) -> &'static str {
    let begin = format!("CREATE TABLE {table} (");
    OTHER_TABLES.iter().find(|definition| definition.starts_with(&begin)).expect("a table of the agent's own")
}

/// The definition of a temporary table with the columns of another.
fn like(definition: &str, table: &str, name: &str) -> String {
    adapted(Dialect::Sqlite, &definition.replacen(&format!("CREATE TABLE {table} "), &format!("CREATE TEMP TABLE {name} "), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown in place of a table, and which systems are chosen, a view of the database doesn't see.
    #[test]
    fn shared_views_read_records_alone() {
        let mut reading: Vec<_> = SHARED.iter().map(|(view, _)| (*view).to_owned()).collect();
        while let Some(name) = reading.pop() {
            match views().iter().find(|view| view.name == name) {
                Some(view) => reading.extend(view.reads.iter().cloned()),
                None => assert!(SHAPES.iter().any(|shape| shape.table == name || shape.lists.iter().any(|list| list.table == name)), "{name}"),
            }
        }
    }
}
