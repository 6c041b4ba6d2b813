//! A history as JSON, for programs: the same from the command line and from the API. Times are epoch seconds, as everywhere in the API.

use serde_json::{Value, json};

use super::{Change, Course, History, Shown, Step, Summary};
use crate::{indicator::Direction, threshold::State};

/// Everything about a history.
pub fn json(history: &History, unit: &str, direction: Direction) -> Value {
    let courses: Vec<_> = history.courses.iter().map(|course| of_course(history, course, direction)).collect();
    let watched: Vec<_> = history.watched_in_period().map(|span| json!({ "from": span.start, "until": span.end })).collect();
    json!({
        "indicator": history.indicator, "unit": unit, "from": history.period.start, "until": history.period.end, "watched": watched,
        "removed_before": history.removed, "readings": courses,
    })
}

fn of_course(history: &History, course: &Course, direction: Direction) -> Value {
    let summaries: Vec<_> = history.periods().map(|period| course.summary(&period, &history.watched, direction)).collect();
    let steps: Vec<_> = course.within(&history.period).map(|(span, step)| of_step(span.start, span.end, step)).collect();
    let mut told = of_summary(&summaries[0]);
    told["labels"] = json!(course.labels);
    told["formerly"] = json!(course.formerly);
    told["steps"] = steps.into();
    told["before"] = summaries[1..].iter().map(of_summary).collect::<Vec<_>>().into();
    told["change"] = json!(summaries[0].change_since(&summaries[1], direction).map(Change::as_str));
    told
}

fn of_summary(summary: &Summary) -> Value {
    let shown = |shown: Option<Shown>| shown.map(|shown| json!({ "state": shown.state.as_str(), "value": shown.value }));
    let mut seconds: serde_json::Map<_, _> = State::ALL.into_iter().map(|state| (state.as_str().to_owned(), summary.seconds.of(state).into())).collect();
    seconds.insert("absent".to_owned(), summary.seconds.absent.into());
    seconds.insert("unwatched".to_owned(), summary.seconds.unwatched.into());
    json!({
        "from": summary.period.start,
        "until": summary.period.end,
        "begin": shown(summary.begin),
        "end": shown(summary.end),
        "seconds": seconds,
        "changes": summary.changes,
        "first_breach": summary.first_breach,
        "in_breach_since": summary.in_breach_since,
        "worst": summary.worst.map(|(at, value)| json!({ "at": at, "value": value })),
        "method_changes": summary.methods.iter().map(|(at, method)| json!({ "at": at, "method": &**method })).collect::<Vec<_>>(),
    })
}

fn of_step(from: i64, until: i64, step: &Step) -> Value {
    json!({
        "from": from,
        "until": until,
        "state": step.state.as_str(),
        "value": step.value_at(from),
        // A clock has another value at its end.
        "value_at_end": step.value_at(until - 1),
        "reason": step.reason,
        "rule": step.rule.as_deref(),
        "facts": step.facts,
        "method": &*step.method,
        "entry": step.entry,
    })
}
