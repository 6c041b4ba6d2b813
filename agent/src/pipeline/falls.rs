//! What a start knows of how the agent ended before: a fault that comes back at the same place soon after a restart would come back after every
//! restart, so the indicator that it came from is off then, unknown and named, and the rest works.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file in the data folder that tells of a fall.
const FILE: &str = "clause9.fallen.json";

/// How soon after a start a fault counts as the one before come back, in seconds.
const SOON: i64 = 10 * 60;

/// How the core fell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fall {
    /// The place in the code.
    place: String,
    /// The indicator that was at work, if one was.
    indicator: Option<String>,
    /// Whether it fell at this place after the start before, too.
    again: bool,
}

/// An indicator that is off because of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Off {
    /// Its id.
    pub(super) indicator: String,
    /// Where the fault is.
    pub(super) place: String,
}

/// What a start found, and when it was.
#[derive(Debug)]
pub(super) struct Falls {
    before: Option<Fall>,
    started_at: i64,
}

impl Falls {
    /// Reads how the agent ended before, if that was a fall. It is forgotten with this: what is off is tried again after the next start.
    pub(super) fn read(data_dir: &Path, now: i64) -> Self {
        let file = data_dir.join(FILE);
        let text = std::fs::read_to_string(&file);
        // One that can't be removed tells of a folder that can't be written, which is told elsewhere.
        drop(std::fs::remove_file(file));
        Self { before: text.ok().and_then(|text| serde_json::from_str(&text).ok()), started_at: now }
    }

    /// The indicator that must not be evaluated, if any.
    pub(super) fn off(&self) -> Option<Off> {
        let fall = self.before.as_ref().filter(|fall| fall.again)?;
        Some(Off { indicator: fall.indicator.clone()?, place: fall.place.clone() })
    }

    /// Leaves word of a fall for the next start.
    pub(super) fn note(&self, data_dir: &Path, place: String, indicator: Option<String>, now: i64) {
        let soon = (0..=SOON).contains(&(now - self.started_at));
        let again = soon && self.before.as_ref().is_some_and(|before| before.place == place && before.indicator == indicator);
        let text = serde_json::to_string(&Fall { place, indicator, again }).expect("texts always serialise");
        if let Err(error) = std::fs::write(data_dir.join(FILE), text) {
            tracing::warn!(error = %error, "the next start will not know of this fault");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_comes_back_turns_its_indicator_off_for_one_start() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let fall = |started: i64, fell: i64, place: &str| {
            let falls = Falls::read(folder, started);
            let off = falls.off().map(|off| off.indicator);
            falls.note(folder, place.to_owned(), Some("drift_psi".to_owned()), fell);
            off
        };
        assert_eq!(fall(0, 10, "slot.rs:1"), None, "the first");
        assert_eq!(fall(20, 30, "slot.rs:2"), None, "another place");
        assert_eq!(fall(40, 40 + SOON + 1, "slot.rs:2"), None, "the same place, much later");
        assert_eq!(fall(700, 710, "slot.rs:2"), None, "it comes back");
        assert_eq!(Falls::read(folder, 720).off(), Some(Off { indicator: "drift_psi".to_owned(), place: "slot.rs:2".to_owned() }));
        assert_eq!(Falls::read(folder, 730).off(), None, "it is tried again after the next start");
    }
}
