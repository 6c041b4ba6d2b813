//! Each definition of the library at work.

use serde_json::{Value as Json, json};

use super::*;
use crate::connector::expression::{self, Expression, Scope, Words};

fn run(text: &str, input: &Json) -> Result<Vec<Json>, String> {
    let words = Words { variables: &["settings"], defs: used_by(text).into(), ..Words::default() };
    let expression = Expression::compile(text, &words).map_err(|error| error.message)?;
    let outputs = expression.run(expression::from_json(input), &Scope::default()).map_err(|error| error.to_string())?;
    Ok(outputs.iter().map(expression::to_json).collect())
}

/// An expression, its input, and what comes of it.
type Row = (&'static str, Json, Vec<Json>);

fn good() -> Vec<Row> {
    [checks(), words_and_names(), times(), cases(), fields()].concat()
}

fn checks() -> Vec<Row> {
    vec![
        ("must(\"an id\")", json!(0), vec![json!(0)]),
        ("text(\"a\"), flag(\"b\"), number(\"c\")", json!({"a": "x", "b": false, "c": 0.5}), vec![json!("x"), json!(false), json!(0.5)]),
        ("listed(\"rows\")", json!([1, 2]), vec![json!(1), json!(2)]),
        ("list(\"a\"), list(\"none\")", json!({"a": [1]}), vec![json!(1)]),
        ("named(\"project\") | .name", json!({"name": "p"}), vec![json!("p")]),
        ("one_of(\"state\"; \"open\", \"closed\")", json!("open"), vec![json!("open")]),
        (".at | only_if(true), only_if(false)", json!({"at": 1}), vec![json!(1), json!(null)]),
    ]
}

fn words_and_names() -> Vec<Row> {
    vec![
        ("among(\"a\", \"b\"), among(\"c\")", json!("b"), vec![json!(true), json!(false)]),
        ("plain", json!("AI-System_ 2"), vec![json!("aisystem2")]),
        ("set_for(\"High-Prio\"), set_for(\"low\"), set_for(null)", json!({"high prio": "x"}), vec![json!("x"), json!(null), json!(null)]),
        (
            "[.[] | scoped(\"severity\", \"issuetype\")]",
            json!(["severity::high", "Issue Type: a:b", "SEVERITY/ low ", "severity=1", "severity", "severity::", "kind/incident"]),
            vec![json!(["high", "a:b", "low", "1"])],
        ),
        ("[.[] | is_yes]", json!(["Yes", "1", "no", "", null]), vec![json!([true, true, false, false, null])]),
        ("[.[] | as_count]", json!([2.9, -1, "2", 1e300, null]), vec![json!([2, null, null, null, null])]),
    ]
}

fn times() -> Vec<Row> {
    vec![
        (
            "[.[] | at_rfc3339(\"made_at\")]",
            json!(["2026-01-15T12:00:00Z", "2026-01-15T12:00:00.999Z", "2026-01-15T14:00:00+02:00", null]),
            vec![json!([1_768_478_400, 1_768_478_400, 1_768_478_400, null])],
        ),
        (
            "[.[] | at_offset(\"created\")]",
            json!(["2026-01-15T12:00:00.713+0000", "2026-01-15T07:00:00-0500", null]),
            vec![json!([1_768_478_400, 1_768_478_400, null])],
        ),
        (
            "[.[] | at_utc(\"opened_at\")]",
            json!(["2026-01-15 12:00:00", "2026-01-15T12:00:00.5", "", null]),
            vec![json!([1_768_478_400, 1_768_478_400, null, null])],
        ),
        ("[at_seconds(\"t\"), (null | at_seconds(\"t\"))]", json!(1_768_478_400.5), vec![json!([1_768_478_400, null])]),
        ("at_millis(\"t\")", json!(1_768_478_400_999_i64), vec![json!(1_768_478_400)]),
        ("at_micros(\"t\")", json!(1_768_478_400_999_999_i64), vec![json!(1_768_478_400)]),
        ("at_nanos(\"t\")", json!(1_768_478_400_999_999_999_i64), vec![json!(1_768_478_400)]),
        ("[.[] | on_day(\"due\")]", json!(["2026-02-28", "", null]), vec![json!(["2026-02-28", null, null])]),
        ("[.[] | deadline]", json!(["2026-02-28", "2026-02-28T10:00:00Z", null]), vec![json!(["2026-02-28T23:59:59", "2026-02-28T10:00:00Z", null])]),
        ("[.[] | span]", json!(["6h", " 90 m", "2d", "soon"]), vec![json!([21_600, 5_400, 172_800, null])]),
    ]
}

fn cases() -> Vec<Row> {
    vec![
        (
            "[.[] | kind_of_word]",
            json!([
                "Incident (AI)",
                "Non-conformity",
                "NC",
                "CAPA",
                "Corrective Action",
                "Risk treatment",
                "Review action",
                "AI risk",
                "Complaint",
                "Change request",
                "Bug",
                null
            ]),
            vec![json!([
                "incident",
                "nonconformity",
                "nonconformity",
                "corrective_action",
                "corrective_action",
                "risk_treatment",
                "review_action",
                "risk",
                "concern",
                "change"
            ])],
        ),
        (
            "[.[] | kind_by({ Bug: \"incident\", Support: \"ignore\", Idea: \"Improvement\" })]",
            json!(["bug", "SUPPORT", "Idea", "Incident", "Task"]),
            vec![json!(["incident", "none", "Improvement", "incident"])],
        ),
        (
            "[.[] | kind_of_label({ Bug: \"incident\" })]",
            json!(["type::Bug", "kind/Change", "Incident", "Issue-Type: concern", "aims:incident", "team::a"]),
            vec![json!(["incident", "change", "incident", "concern"])],
        ),
        ("[case_kind(.a, .b[]; {}), case_kind(.c; { Off: \"ignore\" })]", json!({"a": "Task", "b": ["x", "risk"], "c": "off"}), vec![json!(["risk"])]),
        ("[.[] | severity_by({ Sofort: \"critical\" })]", json!(["sofort", "High"]), vec![json!(["critical", "High"])]),
        (
            "[.[] | severity_numbered(\"severity\", \"sev\", \"p\")]",
            json!(["SEV-1", "P0", "severity 4", "p5", "sev", "prod", "p9"]),
            vec![json!(["sev1", "sev1", "sev4", "sev4"])],
        ),
        (
            "[.[] | severity_of_labels({ Sofort: \"critical\", blocks: \"high\" })]",
            json!([["x", "severity::high"], ["priority/P0"], ["severity::2"], ["Prio: sofort"], ["blocks"], ["sev3"], ["production", "spa"], []]),
            vec![json!(["high", "sev1", "sev2", "critical", "high", "sev3", null, null])],
        ),
        ("systems(.typed; .labels; .names)", json!({"typed": ["aims:a"], "labels": ["aims:b"], "names": ["c"]}), vec![json!(["a"])]),
        ("systems(.typed; .labels; .names)", json!({"typed": [], "labels": ["aims:b"], "names": ["c"]}), vec![json!(["b"])]),
        ("systems(.typed; .labels; .names)", json!({"labels": ["x"], "names": ["aims:c", "d"]}), vec![json!(["c", "d"])]),
        ("[.[] | status_of(false; false), status_of(true; true), status_of(false; true)]", json!(["In work"]), vec![json!(["In work", "closed", "resolved"])]),
    ]
}

fn fields() -> Vec<Row> {
    vec![
        ("systems_of_labels", json!(["aims:credit", "x", "AIMS::fraud"]), vec![json!(["credit", "fraud"])]),
        ("reference_in(.)", json!({"ncnumber": ["#12"], "other": ["x"]}), vec![json!("12")]),
        ("reference_of_labels", json!(["x", "Same as: NC-12"]), vec![json!("NC-12")]),
        ("worst_kind(.[]), [worst_kind(empty)]", json!(["change", "nonconformity"]), vec![json!("nonconformity"), json!([])]),
        (
            "fields_of(.[] | { name: .n, value: .v })",
            json!([{"n": "AI system", "v": "a"}, {"n": "ai-system", "v": ["b", "", null]}, {"n": "Empty", "v": ""}]),
            vec![json!({"aisystem": ["a", "b"], "empty": []})],
        ),
        ("[.[] | field_shape]", json!(["due", "residual", "title"]), vec![json!(["day", "number", null])]),
        ("[.[] | is_case_field]", json!(["AI System", "Verify due", "kind", "Sprint"]), vec![json!([true, true, true, false])]),
        (
            "[.[] | values_of_field]",
            json!([{"value": "a", "id": "1"}, {"value": "b", "child": {"value": "c"}}, {"name": "d"}, "", null, 2.5, [[{"value": "e"}]], {},
                {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "f"}, {"text": "g"}]}]}]),
            vec![json!(["a", "c", "d", 2.5, "e", "f g"])],
        ),
        (
            "[form_fields]",
            json!("Before\r\n### AI system\r\n\r\n credit \r\n\r\n### Severity\n_No response_\n### Told\na\nb\n#### c"),
            vec![json!([{"name": "AI system", "value": "credit"}, {"name": "Severity", "value": null}, {"name": "Told", "value": null}])],
        ),
        ("[null | form_fields]", json!(null), vec![json!([])]),
        ("[.[] | is_day]", json!(["2026-01-15", "2026-1-5"]), vec![json!([true, false])]),
        (
            "[.[] | [fits(\"day\"), fits(\"time\"), fits(\"number\"), fits(\"flag\"), fits(null)]]",
            json!(["2026-01-15", "2026-01-15T12:00:00+0100", 0.5, "Yes", "soon"]),
            vec![json!([
                [true, true, false, false, true],
                [false, true, false, false, true],
                [false, false, true, false, true],
                [false, false, false, true, true],
                [false, false, false, false, true]
            ])],
        ),
        (
            "case_with({ grade: [\"major\"], due: [\"soon\"], detectedat: [\"2026-01-02\"], notifyby: [\"2026-01-03\"], sameas: [\"#4\"], empty: [] }) | del(.[] | nulls)",
            json!({"id": "1", "opened_at": 5, "due": "2026-02-01", "residual": 0.5, "attributes": {"a": "b"}}),
            vec![json!({
                "id": "1", "record": "case", "grade": "major", "reference": "4", "opened_at": "2026-01-02", "due": "2026-02-01", "residual": 0.5,
                "notify_by": "2026-01-03T23:59:59", "attributes": {"a": "b", "unread": "due"}
            })],
        ),
    ]
}

#[test]
fn definitions_do_what_they_say() {
    for (text, input, expected) in good() {
        assert_eq!(run(text, &input).unwrap_or_else(|error| panic!("{text}: {error}")), expected, "{text}");
    }
}

#[test]
fn what_has_another_shape_is_an_error_that_quotes_nothing() {
    for (text, input, expected) in [
        (".id | must(\"an id\")", json!({}), "an id is missing"),
        ("text(\"title\")", json!({"title": 7}), "title is no text"),
        ("flag(\"open\")", json!({"open": "yes"}), "open is neither true nor false"),
        ("number(\"weight\")", json!({}), "weight is no number"),
        (".rows | listed(\"rows\")", json!({}), "rows that are no list"),
        ("list(\"tags\")", json!({"tags": null}), "tags is no list"),
        ("named(\"project\")", json!({"name": null}), "a project without its name"),
        ("one_of(\"state\"; \"open\", \"closed\")", json!("hushed"), "state is another word than those that are known"),
        ("at_rfc3339(\"made_at\")", json!("2026-01-15"), "made_at is no time like 2026-01-15T12:00:00Z"),
        ("at_rfc3339(\"made_at\")", json!("2026-01-15T12:00:00"), "made_at is no time like 2026-01-15T12:00:00Z"),
        ("at_rfc3339(\"made_at\")", json!(1_768_478_400), "made_at is no time like 2026-01-15T12:00:00Z"),
        ("at_offset(\"created\")", json!("2026-01-15T12:00:00Z"), "created is no time like 2026-01-15T12:00:00.000+0000"),
        ("at_offset(\"created\")", json!(7), "created is no time like 2026-01-15T12:00:00.000+0000"),
        ("at_utc(\"opened\")", json!("2026-01-15T12:00:00Z"), "opened is no time like 2026-01-15 12:00:00"),
        ("at_utc(\"opened\")", json!("2026-01-15"), "opened is no time like 2026-01-15 12:00:00"),
        ("at_utc(\"opened\")", json!("15.01.2026 12:00"), "opened is no time like 2026-01-15 12:00:00"),
        ("at_seconds(\"t\")", json!("1768478400"), "t is no number of seconds"),
        ("at_millis(\"t\")", json!("1768478400"), "t is no number of milliseconds"),
        ("at_micros(\"t\")", json!({}), "t is no number of microseconds"),
        ("at_nanos(\"t\")", json!([]), "t is no number of nanoseconds"),
        ("on_day(\"due\")", json!("2026-02-30"), "due is no day like 2026-01-15"),
        ("on_day(\"due\")", json!("2026-02-28T00:00:00Z"), "due is no day like 2026-01-15"),
    ] {
        assert_eq!(run(text, &input).unwrap_err(), expected, "{text}");
    }
}

/// Every definition is read, compiles with nothing but what it uses, and stands in the table above.
#[test]
fn every_definition_is_tried() {
    let names: Vec<_> = DEFINITIONS.iter().map(|definition| definition.name).collect();
    assert_eq!(names.len(), TEXT.lines().filter(|line| line.starts_with("def ")).count());
    assert_eq!(names.len(), names.iter().collect::<HashSet<_>>().len(), "one definition of a name");
    for definition in DEFINITIONS.iter() {
        let arguments = vec!["."; definition.parameters].join("; ");
        let call = if arguments.is_empty() { definition.name.to_owned() } else { format!("{}({arguments})", definition.name) };
        let compiled = Expression::compile(&call, &Words { defs: used_by(definition.name).into(), ..Words::default() });
        assert!(compiled.is_ok(), "{call}: {compiled:?}");
        assert!(good().iter().any(|(text, ..)| words(text).contains(definition.name)), "{} is tried by none", definition.name);
    }
}

#[test]
fn a_connector_gets_what_it_uses_and_keeps_its_own() {
    let names = |connector: &str| used_by(connector).lines().filter_map(|line| Some(heads(line).next()?.0.to_owned())).collect::<Vec<_>>();
    assert_eq!(names("records: .items[]"), [""; 0]);
    assert_eq!(names("rows: plain"), ["plain"]);
    assert_eq!(names("x: kind_by($settings.kinds)"), ["among", "plain", "set_for", "kind_of_word", "kind_by"]);
    assert_eq!(names("def plain: .; x: plain"), [""; 0], "its own");
    assert_eq!(names("def text: .; x: text, text(\"a\")"), ["text"], "another number of parameters is another one");
    assert_eq!(names("def plain: .; x: set_for(\"a\")"), ["plain", "set_for"], "the library's own use of it stays");
    let mine = "def plain: \"mine\";";
    let defs = format!("{}{mine}", used_by(&format!("{mine} set_for(plain)")));
    let expression = Expression::compile("set_for(plain), plain", &Words { defs: defs.into(), ..Words::default() }).unwrap();
    let outputs = expression.run(expression::from_json(&json!({"MINE": 1})), &Scope::default()).unwrap();
    assert_eq!(outputs.iter().map(expression::to_json).collect::<Vec<_>>(), [json!(1), json!("mine")]);
}
