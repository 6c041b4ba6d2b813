//! What was stored at any entry is found again from the ledger: at once, and by going on from an entry before.

use super::*;

const TABLES: [&str; 9] = ["systems", "system_aliases", "system_names", "cases", "reviews", "review_covers", "attributes", "doubts", "readings"];

fn dump(database: &dyn Database) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let text = |cell: Cell<'_>| format!("{cell:?}");
        let rows = database.rows(&format!("SELECT * FROM {table}"), &[], |row| {
            Ok(format!("{table}: {}", (0..row.width()).map(|column| text(row.cell(column))).collect::<Vec<_>>().join(" ")))
        });
        all.extend(rows.unwrap());
    }
    all.sort();
    all
}

fn inventory(random: &mut fastrand::Rng) -> Vec<Value> {
    let systems: Vec<_> = ["a", "b", "c"].iter().filter(|_| random.u8(..) < 200).collect();
    let mut aliases: Vec<_> = ["one", "two", "three"].iter().filter(|_| random.bool()).collect();
    systems.into_iter().map(|id| json!({"record": "system", "id": id, "aliases": aliases.pop().into_iter().collect::<Vec<_>>()})).collect()
}

fn cases(random: &mut fastrand::Rng) -> Vec<Value> {
    let ids = (0..6).filter(|_| random.u8(..) < 180);
    let ids: Vec<_> = ids.collect();
    let case = |id: i32| {
        let system = ["a", "b", "c", "one", "two", "nobody"][random.usize(..6)];
        let status = ["open", "closed", "odd"][random.usize(..3)];
        json!({"record": "case", "id": id.to_string(), "kind": "incident", "system": system, "status": status,
               "opened_at": 1_795_262_400 + i64::from(random.u16(..)) * 60, "attributes": {"team": random.u8(..3).to_string()}})
    };
    ids.into_iter().map(case).collect()
}

/// A store with a history, and what its tables held after each entry.
fn lived(seed: u64) -> (tempfile::TempDir, BTreeMap<i64, Vec<String>>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let zones = [Zone::UTC, Zone::parse("Pacific/Auckland").unwrap()];
    let mut zone = zones[0];
    let mut store = Store::open(folder.path(), zone).unwrap();
    store.begin_run(90).unwrap();
    let (mut held, mut seen) = (BTreeSet::new(), BTreeMap::new());
    for now in (100..).step_by(10).take(25) {
        match random.u8(..10) {
            0..3 => drop(store.commit("registers", &[snapshot("systems", &inventory(&mut random))], now)),
            3..6 => drop(store.commit("t", &[snapshot("s", &cases(&mut random))], now)),
            6..8 => {
                let system = ["a", "b", "c"][random.usize(..3)];
                let opens = opens(system, interval(f64::from(random.u8(..4)), "ok"), now);
                let change = Change { closes: held.contains(system), opens: opens.opens.filter(|_| random.u8(..4) > 0), ..opens };
                if change.opens.is_some() {
                    held.insert(system)
                } else {
                    held.remove(system)
                };
                if change.closes || change.opens.is_some() {
                    store.record_readings([change], now).unwrap();
                }
            }
            8 => drop(store.forget_sources_except(&[["t", "registers"][random.usize(..2)]], now).unwrap()),
            _ => {
                drop(store);
                zone = zones[random.usize(..2)];
                store = Store::open(folder.path(), zone).unwrap();
                store.begin_run(now).unwrap();
            }
        }
        seen.insert(evidence::head(store.reader()).unwrap().entry, dump(store.reader()));
    }
    (folder, seen)
}

#[test]
fn any_entry_is_found_again() {
    for seed in 1..=6 {
        let (folder, seen) = lived(seed);
        let reader = Reader::open(&folder.path().join(DATABASE_FILE)).unwrap();
        let mut going_on = reader.as_of(0).unwrap();
        for (entry, tables) in &seen {
            assert_eq!(dump(reader.as_of(*entry).unwrap().tables()), *tables, "seed {seed}, entry {entry}, at once");
            going_on.advance(*entry).unwrap();
            assert_eq!(dump(going_on.tables()), *tables, "seed {seed}, entry {entry}, going on");
        }
    }
}

#[test]
fn sources_are_as_they_were_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
    store.begin_run(90).unwrap();
    let source = json!({ "name": "t", "connector": "redmine", "kind": "incident_tracker", "interval_seconds": 60, "stale_after": { "seconds": 180 } });
    store.record_configuration(&json!({ "sources": [source] }), 90).unwrap();
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    let first = evidence::head(store.reader()).unwrap().entry;
    // Nothing changed: what is written is that it was read.
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 160).unwrap();
    store.record_readings([opens("a", interval(1.0, "ok"), 170)], 170).unwrap();
    let second = evidence::head(store.reader()).unwrap().entry;
    let reader = Reader::open(store.path()).unwrap();
    let mut as_of = reader.as_of(first).unwrap();
    let row = |as_of: &AsOf| {
        let sql = "SELECT name, connector, kind, interval_seconds, stale_after_seconds, last_success_at FROM sources";
        as_of.tables().rows(sql, &[], |row| Ok((0..6).map(|column| format!("{:?}", row.cell(column))).collect::<Vec<_>>().join(" "))).unwrap()
    };
    let expected = |at: i64| vec![format!(r#"Text("t") Text("redmine") Text("incident_tracker") Integer(60) Integer(180) Integer({at})"#)];
    assert_eq!((row(&as_of), as_of.read_at()["t"]), (expected(100), Some(100)));
    as_of.see_sources_of(second).unwrap();
    assert_eq!(row(&as_of), expected(160));
    assert!(dump(as_of.tables()).iter().all(|row| !row.starts_with("readings")), "what the later entry stored is not there");
    assert_eq!(reader.head_before(170).unwrap().unwrap().0.entry, first);
    assert!(reader.head_before(90).unwrap().is_none());
}
