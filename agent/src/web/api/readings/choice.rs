//! Which readings are asked for.

use std::collections::BTreeSet;

use clause9_exporter::axum::http::StatusCode;
use url::form_urlencoded;

use super::page::{Cut, MOST, Position};
use crate::{
    board::{self, Board, Panel, SourceStatus},
    indicator::{Indicator, Reads},
    record::{Feed, shape::SYSTEM_PROPERTIES},
    threshold::State as Verdict,
    web::api::{Refusal, pair, refused, unknown},
};

/// What of the readings is asked for; nothing of a kind means all.
#[derive(Debug, Default)]
pub(super) struct Choice {
    states: Vec<Verdict>,
    indicators: Vec<String>,
    systems: Vec<String>,
    labels: Vec<(String, String)>,
    properties: Vec<(String, String)>,
    /// What the sources that are asked for are relied on for; `None`: whichever source.
    feeds: Option<Vec<Feed>>,
}

/// The parameters that there are.
pub(in crate::web::api) const PARAMETERS: [&str; 8] = ["state", "indicator", "system", "label", "property", "source", "limit", "cursor"];

impl Choice {
    /// Reads a query. A name or a value that there is not would give all or nothing, and be taken for the answer.
    pub(super) fn of(query: &str, board: &Board) -> Result<(Self, Cut), Refusal> {
        let (mut choice, mut cut) = (Self::default(), Cut::default());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" | "cursor" => cut.take(&name, &value).map_err(|expected| refused(StatusCode::BAD_REQUEST, &expected))?,
                name if PARAMETERS.contains(&name) => choice.take(name, &value, board)?,
                _ => return Err(refused(StatusCode::BAD_REQUEST, &unknown("parameter", &name, PARAMETERS))),
            }
        }
        Ok((choice, cut))
    }

    fn take(&mut self, name: &str, value: &str, board: &Board) -> Result<(), Refusal> {
        let of_readings = || board.panels.iter().flat_map(|panel| panel.readings.iter());
        match name {
            "state" => {
                let state = Verdict::ALL.into_iter().find(|state| state.as_str() == value);
                self.states.push(state.ok_or_else(|| refused(StatusCode::BAD_REQUEST, &unknown("state", value, Verdict::ALL.map(Verdict::as_str))))?);
            }
            "indicator" => self.indicators.push(known("indicator", value, board.panels.iter().map(|panel| panel.indicator.id.as_str()))?),
            // What belongs to a system that the inventory does not have is shown with its key.
            "system" if of_readings().any(|reading| reading.row.label("system") == Some(value)) => self.systems.push(value.to_owned()),
            "system" => self.systems.push(known("system", value, board.systems.keys().map(String::as_str))?),
            "label" => {
                let (label, value) = named("label", value)?;
                let names: BTreeSet<_> = board.panels.iter().flat_map(|panel| panel.indicator.columns().labels()).map(String::as_str).collect();
                self.labels.push((known("label", &label, names)?, value));
            }
            "property" => {
                let (property, value) = named("property", value)?;
                self.properties.push((known("property", &property, SYSTEM_PROPERTIES)?, value));
            }
            _ => {
                known("source", value, board.sources.iter().map(|source| source.name.as_str()))?;
                let feeds = board.sources.iter().filter(|source| source.name == value).flat_map(feeds);
                self.feeds.get_or_insert_default().extend(feeds);
            }
        }
        Ok(())
    }

    pub(super) fn includes_panel(&self, panel: &Panel) -> bool {
        let has_indicator = self.indicators.is_empty() || self.indicators.iter().any(|id| id == panel.indicator.id.as_str());
        has_indicator && self.feeds.as_ref().is_none_or(|feeds| made_of(&panel.indicator, feeds))
    }

    pub(super) fn includes(&self, board: &Board, reading: &board::Reading) -> bool {
        let system = reading.row.label("system");
        let property = |name: &str| board.systems.get(system?)?.properties.get(name).map(String::as_str);
        (self.states.is_empty() || self.states.contains(&reading.state))
            && (self.systems.is_empty() || self.systems.iter().any(|chosen| system == Some(chosen.as_str())))
            && every_name(&self.labels, |name| reading.row.label(name))
            && every_name(&self.properties, property)
    }
}

/// Whether each name that is chosen has one of the values that are chosen for it.
fn every_name<'v>(chosen: &[(String, String)], value: impl Fn(&str) -> Option<&'v str>) -> bool {
    chosen.iter().all(|(name, _)| chosen.iter().any(|(other, wanted)| other == name && value(name) == Some(wanted.as_str())))
}

/// What a source is relied on for.
fn feeds(source: &SourceStatus) -> Vec<Feed> {
    source.feeds.iter().filter_map(|feed| Feed::parse(feed).ok()).collect()
}

/// Whether an indicator reads any of these.
fn made_of(indicator: &Indicator, feeds: &[Feed]) -> bool {
    indicator.reads.iter().filter_map(Reads::feed).any(|read| feeds.iter().any(|feed| feed.overlaps(read)))
}

fn named(parameter: &str, text: &str) -> Result<(String, String), Refusal> {
    pair(text).ok_or_else(|| refused(StatusCode::BAD_REQUEST, &format!("{parameter}: expected a name and its value, `name=value`")))
}

fn known<'k>(what: &str, value: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Result<String, Refusal> {
    let is_known = known.clone().into_iter().any(|known| known == value);
    if is_known { Ok(value.to_owned()) } else { Err(refused(StatusCode::NOT_FOUND, &unknown(what, value, known))) }
}

impl Cut {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let is_again = match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                self.limit.replace(limit.ok_or(format!("limit: expected a whole number from 1 to {MOST}"))?).is_some()
            }
            _ => {
                let position = Position::parse(value).ok_or("cursor: expected what `next` of the page before was")?;
                self.first_board = Some(position.board().to_owned());
                self.after.replace(position).is_some()
            }
        };
        if is_again { Err(format!("{name}: it is there twice")) } else { Ok(()) }
    }
}
