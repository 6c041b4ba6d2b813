//! Packs as wholes: the same again, whole or not there, told from others.

use super::*;
use crate::review::{
    diff,
    model::{Change, Change::*, RowChange},
    verify::verify,
};

/// Two quarters of a store: one reading gets worse, one better, one is unknown, one is new, one is gone.
fn bench() -> Bench {
    let mut bench = Bench::new("2026-04-01T00:00:00Z");
    bench.configuration(
        &json!({ "digest": "c1", "organisation": "Example Ltd", "disabled": ["drift_p_value"], "reasons": { "drift_p_value": "no such tests" } }),
        "2026-04-01T00:00:01Z",
    );
    bench.records("registers", &[system("a"), system("b")], "2026-04-02T00:00:00Z");
    let set = |bench: &mut Bench, system: &str, what, at| bench.reading("incidents_open", &json!({ "system": system }), what, at);
    for (system, state, value) in [("worse", "ok", 0.0), ("better", "breach", 2.0), ("old", "breach", 3.0), ("gone", "ok", 0.0), ("quiet", "ok", 0.0)] {
        set(&mut bench, system, Some((state, value, "")), "2026-04-03T00:00:00Z");
    }
    for system in ["u1", "u2"] {
        bench.reading("risks_above_tolerance", &json!({ "system": system }), Some(("unknown", 0.0, "no source provides cases(risk)")), "2026-04-03T00:00:00Z");
    }
    bench.goes_on("2026-07-01T00:00:10Z");
    set(&mut bench, "worse", Some(("warning", 1.0, "")), "2026-07-10T00:00:00Z");
    set(&mut bench, "worse", Some(("breach", 4.0, "")), "2026-08-10T00:00:00Z");
    set(&mut bench, "better", Some(("ok", 0.0, "")), "2026-07-11T00:00:00Z");
    set(&mut bench, "gone", None, "2026-07-12T00:00:00Z");
    set(&mut bench, "new", Some(("breach", 1.0, "")), "2026-09-01T00:00:00Z");
    bench.records("registers", &[system("a"), system("c")], "2026-08-01T00:00:00Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    bench
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    folder::names(folder).unwrap().into_iter().chain([MANIFEST.to_owned()]).map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn a_pack_tells_what_changed_and_why() {
    let bench = bench();
    let (pack, _) = bench.make("2026-Q3", "pack").unwrap();
    let of = |id: &str| pack.indicators.iter().find(|indicator| indicator.id == id).unwrap();
    let incidents = of("incidents_open");
    let told: Vec<_> = incidents.readings.iter().map(|reading| (reading.labels["system"].as_str(), reading.change)).collect();
    let expected = [("old", Some(Same)), ("worse", Some(Worse)), ("new", Some(New)), ("better", Some(Better)), ("gone", Some(Gone)), ("quiet", Some(Same))];
    assert_eq!(told, expected, "the worst first, the longest in breach before others; what was ok all the time at the end");
    let counts = |counts: &super::super::model::Counts| (counts.ok, counts.warning, counts.breach, counts.unknown, counts.absent);
    assert_eq!((counts(&incidents.now), counts(&incidents.before[0]), counts(&incidents.before[1])), ((2, 0, 3, 0, 1), (3, 0, 2, 0, 1), (0, 0, 0, 0, 6)));
    let worse = &incidents.readings[1];
    let day = 86_400;
    assert_eq!((worse.time.ok, worse.time.warning, worse.time.breach), (9 * day, 31 * day, 52 * day));
    assert_eq!((worse.changes, worse.first_breach), (2, Some(moment("2026-08-10T00:00:00Z"))));
    assert_eq!((worse.in_breach_since, worse.worst.map(|worst| worst.value)), (worse.first_breach, Some(4.0)));
    assert_eq!(worse.course.iter().map(|step| step.state).collect::<Vec<_>>(), [State::Ok, State::Warning, State::Breach]);
    assert_eq!(incidents.readings[0].in_breach_since, Some(moment("2026-04-03T00:00:00Z")), "a breach began when it began, not with the period");

    let front = &pack.front;
    let systems =
        |list: &super::super::model::List| list.items.iter().map(|item| item.labels.get("system").map_or("-", String::as_str).to_owned()).collect::<Vec<_>>();
    assert_eq!((systems(&front.worse), systems(&front.better)), (vec!["worse".to_owned(), "new".to_owned()], vec!["better".to_owned()]));
    assert_eq!(systems(&front.in_breach), ["old", "worse", "new"], "the longest first");
    let [unknown] = front.unknown.items.as_slice() else { panic!("{:?}", front.unknown) };
    assert_eq!((front.unknown.count, unknown.readings, unknown.why.as_deref()), (2, 2, Some("no source provides cases(risk)")));
    assert!(unknown.labels.is_empty(), "what they do not share is not told");
    let lines = |lines: &[super::super::model::Line]| lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&front.decisions), ["1 reading was in breach throughout the period: what is done about it?"]);
    let decision = &front.decisions[0];
    assert_eq!((decision.which.as_slice(), decision.others), (["old: Open incidents".to_owned()].as_slice(), 0), "which it is");
    let unseen = lines(&front.unseen);
    assert_eq!(unseen[0], "input a: no source provides cases(review_action)");
    assert!(unseen.contains(&"the indicator drift_p_value is switched off: no such tests".to_owned()), "{unseen:?}");

    let section = |id: &str| pack.sections.iter().find(|section| section.id == id).unwrap();
    assert_eq!(section("b").lacks, ["nobody signed in the period what there is to say about it"]);
    assert!(section("d.2").lacks == ["no source provides plan_entries"] && section("d.2").indicators.len() == pack.indicators.len());
    let inventory = section("b").tables.iter().find(|table| table.id == "inventory").unwrap();
    assert_eq!(inventory.rows.iter().map(|row| row.change.unwrap()).collect::<Vec<_>>(), [RowChange::Same, RowChange::New, RowChange::Gone]);
    let risks = section("r2").tables.iter().find(|table| table.id == "risks").unwrap();
    assert_eq!((risks.not_provided.as_slice(), risks.count), (["cases(risk)".to_owned()].as_slice(), 0));
    assert_eq!((pack.header.inputs, pack.header.inputs_filled, pack.header.organisation.as_str()), (7, 0, "Example Ltd"));
    assert_eq!((pack.header.configuration.as_deref(), pack.header.unwatched, pack.header.seen_until), (Some("c1"), 0, Some(moment("2026-10-01T00:00:00Z"))));
}

#[test]
fn made_again_it_is_the_same_whatever_was_stored_since() {
    let mut bench = bench();
    bench.make("2026-Q2", "q2").unwrap();
    bench.make("2026-Q3", "q3").unwrap();
    let first = bytes(&bench.path("q3"));
    assert!(first.contains_key("pack.xlsx") && first.contains_key("csv/readings.csv") && first.contains_key(EVIDENCE));
    bench.reading("incidents_open", &json!({ "system": "worse" }), Some(("ok", 0.0, "")), "2026-10-03T00:00:00Z");
    bench.records("registers", &[json!({ "record": "system", "id": "a2", "aliases": ["a", "worse"] })], "2026-10-04T00:00:00Z");
    bench.configuration(&json!({ "digest": "c2", "organisation": "Another Ltd" }), "2026-10-05T00:00:00Z");
    bench.make("2026-Q3", "again").unwrap();
    for (name, content) in bytes(&bench.path("again")) {
        assert!(first[&name] == content, "{name} is another");
    }
}

#[test]
fn a_pack_goes_on_from_the_one_before() {
    let bench = bench();
    let (q2, manifest) = bench.make("2026-Q2", "q2").unwrap();
    assert_eq!(q2.header.previous, None);
    let (q3, _) = bench.make("2026-Q3", "q3").unwrap();
    assert_eq!(q3.header.previous, Some(manifest.as_previous()));
    assert_eq!(q3.header.evidence_before, q2.header.evidence, "its entries go on where those of the pack before end");
    // One of another store beside it is none before, and none that can be named.
    let other = Bench::new("2026-04-01T00:00:00Z");
    let named = other.make_with("2026-Q3", "named", Some(&bench.path("q2")), "2030-01-01T00:00:00Z").unwrap_err().to_string();
    assert!(named.ends_with("none of this store: its last entry of evidence is not in it"), "{named}");
    let later = bench.make_with("2026-Q2", "named", Some(&bench.path("q3")), "2030-01-01T00:00:00Z").unwrap_err().to_string();
    assert!(later.contains("none of an earlier period"), "{later}");
    assert!(!bench.path("named").exists() && !other.path("named").exists());
}

#[test]
fn what_can_not_be_made_is_told_and_leaves_nothing() {
    let bench = bench();
    let said = |quarter: &str, name: &str, now: &str| format!("{:#}", anyhow::Error::new(bench.make_with(quarter, name, None, now).unwrap_err()));
    let late = "2030-01-01T00:00:00Z";
    for (quarter, now, expected) in [
        ("2026-Q5", late, "`2026-Q5` is no quarter; expected a quarter such as 2026-Q3"),
        ("2026-Q3", "2026-09-30T23:59:59Z", "the period 2026-Q3 has not ended: it ends on 2026-10-01 00:00, and a pack tells of whole periods"),
        ("2026-Q1", late, "nothing is stored of the period 2026-Q1: what is known begins on 2026-04-01 00:00"),
    ] {
        assert_eq!(said(quarter, "pack", now), expected);
    }
    fs::create_dir(bench.path("empty")).unwrap();
    assert_eq!(said("2026-Q3", "empty", late), format!("{} is there already; a pack replaces nothing", bench.path("empty").display()));
    let nowhere = said("2026-Q3", "no/such/folder", late);
    assert!(nowhere.contains("can't be written into"), "{nowhere}");
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 2, "only the data and the empty folder are there");
    assert_eq!(bench.make_with("2026-Q3", "pack", None, "2026-10-01T00:00:00Z").unwrap().0.header.period.name, "2026-Q3");
}

#[test]
fn a_disk_that_is_full_leaves_no_pack() {
    let bench = bench();
    // Nothing can be written beside it: as on a full disk, the first write fails, here already the folder's.
    let mut permissions = fs::metadata(bench.folder.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o500);
    fs::set_permissions(bench.folder.path(), permissions.clone()).unwrap();
    let made = bench.make("2026-Q3", "pack");
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
    fs::set_permissions(bench.folder.path(), permissions).unwrap();
    // The system's owner may write all the same.
    assert_eq!(bench.path("pack").exists(), made.is_ok());
}

#[test]
fn a_pack_that_was_changed_says_so() {
    let bench = bench();
    bench.make("2026-Q2", "q2").unwrap();
    bench.make("2026-Q3", "q3").unwrap();
    let folder = bench.path("q3");
    let wrong = |reader: Option<&Reader>| verify(&folder, &[], reader).unwrap().wrong;
    assert_eq!(wrong(Some(&bench.reader())), Vec::<String>::new());
    let evidence = fs::read_to_string(folder.join(EVIDENCE)).unwrap();
    let pack = fs::read_to_string(folder.join("pack.json")).unwrap();

    fs::write(folder.join("csv/readings.csv"), "").unwrap();
    fs::write(folder.join("note.txt"), "").unwrap();
    assert_eq!(wrong(None), ["csv/readings.csv: it is not what the manifest says", "note.txt: the manifest does not name it"]);
    fs::remove_file(folder.join("csv/readings.csv")).unwrap();
    assert_eq!(wrong(None)[0], "csv/readings.csv: the file is gone");

    // A forger who makes the manifest anew is found by the chain.
    let mut lines: Vec<String> = evidence.lines().map(str::to_owned).collect();
    let second: Value = serde_json::from_str(&lines[1]).unwrap();
    lines[1] = lines[1].replacen("\"kind\":\"", "\"kind\":\"x", 1);
    fs::write(folder.join(EVIDENCE), lines.join("\n")).unwrap();
    let header = serde_json::from_str::<Pack>(&pack).unwrap().header;
    fs::write(folder.join(MANIFEST), folder::json(&Manifest::of(&folder, &header).unwrap())).unwrap();
    assert_eq!(wrong(None), [format!("{EVIDENCE}: entry {} is not what its digest says", second["entry"])]);
    let without_first: Vec<_> = evidence.lines().skip(1).collect();
    fs::write(folder.join(EVIDENCE), without_first.join("\n")).unwrap();
    assert!(wrong(None).iter().any(|wrong| wrong.contains("does not go on from entry")));
    let without_last: Vec<_> = evidence.lines().take(evidence.lines().count() - 1).collect();
    fs::write(folder.join(EVIDENCE), without_last.join("\n")).unwrap();
    assert!(wrong(None).iter().any(|wrong| wrong.contains("it does not end with")));

    // And one who rewrites the chain as well, by the store.
    let other = Bench::new("2026-04-01T00:00:00Z");
    fs::write(folder.join(EVIDENCE), &evidence).unwrap();
    let told = wrong(Some(&other.reader()));
    assert!(told.iter().any(|wrong| wrong.contains("is not there")), "{told:?}");
    assert!(verify(&bench.path("data"), &[], None).unwrap_err().to_string().contains("holds no pack"));
    fs::write(folder.join(MANIFEST), json!({ "format": "clause9 management review pack", "version": 99 }).to_string()).unwrap();
    let newer = verify(&folder, &[], None).unwrap_err().to_string();
    assert!(newer.ends_with("is of version 99, and this release reads version 1"), "{newer}");
}

#[test]
fn two_packs_differ_in_readings_and_rows() {
    let bench = bench();
    bench.make("2026-Q2", "q2").unwrap();
    bench.make("2026-Q3", "q3").unwrap();
    let diff = diff::diff(&bench.path("q2"), &bench.path("q3")).unwrap();
    let told: Vec<_> = diff.readings.iter().map(|reading| (reading.change, reading.labels.as_str())).collect();
    let expected: [(Change, &str); 4] =
        [(Worse, r#"{"system":"worse"}"#), (New, r#"{"system":"new"}"#), (Better, r#"{"system":"better"}"#), (Gone, r#"{"system":"gone"}"#)];
    assert_eq!(told, expected);
    let inventory = diff.tables.iter().find(|table| table.table == "inventory").unwrap();
    assert_eq!((inventory.new.len(), inventory.gone.len(), inventory.changed.len()), (1, 1, 0));
    assert_eq!((inventory.new[0]["id"].as_str(), inventory.gone[0]["id"].as_str()), ("c", "b"));
    let same = diff::diff(&bench.path("q3"), &bench.path("q3")).unwrap();
    assert!(same.readings.is_empty() && same.tables.is_empty(), "{same:?}");
}

/// Nobody watched at the end of the quarter: what is told of the end is of when somebody did, and that is said.
#[test]
fn time_in_which_nobody_watched_is_told() {
    let mut bench = Bench::new("2026-07-15T00:00:00Z");
    bench.reading("incidents_open", &json!({ "system": "a" }), Some(("breach", 1.0, "")), "2026-07-16T00:00:00Z");
    bench.store.end_run(moment("2026-09-20T00:00:00Z")).unwrap();
    let (pack, _) = bench.make("2026-Q3", "pack").unwrap();
    let until = moment("2026-09-20T00:00:01Z");
    assert_eq!((pack.header.seen_until, pack.header.known_since), (Some(until), moment("2026-07-15T00:00:00Z")));
    let reading = &pack.indicators.iter().find(|indicator| indicator.id == "incidents_open").unwrap().readings[0];
    assert_eq!(
        (reading.end.unwrap().state, reading.time.unwatched, reading.change),
        (State::Breach, 24 * 86_400 + 11 * 86_400 - 10 * 86_400 - 86_400 + 86_399 - 86_400 + 86_400, None)
    );
    let unseen: Vec<_> = pack.front.unseen.iter().map(|line| line.text.as_str()).take(3).collect();
    assert_eq!(
        unseen,
        [
            "what is known begins on 2026-07-15 00:00: of the period before that nothing is known",
            "no agent watched for 24 days 23 hours 59 minutes of the period",
            "nobody watched from 2026-09-20 00:00 to the end: what is told of readings at the end is of then",
        ]
    );
    let inventory = pack.sections.iter().flat_map(|section| &section.tables).find(|table| table.id == "late-cases").unwrap();
    assert_eq!((inventory.count, inventory.compared.as_ref().unwrap().with), (0, None), "with nothing there is nothing to compare");
}

/// Many changes of a reading are put together, and no time of it is lost.
#[test]
fn a_busy_reading_is_told_coarsely() {
    let mut bench = Bench::new("2026-04-01T00:00:00Z");
    for (count, minute) in (0..200).zip((0..).step_by(60)) {
        let at = moment("2026-07-01T00:00:00Z") + minute * 60;
        let state = if count % 50 == 7 { "breach" } else { "ok" };
        bench.reading("incidents_open", &json!({ "system": "a" }), Some((state, f64::from(count), "")), &crate::schedule::rfc3339(at));
    }
    bench.goes_on("2026-10-01T00:00:10Z");
    let (pack, _) = bench.make("2026-Q3", "pack").unwrap();
    let reading = &pack.indicators.iter().find(|indicator| indicator.id == "incidents_open").unwrap().readings[0];
    assert!(reading.coarse && reading.course.len() <= super::super::model::STEPS);
    assert_eq!((reading.course.first().unwrap().from, reading.course.last().unwrap().until), (pack.header.period.from, pack.header.period.until));
    assert!(reading.course.windows(2).all(|pair| pair[0].until == pair[1].from), "{:?}", reading.course);
    assert!(reading.course.iter().any(|step| step.state == State::Breach), "the worst of a time is told");
}

/// Three periods one after another.
#[test]
fn what_gets_worse_again_and_again_is_adverse() {
    let mut bench = Bench::new("2025-07-01T00:00:00Z");
    for (quarter, (one, other)) in
        ["2025-08-01", "2025-11-01", "2026-02-01", "2026-05-01", "2026-08-01"].iter().zip([(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 3.0), (5.0, 4.0)])
    {
        for (system, value) in [("again", one), ("once", other)] {
            bench.reading("incidents_open", &json!({ "system": system }), Some(("warning", value, "")), &format!("{quarter}T00:00:00Z"));
        }
    }
    bench.goes_on("2026-10-01T00:00:10Z");
    let (pack, _) = bench.make("2026-Q3", "pack").unwrap();
    let adverse: Vec<_> = pack.front.adverse.items.iter().map(|item| item.labels["system"].as_str()).collect();
    assert_eq!(adverse, ["again"]);
}
