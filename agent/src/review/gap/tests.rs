//! Every query with known answers, a store without anything, and what data, page and folder keep.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::{
    data::{Source, data},
    model::{Decided, Gap, Status},
    *,
};
use crate::{
    review::{
        moments::placeholders,
        tests::{Bench, moment},
    },
    store::sqlite::{Inspector, Sqlite},
};

fn at(text: &str) -> i64 {
    moment(&format!("{text}T10:00:00Z"))
}

fn records() -> Vec<Value> {
    let review = |id: &str, kind: &str, more: Value| {
        let mut record = json!({ "record": "review", "id": id, "kind": kind });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let case = |id: &str, kind: &str, more: Value| {
        let mut record = json!({ "record": "case", "id": id, "kind": kind });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    vec![
        json!({ "record": "system", "id": "credit", "name": "Credit", "owner_role": "Head", "role": "deployer", "risk_tier": "high" }),
        json!({ "record": "system", "id": "chat", "name": "Chat" }),
        review(
            "D-1",
            "document_review",
            json!({ "scope": "AI policy", "title": "Policy", "completed_at": at("2026-08-30"), "approved_at": at("2026-09-01"), "status": "approved" }),
        ),
        review("D-2", "document_review", json!({ "scope": "scope", "due": "2026-12-01" })),
        review("D-3", "document_review", json!({ "scope": "model_card", "system": "credit", "completed_at": at("2026-09-02"), "status": "performed" })),
        review("RA-1", "risk_assessment", json!({ "system": "credit", "completed_at": at("2026-09-03") })),
        review("IA-1", "impact_assessment", json!({ "system": "credit", "approved_at": at("2026-09-04"), "status": "approved" })),
        review("A-1", "internal_audit", json!({ "requirements": "9 A.6", "completed_at": at("2026-09-05"), "status": "reported" })),
        review("A-2", "internal_audit", json!({ "scope": "data", "due": "2026-11-01" })),
        review("b", "review_input", json!({ "scope": "b", "approved_at": at("2026-09-06"), "status": "approved" })),
        case("I-1", "issue", json!({ "opened_at": at("2026-09-07") })),
        case("N-1", "nonconformity", json!({})),
        case("CA-1", "corrective_action", json!({ "implemented_at": at("2026-09-08"), "verified_at": at("2026-09-09"), "closed_at": at("2026-09-10") })),
        case("T-1", "risk_treatment", json!({ "implemented_at": at("2026-09-11") })),
        case("CH-1", "change", json!({ "opened_at": at("2026-09-01"), "approved_at": at("2026-09-12") })),
        case("R-1", "risk", json!({ "opened_at": at("2026-09-13"), "residual": 3 })),
        case("R-2", "risk", json!({ "opened_at": at("2026-09-13") })),
        json!({ "record": "control", "id": "1", "control": "A.2.2", "applicable": true, "justification": "R-1", "status": "implemented", "evidence_at": at("2026-09-14"), "audited_at": at("2026-09-15") }),
        json!({ "record": "control", "id": "2", "control": " a.2.3", "applicable": true, "justification": "R-1", "status": "implemented" }),
        json!({ "record": "control", "id": "3", "control": "A.6.2.4", "applicable": true, "justification": "R-1", "status": "implemented", "evidence_at": at("2024-09-14") }),
        json!({ "record": "control", "id": "4", "control": "A.10.4", "applicable": false, "justification": "no customers", "status": "not_applicable" }),
        json!({ "record": "control", "id": "5", "control": "A.10.3", "applicable": false }),
        json!({ "record": "control", "id": "6", "control": "A.8.5", "applicable": true, "justification": "R-2", "status": "planned" }),
        json!({ "record": "control", "id": "7", "control": "X-1", "applicable": true, "justification": "own", "status": "partial" }),
        json!({ "record": "party", "id": "P-1", "name": "Customers", "reviewed_at": at("2026-09-16") }),
        json!({ "record": "objective", "id": "O-1", "theme": "use", "target": 1 }),
        json!({ "record": "plan_entry", "id": "MP-1", "what": "Drift", "last_analysed_at": at("2026-09-17") }),
        json!({ "record": "decision", "id": "DE-1", "title": "More people", "decided_on": "resources", "decided_at": at("2026-09-18") }),
        json!({ "record": "dataset", "id": "loans", "rights_recorded_at": at("2026-09-19") }),
        json!({ "record": "event_log", "id": "log", "system": "credit", "last_received_at": at("2026-09-20") }),
        json!({ "record": "model_version", "id": "m:1", "system": "credit", "model": "m", "version": "1", "created_at": at("2026-09-21"), "approved": true }),
        json!({ "record": "measurement", "id": "x", "system": "credit", "family": "drift", "method": "psi", "value": 0.1, "measured_at": at("2026-09-22") }),
        json!({ "record": "run", "id": "r", "system": "credit", "pipeline": "p", "outcome": "success", "checks_executed": 3, "ended_at": at("2026-09-23") }),
    ]
}

/// Every query: its rows as `subject source id day`.
#[rustfmt::skip]
const EXPECTED: &[(&str, &[&str])] = &[
    ("documents", &[
    "aipolicy registers D-1 2026-09-01",
    "policy registers D-1 2026-09-01",
    "scope registers D-2 ",
]),
    ("system-documents", &[
    "modelcard registers D-3 2026-09-02",
]),
    ("reviews", &[
    "impactassessment registers IA-1 2026-09-04",
    "internalaudit registers A-1 2026-09-05",
    "internalaudit registers A-2 ",
    "riskassessment registers RA-1 ",
]),
    ("audit-programme", &[
    "internalaudit registers A-1 2026-09-05",
]),
    ("review-inputs", &[
    "b registers b 2026-09-06",
]),
    ("cases", &[
    "change registers CH-1 2026-09-01",
    "correctiveaction registers CA-1 2026-09-08",
    "issue registers I-1 2026-09-07",
    "nonconformity registers N-1 ",
    "risk registers R-1 2026-09-13",
    "risk registers R-2 2026-09-13",
    "risktreatment registers T-1 2026-09-11",
]),
    ("cases-done", &[
    "change registers CH-1 ",
    "correctiveaction registers CA-1 2026-09-10",
    "issue registers I-1 ",
    "nonconformity registers N-1 ",
    "risk registers R-1 ",
    "risk registers R-2 ",
    "risktreatment registers T-1 2026-09-11",
]),
    ("cases-verified", &[
    "change registers CH-1 ",
    "correctiveaction registers CA-1 2026-09-09",
    "issue registers I-1 ",
    "nonconformity registers N-1 ",
    "risk registers R-1 ",
    "risk registers R-2 ",
    "risktreatment registers T-1 ",
]),
    ("cases-approved", &[
    "change registers CH-1 2026-09-12",
    "correctiveaction registers CA-1 ",
    "issue registers I-1 ",
    "nonconformity registers N-1 ",
    "risk registers R-1 ",
    "risk registers R-2 ",
    "risktreatment registers T-1 ",
]),
    ("risks-judged", &[
    "risk registers R-1 2026-09-13",
    "risk registers R-2 ",
]),
    ("controls", &[
    "a.2.2 registers 1 2026-09-14",
    "a.2.3 registers 2 ",
    "a.6.2.4 registers 3 ",
    "x1 registers 7 ",
]),
    ("controls-decided", &[
    "a.10.3 registers 5 ",
    "a.10.4 registers 4 ",
    "a.2.2 registers 1 2026-09-15",
    "a.2.3 registers 2 ",
    "a.6.2.4 registers 3 2024-09-14",
    "a.8.5 registers 6 ",
    "x1 registers 7 ",
]),
    ("systems", &[
    "listed registers chat ",
    "listed registers credit ",
    "owned registers credit ",
    "role registers credit ",
]),
    ("parties", &[
    "party registers P-1 2026-09-16",
]),
    ("objectives", &[
    "use registers O-1 ",
]),
    ("plan", &[
    "entry registers MP-1 2026-09-17",
]),
    ("decisions", &[
    "resources registers DE-1 2026-09-18",
]),
    ("datasets", &[
    "lineage registers loans ",
    "preparation registers loans ",
    "rights registers loans 2026-09-19",
    "source registers loans ",
]),
    ("event-logs", &[
    "log registers log 2026-09-20",
]),
    ("versions", &[
    "approved registers m:1 2026-09-21",
    "registered registers m:1 2026-09-21",
]),
    ("measurements", &[
    "drift registers psi 2026-09-22",
]),
    ("checked-runs", &[
    "checks registers p 2026-09-23",
]),
];

fn bench() -> Bench {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    bench.configuration(&json!({ "digest": "c1", "organisation": "Example Ltd" }), "2026-06-01T00:00:01Z");
    bench.records("registers", &records(), "2026-09-30T10:00:00Z");
    bench.reading("documents_review_overdue", &json!({ "scope": "AI policy" }), Some(("ok", 0.0, "")), "2026-09-30T10:00:01Z");
    bench.reading("objectives_attainment_ratio", &json!({ "theme": "use" }), Some(("unknown", 0.0, "no objective is measured")), "2026-09-30T10:00:02Z");
    bench.reading("management_review_overdue_seconds", &json!({}), Some(("breach", 9.0, "")), "2026-09-30T10:00:03Z");
    bench.reading("inventory_reconciliation_gap", &json!({ "reason": "orphaned" }), Some(("warning", 1.0, "")), "2026-09-30T10:00:04Z");
    bench.goes_on("2026-10-02T00:00:00Z");
    bench
}

fn assessed(bench: &Bench, day: &str, name: &str) -> Result<Gap, Error> {
    let subject = Subject { organisation: "Example", zone: Zone::UTC, catalogue: &bench.catalogue };
    write(&bench.reader(), &subject, day, &bench.path(name), moment("2030-01-01T00:00:00Z"))
}

fn of<'g>(gap: &'g Gap, id: &str) -> &'g model::Assessed {
    gap.requirements.iter().find(|assessed| assessed.id == id).unwrap_or_else(|| panic!("{id}"))
}

#[test]
fn every_query_says_what_is_known_of_sample_records() {
    let bench = bench();
    let choice = choice("2026-09-30", Zone::UTC).unwrap();
    let reader = bench.reader();
    let frozen = Frozen::of(&reader, &choice, None, Zone::UTC, moment("2030-01-01T00:00:00Z")).unwrap();
    let end = reader.as_of(frozen.head().entry).unwrap();
    let values = Values::of(frozen.period(), &choice.before(), Zone::UTC).with_parameters(parameters(&bench.catalogue, end.configuration()));
    let found = Found::ask(data(), &end, &values, Zone::UTC, frozen.period().last_day).unwrap();
    let mut wrong = String::new();
    for query in &data().queries {
        let row = |row: &found::Row| {
            let day = row.record.day.map(|day| date_of(day).to_string()).unwrap_or_default();
            format!("{} {} {} {day}", row.subject, row.record.source, row.record.id)
        };
        let rows: Vec<String> = found.rows[&query.id].iter().map(row).collect();
        let expected = EXPECTED.iter().find(|(id, _)| *id == query.id).map(|(_, rows)| rows.to_vec()).unwrap_or_default();
        assert!(!rows.is_empty(), "{}: no sample record", query.id);
        if rows != expected {
            wrong.push_str(&format!("    (\"{}\", &{rows:#?}),\n", query.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_evidenced_declared_and_missing_is_told_apart() {
    let gap = assessed(&bench(), "2026-09-30", "gap").unwrap();
    let found: Vec<_> = ["5.2", "4.3", "6.1.2", "6.2", "8.4", "9.3.1", "10.2", "A.2.2", "A.2.3", "A.6.2.4", "A.8.5", "A.9.3", "A.10.3", "A.10.4", "7.4"]
        .iter()
        .map(|id| (*id, of(&gap, id).status, of(&gap, id).level))
        .collect();
    assert_eq!(
        found,
        [
            // Reviewed, and its reading is ok; in the period before there was none.
            ("5.2", Status::Evidenced, Some(3)),
            // A review that is planned, and systems that are listed.
            ("4.3", Status::Declared, Some(1)),
            // A risk assessment that nobody approved, and no process.
            ("6.1.2", Status::Declared, Some(1)),
            // Its only reading is unknown: an objective that is listed is declared.
            ("6.2", Status::Declared, Some(1)),
            ("8.4", Status::Evidenced, Some(2)),
            // A reading in breach shows nothing, and there is no review.
            ("9.3.1", Status::Missing, Some(0)),
            // A nonconformity without a day, and an action that was verified.
            ("10.2", Status::Partly, Some(1)),
            ("A.2.2", Status::Evidenced, Some(3)),
            ("A.2.3", Status::Declared, Some(1)),
            // Its evidence is too old.
            ("A.6.2.4", Status::Declared, Some(1)),
            ("A.8.5", Status::Missing, Some(0)),
            ("A.9.3", Status::Missing, Some(0)),
            // Excluded, and nobody says why.
            ("A.10.3", Status::Missing, Some(0)),
            ("A.10.4", Status::Excluded, None),
            ("7.4", Status::Missing, Some(0)),
        ]
    );
    assert_eq!(of(&gap, "7.4").not_provided, Vec::<String>::new());
    let first = &gap.roadmap[0];
    assert_eq!((first.risk, first.status), (model::Risk::High, Status::Missing));
    let of_step = |id: &str| gap.roadmap.iter().find(|step| step.requirement == id).map(|step| step.to_do.join("; ")).unwrap_or_default();
    assert!(gap.roadmap.iter().all(|step| step.requirement != "A.10.4" && step.requirement != "5.2"));
    assert!(of_step("A.10.3").starts_with("justify the decision on it; show: "), "{}", of_step("A.10.3"));
    assert!(of_step("9.3.1").ends_with("bring in time: management_review_overdue_seconds (1 in breach)"), "{}", of_step("9.3.1"));
}

#[test]
fn the_statement_has_38_controls_and_those_that_nobody_names_are_not_decided() {
    let gap = assessed(&bench(), "2026-09-30", "gap").unwrap();
    assert_eq!((gap.statement.len(), gap.added.len(), gap.requirements.len()), (38, 1, 32 + 38));
    let of = |id: &str| gap.statement.iter().find(|decision| decision.control == id).unwrap();
    assert_eq!(of("A.2.2").audited_day.map(|day| date_of(day).to_string()).as_deref(), Some("2026-09-15"));
    assert_eq!(of("A.6.2.4").audited_day.map(|day| date_of(day).to_string()).as_deref(), Some("2026-09-05"));
    assert_eq!((of("A.2.2").evidence_is_current, of("A.2.3").evidence_is_current, of("A.6.2.4").evidence_is_current), (true, false, false));
    assert_eq!((of("A.2.3").decided, of("A.10.4").decided, of("A.3.2").decided), (Decided::Applicable, Decided::Excluded, Decided::NotDecided));
    assert_eq!(gap.statement.iter().filter(|decision| decision.decided == Decided::NotDecided).count(), 32);
}

#[test]
fn without_anything_everything_is_missing() {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    bench.goes_on("2026-10-02T00:00:00Z");
    let gap = assessed(&bench, "2026-09-30", "gap").unwrap();
    assert_eq!(gap.counts.into_iter().collect::<Vec<_>>(), [(Status::Missing, 32 + 38)]);
    assert!(gap.requirements.iter().all(|assessed| assessed.level == Some(0)));
    assert!(gap.statement.iter().all(|decision| decision.decided == Decided::NotDecided));
    assert!(gap.readiness.iter().all(|stage| stage.there == 0));
    assert_eq!(gap.roadmap.len(), 32 + 38);
}

#[test]
fn where_nobody_watched_no_reading_shows_anything() {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    bench.reading("objectives_attainment_ratio", &json!({ "theme": "use" }), Some(("ok", 1.0, "")), "2026-06-02T00:00:00Z");
    bench.goes_on("2026-06-03T00:00:00Z");
    let watched = assessed(&bench, "2026-06-02", "watched").unwrap();
    let later = assessed(&bench, "2026-06-20", "later").unwrap();
    assert_eq!((watched.was_watched, of(&watched, "6.2").status, of(&watched, "A.9.3").level), (true, Status::Evidenced, Some(3)));
    assert_eq!((later.was_watched, of(&later, "6.2").status, of(&later, "A.9.3").level), (false, Status::Missing, Some(0)));
    assert!(fs::read_to_string(bench.path("later/index.html")).unwrap().contains("Nobody watched on that day."));
}

#[test]
fn the_folder_is_whole_the_same_again_and_replaces_nothing() {
    let bench = bench();
    assessed(&bench, "2026-09-30", "one").unwrap();
    assessed(&bench, "2026-09-30", "two").unwrap();
    assert_eq!(folder::names(&bench.path("one")).unwrap(), [GAP, WORKBOOK, folder::PAGE]);
    for name in [GAP, WORKBOOK, folder::PAGE] {
        let of = |folder: &str| fs::read(bench.path(folder).join(name)).unwrap();
        assert!(of("one") == of("two"), "{name}");
    }
    assert!(matches!(assessed(&bench, "2026-09-30", "one"), Err(Error::Exists(_))));
    assert!(matches!(assessed(&bench, "2026-05-01", "early"), Err(Error::BeforeAnything { .. })));
    assert!(matches!(assessed(&bench, "2031-01-01", "late"), Err(Error::NotEnded { .. })));
    assert!(!bench.path("early").exists() && !bench.path("late").exists());
}

#[test]
fn the_page_loads_nothing_and_escapes_what_it_shows() {
    let bench = bench();
    let mut gap = assessed(&bench, "2026-09-30", "gap").unwrap();
    gap.statement[0].justification = Some("<script>\"'&".to_owned());
    let page = html::render(&gap);
    for never in ["style=", "<script", "src=", "://", "onclick=", "onload=", "onerror="] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("&lt;script&gt;&quot;'&amp;"));
    let style = &page[page.find("<style>").unwrap() + "<style>".len()..page.find("</style>").unwrap()];
    assert!(page.contains(&crate::review::html::policy(style)), "the policy names the digest of the style sheet");
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
}

#[test]
fn requirements_name_what_there_is() {
    let (data, catalogue) = (data(), Catalogue::built_in().unwrap());
    let (controls, clauses): (Vec<_>, Vec<_>) = data.requirements.iter().partition(|requirement| requirement.is_control());
    assert_eq!((clauses.len(), controls.len()), (32, 38));
    let ids: BTreeSet<_> = data.requirements.iter().map(|requirement| &requirement.id).collect();
    assert_eq!(ids.len(), 32 + 38);
    let mut used = BTreeSet::new();
    for requirement in &data.requirements {
        let id = &requirement.id;
        assert!(!requirement.parts.is_empty() && requirement.parts.iter().all(|part| !part.shown_by.is_empty()), "{id} would be evidenced by nothing");
        for indicator in requirement.indicators() {
            assert!(catalogue.get(indicator).is_some(), "{id}: {indicator}");
        }
        for source in requirement.parts.iter().flat_map(|part| &part.shown_by).chain(&requirement.declared) {
            let Source::Records(records) = source else { continue };
            assert!(data.queries.iter().any(|query| query.id == records.query), "{id}: {}", records.query);
            used.insert(&records.query);
        }
        assert!(
            !requirement.is_control()
                || requirement.parts[0]
                    .shown_by
                    .iter()
                    .any(|source| matches!(source, Source::Records(records) if records.query == "controls" && records.of == [id.clone()])),
            "{id}"
        );
        // A clause that the other standard lacks, or has elsewhere, is not the same.
        assert!(!(requirement.is_control() || ["6.1.4", "8.4"].contains(&id.as_str())) || requirement.same_in.is_empty(), "{id}");
    }
    assert_eq!(used.len(), data.queries.len(), "a query that no requirement uses");
    assert!(data.stages.iter().flat_map(|stage| &stage.items).all(|item| ids.contains(&item.requirement)));
    let levels: Vec<u8> = data.rules.levels.iter().map(|level| level.level).collect();
    assert_eq!(levels, [0, 1, 2, 3, 4]);
}

#[test]
fn every_query_only_reads_in_one_order_and_yields_its_columns() {
    let inspector = Inspector::new(Sqlite::with_record_tables().unwrap(), |_| true).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let choice = choice("2026-09-30", Zone::UTC).unwrap();
    let names = catalogue.parameter_names().into_iter().map(|name| (name.to_owned(), 1.0));
    let values = Values::of(&choice.period(), &choice.before(), Zone::UTC).with_parameters(names);
    let rules = [("statement", &data().rules.statement), ("audits", &data().rules.audits)];
    for (id, sql) in data().queries.iter().map(|query| (query.id.as_str(), &query.sql)).chain(rules) {
        let inspected = inspector.inspect(sql).unwrap_or_else(|refused| panic!("{id}: {refused:?}"));
        let named: Vec<_> = inspected.placeholders.iter().map(|name| name.as_deref().unwrap_or("?")).collect();
        assert_eq!(placeholders(sql), named, "{id}");
        assert!(named.iter().all(|name| values.knows(name)), "{id}: {named:?}");
        assert!(rules.iter().any(|(rule, _)| *rule == id) || inspected.columns == ["subject", "source", "id", "day", "at"], "{id}: {:?}", inspected.columns);
        assert!(sql.trim_end().ends_with("ORDER BY 1, 2, 3"), "{id}");
    }
}
