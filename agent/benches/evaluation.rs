//! How long each indicator of the catalogue takes on a large organisation's records, in SQLite on disk: medians of several evaluations;
//! and how long the whole core takes over them: evaluate, judge, store what changed, make the board.
//!
//! `cargo bench -p clause9 --bench evaluation`; a number as argument scales the records (1 is 10,000 systems).

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use clause9::{
    config::Config,
    indicator::{Catalogue, Evaluator, Moment, Overrides},
    pipeline::{Core, Delivery, Evaluated},
    record::{Door, Record, SHAPES, Value, Zone, shape},
    store::{
        DATABASE_FILE, Delivered, Mode, Projection, Store, Verification,
        sql::{Database, Row},
        sqlite::Sqlite,
        tables::SourceRow,
    },
};
use clause9_exporter::{Exporter, OwnMetrics};

/// Epoch seconds of 2026-03-31T12:00:00Z.
const NOW: i64 = 1_774_958_400;
const DAY: i64 = 86_400;
const EVALUATIONS: usize = 5;

fn main() {
    let scale = std::env::args().skip(1).find_map(|argument| argument.parse::<f64>().ok()).unwrap_or(1.0);
    let folder = std::env::temp_dir().join(format!("clause9-evaluation-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
    let mut store = Store::open(&folder, Zone::UTC).expect("a new store");
    let path = folder.join(DATABASE_FILE);
    let began = Instant::now();
    fill(&mut store, scale);
    println!("filled in {:.1} s", began.elapsed().as_secs_f64());
    println!("{:<66} {:>10.1}", "database", std::fs::metadata(&path).map_or(f64::NAN, |file| file.len() as f64 / f64::from(1 << 20)));
    evaluate(&path);
    let began = Instant::now();
    let verified = Verification::open(&path).and_then(|mut verification| verification.verify(&[])).expect("a store that can be read");
    assert!(verified.is_good(), "{:?}", verified.findings);
    println!("{:<55} {:>20.1}", "verified", began.elapsed().as_secs_f64() * 1e3);
    drop(store);
    whole_core(&folder);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

fn evaluate(path: &std::path::Path) {
    let mut evaluator = Evaluator::new(Projection::open(path).expect("the database was just made"));
    evaluator.projection.show_sources(&sources()).expect("temporary tables");
    let catalogue = Catalogue::built_in().expect("a test proves it");
    let moment = Moment::at(NOW, Zone::UTC);
    let (mut total, before) = (Duration::ZERO, processor_time());
    println!("{:<55} {:>9} {:>10}", "indicator", "readings", "median ms");
    for indicator in catalogue.iter() {
        let mut times = Vec::new();
        let mut readings = 0;
        for _ in 0..EVALUATIONS {
            let began = Instant::now();
            let evaluation = evaluator.begin(moment).expect("a read transaction");
            readings = evaluation.evaluate(indicator, &Overrides::new()).unwrap_or_else(|error| panic!("{:#}", anyhow::Error::from(error))).len();
            times.push(began.elapsed());
        }
        times.sort();
        let median = times[EVALUATIONS / 2];
        total += median;
        println!("{:<55} {readings:>9} {:>10.1}", indicator.id.as_str(), median.as_secs_f64() * 1e3);
    }
    let used = (processor_time() - before) / u32::try_from(EVALUATIONS).expect("a few");
    println!("{:<55} {:>9} {:>10.1} {:>10.0} of CPU", "all", "", total.as_secs_f64() * 1e3, used.as_secs_f64() * 1e3);
}

/// The sources that feed the records, as a configuration has them.
const CONFIG: &str = r#"
organisation: { name: Large, timezone: UTC }
data_dir: .
sources:
  - { name: models, connector: records, path: m, stale_after: 1d, feeds: [model_versions, measurements] }
  - { name: pipelines, connector: records, path: p, stale_after: 1d, feeds: [pipelines, runs] }
  - { name: tickets, connector: records, path: t, stale_after: 1d, feeds: [cases] }
  - { name: registers, connector: records, path: r, stale_after: 1d, feeds: [systems, reviews, objectives] }
"#;

/// From records to a page: the first time everything is new, then nothing, then one hundredth of the cases, then a few measurements.
fn whole_core(folder: &std::path::Path) {
    let file = folder.join("agent.yaml");
    std::fs::write(&file, CONFIG).expect("the folder is ours");
    let config = Config::load(&file, NOW).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let began = Instant::now();
    let mut core = Core::open(config.into(), NOW).expect("a store that nobody else has open");
    println!("{:<66} {:>10.1}", "opened", began.elapsed().as_secs_f64() * 1e3);
    println!("\n{:<55} {:>10} {:>10} {:>10}", "core", "indicators", "ms", "CPU ms");
    timed("everything, every reading new and stored", || done(core.evaluate(NOW)));
    timed("the bulk insert of those rows", || bulk_insert(folder));
    for _ in 0..3 {
        core.touch_everything();
        timed("everything, nothing changed", || done(core.evaluate(NOW)));
    }
    timed("nothing touched or due", || done(core.evaluate(NOW)));
    let exporter = Exporter::new(OwnMetrics::new("bench").expect("a good namespace")).expect("nothing is registered");
    let mut board = core.board(NOW);
    timed("board and page from nothing", || {
        exporter.publish(&board.families()).expect("a valid page");
        String::new()
    });
    let polls =
        [("tickets", "1,000 new incidents in 1,000 systems", new_cases("a", 1_000)), ("tickets", "1,000 new incidents in one system", new_cases("b", 1))];
    for (source, what, delivery) in polls.into_iter().chain([("models", "10 changed measurements", changed_measurements())]) {
        timed(&format!("{what}: all of it"), || {
            timed("  commit", || {
                core.take_in(source, Ok(delivery), Duration::ZERO, NOW).expect("a commit");
                String::new()
            });
            timed("  what that touched, stored", || done(core.evaluate(NOW)));
            timed("  board and page", || {
                let next = core.board(NOW);
                exporter.update(&next.changes(&board)).expect("a valid page");
                board = next;
                String::new()
            });
            String::new()
        });
    }
    let readings: usize = board.panels.iter().map(|panel| panel.readings.len()).sum();
    println!("{readings} readings");
    println!("{:<66} {:>10.1}", "peak memory", peak_memory_mib());
}

/// The most memory that this process has held, in MiB, as Linux counts.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// How many indicators were evaluated: whole and for some systems.
fn done(evaluated: Evaluated) -> String {
    format!("{}+{}", evaluated.whole, evaluated.for_systems)
}

fn timed(what: &str, work: impl FnOnce() -> String) {
    let (began, before) = (Instant::now(), processor_time());
    let what_was_done = work();
    let (took, used) = (began.elapsed(), processor_time() - before);
    println!("{what:<55} {what_was_done:>10} {:>10.1} {:>10.0}", took.as_secs_f64() * 1e3, used.as_secs_f64() * 1e3);
}

/// What all threads of this process took of the processors, in hundredths of a second as Linux counts.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    Duration::from_millis(after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// What storing readings can't be quicker than: their rows into tables of the same kind, already in order, in one transaction.
fn bulk_insert(folder: &std::path::Path) -> String {
    let database: &dyn Database = &Sqlite::open(&folder.join(DATABASE_FILE)).expect("the database was just made");
    database.batch("PRAGMA synchronous = FULL").expect("a setting");
    let mut made = Vec::new();
    for table in ["reading_intervals", "readings"] {
        let mut definitions = Vec::new();
        let of_table = "SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY type = 'index'";
        let take = &mut |row: &dyn Row| {
            definitions.push(row.get::<String>(0)?);
            Ok(ControlFlow::Continue(()))
        };
        database.walk(of_table, &[table.into()], take).expect("a table of the store");
        for definition in definitions {
            database.batch(&definition.replace(table, &format!("{table}_bulk"))).expect("the same table by another name");
        }
        made.push(format!("INSERT INTO {table}_bulk SELECT * FROM {table}"));
    }
    database.batch(&format!("BEGIN; {}; COMMIT", made.join(";"))).expect("the same rows");
    database.batch("DROP TABLE reading_intervals_bulk; DROP TABLE readings_bulk").expect("the tables are ours");
    String::new()
}

/// Newer measurements of ten systems.
fn changed_measurements() -> Delivery {
    let door = Door { now: NOW, zone: Zone::UTC };
    let measurement = |number: i64| {
        let system = format!("system-{:05}", number * 7);
        let measurement = serde_json::json!({
            "record": "measurement", "id": format!("new-{number}"), "system": system, "model": system, "version": "5", "family": "drift", "method": "psi",
            "feature": "feature_0", "value": 0.5, "n_reference": 10_000, "n_current": 10_000, "measured_at": NOW });
        door.admit(&measurement).expect("a good measurement").remove(0)
    };
    delivery((0..10).map(measurement).collect())
}

fn delivery(records: Vec<Record>) -> Delivery {
    Delivery {
        streams: vec![Delivered { stream: "all".into(), mode: Mode::Changes, records, position: None, feeds: Vec::new() }],
        pages: 1,
        ..Delivery::default()
    }
}

fn new_cases(prefix: &str, systems: i64) -> Delivery {
    let door = Door { now: NOW, zone: Zone::UTC };
    let case = |number: i64| {
        let system = format!("system-{:05}", number % systems * 7);
        let case = serde_json::json!({ "record": "case", "id": format!("{prefix}-{number}"), "kind": "incident", "severity": "high", "system": system });
        door.admit(&case).expect("a good case").remove(0)
    };
    delivery((0..1_000).map(case).collect())
}

/// Records by source.
type Records = BTreeMap<&'static str, Vec<Record>>;

/// Commits the records of a large organisation, the inventory first.
fn fill(store: &mut Store, scale: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "a scale is small")]
    let systems = (10_000.0 * scale) as i64;
    let random = &mut fastrand::Rng::with_seed(42);
    let records = &mut Records::new();
    for system in 0..systems {
        fill_system(records, system, random);
    }
    for source in SOURCES.into_iter().rev() {
        let records = records.remove(source).expect("every source has records");
        let stream = Delivered { stream: "all".into(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
        store.commit(source, &[stream], NOW - 60).expect("a commit");
    }
}

/// What the records come from. The inventory comes last.
const SOURCES: [&str; 4] = ["models", "pipelines", "tickets", "registers"];

fn sources() -> [SourceRow; 4] {
    SOURCES.map(|name| SourceRow {
        name: name.into(),
        connector: name.into(),
        kind: if name == "models" { "model_registry".into() } else { name.into() },
        interval_seconds: 300,
        stale_after_seconds: 900,
        last_success_at: Some(NOW - 60),
    })
}

/// A system with 5 model versions, 10 measurements of each, 10 reviews, 10 cases, 2 pipelines and 10 runs of each.
fn fill_system(records: &mut Records, number: i64, random: &mut fastrand::Rng) {
    let system = format!("system-{number:05}");
    let tier = ["high", "limited", "limited", "minimal"][random.usize(0..4)];
    let lifecycle = ["retired", "development", "production", "production", "production"][random.usize(0..5)];
    let fields = [("risk_tier", text(tier)), ("lifecycle", text(lifecycle)), ("in_scope", whole(i64::from(random.u8(..) > 4)))];
    insert(records, "system", "registers", &system, None, &fields);
    for version in 1..=5 {
        let in_production = i64::from(version == 5);
        let version_text = text(&version.to_string());
        let fields = [("model", text(&system)), ("version", version_text), ("in_production", whole(in_production)), ("promoted_at", whole(NOW - 60 * DAY))];
        insert(records, "model_version", "models", &format!("{system}/{version}"), Some(&system), &fields);
        (0..10).for_each(|measurement| fill_measurement(records, &system, version, measurement, random));
    }
    (0..10).for_each(|review| fill_review(records, &system, review, random));
    (0..10).for_each(|case| fill_case(records, &system, case, random));
    (0..2).for_each(|pipeline| fill_pipeline(records, &system, pipeline, random));
}

/// Five that are done, each with the next one that it announced.
fn fill_review(records: &mut Records, system: &str, number: usize, random: &mut fastrand::Rng) {
    let kind = ["impact_assessment", "impact_assessment", "risk_assessment", "bias_test", "training"][number % 5];
    let done = number < 5;
    let due = NOW / DAY + if done { -400 } else { random.i64(-20..400) };
    let id = if done { format!("{system}-{number}") } else { format!("{system}-{}/next", number - 5) };
    let status = text(if done { "approved" } else { "planned" });
    let mut fields = vec![("kind", text(kind)), ("due", whole(due)), ("due_ends_at", whole((due + 1) * DAY)), ("status", status)];
    fields.extend(done.then(|| ("approved_at", whole(NOW - 400 * DAY))));
    insert(records, "review", "registers", &id, Some(system), &fields);
}

fn fill_case(records: &mut Records, system: &str, number: usize, random: &mut fastrand::Rng) {
    let kind = ["incident", "incident", "nonconformity", "corrective_action", "risk"][number % 5];
    let severity = ["critical", "high", "medium", "low"][random.usize(0..4)];
    let grade = if random.bool() { "major" } else { "minor" };
    let (open, opened_at, due) = (i64::from(random.u8(..) < 40), NOW - random.i64(0..100 * DAY), NOW / DAY + random.i64(-20..100));
    let fields = [
        ("kind", text(kind)),
        ("severity", text(severity)),
        ("grade", text(grade)),
        ("is_open", whole(open)),
        ("opened_at", whole(opened_at)),
        ("due", whole(due)),
        ("due_ends_at", whole((due + 1) * DAY)),
    ];
    insert(records, "case", "tickets", &format!("{system}-{number}"), Some(system), &fields);
}

fn fill_pipeline(records: &mut Records, system: &str, number: usize, random: &mut fastrand::Rng) {
    let id = format!("{system}-{number}");
    insert(records, "pipeline", "pipelines", &id, Some(system), &[("freshness_limit_seconds", whole(DAY))]);
    for run in 0..10 {
        let outcome = if random.u8(..) < 20 { "failed" } else { "success" };
        let fields = [("pipeline", text(&id)), ("outcome", text(outcome)), ("ended_at", whole(NOW - run * DAY - random.i64(0..DAY)))];
        insert(records, "run", "pipelines", &format!("{id}/{run}"), Some(system), &fields);
    }
}

fn fill_measurement(records: &mut Records, system: &str, version: i64, number: i64, random: &mut fastrand::Rng) {
    let (family, method, kind) = match number {
        0..4 => ("drift", "psi", "statistic"),
        4..7 => ("drift", "ks", "p_value"),
        7 => ("drift", "jensen_shannon", "statistic"),
        8 => ("bias", "disparate_impact_ratio", "ratio"),
        _ => ("bias", "statistical_parity_difference", "statistic"),
    };
    let fields = [
        ("model", text(system)),
        ("version", text(&version.to_string())),
        ("family", text(family)),
        ("method", text(method)),
        ("kind", text(kind)),
        ("feature", text(&format!("feature_{number}"))),
        ("attribute", if family == "bias" { text("sex") } else { Value::Null }),
        ("value", Value::Real(random.f64() / 3.0)),
        ("n_reference", whole(10_000)),
        ("n_current", whole(10_000)),
        ("n_subgroup", whole(500)),
        ("measured_at", whole(NOW - random.i64(0..40 * DAY))),
    ];
    insert(records, "measurement", "models", &format!("{system}/{version}/{number}"), Some(system), &fields);
}

fn whole(number: i64) -> Value {
    Value::Integer(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Adds a record with these fields; the others have their defaults.
fn insert(records: &mut Records, name: &str, source: &'static str, id: &str, system: Option<&str>, fields: &[(&str, Value)]) {
    let shape = SHAPES.iter().find(|shape| shape.name == name).expect("a shape of the table");
    let value = |field: &shape::Field| {
        let given = fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value.clone());
        given.unwrap_or_else(|| default(field))
    };
    records.entry(source).or_default().push(Record {
        shape,
        id: id.to_owned(),
        url: None,
        system_keys: system.into_iter().map(str::to_owned).collect(),
        values: shape.fields.iter().map(value).collect(),
        lists: shape.lists.iter().map(|_| Vec::new()).collect(),
        attributes: Vec::new(),
        doubts: Vec::new(),
    });
}

fn default(field: &shape::Field) -> Value {
    match (field.presence, field.kind) {
        (shape::Presence::Default(number), shape::Kind::Boolean) => whole(i64::from(number == "1")),
        (shape::Presence::Default(word), _) => Value::Text(word.to_owned()),
        _ => Value::Null,
    }
}
