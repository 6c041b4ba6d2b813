//! What the limits of a configuration would have said of readings as they were stored: how often something would have been in breach, and how long.
//!
//! Values and facts are those of the history, moments at which time alone changes a verdict included. Systems have the tier, owner and lifecycle that
//! they have now. How long a rule with `for` held before the time that is looked at is known as far as the history goes back by four such times.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use serde_json::Value;

use super::inventory::{self, Systems};
use crate::{
    config::Config,
    history::{Choice, Course, History, Step},
    indicator::Indicator,
    store::{self, Reader},
    threshold::{self, Memory, RuleSet, State, Subject},
    trend::Trend,
};

/// Verdicts over a period, summed over readings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// How often a reading came into breach; one that was when the period began counts.
    pub breaches: usize,
    /// Seconds in breach.
    pub breach: i64,
    /// How often a reading came into a warning from being ok or unknown.
    pub warnings: usize,
    /// Seconds in a warning.
    pub warning: i64,
    /// When the first breach began, epoch seconds.
    pub first_breach: Option<i64>,
}

/// What was said of an indicator's readings, and what would have been.
#[derive(Debug, Clone)]
pub struct Hindsight {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The rules of the configuration, overrides first.
    pub rules: Vec<String>,
    /// Readings of the period.
    pub readings: usize,
    /// As it was.
    pub was: Verdicts,
    /// As it would have been.
    pub would: Verdicts,
    /// Of each reading with another time in breach: its labels, and the seconds as it was and would have been; the largest difference first.
    pub differing: Vec<(BTreeMap<String, String>, i64, i64)>,
}

/// Looks back over a period at every indicator of a configuration of which anything is stored. `None`: no agent ran then.
///
/// # Errors
/// What the store reports.
pub fn hindsight(config: &Config, reader: &Reader, period: &Range<i64>) -> Result<Option<Vec<Hindsight>>, store::Error> {
    let systems = inventory::systems(reader.tables())?;
    let mut all = Vec::new();
    for indicator in config.catalogue.iter() {
        // How old a source was is not kept as a value.
        if indicator.is_age_of_sources() {
            continue;
        }
        let Some(history) = History::read(reader, indicator.id.as_str(), &Choice::default(), period)? else { return Ok(None) };
        let overrides = config.overrides.get(&indicator.id).map(Vec::as_slice).unwrap_or_default();
        let rules = RuleSet::resolve(&indicator.rules, overrides);
        all.extend(of_indicator(indicator, &rules, &history, &systems));
    }
    Ok(Some(all))
}

fn of_indicator(indicator: &Arc<Indicator>, rules: &RuleSet, history: &History, systems: &Systems) -> Option<Hindsight> {
    let (mut was, mut would, mut readings, mut differing) = (Verdicts::default(), Verdicts::default(), 0, Vec::new());
    for course in &history.courses {
        let (before, after) = (as_it_was(course, &history.period), as_it_would_be(course, rules, systems, &history.period));
        readings += 1;
        if before.breach != after.breach {
            differing.push((course.labels.clone(), before.breach, after.breach));
        }
        was.add(before);
        would.add(after);
    }
    differing.sort_by_key(|(labels, was, would)| (std::cmp::Reverse((was - would).abs()), labels.clone()));
    let rules = rules.positions().into_iter().map(|position| rules.text(position)).collect();
    (readings > 0).then(|| Hindsight { indicator: Arc::clone(indicator), rules, readings, was, would, differing })
}

fn as_it_was(course: &Course, period: &Range<i64>) -> Verdicts {
    let mut counter = Counter::new(period);
    course.steps.iter().for_each(|step| counter.count(step.state, &step.span));
    counter.verdicts
}

fn as_it_would_be(course: &Course, rules: &RuleSet, systems: &Systems, period: &Range<i64>) -> Verdicts {
    let mut counter = Counter::new(period);
    let mut memory: Option<Memory> = None;
    for step in &course.steps {
        let facts = Facts::of(step);
        let system = course.labels.get("system").and_then(|system| systems.get(system));
        let subject = Subject {
            value: step.value,
            label: &|name| course.labels.get(name).map(String::as_str),
            system_attribute: &|name| system.and_then(|system| system.properties.get(name)).map(String::as_str),
            fact: &|name| facts.0.get(name).copied(),
        };
        let mut at = step.span.start;
        while at < step.span.end {
            let verdict = threshold::judge(rules, &subject, memory.as_ref(), at);
            let next = threshold::next_change(rules, &subject, Some(&verdict.memory), at).unwrap_or(step.span.end).min(step.span.end);
            counter.count(verdict.state, &(at..next));
            (memory, at) = (Some(verdict.memory), next);
        }
    }
    counter.verdicts
}

/// Facts of a step as functions of time: beside one that time changes stands the moment by which it is told.
struct Facts(BTreeMap<String, Trend>);

impl Facts {
    fn of(step: &Step) -> Self {
        let all: BTreeMap<&str, f64> =
            step.facts.as_object().into_iter().flatten().filter_map(|(name, value): (_, &Value)| Some((name.as_str(), value.as_f64()?))).collect();
        #[expect(clippy::cast_possible_truncation, reason = "moments are whole")]
        let trend = |name: &str, value: f64| match (all.get(format!("since_{name}").as_str()), all.get(format!("until_{name}").as_str())) {
            (Some(since), _) => Trend::since(*since as i64),
            (None, Some(until)) => Trend::until(*until as i64),
            (None, None) => Trend::Constant(value),
        };
        Self(all.iter().filter_map(|(fact, value)| Some(((*fact).to_owned(), trend(fact.strip_prefix("fact_")?, *value)))).collect())
    }
}

/// Counts the states of one reading, in the order of time.
struct Counter<'p> {
    period: &'p Range<i64>,
    verdicts: Verdicts,
    last: State,
}

impl<'p> Counter<'p> {
    fn new(period: &'p Range<i64>) -> Self {
        Self { period, verdicts: Verdicts::default(), last: State::Ok }
    }

    fn count(&mut self, state: State, span: &Range<i64>) {
        let (start, end) = (span.start.max(self.period.start), span.end.min(self.period.end));
        if start >= end {
            return;
        }
        match state {
            State::Breach => {
                self.verdicts.breach += end - start;
                self.verdicts.breaches += usize::from(self.last != State::Breach);
                self.verdicts.first_breach.get_or_insert(start);
            }
            State::Warning => {
                self.verdicts.warning += end - start;
                self.verdicts.warnings += usize::from(![State::Breach, State::Warning].contains(&self.last));
            }
            State::Ok | State::Unknown => {}
        }
        self.last = state;
    }
}

impl Verdicts {
    fn add(&mut self, other: Self) {
        self.breaches += other.breaches;
        self.breach += other.breach;
        self.warnings += other.warnings;
        self.warning += other.warning;
        self.first_breach = self.first_breach.into_iter().chain(other.first_breach).min();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::threshold::{Level, Rule};

    const DAY: i64 = 86_400;

    fn step(span: Range<i64>, value: Option<Trend>, state: State, facts: Value) -> Step {
        Step { span, value, state, reason: None, rule: None, facts, method: "m".into(), entry: 1, since: None }
    }

    fn rules(text: &str) -> RuleSet {
        RuleSet::read(&[text], 0).unwrap()
    }

    fn course(steps: Vec<Step>) -> Course {
        Course { labels: BTreeMap::from([("system".to_owned(), "a".to_owned())]), formerly: std::collections::BTreeSet::new(), steps }
    }

    #[test]
    fn a_limit_is_looked_at_as_time_goes_by() {
        let period = 0..10 * DAY;
        let constant = |value: f64| Some(Trend::Constant(value));
        let course = course(vec![
            step(0..DAY, constant(1.0), State::Ok, json!({})),
            step(DAY..3 * DAY, constant(3.0), State::Warning, json!({})),
            step(3 * DAY..4 * DAY, None, State::Unknown, json!({})),
            step(4 * DAY..10 * DAY, constant(2.0), State::Breach, json!({ "fact_oldest_seconds": 0.0, "since_oldest_seconds": 4 * DAY })),
        ]);
        assert_eq!(as_it_was(&course, &period), Verdicts { breaches: 1, breach: 6 * DAY, warnings: 1, warning: 2 * DAY, first_breach: Some(4 * DAY) });
        let breach = |text: &str| {
            let would = as_it_would_be(&course, &rules(text), &Systems::new(), &period);
            (would.breaches, would.breach, would.first_breach)
        };
        assert_eq!(breach("breach: >= 3"), (1, 2 * DAY, Some(DAY)));
        assert_eq!(breach("breach: >= 2"), (2, 8 * DAY, Some(DAY)));
        assert_eq!(breach("breach: >= 2 for 1d"), (2, DAY + 5 * DAY, Some(2 * DAY)), "an unknown value is a break");
        // Beyond two days of age, to the second.
        assert_eq!(breach("breach: >= 2 and fact_oldest_seconds > 2d"), (1, 4 * DAY - 1, Some(6 * DAY + 1)));
        assert_eq!(breach("breach: >= 4"), (0, 0, None));
    }

    #[test]
    fn what_comes_out_with_the_same_limits_is_what_was() {
        let rule = Rule {
            level: Level::Breach,
            when: threshold::Selector::default(),
            value: threshold::Condition::parse("> 2d").unwrap(),
            floor: None,
            and: BTreeMap::new(),
            hold: None,
            clear: None,
        };
        let clock = Some(Trend::Clock { since: 0, per: 1.0 });
        let course = course(vec![step(0..2 * DAY + 1, clock, State::Ok, json!({})), step(2 * DAY + 1..5 * DAY, clock, State::Breach, json!({}))]);
        let period = DAY..4 * DAY;
        let would = as_it_would_be(&course, &RuleSet::resolve(&[rule], &[]), &Systems::new(), &period);
        assert_eq!(would, as_it_was(&course, &period));
        assert_eq!((would.breaches, would.breach), (1, 2 * DAY - 1));
    }
}
