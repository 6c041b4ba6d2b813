//! The schemas of `pack.json` and `gap.json`: those of the models, and what is written keeps them.

use super::*;
use crate::review::gap::{self, model::Gap};

/// The schema that is checked in, written anew where the model has another.
fn checked_in(name: &str, schema: &schemars::Schema) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/schema").join(name);
    let schema = serde_json::to_value(schema).unwrap();
    let text = format!("{schema:#}\n");
    if fs::read_to_string(&path).unwrap_or_default() != text {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
        panic!("{} was out of date and is written anew: look at what changed, and whether the format's `VERSION` must", path.display());
    }
    schema
}

/// Where a value breaks a schema, by the keywords that ours have; any other is a panic.
fn broken(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let Some(keywords) = schema.as_object() else { panic!("{place}: a schema that is {schema}") };
    let inside = |schema: &Value, value: &Value, name: &str| broken(root, schema, value, &format!("{place}/{name}"));
    let if_not = |holds: bool, what: &str| if holds { Vec::new() } else { vec![format!("{place}: {what}")] };
    let one = |(keyword, of): (&String, &Value)| -> Vec<String> {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" | "format" | "default" => Vec::new(),
            "type" => {
                let kinds = of.as_array().cloned().unwrap_or_else(|| vec![of.clone()]);
                if_not(kinds.iter().any(|kind| is_of_type(value, kind.as_str().unwrap())), "another type")
            }
            "enum" => if_not(of.as_array().unwrap().contains(value), "none of the words"),
            "const" => if_not(of == value, "another word"),
            "minimum" => if_not(value.as_f64().is_none_or(|number| number >= of.as_f64().unwrap()), "too small"),
            "maximum" => if_not(value.as_f64().is_none_or(|number| number <= of.as_f64().unwrap()), "too large"),
            "required" => {
                let names = of.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                names.filter(|name| value.is_object() && value.get(name).is_none()).map(|name| format!("{place}: {name} is missing")).collect()
            }
            "properties" => of.as_object().unwrap().iter().filter_map(|(name, schema)| Some(inside(schema, value.get(name)?, name))).flatten().collect(),
            "additionalProperties" => {
                let known = keywords.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                match of {
                    Value::Bool(allowed) => others.filter(|_| !allowed).map(|(name, _)| format!("{place}: {name} is not known")).collect(),
                    schema => others.flat_map(|(name, value)| inside(schema, value, name)).collect(),
                }
            }
            "items" => value.as_array().into_iter().flatten().enumerate().flat_map(|(number, value)| inside(of, value, &number.to_string())).collect(),
            "anyOf" | "oneOf" => {
                let fitting = of.as_array().unwrap().iter().filter(|schema| broken(root, schema, value, place).is_empty()).count();
                if_not(fitting == 1 || keyword == "anyOf" && fitting > 1, "none of the alternatives")
            }
            "$ref" => broken(root, &root["$defs"][of.as_str().unwrap().strip_prefix("#/$defs/").unwrap()], value, place),
            other => panic!("{place}: the keyword {other}"),
        }
    };
    keywords.iter().flat_map(one).collect()
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new("2026-04-01T00:00:00Z");
    bench.records("registers", &[system("a")], "2026-04-02T00:00:00Z");
    bench.reading("incidents_open", &json!({ "system": "a" }), Some(("breach", 2.0, "")), "2026-08-03T00:00:00Z");
    bench.reading("risks_above_tolerance", &json!({}), Some(("unknown", 0.0, "no source provides cases(risk)")), "2026-08-03T00:00:01Z");
    bench.goes_on("2026-10-01T00:00:10Z");
    bench
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// And a pack reads back as it was.
#[test]
fn a_pack_is_as_its_schema_says() {
    let schema = checked_in("pack.json", &schemars::schema_for!(Pack));
    let bench = bench();
    let choice = Choice::quarter("2026-Q3", YearStart::default(), Zone::UTC).unwrap();
    for as_known in [None, Some(AsKnown::Before(moment("2026-09-01T00:00:00Z")))] {
        let to = bench.path(if as_known.is_some() { "view" } else { "pack" });
        let (pack, _) = bench.write(&Order { choice: &choice, as_known, to: &to, previous: None, print: None, key: None }, "2030-01-01T00:00:00Z").unwrap();
        let mut written = read(&to.join(PACK));
        assert_eq!(broken(&schema, &schema, &written, ""), Vec::<String>::new());
        assert!(serde_json::from_value::<Pack>(written.clone()).unwrap() == pack);
        written["header"]["cut_off"] = "soon".into();
        written["front"]["in_breach"].as_object_mut().unwrap().remove("count");
        assert_eq!(broken(&schema, &schema, &written, ""), ["/front/in_breach: count is missing", "/header/cut_off: another type"], "it can fail");
    }
}

#[test]
fn a_gap_assessment_is_as_its_schema_says() {
    let schema = checked_in("gap.json", &schemars::schema_for!(Gap));
    let bench = bench();
    let subject = Subject { organisation: "Example", zone: Zone::UTC, catalogue: &bench.catalogue };
    gap::write(&bench.reader(), &subject, "2026-09-30", &bench.path("gap"), moment("2030-01-01T00:00:00Z")).unwrap();
    let mut written = read(&bench.path("gap").join(gap::GAP));
    assert_eq!(broken(&schema, &schema, &written, ""), Vec::<String>::new());
    written["requirements"][0]["status"] = "fine".into();
    written["day"] = Value::Null;
    let told = broken(&schema, &schema, &written, "");
    assert!(told.len() == 2 && told[0] == "/day: another type" && told[1].starts_with("/requirements/0/status: "), "{told:?}");
}
