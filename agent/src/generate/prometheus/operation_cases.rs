//! Rule tests of the alerts about the watch: for each a case in which it fires, and one, as near to it as can be, in which it does not.

use std::collections::BTreeMap;

use super::{
    indicators::JOB,
    operations,
    rule::{Alert, Case, Check, Series},
    template::Sample,
};
use crate::generate::Settings;

const AGENT: [(&str, &str); 2] = [("job", JOB), ("instance", "a:9420")];
const FILE: [(&str, &str); 3] = [("job", JOB), ("instance", "a:9420"), ("kind", "file")];
const SOURCE: [(&str, &str); 3] = [("job", JOB), ("instance", "a:9420"), ("source", "models")];

/// What the agent's own series are while it runs.
const ALIVE: &str = "1x200";

/// A row of the table: the alert, what happens, its series, when to look, and what is expected then.
struct Row {
    alert: &'static str,
    name: &'static str,
    series: Vec<Series>,
    at: &'static str,
    fires: Option<Sample>,
}

/// Every test, with the alerts that it expects.
pub fn all(settings: &Settings) -> Vec<Case> {
    let alerts: BTreeMap<String, Alert> = operations::all(settings).into_iter().map(|operation| (operation.alert.name.clone(), operation.alert)).collect();
    let rows = [agent(), configuration(), evaluation(), sources(), unknown_readings(), lost_breaches()].into_iter().flatten();
    let case = |row: Row| {
        let expected = row.fires.map(|sample| alerts[row.alert].expected(&sample)).into_iter().collect();
        let checks = vec![Check { at: row.at, alert: row.alert.to_owned(), expected }];
        Case { name: format!("{}: {}", row.alert, row.name), series: row.series, checks, probes: Vec::new() }
    };
    rows.map(case).collect()
}

fn quiet(alert: &'static str, name: &'static str, at: &'static str, series: Vec<Series>) -> Row {
    Row { alert, name, series, at, fires: None }
}

fn firing(alert: &'static str, name: &'static str, at: &'static str, series: Vec<Series>, labels: &[(&str, &str)], value: f64) -> Row {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Row { alert, name, series, at, fires: Some(Sample { labels, value, answers: Vec::new() }) }
}

fn agent() -> Vec<Row> {
    let build = |values: &str| vec![Series::new("clause9_build_info", AGENT, values)];
    let one_of_two =
        vec![Series::new("clause9_build_info", AGENT, "1x10 stale"), Series::new("clause9_build_info", [("job", JOB), ("instance", "b:9420")], ALIVE)];
    vec![
        firing("Clause9AgentDown", "the only agent ended", "20m", build("1x10 stale"), &[("job", JOB)], 1.0),
        quiet("Clause9AgentDown", "one of two agents ended", "20m", one_of_two),
        quiet("Clause9AgentDown", "a restart of two minutes", "12m", build("1x10 stale _ 1x20")),
        firing("Clause9AgentAbsent", "there never was an agent", "20m", Vec::new(), &[], 1.0),
        quiet("Clause9AgentAbsent", "there was one, so it is down and not absent", "20m", build("1x1 stale")),
    ]
}

fn configuration() -> Vec<Row> {
    let gauge = |name: &str, values: &str| vec![Series::new(name, AGENT, values)];
    let anchors = |success: &str, failures: &str| {
        let series = |name: &str, values: &str| Series::new(name, FILE, values);
        vec![series("clause9_anchor_last_success_timestamp_seconds", success), series("clause9_anchor_failures_total", failures)]
    };
    let (reload, store) = ("clause9_config_last_reload_successful", "clause9_store_writable");
    let (nobody, unmatched) = ("Clause9ConfigUnmatchedNames", "clause9_config_unmatched_names");
    vec![
        firing("Clause9ConfigReloadFailed", "a mistake was saved", "10m", gauge(reload, "1x5 0x10"), &AGENT, 0.0),
        quiet("Clause9ConfigReloadFailed", "it was mended", "10m", gauge(reload, "1x2 0x3 1x10")),
        firing(nobody, "two names are misspelt", "30m", gauge(unmatched, "0x5 2x30"), &AGENT, 2.0),
        quiet(nobody, "a register lacks its rows for ten minutes", "16m", gauge(unmatched, "0x5 2x10 0x20")),
        firing("Clause9StoreNotWritable", "the disk is full", "12m", gauge(store, "1x5 0x10"), &AGENT, 0.0),
        quiet("Clause9StoreNotWritable", "one write failed", "12m", gauge(store, "1x5 0x2 1x10")),
        firing("Clause9EvidenceBroken", "an entry was edited", "12m", gauge("clause9_store_verified", "1x5 0x10"), &AGENT, 0.0),
        firing("Clause9AnchorsFailing", "the file's folder is gone since the start", "4h", anchors("0x240", "0+1x240"), &FILE, 14_400.0),
        quiet("Clause9AnchorsFailing", "it failed for half an hour", "4h", anchors("0x210 12600x30", "0x180 0+1x30 30x30")),
        quiet("Clause9AnchorsFailing", "it is kept once a day, and does not fail", "4h", anchors("0x240", "0x240")),
        firing("Clause9ReviewPackMissing", "it can't be made", "26h", gauge("clause9_review_pack_made", "0x1560"), &AGENT, 0.0),
        quiet("Clause9ReviewPackMissing", "it is made hours later", "26h", gauge("clause9_review_pack_made", "0x300 1x1260")),
        quiet("Clause9EvidenceBroken", "every entry is as it was stored", "12m", gauge("clause9_store_verified", "1x15")),
    ]
}

fn evaluation() -> Vec<Row> {
    let evaluated = |id, values: &str| Series::new("aims_indicator_last_evaluated_timestamp_seconds", AGENT.into_iter().chain([("indicator", id)]), values);
    // The tests' clock begins at zero, and so does a series that is not evaluated any more; `60` counts along.
    let stopped = vec![evaluated("drift_psi", "0x40"), evaluated("incidents_open", "0+60x40")];
    let goes_on = vec![evaluated("drift_psi", "0+60x40"), evaluated("incidents_open", "0+60x40")];
    vec![
        firing("Clause9EvaluationStalled", "one indicator is not evaluated for half an hour", "30m", stopped, &AGENT, 1.0),
        quiet("Clause9EvaluationStalled", "all are", "30m", goes_on),
    ]
}

fn sources() -> Vec<Row> {
    let failed = SOURCE.into_iter().chain([("outcome", "failed")]);
    let failures = |reason, values: &str| Series::new("clause9_source_polls_total", failed.clone().chain([("reason", reason)]), values);
    let why = || [failures("timeout", "0+1x60"), failures("unreachable", "0+1x60"), failures("forbidden", "3x60")];
    let source = |name: &str, values: &str| [Series::new(name, SOURCE, values)].into_iter().chain(why()).collect();
    let labels = [("job", JOB), ("source", "models")];
    let with_reasons = |row: Row| {
        let answers = vec!["unreachable".to_owned(), "timeout".to_owned()];
        Row { fires: row.fires.map(|sample| Sample { answers, ..sample }), ..row }
    };
    let (down, stale) = ("Clause9SourceDown", "Clause9SourceStale");
    let mut silent: Vec<_> = source("clause9_source_complete", "0x40");
    silent.truncate(1);
    vec![
        with_reasons(firing(down, "polls fail", "30m", source("clause9_source_up", "1x5 0x30"), &labels, 0.0)),
        quiet(down, "one poll failed", "30m", source("clause9_source_up", "1x5 0x5 1x30")),
        with_reasons(firing(stale, "polls fail for too long", "30m", source("clause9_source_complete", "1x15 0x30"), &labels, 0.0)),
        firing(stale, "no poll ever ended", "30m", silent, &labels, 0.0),
        quiet(stale, "polls fail, and the records are not too old yet", "30m", source("clause9_source_complete", "1x40")),
    ]
}

/// The state of a reading, of one system.
fn state(state: &str, system: &str, values: &str) -> Series {
    let own = [("indicator", "drift_psi"), ("state", state), ("system", system)];
    Series::new("aims_indicator_state", AGENT.into_iter().chain(own), values)
}

fn unknown_readings() -> Vec<Row> {
    let name = "Clause9ReadingsUnknown";
    let many = vec![state("unknown", "a", "1x120"), state("unknown", "b", "1x120"), state("ok", "c", "1x120")];
    let briefly = vec![state("ok", "a", "1x30 stale"), state("unknown", "a", "_x31 1x60"), state("unknown", "b", "1x40 stale")];
    let labels = [("job", JOB), ("indicator", "drift_psi")];
    vec![
        firing(name, "two readings are unknown for more than an hour", "90m", many, &labels, 2.0),
        quiet(name, "one is for 50 minutes, another was an hour ago", "80m", briefly),
    ]
}

fn lost_breaches() -> Vec<Row> {
    let name = "Clause9BreachUnknown";
    let labels = [("job", JOB), ("indicator", "drift_psi"), ("system", "a")];
    let lost = || vec![state("breach", "a", "1x10 stale"), state("unknown", "a", "_x11 1x120"), state("unknown", "b", "1x120")];
    let solved = vec![state("breach", "a", "1x10 stale"), state("ok", "a", "_x11 1x120"), state("unknown", "b", "1x120")];
    vec![
        firing(name, "one of two unknown readings was in breach", "30m", lost(), &labels, 1.0),
        quiet(name, "the breach was solved", "30m", solved),
        quiet(name, "it was long ago", "60m", lost()),
    ]
}
