//! The tables that indicators read, made from the table of record shapes.
//!
//! Their definitions for SQLite and PostgreSQL, and what fills the ones that no record fills. The store's own tables (versions, history,
//! evidence) are not here.

#[cfg(test)]
mod chi_square;
pub(super) mod relatives;
mod views;

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    Error,
    sql::{Cell, Database},
};
use crate::record::{Field, Kind, Presence, SHAPES, Shape};

pub use views::{View, views};

/// The SQL engines that the record tables live in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

/// One row of the table `sources`: what the agent knows of a source at the time of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The source's name.
    pub name: String,
    /// Its connector.
    pub connector: String,
    /// The connector's kind: `model_registry`, `data_pipeline`, `incident_tracker`, `register_file`, `metric_report`, ...
    pub kind: String,
    /// The planned interval between two polls; for a cron expression its longest gap.
    pub interval_seconds: i64,
    /// After how long without a complete poll it is stale.
    pub stale_after_seconds: i64,
    /// The last complete poll, epoch seconds; `None`: it was never read.
    pub last_success_at: Option<i64>,
}

#[cfg(test)]
impl SourceRow {
    /// A source that was never read.
    pub(crate) fn unread(name: &str) -> Self {
        let (connector, kind) = ("records".to_owned(), "register_file".to_owned());
        Self { name: name.to_owned(), connector, kind, interval_seconds: 300, stale_after_seconds: 900, last_success_at: None }
    }
}

/// One row of the table `plan_checks`: what was found for an entry of the monitoring plan. Counts are counts of series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanCheckRow {
    /// The source of the plan entry.
    pub source: String,
    /// The plan entry.
    pub id: String,
    /// Series that the entry expands to.
    pub series: i64,
    /// Those of them without a value.
    pub missing: i64,
    /// Those whose value is older than the entry allows.
    pub outdated: i64,
    /// Those that no limit judges, or another one than planned.
    pub without_limit: i64,
    /// Those that no alert rule refers to.
    pub without_alert: i64,
    /// Those that no dashboard panel queries.
    pub without_panel: i64,
    /// Why the entry can't be checked at all.
    pub flaw: Option<String>,
}

/// One row of the table `readings`: the reading of an indicator that holds, as indicators that read readings see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadingRow {
    /// The indicator's id.
    pub indicator: String,
    /// Labels as a JSON object with sorted names.
    pub labels: String,
    /// The label of this name, if it has one; and so the next four.
    pub system: Option<String>,
    /// The label `model`.
    pub model: Option<String>,
    /// The label `version`.
    pub version: Option<String>,
    /// The label `feature`.
    pub feature: Option<String>,
    /// The label `attribute`.
    pub attribute: Option<String>,
    /// The value; `None` while unknown, and for clocks.
    pub value: Option<f64>,
    /// For a clock: since when it runs, epoch seconds.
    pub since: Option<i64>,
    /// For a clock: how many seconds make one.
    pub per_seconds: Option<f64>,
    /// `ok`, `warning`, `breach` or `unknown`.
    pub state: String,
    /// From when the state holds, epoch seconds.
    pub state_from: i64,
    /// The last state other than `unknown`.
    pub known_state: Option<String>,
    /// From when that one holds or held, epoch seconds.
    pub known_from: Option<i64>,
}

/// A reading that could not be stored.
#[derive(Debug, Clone, PartialEq)]
pub enum UnstoredReading {
    /// This holds, whatever is stored.
    Holds(Box<ReadingRow>),
    /// It is no more, though one is stored.
    Gone {
        /// The indicator's id.
        indicator: String,
        /// Labels as a JSON object with sorted names.
        labels: String,
    },
}

/// The columns of the table `readings` that hold a label of the same name, so that SQL need not look into `labels`.
pub const READING_LABELS: [&str; 5] = ["system", "model", "version", "feature", "attribute"];

/// Every statement that makes the tables, in order: tables first, then views and indexes.
pub fn create_statements(dialect: Dialect) -> Vec<String> {
    // PostgreSQL drops no view that another one reads.
    let mut statements: Vec<_> = views().iter().rev().map(|view| format!("DROP VIEW IF EXISTS {}", view.name)).collect();
    statements.extend(SHAPES.iter().flat_map(|shape| shape_tables(dialect, shape)));
    statements.extend(OTHER_TABLES.iter().map(|table| adapted(dialect, table)));
    statements.extend(views().iter().map(|view| format!("CREATE VIEW {} AS\n{}", view.name, view.sql)));
    statements.extend(SHAPES.iter().flat_map(list_indexes));
    statements.extend(SHAPES.iter().filter(|shape| shape.belongs_to_system).map(stranger_index));
    statements.extend(INDEXES.iter().map(|index| (*index).to_owned()));
    statements
}

/// Has the views of these names say this from now on, whatever they said. In a database that nothing else depends on.
///
/// # Errors
/// What the database reports; some of the views are others by then.
pub fn replace_views(database: &dyn Database, views: &BTreeMap<&str, &str>) -> Result<(), Error> {
    for (name, sql) in views {
        if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            return Err(Error::Database(format!("`{name}` is no name of a view").into()));
        }
        // Each by itself: the texts may come from a store that anybody has written to.
        database.execute(&format!("DROP VIEW IF EXISTS {name}"), &[])?;
        database.execute(&format!("CREATE VIEW {name} AS\n{sql}"), &[])?;
    }
    Ok(())
}

/// Digest of such statements: by it tables and views of another release are known.
pub fn definition(statements: &[String]) -> String {
    crate::record::Digest::of(statements.join("\n").as_bytes()).to_string()
}

/// The columns of a shape's table: `source`, `id`, `url`, `observed_at`, for shapes that belong to a system `system` and `upstream_key`, then the fields.
pub fn columns(shape: &Shape) -> Vec<&'static str> {
    let mut columns = vec!["source", "id", "url", "observed_at"];
    if shape.belongs_to_system {
        columns.extend(["system", "upstream_key"]);
    }
    columns.extend(shape.fields.iter().map(|field| field.name));
    columns
}

/// Replaces the rows of the table `sources`.
///
/// # Errors
/// What the database reports.
pub(super) fn replace_sources(database: &dyn Database, rows: &[SourceRow]) -> Result<(), Error> {
    database.execute("DELETE FROM sources", &[])?;
    let insert = "INSERT INTO sources (name, connector, kind, interval_seconds, stale_after_seconds, last_success_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for SourceRow { name, connector, kind, interval_seconds, stale_after_seconds, last_success_at } in rows {
        let (interval, stale_after) = ((*interval_seconds).into(), (*stale_after_seconds).into());
        database.execute(insert, &[name.into(), connector.into(), kind.into(), interval, stale_after, (*last_success_at).into()])?;
    }
    Ok(())
}

/// Replaces the rows of the table `plan_checks`.
///
/// # Errors
/// What the database reports.
pub(super) fn replace_plan_checks(database: &dyn Database, rows: &[PlanCheckRow]) -> Result<(), Error> {
    database.execute("DELETE FROM plan_checks", &[])?;
    let insert = "INSERT INTO plan_checks (source, id, series, missing, outdated, without_limit, without_alert, without_panel, flaw)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    for PlanCheckRow { source, id, series, missing, outdated, without_limit, without_alert, without_panel, flaw } in rows {
        let [series, missing, outdated, limit, alert, panel] =
            [series, missing, outdated, without_limit, without_alert, without_panel].map(|count| Cell::Integer(*count));
        let values = [source.into(), id.into(), series, missing, outdated, limit, alert, panel, flaw.as_ref().into()];
        database.execute(insert, &values)?;
    }
    Ok(())
}

/// Tables that belong to no single shape, in PostgreSQL's types.
pub(super) const OTHER_TABLES: &[&str] = &[
    "CREATE TABLE attributes (shape TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, attribute_key TEXT NOT NULL, content TEXT, \
     number DOUBLE PRECISION, PRIMARY KEY (shape, source, id, attribute_key))",
    "CREATE TABLE doubts (shape TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL, content TEXT)",
    "CREATE TABLE system_names (name TEXT NOT NULL PRIMARY KEY, system TEXT NOT NULL)",
    "CREATE TABLE sources (name TEXT NOT NULL PRIMARY KEY, connector TEXT NOT NULL, kind TEXT NOT NULL, interval_seconds BIGINT NOT NULL, \
     stale_after_seconds BIGINT NOT NULL, last_success_at BIGINT)",
    "CREATE TABLE readings (indicator TEXT NOT NULL, labels TEXT NOT NULL, system TEXT, model TEXT, version TEXT, feature TEXT, attribute TEXT, \
     value DOUBLE PRECISION, since BIGINT, per_seconds DOUBLE PRECISION, state TEXT NOT NULL, state_from BIGINT NOT NULL, known_state TEXT, known_from BIGINT, PRIMARY KEY (indicator, labels))",
    "CREATE TABLE plan_checks (source TEXT NOT NULL, id TEXT NOT NULL, series BIGINT NOT NULL, missing BIGINT NOT NULL, outdated BIGINT NOT NULL, \
     without_limit BIGINT NOT NULL, without_alert BIGINT NOT NULL, without_panel BIGINT NOT NULL, flaw TEXT, PRIMARY KEY (source, id))",
];

/// What makes the catalogue's queries fast, and for every table with a system the records of a few systems quick to find.
const INDEXES: &[&str] = &[
    "CREATE INDEX systems_id ON systems (id)",
    "CREATE INDEX pipelines_system ON pipelines (system)",
    "CREATE INDEX runs_system ON runs (system)",
    "CREATE INDEX reviews_system ON reviews (system, kind)",
    "CREATE INDEX cases_system ON cases (system, kind)",
    "CREATE INDEX event_logs_system ON event_logs (system)",
    "CREATE INDEX acceptances_system ON acceptances (system)",
    "CREATE INDEX objectives_system ON objectives (system)",
    "CREATE INDEX plan_entries_system ON plan_entries (system)",
    "CREATE INDEX model_versions_system ON model_versions (system, model)",
    "CREATE INDEX model_versions_running ON model_versions (system, model, version, promoted_at) WHERE in_production = 1",
    "CREATE INDEX reviews_kind ON reviews (kind, system, due)",
    "CREATE INDEX reviews_person ON reviews (person, kind) WHERE person IS NOT NULL",
    "CREATE INDEX cases_kind ON cases (kind, is_open, system)",
    "CREATE INDEX cases_id ON cases (id, kind, source)",
    "CREATE INDEX cases_url ON cases (url, kind, source) WHERE url IS NOT NULL",
    "CREATE INDEX cases_reference ON cases (kind, source, reference, id) WHERE reference IS NOT NULL",
    "CREATE INDEX cases_referring ON cases (reference, kind) WHERE reference IS NOT NULL",
    "CREATE INDEX cases_parent ON cases (parent) WHERE parent IS NOT NULL",
    "CREATE INDEX runs_pipeline ON runs (source, pipeline, outcome, ended_at)",
    "CREATE INDEX runs_checked ON runs (source, pipeline, system) \
     WHERE coalesce(checks_executed, checks_passed, checks_failed_warn, checks_failed_error) IS NOT NULL",
    "CREATE INDEX measurements_system ON measurements (system, version, model, family, method, attribute)",
    "CREATE INDEX readings_system ON readings (indicator, system, state)",
    "CREATE INDEX doubts_record ON doubts (shape, source, id)",
];

fn shape_tables(dialect: Dialect, shape: &Shape) -> Vec<String> {
    let mut table = format!("CREATE TABLE {} (source TEXT NOT NULL, id TEXT NOT NULL, url TEXT, observed_at BIGINT NOT NULL", shape.table);
    if shape.belongs_to_system {
        table.push_str(", system TEXT, upstream_key TEXT");
    }
    for field in shape.fields {
        let _ = write!(table, ", {} {}{}", field.name, sql_type(field.kind), null(field));
    }
    table.push_str(", PRIMARY KEY (source, id))");
    let list = |list: &crate::record::List| {
        let columns: String = list.columns.iter().map(|column| format!(", {column} TEXT NOT NULL")).collect();
        format!("CREATE TABLE {} (source TEXT NOT NULL, id TEXT NOT NULL{columns})", list.table)
    };
    [table].into_iter().chain(shape.lists.iter().map(list)).map(|table| adapted(dialect, &table)).collect()
}

fn list_indexes(shape: &Shape) -> impl Iterator<Item = String> {
    shape.lists.iter().map(|list| format!("CREATE INDEX {0}_record ON {0} (source, id)", list.table))
}

/// Records whose upstream key names no system are few and looked for often.
fn stranger_index(shape: &Shape) -> String {
    format!("CREATE INDEX {0}_strangers ON {0} (source, upstream_key) WHERE system IS NULL AND upstream_key IS NOT NULL", shape.table)
}

fn sql_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Word(_) | Kind::Severity => "TEXT",
        Kind::Integer | Kind::Boolean | Kind::Time | Kind::PastTime | Kind::Day => "BIGINT",
        Kind::Real => "DOUBLE PRECISION",
    }
}

fn null(field: &Field) -> &'static str {
    match field.presence {
        Presence::Required | Presence::Default(_) => " NOT NULL",
        Presence::Optional | Presence::Derived | Presence::DayOf(_) => "",
    }
}

/// SQLite's strict tables refuse a value of the wrong type, as PostgreSQL does; their types have other names.
pub(super) fn adapted(dialect: Dialect, table: &str) -> String {
    match dialect {
        Dialect::Postgres => table.to_owned(),
        Dialect::Sqlite => format!("{} STRICT", table.replace(" BIGINT", " INTEGER").replace(" DOUBLE PRECISION", " REAL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Sqlite;

    #[test]
    fn the_records_of_a_system_are_found_by_an_index() {
        let database: &dyn Database = &Sqlite::with_record_tables().unwrap();
        for shape in SHAPES.iter().filter(|shape| shape.belongs_to_system) {
            // The fourth column is what it does, in words.
            let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM {} WHERE system IN ('a', 'b')", shape.table);
            let plan: String = database.one(&sql, &[], |row| row.get(3)).unwrap();
            assert!(plan.starts_with(&format!("SEARCH {} USING INDEX", shape.table)), "{plan}");
        }
    }

    #[test]
    fn the_tables_can_be_made_anew() {
        let database = Sqlite::with_record_tables().unwrap();
        let tables: Vec<_> = create_statements(Dialect::Sqlite)
            .iter()
            .filter_map(|statement| Some(statement.strip_prefix("CREATE TABLE ")?.split(' ').next()?.to_owned()))
            .collect();
        for table in tables {
            database.batch(&format!("DROP TABLE {table}")).unwrap();
        }
        for statement in create_statements(Dialect::Sqlite) {
            database.batch(&statement).unwrap();
        }
    }

    #[test]
    fn sources_are_replaced_whole() {
        let database: &dyn Database = &Sqlite::with_record_tables().unwrap();
        replace_sources(database, &["a", "b"].map(SourceRow::unread)).unwrap();
        replace_sources(database, &[SourceRow::unread("c")]).unwrap();
        let names: String = database.one("SELECT group_concat(name) FROM sources", &[], |row| row.get(0)).unwrap();
        assert_eq!(names, "c");
    }
}
