//! Redaction: texts of a record are taken out of every version of it that is stored, each for a mark with its digest.
//!
//! The seal of a version covers the digest that its body had, which stays beside it; so entries vouch for a redacted version as before. Which body it
//! has now, an entry of redaction says: that one and no other is accepted. A mark is the same for the same text, so that what is counted by such a text
//! comes out as before.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{
    Error, core,
    evidence::{self, Kind},
    names::Names,
    project,
    sql::Database,
    sum::Sum,
};
use crate::{
    record::{Digest, Door, Shape, Zone, shape},
    schedule::rfc3339,
};

/// What of which record is redacted, why, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Redaction<'r> {
    /// The record's shape.
    pub shape: &'static Shape,
    /// Its id; of every source that has it.
    pub id: &'r str,
    /// Fields, or names of attributes; none: every text that may be.
    pub columns: &'r [String],
    /// Why.
    pub reason: &'r str,
    /// The role that decided it.
    pub by: &'r str,
}

/// What was redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The entry that says so.
    pub entry: i64,
    /// Versions in which there was anything.
    pub versions: usize,
    /// The columns.
    pub columns: BTreeSet<String>,
}

/// How a mark begins. What follows is the SHA-256 of the text, and `]`.
pub const MARK: &str = "[redacted, sha256:";

/// Texts that people write and that no reading is computed by but by whether they are there, or are the same.
const FREE: [&str; 8] = ["title", "person", "justification", "reason", "needs", "addressed", "resources", "technique"];

/// Where names are no ids.
const NAMED: [&str; 1] = ["interested_party"];

/// Whether a field of a shape may be redacted.
pub fn may_be_redacted(shape: &Shape, field: &str) -> bool {
    shape.field(field).is_some_and(|known| known.kind == shape::Kind::Text && known.presence.is_given())
        && (FREE.contains(&field) || (field == "name" && NAMED.contains(&shape.name)))
}

/// The fields of a shape that may be redacted.
pub fn fields(shape: &Shape) -> Vec<&'static str> {
    shape.fields.iter().map(|field| field.name).filter(|field| may_be_redacted(shape, field)).collect()
}

/// What the value of `meta` is called that holds the number of the last entry of redaction.
pub(super) const REDACTED: &str = "redacted";

fn mark(text: &str) -> String {
    format!("{MARK}{}]", Digest::of(text.as_bytes()))
}

/// Puts marks in the place of texts of a body, and gives the columns in which there were any.
fn redact_body(body: &mut Value, shape: &Shape, columns: &[String]) -> BTreeSet<String> {
    let is_chosen = |name: &str| columns.is_empty() || columns.iter().any(|column| column == name);
    let mut done = BTreeSet::new();
    let mut put = |name: &str, value: &mut Value| {
        if let Value::String(text) = value
            && !text.is_empty()
            && !text.starts_with(MARK)
        {
            *text = mark(text);
            done.insert(name.to_owned());
        }
    };
    for (name, value) in body.get_mut("fields").and_then(Value::as_object_mut).into_iter().flatten() {
        if is_chosen(name) && may_be_redacted(shape, name) {
            put(name, value);
        }
    }
    for pair in body.get_mut("attributes").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = pair[0].as_str().unwrap_or_default().to_owned();
        if let Some(value) = pair.get_mut(1).filter(|_| is_chosen(&name)) {
            put(&name, value);
        }
    }
    for doubt in body.get_mut("doubts").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = doubt["field"].as_str().unwrap_or_default().to_owned();
        if is_chosen(&name) && shape.field(&name).is_none_or(|_| may_be_redacted(shape, &name)) {
            doubt.get_mut("value").into_iter().for_each(|value| put(&name, value));
        }
    }
    done
}

/// A version that is redacted.
struct Version {
    number: i64,
    source: String,
    seal: Digest,
    before: Digest,
    body: String,
    held_from: i64,
    holds: bool,
}

/// Redacts a record. `None`: no such record is stored.
pub(super) fn redact(transaction: &dyn Database, redaction: &Redaction<'_>, zone: Zone, now: i64) -> Result<Option<Redacted>, Error> {
    let Redaction { shape, id, columns, reason, by } = *redaction;
    let sql = "SELECT version, source, seal, digest, body, held_from, held_until FROM record_versions WHERE shape = ?1 AND id = ?2 ORDER BY version";
    let versions = transaction.rows(sql, &[shape.name.into(), id.into()], |row| {
        let (number, source, seal, before) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Version { number, source, seal, before, body: row.get(4)?, held_from: row.get(5)?, holds: row.get::<Option<i64>>(6)?.is_none() })
    })?;
    if versions.is_empty() {
        return Ok(None);
    }
    let (mut all, mut told, mut change) = (BTreeSet::new(), Vec::new(), Sum::default());
    for version in &versions {
        let mut body: Value = serde_json::from_str(&version.body).unwrap_or_default();
        let done = redact_body(&mut body, shape, columns);
        if done.is_empty() {
            continue;
        }
        all.extend(done);
        let body = body.to_string();
        let after = Digest::of(body.as_bytes());
        transaction.execute("UPDATE record_versions SET body = ?2 WHERE version = ?1", &[version.number.into(), (&body).into()])?;
        told.push(json!([version.seal.to_string(), version.before.to_string(), after.to_string()]));
        if version.holds {
            let mut record = project::read(shape, &version.source, id, &body)?;
            Door { now: 0, zone }.derive_again(&mut record);
            project::remove(transaction, &version.source, shape, id, &mut change)?;
            project::insert(transaction, &version.source, &record, version.held_from, &Names::load(transaction)?, zone, &mut change)?;
        }
    }
    if let Some(column) = columns.iter().find(|column| !all.contains(*column)) {
        return Err(Error::Conflict(format!("no stored version of the {} `{id}` has a text `{column}` that is not redacted yet", shape.name)));
    }
    let entry = evidence::next(transaction)?;
    let redacted = Redacted { entry, versions: told.len(), columns: all };
    if redacted.versions == 0 {
        return Ok(Some(redacted));
    }
    evidence::change_projection(transaction, &change)?;
    core::set_meta(transaction, REDACTED, &entry.to_string())?;
    let body = json!({ "shape": shape.name, "id": id, "columns": redacted.columns, "reason": reason, "by": by, "versions": told });
    evidence::append(transaction, now, Kind::Redaction, body)?;
    Ok(Some(redacted))
}

/// What an entry of redaction tells.
pub(super) fn words(entry: i64, at: i64, body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let columns: Vec<_> = body["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let versions = body["versions"].as_array().map_or(0, Vec::len);
    let (shape, id, columns, at) = (text("shape"), text("id"), columns.join(", "), rfc3339(at));
    format!("the {shape} `{id}`: {columns}, in {versions} of its versions, by the role `{}`, because: {}; entry {entry} of {at}", text("by"), text("reason"))
}

/// The digests that redacted versions have now, by their seals.
#[derive(Debug, Default)]
pub(super) struct Bodies(HashMap<Digest, Digest>);

impl Bodies {
    /// As the entries of redaction tell.
    pub(super) fn read(connection: &dyn Database) -> Result<Self, Error> {
        if core::meta(connection, REDACTED)?.is_some() { Self::all(connection) } else { Ok(Self::default()) }
    }

    /// The same, whether it is noted that there are such entries or not.
    pub(super) fn all(connection: &dyn Database) -> Result<Self, Error> {
        let mut bodies = HashMap::new();
        connection.each("SELECT body FROM evidence WHERE kind = ?1 ORDER BY entry", &[Kind::Redaction.as_str().into()], |row| {
            let body: Value = serde_json::from_str(&row.get::<String>(0)?).unwrap_or_default();
            let digest = |value: &Value| value.as_str().and_then(Digest::parse);
            bodies.extend(body["versions"].as_array().into_iter().flatten().filter_map(|version| digest(&version[0]).zip(digest(&version[2]))));
            Ok(())
        })?;
        Ok(Self(bodies))
    }

    /// The digest that the body of a version must have: the one that it was stored with, or that which redaction gave it.
    pub(super) fn of(&self, seal: &Digest, stored: Digest) -> Digest {
        self.0.get(seal).copied().unwrap_or(stored)
    }

    /// Whether redaction gave a version this body.
    pub(super) fn has(&self, body: &Digest) -> bool {
        self.0.values().any(|digest| digest == body)
    }
}
