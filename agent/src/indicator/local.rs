//! Which indicators are local: a system's readings depend on that system's records alone. Only such an indicator can be evaluated for some systems
//! and give what it would give over all records.
//!
//! That is tested, never believed. Random organisations (`organisation.rs`) are evaluated whole, and for some of their systems only; one reading
//! that differs shows that the indicator isn't local. A user's indicator is tested when it is loaded. Those of the catalogue are tested by many more
//! organisations in a test, which keeps the list of the local ones.

mod organisation;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;

use self::organisation::{Organisation, Size, Sketch};
use super::{Evaluation, EvaluationError, Evaluator, Indicator, Moment, Overrides, Row, evaluate::SYSTEM};
use crate::store::{
    self, Projection,
    sql::{Cell, insert_statement},
};

/// The ids of the catalogue's local indicators, one a line, after comments.
const DECLARED: &str = include_str!("../../../config/indicators/local.txt");

/// How many organisations a user's indicator must pass. Of the catalogue's that are not local, the most hidden one differs first in the 180th.
const ORGANISATIONS: u64 = 500;

/// In how many of them it must have had a reading to compare, so that passing means something.
const LEAST_COMPARED: usize = 8;

/// The longest that one evaluation over a random organisation, a few dozen records, may take. The catalogue's take less than a millisecond; what takes
/// that long is not known to be local.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The moment of every trial: 2026-03-31T12:00:00Z.
pub(super) const MOMENT: Moment = Moment { now: 1_774_958_400, today: 20_543, today_begins_at: 1_774_915_200 };

/// Whether the catalogue's indicator with this id is local.
pub(super) fn is_declared(id: &str) -> bool {
    DECLARED.lines().any(|line| line == id)
}

/// Databases in memory for random organisations.
pub(super) struct Trials {
    evaluator: Evaluator,
}

/// Why an indicator is not local, or not known to be.
#[derive(Debug)]
#[expect(dead_code, reason = "tests that fail show what is in it")]
pub(super) enum Doubt {
    /// In this organisation some systems' readings are others when there is nothing but these systems.
    Differs { seed: u64, systems: BTreeSet<String>, whole: Vec<Row>, alone: Vec<Row> },
    /// For some systems alone it can't be evaluated, or it takes too long.
    Fails { seed: u64, error: EvaluationError },
    /// No organisation, or only a few, gave readings to compare, or all gave the same.
    Unseen,
}

impl Trials {
    pub(super) fn new() -> Self {
        let projection = Projection::in_memory().expect("the record tables can be made in memory; a test does");
        Self { evaluator: Evaluator::new(projection).limited_to(TIME_LIMIT) }
    }

    /// Whether a user's indicator is local, as far as random organisations tell.
    pub(super) fn is_local(&self, indicator: &Indicator) -> bool {
        self.doubt(indicator, 0..ORGANISATIONS).is_none()
    }

    /// Looks for a reason to doubt that an indicator is local, in one organisation for each seed. An indicator whose readings know no system isn't.
    pub(super) fn doubt(&self, indicator: &Indicator, seeds: impl IntoIterator<Item = u64>) -> Option<Doubt> {
        if !indicator.has_system() {
            return Some(Doubt::Unseen);
        }
        let sketch = Sketch::new(indicator);
        let mut compared = 0;
        let mut kinds_of_reading = BTreeSet::new();
        for seed in seeds {
            let mut random = Rng::with_seed(seed);
            let organisation = sketch.organisation(Size::SMALL, &mut random);
            let chosen = some_of(&organisation.systems, &mut random);
            self.fill(&organisation).expect("the tables take what is made for them; a test fills all of them");
            let evaluation = self.evaluator.begin(MOMENT).expect("a database in memory can be read");
            match compare(&evaluation, indicator, &chosen) {
                Comparison::Alike(rows) => {
                    compared += usize::from(!rows.is_empty());
                    kinds_of_reading.extend(rows.iter().map(|row| format!("{:?}", row.measured)));
                }
                Comparison::Differ { whole, alone } => return Some(Doubt::Differs { seed, systems: chosen, whole, alone }),
                Comparison::Fails(error) => return Some(Doubt::Fails { seed, error }),
                Comparison::Impossible => {}
            }
        }
        (compared < LEAST_COMPARED || kinds_of_reading.len() < 2).then_some(Doubt::Unseen)
    }

    /// Replaces what is in the tables by this organisation.
    pub(super) fn fill(&self, organisation: &Organisation) -> Result<(), store::Error> {
        self.evaluator.projection.fill(|database| {
            for table in &organisation.tables {
                database.execute(&format!("DELETE FROM main.{table}"), &[])?;
            }
            for (table, row) in &organisation.rows {
                let (columns, values): (Vec<_>, Vec<_>) = row.iter().map(|(column, value)| (*column, Cell::from(value))).unzip();
                // Two random records may have one id.
                let sql = format!("{} ON CONFLICT DO NOTHING", insert_statement(&format!("main.{table}"), &columns));
                database.execute(&sql, &values)?;
            }
            Ok(())
        })
    }
}

enum Comparison {
    Alike(Vec<Row>),
    Differ {
        whole: Vec<Row>,
        alone: Vec<Row>,
    },
    Fails(EvaluationError),
    /// There is nothing to compare with: the whole can't be evaluated.
    Impossible,
}

/// Compares the readings of some systems with those that they have when there is nothing else: labels, value, reason, facts.
fn compare(evaluation: &Evaluation<'_>, indicator: &Indicator, systems: &BTreeSet<String>) -> Comparison {
    let overrides = Overrides::new();
    let mut whole = match evaluation.evaluate(indicator, &overrides) {
        Ok(whole) => whole,
        Err(error @ EvaluationError::TimeLimit { .. }) => return Comparison::Fails(error),
        Err(_) => return Comparison::Impossible,
    };
    whole.retain(|row| row.label(SYSTEM).is_some_and(|system| systems.contains(system)));
    let mut alone = match evaluation.evaluate_as_local(indicator, &overrides, systems) {
        Ok(alone) => alone,
        Err(error) => return Comparison::Fails(error),
    };
    // An order that the SQL leaves open is none.
    whole.sort_by(|a, b| a.identity().cmp(b.identity()));
    alone.sort_by(|a, b| a.identity().cmp(b.identity()));
    if whole == alone { Comparison::Alike(whole) } else { Comparison::Differ { whole, alone } }
}

/// Half of them at random; at least one, and not all.
fn some_of(systems: &[String], random: &mut Rng) -> BTreeSet<String> {
    let mut shuffled: Vec<_> = systems.iter().collect();
    random.shuffle(&mut shuffled);
    shuffled.into_iter().take(systems.len() / 2).cloned().collect()
}
