//! Reviews: one row is one planned occasion (ruling 1).

use super::{Record, Value, Zone};

/// The next, open occasion that a row with `next_due` announces.
pub(super) fn next_occasion(record: &Record, zone: Zone) -> Option<Record> {
    let next_due = record.value("next_due").clone();
    if next_due == Value::Null {
        return None;
    }
    let mut next = record.clone();
    next.id = format!("{}/next", record.id);
    next.set("due", next_due);
    next.set("status", Value::Text("planned".into()));
    for field in ["next_due", "completed_at", "approved_at"] {
        next.set(field, Value::Null);
    }
    next.lists.iter_mut().for_each(Vec::clear);
    next.doubts.clear();
    next.derive_end_of_due(zone);
    Some(next)
}
