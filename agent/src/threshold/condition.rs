//! The grammar of conditions: `>= 0.25 and >= fact_noise_floor`, `< 0.80 or > 1.25`, `abs > 0.1`, `> -30d`. Parsed once, then only compared.
//!
//! `and` binds tighter than `or`. A number may carry a span (`7d`, `1h30m`) and then counts seconds. A name is a fact of the reading.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::span;

/// A condition on one number: it holds when every comparison of at least one alternative holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    alternatives: Vec<Vec<Comparison>>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Whether the magnitude is compared, not the signed number.
    pub absolute: bool,
    /// How.
    pub operator: Operator,
    /// With what.
    pub operand: Operand,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Operator {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A number and how it was written.
    Number(f64, String),
    /// A fact of the reading. One that the reading lacks makes the comparison false.
    Fact(String),
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}, at character {position} of `{text}`")]
pub struct ParseError {
    /// The whole text.
    pub text: String,
    /// The place, in characters from 1.
    pub position: usize,
    /// What would be right there.
    pub expected: &'static str,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// The first place that does not fit the grammar.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Parser { text, at: 0 }.condition()
    }

    /// The condition that the value is at least this fact of its reading.
    pub(super) fn at_least(fact: &str) -> Self {
        Self { alternatives: vec![vec![Comparison { absolute: false, operator: Operator::GreaterOrEqual, operand: Operand::Fact(fact.to_owned()) }]] }
    }

    /// Whether it holds for `value`.
    pub fn holds(&self, value: f64, fact: &impl Fn(&str) -> Option<f64>) -> bool {
        self.alternatives.iter().any(|all| all.iter().all(|comparison| comparison.holds(value, fact)))
    }

    /// Every comparison in it.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.alternatives.iter().flatten()
    }

    /// The alternatives, each a list of comparisons that must hold together.
    pub fn alternatives(&self) -> &[Vec<Comparison>] {
        &self.alternatives
    }

    /// The facts it names.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        self.comparisons().filter_map(|comparison| match &comparison.operand {
            Operand::Fact(name) => Some(name.as_str()),
            Operand::Number(..) => None,
        })
    }
}

impl Comparison {
    fn holds(&self, value: f64, fact: &impl Fn(&str) -> Option<f64>) -> bool {
        let operand = match &self.operand {
            Operand::Number(number, _) => Some(*number),
            Operand::Fact(name) => fact(name),
        };
        let value = if self.absolute { value.abs() } else { value };
        operand.is_some_and(|operand| self.operator.holds(value, operand))
    }
}

impl Operator {
    /// Longest first, so that `>=` is not read as `>`.
    const ALL: [(&str, Self); 6] =
        [(">=", Self::GreaterOrEqual), ("<=", Self::LessOrEqual), ("==", Self::Equal), ("!=", Self::NotEqual), (">", Self::Greater), ("<", Self::Less)];

    #[expect(clippy::float_cmp, reason = "`==` means exactly equal, as whoever writes it for counts expects")]
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn condition(mut self) -> Result<Condition, ParseError> {
        let mut alternatives = vec![vec![self.comparison()?]];
        loop {
            self.skip_blanks();
            if self.rest().is_empty() {
                return Ok(Condition { alternatives });
            }
            match self.word() {
                "and" => {
                    let comparison = self.comparison()?;
                    alternatives.last_mut().expect("there is always one").push(comparison);
                }
                "or" => alternatives.push(vec![self.comparison()?]),
                word => {
                    self.at -= word.len();
                    return Err(self.error("`and`, `or` or the end"));
                }
            }
        }
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        self.skip_blanks();
        let absolute = self.rest().starts_with("abs");
        if absolute {
            self.at += "abs".len();
            self.skip_blanks();
        }
        let Some((sign, operator)) = Operator::ALL.into_iter().find(|(sign, _)| self.rest().starts_with(sign)) else {
            return Err(self.error("a comparison such as `>= 0.25`"));
        };
        self.at += sign.len();
        self.skip_blanks();
        let start = self.at;
        let word = self.word().to_owned();
        let operand = operand(&word).ok_or_else(|| {
            self.at = start;
            self.error("a number, a span such as `7d`, or the name of a fact such as `fact_days_late`")
        })?;
        Ok(Comparison { absolute, operator, operand })
    }

    fn word(&mut self) -> &str {
        let start = self.at;
        self.at += self.rest().find(char::is_whitespace).unwrap_or(self.rest().len());
        &self.text[start..self.at]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, expected: &'static str) -> ParseError {
        ParseError { text: self.text.to_owned(), position: self.text[..self.at].chars().count() + 1, expected }
    }
}

fn operand(word: &str) -> Option<Operand> {
    if word.strip_prefix("fact_").is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')) {
        return Some(Operand::Fact(word.to_owned()));
    }
    if word.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') && word.ends_with(|c: char| c.is_ascii_digit()) {
        return word.parse().ok().filter(|number: &f64| number.is_finite()).map(|number| Operand::Number(number, word.to_owned()));
    }
    let (sign, magnitude) = word.strip_prefix('-').map_or((1.0, word), |magnitude| (-1.0, magnitude));
    Some(Operand::Number(sign * span::parse(magnitude)?.as_secs_f64(), word.to_owned()))
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, all) in self.alternatives.iter().enumerate() {
            f.write_str(if position > 0 { " or " } else { "" })?;
            for (position, comparison) in all.iter().enumerate() {
                write!(f, "{}{comparison}", if position > 0 { " and " } else { "" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, _) = Operator::ALL.iter().find(|(_, operator)| *operator == self.operator).expect("every operator is in the table");
        let operand = match &self.operand {
            Operand::Number(_, written) => written,
            Operand::Fact(name) => name,
        };
        write!(f, "{}{sign} {operand}", if self.absolute { "abs " } else { "" })
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Condition;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition such as \">= 0.25\", in quotes")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Condition, E> {
                Condition::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, value: f64) -> bool {
        Condition::parse(condition).unwrap().holds(value, &|name| (name == "fact_floor").then_some(0.5))
    }

    #[test]
    fn conditions_hold_as_written() {
        let cases = [
            (">= 0.25", 0.25, true),
            ("> 0.25", 0.25, false),
            ("< 0.80 or > 1.25", 0.8, false),
            ("< 0.80 or > 1.25", 0.79, true),
            ("< 0.80 or > 1.25", 1.26, true),
            ("abs > 0.1", -0.2, true),
            ("abs>0.1", -0.1, false),
            ("> -30d", -2_592_000.0, false),
            ("> -30d", -2_591_999.0, true),
            (">= 1h30m", 5_400.0, true),
            (">= 0.25 and >= fact_floor", 0.3, false),
            (">= 0.25 and >= fact_floor", 0.5, true),
            (">= fact_unknown", 9.0, false),
            (">= 5 or >= 1 and <= 2", 1.5, true),
            (">= 5 or >= 1 and <= 2", 3.0, false),
            ("== 2", 2.0, true),
            ("!= 2", 2.0, false),
            ("<= -1.5e3", -1_500.0, true),
        ];
        for (condition, value, expected) in cases {
            assert_eq!(holds(condition, value), expected, "{value} {condition}");
        }
    }

    #[test]
    fn nothing_holds_for_not_a_number() {
        assert!(!holds(">= 0", f64::NAN) && !holds("< 0", f64::NAN));
    }

    #[test]
    fn conditions_write_as_they_read() {
        for text in [">= 0.25 and >= fact_noise_floor", "< 0.80 or > 1.25", "abs > 0.1", "> -30d", "!= 2"] {
            assert_eq!(Condition::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes_say_where() {
        let cases = [
            ("", "a comparison such as `>= 0.25`, at character 1 of ``"),
            ("0.25", "a comparison such as `>= 0.25`, at character 1 of `0.25`"),
            ("=> 0.25", "a comparison such as `>= 0.25`, at character 1 of `=> 0.25`"),
            (">= 0.25 &&", "`and`, `or` or the end, at character 9 of `>= 0.25 &&`"),
            (">= 0.25 and", "a comparison such as `>= 0.25`, at character 12 of `>= 0.25 and`"),
            ("> fact_", "a number, a span such as `7d`, or the name of a fact such as `fact_days_late`, at character 3 of `> fact_`"),
            ("> inf", "a number, a span such as `7d`, or the name of a fact such as `fact_days_late`, at character 3 of `> inf`"),
            ("> 1e999", "a number, a span such as `7d`, or the name of a fact such as `fact_days_late`, at character 3 of `> 1e999`"),
            ("> 5 days", "`and`, `or` or the end, at character 5 of `> 5 days`"),
        ];
        for (text, message) in cases {
            assert_eq!(Condition::parse(text).unwrap_err().to_string(), message);
        }
    }
}
