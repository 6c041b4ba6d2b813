//! A history for programs: the same from the command line and from the API. Times are epoch seconds, as everywhere in the API.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    history::{self, Change, Course},
    indicator::Direction,
    threshold::State,
    web::api::Word,
};

/// What readings of an indicator were over a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// The indicator's id.
    indicator: String,
    /// Unit of its values; empty where the catalogue has it no more.
    unit: String,
    /// When the period begins.
    from: i64,
    /// When it ends, or the last moment of which anything is stored.
    until: i64,
    /// When an agent watched.
    watched: Vec<Span>,
    /// By labels.
    readings: Vec<Past>,
}

/// A span of time.
#[derive(Debug, Serialize, ToSchema)]
struct Span {
    from: i64,
    /// The end does not belong to it.
    until: i64,
}

/// A reading over the period.
#[derive(Debug, Serialize, ToSchema)]
struct Past {
    #[serde(flatten)]
    summary: Summary,
    /// Its labels; the system by the id that it has now.
    labels: BTreeMap<String, String>,
    /// Ids under which parts of it were stored, and that now are names of the system.
    formerly: BTreeSet<String>,
    /// What was seen of it, in the order of time.
    steps: Vec<Step>,
    /// The same for as long a time before, four times, the latest first.
    before: Vec<Summary>,
    /// Which way it went since the period before; null: it is not said which way is worse, or there is nothing to compare.
    change: Option<Way>,
}

/// Which way something went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    Better,
    Worse,
    Same,
}

/// What a reading comes to in a period.
#[derive(Debug, Serialize, ToSchema)]
struct Summary {
    from: i64,
    until: i64,
    begin: Option<Shown>,
    end: Option<Shown>,
    seconds: Seconds,
    /// How often the state changed.
    changes: usize,
    /// When it was in breach for the first time in the period.
    first_breach: Option<i64>,
    /// Since when it is in breach, if it is at the end.
    in_breach_since: Option<i64>,
    worst: Option<Worst>,
    /// When the method changed: values before and after are not comparable.
    method_changes: Vec<MethodChange>,
}

/// A reading at a moment; null: there was none, or nobody watched.
#[derive(Debug, Serialize, ToSchema)]
struct Shown {
    state: Word,
    /// Null while unknown.
    value: Option<f64>,
}

/// Seconds in each state.
#[derive(Debug, Serialize, ToSchema)]
struct Seconds {
    ok: i64,
    warning: i64,
    unknown: i64,
    breach: i64,
    /// An agent ran, and there was no such reading.
    absent: i64,
    /// No agent ran, or none that could store what it saw.
    unwatched: i64,
}

/// The worst value; null where it is not said which way is worse.
#[derive(Debug, Serialize, ToSchema)]
struct Worst {
    at: i64,
    value: f64,
}

/// Another method.
#[derive(Debug, Serialize, ToSchema)]
struct MethodChange {
    at: i64,
    /// Its digest.
    method: String,
}

/// What a reading was over a span.
#[derive(Debug, Serialize, ToSchema)]
struct Step {
    from: i64,
    /// The end does not belong to it.
    until: i64,
    state: Word,
    /// Null while unknown.
    value: Option<f64>,
    /// A clock has another value at its end.
    value_at_end: Option<f64>,
    /// Why it was unknown.
    reason: Option<String>,
    /// The rule that was hit.
    rule: Option<String>,
    /// Facts at the beginning, and the moments from which those that time changes count.
    facts: BTreeMap<String, f64>,
    /// Digest of the method.
    method: String,
    /// The entry of evidence that it began with.
    entry: i64,
}

impl History {
    /// Everything about a history.
    pub fn of(history: &history::History, unit: &str, direction: Direction) -> Self {
        Self {
            indicator: history.indicator.clone(),
            unit: unit.to_owned(),
            from: history.period.start,
            until: history.period.end,
            watched: history.watched_in_period().map(|span| Span { from: span.start, until: span.end }).collect(),
            readings: history.courses.iter().map(|course| Past::of(history, course, direction)).collect(),
        }
    }
}

impl Past {
    fn of(history: &history::History, course: &Course, direction: Direction) -> Self {
        let summaries: Vec<_> = history.periods().map(|period| course.summary(&period, &history.watched, direction)).collect();
        let way = |change| match change {
            Change::Better => Way::Better,
            Change::Worse => Way::Worse,
            Change::Same => Way::Same,
        };
        Self {
            summary: Summary::of(&summaries[0]),
            labels: course.labels.clone(),
            formerly: course.formerly.clone(),
            steps: course.within(&history.period).map(|(span, step)| Step::of(span.start, span.end, step)).collect(),
            before: summaries[1..].iter().map(Summary::of).collect(),
            change: summaries[0].change_since(&summaries[1], direction).map(way),
        }
    }
}

impl Summary {
    fn of(summary: &history::Summary) -> Self {
        let shown = |shown: history::Shown| Shown { state: shown.state.into(), value: shown.value };
        let seconds = &summary.seconds;
        Self {
            from: summary.period.start,
            until: summary.period.end,
            begin: summary.begin.map(shown),
            end: summary.end.map(shown),
            seconds: Seconds {
                ok: seconds.of(State::Ok),
                warning: seconds.of(State::Warning),
                unknown: seconds.of(State::Unknown),
                breach: seconds.of(State::Breach),
                absent: seconds.absent,
                unwatched: seconds.unwatched,
            },
            changes: summary.changes,
            first_breach: summary.first_breach,
            in_breach_since: summary.in_breach_since,
            worst: summary.worst.map(|(at, value)| Worst { at, value }),
            method_changes: summary.methods.iter().map(|(at, method)| MethodChange { at: *at, method: method.to_string() }).collect(),
        }
    }
}

impl Step {
    fn of(from: i64, until: i64, step: &history::Step) -> Self {
        Self {
            from,
            until,
            state: step.state.into(),
            value: step.value_at(from),
            value_at_end: step.value_at(until - 1),
            reason: step.reason.clone(),
            rule: step.rule.as_deref().map(str::to_owned),
            facts: facts(&step.facts),
            method: step.method.to_string(),
            entry: step.entry,
        }
    }
}

/// Facts as they are stored; what is no number is none.
pub fn facts(stored: &serde_json::Value) -> BTreeMap<String, f64> {
    stored.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}
