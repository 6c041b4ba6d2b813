//! Packs as of another moment than the end of their period, late data, and who signed.

use super::*;
use crate::{
    keys::{PublicKey, SigningKey},
    review::{
        folder::SIGNATURE,
        signature::Signer,
        verify::{Verified, verify},
    },
};

const LATER: &str = "2030-01-01T00:00:00Z";

fn action(closed: Option<&str>) -> Value {
    json!({
        "record": "case", "id": "MA-1", "kind": "review_action", "title": "Second reviewer", "due": "2026-08-01",
        "opened_at": moment("2026-07-10T00:00:00Z"), "closed_at": closed.map(moment),
    })
}

/// A quarter whose action was closed in it, which was told two weeks after its end.
fn bench() -> Bench {
    let mut bench = Bench::new("2026-04-01T00:00:00Z");
    let source = |name: &str| json!({ "name": name, "connector": "files", "kind": "files" });
    bench.configuration(&json!({ "digest": "c1", "organisation": "Example Ltd", "sources": [source("registers"), source("risks")] }), "2026-04-01T00:00:01Z");
    bench.records("registers", &[action(None)], "2026-07-11T00:00:00Z");
    bench.reading("incidents_open", &json!({ "system": "a" }), Some(("ok", 0.0, "")), "2026-07-12T00:00:00Z");
    bench.reading("incidents_open", &json!({ "system": "a" }), Some(("breach", 2.0, "")), "2026-08-20T00:00:00Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    bench.records("registers", &[action(Some("2026-09-01T00:00:00Z"))], "2026-10-15T00:00:00Z");
    bench.goes_on("2027-01-01T00:00:10Z");
    bench
}

impl Bench {
    fn view(&self, quarter: &str, as_known: Option<AsKnown>, name: &str) -> Result<(Pack, Manifest), Error> {
        let (choice, to) = (Choice::quarter(quarter, YearStart::default(), Zone::UTC)?, self.path(name));
        self.write(&Order { choice: &choice, as_known, to: &to, previous: None, print: None, key: None }, LATER)
    }
}

fn actions(pack: &Pack) -> &super::super::model::Table {
    pack.sections.iter().flat_map(|section| &section.tables).find(|table| table.id == "actions").unwrap()
}

/// Whether the action is open, in a pack.
fn is_open(pack: &Pack) -> Option<bool> {
    let table = actions(pack);
    let column = table.columns.iter().position(|column| column.name == "is_open").unwrap();
    table.rows.first().map(|row| row.cells[column] == super::super::model::Cell::Integer(1))
}

#[test]
fn a_view_tells_what_was_known_at_another_moment() {
    let bench = bench();
    let (frozen, manifest) = bench.make("2026-Q3", "frozen").unwrap();
    assert_eq!((is_open(&frozen), frozen.header.as_of.as_ref(), manifest.as_of), (Some(true), None, None), "nobody knew better at the end of the quarter");

    let (view, of_view) = bench.view("2026-Q3", Some(AsKnown::Before(moment("2026-11-01T00:00:00Z"))), "view").unwrap();
    assert_eq!(is_open(&view), Some(false), "it was told by then");
    assert_eq!((view.header.cut_off, view.header.known_at()), (moment("2026-10-01T00:00:00Z"), moment("2026-11-01T00:00:00Z")));
    let of = view.header.as_of.as_ref().unwrap();
    let entry = view.header.evidence.as_ref().unwrap().entry;
    assert_eq!(of.name, format!("2026-Q3 as known on 2026-11-01 00:00, entry {entry}"));
    assert!(of.limits.iter().any(|limit| limit.contains("what was closed or changed after the end")), "{of:?}");
    assert!(of.limits.iter().any(|limit| limit.ends_with("nothing of it is known: risks.")), "{of:?}");
    assert_eq!((of_view.period.as_str(), of_view.as_of), (of.name.as_str(), Some(of.at)));
    assert!(of_view.digest != manifest.digest && entry > frozen.header.evidence.as_ref().unwrap().entry);
    let ids = |name: &str| -> Value { serde_json::from_slice(&fs::read(bench.path(name).join(oscal::RESULTS)).unwrap()).unwrap() };
    assert_ne!(ids("view")["assessment-results"]["uuid"], ids("frozen")["assessment-results"]["uuid"]);
    let page = fs::read_to_string(bench.path("view").join(PAGE)).unwrap();
    assert!(page.contains("not the pack that was frozen at the end of the period") && page.contains(&of.name), "the page says what it is");
    assert!(verify(&bench.path("view"), &[], Some(&bench.reader())).unwrap().wrong.is_empty());

    // By the number of the entry it is the same but for the moment; made again it is the same bytes.
    let (by_entry, _) = bench.view("2026-Q3", Some(AsKnown::Entry(entry)), "by-entry").unwrap();
    assert_eq!((is_open(&by_entry), by_entry.header.evidence), (Some(false), view.header.evidence.clone()));
    let (_, again) = bench.view("2026-Q3", Some(AsKnown::Before(moment("2026-11-01T00:00:00Z"))), "again").unwrap();
    assert_eq!(again.digest, of_view.digest);
}

#[test]
fn a_view_in_the_middle_of_a_period_ends_there() {
    let bench = bench();
    let (view, _) = bench.view("2026-Q3", Some(AsKnown::Before(moment("2026-08-01T00:00:00Z"))), "view").unwrap();
    assert_eq!((view.header.cut_off, view.header.period.until), (moment("2026-08-01T00:00:00Z"), moment("2026-08-01T00:00:00Z")));
    assert_eq!(crate::record::date_of(view.header.period.last_day).to_string(), "2026-07-31");
    assert_eq!((view.front.now.ok, view.front.now.breach), (1, 0), "the breach of August was not known");
    assert_eq!(view.header.as_of.unwrap().limits[0], "The period had not ended then: it is told up to that moment only.");
}

#[test]
fn where_there_is_no_view_is_told_and_nothing_is_written() {
    let bench = bench();
    let said = |quarter: &str, known: AsKnown| bench.view(quarter, Some(known), "view").unwrap_err().to_string();
    let at = |text: &str| AsKnown::Before(moment(text));
    let last = bench.reader().head().unwrap().0.entry;
    for (quarter, known, expected) in [
        ("2026-Q3", at("2030-01-02T00:00:00Z"), "2030-01-02 00:00 has not come: what is known then nobody can say".to_owned()),
        ("2026-Q3", AsKnown::Entry(last + 1), format!("there is no evidence entry {}; the last one is {last}", last + 1)),
        ("2026-Q3", at("2026-07-01T00:00:00Z"), "the period 2026-Q3 begins on 2026-07-01 00:00: as of 2026-07-01 00:00 nothing of it was known".to_owned()),
        ("2026-Q3", AsKnown::Entry(1), "the period 2026-Q3 begins on 2026-07-01 00:00: as of 2026-04-01 00:00 nothing of it was known".to_owned()),
        ("2026-Q1", at("2026-03-01T00:00:00Z"), "nothing is stored of the period before 2026-03-01 00:00: what is known begins on 2026-04-01 00:00".to_owned()),
    ] {
        assert_eq!(said(quarter, known), expected);
    }
    assert!(!bench.path("view").exists());
    // A view is no pack that a later one goes on from.
    bench.view("2026-Q3", Some(at("2026-11-01T00:00:00Z")), "view").unwrap();
    assert_eq!(bench.make("2026-Q4", "q4").unwrap().0.header.previous, None);
    let named = bench.make_with("2026-Q4", "named", Some(&bench.path("view")), LATER).unwrap_err().to_string();
    assert!(named.ends_with("it is a view as of another moment"), "{named}");
}

/// What came too late for a pack stands in the next one with a note, and no byte of the frozen one changes.
#[test]
fn late_data_is_a_correction_of_the_next_pack() {
    let bench = bench();
    bench.make("2026-Q3", "q3").unwrap();
    let frozen: Vec<_> = folder::names(&bench.path("q3")).unwrap().into_iter().map(|name| fs::read(bench.path("q3").join(name)).unwrap()).collect();
    let (q4, _) = bench.make("2026-Q4", "q4").unwrap();
    let after: Vec<_> = folder::names(&bench.path("q3")).unwrap().into_iter().map(|name| fs::read(bench.path("q3").join(name)).unwrap()).collect();
    assert!(frozen == after, "the frozen one is as it was");
    let late = q4.sections.iter().flat_map(|section| &section.tables).find(|table| table.id == "late-cases").unwrap();
    let [row] = late.rows.as_slice() else { panic!("{late:?}") };
    assert_eq!((row.change, row.cells[1].clone()), (Some(super::super::model::RowChange::Changed), super::super::model::Cell::Text("MA-1".to_owned())));
    let note = q4.front.unseen.iter().find(|line| line.table.as_deref() == Some("late-cases")).map(|line| line.text.as_str());
    assert_eq!(note, Some("1 case of earlier periods became known late, or otherwise: a correction of earlier packs, which stay as they are"));
}

#[test]
fn a_pack_is_signed_by_who_has_the_key() {
    let bench = bench();
    let key = SigningKey::make(&bench.path("key")).unwrap();
    let other = SigningKey::make(&bench.path("other")).unwrap();
    let choice = Choice::quarter("2026-Q3", YearStart::default(), Zone::UTC).unwrap();
    for name in ["signed", "again"] {
        let to = bench.path(name);
        bench.write(&Order { choice: &choice, as_known: None, to: &to, previous: None, print: None, key: Some(&key) }, LATER).unwrap();
    }
    bench.make("2026-Q3", "unsigned").unwrap();
    let read = |name: &str, file: &str| fs::read(bench.path(name).join(file)).unwrap();
    assert!(read("signed", SIGNATURE) == read("again", SIGNATURE) && read("signed", MANIFEST) == read("unsigned", MANIFEST));
    let checked = |name: &str, keys: &[PublicKey]| verify(&bench.path(name), keys, None).unwrap();
    let wrong = |name: &str, keys: &[PublicKey]| checked(name, keys).wrong;
    let named = key.public().to_string();
    let Verified { signer, wrong: nothing, .. } = checked("signed", &[key.public()]);
    assert_eq!((signer, nothing), (Signer::Expected(named.clone()), Vec::new()));
    assert_eq!((checked("unsigned", &[]).signer, wrong("unsigned", &[])), (Signer::Nobody, Vec::new()));
    assert_eq!(wrong("unsigned", &[key.public()]), ["manifest.json.sig: the file is gone or never was: the pack is unsigned"]);
    assert_eq!(wrong("signed", &[other.public()]), [format!("manifest.json.sig: another key signed than was asked for: {named}")]);
    // A forger who makes the manifest anew can't sign it.
    let path = bench.path("signed");
    fs::write(path.join("csv/readings.csv"), "").unwrap();
    let (_, pack) = super::super::verify::read(&path).unwrap();
    fs::write(path.join(MANIFEST), folder::json(&Manifest::of(&path, &pack.header).unwrap())).unwrap();
    assert_eq!(wrong("signed", &[key.public()]), [format!("manifest.json: it is not what {named} signed")]);
    fs::remove_file(path.join(SIGNATURE)).unwrap();
    assert_eq!(wrong("signed", &[key.public()]).len(), 1);
    assert_eq!((checked("signed", &[]).signer, wrong("signed", &[])), (Signer::Nobody, Vec::new()), "which is why a public key is asked for");
}
