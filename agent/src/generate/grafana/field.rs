//! How values look: colours, names of states, units, steps of thresholds.
//!
//! Nothing is told by colour alone: each state has a sign and a word too. The four colours differ in hue and in brightness, also for people who
//! see red and green alike: blue, amber, vermilion and grey.

use serde_json::{Value, json};

use crate::{
    indicator::{Direction, Indicator},
    threshold::{Comparison, Condition, Level, Operand, Operator, State},
};

use super::query::Measure;

/// The colour of a state, on a light and on a dark page.
pub fn color(state: State) -> &'static str {
    match state {
        State::Ok => "#3A87C8",
        State::Warning => "#E5A50A",
        State::Breach => "#D5451B",
        State::Unknown => "#8D8D96",
    }
}

/// Sign and word of a state.
pub fn name(state: State) -> &'static str {
    match state {
        State::Ok => "✓ ok",
        State::Warning => "▲ warning",
        State::Breach => "✗ breach",
        State::Unknown => "? unknown",
    }
}

/// Names and colours for states written as text.
pub fn state_texts() -> Value {
    let states = State::ALL.into_iter().enumerate();
    let options: serde_json::Map<_, _> = states.map(|(index, state)| (state.as_str().to_owned(), shown(name(state), Some(color(state)), index))).collect();
    json!([{ "type": "value", "options": options }])
}

/// Names and colours for states as numbers from 0, fine, to 3, a breach.
pub fn state_numbers() -> Value {
    let options: serde_json::Map<_, _> =
        State::ALL.into_iter().map(|state| (state.badness().to_string(), shown(name(state), Some(color(state)), state.badness().into()))).collect();
    json!([{ "type": "value", "options": options }])
}

/// Words for 1 and 0.
pub fn yes_or_no(yes: &str, no: &str) -> Value {
    json!([{ "type": "value", "options": { "1": shown(yes, Some(color(State::Ok)), 0), "0": shown(no, Some(color(State::Breach)), 1) } }])
}

/// What is shown in place of some values.
pub fn words(pairs: &[(&str, String)]) -> Value {
    let options: serde_json::Map<_, _> = pairs.iter().enumerate().map(|(index, (value, text))| ((*value).to_owned(), shown(text, None, index))).collect();
    json!([{ "type": "value", "options": options }])
}

/// A dot in place of zeros, so that the other numbers of a table stand out.
pub fn quiet_zeros() -> Value {
    json!([
        { "type": "value", "options": { "0": shown("·", None, 0) } },
        { "type": "special", "options": { "match": "null+nan", "result": shown("·", None, 1) } },
    ])
}

/// A dash in place of what has no value, without the colour that Grafana gives it: that of the lowest step.
pub fn quiet_gaps() -> Value {
    instead_of_gaps("–")
}

/// A word in place of what has no value, without a colour.
pub fn instead_of_gaps(word: &str) -> Value {
    json!([{ "type": "special", "options": { "match": "null+nan", "result": shown(word, Some(PLAIN), 0) } }])
}

/// A number of things in this colour; none of them is nothing to look at.
pub fn unless_none(color: &str) -> Value {
    json!({ "color": { "mode": "thresholds" }, "thresholds": steps("text", &[(1.0, color)]) })
}

fn shown(text: &str, color: Option<&str>, index: usize) -> Value {
    match color {
        Some(color) => json!({ "text": text, "color": color, "index": index }),
        None => json!({ "text": text, "index": index }),
    }
}

/// Steps of thresholds: the colour below the first number, then from each number on.
pub fn steps(base: &str, rest: &[(f64, &str)]) -> Value {
    let first = std::iter::once(json!({ "color": base, "value": null }));
    let steps: Vec<_> = first.chain(rest.iter().map(|(from, color)| json!({ "color": color, "value": from }))).collect();
    json!({ "mode": "absolute", "steps": steps })
}

/// Colour of what is fine: none in tables, so that trouble stands out.
pub const PLAIN: &str = "transparent";

/// The steps that follow from an indicator's rules, in units of `scale`. `fine` is the colour of what no rule hits. Rules that are for some readings only, or that ask
/// for a fact besides, are left out: whoever looks at a value alone can't tell whether they apply.
pub fn rule_steps(indicator: &Indicator, fine: &str, scale: f64) -> Value {
    let rules: Vec<_> = indicator.rules.iter().filter(|rule| rule.when.0.is_empty() && rule.and.is_empty()).map(|rule| (rule.level, &rule.value)).collect();
    let mut limits: Vec<f64> = rules.iter().flat_map(|(_, condition)| condition.comparisons()).flat_map(numbers).collect();
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let colored = |value: f64| match level(&rules, value) {
        Some(Level::Breach) => color(State::Breach),
        Some(Level::Warning) => color(State::Warning),
        None => fine,
    };
    let base = colored(limits.first().copied().unwrap_or_default() - 1.0);
    let mut previous = base;
    let mut rest = Vec::new();
    for (position, limit) in limits.iter().enumerate() {
        // Between two limits nothing changes, so that any value there stands for all.
        let inside = limits.get(position + 1).map_or(limit + 1.0, |next| f64::midpoint(*limit, *next));
        if colored(inside) != previous {
            previous = colored(inside);
            rest.push((*limit / scale, previous));
        }
    }
    steps(base, &rest)
}

fn numbers(comparison: &Comparison) -> Vec<f64> {
    match comparison.operand {
        Operand::Number(number, _) if comparison.absolute => vec![-number, number],
        Operand::Number(number, _) => vec![number],
        Operand::Fact(_) => Vec::new(),
    }
}

fn level(rules: &[(Level, &Condition)], value: f64) -> Option<Level> {
    rules.iter().filter(|(_, condition)| may_hold(condition, value)).map(|(level, _)| *level).max()
}

/// Whether the condition holds for the value and the most favourable facts.
fn may_hold(condition: &Condition, value: f64) -> bool {
    condition.alternatives().iter().any(|all| all.iter().all(|comparison| compares(comparison, value)))
}

fn compares(comparison: &Comparison, value: f64) -> bool {
    let Operand::Number(number, _) = comparison.operand else { return true };
    let value = if comparison.absolute { value.abs() } else { value };
    match comparison.operator {
        Operator::Greater | Operator::GreaterOrEqual => value >= number,
        Operator::Less | Operator::LessOrEqual => value <= number,
        Operator::Equal | Operator::NotEqual => false,
    }
}

/// Grafana's unit for the values of an indicator.
pub fn unit(indicator: &Indicator) -> &'static str {
    match Measure::of(indicator) {
        Measure::Ratio => "percentunit",
        Measure::Left | Measure::Seconds => "s",
        Measure::Count | Measure::Number => "none",
    }
}

/// How many decimals of its values mean something.
pub fn decimals(indicator: &Indicator) -> u8 {
    match Measure::of(indicator) {
        Measure::Count => 0,
        Measure::Ratio | Measure::Left | Measure::Seconds => 1,
        Measure::Number if indicator.direction == Direction::Lower => 4,
        Measure::Number => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::Catalogue;

    #[test]
    fn steps_follow_from_the_rules() {
        let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (warning, breach) = (color(State::Warning), color(State::Breach));
        for (id, expected) in [
            ("drift_psi", steps(PLAIN, &[(0.1, warning), (0.25, breach)])),
            ("drift_p_value", steps(breach, &[(0.01, warning), (0.05, PLAIN)])),
            ("bias_disparate_impact_ratio", steps(breach, &[(0.8, warning), (0.9, PLAIN), (1.11, warning), (1.25, breach)])),
            ("bias_statistical_parity_difference", steps(breach, &[(-0.1, warning), (-0.05, PLAIN), (0.05, warning), (0.1, breach)])),
            // High-risk systems breach from 1 on, which a sum over all systems does not show.
            ("impact_assessments_overdue", steps(PLAIN, &[(1.0, warning)])),
            ("production_models", steps(PLAIN, &[])),
        ] {
            assert_eq!(rule_steps(catalogue.get(id).unwrap(), PLAIN, 1.0), expected, "{id}");
        }
    }
}
