//! Redaction: which texts go, what stays of them, and who notices what.

use super::{super::redaction, *};
use crate::record::shape;

on_every_engine! {
    texts_give_way_to_marks_in_every_version,
    what_was_redacted_betrays_whoever_touches_it,
}

const SECRET: &str = "Jane Roe complained about her credit line";

fn case(status: &str, title: &str) -> Value {
    json!({"record": "case", "id": "1", "kind": "concern", "system": "a", "status": status, "title": title, "attributes": {"desk": "north-7f3a", "other": "x"}})
}

/// Three versions of a case, the second with another title.
fn lived(homes: Homes<'_>) -> (Home, Store) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.begin_run(100).unwrap();
    for (now, status, title) in [(200, "open", SECRET), (300, "open", "credit"), (400, "closed", SECRET)] {
        store.commit("t", &[snapshot("s", &[case(status, title), incident("2", "a", "open")])], now).unwrap();
    }
    (home, store)
}

fn order<'o>(id: &'o str, columns: &'o [String]) -> Redaction<'o> {
    Redaction { shape: shape::by_name("case").unwrap(), id, columns, reason: "names a customer", by: "dpo" }
}

fn titles(store: &Store) -> Vec<String> {
    let bodies: Vec<String> = store.reader().rows("SELECT body FROM record_versions WHERE id = '1' ORDER BY version", &[], |row| row.get(0)).unwrap();
    bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap()["fields"]["title"].as_str().unwrap().to_owned()).collect()
}

fn mark(text: &str) -> String {
    format!("[redacted, sha256:{}]", crate::record::Digest::of(text.as_bytes()))
}

fn texts_give_way_to_marks_in_every_version(homes: Homes<'_>) {
    let (home, mut store) = lived(homes);
    let columns = ["title".to_owned()];
    let redacted = store.redact(&order("1", &columns), 500).unwrap().unwrap();
    assert_eq!((redacted.entry, redacted.versions, redacted.columns), (5, 3, columns.clone().into()));
    assert_eq!(titles(&store), [mark(SECRET), mark("credit"), mark(SECRET)], "the same text has the same mark");
    assert_eq!(rows(&store, "SELECT title, status FROM cases WHERE id = '1'"), [format!("{} closed", mark(SECRET))]);
    assert_eq!(rows(&store, "SELECT content FROM attributes ORDER BY content"), ["north-7f3a", "x"]);
    let verified = verify(home.other(), None).unwrap();
    assert_eq!(verified.findings, []);
    let told = "the case `1`: title, in 3 of its versions, by the role `dpo`, because: names a customer; entry 5 of 1970-01-01T00:08:20Z";
    assert_eq!(verified.redactions, [told]);
    // The same text again is what is held; with another change of the record it comes back.
    let again =
        |store: &mut Store, status: &str, now: i64| store.commit("t", &[snapshot("s", &[case(status, SECRET), incident("2", "a", "open")])], now).unwrap();
    assert_eq!(again(&mut store, "closed", 600).changed, 0);
    assert_eq!(rows(&store, "SELECT title FROM cases WHERE id = '1'"), [mark(SECRET)]);
    assert_eq!(again(&mut store, "open", 700).changed, 1);
    assert_eq!(rows(&store, "SELECT title FROM cases WHERE id = '1'"), [SECRET]);
    // Everything that may be, then nothing is left.
    let redacted = store.redact(&order("1", &[]), 800).unwrap().unwrap();
    assert_eq!((redacted.versions, redacted.columns.into_iter().collect::<Vec<_>>()), (4, ["desk", "other", "title"].map(str::to_owned).to_vec()));
    assert_eq!(store.redact(&order("1", &[]), 900).unwrap().unwrap().versions, 0);
    assert_eq!(store.redact(&order("none", &[]), 900).unwrap(), None);
    let error = store.redact(&order("2", &columns), 900).unwrap_err().to_string();
    assert_eq!(error, "no stored version of the case `2` has a text `title` that is not redacted yet");
    let verified = verify(home.other(), None).unwrap();
    assert_eq!((verified.findings, verified.redactions.len(), verified.head.entry), (Vec::new(), 2, 7));
    // What is made anew of it is the same.
    drop(store);
    let mut store = home.open(Zone::UTC);
    assert_eq!(store.renew(1_000).unwrap(), None);
    store.record_readings([opens("a", interval(1.0, "ok"), 1_000)], 1_000).unwrap();
    assert_eq!(verify(home.other(), None).unwrap().findings, []);
}

/// What is done, and how what is told of it begins.
const WAYS: [(&str, &str); 6] = [
    ("UPDATE record_versions SET body = replace(body, 'closed', 'open') WHERE id = '1' AND held_until IS NULL", "evidence entry 4: the case `1` of `t` is not"),
    ("UPDATE record_versions SET body = replace(body, 'redacted, sha256', 'redacted, SHA256') WHERE id = '1'", "evidence entry 2: the case `1` of `t` is not"),
    ("UPDATE record_versions SET body = replace(body, '\"open\"', '\"x\"') WHERE id = '2'", "evidence entry 2: the case `2` of `t` is not"),
    ("UPDATE meta SET content = '4' WHERE name = 'redacted'", "the store: what is noted as `redacted` is not what was stored"),
    ("DELETE FROM meta WHERE name = 'redacted'", "evidence entry 2: the case `1` of `t` is not what was stored"),
    ("UPDATE evidence SET body = replace(body, 'dpo', 'ceo') WHERE kind = 'redaction'", "evidence entry 5: its content is not what was stored"),
];

fn what_was_redacted_betrays_whoever_touches_it(homes: Homes<'_>) {
    for (edit, says) in WAYS {
        let (home, mut store) = lived(homes);
        store.redact(&order("1", &[]), 500).unwrap();
        drop(store);
        home.other().batch(edit).unwrap_or_else(|error| panic!("{edit}: {error:?}"));
        let told = verify(home.other(), None).unwrap().findings.first().map(ToString::to_string).unwrap_or_default();
        assert!(told.starts_with(says), "{edit}: {told}");
    }
    // The text that was there, put back from a copy.
    let (home, mut store) = lived(homes);
    let bodies: Vec<(i64, String)> = store.reader().rows("SELECT version, body FROM record_versions", &[], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    store.redact(&order("1", &[]), 500).unwrap();
    for (version, body) in &bodies {
        home.other().execute("UPDATE record_versions SET body = ?2 WHERE version = ?1", &[(*version).into(), body.into()]).unwrap();
    }
    let told = verify(home.other(), None).unwrap().findings.first().map(ToString::to_string).unwrap_or_default();
    assert!(told.starts_with("evidence entry 2: the case `1` of `t` is not what was stored"), "{told}");
}

#[test]
fn nothing_of_a_text_is_left_in_the_file() {
    let (home, store) = lived(&Home::folder);
    let (path, data_dir) = (store.path().to_owned(), store.path().parent().unwrap().to_owned());
    drop(store);
    let holds = |text: &str| {
        let files = std::fs::read_dir(&data_dir).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(holds(SECRET) && holds("north-7f3a"));
    let redacted = redact(&data_dir, &order("1", &["title".to_owned()]), 500).unwrap().unwrap();
    assert_eq!(redacted.versions, 3);
    assert!(!holds(SECRET) && !holds("Jane Roe") && holds("north-7f3a"));
    redact(&data_dir, &order("1", &["desk".to_owned()]), 600).unwrap();
    assert!(!holds("north-7f3a"));
    assert!(Reader::open(&path).unwrap().versions("case", "1").unwrap().len() == 3 && verify(home.other(), None).unwrap().is_good());
    // While somebody works on it, nothing is changed.
    let store = home.open(Zone::UTC);
    assert!(matches!(redact(&data_dir, &order("1", &[]), 700), Err(Error::InUse { .. })));
    drop(store);
}

#[test]
fn what_readings_are_computed_by_can_t_be_redacted() {
    let case = shape::by_name("case").unwrap();
    assert_eq!(redaction::fields(case), ["title"]);
    for field in ["status", "kind", "parent", "severity_word", "is_open", "nowhere"] {
        assert!(!may_be_redacted(case, field), "{field}");
    }
    assert_eq!(redaction::fields(shape::by_name("review").unwrap()), ["title", "person"]);
    assert_eq!(redaction::fields(shape::by_name("system").unwrap()), [""; 0]);
}
