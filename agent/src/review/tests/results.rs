//! Signed results: the pack that they name, and registers that say otherwise since.

use super::*;
use crate::review::{
    model::{Cell, Table},
    results::{Named, Packs, named},
};

/// A review of the second quarter, held in July: signed where a pack is named.
fn review(pack: Option<&str>, chair: &str) -> Value {
    let at = moment("2026-07-20T00:00:00Z");
    let attributes: serde_json::Map<String, Value> = [("chair", Some(chair)), ("attendees", Some("CEO, Head of AI")), ("pack", pack)]
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text?.into())))
        .collect();
    json!({
        "record": "review", "id": "MR-1", "kind": "management_review", "title": "Second quarter", "due": "2026-07-15", "completed_at": moment("2026-07-15T00:00:00Z"),
        "approved_at": pack.map(|_| at), "status": pack.map_or("performed", |_| "approved"), "attributes": attributes,
    })
}

fn decision(due: &str) -> Value {
    json!({ "record": "decision", "id": "D-1", "review": "MR-1", "title": "Retrain twice a year", "owner_role": "Head of AI", "decided_at": moment("2026-07-15T00:00:00Z"), "due": due })
}

fn bench() -> Bench {
    let mut bench = Bench::new("2026-04-01T00:00:00Z");
    bench.records("registers", &[review(None, "CEO")], "2026-07-16T00:00:00Z");
    bench
}

fn held(pack: &Pack) -> &Table {
    pack.sections.iter().flat_map(|section| &section.tables).find(|table| table.id == "reviews-held").unwrap()
}

/// What the one review's pack is said to be, and whether that is wrong.
fn told(pack: &Pack) -> (Cell, Cell) {
    let table = held(pack);
    let cell = |name: &str| table.rows[0].cells[table.columns.iter().position(|column| column.name == name).unwrap()].clone();
    assert_eq!((cell("chair"), cell("attendees")), (Cell::Text("CEO".to_owned()), Cell::Text("CEO, Head of AI".to_owned())));
    (cell("pack_check"), cell("is_pack_wrong"))
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn a_result_is_held_against_the_pack_that_it_names() {
    let mut bench = bench();
    let (_, manifest) = bench.make("2026-Q2", "q2").unwrap();
    bench.records("registers", &[review(Some(&manifest.digest.to_uppercase()), "CEO"), decision("2026-12-01")], "2026-07-20T12:00:00Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    let (pack, _) = bench.make("2026-Q3", "q3").unwrap();
    assert_eq!(told(&pack), (text("the pack of 2026-Q2, as it was"), Cell::Integer(0)));
    let of = |pack: &Pack| named(pack.sections.iter().flat_map(|section| &section.tables), &Packs::at_hand(bench.folder.path(), None)).unwrap();
    assert_eq!(of(&pack), [("registers: MR-1".to_owned(), Named::Same("2026-Q2".to_owned()))]);
    assert!(!pack.front.decisions.iter().any(|line| line.text.contains("signed result")));

    // A byte of that pack is another; then it is not there at all.
    fs::write(bench.path("q2/csv/readings.csv"), "").unwrap();
    let (pack, _) = bench.make("2026-Q3", "again").unwrap();
    assert_eq!(told(&pack), (text("the pack of 2026-Q2, whose files are not what they were"), Cell::Integer(1)));
    assert_eq!(of(&pack)[0].1, Named::Differs("2026-Q2".to_owned()));
    assert!(pack.front.decisions.iter().any(|line| line.text == "1 signed result names a pack that is not at hand as it was"));
    // One who makes its manifest anew has another digest.
    let (_, q2) = super::super::verify::read(&bench.path("q2")).unwrap();
    fs::write(bench.path("q2").join(MANIFEST), folder::json(&Manifest::of(&bench.path("q2"), &q2.header).unwrap())).unwrap();
    assert_eq!(told(&bench.make("2026-Q3", "third").unwrap().0), (text("no pack at hand has this digest"), Cell::Integer(1)));
}

#[test]
fn a_result_that_names_no_pack_says_so() {
    let mut bench = bench();
    let mut signed = review(Some("x"), "CEO");
    signed["attributes"].as_object_mut().unwrap().remove("pack");
    bench.records("registers", &[signed], "2026-07-20T12:00:00Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    assert_eq!(told(&bench.make("2026-Q3", "q3").unwrap().0), (text("it names no pack"), Cell::Integer(0)));
}

#[test]
fn a_register_that_contradicts_a_signed_result_is_refused() {
    let mut bench = bench();
    bench.records("registers", &[review(Some("ab"), "CEO"), decision("2026-12-01"), system("a")], "2026-07-20T12:00:00Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    bench.make("2026-Q3", "q3").unwrap();
    let signed = bench.reader().head_before(moment("2026-07-20T13:00:00Z")).unwrap().unwrap().0.entry;
    let mut again = review(Some("ab"), "CFO");
    again["approved_at"] = moment("2026-10-05T00:00:00Z").into();
    let mut carried_out = decision("2026-12-01");
    carried_out["done_at"] = moment("2026-11-02T00:00:00Z").into();
    let row = "registers: the management review MR-1 contradicts its signed result: ";
    let since = "is not what was signed on 2026-07-20, which evidence entry";
    let cases: [(&str, Vec<Value>, Option<String>); 7] = [
        ("another chair", vec![review(Some("ab"), "CFO"), decision("2026-12-01")], Some(format!("{row}chair {since} {signed} holds"))),
        ("another pack", vec![review(Some("cd"), "CEO"), decision("2026-12-01")], Some(format!("{row}pack {since} {signed} holds"))),
        ("not signed any more", vec![review(None, "CEO"), decision("2026-12-01")], Some(format!("{row}approved_at {since} {signed} holds"))),
        ("gone", vec![system("a")], Some(format!("{row}the row, which is gone, {since} {signed} holds"))),
        (
            "another day",
            vec![review(Some("ab"), "CEO"), decision("2027-12-01")],
            Some(format!("registers: the decision D-1 contradicts its signed result: due {since} {signed} holds")),
        ),
        ("put back, and carried out", vec![review(Some("ab"), "CEO"), carried_out], None),
        ("signed again", vec![again, decision("2027-12-01")], None),
    ];
    for (minute, (name, records, expected)) in (1..).zip(cases) {
        bench.records("registers", &records, &format!("2026-10-06T00:{minute:02}:00Z"));
        bench.goes_on(&format!("2026-10-06T00:{minute:02}:30Z"));
        let choice = Choice::days("2026-10-01", "2026-10-10", Zone::UTC).unwrap();
        let to = bench.path("pack");
        let made = bench.write(&Order { choice: &choice, as_known: None, to: &to, previous: None, print: None, key: None }, "2030-01-01T00:00:00Z");
        match expected {
            Some(expected) => {
                let error = made.unwrap_err().to_string();
                assert!(error.starts_with(&expected) && error.contains("since entry") && !error.contains("CFO"), "{name}: {error}");
                assert!(!to.exists(), "{name}");
            }
            None => {
                made.unwrap_or_else(|error| panic!("{name}: {error}"));
                fs::remove_dir_all(&to).unwrap();
            }
        }
        // What came later is no part of the pack of the quarter.
        bench.make("2026-Q3", &format!("q3-{minute}")).unwrap();
    }
}
