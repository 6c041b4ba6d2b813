//! The chain of evidence: `/api/v1/evidence`.

use std::ops::Range;

use clause9_exporter::axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{Moment, Problem, Refusal, asked::Asked, one_of, refused, stored, unknown};
use crate::{
    anchors::Head as Kept,
    history::{self, Edge},
    pipeline::Handle,
    record::Zone,
    schedule,
    store::{self, Entry as Stored, EntryKind, Reader},
};

/// The parameters that there are.
pub(super) const PARAMETERS: [&str; 5] = ["after", "from", "to", "kind", "limit"];

/// Entries of a page, unless another number is asked for.
const USUAL: usize = 100;

/// The most that may be asked for: what an entry says may be long.
const MOST: usize = 1_000;

/// The last entry of evidence, to be kept elsewhere: `clause9 verify --expect` can tell later whether the store goes on from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Head {
    /// Its number.
    entry: i64,
    /// Its digest, 64 hexadecimal digits.
    digest: String,
    /// When it was made, epoch seconds.
    at: i64,
    /// Number and digest, as `--expect` takes them.
    anchor: String,
    /// When it was made, in words of RFC 3339.
    time: String,
    /// By the agent's key, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// The key's public half.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

/// Entries of evidence, or a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entries {
    /// By number.
    entries: Vec<Entry>,
    /// The number of the last entry that there is, whether it is on this page or not; 0: there is none.
    head: i64,
    /// What to say as `after` for the next page; null: this is the last one for now.
    next: Option<i64>,
}

/// An entry of evidence. Its digest is the SHA-256 of the digest before, its number, its time, its kind and its body, each but the last followed by a line feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its number.
    entry: i64,
    /// When it was made, epoch seconds.
    at: i64,
    kind: Kind,
    /// What it says, JSON as it was written: the digest is over these very bytes.
    body: String,
    /// The digest of the entry before.
    previous: String,
    /// Its digest.
    digest: String,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(into = "&'static str")]
struct Kind(EntryKind);

impl From<Kind> for &'static str {
    fn from(kind: Kind) -> Self {
        kind.0.as_str()
    }
}

impl PartialSchema for Kind {
    fn schema() -> RefOr<Schema> {
        one_of(EntryKind::ALL.map(EntryKind::as_str), "What an entry is about.")
    }
}

impl ToSchema for Kind {}

/// The last entry of evidence.
///
/// What to keep elsewhere, so that it can be told later whether the store goes on from it.
#[utoipa::path(get, path = "/api/v1/evidence/head", tag = "evidence", responses(
    (status = 200, description = "The last entry", body = Head),
    (status = 404, description = "There is no evidence yet", body = Problem),
    (status = 500, description = "The store can't be read", body = Problem),
    (status = 503, description = "The agent is stopping", body = Problem),
))]
pub async fn evidence_head(State(handle): State<Handle>) -> Result<Json<Head>, Refusal> {
    let head = head(&handle).await?.ok_or_else(|| refused(StatusCode::NOT_FOUND, "there is no evidence yet"))?;
    let told = head.as_json(handle.configuration.load().key.as_deref());
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    let [digest, anchor, time] = ["digest", "anchor", "time"].map(|name| text(name).unwrap_or_default());
    Ok(Json(Head { entry: head.anchor.entry, at: head.at, digest, anchor, time, signature: text("signature"), public_key: text("public_key") }))
}

/// The last entry of evidence, if there is one.
pub async fn head(handle: &Handle) -> Result<Option<Kept>, Refusal> {
    stored(handle, Reader::head).await.map(Kept::of)
}

/// Entries of evidence.
///
/// In their order, by pages: entries are never changed, so that pages fit together whatever is added meanwhile. Nothing secret is in them.
#[utoipa::path(get, path = "/api/v1/evidence", tag = "evidence",
    params(
        ("after" = Option<i64>, Query, description = "Entries after this one: `next` of the page before", minimum = 0),
        ("from" = Option<Moment>, Query, description = "Made at this moment or later; a day stands for its beginning"),
        ("to" = Option<Moment>, Query, description = "Made before this moment; a day stands for its end"),
        ("kind" = Option<Vec<Kind>>, Query, description = "Of one of these kinds"),
        ("limit" = Option<u32>, Query, description = "The most entries of a page; 100 unless it is said", minimum = 1, maximum = 1_000),
    ),
    responses(
        (status = 200, description = "Entries", body = Entries),
        (status = 500, description = "The store can't be read", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn evidence(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Entries>, Refusal> {
    let question = Question::of(query.as_deref().unwrap_or_default(), handle.configuration.load().zone, schedule::now());
    let question = question.map_err(|expected| refused(StatusCode::BAD_REQUEST, &expected))?;
    let entries = stored(&handle, move |reader| {
        // What is added while it is read belongs to a later page.
        let (head, _) = reader.head()?;
        let (mut entries, mut next) = (Vec::new(), None);
        for entry in reader.entries(question.after..head.entry, &question.made, &question.kinds, question.limit + 1)? {
            if entries.len() == question.limit {
                next = entries.last().map(|last: &Entry| last.entry);
                break;
            }
            entries.push(Entry::read(entry)?);
        }
        Ok(Entries { entries, head: head.entry, next })
    })
    .await?;
    Ok(Json(entries))
}

/// An entry of evidence.
#[utoipa::path(get, path = "/api/v1/evidence/{entry}", operation_id = "evidence_entry", tag = "evidence",
    params(("entry" = i64, Path, description = "Its number", minimum = 1)),
    responses(
        (status = 200, description = "The entry", body = Entry),
        (status = 404, description = "There is no such entry", body = Problem),
        (status = 500, description = "The store can't be read", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn entry(State(handle): State<Handle>, Path(number): Path<String>) -> Result<Json<Entry>, Refusal> {
    let wanted: i64 =
        number.parse().ok().filter(|number| *number > 0).ok_or_else(|| refused(StatusCode::BAD_REQUEST, "entry: expected its number, from 1 on"))?;
    let (head, found) = stored(&handle, move |reader| {
        let found = reader.entries(wanted - 1..wanted, &(i64::MIN..i64::MAX), &[], 1)?;
        Ok((reader.head()?.0.entry, found.into_iter().next().map(Entry::read).transpose()?))
    })
    .await?;
    found.map(Json).ok_or_else(|| refused(StatusCode::NOT_FOUND, &format!("there is no entry {wanted}; the last is {head}")))
}

/// Which entries are asked for.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    after: i64,
    made: Range<i64>,
    kinds: Vec<EntryKind>,
    limit: usize,
}

impl Question {
    fn of(query: &str, zone: Zone, now: i64) -> Result<Self, String> {
        let asked = Asked::of(query, &PARAMETERS)?;
        let edge = |name: &str, edge: Edge, without: i64| {
            asked.get(name).map_or(Ok(without), |text| history::edge(text, edge, zone, now).map_err(|expected| format!("{name}: expected {expected}")))
        };
        let number = |name: &str, without: i64, range: Range<i64>, expected: &str| match asked.get(name) {
            Some(text) => text.parse().ok().filter(|number| range.contains(number)).ok_or(format!("{name}: expected {expected}")),
            None => Ok(without),
        };
        let made = edge("from", Edge::From, i64::MIN)?..edge("to", Edge::To, i64::MAX)?;
        if made.is_empty() {
            return Err("the period ends before it begins".to_owned());
        }
        let kinds = asked.kinds.iter().map(|kind| EntryKind::parse(kind).ok_or_else(|| unknown("kind", kind, EntryKind::ALL.map(EntryKind::as_str))));
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let limit = number("limit", 0, 1..most + 1, &format!("a whole number from 1 to {MOST}"))?;
        Ok(Self {
            after: number("after", 0, 0..i64::MAX, "the number of an entry, or 0")?,
            made,
            kinds: kinds.collect::<Result<_, _>>()?,
            limit: usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(USUAL),
        })
    }
}

impl Entry {
    /// Fails where no release has such a kind of entry.
    fn read(entry: Stored) -> Result<Self, store::Error> {
        let Stored { entry, at, kind, body, previous, digest } = entry;
        let kind = EntryKind::parse(&kind).ok_or_else(|| store::Error::Database(format!("entry {entry} is of a kind that nobody knows").into()))?;
        Ok(Self { entry, at, kind: Kind(kind), body, previous: previous.to_string(), digest: digest.to_string() })
    }
}
