//! What readings were: `/api/v1/history`.

use std::ops::Range;

use clause9_exporter::axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use serde_json::Value;
use tokio::task::spawn_blocking;
use url::form_urlencoded;

use super::{Refusal, refused, stopping, unknown, unreadable};
use crate::{
    history::{self, Choice, EXPECTED, Edge, History},
    indicator::Direction,
    pipeline::Handle,
    schedule,
    store::{Error, Reader},
};

/// The parameters that there are.
pub(super) const PARAMETERS: [&str; 5] = ["indicator", "system", "label", "from", "to"];

/// What is told without `from`.
const DEFAULT_FROM: &str = "90d";

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Question {
    indicator: String,
    choice: Choice,
    period: Range<i64>,
}

/// What readings of an indicator were over a period: states, values, time in each state, and the same of the four periods before.
pub async fn history(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Value>, Refusal> {
    let configuration = handle.configuration.load_full();
    let question = Question::of(query.as_deref().unwrap_or_default(), configuration.zone, schedule::now());
    let question = question.map_err(|expected| refused(StatusCode::BAD_REQUEST, &expected))?;
    let read = spawn_blocking(move || {
        let reader = Reader::open(&configuration.database)?;
        let history = History::read(&reader, &question.indicator, &question.choice, &question.period)?;
        let was_stored = reader.indicators()?.contains(&question.indicator);
        Ok::<_, Error>((question, history, was_stored))
    });
    let (question, history, was_stored) = read.await.map_err(|_| stopping())?.map_err(|error| unreadable(&error))?;
    let board = handle.board.load();
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == question.indicator);
    if panel.is_none() && !was_stored {
        let ids = board.panels.iter().map(|panel| panel.indicator.id.as_str());
        return Err(refused(StatusCode::NOT_FOUND, &unknown("indicator", &question.indicator, ids)));
    }
    let history = history.ok_or_else(|| refused(StatusCode::NOT_FOUND, "nothing is stored of this period: no agent ran then"))?;
    let (unit, direction) = panel.map_or(("", Direction::TwoSided), |panel| (panel.indicator.unit.as_str(), panel.indicator.direction));
    Ok(Json(history::json(&history, unit, direction)))
}

impl Question {
    /// Reads a query. What nobody reads would be taken for heard.
    fn of(query: &str, zone: crate::record::Zone, now: i64) -> Result<Self, String> {
        let (mut indicator, mut choice, mut from, mut to) = (None, Choice::default(), None, None);
        let end = |name: &str, value: &str, edge| history::edge(value, edge, zone, now).map_err(|_| format!("{name}: expected {EXPECTED}"));
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let again = match &*name {
                "indicator" => indicator.replace(value.into_owned()).is_some(),
                "system" => choice.system.replace(value.into_owned()).is_some(),
                "label" => {
                    let (label, value) =
                        value.split_once('=').filter(|(label, _)| !label.is_empty()).ok_or("label: expected a label and its value, `feature=income`")?;
                    choice.labels.insert(label.to_owned(), value.to_owned()).is_some()
                }
                "from" => from.replace(end("from", &value, Edge::From)?).is_some(),
                "to" => to.replace(end("to", &value, Edge::To)?).is_some(),
                _ => return Err(unknown("parameter", &name, PARAMETERS)),
            };
            if again {
                return Err(format!("{name}: it is there twice"));
            }
        }
        let from = from.map_or_else(|| end("from", DEFAULT_FROM, Edge::From), Ok)?;
        // The second that it is now belongs to it.
        let period = from..to.unwrap_or(now + 1);
        if period.is_empty() {
            return Err("the period ends before it begins".to_owned());
        }
        let indicator = indicator.ok_or("indicator: expected the id of an indicator; /api/v1/indicators has them")?;
        Ok(Self { indicator, choice, period })
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
