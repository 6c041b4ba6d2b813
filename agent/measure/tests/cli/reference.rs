//! Every value of the reference data sets that names one of our statistics, from files through the command line to JSON.
//!
//! Each leaf of the expectations is either compared or listed as none of ours; a leaf that is neither fails the test, so that nothing is
//! passed over unseen. What each tool means by its names is explained beside the comparison.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::support::run;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statistics");

/// Names of the data sets that have such a file, with their expectations.
fn data_sets(file: &str) -> Vec<(PathBuf, Value)> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.join(file).exists()).collect();
    folders.sort();
    assert!(folders.len() >= 4, "{file}: {folders:?}");
    let read = |folder: &PathBuf| serde_json::from_str(&std::fs::read_to_string(folder.with_extension("json")).unwrap()).unwrap();
    folders.into_iter().map(|folder| (folder.clone(), read(&folder))).collect()
}

/// What must be within what of what: relative, or absolute where that is wider.
#[derive(Clone, Copy)]
struct Within(f64, f64);

const EXACT: Within = Within(1e-9, 1e-12);
const P_VALUE: Within = Within(1e-6, 1e-12);
/// Roots of differences near zero.
const ROOT: Within = Within(1e-9, 1e-8);
/// The expected p-values of Cramér and von Mises hold no digits below some 1e-9.
const CVM_P_VALUE: Within = Within(1e-6, 5e-9);

#[derive(Default)]
struct Ledger {
    compared: usize,
    wrong: Vec<String>,
}

impl Ledger {
    /// An expectation that is no finite number is met by `null`.
    fn check(&mut self, at: &str, ours: &Value, expected: &Value, Within(relative, absolute): Within) {
        self.compared += 1;
        let is_met = match (ours.as_f64(), expected.as_f64()) {
            (Some(ours), Some(expected)) => (ours - expected).abs() <= absolute.max(relative * expected.abs()),
            (None, None) => ours.is_null(),
            _ => false,
        };
        if !is_met {
            self.wrong.push(format!("{at}: {ours}, not {expected}"));
        }
    }

    fn finish(self, at_least: usize) {
        assert!(self.wrong.is_empty(), "{} of {} differ:\n{}", self.wrong.len(), self.compared, self.wrong.join("\n"));
        assert!(self.compared >= at_least, "only {} values were compared", self.compared);
    }
}

/// The measurements of a run by the fields that tell them apart.
struct Measured(BTreeMap<[String; 3], Value>);

impl Measured {
    fn of(folder: &Path, arguments: &[&str], key: [&str; 2]) -> Self {
        let json = run(folder, &[arguments, &["--format", "json", "--no-digest"]].concat()).json();
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        let keyed = json["measurements"].as_array().unwrap().iter().map(|one| ([text(one, key[0]), text(one, key[1]), text(one, "method")], one.clone()));
        Measured(keyed.collect())
    }

    fn get(&self, key: [&str; 3]) -> &Value {
        self.0.get(&key.map(str::to_owned)).unwrap_or_else(|| panic!("{key:?} is not among {:?}", self.0.keys().collect::<Vec<_>>()))
    }
}

fn drift(folder: &Path, more: &[&str]) -> Measured {
    let base = ["drift", "--reference", "ref.parquet", "--current", "cur.parquet", "--tests", "all"];
    Measured::of(folder, &[&base, more].concat(), ["feature", "feature"])
}

/// The expectations' binnings and how they are asked for.
const BINNINGS: [(&str, &str); 4] = [
    ("bins_ref_deciles", "quantiles:10"),
    ("bins_eqwidth10_ref", "equal-width:10"),
    ("bins_eqwidth30_pooled", "equal-width-pooled:30"),
    ("bins_sturges_pooled", "sturges"),
];

/// Values of shares that are ours by default. Base e is our distance times the root of ln 2; the other direction of `kl`, and `psi` and `kl`
/// without a floor, are settings of the library.
const SHARES: [(&str, &str, Within); 9] = [
    ("psi_floor1e-4", "psi", EXACT),
    ("kl_cur_ref_floor1e-4", "kl", EXACT),
    ("js_distance_base_2", "jensen_shannon", ROOT),
    ("hellinger", "hellinger", ROOT),
    ("tvd", "tvd", EXACT),
    ("l_infinity", "l_infinity", EXACT),
    ("chi2_contingency", "chi_squared", EXACT),
    ("g_test", "g_test", EXACT),
    ("cramers_v", "cramers_v", EXACT),
];

/// Not printed by default (the library's tests have them), or no statistic of ours.
const NO_SHARES: [&str; 18] = [
    "psi_nofloor",
    "kl_ref_cur_floor1e-4",
    "kl_cur_ref",
    "kl_ref_cur",
    "js_divergence_nats",
    "js_divergence_bits",
    "js_distance_base_e",
    "scipy_jensenshannon_base_e",
    "bhattacharyya_coefficient",
    "bhattacharyya_distance",
    "rule",
    "edges",
    "ref_counts",
    "cur_counts",
    "categories",
    "n_categories",
    "unseen_in_ref",
    "missing_in_cur",
];

fn check_shares(ledger: &mut Ledger, at: &str, measured: &Measured, feature: &str, expected: &Map<String, Value>) {
    for (key, expected) in expected {
        let Some((_, method, within)) = SHARES.iter().find(|(name, ..)| name == key) else {
            assert!(NO_SHARES.contains(&key.as_str()), "{at}: nobody knows {key}");
            continue;
        };
        let ours = measured.get([feature, feature, method]);
        check_number_or_test(ledger, &format!("{at} {key}"), ours, expected, *within, P_VALUE);
    }
}

fn check_number_or_test(ledger: &mut Ledger, at: &str, ours: &Value, expected: &Value, within: Within, of_p_value: Within) {
    if let Some(test) = expected.as_object() {
        ledger.check(at, &ours["value"], &test["statistic"], within);
        ledger.check(&format!("{at} p"), &ours["p_value"], &test["p"], of_p_value);
    } else {
        ledger.check(at, &ours["value"], expected, within);
    }
}

/// Statistics of numbers; the p-value of `ks` is exact where scipy's `auto` is.
const NUMBERS: [(&str, &str, Within); 6] = [
    ("ks_auto", "ks", P_VALUE),
    ("wasserstein", "wasserstein", EXACT),
    ("wasserstein_norm_refstd_ddof0", "wasserstein_normed", EXACT),
    ("energy_distance", "energy", EXACT),
    ("anderson_ksamp_midrank", "anderson_darling", P_VALUE),
    ("cramervonmises_asymptotic", "cramer_von_mises", CVM_P_VALUE),
];

/// Moments and other ways to a p-value (the library's tests have those of `ks`), and what is none of ours.
const NO_NUMBERS: [&str; 10] = [
    "ks_asymp",
    "ks_exact",
    "wasserstein_norm_refstd_ddof1",
    "mannwhitneyu_two_sided_asymptotic",
    "ttest_welch",
    "ttest_pooled",
    "epps_singleton",
    "policy",
    "n_ref_rows",
    "n_cur_rows",
];

fn check_numbers(ledger: &mut Ledger, at: &str, measured: &Measured, feature: &str, expected: &Map<String, Value>) {
    let rows = measured.get([feature, feature, "ks"]);
    for (key, expected) in expected {
        if let Some((_, method, of_p_value)) = NUMBERS.iter().find(|(name, ..)| name == key) {
            let ours = measured.get([feature, feature, method]);
            // Up to 20 rows scipy's own choice for Cramér and von Mises is exact, too: these values are asymptotic.
            if *method == "cramer_von_mises" && ours["parameters"]["p_value"] == "exact" {
                assert!(rows["n_reference"].as_u64() <= Some(20) && rows["n_current"].as_u64() <= Some(20), "{at}: {ours}");
                ledger.check(&format!("{at} {key}"), &ours["value"], &expected["statistic"], EXACT);
            } else {
                check_number_or_test(ledger, &format!("{at} {key}"), ours, expected, EXACT, *of_p_value);
            }
        } else if key == "ref" || key == "cur" {
            let field = if key == "ref" { "n_reference" } else { "n_current" };
            ledger.check(&format!("{at} {key} n"), &rows[field], &expected["n"], EXACT);
        } else {
            let is_elsewhere = key.starts_with("bins_") || key.starts_with("nan_") || key.starts_with("inf_");
            assert!(is_elsewhere || NO_NUMBERS.contains(&key.as_str()), "{at}: nobody knows {key}");
        }
    }
}

#[test]
fn drift_of_every_column() {
    let mut ledger = Ledger::default();
    for (folder, expected) in data_sets("ref.parquet") {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let columns = expected["scipy"].as_object().unwrap();
        for (key, bins) in BINNINGS {
            // The first is the default.
            let chosen = ["--bins", bins];
            let measured = drift(&folder, if bins == "quantiles:10" { &[] } else { &chosen });
            for (feature, expected) in columns {
                let at = format!("{name} {feature} {key}");
                let expected = expected.as_object().unwrap();
                if let Some(binned) = expected.get(key) {
                    check_shares(&mut ledger, &at, &measured, feature, binned.as_object().unwrap());
                    check_numbers(&mut ledger, &at, &measured, feature, expected);
                } else {
                    check_shares(&mut ledger, &at, &measured, feature, expected["nulls_dropped"].as_object().unwrap());
                }
            }
        }
        let measured = drift(&folder, &["--nulls", "category"]);
        for (feature, expected) in columns.iter().filter_map(|(feature, expected)| Some((feature, expected.get("nulls_as_category")?))) {
            check_shares(&mut ledger, &format!("{name} {feature} nulls"), &measured, feature, expected.as_object().unwrap());
        }
    }
    ledger.finish(2500);
}

/// frouros bins by ten equal widths over both windows. Its divergences fill zeros in ways of their own; the rest is ours.
#[test]
fn drift_as_frouros_has_it() {
    let names = [("EMD", "wasserstein"), ("EnergyDistance", "energy"), ("HellingerDistance", "hellinger"), ("HINormalizedComplement", "tvd")];
    let mut ledger = Ledger::default();
    for (folder, expected) in data_sets("ref.parquet") {
        let measured = drift(&folder, &["--bins", "equal-width-pooled:10"]);
        for (feature, expected) in expected["frouros"].as_object().unwrap().iter().filter(|(feature, _)| *feature != "note") {
            for (key, value) in expected.as_object().unwrap() {
                if let Some((_, method)) = names.iter().find(|(name, _)| name == key) {
                    ledger.check(&format!("{} {feature} {key}", folder.display()), &measured.get([feature, feature, method])["value"], value, EXACT);
                } else {
                    assert!(["PSI", "JS", "KL", "BhattacharyyaDistance"].contains(&key.as_str()), "nobody knows {key}");
                }
            }
        }
    }
    ledger.finish(80);
}

const RATES: [(&str, &str); 14] = [
    ("selection_rate", "selection_rate"),
    ("base_rate", "base_rate"),
    ("tpr", "true_positive_rate"),
    ("fpr", "false_positive_rate"),
    ("tnr", "true_negative_rate"),
    ("fnr", "false_negative_rate"),
    ("ppv", "positive_predictive_value"),
    ("npv", "negative_predictive_value"),
    ("fdr", "false_discovery_rate"),
    ("for_", "false_omission_rate"),
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced_accuracy"),
    ("f1", "f1"),
    ("mcc", "matthews_correlation"),
];

const AGAINST_LARGEST: [(&str, &str); 7] = [
    ("spd", "statistical_parity_difference"),
    ("di", "disparate_impact_ratio"),
    ("eq_opp_diff", "equal_opportunity_difference"),
    ("fpr_diff", "false_positive_rate_difference"),
    ("avg_odds_diff", "average_odds_difference"),
    ("pred_parity_diff", "predictive_parity_difference"),
    ("acc_diff", "accuracy_difference"),
];

/// Metrics that `performance` gives for all rows and for segments. Average precision is what `pr_auc` means.
const METRICS: [(&str, &str); 10] = [
    ("accuracy", "accuracy"),
    ("ppv", "precision"),
    ("tpr", "recall"),
    ("f1", "f1"),
    ("balanced_accuracy", "balanced_accuracy"),
    ("mcc", "matthews_correlation"),
    ("roc_auc", "roc_auc"),
    ("average_precision", "pr_auc"),
    ("log_loss", "log_loss"),
    ("brier", "brier"),
];

fn bias(folder: &Path, more: &[&str]) -> Measured {
    let base = ["bias", "--data", "data.parquet", "--prediction", "y_pred", "--label", "y_true"];
    Measured::of(folder, &[&base, more].concat(), ["attribute", "subgroup"])
}

#[test]
fn bias_by_definition() {
    let mut ledger = Ledger::default();
    for (folder, expected) in data_sets("data.parquet") {
        let measured = bias(&folder, &["--protected", "sex,race", "--reference-group", "largest"]);
        for (name, attribute) in [("sex", "sex"), ("race", "race"), ("sex+race", "sex & race")] {
            let expected = &expected["definition"][name];
            let largest = expected["reference_group_largest"].as_str().unwrap();
            for (group, of_group) in expected["by_group"].as_object().unwrap() {
                let at = format!("{} {name} {group}", folder.display());
                let subgroup = group.replace('|', " & ");
                for (key, value) in of_group.as_object().unwrap() {
                    let Some((_, method)) = RATES.iter().find(|(name, _)| name == key) else {
                        let is_elsewhere = METRICS.iter().any(|(name, _)| name == key) || ["tp", "fp", "tn", "fn", "mean_score"].contains(&key.as_str());
                        assert!(is_elsewhere || key == "n", "{at}: nobody knows {key}");
                        continue;
                    };
                    let ours = measured.get([attribute, &subgroup, method]);
                    ledger.check(&format!("{at} {key}"), &ours["value"], value, EXACT);
                    assert_eq!(ours["n_subgroup"], of_group["n"], "{at} {key}");
                }
                for (key, value) in expected["vs_reference"][group].as_object().unwrap().iter().filter(|_| group != largest) {
                    let (_, method) = AGAINST_LARGEST.iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("{at}: nobody knows {key}"));
                    let ours = measured.get([attribute, &subgroup, method]);
                    ledger.check(&format!("{at} {key}"), &ours["value"], value, EXACT);
                    assert_eq!(ours["reference_subgroup"], largest.replace('|', " & "), "{at} {key}");
                }
            }
        }
    }
    ledger.finish(1000);
}

/// `--compare extremes` is Fairlearn's way, `--compare pooled` with its privileged group AIF360's.
#[test]
fn bias_as_other_tools_have_it() {
    let mut ledger = Ledger::default();
    for (folder, expected) in data_sets("data.parquet") {
        for attribute in ["sex", "race"] {
            let measured = bias(&folder, &["--protected", attribute, "--compare", "extremes"]);
            for (key, value) in expected["peers"]["fairlearn"][attribute].as_object().unwrap().iter().filter(|(key, _)| *key != "metricframe") {
                let method = match key.as_str() {
                    "equalized_odds_difference_agg_mean" => "equalized_odds_mean_difference",
                    "equalized_odds_ratio_agg_mean" => "equalized_odds_mean_ratio",
                    same => same,
                };
                ledger.check(&format!("{} {attribute} {key}", folder.display()), &measured.get([attribute, "", method])["value"], value, EXACT);
            }
            let expected = expected["peers"]["aif360"][attribute].as_object().unwrap();
            let privileged = format!("{attribute}={}", expected["privileged"].as_str().unwrap());
            let measured = bias(&folder, &["--protected", attribute, "--compare", "pooled", "--privileged", &privileged]);
            // The accuracy of all rows is `performance`'s.
            for (key, value) in expected.iter().filter(|(key, _)| !["privileged", "unprivileged", "accuracy"].contains(&key.as_str())) {
                let place = match key.as_str() {
                    "theil_index" | "generalized_entropy_index" | "coefficient_of_variation" => ["", "", key],
                    "between_group_theil_index" => [attribute, "", key],
                    "disparate_impact" => [attribute, "(all others)", "disparate_impact_ratio"],
                    same => [attribute, "(all others)", same],
                };
                ledger.check(&format!("{} {attribute} {key}", folder.display()), &measured.get(place)["value"], value, EXACT);
            }
        }
    }
    ledger.finish(180);
}

#[test]
fn performance_by_scikit_learn() {
    let mut ledger = Ledger::default();
    for (folder, expected) in data_sets("data.parquet") {
        let arguments =
            ["performance", "--data", "data.parquet", "--prediction", "y_pred", "--label", "y_true", "--score", "score", "--segment-by", "sex,race"];
        let measured = Measured::of(&folder, &arguments, ["segment", "segment"]);
        let groups = ["sex", "race"].into_iter().flat_map(|attribute| {
            let by_group = expected["definition"][attribute]["by_group"].as_object().unwrap();
            by_group.iter().map(move |(group, of_group)| (format!("{attribute}={group}"), of_group))
        });
        for (segment, of_group) in groups.chain([(String::new(), &expected["definition"]["overall"])]) {
            for (key, metric) in METRICS {
                // scikit-learn's average precision of no positive row is 0; its others raise or warn.
                let is_undefined = of_group["base_rate"] == 0.0 && metric == "pr_auc";
                let value = if is_undefined || of_group[key].is_object() { &Value::Null } else { &of_group[key] };
                ledger.check(&format!("{} {segment} {key}", folder.display()), &measured.get([&segment, &segment, metric])["value"], value, EXACT);
            }
        }
    }
    ledger.finish(200);
}
