//! How far a stream has been read: what the store keeps between polls, and what follows from it for the next one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::{
    description::Cursor,
    expression::{self, Val},
};
use crate::record::Feed;

/// How far a stream has been read. The store keeps it; it counts only when the poll that made it was stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCursor {
    /// The latest change seen, epoch seconds.
    #[serde(default)]
    pub changed_at: Option<i64>,
    /// When everything was last read, epoch seconds.
    #[serde(default)]
    pub swept_at: Option<i64>,
    /// `ETag` of the last answer.
    #[serde(default)]
    pub etag: Option<String>,
    /// `Last-Modified` of the last answer.
    #[serde(default)]
    pub last_modified: Option<String>,
    /// Digests of what its rows named and another stream did not have, however often both were read.
    #[serde(default)]
    pub torn: Vec<String>,
    /// Which kinds of records its upstream can hold, where that depends on how it is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Kinds>,
    /// Where its tables are, of registers in files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<BTreeSet<String>>,
    /// What rows are asked for by that may still change though the stream's request would not bring them, each as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<BTreeSet<String>>,
    /// Digests of the rows that had records, of a stream of changes in which not too many have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yielding: Option<BTreeSet<String>>,
    /// Digest of connector, settings and address. When it differs, what was read before says nothing.
    #[serde(default)]
    pub method: String,
}

/// Which kinds of records an upstream can hold, could, and can't any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// Those that it can hold, as it is set up.
    pub stands: BTreeSet<String>,
    /// Those that it ever could, or that a record was of.
    pub ever: BTreeSet<String>,
    /// Those that it could and can't any more: no record of them says anything.
    pub lost: BTreeSet<String>,
}

impl StreamCursor {
    /// What its stream's upstream could hold and can't any more, of that shape.
    pub fn lost(&self, table: &str) -> Option<Feed> {
        Feed::of_kinds(table, &self.kinds.as_ref()?.lost)
    }
}

impl Kinds {
    /// What is known after a poll by which the upstream can hold `stands` and that read records of the kinds `seen`; all of them if it read
    /// `whole`.
    pub(super) fn next(&self, stands: BTreeSet<String>, seen: &BTreeSet<String>, whole: bool) -> Self {
        let now: BTreeSet<String> = &stands | seen;
        let ever = &self.ever | &now;
        // Between two whole readings, records of a kind may be there though none of them changed.
        let missing = if whole { ever.clone() } else { &self.lost | &self.stands };
        Self { lost: &missing - &now, stands, ever }
    }
}

/// How far a stream has been read, as far as that says anything for this method.
pub(super) fn known<'c>(cursors: &'c BTreeMap<String, StreamCursor>, stream: &str, method: &str) -> Option<&'c StreamCursor> {
    cursors.get(stream).filter(|cursor| cursor.method == method)
}

/// From when on a stream asks. `None`: everything.
pub(super) fn since(cursor: &Cursor, known: Option<&StreamCursor>, now: i64) -> Option<i64> {
    let known = known?;
    let swept = known.swept_at?;
    let due = now >= swept.saturating_add(cursor.sweep_seconds);
    known.changed_at.filter(|_| !due).map(|changed| changed.saturating_sub(cursor.overlap_seconds))
}

/// A row's change as epoch seconds: RFC 3339 (also `+0800` without a colon) or a number. `Ok(None)` when it has none.
pub(super) fn moment(value: &Val) -> Result<Option<i64>, ()> {
    match expression::to_json(value) {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::Number(number) => number.as_i64().or_else(|| floor(number.as_f64()?)).map(Some).ok_or(()),
        serde_json::Value::String(text) => {
            let parsed = DateTime::parse_from_rfc3339(&text).or_else(|_| DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z"));
            parsed.map(|moment| Some(moment.timestamp())).map_err(|_| ())
        }
        _ => Err(()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be inside the range of i64")]
fn floor(number: f64) -> Option<i64> {
    (number.abs() < 9e15).then(|| number.floor() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::expression::Expression;

    #[test]
    fn a_stream_asks_from_its_last_change_and_sweeps_in_time() {
        let cursor = Cursor { value: Expression::compile(".", &expression::Words::default()).unwrap(), overlap_seconds: 120, sweep_seconds: 1000 };
        let known = |changed_at, swept_at| StreamCursor { changed_at, swept_at, ..StreamCursor::default() };
        assert_eq!(since(&cursor, None, 5000), None);
        assert_eq!(since(&cursor, Some(&known(Some(4900), Some(4500))), 5000), Some(4780));
        assert_eq!(since(&cursor, Some(&known(Some(4900), Some(4000))), 5000), None, "a sweep is due");
        assert_eq!(since(&cursor, Some(&known(None, Some(4500))), 5000), None, "no row was ever seen");
        assert_eq!(since(&cursor, Some(&known(Some(4900), None)), 5000), None, "never swept");
    }

    #[test]
    fn moments_are_read_as_upstreams_write_them() {
        for (value, expected) in [
            (json!("1970-01-01T00:01:00Z"), Ok(Some(60))),
            (json!("1970-01-01T01:01:00.5+0100"), Ok(Some(60))),
            (json!(60.9), Ok(Some(60))),
            (json!(null), Ok(None)),
            (json!("1970-01-01 00:01:00"), Err(())),
            (json!([1]), Err(())),
        ] {
            assert_eq!(moment(&expression::from_json(&value)), expected, "{value}");
        }
        assert_eq!(crate::schedule::rfc3339(60), "1970-01-01T00:01:00Z");
    }
}
