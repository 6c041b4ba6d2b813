//! What `clause9 verify` costs on a long history: so many record versions and as many reading intervals, all of them stored as an agent stores them.
//!
//! `cargo bench -p clause9 --bench verify`; a number as argument is how many of each, in millions (0.1).

use std::time::{Duration, Instant};

use clause9::{
    record::{Door, Record, Zone},
    store::{Change, DATABASE_FILE, Delivered, Interval, Key, Mode, Since, Store, Verification, size},
};

/// Epoch seconds of 2026-03-31T12:00:00Z.
const NOW: i64 = 1_774_958_400;

/// Records and readings that hold at a time; each is replaced again and again.
const HELD: usize = 10_000;

fn main() {
    let millions = std::env::args().skip(1).find_map(|argument| argument.parse::<f64>().ok()).unwrap_or(0.1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let rounds = (millions * 1e6 / 1e4).round() as usize;
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let began = Instant::now();
    let mut store = Store::open(folder.path(), Zone::UTC).expect("a new store");
    for round in 0..rounds {
        fill(&mut store, round);
    }
    drop(store);
    let path = folder.path().join(DATABASE_FILE);
    println!("{rounds} rounds of {HELD} versions and intervals in {:.1} s, {} MiB", began.elapsed().as_secs_f64(), size(&path) >> 20);
    for _ in 0..2 {
        let (began, before) = (Instant::now(), processor_time());
        let verified = Verification::open(&path).and_then(|mut verification| verification.verify(&[])).expect("a store that can be read");
        assert!(verified.is_good(), "{:?}", verified.findings);
        println!("{:<30} {:>10.2} s, {:.2} s of CPU", "verified", began.elapsed().as_secs_f64(), (processor_time() - before).as_secs_f64());
    }
}

/// What all threads of this process took of the processors, in hundredths of a second as Linux counts.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    Duration::from_millis(after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Every record another version, every reading another interval.
fn fill(store: &mut Store, round: usize) {
    let now = NOW + i64::try_from(round).expect("a small number") * 60;
    let door = Door { now, zone: Zone::UTC };
    let record = |id: usize| -> Vec<Record> {
        let row = serde_json::json!({
            "record": "case", "id": id.to_string(), "kind": "incident", "system": format!("system-{}", id % 1_000), "severity": "high",
            "status": if round.is_multiple_of(2) { "open" } else { "closed" }, "title": format!("an incident that was seen in round {round}"),
        });
        door.admit(&row).expect("a record")
    };
    let delivered = Delivered {
        stream: "s".to_owned(),
        mode: Mode::Changes,
        records: (0..HELD).flat_map(record).collect(),
        position: Some(round.to_string()),
        feeds: Vec::new(),
    };
    store.commit("tickets", &[delivered], now).expect("records that are stored");
    let change = |id: usize| {
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let measured = (id + round) as f64 / 7.0;
        let interval = Interval {
            measured: Some(measured),
            clock: None,
            state: "ok".into(),
            reason: None,
            rule: None,
            facts: format!("{{\"fact_rows\":{}}}", id * 10),
            method: "e9d693e735cc29ba416e43cc026851fab3b92d34ac2d53faa4e35ef79da48e27".into(),
        };
        let key = Key { indicator: "drift_psi".to_owned(), labels: format!("{{\"feature\":\"f{id}\",\"system\":\"system-{}\"}}", id % 1_000) };
        Change { key, opens: Some((interval, Since::begin("ok".into(), NOW))), closes: round > 0, memory: None }
    };
    store.record_readings((0..HELD).map(change), now).expect("readings that are stored");
}
