//! From a page to rows, from rows to records. Pure, and run off the runtime's threads.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use serde_json::Value as Json;

use super::merge::Admitted;
use crate::{
    connector::{
        cursor,
        description::{Absent, Mode, Reread, Rows, Stream},
        expression::{self, Expression, Scope, Val},
        failure::{Failure, FailureReason},
        format::{Columns, Odd, Wording},
    },
    record::{Digest, Door, Record, Refusal, shape::by_name},
};

/// What a walk has gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Rows, when another stream needs them. Of rows with the same key, the last.
    pub(super) kept: Vec<Val>,
    pub(super) rows: u64,
    /// How many were gathered before these, by another part of the walk.
    before: u64,
    pub(super) changed_at: Option<i64>,
    /// What rows are asked for by, as JSON, and whether they may change unseen.
    pub(super) ids: BTreeMap<String, bool>,
    /// In a stream of changes: digests of its rows, and whether each has records.
    pub(super) yields: BTreeMap<String, bool>,
    /// What its rows name, for each comparison with another stream that it takes part in.
    pub(super) named: Named,
    pub(super) admitted: Vec<Admitted>,
    known: HashMap<Digest, Known>,
    positions: HashMap<Digest, usize>,
    /// Records of rows that came once more, on a later page.
    superseded: HashSet<usize>,
    pages: u64,
}

/// How much of a row's digest is kept from poll to poll: enough to tell thousands apart.
const DIGEST_CHARS: usize = 16;

/// Keys by comparison: its position in the description, and whether they are those that are named or those that exist.
pub(super) type Named = BTreeMap<(usize, bool), HashSet<String>>;

/// A row that has come.
#[derive(Debug)]
struct Known {
    page: u64,
    records: Range<usize>,
}

impl Gathered {
    /// For the part of a walk that comes after this one.
    pub(super) fn next(&self) -> Self {
        Self { before: self.before + self.rows, ..Self::default() }
    }

    /// Adds what the part after it gathered: a row that is in both is the row as it is now.
    pub(super) fn absorb(&mut self, later: Self) {
        let first = self.admitted.len();
        self.superseded.extend(later.superseded.into_iter().map(|index| first + index));
        for (identity, Known { page, records }) in later.known {
            let known = Known { page: self.pages + page, records: first + records.start..first + records.end };
            self.superseded.extend(self.known.insert(identity, known).into_iter().flat_map(|before| before.records));
        }
        self.admitted.extend(later.admitted);
        let mut positions: Vec<_> = later.positions.into_iter().collect();
        positions.sort_by_key(|(_, position)| *position);
        for ((identity, _), row) in positions.into_iter().zip(later.kept) {
            keep(self, identity, row);
        }
        for (side, keys) in later.named {
            self.named.entry(side).or_default().extend(keys);
        }
        self.ids.extend(later.ids);
        self.yields.extend(later.yields);
        self.changed_at = self.changed_at.max(later.changed_at);
        self.rows += later.rows;
        self.pages += later.pages;
    }

    /// The records, and how many came more than once, on several pages.
    pub(super) fn records(self) -> (Vec<Admitted>, u64) {
        let again = self.superseded.len() as u64;
        let records = self.admitted.into_iter().enumerate().filter(|(index, _)| !self.superseded.contains(index));
        (records.map(|(_, record)| record).collect(), again)
    }
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
    /// What words in records mean.
    pub(super) words: &'a Wording,
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
pub(super) const CODES: &[&str] = &[
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
pub(super) fn rows(rows: &Rows, body: &Val, scope: &Scope) -> Result<Vec<Val>, Failure> {
    let wrong = |message: String| Failure::new(FailureReason::Mapping, format!("rows `{}`: {message}", rows.expression.shown()));
    let outputs = rows.expression.run(body.clone(), scope).map_err(|error| wrong(error.to_string()))?;
    if !rows.listed {
        let missing = outputs.iter().any(|row| matches!(row, Val::Null));
        return match missing {
            true if rows.absent != Absent::Error => Ok(outputs.into_iter().filter(|row| !matches!(row, Val::Null)).collect()),
            true => Err(wrong("expected rows, found nothing".to_owned())),
            false => Ok(outputs),
        };
    }
    match outputs.into_iter().next().unwrap_or_default() {
        Val::Arr(items) => Ok(items.to_vec()),
        Val::Null if rows.absent == Absent::EmptyOrNull => Ok(Vec::new()),
        // A list that is not there is one thing, a list that is null another: upstreams leave out what is empty, or they don't.
        Val::Null if rows.absent == Absent::Empty && !is_there(rows, body, scope)? => Ok(Vec::new()),
        other => Err(wrong(format!("expected a list, found {}", expression::type_of(&other)))),
    }
}

fn is_there(rows: &Rows, body: &Val, scope: &Scope) -> Result<bool, Failure> {
    let Some(is_there) = &rows.is_there else { return Ok(true) };
    let found = is_there.one(body.clone(), scope).map_err(|error| mapping(format!("rows `{}`: {error}", rows.expression.shown())))?;
    Ok(matches!(found, Val::Bool(true)))
}

/// Whether a row is among those that `where` chooses.
pub(super) fn is_chosen(filter: Option<&Expression>, row: &Val, scope: &Scope) -> Result<bool, String> {
    let Some(filter) = filter else { return Ok(true) };
    match filter.one(row.clone(), scope).map_err(|error| format!("where: {error}"))? {
        Val::Bool(chosen) => Ok(chosen),
        _ => Err("where: neither true nor false".to_owned()),
    }
}

/// What an upstream sends as a row is an object with something in it. What is none would have no key, or the same as others of its kind.
fn refuse_nothing(row: &Val) -> Result<(), Failure> {
    match row {
        Val::Null => Err(mapping("expected a row, found nothing".to_owned())),
        Val::Obj(entries) if entries.is_empty() => Err(mapping("expected a row, found an object with nothing in it".to_owned())),
        _ => Ok(()),
    }
}

impl Sheet<'_> {
    /// Takes rows: identity, cursor, records. What tells each from all others.
    pub(super) fn take(&self, rows: Vec<Val>, places: Option<&[String]>, parent: &Val, scope: &mut Scope, into: &mut Gathered) -> Result<Vec<Digest>, Failure> {
        scope.set("parent", parent.clone());
        // Rows of a batch have no one parent that could tell them apart.
        let is_batch = self.stream.for_each.as_ref().is_some_and(|for_each| for_each.batch.is_some());
        let of = if is_batch { Json::Null } else { expression::to_json(parent) };
        into.pages += 1;
        let mut identities = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let place = places.and_then(|places| places.get(index)).cloned();
            let at = || place.clone().unwrap_or_else(|| format!("{}, row {}", self.place, index + 1));
            scope.set("index", expression::from_json(&(into.before + into.rows).into()));
            if self.base.is_some() {
                refuse_nothing(&row).map_err(|failure| failure.at(&at()))?;
            }
            let identity = self.identity(&row, &of, scope).map_err(|failure| failure.at(&at()))?;
            identities.push(identity);
            into.changed_at = into.changed_at.max(self.changed_at(&row, scope).map_err(|failure| failure.at(&at()))?);
            let records = self.records(&row, scope).map_err(|failure| failure.at(&at()))?;
            if self.stream.mode == Mode::Changes && self.stream.records.is_some() {
                into.yields.insert(identity.to_string()[..DIGEST_CHARS].to_owned(), !records.is_empty());
            }
            self.name(&row, scope, into).map_err(|failure| failure.at(&at()))?;
            into.ids.extend(self.open(&row, scope).map_err(|failure| failure.at(&at()))?);
            let first = into.admitted.len();
            into.admitted.extend(records.into_iter().map(|record| Admitted { record, place: place.clone() }));
            let known = Known { page: into.pages, records: first..into.admitted.len() };
            let before = into.known.insert(identity, known);
            // The same row on a later page is the row as it is now. Twice on one page is another matter.
            if let Some(before) = before.filter(|before| self.stream.page.is_some() && before.page < into.pages) {
                into.superseded.extend(before.records);
            }
            into.rows += 1;
            if self.stream.kept {
                keep(into, identity, row);
            }
        }
        Ok(identities)
    }

    /// Notes what a row names, where that is compared with another stream.
    fn name(&self, row: &Val, scope: &Scope, into: &mut Gathered) -> Result<(), Failure> {
        for side in &self.stream.compared {
            let keys = side.keys.run(row.clone(), scope).map_err(|error| mapping(format!("cross_checks `{}`: {error}", side.keys.shown())))?;
            let keys = keys.iter().filter(|key| !matches!(key, Val::Null)).map(expression::text_of);
            into.named.entry((side.check, side.exists)).or_default().extend(keys);
        }
        Ok(())
    }

    /// What a row is asked for by, and whether it may change unseen, in a stream that asks for such rows again.
    fn open(&self, row: &Val, scope: &Scope) -> Result<Option<(String, bool)>, Failure> {
        let Some(Reread { when, id, .. }) = &self.stream.reread else { return Ok(None) };
        let is_open = match when.one(row.clone(), scope).map_err(|error| mapping(format!("reread.when `{}`: {error}", when.shown())))? {
            Val::Bool(is_open) => is_open,
            other => return Err(mapping(format!("reread.when `{}`: neither true nor false, but {}", when.shown(), expression::type_of(&other)))),
        };
        let id = key(id, row, scope).map_err(|message| mapping(format!("reread.id {message}")))?;
        Ok(Some((id.to_string(), is_open)))
    }

    fn identity(&self, row: &Val, of: &Json, scope: &Scope) -> Result<Digest, Failure> {
        let value = match &self.stream.key {
            None => expression::to_json(row),
            Some(key) => self::key(key, row, scope).map_err(|message| mapping(format!("key {message}")))?,
        };
        Ok(Digest::of(format!("{value} {of}").as_bytes()))
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
        let outputs = match records.run(row.clone(), scope) {
            Ok(outputs) => outputs,
            Err(error) => return self.failed(&error.to_string()).map_or(Ok(Vec::new()), Err),
        };
        let mut admitted = Vec::with_capacity(outputs.len());
        for output in outputs {
            let mut json = expression::to_json(&output);
            complete(&mut json, self.base);
            let odd = self.reworded(&mut json);
            match self.door.admit(&json) {
                Ok(mut records) => {
                    records.iter_mut().take(1).for_each(|record| record.doubts.extend(odd.iter().map(super::tables::doubt)));
                    admitted.extend(records);
                }
                Err(first) => self.refuse(first, &json).map_or(Ok(()), Err)?,
            }
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
    /// Puts what words mean in their place.
    fn reworded(&self, json: &mut Json) -> Vec<Odd> {
        let table = json.get("record").and_then(Json::as_str).and_then(by_name).map(|shape| shape.table);
        table.zip(json.as_object_mut()).map(|(table, record)| self.words.apply(table, record)).unwrap_or_default()
    }

    /// Why the mapping of a row failed, with the header of the field that it names first; `None` when that may come of what the row lacks.
    fn failed(&self, error: &str) -> Option<Failure> {
        let named = error.split_once(": ").and_then(|(field, rest)| Some(format!("{} ({field}): {rest}", self.columns?.shown.get(field)?)));
        match named {
            Some(named) => Some(mapping(named)),
            None if self.columns.is_some_and(|columns| columns.partial) => None,
            None => Some(mapping(format!("records: {error}"))),
        }
    }

    /// Why a record was refused: of a person's row everything, else what comes first; `None` when it may come of what the row lacks.
    fn refuse(&self, first: Refusal, json: &Json) -> Option<Failure> {
        let refusals = if self.columns.is_some() { self.door.refusals(json) } else { vec![first] };
        let is_own = |columns: &Columns, refusal: &Refusal| columns.shown.contains_key(&refusal.path) && refusal.found != "nothing";
        let counts = |refusal: &&Refusal| self.columns.is_none_or(|columns| !columns.partial || is_own(columns, refusal));
        let told: Vec<_> = refusals.iter().filter(counts).map(|refusal| self.refused(refusal)).collect();
        (!told.is_empty()).then(|| Failure::new(FailureReason::InvalidRecord, told.join("; ")))
    }

    /// Why a record was refused, with the header that its writer knows the field by.
    fn refused(&self, refusal: &Refusal) -> String {
        let Some(shown) = self.columns.and_then(|columns| columns.shown.get(&refusal.path)) else { return refusal.to_string() };
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

/// A row's key.
fn key(key: &Expression, row: &Val, scope: &Scope) -> Result<Json, String> {
    let value = key.one(row.clone(), scope).map_err(|error| format!("`{}`: {error}", key.shown()))?;
    match expression::no_key(&value) {
        None => Ok(expression::to_json(&value)),
        Some(found) => Err(format!("`{}`: {found}", key.shown())),
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
