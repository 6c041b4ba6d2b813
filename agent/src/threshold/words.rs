//! Rules in words, the same on pages and in runbooks: `at least 0.2, and at least the noise floor, where system is credit-scoring, for 30 minutes`.

use std::time::Duration;

use super::{Comparison, Condition, Operand, Operator, Selector, rule::Entry};
use crate::span;

/// The unit of values that are spans.
const SECONDS: &str = "seconds";

/// What a rule asks, for values in this unit.
pub(super) fn of(entry: &Entry, unit: &str) -> String {
    let Some(value) = &entry.value else { return join("never".to_owned(), selected(&entry.when)) };
    let mut parts = vec![condition(value, unit == SECONDS)];
    parts.extend(entry.floor.as_ref().map(|floor| format!("and {}", condition(floor, false))));
    parts.extend(entry.and.iter().map(|(fact, limit)| format!("and {} {}", name(fact), condition(limit, fact.ends_with("_seconds")))));
    let mut text = join(parts.join(", "), selected(&entry.when));
    if entry.hold_seconds > 0 {
        text = format!("{text}, for {}", span::words(Duration::from_secs(entry.hold_seconds.unsigned_abs())));
    }
    let clear = entry.clear.as_ref().map(|clear| format!(", and from then on until {}", condition(clear, unit == SECONDS)));
    text + &clear.unwrap_or_default()
}

/// The name of a fact or label in words. Facts that are spans or times are shown as such, so that their names need not say it.
pub fn name(written: &str) -> String {
    let plain = written.strip_prefix("fact_").unwrap_or(written);
    let plain = plain.strip_suffix("_seconds").or_else(|| plain.strip_suffix("_at")).unwrap_or(plain);
    plain.replace('_', " ")
}

fn join(text: String, selected: Option<String>) -> String {
    selected.map_or(text.clone(), |selected| format!("{text}, where {selected}"))
}

fn selected(when: &Selector) -> Option<String> {
    let one = |(label, words): (&String, &Vec<String>)| format!("{} is {}", name(label), words.join(" or "));
    let all: Vec<_> = when.0.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

fn condition(condition: &Condition, is_span: bool) -> String {
    let all = |comparisons: &Vec<Comparison>| comparisons.iter().map(|one| comparison(one, is_span)).collect::<Vec<_>>().join(" and ");
    condition.alternatives().iter().map(all).collect::<Vec<_>>().join(", or ")
}

fn comparison(comparison: &Comparison, is_span: bool) -> String {
    let how = match comparison.operator {
        Operator::Greater => "above",
        Operator::GreaterOrEqual => "at least",
        Operator::Less => "below",
        Operator::LessOrEqual => "at most",
        Operator::Equal => "exactly",
        Operator::NotEqual => "other than",
    };
    let limit = match &comparison.operand {
        Operand::Fact(fact) => format!("the reading's {}", name(fact)),
        Operand::Number(number, written) => {
            let has_unit = written.ends_with(|c: char| c.is_ascii_alphabetic());
            if has_unit || is_span && *number != 0.0 { signed_span(*number) } else { written.clone() }
        }
    };
    let magnitude = if comparison.absolute { " in either direction" } else { "" };
    format!("{how} {limit}{magnitude}")
}

fn signed_span(seconds: f64) -> String {
    let text = span::words(Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX));
    if seconds < 0.0 { format!("minus {text}") } else { text }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        span::Span,
        threshold::{Level, Override, Rule, RuleSet},
    };

    type Pairs = &'static [(&'static str, &'static str)];

    /// A condition, what must hold of facts, what it is for, the unit, and all of it in words.
    type Case = (&'static str, Pairs, Pairs, &'static str, &'static str);

    #[test]
    fn rules_read_as_sentences() {
        let parse = |text: &str| Condition::parse(text).unwrap();
        let of = |value: &str, and: &[(&str, &str)], when: &[(&str, &str)], unit: &str| {
            let rule = Rule {
                level: Level::Breach,
                when: Selector(when.iter().map(|(name, words)| ((*name).to_owned(), words.split('|').map(str::to_owned).collect())).collect()),
                value: parse(value),
                floor: None,
                and: and.iter().map(|(fact, limit)| ((*fact).to_owned(), parse(limit))).collect(),
                hold: None,
                clear: None,
            };
            RuleSet::resolve(&[rule], &[]).words(0, unit)
        };
        let cases: [Case; 9] = [
            (">= 1", &[], &[], "assessments", "at least 1"),
            (">= 1", &[("fact_days_late", "> 30")], &[], "assessments", "at least 1, and days late above 30"),
            (
                ">= 1",
                &[("fact_oldest_seconds", "> 60d")],
                &[("grade", "major")],
                "nonconformities",
                "at least 1, and oldest above 60 days, where grade is major",
            ),
            ("< 0.80 or > 1.25", &[], &[("risk_tier", "high|unacceptable")], "ratio", "below 0.80, or above 1.25, where risk tier is high or unacceptable"),
            ("abs > 0.05", &[], &[], "ratio", "above 0.05 in either direction"),
            ("> -30d", &[], &[], "seconds", "above minus 30 days"),
            ("> 5400", &[], &[], "seconds", "above 1 hour 30 minutes"),
            ("> 0", &[], &[], "seconds", "above 0"),
            ("> fact_breach_seconds", &[], &[], "ratio", "above the reading's breach"),
        ];
        for (value, and, when, unit, expected) in cases {
            assert_eq!(of(value, and, when, unit), expected);
        }
    }

    #[test]
    fn overrides_say_how_long_and_until_when() {
        let catalogue = Rule {
            level: Level::Breach,
            when: Selector::default(),
            value: Condition::parse(">= 0.25").unwrap(),
            floor: Some("fact_noise_floor".to_owned()),
            and: BTreeMap::new(),
            hold: None,
            clear: None,
        };
        let over = |limit| Override {
            when: Selector([("system".to_owned(), vec!["credit".to_owned()])].into()),
            breach: Some(limit),
            warning: None,
            hold: Some(Span(Duration::from_secs(1_800))),
            clear: Some(Condition::parse("< 0.2").unwrap()),
        };
        let when = crate::threshold::Limit::When { value: Condition::parse(">= 0.2").unwrap(), and: BTreeMap::new() };
        let rules = RuleSet::resolve(&[catalogue], &[over(when), over(crate::threshold::Limit::Never)]);
        assert_eq!(
            rules.words(1, "index"),
            "at least 0.2, and at least the reading's noise floor, where system is credit, for 30 minutes, and from then on until below 0.2"
        );
        assert_eq!(rules.words(2, "index"), "never, where system is credit");
    }
}
