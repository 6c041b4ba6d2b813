//! The course of one reading: steps, and what they come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use serde_json::Value;

use super::{cut, watched_in};
use crate::{indicator::Direction, store::Held, threshold::State, trend::Trend};

/// The course of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Its labels; the system by the id that it has now.
    pub labels: BTreeMap<String, String>,
    /// Ids under which parts of it were stored, and that now are names of the system.
    pub formerly: BTreeSet<String>,
    /// What was seen of it, in the order of time; none overlaps another.
    pub steps: Vec<Step>,
}

/// What a reading was over a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// From when until when, epoch seconds; the end does not belong to it.
    pub span: Range<i64>,
    /// Its value; `None` while unknown, and where the store keeps none.
    pub value: Option<Trend>,
    /// Its state.
    pub state: State,
    /// Why it was unknown.
    pub reason: Option<String>,
    /// The rule that was hit.
    pub rule: Option<Arc<str>>,
    /// Facts at the beginning, by name.
    pub facts: Value,
    /// Digest of the method.
    pub method: Arc<str>,
    /// The entry of evidence that it began with.
    pub entry: i64,
    /// Since when it was in its state when it began, a time in which it was unknown between counted in; `None`: stored by an older release.
    pub since: Option<i64>,
}

/// Time in each state, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seconds {
    /// By [`State::badness`].
    states: [i64; 4],
    /// An agent ran, and there was no such reading.
    pub absent: i64,
    /// No agent ran, or none that could store what it saw.
    pub unwatched: i64,
}

impl Seconds {
    /// The time in a state.
    pub fn of(&self, state: State) -> i64 {
        self.states[usize::from(state.badness())]
    }
}

/// A reading at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The state.
    pub state: State,
    /// The value.
    pub value: Option<f64>,
}

/// What a course comes to in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The period.
    pub period: Range<i64>,
    /// What it was at the beginning; `None`: absent or unwatched.
    pub begin: Option<Shown>,
    /// What it was at the end.
    pub end: Option<Shown>,
    /// Time in each state.
    pub seconds: Seconds,
    /// How often the state changed.
    pub changes: usize,
    /// When it was in breach for the first time in the period.
    pub first_breach: Option<i64>,
    /// Since when it is in breach, if it is at the end; where that began before what was read, the first moment of that.
    pub in_breach_since: Option<i64>,
    /// The worst value, and when; `None` where it is not said which way is worse.
    pub worst: Option<(i64, f64)>,
    /// When the method changed, and to which: values before and after are not comparable.
    pub methods: Vec<(i64, Arc<str>)>,
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// To the better.
    Better,
    /// To the worse.
    Worse,
    /// No way.
    Same,
}

impl Change {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
        }
    }
}

/// Which way a reading went: by its state, and where that is the same and known, by its value. `None` where it is not said which way is worse.
pub fn change(direction: Direction, before: Shown, after: Shown) -> Option<Change> {
    if before.state != after.state {
        return Some(if after.state.badness() > before.state.badness() { Change::Worse } else { Change::Better });
    }
    let (Some(one), Some(other)) = (before.value, after.value) else { return (before.value == after.value).then_some(Change::Same) };
    let (one, other) = (badness(direction, one)?, badness(direction, other)?);
    Some(if other > one {
        Change::Worse
    } else if other < one {
        Change::Better
    } else {
        Change::Same
    })
}

/// A number that is larger the worse a value is.
fn badness(direction: Direction, value: f64) -> Option<f64> {
    match direction {
        Direction::Higher => Some(value),
        Direction::Lower => Some(-value),
        Direction::Abs => Some(value.abs()),
        Direction::TwoSided => None,
    }
}

impl Summary {
    /// Which way it went since another period, from end to end.
    pub fn change_since(&self, before: &Self, direction: Direction) -> Option<Change> {
        change(direction, before.end?, self.end?)
    }
}

impl Step {
    /// The value at a moment of the span.
    pub fn value_at(&self, moment: i64) -> Option<f64> {
        self.value.map(|value| value.at(moment))
    }
}

impl Course {
    /// What it was at a moment.
    pub fn at(&self, moment: i64) -> Option<&Step> {
        let after = self.steps.partition_point(|step| step.span.start <= moment);
        self.steps[..after].last().filter(|step| step.span.contains(&moment))
    }

    /// The same as state and value.
    pub fn shown_at(&self, moment: i64) -> Option<Shown> {
        self.at(moment).map(|step| Shown { state: step.state, value: step.value_at(moment) })
    }

    /// The steps of a period, cut at its ends.
    pub fn within<'c>(&'c self, period: &Range<i64>) -> impl Iterator<Item = (Range<i64>, &'c Step)> + use<'c> {
        let period = period.clone();
        self.steps.iter().map(move |step| (cut(&step.span, &period), step)).filter(|(span, _)| !span.is_empty())
    }

    /// What it comes to in a period of which these spans were watched.
    pub fn summary(&self, period: &Range<i64>, watched: &[Range<i64>], direction: Direction) -> Summary {
        let seen: i64 = watched_in(watched, period).map(|span| span.end - span.start).sum();
        let mut summary = Summary {
            period: period.clone(),
            begin: self.shown_at(period.start),
            end: self.shown_at(period.end - 1),
            seconds: Seconds { unwatched: period.end - period.start - seen, absent: seen, ..Seconds::default() },
            changes: 0,
            first_breach: None,
            in_breach_since: None,
            worst: None,
            methods: Vec::new(),
        };
        let mut worst_yet = f64::NEG_INFINITY;
        let mut before: Option<&Step> = self.steps[..self.steps.partition_point(|step| step.span.end <= period.start)].last();
        for (span, step) in self.within(period) {
            let length = span.end - span.start;
            summary.seconds.states[usize::from(step.state.badness())] += length;
            summary.seconds.absent -= length;
            if let Some(before) = before.filter(|before| before.span.start != step.span.start) {
                summary.changes += usize::from(before.state != step.state);
                if before.method != step.method {
                    summary.methods.push((span.start, Arc::clone(&step.method)));
                }
            }
            if step.state == State::Breach {
                summary.first_breach.get_or_insert(span.start);
            }
            for moment in [span.start, span.end - 1] {
                let Some((value, bad)) = step.value_at(moment).and_then(|value| Some((value, badness(direction, value)?))) else { continue };
                if bad > worst_yet {
                    (summary.worst, worst_yet) = (Some((moment, value)), bad);
                }
            }
            before = Some(step);
        }
        summary.in_breach_since = self.in_breach_since(period.end);
        summary
    }

    /// Since when it was in breach, if it was just before a moment. A gap in between, or a time in which it was unknown, ends nothing: nobody saw it better.
    fn in_breach_since(&self, end: i64) -> Option<i64> {
        self.at(end - 1).filter(|step| step.state == State::Breach)?;
        let seen = &self.steps[..self.steps.partition_point(|step| step.span.start < end)];
        let known = seen.iter().rev().filter(|step| step.state != State::Unknown);
        known.take_while(|step| step.state == State::Breach).last().map(|step| step.span.start)
    }

    /// Its values over a period in so many signs: `▁` to `█` from its smallest value to its largest, `?` where it was unknown, a blank where it was
    /// absent, `·` where nobody watched.
    pub fn sparkline(&self, period: &Range<i64>, watched: &[Range<i64>], signs: u16) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let length = period.end - period.start;
        let moments: Vec<i64> = (1..=i64::from(signs)).map(|sign| (period.start + length * sign / i64::from(signs) - 1).max(period.start)).collect();
        let values: Vec<f64> = moments.iter().filter_map(|moment| self.at(*moment)?.value_at(*moment)).collect();
        let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
        let bar = |value: f64| {
            let share = if most > least { (value - least) / (most - least) } else { 0.5 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
            let height = (share * 7.0).round() as usize;
            BARS[height.min(7)]
        };
        let sign = |moment: &i64| match self.at(*moment) {
            Some(step) if step.state == State::Unknown => '?',
            Some(step) => step.value_at(*moment).map_or(' ', bar),
            None if watched.iter().any(|span| span.contains(moment)) => ' ',
            None => '·',
        };
        moments.iter().map(sign).collect()
    }
}

/// What held as steps: only what was watched of it, in the order in which it was stored. Where the clock was set back, what was stored later counts.
pub(super) fn steps(held: Vec<Held>, whole: &Range<i64>, watched: &[Range<i64>]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(held.len());
    for Held { interval, from, until, entry, since } in held {
        while steps.last().is_some_and(|last| last.span.start >= from) {
            steps.pop();
        }
        if let Some(last) = steps.last_mut() {
            last.span.end = last.span.end.min(from);
        }
        let constant = interval.measured.map(Trend::Constant);
        let value = interval.clock.map(|(since, per)| Trend::Clock { since, per }).or(constant);
        let state = State::ALL.into_iter().find(|state| state.as_str() == interval.state).unwrap_or(State::Unknown);
        let step = Step {
            span: cut(&(from..until.unwrap_or(whole.end)), whole),
            value,
            state,
            reason: interval.reason,
            rule: interval.rule,
            facts: if interval.facts.is_empty() { Value::Null } else { serde_json::from_str(&interval.facts).unwrap_or_default() },
            method: interval.method,
            entry,
            since,
        };
        steps.extend(watched_in(watched, &step.span).map(|span| Step { span, ..step.clone() }));
    }
    steps
}

/// One course of those that were stored under several ids of a system; where two were there at the same moment, they were two systems then, and stay.
pub(super) fn joined(mut courses: Vec<Course>) -> Vec<Course> {
    let starts_of = |course: &Course| course.steps.first().map(|step| step.span.start);
    courses.sort_by_key(starts_of);
    let overlaps = courses.iter().flat_map(|course| &course.steps).try_fold(i64::MIN, |end, step| (step.span.start >= end).then_some(step.span.end)).is_none();
    if overlaps || courses.len() < 2 {
        return courses;
    }
    let mut all = courses.into_iter();
    let first = all.next();
    let join = |mut one: Course, mut other: Course| {
        one.formerly.append(&mut other.formerly);
        one.steps.append(&mut other.steps);
        one
    };
    first.map(|first| all.fold(first, join)).into_iter().collect()
}
