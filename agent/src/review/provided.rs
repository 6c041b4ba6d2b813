//! What was provided at the cut-off: nothing known of what nobody provides says nothing.
//!
//! The ledger does not keep what each source fed at a moment. It is known from the records that were held, and from what readings said: one that is
//! unknown because no source provides a kind of records names it, and any other shows that what its indicator cannot do without was provided.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, model::Reading};
use crate::{
    indicator::Reads,
    record::{Feed, SHAPES},
    store::AsOf,
};

/// How the reason of a reading begins that lacks records which nobody provides.
const NOBODY: &str = "no source provides ";

/// What was provided.
#[derive(Debug, Default)]
pub struct Provided {
    /// Kinds of which records are held, by table; for shapes without kinds an empty word.
    held: BTreeMap<&'static str, BTreeSet<String>>,
    /// What indicators read that had what they need.
    fed: Vec<Feed>,
    /// What readings said that nobody provides.
    missing: BTreeSet<String>,
}

impl Provided {
    /// By the records that are held.
    ///
    /// # Errors
    /// What the store reports.
    pub fn of(end: &AsOf) -> Result<Self, Error> {
        let mut held = BTreeMap::new();
        for shape in SHAPES {
            let kind = shape.kind_field.unwrap_or("''");
            let kinds = end.tables().rows(&format!("SELECT DISTINCT {kind} FROM {}", shape.table), &[], |row| row.get(0))?;
            held.insert(shape.table, kinds.into_iter().collect());
        }
        Ok(Self { held, ..Self::default() })
    }

    /// And by what the readings of an indicator that reads this said at the end of the period.
    pub fn learn(&mut self, reads: &[Reads], readings: &[Reading]) {
        let mut has_what_it_needs = false;
        for reading in readings.iter().filter(|reading| reading.end.is_some()) {
            match reading.reason.as_deref().and_then(|reason| reason.strip_prefix(NOBODY)) {
                Some(feeds) => self.missing.extend(feeds.split(", ").map(str::to_owned)),
                None => has_what_it_needs = true,
            }
        }
        if has_what_it_needs {
            let needed = reads.iter().filter_map(|reads| match reads {
                Reads::Records { feed, optional: false } => Some(feed.clone()),
                _ => None,
            });
            self.fed.extend(needed);
        }
    }

    /// Those of these of which nothing was provided.
    pub fn lacks(&self, feeds: &[Feed]) -> Vec<String> {
        feeds.iter().filter(|feed| !feed.each_kind().any(|kind| self.has(feed.table(), kind))).map(ToString::to_string).collect()
    }

    fn has(&self, table: &str, kind: &str) -> bool {
        if self.held.get(table).is_some_and(|kinds| kinds.contains(kind)) {
            return true;
        }
        let name = if kind.is_empty() { table.to_owned() } else { format!("{table}({kind})") };
        !self.missing.contains(&name) && self.fed.iter().any(|feed| feed.contains(table, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_provides_is_not_nothing() {
        let feed = |text: &str| Feed::parse(text).unwrap();
        let reading = |reason: Option<&str>| Reading { reason: reason.map(str::to_owned), ..crate::review::tests::reading() };
        let reads = |text: &str| [Reads::Records { feed: feed(text), optional: false }];
        let mut provided = Provided { held: BTreeMap::from([("cases", BTreeSet::from(["incident".to_owned()]))]), ..Provided::default() };
        provided.learn(&reads("cases(concern)"), &[reading(None)]);
        provided.learn(&reads("cases(risk_treatment, risk)"), &[reading(Some("no source provides cases(risk), controls"))]);
        provided.learn(&reads("reviews(training)"), &[]);
        for (text, lacks) in [
            ("cases(incident)", false),
            ("cases(concern)", false),
            ("cases(risk)", true),
            ("cases(risk, concern)", false),
            ("controls", true),
            ("reviews(training)", true),
        ] {
            assert_eq!(provided.lacks(&[feed(text)]), if lacks { vec![feed(text).to_string()] } else { Vec::new() }, "{text}");
        }
    }
}
