//! Choosing readings, and pages of a board that changes between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use super::*;
use crate::{
    board::{SourceStatus, SystemStatus},
    indicator::{Catalogue, Cell, Row},
    threshold::State as Verdict,
};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}")));

/// A board with readings of indicators by their systems.
fn board(number: u64, readings: &BTreeSet<(&'static str, u64)>) -> Board {
    let panel = |id: &str| {
        let indicator = CATALOGUE.get(id).unwrap();
        let reading = |system: u64| {
            let system = format!("s{system}");
            let cell = |name: &str| match name {
                "value" => Cell::Integer(1),
                "system" => Cell::Text(&system),
                _ => Cell::Null,
            };
            let row = Row::read(indicator.columns(), |position| cell(&indicator.columns().names()[position])).unwrap();
            Arc::new(board::Reading { row, state: Verdict::Ok, rule: None, waiting: None, judged: true, since: 0 })
        };
        let readings = readings.iter().filter(|(of, _)| *of == id).map(|(_, system)| reading(*system)).collect();
        Arc::new(Panel { readings, ..Panel::empty(indicator, Vec::new(), Vec::new()) })
    };
    let system = |(id, tier): (&str, &str)| {
        let properties = [("risk_tier", tier.to_owned())].into();
        (id.to_owned(), SystemStatus { id: id.to_owned(), properties, ..SystemStatus::default() })
    };
    let source = |(name, feed): (&str, &str)| SourceStatus { name: name.to_owned(), feeds: vec![feed.to_owned()], ..SourceStatus::default() };
    Board {
        at: 1_790_000_000,
        number,
        panels: INDICATORS.map(panel).to_vec(),
        systems: Arc::new([("s1", "high"), ("s2", "minimal")].map(system).into()),
        sources: [("reviews", "reviews(impact_assessment)"), ("tickets", "cases(incident)")].map(source).to_vec(),
        ..Board::default()
    }
}

/// Not in the order of their names, as in the catalogue.
const INDICATORS: [&str; 2] = ["impact_assessments_overdue", "incidents_open"];

fn ask(board: &Board, query: &str) -> Readings {
    let (choice, cut) = Choice::of(query, board).unwrap_or_else(|(_, problem)| panic!("{query}: {}", problem.0.error));
    chosen(board, &choice, &cut)
}

fn names(readings: &[Reading]) -> Vec<String> {
    readings.iter().map(|reading| format!("{} {}", reading.indicator, reading.labels["system"])).collect()
}

#[test]
fn readings_are_chosen_by_what_is_known_of_them() {
    let all: BTreeSet<_> = INDICATORS.iter().flat_map(|id| [1, 2, 3].map(|system| (*id, system))).collect();
    let board = board(0, &all);
    for (query, expected) in [
        ("", 6),
        ("property=risk_tier%3Dhigh", 2),
        ("property=risk_tier%3Dhigh&property=risk_tier%3Dminimal", 4),
        ("property=risk_tier%3Dhigh&property=lifecycle%3Dretired", 0),
        ("label=system%3Ds3", 2),
        ("source=reviews", 3),
        ("source=reviews&source=tickets", 6),
        ("source=tickets&system=s1", 1),
        ("state=breach", 0),
    ] {
        let readings = ask(&board, query);
        assert_eq!((readings.readings.len(), readings.chosen), (expected, expected), "{query}: {:?}", names(&readings.readings));
    }
    assert!(ask(&board, "source=reviews").readings.iter().all(|reading| reading.indicator == "impact_assessments_overdue"));
}

/// Of boards that change at random between pages, each page tells that it is of another one; what was there all the time comes once, and nothing twice.
#[test]
fn pages_of_boards_that_change_leave_out_nothing_that_stays() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let some = |random: &mut fastrand::Rng| -> BTreeSet<_> { (0..12).map(|_| (INDICATORS[random.usize(0..2)], random.u64(1..=9))).collect() };
        let stays = some(&mut random);
        let mut held = stays.clone();
        let (mut number, mut query, mut seen) = (0, format!("limit={}", random.usize(1..5)), BTreeMap::<String, usize>::new());
        let first = page::identity(&board(0, &held));
        loop {
            let board = board(number, &held);
            let page = ask(&board, &query);
            assert_eq!(page.same_board, page::identity(&board) == first, "seed {seed}");
            names(&page.readings).into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
            let Some(next) = page.next else { break };
            query = format!("limit={}&cursor={next}", random.usize(1..5));
            if random.bool() {
                number += 1;
                held = stays.union(&some(&mut random)).copied().collect();
            }
        }
        assert!(seen.values().all(|count| *count == 1), "seed {seed}: {seen:?}");
        let missing: Vec<_> = stays.iter().map(|(id, system)| format!("{id} s{system}")).filter(|name| !seen.contains_key(name)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?}");
    }
}

#[test]
fn the_last_page_says_that_it_is_the_last() {
    let all: BTreeSet<_> = [1, 2, 3, 4].map(|system| (INDICATORS[0], system)).into();
    let board = board(0, &all);
    let first = ask(&board, "limit=2");
    let second = ask(&board, &format!("limit=2&cursor={}", first.next.clone().unwrap()));
    assert_eq!((first.readings.len(), second.readings.len(), second.next, second.same_board, second.chosen), (2, 2, None, true, 4));
    assert_eq!(ask(&board, "limit=4").next, None);
}
