//! The stated rules for awkward data: empty and one-row windows, constants, values that are no numbers, categories of one window only.

use clause9_measure::drift::{Binning, Bound, Correction, Likeness, Method, Settings, Undefined, adjust, categorical, numeric, psi_noise_floor};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;

fn window(values: &[f64]) -> Window {
    Window::new(values.to_vec(), 0, &mut Scratch::default())
}

fn value(reference: &[f64], current: &[f64], method: Method) -> Result<f64, Undefined> {
    numeric(&window(reference), &window(current), &[method], &Settings::default()).outcomes[0].value
}

#[test]
fn empty_windows_have_a_reason_for_every_method() {
    for method in Method::ALL {
        assert_eq!(value(&[], &[1.0], method), Err(Undefined::EmptyReference), "{method}");
        assert_eq!(value(&[1.0], &[f64::NAN], method), Err(Undefined::EmptyCurrent), "{method}");
    }
    let report = categorical(&[0.0, 0.0], &[3.0, 0.0], &[Method::Psi], &Settings::default());
    assert_eq!(report.outcomes[0].value, Err(Undefined::EmptyReference));
}

#[test]
fn one_row_gives_what_is_defined() {
    assert_eq!(value(&[1.0], &[4.0], Method::Wasserstein), Ok(3.0));
    assert_eq!(value(&[1.0], &[4.0], Method::Ks), Ok(1.0));
    assert_eq!(value(&[1.0], &[4.0], Method::CramerVonMises), Err(Undefined::TooFewRows));
    assert_eq!(value(&[1.0], &[4.0, 5.0], Method::AndersonDarling), Err(Undefined::TooFewRows));
    let report = numeric(&window(&[1.0]), &window(&[4.0]), &[Method::Ks], &Settings::default());
    assert_eq!(report.outcomes[0].p_value.unwrap().value, 1.0, "one row each can't tell anything");
}

#[test]
fn a_constant_column_does_not_drift() {
    let constant = [7.5; 40];
    for method in Method::ALL {
        let report = numeric(&window(&constant), &window(&constant[..30]), &[method], &Settings::default());
        let outcome = &report.outcomes[0];
        match method {
            Method::AndersonDarling | Method::CramerVonMises => assert_eq!(outcome.value, Err(Undefined::OneValue)),
            _ => assert_eq!(outcome.value, Ok(0.0), "{method}"),
        }
        assert!(outcome.p_value.is_none_or(|p| p.value > 0.99), "{method}");
    }
}

#[test]
fn what_is_no_number_is_counted_and_left_out() {
    let mixed = Window::new(vec![2.0, f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY, f64::NAN], 4, &mut Scratch::default());
    assert_eq!(mixed.values(), [1.0, 2.0]);
    let excluded = mixed.excluded();
    assert_eq!((excluded.nulls, excluded.nans, excluded.infinities, excluded.total()), (4, 2, 2, 8));
    assert_eq!(value(&[1.0, 2.0, f64::NAN], &[f64::INFINITY, 1.0, 2.0], Method::Ks), Ok(0.0));
}

#[test]
fn negative_zero_is_zero() {
    assert_eq!(value(&[0.0, -0.0, 1.0], &[-0.0, 0.0, 1.0], Method::Ks), Ok(0.0));
    assert_eq!(value(&[0.0, -0.0, 1.0], &[-0.0, 0.0, 1.0], Method::Psi), Ok(0.0));
}

#[test]
fn categories_of_one_window_only() {
    let settings = Settings::default();
    let report = categorical(&[50.0, 50.0, 0.0], &[50.0, 0.0, 50.0], &Method::ALL, &settings);
    let psi = report.get(Method::Psi).unwrap().value.unwrap();
    let expected = 2.0 * (0.5 - 1e-4) * (0.5_f64 / 1e-4).ln();
    assert!((psi - expected).abs() < 1e-12, "the floor stands in for zero: {psi}");
    assert_eq!(report.get(Method::Ks).unwrap().value, Err(Undefined::NeedsNumbers));
    assert_eq!(report.get(Method::ZTest).unwrap().value, Err(Undefined::NeedsTwoValues));
    let none = Settings { floor: clause9_measure::drift::Floor::None, ..settings };
    assert_eq!(categorical(&[1.0, 0.0], &[1.0, 1.0], &[Method::Psi], &none).outcomes[0].value, Err(Undefined::Infinite));
}

/// A trap of the midrank statistic: the same five values in the same shares, but three times as many rows, look like drift.
#[test]
fn ties_in_windows_of_different_sizes() {
    let ratings = |times: usize| [1.0, 2.0, 3.0, 4.0, 5.0].repeat(times);
    let compare = |settings: Settings| numeric(&window(&ratings(600)), &window(&ratings(200)), &[Method::CramerVonMises], &settings).outcomes.remove(0);
    let plain = compare(Settings::default());
    assert!(plain.p_value.unwrap().value < 1e-6, "as scipy has it");
    assert!(plain.parameters.iter().any(|(name, value)| *name == "ties_excess" && value.parse::<f64>().unwrap() > 1.0));
    let corrected = compare(Settings { is_tie_corrected: true, ..Settings::default() });
    assert!(corrected.p_value.unwrap().value > 0.99);
}

#[test]
fn anderson_darling_says_where_its_table_ends() {
    let (near, far): (Vec<f64>, Vec<f64>) = ((0..50).map(f64::from).collect(), (100..150).map(f64::from).collect());
    let p = |current: &[f64]| numeric(&window(&near), &window(current), &[Method::AndersonDarling], &Settings::default()).outcomes[0].p_value.unwrap();
    assert_eq!((p(&far).value, p(&far).bound), (0.001, Some(Bound::AtMost)));
    assert_eq!((p(&near).value, p(&near).bound), (0.25, Some(Bound::AtLeast)));
}

#[test]
fn binnings_are_read_as_they_are_written() {
    for text in ["quantiles:10", "equal-width:30", "equal-width-pooled:5", "sturges", "doane", "distinct", "edges:-1,0.5,65"] {
        assert_eq!(text.parse::<Binning>().unwrap().to_string(), text);
    }
    for text in ["", "quantiles", "quantiles:0", "quantiles:x", "edges:", "edges:2,1", "edges:1,1", "edges:nan", "sturges:3", "deciles"] {
        let error = text.parse::<Binning>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is no binning")), "{error}");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
    let order = "psi ks wasserstein wasserstein_normed jensen_shannon hellinger kl tvd l_infinity chi_squared g_test cramers_v anderson_darling \
                 cramer_von_mises energy z_test";
    assert_eq!(names.join(" "), order);
    assert!(Method::ALL.iter().all(|method| method.name().parse() == Ok(*method)));
    assert!("hellinger2".parse::<Method>().unwrap_err().to_string().contains("expected one of psi, ks"));
    for name in ["evidently", "nannyml", "trustyai"] {
        assert_eq!(name.parse::<Likeness>().unwrap().to_string(), name);
    }
}

/// Values that R's `p.adjust` gives.
#[test]
fn corrections() {
    let p = [0.01, 0.02, 0.03, 0.04, f64::NAN, 0.5];
    let check = |correction, expected: [f64; 6]| {
        for (ours, expected) in adjust(&p, correction).iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-12 || (ours.is_nan() && expected.is_nan()), "{correction:?}: {ours} {expected}");
        }
    };
    check(Correction::None, p);
    check(Correction::Bonferroni, [0.05, 0.1, 0.15, 0.2, f64::NAN, 1.0]);
    check(Correction::Holm, [0.05, 0.08, 0.09, 0.09, f64::NAN, 0.5]);
    check(Correction::BenjaminiHochberg, [0.05, 0.05, 0.05, 0.05, f64::NAN, 0.5]);
    assert!(adjust(&[], Correction::BenjaminiHochberg).is_empty());
}

#[test]
fn noise_floor_of_psi() {
    // chi-squared 0.99 quantile for nine degrees of freedom is 21.666.
    let floor = psi_noise_floor(1000, 1000, 10).unwrap();
    assert!((floor - 0.002 * 21.665_994).abs() < 1e-8, "{floor}");
    assert_eq!(psi_noise_floor(1000, 0, 10), None);
    assert_eq!(psi_noise_floor(10, 10, 1), Some(0.0));
}
