//! That the list of local indicators is right, that the trials can fail, and that they take little time.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::indicator::Catalogue;

/// Organisations for each indicator that is said to be local; `CLAUSE9_SEEDS` asks for another number.
const SEEDS: u64 = 200;

/// Organisations in which the readings of every other one must differ once, or it is local.
const SEEDS_TO_DIFFER: u64 = 5_000;

/// Where the list is kept.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/indicators/local.txt");

fn built_in() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn own(reads: &str, sql: &str) -> Catalogue {
    let text = format!(
        "- {{ id: own, title: Own, about: Own., references: {{}}, unit: things, direction: higher, reads: [{reads}], sql: \"{sql}\", why: Because.,
     frequency: daily, examples: [] }}"
    );
    Catalogue::with(&[("own.yaml".into(), text)]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// For indicators that are said to be local no organisation contradicts; for every other one that knows systems, one does.
#[test]
fn the_list_of_local_indicators_is_right() {
    let catalogue = built_in();
    let indicators: Vec<_> = catalogue.iter().filter(|indicator| indicator.has_system()).collect();
    let next = AtomicUsize::new(0);
    let seeds = std::env::var("CLAUSE9_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let judge = || {
        let trials = Trials::new();
        let mut judged = Vec::new();
        while let Some(indicator) = indicators.get(next.fetch_add(1, Ordering::Relaxed)) {
            let seeds = if indicator.is_local() { seeds } else { SEEDS_TO_DIFFER };
            judged.push((indicator.id.to_string(), trials.doubt(indicator, 0..seeds)));
        }
        judged
    };
    let mut judged: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(judge)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    judged.sort_by(|a, b| a.0.cmp(&b.0));
    let list = std::fs::read_to_string(LIST).unwrap();
    let mut made: String = list.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let (mut doubts, mut unknown) = (String::new(), Vec::new());
    for (id, doubt) in &judged {
        match doubt {
            None => made.extend([id, "\n"]),
            Some(doubt @ Doubt::Differs { .. }) => _ = writeln!(doubts, "{id}: {doubt:?}"),
            Some(doubt) => unknown.push((id, doubt)),
        }
    }
    assert!(unknown.is_empty(), "not known to be local, nor not to be: {unknown:?}");
    if made != list {
        std::fs::write(LIST, &made).unwrap();
        panic!("the list of local indicators was out of date; it is written anew: look at it and commit it. Those that are not:\n{doubts}");
    }
    assert!(catalogue.iter().all(|indicator| !indicator.is_local() || indicator.has_system()), "an indicator without systems is never local");
}

#[test]
fn a_users_indicator_is_tested_when_it_is_loaded() {
    let is_local = |reads: &str, sql: &str| own(reads, sql).get("own").unwrap().is_local();
    let of_own_cases = "SELECT s.id AS system, count(c.id) AS value FROM systems s LEFT JOIN cases c ON c.system = s.id GROUP BY s.id";
    assert!(is_local("systems, cases", of_own_cases));
    // Parents may belong to other systems; they come along.
    let of_parents =
        "SELECT c.system AS system, count(p.id) AS value FROM cases c LEFT JOIN cases p ON p.source = c.source AND p.id = c.parent GROUP BY c.system";
    assert!(is_local("'cases(risk, risk_treatment)'", of_parents));
    let cases: &[(&str, &str, &str)] = &[
        ("no label", "cases", "SELECT count(*) AS value FROM cases"),
        ("a share of all", "systems, cases", "SELECT s.id AS system, (SELECT count(*) FROM cases) AS value FROM systems s"),
        (
            "only a fact depends on others",
            "systems, cases",
            "SELECT s.id AS system, count(c.id) AS value, (SELECT count(*) FROM systems) AS fact_all FROM systems s LEFT JOIN cases c ON c.system = s.id GROUP BY s.id",
        ),
        (
            "records of no system count everywhere",
            "systems, cases",
            "SELECT s.id AS system, count(c.id) AS value FROM systems s LEFT JOIN cases c ON c.system = s.id OR c.system IS NULL GROUP BY s.id",
        ),
        ("a list without its records", "systems, reviews", "SELECT s.id AS system, (SELECT count(*) FROM review_covers c) AS value FROM systems s"),
        (
            "readings of other systems",
            "systems, readings",
            "SELECT s.id AS system, (SELECT count(*) FROM readings r WHERE r.state = 'breach') AS value FROM systems s",
        ),
        ("the same for all: not seen to depend on anything", "systems", "SELECT s.id AS system, 1 AS value FROM systems s"),
    ];
    for (name, reads, sql) in cases {
        assert!(!is_local(reads, sql), "{name}");
    }
}

#[test]
fn local_indicators_of_readings_are_recognised() {
    let sql = "SELECT r.system AS system, count(*) AS value FROM readings r WHERE r.state = 'breach' GROUP BY r.system";
    assert!(own("readings", sql).get("own").unwrap().is_local());
}

/// What the trials make must not be refused: whatever the tables take, they fill.
#[test]
fn every_table_is_filled() {
    let trials = Trials::new();
    let catalogue = built_in();
    let mut filled = BTreeSet::new();
    for indicator in catalogue.iter() {
        let sketch = Sketch::new(indicator);
        for seed in 0..20 {
            let organisation = sketch.organisation(Size::SMALL, &mut Rng::with_seed(seed));
            trials.fill(&organisation).unwrap_or_else(|error| panic!("{}: {error}", indicator.id));
            filled.extend(organisation.rows.iter().map(|(table, _)| *table));
        }
    }
    // What only management review packs read.
    let of_packs = ["parties", "decisions"];
    let missing: Vec<_> = crate::indicator::examples::filled_tables().filter(|table| !filled.contains(table)).collect();
    assert_eq!(missing, of_packs);
}

#[test]
fn attributes_and_doubts_are_filled() {
    let sql = "SELECT s.id AS system, count(a.id) + count(d.id) AS value FROM systems s LEFT JOIN attributes a ON a.id = s.id LEFT JOIN doubts d ON d.id = s.id \
               LEFT JOIN system_names n ON n.system = s.id GROUP BY s.id";
    let catalogue = own("systems", sql);
    let sketch = Sketch::new(catalogue.get("own").unwrap());
    let (trials, mut tables) = (Trials::new(), BTreeSet::new());
    for seed in 0..10 {
        let organisation = sketch.organisation(Size::SMALL, &mut Rng::with_seed(seed));
        trials.fill(&organisation).unwrap();
        tables.extend(organisation.rows.iter().map(|(table, _)| *table));
    }
    assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["attributes", "doubts", "system_names", "systems"]);
}

/// What some systems cost must follow from their records, not from all: an organisation of ten times the size, in which they have as much as before,
/// takes about the same number of steps.
#[test]
fn a_few_systems_cost_what_they_have() {
    /// These read tables that know no systems whole.
    const WHOLE: &[&str] = &["datasets_without_provenance"];
    let trials = Trials::new();
    let catalogue = built_in();
    let systems = ["s1", "s2"].map(str::to_owned).into();
    let mut dear = String::new();
    // Random cases have a few references and addresses between them, so that nearly all are relatives: the more there are, the more come along.
    let has_relatives = |indicator: &Indicator| indicator.views().iter().any(|view| view.name == "same_cases");
    let local = catalogue.iter().filter(|indicator| indicator.is_local() && !has_relatives(indicator));
    for indicator in local.filter(|indicator| !WHOLE.contains(&indicator.id.as_str())) {
        let sketch = Sketch::new(indicator);
        let [small, large] = [1, 10].map(|times| {
            let size = Size { systems: 10 * times, records: 100 * times, ids: 100 * times };
            trials.fill(&sketch.organisation(size, &mut Rng::with_seed(7))).unwrap();
            let evaluation = trials.evaluator.begin(MOMENT).unwrap();
            // Random records may make two readings for one series; what that costs is no other.
            _ = evaluation.evaluate_as_local(indicator, &Overrides::new(), &systems);
            trials.evaluator.projection.scoped_steps(&indicator.sql)
        });
        if large > 3 * small + 3_000 {
            _ = writeln!(dear, "{}: {small} steps, and {large} in an organisation of ten times the size", indicator.id);
        }
    }
    assert!(dear.is_empty(), "{dear}");
}
