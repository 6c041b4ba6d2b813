//! Pieces of PromQL that the panels share. Everything is computed from what the agent exports: no recording rule has to be loaded.

use crate::{
    indicator::{Direction, Indicator},
    threshold::State,
};

/// Rows that a table shows at most: what is worst. More than anybody reads, few enough for a browser.
pub const ROWS: usize = 200;

/// Seconds of a day.
pub const DAY: u32 = 86_400;

/// One row for each indicator with its title, however many agents are scraped.
const TITLES: &str = "topk by (indicator) (1, aims_indicator_info)";

/// States with the weights by which the worst one is found.
const WEIGHTS: [(State, u8); 4] = [(State::Breach, 3), (State::Warning, 2), (State::Unknown, 1), (State::Ok, 0)];

/// The moment at which a selector is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Each step of the query.
    Step,
    /// The end of the range, so that what is drawn does not change from step to step.
    End,
}

impl At {
    fn modifier(self) -> &'static str {
        match self {
            Self::Step => "",
            Self::End => " @ end()",
        }
    }
}

/// Selects series of the systems that the dashboard's variables admit. What belongs to no system is selected while no system is chosen: it is the
/// organisation's own. `$excluded` holds the systems of other tiers and roles, so that a query over time needs no join at every step.
pub fn selector(metric: &str, matchers: &str, at: At) -> String {
    let more = if matchers.is_empty() { String::new() } else { format!("{matchers}, ") };
    format!(r#"{metric}{{{more}system=~"$system", system!~"$excluded"}}{}"#, at.modifier())
}

/// The selected systems, one series each, with the value 1.
pub fn systems() -> String {
    format!("group by (system) ({})", selector("aims_system_info", "", At::Step))
}

/// Adds what is known of a system as labels.
pub fn with_system(vector: &str) -> String {
    format!("({vector})\n* on (system) group_left (risk_tier, owner_role, lifecycle, url) topk by (system) (1, aims_system_info)")
}

/// Adds the titles of the indicators as the label `title`.
pub fn titled(vector: &str) -> String {
    format!("({vector})\n* on (indicator) group_left (title) {TITLES}")
}

/// Adds titles and units. The vector must not tell series apart by a label `unit` of their own.
pub fn titled_with_unit(vector: &str) -> String {
    format!("({vector})\n* on (indicator) group_left (title, unit) {TITLES}")
}

/// Names what belongs to no system.
pub fn named_systems(vector: &str) -> String {
    format!(r#"label_replace({vector}, "system", "organisation", "system", "^$")"#)
}

/// Readings by state, from bad to good, zeros included.
pub fn counted_states() -> String {
    let parts = WEIGHTS.map(|(state, _)| constant(&format!("count({}) or vector(0)", states(&[], Some(state), At::Step)), "state", state.as_str()));
    parts.join("\nor ")
}

/// States of the selected systems' readings. No indicators: of all.
pub fn states(indicators: &[&Indicator], state: Option<State>, at: At) -> String {
    let of_indicators = (!indicators.is_empty()).then(|| format!("indicator=~\"{}\"", joined(indicators, "")));
    let in_state = state.map(|state| format!("state=\"{}\"", state.as_str()));
    let matchers: Vec<_> = of_indicators.into_iter().chain(in_state).collect();
    selector(STATES, &matchers.join(", "), at)
}

/// The metric of all states.
pub const STATES: &str = "aims_indicator_state";

/// The worst state for each value of a label as a number from 0 (fine) to 3 (breach). `fine` gives the rows without trouble.
pub fn worst_by(label: &str, fine: &str) -> String {
    let troubled = WEIGHTS.iter().filter(|(state, _)| *state != State::Ok);
    let parts: Vec<_> = troubled.map(|(state, weight)| format!("{weight} * max by ({label}) ({})", states(&[], Some(*state), At::Step))).collect();
    format!("{}\nor 0 * {fine}", parts.join("\nor "))
}

/// The worst systems: those with the most breaches, then those with the most other trouble.
pub fn worst_systems(count: usize, at: At) -> String {
    let breaches = states(&[], Some(State::Breach), at);
    let others = selector(STATES, r#"state=~"warning|unknown""#, at);
    format!("topk({count}, sum by (system) (1000 * {breaches} or {others}))")
}

/// Readings by state for each group of indicators; the label `group` holds its name.
pub fn states_by_group(groups: &[(String, Vec<&Indicator>)]) -> String {
    let parts = groups.iter().map(|(name, indicators)| {
        let counted = format!("count by (state) ({})", states(indicators, None, At::Step));
        constant(&format!("{counted} or {}", zeros_of_states()), "group", name)
    });
    parts.collect::<Vec<_>>().join("\nor ")
}

/// Readings in breach over time for each group.
pub fn breaches_by_group(groups: &[(String, Vec<&Indicator>)]) -> String {
    let parts = groups.iter().map(|(name, indicators)| {
        let counted = format!("count({})", states(indicators, Some(State::Breach), At::Step));
        constant(&format!("{counted} or vector(0)"), "group", name)
    });
    parts.collect::<Vec<_>>().join("\nor ")
}

fn zeros_of_states() -> String {
    State::ALL.map(|state| constant("vector(0)", "state", state.as_str())).join(" or ")
}

/// For each of the indicators, its readings by state and what its values come to: the label `column` holds the state, or `sum`, `ratio`,
/// `worst`, `left` (days until the due day) or `seconds`.
pub fn summary(indicators: &[&Indicator]) -> String {
    let counted = format!("count by (indicator, state) ({})", states(indicators, None, At::Step));
    let mut parts = vec![format!(r#"sum by (indicator, column) (label_replace({counted}, "column", "$1", "state", "(.+)"))"#)];
    let known = format!("0 * group by (indicator) (aims_indicator_info{{indicator=~\"{}\"}})", joined(indicators, ""));
    parts.extend(State::ALL.map(|state| constant(&known, "column", state.as_str())));
    for measure in Measure::ALL {
        for worst in [Worst::Most, Worst::Least, Worst::Magnitude] {
            let alike: Vec<_> = indicators.iter().copied().filter(|one| (Measure::of(one), Worst::of(one)) == (measure, worst)).collect();
            if !alike.is_empty() {
                parts.push(constant(&measure.aggregate(&labelled_values(&alike), worst), "column", measure.column()));
            }
        }
    }
    titled(&parts.join("\nor "))
}

/// What the values of an indicator come to when one number has to stand for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Things that are counted: their sum.
    Count,
    /// A share of 1: the worst.
    Ratio,
    /// Any other number: the worst.
    Number,
    /// Time until a day, negative when it has passed: the least.
    Left,
    /// Any other span: the longest.
    Seconds,
}

impl Measure {
    /// Every measure, in the order of their columns.
    pub const ALL: [Self; 5] = [Self::Count, Self::Ratio, Self::Number, Self::Left, Self::Seconds];

    /// The measure of an indicator. By its unit, since that is all that a user's own indicator says.
    pub fn of(indicator: &Indicator) -> Self {
        match (indicator.unit.as_str(), indicator.direction) {
            ("seconds", Direction::Lower) => Self::Left,
            ("seconds", _) if indicator.id.as_str().ends_with("_overdue_seconds") => Self::Left,
            ("seconds", _) => Self::Seconds,
            ("ratio", Direction::Higher | Direction::Lower) => Self::Ratio,
            ("ratio" | "index" | "distance" | "probability" | "difference" | "score", _) => Self::Number,
            _ => Self::Count,
        }
    }

    /// The value of the label `column`.
    pub fn column(self) -> &'static str {
        match self {
            Self::Count => "sum",
            Self::Ratio => "ratio",
            Self::Number => "worst",
            Self::Left => "left",
            Self::Seconds => "seconds",
        }
    }

    /// Whether it counts seconds.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Left | Self::Seconds)
    }

    fn aggregate(self, values: &str, worst: Worst) -> String {
        match (self, worst) {
            (Self::Count, _) => format!("sum by (indicator) ({values})"),
            // Time past a day grows, so that its most is the least that is left.
            (Self::Left, Worst::Least) => format!("min by (indicator) ({values}) / {DAY}"),
            (Self::Left, _) => format!("-max by (indicator) ({values}) / {DAY}"),
            (_, Worst::Least) => format!("min by (indicator) ({values})"),
            (_, Worst::Most) => format!("max by (indicator) ({values})"),
            (_, Worst::Magnitude) => format!("max by (indicator) (abs({values}))"),
        }
    }
}

/// Which of several values is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worst {
    Most,
    Least,
    Magnitude,
}

impl Worst {
    fn of(indicator: &Indicator) -> Self {
        match indicator.direction {
            Direction::Higher => Self::Most,
            Direction::Lower | Direction::TwoSided => Self::Least,
            Direction::Abs => Self::Magnitude,
        }
    }
}

/// The series of some indicators in one vector, told apart by the label `indicator`.
pub fn labelled_values(indicators: &[&Indicator]) -> String {
    let names = joined(indicators, "aims_");
    let selected = selector("", &format!("__name__=~\"{names}\""), At::Step);
    format!(r#"label_replace({selected}, "indicator", "$1", "__name__", "aims_(.+)")"#)
}

/// The series of one indicator. Distances in the feature's own unit are left out: they compare with nothing, and no rule judges them.
pub fn values(indicator: &Indicator, at: At) -> String {
    let only = if indicator.columns().labels().iter().any(|label| label == "unit") { r#"unit!="raw""# } else { "" };
    selector(&format!("aims_{}", indicator.id), only, at)
}

/// For each of the indicators its worst values, one row for each combination of the labels; the label `column` holds the indicator. `keys` are
/// new labels, each made of those that it joins. Spans of time are in days. With samples, the column [`SAMPLES`] has the smallest size behind a row.
pub fn matrix(indicators: &[&Indicator], keys: &[(&str, &[&str])], with_samples: bool) -> String {
    let by: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    let placed = |vector: String| keys.iter().fold(vector, |vector, (name, labels)| join_labels(&vector, name, labels));
    let parts = indicators.iter().map(|indicator| {
        let joined = placed(values(indicator, At::Step));
        let by = by.join(", ");
        let of = |aggregate: &str| format!("{aggregate} by ({by}) ({joined}){}", in_days(indicator));
        let bounded = match (Measure::of(indicator), Worst::of(indicator)) {
            (Measure::Count, _) => format!("topk({ROWS}, {})", of("sum")),
            (_, Worst::Most) => format!("topk({ROWS}, {})", of("max")),
            (_, Worst::Least) => format!("bottomk({ROWS}, {})", of("min")),
            // The larger magnitude with its sign.
            (_, Worst::Magnitude) => format!("(({max} >= -{min} or {min}) and topk({ROWS}, max by ({by}) (abs({joined}))))", max = of("max"), min = of("min")),
        };
        constant(&bounded, "column", indicator.id.as_str())
    });
    let samples = with_samples.then(|| {
        let sizes = selector("aims_indicator_samples", &format!("indicator=~\"{}\"", joined(indicators, "")), At::Step);
        constant(&format!("bottomk({ROWS}, min by ({}) ({}))", by.join(", "), placed(sizes)), "column", SAMPLES)
    });
    parts.chain(samples).collect::<Vec<_>>().join("\nor ")
}

/// The column of sample sizes.
pub const SAMPLES: &str = "samples";

fn in_days(indicator: &Indicator) -> String {
    if Measure::of(indicator).is_time() { format!(" / {DAY}") } else { String::new() }
}

fn join_labels(vector: &str, name: &str, labels: &[&str]) -> String {
    if labels == [name] {
        return vector.to_owned();
    }
    let labels: Vec<_> = labels.iter().map(|label| format!("\"{label}\"")).collect();
    format!("label_join({vector}, \"{name}\", \" \", {})", labels.join(", "))
}

/// The worst series of an indicator at the end of the range, over all of it.
pub fn worst_over_time(indicator: &Indicator, count: usize) -> String {
    let last = values(indicator, At::End);
    let worst = match Worst::of(indicator) {
        Worst::Most => format!("topk({count}, {last})"),
        Worst::Least => format!("bottomk({count}, {last})"),
        Worst::Magnitude => format!("topk({count}, abs({last}))"),
    };
    format!("{} and {worst}", values(indicator, At::Step))
}

/// The readings that are not fine: at most [`ROWS`] in breach or with a warning, with their values (spans of time in days), breaches first; and at
/// most as many unknown ones, which have none.
pub fn troubled_values(indicators: &[&Indicator]) -> String {
    let (times, others): (Vec<_>, Vec<_>) = indicators.iter().copied().partition(|indicator| Measure::of(indicator).is_time());
    let mut values = labelled_values(&others);
    if !times.is_empty() {
        values = format!("({values} or {} / {DAY})", labelled_values(&times));
    }
    let in_state = |state| states(&[], Some(state), At::Step);
    let judged = format!("topk({ROWS}, 2 * {} or {})", in_state(State::Breach), in_state(State::Warning));
    format!("{judged} * 0 + ignoring (state) group_left () {values}\nor\ntopk({ROWS}, {}) * NaN", in_state(State::Unknown))
}

/// Adds a label with the same value everywhere. Names of groups and ids hold nothing that PromQL or Grafana would read as a reference.
pub fn constant(vector: &str, label: &str, value: &str) -> String {
    format!("label_replace({vector}, \"{label}\", \"{value}\", \"\", \"\")")
}

fn joined(indicators: &[&Indicator], prefix: &str) -> String {
    indicators.iter().map(|indicator| format!("{prefix}{}", indicator.id)).collect::<Vec<_>>().join("|")
}
