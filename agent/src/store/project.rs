//! Records into the tables that indicators query, and the digest of those tables, which every change of a row goes into.

use super::{
    Error,
    names::{self, Names},
    sql::{self, Cell, Database},
    sum::{self, Sum},
};
use crate::record::{Digest, Door, Presence, Record, SHAPES, Shape, Value, Zone};

/// A row of a table that indicators query, its values in the order of the table's columns.
pub(super) struct Row<'r> {
    pub(super) table: &'static str,
    cells: Vec<Cell<'r>>,
}

impl<'r> Row<'r> {
    pub(super) fn of(table: &'static str, cells: impl IntoIterator<Item = Cell<'r>>) -> Self {
        Self { table, cells: cells.into_iter().collect() }
    }

    pub(super) fn digest(&self) -> Digest {
        sum::row(self.table, self.cells.iter().copied())
    }

    /// Words by which people find it.
    pub(super) fn name(&self) -> String {
        name(self.cells.iter().copied())
    }

    /// Puts it into its table.
    pub(super) fn insert(self, transaction: &dyn Database, change: &mut Sum) -> Result<(), Error> {
        change.add(&self.digest());
        self.put(transaction)
    }

    /// Puts it into its table; that its digest is in the sum is for the caller to see to.
    pub(super) fn put(self, transaction: &dyn Database) -> Result<(), Error> {
        let sql = format!("INSERT INTO {} VALUES ({})", self.table, sql::placeholders(self.cells.len()));
        transaction.execute(&sql, &self.cells)?;
        Ok(())
    }
}

/// Words by which people find a row: the texts with which it begins.
pub(super) fn name<'c>(cells: impl IntoIterator<Item = Cell<'c>>) -> String {
    let texts = cells.into_iter().take(3).filter_map(|cell| if let Cell::Text(text) = cell { Some(format!("`{text}`")) } else { None });
    texts.collect::<Vec<_>>().join(" ")
}

/// The rows that a record comes to.
pub(super) fn rows<'r>(source: &'r str, record: &'r Record, observed_at: i64, names: &'r Names, zone: Zone) -> Vec<Row<'r>> {
    let shape = record.shape;
    let (source, id) = (Cell::from(source), Cell::from(&record.id));
    let (system, upstream_key) = names.resolve(record);
    let place = [system.into(), upstream_key.into()].into_iter().take(if shape.belongs_to_system { 2 } else { 0 });
    let begin = [source, id, record.url.as_deref().into(), observed_at.into()];
    let fields = shape.fields.iter().zip(&record.values).map(|(field, value)| match field.presence {
        Presence::DayOf(times) => record.day_of(times, zone, observed_at).into(),
        _ => Cell::from(value),
    });
    let mut rows = vec![Row::of(shape.table, begin.into_iter().chain(place).chain(fields))];
    for (list, items) in shape.lists.iter().zip(&record.lists) {
        rows.extend(items.iter().map(|item| Row::of(list.table, [source, id].into_iter().chain(item.iter().map(Cell::from)))));
    }
    for (key, value) in &record.attributes {
        let (content, number) = match value {
            Value::Text(_) => (Cell::from(value), Cell::Null),
            Value::Real(_) => (Cell::Null, Cell::from(value)),
            _ => continue,
        };
        rows.push(Row::of("attributes", [shape.name.into(), source, id, key.into(), content, number]));
    }
    for doubt in &record.doubts {
        let doubt = [Cell::from(doubt.reason.as_str()), Cell::from(&doubt.field), Cell::from(&doubt.value)];
        rows.push(Row::of("doubts", [shape.name.into(), source, id].into_iter().chain(doubt)));
    }
    rows
}

/// Puts a record into its tables.
pub(super) fn insert(
    transaction: &dyn Database,
    source: &str,
    record: &Record,
    observed_at: i64,
    names: &Names,
    zone: Zone,
    change: &mut Sum,
) -> Result<(), Error> {
    rows(source, record, observed_at, names, zone).into_iter().try_for_each(|row| row.insert(transaction, change))
}

/// Takes rows out by a statement that returns them whole.
pub(super) fn take_out(transaction: &dyn Database, sql: &str, values: &[Cell<'_>], table: &str, change: &mut Sum) -> Result<(), Error> {
    transaction.each(sql, values, |row| {
        change.take_out(&digest_of(table, row));
        Ok(())
    })
}

/// The digest of a row that is stored, all columns of its table in their order.
pub(super) fn digest_of(table: &str, row: &dyn sql::Row) -> Digest {
    sum::row(table, (0..row.width()).map(|column| row.cell(column)))
}

/// System and kind of a record that is in the tables: where it counts until it is taken out of them.
pub(super) fn place_of(transaction: &dyn Database, source: &str, shape: &Shape, id: &str) -> Result<(Option<String>, String), Error> {
    let system = if shape.name == "system" {
        "id"
    } else if shape.belongs_to_system {
        "system"
    } else {
        "NULL"
    };
    let kind = shape.kind_field.unwrap_or("''");
    let sql = format!("SELECT {system}, {kind} FROM {} WHERE source = ?1 AND id = ?2", shape.table);
    Ok(transaction.first(&sql, &[source.into(), id.into()], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default())
}

/// Takes a record out of its tables.
pub(super) fn remove(transaction: &dyn Database, source: &str, shape: &Shape, id: &str, change: &mut Sum) -> Result<(), Error> {
    for table in [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table)) {
        take_out(transaction, &format!("DELETE FROM {table} WHERE source = ?1 AND id = ?2 RETURNING *"), &[source.into(), id.into()], table, change)?;
    }
    for table in ["attributes", "doubts"] {
        let sql = format!("DELETE FROM {table} WHERE shape = ?1 AND source = ?2 AND id = ?3 RETURNING *");
        take_out(transaction, &sql, &[shape.name.into(), source.into(), id.into()], table, change)?;
    }
    Ok(())
}

/// The tables that records go into.
pub(super) fn record_tables() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().flat_map(|shape| [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table))).chain(["attributes", "doubts", "system_names"])
}

/// What takes a current record: its source, when it was observed, and the names by which systems are found.
pub(super) type Take<'t> = &'t mut dyn FnMut(&str, &Record, i64, &Names) -> Result<(), Error>;

/// Calls `take` with every current system.
pub(super) fn each_system(connection: &dyn Database, door: &Door, take: Take<'_>) -> Result<(), Error> {
    each_of(connection, door, SHAPES.iter().filter(|shape| shape.name == "system"), &Names::default(), take)
}

/// Calls `take` with every other current record. They are resolved by the names of systems.
pub(super) fn each_other(connection: &dyn Database, door: &Door, names: &Names, take: Take<'_>) -> Result<(), Error> {
    each_of(connection, door, SHAPES.iter().filter(|shape| shape.name != "system"), names, take)
}

fn each_of(connection: &dyn Database, door: &Door, shapes: impl Iterator<Item = &'static Shape>, names: &Names, take: Take<'_>) -> Result<(), Error> {
    for shape in shapes {
        let sql = "SELECT source, id, body, held_from FROM record_versions WHERE shape = ?1 AND held_until IS NULL";
        connection.each(sql, &[shape.name.into()], |row| {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let mut record = read(shape, &source, &id, &body)?;
            door.derive_again(&mut record);
            take(&source, &record, row.get(3)?, names)
        })?;
    }
    Ok(())
}

/// A record as it is stored.
pub(super) fn read(shape: &'static Shape, source: &str, id: &str, body: &str) -> Result<Record, Error> {
    let unreadable = |error| Error::Conflict(format!("the stored {} `{id}` of `{source}` can't be read: {error}", shape.name));
    Record::from_body(shape, id, body).map_err(unreadable)
}

/// Makes every record table anew from the current versions, and gives the sum of what is in them.
pub(super) fn renew(transaction: &dyn Database, door: &Door) -> Result<Sum, Error> {
    for table in record_tables() {
        transaction.execute(&format!("DELETE FROM {table}"), &[])?;
    }
    let mut sum = Sum::default();
    each_system(transaction, door, &mut |source, record, observed_at, names| insert(transaction, source, record, observed_at, names, door.zone, &mut sum))?;
    let names = Names::load(transaction)?;
    names::publish(transaction, &names, &mut sum)?;
    each_other(transaction, door, &names, &mut |source, record, observed_at, names| {
        insert(transaction, source, record, observed_at, names, door.zone, &mut sum)
    })?;
    Ok(sum)
}

/// Resolves every record's system anew: after a change of the inventory.
pub(super) fn resolve_again(transaction: &dyn Database, names: &Names, change: &mut Sum) -> Result<Vec<&'static Shape>, Error> {
    names::publish(transaction, names, change)?;
    let mut changed = Vec::new();
    for shape in SHAPES.iter().filter(|shape| shape.belongs_to_system) {
        let mut rows = 0;
        let differs = "source = ?1 AND id = ?2 AND (system IS DISTINCT FROM ?3 OR upstream_key IS DISTINCT FROM ?4)";
        let before = format!("SELECT * FROM {} WHERE {differs}", shape.table);
        let update = format!("UPDATE {} SET system = ?3, upstream_key = ?4 WHERE {differs} RETURNING *", shape.table);
        let sql = "SELECT v.source, v.id, v.body FROM record_versions v WHERE v.shape = ?1 AND v.held_until IS NULL";
        transaction.each(sql, &[shape.name.into()], |row| {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let record = read(shape, &source, &id, &body)?;
            let (system, key) = names.resolve(&record);
            let values = [Cell::from(&source), Cell::from(&id), system.into(), key.into()];
            let digest = |row: &dyn sql::Row| Ok(digest_of(shape.table, row));
            if let Some(was) = transaction.first(&before, &values, digest)? {
                change.take_out(&was);
                change.add(&transaction.one(&update, &values, digest)?);
                rows += 1;
            }
            Ok(())
        })?;
        if rows > 0 {
            changed.push(shape);
        }
    }
    Ok(changed)
}
