//! Alerts on due dates that go on while the agent is down.
//!
//! A recording rule keeps the due dates: while an agent of the job is alive they are the agent's, so that what is done or withdrawn goes away at
//! once; after that they are those that it had last, for at most a week. What an indicator judges is that indicator's to tell while the agent is
//! alive, and is told by no one else: countdown alerts of such kinds wait until the agent is gone, and until the indicator's alerts have ended.

use std::collections::BTreeSet;

use super::{
    countdown_cases,
    rule::{Alert, Recording, RuleFile, Severity},
    template::{Format, Template},
};
use crate::{
    generate::Settings,
    indicator::{Catalogue, Indicator, Reads},
    threshold::{Level, Operand},
};

/// Longer than a restart of the agent takes, and than its own alerts are kept.
pub const HOLD: &str = "15m";

/// The page of the runbook for what no indicator judges.
pub const PAGE: &str = "clause9-countdown";

const DAY: u32 = 86_400;

/// Due dates that the agent exposes, one series for each next open occasion.
pub struct Family {
    /// The metric.
    pub metric: &'static str,
    /// The middle of the alerts' names.
    pub name: &'static str,
    /// What has the date.
    pub what: &'static str,
    /// The table of the records, as indicators read it.
    table: &'static str,
    /// All series are of this kind; `None`: the label `kind` says it.
    pub kind: Option<&'static str>,
    /// How long before the day it is due soon, in days, where no indicator has a limit for it.
    days: u32,
    /// Labels beside `system` and `kind`: as the agent has them, and as alerts have them.
    pub labels: &'static [(&'static str, &'static str)],
}

/// The families.
pub const FAMILIES: [Family; 3] = [
    Family {
        metric: "aims_review_due_timestamp_seconds",
        name: "Review",
        what: "review, audit, assessment, test or training",
        table: "reviews",
        kind: None,
        days: 30,
        labels: &[("scope", "scope")],
    },
    Family { metric: "aims_case_due_timestamp_seconds", name: "Case", what: "action, risk or other case", table: "cases", kind: None, days: 7, labels: &[] },
    Family {
        metric: "aims_incident_notification_due_timestamp_seconds",
        name: "IncidentNotification",
        what: "notice of an incident to an authority",
        table: "cases",
        kind: Some("incident"),
        days: 2,
        labels: &[("severity", "reading_severity")],
    },
];

/// Which of the two alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The day is near.
    DueSoon,
    /// The day is over.
    Overdue,
}

/// A pair of due date and alert: what of a family it is for, and who else tells.
pub struct Countdown<'c> {
    /// The family.
    pub family: &'static Family,
    /// The kind; `None`: all those that have no alert of their own.
    pub kind: Option<&'static str>,
    /// Kinds that have their own alert, and are not meant here.
    others: Vec<&'static str>,
    /// Soon or over.
    pub when: When,
    /// The indicator that tells it while the agent is alive.
    pub told_by: Option<&'c Indicator>,
    /// The indicator whose runbook helps.
    about: Option<&'c Indicator>,
    /// How long before the day it is due soon, in seconds.
    pub window: u32,
}

/// The rules and their tests.
pub fn file(catalogue: &Catalogue, settings: &Settings) -> RuleFile {
    let about = [
        "Alerts on due dates that go on while the agent is down.",
        "",
        "The recording rules keep the due dates: the agent's while it is alive, and those that it had last for a week after that.",
        "Kinds that an indicator judges are told by that indicator's alert while the agent is alive, and by these only when it is gone:",
        "nobody is called twice. Kinds that no indicator judges are always told here. The label indicator names the one that judges the kind.",
    ];
    let countdowns = all(catalogue);
    RuleFile {
        name: "countdown".to_owned(),
        about: about.map(str::to_owned).to_vec(),
        recordings: FAMILIES.iter().map(last_known).collect(),
        alerts: countdowns.iter().map(|countdown| countdown.alert(settings)).collect(),
        cases: countdown_cases::all(&countdowns, settings),
    }
}

/// Every countdown alert: two for each kind that an indicator reads, and two for all other kinds.
pub fn all(catalogue: &Catalogue) -> Vec<Countdown<'_>> {
    let mut all = Vec::new();
    for family in &FAMILIES {
        let own: Vec<_> = kinds(catalogue, family).into_iter().collect();
        let listed = own.iter().map(|kind| (Some(*kind), Vec::new()));
        // Where the family itself is one kind there are no others.
        let rest = family.kind.is_none().then(|| (None, own.clone()));
        for (kind, others) in listed.chain(rest) {
            all.extend([When::DueSoon, When::Overdue].map(|when| countdown(catalogue, family, kind, others.clone(), when)));
        }
    }
    all
}

fn countdown<'c>(catalogue: &'c Catalogue, family: &'static Family, kind: Option<&'static str>, others: Vec<&'static str>, when: When) -> Countdown<'c> {
    let judges = kind.map(|kind| judges(catalogue, family, kind)).unwrap_or_default();
    let late = judges.iter().copied().find(|indicator| tells_late(indicator));
    let early = judges.iter().copied().find(|indicator| tells_early(indicator));
    let told_by = if when == When::DueSoon { early } else { late };
    let window = early.and_then(warning_span).unwrap_or(family.days * DAY);
    Countdown { family, kind, others, when, told_by, about: told_by.or(late).or(early), window }
}

/// Kinds of a family that some indicator names among what it reads.
fn kinds(catalogue: &Catalogue, family: &Family) -> BTreeSet<&'static str> {
    if let Some(kind) = family.kind {
        return [kind].into();
    }
    let feeds = catalogue.iter().flat_map(|indicator| &indicator.reads).filter_map(Reads::feed);
    feeds.filter(|feed| feed.table() == family.table).flat_map(|feed| feed.kinds().iter().copied()).collect()
}

/// Indicators with limits that look at the days of this kind, those that are about it most of all first. What an indicator is about stands first
/// among the reads of a table; what follows only helps.
fn judges<'c>(catalogue: &'c Catalogue, family: &Family, kind: &str) -> Vec<&'c Indicator> {
    let day = if family.kind.is_some() { "notify_by" } else { "due" };
    // `due_at` is when to evaluate again, no day of a record.
    let looks_at = |indicator: &Indicator| indicator.sql.replace("due_at", "").contains(day);
    let is_about = |indicator: &&Indicator| {
        let first = indicator.reads.iter().filter_map(Reads::feed).find(|feed| feed.table() == family.table);
        first.is_some_and(|feed| feed.kinds().contains(kind)) && !indicator.rules.is_empty() && looks_at(indicator)
    };
    let mut judges: Vec<_> = catalogue.iter().map(AsRef::as_ref).filter(is_about).collect();
    let names_it = |indicator: &Indicator| kind.split('_').any(|word| indicator.id.as_str().contains(word));
    let rank = |one: &&Indicator| (!one.id.as_str().contains("overdue"), !names_it(one), one.reads.len(), one.id.as_str().to_owned());
    judges.sort_by_key(rank);
    judges
}

/// Whether it breaches or warns for each day that is over: what counts things that are overdue does, and a clock. Others look at some of them.
fn tells_late(indicator: &Indicator) -> bool {
    indicator.id.as_str().contains("overdue") || warning_span(indicator).is_some() && indicator.unit == "seconds"
}

/// Whether it warns before the day is over: a clock does, and what counts things that are due soon.
fn tells_early(indicator: &Indicator) -> bool {
    indicator.id.as_str().contains("due_soon") || warning_span(indicator).is_some()
}

/// How long before the day an indicator warns, in seconds.
fn warning_span(indicator: &Indicator) -> Option<u32> {
    if indicator.unit != "seconds" {
        let days = indicator.parameters.iter().find(|parameter| parameter.name == "due_soon_days")?.default;
        return Some(whole(days) * DAY);
    }
    let warning = indicator.rules.iter().find(|rule| rule.level == Level::Warning)?;
    let numbers = warning.value.comparisons().filter_map(|comparison| match comparison.operand {
        Operand::Number(seconds, _) => Some(whole(seconds.abs())),
        Operand::Fact(_) => None,
    });
    numbers.max().filter(|seconds| *seconds >= DAY)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days and seconds of a few years, not negative")]
fn whole(number: f64) -> u32 {
    number as u32
}

/// The due dates as they were last known, without the replica that told them.
fn last_known(family: &Family) -> Recording {
    let (record, metric) = (family.record(), family.metric);
    let alive = "clause9_build_info";
    let expression = format!(
        "max without (instance, pod) ({metric})\n\
         or\n\
         # The agent is gone: what it had last, as it was recorded a minute ago.\n\
         {record} unless on (job) {alive} and on (job) last_over_time({alive}[7d])\n\
         or\n\
         # Nothing was recorded, because Prometheus was gone too: what was scraped within the week.\n\
         max without (instance, pod) (last_over_time({metric}[7d])) unless on (job) ({alive} or {record})"
    );
    Recording { record, labels: Vec::new(), expression }
}

impl Family {
    /// The series of the recording rule.
    pub fn record(&self) -> String {
        format!("{}:last_known", self.metric.replacen("aims_", "clause9:", 1))
    }
}

impl Countdown<'_> {
    /// The rule.
    pub fn alert(&self, settings: &Settings) -> Alert {
        let about = self.about.map(|indicator| ("indicator", indicator.id.as_str().to_owned()));
        // The series have it too; here it tells the rules apart.
        let kind = self.kind.filter(|_| self.family.kind.is_none()).map(|kind| ("kind", kind.to_owned()));
        Alert {
            name: self.name(),
            severity: if self.when == When::DueSoon { Severity::Warning } else { Severity::Critical },
            labels: about.into_iter().chain(kind).collect(),
            expression: self.expression(),
            hold: Some(HOLD),
            keep: None,
            summary: self.summary(),
            description: self.description(),
            runbook: settings.runbook(self.about.map_or(PAGE, |indicator| indicator.id.as_str())),
        }
    }

    /// The name, which all kinds of a family share.
    pub fn name(&self) -> String {
        format!("Clause9{}{}", self.family.name, if self.when == When::DueSoon { "DueSoon" } else { "Overdue" })
    }

    fn expression(&self) -> String {
        let matcher = match (self.family.kind, self.kind) {
            (Some(_), _) => String::new(),
            (None, Some(kind)) => format!("{{kind=\"{kind}\"}}"),
            (None, None) => format!("{{kind!~\"{}\"}}", self.others.join("|")),
        };
        let mut dates = format!("{}{matcher}", self.family.record());
        if self.told_by.is_some() {
            dates = format!("({dates} unless on (job) clause9_build_info)");
        }
        let expression = match self.when {
            When::DueSoon => format!("{dates} - time() > 0 < {} * 86400", self.window / DAY),
            When::Overdue => format!("time() - {dates} > 0"),
        };
        let renamed = self.family.labels.iter().filter(|(from, to)| from != to);
        renamed.fold(expression, |expression, (from, to)| format!("label_replace({expression}, \"{to}\", \"$1\", \"{from}\", \"(.*)\")"))
    }

    fn summary(&self) -> Template {
        let is = if self.when == When::DueSoon { "due soon" } else { "overdue" };
        match (self.family.kind, self.kind) {
            (Some(_), _) => Template::default().text(&format!("Notice of an incident: {is}")),
            (None, Some(kind)) => Template::default().text(&format!("{}: {is}", in_words(kind))),
            (None, None) => Template::default().label("", "kind").text(&format!(": {is}")),
        }
        .label(", ", "system")
    }

    fn description(&self) -> Template {
        let before = match (self.when, self.family.kind) {
            (When::DueSoon, _) => "Time left: ",
            (When::Overdue, None) => "Time since the end of the due day: ",
            (When::Overdue, Some(_)) => "Time since the deadline: ",
        };
        let mut text = Template::default().text(before).value(Format::Span);
        for (label, shown) in [("system", "system")].iter().chain(self.family.labels) {
            text = text.label(&format!(", {label}="), shown);
        }
        let why = match (self.told_by, self.when) {
            (Some(indicator), _) => format!(".\nThe agent is down, so that {} does not tell it: start the agent, and see to this.", indicator.id),
            (None, When::DueSoon) => ".\nNo indicator warns of this day beforehand.".to_owned(),
            (None, When::Overdue) => ".\nNo indicator tells that this day is over.".to_owned(),
        };
        text.text(&why)
    }
}

/// `impact_assessment` becomes `Impact assessment`.
fn in_words(kind: &str) -> String {
    let words = kind.replace('_', " ");
    words.get(..1).map(|first| first.to_uppercase() + &words[1..]).unwrap_or_default()
}
