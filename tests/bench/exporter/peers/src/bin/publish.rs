//! What a publication costs when a hundredth of the series changed, beside what prometheus-client needs to encode them all for each scrape:
//! `publish SERIES ROUNDS`. CPU time of one thread, all ways in turn, medians; as Markdown.

use std::error::Error;
use std::time::Duration;

use clause9_exporter::{Change, Delta, Exporter, Kind, MetricName, OwnMetrics};
use page_server::{HELP, LABELS, NAME, client_registry, family, labels, value};
use rustix::time::{ClockId, clock_gettime};

type Sample = ([String; 3], f64);

/// The series with these numbers, changed.
fn samples(numbers: impl Iterator<Item = usize>, round: usize) -> Vec<Sample> {
    numbers.map(|i| (labels(i), value(i) + round as f64)).collect()
}

fn update(exporter: &Exporter, samples: &[Sample]) -> Result<(), Box<dyn Error>> {
    let mut delta = Delta::new(MetricName::from_static(NAME), HELP, Kind::Gauge);
    for (labels, value) in samples {
        delta.set(LABELS.iter().zip(labels), *value)?;
    }
    exporter.update(&[Change::Samples(delta)])?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let (Some(n_series), Some(n_rounds)) = (arguments.next().transpose()?, arguments.next().transpose()?) else {
        return Err("usage: publish SERIES ROUNDS".into());
    };
    // Each model has 1,000 series: 100 features, 10 statistics. The page is sorted by feature, model and statistic.
    let n_models = n_series / 1_000;
    let on_page = move |place: usize| place / 10 % n_models * 1_000 + place / 10 / n_models * 10 + place % 10;
    let n_changed = n_series / 100;
    let registry = client_registry(n_series);
    let exporter = Exporter::new(OwnMetrics::new("own")?)?;
    exporter.publish(&[family(n_series)?])?;
    let mut times = [const { Vec::new() }; 6];
    for round in 1..=n_rounds {
        let start = round * 7_919 % (n_series - n_changed);
        let in_a_row = samples((start..start + n_changed).map(on_page), round);
        let of_models = samples(start / 1_000 * 1_000..start / 1_000 * 1_000 + n_changed, round);
        let one = samples(start..start + 1, round);
        let far_apart = samples((round % 100..n_series).step_by(100).map(on_page), round);
        let work: [&dyn Fn() -> Result<(), Box<dyn Error>>; 6] = [
            &|| {
                let mut page = String::new();
                prometheus_client::encoding::text::encode(&mut page, &registry)?;
                Ok(())
            },
            &|| update(&exporter, &in_a_row),
            &|| update(&exporter, &of_models),
            &|| update(&exporter, &one),
            &|| update(&exporter, &far_apart),
            &|| Ok(exporter.publish(&[family(n_series)?]).map(drop)?),
        ];
        for (work, times) in work.into_iter().zip(&mut times) {
            let before = cpu_time();
            work()?;
            times.push(cpu_time().saturating_sub(before));
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    println!("{n_series} series with 3 labels, CPU time, medians of {n_rounds} rounds.\n");
    println!("| what | ms | of prometheus-client |\n|---|---|---|");
    let names = [
        "prometheus-client 0.25: all encoded, not compressed".to_owned(),
        format!("update, {n_changed} series changed that follow each other on the page"),
        format!("update, all series of {} models changed: {n_changed} at 100 places", n_changed / 1_000),
        "update, one series changed".to_owned(),
        format!("update, {n_changed} series changed, each hundredth of the page"),
        "publish, all series built and rendered anew".to_owned(),
    ];
    for (name, median) in names.iter().zip(medians) {
        println!("| {name} | {median:.2} | {} |", share(median, medians[0]));
    }
    Ok(())
}

fn share(median: f64, whole: f64) -> String {
    if median < whole { format!("1/{:.0}", whole / median) } else { format!("{:.1}", median / whole) }
}

/// What this thread has had of the CPU so far: unlike the clock on the wall, nearly the same on a busy machine.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
