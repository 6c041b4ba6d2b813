//! What the queries of a pack may use: the moments and days of its periods, and the parameters of indicators.

use std::collections::BTreeMap;

use super::model::Period;
use crate::{record::Zone, store::sql::Cell};

/// The values of placeholders, by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(BTreeMap<String, Number>);

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i64),
    Real(f64),
}

impl Values {
    /// The moments of a period and of those before it, the latest first.
    pub fn of(period: &Period, before: &[Period], zone: Zone) -> Self {
        let mut values = BTreeMap::new();
        let mut put = |name: String, value| values.insert(name, Number::Whole(value));
        for (name, value) in [
            ("now", period.until),
            ("to", period.until),
            ("from", period.from),
            ("today", zone.day_of(period.until)),
            ("from_day", period.first_day),
            ("to_day", period.last_day),
        ] {
            put(name.to_owned(), value);
        }
        for (count, earlier) in before.iter().enumerate() {
            put(format!("from_{}", count + 1), earlier.from);
            put(format!("from_{}_day", count + 1), earlier.first_day);
        }
        Self(values)
    }

    /// And parameters of indicators. Moments keep their names.
    #[must_use]
    pub fn with_parameters(mut self, parameters: impl IntoIterator<Item = (String, f64)>) -> Self {
        for (name, value) in parameters {
            self.0.entry(name).or_insert(Number::Real(value));
        }
        self
    }

    /// Whether there is such a name.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The values of a query, in the order of its placeholders.
    pub fn of_query(&self, sql: &str) -> Vec<Cell<'static>> {
        let value = |name: &str| match self.0.get(name) {
            Some(Number::Whole(number)) => Cell::Integer(*number),
            Some(Number::Real(number)) => Cell::Real(*number),
            None => Cell::Null,
        };
        placeholders(sql).into_iter().map(value).collect()
    }
}

/// The names of a query's placeholders, each once, in the order in which they stand there first: that is the order of their values. A test proves of
/// every query that there are no others.
pub fn placeholders(sql: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in sql.match_indices(':') {
        let rest = &sql[at + 1..];
        let name = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())];
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
