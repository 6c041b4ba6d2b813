//! Rules judged step by step.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::span::Span;

/// A reading for the tests: labels and attributes as `name=value`.
#[derive(Default, Clone)]
struct Reading {
    value: Option<f64>,
    labels: Vec<(&'static str, &'static str)>,
    system: Vec<(&'static str, &'static str)>,
    facts: Vec<(&'static str, f64)>,
}

impl Reading {
    fn of(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    fn judge(&self, rules: &RuleSet, previous: Option<&Memory>, now: i64) -> Verdict {
        let find = |list: &[(&'static str, &'static str)], name: &str| list.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
        let subject = Subject {
            value: self.value.map(Trend::Constant),
            label: &|name| find(&self.labels, name),
            system_attribute: &|name| find(&self.system, name),
            fact: &|name| self.facts.iter().find(|(found, _)| *found == name).map(|(_, value)| Trend::Constant(*value)),
        };
        judge(rules, &subject, previous, now)
    }
}

fn rule(level: Level, value: &str) -> Rule {
    Rule { level, when: Selector::default(), value: Condition::parse(value).unwrap(), floor: None, and: BTreeMap::new(), hold: None, clear: None }
}

fn when(pairs: &[(&str, &str)]) -> Selector {
    Selector(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.split('|').map(str::to_owned).collect())).collect())
}

fn override_breach(selector: &[(&str, &str)], breach: Option<&str>) -> Override {
    let breach = Some(breach.map_or(Limit::Never, |text| Limit::When { value: Condition::parse(text).unwrap(), and: BTreeMap::new() }));
    Override { when: when(selector), breach, warning: None, hold: None, clear: None }
}

#[test]
fn the_worst_hit_wins() {
    let rules = RuleSet::resolve(&[rule(Level::Warning, ">= 1"), rule(Level::Breach, ">= 3"), rule(Level::Breach, ">= 2")], &[]);
    let states: Vec<_> =
        [0.0, 1.0, 2.0, 3.0].map(|value| Reading::of(value).judge(&rules, None, 0)).into_iter().map(|verdict| (verdict.state, verdict.rule)).collect();
    assert_eq!(states, [(State::Ok, None), (State::Warning, Some(0)), (State::Breach, Some(2)), (State::Breach, Some(1))]);
}

#[test]
fn no_value_is_unknown_whatever_the_rules() {
    let rules = RuleSet::resolve(&[rule(Level::Breach, ">= 0")], &[]);
    for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        assert_eq!(Reading { value, ..Reading::default() }.judge(&rules, None, 0).state, State::Unknown);
    }
    assert_eq!(Reading::default().judge(&RuleSet::resolve(&[], &[]), None, 0).state, State::Unknown);
}

#[test]
fn a_rule_selects_by_labels_and_then_by_the_system() {
    let rules = RuleSet::resolve(&[Rule { when: when(&[("risk_tier", "high|unacceptable")]), ..rule(Level::Breach, ">= 1") }], &[]);
    let of = |labels: &[(&'static str, &'static str)], system: &[(&'static str, &'static str)]| {
        let verdict = Reading { labels: labels.to_vec(), system: system.to_vec(), ..Reading::of(1.0) }.judge(&rules, None, 0);
        (verdict.state, verdict.judged)
    };
    assert_eq!(of(&[("risk_tier", "high")], &[]), (State::Breach, true));
    assert_eq!(of(&[], &[("risk_tier", "unacceptable")]), (State::Breach, true));
    assert_eq!(of(&[("risk_tier", "minimal")], &[("risk_tier", "high")]), (State::Ok, false));
    assert_eq!(of(&[], &[]), (State::Ok, false));
    // Ruling 16: what holds for high holds for a tier that nobody knows; so does an override for high, and one for unknown itself is for no other.
    assert_eq!(of(&[("risk_tier", "unknown")], &[]), (State::Breach, true));
    assert_eq!(of(&[], &[("risk_tier", "unknown")]), (State::Breach, true));
    let selects = |name: &'static str, by: &str, word: &'static str| {
        let reading = Reading { labels: vec![(name, word)], ..Reading::of(1.0) };
        reading.judge(&RuleSet::resolve(&[Rule { when: when(&[(name, by)]), ..rule(Level::Breach, ">= 1") }], &[]), None, 0).judged
    };
    assert!(selects("risk_tier", "unknown", "unknown"));
    for (name, by, word) in [("risk_tier", "unknown", "high"), ("risk_tier", "limited", "unknown"), ("severity", "high", "unknown")] {
        assert!(!selects(name, by, word), "{name}: {by} of {word}");
    }
}

#[test]
fn facts_must_hold_too_and_a_missing_one_does_not() {
    let and = BTreeMap::from([("fact_days_late".to_owned(), Condition::parse("> 30").unwrap())]);
    let rules = RuleSet::resolve(&[Rule { and, ..rule(Level::Breach, ">= 1") }], &[]);
    let state = |facts: &[(&'static str, f64)]| Reading { facts: facts.to_vec(), ..Reading::of(1.0) }.judge(&rules, None, 0).state;
    assert_eq!(state(&[("fact_days_late", 31.0)]), State::Breach);
    assert_eq!(state(&[("fact_days_late", 30.0)]), State::Ok);
    assert_eq!(state(&[]), State::Ok);
}

#[test]
fn a_hit_must_hold_without_a_break() {
    let rules = RuleSet::resolve(&[Rule { hold: Some(Span(Duration::from_secs(900))), ..rule(Level::Breach, ">= 1") }], &[]);
    let mut memory = Memory::default();
    let mut at = |value: Option<f64>, now| {
        let verdict = Reading { value, ..Reading::default() }.judge(&rules, Some(&memory), now);
        memory = verdict.memory;
        verdict.state
    };
    assert_eq!(at(Some(1.0), 0), State::Ok);
    assert_eq!(at(Some(2.0), 899), State::Ok);
    assert_eq!(at(Some(2.0), 900), State::Breach);
    assert_eq!(at(Some(2.0), 1_000), State::Breach);
    assert_eq!(at(Some(0.0), 1_100), State::Ok);
    assert_eq!(at(Some(2.0), 1_200), State::Ok);
    assert_eq!(at(None, 1_500), State::Unknown);
    assert_eq!(at(Some(2.0), 2_200), State::Ok, "unknown is a break");
    assert_eq!(at(Some(2.0), 3_100), State::Breach);
}

#[test]
fn a_level_stays_until_it_is_cleared() {
    let rules = RuleSet::resolve(&[Rule { clear: Some(Condition::parse("< 0.2").unwrap()), ..rule(Level::Breach, ">= 0.25") }], &[]);
    let mut memory = Memory::default();
    let mut at = |value: Option<f64>| {
        let verdict = Reading { value, ..Reading::default() }.judge(&rules, Some(&memory), 0);
        memory = verdict.memory;
        verdict.state
    };
    assert_eq!(at(Some(0.22)), State::Ok);
    assert_eq!(at(Some(0.25)), State::Breach);
    assert_eq!(at(Some(0.22)), State::Breach);
    assert_eq!(at(None), State::Unknown);
    assert_eq!(at(Some(0.2)), State::Breach, "unknown clears nothing");
    assert_eq!(at(Some(0.19)), State::Ok);
    assert_eq!(at(Some(0.22)), State::Ok);
}

#[test]
fn memory_of_other_rules_means_nothing() {
    let hysteresis = |limit: &str| RuleSet::resolve(&[Rule { clear: Some(Condition::parse("< 0.2").unwrap()), ..rule(Level::Breach, limit) }], &[]);
    let memory = Reading::of(0.3).judge(&hysteresis(">= 0.25"), None, 0).memory;
    assert!(!memory.is_empty());
    assert_eq!(Reading::of(0.22).judge(&hysteresis(">= 0.24"), Some(&memory), 0).state, State::Ok);
}

#[test]
fn the_most_specific_override_replaces_a_level() {
    let catalogue = [rule(Level::Warning, ">= 0.1"), rule(Level::Breach, ">= 0.25")];
    let overrides = [
        override_breach(&[("system", "credit"), ("feature", "age")], Some(">= 0.5")),
        override_breach(&[("system", "credit")], Some(">= 0.2")),
        override_breach(&[("system", "chat")], None),
    ];
    let rules = RuleSet::resolve(&catalogue, &overrides);
    let state = |labels: &[(&'static str, &'static str)], value| Reading { labels: labels.to_vec(), ..Reading::of(value) }.judge(&rules, None, 0).state;
    assert_eq!(state(&[("system", "other")], 0.22), State::Warning);
    assert_eq!(state(&[("system", "other")], 0.25), State::Breach);
    assert_eq!(state(&[("system", "credit")], 0.22), State::Breach);
    assert_eq!(state(&[("system", "credit"), ("feature", "age")], 0.22), State::Warning);
    assert_eq!(state(&[("system", "credit"), ("feature", "age")], 0.5), State::Breach);
    assert_eq!(state(&[("system", "chat")], 99.0), State::Warning, "breach is switched off, warning is not");
}

#[test]
fn of_equally_specific_overrides_the_later_counts() {
    let overrides = [override_breach(&[("system", "a")], Some(">= 1")), override_breach(&[("risk_tier", "high")], Some(">= 9"))];
    let rules = RuleSet::resolve(&[], &overrides);
    let reading = Reading { labels: vec![("system", "a"), ("risk_tier", "high")], ..Reading::of(5.0) };
    assert_eq!(reading.judge(&rules, None, 0).state, State::Ok);
}

#[test]
fn thresholds_are_the_numbers_with_their_scope() {
    let and = BTreeMap::from([("fact_days_late".to_owned(), Condition::parse("> 30").unwrap())]);
    let rules = RuleSet::resolve(
        &[
            Rule { when: when(&[("risk_tier", "high")]), ..rule(Level::Breach, ">= 1") },
            Rule { and, ..rule(Level::Breach, ">= 1") },
            rule(Level::Warning, "< 0.9 or > 1.11"),
            rule(Level::Warning, "> -30d and >= fact_noise_floor"),
        ],
        &[],
    );
    let shown: Vec<_> = rules.thresholds().iter().map(|threshold| format!("{} {} {}", threshold.level, threshold.rule, threshold.value)).collect();
    assert_eq!(
        shown,
        ["breach >= 1 when risk_tier=high 1", "breach >= 1 and fact_days_late > 30 1", "warning < 0.9 0.9", "warning > 1.11 1.11", "warning > -30d -2592000",]
    );
    assert_eq!(rules.text(1), "breach: >= 1 and fact_days_late > 30");
}

#[test]
fn the_digest_follows_every_part_of_a_rule() {
    let base = rule(Level::Breach, ">= 1");
    let variants = [
        RuleSet::resolve(std::slice::from_ref(&base), &[]),
        RuleSet::resolve(&[Rule { level: Level::Warning, ..base.clone() }], &[]),
        RuleSet::resolve(&[Rule { when: when(&[("a", "b")]), ..base.clone() }], &[]),
        RuleSet::resolve(&[Rule { hold: Some(Span(Duration::from_secs(60))), ..base.clone() }], &[]),
        RuleSet::resolve(&[Rule { clear: Some(Condition::parse("< 1").unwrap()), ..base.clone() }], &[]),
        RuleSet::resolve(std::slice::from_ref(&base), &[override_breach(&[], None)]),
        RuleSet::resolve(&[Rule { floor: Some("fact_floor".into()), ..base.clone() }], &[]),
    ];
    let digests: std::collections::BTreeSet<_> = variants.iter().map(|rules| rules.digest().to_string()).collect();
    assert_eq!(digests.len(), variants.len());
}

/// Ruling 18: a limit of one's own may be any; what can't be told from chance stays below it.
#[test]
fn a_floor_holds_for_overrides_too() {
    let catalogue = [Rule { floor: Some("fact_noise_floor".to_owned()), ..rule(Level::Breach, ">= 0.25") }, rule(Level::Warning, ">= 0.1")];
    let rules = RuleSet::resolve(&catalogue, &[override_breach(&[("system", "credit")], Some(">= 0.2")), override_breach(&[("system", "chat")], None)]);
    let state = |system: &'static str, value: f64, floor: f64| {
        let reading = Reading { labels: vec![("system", system)], facts: vec![("fact_noise_floor", floor)], ..Reading::of(value) };
        reading.judge(&rules, None, 0).state
    };
    assert_eq!([state("credit", 0.22, 0.05), state("credit", 0.22, 0.22), state("credit", 0.22, 0.23)], [State::Breach, State::Breach, State::Warning]);
    assert_eq!([state("other", 0.3, 0.05), state("other", 0.3, 0.4)], [State::Breach, State::Warning]);
    assert_eq!(rules.text(2), "breach: >= 0.2 and >= fact_noise_floor when system=credit");
    assert_eq!(rules.text(3), "breach: none when system=chat");
    let replaced: Vec<_> = rules.overrides().map(|(text, replaced)| format!("{text} <- {}", replaced.join("; "))).collect();
    assert_eq!(
        replaced,
        [
            "breach: >= 0.2 and >= fact_noise_floor when system=credit <- breach: >= 0.25 and >= fact_noise_floor",
            "breach: none when system=chat <- breach: >= 0.25 and >= fact_noise_floor"
        ]
    );
    assert_eq!(rules.positions(), [2, 3, 0, 1], "overrides first");
}

#[test]
fn a_rule_that_waits_says_since_when_and_until_when() {
    let held = |level, value| Rule { hold: Some(Span(Duration::from_secs(900))), ..rule(level, value) };
    let rules = RuleSet::resolve(&[rule(Level::Warning, ">= 1"), held(Level::Breach, ">= 2"), held(Level::Warning, ">= 2")], &[]);
    let mut memory = Memory::default();
    let mut at = |value: Option<f64>, now| {
        let verdict = Reading { value, ..Reading::default() }.judge(&rules, Some(&memory), now);
        memory = verdict.memory;
        (verdict.state, verdict.waiting)
    };
    let waiting = Some(Waiting { rule: 1, since: 100, until: 1_000 });
    assert_eq!(at(Some(1.0), 0), (State::Warning, None));
    assert_eq!(at(Some(2.0), 100), (State::Warning, waiting));
    assert_eq!(at(Some(3.0), 999), (State::Warning, waiting));
    assert_eq!(at(Some(3.0), 1_000), (State::Breach, None), "the warning that waits no more would change nothing");
    assert_eq!(at(None, 1_100), (State::Unknown, None));
    assert_eq!(at(Some(1.0), 1_200), (State::Warning, None));
}
