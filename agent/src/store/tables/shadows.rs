//! Temporary tables and views that stand before those of the database, on one connection and for it alone.
//!
//! In SQLite a name means what `temp` has of that name, and only else what the database has. So an indicator's SQL, unchanged, reads what the agent
//! shows it: sources and plan checks as they are in memory, readings that could not be stored, and the records of some systems only. Views of the
//! database never see `temp`, which is why each of them is made again on top.

use rusqlite::{Connection, params};

use super::{Dialect, OTHER_TABLES, PlanCheckRow, SHAPES, SourceRow, UnstoredReading, adapted, replace_plan_checks, replace_sources, views};

/// The table of the systems that are chosen.
const CHOSEN: &str = "CREATE TEMP TABLE chosen_systems (system TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID";

/// Selects what belongs to a chosen system.
const IS_CHOSEN: &str = "IN (SELECT c.system FROM temp.chosen_systems c)";

/// Readings that are not stored, and the keys of stored ones that are no more.
const UNSTORED: [&str; 2] = ["unstored_readings", "gone_readings"];

/// Restricts all that follows on this connection to the systems of [`choose`]; none at first.
///
/// A record is there when it belongs to a chosen system, an item of a list when its record is. Tables that know no systems stay whole.
///
/// # Errors
/// What SQLite reports.
pub fn restrict(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(CHOSEN)?;
    for shape in SHAPES {
        let system = match shape.name {
            "system" => "id",
            _ if shape.belongs_to_system => "system",
            _ => continue,
        };
        let table = shape.table;
        connection.execute_batch(&format!("CREATE TEMP VIEW {table} AS SELECT r.* FROM main.{table} r WHERE r.{system} {IS_CHOSEN}"))?;
        for list in shape.lists {
            connection.execute_batch(&format!(
                "CREATE TEMP VIEW {list} AS SELECT l.* FROM main.{table} r JOIN main.{list} l ON l.source = r.source AND l.id = r.id
                 WHERE r.{system} {IS_CHOSEN}",
                list = list.table
            ))?;
        }
    }
    restrict_readings(connection)?;
    make_views(connection)
}

fn restrict_readings(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("CREATE TEMP VIEW readings AS SELECT r.* FROM main.readings r WHERE r.system {IS_CHOSEN}"))
}

/// Chooses the systems of a connection that is restricted.
///
/// # Errors
/// What SQLite reports.
pub fn choose<'s>(connection: &Connection, systems: impl IntoIterator<Item = &'s String>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM temp.chosen_systems", [])?;
    let mut insert = connection.prepare_cached("INSERT INTO temp.chosen_systems (system) VALUES (?1)")?;
    systems.into_iter().try_for_each(|system| insert.execute([system]).map(drop))
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
