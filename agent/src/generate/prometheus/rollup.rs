//! Recording rules: how many readings stand how, and the worst of them, by indicator, clause, chapter (main clause) and system.
//!
//! Which indicator serves which clause is written out, since the label `clause` of `aims_indicator_info` lists several. An indicator counts under
//! each of its clauses, so that clauses must not be added up; chapters are counted by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    indicators::JOB,
    rule::{Case, Probe, Recording, RuleFile, Series, selector},
};
use crate::{indicator::Catalogue, threshold::State};

/// Clauses, or chapters, with the indicators that serve them.
type Served<'c> = BTreeMap<String, BTreeSet<&'c str>>;

/// The rules and their tests.
pub fn file(catalogue: &Catalogue) -> RuleFile {
    let about = [
        "Roll-ups of the agent's verdicts. Levels (the part before the first colon) are the labels that are left, beside job.",
        "",
        "  indicator_state:aims_readings:count  readings of an indicator in a state (ok, warning, breach, unknown)",
        "  clause_state:aims_readings:count     the same by clause (label clause), and chapter_state: by main clause (label chapter, 4 to 10)",
        "  system_state:aims_readings:count     the same by system",
        "  *:aims_state:worst                   the worst state: 0 ok, 1 warning, 2 unknown, 3 breach; unknown is worse than a warning, since",
        "                                       nobody can say that it is none, and a known breach is worse than both",
        "  *:aims_readings_ok:ratio             share of readings that are ok; unknown ones are not",
        "  chapter:aims_breach:ratio7d          share of the last 7 days in which something of the chapter was in breach",
        "",
        "An indicator counts under each of its clauses: do not add clauses up.",
    ];
    RuleFile {
        name: "recording".to_owned(),
        about: about.map(str::to_owned).to_vec(),
        recordings: recordings(catalogue),
        cases: cases(catalogue),
        ..RuleFile::default()
    }
}

fn recordings(catalogue: &Catalogue) -> Vec<Recording> {
    let state = "max without (instance, pod) (aims_indicator_state)";
    let mut rules = vec![plain("indicator_state:aims_readings:count", &format!("count by (job, indicator, state) ({state})"))];
    rules.push(plain("indicator:aims_state:worst", &worst("indicator_state:aims_readings:count", "job, indicator")));
    for (level, served) in [("clause", clauses(catalogue)), ("chapter", chapters(catalogue))] {
        for (name, indicators) in &served {
            rules.extend(served_by(level, name, indicators));
        }
        let count = format!("{level}_state:aims_readings:count");
        rules.push(plain(&format!("{level}:aims_readings_ok:ratio"), &share_ok(&count, &format!("job, {level}"))));
    }
    // Of the series that was just recorded: cheaper than counting readings of a week.
    rules.push(plain("chapter:aims_breach:ratio7d", "avg_over_time((chapter:aims_state:worst == bool 3)[7d:10m])"));
    let states = "count by (job, system, state) (max without (instance, pod) (aims_indicator_state{system!=\"\"}))";
    rules.push(plain("system_state:aims_readings:count", states));
    rules.push(plain("system:aims_state:worst", &worst("system_state:aims_readings:count", "job, system")));
    rules
}

fn plain(record: &str, expression: &str) -> Recording {
    Recording { record: record.to_owned(), labels: Vec::new(), expression: expression.to_owned() }
}

fn served_by(level: &'static str, name: &str, indicators: &BTreeSet<&str>) -> [Recording; 2] {
    let of_these = format!("{{indicator=~\"{}\"}}", indicators.iter().copied().collect::<Vec<_>>().join("|"));
    let labelled = |record: String, expression: String| Recording { record, labels: vec![(level, name.to_owned())], expression };
    [
        labelled(format!("{level}_state:aims_readings:count"), format!("sum by (job, state) (indicator_state:aims_readings:count{of_these})")),
        labelled(format!("{level}:aims_state:worst"), format!("max by (job) (indicator:aims_state:worst{of_these})")),
    ]
}

/// Each state as a number, and the largest of them.
fn worst(count: &str, by: &str) -> String {
    let ranked = State::WORST_FIRST.map(|state| format!("  0 * {count}{{state=\"{state}\"}} + {}", state.badness()));
    format!("max by ({by}) (\n{}\n)", ranked.join("\n  or\n"))
}

fn share_ok(count: &str, by: &str) -> String {
    format!("(sum by ({by}) ({count}{{state=\"ok\"}}) or 0 * sum by ({by}) ({count}))\n/\nsum by ({by}) ({count})")
}

fn clauses(catalogue: &Catalogue) -> Served<'_> {
    let mut served = Served::new();
    for indicator in catalogue.iter() {
        for clause in &indicator.references.clause {
            served.entry(clause.clone()).or_default().insert(indicator.id.as_str());
        }
    }
    served
}

/// `9.2.1` belongs to chapter 9.
fn chapters(catalogue: &Catalogue) -> Served<'_> {
    let mut served = Served::new();
    for (clause, indicators) in clauses(catalogue) {
        let chapter = clause.split_once('.').map_or(clause.as_str(), |(chapter, _)| chapter);
        served.entry(chapter.to_owned()).or_default().extend(indicators);
    }
    served
}

fn cases(catalogue: &Catalogue) -> Vec<Case> {
    vec![clauses_case(catalogue), states_case()]
}

/// Every indicator has a reading that is fine, and every third one a breach too; two agents see them.
fn clauses_case(catalogue: &Catalogue) -> Case {
    let ids: Vec<_> = catalogue.iter().map(|indicator| indicator.id.as_str()).collect();
    let breached: BTreeSet<_> = ids.iter().copied().step_by(3).collect();
    let mut series = Vec::new();
    for instance in ["a:9420", "b:9420"] {
        series.extend(ids.iter().map(|id| state(id, "ok", "calm", instance)));
        series.extend(breached.iter().map(|id| state(id, "breach", "hot", instance)));
    }
    let levels = [("clause", clauses(catalogue)), ("chapter", chapters(catalogue))];
    let probes = levels.iter().flat_map(|(level, served)| served.iter().flat_map(|(name, indicators)| probes(level, name, indicators, &breached))).collect();
    Case { name: "every clause and chapter".to_owned(), series, checks: Vec::new(), probes }
}

fn probes(level: &str, name: &str, indicators: &BTreeSet<&str>, breached: &BTreeSet<&str>) -> Vec<Probe> {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let (fine, bad) = (number(indicators.len()), number(indicators.intersection(breached).count()));
    let at = |record: &str| selector(record, [("job", JOB), (level, name)]);
    let of_state = |state| selector(&format!("{level}_state:aims_readings:count"), [("job", JOB), ("state", state), (level, name)]);
    let probe = |promql: String, value: Option<f64>| Probe { at: "10m", samples: value.map(|value| (promql.clone(), value)).into_iter().collect(), promql };
    let mut probes = vec![
        probe(of_state("ok"), Some(fine)),
        probe(of_state("breach"), Some(bad).filter(|count| *count > 0.0)),
        probe(at(&format!("{level}:aims_state:worst")), Some(if bad > 0.0 { 3.0 } else { 0.0 })),
        probe(at(&format!("{level}:aims_readings_ok:ratio")), Some(fine / (fine + bad))),
    ];
    if level == "chapter" {
        probes.push(probe(at("chapter:aims_breach:ratio7d"), Some(if bad > 0.0 { 1.0 } else { 0.0 })));
    }
    probes
}

fn state(indicator: &str, state: &str, system: &str, instance: &str) -> Series {
    let labels = [("indicator", indicator), ("state", state), ("system", system), ("job", JOB), ("instance", instance)];
    Series::new("aims_indicator_state", labels, "1x20")
}

/// The order of the states, by system and by indicator; readings of no system count for no system.
fn states_case() -> Case {
    let ladder: [(&str, &[&str], f64); 5] = [
        ("fine", &["ok"], 0.0),
        ("warned", &["ok", "warning"], 1.0),
        ("dark", &["warning", "unknown"], 2.0),
        ("bad", &["unknown", "breach", "ok"], 3.0),
        ("", &["breach"], 3.0),
    ];
    let readings = ladder.iter().flat_map(|(system, states, _)| states.iter().map(move |name| (*system, *name)));
    let series = readings.map(|(system, name)| state(&format!("of_{system}"), name, system, "a:9420")).collect();
    let label = |name: &'static str, value: &str| [("job", JOB.to_owned()), (name, value.to_owned())];
    let sample = |record: &str, labels: [(&str, String); 2], value| (selector(record, labels.iter().map(|(name, value)| (*name, value.as_str()))), value);
    let worst = |record: &'static str, samples| Probe { at: "10m", promql: record.to_owned(), samples };
    let systems = ladder.iter().filter(|(system, ..)| !system.is_empty());
    let by_system = systems.map(|(system, _, rank)| sample("system:aims_state:worst", label("system", system), *rank)).collect();
    let by_indicator =
        ladder.iter().map(|(system, _, rank)| sample("indicator:aims_state:worst", label("indicator", &format!("of_{system}")), *rank)).collect();
    let count = |record: &str, of: [(&str, &str); 2]| {
        let promql = selector(record, of.into_iter().chain([("job", JOB)]));
        Probe { at: "10m", samples: vec![(promql.clone(), 1.0)], promql }
    };
    let probes = vec![
        worst("system:aims_state:worst", by_system),
        worst("indicator:aims_state:worst", by_indicator),
        count("system_state:aims_readings:count", [("state", "warning"), ("system", "dark")]),
        count("indicator_state:aims_readings:count", [("state", "unknown"), ("indicator", "of_bad")]),
    ];
    Case { name: "the order of the states".to_owned(), series, checks: Vec::new(), probes }
}
