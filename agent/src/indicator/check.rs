//! Proving an indicator's SQL before it is ever run: it prepares on empty tables, is one read-only SELECT that runs on both engines, binds
//! only what is declared, reads what `reads:` says and nothing else, and its columns keep the contract.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection, Error, Statement,
    hooks::{AuthAction, AuthContext, Authorization},
};

use super::{Columns, Own, Parameter, Reads, catalogue::Place};
use crate::{
    document::Mistakes,
    record::SHAPES,
    store::tables::{Dialect, View, create_statements, views},
    threshold::Rule,
};

/// Functions that both engines have with the same meaning. Those that read the clock or the dice are left out for another reason: a reading
/// must follow from records, `:now` and `:today` alone.
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "coalesce",
    "count",
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "length",
    "lower",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "rank",
    "replace",
    "row_number",
    "substr",
    "sum",
    "trim",
    "upper",
];

/// Tables that hold no records and may always be read.
const FREE_TABLES: &[&str] = &["attributes", "doubts"];

/// How the names of SQLite's own tables begin, those about itself and those out of functions.
const SQLITES_OWN: &[&str] = &["sqlite_", "pragma_", "json_"];

/// Names of placeholders that every SQL may use.
const MOMENTS: &[&str] = &["now", "today"];

/// An empty database with the real tables, on which SQL is tried.
pub(super) struct Checker {
    connection: Connection,
    seen: Arc<Mutex<Seen>>,
}

/// What preparing a statement touched.
#[derive(Debug, Default)]
struct Seen {
    tables: BTreeSet<String>,
    refused: Option<String>,
}

/// What is known of SQL that passed.
pub(super) struct Checked {
    pub(super) columns: Arc<Columns>,
    pub(super) placeholders: Vec<String>,
    /// The views that it reads, directly or through other views, in the order of their making.
    pub(super) views: Vec<&'static View>,
    /// Every table that it reads, by itself or through views.
    pub(super) tables: BTreeSet<String>,
}

impl Checker {
    pub(super) fn new() -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let open = || {
            let mut connection = Connection::open_in_memory()?;
            for statement in create_statements(Dialect::Sqlite) {
                connection.execute_batch(&statement)?;
            }
            connection.authorizer(Some(move |context: AuthContext<'_>| noted.lock().unwrap_or_else(PoisonError::into_inner).note(&context.action)))?;
            Ok::<_, Error>(connection)
        };
        Self { connection: open().expect("the record tables can be made in memory; a test does"), seen }
    }

    /// Checks one indicator's SQL, and `reads` where they could be read; what is wrong goes to `mistakes`.
    pub(super) fn check(&self, place: &Place<'_>, sql: &str, parameters: &[Parameter], reads: Option<&Vec<Reads>>, mistakes: &mut Mistakes) -> Option<Checked> {
        self.take_seen();
        let statement = match self.connection.prepare(sql) {
            Ok(statement) => statement,
            Err(error) => {
                let expected = self.take_seen().refused.unwrap_or_else(|| message(&error));
                let mut mistake = place.mistake("sql", expected);
                mistake.line = mistake.line.map(|line| line + lines_before(&error));
                mistakes.push(mistake);
                return None;
            }
        };
        let before = mistakes.len();
        if !statement.readonly() || statement.column_count() == 0 || statement.is_explain() != 0 {
            mistakes.push(place.mistake("sql", "one SELECT"));
            return None;
        }
        let placeholders = placeholders(place, &statement, parameters, mistakes);
        let tables = self.take_seen().tables;
        if let Some(reads) = reads {
            compare_reads(place, &tables, reads, mistakes);
        }
        let names: Vec<_> = statement.column_names().map(str::to_owned).collect();
        let columns = Columns::parse(&names).map_err(|wrong| wrong.into_iter().for_each(|expected| mistakes.push(place.mistake("sql", expected)))).ok()?;
        if columns.has_due_at() && !placeholders.iter().any(|name| name == "now") {
            mistakes.push(place.mistake("sql", "`due_at` only beside `:now`: time changes nothing of what does not depend on it"));
        }
        // SQLite reports what a view reads as well, other views among it.
        let views = views().iter().filter(|view| tables.contains(&view.name)).collect();
        (mistakes.len() == before).then(|| Checked { columns: Arc::new(columns), placeholders, views, tables })
    }

    fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    fn note(&mut self, action: &AuthAction<'_>) -> Authorization {
        match action {
            AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
            AuthAction::Read { table_name, .. } if !SQLITES_OWN.iter().any(|prefix| table_name.starts_with(prefix)) => {
                self.tables.insert((*table_name).to_owned());
                Authorization::Allow
            }
            AuthAction::Read { table_name, .. } => {
                self.refused = Some(format!("record tables; not {table_name}"));
                Authorization::Deny
            }
            AuthAction::Function { function_name } if FUNCTIONS.contains(&function_name.to_lowercase().as_str()) => Authorization::Allow,
            AuthAction::Function { function_name } => {
                self.refused = Some(format!("functions that SQLite and PostgreSQL share: {}; not {function_name}", FUNCTIONS.join(", ")));
                Authorization::Deny
            }
            _ => {
                self.refused.get_or_insert_with(|| "one SELECT; anything else is refused".to_owned());
                Authorization::Deny
            }
        }
    }
}

/// SQLite's own words for what is wrong.
fn message(error: &Error) -> String {
    match error {
        Error::SqlInputError { msg, .. } => format!("SQL that SQLite can prepare: {msg}"),
        Error::MultipleStatement => "one statement".to_owned(),
        error => format!("SQL that SQLite can prepare: {error}"),
    }
}

/// How many lines of the SQL come before the place that an error points at. The text of a YAML block begins on the line after its `|`, which
/// is the line that the node has.
fn lines_before(error: &Error) -> usize {
    match error {
        Error::SqlInputError { sql, offset, .. } => {
            usize::try_from(*offset).map_or(0, |offset| sql.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count())
        }
        _ => 0,
    }
}

fn placeholders(place: &Place<'_>, statement: &Statement<'_>, parameters: &[Parameter], mistakes: &mut Mistakes) -> Vec<String> {
    let mut names = Vec::new();
    for position in 1..=statement.parameter_count() {
        match statement.parameter_name(position).and_then(|name| name.strip_prefix(':')) {
            Some(name) if MOMENTS.contains(&name) || parameters.iter().any(|parameter| parameter.name == name) => names.push(name.to_owned()),
            Some(name) => mistakes.push(place.mistake("sql", format!("`:{name}` to be declared under `parameters`"))),
            None => mistakes.push(place.mistake("sql", "placeholders with a name: `:today`")),
        }
    }
    for (position, parameter) in parameters.iter().enumerate() {
        if !names.contains(&parameter.name) || MOMENTS.contains(&parameter.name.as_str()) {
            mistakes.push(place.mistake(&format!("parameters[{position}].name"), "a name that the SQL uses, other than `now` and `today`"));
        }
    }
    names
}

/// `reads:` decides when readings are unknown, so it must be neither more nor less than what is read.
fn compare_reads(place: &Place<'_>, tables: &BTreeSet<String>, reads: &[Reads], mistakes: &mut Mistakes) {
    let read: BTreeSet<_> = tables.iter().filter_map(|table| feeding(table)).collect();
    let declared: BTreeSet<_> = reads
        .iter()
        .map(|reads| match reads {
            Reads::Records { feed, .. } => feed.table(),
            Reads::Own(own) => own.table(),
        })
        .collect();
    for table in read.difference(&declared) {
        mistakes.push(place.mistake("reads", format!("`{table}`, which the SQL reads")));
    }
    for table in declared.difference(&read) {
        mistakes.push(place.mistake("reads", format!("no `{table}`, which the SQL doesn't read")));
    }
}

/// The table of `reads:` whose sources decide what is in `table`. A view counts through the tables that it reads, which SQLite reports too.
fn feeding(table: &str) -> Option<&'static str> {
    match table {
        "system_names" => Some("systems"),
        table if FREE_TABLES.contains(&table) => None,
        table if let Some(own) = Own::ALL.into_iter().find(|own| own.table() == table) => Some(own.table()),
        table => SHAPES.iter().find(|shape| shape.table == table || shape.lists.iter().any(|list| list.table == table)).map(|shape| shape.table),
    }
}

/// Rules may use facts that the SQL yields, and select by its labels or by what is known of a system.
pub(super) fn rules(place: &Place<'_>, rules: &[Rule], columns: &Columns, mistakes: &mut Mistakes) {
    let systems = crate::record::shape::by_name("system").expect("the shape table has systems");
    for (position, rule) in rules.iter().enumerate() {
        let path = |field: &str| format!("thresholds[{position}].{field}");
        let conditions = [("value", Some(&rule.value)), ("clear", rule.clear.as_ref())];
        for (field, fact) in conditions
            .into_iter()
            .flat_map(|(field, condition)| condition.into_iter().flat_map(move |condition| condition.facts().map(move |fact| (field, fact))))
        {
            if !columns.facts().iter().any(|known| known == fact) {
                mistakes.push(place.mistake(&path(field), format!("facts that the SQL yields: {}", columns.facts().join(", "))));
            }
        }
        for fact in rule.and.iter().flat_map(|(fact, condition)| [fact.as_str()].into_iter().chain(condition.facts())) {
            if !columns.facts().iter().any(|known| known == fact) {
                mistakes.push(place.mistake(&path("and"), format!("facts that the SQL yields: {}", columns.facts().join(", "))));
            }
        }
        for name in rule.when.names() {
            if !columns.labels().iter().any(|label| label == name) && systems.field(name).is_none() {
                mistakes.push(place.mistake(&path(&format!("when.{name}")), format!("a label ({}) or a field of systems", columns.labels().join(", "))));
            }
        }
    }
}
