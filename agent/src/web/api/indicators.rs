//! Indicators with what is in force of them: `/api/v1/indicators`.

use std::collections::BTreeMap;

use clause9_exporter::axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, Refusal, evaluated};
use crate::{
    board::{self, Board, Panel},
    indicator, pipeline, threshold,
};

/// Every indicator, and what keeps others from being known.
#[derive(Debug, Serialize, ToSchema)]
pub struct Indicators {
    /// The moment of the board, epoch seconds.
    at: i64,
    /// In the order of the catalogue.
    indicators: Vec<Indicator>,
    /// Those that are switched off, with the reason where one was given.
    off: BTreeMap<String, Option<String>>,
    /// Records that indicators need and nobody provides.
    missing: Vec<Missing>,
}

/// An indicator.
#[derive(Debug, Serialize, ToSchema)]
struct Indicator {
    id: String,
    title: String,
    /// Unit of its values.
    unit: String,
    /// Clauses of ISO/IEC 42001 that it serves.
    clause: Vec<String>,
    /// Controls of its Annex A.
    annex_a: Vec<String>,
    /// The limits in force, those of the configuration first.
    limits: Vec<Limit>,
    parameters: Vec<Parameter>,
}

/// A limit in force.
#[derive(Debug, Serialize, ToSchema)]
struct Limit {
    level: Level,
    /// The rule as it is written. Readings name it so.
    rule: String,
    /// The rule in words, without its level.
    words: String,
    /// Whether the configuration has it, and not the catalogue.
    of_configuration: bool,
}

/// What a rule leads to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Warning,
    Breach,
}

/// A parameter of an indicator.
#[derive(Debug, Serialize, ToSchema)]
struct Parameter {
    name: String,
    /// The value in force.
    value: Option<f64>,
    /// The catalogue's.
    default: f64,
    unit: String,
    about: String,
}

/// Records that nobody provides.
#[derive(Debug, Serialize, ToSchema)]
struct Missing {
    /// Which: `cases(risk)`.
    records: String,
    /// The indicators that are unknown for want of them.
    indicators: Vec<String>,
    /// What some of these lack beside.
    also: Vec<String>,
    /// The register that holds such records, if one does.
    register: Option<String>,
    /// The connectors that read such records.
    connectors: Vec<String>,
}

/// Limits and parameters in force.
///
/// Every indicator with its limits and parameters; those that are switched off, with the reason; and the records that nobody provides.
#[utoipa::path(get, path = "/api/v1/indicators", tag = "readings", responses(
    (status = 200, description = "Every indicator", body = Indicators),
    (status = 503, description = "Nothing has been evaluated yet", body = Problem),
))]
pub async fn indicators(State(handle): State<pipeline::Handle>) -> Result<Json<Indicators>, Refusal> {
    let board = evaluated(&handle)?;
    let missing = board.missing.iter().map(|missing| Missing {
        records: missing.feed.clone(),
        indicators: missing.indicators.clone(),
        also: missing.also.iter().cloned().collect(),
        register: missing.register.clone(),
        connectors: missing.connectors.clone(),
    });
    let indicators = board.panels.iter().map(|panel| Indicator::of(panel, &board)).collect();
    Ok(Json(Indicators { at: board.at, indicators, off: board.off.clone(), missing: missing.collect() }))
}

impl Indicator {
    fn of(panel: &Panel, board: &Board) -> Self {
        let indicator = &panel.indicator;
        let parameter = |parameter: &indicator::Parameter| Parameter {
            name: parameter.name.clone(),
            value: indicator.parameter(&parameter.name, &board.parameters),
            default: parameter.default,
            unit: parameter.unit.clone(),
            about: parameter.about.clone(),
        };
        Self {
            id: indicator.id.to_string(),
            title: indicator.title.clone(),
            unit: indicator.unit.clone(),
            clause: indicator.references.clause.clone(),
            annex_a: indicator.references.annex_a.clone(),
            limits: panel.limits.iter().map(Limit::from).collect(),
            parameters: indicator.parameters.iter().map(parameter).collect(),
        }
    }
}

impl From<&board::Limit> for Limit {
    fn from(limit: &board::Limit) -> Self {
        let level = match limit.level {
            threshold::Level::Warning => Level::Warning,
            threshold::Level::Breach => Level::Breach,
        };
        Self { level, rule: limit.rule.to_string(), words: limit.words.clone(), of_configuration: limit.overrides }
    }
}
