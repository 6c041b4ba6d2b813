//! The alerts of indicators: one for breaches and one for warnings, of the same name. They alert on the agent's own verdict and show its reading.
//!
//! An expression joins three things. The reading gives the value and the labels; its state, which has the same labels and two more, says whether
//! it is in breach; and the risk tier comes from the system's info series, where there is one. Readings of no system, or of one that the
//! inventory doesn't know, are alerted on all the same, without a tier.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    rule::{Alert, Case, Check, RuleFile, Series, Severity, one_line},
    template::{Answers, Format, Sample, Template},
};
use crate::{
    generate::Settings,
    indicator::{Catalogue, Indicator, Reads},
    threshold::{Level, RuleSet, State},
};

/// Two evaluations of what comes from samples: one odd window is no alarm. Gates and legal deadlines don't wait.
const STATISTICAL_HOLD: &str = "10m";

/// A restart of the agent does not resolve an alert and raise it again.
const KEEP: &str = "5m";

/// Labels in which several agents that watch the same differ, and one agent after a move.
const REPLICA: [&str; 2] = ["instance", "pod"];

/// The rules of every indicator, one file for each file of the catalogue.
pub fn files(catalogue: &Catalogue, settings: &Settings) -> Vec<RuleFile> {
    let mut files: BTreeMap<String, RuleFile> = BTreeMap::new();
    for indicator in catalogue.iter().filter(|indicator| !indicator.rules.is_empty()) {
        let name = format!("indicators-{}", family(indicator));
        let file = files.entry(name.clone()).or_insert_with(|| RuleFile { name, about: about(), ..RuleFile::default() });
        let alerts: Vec<_> = levels(indicator).map(|level| alert(indicator, level, settings)).collect();
        file.cases.extend(cases(indicator, &alerts));
        file.alerts.extend(alerts);
    }
    files.into_values().collect()
}

fn about() -> Vec<String> {
    let lines = [
        "An alert fires while the agent's verdict on a reading is breach (severity critical) or warning; its value is the reading.",
        "Limits are not repeated here: they are the agent's, and the description shows those that are in force.",
        "The label risk_tier is that of the system, to route by. The link runbook_url is set by `runbook_url` in the configuration, or with",
        "`clause9 generate rules --runbook-base URL`. `--rules-for older` leaves out keep_firing_for, which older servers refuse.",
        "A reading that becomes unknown ends its alert; Clause9BreachUnknown in agent.rules.yml then says so.",
    ];
    lines.map(str::to_owned).to_vec()
}

/// The name of the catalogue file that declares it, as a part of a file name.
fn family(indicator: &Indicator) -> String {
    let stem = indicator.file.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    if name.is_empty() { "other".to_owned() } else { name }
}

/// The levels that it has limits for, the worst first.
fn levels(indicator: &Indicator) -> impl Iterator<Item = Level> {
    [Level::Breach, Level::Warning].into_iter().filter(|level| indicator.rules.iter().any(|rule| rule.level == *level))
}

/// `drift_psi` becomes `DriftPsi`.
pub fn alert_name(id: &str) -> String {
    let capitalised = |word: &str| word.get(..1).map(|first| first.to_ascii_uppercase() + &word[1..]).unwrap_or_default();
    id.split('_').map(capitalised).collect()
}

fn alert(indicator: &Indicator, level: Level, settings: &Settings) -> Alert {
    let id = indicator.id.as_str();
    let severity = if level == Level::Breach { Severity::Critical } else { Severity::Warning };
    let clause = indicator.references.clause.join(" ");
    let labels = [("indicator", id.to_owned()), ("clause", clause)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Alert {
        name: alert_name(id),
        severity,
        labels,
        expression: expression(indicator, level),
        hold: is_statistical(indicator).then_some(STATISTICAL_HOLD),
        keep: settings.keeps_firing.then_some(KEEP),
        summary: Template::default().text(&format!("{}: {level}", one_line(&indicator.title))).label(", ", "system"),
        description: description(indicator, level),
        runbook: settings.runbook(id),
    }
}

/// Whether its value is computed from samples, so that chance moves it. Ages of measurements only grow.
fn is_statistical(indicator: &Indicator) -> bool {
    let measured = |reads: &Reads| !reads.is_optional() && reads.feed().is_some_and(|feed| feed.table() == "measurements");
    indicator.reads.iter().any(measured) && !indicator.is_clock()
}

fn has_label(indicator: &Indicator, name: &str) -> bool {
    indicator.columns().labels().iter().any(|label| label == name)
}

/// Whether the rule adds a label of this name itself. `job`, `instance` and `indicator` can't be labels of readings.
fn is_taken(indicator: &Indicator, label: &str) -> bool {
    ["severity", "alertname"].contains(&label) || label == "clause" && !indicator.references.clause.is_empty()
}

/// The label under which alerts have this label of the readings.
fn renamed(indicator: &Indicator, label: &str) -> String {
    if !is_taken(indicator, label) {
        return label.to_owned();
    }
    let mut name = format!("reading_{label}");
    while has_label(indicator, &name) {
        name.insert_str(0, "reading_");
    }
    name
}

/// Whether the tier is looked up: the readings belong to systems, and don't say their tier themselves.
fn joins_tier(indicator: &Indicator) -> bool {
    has_label(indicator, "system") && !has_label(indicator, "risk_tier")
}

fn expression(indicator: &Indicator, level: Level) -> String {
    let id = &indicator.id;
    let replica: Vec<_> = REPLICA.into_iter().filter(|label| !has_label(indicator, label)).collect();
    let reading = format!(
        "max without ({}) (aims_{id} and ignoring (indicator, state) aims_indicator_state{{indicator=\"{id}\", state=\"{level}\"}})",
        replica.join(", ")
    );
    let taken = indicator.columns().labels().iter().filter(|label| is_taken(indicator, label));
    let reading = taken.fold(reading, |expression, label| {
        let name = renamed(indicator, label);
        format!("label_replace({expression}, \"{name}\", \"$1\", \"{label}\", \"(.*)\")")
    });
    if joins_tier(indicator) { with_tier(&reading) } else { reading }
}

/// The readings with the tier of their systems, and those of which no tier is known as they are. One info series for each system is enough,
/// and more than one would fail the rule while two agents differ.
fn with_tier(reading: &str) -> String {
    format!(
        "{reading}\n* on (job, system) group_left (risk_tier)\ntopk by (job, system) (1, group by (job, system, risk_tier) (aims_system_info))\n\
         or ignoring (risk_tier)\n{reading}"
    )
}

fn description(indicator: &Indicator, level: Level) -> Template {
    let mut text = Template::default().text("Reading: ");
    text = if indicator.unit == "seconds" { text.value(Format::Span) } else { text.value(Format::Number).text(&format!(" ({})", one_line(&indicator.unit))) };
    for label in indicator.columns().labels() {
        text = text.label(&format!(", {label}="), &renamed(indicator, label));
    }
    text = text.text(&format!(".\nLimits of a {level}: ")).answers(limits(indicator, level));
    text = text.text(&format!(".\nMeaning: {}", one_line(&indicator.about)));
    indicator.steps.first().map_or(text.clone(), |step| text.text(&format!("\nFirst step: {}", one_line(step))))
}

/// The limits in force as the agent exposes them; those of the catalogue where rules compare with facts, which have no fixed number.
fn limits(indicator: &Indicator, level: Level) -> Answers {
    let rules = RuleSet::resolve(&indicator.rules, &[]);
    let prefix = format!("{level}: ");
    let texts: Vec<_> = (0..rules.len()).filter_map(|rule| rules.text(rule).strip_prefix(&prefix).map(str::to_owned)).collect();
    Answers {
        promql: format!("group by (rule) (aims_indicator_threshold{{indicator=\"{}\", level=\"{level}\", job=%q}})", indicator.id),
        arguments: vec!["job".to_owned()],
        label: "rule".to_owned(),
        otherwise: texts.join("; "),
    }
}

/// One test for each state that the indicator's readings can have: breach and warning fire their own alert and not the other one, ok fires none.
fn cases(indicator: &Indicator, alerts: &[Alert]) -> Vec<Case> {
    let mut cases: Vec<_> = levels(indicator).zip(alerts).map(|(level, alert)| firing(indicator, level, alert)).collect();
    cases.extend(alerts.first().map(|alert| {
        let labels = reading(indicator, State::Ok);
        let series = vec![Instance::A.value(indicator, &labels), Instance::A.state(indicator, &labels, State::Ok)];
        let checks = vec![Check { at: "15m", alert: alert.name.clone(), expected: Vec::new() }];
        Case { name: format!("{}: ok", indicator.id), series, checks, probes: Vec::new() }
    }));
    cases
}

/// A reading at a level. Two agents see it, which makes one alert; where the tier is joined, a reading of no system stands beside it. After
/// 20 minutes there is no reading any more.
fn firing(indicator: &Indicator, level: Level, alert: &Alert) -> Case {
    let first = reading(indicator, level.into());
    let second = joins_tier(indicator).then(|| first.of_no_system());
    let mut series: Vec<_> = first.tier_series().into_iter().collect();
    for (instance, reading) in [(Instance::A, Some(&first)), (Instance::B, Some(&first)), (Instance::A, second.as_ref())] {
        series.extend(reading.into_iter().flat_map(|reading| [instance.value(indicator, reading), instance.state(indicator, reading, level.into())]));
    }
    let thresholds = RuleSet::resolve(&indicator.rules, &[]).thresholds();
    let answers: BTreeSet<_> = thresholds.iter().filter(|threshold| threshold.level == level).map(|threshold| threshold.rule.clone()).collect();
    series.extend(answers.iter().map(|rule| threshold(indicator, level, rule)));
    let sample = |reading: &Reading| Sample { labels: reading.expected(indicator), value: reading.value, answers: answers.iter().cloned().collect() };
    let expected = [Some(&first), second.as_ref()].into_iter().flatten().map(|reading| alert.expected(&sample(reading))).collect();
    let check = |at, expected| Check { at, alert: alert.name.clone(), expected };
    let early = alert.hold.map(|_| check("5m", Vec::new()));
    let checks = early.into_iter().chain([check("15m", expected), check("30m", Vec::new())]).collect();
    Case { name: format!("{}: {level}", indicator.id), series, checks, probes: Vec::new() }
}

fn threshold(indicator: &Indicator, level: Level, rule: &str) -> Series {
    let labels = [("indicator", indicator.id.as_str()), ("level", level.as_str()), ("rule", rule), ("job", JOB), ("instance", Instance::A.as_str())];
    Series::new("aims_indicator_threshold", labels, "1x30")
}

/// The scrape job of the tests.
pub const JOB: &str = "clause9";

/// One of two agents that watch the same.
#[derive(Clone, Copy)]
enum Instance {
    A,
    B,
}

/// A reading of a test.
#[derive(Clone)]
struct Reading {
    labels: BTreeMap<String, String>,
    value: f64,
    tier: Option<&'static str>,
}

/// One of the catalogue's own examples in this state; where there is none, something of the right shape.
fn reading(indicator: &Indicator, state: State) -> Reading {
    let examples = indicator.examples().iter().flat_map(|example| &example.readings);
    let is_wanted = |row: &&serde_json::Map<String, serde_json::Value>| {
        let found = row.get("state").and_then(serde_json::Value::as_str);
        found == Some(state.as_str()) && row.get("value").is_some_and(serde_json::Value::is_number)
    };
    let row = examples.clone().find(is_wanted);
    let value = row.and_then(|row| row["value"].as_f64()).unwrap_or(1.0);
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown = |label: &String| match row {
        Some(row) => row.get(label).filter(|value| !value.is_null()).map(text),
        None => Some(format!("some-{label}")),
    };
    let labels = indicator.columns().labels().iter();
    let mut labels: BTreeMap<_, _> = labels.filter_map(|label| Some((label.clone(), shown(label)?))).collect();
    if joins_tier(indicator) {
        labels.entry("system".to_owned()).or_insert_with(|| "some-system".to_owned());
    }
    Reading { labels, value, tier: joins_tier(indicator).then_some("high") }
}

impl Reading {
    fn of_no_system(&self) -> Self {
        let labels = self.labels.clone().into_iter().filter(|(label, _)| label != "system").collect();
        Self { labels, tier: None, ..*self }
    }

    /// The info series that gives the tier; none where the readings have it themselves.
    fn tier_series(&self) -> Option<Series> {
        let labels = [("system", self.labels.get("system")?.as_str()), ("risk_tier", self.tier?), ("job", JOB), ("instance", Instance::A.as_str())];
        Some(Series::new("aims_system_info", labels, "1x30"))
    }

    /// The labels that the expression gives.
    fn expected(&self, indicator: &Indicator) -> BTreeMap<String, String> {
        let own = self.labels.iter().map(|(label, value)| (renamed(indicator, label), value.clone()));
        let tier = self.tier.map(|tier| ("risk_tier".to_owned(), tier.to_owned()));
        own.chain(tier).chain([("job".to_owned(), JOB.to_owned())]).collect()
    }
}

impl Instance {
    fn as_str(self) -> &'static str {
        match self {
            Self::A => "a:9420",
            Self::B => "b:9420",
        }
    }

    fn value(self, indicator: &Indicator, reading: &Reading) -> Series {
        let labels = self.labels(reading);
        Series::new(&format!("aims_{}", indicator.id), labels, format!("{}x20 stale", reading.value))
    }

    fn state(self, indicator: &Indicator, reading: &Reading, state: State) -> Series {
        let own = [("indicator", indicator.id.as_str()), ("state", state.as_str())];
        Series::new("aims_indicator_state", own.into_iter().chain(self.labels(reading)), "1x20 stale")
    }

    fn labels(self, reading: &Reading) -> impl Iterator<Item = (&str, &str)> {
        let own = reading.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
        own.chain([("job", JOB), ("instance", self.as_str())])
    }
}
