//! When the passing of time alone will change a verdict: where a number that time changes meets its limit, and where a `for` ends.

use std::collections::BTreeSet;

use super::{Comparison, Condition, Memory, Operand, RuleSet, Subject, judge, rule::Entry};
use crate::trend::Trend;

/// Waits of more seconds than this are none: whatever is computed of them is not exact to the second any more.
const LONGEST_WAIT: f64 = 9e15;

/// The earliest whole second later than `now` at which judging the same reading gives another state, another rule or another memory; `None`
/// when time alone will never change them.
///
/// `memory` is what was remembered when the reading was last judged, at `now` or before. The answer holds while the reading stays what it is:
/// its trends, labels, facts and system. Strictly between `now` and the answer, [`judge`] gives what it gives at `now`.
pub fn next_change(rules: &RuleSet, subject: &Subject<'_>, memory: Option<&Memory>, now: i64) -> Option<i64> {
    let mut moments = BTreeSet::new();
    let mut waits = false;
    for (_, rule) in rules.applicable(subject) {
        waits |= rule.hold_seconds > 0;
        comparisons(rule, subject, |left, comparison| moments.extend(meetings(left, comparison, subject, now)));
    }
    if moments.is_empty() && !waits {
        return None;
    }
    let verdict = judge(rules, subject, memory, now);
    for (position, rule) in rules.applicable(subject) {
        let remembered = verdict.memory.rules.iter().find(|remembered| remembered.rule == position);
        moments.extend(remembered.and_then(|remembered| remembered.since).map(|since| since.saturating_add(rule.hold_seconds)));
    }
    // No comparison changes and no `for` ends between these moments, so that the first one at which the verdict differs is the earliest of all.
    moments.range(now + 1..).copied().find(|moment| judge(rules, subject, Some(&verdict.memory), *moment) != verdict)
}

/// Every comparison of a rule with the number that it compares. One whose number is not there never holds.
fn comparisons<'r>(rule: &'r Entry, subject: &Subject<'_>, mut each: impl FnMut(Trend, &'r Comparison)) {
    let of_value = [&rule.value, &rule.floor, &rule.clear].into_iter().flatten().map(|condition| (subject.value, condition));
    let of_facts = rule.and.iter().map(|(fact, condition)| ((subject.fact)(fact), condition));
    for (left, condition) in of_value.chain(of_facts) {
        let Some(left) = left else { continue };
        Condition::comparisons(condition).for_each(|comparison| each(left, comparison));
    }
}

/// Seconds among which is every one later than `now` at which the comparison begins or ceases to hold.
fn meetings(left: Trend, comparison: &Comparison, subject: &Subject<'_>, now: i64) -> impl Iterator<Item = i64> {
    let right = match &comparison.operand {
        Operand::Number(number, _) => Some(Trend::Constant(*number)),
        Operand::Fact(name) => (subject.fact)(name),
    };
    let mirrored = right.filter(|_| comparison.absolute).map(|right| -right);
    right.into_iter().chain(mirrored).filter_map(move |right| meeting(left, right, now)).flatten()
}

/// The seconds around the moment at which two trends are equal. Both sides of it are there: `>` and `>=` differ by one, and the moment is
/// computed in floating point, while the verdict counts.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the longest wait")]
fn meeting(left: Trend, right: Trend, now: i64) -> Option<impl Iterator<Item = i64>> {
    let wait = (right.at(now) - left.at(now)) / (left.growth() - right.growth());
    (wait > -2.0 && wait < LONGEST_WAIT).then(|| {
        let second = now + wait.floor() as i64;
        second - 1..=second + 2
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use fastrand::Rng;

    use super::*;
    use crate::{
        span::Span,
        threshold::{Level, Rule, Selector, State, Verdict},
    };

    const NOW: i64 = 1_800_000_000;

    /// How far ahead verdicts are compared, in seconds; the random numbers are such that most changes come sooner.
    const HORIZON: i64 = 400;

    const FACTS: [&str; 3] = ["fact_a", "fact_b", "fact_c"];

    /// A reading of random trends.
    #[derive(Debug)]
    struct Reading {
        value: Option<Trend>,
        facts: BTreeMap<&'static str, Trend>,
    }

    impl Reading {
        fn random(rng: &mut Rng) -> Self {
            let facts = FACTS.into_iter().filter(|_| rng.u8(..4) > 0).collect::<Vec<_>>();
            Self { value: (rng.u8(..12) > 0).then(|| trend(rng)), facts: facts.into_iter().map(|fact| (fact, trend(rng))).collect() }
        }

        fn with<T>(&self, then: impl FnOnce(&Subject<'_>) -> T) -> T {
            let fact = |name: &str| self.facts.get(name).copied();
            then(&Subject { value: self.value, label: &|_| None, system_attribute: &|_| None, fact: &fact })
        }

        fn judge(&self, rules: &RuleSet, memory: Option<&Memory>, now: i64) -> Verdict {
            self.with(|subject| judge(rules, subject, memory, now))
        }

        fn next_change(&self, rules: &RuleSet, memory: Option<&Memory>, now: i64) -> Option<i64> {
            self.with(|subject| next_change(rules, subject, memory, now))
        }
    }

    fn trend(rng: &mut Rng) -> Trend {
        let since = NOW + rng.i64(-150..200);
        match rng.u8(..6) {
            0 | 1 => Trend::Constant(f64::from(rng.i16(-100..200)) / if rng.bool() { 1.0 } else { 7.0 }),
            2 | 3 => Trend::since(since),
            4 => Trend::until(since),
            _ => Trend::Clock { since, per: [0.5, 3.0, 60.0, 100.0][rng.usize(..4)] },
        }
    }

    fn condition(rng: &mut Rng) -> Condition {
        let comparison = |rng: &mut Rng| {
            let operator = [">", ">=", "<", "<=", "==", "!="][rng.usize(..6)];
            let operand = match rng.u8(..4) {
                0 => FACTS[rng.usize(..3)].to_owned(),
                1 => format!("{:.2}", f64::from(rng.i16(-200..400)) / 7.0),
                _ => rng.i16(-100..200).to_string(),
            };
            format!("{}{operator} {operand}", if rng.u8(..5) == 0 { "abs " } else { "" })
        };
        let mut text = comparison(rng);
        while rng.u8(..3) == 0 {
            text = format!("{text} {} {}", if rng.bool() { "and" } else { "or" }, comparison(rng));
        }
        Condition::parse(&text).unwrap()
    }

    fn rule(rng: &mut Rng) -> Rule {
        let and = (rng.u8(..3) == 0).then(|| (FACTS[rng.usize(..3)].to_owned(), condition(rng)));
        Rule {
            level: if rng.bool() { Level::Breach } else { Level::Warning },
            when: Selector::default(),
            value: condition(rng),
            floor: (rng.u8(..6) == 0).then(|| FACTS[rng.usize(..3)].to_owned()),
            and: and.into_iter().collect(),
            hold: (rng.u8(..3) == 0).then(|| Span(Duration::from_secs(rng.u64(1..60)))),
            clear: (rng.u8(..4) == 0).then(|| condition(rng)),
        }
    }

    #[test]
    fn until_then_every_second_is_judged_alike_and_then_otherwise() {
        let (mut changes, mut never, mut by_memory) = (0, 0, 0);
        for seed in 0..2_000 {
            let mut rng = Rng::with_seed(seed);
            let rules: Vec<_> = (0..rng.usize(1..4)).map(|_| rule(&mut rng)).collect();
            let (rules, reading) = (RuleSet::resolve(&rules, &[]), Reading::random(&mut rng));
            // What is remembered may come from any moment before.
            let before = reading.judge(&rules, None, NOW - rng.i64(0..30)).memory;
            let now = reading.judge(&rules, Some(&before), NOW);
            let next = reading.next_change(&rules, Some(&before), NOW);
            let mut memory = now.memory.clone();
            for second in NOW + 1..next.unwrap_or(i64::MAX).min(NOW + HORIZON) {
                let verdict = reading.judge(&rules, Some(&memory), second);
                assert_eq!((verdict.state, verdict.rule), (now.state, now.rule), "seed {seed}, {} s on, of {next:?}: {reading:?}", second - NOW);
                memory = verdict.memory;
            }
            match next {
                None => never += 1,
                Some(next) => {
                    assert!(next > NOW, "seed {seed}");
                    let then = reading.judge(&rules, Some(&now.memory), next);
                    assert_ne!(then, now, "seed {seed}: something changes");
                    let visible = (then.state, then.rule) != (now.state, now.rule);
                    (changes, by_memory) = (changes + u32::from(visible), by_memory + u32::from(!visible));
                }
            }
        }
        assert!(changes > 500 && by_memory > 100 && never > 500, "{changes} {by_memory} {never}");
    }

    /// The answer for one rule and one value, in seconds from now; `fact_limit` is 100 seconds.
    fn seconds_until(value: Trend, rule: &Rule) -> Option<i64> {
        let reading = Reading { value: Some(value), facts: BTreeMap::from([("fact_limit", Trend::Constant(100.0))]) };
        reading.next_change(&RuleSet::resolve(std::slice::from_ref(rule), &[]), None, NOW).map(|moment| moment - NOW)
    }

    fn simple(value: &str) -> Rule {
        let value = Condition::parse(value).unwrap();
        Rule { level: Level::Breach, when: Selector::default(), value, floor: None, and: BTreeMap::new(), hold: None, clear: None }
    }

    #[test]
    fn limits_are_met_to_the_second() {
        let (grows, shrinks) = (Trend::since(NOW - 40), Trend::until(NOW + 40));
        for (value, condition, expected) in [
            (grows, "> 1m", Some(21)),
            (grows, ">= 1m", Some(20)),
            (grows, "== 1m", Some(20)),
            (grows, "!= 1m", Some(20)),
            (grows, "> fact_limit", Some(61)),
            (grows, "< 30", None),
            (grows, "> 30", None),
            (grows, "> fact_unknown", None),
            (shrinks, "< 30", Some(11)),
            (shrinks, "<= 30", Some(10)),
            (shrinks, "abs > 30", Some(10)),
            (shrinks, "< -30d", Some(40 + 30 * 86_400 + 1)),
            (Trend::Clock { since: NOW - 40, per: 60.0 }, "> 1", Some(21)),
            (Trend::Clock { since: NOW - 40, per: 60.0 }, "> 0.99", Some(20)),
            (Trend::Constant(40.0), "> 30", None),
        ] {
            assert_eq!(seconds_until(value, &simple(condition)), expected, "{value:?} {condition}");
        }
    }

    #[test]
    fn a_for_ends_and_a_level_clears() {
        let hold = Some(Span(Duration::from_secs(15)));
        assert_eq!(seconds_until(Trend::Constant(1.0), &Rule { hold, ..simple(">= 1") }), Some(15));
        assert_eq!(seconds_until(Trend::Constant(0.0), &Rule { hold, ..simple(">= 1") }), None);
        assert_eq!(seconds_until(Trend::until(NOW + 40), &Rule { hold, ..simple("> 30") }), Some(10), "it ceases to hold before");
        // Down from 40 it ceases to be above 30, which is remembered, and is cleared later.
        let rules = RuleSet::resolve(&[Rule { clear: Some(Condition::parse("< 20").unwrap()), ..simple("> 30") }], &[]);
        let reading = Reading { value: Some(Trend::until(NOW + 40)), facts: BTreeMap::new() };
        let memory = reading.judge(&rules, None, NOW).memory;
        assert_eq!(reading.next_change(&rules, Some(&memory), NOW), Some(NOW + 10));
        let verdict = reading.judge(&rules, Some(&memory), NOW + 10);
        assert_eq!((verdict.state, reading.next_change(&rules, Some(&verdict.memory), NOW + 10)), (State::Breach, Some(NOW + 21)));
    }

    #[test]
    fn facts_beside_the_value_change_a_verdict_too() {
        let rules = RuleSet::resolve(&[Rule { and: BTreeMap::from([("fact_age".to_owned(), Condition::parse("> 7d").unwrap())]), ..simple(">= 1") }], &[]);
        let reading = |value| Reading { value, facts: BTreeMap::from([("fact_age", Trend::since(NOW - 86_400))]) };
        assert_eq!(reading(Some(Trend::Constant(1.0))).next_change(&rules, None, NOW), Some(NOW + 6 * 86_400 + 1));
        assert_eq!(reading(Some(Trend::Constant(0.0))).next_change(&rules, None, NOW), None, "the fact alone changes nothing");
        assert_eq!(reading(None).next_change(&rules, None, NOW), None);
        assert_eq!(reading(None).judge(&rules, None, NOW).state, State::Unknown);
    }
}
