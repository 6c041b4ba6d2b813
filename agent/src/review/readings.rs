//! Readings over a period: what each was at the ends of five periods, how long in which state, which way it went. Nothing is computed anew; it is what
//! [`Past`] tells.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    panic::resume_unwind,
    thread,
};

use super::model::{Change, Counts, MethodChange, Period, READINGS, Reading, STEPS, Shown, Step, Time, Worse, Worst};
use crate::{
    history::{self, Course, Past, Series},
    indicator::Direction,
    store,
    threshold::State,
};

/// When somebody watched in the period and in those before it, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// All of it.
    whole: Range<i64>,
    /// Each period.
    periods: Vec<Watched>,
    /// Spans of the period that were watched.
    pub spans: Vec<Range<i64>>,
}

/// A period, and the first and last moment of it that was watched, if any.
#[derive(Debug, Clone, PartialEq)]
struct Watched {
    period: Range<i64>,
    seen: Option<(i64, i64)>,
}

impl Watch {
    /// Of a period and those before it.
    pub fn of(past: &Past<'_>, period: &Period, before: &[Period]) -> Self {
        let seen = |period: &Period| {
            let period = period.from..period.until;
            let spans = past.watched_in(&period);
            Watched { period, seen: spans.first().zip(spans.last()).map(|(first, last)| (first.start, last.end - 1)) }
        };
        let periods: Vec<_> = [period].into_iter().chain(before).map(seen).collect();
        let begins = periods.last().map_or(period.from, |first| first.period.start);
        Self { whole: begins..period.until, periods, spans: past.watched_in(&(period.from..period.until)) }
    }

    /// The first moment of the period from which on nobody watched; `None`: nobody watched at all.
    pub fn seen_until(&self) -> Option<i64> {
        self.periods[0].seen.map(|(_, last)| last + 1)
    }

    /// How much of the period nobody watched, in seconds.
    pub fn unwatched(&self) -> i64 {
        let Range { start, end } = self.periods[0].period;
        end - start - self.spans.iter().map(|span| span.end - span.start).sum::<i64>()
    }

    /// The last moments of the periods that were watched.
    fn ends(&self) -> impl Iterator<Item = Option<i64>> {
        self.periods.iter().map(|period| period.seen.map(|(_, last)| last))
    }
}

/// The readings of an indicator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// Every one: those that are not ok or changed, the worst first, then the others. Those that a pack does not tell have no steps.
    pub all: Vec<Reading>,
    /// Since when each is in its state.
    pub since: Vec<Option<i64>>,
    /// Methods with which they were made in the period, and since when there.
    pub methods: BTreeMap<String, i64>,
}

/// Fewer readings than these are not worth a thread, and a connection, of its own.
const WORTH_A_THREAD: usize = 500;

/// Some readings of an indicator, in the order of their labels.
struct Part {
    /// Each without its steps, since when it is in its state, and where its course is found again: in which series, and at which place there.
    all: Vec<(Reading, Option<i64>, (usize, usize))>,
    methods: BTreeMap<String, i64>,
}

impl Part {
    /// The courses of a year are many times what they come to: one after the other is read and let go.
    fn read(past: &Past<'_>, indicator: &str, direction: Direction, watch: &Watch, numbers: Range<usize>, series: &[Series]) -> Result<Self, store::Error> {
        let mut part = Self { all: Vec::with_capacity(numbers.len()), methods: BTreeMap::new() };
        for number in numbers {
            for (place, course) in past.courses_of(indicator, &series[number], &watch.whole)?.iter().enumerate() {
                for (span, step) in course.within(&watch.periods[0].period) {
                    part.note(&step.method, span.start);
                }
                part.all.extend(of_course(course, direction, past, watch).map(|(reading, since)| (reading, since, (number, place))));
            }
        }
        Ok(part)
    }

    fn note(&mut self, method: &str, since: i64) {
        match self.methods.get_mut(method) {
            Some(from) => *from = since.min(*from),
            None => drop(self.methods.insert(method.to_owned(), since)),
        }
    }

    /// With those that come after them.
    fn and(mut self, later: Self) -> Self {
        self.all.extend(later.all);
        later.methods.iter().for_each(|(method, since)| self.note(method, *since));
        self
    }
}

impl Readings {
    /// Those of an indicator.
    ///
    /// # Errors
    /// What the store reports.
    pub fn read(past: &Past<'_>, indicator: &str, direction: Direction, watch: &Watch) -> Result<Self, store::Error> {
        let series = &past.series(indicator)?;
        let part = |past: &Past<'_>, numbers: Range<usize>| Part::read(past, indicator, direction, watch, numbers, series);
        let Part { mut all, methods } = if series.len() < WORTH_A_THREAD {
            part(past, 0..series.len())?
        } else {
            let (half, apart) = (series.len() / 2, past.apart()?);
            thread::scope(|scope| {
                let beside = scope.spawn(move || part(&apart.past(), half..series.len()));
                let first = part(past, 0..half);
                let beside = beside.join().unwrap_or_else(|panic| resume_unwind(panic));
                Ok::<_, store::Error>(first?.and(beside?))
            })?
        };
        let badness = |reading: &Reading| Reverse(reading.end.map(|end| end.state.badness()));
        // The sort keeps the order of labels among those that are as bad, and as long.
        all.sort_by_key(|(reading, since, _)| (!is_news(reading), badness(reading), reading.in_breach_since.or(*since).unwrap_or(i64::MAX)));
        for (reading, _, (number, part)) in all.iter_mut().take(READINGS) {
            let courses = past.courses_of(indicator, &series[*number], &watch.whole)?;
            (reading.course, reading.coarse) = courses.get(*part).map(|course| steps(course, &watch.periods[0].period)).unwrap_or_default();
        }
        let (all, since) = all.into_iter().map(|(reading, since, _)| (reading, since)).unzip();
        Ok(Self { all, since, methods })
    }

    /// How many are in which state at the end of the period, and of those before it.
    pub fn counts(&self) -> (Counts, Vec<Counts>) {
        let mut now = Counts::default();
        let mut before = vec![Counts::default(); usize::try_from(history::PERIODS_BEFORE).unwrap_or_default()];
        for reading in &self.all {
            now.count(reading.end);
            before.iter_mut().zip(&reading.before).for_each(|(counts, shown)| counts.count(*shown));
        }
        (now, before)
    }

    /// Time in each state, summed.
    pub fn time(&self) -> Time {
        self.all.iter().fold(Time::default(), |sum, Reading { time, .. }| Time {
            ok: sum.ok + time.ok,
            warning: sum.warning + time.warning,
            breach: sum.breach + time.breach,
            unknown: sum.unknown + time.unknown,
            absent: sum.absent + time.absent,
            unwatched: sum.unwatched + time.unwatched,
        })
    }

    /// When the method changed, each change once.
    pub fn method_changes(&self) -> Vec<MethodChange> {
        let changes: BTreeSet<_> = self.all.iter().flat_map(|reading| reading.method_changes.iter().cloned()).collect();
        changes.into_iter().collect()
    }

    /// Those that a pack tells, and how many of those that are not ok or changed are left out.
    pub fn told(self) -> (Vec<Reading>, usize) {
        let news = self.all.iter().take_while(|reading| is_news(reading)).count();
        let mut told = self.all;
        told.truncate(READINGS);
        (told, news.saturating_sub(READINGS))
    }
}

/// Whether a reading is not ok, or changed.
fn is_news(reading: &Reading) -> bool {
    reading.end.is_none_or(|end| end.state != State::Ok) || reading.changes > 0
}

impl Counts {
    /// Counts a reading.
    pub fn count(&mut self, shown: Option<Shown>) {
        let place = match shown.map(|shown| shown.state) {
            Some(State::Ok) => &mut self.ok,
            Some(State::Warning) => &mut self.warning,
            Some(State::Breach) => &mut self.breach,
            Some(State::Unknown) => &mut self.unknown,
            None => &mut self.absent,
        };
        *place += 1;
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.warning += other.warning;
        self.breach += other.breach;
        self.unknown += other.unknown;
        self.absent += other.absent;
    }
}

impl From<Direction> for Worse {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Higher => Self::Larger,
            Direction::Lower => Self::Smaller,
            Direction::Abs => Self::FurtherFromZero,
            Direction::TwoSided => Self::NotSaid,
        }
    }
}

fn shown(shown: history::Shown) -> Shown {
    Shown { state: shown.state, value: shown.value }
}

/// What a course comes to but for its steps, with since when it is in its state; `None` when there was no such reading in the period, nor at the end of the one before.
fn of_course(course: &Course, direction: Direction, past: &Past<'_>, watch: &Watch) -> Option<(Reading, Option<i64>)> {
    let Watched { period, seen } = &watch.periods[0];
    let ends: Vec<Option<history::Shown>> = watch.ends().map(|end| course.shown_at(end?)).collect();
    let was_seen_before = watch.ends().nth(1).flatten().is_some();
    let was = ends.get(1).copied().flatten();
    if course.within(period).next().is_none() && was.is_none() {
        return None;
    }
    let change_of = |before: Option<history::Shown>, after: Option<history::Shown>| match (before, after) {
        (Some(before), Some(after)) => history::change(direction, before, after).map(|change| match change {
            history::Change::Better => Change::Better,
            history::Change::Worse => Change::Worse,
            history::Change::Same => Change::Same,
        }),
        (None, Some(_)) if was_seen_before => Some(Change::New),
        (Some(_), None) if seen.is_some() => Some(Change::Gone),
        _ => None,
    };
    let until_seen = period.start..seen.map_or(period.start + 1, |(_, last)| last + 1);
    let summary = course.summary(&until_seen, past.watched(), direction);
    let last = seen.and_then(|(_, last)| course.at(last));
    let method_change = |(at, method): &(i64, std::sync::Arc<str>)| MethodChange { at: *at, method: method.to_string() };
    let of = |state| summary.seconds.of(state);
    let in_breach_since = summary.in_breach_since.map(|since| last.and_then(|step| step.since).map_or(since, |known| known.min(since)));
    let reading = Reading {
        labels: course.labels.clone(),
        formerly: course.formerly.iter().cloned().collect(),
        begin: seen.and_then(|(first, _)| course.shown_at(first)).map(shown),
        end: ends[0].map(shown),
        change: change_of(was, ends[0]),
        adverse: ends.windows(2).take(3).filter(|pair| change_of(pair[1], pair[0]) == Some(Change::Worse)).count() == 3,
        time: Time {
            ok: of(State::Ok),
            warning: of(State::Warning),
            breach: of(State::Breach),
            unknown: of(State::Unknown),
            absent: summary.seconds.absent,
            // What comes after the last watched moment was watched by nobody either.
            unwatched: summary.seconds.unwatched + period.end - until_seen.end,
        },
        changes: summary.changes,
        first_breach: summary.first_breach,
        in_breach_since,
        worst: summary.worst.map(|(at, value)| Worst { at, value }),
        reason: last.and_then(|step| step.reason.clone()),
        rule: last.and_then(|step| step.rule.as_deref().map(str::to_owned)),
        method_changes: summary.methods.iter().map(method_change).collect(),
        method: last.map(|step| step.method.to_string()),
        entry: last.map(|step| step.entry),
        before: ends[1..].iter().map(|end| end.map(shown)).collect(),
        course: Vec::new(),
        coarse: false,
    };
    Some((reading, last.map(|step| step.since.unwrap_or(step.span.start))))
}

/// The steps of a period, and whether some were put together.
fn steps(course: &Course, period: &Range<i64>) -> (Vec<Step>, bool) {
    let step = |(span, step): (Range<i64>, &history::Step)| {
        let (value, at_end) = (step.value_at(span.start), step.value_at(span.end - 1));
        Step { from: span.start, until: span.end, state: step.state, value, value_at_end: at_end.filter(|_| at_end != value) }
    };
    let mut steps: Vec<Step> = course.within(period).map(step).collect();
    if steps.len() <= STEPS {
        return (steps, false);
    }
    let length = period.end - period.start;
    let slots = i64::try_from(STEPS).unwrap_or(1);
    // Each step belongs to the slot in which it begins, so that gaps between steps of different slots stay.
    let slot = |step: &Step| (step.from - period.start).saturating_mul(slots) / length.max(1);
    let mut coarse: Vec<Step> = Vec::with_capacity(STEPS);
    let mut slot_before = None;
    for step in steps.drain(..) {
        let this = slot(&step);
        match coarse.last_mut().filter(|_| slot_before == Some(this)) {
            Some(last) if step.state.badness() > last.state.badness() => *last = Step { from: last.from, ..step },
            Some(last) => last.until = step.until,
            None => coarse.push(step),
        }
        slot_before = Some(this);
    }
    (coarse, true)
}
