//! Thresholds: a reading, the rules in force and what was remembered from last time become a verdict, and the moment at which time alone will
//! change it. Pure: no clock, no store, and no knowledge of indicators beyond a value, labels and facts.

mod condition;
mod forecast;
mod read;
mod rule;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use condition::{Comparison, Condition, Operand, Operator, ParseError};
pub use forecast::next_change;
pub use rule::{Limit, Override, Rule, RuleSet, Selector, Threshold};
pub use words::name as fact_name;

use crate::trend::Trend;

/// How a reading stands, from good to bad. Unknown is worse than a warning, since nobody can say that it is no more than one, and a known breach is
/// worse than both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No rule was hit.
    Ok,
    /// The worst rule hit leads to a warning.
    Warning,
    /// There is no value to judge.
    Unknown,
    /// The worst rule hit leads to a breach.
    Breach,
}

/// What a rule leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Somebody should look at it in working hours.
    Warning,
    /// A requirement is not met.
    Breach,
}

/// The reading to judge, at whatever moment.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its value as a function of time; `None` while unknown.
    pub value: Option<Trend>,
    /// The value of one of its labels.
    pub label: &'a dyn Fn(&str) -> Option<&'a str>,
    /// An attribute of the system it belongs to: `risk_tier`, `lifecycle`, ...
    pub system_attribute: &'a dyn Fn(&str) -> Option<&'a str>,
    /// One of its facts, as a function of time.
    pub fact: &'a dyn Fn(&str) -> Option<Trend>,
}

/// What a reading's rules remember between two evaluations. Empty for rules without `for` and `clear`, which is most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The rule set that it is about; under another one it means nothing.
    version: String,
    rules: Vec<Remembered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    rule: usize,
    /// Since when its conditions hold without a break, epoch seconds.
    since: Option<i64>,
    /// Whether the reading is at its level.
    in_force: bool,
}

/// What a reading came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// The rule that led to it, a position in the set; see [`RuleSet::text`].
    pub rule: Option<usize>,
    /// Whether any rule is for this reading. Without one it is `ok` because nobody asked.
    pub judged: bool,
    /// The worst rule that would make it worse and whose time has not passed yet.
    pub waiting: Option<Waiting>,
    /// What to hand in next time.
    pub memory: Memory,
}

/// A rule whose conditions hold, but not for as long as it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The rule, a position in the set.
    pub rule: usize,
    /// Since when they hold, epoch seconds.
    pub since: i64,
    /// When it comes into force if they go on to hold, epoch seconds.
    pub until: i64,
}

/// Judges a reading at `now`, epoch seconds. The worst rule that is in force wins; of two equally bad ones the first.
///
/// A rule with `for` comes into force once its conditions held that long without a break; an unknown value is a break. A rule with `clear`
/// stays in force until that holds, and through unknown values, which clear nothing.
pub fn judge(rules: &RuleSet, subject: &Subject<'_>, previous: Option<&Memory>, now: i64) -> Verdict {
    let version = || rules.digest().to_string();
    let previous = previous.filter(|memory| !memory.rules.is_empty() && memory.version == version());
    let value = subject.value.map(|value| value.at(now)).filter(|value| value.is_finite());
    let mut worst: Option<(Level, usize)> = None;
    let mut waiting: Option<(Level, Waiting)> = None;
    let mut judged = false;
    let mut remembered = Vec::new();
    for (position, rule) in rules.applicable(subject) {
        judged = true;
        let before = previous.and_then(|memory| memory.rules.iter().find(|before| before.rule == position));
        let now_remembered = step(rule, subject, value, before, now);
        if now_remembered.in_force && worst.is_none_or(|(level, _)| rule.level > level) {
            worst = Some((rule.level, position));
        }
        if let Some(since) = now_remembered.since.filter(|_| !now_remembered.in_force && waiting.is_none_or(|(level, _)| rule.level > level)) {
            waiting = Some((rule.level, Waiting { rule: position, since, until: since.saturating_add(rule.hold_seconds) }));
        }
        let worth_remembering = now_remembered.since.is_some() && rule.hold_seconds > 0 || now_remembered.in_force && rule.clear.is_some();
        remembered.extend(worth_remembering.then_some(Remembered { rule: position, ..now_remembered }));
    }
    let version = if remembered.is_empty() { String::new() } else { version() };
    let memory = Memory { version, rules: remembered };
    if value.is_none() {
        return Verdict { state: State::Unknown, rule: None, judged, waiting: None, memory };
    }
    let waiting = waiting.filter(|(level, _)| worst.is_none_or(|(worst, _)| *level > worst)).map(|(_, waiting)| waiting);
    let state = worst.map_or(State::Ok, |(level, _)| level.into());
    Verdict { state, rule: worst.map(|(_, position)| position), judged, waiting, memory }
}

/// One rule, one step on. The position is filled in by the caller.
fn step(rule: &rule::Entry, subject: &Subject<'_>, value: Option<f64>, before: Option<&Remembered>, now: i64) -> Remembered {
    let was_in_force = before.is_some_and(|before| before.in_force);
    let fact = |name: &str| (subject.fact)(name).map(|fact| fact.at(now));
    let Some(value) = value else {
        return Remembered { rule: 0, since: None, in_force: was_in_force && rule.clear.is_some() };
    };
    let facts_hold = || rule.and.iter().all(|(name, condition)| fact(name).is_some_and(|number| condition.holds(number, &fact)));
    let is_seen = || rule.floor.as_ref().is_none_or(|floor| floor.holds(value, &fact));
    let hit = rule.value.as_ref().is_some_and(|condition| condition.holds(value, &fact)) && is_seen() && facts_hold();
    let since = hit.then(|| before.and_then(|before| before.since).unwrap_or(now));
    let long_enough = since.is_some_and(|since| now - since >= rule.hold_seconds);
    let held_by_hysteresis = was_in_force && rule.clear.as_ref().is_some_and(|clear| !clear.holds(value, &fact));
    Remembered { rule: 0, since, in_force: long_enough || held_by_hysteresis }
}

impl Memory {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Subject<'_> {
    /// A label of this name, else an attribute of the system.
    fn named(&self, name: &str) -> Option<&str> {
        (self.label)(name).or_else(|| (self.system_attribute)(name))
    }
}

impl State {
    /// Every state, from good to bad.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Unknown, Self::Breach];

    /// Every state, from bad to good: the order in which people see them.
    pub const WORST_FIRST: [Self; 4] = [Self::Breach, Self::Unknown, Self::Warning, Self::Ok];

    /// How bad it is, as a number: 0 ok, 1 warning, 2 unknown, 3 breach. Recording rules and dashboards have the same.
    pub fn badness(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Breach => 3,
        }
    }

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Breach => "breach",
            Self::Unknown => "unknown",
        }
    }
}

impl Level {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        State::from(self).as_str()
    }
}

impl From<Level> for State {
    fn from(level: Level) -> Self {
        match level {
            Level::Warning => Self::Warning,
            Level::Breach => Self::Breach,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("value", &self.value).finish_non_exhaustive()
    }
}
