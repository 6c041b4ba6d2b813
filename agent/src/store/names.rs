//! Names of systems: ids, aliases and names of the inventory, by which upstream keys are resolved at the door.

use std::collections::{HashMap, HashSet};

use super::{
    Error,
    project::{self, Row},
    sql::Database,
    sum::Sum,
};
use crate::record::{Record, normalised_key};

/// Every name by which a system is known, normalised, with the system's id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Reads the names out of the inventory.
    ///
    /// Ids and aliases must be unambiguous: a poll that makes one name two systems is refused. Display names are a convenience: one that
    /// two systems share names neither.
    pub(super) fn load(connection: &dyn Database) -> Result<Self, Error> {
        let mut names = HashMap::new();
        let ids = pairs(connection, "SELECT id, id FROM systems")?;
        for (id, system) in ids {
            if names.insert(normalised_key(&id), system).is_some() {
                return Err(Error::Conflict(format!("the system `{id}` is in the inventory twice; ids of systems are unique over all sources")));
            }
        }
        for (alias, system) in pairs(connection, "SELECT alias, id FROM system_aliases")? {
            if let Some(other) = names.insert(normalised_key(&alias), system.clone()).filter(|other| *other != system) {
                return Err(Error::Conflict(format!("the alias `{alias}` names two systems, `{other}` and `{system}`; an alias names one")));
            }
        }
        let mut shared = HashSet::new();
        let mut display: HashMap<String, String> = HashMap::new();
        for (name, system) in pairs(connection, "SELECT name, id FROM systems WHERE name IS NOT NULL")? {
            let name = normalised_key(&name);
            if display.insert(name.clone(), system).is_some() {
                shared.insert(name);
            }
        }
        for (name, system) in display {
            if !shared.contains(&name) {
                names.entry(name).or_insert(system);
            }
        }
        Ok(Self(names))
    }

    /// The system of a normalised name.
    pub(super) fn system(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The system of a record and the upstream's key for it: the first key that resolves, else the first key and no system.
    pub(super) fn resolve<'r>(&self, record: &'r Record) -> (Option<&str>, Option<&'r str>) {
        let resolved = record.system_keys.iter().find_map(|key| self.0.get(&normalised_key(key)).map(|system| (Some(system.as_str()), Some(key.as_str()))));
        resolved.unwrap_or((None, record.system_keys.first().map(String::as_str)))
    }
}

fn pairs(connection: &dyn Database, sql: &str) -> Result<Vec<(String, String)>, Error> {
    connection.rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Writes the names into the table that indicators read.
pub(super) fn publish(transaction: &dyn Database, names: &Names, change: &mut Sum) -> Result<(), Error> {
    project::take_out(transaction, "DELETE FROM system_names RETURNING *", &[], "system_names", change)?;
    rows(names).try_for_each(|row| row.insert(transaction, change))
}

/// The rows of that table.
pub(super) fn rows(names: &Names) -> impl Iterator<Item = Row<'_>> {
    names.0.iter().map(|(name, system)| Row::of("system_names", [name, system].map(Into::into)))
}
