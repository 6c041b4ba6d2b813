//! Pages of readings, over boards that may change between two of them: a page goes on after the last reading of the one before, by indicator and labels, so
//! that whatever comes and goes elsewhere, nothing that stays is left out or comes twice.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::board::{self, Board, Panel};

/// The most readings of a page that may be asked for.
pub(super) const MOST: usize = 10_000;

/// What of the chosen readings is wanted.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// The most; `None`: all.
    pub(super) limit: Option<usize>,
    /// After this one.
    pub(super) after: Option<Position>,
    /// The board of the first page; `None`: this is the first.
    pub(super) first_board: Option<String>,
}

/// Which board: the moment, and how many were published before.
pub(super) fn identity(board: &Board) -> String {
    format!("{}-{}", board.at, board.number)
}

/// The last reading of a page, and the board of the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    board: String,
    indicator: String,
    labels: BTreeMap<String, String>,
}

impl Position {
    pub(super) fn of(reading: &Reading, first_board: &str) -> Self {
        Self { board: first_board.to_owned(), indicator: reading.indicator.clone(), labels: reading.labels.clone() }
    }

    /// As `next` has it.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what `next` had.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    pub(super) fn board(&self) -> &str {
        &self.board
    }

    /// Whether a reading comes after it.
    pub(super) fn is_before(&self, panel: &Panel, reading: &board::Reading) -> bool {
        let labels = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.indicator.as_str().cmp(panel.indicator.id.as_str()).then_with(|| labels.cmp(reading.row.labels())).is_lt()
    }
}
