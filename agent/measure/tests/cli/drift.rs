//! What `drift` reports of well-known and of awkward data.

use serde_json::{Value, json};

use crate::support::{drift, run, two_windows, write_text};

#[test]
fn each_feature_and_method_is_one_object() {
    let (_folder, path) = two_windows(2000, 1800);
    let ran = drift(&path, "reference.parquet", "current.parquet", &["--tests", "psi,ks,jensen_shannon"]);
    let ks = ran.measurement("income", "ks");
    assert_eq!((&ks["kind"], &ks["family"], &ks["unit"], &ks["direction"]), (&json!("statistic"), &json!("drift"), &json!("normed"), &json!("higher")));
    assert!((0.0..=1.0).contains(&ks["value"].as_f64().unwrap()) && (0.0..=1.0).contains(&ks["p_value"].as_f64().unwrap()), "{ks:#}");
    assert!(ks["p_value_adjusted"].as_f64() >= ks["p_value"].as_f64());
    let rows = |measurement: &Value| measurement["n_reference"].as_u64().unwrap() + measurement["n_current"].as_u64().unwrap();
    assert!((3500..3800).contains(&rows(&ks)), "{ks:#}");
    let psi = ran.measurement("income", "psi");
    assert_eq!((&psi["bins"], &psi["parameters"]), (&json!(10), &json!({ "bins": "quantiles:10", "floor": "1e-4" })));
    assert!(psi["noise_floor"].as_f64().unwrap() > 0.0 && psi.get("p_value").is_none());
    let text = ran.measurement("city", "ks");
    assert_eq!((&text["value"], &text["reason"], &text["verdict"]), (&Value::Null, &json!("needs a numeric column"), &json!("unknown")));
    assert_eq!(ran.json()["dataset"]["features"], 5);
}

#[test]
fn auto_chooses_by_kind_and_size() {
    let (_folder, path) = two_windows(2000, 500);
    let large = drift(&path, "reference.parquet", "current.parquet", &[]);
    for (feature, method) in [("age", "wasserstein_normed"), ("income", "wasserstein_normed"), ("city", "jensen_shannon"), ("member", "jensen_shannon")] {
        assert!(large.measurement(feature, method)["value"].is_number(), "{feature}");
    }
    assert_eq!(large.json()["measurements"].as_array().unwrap().len(), 5);
    let small = drift(&path, "current.parquet", "reference.parquet", &[]);
    for (feature, method) in [("age", "ks"), ("income", "ks"), ("city", "chi_squared"), ("member", "z_test")] {
        assert!(small.measurement(feature, method)["p_value"].is_number(), "{feature}");
    }
}

#[test]
fn a_tool_can_be_followed() {
    let (_folder, path) = two_windows(2000, 1500);
    let ran = drift(&path, "reference.parquet", "current.parquet", &["--like", "evidently", "--tests", "ks,psi,tvd"]);
    let ks = ran.measurement("age", "ks");
    assert_eq!((&ks["kind"], &ks["limit"], &ks["parameters"]["like"]), (&json!("p_value"), &json!(0.05), &json!("evidently")));
    assert_eq!(ks["verdict"], if ks["value"].as_f64().unwrap() <= 0.05 { "breach" } else { "ok" });
    assert_eq!(ran.measurement("city", "tvd")["reason"], "the tool draws this number by chance");
    assert_eq!(ran.json()["dataset"]["tool_limit"], 0.5);
}

#[test]
fn awkward_windows_are_reported_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_text(&path.join("a.csv"), "constant,holes,kind,gone,words\n5,,1,1,x\n5,,2,2,y\n5,,3,3,x\n5,nan,4,4,\n");
    write_text(&path.join("b.csv"), "constant,holes,kind,new,words\n5,1,one,1,z\n5,inf,two,2,z\n");
    let ran = drift(path, "a.csv", "b.csv", &["--tests", "psi,ks"]);
    assert_eq!(ran.measurement("constant", "psi")["value"], 0.0);
    assert_eq!(ran.measurement("constant", "ks")["p_value"], 1.0);
    let reasons = [
        ("holes", "the reference window has no values"),
        ("kind", "integer in the reference window, text in the current one"),
        ("gone", "the current window lacks the column"),
        ("new", "the reference window lacks the column"),
    ];
    for (feature, reason) in reasons {
        let measurement = ran.measurement(feature, "psi");
        assert_eq!((&measurement["value"], &measurement["reason"]), (&Value::Null, &json!(reason)), "{feature}");
    }
    let facts = ran.json()["columns"].as_array().unwrap().clone();
    let of = |feature: &str| facts.iter().find(|facts| facts["feature"] == feature).unwrap().clone();
    assert_eq!(of("holes")["reference_excluded"], json!({ "nulls": 3, "nans": 1, "infinities": 0 }));
    assert_eq!(of("holes")["current_excluded"], json!({ "nulls": 0, "nans": 0, "infinities": 1 }));
    assert_eq!((&of("words")["unseen"], &of("words")["vanished"]), (&json!(["z"]), &json!(["x", "y"])));
    let as_category = drift(path, "a.csv", "b.csv", &["--tests", "psi", "--include", "words", "--nulls", "category"]);
    assert_eq!(as_category.measurement("words", "psi")["bins"], 4);
}

#[test]
fn limits_decide_the_exit_code() {
    let (_folder, path) = two_windows(3000, 3000);
    let base = ["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--include", "age"];
    let code = |more: &[&str]| run(&path, &[&base[..], more].concat()).code;
    let noise =
        ["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--include", "income", "--tests", "psi", "--limit", "psi=0.000001"];
    assert_eq!(run(&path, &[&noise[..], &["--fail-on", "breach"]].concat()).code, 0, "below the noise floor");
    assert_eq!(run(&path, &[&noise[..], &["--fail-on", "unknown"]].concat()).code, 3, "which lies above the limit");
    assert_eq!(code(&["--tests", "tvd", "--limit", "tvd=0.000001"]), 0, "not asked for");
    assert_eq!(code(&["--tests", "tvd", "--limit", "tvd=0.000001", "--fail-on", "breach"]), 2);
    assert_eq!(code(&["--tests", "tvd", "--limit", "tvd=0.000001", "--fail-on", "warning"]), 2);
    assert_eq!(code(&["--tests", "tvd", "--warn", "tvd=0.000001", "--fail-on", "breach"]), 0);
    assert_eq!(code(&["--tests", "tvd", "--warn", "tvd=0.000001", "--fail-on", "warning"]), 2);
    assert_eq!(code(&["--tests", "tvd", "--limit", "tvd=0.9", "--fail-on", "warning", "--fail-on", "unknown"]), 0);
    assert_eq!(code(&["--tests", "z_test", "--fail-on", "unknown"]), 3);
    assert_eq!(code(&["--tests", "z_test,tvd", "--limit", "tvd=0.000001", "--fail-on", "unknown", "--fail-on", "breach"]), 2);
    assert_eq!(code(&["--tests", "ks", "--limit", "ks.p_value=1.1", "--fail-on", "breach"]), 2);
}

#[test]
fn roles_choose_columns() {
    let (_folder, path) = two_windows(300, 300);
    let features = |more: &[&str]| {
        let json = drift(&path, "reference.parquet", "current.parquet", &[&["--tests", "psi"], more].concat()).json();
        let list: Vec<String> = json["measurements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{}:{}", one["feature"].as_str().unwrap(), one["feature_role"].as_str().unwrap()))
            .collect();
        list.join(" ")
    };
    assert_eq!(features(&[]), "age:feature income:feature city:feature member:feature since:feature");
    assert_eq!(features(&["--prediction", "member", "--time", "since"]), "age:feature income:feature city:feature member:prediction");
    assert_eq!(features(&["--feature", "*e", "--score", "income"]), "age:feature income:score since:feature");
    assert_eq!(features(&["--exclude", "c*,m*", "--label", "age"]), "age:label income:feature since:feature");
    let bounds = drift(&path, "reference.parquet", "current.parquet", &["--time", "since"]).json();
    assert!(bounds["current"]["window_start"].as_str().unwrap().starts_with("2024-10-"), "{}", bounds["current"]);
}

/// A limit that nothing is held against would pass for one that is never crossed.
#[test]
fn limits_that_judge_nothing_are_refused() {
    let (_folder, path) = two_windows(300, 300);
    for (more, problem) in [
        (&["--limit", "psi=0.2"][..], "there is a limit for psi, which these --tests never measure: name it in --tests\n"),
        (&["--tests", "ks", "--warn", "tvd=0.2"][..], "there is a limit for tvd, which these --tests never measure: name it in --tests\n"),
        (&["--tests", "psi", "--limit", "p_value=0.01"][..], "there is a limit for p-values, but no test with one among --tests\n"),
    ] {
        let ran = drift(&path, "reference.parquet", "current.parquet", more);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: {problem}")), "{more:?}");
    }
    // What `auto` may choose may have a limit, whether it is chosen or not.
    assert_eq!(drift(&path, "reference.parquet", "current.parquet", &["--limit", "wasserstein_normed=0.5", "--limit", "ks.p_value=0.001"]).code, 0);
}

#[test]
fn numbers_say_what_was_judged_and_how() {
    let (_folder, path) = two_windows(300, 300);
    let ran = drift(&path, "reference.parquet", "current.parquet", &["--tests", "chi_squared,ks,psi", "--weight", "since", "--include", "age,since"]);
    let (test, size, psi) = (ran.measurement("age", "chi_squared"), ran.measurement("age", "ks"), ran.measurement("age", "psi"));
    assert_eq!((&test["limit"], &test["limit_is_for_p_value"]), (&json!(0.05), &json!(true)));
    assert!(size.get("limit_is_for_p_value").is_none() && size["parameters"]["p_value"] == "exact", "{size:#}");
    assert_eq!(psi["verdict"], "unknown");
    assert!(psi["reason"].as_str().unwrap().starts_with("below the 0.1"), "{psi:#}");
    assert_eq!(ran.json()["left_out"], json!([{ "column": "since", "reason": "weights are not applied here, every row counts once" }]));
}
