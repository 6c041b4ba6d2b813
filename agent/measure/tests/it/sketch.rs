//! The sketches' promises, on data made to be awkward.

use clause9_measure::drift::walk;
use clause9_measure::sketch::{Distinct, Frequent, Quantiles, hash_bytes, hash_number};
use proptest::prelude::*;

/// The largest difference between the sketch's ranks and the true ones.
fn worst(sketch: &Quantiles, sorted: &[f64]) -> u64 {
    sorted.iter().map(|&value| (sorted.partition_point(|&other| other <= value) as u64).abs_diff(sketch.rank(value))).max().unwrap_or(0)
}

#[test]
fn quantiles_of_orders_that_are_hard() {
    let rows = 100_000;
    type Order = (&'static str, fn(u64) -> f64);
    let orders: [Order; 4] = [
        ("rising", |row| row as f64),
        ("falling", |row| -(row as f64)),
        ("mixed", |row| (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64),
        ("ties", |row| (row % 7) as f64),
    ];
    for (name, order) in orders {
        let mut sketch = Quantiles::new(512);
        let mut values: Vec<f64> = (0..rows).map(order).collect();
        values.iter().for_each(|&value| sketch.add(value));
        values.sort_by(f64::total_cmp);
        assert_eq!(sketch.rows(), rows);
        assert_eq!(sketch.points().iter().map(|point| point.1).sum::<u64>(), rows, "{name}: weights add up");
        let off = worst(&sketch, &values);
        assert!(off <= sketch.rank_error(), "{name}: {off} off, {} promised", sketch.rank_error());
        assert!(sketch.distribution_error() < 0.01, "{name}: {}", sketch.distribution_error());
        assert!(!sketch.is_exact());
        let median = sketch.quantile(0.5).unwrap();
        let (low, high) = (values.partition_point(|&value| value < median), values.partition_point(|&value| value <= median));
        assert!(low as u64 <= rows / 2 + sketch.rank_error() && high as u64 + sketch.rank_error() >= rows / 2, "{name}");
    }
}

#[test]
fn memory_bounds_what_is_kept() {
    let mut sketch = Quantiles::within(64 << 10, 1_000_000);
    (0..1_000_000).for_each(|row| sketch.add(f64::from(row % 1013)));
    assert!(sketch.points().len() * 8 <= 64 << 10, "{} kept", sketch.points().len());
    let mut exact = Quantiles::within(1 << 20, 1000);
    (0..1000).for_each(|row| exact.add(f64::from(row)));
    assert!(exact.is_exact());
}

#[test]
fn distinct_values() {
    for wanted in [0_u32, 1, 10, 1000, 50_000, 400_000] {
        let mut sketch = Distinct::default();
        (0..wanted).for_each(|value| sketch.add(hash_number(f64::from(value))));
        (0..wanted).for_each(|value| sketch.add(hash_number(f64::from(value))));
        let off = (sketch.estimate() - f64::from(wanted)).abs();
        assert!(off <= 4.0 * Distinct::STANDARD_ERROR * f64::from(wanted) + 0.1, "{wanted}: {}", sketch.estimate());
    }
    assert_eq!(hash_number(0.0), hash_number(-0.0));
    assert_eq!(hash_bytes(b"low"), hash_bytes(b"low"));
    assert_ne!(hash_bytes(b"low"), hash_bytes(b"lov"));
}

#[test]
fn distinct_of_parts() {
    let sketch = |from: u32, to: u32| {
        let mut sketch = Distinct::default();
        (from..to).for_each(|value| sketch.add(hash_bytes(&value.to_le_bytes())));
        sketch
    };
    let mut merged = sketch(0, 600);
    merged.merge(&sketch(400, 1000));
    assert_eq!(merged, sketch(0, 1000));
}

proptest! {
    /// Any data, cut anywhere: the bound holds after merging; small data stay exact.
    #[test]
    fn merged_quantiles(values in prop::collection::vec(-50_i32..50, 1..3000), cut in 0.0..1.0_f64, capacity in 16_usize..200) {
        let values: Vec<f64> = values.into_iter().map(|value| f64::from(value) / 4.0).collect();
        let at = (values.len() as f64 * cut) as usize;
        let sketch = |part: &[f64]| {
            let mut sketch = Quantiles::new(capacity);
            part.iter().for_each(|&value| sketch.add(value));
            sketch
        };
        let mut merged = sketch(&values[..at]);
        merged.merge(&sketch(&values[at..]));
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        prop_assert_eq!(merged.rows(), values.len() as u64);
        prop_assert!(worst(&merged, &sorted) <= merged.rank_error());
        if values.len() < capacity {
            prop_assert!(merged.is_exact());
            let kept: Vec<f64> = merged.points().iter().map(|point| point.0).collect();
            prop_assert_eq!(&kept, &sorted);
        }
        // A Kolmogorov-Smirnov statistic by the sketch is as near as promised.
        let exact = walk(&sorted[..], &values_shifted(&sorted)[..]).unwrap();
        let points = merged.points();
        let near = walk(&points[..], &values_shifted(&sorted)[..]).unwrap();
        let of = |walk: &clause9_measure::drift::Walk| walk.gap as f64 / (walk.n as f64 * walk.m as f64);
        prop_assert!((of(&exact) - of(&near)).abs() <= merged.distribution_error() + 1e-12);
    }

    /// Counts are never too high and never lower than promised; frequent categories are kept.
    #[test]
    fn frequent_categories(rows in prop::collection::vec(0_u32..40, 1..2000), cut in 0.0..1.0_f64, keeps in 1_usize..12) {
        let at = (rows.len() as f64 * cut) as usize;
        let sketch = |part: &[u32]| {
            let mut sketch = Frequent::new(keeps);
            part.iter().for_each(|name| sketch.add(&name.to_string(), 1));
            sketch
        };
        let mut merged = sketch(&rows[..at]);
        merged.merge(&sketch(&rows[at..]));
        prop_assert!(merged.missed() <= rows.len() as u64 / (keeps as u64 + 1));
        for name in 0..40 {
            let truth = rows.iter().filter(|&&row| row == name).count() as u64;
            let kept = merged.iter().find(|(kept, _)| *kept == name.to_string()).map_or(0, |(_, count)| count);
            prop_assert!(kept <= truth && truth <= kept + merged.missed(), "{}: {} kept of {}", name, kept, truth);
        }
        prop_assert_eq!(merged.rows(), rows.len() as u64);
        if merged.missed() == 0 {
            prop_assert_eq!(merged.others(), 0);
        }
    }
}

fn values_shifted(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value + 1.5).collect()
}
