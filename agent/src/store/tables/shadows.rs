//! Temporary tables and views that stand before those of the database, on one connection and for it alone.
//!
//! In SQLite a name means what `temp` has of that name, and only else what the database has. So an indicator's SQL, unchanged, reads what the agent
//! shows it: sources and plan checks as they are in memory, readings that could not be stored, and the records of some systems only. Views of the
//! database never see `temp`, which is why each of them is made again on top. What many indicators read is computed once, into such a table.

use std::{collections::BTreeSet, sync::LazyLock};

use rusqlite::{Connection, params};

use super::{
    Dialect, OTHER_TABLES, PlanCheckRow, SHAPES, SourceRow, UnstoredReading, adapted, create_statements, relatives, replace_plan_checks, replace_sources, views,
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
/// What SQLite reports.
pub fn restrict(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(CHOSEN)?;
    let is_part = |name: &str| PARTS.iter().any(|part| part.table == name);
    for statement in create_statements(Dialect::Sqlite) {
        let table = statement.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split(' ').next());
        let index = statement.strip_prefix("CREATE INDEX ").and_then(|rest| Some((rest, rest.split(" ON ").nth(1)?.split(' ').next()?)));
        if table.is_some_and(is_part) {
            connection.execute_batch(&statement.replacen("CREATE TABLE", "CREATE TEMP TABLE", 1))?;
        } else if let Some((rest, _)) = index.filter(|(_, table)| is_part(table)) {
            connection.execute_batch(&format!("CREATE INDEX temp.{rest}"))?;
        }
    }
    restrict_readings(connection)?;
    make_views(connection)
}

/// Readings are not copied: who reads them names the indicators whose he reads, and by these and the systems they are found.
fn restrict_readings(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("CREATE TEMP VIEW readings AS SELECT r.* FROM main.readings r WHERE r.system {IS_CHOSEN}"))
}

/// Chooses the systems of a connection that is restricted. Nothing of them is there before it is copied.
///
/// # Errors
/// What SQLite reports.
pub fn choose<'s>(connection: &Connection, systems: impl IntoIterator<Item = &'s String>) -> rusqlite::Result<()> {
    for table in PARTS.iter().map(|part| part.table).chain(["chosen_systems"]) {
        connection.prepare_cached(&format!("DELETE FROM temp.{table}"))?.execute([])?;
    }
    let mut insert = connection.prepare_cached("INSERT INTO temp.chosen_systems (system) VALUES (?1)")?;
    systems.into_iter().try_for_each(|system| insert.execute([system]).map(drop))
}

/// Copies of these tables what belongs to the chosen systems, unless `copied` says that it was done, and notes it there.
///
/// # Errors
/// What SQLite reports.
pub fn copy(connection: &Connection, tables: &BTreeSet<String>, copied: &mut BTreeSet<&'static str>) -> rusqlite::Result<()> {
    let lists = || PARTS.iter().filter(|part| tables.contains(part.table));
    let is_wanted = |part: &Part| tables.contains(part.table) || lists().any(|list| list.records == Some(part.table));
    for part in PARTS.iter().filter(|part| is_wanted(part)) {
        if copied.insert(part.table) {
            connection.prepare_cached(&part.copy)?.execute([])?;
        }
    }
    Ok(())
}

/// Views over records alone that many indicators read whole: computing them takes longer than reading what was computed. And their indexes.
const SHARED: [(&str, &[&str]); 3] = [("judged_measurements", &["system, family"]), ("assessed_models", &[]), ("same_cases", &["source, id", "case_key"])];

/// Whether a view is computed once for all indicators that read it.
pub fn is_shared(view: &str) -> bool {
    SHARED.iter().any(|(shared, _)| *shared == view)
}

/// Makes tables for what [`compute`] computes once for all indicators that read it. Until then they are empty.
///
/// # Errors
/// What SQLite reports.
pub fn share(connection: &Connection) -> rusqlite::Result<()> {
    for (view, indexes) in SHARED {
        connection.execute_batch(&format!("CREATE TEMP TABLE {view} AS SELECT * FROM main.{view} LIMIT 0"))?;
        for (number, columns) in indexes.iter().enumerate() {
            connection.execute_batch(&format!("CREATE INDEX temp.{view}_{number} ON {view} ({columns})"))?;
        }
    }
    make_views(connection)
}

/// Computes those of these views that are shared, unless `computed` says that it was done, and notes it there.
///
/// # Errors
/// What SQLite reports.
pub fn compute(connection: &Connection, views: &BTreeSet<String>, computed: &mut BTreeSet<&'static str>) -> rusqlite::Result<()> {
    for view in SHARED.map(|(view, _)| view).into_iter().filter(|view| views.contains(*view)) {
        if computed.insert(view) {
            connection.prepare_cached(&format!("INSERT INTO temp.{view} SELECT * FROM main.{view}"))?.execute([])?;
        }
    }
    Ok(())
}

/// Shows these rows as the table `sources`.
///
/// # Errors
/// What SQLite reports.
pub fn show_sources(connection: &Connection, rows: &[SourceRow]) -> rusqlite::Result<()> {
    stand_before(connection, "sources")?;
    replace_sources(connection, rows)
}

/// Shows these rows as the table `plan_checks`.
///
/// # Errors
/// What SQLite reports.
pub fn show_plan_checks(connection: &Connection, rows: &[PlanCheckRow]) -> rusqlite::Result<()> {
    stand_before(connection, "plan_checks")?;
    replace_plan_checks(connection, rows)
}

/// Shows the table `readings` as it would be if these were stored. Without any, the table itself is read, and nothing is in between.
///
/// # Errors
/// What SQLite reports.
pub fn show_unstored(connection: &Connection, rows: &[UnstoredReading]) -> rusqlite::Result<()> {
    let restricted = has(connection, "chosen_systems")?;
    if !has(connection, UNSTORED[0])? {
        if rows.is_empty() {
            return Ok(());
        }
        let readings = like(definition("readings"), "readings", UNSTORED[0]);
        connection.execute_batch(&readings)?;
        connection.execute_batch("CREATE TEMP TABLE gone_readings (indicator TEXT NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (indicator, labels)) STRICT")?;
        connection.execute_batch(&overlay(restricted))?;
        make_views(connection)?;
    } else if rows.is_empty() {
        connection.execute_batch("DROP VIEW temp.readings; DROP TABLE temp.unstored_readings; DROP TABLE temp.gone_readings")?;
        if restricted {
            restrict_readings(connection)?;
        }
        return Ok(());
    }
    UNSTORED.iter().try_for_each(|table| connection.execute(&format!("DELETE FROM temp.{table}"), []).map(drop))?;
    rows.iter().try_for_each(|row| insert_unstored(connection, row))
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

fn insert_unstored(connection: &Connection, row: &UnstoredReading) -> rusqlite::Result<()> {
    let row = match row {
        UnstoredReading::Holds(row) => row,
        UnstoredReading::Gone { indicator, labels } => {
            let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO temp.gone_readings (indicator, labels) VALUES (?1, ?2)")?;
            return insert.execute([indicator, labels]).map(drop);
        }
    };
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO temp.unstored_readings (indicator, labels, system, model, version, feature, attribute, value, since, per_seconds,
                                                        state, state_from, known_state, known_from)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert
        .execute(params![
            row.indicator,
            row.labels,
            row.system,
            row.model,
            row.version,
            row.feature,
            row.attribute,
            row.value,
            row.since,
            row.per_seconds,
            row.state,
            row.state_from,
            row.known_state,
            row.known_from
        ])
        .map(drop)
}

/// Makes an empty table of this name and definition that stands before the one of the database, unless there is one.
fn stand_before(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    if has(connection, table)? {
        return Ok(());
    }
    connection.execute_batch(&like(definition(table), table, table))?;
    make_views(connection)
}

/// Makes every view of the database again, unless that was done.
fn make_views(connection: &Connection) -> rusqlite::Result<()> {
    views().iter().try_for_each(|view| connection.execute_batch(&format!("CREATE TEMP VIEW IF NOT EXISTS {} AS\n{}", view.name, view.sql)))
}

fn has(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM temp.sqlite_schema WHERE name = ?1")?.exists([name])
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
    use crate::store::tables::views;

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
