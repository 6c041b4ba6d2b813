//! How long a page of 100,000 series takes: building the families, rendering them, publishing (rendering and
//! compressing), and the gzip levels side by side. A plain program, so that the benchmark needs no crates.
//!
//! `cargo bench -p clause9-exporter`; figures are CPU time, so other work on the machine does little to them.

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use clause9_exporter::{Exporter, Family, Kind, LabelName, MetricName, OwnMetrics, render};
use flate2::Compression;
use flate2::write::GzEncoder;

const N_SERIES: usize = 100_000;
const N_RUNS: usize = 21;

const MODEL: LabelName = LabelName::from_static("model");
const FEATURE: LabelName = LabelName::from_static("feature");
const STATISTIC: LabelName = LabelName::from_static("stat");

type Labels = [String; 3];

fn main() {
    let sorted: Vec<Labels> = (0..N_SERIES).map(labels).collect();
    // A fixed stride visits every series once, far from the one before.
    let scattered: Vec<Labels> = (0..N_SERIES).map(|i| labels(i * 7_919 % N_SERIES)).collect();
    let unique: Vec<Labels> = (0..N_SERIES).map(|i| [format!("version-{:06}", i * 7_919 % N_SERIES), "a".into(), "b".into()]).collect();

    println!("{N_SERIES} series with 3 labels, CPU time, medians of {N_RUNS} runs\n");
    println!("| labels | build ms | render ms | publish ms | text bytes |\n|---|---|---|---|---|");
    for (name, labels) in [("sorted", &sorted), ("scattered", &scattered), ("one value each", &unique)] {
        let built = median(|| family(labels));
        let families = [family(labels)];
        let rendered = median(|| render(&families));
        // To an exporter of its own each time: one that has the same page would only render it.
        let published = median(|| exporter().publish(&families));
        let text = render(&families).expect("all series differ");
        let (build, render, publish) = (ms(built), ms(rendered), ms(published));
        println!("| {name} | {build:.1} | {render:.1} | {publish:.1} | {} |", text.len());
    }

    println!("\n| gzip level | ms | bytes |\n|---|---|---|");
    let text = render(&[family(&sorted)]).expect("all series differ");
    for level in [1, 2, 3, 4, 6, 9] {
        println!("| {level} | {:.1} | {} |", ms(median(|| gzip(&text, level))), gzip(&text, level).len());
    }
}

fn exporter() -> Exporter {
    Exporter::new(OwnMetrics::new("bench").expect("a good namespace")).expect("nothing is registered")
}

fn labels(i: usize) -> Labels {
    [format!("model_{:04}", i / 1000), format!("feature_{:03}", i / 10 % 100), format!("stat_{}", i % 10)]
}

fn family(labels: &[Labels]) -> Family {
    let name = MetricName::from_static("ml_drift_statistic");
    let mut family = Family::new(name, "Drift statistic per model, feature and statistic", Kind::Gauge);
    for ([model, feature, statistic], value) in labels.iter().zip((0..).map(|i| f64::from(i) * 0.001 + 1.0 / 3.0)) {
        let labels = [(&MODEL, model), (&FEATURE, feature), (&STATISTIC, statistic)];
        family.sample(labels, value).expect("no label occurs twice");
    }
    family
}

fn gzip(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("writing into memory does not fail")
}

/// The median CPU time of a run.
fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..N_RUNS)
        .map(|_| {
            let start = cpu_time();
            black_box(run());
            cpu_time().saturating_sub(start)
        })
        .collect();
    times.sort_unstable();
    times[N_RUNS / 2]
}

/// What this thread has had of the CPU so far: unlike the clock on the wall, the same on a busy machine.
fn cpu_time() -> Duration {
    let schedstat = fs::read_to_string("/proc/self/schedstat").expect("the kernel keeps CPU times");
    let nanoseconds = schedstat.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("CPU time comes first"))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
