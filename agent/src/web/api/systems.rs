//! The inventory with how each system stands: `/api/v1/systems`.

use std::collections::{BTreeMap, BTreeSet};

use clause9_exporter::axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem, Refusal, Word, evaluated,
    readings::{Reading, in_order},
    refused, stored, unknown,
};
use crate::{
    board::{self, Board, SystemStatus},
    pipeline::Handle,
    record::SHAPES,
    store::{self, Reader},
    threshold::State as Verdict,
};

/// The inventory.
#[derive(Debug, Serialize, ToSchema)]
pub struct Systems {
    /// The moment of the board, epoch seconds.
    at: i64,
    /// By id.
    systems: Vec<System>,
}

/// A system of the inventory, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
struct System {
    id: String,
    name: Option<String>,
    /// Where its record can be looked at, without credentials.
    url: Option<String>,
    /// Its risk tier, the role that owns it and the like; what nobody said is not there.
    properties: BTreeMap<String, String>,
    /// The worst of its readings that are unknown or judged; null: there is none.
    worst_state: Option<Word>,
    readings_by_state: ByState,
    /// Breaches that are accepted now. They stay breaches.
    accepted_breaches: usize,
}

/// How many readings are in which state.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ByState {
    ok: usize,
    warning: usize,
    unknown: usize,
    breach: usize,
    /// Known, and judged by nobody.
    not_judged: usize,
}

/// A system with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SystemInFull {
    /// The moment of the board, epoch seconds.
    at: i64,
    system: System,
    /// Other names by which upstreams know it, as they are stored now.
    aliases: BTreeSet<String>,
    /// The sources that have records of it, the inventory's own included, as they are stored now.
    sources: BTreeSet<String>,
    /// Its readings, by indicator and labels.
    readings: Vec<Reading>,
}

/// The inventory.
///
/// Every system with its properties, its worst state, and how many of its readings are in which.
#[utoipa::path(get, path = "/api/v1/systems", tag = "systems", responses(
    (status = 200, description = "Every system", body = Systems),
    (status = 503, description = "Nothing has been evaluated yet", body = Problem),
))]
pub async fn systems(State(handle): State<Handle>) -> Result<Json<Systems>, Refusal> {
    let board = evaluated(&handle)?;
    let mut of_system: BTreeMap<&str, Vec<Judged<'_>>> = BTreeMap::new();
    for (system, judged) in board
        .panels
        .iter()
        .flat_map(|panel| panel.readings.iter().map(move |reading| (panel, reading)))
        .filter_map(|(panel, reading)| Some((reading.row.label("system")?, Judged { reading, is_accepted: board.accepted(panel, reading).is_some() })))
    {
        of_system.entry(system).or_default().push(judged);
    }
    let none = Vec::new();
    let systems = board.systems.values().map(|system| System::of(system, of_system.get(system.id.as_str()).unwrap_or(&none))).collect();
    Ok(Json(Systems { at: board.at, systems }))
}

/// A system.
///
/// Its properties and other names, the sources that have records of it, and its readings with their states and accepted breaches. It may be asked for by any name that
/// it has.
#[utoipa::path(get, path = "/api/v1/systems/{id}", tag = "systems",
    params(("id" = String, Path, description = "The system's id, or another of its names", min_length = 1)),
    responses(
        (status = 200, description = "The system", body = SystemInFull),
        (status = 404, description = "The inventory has no such system", body = Problem),
        (status = 500, description = "The store can't be read", body = Problem),
        (status = 503, description = "Nothing has been evaluated yet", body = Problem),
    )
)]
pub async fn system(State(handle): State<Handle>, Path(name): Path<String>) -> Result<Json<SystemInFull>, Refusal> {
    let board = evaluated(&handle)?;
    let asked = name.clone();
    let (id, aliases, sources) = stored(&handle, move |reader| {
        let id = reader.system_names()?.now(&asked).to_owned();
        let (aliases, sources) = (aliases(reader, &id)?, sources(reader, &id)?);
        Ok((id, aliases, sources))
    })
    .await?;
    let known = || board.systems.keys().map(String::as_str);
    let system = board.systems.get(&id).ok_or_else(|| refused(StatusCode::NOT_FOUND, &unknown("system", &name, known())))?;
    Ok(Json(in_full(&board, system, aliases, sources)))
}

fn in_full(board: &Board, system: &SystemStatus, aliases: BTreeSet<String>, sources: BTreeSet<String>) -> SystemInFull {
    let (mut judged, mut readings) = (Vec::new(), Vec::new());
    for (panel, its) in in_order(board, |_| true, |reading| reading.row.label("system") == Some(system.id.as_str())) {
        judged.extend(its.iter().map(|&reading| Judged { reading, is_accepted: board.accepted(panel, reading).is_some() }));
        readings.extend(its.into_iter().map(|reading| Reading::of(board, panel, reading)));
    }
    SystemInFull { at: board.at, system: System::of(system, &judged), aliases, sources, readings }
}

struct Judged<'b> {
    reading: &'b board::Reading,
    is_accepted: bool,
}

impl System {
    fn of(system: &SystemStatus, readings: &[Judged<'_>]) -> Self {
        let verdicts = || readings.iter().map(|judged| judged.reading.verdict());
        let count = |verdict: Option<Verdict>| verdicts().filter(|found| *found == verdict).count();
        Self {
            id: system.id.clone(),
            name: system.name.clone(),
            url: system.url.clone(),
            properties: system.properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            worst_state: verdicts().flatten().max().map(Word::from),
            readings_by_state: ByState {
                ok: count(Some(Verdict::Ok)),
                warning: count(Some(Verdict::Warning)),
                unknown: count(Some(Verdict::Unknown)),
                breach: count(Some(Verdict::Breach)),
                not_judged: count(None),
            },
            accepted_breaches: readings.iter().filter(|judged| judged.is_accepted).count(),
        }
    }
}

fn aliases(reader: &Reader, id: &str) -> Result<BTreeSet<String>, store::Error> {
    let aliases = reader.tables().rows("SELECT alias FROM system_aliases WHERE id = ?1", &[id.into()], |row| row.get(0))?;
    Ok(aliases.into_iter().collect())
}

/// The sources with records of a system.
fn sources(reader: &Reader, id: &str) -> Result<BTreeSet<String>, store::Error> {
    let of_system = SHAPES.iter().filter_map(|shape| {
        let column = if shape.name == "system" { Some("id") } else { shape.belongs_to_system.then_some("system") }?;
        Some(format!("SELECT source FROM {} WHERE {column} = ?1", shape.table))
    });
    let sql = of_system.collect::<Vec<_>>().join(" UNION ");
    Ok(reader.tables().rows(&sql, &[id.into()], |row| row.get(0))?.into_iter().collect())
}
