//! What must hold for any data: symmetry, indifference to the order of rows, zero for windows that are the same, and the walk over weighted
//! points.

use clause9_measure::bias::{Confusion, GroupCounts, Measure};
use clause9_measure::categories::{Aligned, Categories, Nulls};
use clause9_measure::drift::{Binning, Correction, Method, Settings, adjust, categorical, numeric, walk};
use clause9_measure::performance::{Probabilities, Regression};
use clause9_measure::sort::{Scratch, sort};
use clause9_measure::window::Window;
use proptest::prelude::*;

/// Columns as they come: continuous, with ties, with few values, over all scales.
fn column() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => -1e3..1e3_f64,
        4 => (-20_i32..20).prop_map(|value| f64::from(value) / 4.0),
        1 => any::<f64>().prop_filter("finite", |value| value.is_finite() && value.abs() < 1e150),
        1 => Just(0.0),
    ];
    prop::collection::vec(value, 1..400)
}

fn window(values: &[f64]) -> Window {
    Window::new(values.to_vec(), 0, &mut Scratch::default())
}

const SYMMETRIC: [Method; 12] = [
    Method::Ks,
    Method::Wasserstein,
    Method::JensenShannon,
    Method::Hellinger,
    Method::Tvd,
    Method::LInfinity,
    Method::ChiSquared,
    Method::GTest,
    Method::CramersV,
    Method::AndersonDarling,
    Method::CramerVonMises,
    Method::Energy,
];

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-7
}

proptest! {
    #[test]
    fn sorting(mut values in column(), repeat in 1_usize..6) {
        // Long enough for every path, too.
        values = values.iter().cycle().take(values.len() * repeat * repeat).enumerate().map(|(at, value)| value + (at % repeat) as f64).collect();
        let mut expected = values.clone();
        expected.sort_by(f64::total_cmp);
        sort(&mut values, &mut Scratch::default());
        prop_assert!(values == expected);
    }

    #[test]
    fn symmetry(a in column(), b in column()) {
        // Bins that look at both windows alike.
        let settings = Settings { binning: Binning::Distinct, ..Settings::default() };
        let (a, b) = (window(&a), window(&b));
        let (forth, back) = (numeric(&a, &b, &SYMMETRIC, &settings), numeric(&b, &a, &SYMMETRIC, &settings));
        for (x, y) in forth.outcomes.iter().zip(&back.outcomes) {
            match (x.value, y.value) {
                (Ok(p), Ok(q)) => prop_assert!(close(p, q), "{}: {} and {}", x.method, p, q),
                (p, q) => prop_assert_eq!(p, q),
            }
            if let (Some(p), Some(q)) = (x.p_value, y.p_value) {
                prop_assert!(close(p.value, q.value), "{}: {} and {}", x.method, p.value, q.value);
            }
        }
    }

    #[test]
    fn order_of_rows_does_not_matter(a in column(), b in column(), seed in any::<u64>()) {
        let mut shuffled = a.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let b = window(&b);
        prop_assert_eq!(numeric(&window(&a), &b, &Method::ALL, &Settings::default()), numeric(&window(&shuffled), &b, &Method::ALL, &Settings::default()));
    }

    #[test]
    fn windows_that_are_the_same(a in column(), bins in prop_oneof![Just("quantiles:10"), Just("equal-width:7"), Just("sturges"), Just("doane"), Just("distinct")]) {
        let a = window(&a);
        let settings = Settings { binning: bins.parse().unwrap(), ..Settings::default() };
        for outcome in numeric(&a, &a, &Method::ALL, &settings).outcomes {
            match outcome.method {
                Method::AndersonDarling | Method::CramerVonMises => {}
                _ => prop_assert!(outcome.value.is_err() || outcome.value == Ok(0.0), "{}: {:?}", outcome.method, outcome.value),
            }
            prop_assert!(outcome.p_value.is_none_or(|p| p.value > 0.24), "{}: {:?}", outcome.method, outcome.p_value);
        }
    }

    #[test]
    fn values_stay_in_their_range(a in column(), b in column()) {
        let report = numeric(&window(&a), &window(&b), &Method::ALL, &Settings::default());
        for outcome in &report.outcomes {
            let Ok(value) = outcome.value else { continue };
            let bounded = [Method::Ks, Method::JensenShannon, Method::Hellinger, Method::Tvd, Method::LInfinity, Method::CramersV];
            if bounded.contains(&outcome.method) {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{}: {}", outcome.method, value);
            }
            if ![Method::AndersonDarling, Method::CramerVonMises, Method::Kl, Method::ZTest].contains(&outcome.method) {
                prop_assert!(value >= 0.0, "{}: {}", outcome.method, value);
            }
            prop_assert!(outcome.p_value.is_none_or(|p| (0.0..=1.0).contains(&p.value)), "{}: {:?}", outcome.method, outcome.p_value);
        }
        let counts = &report.counts;
        prop_assert_eq!((counts.0.iter().sum::<f64>(), counts.1.iter().sum::<f64>()), (a.len() as f64, b.len() as f64));
    }

    /// Distinct values with their counts give what the rows themselves give.
    #[test]
    fn weighted_points(a in column(), b in column()) {
        let (a, b) = (window(&a), window(&b));
        let pack = |window: &Window| window.values().chunk_by(|x, y| x == y).map(|run| (run[0], run.len() as u64)).collect::<Vec<_>>();
        let (plain, packed) = (walk(a.values(), b.values()).unwrap(), walk(&pack(&a)[..], &pack(&b)[..]).unwrap());
        prop_assert_eq!(plain.gap, packed.gap);
        prop_assert_eq!((plain.n, plain.m, plain.distinct, plain.smallest), (packed.n, packed.m, packed.distinct, packed.smallest));
        for (x, y) in [
            (plain.wasserstein, packed.wasserstein),
            (plain.squared_area, packed.squared_area),
            (plain.cramer_von_mises, packed.cramer_von_mises),
        ] {
            prop_assert!(close(x, y), "{} {}", x, y);
        }
    }

    /// The same for windows long enough for the walk's fast path, with and without ties, with gaps and with windows far apart.
    #[test]
    fn long_windows(seed in any::<u64>(), n in 1000_usize..9000, m in 1000_usize..9000, grain in prop_oneof![Just(0.0), Just(1e-3), Just(0.5)], shift in 0.0..3.0_f64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut make = |rows: usize, shift: f64| {
            let value = |random: &mut fastrand::Rng| (0..4).map(|_| random.f64()).sum::<f64>() + shift;
            let values = (0..rows).map(|_| value(&mut random)).map(|value| if grain > 0.0 { (value / grain).round() * grain } else { value });
            window(&values.collect::<Vec<f64>>())
        };
        let (a, b) = (make(n, 0.0), make(m, shift));
        let pack = |window: &Window| window.values().chunk_by(|x, y| x == y).map(|run| (run[0], run.len() as u64)).collect::<Vec<_>>();
        let (fast, slow) = (walk(a.values(), b.values()).unwrap(), walk(&pack(&a)[..], &pack(&b)[..]).unwrap());
        prop_assert_eq!((fast.gap, fast.distinct, fast.smallest), (slow.gap, slow.distinct, slow.smallest));
        prop_assert_eq!(fast.location, slow.location);
        for (x, y) in [
            (fast.wasserstein, slow.wasserstein),
            (fast.squared_area, slow.squared_area),
            (fast.cramer_von_mises, slow.cramer_von_mises),
            (fast.anderson_darling, slow.anderson_darling),
        ] {
            prop_assert!((x - y).abs() <= 1e-10 * y.abs(), "{} {}", x, y);
        }
    }

    /// The walk against the definitions, value by value.
    #[test]
    fn walk_by_definition(a in column(), b in column()) {
        let (a, b) = (window(&a), window(&b));
        let share = |window: &Window, x: f64| window.values().partition_point(|&value| value <= x) as f64 / window.rows() as f64;
        let mut all: Vec<f64> = a.values().iter().chain(b.values()).copied().collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        let difference = |x: f64| share(&a, x) - share(&b, x);
        let ks = all.iter().map(|&x| difference(x).abs()).fold(0.0, f64::max);
        let area: f64 = all.windows(2).map(|pair| difference(pair[0]).abs() * (pair[1] - pair[0])).sum();
        let found = walk(a.values(), b.values()).unwrap();
        prop_assert!(close(ks, found.gap as f64 / (found.n as f64 * found.m as f64)));
        prop_assert!(close(area, found.wasserstein), "{} {}", area, found.wasserstein);
        prop_assert_eq!(found.distinct, all.len() as u64);
    }

    /// Cut anywhere, categories and confusion counts add up to those of one scan.
    #[test]
    fn parts_add_up(rows in prop::collection::vec((0_usize..6, any::<bool>(), any::<bool>()), 1..500), cut in 0.0..1.0_f64) {
        let at = (rows.len() as f64 * cut) as usize;
        let (left, right) = rows.split_at(at);
        let categories = |rows: &[(usize, bool, bool)]| {
            let mut categories = Categories::default();
            rows.iter().for_each(|row| categories.add(&row.0.to_string(), 1.0));
            categories
        };
        let mut merged = categories(left);
        merged.merge(&categories(right));
        prop_assert_eq!(&merged, &categories(&rows));
        let counts = |rows: &[(usize, bool, bool)]| {
            let mut counts = GroupCounts::new(6);
            counts.add(rows.iter().map(|row| GroupCounts::cell(row.0, row.1, row.2)));
            counts.confusions()
        };
        let added: Vec<Confusion> = counts(left).into_iter().zip(counts(right)).map(|(a, b)| a + b).collect();
        prop_assert_eq!(&added, &counts(&rows));
        for measure in Measure::ALL {
            prop_assert!(measure.of(&added[0], &added[0]).is_none_or(|value| value == measure.parity()), "{}", measure);
            let both = measure.of(&added[0], &added[1]).zip(measure.interval(&added[0], &added[1], 0.95));
            if let Some((value, interval)) = both {
                prop_assert!(interval.low <= value + 1e-9 && value <= interval.high + 1e-9, "{}: {} in {:?}", measure, value, interval);
            }
        }
        let aligned = Aligned::new(&categories(left), &categories(&rows), Nulls::Dropped);
        let report = categorical(&aligned.reference, &aligned.current, &[Method::Tvd], &Settings::default());
        prop_assert!(left.is_empty() || report.outcomes[0].value.is_ok());
    }

    #[test]
    fn sums_of_parts(rows in prop::collection::vec((-100.0..100.0_f64, -100.0..100.0_f64, 0.0..1.0_f64, any::<bool>()), 2..300), cut in 0.0..1.0_f64) {
        let at = (rows.len() as f64 * cut) as usize;
        let sums = |rows: &[(f64, f64, f64, bool)]| {
            let (mut regression, mut probabilities) = (Regression::default(), Probabilities::default());
            rows.iter().for_each(|row| {
                regression.add(row.0, row.1, 1.0);
                probabilities.add(row.2, row.3, 1.0);
            });
            (regression, probabilities)
        };
        let (mut merged, whole) = (sums(&rows[..at]), sums(&rows));
        let right = sums(&rows[at..]);
        merged.0.merge(&right.0);
        merged.1.merge(&right.1);
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| close(a, b));
        prop_assert!(both(merged.0.r_squared(), whole.0.r_squared()));
        prop_assert!(both(merged.0.root_mean_squared_error(), whole.0.root_mean_squared_error()));
        prop_assert!(both(merged.1.log_loss(), whole.1.log_loss()));
    }

    /// Adjusted p-values keep the order, are no smaller than before, and Holm lies between Bonferroni and none.
    #[test]
    fn corrections(p in prop::collection::vec(0.0..=1.0_f64, 1..40)) {
        let of = |correction| adjust(&p, correction);
        let (bonferroni, holm, bh) = (of(Correction::Bonferroni), of(Correction::Holm), of(Correction::BenjaminiHochberg));
        for at in 0..p.len() {
            prop_assert!(p[at] <= bh[at] + 1e-15 && bh[at] <= holm[at] + 1e-12 && holm[at] <= bonferroni[at] + 1e-12);
            for other in 0..p.len() {
                prop_assert!(p[at] > p[other] || (holm[at] <= holm[other] && bh[at] <= bh[other]));
            }
        }
    }
}
