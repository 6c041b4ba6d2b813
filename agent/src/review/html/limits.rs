//! Where limits lie that a picture can show: those of a number alone, which hold for the reading that is drawn.

use crate::{
    draw::Limit,
    review::model::{Indicator, Reading},
    threshold::{Condition, Level, Operand},
};

/// The limits of a reading: the rule that it hit, and those that hold for every reading.
pub(super) fn of(indicator: &Indicator, reading: &Reading) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    let for_all = indicator.limits.iter().map(String::as_str).filter(|words| ![" when ", " where ", "("].iter().any(|word| words.contains(word)));
    for limit in reading.rule.as_deref().into_iter().chain(for_all).filter_map(limit) {
        if !limits.iter().any(|known| known.level == limit.level) {
            limits.push(limit);
        }
    }
    limits
}

/// Words for comparisons, and their signs.
const WORDS: [(&str, &str); 4] = [("at least ", ">= "), ("at most ", "<= "), ("above ", "> "), ("below ", "< ")];

/// Reads `breach: >= 0.2 when ...`, `breach: value >= 0.2` and `breach: at least 0.2, where ...`, where that is a number and nothing else.
fn limit(text: &str) -> Option<Limit> {
    let (level, rule) = text.split_once(": ")?;
    let level = [Level::Breach, Level::Warning].into_iter().find(|one| one.as_str() == level)?;
    let rule = rule.strip_prefix("value ").unwrap_or(rule);
    let end = [" and ", " or ", " when ", " for ", " until ", " where ", ", ", " ("].iter().filter_map(|word| rule.find(word)).min().unwrap_or(rule.len());
    let words = &rule[..end];
    let signs = WORDS.iter().find_map(|(word, sign)| words.strip_prefix(word).map(|rest| format!("{sign}{rest}")));
    let condition = Condition::parse(signs.as_deref().unwrap_or(words)).ok()?;
    let mut comparisons = condition.comparisons();
    match (&comparisons.next()?.operand, comparisons.next()) {
        (Operand::Number(value, _), None) => Some(Limit { level, value: *value, words: words.to_owned() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_a_number_is_read() {
        for (text, value) in [
            ("breach: >= 0.2", Some((Level::Breach, 0.2))),
            ("warning: value < 0.8 (risk_tier: high)", Some((Level::Warning, 0.8))),
            ("breach: at least 0.25, and at least the noise floor, for 30 minutes", Some((Level::Breach, 0.25))),
            ("breach: > 30d for 15m", Some((Level::Breach, 2_592_000.0))),
            ("breach: >= fact_noise_floor", None),
            ("breach: never", None),
            ("0.2", None),
        ] {
            assert_eq!(limit(text).map(|limit| (limit.level, limit.value)), value, "{text}");
        }
    }
}
