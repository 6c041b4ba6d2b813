//! Sorting one column, ours beside the standard library and two radix sort crates, on columns like those of real feature tables.
//!
//! `cargo run --release -- [ROWS]` in this folder prints nanoseconds for each value, the least of several runs.

#[path = "../../../../agent/measure/benches/columns/mod.rs"]
mod columns;

use std::hint::black_box;
use std::time::Instant;

use clause9_measure::sort::{Scratch, sort};
use voracious_radix_sort::RadixSort;

fn main() {
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    println!("{rows} rows, nanoseconds for each value");
    println!("{:<22}{:>8}{:>8}{:>8}{:>8}{:>8}", "column", "ours", "lsd11", "std", "vorac.", "rdst");
    let mut random = fastrand::Rng::with_seed(11);
    for (name, values) in columns::awkward(rows, &mut random) {
        let mut expected = values.clone();
        expected.sort_unstable_by(f64::total_cmp);
        let mut scratch = Scratch::default();
        let ours = least(&values, &expected, |column| sort(column, &mut scratch));
        let mut room = Vec::new();
        let lsd = least(&values, &expected, |column| lsd11(column, &mut room));
        let std = least(&values, &expected, |column| column.sort_unstable_by(f64::total_cmp));
        let voracious = least(&values, &expected, |column| column.voracious_sort());
        let rdst = least(&values, &expected, rdst_sort);
        println!("{name:<22}{ours:>8.2}{lsd:>8.2}{std:>8.2}{voracious:>8.2}{rdst:>8.2}");
    }
}

/// The least time of 25 runs, checked against the standard library's result.
fn least(values: &[f64], expected: &[f64], mut run: impl FnMut(&mut [f64])) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..25 {
        let mut column = values.to_vec();
        let start = Instant::now();
        run(black_box(&mut column));
        best = best.min(start.elapsed().as_secs_f64());
        assert!(column == expected, "sorted wrongly");
    }
    best * 1e9 / values.len() as f64
}

fn rdst_sort(column: &mut [f64]) {
    use rdst::RadixSort;
    column.radix_sort_builder().with_single_threaded_tuner().with_parallel(false).sort();
}

fn lsd11(column: &mut [f64], room: &mut Vec<u64>) {
    room.resize(column.len(), 0);
    let mut histograms = vec![[0_u32; 2048]; 6];
    for value in column.iter() {
        let key = key(*value);
        for (digit, histogram) in histograms.iter_mut().enumerate() {
            histogram[(key >> (11 * digit)) as usize & 2047] += 1;
        }
    }
    let bits: &mut [u64] = bytemuck::cast_slice_mut(column);
    for bit in bits.iter_mut() {
        *bit = key(f64::from_bits(*bit));
    }
    let (mut from, mut to): (&mut [u64], &mut [u64]) = (bits, room);
    for (digit, histogram) in histograms.iter_mut().enumerate() {
        let mut total = 0;
        for count in histogram.iter_mut() {
            total += std::mem::replace(count, total);
        }
        for &key in from.iter() {
            let at = &mut histogram[(key >> (11 * digit)) as usize & 2047];
            to[*at as usize] = key;
            *at += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    for bit in from.iter_mut() {
        *bit = if *bit >> 63 == 1 { *bit & !(1 << 63) } else { !*bit };
    }
}

fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}
