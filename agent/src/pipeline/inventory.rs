//! What the board shows of the records themselves, and what thresholds know of systems.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::{
    board::{Due, SystemStatus, WithoutSampleSize},
    record::shape::SYSTEM_PROPERTIES,
    store,
};

/// The inventory by id.
pub(super) type Systems = BTreeMap<String, SystemStatus>;

/// Reads the inventory.
pub(super) fn systems(reader: &Connection) -> Result<Systems, store::Error> {
    let mut statement = reader.prepare_cached(&format!("SELECT id, name, {} FROM systems", SYSTEM_PROPERTIES.join(", ")))?;
    let mut rows = statement.query([])?;
    let mut systems = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let mut properties = BTreeMap::new();
        for (position, name) in SYSTEM_PROPERTIES.into_iter().enumerate() {
            if let Some(value) = row.get::<_, Option<String>>(position + 2)? {
                properties.insert(name, value);
            }
        }
        systems.insert(id.clone(), SystemStatus { id, name: row.get(1)?, properties });
    }
    Ok(systems)
}

/// The next open occasion of each system, kind and scope. Retired and out-of-scope systems are left out (ruling 11).
pub(super) fn dues(reader: &Connection) -> Result<Vec<Due>, store::Error> {
    let mut statement = reader.prepare_cached(
        "SELECT o.system, o.kind, o.scope, min(o.due_ends_at)
         FROM occasions o LEFT JOIN systems s ON s.id = o.system
         WHERE o.is_done = 0 AND o.due_ends_at IS NOT NULL AND (s.id IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired'))
         GROUP BY o.system, o.kind, o.scope ORDER BY 1, 2, 3",
    )?;
    let rows = statement.query_map([], |row| Ok(Due { system: row.get(0)?, kind: row.get(1)?, scope: row.get(2)?, ends_at: row.get(3)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Drift and bias measurements of versions in production that state no sample size (ruling 6).
pub(super) fn without_sample_size(reader: &Connection) -> Result<Vec<WithoutSampleSize>, store::Error> {
    let mut statement = reader.prepare_cached(
        "SELECT m.system, m.model, m.version, count(*)
         FROM measurements m JOIN model_versions v ON v.model = m.model AND v.version = m.version AND v.in_production = 1
         WHERE m.family IN ('drift', 'bias') AND m.n_current IS NULL AND m.n_subgroup IS NULL
         GROUP BY m.system, m.model, m.version ORDER BY 1, 2, 3",
    )?;
    let rows = statement.query_map([], |row| {
        let count: i64 = row.get(3)?;
        Ok(WithoutSampleSize { system: row.get(0)?, model: row.get(1)?, version: row.get(2)?, count: count.unsigned_abs() })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
