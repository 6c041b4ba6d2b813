//! Every drift statistic of seven numeric columns, two windows: where the time goes.
//!
//! `cargo bench --bench drift [ROWS]` prints milliseconds for each column: sorting both windows, the walk over them, everything else.

mod columns;

use std::hint::black_box;
use std::time::Instant;

use clause9_measure::drift::{Method, Settings, numeric, walk};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;

fn main() {
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    println!("{rows} rows in each window, milliseconds, least of five");
    println!("{:<18}{:>9}{:>9}{:>9}", "column", "sorting", "walk", "all");
    let (mut random, mut scratch) = (fastrand::Rng::with_seed(5), Scratch::default());
    let windows = columns::features(rows, 0.0, &mut random).into_iter().zip(columns::features(rows, 0.05, &mut random));
    let mut sums = [0.0; 3];
    for ((name, reference), (_, current)) in windows {
        let mut times = [f64::INFINITY; 3];
        for _ in 0..5 {
            let (reference, current) = (reference.clone(), current.clone());
            let start = Instant::now();
            let (reference, current) = (Window::new(reference, 0, &mut scratch), Window::new(current, 0, &mut scratch));
            let sorted = start.elapsed().as_secs_f64();
            black_box(numeric(&reference, &current, &Method::ALL, &Settings::default()));
            let all = start.elapsed().as_secs_f64();
            let start = Instant::now();
            black_box(walk(reference.values(), current.values()));
            let walked = start.elapsed().as_secs_f64();
            for (least, time) in times.iter_mut().zip([sorted, walked, all]) {
                *least = least.min(time * 1e3);
            }
        }
        println!("{name:<18}{:>9.1}{:>9.1}{:>9.1}", times[0], times[1], times[2]);
        sums.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
    }
    println!("{:<18}{:>9.1}{:>9.1}{:>9.1}", "sum", sums[0], sums[1], sums[2]);
}
