//! Sources, and asking for a poll of one: `/api/v1/sources`.

use std::collections::BTreeMap;

use clause9_exporter::axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, Refusal, evaluated, refused, unknown};
use crate::{
    board::{RegisterStatus, SourceStatus},
    connector, pipeline,
};

/// Every source.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sources {
    /// The moment of the board, epoch seconds.
    at: i64,
    /// In the order of the configuration.
    sources: Vec<Source>,
}

/// A source's health.
#[derive(Debug, Serialize, ToSchema)]
struct Source {
    name: String,
    connector: String,
    /// Where it is, without credentials.
    location: String,
    /// When it is polled, in words.
    schedule: String,
    /// The last complete poll, epoch seconds.
    last_success_at: Option<i64>,
    /// Whether it is stale or was never read.
    stale: bool,
    /// From this age on it is stale.
    stale_after_seconds: i64,
    failure: Option<Failure>,
    /// Its registers, where it reads each by itself.
    registers: Vec<Register>,
    /// Records by table.
    records: BTreeMap<String, u64>,
    /// Odd records by reason.
    doubtful_records: BTreeMap<String, u64>,
    /// What it is relied on for.
    feeds: Vec<String>,
    /// What people should know of the tables that were read.
    notes: Vec<Note>,
}

/// How the last poll failed.
#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    /// One word of a closed list; the README has it.
    reason: &'static str,
    message: String,
}

/// A register of a source.
#[derive(Debug, Serialize, ToSchema)]
struct Register {
    name: String,
    /// When it was read last, epoch seconds.
    last_success_at: Option<i64>,
    /// Whether that is too long ago, or never was.
    stale: bool,
    /// Why it could not be read at the last poll, if so.
    failure: Option<String>,
}

/// Something about a whole table that people should know.
#[derive(Debug, Serialize, ToSchema)]
struct Note {
    kind: NoteKind,
    /// Where: the table's header, or a row.
    place: String,
    /// What there is to say, without any value of a cell.
    text: String,
}

/// What kind of thing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NoteKind {
    /// No column stands for a field that indicators judge by.
    Unstated,
    /// A row was left out.
    LeftOut,
    /// Two lists of an upstream contradict each other.
    Contradicted,
    /// A stream that had many records has none now.
    Emptied,
    /// What the source's credentials may not see.
    Unseen,
}

/// How sources are.
///
/// Every source: where, when, how fresh, what failed.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses(
    (status = 200, description = "Every source", body = Sources),
    (status = 503, description = "Nothing has been evaluated yet", body = Problem),
))]
pub async fn sources(State(handle): State<pipeline::Handle>) -> Result<Json<Sources>, Refusal> {
    let board = evaluated(&handle)?;
    Ok(Json(Sources { at: board.at, sources: board.sources.iter().map(Source::from).collect() }))
}

/// A poll that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Poll {
    /// Of which source.
    source: String,
    poll: PollState,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PollState {
    /// It goes on; `/api/v1/sources` tells how it ended.
    Started,
}

/// Poll a source now.
///
/// It is for operators, where the configuration has any. A poll that is under way already is not begun again.
#[utoipa::path(post, path = "/api/v1/sources/{name}/poll", tag = "sources",
    params(("name" = String, Path, description = "The source's name", min_length = 1)),
    responses(
        (status = 202, description = "The poll was begun", body = Poll),
        (status = 404, description = "There is no such source", body = Problem),
    )
)]
pub async fn poll(State(handle): State<pipeline::Handle>, Path(name): Path<String>) -> Result<(StatusCode, Json<Poll>), Refusal> {
    if handle.poll(&name).await {
        return Ok((StatusCode::ACCEPTED, Json(Poll { source: name, poll: PollState::Started })));
    }
    let board = handle.board.load();
    Err(refused(StatusCode::NOT_FOUND, &unknown("source", &name, board.sources.iter().map(|source| source.name.as_str()))))
}

impl From<&SourceStatus> for Source {
    fn from(source: &SourceStatus) -> Self {
        let register =
            |it: &RegisterStatus| Register { name: it.name.clone(), last_success_at: it.last_success_at, stale: it.stale, failure: it.failure.clone() };
        Self {
            name: source.name.clone(),
            connector: source.connector.clone(),
            location: source.location.clone(),
            schedule: source.schedule.clone(),
            last_success_at: source.last_success_at,
            stale: source.stale,
            stale_after_seconds: source.stale_after,
            failure: source.failure.as_ref().map(|(reason, message)| Failure { reason, message: message.clone() }),
            registers: source.registers.iter().map(register).collect(),
            records: source.records.iter().map(|(table, count)| ((*table).to_owned(), *count)).collect(),
            doubtful_records: source.doubts.clone(),
            feeds: source.feeds.clone(),
            notes: source.notes.iter().filter_map(Note::of).collect(),
        }
    }
}

impl Note {
    /// Words that no list knows are told on the source's page alone.
    fn of(note: &connector::Note) -> Option<Self> {
        let kind = match note.kind {
            connector::NoteKind::Unstated => NoteKind::Unstated,
            connector::NoteKind::LeftOut => NoteKind::LeftOut,
            connector::NoteKind::UnknownWord => return None,
            connector::NoteKind::Contradicted => NoteKind::Contradicted,
            connector::NoteKind::Emptied => NoteKind::Emptied,
            connector::NoteKind::Unseen => NoteKind::Unseen,
        };
        Some(Self { kind, place: note.place.clone(), text: note.text.clone() })
    }
}
