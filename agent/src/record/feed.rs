//! A shape, or some kinds of it, as connectors yield it and indicators read it: `systems`, `reviews(impact_assessment, bias_test)`.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{SHAPES, Shape, shape::by_table};

/// A table, or some of its kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feed {
    table: &'static str,
    /// Empty means all.
    kinds: BTreeSet<&'static str>,
}

/// These kinds as the shape has them, if it has all.
fn known<'k>(shape: &Shape, kinds: impl IntoIterator<Item = &'k str>) -> Option<BTreeSet<&'static str>> {
    kinds.into_iter().map(|kind| shape.kinds().iter().copied().find(|known| *known == kind)).collect()
}

impl Feed {
    /// Reads `table` or `table(kind, kind)`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (table, kinds) = match text.trim().split_once('(') {
            Some((table, rest)) => {
                let kinds = rest.strip_suffix(')').ok_or("a closing `)`")?;
                (table.trim(), kinds.split(',').map(str::trim).collect())
            }
            None => (text.trim(), Vec::new()),
        };
        let shape = by_table(table).ok_or_else(|| {
            let tables: Vec<_> = SHAPES.iter().map(|shape| shape.table).collect();
            format!("one of {}", tables.join(", "))
        })?;
        match known(shape, kinds) {
            Some(kinds) => Ok(Self { table: shape.table, kinds }),
            None if shape.kinds().is_empty() => Err(format!("`{table}` alone, it has no kinds")),
            None => Err(format!("kinds of {table}: {}", shape.kinds().join(", "))),
        }
    }

    /// Some kinds of a shape; `None` without any, or with one that the shape doesn't have.
    pub fn of_kinds<'k>(table: &str, kinds: impl IntoIterator<Item = &'k String>) -> Option<Self> {
        let shape = by_table(table)?;
        let kinds = known(shape, kinds.into_iter().map(String::as_str))?;
        (!kinds.is_empty()).then_some(Self { table: shape.table, kinds })
    }

    /// The whole of a shape.
    pub fn all(shape: &'static Shape) -> Self {
        Self { table: shape.table, kinds: BTreeSet::new() }
    }

    /// The table.
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// Its kinds; empty means all.
    pub fn kinds(&self) -> &BTreeSet<&'static str> {
        &self.kinds
    }

    /// Whether the two have a kind in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.table == other.table && (self.kinds.is_empty() || other.kinds.is_empty() || !self.kinds.is_disjoint(&other.kinds))
    }

    /// Whether a record of this table and kind belongs to it. An empty kind stands for a shape without kinds.
    pub fn contains(&self, table: &str, kind: &str) -> bool {
        self.table == table && (self.kinds.is_empty() || self.kinds.contains(kind))
    }

    /// Each of its kinds, all of the shape's if it is not divided; one empty text for a shape without kinds.
    pub fn each_kind(&self) -> impl Iterator<Item = &'static str> {
        let shape = by_table(self.table).expect("a feed is of a known table");
        let all = if shape.kinds().is_empty() { &[""] } else { shape.kinds() };
        all.iter().copied().filter(|kind| self.contains(self.table, kind))
    }

    /// The parts of `self` that none of `feeds` covers, kind by kind.
    pub fn not_in(&self, feeds: &[Self]) -> Vec<String> {
        let missing = self.each_kind().filter(|kind| !feeds.iter().any(|feed| feed.contains(self.table, kind)));
        missing.map(|kind| if kind.is_empty() { self.table.to_owned() } else { format!("{}({kind})", self.table) }).collect()
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table)?;
        if !self.kinds.is_empty() {
            let kinds: Vec<_> = self.kinds.iter().copied().collect();
            write!(f, "({})", kinds.join(", "))?;
        }
        Ok(())
    }
}

impl Serialize for Feed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Feed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str) -> Feed {
        Feed::parse(text).unwrap()
    }

    #[test]
    fn feeds_read_and_write() {
        for (text, written) in
            [("systems", "systems"), (" cases ( incident , change ) ", "cases(change, incident)"), ("measurements(drift)", "measurements(drift)")]
        {
            assert_eq!(feed(text).to_string(), written);
        }
        for (text, expected) in
            [("case", "one of systems, "), ("cases(bug)", "kinds of cases: incident, "), ("systems(x)", "`systems` alone"), ("cases(incident", "a closing")]
        {
            assert!(Feed::parse(text).unwrap_err().starts_with(expected), "{text}");
        }
    }

    #[test]
    fn feeds_overlap_by_kind() {
        assert!(feed("cases(incident)").overlaps(&feed("cases")));
        assert!(!feed("cases(incident)").overlaps(&feed("cases(change)")));
        assert!(!feed("cases").overlaps(&feed("reviews")));
        assert_eq!(feed("cases(incident, change)").not_in(&[feed("cases(incident)"), feed("reviews")]), ["cases(change)"]);
        assert_eq!(feed("systems").not_in(&[]), ["systems"]);
        assert!(feed("systems").not_in(&[feed("systems")]).is_empty());
    }
}
