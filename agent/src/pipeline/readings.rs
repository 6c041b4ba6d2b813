//! From rows to readings: staleness, verdicts, and what is remembered from the last time.

use std::sync::Arc;

use super::{
    inventory::Systems,
    slot::{Held, Made, NO_LABELS, Part, Slot},
    sources::{Gaps, Sources},
};
use crate::{
    board::{Reading, Waiting},
    indicator::{EvaluationError, Measured, Row},
    store::Since,
    threshold::{self, Subject},
};

/// What readings are judged by beside their own rows.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) sources: &'a Sources,
    pub(super) systems: &'a Systems,
    pub(super) now: i64,
}

/// Why there is no value where there is nothing.
pub(super) const NOTHING: &str = "there is nothing to judge";

/// How the reason begins where an evaluation failed.
pub(super) const FAILED: &str = "the evaluation failed: ";

/// Judges the rows of a part of an indicator. Whatever could make a number look better than it is makes it unknown instead: a failed query, a
/// stale source, a source that is not there, no rows at all.
pub(super) fn judge(slot: &Slot, part: &Part, rows: Result<Vec<Row>, EvaluationError>, around: Surroundings<'_>) -> Made {
    let indicator = &slot.method.indicator;
    let failed = rows.is_err();
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(indicator = %indicator.id, error = %error, "an indicator could not be evaluated, its readings are unknown");
            vec![Row::unknown(indicator.columns(), &format!("{FAILED}{error}"))]
        }
    };
    let gaps = around.sources.gaps(&indicator.reads);
    // Where nothing is to be judged, nothing there is to be shown is no news, as long as all of it would be known.
    if rows.is_empty() && *part == Part::Whole && !(slot.method.rules.is_empty() && gaps.is_nothing()) {
        rows.push(Row::unknown(indicator.columns(), NOTHING));
    }
    // Of a failure nothing is known of any system.
    let part = if failed { &Part::Whole } else { part };
    let (made, seen) = made(slot, rows.into_iter(), &gaps, around);
    Made { gone: slot.absent(part, &seen), failed, ..made }
}

/// Judges those readings again whose verdict time may have changed.
pub(super) fn judge_again(slot: &Slot, around: Surroundings<'_>) -> Made {
    let rows = slot.with_verdict_due(around.now).map(|held| held.reading.row.clone());
    // What a source's silence made unknown is unknown in its row.
    Made { failed: slot.failed, ..made(slot, rows, &Gaps::default(), around).0 }
}

/// What is another reading than the one that holds, and the labels of those that hold and are there again. It is compared here, where several threads
/// work: what goes on as it is costs the core's own thread nothing.
fn made<'s>(slot: &'s Slot, rows: impl Iterator<Item = Row>, gaps: &Gaps, around: Surroundings<'_>) -> (Made, Vec<&'s str>) {
    let (mut readings, mut seen, mut due, mut key) = (Vec::new(), Vec::new(), None, String::new());
    for row in rows {
        labels_key(&row, &mut key);
        let before = slot.readings.get_key_value(key.as_str());
        let held = held(slot, &key, before.map(|(_, held)| held), row, gaps, around);
        due = [due, held.reading.row.due_after(around.now), held.verdict_due].into_iter().flatten().min();
        match before {
            Some((labels, before)) => {
                seen.push(&**labels);
                if *before != held {
                    // What is the same stays the same in memory, too: who compares boards sees it at once.
                    let reading = Arc::clone(if before.reading == held.reading { &before.reading } else { &held.reading });
                    readings.push((Arc::clone(labels), Held { reading, ..held }));
                }
            }
            None => readings.push((key.as_str().into(), held)),
        }
    }
    (Made { readings: readings.into_iter().collect(), due, ..Made::default() }, seen)
}

fn held(slot: &Slot, labels: &str, before: Option<&Held>, mut row: Row, gaps: &Gaps, around: Surroundings<'_>) -> Held {
    let now = around.now;
    if let Some(reason) = gaps.reason(row.label("system"), row.label("registry")) {
        row.measured = Measured::Unknown(reason.to_owned());
    }
    let (memory, since) = slot.remembered(labels, before);
    let (verdict, verdict_due) = subject(&row, around, |subject| {
        let verdict = threshold::judge(&slot.method.rules, subject, memory.as_ref(), now);
        let due = threshold::next_change(&slot.method.rules, subject, Some(&verdict.memory), now);
        (verdict, due)
    });
    let state = || verdict.state.as_str().into();
    let since = since.map_or_else(|| Since::begin(state(), now), |since| since.then(state(), now));
    let text = |position: usize| Arc::clone(&slot.method.texts[position]);
    let rule = verdict.rule.map(text);
    let waiting = verdict.waiting.map(|waiting| Waiting { rule: text(waiting.rule), since: waiting.since, until: waiting.until });
    let reading = Arc::new(Reading { row, state: verdict.state, rule, waiting, judged: verdict.judged, since: since.from });
    Held { reading, memory: verdict.memory, since, verdict_due }
}

/// A reading as its rules see it.
pub(super) fn subject<T>(row: &Row, around: Surroundings<'_>, look: impl FnOnce(&Subject<'_>) -> T) -> T {
    // Few rules ask for it: it is looked for when one does.
    let system = || row.label("system").and_then(|id| around.systems.get(id));
    look(&Subject {
        value: row.measured.trend(),
        label: &|name| row.label(name),
        system_attribute: &|name| system().and_then(|system| system.properties.get(name)).map(String::as_str),
        fact: &|name| row.fact_trend(name),
    })
}

/// The labels as a JSON object with sorted names, in place of what `key` held. Written by hand: this is done for every reading at every evaluation.
pub(super) fn labels_key(row: &Row, key: &mut String) {
    key.clear();
    for (name, value) in row.labels() {
        key.push(if key.is_empty() { '{' } else { ',' });
        key.push('"');
        key.push_str(name);
        key.push_str("\":");
        if value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            key.push_str(&serde_json::Value::from(value).to_string());
        } else {
            key.extend(["\"", value, "\""]);
        }
    }
    key.push_str(if key.is_empty() { NO_LABELS } else { "}" });
}
