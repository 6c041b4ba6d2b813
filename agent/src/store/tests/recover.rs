//! What of a damaged file is recovered, and that nothing is lost in silence.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;

/// A store of some hundred pages: cases and readings that change from day to day.
fn lived(folder: &Path) -> PathBuf {
    let mut store = Store::open(folder, Zone::UTC).unwrap();
    store.begin_run(100).unwrap();
    store.record_configuration(&json!({ "timezone": "UTC" }), 100).unwrap();
    store.commit("registers", &[snapshot("files", &[json!({"record": "system", "id": "a", "aliases": ["alpha"]})])], 150).unwrap();
    for day in 0..30_i32 {
        let now = 200 + i64::from(day) * 100;
        let status = |case: i32| if (case + day) % 7 == 0 { "closed" } else { "open" };
        let cases: Vec<_> = (0..120).map(|case| incident(&case.to_string(), "alpha", status(case))).collect();
        store.commit("t", &[changes("s", &cases, &format!("p{day}"))], now).unwrap();
        let system = |number: i32| format!("system-{number}");
        let readings: Vec<_> = (0..40)
            .filter(|number| day == 0 || (number + day) % 5 == 0)
            .map(|number| Change {
                closes: day > 0,
                memory: Some(format!("{{\"day\":{day}}}")),
                ..opens(&system(number), interval(f64::from(day), "ok"), now + 10)
            })
            .collect();
        store.record_readings(readings, now + 10).unwrap();
    }
    store.end_run(5_000).unwrap();
    store.path().to_owned()
}

/// Every row as texts, but for its number and for when it ended.
fn held(database: &Path) -> BTreeSet<String> {
    let database = Sqlite::open_read_only(database).unwrap();
    let database: &dyn Database = &database;
    let mut all = BTreeSet::new();
    for sql in [
        "SELECT 'version', source, stream, shape, id, digest, body, held_from, from_entry, seal FROM record_versions",
        "SELECT 'interval', indicator, labels, measured, state, facts, held_from, from_entry, seal FROM reading_intervals",
    ] {
        database
            .each(sql, &[], |row| {
                all.insert((0..row.width()).map(|column| format!("{:?}", row.cell(column))).collect::<Vec<_>>().join(" "));
                Ok(())
            })
            .unwrap();
    }
    all
}

fn verified(folder: &Path) -> Verified {
    Verification::open(&folder.join(DATABASE_FILE)).unwrap().verify(&[]).unwrap()
}

#[test]
fn of_a_store_that_is_whole_everything_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("data"), folder.path().join("new"));
    let database = lived(&from);
    let before = verified(&from).head;
    let recovered = recover(&from, &to, 6_000).unwrap();
    assert_eq!((recovered.until, &recovered.broken, recovered.incomplete), (before, &None, 0));
    assert!(recovered.rows.values().all(|(kept, missing)| *kept > 100 && *missing == 0), "{recovered:?}");
    assert_eq!(held(&to.join(DATABASE_FILE)), held(&database));
    let after = verified(&to);
    assert_eq!((after.findings.clone(), after.head), (Vec::new(), recovered.head));
    assert_eq!(after.recoveries.len(), 1);
    assert!(after.recoveries[0].starts_with(&format!("entry {} of 1970-01-01T01:40:00Z: entries up to {} were taken over", before.entry + 1, before.entry)));
    // The chain goes on: an anchor of before holds.
    assert!(Verification::open(&to.join(DATABASE_FILE)).unwrap().verify(&[before.into()]).unwrap().is_good());
    // Sources count as never read, and an agent goes on with it.
    let mut store = Store::open(&to, Zone::UTC).unwrap();
    assert_eq!(store.source_state("t").unwrap(), SourceState::default());
    store.begin_run(7_000).unwrap();
    store.commit("t", &[changes("s", &[incident("1", "alpha", "odd")], "p")], 7_000).unwrap();
    drop(store);
    assert_eq!(verified(&to).findings, []);
    // Of a file, too.
    assert_eq!(recover(&database, &folder.path().join("third"), 6_000).unwrap(), recovered);
}

/// Pages overwritten anywhere: what is recovered was there, what is missing is counted and told, and what can't be is one error.
#[test]
fn whatever_is_damaged_nothing_is_lost_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let database = lived(&folder.path().join("data"));
    let (bytes, all) = (fs::read(&database).unwrap(), held(&database));
    let (mut whole, mut parts, mut nothing) = (0, 0, 0);
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut damaged = bytes.clone();
        let pages = damaged.len() / 4_096;
        for _ in 0..random.usize(1..=4) {
            let page = random.usize(..pages);
            let page = &mut damaged[page * 4_096..(page + 1) * 4_096];
            match random.u8(..3) {
                0 => page.fill(0),
                1 => random.fill(page),
                // A part of it, whose head still looks fine.
                _ => random.fill(&mut page[1_000..2_000]),
            }
        }
        let (from, to) = (folder.path().join(format!("{seed}.sqlite")), folder.path().join(format!("new-{seed}")));
        fs::write(&from, &damaged).unwrap();
        let recovered = match recover(&from, &to, 6_000) {
            Ok(recovered) => recovered,
            Err(error) => {
                assert!(matches!(error, Error::Damaged { .. } | Error::Newer { .. }), "seed {seed}: {error}");
                assert!(!to.exists());
                nothing += 1;
                continue;
            }
        };
        let after = verified(&to);
        assert_eq!((after.findings, after.head, after.recoveries.len()), (Vec::new(), recovered.head, 1), "seed {seed}");
        let now = held(&to.join(DATABASE_FILE));
        assert!(now.is_subset(&all), "seed {seed}: a row that there never was");
        let missing: i64 = recovered.rows.values().map(|(_, missing)| missing).sum();
        let lost = i64::try_from(all.len() - now.len()).unwrap();
        let is_cut = recovered.broken.is_some() || recovered.until.entry < 64;
        assert!(missing == lost || (is_cut && missing <= lost), "seed {seed}: {recovered:?}, {lost} lost");
        assert_eq!(missing > 0, recovered.incomplete > 0, "seed {seed}: {recovered:?}");
        if lost > 0 {
            parts += 1
        } else {
            whole += 1
        }
        fs::remove_dir_all(&to).unwrap();
    }
    println!("{whole} whole, {parts} in parts, {nothing} not at all");
    assert!(parts > 5 && whole + parts > 10, "{whole} {parts} {nothing}");
}

#[test]
fn what_can_t_be_recovered_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let told = |from: &Path, to: &Path| recover(from, to, 1).unwrap_err().to_string();
    assert!(told(&at("nowhere"), &at("new")).contains("nowhere can't be used"));
    fs::write(at("text"), "nothing of the kind").unwrap();
    assert!(told(&at("text"), &at("new")).contains("is damaged, or no database of clause9"));
    let database = lived(&at("data"));
    Sqlite::open(&database).unwrap().set_version(99).unwrap();
    assert!(told(&database, &at("new")).contains("was written by a newer clause9"));
    assert!(!at("new").exists() && told(&database, &at("data")).contains("data can't be used"));
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), ["data", "text"].map(str::to_owned).into(), "nothing is left behind");
}
