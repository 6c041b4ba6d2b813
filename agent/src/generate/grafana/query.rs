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

/// The moment at which a selector is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Each step of the query.
    Step,
    /// The end of the range, so that what is drawn does not change from step to step.
    End,
    /// The end of the range too, with the last sample that each series has in it: also when nothing was scraped at the end.
    Latest,
    /// When an agent that is gone was last scraped ([`LAST_SEEN`]).
    LastSeen,
}

/// The variable that holds when an agent that is gone was last scraped, in epoch seconds; while none is gone, the moment itself.
pub const LAST_SEEN: &str = "last_seen";

impl At {
    fn of(self, selector: &str) -> String {
        match self {
            Self::Step => selector.to_owned(),
            Self::End => format!("{selector} @ end()"),
            Self::Latest => format!("last_over_time({selector}[$__range] @ end())"),
            Self::LastSeen => format!("{selector} @ ${LAST_SEEN}"),
        }
    }
}

/// Selects series of the systems that the dashboard's variables admit. What belongs to no system is selected while no system is chosen: it is the
/// organisation's own. `$excluded` holds the systems of other tiers and roles, so that a query over time needs no join at every step.
pub fn selector(metric: &str, matchers: &str, at: At) -> String {
    let more = if matchers.is_empty() { String::new() } else { format!("{matchers}, ") };
    at.of(&format!(r#"{metric}{{{more}system=~"$system", system!~"$excluded"}}"#))
}

/// What was counted, and 0 where nothing was counted though there is something behind it that could have been. Without that, no data stays no data:
/// a plain `vector(0)` would say that all is well of an agent that is gone.
pub fn or_zero(counted: &str, behind: &str) -> String {
    format!("{counted} or 0 * count({behind})")
}

/// A course of few points over a long range, the last of which is what holds at the end of the range. Grafana asks at whole multiples of its step,
/// the last of which may be a day ago: of the first day there would be nothing to see, and never anything of today. The vector has no `@` of its own
/// and no values below zero.
pub fn course(vector: &str) -> String {
    // At the last step, or at all others. Numbers that are divided by zero are infinite or none, and left out.
    let at_steps = |vector: &str, end: &str| format!("{vector} / (time() * 1000 + $__interval_ms {end} bool $__to) < Inf");
    // A subquery of one step, since `@` can't stand behind any other expression; Grafana tells the end in milliseconds.
    let at_end = format!("last_over_time(({vector})[1s:1s] @ ${{__to}}e-3)");
    format!("{}\nor {}", at_steps(&format!("({vector})"), "<="), at_steps(&at_end, ">"))
}

/// What is chosen at the end of the range; where nothing was scraped just then, what is chosen by the last samples in the range. A gap in the
/// scraping, or an agent that is gone, then leaves the picture of what was before. `chosen` and what it chooses `among`, at a moment.
fn at_the_end(chosen: impl Fn(At) -> String, among: impl Fn(At) -> String) -> String {
    format!("({}\nor {} unless on () group({}))", chosen(At::End), chosen(At::Latest), among(At::End))
}

/// The selected systems, one series each, with the value 1.
pub fn systems(at: At) -> String {
    format!("group by (system) ({})", selector("aims_system_info", "", at))
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
    let all = states(&[], None, At::Step);
    let counted = |state| or_zero(&format!("count({})", states(&[], Some(state), At::Step)), &all);
    State::WORST_FIRST.map(|state| constant(&counted(state), "state", state.as_str())).join("\nor ")
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
    let worst = |state: State| format!("{} * max by ({label}) ({})", state.badness(), states(&[], Some(state), At::Step));
    format!("{}\nor 0 * {fine}", TROUBLE.map(worst).join("\nor "))
}

/// States that are not fine, the worst first.
const TROUBLE: [State; 3] = [State::Breach, State::Unknown, State::Warning];

/// The worst systems: those with the most breaches, then those with the most unknown readings, then those with the most warnings.
pub fn worst_systems(count: usize, at: At) -> String {
    let weight = |state| match state {
        State::Breach => "1000000 * ",
        State::Unknown => "1000 * ",
        State::Warning | State::Ok => "",
    };
    let weighed = TROUBLE.map(|state| format!("{}{}", weight(state), states(&[], Some(state), at)));
    format!("topk({count}, sum by (system) ({}) or 0 * {})", weighed.join(" or "), systems(at))
}

/// The worst systems of the end of the range, over all of it.
pub fn worst_systems_over_time(count: usize) -> String {
    at_the_end(|at| worst_systems(count, at), systems)
}

/// Readings by state for each group of indicators; the label `group` holds its name.
pub fn states_by_group(groups: &[(String, Vec<&Indicator>)]) -> String {
    let parts = groups.iter().map(|(name, indicators)| {
        let counted = format!("count by (state) ({})", states(indicators, None, At::Step));
        let zeros = State::ALL.map(|state| constant(&format!("0 * count({})", evaluated(indicators)), "state", state.as_str()));
        constant(&format!("{counted} or {}", zeros.join(" or ")), "group", name)
    });
    parts.collect::<Vec<_>>().join("\nor ")
}

/// Readings in breach over time for each group.
pub fn breaches_by_group(groups: &[(String, Vec<&Indicator>)]) -> String {
    let parts = groups.iter().map(|(name, indicators)| {
        let counted = format!("count({})", states(indicators, Some(State::Breach), At::Step));
        constant(&or_zero(&counted, &evaluated(indicators)), "group", name)
    });
    parts.collect::<Vec<_>>().join("\nor ")
}

/// One series for each of these indicators that an agent evaluates: few, so that they may be looked at for each point of a long range.
fn evaluated(indicators: &[&Indicator]) -> String {
    format!("aims_indicator_last_evaluated_timestamp_seconds{{indicator=~\"{}\"}}", joined(indicators, ""))
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
/// new labels, each made of those that it joins. Spans of time are in days. The column [`STATE`] has the worst state of a row as a number. With
/// samples, the column [`SAMPLES`] has the smallest size behind a row.
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
    let in_state = |state: State| format!("{} * {}", state.badness(), states(indicators, Some(state), At::Step));
    let worst = placed(format!("({})", State::WORST_FIRST.map(in_state).join(" or ")));
    let worst = constant(&format!("topk({ROWS}, max by ({}) ({worst}))", by.join(", ")), "column", STATE);
    let samples = with_samples.then(|| {
        let sizes = selector("aims_indicator_samples", &format!("indicator=~\"{}\"", joined(indicators, "")), At::Step);
        constant(&format!("bottomk({ROWS}, min by ({}) ({}))", by.join(", "), placed(sizes)), "column", SAMPLES)
    });
    parts.chain([worst]).chain(samples).collect::<Vec<_>>().join("\nor ")
}

/// The column of a row's worst state.
pub const STATE: &str = "worst_state";

/// The column of sample sizes.
pub const SAMPLES: &str = "samples";

fn in_days(indicator: &Indicator) -> String {
    if Measure::of(indicator).is_time() { format!(" / {DAY}") } else { String::new() }
}

fn join_labels(vector: &str, name: &str, labels: &[&str]) -> String {
    if labels == [name] {
        return vector.to_owned();
    }
    let quoted: Vec<_> = labels.iter().map(|label| format!("\"{label}\"")).collect();
    let joined = format!("label_join({vector}, \"{name}\", \" \", {})", quoted.join(", "));
    if labels.contains(&"feature") && labels.contains(&"role") { without_echo(&joined, name) } else { joined }
}

/// A prediction or target that is called what it is: `prediction prediction` becomes `prediction`.
fn without_echo(vector: &str, name: &str) -> String {
    format!(r#"label_replace({vector}, "{name}", "$1$2", "{name}", "prediction (prediction(?: .*)?)|target (target(?: .*)?)")"#)
}

/// The worst series of an indicator at the end of the range, over all of it.
pub fn worst_over_time(indicator: &Indicator, count: usize) -> String {
    let worst = |at| {
        let last = values(indicator, at);
        match Worst::of(indicator) {
            Worst::Most => format!("topk({count}, {last})"),
            Worst::Least => format!("bottomk({count}, {last})"),
            Worst::Magnitude => format!("topk({count}, abs({last}))"),
        }
    };
    format!("{} and {}", values(indicator, At::Step), at_the_end(worst, |at| values(indicator, at)))
}

/// The readings that are not fine: at most [`ROWS`] in breach or with a warning, breaches first, and at most as many unknown ones. The label `where`
/// joins `within`, `rule` has the limit, and `column` is `value` (spans of time in days; unknown readings have none) or `since`: the first moment
/// of the range at which the reading was in this state, in milliseconds, where that is not the range's own beginning.
pub fn troubled(indicators: &[&Indicator], within: &[String]) -> String {
    let (times, others): (Vec<_>, Vec<_>) = indicators.iter().copied().partition(|indicator| Measure::of(indicator).is_time());
    let mut values = labelled_values(&others);
    if !times.is_empty() {
        values = format!("({values} or {} / {DAY})", labelled_values(&times));
    }
    let in_state = |state| states(&[], Some(state), At::Step);
    let judged = format!("topk({ROWS}, 2 * {} or {})", in_state(State::Breach), in_state(State::Warning));
    let unknown = format!("topk({ROWS}, {})", in_state(State::Unknown));
    let valued = format!("{judged} * 0 + ignoring (state) group_left () {values}\nor\n{unknown} * NaN");
    let seen = format!("min_over_time(timestamp({})[$__range:$__interval])", selector(STATES, r#"state!="ok""#, At::Step));
    let since = format!("({seen} and ({judged} or {unknown}) > time() - 0.97 * $__range_s) * 1000");
    let quoted: String = within.iter().map(|label| format!(", \"{label}\"")).collect();
    let row = |aggregate: &str, vector: &str| format!("{aggregate} by (state, system, indicator, where) (label_join({vector}, \"where\", \" \"{quoted}))");
    let columns = [constant(&row("max", &valued), "column", "value"), constant(&row("min", &since), "column", "since")];
    with_rule(&titled_with_unit(&columns.join("\nor ")))
}

/// Adds the limit that was exceeded as the label `rule`. A state does not say which of several limits of its level it was.
fn with_rule(vector: &str) -> String {
    const RULES: &str = "group by (indicator, level, rule) (aims_indicator_threshold)";
    let only = format!(r#"label_replace({RULES} and on (indicator, level) (count by (indicator, level) ({RULES}) == 1), "state", "$1", "level", "(.+)")"#);
    let other = format!("group by (indicator, state) ({})", selector(STATES, r#"state!="ok""#, At::Step));
    let several = format!(r#"label_replace({other}, "rule", "one of several", "state", "breach|warning")"#);
    format!("({vector})\n* on (indicator, state) group_left (rule) ({only}\nor on (indicator, state) {several})")
}

/// Adds a label with the same value everywhere. Names of groups and ids hold nothing that PromQL or Grafana would read as a reference.
pub fn constant(vector: &str, label: &str, value: &str) -> String {
    format!("label_replace({vector}, \"{label}\", \"{value}\", \"\", \"\")")
}

fn joined(indicators: &[&Indicator], prefix: &str) -> String {
    indicators.iter().map(|indicator| format!("{prefix}{}", indicator.id)).collect::<Vec<_>>().join("|")
}
