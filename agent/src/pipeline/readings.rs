//! From rows to readings: staleness, verdicts, and what is remembered from the last time.

use std::{collections::BTreeMap, sync::Arc};

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

/// Judges the rows of a part of an indicator. Whatever could make a number look better than it is makes it unknown instead: a failed query, a
/// stale source, a source that is not there, no rows at all.
pub(super) fn judge(slot: &Slot, part: &Part, rows: Result<Vec<Row>, EvaluationError>, around: Surroundings<'_>) -> Made {
    let indicator = &slot.method.indicator;
    let failed = rows.is_err();
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(indicator = %indicator.id, error = %error, "an indicator could not be evaluated, its readings are unknown");
            vec![Row::unknown(indicator.columns(), &format!("the evaluation failed: {error}"))]
        }
    };
    let gaps = around.sources.gaps(&indicator.reads);
    // Where nothing is to be judged, nothing there is to be shown is no news, as long as all of it would be known.
    if rows.is_empty() && *part == Part::Whole && !(slot.method.rules.is_empty() && gaps.is_nothing()) {
        rows.push(Row::unknown(indicator.columns(), "there is nothing to judge"));
    }
    let readings: BTreeMap<_, _> = rows.into_iter().map(|row| held(slot, row, &gaps, around)).collect();
    Made { readings, failed }
}

/// Judges those readings again whose verdict time may have changed.
pub(super) fn judge_again(slot: &Slot, around: Surroundings<'_>) -> Made {
    let rows = slot.with_verdict_due(around.now).map(|held| held.reading.row.clone());
    // What a source's silence made unknown is unknown in its row.
    let readings = rows.map(|row| held(slot, row, &Gaps::default(), around)).collect();
    Made { readings, failed: slot.failed }
}

fn held(slot: &Slot, mut row: Row, gaps: &Gaps, around: Surroundings<'_>) -> (Arc<str>, Held) {
    let now = around.now;
    if let Some(reason) = gaps.reason(row.label("system"), row.label("registry")) {
        row.measured = Measured::Unknown(reason.to_owned());
    }
    let labels = labels_key(&row);
    let (memory, since) = slot.before(&labels);
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
    (labels.into(), Held { reading, memory: verdict.memory, since, verdict_due })
}

/// A reading as its rules see it.
pub(super) fn subject<T>(row: &Row, around: Surroundings<'_>, look: impl FnOnce(&Subject<'_>) -> T) -> T {
    let system = row.label("system").and_then(|id| around.systems.get(id));
    look(&Subject {
        value: row.measured.trend(),
        label: &|name| row.label(name),
        system_attribute: &|name| system.and_then(|system| system.properties.get(name)).map(String::as_str),
        fact: &|name| row.fact_trend(name),
    })
}

/// The labels as a JSON object with sorted names. Written by hand: this is done for every reading at every evaluation.
fn labels_key(row: &Row) -> String {
    let mut key = String::with_capacity(96);
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
    key
}
