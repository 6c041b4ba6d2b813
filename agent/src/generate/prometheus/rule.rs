//! Rules and rule tests, and how they are written as YAML.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::template::{Sample, Template};

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A requirement is not met, or nothing can be said any more.
    Critical,
    /// Somebody should look at it in working hours.
    Warning,
}

/// An alerting rule.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// Labels that every alert of this rule has, besides the severity.
    pub labels: Vec<(&'static str, String)>,
    /// PromQL.
    pub expression: String,
    /// How long the expression must give a series before it is an alert. `None`: at once.
    pub hold: Option<&'static str>,
    /// How long the alert stays after the expression gives the series no more. `None`: not at all.
    pub keep: Option<&'static str>,
    /// One line.
    pub summary: Template,
    /// What is wrong and how bad it is.
    pub description: Template,
    /// The address of its runbook.
    pub runbook: String,
}

/// A recording rule.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The name of the series that it makes.
    pub record: String,
    /// Labels that it adds.
    pub labels: Vec<(&'static str, String)>,
    /// PromQL.
    pub expression: String,
}

/// A file of rules and the tests of these rules.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    /// The files' stem, also the group's name.
    pub name: String,
    /// What is in it, one line each.
    pub about: Vec<String>,
    /// What is computed first, in this order.
    pub recordings: Vec<Recording>,
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// The tests of both.
    pub cases: Vec<Case>,
}

/// A rule test: series in, alerts and values out.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Series with their values, a value each minute.
    pub series: Vec<Series>,
    /// Which alerts there are when.
    pub checks: Vec<Check>,
    /// What queries answer.
    pub probes: Vec<Probe>,
}

/// A series of a rule test.
#[derive(Debug, Clone)]
pub struct Series {
    /// Name and labels.
    pub series: String,
    /// Values in promtool's notation.
    pub values: String,
}

/// The alerts of one name that are expected at a moment; all of them.
#[derive(Debug, Clone)]
pub struct Check {
    /// The moment.
    pub at: &'static str,
    /// The alert's name.
    pub alert: String,
    /// Every alert that fires.
    pub expected: Vec<Expected>,
}

/// An alert that fires.
#[derive(Debug, Clone)]
pub struct Expected {
    /// All labels but the name.
    pub labels: BTreeMap<String, String>,
    summary: String,
    description: String,
    runbook: String,
}

/// The answer that a query is to have.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The moment.
    pub at: &'static str,
    /// PromQL.
    pub promql: String,
    /// Series and values.
    pub samples: Vec<(String, f64)>,
}

impl Severity {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl Alert {
    /// The labels that the rule itself adds.
    pub fn own_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        [("severity", self.severity.as_str())].into_iter().chain(self.labels.iter().map(|(name, value)| (*name, value.as_str())))
    }

    /// The alert that fires for this series.
    pub fn expected(&self, sample: &Sample) -> Expected {
        let mut labels = sample.labels.clone();
        labels.extend(self.own_labels().map(|(name, value)| (name.to_owned(), value.to_owned())));
        let runbook = self.runbook.clone();
        Expected { labels, summary: self.summary.expand(sample), description: self.description.expand(sample), runbook }
    }

    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "      - alert: {}\n        expr: |-\n{}", self.name, indented(&self.expression, 10));
        for (key, span) in [("for", self.hold), ("keep_firing_for", self.keep)] {
            span.iter().for_each(|span| _ = writeln!(out, "        {key}: {span}"));
        }
        out.push_str("        labels:\n");
        self.own_labels().for_each(|(name, value)| _ = writeln!(out, "          {name}: {}", scalar(value, 12)));
        let texts = [("summary", self.summary.source()), ("description", self.description.source()), ("runbook_url", self.runbook.clone())];
        out.push_str("        annotations:\n");
        texts.iter().for_each(|(name, text)| _ = writeln!(out, "          {name}: {}", scalar(text, 12)));
    }
}

impl Recording {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "      - record: {}\n        expr: |-\n{}", self.record, indented(&self.expression, 10));
        if !self.labels.is_empty() {
            out.push_str("        labels:\n");
            self.labels.iter().for_each(|(name, value)| _ = writeln!(out, "          {name}: {}", scalar(value, 12)));
        }
    }
}

impl RuleFile {
    /// The rules.
    pub fn rules(&self) -> String {
        let mut out = self.head();
        // Countdown rules read what they recorded a minute ago, so the interval is not left to the server.
        let _ = writeln!(out, "groups:\n  - name: clause9-{}\n    interval: 1m\n    rules:", self.name);
        self.recordings.iter().for_each(|rule| rule.write(&mut out));
        self.alerts.iter().for_each(|rule| rule.write(&mut out));
        out
    }

    /// Their tests, for `promtool test rules`.
    pub fn tests(&self) -> String {
        let mut out = self.head();
        let _ = writeln!(out, "rule_files: [{}.rules.yml]\nevaluation_interval: 1m\n\ntests:", self.name);
        self.cases.iter().for_each(|case| case.write(&mut out));
        out
    }

    fn head(&self) -> String {
        let about: String = self.about.iter().map(|line| format!("# {line}\n").replace("# \n", "#\n")).collect();
        format!("# {}: change the catalogue, not this file.\n#\n{about}\n", crate::generate::MARK)
    }
}

impl Case {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "  - name: {}\n    interval: 1m\n    input_series:", scalar(&self.name, 6));
        for Series { series, values } in &self.series {
            let _ = writeln!(out, "      - series: {}\n        values: {}", scalar(series, 10), scalar(values, 10));
        }
        if !self.checks.is_empty() {
            out.push_str("    alert_rule_test:\n");
        }
        self.checks.iter().for_each(|check| check.write(out));
        if !self.probes.is_empty() {
            out.push_str("    promql_expr_test:\n");
        }
        self.probes.iter().for_each(|probe| probe.write(out));
    }
}

impl Check {
    fn write(&self, out: &mut String) {
        let none = if self.expected.is_empty() { " []" } else { "" };
        let _ = writeln!(out, "      - eval_time: {}\n        alertname: {}\n        exp_alerts:{none}", self.at, self.alert);
        for expected in &self.expected {
            out.push_str("          - exp_labels:\n");
            expected.labels.iter().for_each(|(name, value)| _ = writeln!(out, "              {name}: {}", scalar(value, 16)));
            out.push_str("            exp_annotations:\n");
            for (name, text) in [("summary", &expected.summary), ("description", &expected.description), ("runbook_url", &expected.runbook)] {
                let _ = writeln!(out, "              {name}: {}", scalar(text, 16));
            }
        }
    }
}

impl Probe {
    fn write(&self, out: &mut String) {
        let none = if self.samples.is_empty() { " []" } else { "" };
        let _ = writeln!(out, "      - expr: {}\n        eval_time: {}\n        exp_samples:{none}", scalar(&self.promql, 10), self.at);
        for (labels, value) in &self.samples {
            let _ = writeln!(out, "          - {{ labels: {}, value: {value} }}", scalar(labels, 12));
        }
    }
}

impl Series {
    /// A series of these labels, with a value each minute from the first one on.
    pub fn new<'l>(name: &str, labels: impl IntoIterator<Item = (&'l str, &'l str)>, values: impl Into<String>) -> Self {
        Self { series: selector(name, labels), values: values.into() }
    }
}

/// `name{a="b"}`. Empty values are left out: to Prometheus they are no labels.
pub fn selector<'l>(name: &str, labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> String {
    let labels: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(", "))
}

/// A text as a YAML value: in single quotes, or as a block where it has several lines.
fn scalar(text: &str, indent: usize) -> String {
    if text.contains('\n') { format!("|-\n{}", indented(text, indent)) } else { format!("'{}'", text.replace('\'', "''")) }
}

fn indented(text: &str, indent: usize) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("{:indent$}{line}", "")).collect();
    lines.join("\n")
}

/// A text in one line, as people wrote it otherwise: safe in a block of YAML.
pub fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}
