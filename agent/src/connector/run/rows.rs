//! From a page to rows, from rows to records. Pure, and run off the runtime's threads.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::merge::Admitted;
use crate::{
    connector::{
        cursor,
        description::Stream,
        expression::{self, Expression, Scope, Val},
        failure::{Failure, FailureReason},
        format::Columns,
    },
    record::{Digest, Door, Record, Refusal},
};

/// What a walk has gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Rows, when another stream needs them. Of rows with the same key, the last.
    pub(super) kept: Vec<Val>,
    pub(super) admitted: Vec<Admitted>,
    pub(super) rows: u64,
    pub(super) changed_at: Option<i64>,
    known: HashSet<Digest>,
    positions: std::collections::HashMap<Digest, usize>,
}

/// A page of a stream, or a table of a file.
pub(super) struct Sheet<'a> {
    pub(super) stream: &'a Stream,
    pub(super) door: &'a Door,
    /// Where it is, for messages: `page 2`.
    pub(super) place: &'a str,
    /// The source's address without a slash at its end, for `url`s that are only a path.
    pub(super) base: Option<&'a str>,
    /// The headers of fields, where rows have any.
    pub(super) columns: Option<&'a Columns>,
}

/// Finds an error that the answer reports inside.
pub(super) fn refuse_reported(stream: &Stream, body: &Val, scope: &Scope) -> Result<(), Failure> {
    let Some(errors) = &stream.errors else { return Ok(()) };
    let wrong = |message: String| Failure::new(FailureReason::UpstreamError, message);
    match errors.one(body.clone(), scope).map_err(|error| wrong(format!("`{}`: {error}", errors.shown())))? {
        Val::Null | Val::Bool(false) => Ok(()),
        Val::Arr(items) if items.is_empty() => Ok(()),
        Val::TStr(text) if text.is_empty() => Ok(()),
        found => Err(wrong(format!("the answer reports an error{}", told(errors, &found)))),
    }
}

/// Codes of errors that GraphQL servers have in common.
const CODES: &[&str] = &[
    "BAD_USER_INPUT",
    "FORBIDDEN",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "INTERNAL_SERVER_ERROR",
    "NOT_FOUND",
    "PERSISTED_QUERY_NOT_FOUND",
    "RATELIMITED",
    "RATE_LIMITED",
    "UNAUTHENTICATED",
    "UNAUTHORIZED",
];

/// What of an error can be told: the connector's own words, or a code that is known. Anything else may be data.
fn told(errors: &Expression, found: &Val) -> String {
    let text = expression::text_of(found);
    if CODES.contains(&text.as_str()) || errors.is_own(&text) { format!(": {text}") } else { String::new() }
}

/// The rows of a page.
pub(super) fn rows(stream: &Stream, body: &Val, scope: &Scope) -> Result<Vec<Val>, Failure> {
    let rows = &stream.rows;
    let wrong = |message: String| Failure::new(FailureReason::Mapping, format!("rows `{}`: {message}", rows.expression.shown()));
    let outputs = rows.expression.run(body.clone(), scope).map_err(|error| wrong(error.to_string()))?;
    if !rows.listed {
        let missing = outputs.iter().any(|row| matches!(row, Val::Null));
        return match missing {
            true if rows.absent_is_empty => Ok(outputs.into_iter().filter(|row| !matches!(row, Val::Null)).collect()),
            true => Err(wrong("expected rows, found nothing".to_owned())),
            false => Ok(outputs),
        };
    }
    match outputs.into_iter().next().unwrap_or_default() {
        Val::Arr(items) => Ok(items.to_vec()),
        Val::Null if rows.absent_is_empty => Ok(Vec::new()),
        other => Err(wrong(format!("expected a list, found {}", expression::type_of(&other)))),
    }
}

impl Sheet<'_> {
    /// Takes rows: identity, cursor, records. How many of them were new.
    pub(super) fn take(&self, rows: Vec<Val>, places: Option<&[String]>, parent: &Val, scope: &mut Scope, into: &mut Gathered) -> Result<u64, Failure> {
        scope.set("parent", parent.clone());
        let mut new = 0;
        for (index, row) in rows.into_iter().enumerate() {
            let place = places.and_then(|places| places.get(index)).cloned();
            let at = || place.clone().unwrap_or_else(|| format!("{}, row {}", self.place, index + 1));
            scope.set("index", expression::from_json(&into.rows.into()));
            let identity = self.identity(&row, parent, scope).map_err(|failure| failure.at(&at()))?;
            new += u64::from(into.known.insert(identity));
            into.changed_at = into.changed_at.max(self.changed_at(&row, scope).map_err(|failure| failure.at(&at()))?);
            let records = self.records(&row, scope).map_err(|failure| failure.at(&at()))?;
            into.admitted.extend(records.into_iter().map(|record| Admitted { record, place: place.clone() }));
            into.rows += 1;
            if self.stream.kept {
                keep(into, identity, row);
            }
        }
        Ok(new)
    }

    fn identity(&self, row: &Val, parent: &Val, scope: &Scope) -> Result<Digest, Failure> {
        let value = match &self.stream.key {
            None => expression::to_json(row),
            Some(key) => match key.one(row.clone(), scope) {
                Ok(Val::Null) => return Err(mapping(format!("key `{}`: nothing", key.shown()))),
                Ok(value) => expression::to_json(&value),
                Err(error) => return Err(mapping(format!("key `{}`: {error}", key.shown()))),
            },
        };
        Ok(Digest::of(format!("{value} {}", expression::to_json(parent)).as_bytes()))
    }

    fn changed_at(&self, row: &Val, scope: &Scope) -> Result<Option<i64>, Failure> {
        let Some(cursor) = &self.stream.cursor else { return Ok(None) };
        let value = cursor.value.one(row.clone(), scope).map_err(|error| mapping(format!("cursor `{}`: {error}", cursor.value.shown())))?;
        cursor::moment(&value).map_err(|()| {
            mapping(format!(
                "cursor `{}`: expected an RFC 3339 time with an offset, or epoch seconds, found {}",
                cursor.value.shown(),
                expression::type_of(&value)
            ))
        })
    }

    fn records(&self, row: &Val, scope: &Scope) -> Result<Vec<Record>, Failure> {
        let Some(records) = &self.stream.records else { return Ok(Vec::new()) };
        let outputs = records.run(row.clone(), scope).map_err(|error| mapping(format!("records: {error}")))?;
        let mut admitted = Vec::with_capacity(outputs.len());
        for output in outputs {
            let mut json = expression::to_json(&output);
            complete(&mut json, self.base);
            let records = self.door.admit(&json);
            admitted.extend(records.map_err(|refusal| Failure::new(FailureReason::InvalidRecord, self.refused(&refusal)))?);
        }
        let anything = self.stream.feeds.is_empty();
        let stray = admitted
            .iter()
            .find(|record| !anything && !self.stream.feeds.iter().any(|feed| feed.contains(record.shape.table, record.kind().unwrap_or_default())));
        match stray {
            Some(stray) => {
                let kind = stray.kind().map(|kind| format!("({kind})")).unwrap_or_default();
                Err(mapping(format!("records: yields {}{kind}, which is not among the stream's `feeds`", stray.shape.table)))
            }
            None => Ok(admitted),
        }
    }
}

impl Sheet<'_> {
    /// Why a record was refused, with the header that its writer knows the field by.
    fn refused(&self, refusal: &Refusal) -> String {
        let Some(shown) = self.columns.and_then(|columns| columns.get(&refusal.path)) else { return refusal.to_string() };
        let Refusal { shape, path, found, expected } = refusal;
        // A closed list of words: the writer may have others that mean the same.
        let way_out = match () {
            () if expected.starts_with(ONE_OF) => ", or a line in `values` that says what your word means",
            // Spreadsheets count days.
            () if expected.contains(A_DAY) && found.contains(" number") => "; in a spreadsheet give the column a format of dates",
            () => "",
        };
        format!("{shown} ({shape}.{path}): {found}; expected {expected}{way_out}")
    }
}

/// How a refusal begins that lists words.
const ONE_OF: &str = "one of ";
/// What one has in it that asks for a day or a time.
const A_DAY: &str = "a day";

/// Puts a record's `url` that is only a path after the source's address: mappings don't know it.
fn complete(json: &mut Json, base: Option<&str>) {
    let Some(base) = base else { return };
    if let Some(Json::String(url)) = json.get_mut("url").filter(|url| url.as_str().is_some_and(|url| url.starts_with('/'))) {
        url.insert_str(0, base);
    }
}

fn keep(into: &mut Gathered, identity: Digest, row: Val) {
    match into.positions.get(&identity) {
        Some(position) => into.kept[*position] = row,
        None => {
            into.positions.insert(identity, into.kept.len());
            into.kept.push(row);
        }
    }
}

fn mapping(message: String) -> Failure {
    Failure::new(FailureReason::Mapping, message)
}
