//! Random organisations: records of the shapes that an indicator reads, some as an organisation has them, some odd. Few systems, models and ids, so
//! that records refer to each other, and the words and numbers that the SQL compares with, so that what it looks for is there. In each organisation a
//! field has a few values only: by chance some have just those together that an indicator looks for, which independent values hardly ever are.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::MOMENT;
use crate::{
    indicator::{Indicator, Own, Reads, examples::Filled},
    record::{Field, Kind, List, Presence, SHAPES, Shape, Value, Zone},
    store::tables,
};

const DAY: i64 = 86_400;

/// Distances in days at which limits, windows and intervals of methods lie, and just past them.
const DAYS: &[i64] = &[0, 1, 7, 8, 30, 31, 90, 91, 180, 365, 366, 400];

/// Values at which limits of methods lie, and on both sides of them.
const REALS: &[f64] = &[-1.5, -0.2, 0.0, 0.04, 0.1, 0.25, 0.5, 0.8, 1.0, 1.25, 3.0, 1e6];

/// Whole numbers that are limits of nothing in particular.
const NUMBERS: &[i64] = &[-1, 0, 1, 2, 9, 10, 100, 3_600, 86_400, 1_000_000];

const SOURCES: [&str; 2] = ["x", "y"];
const MODELS: &[&str] = &["m1", "m2"];
const VERSIONS: &[&str] = &["1", "2"];
/// Texts that mean nothing.
const TEXTS: &[&str] = &["a", "b", "1", ""];
const SEVERITIES: &[&str] = &["critical", "high", "medium", "low"];
const STATES: &[&str] = &["ok", "warning", "breach", "unknown"];

/// The greatest numbers of things.
#[derive(Debug, Clone, Copy)]
pub(in crate::indicator) struct Size {
    pub(in crate::indicator) systems: usize,
    /// Records of each shape.
    pub(in crate::indicator) records: usize,
    /// Different ids of records.
    pub(in crate::indicator) ids: usize,
}

impl Size {
    pub(super) const SMALL: Self = Self { systems: 4, records: 16, ids: 6 };
}

/// An organisation as rows of the tables that an indicator reads.
pub(in crate::indicator) struct Organisation {
    pub(super) systems: Vec<String>,
    /// Every table that it may have rows in.
    pub(super) tables: Vec<&'static str>,
    pub(super) rows: Vec<(&'static str, Filled)>,
}

/// What an organisation must have to be of interest to an indicator.
pub(in crate::indicator) struct Sketch<'i> {
    indicator: &'i Indicator,
    /// The texts in the SQL and the views that it reads.
    words: Vec<String>,
    /// Those with which a column is compared, with the column.
    compared: Vec<(String, String)>,
    /// The columns of which the SQL asks whether they are NULL.
    asked_for: BTreeSet<String>,
    /// The defaults of its parameters, and what is just below.
    numbers: Vec<i64>,
}

impl<'i> Sketch<'i> {
    #[expect(clippy::cast_possible_truncation, reason = "limits in rows, days and hours are small")]
    pub(in crate::indicator) fn new(indicator: &'i Indicator) -> Self {
        let views = indicator.views().iter().map(|view| view.sql.as_str());
        let sql = [indicator.sql.as_str()].into_iter().chain(views).collect::<Vec<_>>().join("\n");
        let words: BTreeSet<_> = sql.split('\'').skip(1).step_by(2).filter(|word| word.len() <= 40 && !word.contains('\n')).collect();
        let words = words.into_iter().map(str::to_owned).collect();
        let defaults = indicator.parameters.iter().map(|parameter| parameter.default as i64);
        let numbers = NUMBERS.iter().copied().chain(defaults.flat_map(|number| [number, number - 1])).collect();
        let asked_for = sql.split(" IS NULL").map(|before| last_name(before).to_owned()).collect();
        Self { indicator, words, compared: compared(&sql), asked_for, numbers }
    }

    /// An organisation of that size at most.
    pub(in crate::indicator) fn organisation(&self, size: Size, random: &mut Rng) -> Organisation {
        let systems: Vec<_> = (1..=size.systems).map(|number| format!("s{number}")).collect();
        let mut made =
            Making { sketch: self, size, random, few: BTreeMap::new(), organisation: Organisation { systems, tables: Vec::new(), rows: Vec::new() } };
        SHAPES.iter().for_each(|shape| made.shape(shape));
        Own::ALL.into_iter().filter(|own| self.indicator.reads_own(*own)).for_each(|own| made.own(own));
        ["attributes", "doubts", "system_names"].into_iter().filter(|table| self.reads(table)).for_each(|table| made.about_records(table));
        made.organisation
    }

    fn reads(&self, table: &str) -> bool {
        self.indicator.tables.contains(table)
    }

    fn words_of(&self, column: &str) -> Vec<&str> {
        self.compared.iter().filter(|(compared, _)| compared == column).map(|(_, word)| word.as_str()).collect()
    }
}

/// The texts with which a SQL compares columns, each with its column: of `method IN ('psi', 'ks')` two.
fn compared(sql: &str) -> Vec<(String, String)> {
    let parts: Vec<_> = sql.split('\'').collect();
    let mut column = None;
    let mut found = Vec::new();
    for (before, word) in parts.chunks_exact(2).map(|part| (part[0].trim(), part[1])) {
        if before != "," {
            let compared = ["=", "<>", "NOT IN (", "IN ("].iter().find_map(|operator| before.strip_suffix(operator));
            column = compared.map(last_name);
        }
        found.extend(column.map(|column| (column.to_owned(), word.to_owned())));
    }
    found
}

/// The name at the end of a piece of SQL, without that of its table.
fn last_name(sql: &str) -> &str {
    sql.trim_end().rsplit(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default()
}

/// An organisation in the making.
struct Making<'s, 'i> {
    sketch: &'s Sketch<'i>,
    size: Size,
    random: &'s mut Rng,
    /// The values that fields have in this organisation, by table and field.
    few: BTreeMap<(&'static str, &'static str), Vec<Value>>,
    organisation: Organisation,
}

/// Fills the days of times that a row has, as the store does.
fn derive_days(shape: &Shape, row: &mut Filled) {
    for field in shape.fields {
        let Presence::DayOf(times) = field.presence else { continue };
        let time = |name: &&str| row.iter().find(|(column, _)| column == name).and_then(|(_, value)| value.as_integer());
        let day = times.iter().find_map(time).map_or(Value::Null, |time| Value::Integer(Zone::UTC.day_of(time)));
        row.push((field.name, day));
    }
}

impl Making<'_, '_> {
    /// Records of a shape, with their lists, if the indicator reads one of its tables.
    fn shape(&mut self, shape: &'static Shape) {
        let lists: Vec<_> = shape.lists.iter().filter(|list| self.sketch.reads(list.table)).collect();
        if !self.sketch.reads(shape.table) && lists.is_empty() {
            return;
        }
        self.organisation.tables.push(shape.table);
        self.organisation.tables.extend(lists.iter().map(|list| list.table));
        let is_system = shape.name == "system";
        // An id names one system, whatever the source.
        let count = match self.random.u8(0..8) {
            _ if is_system => self.size.systems,
            0 => self.random.usize(0..3),
            _ => self.random.usize(self.size.records / 2..=self.size.records),
        };
        for position in 0..count {
            let source = self.one_of(&SOURCES);
            let id = if is_system { format!("s{}", position + 1) } else { self.id(shape.name) };
            let mut row: Filled = vec![("source", text(source)), ("id", text(&id)), ("url", self.perhaps(Self::reference)), ("observed_at", self.time())];
            if shape.belongs_to_system {
                let system = (self.random.u8(0..4) > 0).then(|| format!("s{}", self.random.usize(1..=self.size.systems)));
                let key = if system.is_some() || self.random.bool() { text("key") } else { Value::Null };
                row.extend([("system", system.map_or(Value::Null, Value::Text)), ("upstream_key", key)]);
            }
            let fields = shape.fields.iter().filter(|field| !matches!(field.presence, Presence::DayOf(_)));
            row.extend(fields.map(|field| (field.name, self.value(shape, field))));
            derive_days(shape, &mut row);
            self.organisation.rows.push((shape.table, row));
            lists.iter().for_each(|list| self.items(list, source, &id));
        }
    }

    fn items(&mut self, list: &List, source: &str, id: &str) {
        for _ in 0..self.random.usize(0..3) {
            let cell = |making: &mut Self, column: &str| match column {
                "model" => text(making.one_of(MODELS)),
                "version" => text(making.one_of(&["1", "2", ""])),
                "system_key" => Value::Text(format!("{}s{}", making.one_of(&["", "aims:"]), making.random.usize(1..=making.size.systems))),
                column => making.text(column),
            };
            let named = [("source", text(source)), ("id", text(id))];
            let row = named.into_iter().chain(list.columns.iter().map(|column| (*column, cell(self, column)))).collect();
            self.organisation.rows.push((list.table, row));
        }
    }

    /// What a field holds: one of the few values that it has in this organisation, unless it says what the record is or refers to another.
    fn value(&mut self, shape: &Shape, field: &'static Field) -> Value {
        if shape.kind_field == Some(field.name) || ["model", "version", "pipeline", "parent", "reference"].contains(&field.name) {
            return self.any_value(shape, field);
        }
        let key = (shape.table, field.name);
        if !self.few.contains_key(&key) {
            let count = self.random.usize(1..=2);
            let values = (0..count).map(|_| self.any_value(shape, field)).collect();
            self.few.insert(key, values);
        }
        let values = &self.few[&key];
        values[self.random.usize(..values.len())].clone()
    }

    /// What a field may hold: nothing, the default, or something of its kind.
    fn any_value(&mut self, shape: &Shape, field: &Field) -> Value {
        match field.presence {
            Presence::Optional | Presence::Derived if self.is_absent(field.name) => return Value::Null,
            // What is out of scope or retired is left out of nearly everything.
            Presence::Default(_) if field.name == "in_scope" => return Value::Integer(i64::from(self.random.u8(0..8) > 0)),
            Presence::Default(default) if field.name != "in_production" && self.random.bool() => {
                return if field.kind == Kind::Boolean { Value::Integer(i64::from(default == "1")) } else { text(default) };
            }
            _ => {}
        }
        match field.kind {
            Kind::Word(words) if shape.kind_field == Some(field.name) => {
                let read = |kind: &&&str| self.sketch.indicator.reads.iter().filter_map(Reads::feed).any(|feed| feed.contains(shape.table, kind));
                let read: Vec<_> = words.iter().filter(read).copied().collect();
                let any = read.is_empty() || self.random.u8(0..10) == 0;
                text(self.one_of(if any { words } else { &read }))
            }
            Kind::Word(words) => {
                let compared: Vec<_> = self.sketch.words_of(field.name).into_iter().filter(|word| words.contains(word)).collect();
                let any = compared.is_empty() || self.random.bool();
                text(self.one_of(if any { words } else { &compared }))
            }
            Kind::Severity => text(self.one_of(SEVERITIES)),
            Kind::Integer => Value::Integer(self.one_of(&self.sketch.numbers)),
            Kind::Real => Value::Real(self.one_of(REALS)),
            // Methods look for what is open, in production, applicable.
            Kind::Boolean => Value::Integer(i64::from(self.random.u8(0..3) > 0)),
            Kind::Time | Kind::PastTime => self.time(),
            Kind::Day => Value::Integer(self.day()),
            Kind::Text => self.text(field.name),
        }
    }

    /// More often than else where the SQL asks whether it is.
    fn is_absent(&mut self, column: &str) -> bool {
        let often = if self.sketch.asked_for.contains(column) { 3 } else { 1 };
        self.random.u8(0..6) < often
    }

    fn text(&mut self, column: &str) -> Value {
        match column {
            "model" => text(self.one_of(MODELS)),
            "version" => text(self.one_of(VERSIONS)),
            "registry" => text(self.one_of(&SOURCES)),
            "pipeline" => Value::Text(self.id("pipeline")),
            "parent" | "reference" => self.reference(),
            _ => {
                let compared = self.sketch.words_of(column);
                let pool = match self.random.u8(0..4) {
                    0 | 1 if !compared.is_empty() => return text(self.one_of(&compared)),
                    0 => TEXTS,
                    _ if self.sketch.words.is_empty() => TEXTS,
                    1 => return text(&self.sketch.words[self.random.usize(..self.sketch.words.len())]),
                    _ => &TEXTS[..2],
                };
                text(self.one_of(pool))
            }
        }
    }

    /// The id of a record, as a register writes it: a number, perhaps with its kind, or the announced occasion of such a record.
    fn id(&mut self, shape: &str) -> String {
        let number = self.random.usize(1..=self.size.ids);
        match (shape, self.random.u8(0..4)) {
            ("review", 0 | 1) => format!("{number}/next"),
            ("case", 0) if self.sketch.words.iter().any(|word| word.starts_with("nonconformity")) => format!("nonconformity-{number}"),
            _ => number.to_string(),
        }
    }

    /// An id, or an address.
    fn reference(&mut self) -> Value {
        if self.random.u8(0..4) > 0 { Value::Text(self.id("case")) } else { Value::Text(format!("u{}", self.random.usize(1..=self.size.ids))) }
    }

    fn time(&mut self) -> Value {
        let day = self.day();
        Value::Integer(day * DAY + self.one_of(&[0, 43_200, 86_399]))
    }

    /// A day, more often one in the past.
    fn day(&mut self) -> i64 {
        let distance = self.one_of(DAYS);
        if self.random.u8(0..3) == 0 { MOMENT.today + distance } else { MOMENT.today - distance }
    }

    fn perhaps(&mut self, value: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.random.bool() { value(self) } else { Value::Null }
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.random.usize(..values.len())]
    }

    /// Rows of one of the agent's own tables.
    fn own(&mut self, own: Own) {
        self.organisation.tables.push(own.table());
        let count = self.random.usize(0..=2 * self.size.records);
        match own {
            Own::Sources => SOURCES.iter().for_each(|source| self.source(source)),
            Own::Readings => (0..count).for_each(|_| self.reading()),
            Own::PlanChecks => (0..count).for_each(|_| self.plan_check()),
        }
    }

    fn source(&mut self, name: &str) {
        let kind = self.text("kind");
        let row = vec![
            ("name", text(name)),
            ("connector", text("c")),
            ("kind", kind),
            ("interval_seconds", Value::Integer(300)),
            ("stale_after_seconds", Value::Integer(900)),
            ("last_success_at", self.perhaps(Self::time)),
        ];
        self.organisation.rows.push(("sources", row));
    }

    fn reading(&mut self) {
        let labels = tables::READING_LABELS.map(|name| {
            let label = match name {
                "system" => Value::Text(format!("s{}", self.random.usize(1..=self.size.systems))),
                name => self.text(name),
            };
            (name, if self.random.u8(0..4) == 0 { Value::Null } else { label })
        });
        let others = self.one_of(&["", r#""unit":"raw","#, r#""role":"target","#]);
        let written = labels.iter().filter_map(|(name, value)| Some(format!("{name:?}:{:?}", value.as_text()?))).collect::<Vec<_>>().join(",");
        let state = self.one_of(STATES);
        let since = if self.random.u8(0..4) == 0 { self.time() } else { Value::Null };
        let is_clock = since != Value::Null;
        let mut row = vec![
            ("indicator", self.text("indicator")),
            ("labels", Value::Text(format!("{{{others}{written}}}"))),
            ("value", if is_clock || state == "unknown" { Value::Null } else { Value::Real(self.one_of(REALS)) }),
            ("since", since),
            ("per_seconds", if is_clock { Value::Real(1.0) } else { Value::Null }),
            ("state", text(state)),
            ("state_from", self.time()),
        ];
        row.extend(labels);
        self.organisation.rows.push(("readings", row));
    }

    fn plan_check(&mut self) {
        let mut row = vec![("source", text(self.one_of(&SOURCES))), ("id", Value::Text(self.id("plan_entry"))), ("flaw", Value::Null)];
        for count in ["series", "missing", "outdated", "without_limit", "without_alert", "without_panel"] {
            row.push((count, Value::Integer(self.one_of(&[0, 0, 0, 1]))));
        }
        self.organisation.rows.push(("plan_checks", row));
    }

    /// Rows about records of any shape: attributes, doubts; and the names of systems.
    fn about_records(&mut self, table: &'static str) {
        self.organisation.tables.push(table);
        if table == "system_names" {
            let names = self.organisation.systems.iter().map(|system| (table, vec![("name", text(system)), ("system", text(system))]));
            self.organisation.rows.extend(names.collect::<Vec<_>>());
            return;
        }
        let shapes: Vec<_> = SHAPES.iter().filter(|shape| self.sketch.reads(shape.table)).map(|shape| shape.name).collect();
        for _ in 0..self.random.usize(0..=2 * self.size.records) {
            let shape = if shapes.is_empty() { "case" } else { self.one_of(&shapes) };
            let id = if shape == "system" { format!("s{}", self.random.usize(1..=self.size.systems)) } else { self.id(shape) };
            let mut row = vec![("shape", text(shape)), ("source", text(self.one_of(&SOURCES))), ("id", Value::Text(id)), ("content", self.text("content"))];
            row.extend(if table == "attributes" {
                [("attribute_key", self.text("attribute_key")), ("number", Value::Real(self.one_of(REALS)))]
            } else {
                [("reason", self.text("reason")), ("field", self.text("field"))]
            });
            self.organisation.rows.push((table, row));
        }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_by_the_column_that_is_compared() {
        let sql = "WHERE m.method IN ('psi', 'ks') AND m.kind <> 'p_value' AND s.state NOT IN ('ok') AND 'x' || m.unit = 'raw' THEN 'said'";
        let found = compared(sql);
        let found: Vec<_> = found.iter().map(|(column, word)| (column.as_str(), word.as_str())).collect();
        assert_eq!(found, [("method", "psi"), ("method", "ks"), ("kind", "p_value"), ("state", "ok"), ("unit", "raw")]);
    }
}
