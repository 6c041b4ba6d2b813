//! Rules read back from their texts, as evidence keeps them.

use std::collections::BTreeMap;

use super::{
    Condition, Level, RuleSet, Selector,
    rule::{Entry, digest},
};
use crate::span;

impl RuleSet {
    /// The set that had these texts ([`RuleSet::text`]), of which the last `overrides` stood in a configuration. `None`: they are no such texts.
    pub fn read(texts: &[&str], overrides: usize) -> Option<Self> {
        let of_catalogue = texts.len().checked_sub(overrides)?;
        let rules: Vec<_> = texts.iter().enumerate().map(|(position, text)| entry(text, position >= of_catalogue)).collect::<Option<_>>()?;
        let digest = digest(&rules);
        Some(Self { rules, digest })
    }
}

/// One rule. The texts of names and values are free, so what was read must give the same text again.
fn entry(text: &str, overrides: bool) -> Option<Entry> {
    let (level, rest) = text.split_once(": ")?;
    let level = [Level::Breach, Level::Warning].into_iter().find(|known| known.as_str() == level)?;
    let (rest, clear) = last(rest, " until ", |text| Condition::parse(text).ok());
    let (rest, hold) = last(rest, " for ", span::parse);
    let (rest, when) = match rest.split_once(" when ") {
        Some((before, when)) => (before, selector(when)?),
        None => (rest, Selector::default()),
    };
    // A condition of a fact begins with the fact; inside a condition a fact stands behind an operator.
    let mut parts = rest.split(" and fact_");
    let value = parts.next()?;
    let and = parts.map(|part| part.split_once(' ').and_then(|(fact, condition)| Some((format!("fact_{fact}"), Condition::parse(condition).ok()?))));
    let and = and.collect::<Option<BTreeMap<_, _>>>()?;
    let (value, floor) = last(value, " and >= ", |fact| (fact.starts_with("fact_") && fact.ends_with("_floor")).then(|| Condition::at_least(fact)));
    let value = if value == "none" { None } else { Some(Condition::parse(value).ok()?) };
    let hold_seconds = hold.map_or(0, |hold| i64::try_from(hold.as_secs()).unwrap_or(i64::MAX));
    let entry = Entry { level, when, value, floor, and, hold_seconds, clear, overrides };
    (entry.canonical() == text).then_some(entry)
}

/// What stands behind the last of these words, if it can be read, and what stands before it.
fn last<'t, T>(text: &'t str, words: &str, read: impl Fn(&str) -> Option<T>) -> (&'t str, Option<T>) {
    let read = text.rsplit_once(words).and_then(|(before, after)| Some((before, read(after)?)));
    read.map_or((text, None), |(before, value)| (before, Some(value)))
}

fn selector(text: &str) -> Option<Selector> {
    let one = |name: &str| name.split_once('=').map(|(name, values)| (name.to_owned(), values.split('|').map(str::to_owned).collect()));
    text.split(',').map(one).collect::<Option<_>>().map(Selector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::Catalogue;

    #[test]
    fn every_rule_of_the_catalogue_is_read_back() {
        let catalogue = Catalogue::built_in().unwrap();
        let mut read = 0;
        for indicator in catalogue.iter() {
            let rules = RuleSet::resolve(&indicator.rules, &[]);
            let texts: Vec<_> = (0..rules.len()).map(|position| rules.text(position)).collect();
            assert_eq!(RuleSet::read(&texts.iter().map(String::as_str).collect::<Vec<_>>(), 0), Some(rules), "{texts:?}");
            read += texts.len();
        }
        assert!(read > 60, "{read}");
    }

    #[test]
    fn what_a_configuration_can_say_is_read_back() {
        for text in [
            "breach: >= 0.25 and >= fact_noise_floor and fact_days_late > 30 or < -1 and fact_n >= fact_m when feature=a|b,system=loan for me for 30m until < 0.2",
            "warning: abs > 0.1 or >= fact_limit and fact_n > 7d",
            "breach: none when system=a and fact_x",
            "warning: > 1h30m for 15m",
        ] {
            let read = RuleSet::read(&[text], 1).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((read.text(0), read.overrides().count()), (text.to_owned(), 1));
        }
        for text in ["", "breach", "breach: ", "alarm: > 1", "breach: > 1 until", "breach: > 1 for ever", "breach: > 1 when a"] {
            assert_eq!(RuleSet::read(&[text], 0), None, "{text}");
        }
        assert_eq!(RuleSet::read(&[], 1), None);
    }
}
