//! Columns that memory does not hold: every number within the bound that it states.

use crate::support::{drift, run, two_windows};

#[test]
fn bounds_hold() {
    let (_folder, path) = two_windows(40_000, 30_000);
    let only = ["--include", "income", "--tests", "all"];
    let exact = drift(&path, "reference.parquet", "current.parquet", &only);
    let sketched = drift(&path, "reference.parquet", "current.parquet", &[&only[..], &["--memory", "128KiB"]].concat());
    for method in ["ks", "wasserstein", "wasserstein_normed", "energy", "l_infinity", "tvd"] {
        let (exact, near) = (exact.measurement("income", method), sketched.measurement("income", method));
        let (value, about, bound) = (exact["value"].as_f64().unwrap(), near["value"].as_f64().unwrap(), near["error_bound"].as_f64().unwrap());
        assert!(exact.get("error_bound").is_none(), "exact values have no bound");
        assert!((value - about).abs() <= bound * (1.0 + 1e-9), "{method}: {value} {about} {bound}");
        assert_eq!((&near["n_reference"], &near["n_current"]), (&exact["n_reference"], &exact["n_current"]));
    }
    let psi = sketched.measurement("income", "psi");
    assert_eq!((psi["bins"].as_u64(), &psi["parameters"]["sketched"]), (Some(10), &serde_json::json!("quantiles")));
    assert!((psi["value"].as_f64().unwrap() - exact.measurement("income", "psi")["value"].as_f64().unwrap()).abs() < 0.01);
    let ranks = sketched.measurement("income", "anderson_darling");
    assert_eq!(ranks["reason"], "needs the data itself, of which only a summary is at hand");
}

#[test]
fn too_many_categories_are_not_guessed() {
    let (_folder, path) = two_windows(4000, 4000);
    let ran = run(
        &path,
        &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--include", "income", "--categorical", "income", "--memory", "64KiB"],
    );
    assert!(ran.stdout.contains("different values fit no count; an identifier? --exclude it, or raise --memory"), "{}", ran.stdout);
}
