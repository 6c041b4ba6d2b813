//! Retention: what is removed, what stays, and what is told of it.

#![expect(clippy::single_range_in_vec_init, reason = "spans are meant, not what lies in them")]

use super::{super::retention, *};

on_every_engine! {
    what_ended_longer_ago_than_it_is_kept_is_removed_and_told,
    what_a_pack_refers_to_stays,
    what_was_removed_betrays_whoever_touches_it,
}

const KEEP: Keep = Keep { readings: Some(1_000), records: Some(1_500) };

/// A store that keeps what ended for so long. Readings of `a` change at 300, 400, 700; the case 1 at 200, 400, 600.
fn lived(homes: Homes<'_>, keep: Keep) -> (Home, Store) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.begin_run(100).unwrap();
    store.record_configuration(&json!({ "timezone": "UTC", "store": { "keep": keep.json() } }), 100).unwrap();
    for (now, status) in [(200, "open"), (400, "closed"), (600, "open")] {
        store.commit("t", &[snapshot("s", &[incident("1", "a", status), incident("2", "a", "open")])], now).unwrap();
    }
    store.record_readings([opens("a", interval(2.0, "breach"), 300), opens("b", interval(1.0, "ok"), 300)], 300).unwrap();
    for (now, value) in [(400, 1.0), (700, 3.0)] {
        store.record_readings([Change { closes: true, ..opens("a", interval(value, "warning"), now) }], now).unwrap();
    }
    (home, store)
}

fn removable(store: &Store, keep: Keep, kept: &[std::ops::Range<i64>], now: i64) -> Removable {
    retention::removable(store.reader(), keep, kept, now, 100).unwrap()
}

fn intervals(store: &Store) -> Vec<String> {
    rows(store, "SELECT labels, held_from, held_until FROM reading_intervals ORDER BY held_from, labels")
}

fn versions(store: &Store) -> Vec<String> {
    rows(store, "SELECT id, held_from, held_until FROM record_versions ORDER BY id, held_from")
}

const A: &str = r#"{"system":"a"}"#;
const B: &str = r#"{"system":"b"}"#;

fn what_ended_longer_ago_than_it_is_kept_is_removed_and_told(homes: Homes<'_>) {
    let (home, mut store) = lived(homes, KEEP);
    assert!(removable(&store, KEEP, &[], 1_400).is_empty(), "what ended at 400 is kept to the second");
    assert!(removable(&store, Keep::default(), &[], i64::MAX).is_empty(), "everything is kept, if nothing is said");
    let mut due = removable(&store, KEEP, &[], 1_450);
    assert_eq!((store.remove(&due.piece(100), 1_450).unwrap(), due.is_empty()), (1, true));
    assert_eq!(intervals(&store), [format!("{B} 300 -"), format!("{A} 400 700"), format!("{A} 700 -")]);
    assert_eq!(versions(&store).len(), 4, "records are kept for longer");
    // A piece at a time, and of records, too.
    let mut due = removable(&store, KEEP, &[], 2_150);
    assert_eq!((store.remove(&due.piece(2), 2_150).unwrap(), due.is_empty()), (2, false));
    assert_eq!((store.remove(&due.piece(2), 2_151).unwrap(), due.is_empty()), (1, true));
    assert_eq!(intervals(&store), [format!("{B} 300 -"), format!("{A} 700 -")]);
    assert_eq!(versions(&store), ["1 600 -", "2 200 -"]);
    assert!(removable(&store, KEEP, &[], 2_150).is_empty());
    store.end_run(2_200).unwrap();
    let verified = verify(home.other(), None).unwrap();
    assert_eq!(verified.findings, []);
    let removals = "2 intervals of readings that ended before 1970-01-01T00:19:10Z, which are kept for 16m40s; \
                    2 versions of records that ended before 1970-01-01T00:10:50Z, which are kept for 25m; \
                    by 3 entries, from 9 of 1970-01-01T00:24:10Z to 11 of 1970-01-01T00:35:51Z";
    assert_eq!(verified.removals, [removals]);
    let gone = Removed { readings: vec![i64::MIN..1_150], records: vec![i64::MIN..650] };
    assert_eq!(retention::removed(store.reader()).unwrap(), gone);
    assert_eq!((gone.at(1_149), gone.at(1_150), gone.within(&(1_150..9_000))), (Some(1_150), None, None));
    // Nothing is known of a time of which something is gone: it is not as if there had been nothing.
    assert_eq!(past::watched(store.reader()).unwrap(), [1_150..2_201]);
    // What is stored later goes on, though the numbers of removed rows may come again.
    store.commit("t", &[snapshot("s", &[incident("2", "a", "closed")])], 2_300).unwrap();
    store.record_readings([Change { closes: true, ..opens("a", interval(0.0, "ok"), 2_300) }], 2_300).unwrap();
    assert_eq!(verify(home.other(), None).unwrap().findings, []);
}

fn what_a_pack_refers_to_stays(homes: Homes<'_>) {
    let (home, mut store) = lived(homes, KEEP);
    let due = removable(&store, KEEP, &[450..600, 500..550], 9_000);
    assert_eq!(store.remove(&due, 9_000).unwrap(), 2);
    assert_eq!(intervals(&store), [format!("{B} 300 -"), format!("{A} 400 700"), format!("{A} 700 -")]);
    assert_eq!(versions(&store), ["1 400 600", "1 600 -", "2 200 -"]);
    assert_eq!(verify(home.other(), None).unwrap().findings, []);
    let gone = retention::removed(store.reader()).unwrap();
    assert_eq!(gone, Removed { readings: vec![i64::MIN..450, 600..8_000], records: vec![i64::MIN..450, 600..7_500] });
    assert_eq!((gone.at(449), gone.at(450), gone.at(599), gone.at(600)), (Some(450), None, None, Some(8_000)));
    // The pack is no more.
    let due = removable(&store, KEEP, &[], 9_000);
    assert_eq!(store.remove(&due, 9_000).unwrap(), 2);
    assert_eq!(retention::removed(store.reader()).unwrap(), Removed { readings: vec![i64::MIN..8_000], records: vec![i64::MIN..7_500] });
    // A pack of a time of which something is gone does not bring it back.
    store.record_readings([Change { closes: true, ..opens("a", interval(0.0, "ok"), 9_100) }], 9_100).unwrap();
    assert_eq!(store.remove(&removable(&store, KEEP, &[450..600], 20_000), 20_000).unwrap(), 1);
    assert_eq!(retention::removed(store.reader()).unwrap().readings, [i64::MIN..19_000]);
    assert_eq!(verify(home.other(), None).unwrap().findings, []);
    // A clock that was set back makes nothing older.
    store.record_readings([Change { closes: true, ..opens("b", interval(0.0, "ok"), 20_000) }], 20_000).unwrap();
    let due = removable(&store, KEEP, &[], 30_000);
    assert_eq!((store.remove(&due, 20_500).unwrap(), store.remove(&due, 30_000).unwrap()), (0, 1));
}

/// What is done, and how what is told of it begins.
const WAYS: [(&str, &str); 13] = [
    ("DELETE FROM removed_rows WHERE from_entry = 6", "evidence entry 6: the readings stored under it are not those that it vouches for: 1 opened"),
    ("DELETE FROM removed_rows", "evidence entry 3: the record versions stored under it are not those"),
    ("INSERT INTO removed_rows SELECT from_entry, until_entry, seal, by_entry FROM removed_rows", "evidence entry 3: the record versions stored under it"),
    ("UPDATE removed_rows SET by_entry = 8", "evidence entry 9: the seals of the rows that it removed are not those"),
    ("UPDATE removed_rows SET by_entry = 99", "evidence entry 9: the seals of the rows that it removed are not those that it vouches for"),
    ("UPDATE removed_rows SET until_entry = 8 WHERE until_entry = 7", "evidence entry 7: the readings stored under it are not"),
    ("UPDATE evidence SET body = replace(body, '\"readings\":1000', '\"readings\":1') WHERE kind = 'retention'", "evidence entry 9: its content is not"),
    ("UPDATE meta SET content = '{}' WHERE name = 'removed'", "the store: what is noted as `removed` is not what was stored"),
    ("DELETE FROM meta WHERE name = 'removed'", "the store: what is noted as `removed` is not what was stored"),
    // Another row taken out as if retention had done it.
    (
        "INSERT INTO removed_rows SELECT from_entry, until_entry, seal, 9 FROM reading_intervals WHERE held_until = 700;
         DELETE FROM reading_intervals WHERE held_until = 700",
        "evidence entry 9: the seals of the rows that it removed are not those that it vouches for",
    ),
    (
        "INSERT INTO removed_rows SELECT from_entry, 8, seal, 9 FROM reading_intervals WHERE labels LIKE '%b%'; DELETE FROM reading_intervals WHERE labels LIKE '%b%'",
        "evidence entry 8: the readings stored under it are not those that it vouches for",
    ),
    // What was removed put back, otherwise.
    (
        "INSERT INTO reading_intervals (indicator, labels, state, facts, thresholds, held_from, held_until, from_entry, until_entry)
         VALUES ('incidents_open', '{\"system\":\"a\"}', 'ok', '', '', 300, 400, 6, 7)",
        "evidence entry 6: the reading incidents_open {\"system\":\"a\"} is not",
    ),
    ("DROP TABLE removed_rows", ""),
];

fn what_was_removed_betrays_whoever_touches_it(homes: Homes<'_>) {
    let removed = || {
        let keep = Keep { records: Some(1_000), ..KEEP };
        let (home, mut store) = lived(homes, keep);
        let due = removable(&store, keep, &[], 1_450);
        assert_eq!(store.remove(&due, 1_450).unwrap(), 2);
        store.end_run(1_500).unwrap();
        home
    };
    assert_eq!(verify(removed().other(), None).unwrap().findings, []);
    for (edit, says) in WAYS {
        let home = removed();
        home.other().batch(edit).unwrap_or_else(|error| panic!("{edit}: {error:?}"));
        match verify(home.other(), None) {
            Ok(verified) => {
                let told = verified.findings.first().map(ToString::to_string).unwrap_or_default();
                assert!(!told.is_empty() && told.starts_with(says), "{edit}: {told}");
            }
            // Without its table a store is not readable.
            Err(_) => assert_eq!(says, ""),
        }
    }
}

/// Whoever can append can claim that something was due; the claim is held to the rule that was in force, and to when rows ended.
#[test]
fn a_removal_is_held_to_the_rule_in_force() {
    let says = |keep: Keep, now: i64| {
        let (home, store) = lived(&Home::folder, KEEP);
        let due = removable(&store, keep, &[], 50_000);
        store.write(|transaction| retention::remove(transaction, &due, now)).unwrap();
        verify(home.other(), None).unwrap().findings.first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(says(KEEP, 50_000), "");
    let other = Keep { readings: Some(10), records: None };
    assert_eq!(says(other, 50_000), "evidence entry 9: it removed rows by another rule than the configuration had");
}

#[test]
fn what_is_gone_is_asked_for_in_vain() {
    let (home, mut store) = lived(&Home::folder, KEEP);
    let head = |moment: i64| evidence::head_before(store.reader(), moment).unwrap().unwrap().0.entry;
    let (early, late) = (head(401), head(701));
    let due = removable(&store, KEEP, &[650..800], 9_000);
    assert_eq!(store.remove(&due, 9_000).unwrap(), 3);
    let reader = Reader::open(store.path()).unwrap();
    let error = reader.as_of(early).unwrap_err().to_string();
    assert_eq!(error, "what was stored of it was removed by retention: of what ended before 1970-01-01T00:10:50Z not all is there");
    let as_of = reader.as_of(late).unwrap();
    let readings = as_of.tables().rows("SELECT labels, state FROM readings ORDER BY 1", &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)));
    assert_eq!(readings.unwrap(), [(A.to_owned(), "warning".to_owned()), (B.to_owned(), "ok".to_owned())]);
    // Someone who went on while rows were removed might miss how what he took over ended.
    let mut going_on = reader.what_is_left_of(early).unwrap();
    store.record_readings([Change { closes: true, ..opens("b", interval(0.0, "ok"), 9_100) }], 9_100).unwrap();
    assert_eq!(store.remove(&removable(&store, KEEP, &[], 99_000), 99_000).unwrap(), 2);
    assert_eq!(going_on.advance(late).unwrap_err().to_string(), "rows were removed by retention meanwhile: ask again");
    drop(home);
}
