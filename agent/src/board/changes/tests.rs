//! Boards published step by step are the pages that they are when they are published from nothing.

use clause9_exporter::{Exporter, OwnMetrics};

use super::*;
use crate::{
    board::{ReviewLink, SystemStatus},
    indicator::{Catalogue, Cell, Indicator, Row},
    threshold::State,
};

/// Indicators with labels before and after those that the shared families add, one of them a clock, under titles that end like this.
fn indicators(title: &str) -> Vec<Arc<Indicator>> {
    const SELECTS: [(&str, &str); 3] = [
        ("own_sizes", "s.id AS area, s.url AS zone, NULL AS unknown_reason, 1 AS value, 2 AS fact_n_current, 3 AS fact_n_reference"),
        ("own_age", "s.id AS area, s.observed_at AS since"),
        ("own_count", "s.id AS system, 1 AS value"),
    ];
    let entry = |(id, columns): (&str, &str)| {
        format!(
            "- id: {id}
  title: Own {title}
  about: Something of one's own.
  references: {{}}
  unit: seconds
  direction: higher
  reads: [systems]
  sql: SELECT {columns} FROM systems s
  why: Because.
  frequency: daily
  examples: []
"
        )
    };
    let catalogue = Catalogue::with(&[("own.yaml".to_owned(), SELECTS.map(entry).concat())]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    SELECTS.iter().map(|(id, _)| Arc::clone(catalogue.get(id).unwrap())).collect()
}

/// Among them those that sort otherwise when they are quoted.
const LABELS: [&str; 6] = ["a", "a b", "a\"", "b", "ä", "z"];

fn random_cell(random: &mut fastrand::Rng, column: &str, labels: &[Option<&'static str>], n_labels: &mut usize) -> Cell<'static> {
    match column {
        "value" => [Cell::Integer(random.i64(0..3)), Cell::Real(random.f64()), Cell::Null][random.usize(..3)],
        "since" => [Cell::Integer(random.i64(0..1_000)), Cell::Null][random.usize(..2)],
        "per_seconds" => Cell::Real(1.0),
        "unknown_reason" => [Cell::Null, Cell::Null, Cell::Text("too few")][random.usize(..3)],
        "due_at" => Cell::Null,
        _ if column.starts_with("fact_") || column.starts_with("since_") || column.starts_with("until_") => {
            [Cell::Integer(random.i64(0..3)), Cell::Null][random.usize(..2)]
        }
        _ => {
            *n_labels += 1;
            labels.get(*n_labels - 1).copied().flatten().map_or(Cell::Null, Cell::Text)
        }
    }
}

fn random_reading(random: &mut fastrand::Rng, indicator: &Indicator, labels: &[Option<&'static str>]) -> Arc<Reading> {
    let columns = indicator.columns();
    let names = columns.names().to_vec();
    let mut n_labels = 0;
    let row = Row::read(columns, |position| random_cell(random, &names[position], labels, &mut n_labels)).unwrap();
    let state = [State::Ok, State::Warning, State::Breach, State::Unknown][random.usize(..4)];
    Arc::new(Reading { row, state, rule: None, waiting: None, judged: true, since: 0 })
}

/// The panel with some readings changed, some gone and some new; now and then under another title.
fn random_panel(random: &mut fastrand::Rng, panel: &Panel, titles: &[Vec<Arc<Indicator>>]) -> Arc<Panel> {
    let key = |reading: &Reading| serde_json::to_string(&reading.row.labels().collect::<BTreeMap<_, _>>()).unwrap();
    let mut readings: BTreeMap<String, Arc<Reading>> = panel.readings.iter().map(|reading| (key(reading), Arc::clone(reading))).collect();
    readings.retain(|_, _| random.u8(..5) > 0);
    for _ in 0..random.usize(..6) {
        let labels = [(); 2].map(|()| (random.u8(..4) > 0).then(|| LABELS[random.usize(..LABELS.len())]));
        let reading = random_reading(random, &panel.indicator, &labels);
        readings.insert(key(&reading), reading);
    }
    let of = if random.u8(..5) == 0 { &random.choice(titles).unwrap()[..] } else { std::slice::from_ref(&panel.indicator) };
    let indicator = of.iter().find(|indicator| indicator.id == panel.indicator.id).map(Arc::clone).unwrap();
    Arc::new(Panel { indicator, readings: readings.into_values().collect(), waits: random.bool(), evaluated_at: random.i64(0..100), ..panel.clone() })
}

fn random_board(random: &mut fastrand::Rng, before: &Board, titles: &[Vec<Arc<Indicator>>]) -> Board {
    let mut board = Board { at: before.at + random.i64(0..90), ..before.clone() };
    for panel in &mut board.panels {
        if random.bool() {
            *panel = random_panel(random, panel, titles);
        }
    }
    board.panels.retain(|_| random.u8(..10) > 0);
    for indicator in &titles[0] {
        let is_there = board.panels.iter().any(|panel| panel.indicator.id == indicator.id);
        if !is_there && random.bool() {
            board.panels.push(random_panel(random, &Panel::empty(indicator, Vec::new(), Vec::new()), titles));
        }
    }
    let (system, kind) = (Some("a".to_owned()), "audit".to_owned());
    match random.u8(..5) {
        0 => board.systems = Arc::new([("a".to_owned(), SystemStatus { id: "a".to_owned(), ..SystemStatus::default() })].into()),
        1 => board.systems = Arc::default(),
        2 => board.review_links = Arc::new(vec![ReviewLink { system, kind, scope: None, url: format!("http://a/{}", board.at) }]),
        _ => {}
    }
    board
}

#[test]
fn a_board_is_the_same_page_whatever_was_published_before() {
    let titles = ["one", "another"].map(indicators);
    for seed in 0..40 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let exporter = Exporter::new(OwnMetrics::new("t").unwrap()).unwrap();
        let mut board = Board::default();
        exporter.publish(&board.families()).unwrap();
        for step in 0..30 {
            let next = random_board(random, &board, &titles);
            exporter.update(&next.changes(&board)).unwrap();
            let (found, expected) = (exporter.text(), clause9_exporter::render(&next.families()).unwrap());
            assert_eq!(String::from_utf8(found).unwrap(), String::from_utf8(expected).unwrap(), "seed {seed}, step {step}");
            board = next;
        }
    }
}

#[test]
fn what_did_not_change_is_no_change() {
    let own = indicators("title");
    let random = &mut fastrand::Rng::with_seed(1);
    let reading = |random: &mut fastrand::Rng, label| random_reading(random, &own[0], &[Some(label)]);
    let readings: Vec<_> = ["a", "b", "c", "d"].map(|label| reading(random, label)).into();
    let found = |after: &[Arc<Reading>]| differences(&readings, after).into_iter().map(|(old, new)| (old.is_some(), new.is_some())).collect::<Vec<_>>();
    assert_eq!(found(&readings), []);
    assert_eq!(found(&readings[1..3]), [(true, false), (true, false)]);
    let swapped = [1, 0, 2, 3].map(|i| Arc::clone(&readings[i]));
    assert_eq!(found(&swapped), [], "another order is no change");
    let other = [Arc::clone(&readings[0]), reading(random, "aa"), reading(random, "b"), Arc::clone(&readings[3])];
    assert_eq!(found(&other), [(true, true), (false, true), (true, false)]);
}
