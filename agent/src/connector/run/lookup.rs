//! Rows of one stream, by key, for the expressions of another.

use std::collections::BTreeMap;

use crate::connector::{
    description::Lookup,
    expression::{self, Scope, Val},
    failure::{Failure, FailureReason},
};

/// The rows as one object. Of rows with the same key the last counts, or all as a list; rows without one are left out.
pub(super) fn table(lookup: &Lookup, rows: &[Val], scope: &Scope) -> Result<Val, Failure> {
    let mut entries = Vec::with_capacity(rows.len());
    let mut groups: BTreeMap<String, Vec<Val>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        match lookup.key.one(row.clone(), scope) {
            Ok(Val::Null) => {}
            Ok(key) if lookup.all => groups.entry(expression::text_of(&key)).or_default().push(row.clone()),
            Ok(key) => entries.push((expression::text_of(&key), row.clone())),
            Err(error) => return Err(Failure::new(FailureReason::Mapping, format!("lookup `{}`, row {}: {error}", lookup.name, index + 1))),
        }
    }
    entries.extend(groups.into_iter().map(|(key, rows)| (key, rows.into_iter().collect())));
    Ok(expression::object(entries))
}
