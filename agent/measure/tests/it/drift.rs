//! Every drift statistic against scipy's values for the reference data sets.

use clause9_measure::categories::{Aligned, Nulls};
use clause9_measure::drift::{Base, Binning, Direction, Floor, Method, Report, Settings, Shares, Table, categorical, numeric, walk};
use clause9_measure::special;
use serde_json::Value;

use crate::support::{CVM_P_VALUE, Column, EXACT, Ledger, P_VALUE, ROOT, column, data_sets, expectations};

/// The binnings of the expectations and how they are written here.
const BINNINGS: [(&str, Binning); 4] = [
    ("bins_ref_deciles", Binning::Quantiles(10)),
    ("bins_eqwidth10_ref", Binning::EqualWidth(10)),
    ("bins_eqwidth30_pooled", Binning::EqualWidthPooled(30)),
    ("bins_sturges_pooled", Binning::Sturges),
];

#[test]
fn numeric_columns() {
    let mut ledger = Ledger::default();
    for data_set in data_sets("ref.parquet") {
        for (name, expected) in expectations(&data_set)["scipy"].as_object().unwrap() {
            let (reference, current) = (column(&data_set, "ref.parquet", name), column(&data_set, "cur.parquet", name));
            if matches!(reference, Column::Numbers { .. }) {
                check_numeric(&mut ledger, &format!("{data_set}.{name}"), &reference, &current, expected);
            }
        }
    }
    ledger.finish(2500);
}

fn check_numeric(ledger: &mut Ledger, at: &str, reference: &Column, current: &Column, expected: &Value) {
    let (reference, current) = (reference.window(), current.window());
    for (window, side) in [(&reference, "ref"), (&current, "cur")] {
        let expected_side = &expected[side];
        ledger.check(&format!("{at} {side} n"), window.rows() as f64, &expected_side["n"], EXACT);
        ledger.check(&format!("{at} {side} mean"), window.mean().unwrap(), &expected_side["mean"], EXACT);
        ledger.check(&format!("{at} {side} deviation"), window.standard_deviation().unwrap(), &expected_side["std_ddof0"], EXACT);
        for (q, expected) in expected_side["quantiles_linear"].as_object().unwrap() {
            ledger.check(&format!("{at} {side} quantile {q}"), window.quantile(q.parse().unwrap()).unwrap(), expected, EXACT);
        }
        let left_out = expected[format!("nan_{side}")].as_u64().unwrap() + expected[format!("inf_{side}")].as_u64().unwrap();
        assert_eq!(window.excluded().total(), left_out, "{at} {side}");
    }
    let report = numeric(&reference, &current, &Method::ALL, &Settings::default());
    let value = |method: Method| *report.get(method).unwrap().value.as_ref().unwrap();
    let p_value = |method: Method| report.get(method).unwrap().p_value.unwrap().value;
    ledger.check(&format!("{at} ks"), value(Method::Ks), &expected["ks_auto"]["statistic"], EXACT);
    ledger.check(&format!("{at} ks p"), p_value(Method::Ks), &expected["ks_auto"]["p"], P_VALUE);
    ledger.check(&format!("{at} wasserstein"), value(Method::Wasserstein), &expected["wasserstein"], EXACT);
    ledger.check(&format!("{at} normed"), value(Method::WassersteinNormed), &expected["wasserstein_norm_refstd_ddof0"], EXACT);
    ledger.check(&format!("{at} energy"), value(Method::Energy), &expected["energy_distance"], EXACT);
    ledger.check(&format!("{at} ad"), value(Method::AndersonDarling), &expected["anderson_ksamp_midrank"]["statistic"], EXACT);
    ledger.check(&format!("{at} ad p"), p_value(Method::AndersonDarling), &expected["anderson_ksamp_midrank"]["p"], P_VALUE);
    let cvm = &expected["cramervonmises_asymptotic"];
    ledger.check(&format!("{at} cvm"), value(Method::CramerVonMises), &cvm["statistic"], EXACT);
    let asymptotic = special::two_sample_asymptotic_p(reference.rows(), current.rows(), value(Method::CramerVonMises));
    ledger.check(&format!("{at} cvm p"), asymptotic, &cvm["p"], CVM_P_VALUE);
    check_asymptotic_ks(ledger, at, &reference, &current, expected);
    for (key, binning) in BINNINGS {
        check_binned(ledger, &format!("{at} {key}"), &expected[key], |settings| {
            numeric(&reference, &current, &Method::ALL, &Settings { binning: binning.clone(), ..settings })
        });
    }
}

fn check_asymptotic_ks(
    ledger: &mut Ledger,
    at: &str,
    reference: &clause9_measure::window::Window,
    current: &clause9_measure::window::Window,
    expected: &Value,
) {
    let found = walk(reference.values(), current.values()).unwrap();
    let (n, m) = (found.n as f64, found.m as f64);
    let distance = found.gap as f64 / (n * m);
    let p = special::one_sample_sf((n * m / (n + m)).round_ties_even() as u64, distance);
    ledger.check(&format!("{at} ks asymptotic p"), p, &expected["ks_asymp"]["p"], P_VALUE);
    if !expected["ks_exact"].is_null() {
        ledger.check(&format!("{at} ks exact"), distance, &expected["ks_exact"]["statistic"], EXACT);
    }
}

/// Everything that follows from counts, for one choice of bins or categories.
fn check_binned(ledger: &mut Ledger, at: &str, expected: &Value, compare: impl Fn(Settings) -> Report) {
    let report = compare(Settings::default());
    if let Some(bins) = &report.bins {
        for (edge, wanted) in bins.edges.iter().zip(expected["edges"].as_array().unwrap()) {
            ledger.check(&format!("{at} edge"), *edge, wanted, EXACT);
        }
        assert_eq!(bins.edges.len(), expected["edges"].as_array().unwrap().len(), "{at}");
    }
    for (counts, key) in [(&report.counts.0, "ref_counts"), (&report.counts.1, "cur_counts")] {
        let wanted: Vec<f64> = expected[key].as_array().unwrap().iter().map(|count| count.as_f64().unwrap()).collect();
        assert_eq!(*counts, wanted, "{at} {key}");
    }
    let value = |settings: Settings, method| *compare(settings).get(method).unwrap().value.as_ref().unwrap_or(&f64::INFINITY);
    let ours = |method| value(Settings::default(), method);
    let no_floor = Settings { floor: Floor::None, ..Settings::default() };
    let backwards = Settings { direction: Direction::ReferenceFromCurrent, ..Settings::default() };
    let mut check = |name: &str, value: f64, tolerance| ledger.check(&format!("{at} {name}"), value, &expected[name], tolerance);
    check("psi_floor1e-4", ours(Method::Psi), EXACT);
    check("psi_nofloor", value(no_floor.clone(), Method::Psi), EXACT);
    check("kl_cur_ref_floor1e-4", ours(Method::Kl), EXACT);
    check("kl_ref_cur_floor1e-4", value(backwards.clone(), Method::Kl), EXACT);
    check("kl_cur_ref", value(no_floor.clone(), Method::Kl), EXACT);
    check("kl_ref_cur", value(Settings { floor: Floor::None, ..backwards }, Method::Kl), EXACT);
    check("js_distance_base_2", ours(Method::JensenShannon), ROOT);
    check("js_distance_base_e", value(Settings { base: Base::E, ..Settings::default() }, Method::JensenShannon), ROOT);
    check("hellinger", ours(Method::Hellinger), ROOT);
    check("tvd", ours(Method::Tvd), EXACT);
    check("l_infinity", ours(Method::LInfinity), EXACT);
    check("cramers_v", ours(Method::CramersV), EXACT);
    let shares = Shares::new(&report.counts.0, &report.counts.1).unwrap();
    ledger.check(&format!("{at} js"), shares.jensen_shannon_divergence(Base::E), &expected["js_divergence_nats"], EXACT);
    for (method, name, test) in
        [(Method::ChiSquared, "chi2_contingency", shares.chi_squared(Table::Contingency)), (Method::GTest, "g_test", shares.g_test(Table::Contingency))]
    {
        let outcome = report.get(method).unwrap();
        ledger.check(&format!("{at} {name}"), outcome.value.unwrap(), &expected[name]["statistic"], EXACT);
        ledger.check(&format!("{at} {name} p"), outcome.p_value.unwrap().value, &expected[name]["p"], P_VALUE);
        ledger.check(&format!("{at} {name} degrees"), test.degrees, &expected[name]["dof"], EXACT);
    }
}

#[test]
fn columns_of_categories() {
    let mut ledger = Ledger::default();
    for data_set in data_sets("ref.parquet") {
        for (name, expected) in expectations(&data_set)["scipy"].as_object().unwrap() {
            let (reference, current) = (column(&data_set, "ref.parquet", name), column(&data_set, "cur.parquet", name));
            if matches!(reference, Column::Numbers { .. }) {
                continue;
            }
            let (reference, current) = (reference.categories(), current.categories());
            assert_eq!(reference.nulls(), expected["null_ref"].as_f64().unwrap());
            for (nulls, key) in [(Nulls::Dropped, "nulls_dropped"), (Nulls::Category, "nulls_as_category")] {
                let aligned = Aligned::new(&reference, &current, nulls);
                let Some(expected) = expected.get(key) else { continue };
                let listed = |key: &str| expected[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>();
                assert_eq!(aligned.unseen().collect::<Vec<_>>(), listed("unseen_in_ref"), "{data_set}.{name}");
                assert_eq!(aligned.vanished().collect::<Vec<_>>(), listed("missing_in_cur"), "{data_set}.{name}");
                check_binned(&mut ledger, &format!("{data_set}.{name} {key}"), expected, |settings| {
                    categorical(&aligned.reference, &aligned.current, &Method::ALL, &settings)
                });
            }
        }
    }
    ledger.finish(100);
}
