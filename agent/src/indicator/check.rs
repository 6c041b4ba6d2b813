//! Proving an indicator's SQL before it is ever run: it prepares on empty tables, is one read-only SELECT that runs on both engines, binds
//! only what is declared, reads what `reads:` says and nothing else, and its columns keep the contract.

use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Columns, Indicator, Own, Parameter, Reads, catalogue::Place};
use crate::{
    document::{Mistakes, one_of},
    record::{Digest, SHAPES},
    store::{
        sqlite::{Inspected, Inspector, Refused, Sqlite, Why},
        tables::{Dialect, View, create_statements, definition, views},
    },
    threshold::Rule,
};

/// Functions that both engines have with the same meaning. Those that read the clock or the dice are left out for another reason: a reading
/// must follow from records and the moment (`MOMENTS`) alone.
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
    "sqrt",
    "substr",
    "sum",
    "trim",
    "upper",
];

/// Tables that hold no records and may always be read.
const FREE_TABLES: &[&str] = &["attributes", "doubts"];

/// Names of placeholders that every SQL may use.
pub(super) const MOMENTS: &[&str] = &["now", "today", "today_begins_at"];

/// Tries SQL on an empty database with the real tables, which is made when something has to be tried.
pub(super) struct Checker {
    known: BTreeMap<String, Inspected>,
    inspector: LazyCell<Inspector>,
}

/// What was found of the SQL that is built in, so that not every start has to find it again. A test writes it.
#[derive(Default, Serialize, Deserialize)]
struct Known {
    /// Digest of the tables and views on which it was tried. On others nothing is known.
    tables: String,
    /// By the digest of the SQL.
    statements: BTreeMap<String, Inspected>,
}

static KNOWN: &str = include_str!("known.json");

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
        let Known { tables, statements } = serde_json::from_str(KNOWN).unwrap_or_default();
        Self::knowing(if tables == digest_of_tables() { statements } else { BTreeMap::new() })
    }

    fn knowing(known: BTreeMap<String, Inspected>) -> Self {
        let inspector: LazyCell<Inspector> = LazyCell::new(|| {
            let inspector = Sqlite::with_record_tables().and_then(|database| Inspector::new(database, may_call));
            inspector.expect("the record tables can be made in memory; a test does")
        });
        Self { known, inspector }
    }

    fn inspect(&self, sql: &str) -> Result<Inspected, Refused> {
        let known = self.known.get(&digest(sql));
        known.map_or_else(|| self.inspector.inspect(sql), |known| Ok(known.clone()))
    }

    /// Checks one indicator's SQL, and `reads` where they could be read; what is wrong goes to `mistakes`.
    pub(super) fn check(&self, place: &Place<'_>, sql: &str, parameters: &[Parameter], reads: Option<&Vec<Reads>>, mistakes: &mut Mistakes) -> Option<Checked> {
        let inspected = match self.inspect(sql) {
            Ok(inspected) => inspected,
            Err(refused) => {
                let mut mistake = place.mistake("sql", expected(refused.why));
                // The text of a YAML block begins on the line after its `|`, which is the line that the node has.
                mistake.line = mistake.line.map(|line| line + refused.lines_before);
                mistakes.push(mistake);
                return None;
            }
        };
        let before = mistakes.len();
        let tables = inspected.tables;
        let placeholders = placeholders(place, inspected.placeholders, parameters, mistakes);
        if let Some(reads) = reads {
            compare_reads(place, &tables, reads, mistakes);
        }
        let columns =
            Columns::parse(&inspected.columns).map_err(|wrong| wrong.into_iter().for_each(|expected| mistakes.push(place.mistake("sql", expected)))).ok()?;
        if columns.has_due_at() && !placeholders.iter().any(|name| name == "now") {
            mistakes.push(place.mistake("sql", "`due_at` only beside `:now`: time changes nothing of what does not depend on it"));
        }
        // SQLite reports what a view reads as well, other views among it.
        let views = views().iter().filter(|view| tables.contains(&view.name)).collect();
        (mistakes.len() == before).then(|| Checked { columns: Arc::new(columns), placeholders, views, tables })
    }
}

/// Whether SQL may call a function.
pub(super) fn may_call(function: &str) -> bool {
    FUNCTIONS.contains(&function.to_lowercase().as_str())
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

fn digest_of_tables() -> String {
    definition(&create_statements(Dialect::Sqlite))
}

/// What was expected of SQL that is refused.
pub(super) fn expected(why: Why) -> String {
    match why {
        Why::Table(table) => format!("record tables; not {table}"),
        Why::Function(function) => format!("functions that SQLite and PostgreSQL share: {}; not {function}", FUNCTIONS.join(", ")),
        Why::Deed => "one SELECT; anything else is refused".to_owned(),
        Why::Kind => "one SELECT".to_owned(),
        Why::Several => "one statement".to_owned(),
        Why::Unprepared(words) => format!("SQL that SQLite can prepare: {words}"),
    }
}

fn placeholders(place: &Place<'_>, found: Vec<Option<String>>, parameters: &[Parameter], mistakes: &mut Mistakes) -> Vec<String> {
    let mut names = Vec::new();
    let is_declared = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    let is_span = |name: &str| super::in_days(name).is_some_and(|days| is_declared(&days));
    for name in found {
        match name {
            Some(name) if MOMENTS.contains(&name.as_str()) || is_declared(&name) || is_span(&name) => names.push(name),
            Some(name) => mistakes.push(place.mistake("sql", format!("`:{name}` to be declared under `parameters`"))),
            None => mistakes.push(place.mistake("sql", "placeholders with a name: `:today`")),
        }
    }
    for (position, parameter) in parameters.iter().enumerate() {
        let is_used = names.iter().any(|name| *name == parameter.name || super::in_days(name).is_some_and(|days| days == parameter.name));
        if !is_used || MOMENTS.contains(&parameter.name.as_str()) {
            mistakes.push(place.mistake(&format!("parameters[{position}].name"), "a name that the SQL uses, other than `now`, `today` and `today_begins_at`"));
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
pub(super) fn feeding(table: &str) -> Option<&'static str> {
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
        if rule.floor.as_ref().is_some_and(|floor| !columns.facts().contains(floor)) {
            mistakes.push(place.mistake(&path("floor"), format!("a fact that the SQL yields: {}", columns.facts().join(", "))));
        }
        if let Some(floor) = rule.value.facts().find(|fact| fact.ends_with("_floor")) {
            mistakes.push(place.mistake(&path("value"), format!("limits only; write `floor: {floor}` beside it, which no override lifts")));
        }
        for name in rule.when.names() {
            if !columns.labels().iter().any(|label| label == name) && systems.field(name).is_none() {
                mistakes.push(place.mistake(&path(&format!("when.{name}")), format!("a label ({}) or a field of systems", columns.labels().join(", "))));
            }
        }
    }
}

/// Rules select by words that there can be.
pub(super) fn words(place: &Place<'_>, indicator: &Indicator, mistakes: &mut Mistakes) {
    for (position, rule) in indicator.rules.iter().enumerate() {
        for (name, words) in &rule.when.0 {
            let Some(known) = indicator.words_of(name) else { continue };
            if let Some(unknown) = words.iter().find(|word| !known.contains(*word)) {
                let expected = one_of(unknown, known.iter().map(String::as_str));
                mistakes.push(place.mistake(&format!("thresholds[{position}].when.{name}"), expected));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::Catalogue;

    /// `UPDATE_EXPECTED=1` writes it anew.
    #[test]
    fn what_is_known_is_what_would_be_found() {
        let checker = Checker::knowing(BTreeMap::new());
        let found = |sql: &str| (digest(sql), checker.inspect(sql).unwrap_or_else(|refused| panic!("{refused:?}: {sql}")));
        let catalogue = Catalogue::built_in().unwrap();
        let statements = catalogue.iter().map(|indicator| found(&indicator.sql)).collect();
        let text = serde_json::to_string_pretty(&Known { tables: digest_of_tables(), statements }).unwrap() + "\n";
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/indicator/known.json"), &text).unwrap();
        } else {
            assert!(text == KNOWN, "the SQL of the catalogue is another: UPDATE_EXPECTED=1 writes it anew");
        }
    }
}
