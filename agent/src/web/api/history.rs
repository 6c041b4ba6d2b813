//! What readings were: `/api/v1/history`.

mod answer;

use std::ops::Range;

use clause9_exporter::axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};

pub use self::answer::{History as Answer, facts};
use super::{Moment, Pair, Problem, Refusal, asked::Asked, refused, stored, unknown};
use crate::{
    history::{self, Choice, DEFAULT_FROM, History},
    indicator::Direction,
    pipeline::Handle,
    schedule,
};

/// The parameters that there are.
pub(super) const PARAMETERS: [&str; 5] = ["indicator", "system", "label", "from", "to"];

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    indicator: String,
    choice: Choice,
    period: Range<i64>,
}

/// What readings were.
///
/// States, values and time in each state over a period, and the same of the four periods before.
#[utoipa::path(get, path = "/api/v1/history", tag = "history",
    params(
        ("indicator" = String, Query, description = "The indicator's id", min_length = 1),
        ("system" = Option<String>, Query, description = "Of this system, by any name that it has now"),
        ("label" = Option<Vec<Pair>>, Query, description = "With this label: its name, an equals sign, its value. A label may be named once"),
        ("from" = Option<Moment>, Query, description = "When the period begins; 90 days ago unless it is said"),
        ("to" = Option<Moment>, Query, description = "When it ends; now unless it is said"),
    ),
    responses(
        (status = 200, description = "The history", body = Answer),
        (status = 404, description = "There is no such indicator, or nothing is stored of the period", body = Problem),
        (status = 500, description = "The store can't be read", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn history(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Answer>, Refusal> {
    let question = Question::of(query.as_deref().unwrap_or_default(), handle.configuration.load().zone, schedule::now());
    let question = question.map_err(|expected| refused(StatusCode::BAD_REQUEST, &expected))?;
    let asked = question.clone();
    let (history, was_stored) = stored(&handle, move |reader| {
        Ok((History::read(reader, &asked.indicator, &asked.choice, &asked.period)?, reader.indicators()?.contains(&asked.indicator)))
    })
    .await?;
    let board = handle.board.load();
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == question.indicator);
    if panel.is_none() && !was_stored {
        let ids = board.panels.iter().map(|panel| panel.indicator.id.as_str());
        return Err(refused(StatusCode::NOT_FOUND, &unknown("indicator", &question.indicator, ids)));
    }
    let history = history.ok_or_else(|| refused(StatusCode::NOT_FOUND, "nothing is stored of this period: no agent ran then"))?;
    let (unit, direction) = panel.map_or(("", Direction::TwoSided), |panel| (panel.indicator.unit.as_str(), panel.indicator.direction));
    Ok(Json(Answer::of(&history, unit, direction)))
}

impl Question {
    fn of(query: &str, zone: crate::record::Zone, now: i64) -> Result<Self, String> {
        let asked = Asked::of(query, &PARAMETERS)?;
        let (from, to) = (asked.get("from"), asked.get("to"));
        let period = history::period(from.unwrap_or(DEFAULT_FROM), to, zone, now);
        let period = period.map_err(|(end, expected)| format!("{end}: expected {expected}"))?;
        if period.is_empty() {
            return Err("the period ends before it begins".to_owned());
        }
        Ok(Self { indicator: asked.indicator()?, choice: asked.choice, period })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Zone;

    #[test]
    fn what_is_asked_for_is_said_in_full() {
        let now = 1_790_000_000;
        let read = |query: &str| Question::of(query, Zone::UTC, now);
        let question = read("indicator=drift_psi&system=credit&label=feature%3Dincome&from=2026-09-01&to=2026-09-10").unwrap();
        assert_eq!((question.indicator.as_str(), question.choice.system.as_deref()), ("drift_psi", Some("credit")));
        assert_eq!((question.choice.labels["feature"].as_str(), question.period), ("income", 1_788_220_800..1_789_084_800));
        assert_eq!(read("indicator=x").unwrap().period, now - 90 * 86_400..now + 1);
        for (query, begins) in [
            ("", "indicator: expected"),
            ("indicator=x&sytem=a", "there is no parameter `sytem`; did you mean `system`?"),
            ("indicator=x&indicator=y", "indicator: it is there twice"),
            ("indicator=x&label=income", "label: expected"),
            ("indicator=x&from=yesterday", "from: expected a day"),
            ("indicator=x&from=2026-09-10&to=2026-09-01", "the period ends before it begins"),
        ] {
            let message = read(query).unwrap_err();
            assert!(message.starts_with(begins), "{query}: {message}");
        }
    }
}
