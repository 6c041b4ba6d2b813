//! OSCAL files of review packs: NIST's own schema accepts them, compliance-trestle loads them, and every id that they refer to is there.

use crate::support::peers::installed;
use clause9::{
    indicator::Catalogue,
    record::{Door, Zone},
    review::{self, Choice, Order, Subject, YearStart, oscal},
    store::{Change, DATABASE_FILE, Delivered, Interval, Key, Mode, Reader, Since, Store},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// 2026-07-01T00:00:00Z, and days from it.
const BEGIN: i64 = 1_782_864_000;
const DAY: i64 = 86_400;

/// Runs the check with the Python that `tests/peers/oscal install` made: whether all is well, and what is not.
fn check(files: &[PathBuf]) -> (bool, String) {
    let python = installed("oscal").join("bin/python");
    assert!(python.exists(), "{} is not there: run tests/peers/oscal install", python.display());
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("real");
    let schema = here.join("oscal/oscal_complete_schema-1.2.2.json");
    let output = Command::new(python).arg(here.join("oscal.py")).arg(schema).args(files).output().expect("Python starts");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The OSCAL files of a pack of the third quarter of 2026, with readings of every state, or without anything.
fn files(folder: &Path, name: &str, is_filled: bool) -> Vec<PathBuf> {
    let data = folder.join(format!("{name}-data"));
    let mut store = Store::open(&data, Zone::UTC).expect("a store");
    store.begin_run(BEGIN).expect("a run");
    if is_filled {
        fill(&mut store);
    }
    store.go_on(BEGIN + 93 * DAY).expect("a store that goes on");
    let catalogue = Catalogue::built_in().expect("the catalogue");
    let subject = Subject { organisation: " Example\n*Ltd* & <Sons> ", zone: Zone::UTC, catalogue: &catalogue };
    let choice = Choice::quarter("2026-Q3", YearStart::default(), Zone::UTC).expect("a quarter");
    let to = folder.join(name);
    let order = Order { choice: &choice, as_known: None, to: &to, previous: None, print: None, key: None };
    let reader = Reader::open(&data.join(DATABASE_FILE)).expect("a reader");
    review::write(&reader, &subject, &order, BEGIN + 100 * DAY).expect("a pack");
    [oscal::RESULTS, oscal::COMPONENTS].map(|name| to.join(name)).to_vec()
}

fn fill(store: &mut Store) {
    let at = BEGIN + 60 * DAY;
    let door = Door { now: at, zone: Zone::UTC };
    let records = [
        json!({ "record": "system", "id": "credit scoring/2", "name": "Kredit \u{2013} \"Prüfung\" #1", "risk_tier": "high", "owner_role": "Head" }),
        json!({ "record": "case", "id": "NC 1", "kind": "nonconformity", "title": "A <b>line</b>\n| and another", "system": "credit scoring/2", "severity": "major", "opened_at": at - DAY }),
        json!({ "record": "case", "id": "NC 2", "kind": "nonconformity" }),
    ];
    let records = records.iter().flat_map(|record| door.admit(record).expect("a record")).collect();
    let stream = Delivered { stream: "s".to_owned(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
    store.commit("registers", &[stream], at).expect("a commit");
    for (place, state) in (1..).zip(["ok", "warning", "breach", "unknown"]) {
        for (indicator, labels) in [
            ("drift_psi", json!({ "feature": format!("a {state}\tb"), "system": "credit scoring/2" })),
            ("soa_control_implementation_ratio", json!({ "category": state })),
        ] {
            reading(store, indicator, &labels, state, at + place);
        }
    }
}

fn reading(store: &mut Store, indicator: &str, labels: &Value, state: &'static str, at: i64) {
    let is_known = state != "unknown";
    let interval = Interval {
        measured: is_known.then_some(0.000_000_1),
        clock: None,
        reason: (!is_known).then(|| "the file `a*b` is gone\n".to_owned()),
        rule: (state == "breach").then(|| "breach: >= 1".into()),
        facts: "{}".to_owned(),
        method: "m1".into(),
        state: state.into(),
    };
    let key = Key { indicator: indicator.to_owned(), labels: labels.to_string() };
    let change = Change { key, opens: Some((interval, Since::begin(state.into(), at))), closes: false, memory: None };
    store.record_readings([change], at).expect("a stored reading");
}

#[test]
fn nists_schema_and_trestle_accept_the_files_of_packs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, is_filled) in [("filled", true), ("empty", false)] {
        let (is_good, told) = check(&files(folder.path(), name, is_filled));
        assert!(is_good, "{name}: {told}");
    }
}

/// Proves that the one above could fail: files with what OSCAL does not know, and with what it knows and does not allow.
#[test]
fn nists_schema_and_trestle_refuse_broken_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = files(folder.path(), "filled", true);
    type Break = fn(&mut Value);
    let breaks: [(&str, Break, &str); 3] = [
        ("state", |result| result["findings"][0]["target"]["status"]["state"] = "unknown".into(), "the schema refuses it"),
        ("field", |result| result["observations"][0]["verdict"] = "ok".into(), "trestle refuses it"),
        (
            "id",
            |result| result["findings"][0]["related-observations"][0]["observation-uuid"] = "00000000-0000-4000-8000-000000000000".into(),
            "nothing is 00000000-",
        ),
    ];
    for (name, break_it, expected) in breaks {
        let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&files[0]).expect("a file")).expect("JSON");
        break_it(&mut document["assessment-results"]["results"][0]);
        let broken = folder.path().join(name).with_extension("json");
        std::fs::write(&broken, document.to_string()).expect("a written file");
        let (is_good, told) = check(&[broken]);
        assert!(!is_good && told.contains(expected), "{name}: {told}");
    }
}
