//! A year of a large organisation, lived by the agent's own core: millions of record versions and of reading intervals, each polled, evaluated, stored and
//! sealed as an agent does it. `tests/bench/year/run` measures what is asked of such a store.
//!
//! `cargo bench -p clause9 --bench year -- fill FOLDER [SCALE [DAYS]]` lives the year 2025 or its first days (a scale of 1 is 540 systems, two million of each
//! in a year); `... -- history FOLDER ROUNDS` reads one series over the year, `... -- breach FOLDER ROUNDS OUT FROM UNTIL` the time in breach of every series
//! in a period (epoch seconds).

use std::{
    fs,
    ops::Range,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clause9::{
    config::Config,
    history::{self, History},
    pipeline::{Core, Delivery},
    record::{Door, Record},
    store::{DATABASE_FILE, Delivered, Key, Mode, Reader, size},
};
use serde_json::{Value, json};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// 2024-12-31T23:00:00Z, the midnight with which 2025 begins in Berlin.
const BEGIN: i64 = 1_735_686_000;
const DAYS: i64 = 365;

/// Days on which no agent ran.
const DOWN: Range<i64> = 310..312;

const SYSTEMS: f64 = 540.0;

const FEATURES: [&str; 8] = ["age", "income", "tenure", "region", "channel", "balance", "requests_30d", "prediction"];
const WORDS: [&str; 9] = ["credit", "claims", "routing", "pricing", "triage", "search", "forecast", "fraud", "support"];

const CONFIG: &str = r#"
organisation: { name: Large, timezone: Europe/Berlin }
data_dir: data
sources:
  - { name: registers, connector: records, path: registers, every: 1d, stale_after: 2d, feeds: [systems, reviews] }
  - { name: tracker, connector: records, path: tracker, every: 12h, stale_after: 2d, feeds: ["cases(incident)", "cases(nonconformity)"] }
  - { name: pipelines, connector: records, path: pipelines, every: 12h, stale_after: 2d, feeds: [pipelines, runs] }
  - { name: models, connector: records, path: models, every: 12h, stale_after: 2d, feeds: [model_versions, measurements] }
"#;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fill", folder] => fill(Path::new(folder), 1.0, DAYS),
        ["fill", folder, scale] => fill(Path::new(folder), scale.parse().expect("a scale is a number"), DAYS),
        ["fill", folder, scale, days] => {
            fill(Path::new(folder), scale.parse().expect("a scale is a number"), days.parse().expect("days are a whole number"));
        }
        ["history", folder, rounds] => one_series(&database(folder), rounds.parse().expect("a number of rounds")),
        ["breach", folder, rounds, out, from, until] => {
            let [from, until] = [from, until].map(|end| end.parse().expect("epoch seconds"));
            breach(&database(folder), rounds.parse().expect("a number of rounds"), Path::new(out), &(from..until));
        }
        _ => {
            println!("usage: year fill FOLDER [SCALE [DAYS]] | history FOLDER ROUNDS | breach FOLDER ROUNDS OUT FROM UNTIL");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn database(folder: &str) -> std::path::PathBuf {
    Path::new(folder).join("data").join(DATABASE_FILE)
}

/// What all threads of this process took of the processors, in hundredths of a second as Linux counts.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    Duration::from_millis(after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Lives the year.
fn fill(folder: &Path, scale: f64, days: i64) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let file = folder.join("agent.yaml");
    fs::write(&file, CONFIG).expect("the folder is ours");
    let config: Arc<Config> = Config::load(&file, BEGIN).unwrap_or_else(|mistakes| panic!("{mistakes}")).into();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
    let mut year = Year { systems: (SYSTEMS * scale) as usize, random: fastrand::Rng::with_seed(42), incidents: Vec::new(), config };
    let began = Instant::now();
    let mut running = None;
    for day in (0..days).filter(|day| !DOWN.contains(day)) {
        let core = running.get_or_insert_with(|| year.open(BEGIN + day * DAY + 7));
        year.live(core, day);
        if [DOWN.start, days].contains(&(day + 1))
            && let Some(mut core) = running.take()
        {
            core.stop(BEGIN + (day + 1) * DAY - 7).expect("a store that can be written");
        }
        if day % 30 == 29 {
            eprintln!("day {}: {:.0} s, {} MiB", day + 1, began.elapsed().as_secs_f64(), size(&database_of(folder)) >> 20);
        }
    }
    println!("filled in {:.0} s, {:.0} s of CPU", began.elapsed().as_secs_f64(), processor_time().as_secs_f64());
}

fn database_of(folder: &Path) -> std::path::PathBuf {
    folder.join("data").join(DATABASE_FILE)
}

struct Year {
    systems: usize,
    random: fastrand::Rng,
    /// System, severity, and the days on which it was opened and is resolved.
    incidents: Vec<(usize, &'static str, i64, i64)>,
    config: Arc<Config>,
}

impl Year {
    fn open(&self, now: i64) -> Core {
        Core::open(Arc::clone(&self.config), now).expect("a store that nobody else has open")
    }

    fn id(system: usize) -> String {
        format!("{}-{system:03}", WORDS[system % WORDS.len()])
    }

    /// A day with what an agent does on it: polls, an evaluation after each, and a note of every hour that it ran.
    fn live(&mut self, core: &mut Core, day: i64) {
        let midnight = BEGIN + day * DAY;
        for hour in 0..24 {
            let now = midnight + hour * HOUR + 9 * 60;
            // What time alone changes is seen with the polls.
            let is_polled = [1, 2, 4, 5, 13, 14].contains(&hour);
            match hour {
                1 => {
                    let rows = self.registers(day);
                    self.poll(core, "registers", Mode::Snapshot, &rows, now);
                }
                2 | 14 => {
                    let rows = self.tracker(day, hour == 2);
                    self.poll(core, "tracker", Mode::Changes, &rows, now);
                }
                5 => {
                    let rows = self.pipelines(day);
                    self.poll(core, "pipelines", Mode::Snapshot, &rows, now);
                }
                // Half of the models are measured at night, half at noon.
                4 | 13 => {
                    let rows = self.models(day, usize::from(hour == 13), now);
                    self.poll(core, "models", Mode::Changes, &rows, now);
                }
                _ => {}
            }
            if is_polled {
                core.evaluate(now);
            }
            core.go_on(now);
        }
    }

    fn poll(&self, core: &mut Core, source: &str, mode: Mode, rows: &[Value], now: i64) {
        let door = Door { now, zone: self.config.zone };
        let admitted = |row: &Value| -> Vec<Record> { door.admit(row).unwrap_or_else(|error| panic!("{row}: {error}")) };
        let stream = Delivered { stream: "all".into(), mode, records: rows.iter().flat_map(admitted).collect(), position: None, feeds: Vec::new() };
        let delivery = Delivery { streams: vec![stream], pages: 1, ..Delivery::default() };
        core.take_in(source, Ok(delivery), Duration::ZERO, now).unwrap_or_else(|failure| panic!("{source}: {failure:?}"));
    }

    /// The inventory, and two impact assessments a year of each system, of which a few are late.
    fn registers(&self, day: i64) -> Vec<Value> {
        let mut rows = Vec::new();
        for system in 0..self.systems {
            let id = Self::id(system);
            let tier = ["high", "limited", "limited", "minimal"][system % 4];
            rows.push(json!({"record": "system", "id": id, "risk_tier": tier, "owner_role": "Head of Data", "lifecycle": "production"}));
            for half in 0..2 {
                let number = i64::try_from(system).expect("some hundreds");
                let due = half * 182 + number % 180;
                let done = due + if system % 17 == 0 { 25 } else { -5 };
                let at = |day: i64| BEGIN + day * DAY + 10 * HOUR;
                let approved = (done <= day).then_some(at(done));
                rows.push(json!({
                    "record": "review", "kind": "impact_assessment", "id": format!("ia-{id}-{half}"), "system": id, "due": clause9::record::date_of((BEGIN + due * DAY) / DAY + 1).to_string(),
                    "completed_at": approved, "approved_at": approved, "status": if approved.is_some() { "approved" } else { "planned" },
                }));
            }
        }
        rows
    }

    /// What changed of incidents since the last poll.
    fn tracker(&mut self, day: i64, opens: bool) -> Vec<Value> {
        let mut changed = Vec::new();
        if opens {
            for _ in 0..self.systems.div_ceil(30) {
                let severity = ["critical", "high", "medium", "medium", "low"][self.random.usize(..5)];
                self.incidents.push((self.random.usize(..self.systems), severity, day, day + self.random.i64(0..20)));
                changed.push(self.incidents.len() - 1);
            }
        } else {
            changed.extend((0..self.incidents.len()).filter(|number| self.incidents[*number].3 == day));
        }
        let row = |number: usize| {
            let (system, severity, opened, resolved) = self.incidents[number];
            let resolved = (!opens && resolved == day).then_some(BEGIN + day * DAY + 12 * HOUR);
            json!({
                "record": "case", "kind": "incident", "id": format!("INC-{number}"), "system": Self::id(system), "severity": severity,
                "opened_at": BEGIN + opened * DAY + HOUR, "resolved_at": resolved, "status": if resolved.is_some() { "resolved" } else { "open" },
                "url": format!("https://tracker.example.org/issues/{number}"),
            })
        };
        changed.into_iter().map(row).collect()
    }

    /// A pipeline of each system with its runs of a week; one in fifty fails.
    fn pipelines(&self, day: i64) -> Vec<Value> {
        let mut rows = Vec::new();
        for system in 0..self.systems {
            let id = Self::id(system);
            rows.push(json!({"record": "pipeline", "id": id, "system": id, "freshness_limit_seconds": 2 * DAY}));
            for of in (day - 6).max(0)..=day {
                let fails = (i64::try_from(system).expect("some hundreds") * 31 + of * 17) % 50 == 0;
                let ended = BEGIN + of * DAY + 3 * HOUR + 60 * i64::try_from(system % 60).expect("a minute");
                rows.push(json!({
                    "record": "run", "id": format!("{id}/scheduled__{}", clause9::record::date_of((BEGIN + of * DAY) / DAY + 1)), "pipeline": id, "system": id,
                    "outcome": if fails { "failed" } else { "success" }, "run_type": "scheduled", "interval_end": BEGIN + of * DAY, "started_at": ended - 900, "ended_at": ended,
                }));
            }
        }
        rows
    }

    /// Half of the models with what was measured of them; each third has a new version once a quarter.
    fn models(&mut self, day: i64, half: usize, now: i64) -> Vec<Value> {
        let mut rows = Vec::new();
        for system in (half..self.systems).step_by(2) {
            let number = i64::try_from(system).expect("some hundreds");
            let version = if system % 3 == 0 { (day + number % 90) / 90 + 1 } else { 1 };
            let id = Self::id(system);
            for (of, in_production) in [(version - 1, false), (version, true)] {
                if of > 0 {
                    rows.push(json!({
                        "record": "model_version", "id": format!("{id}-model/{of}"), "system": id, "model": format!("{id}-model"), "version": of.to_string(),
                        "in_production": in_production, "approved": true, "created_at": BEGIN - DAY + ((of - 1) * 90 - number % 90) * DAY,
                    }));
                }
            }
            for (place, feature) in FEATURES.iter().enumerate() {
                let (method, kind) = if place < 6 { ("psi", "statistic") } else { ("ks", "p_value") };
                rows.push(self.measurement(&id, version, "drift", method, kind, Some(feature), number * 8 + i64::try_from(place).expect("eight"), now));
            }
            rows.push(self.measurement(&id, version, "bias", "disparate_impact_ratio", "ratio", None, number, now));
        }
        rows
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a record")]
    fn measurement(&mut self, id: &str, version: i64, family: &str, method: &str, kind: &str, feature: Option<&str>, of: i64, now: i64) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "days of a year")]
        let months = (now - BEGIN) as f64 / DAY as f64 / 30.0;
        let noise = self.random.f64();
        let value = match method {
            // Of twelve features one drifts over the year; the others stay where they are.
            "psi" if of % 12 == 0 => 0.05 + months * 0.02 + noise * 0.03,
            "psi" => 0.02 + noise * 0.05,
            "ks" => noise.powf(0.3),
            _ => 0.78 + noise * 0.2,
        };
        let mut row = json!({
            "record": "measurement", "id": format!("{id}-model/{version}/{method}/{}", feature.unwrap_or("sex")), "system": id, "model": format!("{id}-model"),
            "version": version.to_string(), "family": family, "method": method, "kind": kind, "value": (value * 1e6).round() / 1e6,
            "n_reference": 10_000, "n_current": 5_000 + self.random.i64(0..500), "measured_at": now - 600,
        });
        match feature {
            Some(feature) => row["feature"] = (*feature).into(),
            None => {
                row["attribute"] = "sex".into();
                row["subgroup"] = "female".into();
                row["n_subgroup"] = 2_000.into();
            }
        }
        if method == "psi" {
            row["bins"] = 10.into();
        }
        row
    }
}

/// One series over the year: by its key, as a page asks that has it, and by what people type.
fn one_series(database: &Path, rounds: usize) {
    let system = Year::id(250);
    let key = Key { indicator: "drift_psi".into(), labels: labels_of(database, &system) };
    let year = BEGIN..BEGIN + DAYS * DAY;
    let choice = history::Choice {
        system: Some(system),
        labels: [("feature", "income"), ("version", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    for _ in 0..rounds {
        let (began, before) = (Instant::now(), processor_time());
        let reader = Reader::open(database).expect("a store");
        let held = reader.held(&key.indicator, &key.labels, &year).expect("a store that can be read").len();
        println!("held {held} {:.3} {:.3}", began.elapsed().as_secs_f64(), (processor_time() - before).as_secs_f64());
    }
    for _ in 0..rounds {
        let (began, before) = (Instant::now(), processor_time());
        let reader = Reader::open(database).expect("a store");
        let history = History::read(&reader, &key.indicator, &choice, &year).expect("a store that can be read").expect("a year that was watched");
        assert_eq!(history.courses.len(), 1, "{:?}", history.courses.iter().map(|course| &course.labels).collect::<Vec<_>>());
        println!("history {} {:.3} {:.3}", history.courses[0].steps.len(), began.elapsed().as_secs_f64(), (processor_time() - before).as_secs_f64());
    }
}

fn labels_of(database: &Path, system: &str) -> String {
    let reader = Reader::open(database).expect("a store");
    let has = |labels: &String| [format!("\"{system}\""), "\"income\"".to_owned(), "\"1\"".to_owned()].iter().all(|word| labels.contains(word));
    reader.labels("drift_psi").expect("a store that can be read").into_iter().find(has).expect("a series of that system")
}

/// Time in breach of every series in a period: each with its seconds into a file, so that somebody else's sum can be held against them.
fn breach(database: &Path, rounds: usize, out: &Path, period: &Range<i64>) {
    let mut lines = Vec::new();
    for _ in 0..rounds {
        let (began, before) = (Instant::now(), processor_time());
        let reader = Reader::open(database).expect("a store");
        let found = history::in_breach(&reader, period).expect("a store that can be read");
        lines = found.iter().map(|it| format!("{}\t{}\t{}", it.indicator, serde_json::to_string(&it.labels).expect("texts"), it.seconds)).collect();
        println!("breach {} {:.3} {:.3}", lines.len(), began.elapsed().as_secs_f64(), (processor_time() - before).as_secs_f64());
    }
    lines.sort();
    fs::write(out, lines.join("\n") + "\n").expect("a file that can be written");
}
