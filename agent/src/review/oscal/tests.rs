//! What OSCAL files say of a pack, and what they never say. That NIST's schema and compliance-trestle accept them, `tests/real/oscal.rs` shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::review::{
    folder::Manifest,
    tests::{Bench, moment as at},
};

fn bench() -> Bench {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    bench.configuration(&json!({ "digest": "c1", "organisation": " Example\n*Ltd* " }), "2026-06-01T00:00:01Z");
    let case = |id: &str, closed: Option<i64>| json!({ "record": "case", "id": id, "kind": "nonconformity", "title": "No <criteria>\nat all", "system": "credit", "opened_at": at("2026-07-10T08:00:00Z"), "closed_at": closed });
    let system = json!({ "record": "system", "id": "credit", "name": "Credit", "risk_tier": "high", "lifecycle": "staging" });
    bench.records("registers", &[system, case("NC-1", None), case("NC-2", Some(at("2026-08-10T08:00:00Z")))], "2026-09-01T00:00:00Z");
    bench.reading("impact_assessments_overdue", &json!({ "system": "credit" }), Some(("breach", 1.0, "")), "2026-09-01T00:00:01Z");
    bench.reading("impact_assessments_overdue", &json!({ "system": "other" }), Some(("unknown", 0.0, "the file is [gone]")), "2026-09-01T00:00:02Z");
    bench.reading("drift_psi", &json!({ "system": "credit", "feature": "age" }), Some(("ok", 0.01, "")), "2026-09-01T00:00:03Z");
    bench.goes_on("2026-10-02T00:00:00Z");
    bench
}

fn results(pack: &Pack) -> Value {
    assessment_results(pack)["assessment-results"]["results"][0].clone()
}

fn of<'v>(list: &'v Value, what: &str) -> Vec<&'v Value> {
    list[what].as_array().map(Vec::as_slice).unwrap_or_default().iter().collect()
}

#[test]
fn readings_breaches_and_nonconformities_are_told() {
    let (pack, _) = bench().make("2026-Q3", "pack").unwrap();
    let result = results(&pack);
    let observations = of(&result, "observations");
    assert_eq!(observations.len(), 3);
    let remarks = |end: &str| observations.iter().find(|observation| observation["description"].as_str().unwrap().ends_with(end)).unwrap()["remarks"].clone();
    assert_eq!(remarks("other: unknown"), "Unknown: the file is \\[gone\\]. This shows nothing, neither good nor bad.");
    assert_eq!((remarks("credit: breach"), remarks("age system=credit: ok")), (Value::Null, Value::Null));
    // A finding for each requirement of the indicator in breach, and for no other.
    let found: Vec<_> = of(&result, "findings").iter().map(|finding| finding["target"]["target-id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, ["A.5.2", "A.5.3", "clause-6.1.4", "clause-8.4", "clause-9.1"]);
    assert_eq!(of(&result, "findings")[0]["title"], "A.5.2: 1 reading in breach");
    let risks = of(&result, "risks");
    assert_eq!((risks.len(), &risks[0]["title"], &risks[0]["description"]), (1, &json!("Nonconformity NC-1"), &json!("No \\<criteria\\> at all")));
    let components = of(&result["local-definitions"], "components");
    let states: Vec<_> = components.iter().map(|component| (component["title"].as_str().unwrap(), component["status"]["state"].as_str().unwrap())).collect();
    assert_eq!(states, [("Credit", "under-development"), ("other", "other")]);
}

#[test]
fn nothing_is_ever_satisfied() {
    let (pack, _) = bench().make("2026-Q3", "pack").unwrap();
    let text = assessment_results(&pack).to_string() + &component_definition(&pack).to_string();
    assert!(text.contains("\"not-satisfied\"") && !text.contains("\"satisfied\"") && !text.contains("\"pass\""));
}

#[test]
fn ids_are_of_the_right_kind_each_once_and_the_same_for_the_same_pack() {
    let bench = bench();
    let (pack, one) = bench.make("2026-Q3", "one").unwrap();
    let (_, two) = bench.make("2026-Q3", "two").unwrap();
    assert_eq!(one.digest, two.digest);
    for name in [RESULTS, COMPONENTS] {
        assert!(Manifest::read(&bench.path("one")).unwrap().files.iter().any(|file| file.name == name && file.reproducible), "{name}");
        assert!(std::fs::read(bench.path("one").join(name)).unwrap() == std::fs::read(bench.path("two").join(name)).unwrap(), "{name}");
    }
    for document in [assessment_results(&pack), component_definition(&pack)] {
        let (mut given, mut named) = (Vec::new(), BTreeSet::new());
        walk("", &document, &mut |key, text| match key {
            "uuid" => given.push(text.to_owned()),
            "href" if text.starts_with('#') => drop(named.insert(text[1..].to_owned())),
            key if key.ends_with("-uuid") => drop(named.insert(text.to_owned())),
            _ => {}
        });
        let each: BTreeSet<_> = given.iter().cloned().collect();
        assert_eq!(each.len(), given.len(), "an id twice");
        assert!(named.is_subset(&each), "{:?}", named.difference(&each));
        assert!(given.iter().all(|id| id.len() == 36 && &id[14..15] == "5" && "89ab".contains(&id[19..20])), "{given:?}");
    }
    let other = Ids::of(&Pack { header: crate::review::model::Header { cut_off: 1, ..pack.header.clone() }, ..pack.clone() });
    assert_ne!(other.id("system", "credit"), Ids::of(&pack).id("system", "credit"));
}

fn walk(key: &str, value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| walk(key, value, see)),
        Value::Array(list) => list.iter().for_each(|value| walk(key, value, see)),
        Value::String(text) => see(key, text),
        _ => {}
    }
}

#[test]
fn without_readings_nothing_is_said_of_any_control() {
    let mut bench = Bench::new("2026-06-01T00:00:00Z");
    bench.goes_on("2026-10-02T00:00:00Z");
    let (pack, _) = bench.make("2026-Q3", "pack").unwrap();
    let result = results(&pack);
    assert!(["observations", "findings", "risks"].iter().all(|list| result.get(*list).is_none()));
    assert!(result["reviewed-controls"].to_string().contains("nothing was seen of any control"));
    assert!(result["local-definitions"].get("components").is_none());
}

#[test]
fn every_control_of_which_an_indicator_speaks_is_in_the_component_definition() {
    let (pack, _) = bench().make("2026-Q3", "pack").unwrap();
    let definition = component_definition(&pack);
    let requirements = &definition["component-definition"]["components"][0]["control-implementations"][0]["implemented-requirements"];
    let ids: Vec<_> = requirements.as_array().unwrap().iter().map(|requirement| requirement["control-id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().filter(|id| id.starts_with("A.")).count(), 38, "the Statement of Applicability speaks of all");
    assert!(ids.contains(&"clause-9.1"));
}

#[test]
fn texts_keep_to_their_lines_and_mean_what_they_say() {
    assert_eq!((line(" a\n b\u{0} "), line(" \t")), ("a b".to_owned(), "-".to_owned()));
    assert_eq!(plain("*a* [b](c) <d>"), "\\*a\\* \\[b\\](c) \\<d\\>");
    assert_eq!((control("9.2.1"), control("A.2.2")), ("clause-9.2.1".to_owned(), "A.2.2".to_owned()));
}
