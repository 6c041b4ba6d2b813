//! Distribution functions against tabulated values: scipy 1.14.1, and 40-digit arithmetic for the Cramér-von Mises limit law.

use clause9_measure::special;
use serde_json::Value;

fn table(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/special.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let rows = all[name].as_array().unwrap();
    assert!(rows.len() > 5, "{name}: the table is there");
    rows.iter().map(|row| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()).collect()
}

/// Every row's last number is what `compute` must give for the others.
fn check(name: &str, relative: f64, absolute: f64, compute: impl Fn(&[f64]) -> f64) {
    let mut wrong = Vec::new();
    for row in table(name) {
        let (expected, arguments) = row.split_last().unwrap();
        let value = compute(arguments);
        let close = (value - expected).abs() <= absolute.max(relative * expected.abs());
        if !close {
            wrong.push(format!("{name}{arguments:?} is {value:e}, not {expected:e} ({:e} off)", (value / expected - 1.0).abs()));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn chi_squared_tail() {
    check("chi2_sf", 1e-10, 0.0, |a| special::chi_squared_sf(a[0], a[1]));
}

#[test]
fn chi_squared_quantile() {
    check("chi2_ppf", 1e-9, 0.0, |a| special::chi_squared_quantile(a[0], a[1]));
}

#[test]
fn kolmogorov_one_sample_tail() {
    check("kstwo_sf", 1e-7, 1e-12, |a| special::one_sample_sf(a[0] as u64, a[1]));
}

#[test]
fn kolmogorov_two_sample_exact() {
    check("ks_exact", 1e-9, 1e-300, |a| special::two_sample_exact_sf(a[0] as u64, a[1] as u64, a[2] as u64));
}

#[test]
fn cramer_von_mises_limit() {
    check("cvm_limit_sf", 1e-11, 0.0, |a| special::limit_sf(a[0]));
}

#[test]
fn cramer_von_mises_exact() {
    check("cvm_exact", 1e-12, 0.0, |a| special::two_sample_exact_p(a[0] as u64, a[1] as u64, a[2]));
}

#[test]
fn anderson_darling_variance() {
    check("ad_variance", 1e-9, 0.0, |a| special::k_sample_variance(a[0] as u64, a[1] as u64));
}
