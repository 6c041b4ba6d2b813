//! `--like`: the numbers that Evidently, NannyML and alibi-detect gave for the reference data sets, and Evidently's verdicts.

use clause9_measure::categories::{Aligned, Nulls};
use clause9_measure::drift::{Likeness, Method, Number, Settings, Unlike, nannyml_limit, numeric};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;
use serde_json::Value;

use crate::support::{CVM_P_VALUE, Column, EXACT, Ledger, P_VALUE, ROOT, SINGLE, column, data_sets, expectations};

const EVIDENTLY: [(&str, Method); 12] = [
    ("ks", Method::Ks),
    ("wasserstein", Method::WassersteinNormed),
    ("psi", Method::Psi),
    ("jensenshannon", Method::JensenShannon),
    ("kl_div", Method::Kl),
    ("hellinger", Method::Hellinger),
    ("cramer_von_mises", Method::CramerVonMises),
    ("anderson", Method::AndersonDarling),
    ("ed", Method::Energy),
    ("chisquare", Method::ChiSquared),
    ("z", Method::ZTest),
    ("g_test", Method::GTest),
];

const NANNYML: [(&str, Method); 6] = [
    ("kolmogorov_smirnov", Method::Ks),
    ("wasserstein", Method::Wasserstein),
    ("jensen_shannon", Method::JensenShannon),
    ("hellinger", Method::Hellinger),
    ("chi2", Method::ChiSquared),
    ("l_infinity", Method::LInfinity),
];

/// Runs over every column that a tool has values for.
fn columns(tool: &str, mut visit: impl FnMut(&str, &Column, &Column, &Value)) {
    for data_set in data_sets("ref.parquet") {
        for (name, expected) in expectations(&data_set)[tool].as_object().unwrap() {
            if name != "note" {
                let (reference, current) = (column(&data_set, "ref.parquet", name), column(&data_set, "cur.parquet", name));
                visit(&format!("{data_set}.{name}"), &reference, &current, expected);
            }
        }
    }
}

fn alike(like: Likeness, method: Method, reference: &Column, current: &Column) -> clause9_measure::drift::Alike {
    match reference {
        Column::Numbers { .. } => like.numeric(method, &reference.window(), &current.window()),
        Column::Words(_) => {
            let aligned = Aligned::new(&reference.categories(), &current.categories(), Nulls::Dropped);
            like.categorical(method, &aligned.reference, &aligned.current)
        }
    }
}

#[test]
fn evidently() {
    let mut ledger = Ledger::default();
    columns("evidently", |at, reference, current, expected| {
        for (key, method) in EVIDENTLY {
            let Some(value) = expected.get(key).and_then(|entry| entry.get("value")) else { continue };
            let alike = alike(Likeness::Evidently, method, reference, current);
            let ours = alike.value.unwrap_or_else(|reason| panic!("{at} {key}: {reason}"));
            let tolerance = match (alike.shown, method) {
                (Number::PValue, Method::CramerVonMises) => CVM_P_VALUE,
                (Number::PValue, _) => P_VALUE,
                (_, Method::JensenShannon | Method::Hellinger) => ROOT,
                _ => EXACT,
            };
            ledger.check(&format!("{at} {key}"), ours, value, tolerance);
        }
        if expected.get("TVD").is_some() {
            assert_eq!(alike(Likeness::Evidently, Method::Tvd, reference, current).value, Err(Unlike::Random));
        }
    });
    ledger.finish(250);
}

/// The method that Evidently chose by itself, recognised by its display name, and the value it then gave.
#[test]
fn evidently_default() {
    let names = [
        ("K-S p_value", Method::Ks),
        ("Wasserstein distance (normed)", Method::WassersteinNormed),
        ("Jensen-Shannon distance", Method::JensenShannon),
        ("chi-square p_value", Method::ChiSquared),
        ("Z-test p_value", Method::ZTest),
    ];
    let mut compared = 0;
    columns("evidently", |at, reference, current, expected| {
        let shown = expected["default"]["name"].as_str().unwrap();
        let (_, expected_method) = names.iter().find(|(name, _)| shown.contains(name)).unwrap_or_else(|| panic!("{at}: {shown}"));
        let method = match reference {
            Column::Numbers { .. } => {
                let (reference, current) = (reference.window(), current.window());
                let walked = clause9_measure::drift::walk(reference.values(), current.values()).unwrap();
                Likeness::Evidently.numeric_default(reference.rows(), walked.distinct)
            }
            Column::Words(_) => {
                let (reference, current) = (reference.categories(), current.categories());
                let distinct = Aligned::new(&reference, &current, Nulls::Dropped).names.len() as u64;
                Likeness::Evidently.categorical_default(reference.rows() as u64, distinct).unwrap()
            }
        };
        assert_eq!(method, *expected_method, "{at}");
        let limit = shown.split("threshold=").nth(1).unwrap().trim_end_matches(')').parse::<f64>().unwrap();
        assert_eq!(Likeness::Evidently.rule(method).unwrap().limit, limit, "{at}");
        compared += 1;
    });
    assert!(compared >= 30);
}

#[test]
fn nannyml() {
    let mut ledger = Ledger::default();
    columns("nannyml", |at, reference, current, expected| {
        for (key, method) in NANNYML {
            let Some(value) = expected.get(key) else { continue };
            let ours = alike(Likeness::Nannyml, method, reference, current).value.unwrap_or_else(|reason| panic!("{at} {key}: {reason}"));
            let is_root = matches!(method, Method::JensenShannon | Method::Hellinger);
            ledger.check(&format!("{at} {key}"), ours, value, if is_root { ROOT } else { EXACT });
        }
    });
    ledger.finish(100);
}

/// alibi-detect has no likeness of its own, but its Kolmogorov-Smirnov, Cramér-von Mises and chi-squared values are ours in single precision.
#[test]
fn alibi_detect_agrees() {
    let mut ledger = Ledger::default();
    columns("alibi_detect", |at, reference, current, expected| match reference {
        Column::Numbers { .. } => {
            let report = numeric(&reference.window(), &current.window(), &[Method::Ks, Method::CramerVonMises], &Settings::default());
            for (key, method) in [("ks", Method::Ks), ("cvm", Method::CramerVonMises)] {
                let outcome = report.get(method).unwrap();
                ledger.check(&format!("{at} {key}"), outcome.value.unwrap(), &expected[key]["distance"], SINGLE);
            }
        }
        Column::Words(_) => {
            let ours = alike(Likeness::Nannyml, Method::ChiSquared, reference, current).value.unwrap();
            ledger.check(&format!("{at} chi2"), ours, &expected["chi2"]["distance"], SINGLE);
        }
    });
    ledger.finish(50);
}

/// TrustyAI's default Jensen-Shannon distance, made here with scipy's kernel density.
#[test]
fn trustyai_kernel_density() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/likeness.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut ledger = Ledger::default();
    for case in all["kernel"].as_array().unwrap() {
        let read = |key: &str| case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<f64>>();
        let window = |key| Window::new(read(key), 0, &mut Scratch::default());
        let alike = Likeness::Trustyai.numeric(Method::JensenShannon, &window("reference"), &window("current"));
        let value = alike.value.unwrap();
        ledger.check("kernel density", value, &case["js"], ROOT);
        assert_eq!(alike.is_drift, Some(value > 0.1));
    }
    ledger.finish(2);
}

/// One table of which number decides, which way, and whether the limit itself is drift.
#[test]
fn verdicts_at_the_limit() {
    let cases = [
        (Likeness::Evidently, Method::Ks, 0.05, true),
        (Likeness::Evidently, Method::ChiSquared, 0.05, false),
        (Likeness::Evidently, Method::CramerVonMises, 0.1, true),
        (Likeness::Evidently, Method::AndersonDarling, 0.1, false),
        (Likeness::Evidently, Method::Psi, 0.1, true),
        (Likeness::Evidently, Method::WassersteinNormed, 0.1, true),
        (Likeness::Evidently, Method::Energy, 0.1, false),
        (Likeness::Nannyml, Method::ChiSquared, 0.05, false),
        (Likeness::Trustyai, Method::JensenShannon, 0.1, false),
    ];
    for (like, method, limit, is_drift) in cases {
        let rule = like.rule(method).unwrap();
        assert_eq!(rule.limit, limit, "{like} {method}");
        assert_eq!(rule.drifted.holds(limit, limit), is_drift, "{like} {method}");
        let grows_with_distance = rule.judged == Number::Statistic;
        assert_eq!(rule.drifted.holds(limit * 2.0, limit), grows_with_distance, "{like} {method}");
    }
    assert_eq!(Likeness::Nannyml.rule(Method::Ks), None, "its limit comes from chunks of the reference");
    let limit = nannyml_limit(&[1.0, 3.0, f64::NAN]).unwrap();
    assert!((limit - 5.0).abs() < 1e-12, "mean 2 and three standard deviations of 1: {limit}");
}

/// Few rows, many ties, missing values and unseen categories: what Evidently and NannyML gave for them (versions stand beside the values).
#[test]
fn awkward_columns() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/likeness.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut ledger = Ledger::default();
    for case in all["awkward"]["columns"].as_array().unwrap() {
        let cells = |side: &str| case[side].as_array().unwrap().clone();
        let is_text = cells("reference").iter().any(Value::is_string);
        let are_whole = cells("reference").iter().all(|cell| cell.is_i64());
        let read = |side: &str| match is_text {
            true => Column::Words(cells(side).iter().map(|cell| cell.as_str().map(str::to_owned)).collect()),
            false => Column::Numbers { values: cells(side).iter().map(Value::as_f64).collect(), are_whole },
        };
        let (reference, current) = (read("reference"), read("current"));
        for (tool, like) in [("evidently", Likeness::Evidently), ("nannyml", Likeness::Nannyml)] {
            for (method, expected) in case[tool].as_object().unwrap() {
                let at = format!("{} {tool} {method}", case["name"]);
                let alike = alike(like, method.parse().unwrap(), &reference, &current);
                let tolerance = match (alike.shown, alike.method) {
                    (Number::PValue, Method::CramerVonMises) => CVM_P_VALUE,
                    (Number::PValue, _) => P_VALUE,
                    (_, Method::JensenShannon | Method::Hellinger) => ROOT,
                    _ => EXACT,
                };
                ledger.check(&at, alike.value.unwrap_or_else(|reason| panic!("{at}: {reason}")), expected, tolerance);
            }
        }
    }
    ledger.finish(120);
}
