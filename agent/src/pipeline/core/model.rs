//! The core against its model: the same history is run by a core that evaluates what is touched or due, and by one that evaluates everything,
//! whole, at every step. After each step both must show, hold, remember and have stored the same.
//!
//! `CLAUSE9_MODEL_SEQUENCES` sets how many random sequences are run, `CLAUSE9_MODEL_SEED` the first seed. `tests/long model` runs them for an hour.

use std::{fmt::Write as _, path::Path, sync::LazyLock};

use serde_json::{Value, json};

use super::*;
use crate::{
    indicator::Catalogue,
    pipeline::{Outcome, Rederiver},
    record::{Door, Zone},
    store::{
        Delivered, Mode,
        sql::{Database as _, Row},
        sqlite::Sqlite,
    },
};

/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Steps of a sequence.
const STEPS: usize = 14;

/// Sequences without `CLAUSE9_MODEL_SEQUENCES`.
const SEQUENCES: u64 = 150;

#[test]
fn what_is_touched_or_due_is_enough() {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = setting("CLAUSE9_MODEL_SEED").unwrap_or(1);
    let sequences = setting("CLAUSE9_MODEL_SEQUENCES").unwrap_or(SEQUENCES);
    let (mut did, mut all) = (Evaluated::default(), 0);
    for seed in first..first + sequences {
        let twins = Twins::new(seed);
        all += STEPS * twins.subject.catalogue.iter().len();
        let done = twins.run();
        did = sum(did, done);
    }
    // A core that evaluates everything every time would agree with its model, too.
    assert!(did.whole > 0 && did.for_systems > 0 && did.verdicts > 0, "{did:?}");
    assert!(did.whole < all * 3 / 4, "{} of {all}", did.whole);
}

fn sum(a: Evaluated, b: Evaluated) -> Evaluated {
    Evaluated { whole: a.whole + b.whole, for_systems: a.for_systems + b.for_systems, verdicts: a.verdicts + b.verdicts }
}

/// The core under test and its model, with what happens to both.
struct Twins {
    seed: u64,
    random: fastrand::Rng,
    now: i64,
    subject: Side,
    model: Side,
    variant: usize,
    log: String,
    did: Evaluated,
    /// Whether the disk is full.
    full: bool,
}

struct Side {
    folder: tempfile::TempDir,
    catalogue: Arc<Catalogue>,
    core: Option<Core>,
}

const REGISTERS: &str = "registers";

/// Sources with how long what they say counts, and what they feed. The registers are read each by itself, and feed what is found in them.
const SOURCES: [(&str, &str, &str); 5] = [
    ("inventory", "100d", "systems, objectives, datasets, controls"),
    (REGISTERS, "2d", ""),
    ("tracker", "3h", "\"cases(incident, change, nonconformity, corrective_action)\""),
    ("registry", "6h", "model_versions, measurements"),
    ("pipelines", "1h", "pipelines, runs"),
];

/// What a configuration says beside its sources. The last one has no tracker.
const VARIANTS: [&str; 4] = [
    "",
    "thresholds:\n  - { indicator: incidents_open, warning: \">= 1\", for: 30m }\n  - { indicator: data_pipeline_failure_ratio, breach: \">= 0.2\", clear: \"< 0.1\" }\n",
    "indicators: { parameters: { failure_window_days: 3 } }\nthresholds:\n  - { indicator: incidents_open, when: { risk_tier: high }, warning: \">= 1\", for: 2h }\n",
    "",
];

/// The configurations, each read once: reading the catalogue is most of the work.
static CONFIGS: LazyLock<Vec<Config>> = LazyLock::new(|| (0..VARIANTS.len()).map(read).collect());

fn read(variant: usize) -> Config {
    let mut text = "organisation: { name: Example, timezone: Europe/Berlin }\nsources:\n".to_owned();
    for (name, stale_after, feeds) in SOURCES.iter().filter(|(name, ..)| variant != 3 || *name != "tracker") {
        let (connector, feeds) = if *name == REGISTERS { ("register", String::new()) } else { ("records", format!(", feeds: [{feeds}]")) };
        writeln!(text, "  - {{ name: {name}, connector: {connector}, path: {name}, every: 5m, stale_after: {stale_after}{feeds} }}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.yaml");
    std::fs::write(&file, text + VARIANTS[variant]).unwrap();
    Config::load(&file, NOON).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Some of the catalogue's indicators, and those whose readings they read.
fn some_indicators(random: &mut fastrand::Rng) -> Arc<Catalogue> {
    let mut some = Catalogue::clone(&CONFIGS[0].catalogue);
    let mut chosen: Vec<_> = some.iter().filter(|_| random.u8(..5) == 0).cloned().collect();
    chosen.extend(some.iter().filter(|indicator| chosen.iter().any(|one| one.sql.contains(&format!("'{}'", indicator.id)))).cloned().collect::<Vec<_>>());
    let ids: Vec<_> = some.iter().map(|indicator| indicator.id.clone()).collect();
    for id in ids.iter().filter(|id| chosen.iter().all(|one| one.id != **id)) {
        some.disable(id.as_str());
    }
    Arc::new(some)
}

impl Side {
    fn new(catalogue: &Arc<Catalogue>) -> Self {
        // In memory where there is such a place: what a flush to a disk costs is not what this is about.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let mut side = Self { folder, catalogue: Arc::clone(catalogue), core: None };
        side.core = Some(Core::open(side.config(0), NOON).unwrap());
        side
    }

    fn config(&self, variant: usize) -> Arc<Config> {
        Arc::new(Config { data_dir: self.folder.path().join("data"), catalogue: Arc::clone(&self.catalogue), ..CONFIGS[variant].clone() })
    }

    fn core(&mut self) -> &mut Core {
        self.core.as_mut().expect("it runs")
    }

    fn refuse_writes(&mut self, refuse: bool) {
        let other = Sqlite::open(self.core().store.path()).unwrap();
        let sql = if refuse { "CREATE TRIGGER refusal BEFORE INSERT ON evidence BEGIN SELECT RAISE(ABORT, 'no'); END" } else { "DROP TRIGGER refusal" };
        other.batch(sql).unwrap();
    }

    /// Everything that there is to compare, as text: what is shown, held, remembered and stored.
    fn picture(&mut self, now: i64) -> String {
        let mut picture = self.shown(now);
        let tables = [
            (
                "open intervals",
                "SELECT indicator, labels, measured, since, per, state, reason, rule, thresholds, held_from FROM reading_intervals WHERE held_until IS NULL",
            ),
            (
                "closed intervals",
                "SELECT indicator, labels, measured, since, per, state, reason, rule, thresholds, held_from, held_until FROM reading_intervals WHERE held_until IS NOT NULL",
            ),
            ("memory", "SELECT indicator, labels, memory FROM waiting_rules"),
            ("readings", "SELECT indicator, labels, value, since, per_seconds, state, state_from, known_state, known_from FROM readings"),
        ];
        for (name, sql) in tables {
            let _ = writeln!(picture, "# {name}");
            picture.push_str(&rows(&self.core().store, sql));
        }
        picture
    }

    /// What is shown, without when it was evaluated.
    fn shown(&mut self, now: i64) -> String {
        let board = self.core().board(now);
        let mut shown = String::new();
        for panel in &board.panels {
            let _ = writeln!(shown, "# {}{}", panel.indicator.id, if panel.unstored { " unstored" } else { "" });
            for reading in panel.readings.iter() {
                let row = &reading.row;
                let labels: Vec<_> = row.labels().collect();
                let _ = writeln!(shown, "{labels:?} {:?} {:?} {:?} {} {:?}", row.measured, reading.state, reading.rule, reading.since, facts(row, now));
            }
        }
        for finding in self.core().findings() {
            let _ = writeln!(shown, "{:?}", finding.row);
        }
        let _ = writeln!(shown, "{:?}", board.review_links);
        for source in &board.sources {
            assert_eq!(source.records, self.core().store.record_counts(&source.name).unwrap(), "counted by what changed");
        }
        shown
    }
}

fn facts(row: &crate::indicator::Row, now: i64) -> String {
    row.facts(now).map(|(name, value)| format!("{name}={value} ")).collect()
}

fn rows(store: &Store, sql: &str) -> String {
    let cells = |row: &dyn Row| (0..row.width()).map(|column| format!("{:?}", row.cell(column))).collect::<Vec<_>>();
    let mut rows = store.reader().rows(sql, &[], |row| Ok(cells(row).join(" "))).unwrap();
    rows.sort();
    rows.join("\n") + "\n"
}

impl Twins {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let catalogue = some_indicators(&mut random);
        let (subject, model) = (Side::new(&catalogue), Side::new(&catalogue));
        Self { seed, random, now: NOON, subject, model, variant: 0, log: String::new(), did: Evaluated::default(), full: false }
    }

    fn run(mut self) -> Evaluated {
        // So that not everything is unknown for most of the way.
        for (name, ..) in SOURCES {
            self.poll(name);
        }
        self.evaluate();
        for _ in 0..STEPS {
            self.step();
            self.evaluate();
        }
        if self.full {
            self.fill_disk(false);
            self.evaluate();
        }
        for side in [&mut self.subject, &mut self.model] {
            assert_eq!(store::verify(side.core().store.reader(), None).unwrap().findings, [], "seed {}\n{}", self.seed, self.log);
        }
        self.rederive();
        self.did
    }

    /// What is stored comes out of what is stored.
    fn rederive(&mut self) {
        let reader = store::Reader::open(self.subject.core().store.path()).unwrap();
        let mut rederiver = Rederiver::after(0, &reader, &self.subject.catalogue).unwrap();
        let (mut same, mut all) = (0, 0);
        for (entry, at) in reader.evaluations(0, i64::MAX).unwrap() {
            for computed in rederiver.entry(entry, at, None).unwrap() {
                all += 1;
                same += usize::from(computed.outcome == Outcome::Same);
                assert!(!matches!(computed.outcome, Outcome::Differs(_)), "seed {}, entry {entry}: {computed:#?}\n{}", self.seed, self.log);
            }
        }
        assert!(same > 0 && all > 0, "seed {}", self.seed);
    }

    fn step(&mut self) {
        match self.random.u8(..100) {
            0..45 => {
                self.pass(0..600);
                let polls = self.random.usize(1..4);
                for _ in 0..polls {
                    let source = SOURCES[self.random.usize(..SOURCES.len())].0;
                    self.poll(source);
                }
            }
            45..52 => {
                let source = SOURCES[self.random.usize(..SOURCES.len())].0;
                self.both(&format!("a poll of {source} fails"), |core, now| {
                    let failure = Failure::new(FailureReason::Timeout, "it took too long");
                    drop(core.take_in(source, Err(failure), Duration::ZERO, now));
                });
            }
            52..62 => self.pass(1..120),
            62..70 => self.pass(HOUR..8 * HOUR),
            70..76 => self.pass(DAY..9 * DAY),
            76..80 => self.pass(-2 * DAY..0),
            80..86 => {
                self.variant = self.random.usize(..VARIANTS.len());
                self.reload(self.variant);
            }
            86..90 => self.reload_that_fails(),
            90..95 => self.restart(),
            _ => self.fill_disk(!self.full),
        }
    }

    fn pass(&mut self, seconds: std::ops::Range<i64>) {
        let seconds = self.random.i64(seconds);
        let _ = writeln!(self.log, "{seconds} s pass");
        if seconds > 1 {
            self.look_in_between(seconds);
        }
        self.now += seconds;
    }

    /// Until the next moment that is due, a whole evaluation gives what is shown.
    fn look_in_between(&mut self, seconds: i64) {
        if self.full {
            return;
        }
        let (core, now) = (self.subject.core(), self.now);
        let due = core.slots.iter().filter_map(Slot::due).chain(core.sources.due()).filter(|due| *due > now).min();
        let last = due.map_or(now + seconds, |due| due.min(now + seconds)) - 1;
        if last <= now {
            return;
        }
        // The very last moment before something is due is the likeliest to be wrong.
        let at = if self.random.bool() { last } else { self.random.i64(now + 1..=last) };
        self.model.core().touch_everything();
        self.model.core().evaluate(at);
        let (shown, model) = (self.subject.shown(at), self.model.shown(at));
        self.compare("in between", at, &shown, &model);
        self.model.core().evaluated_at = Some(now);
    }

    fn both(&mut self, what: &str, mut act: impl FnMut(&mut Core, i64)) {
        let _ = writeln!(self.log, "{}: {what}", self.now);
        for side in [&mut self.subject, &mut self.model] {
            act(side.core(), self.now);
        }
    }

    fn poll(&mut self, source: &str) {
        let rows = records(source, self.now, &mut self.random);
        let texts: Vec<_> = rows.iter().map(Value::to_string).collect();
        // One register or both can't be read, now and then; of both nothing is left to be stored.
        let unread: Vec<_> = REGISTER_STREAMS.into_iter().filter(|_| source == REGISTERS && self.random.u8(..5) == 0).collect();
        let gone = self.random.bool();
        self.both(&format!("{source} without {unread:?} (gone: {gone}) says {}", texts.join("\n    ")), |core, now| {
            let delivery = if source == REGISTERS { registers(&rows, &unread, gone, now) } else { delivery(&rows, now) };
            drop(core.take_in(source, Ok(delivery), Duration::ZERO, now));
        });
    }

    fn reload(&mut self, variant: usize) {
        let _ = writeln!(self.log, "{}: configuration {variant}", self.now);
        for side in [&mut self.subject, &mut self.model] {
            let config = side.config(variant);
            let now = self.now;
            assert!(side.core().configure(config, now).is_ok() || self.full);
        }
    }

    fn reload_that_fails(&mut self) {
        if self.full {
            return;
        }
        let _ = writeln!(self.log, "{}: a configuration that can't be stored", self.now);
        let variant = (self.variant + 1) % VARIANTS.len();
        for side in [&mut self.subject, &mut self.model] {
            side.refuse_writes(true);
            let config = side.config(variant);
            // One that needs nothing written is taken over.
            let taken = side.core().configure(config, self.now).is_ok();
            side.refuse_writes(false);
            if taken {
                self.variant = variant;
            }
        }
    }

    fn restart(&mut self) {
        if self.full {
            return;
        }
        let _ = writeln!(self.log, "{}: a restart", self.now);
        for side in [&mut self.subject, &mut self.model] {
            let config = Arc::clone(side.core().config());
            drop(side.core.take());
            side.core = Some(Core::open(config, self.now).unwrap());
        }
    }

    fn fill_disk(&mut self, full: bool) {
        self.both(if full { "the disk is full" } else { "the disk has room" }, |core, _| core.store.fill_disk(full));
        self.full = full;
    }

    /// Evaluates both and compares them.
    fn evaluate(&mut self) {
        let now = self.now;
        let did = self.subject.core().evaluate(now);
        self.did =
            Evaluated { whole: self.did.whole + did.whole, for_systems: self.did.for_systems + did.for_systems, verdicts: self.did.verdicts + did.verdicts };
        self.model.core().touch_everything();
        self.model.core().evaluate(now);
        if self.full {
            // What fits on a full disk depends on how it was filled before; what is shown must be the same when nothing waits any more.
            let waits = |side: &mut Side| side.core().failing_since.is_some();
            if waits(&mut self.subject) || waits(&mut self.model) {
                return;
            }
        }
        let (subject, model) = (self.subject.picture(now), self.model.picture(now));
        self.compare("after a step", now, &subject, &model);
    }

    fn compare(&self, when: &str, at: i64, subject: &str, model: &str) {
        if subject == model {
            return;
        }
        let differences: Vec<_> = similar(subject, model);
        panic!("seed {}, {when}, at {at}\n{}\n- as it is, + as it should be:\n{}", self.seed, self.log, differences.join("\n"));
    }
}

/// Lines that only one of them has, under the heading that they stand under.
fn similar(subject: &str, model: &str) -> Vec<String> {
    let lines = |text: &str| {
        let mut heading = String::new();
        let mut lines = std::collections::BTreeSet::new();
        for line in text.lines() {
            if line.starts_with("# ") {
                heading = line.to_owned();
            }
            lines.insert(format!("{heading} {line}"));
        }
        lines
    };
    let (subject, model) = (lines(subject), lines(model));
    let only = |sign: &'static str, these: &std::collections::BTreeSet<String>, those: &std::collections::BTreeSet<String>| {
        these.difference(those).take(20).map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only("-", &subject, &model), only("+", &model, &subject)].concat()
}

fn delivery(rows: &[Value], now: i64) -> Delivery {
    let door = Door { now, zone: Zone::parse("Europe/Berlin").unwrap() };
    let records = rows.iter().flat_map(|row| door.admit(row).unwrap_or_else(|error| panic!("{error}: {row}"))).collect();
    Delivery {
        streams: vec![Delivered { stream: "all".into(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() }],
        pages: 1,
        ..Delivery::default()
    }
}

/// The streams of the registers.
const REGISTER_STREAMS: [&str; 2] = ["reviews", "cases"];

/// The same as registers: each a stream that feeds the kinds which are found in it, but for those that could not be read.
fn registers(rows: &[Value], unread: &[&str], gone: bool, now: i64) -> Delivery {
    let stream = |name: &str| {
        let rows: Vec<_> = rows.iter().filter(|row| (row["record"] == "review") == (name == "reviews")).cloned().collect();
        let records = delivery(&rows, now).streams.remove(0).records;
        let kinds: std::collections::BTreeSet<String> = records.iter().filter_map(|record| record.kind().map(str::to_owned)).collect();
        let position = Some(serde_json::to_string(&connector::StreamCursor { swept_at: Some(now), ..connector::StreamCursor::default() }).unwrap());
        Delivered { stream: name.to_owned(), mode: Mode::Snapshot, records, position, feeds: Feed::of_kinds(name, &kinds).into_iter().collect() }
    };
    let failure = |name: &&str| connector::Unread { failure: Failure::new(FailureReason::File, "row 3"), ..connector::Unread::gone((*name).to_owned(), &[]) };
    Delivery {
        streams: REGISTER_STREAMS.into_iter().filter(|name| !unread.contains(name)).map(stream).collect(),
        unread: unread.iter().map(failure).map(|unread| connector::Unread { is_gone: gone, ..unread }).collect(),
        pages: 1,
        ..Delivery::default()
    }
}

/// What a source may say: few ids, so that records come, change and go; times on both sides of limits and windows, and right at them.
fn records(source: &str, now: i64, random: &mut fastrand::Rng) -> Vec<Value> {
    let count = random.usize(0..7);
    let mut rows = std::collections::BTreeMap::new();
    for _ in 0..count {
        let row = match source {
            "inventory" => inventory(now, random),
            "registers" => {
                if random.bool() {
                    review(now, random)
                } else {
                    case(&CASES[1..], now, random)
                }
            }
            "tracker" => {
                if random.u8(..4) == 0 {
                    case(&["change"], now, random)
                } else {
                    // Of kinds that the register has, too: what both hold is one case.
                    case(&CASES[..3], now, random)
                }
            }
            "registry" => {
                if random.bool() {
                    version(now, random)
                } else {
                    measurement(now, random)
                }
            }
            _ => {
                if random.u8(..3) == 0 {
                    pipeline(random)
                } else {
                    run(now, random)
                }
            }
        };
        rows.insert((row["record"].to_string(), row["id"].to_string()), row);
    }
    if source == "inventory" {
        // Without systems there is little to see.
        for id in ["a", "b"] {
            rows.entry(("\"system\"".to_owned(), format!("\"{id}\"")))
                .or_insert_with(|| json!({"record": "system", "id": id, "risk_tier": "high", "owner_role": "head"}));
        }
    }
    rows.into_values().collect()
}

const CASES: [&str; 7] = ["incident", "nonconformity", "corrective_action", "concern", "risk", "risk_treatment", "review_action"];

fn one_of<T: Copy>(random: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())]
}

/// Now and then nothing.
fn maybe(value: impl Into<Value>, random: &mut fastrand::Rng) -> Value {
    if random.u8(..4) == 0 { Value::Null } else { value.into() }
}

/// A moment in the past near a limit of some days, or right at it; now and then of this very second.
fn past(now: i64, random: &mut fastrand::Rng) -> i64 {
    let days = one_of(random, &[0, 0, 1, 3, 7, 14, 30, 90]);
    (now - days * DAY + random.i64(-HOUR..=HOUR) * i64::from(random.bool())).min(now)
}

fn future(now: i64, random: &mut fastrand::Rng) -> i64 {
    now + one_of(random, &[-DAY, -1, 0, 1, 60, HOUR, DAY, 3 * DAY]) + random.i64(0..60)
}

fn day(now: i64, random: &mut fastrand::Rng) -> Value {
    let day = now / DAY + one_of(random, &[-400, -40, -30, -8, -2, -1, 0, 1, 2, 7, 30, 31, 400]);
    json!(chrono::DateTime::from_timestamp(day * DAY, 0).unwrap().date_naive().to_string())
}

fn system_key(random: &mut fastrand::Rng) -> Value {
    json!(one_of(random, &["a", "a", "b", "b", "c", "alias-of-c", "stranger", ""]))
}

fn inventory(now: i64, random: &mut fastrand::Rng) -> Value {
    match random.u8(..8) {
        0 => json!({"record": "objective", "id": one_of(random, &["o1", "o2"]), "system": system_key(random), "indicator": "incidents_open",
                    "target": random.i64(0..4), "due": day(now, random)}),
        1 => json!({"record": "dataset", "id": one_of(random, &["d1", "d2"]), "systems": [one_of(random, &["a", "b", "c"])]}),
        2 => json!({"record": "control", "id": one_of(random, &["A.5.2", "A.6.1"]), "control": "A.5.2", "applicable": random.bool(), "status": "implemented"}),
        _ => json!({"record": "system", "id": one_of(random, &["a", "b", "c"]), "risk_tier": one_of(random, &["high", "limited", "minimal"]),
                    "lifecycle": one_of(random, &["production", "production", "development", "retired"]), "in_scope": random.u8(..8) > 0,
                    "owner_role": maybe("head", random), "aliases": []}),
    }
}

fn review(now: i64, random: &mut fastrand::Rng) -> Value {
    let kind = one_of(random, crate::record::shape::REVIEW_KINDS);
    json!({"record": "review", "id": one_of(random, &["r1", "r2", "r3", "r4", "r5"]), "kind": kind, "system": system_key(random),
           "scope": maybe(one_of(random, &["one", "two"]), random), "status": one_of(random, &["planned", "draft", "performed", "reported", "approved", "cancelled"]),
           "due": maybe(day(now, random), random), "next_due": if random.u8(..4) == 0 { day(now, random) } else { Value::Null },
           "completed_at": maybe(past(now, random), random), "approved_at": if random.bool() { json!(past(now, random)) } else { Value::Null }})
}

fn case(kinds: &[&str], now: i64, random: &mut fastrand::Rng) -> Value {
    let kind = one_of(random, kinds);
    let ended = random.u8(..3) == 0;
    json!({"record": "case", "id": one_of(random, &["1", "2", "3", "4", "5"]), "kind": kind, "system": system_key(random),
           "severity": maybe(one_of(random, &["critical", "high", "medium", "low"]), random), "grade": maybe(one_of(random, &["major", "minor"]), random),
           "status": if ended { "closed" } else { "open" }, "opened_at": maybe(past(now, random), random), "due": maybe(day(now, random), random),
           "notify_by": if random.bool() { json!(future(now, random)) } else { Value::Null },
           "resolved_at": if ended { maybe(past(now, random), random) } else { Value::Null },
           "closed_at": if ended { json!(past(now, random)) } else { Value::Null },
           "parent": maybe(one_of(random, &["1", "2", "3"]), random),
           "reference": if random.u8(..3) == 0 { json!(one_of(random, &["1", "2", "3", "https://desk.example.org/1", "other"])) } else { Value::Null },
           "url": if random.u8(..4) == 0 { json!(one_of(random, &["https://desk.example.org/1", "https://desk.example.org/2"])) } else { Value::Null }})
}

fn version(now: i64, random: &mut fastrand::Rng) -> Value {
    let (model, version) = (one_of(random, &["m", "n"]), one_of(random, &["1", "2"]));
    json!({"record": "model_version", "id": format!("{model}/{version}"), "system": one_of(random, &["a", "b", "c"]), "model": model, "version": version,
           "in_production": random.bool(), "created_at": past(now, random)})
}

fn measurement(now: i64, random: &mut fastrand::Rng) -> Value {
    let (family, method, kind) = one_of(
        random,
        &[
            ("drift", "psi", "statistic"),
            ("drift", "ks", "p_value"),
            ("drift", "jensen_shannon", "statistic"),
            ("bias", "disparate_impact_ratio", "ratio"),
            ("bias", "statistical_parity_difference", "statistic"),
            ("performance", "accuracy", "statistic"),
        ],
    );
    let feature = one_of(random, &["x", "y"]);
    let model = one_of(random, &["m", "n"]);
    json!({"record": "measurement", "id": format!("{model}-{method}-{feature}"), "system": one_of(random, &["a", "b", "c"]), "model": model,
           "version": maybe(one_of(random, &["1", "2"]), random), "family": family, "method": method, "kind": kind, "feature": feature,
           "attribute": if family == "bias" { json!("sex") } else { Value::Null }, "value": random.f64(), "baseline": maybe(0.5, random),
           "n_reference": one_of(random, &[10, 1_000]), "n_current": one_of(random, &[10, 1_000]), "n_subgroup": maybe(500, random),
           "measured_at": past(now, random)})
}

fn pipeline(random: &mut fastrand::Rng) -> Value {
    json!({"record": "pipeline", "id": one_of(random, &["p", "q"]), "system": system_key(random), "paused": random.u8(..4) == 0,
           "freshness_limit_seconds": maybe(one_of(random, &[HOUR, DAY]), random)})
}

fn run(now: i64, random: &mut fastrand::Rng) -> Value {
    let pipeline = one_of(random, &["p", "q"]);
    let ended = past(now, random);
    json!({"record": "run", "id": format!("{pipeline}-{}", random.u8(..9)), "pipeline": pipeline, "system": system_key(random),
           "outcome": one_of(random, &["success", "failed", "running"]), "started_at": ended - 60, "ended_at": maybe(ended, random),
           "checks_executed": maybe(10, random), "checks_passed": maybe(random.i64(8..=10), random), "checks_failed_error": maybe(0, random)})
}
