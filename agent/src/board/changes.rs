//! What makes the metric families of one board of those of the board before it, so that publishing a board costs what changed. Panels and
//! readings that did not change are the same in both boards, by pointer: they are passed by without being looked at.

use std::{cmp::Ordering, collections::BTreeMap, ptr, sync::Arc};

use clause9_exporter::{Change, Delta, Kind, LabelName};

use super::{
    Board, Panel, Reading,
    families::{self, INDICATOR, SAMPLES, STATE, STATES},
};

/// A reading as it was and as it is; it was not there, or is not any more.
type Difference<'r> = (Option<&'r Reading>, Option<&'r Reading>);

impl Board {
    /// What makes the page of this board of the page of the board `before`.
    ///
    /// Values of clocks are different at each moment: their families are among the changes whole.
    pub fn changes(&self, before: &Self) -> Vec<Change> {
        let mut changes: Vec<_> = self.of_panels().into_iter().map(Change::Family).collect();
        self.of_readings(before, &mut changes);
        if self.systems != before.systems {
            changes.push(Change::Family(self.system_infos()));
        }
        if self.review_links != before.review_links {
            changes.push(Change::Family(self.review_infos()));
        }
        changes
    }

    fn of_readings(&self, before: &Self, changes: &mut Vec<Change>) {
        let mut deltas = Deltas { at: self.at, before_at: before.at, states: delta(STATES.0, STATES.1), samples: delta(SAMPLES.0, SAMPLES.1) };
        let mut panels: BTreeMap<_, _> = before.panels.iter().map(|panel| (panel.indicator.id.as_str(), panel)).collect();
        for panel in &self.panels {
            let old = panels.remove(panel.indicator.id.as_str());
            let values = deltas.take(old.map(|old| &**old), panel);
            if old.is_none() || panel.readings.first().is_some_and(|reading| reading.row.is_clock()) {
                changes.push(Change::Family(self.values(panel)));
            } else if !values.is_empty() || old.is_some_and(|old| !Arc::ptr_eq(&old.indicator, &panel.indicator)) {
                changes.push(Change::Samples(values));
            }
        }
        for panel in panels.into_values() {
            deltas.take(Some(panel), &Panel::empty(&panel.indicator, Vec::new(), Vec::new()));
            changes.push(Change::Removed(families::full_name(panel.indicator.id.as_str())));
        }
        changes.extend([deltas.states, deltas.samples].map(Change::Samples));
    }
}

/// What changes in the families that all indicators share.
struct Deltas {
    at: i64,
    before_at: i64,
    states: Delta,
    samples: Delta,
}

impl Deltas {
    /// Takes up what changed in a panel. What changed in the indicator's own family is returned.
    fn take(&mut self, before: Option<&Panel>, panel: &Panel) -> Delta {
        let mut values = delta(panel.indicator.id.as_str(), families::help(&panel.indicator));
        let readings = before.map_or(&[][..], |before| &before.readings);
        for (old, new) in differences(readings, &panel.readings) {
            let Some(labels) = new.or(old).map(families::label_names) else { continue };
            edit(&mut values, &labels, old.and_then(|old| old.row.value(self.before_at)), new.and_then(|new| new.row.value(self.at)));
            let mut labels = labels;
            labels.push((INDICATOR, panel.indicator.id.as_str()));
            edit(&mut self.samples, &labels, old.and_then(families::smallest_sample), new.and_then(families::smallest_sample));
            let state = |reading: Option<&Reading>| reading.and_then(|reading| families::shown_state(panel, reading));
            let (was, is) = (state(old), state(new));
            if was == is {
                continue;
            }
            // The state is a label: another state is another series.
            for (state, before, after) in [(was, Some(1.0), None), (is, None, Some(1.0))] {
                let Some(state) = state else { continue };
                labels.push((STATE, state.as_str()));
                edit(&mut self.states, &labels, before, after);
                labels.pop();
            }
        }
        values
    }
}

fn delta(name: &str, help: impl Into<String>) -> Delta {
    Delta::new(families::full_name(name), help, Kind::Gauge)
}

/// Notes what a series' value was and is.
fn edit(delta: &mut Delta, labels: &[(LabelName, &str)], was: Option<f64>, is: Option<f64>) {
    let labels = labels.iter().map(|(name, value)| (name, *value));
    let edited = match (was, is) {
        (_, Some(value)) if was.map(f64::to_bits) != is.map(f64::to_bits) => delta.set(labels, value),
        (Some(_), None) => delta.remove(labels),
        _ => Ok(()),
    };
    edited.expect("label names of an indicator differ from each other and from the reserved ones");
}

/// The readings that are not the same, by pointer, in both lists.
///
/// Both lists are in one order, whichever it is. Walking through them in the order of labels finds what came and what went wherever the two
/// orders agree; where they don't, a reading is taken for gone and come, which is then found by its labels.
fn differences<'r>(mut before: &'r [Arc<Reading>], mut after: &'r [Arc<Reading>]) -> Vec<Difference<'r>> {
    let (mut found, mut gone, mut come): (Vec<Difference<'r>>, Vec<&'r Reading>, Vec<&'r Reading>) = Default::default();
    if ptr::eq(before, after) {
        return found;
    }
    while let ([old, old_rest @ ..], [new, new_rest @ ..]) = (before, after) {
        if Arc::ptr_eq(old, new) {
            (before, after) = (old_rest, new_rest);
            continue;
        }
        match old.row.labels().cmp(new.row.labels()) {
            Ordering::Equal => {
                found.push((Some(old), Some(new)));
                (before, after) = (old_rest, new_rest);
            }
            Ordering::Less => {
                gone.push(old);
                before = old_rest;
            }
            Ordering::Greater => {
                come.push(new);
                after = new_rest;
            }
        }
    }
    gone.extend(before.iter().map(|old| &**old));
    come.extend(after.iter().map(|new| &**new));
    let mut gone: BTreeMap<Vec<_>, _> = gone.into_iter().map(|old| (old.row.labels().collect(), old)).collect();
    for new in come {
        let old = gone.remove(&new.row.labels().collect::<Vec<_>>());
        if !old.is_some_and(|old| ptr::eq(old, new)) {
            found.push((old, Some(new)));
        }
    }
    found.extend(gone.into_values().map(|old| (Some(old), None)));
    found
}

#[cfg(test)]
mod tests;
