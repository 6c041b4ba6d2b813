//! Rule tests of the countdown: for each kind a day that is near or over and one that is not, with the agent alive and gone; and what the
//! recording rules keep.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    countdown::{Countdown, FAMILIES, Family, When},
    indicators::JOB,
    rule::{Case, Check, Probe, Series, selector},
    template::Sample,
};
use crate::generate::Settings;

const AGENT: [(&str, &str); 2] = [("job", JOB), ("instance", "a:9420")];

/// When alerts are looked at: the agent has then been gone for longer than alerts wait.
const AT: &str = "40m";
const AT_SECONDS: u32 = 40 * 60;

/// Repetitions of a value, a minute each, in promtool's notation.
const ALIVE: &str = "x60";
const GONE: &str = "x10 stale";

/// Every test. All kinds of a family stand in the same tests, since a test evaluates every rule.
pub fn all(countdowns: &[Countdown<'_>], settings: &Settings) -> Vec<Case> {
    let names: BTreeSet<_> = countdowns.iter().map(Countdown::name).collect();
    let mut cases = Vec::new();
    for name in names {
        let of_name: Vec<_> = countdowns.iter().filter(|countdown| countdown.name() == name).collect();
        cases.extend([
            case(&name, "the agent is gone", &of_name, settings, GONE, true, |_| true),
            case(&name, "the agent is alive", &of_name, settings, ALIVE, true, |countdown| countdown.told_by.is_none()),
            case(&name, "the agent is gone, and the days are others", &of_name, settings, GONE, false, |_| false),
        ]);
    }
    cases.extend(FAMILIES.iter().flat_map(recorded));
    cases
}

/// A due date of each kind, which is near or over or else is not, for as long as the agent lives; and the alerts of those that `fires` says.
fn case(name: &str, what: &str, countdowns: &[&Countdown<'_>], settings: &Settings, lasts: &str, near: bool, fires: impl Fn(&Countdown<'_>) -> bool) -> Case {
    let due = |countdown: &Countdown<'_>| match (countdown.when, near) {
        // Near enough from the beginning, since the alert waits.
        (When::DueSoon, true) => AT_SECONDS + countdown.window - 3600,
        (When::DueSoon, false) => AT_SECONDS + countdown.window + 60,
        // Over from the first minute on, or only in a minute.
        (When::Overdue, true) => 60,
        (When::Overdue, false) => AT_SECONDS + 60,
    };
    let series = countdowns.iter().map(|one| Series::new(one.family.metric, pairs(&labels(one, true)), format!("{}{lasts}", due(one))));
    let alive = Series::new("clause9_build_info", AGENT, format!("1{lasts}"));
    let expected = countdowns.iter().filter(|one| fires(one)).map(|one| {
        let sample = Sample { labels: labels(one, false), value: f64::from(due(one).abs_diff(AT_SECONDS)), answers: Vec::new() };
        one.alert(settings).expected(&sample)
    });
    let checks = vec![Check { at: AT, alert: name.to_owned(), expected: expected.collect() }];
    Case { name: format!("{name}: {what}"), series: series.chain([alive]).collect(), checks, probes: Vec::new() }
}

/// The labels of a due date, as it is scraped or as its alert has them.
fn labels(countdown: &Countdown<'_>, scraped: bool) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([("system", "some-system"), ("job", JOB)]);
    if countdown.family.kind.is_none() {
        labels.insert("kind", countdown.kind.unwrap_or("something_else"));
    }
    for (label, shown) in countdown.family.labels {
        labels.insert(if scraped { label } else { shown }, "some");
    }
    if scraped {
        labels.insert("instance", "a:9420");
    }
    labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn pairs(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// What the recording rule keeps: what is withdrawn goes at once, what was there when the agent ended stays, and what was scraped before comes
/// back where nothing was recorded.
fn recorded(family: &'static Family) -> [Case; 3] {
    let due = |system, values: &str| Series::new(family.metric, AGENT.into_iter().chain([("system", system)]), values);
    let build = |values: &str| Series::new("clause9_build_info", AGENT, values);
    let kept = |system| (selector(&family.record(), [("job", JOB), ("system", system)]), 5e6);
    let case = |name: &str, series, at, samples| Case {
        name: format!("{}: {name}", family.record()),
        series,
        checks: Vec::new(),
        probes: vec![Probe { at, promql: family.record(), samples }],
    };
    let withdrawn = || due("withdrawn", "5000000x5 stale");
    [
        case("a date that is withdrawn goes at once", vec![withdrawn(), due("open", "5000000x20"), build("1x20")], "8m", vec![kept("open")]),
        case(
            "dates of an agent that ended stay, those withdrawn before don't come back",
            vec![withdrawn(), due("open", "5000000x10 stale"), build("1x10 stale")],
            "30m",
            vec![kept("open")],
        ),
        // The tests can't stop Prometheus. Without the agent's own series the carried dates end too, and what was scraped takes their place.
        case("dates that were scraped come back where none are carried", vec![due("open", "5000000x5 stale")], "7m", vec![kept("open")]),
    ]
}
