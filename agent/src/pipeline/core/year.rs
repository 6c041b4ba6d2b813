//! A simulated year: twenty systems whose features drift, whose incidents come and go, whose impact assessments fall due, are approved in time, late or never,
//! whose sources fail for days, whose limits change, and an agent that is down for two days. Four packs are made of it and held against what
//! `tests/year/answers.py` works out from the same events, in another language and in another way: what was known at each moment, and what followed from it.
//! Then every stored reading is computed again.
//!
//! `CLAUSE9_YEAR_SEED` chooses another year, `CLAUSE9_YEAR_KEEP` a folder in which events and packs are left.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::*;
use crate::{
    connector::FailureReason,
    indicator::Catalogue,
    pipeline::{Outcome, Rederiver},
    record::{Door, Zone},
    review::{self, Choice, Order, Subject, YearStart},
    store::{Delivered, Mode, Reader, Verification},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// 2025-12-31T11:00:00Z, noon in Berlin.
const BEGIN: i64 = 1_767_178_800;

/// The first day of the year after, and some hours: 2027-01-01T05:00:00Z.
const END: i64 = 1_798_779_600;

/// The indicators that are held against the answers.
const INDICATORS: [&str; 3] = ["incidents_open", "impact_assessments_overdue", "drift_psi"];

/// Name, first poll after the beginning, interval, how long what it said counts, what it feeds.
const SOURCES: [(&str, i64, i64, i64, &str); 4] = [
    ("inventory", 2 * MINUTE, DAY, 3 * DAY, "systems"),
    ("assessments", 3 * MINUTE, DAY, 2 * DAY, "\"reviews(impact_assessment)\""),
    ("tracker", 4 * MINUTE, 6 * HOUR, DAY, "\"cases(incident)\""),
    ("registry", 5 * MINUTE, DAY, 2 * DAY, "model_versions, measurements"),
];

/// When sources fail, in days from the beginning.
const FAILURES: [(&str, i64, i64); 5] =
    [("tracker", 40, 42), ("tracker", 200, 206), ("registry", 100, 104), ("assessments", 150, 155), ("inventory", 300, 306)];

/// When nobody watches, in days from the beginning: half a day off, so that no poll lies on its edge.
const DOWN: (i64, i64) = (240, 242);

/// When another limit is in force, in days from the beginning.
const OTHER_LIMIT: (i64, i64) = (120, 215);

/// A system with the days, from the beginning, from which and until which it is there.
struct System {
    id: String,
    tier: &'static str,
    from: i64,
    retired_at: i64,
}

struct Incident {
    id: String,
    system: usize,
    severity: &'static str,
    opened_at: i64,
    resolved_at: i64,
}

struct Assessment {
    id: String,
    system: usize,
    due: String,
    approved_at: i64,
}

struct Measurement {
    system: usize,
    at: i64,
    value: f64,
}

/// What happens, whoever sees it.
struct Events {
    systems: Vec<System>,
    incidents: Vec<Incident>,
    assessments: Vec<Assessment>,
    measurements: Vec<Measurement>,
}

/// Of what does not end.
const NEVER: i64 = i64::MAX;

impl Events {
    fn new(random: &mut fastrand::Rng) -> Self {
        let system = |number: i64| System {
            id: format!("s{number:02}"),
            tier: if number <= 8 { "high" } else { "limited" },
            from: if number == 19 { BEGIN + 110 * DAY } else { 0 },
            retired_at: if number == 20 { BEGIN + 190 * DAY } else { NEVER },
        };
        let systems: Vec<_> = (1..=20).map(system).collect();
        let somebody = |random: &mut fastrand::Rng, at: i64| loop {
            let system = random.usize(..systems.len());
            if systems[system].from + 2 * DAY < at && at < systems[system].retired_at {
                return system;
            }
        };
        let (mut incidents, mut at) = (Vec::new(), BEGIN - 20 * DAY);
        while at < END {
            at += random.i64(HOUR..7 * DAY);
            let severity = ["critical", "high", "high", "medium", "medium", "low"][random.usize(..6)];
            let took = random.i64(2 * HOUR..25 * DAY);
            let resolved_at = if random.u8(..12) == 0 { NEVER } else { at + took };
            incidents.push(Incident { id: format!("I{}", incidents.len() + 1), system: somebody(random, at), severity, opened_at: at, resolved_at });
        }
        let mut assessments = Vec::new();
        for system in 0..systems.len() {
            let mut due = BEGIN + random.i64(5..120) * DAY;
            while due < END {
                let approved_at = match random.u8(..10) {
                    0 => NEVER,
                    1..4 => due + random.i64(2..50) * DAY + random.i64(0..DAY),
                    _ => due - random.i64(1..20) * DAY,
                };
                let day = crate::record::date_of(due.div_euclid(DAY)).to_string();
                assessments.push(Assessment { id: format!("A{}", assessments.len() + 1), system, due: day, approved_at });
                due += 182 * DAY;
            }
        }
        let mut measurements = Vec::new();
        for system in 0..systems.len() {
            let mut value: f64 = 0.05;
            let mut at = BEGIN - 3 * DAY + random.i64(0..DAY);
            while at < END {
                value = (value + (random.f64() - 0.48) * 0.06).clamp(0.001, 0.4);
                // Now and then nobody measures for longer than a measurement counts.
                at += if random.u8(..30) == 0 { 35 * DAY } else { 7 * DAY };
                measurements.push(Measurement { system, at, value: (value * 1e4).round() / 1e4 });
            }
            measurements.push(Measurement { system, at: BEGIN - 4 * DAY, value: 0.05 });
        }
        Self { systems, incidents, assessments, measurements }
    }

    /// What a source says at a moment.
    fn said(&self, source: &str, now: i64) -> Vec<Value> {
        let id = |system: usize| self.systems[system].id.as_str();
        match source {
            "inventory" => {
                let there = self.systems.iter().filter(|system| system.from <= now);
                let lifecycle = |system: &System| if system.retired_at <= now { "retired" } else { "production" };
                there.map(|it| json!({"record": "system", "id": it.id, "risk_tier": it.tier, "owner_role": "owner", "lifecycle": lifecycle(it)})).collect()
            }
            "assessments" => {
                let one = |it: &Assessment| {
                    let approved = (it.approved_at <= now).then_some(it.approved_at);
                    json!({"record": "review", "kind": "impact_assessment", "id": it.id, "system": id(it.system), "due": it.due, "completed_at": approved,
                           "approved_at": approved, "status": if approved.is_some() { "approved" } else { "planned" }})
                };
                self.assessments.iter().map(one).collect()
            }
            "tracker" => {
                let one = |it: &Incident| {
                    let resolved = (it.resolved_at <= now).then_some(it.resolved_at);
                    json!({"record": "case", "kind": "incident", "id": it.id, "system": id(it.system), "severity": it.severity, "opened_at": it.opened_at,
                           "resolved_at": resolved, "status": if resolved.is_some() { "resolved" } else { "open" }})
                };
                self.incidents.iter().filter(|it| it.opened_at <= now).map(one).collect()
            }
            _ => {
                let model = |it: &System| json!({"record": "model_version", "id": format!("m-{}/1", it.id), "system": it.id, "model": format!("m-{}", it.id), "version": "1", "in_production": true});
                let one = |it: &Measurement| {
                    let system = id(it.system);
                    json!({"record": "measurement", "id": format!("{system}-{}", it.at), "system": system, "model": format!("m-{system}"), "version": "1", "family": "drift",
                           "method": "psi", "feature": "income", "value": it.value, "n_reference": 5000, "n_current": 5000, "bins": 10, "measured_at": it.at})
                };
                let models = self.systems.iter().filter(|system| system.from <= now).map(model);
                let recent = self.measurements.iter().filter(|it| it.at <= now && it.at > now - 60 * DAY && self.systems[it.system].from <= now);
                models.chain(recent.map(one)).collect()
            }
        }
    }

    /// For the answers, with when they were seen.
    fn json(&self, polls: &[Value]) -> Value {
        let id = |system: usize| &self.systems[system].id;
        let ends = |at: i64| (at != NEVER).then_some(at);
        json!({
            "begin": BEGIN, "end": END, "down": [down().0, down().1], "other_limit": [other_limit().0, other_limit().1],
            "stale_after": SOURCES.map(|(name, _, _, stale_after, _)| json!([name, stale_after])),
            "systems": self.systems.iter().map(|it| json!({"id": it.id, "tier": it.tier, "from": it.from, "retired_at": ends(it.retired_at)})).collect::<Vec<_>>(),
            "incidents": self.incidents.iter().map(|it| json!({"system": id(it.system), "severity": it.severity, "opened_at": it.opened_at, "resolved_at": ends(it.resolved_at)})).collect::<Vec<_>>(),
            "assessments": self.assessments.iter().map(|it| json!({"system": id(it.system), "due": it.due, "approved_at": ends(it.approved_at)})).collect::<Vec<_>>(),
            "measurements": self.measurements.iter().map(|it| json!({"system": id(it.system), "at": it.at, "value": it.value})).collect::<Vec<_>>(),
            "polls": polls,
        })
    }
}

fn down() -> (i64, i64) {
    (BEGIN + DOWN.0 * DAY + 5 * HOUR + 17, BEGIN + DOWN.1 * DAY + 3 * HOUR + 29)
}

fn other_limit() -> (i64, i64) {
    (BEGIN + OTHER_LIMIT.0 * DAY + 2 * HOUR + 5, BEGIN + OTHER_LIMIT.1 * DAY + 2 * HOUR + 7)
}

fn fails(source: &str, at: i64) -> bool {
    FAILURES.iter().any(|(name, from, to)| *name == source && (BEGIN + from * DAY..BEGIN + to * DAY).contains(&at))
}

/// The configurations: as the catalogue has it, and with another limit.
fn configurations(folder: &Path) -> [Arc<Config>; 2] {
    let sources: String = SOURCES
        .iter()
        .map(|(name, _, interval, stale_after, feeds)| {
            format!(
                "  - {{ name: {name}, connector: records, path: {name}, every: {}h, stale_after: {}h, feeds: [{feeds}] }}\n",
                interval / HOUR,
                stale_after / HOUR
            )
        })
        .collect();
    let limit = "thresholds:\n  - { indicator: incidents_open, when: { severity: high }, breach: \">= 2\", and: {} }\n";
    ["", limit].map(|more| {
        let file = folder.join("agent.yaml");
        std::fs::write(&file, format!("organisation: {{ name: Example, timezone: Europe/Berlin }}\nsources:\n{sources}{more}")).unwrap();
        let mut config = Config::load(&file, BEGIN).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let others: Vec<_> = config.catalogue.iter().map(|it| it.id.to_string()).filter(|id| !INDICATORS.contains(&id.as_str())).collect();
        let catalogue: &mut Catalogue = Arc::make_mut(&mut config.catalogue);
        others.iter().for_each(|id| assert!(catalogue.disable(id)));
        Arc::new(Config { data_dir: folder.join("data"), ..config })
    })
}

fn delivery(rows: &[Value], now: i64, zone: Zone) -> Delivery {
    let door = Door { now, zone };
    let records = rows.iter().flat_map(|row| door.admit(row).unwrap()).collect();
    let stream = Delivered { stream: "all".into(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
    Delivery { streams: vec![stream], pages: 1, ..Delivery::default() }
}

/// Lives the year, and gives the polls that there were.
fn live(events: &Events, configs: &[Arc<Config>; 2]) -> Vec<Value> {
    let mut polls = Vec::new();
    let mut core = Some(Core::open(Arc::clone(&configs[0]), BEGIN).unwrap());
    core.as_mut().unwrap().evaluate(BEGIN);
    let mut next: Vec<i64> = SOURCES.iter().map(|(_, first, ..)| BEGIN + first).collect();
    let mut switches = vec![(other_limit().0, 1), (other_limit().1, 0)];
    let mut in_force = 0;
    let mut now = BEGIN;
    while now < END {
        let (from, until) = down();
        let due = core.as_ref().and_then(|core| core.slots.iter().filter_map(Slot::due).chain(core.sources.due()).filter(|due| *due > now).min());
        let edge = if core.is_some() && now < from { Some(from) } else { core.is_none().then_some(until) };
        let switch = switches.first().map(|(at, _)| *at);
        let poll = next.iter().min().copied();
        now = [due, edge, switch, poll].into_iter().flatten().min().unwrap().min(END);
        if now == from && core.is_some() {
            core.take().unwrap().stop(now).unwrap();
            continue;
        }
        if now == until && core.is_none() {
            core = Some(Core::open(Arc::clone(&configs[in_force]), now).unwrap());
        }
        if let Some((_, which)) = switches.first().copied().filter(|(at, _)| *at == now) {
            switches.remove(0);
            in_force = which;
            core.as_mut().unwrap().configure(Arc::clone(&configs[which]), now).unwrap();
        }
        for (position, (name, _, interval, ..)) in SOURCES.iter().enumerate() {
            if next[position] != now {
                continue;
            }
            next[position] += interval;
            let Some(core) = &mut core else { continue };
            let outcome = if fails(name, now) {
                Err(Failure::new(FailureReason::Timeout, "it took too long"))
            } else {
                polls.push(json!([name, now]));
                Ok(delivery(&events.said(name, now), now, configs[0].zone))
            };
            _ = core.take_in(name, outcome, Duration::ZERO, now);
        }
        if let Some(core) = &mut core {
            core.evaluate(now);
            core.go_on(now);
        }
    }
    core.unwrap().stop(END).unwrap();
    polls
}

#[test]
fn a_year_is_in_four_packs_as_it_was() {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let kept = std::env::var_os("CLAUSE9_YEAR_KEEP").map(std::path::PathBuf::from);
    let results = kept.as_deref().unwrap_or(folder.path());
    let seed = std::env::var("CLAUSE9_YEAR_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let events = Events::new(&mut fastrand::Rng::with_seed(seed));
    let configs = configurations(folder.path());
    let polls = live(&events, &configs);
    std::fs::write(results.join("events.json"), events.json(&polls).to_string()).unwrap();

    let database = configs[0].data_dir.join(store::DATABASE_FILE);
    let reader = Reader::open(&database).unwrap();
    let zone = configs[0].zone;
    let subject = Subject { organisation: "Example", zone, catalogue: &configs[0].catalogue };
    for quarter in 1..=4 {
        let name = format!("2026-Q{quarter}");
        let choice = Choice::quarter(&name, YearStart::default(), zone).unwrap();
        let order = Order { choice: &choice, as_known: None, to: &results.join(&name), previous: None, print: None, key: None };
        review::write(&reader, &subject, &order, END).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/year/answers.py");
    let answers = Command::new("python3").arg(script).arg(results).output().expect("python3");
    let told = String::from_utf8_lossy(&answers.stdout);
    assert!(answers.status.success(), "seed {seed}\n{told}{}", String::from_utf8_lossy(&answers.stderr));
    // A comparison of nothing would succeed, too.
    let compared: usize = told.split_whitespace().next().unwrap().parse().unwrap();
    assert!(compared > 4_000, "{told}");

    let (mut rederiver, mut same, mut told) = (Rederiver::after(0, &reader, &configs[0].catalogue).unwrap(), 0, 0);
    for (entry, at) in reader.evaluations(0, i64::MAX).unwrap() {
        for computed in rederiver.entry(entry, at, None).unwrap() {
            match computed.outcome {
                Outcome::Same => same += 1,
                Outcome::Told(_) => told += 1,
                Outcome::Differs(_) => panic!("seed {seed}, entry {entry}: {computed:#?}"),
            }
        }
    }
    assert!(same > 1_000 && told > 0, "{same} the same, {told} told");
    assert_eq!(Verification::open(&database).unwrap().verify(&[]).unwrap().findings, []);
}
