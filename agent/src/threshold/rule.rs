//! Threshold rules: as the catalogue declares them, as a configuration overrides them, and the set that is in force.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer};

use super::{Condition, Level, Subject, condition::Operand, words};
use crate::{
    record::{Digest, shape::counts_as},
    span::{self, Span},
};

/// One rule: while its conditions hold for a reading, the reading is at its level.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rule {
    /// The level.
    pub level: Level,
    /// Labels of the reading, or attributes of its system, and the values that the rule is for. Default: every reading.
    #[serde(default)]
    pub when: Selector,
    /// The condition on the value.
    pub value: Condition,
    /// The fact below which the value can't be told from chance: the level is not reached then. No override lifts it. Default: none.
    #[serde(default)]
    pub floor: Option<String>,
    /// Conditions on facts, which must hold too.
    #[serde(default)]
    pub and: BTreeMap<String, Condition>,
    /// How long the conditions must hold without a break. Default: at once.
    #[serde(default, rename = "for")]
    pub hold: Option<Span>,
    /// Once at the level, the reading stays there until this holds. Default: until the conditions don't hold any more.
    #[serde(default)]
    pub clear: Option<Condition>,
}

/// What a configuration says instead of the catalogue, for the readings that it selects.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The readings that it is for.
    pub when: Selector,
    /// Its limits.
    pub breach: Option<Limit>,
    /// Its limits.
    pub warning: Option<Limit>,
    /// How long a condition must hold without a break.
    pub hold: Option<Span>,
    /// What ends a level again.
    pub clear: Option<Condition>,
}

/// What an override says of one level.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// `none`: the level is never reached.
    Never,
    /// The level is reached when the conditions on the value and on facts hold.
    When {
        /// The condition on the value.
        value: Condition,
        /// Conditions on facts.
        and: BTreeMap<String, Condition>,
    },
}

/// Labels or attributes of the system, each with the values that are selected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(pub BTreeMap<String, Vec<String>>);

/// The rules of one indicator that are in force: the catalogue's and the configuration's.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    pub(super) rules: Vec<Entry>,
    pub(super) digest: Digest,
}

/// A rule of the set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) level: Level,
    pub(super) when: Selector,
    /// `None`: never.
    pub(super) value: Option<Condition>,
    /// At least so much must the value be in any case.
    pub(super) floor: Option<Condition>,
    pub(super) and: BTreeMap<String, Condition>,
    pub(super) hold_seconds: i64,
    pub(super) clear: Option<Condition>,
    pub(super) overrides: bool,
}

/// A number of a rule, for `aims_indicator_threshold`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The level that it leads to.
    pub level: Level,
    /// The comparison and what it is for: `>= 1 when risk_tier=high`. Unique within a set and level.
    pub rule: String,
    /// The number.
    pub value: f64,
}

impl RuleSet {
    /// The set that is in force: `rules` of the catalogue and `overrides` of the configuration.
    ///
    /// For a reading and a level, the override with the most selected names replaces the catalogue's rules; of two equally specific ones the
    /// later one counts. Whatever is below a floor of the catalogue is below it for overrides, too.
    pub fn resolve(rules: &[Rule], overrides: &[Override]) -> Self {
        let catalogue = rules.iter().map(Entry::of_rule);
        let floor = rules.iter().find_map(|rule| rule.floor.as_deref());
        let configured = overrides.iter().flat_map(|over| Entry::of_override(over, floor));
        let rules: Vec<_> = catalogue.chain(configured).collect();
        let digest = digest(&rules);
        Self { rules, digest }
    }

    /// Digest of all rules: the version of the thresholds.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none: readings are then never judged.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The text of a rule: `breach: >= 1 and fact_days_late > 30 when risk_tier=high for 15m`.
    pub fn text(&self, rule: usize) -> String {
        self.rules.get(rule).map(Entry::canonical).unwrap_or_default()
    }

    /// The overrides' rules, each with those of the catalogue in whose place it stands.
    pub fn overrides(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        let replaced = |level| self.rules.iter().filter(move |entry| !entry.overrides && entry.level == level).map(Entry::canonical).collect();
        self.rules.iter().filter(|entry| entry.overrides).map(move |entry| (entry.canonical(), replaced(entry.level)))
    }

    /// The positions of the rules in the order in which people look for what holds: overrides first, each level from bad to good.
    pub fn positions(&self) -> Vec<usize> {
        let mut positions: Vec<_> = (0..self.rules.len()).collect();
        positions.sort_by_key(|position| std::cmp::Reverse((self.rules[*position].overrides, self.rules[*position].level)));
        positions
    }

    /// A rule in words, for values in this unit: `at least 1, and days late above 30, where risk tier is high, for 15 minutes`.
    pub fn words(&self, rule: usize, unit: &str) -> String {
        self.rules.get(rule).map(|entry| words::of(entry, unit)).unwrap_or_default()
    }

    /// The level of a rule.
    pub fn level(&self, rule: usize) -> Option<Level> {
        self.rules.get(rule).map(|entry| entry.level)
    }

    /// Every number with which values are compared.
    pub fn thresholds(&self) -> Vec<Threshold> {
        let mut thresholds: Vec<Threshold> = Vec::new();
        for entry in &self.rules {
            for comparison in entry.value.iter().flat_map(Condition::comparisons) {
                let Operand::Number(value, _) = comparison.operand else { continue };
                let threshold = Threshold { level: entry.level, rule: format!("{comparison}{}", entry.scope()), value };
                if !thresholds.iter().any(|known| (known.level, &known.rule) == (threshold.level, &threshold.rule)) {
                    thresholds.push(threshold);
                }
            }
        }
        thresholds
    }

    /// The numbers with which this reading is compared, by level; `None` where a fact of the reading is the limit. Empty when nothing judges it.
    pub fn limits(&self, subject: &Subject<'_>) -> Vec<(Level, Option<f64>)> {
        let number = |operand: &Operand| if let Operand::Number(number, _) = operand { Some(*number) } else { None };
        let compared = |entry: &Entry| -> Vec<_> {
            entry.value.iter().flat_map(Condition::comparisons).map(|comparison| (entry.level, number(&comparison.operand))).collect()
        };
        self.applicable(subject).flat_map(|(_, entry)| compared(entry)).collect()
    }

    /// Positions and rules that are for this reading: of each level the most specific override, else the catalogue's.
    pub(super) fn applicable<'s>(&'s self, subject: &Subject<'_>) -> impl Iterator<Item = (usize, &'s Entry)> {
        let selected = |entry: &Entry| entry.when.selects(subject);
        let strongest = |level| {
            let matching = self.rules.iter().enumerate().filter(move |(_, entry)| entry.overrides && entry.level == level && selected(entry));
            matching.max_by_key(|(position, entry)| (entry.when.0.len(), *position)).map(|(position, _)| position)
        };
        let any_override = self.rules.iter().any(|entry| entry.overrides);
        let (breach, warning) = if any_override { (strongest(Level::Breach), strongest(Level::Warning)) } else { (None, None) };
        let chosen: Vec<_> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(position, entry)| match (if entry.level == Level::Breach { breach } else { warning }, entry.overrides) {
                (Some(strongest), _) => strongest == *position,
                (None, overrides) => !overrides && selected(entry),
            })
            .collect();
        chosen.into_iter()
    }
}

/// Digest of rules: of all their texts.
pub(super) fn digest(rules: &[Entry]) -> Digest {
    let texts: Vec<_> = rules.iter().map(Entry::canonical).collect();
    Digest::of(texts.join("\n").as_bytes())
}

impl Entry {
    fn of_rule(rule: &Rule) -> Self {
        Self {
            level: rule.level,
            when: rule.when.clone(),
            value: Some(rule.value.clone()),
            floor: rule.floor.as_deref().map(Condition::at_least),
            and: rule.and.clone(),
            hold_seconds: hold_seconds(rule.hold),
            clear: rule.clear.clone(),
            overrides: false,
        }
    }

    fn of_override(over: &Override, floor: Option<&str>) -> impl Iterator<Item = Self> {
        let levels = [(Level::Breach, &over.breach), (Level::Warning, &over.warning)];
        levels.into_iter().filter_map(move |(level, limit)| {
            let (value, and) = match limit.as_ref()? {
                Limit::Never => (None, BTreeMap::new()),
                Limit::When { value, and } => (Some(value.clone()), and.clone()),
            };
            let (when, floor, clear) = (over.when.clone(), value.as_ref().and(floor).map(Condition::at_least), over.clear.clone());
            Some(Self { level, when, value, floor, and, hold_seconds: hold_seconds(over.hold), clear, overrides: true })
        })
    }

    /// Everything that makes the rule what it is, in one line.
    pub(super) fn canonical(&self) -> String {
        let value = self.value.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let floor = self.floor.as_ref().map(|floor| format!(" and {floor}")).unwrap_or_default();
        let mut text = format!("{}: {value}{floor}{}", self.level, self.scope());
        if self.hold_seconds > 0 {
            text.push_str(&format!(" for {}", span::text(std::time::Duration::from_secs(self.hold_seconds.unsigned_abs()))));
        }
        if let Some(clear) = &self.clear {
            text.push_str(&format!(" until {clear}"));
        }
        text
    }

    /// What else must hold, and for which readings: ` and fact_days_late > 30 when risk_tier=high`.
    fn scope(&self) -> String {
        let and: String = self.and.iter().map(|(fact, condition)| format!(" and {fact} {condition}")).collect();
        if self.when.0.is_empty() { and } else { format!("{and} when {}", self.when) }
    }
}

fn hold_seconds(hold: Option<Span>) -> i64 {
    hold.map_or(0, |Span(span)| i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

impl Selector {
    /// Whether the reading has one of the values for each name. A name that is no label of the reading is an attribute of its system. A risk tier
    /// that nobody knows is selected by `high`, too.
    pub fn selects(&self, subject: &Subject<'_>) -> bool {
        let is_among = |name: &str, values: &[String], found: &str| values.iter().any(|value| value == found || counts_as(name, found) == Some(value.as_str()));
        self.0.iter().all(|(name, values)| subject.named(name).is_some_and(|found| is_among(name, values, found)))
    }

    /// The names it selects by.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, values)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={}", if position > 0 { "," } else { "" }, values.join("|"))?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a text or a list of texts")]
        enum Values {
            One(String),
            Many(Vec<String>),
        }
        let names = BTreeMap::<String, Values>::deserialize(deserializer)?;
        let list = |values| match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        };
        Ok(Self(names.into_iter().map(|(name, values)| (name, list(values))).collect()))
    }
}
