//! The passing of time: the proof that no row of the catalogue changes between the moment of an evaluation and the moment at which its rows say
//! that they are due, so that nobody needs to look in between.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::{examples::filled_tables, *};
use crate::{
    record::Zone,
    store::{
        Projection,
        sql::{Database, insert_statement},
    },
};

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// Indicators whose readings are ages.
const CLOCKS: [&str; 2] = ["internal_audit_overdue_seconds", "data_pipeline_freshness_ratio"];

/// How many random sets of records each indicator is evaluated on.
const SEEDS: u64 = 300;

/// Every second is looked at for so long after the evaluation; later ones at random, and those around each due moment.
const EVERY_SECOND: i64 = 3;

/// What was seen of an indicator over all seeds.
#[derive(Debug, Default)]
struct Seen {
    /// Systems whose rows said when they are due.
    due: u32,
    /// Of these, the ones of which a row did change then.
    changed: u32,
    /// Facts that time changes.
    moving: u32,
}

/// The rows of each system, and those of none, sorted by their labels.
type Rows = BTreeMap<Option<String>, Vec<Row>>;

/// Random records, with moments around `now`: on both sides of it, and on both sides of the ends of the spans that the indicator looks back.
struct Records<'d> {
    database: &'d dyn Database,
    rng: Rng,
    now: i64,
    spans: Vec<i64>,
}

impl Records<'_> {
    /// Fills all tables that indicators read for whom time passes.
    fn fill(&mut self) {
        for table in filled_tables() {
            self.database.execute(&format!("DELETE FROM main.{table}"), &[]).unwrap();
        }
        self.insert(
            "sources",
            &[
                ("name", "one".into()),
                ("connector", "x".into()),
                ("kind", "incident_tracker".into()),
                ("interval_seconds", Cell::Integer(60)),
                ("stale_after_seconds", Cell::Integer(180)),
            ],
        );
        for system in ["a", "b", "c"] {
            let tier = self.one_of(&["high", "limited"]);
            let (lifecycle, in_scope) = (self.one_of(&["production", "production", "production", "retired"]), self.rng.u8(..6) > 0);
            self.record("systems", system, &[("risk_tier", tier.into()), ("lifecycle", lifecycle.into()), ("in_scope", in_scope.into())]);
        }
        for id in 0..self.rng.usize(..7) {
            self.case(&id.to_string());
        }
        for id in ["p", "q"] {
            let system = self.system();
            self.record("pipelines", id, &[("system", system.into()), ("paused", false.into()), ("broken", false.into())]);
        }
        for id in 0..self.rng.usize(..14) {
            self.run(&id.to_string());
        }
        for id in ["l", "m", "n"] {
            self.event_log(id);
        }
        for labels in 0..self.rng.usize(..10) {
            self.reading(&labels.to_string());
        }
        for id in ["1", "2", "3"] {
            self.objective(id);
        }
    }

    fn case(&mut self, id: &str) {
        let (kind, system) = (self.one_of(&["incident", "incident", "nonconformity"]), self.system());
        let (severity, grade) = (self.one_of(&[Some("critical"), Some("high"), Some("low"), None]), self.one_of(&[Some("major"), Some("minor"), None]));
        let (open, stranger) = (self.rng.bool(), self.one_of(&[None, Some("nobody")]).filter(|_| system.is_none()));
        let [opened_at, resolved_at, closed_at, notify_by] = [(); 4].map(|()| self.moment());
        let notified_at = self.moment().filter(|_| self.rng.u8(..4) == 0);
        // Some are the same case.
        let reference = self.one_of(&[None, None, Some("r")]);
        let times: [(&str, Cell<'_>); 5] = [
            ("opened_at", opened_at.into()),
            ("resolved_at", resolved_at.into()),
            ("closed_at", closed_at.into()),
            ("notify_by", notify_by.into()),
            ("notified_at", notified_at.into()),
        ];
        let others: [(&str, Cell<'_>); 7] = [
            ("kind", kind.into()),
            ("system", system.into()),
            ("upstream_key", stranger.into()),
            ("severity", severity.into()),
            ("grade", grade.into()),
            ("is_open", open.into()),
            ("reference", reference.into()),
        ];
        self.record("cases", id, &[&times[..], &others[..]].concat());
    }

    fn run(&mut self, id: &str) {
        let (pipeline, outcome) = (self.one_of(&["p", "p", "q"]), self.one_of(&["success", "failed", "running"]));
        let (ended_at, executed) = (self.moment(), self.one_of(&[None, Some(0_i64), Some(10)]));
        let (passed, failed) = (self.one_of(&[None, Some(9_i64), Some(10)]), self.one_of(&[None, Some(1_i64)]));
        let values: [(&str, Cell<'_>); 6] = [
            ("pipeline", pipeline.into()),
            ("outcome", outcome.into()),
            ("ended_at", ended_at.into()),
            ("checks_executed", executed.into()),
            ("checks_passed", passed.into()),
            ("checks_failed_error", failed.into()),
        ];
        self.record("runs", id, &values);
    }

    fn event_log(&mut self, id: &str) {
        let (system, received) = (self.system(), self.moment());
        let (retention, silence) = (self.one_of(&[None, Some(30_i64), Some(365), Some(365)]), self.one_of(&[None, Some(10), Some(HOUR)]));
        self.record(
            "event_logs",
            id,
            &[("system", system.into()), ("last_received_at", received.into()), ("retention_days", retention.into()), ("max_silence_seconds", silence.into())],
        );
    }

    fn reading(&mut self, labels: &str) {
        let indicator = self.one_of(&["drift_psi", "bias_average_odds_difference", "drift_psi", CLOCKS[0], CLOCKS[1]]);
        let (system, state) = (self.system(), self.one_of(&["ok", "breach", "breach", "breach", "breach", "unknown"]));
        let state_from = self.moment().unwrap_or(self.now).min(self.now);
        let clock = self.moment().filter(|_| CLOCKS.contains(&indicator));
        let (per, value) = (clock.map(|_| self.one_of(&[1.0, -1.0, 60.0])), Some(1.0).filter(|_| clock.is_none()));
        let values: [(&str, Cell<'_>); 8] = [
            ("indicator", indicator.into()),
            ("labels", labels.into()),
            ("system", system.into()),
            ("value", value.into()),
            ("since", clock.into()),
            ("per_seconds", per.into()),
            ("state", state.into()),
            ("state_from", state_from.into()),
        ];
        self.insert("readings", &values);
    }

    fn objective(&mut self, id: &str) {
        let indicator = self.one_of(&[CLOCKS[0], CLOCKS[0], CLOCKS[1], CLOCKS[1], "drift_psi", ""]);
        let (theme, system) = (self.one_of(&["x", "y"]), self.one_of(&[None, None, Some("a")]));
        let (direction, target) = (
            self.one_of(&[Some("higher"), Some("higher"), Some("lower"), Some("lower"), None]),
            self.one_of(&[Some(0.0), Some(1.0), Some(60.0), Some(0.25), None]),
        );
        let due = self.one_of(&[None, Some(self.now / DAY)]);
        let values: [(&str, Cell<'_>); 7] = [
            ("indicator", indicator.into()),
            ("theme", theme.into()),
            ("system", system.into()),
            ("direction", direction.into()),
            ("target", target.into()),
            ("planned", due.map(|_| 1.0).into()),
            ("due", due.into()),
        ];
        self.record("objectives", id, &values);
    }

    /// A moment, or none.
    fn moment(&mut self) -> Option<i64> {
        let at_an_edge = self.now - self.spans[self.rng.usize(..self.spans.len())];
        match self.rng.u8(..10) {
            0 => None,
            1 => Some(self.now + self.rng.i64(-200 * DAY..20 * DAY)),
            2 | 3 => Some(at_an_edge),
            4 => Some(at_an_edge - 1),
            5 => Some(at_an_edge + 1),
            _ => Some(at_an_edge + self.rng.i64(-20..60)),
        }
    }

    fn system(&mut self) -> Option<&'static str> {
        self.one_of(&[Some("a"), Some("b"), Some("c"), None])
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(..choices.len())]
    }

    fn record(&self, table: &str, id: &str, values: &[(&str, Cell<'_>)]) {
        let own: [(&str, Cell<'_>); 3] = [("source", "one".into()), ("id", id.into()), ("observed_at", Cell::Integer(0))];
        self.insert(table, &[&own[..], values].concat());
    }

    fn insert(&self, table: &str, values: &[(&str, Cell<'_>)]) {
        let (names, values): (Vec<_>, Vec<_>) = values.iter().copied().unzip();
        self.database.execute(&insert_statement(&format!("main.{table}"), &names), &values).unwrap_or_else(|error| panic!("{table}: {error:?}"));
    }
}

/// The spans that the indicator's parameters are about, in seconds, and some that records state themselves.
fn spans(indicator: &Indicator) -> Vec<i64> {
    let of = |parameter: &Parameter| match (parameter.unit.as_str(), parameter.default) {
        #[expect(clippy::cast_possible_truncation, reason = "days and hours of the catalogue")]
        ("days", days) => Some(days as i64 * DAY),
        #[expect(clippy::cast_possible_truncation, reason = "days and hours of the catalogue")]
        ("hours", hours) => Some(hours as i64 * HOUR),
        _ => None,
    };
    let windows: Vec<_> = indicator.parameters.iter().filter_map(of).collect();
    if windows.is_empty() { vec![0, 0, 15, 60, HOUR] } else { windows.into_iter().chain([0]).collect() }
}

fn rows(evaluator: &Evaluator, indicator: &Indicator, now: i64) -> Rows {
    let evaluation = evaluator.begin(Moment::at(now, Zone::UTC)).unwrap();
    let mut rows = Rows::new();
    for row in evaluation.evaluate(indicator, &Overrides::new()).unwrap_or_else(|error| panic!("{error:?}")) {
        rows.entry(row.label("system").map(str::to_owned)).or_default().push(row);
    }
    for rows in rows.values_mut() {
        rows.sort_by(|one, other| one.identity().cmp(other.identity()));
    }
    rows
}

/// Whether these are the same rows, whenever they are due.
fn same(some: Option<&Vec<Row>>, others: Option<&Vec<Row>>) -> bool {
    let undue = |row: &Row| {
        let mut row = row.clone();
        row.due_at = None;
        row
    };
    let undue = |rows: Option<&Vec<Row>>| -> Vec<Row> { rows.into_iter().flatten().map(undue).collect() };
    undue(some) == undue(others)
}

/// Evaluates the indicator on random records at a random moment and at later ones. A system's rows must stay what they are until one of them
/// is due, and until midnight where the indicator asks for the day.
fn observe(evaluator: &Evaluator, indicator: &Indicator, seed: u64, seen: &mut Seen) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let now = NOW + rng.i64(0..DAY);
    let random = rng.fork();
    let fill = |database: &dyn Database| {
        Records { database, rng: random.clone(), now, spans: spans(indicator) }.fill();
        Ok(())
    };
    evaluator.projection.fill(fill).unwrap();
    let before = rows(evaluator, indicator, now);
    let midnight = (now / DAY + 1) * DAY;
    let mut due = BTreeMap::new();
    for (system, rows) in &before {
        seen.moving += u32::try_from(rows.iter().flat_map(Row::moments).count()).unwrap();
        if let Some(row) = rows.iter().find(|row| row.due_at.is_some_and(|due| due <= now)) {
            return Err(format!("seed {seed}: {row:?} is not due later than {now}"));
        }
        let rows_due = rows.iter().filter_map(|row| row.due_at).min();
        due.insert(system.clone(), rows_due.into_iter().chain(indicator.uses_today().then_some(midnight)).min());
    }
    let mut seconds: BTreeSet<_> = (now + 1..=now + EVERY_SECOND).chain([now + rng.i64(1..HOUR), now + rng.i64(1..200 * DAY)]).collect();
    for moment in due.values().flatten() {
        seconds.extend([(moment - 1).max(now + 1), now + rng.i64(1..=moment - now), *moment]);
    }
    for second in seconds {
        let then = rows(evaluator, indicator, second);
        let systems: BTreeSet<_> = before.keys().chain(then.keys()).collect();
        for system in systems {
            let due_at = due.get(system).copied().flatten();
            let stays = same(before.get(system), then.get(system));
            if !stays && due_at.is_none_or(|due| second < due) {
                let (before, then) = (before.get(system), then.get(system));
                return Err(format!("seed {seed}: rows of {system:?}, due at {due_at:?}, differ between {now} and {second}:\n{before:#?}\n{then:#?}"));
            }
            if due_at == Some(second) && second != midnight {
                seen.due += 1;
                seen.changed += u32::from(!stays);
            }
        }
    }
    Ok(())
}

fn observe_all(indicator: &Indicator, seeds: u64) -> Result<Seen, String> {
    let evaluator = Evaluator::new(Projection::in_memory().unwrap());
    let mut seen = Seen::default();
    (0..seeds).try_for_each(|seed| observe(&evaluator, indicator, seed, &mut seen))?;
    Ok(seen)
}

#[test]
fn no_row_of_the_catalogue_changes_before_it_is_due() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let concerned = catalogue.iter().filter(|indicator| indicator.has_due_at() || indicator.columns().has_moments());
    let indicators: Vec<_> = concerned.collect();
    assert!(indicators.len() >= 11);
    let mut vain = Vec::new();
    for indicator in indicators {
        let seen = observe_all(indicator, SEEDS).unwrap_or_else(|lie| panic!("{}: {lie}", indicator.id));
        // The proof is worth something only where time does change rows.
        let changes = !indicator.has_due_at() || seen.changed > 20 && seen.changed * 5 > seen.due;
        let moves = !indicator.columns().has_moments() || seen.moving > 20;
        if !changes || !moves {
            vain.push(format!("{}: {seen:?}", indicator.id));
        }
    }
    assert!(vain.is_empty(), "{vain:#?}");
}

/// Counts the incidents of the last hour, and says that it is due at `due_at`.
fn recent_incidents(due_at: &str) -> Arc<Indicator> {
    let sql = format!(
        "SELECT s.id AS system, count(c.id) AS value, {due_at} AS due_at FROM systems s \
         LEFT JOIN cases c ON c.system = s.id AND c.kind = 'incident' AND c.opened_at > :now - :window_hours * 3600 GROUP BY s.id"
    );
    let text = format!(
        "- {{ id: recent, title: Recent, about: x, references: {{}}, unit: incidents, direction: higher, reads: [systems, cases(incident)], \
         parameters: [{{ name: window_hours, default: 1, unit: hours, about: x }}], sql: {sql:?}, why: x, frequency: x, examples: [] }}\n"
    );
    let catalogue = Catalogue::with(&[("recent.yaml".to_owned(), text)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    Arc::clone(catalogue.get("recent").unwrap())
}

#[test]
fn an_indicator_that_is_wrong_about_when_it_is_due_is_found_out() {
    let leaves = "min(c.opened_at) + :window_hours * 3600";
    let seen = observe_all(&recent_incidents(leaves), 40).unwrap();
    assert!(seen.changed > 20 && seen.changed == seen.due, "{seen:?}");
    for (lie, told) in [
        (format!("{leaves} + 1"), "differ between"),
        ("max(c.opened_at) + :window_hours * 3600".to_owned(), "differ between"),
        ("NULL".to_owned(), "differ between"),
        (":now".to_owned(), "is not due later than"),
    ] {
        let found = observe_all(&recent_incidents(&lie), 40).unwrap_err();
        assert!(found.contains(told), "{lie}: {found}");
    }
}
