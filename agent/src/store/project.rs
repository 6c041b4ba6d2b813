//! Records into the tables that indicators query, and the digest of those tables, which every change of a row goes into.

use rusqlite::{
    Connection, OptionalExtension, Params, ToSql, params, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    Error,
    names::{self, Names},
    sum::{self, Sum},
    tables,
};
use crate::record::{Door, Record, SHAPES, Shape, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(cell(self)))
    }
}

fn cell(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Integer(number) => ValueRef::Integer(*number),
        Value::Real(number) => ValueRef::Real(*number),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
    }
}

pub(super) fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

pub(super) fn optional(value: Option<&str>) -> ValueRef<'_> {
    value.map_or(ValueRef::Null, text)
}

/// A row of a table that indicators query, its values in the order of the table's columns.
pub(super) struct Row<'r> {
    pub(super) table: &'static str,
    cells: Vec<ValueRef<'r>>,
}

impl<'r> Row<'r> {
    pub(super) fn of(table: &'static str, cells: impl IntoIterator<Item = ValueRef<'r>>) -> Self {
        Self { table, cells: cells.into_iter().collect() }
    }

    pub(super) fn digest(&self) -> crate::record::Digest {
        sum::row(self.table, self.cells.iter().copied())
    }

    /// Words by which people find it.
    pub(super) fn name(&self) -> String {
        name(&self.cells)
    }

    /// Puts it into its table.
    pub(super) fn insert(self, transaction: &Connection, change: &mut Sum) -> Result<(), Error> {
        change.add(&self.digest());
        let marks = vec!["?"; self.cells.len()].join(", ");
        let mut insert = transaction.prepare_cached(&format!("INSERT INTO {} VALUES ({marks})", self.table))?;
        insert.execute(params_from_iter(self.cells.into_iter().map(ToSqlOutput::Borrowed)))?;
        Ok(())
    }
}

/// Words by which people find a row: the texts with which it begins.
pub(super) fn name(cells: &[ValueRef<'_>]) -> String {
    let texts = cells.iter().take(3).filter_map(|cell| cell.as_str().ok());
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" ")
}

/// The rows that a record comes to.
pub(super) fn rows<'r>(source: &'r str, record: &'r Record, observed_at: i64, names: &'r Names) -> Vec<Row<'r>> {
    let shape = record.shape;
    let id = text(&record.id);
    let (system, upstream_key) = names.resolve(record);
    let place = [optional(system), optional(upstream_key)].into_iter().take(if shape.belongs_to_system { 2 } else { 0 });
    let begin = [text(source), id, optional(record.url.as_deref()), ValueRef::Integer(observed_at)];
    let mut rows = vec![Row::of(shape.table, begin.into_iter().chain(place).chain(record.values.iter().map(cell)))];
    for (list, items) in shape.lists.iter().zip(&record.lists) {
        rows.extend(items.iter().map(|item| Row::of(list.table, [text(source), id].into_iter().chain(item.iter().map(|column| text(column))))));
    }
    for (key, value) in &record.attributes {
        let (content, number) = match value {
            Value::Text(_) => (cell(value), ValueRef::Null),
            Value::Real(_) => (ValueRef::Null, cell(value)),
            _ => continue,
        };
        rows.push(Row::of("attributes", [text(shape.name), text(source), id, text(key), content, number]));
    }
    for doubt in &record.doubts {
        let doubt = [text(doubt.reason.as_str()), text(&doubt.field), text(&doubt.value)];
        rows.push(Row::of("doubts", [text(shape.name), text(source), id].into_iter().chain(doubt)));
    }
    rows
}

/// Puts a record into its tables.
pub(super) fn insert(transaction: &Connection, source: &str, record: &Record, observed_at: i64, names: &Names, change: &mut Sum) -> Result<(), Error> {
    rows(source, record, observed_at, names).into_iter().try_for_each(|row| row.insert(transaction, change))
}

/// Takes rows out by a statement that returns them whole.
pub(super) fn take_out(transaction: &Connection, sql: &str, values: impl Params, table: &str, change: &mut Sum) -> Result<(), Error> {
    let mut statement = transaction.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        change.take_out(&digest_of(table, row, columns)?);
    }
    Ok(())
}

/// The digest of a row that is stored, all columns of its table in their order.
pub(super) fn digest_of(table: &str, row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<crate::record::Digest> {
    let cells: Vec<_> = (0..columns).map(|column| row.get_ref(column)).collect::<Result<_, _>>()?;
    Ok(sum::row(table, cells.into_iter()))
}

/// System and kind of a record that is in the tables: where it counts until it is taken out of them.
pub(super) fn place_of(transaction: &Connection, source: &str, shape: &Shape, id: &str) -> Result<(Option<String>, String), Error> {
    let system = if shape.name == "system" {
        "id"
    } else if shape.belongs_to_system {
        "system"
    } else {
        "NULL"
    };
    let kind = shape.kind_field.unwrap_or("''");
    let mut statement = transaction.prepare_cached(&format!("SELECT {system}, {kind} FROM {} WHERE source = ?1 AND id = ?2", shape.table))?;
    Ok(statement.query_row([source, id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.unwrap_or_default())
}

/// Takes a record out of its tables.
pub(super) fn remove(transaction: &Connection, source: &str, shape: &Shape, id: &str, change: &mut Sum) -> Result<(), Error> {
    for table in [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table)) {
        take_out(transaction, &format!("DELETE FROM {table} WHERE source = ?1 AND id = ?2 RETURNING *"), [source, id], table, change)?;
    }
    for table in ["attributes", "doubts"] {
        let sql = format!("DELETE FROM {table} WHERE shape = ?1 AND source = ?2 AND id = ?3 RETURNING *");
        take_out(transaction, &sql, [shape.name, source, id], table, change)?;
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
pub(super) fn each_system(connection: &Connection, door: &Door, take: Take<'_>) -> Result<(), Error> {
    each_of(connection, door, SHAPES.iter().filter(|shape| shape.name == "system"), &Names::default(), take)
}

/// Calls `take` with every other current record. They are resolved by the names of systems.
pub(super) fn each_other(connection: &Connection, door: &Door, names: &Names, take: Take<'_>) -> Result<(), Error> {
    each_of(connection, door, SHAPES.iter().filter(|shape| shape.name != "system"), names, take)
}

fn each_of(connection: &Connection, door: &Door, shapes: impl Iterator<Item = &'static Shape>, names: &Names, take: Take<'_>) -> Result<(), Error> {
    for shape in shapes {
        let mut statement = connection.prepare("SELECT source, id, body, held_from FROM record_versions WHERE shape = ?1 AND held_until IS NULL")?;
        let mut rows = statement.query([shape.name])?;
        while let Some(row) = rows.next()? {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let mut record = read(shape, &source, &id, &body)?;
            door.derive_again(&mut record);
            take(&source, &record, row.get(3)?, names)?;
        }
    }
    Ok(())
}

fn read(shape: &'static Shape, source: &str, id: &str, body: &str) -> Result<Record, Error> {
    let unreadable = |error| Error::Conflict(format!("the stored {} `{id}` of `{source}` can't be read: {error}", shape.name));
    Record::from_body(shape, id, body).map_err(unreadable)
}

/// Makes every record table anew from the current versions, and gives the sum of what is in them.
pub(super) fn renew(transaction: &Connection, door: &Door) -> Result<Sum, Error> {
    for table in record_tables() {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    let mut sum = Sum::default();
    each_system(transaction, door, &mut |source, record, observed_at, names| insert(transaction, source, record, observed_at, names, &mut sum))?;
    let names = Names::load(transaction)?;
    names::publish(transaction, &names, &mut sum)?;
    each_other(transaction, door, &names, &mut |source, record, observed_at, names| insert(transaction, source, record, observed_at, names, &mut sum))?;
    Ok(sum)
}

/// Resolves every record's system anew: after a change of the inventory.
pub(super) fn resolve_again(transaction: &Connection, names: &Names, change: &mut Sum) -> Result<Vec<&'static Shape>, Error> {
    names::publish(transaction, names, change)?;
    let mut changed = Vec::new();
    for shape in SHAPES.iter().filter(|shape| shape.belongs_to_system) {
        let mut rows = 0;
        let mut select = transaction.prepare("SELECT v.source, v.id, v.body FROM record_versions v WHERE v.shape = ?1 AND v.held_until IS NULL")?;
        let differs = "source = ?1 AND id = ?2 AND (system IS NOT ?3 OR upstream_key IS NOT ?4)";
        let mut before = transaction.prepare(&format!("SELECT * FROM {} WHERE {differs}", shape.table))?;
        let mut update = transaction.prepare(&format!("UPDATE {} SET system = ?3, upstream_key = ?4 WHERE {differs} RETURNING *", shape.table))?;
        let columns = tables::columns(shape).len();
        let mut found = select.query([shape.name])?;
        while let Some(row) = found.next()? {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let record = read(shape, &source, &id, &body)?;
            let (system, key) = names.resolve(&record);
            let Some(was) = before.query_row(params![source, id, system, key], |row| digest_of(shape.table, row, columns)).optional()? else { continue };
            change.take_out(&was);
            change.add(&update.query_row(params![source, id, system, key], |row| digest_of(shape.table, row, columns))?);
            rows += 1;
        }
        if rows > 0 {
            changed.push(shape);
        }
    }
    Ok(changed)
}
