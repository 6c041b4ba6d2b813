//! Readings of the board, chosen and by pages: `/api/v1/readings`.

mod choice;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use clause9_exporter::axum::{
    Json,
    extract::{RawQuery, State},
};
use serde::Serialize;
use utoipa::ToSchema;

#[cfg(test)]
pub(super) use self::choice::PARAMETERS;
use self::{
    choice::Choice,
    page::{Cut, Position},
};
use super::{Problem, Refusal, Word, evaluated};
use crate::{
    board::{self, Board, Panel},
    pipeline::Handle,
    web::words,
};

/// Readings, or a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readings {
    /// The moment of the board, epoch seconds: values and facts are as of then.
    at: i64,
    /// Which board: two answers with the same one are of one picture.
    board: String,
    /// Whether it is still the board of the first page. If not, what was asked for since may have changed in between: each reading that was there all the time
    /// comes once, one that came or went may be missing.
    same_board: bool,
    /// The organisation.
    organisation: String,
    /// How many readings of this board are chosen, on whichever page.
    chosen: usize,
    /// By indicator and labels.
    readings: Vec<Reading>,
    /// What to say as `cursor` for the next page; null: this is the last.
    next: Option<String>,
}

/// A reading.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reading {
    /// The indicator's id.
    indicator: String,
    labels: BTreeMap<String, String>,
    /// The value; null while it is unknown.
    value: Option<f64>,
    unit: String,
    state: Word,
    /// Since when it is in its state, epoch seconds.
    state_since: i64,
    /// Whether any rule is for it. Without one it is `ok` because nobody asked.
    judged: bool,
    /// Whether its indicator is behind in the store: what is shown is not in the history yet.
    unstored: bool,
    /// The rule that was hit, as it is written.
    rule: Option<String>,
    /// The same in words.
    limit: Option<String>,
    waiting: Option<Waiting>,
    /// Why it is unknown; null while it is known.
    reason: Option<String>,
    /// Numbers beside the value, by name.
    facts: BTreeMap<String, f64>,
    accepted: Option<Acceptance>,
}

/// A rule that is hit, but not for as long as it asks.
#[derive(Debug, Serialize, ToSchema)]
struct Waiting {
    /// The rule as it is written.
    rule: String,
    /// Since when it is hit, epoch seconds.
    since: i64,
    /// When it comes into force if that goes on, epoch seconds.
    until: i64,
}

/// Who accepts a breach. It stays one.
#[derive(Debug, Serialize, ToSchema)]
struct Acceptance {
    /// When it ends, epoch seconds.
    until: i64,
    /// The role that accepts it.
    by: String,
    /// Why.
    reason: String,
}

/// Readings as they are now.
///
/// All of them, or those that are chosen; values of one kind of choice count as "or", kinds as "and". Without `limit` they come at once, from one board; with it
/// by pages, of which each says which board it is of.
#[utoipa::path(get, path = "/api/v1/readings", tag = "readings",
    params(
        ("state" = Option<Vec<Word>>, Query, description = "In one of these states"),
        ("indicator" = Option<Vec<String>>, Query, description = "Of one of these indicators, by id"),
        ("system" = Option<Vec<String>>, Query, description = "Of one of these systems, by id"),
        ("label" = Option<Vec<super::Pair>>, Query, description = "With this label: its name, an equals sign, its value"),
        ("property" = Option<Vec<super::Pair>>, Query,
            description = "Of a system with this property: its name (`owner_role`, `risk_tier`, `lifecycle`, `role`, `eu_ai_act_class`, `registry`), an equals sign, its value"),
        ("source" = Option<Vec<String>>, Query, description = "Of indicators that read records which one of these sources is relied on for"),
        ("limit" = Option<u32>, Query, description = "The most readings of a page", minimum = 1, maximum = 10_000),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, beside the same choice"),
    ),
    responses(
        (status = 200, description = "The readings that are chosen", body = Readings),
        (status = 404, description = "There is no such indicator, system, label, property or source", body = Problem),
        (status = 503, description = "Nothing has been evaluated yet", body = Problem),
    )
)]
pub async fn readings(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Readings>, Refusal> {
    let board = evaluated(&handle)?;
    let (choice, cut) = Choice::of(query.as_deref().unwrap_or_default(), &board)?;
    Ok(Json(chosen(&board, &choice, &cut)))
}

/// Every reading of a board, as the API gives them.
pub fn all(board: &Board) -> Readings {
    chosen(board, &Choice::default(), &Cut::default())
}

fn chosen(board: &Board, choice: &Choice, cut: &Cut) -> Readings {
    let identity = page::identity(board);
    let (mut count, mut readings, mut next) = (0, Vec::new(), None);
    for (panel, of_panel) in in_order(board, |panel| choice.includes_panel(panel), |reading| choice.includes(board, reading)) {
        count += of_panel.len();
        for reading in of_panel {
            if cut.after.as_ref().is_some_and(|after| !after.is_before(panel, reading)) {
                continue;
            }
            if cut.limit.is_some_and(|limit| readings.len() == limit) {
                // There is one more: go on after the last that was taken.
                next = next.or_else(|| readings.last().map(|last: &Reading| Position::of(last, cut.first_board.as_deref().unwrap_or(&identity)).text()));
                break;
            }
            readings.push(Reading::of(board, panel, reading));
        }
    }
    let same_board = cut.first_board.as_ref().is_none_or(|first| *first == identity);
    Readings { at: board.at, board: identity, same_board, organisation: board.organisation.clone(), chosen: count, readings, next }
}

/// Indicators by id, each with its readings by labels, of which some are wanted.
pub(super) fn in_order(
    board: &Board,
    is_of: impl Fn(&Panel) -> bool,
    is_wanted: impl Fn(&board::Reading) -> bool,
) -> impl Iterator<Item = (&Panel, Vec<&board::Reading>)> {
    let mut panels: Vec<&Panel> = board.panels.iter().map(AsRef::as_ref).filter(|panel| is_of(panel)).collect();
    panels.sort_by(|one, other| one.indicator.id.as_str().cmp(other.indicator.id.as_str()));
    panels.into_iter().map(move |panel| {
        let mut readings: Vec<&board::Reading> = panel.readings.iter().map(AsRef::as_ref).filter(|reading| is_wanted(reading)).collect();
        readings.sort_by(|one, other| one.row.labels().cmp(other.row.labels()));
        (panel, readings)
    })
}

impl Reading {
    /// One of a board.
    pub(super) fn of(board: &Board, panel: &Panel, reading: &board::Reading) -> Self {
        let now = board.at;
        Self {
            indicator: panel.indicator.id.to_string(),
            labels: reading.row.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            value: reading.row.value(now),
            unit: panel.indicator.unit.clone(),
            state: reading.state.into(),
            state_since: reading.since,
            judged: reading.judged,
            unstored: panel.unstored,
            rule: reading.rule.as_deref().map(str::to_owned),
            limit: reading.rule.as_deref().and_then(|rule| panel.limit(rule)).map(|limit| limit.words.clone()),
            waiting: reading.waiting.as_ref().map(|it| Waiting { rule: it.rule.to_string(), since: it.since, until: it.until }),
            reason: words::unknown(reading).map(str::to_owned),
            facts: reading.row.facts(now).map(|(name, value)| (name.to_owned(), value)).collect(),
            accepted: board.accepted(panel, reading).map(|it| Acceptance { until: it.ends_at, by: it.by.clone(), reason: it.reason.clone() }),
        }
    }
}
