//! Predictions that are numbers.

use super::{Found, Options, Segments, Value, asked, segments_of};
use crate::job::Result;
use crate::performance::{Metric, Regression};
use crate::read::Source;

/// Sums by combination of segment columns, then by segment.
pub fn segments(source: &dyn Source, options: &Options) -> Result<Found> {
    let mut sums: Vec<Regression> = Vec::new();
    let wanted = &options.wanted;
    let found = wanted.numbers(source, &mut |combination, row| {
        if combination >= sums.len() {
            sums.resize(combination + 1, Regression::default());
        }
        if let Some(label) = row.label {
            sums[combination].add(label, row.prediction, row.weight);
        }
    })?;
    sums.resize(found.keys.len(), Regression::default());
    let mut by_segment = std::collections::BTreeMap::from([(None, Regression::default())]);
    for (values, part) in found.keys.iter().zip(&sums) {
        for segment in segments_of(&wanted.groups, values) {
            by_segment.entry(segment).or_default().merge(part);
        }
    }
    let segments: Segments = by_segment.into_iter().map(|(segment, sums)| (segment, values(options, &sums))).collect();
    Ok(Found { segments, skipped: found.skipped, average: None, positive: None })
}

fn values(options: &Options, sums: &Regression) -> Vec<Value> {
    asked(options, sums.rows(), |metric| {
        let reason = match metric {
            Metric::Mae | Metric::Rmse => "no row has a prediction and a label",
            Metric::R2 => "the labels do not vary",
            _ => return None,
        };
        Some(Value { metric, value: metric.of_regression(sums).ok_or_else(|| reason.to_owned()), rows: sums.rows() })
    })
}
