//! Records into the tables that indicators query.

use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter, types::ToSqlOutput};

use super::{
    Error,
    names::{self, Names},
    tables,
};
use crate::record::{Door, Record, SHAPES, Shape, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(ToSqlOutput::Owned(rusqlite::types::Value::Null)),
            Self::Integer(number) => number.to_sql(),
            Self::Real(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// Puts a record into its tables.
pub(super) fn insert(transaction: &Connection, source: &str, record: &Record, observed_at: i64, names: &Names) -> Result<(), Error> {
    let shape = record.shape;
    let (system, upstream_key) = names.resolve(record);
    let mut values: Vec<&dyn ToSql> = vec![&source, &record.id, &record.url, &observed_at];
    if shape.belongs_to_system {
        values.extend([&system as &dyn ToSql, &upstream_key]);
    }
    values.extend(record.values.iter().map(|value| value as &dyn ToSql));
    transaction.prepare_cached(&tables::insert_statement(shape))?.execute(params_from_iter(values))?;
    for (list, rows) in shape.lists.iter().zip(&record.lists) {
        let marks = vec!["?"; list.columns.len() + 2].join(", ");
        let sql = format!("INSERT INTO {} (source, id, {}) VALUES ({marks})", list.table, list.columns.join(", "));
        let mut statement = transaction.prepare_cached(&sql)?;
        for row in rows {
            statement.execute(params_from_iter([source, record.id.as_str()].into_iter().chain(row.iter().map(String::as_str))))?;
        }
    }
    for (key, value) in &record.attributes {
        let (text, number) = match value {
            Value::Text(text) => (Some(text), None),
            Value::Real(number) => (None, Some(*number)),
            _ => continue,
        };
        transaction
            .prepare_cached("INSERT INTO attributes (shape, source, id, attribute_key, content, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![shape.name, source, record.id, key, text, number])?;
    }
    for doubt in &record.doubts {
        transaction.prepare_cached("INSERT INTO doubts (shape, source, id, reason, field, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            shape.name,
            source,
            record.id,
            doubt.reason.as_str(),
            doubt.field,
            doubt.value
        ])?;
    }
    Ok(())
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
pub(super) fn remove(transaction: &Connection, source: &str, shape: &Shape, id: &str) -> Result<(), Error> {
    for table in [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table)) {
        transaction.prepare_cached(&format!("DELETE FROM {table} WHERE source = ?1 AND id = ?2"))?.execute([source, id])?;
    }
    for table in ["attributes", "doubts"] {
        transaction.prepare_cached(&format!("DELETE FROM {table} WHERE shape = ?1 AND source = ?2 AND id = ?3"))?.execute([shape.name, source, id])?;
    }
    Ok(())
}

/// Makes every record table anew from the current versions: after a change of the shapes or of the organisation's time zone.
pub(super) fn renew(transaction: &Connection, door: &Door) -> Result<(), Error> {
    for table in SHAPES.iter().flat_map(|shape| [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table))).chain(["attributes", "doubts"]) {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    // Systems first: the others are resolved by their names.
    let systems = SHAPES.iter().filter(|shape| shape.name == "system");
    let others = SHAPES.iter().filter(|shape| shape.name != "system");
    let mut names = Names::default();
    for shape in systems.chain(others) {
        let mut statement = transaction.prepare("SELECT source, id, body, held_from FROM record_versions WHERE shape = ?1 AND held_until IS NULL")?;
        let mut rows = statement.query([shape.name])?;
        while let Some(row) = rows.next()? {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let unreadable = |error| Error::Conflict(format!("the stored {} `{id}` of `{source}` can't be read: {error}", shape.name));
            let mut record = Record::from_body(shape, &id, &body).map_err(unreadable)?;
            door.derive_again(&mut record);
            insert(transaction, &source, &record, row.get(3)?, &names)?;
        }
        if shape.name == "system" {
            names = Names::load(transaction)?;
            names::publish(transaction, &names)?;
        }
    }
    Ok(())
}

/// Resolves every record's system anew: after a change of the inventory.
pub(super) fn resolve_again(transaction: &Connection, names: &Names) -> Result<Vec<&'static Shape>, Error> {
    names::publish(transaction, names)?;
    let mut changed = Vec::new();
    for shape in SHAPES.iter().filter(|shape| shape.belongs_to_system) {
        let mut rows = 0;
        let mut select = transaction.prepare("SELECT v.source, v.id, v.body FROM record_versions v WHERE v.shape = ?1 AND v.held_until IS NULL")?;
        let sql =
            format!("UPDATE {} SET system = ?3, upstream_key = ?4 WHERE source = ?1 AND id = ?2 AND (system IS NOT ?3 OR upstream_key IS NOT ?4)", shape.table);
        let mut update = transaction.prepare(&sql)?;
        let mut found = select.query([shape.name])?;
        while let Some(row) = found.next()? {
            let (source, id, body): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let unreadable = |error| Error::Conflict(format!("the stored {} `{id}` of `{source}` can't be read: {error}", shape.name));
            let record = Record::from_body(shape, &id, &body).map_err(unreadable)?;
            let (system, key) = names.resolve(&record);
            rows += update.execute(params![source, id, system, key])?;
        }
        if rows > 0 {
            changed.push(shape);
        }
    }
    Ok(changed)
}
