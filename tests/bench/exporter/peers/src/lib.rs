//! The series that every way of making a page has.

use std::error::Error;
use std::sync::atomic::AtomicU64;

use clause9_exporter::{Family, Kind, LabelName, MetricName};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub const NAME: &str = "ml_drift_statistic";
pub const HELP: &str = "Drift statistic per model, feature and statistic";
pub static LABELS: [LabelName; 3] = [LabelName::from_static("model"), LabelName::from_static("feature"), LabelName::from_static("stat")];

/// The labels of a series.
pub fn labels(i: usize) -> [String; 3] {
    [format!("model_{:04}", i / 1000), format!("feature_{:03}", i / 10 % 100), format!("stat_{}", i % 10)]
}

/// The value of a series.
pub fn value(i: usize) -> f64 {
    i as f64 * 0.001 + 1.0 / 3.0
}

/// All series, for our exporter.
pub fn family(n_series: usize) -> Result<Family, Box<dyn Error>> {
    let mut family = Family::new(MetricName::from_static(NAME), HELP, Kind::Gauge);
    for i in 0..n_series {
        family.sample(LABELS.iter().zip(labels(i)), value(i))?;
    }
    Ok(family)
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    model: String,
    feature: String,
    stat: String,
}

/// All series, for prometheus-client.
pub fn client_registry(n_series: usize) -> Registry {
    let family: prometheus_client::metrics::family::Family<Labels, Gauge<f64, AtomicU64>> = Default::default();
    for i in 0..n_series {
        let [model, feature, stat] = labels(i);
        family.get_or_create(&Labels { model, feature, stat }).set(value(i));
    }
    let mut registry = Registry::default();
    registry.register(NAME, HELP, family);
    registry
}
