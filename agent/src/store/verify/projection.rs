//! The tables that indicators query against the ledger from which they are made. Both are read once, row by row; only when a table differs is it read
//! again, to tell where.

use std::{
    collections::{BTreeMap, HashMap},
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::{
    record::{Digest, Door, Zone},
    store::{
        Error, core, evidence, history,
        names::{self, Names},
        project::{self, Row},
        sql::{self, Database},
        sum::Sum,
    },
};

/// The tables, each with the sum of its rows.
type Sums = BTreeMap<&'static str, Sum>;

/// Tables that are filled on the connections that evaluate, never in the database.
const EMPTY: [&str; 2] = ["plan_checks", "sources"];

/// Tables that records of systems alone go into. By the names in them the systems of all others are found.
const SYSTEMS: [&str; 2] = ["systems", "system_aliases"];

/// Every table that indicators query.
fn tables() -> impl Iterator<Item = &'static str> {
    project::record_tables().chain(["readings"]).chain(EMPTY)
}

/// The sum of what is in all tables. `beside`, a second connection that sees the same, reads a part of them meanwhile.
pub(in crate::store) fn sum(connection: &dyn Database, beside: Option<&mut dyn Database>) -> Result<Sum, Error> {
    let left = Mutex::new(tables());
    let sum = |connection: &dyn Database| {
        let mut sum = Sum::default();
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some(table) = next() {
            sum.join(&sum_of(connection, table)?);
        }
        Ok::<_, Error>(sum)
    };
    let sum = &sum;
    thread::scope(|scope| {
        let others = beside.map(|beside| scope.spawn(move || sum(beside)));
        let mut all = sum(connection)?;
        if let Some(others) = others {
            all.join(&others.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })
}

/// The first thing in the tables that is not what the ledger says; `told`: their digest as the last entry of evidence has it.
pub(in crate::store) fn differs(connection: &dyn Database, told: Option<&str>) -> Result<Option<String>, Error> {
    if !core::has_record_tables(connection)? {
        // Another release made them. This one will make them anew before it reads them.
        return Ok(None);
    }
    if let Some(what) = definition_differs(connection)? {
        return Ok(Some(what));
    }
    let kept = evidence::projection(connection)?;
    let found = found(connection)?;
    let mut expected = Sums::new();
    each_system(connection, &mut |row| expected.entry(row.table).or_default().add(&row.digest()))?;
    let of = |sums: &Sums, table: &str| sums.get(table).copied().unwrap_or_default();
    if let Some(table) = SYSTEMS.into_iter().find(|table| of(&found, table) != of(&expected, table)) {
        return Ok(Some(where_it_differs(connection, table)?));
    }
    each_other(connection, &mut |row| expected.entry(row.table).or_default().add(&row.digest()))?;
    if let Some(table) = tables().find(|table| of(&found, table) != of(&expected, table)) {
        return Ok(Some(where_it_differs(connection, table)?));
    }
    let mut all = Sum::default();
    found.values().for_each(|sum| all.join(sum));
    let agrees = kept == Some(all) && told.is_none_or(|told| Sum::parse(told) == kept);
    Ok((!agrees).then(|| "the digest that is kept of them is not theirs".to_owned()))
}

/// Whether a table, view, index or trigger is not as clause9 makes it.
pub(in crate::store) fn is_defined_otherwise(connection: &dyn Database) -> Result<bool, Error> {
    Ok(definition_differs(connection)?.is_some())
}

fn definition_differs(connection: &dyn Database) -> Result<Option<String>, Error> {
    let (found, own) = (connection.objects()?, core::own_objects(connection)?);
    let names = found.keys().chain(own.keys()).find(|key| found.get(key) != own.get(key));
    Ok(names.map(|(kind, name)| format!("the {kind} `{name}` is not defined as clause9 defines it")))
}

/// What is in the tables.
fn found(connection: &dyn Database) -> Result<Sums, Error> {
    tables().map(|table| Ok((table, sum_of(connection, table)?))).collect()
}

fn sum_of(connection: &dyn Database, table: &'static str) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    each_stored(connection, table, |_, digest| {
        sum.add(&digest);
        Ok(())
    })?;
    Ok(sum)
}

fn each_stored(connection: &dyn Database, table: &str, mut take: impl FnMut(&dyn sql::Row, Digest) -> Result<(), Error>) -> Result<(), Error> {
    connection.each(&format!("SELECT * FROM {table}"), &[], |row| take(row, project::digest_of(table, row)))
}

/// Calls `take` with every row that must be there of systems.
fn each_system(connection: &dyn Database, take: &mut dyn FnMut(&Row<'_>)) -> Result<(), Error> {
    let door = door(connection)?;
    project::each_system(connection, &door, &mut |source, record, observed_at, names| {
        project::rows(source, record, observed_at, names, door.zone).iter().for_each(&mut *take);
        Ok(())
    })
}

/// Calls `take` with every other row that must be there. Systems must be as they must be: by their names the others are resolved.
fn each_other(connection: &dyn Database, take: &mut dyn FnMut(&Row<'_>)) -> Result<(), Error> {
    let (names, door) = (Names::load(connection)?, door(connection)?);
    names::rows(&names).for_each(|row| take(&row));
    project::each_other(connection, &door, &names, &mut |source, record, observed_at, names| {
        project::rows(source, record, observed_at, names, door.zone).iter().for_each(&mut *take);
        Ok(())
    })?;
    history::each_shown(connection, history::HOLDING, &[], |row| {
        take(&row);
        Ok(())
    })
}

fn door(connection: &dyn Database) -> Result<Door, Error> {
    let zone = core::meta(connection, "zone")?.as_deref().and_then(Zone::parse).unwrap_or(Zone::UTC);
    Ok(Door { now: 0, zone })
}

/// The first row of a table that differs, in words.
fn where_it_differs(connection: &dyn Database, table: &'static str) -> Result<String, Error> {
    let mut unseen: HashMap<Digest, u64> = HashMap::new();
    each_stored(connection, table, |_, digest| {
        *unseen.entry(digest).or_default() += 1;
        Ok(())
    })?;
    let mut missing = None;
    let mut see = |row: &Row<'_>| {
        if row.table != table {
            return;
        }
        match unseen.get_mut(&row.digest()) {
            Some(count @ 1..) => *count -= 1,
            _ => drop(missing.get_or_insert_with(|| row.name())),
        }
    };
    each_system(connection, &mut see)?;
    if !SYSTEMS.contains(&table) {
        each_other(connection, &mut see)?;
    }
    if let Some(name) = missing {
        return Ok(format!("in `{table}`, the row {name} is missing or not what the ledger says"));
    }
    let mut strange = None;
    each_stored(connection, table, |row, digest| {
        if strange.is_none() && unseen.get(&digest).is_some_and(|count| *count > 0) {
            strange = Some(project::name((0..row.width()).map(|column| row.cell(column))));
        }
        Ok(())
    })?;
    Ok(format!("in `{table}`, the ledger knows nothing of the row {}", strange.unwrap_or_default()))
}
