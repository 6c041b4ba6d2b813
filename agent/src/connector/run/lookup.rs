//! Rows of one stream, by key, for the expressions of another.

use crate::connector::{
    description::Lookup,
    expression::{self, Scope, Val},
    failure::{Failure, FailureReason},
};

/// The rows as one object. Of rows with the same key the last counts; rows without one are left out.
pub(super) fn table(lookup: &Lookup, rows: &[Val], scope: &Scope) -> Result<Val, Failure> {
    let mut entries = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        match lookup.key.one(row.clone(), scope) {
            Ok(Val::Null) => {}
            Ok(key) => entries.push((expression::text_of(&key), row.clone())),
            Err(error) => return Err(Failure::new(FailureReason::Mapping, format!("lookup `{}`, row {}: {error}", lookup.name, index + 1))),
        }
    }
    Ok(expression::object(entries))
}
