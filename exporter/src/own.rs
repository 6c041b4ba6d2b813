//! The metrics an exporter keeps about itself: a registry with one namespace, and the declaration of metrics as
//! structs. Which metrics there are is said where they are used.

use prometheus::core::Collector;
use prometheus::{Encoder, Opts, Registry, TextEncoder};

use crate::name::{MetricName, NameError};
use crate::process::ProcessMetrics;

/// A registry for the exporter's own metrics, all named `<namespace>_...`, with `process_*` beside them.
///
/// They are rendered anew for each scrape, so keep them few: hundreds of series, not thousands.
#[derive(Clone, Debug)]
pub struct OwnMetrics {
    namespace: String,
    registry: Registry,
}

/// Why a metric of one's own cannot be added. Either way the program is wrong, not its surroundings.
#[derive(Debug, thiserror::Error)]
pub enum OwnMetricsError {
    /// The namespace cannot begin a metric's name.
    #[error("the namespace cannot begin a metric name")]
    Namespace(#[source] NameError),
    /// The metric's name does not begin with the namespace, so it could collide with a name on the page.
    #[error("the metric {name} does not begin with {namespace}_")]
    Foreign {
        /// The metric's full name.
        name: String,
        /// The namespace of the registry.
        namespace: String,
    },
    /// The metric is declared badly, or one of its name is registered already.
    #[error("a metric cannot be registered")]
    Registry(#[source] prometheus::Error),
}

impl OwnMetrics {
    /// An empty registry, save for `process_*`.
    ///
    /// # Errors
    /// [`OwnMetricsError::Namespace`] if no metric name can begin with `namespace`.
    pub fn new(namespace: impl Into<String>) -> Result<Self, OwnMetricsError> {
        let namespace = namespace.into();
        MetricName::new(namespace.as_str()).map_err(OwnMetricsError::Namespace)?;
        let own = Self { namespace, registry: Registry::new() };
        own.registry.register(Box::new(ProcessMetrics::new()?)).map_err(OwnMetricsError::Registry)?;
        Ok(own)
    }

    /// What every name but `process_*` begins with, without the underscore.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Adds a metric. [`own_metrics!`](crate::own_metrics) is the usual way to make and add several.
    ///
    /// # Errors
    /// [`OwnMetricsError`] if the name is not in the namespace or taken.
    pub fn register(&self, collector: impl Collector + 'static) -> Result<(), OwnMetricsError> {
        for desc in collector.desc() {
            if !self.owns_namespaced(&desc.fq_name) {
                return Err(OwnMetricsError::Foreign { name: desc.fq_name.clone(), namespace: self.namespace.clone() });
            }
        }
        self.registry.register(Box::new(collector)).map_err(OwnMetricsError::Registry)
    }

    /// Whether `name` is kept for this registry, whether or not there is such a metric.
    pub(crate) fn owns(&self, name: &str) -> bool {
        self.owns_namespaced(name) || name.starts_with("process_")
    }

    /// The metrics' text, sorted by name.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    fn owns_namespaced(&self, name: &str) -> bool {
        name.strip_prefix(self.namespace.as_str()).is_some_and(|rest| rest.starts_with('_'))
    }
}

/// A metric type that [`own_metrics!`](crate::own_metrics) can declare.
pub trait Declare: Collector + Clone + Sized + 'static {
    /// Makes the metric.
    ///
    /// # Errors
    /// [`prometheus::Error`] if name, labels or buckets do not suit the type.
    fn declare(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self>;
}

macro_rules! declare {
    (plain: $($plain:ty),*; vector: $($vector:ty),*) => {
        $(impl Declare for $plain {
            fn declare(opts: Opts, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
                without_labels(labels)?;
                Self::with_opts(opts)
            }
        })*
        $(impl Declare for $vector {
            fn declare(opts: Opts, labels: &[&str], _: &[f64]) -> prometheus::Result<Self> {
                Self::new(opts, labels)
            }
        })*
    };
}

declare!(
    plain: prometheus::Counter, prometheus::IntCounter, prometheus::Gauge, prometheus::IntGauge;
    vector: prometheus::CounterVec, prometheus::IntCounterVec, prometheus::GaugeVec, prometheus::IntGaugeVec
);

impl Declare for prometheus::Histogram {
    fn declare(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        without_labels(labels)?;
        Self::with_opts(histogram(opts, buckets))
    }
}

impl Declare for prometheus::HistogramVec {
    fn declare(opts: Opts, labels: &[&str], buckets: &[f64]) -> prometheus::Result<Self> {
        Self::new(histogram(opts, buckets), labels)
    }
}

fn histogram(opts: Opts, buckets: &[f64]) -> prometheus::HistogramOpts {
    let opts = prometheus::HistogramOpts::from(opts);
    if buckets.is_empty() { opts } else { opts.buckets(buckets.to_vec()) }
}

fn without_labels(labels: &[&str]) -> prometheus::Result<()> {
    match labels {
        [] => Ok(()),
        _ => Err(prometheus::Error::Msg("a metric of this type has no labels; its ...Vec has".to_owned())),
    }
}

/// Makes and registers one metric; what [`own_metrics!`](crate::own_metrics) expands to.
#[doc(hidden)]
pub fn declare_one<M: Declare>(own: &OwnMetrics, name: &str, doc: &[&str], labels: &[&str], buckets: &[f64]) -> Result<M, OwnMetricsError> {
    let help: Vec<&str> = doc.iter().map(|line| line.trim()).collect();
    let opts = Opts::new(name, help.join(" ")).namespace(own.namespace.as_str());
    let metric = M::declare(opts, labels, buckets).map_err(OwnMetricsError::Registry)?;
    own.register(metric.clone())?;
    Ok(metric)
}

/// Declares a struct of metrics: a field's name is the metric's name without the namespace, its doc comment is the
/// help text, its labels and buckets stand beside the type. `Struct::register(&own)` makes and registers them all.
///
/// ```
/// use clause9_exporter::prometheus::{HistogramVec, IntCounterVec, IntGauge};
/// use clause9_exporter::{OwnMetrics, own_metrics};
///
/// own_metrics! {
///     /// What the poller does.
///     pub struct PollMetrics {
///         /// Polls by how they ended.
///         pub polls_total: IntCounterVec["outcome"],
///         /// How long a poll takes, in seconds.
///         pub poll_duration_seconds: HistogramVec["source"] buckets [0.1, 1.0, 10.0],
///         /// Polls under way.
///         pub polls_running: IntGauge,
///     }
/// }
///
/// let own = OwnMetrics::new("example")?;
/// let metrics = PollMetrics::register(&own)?;
/// metrics.polls_total.with_label_values(&["ok"]).inc(); // example_polls_total{outcome="ok"} 1
/// # Ok::<(), clause9_exporter::OwnMetricsError>(())
/// ```
#[macro_export]
macro_rules! own_metrics {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field_visibility:vis $field:ident:
                    $metric:ident $([$($label:literal),+ $(,)?])? $(buckets [$($bucket:expr),+ $(,)?])?
            ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $($(#[doc = $doc])+ $field_visibility $field: $metric,)+
        }

        impl $name {
            /// Makes the metrics and registers them.
            ///
            /// # Errors
            /// [`OwnMetricsError`]($crate::OwnMetricsError) if one is declared badly or its name is taken.
            $visibility fn register(own: &$crate::OwnMetrics) -> ::std::result::Result<Self, $crate::OwnMetricsError> {
                ::std::result::Result::Ok(Self {
                    $($field: $crate::declare_one::<$metric>(
                        own,
                        ::std::stringify!($field),
                        &[$($doc),+],
                        &[$($($label),+)?],
                        &[$($($bucket),+)?],
                    )?,)+
                })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec};

    own_metrics! {
        /// One of each shape.
        struct Sample {
            /// Help that is longer
            /// than a line.
            things_total: IntCounterVec["kind", "outcome"],
            /// A number.
            level: Gauge,
            /// A distribution.
            wait_seconds: Histogram buckets [1.0],
        }
    }

    fn text(own: &OwnMetrics) -> String {
        String::from_utf8(own.render().unwrap()).unwrap()
    }

    #[test]
    fn a_field_is_a_metric() {
        let own = OwnMetrics::new("t").unwrap();
        let sample = Sample::register(&own).unwrap();
        sample.things_total.with_label_values(&["a\n\"\\", "ok"]).inc();
        sample.level.set(0.5);
        sample.wait_seconds.observe(2.0);
        let text = text(&own);
        for line in [
            "# HELP t_things_total Help that is longer than a line.",
            "# TYPE t_things_total counter",
            r#"t_things_total{kind="a\n\"\\",outcome="ok"} 1"#,
            "t_level 0.5",
            r#"t_wait_seconds_bucket{le="1"} 0"#,
            r#"t_wait_seconds_bucket{le="+Inf"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(OwnMetrics::new("9th"), Err(OwnMetricsError::Namespace(_))));
        let own = OwnMetrics::new("t").unwrap();
        Sample::register(&own).unwrap();
        assert!(matches!(Sample::register(&own), Err(OwnMetricsError::Registry(_))), "twice");
        let foreign = IntCounter::new("other_total", "-").unwrap();
        assert!(matches!(own.register(foreign), Err(OwnMetricsError::Foreign { name, .. }) if name == "other_total"));
    }

    #[test]
    fn names_of_the_registry_are_its_own() {
        let own = OwnMetrics::new("t").unwrap();
        for (name, expected) in [("t_x", true), ("process_x", true), ("tx", false), ("t", false), ("aims_t_x", false)] {
            assert_eq!(own.owns(name), expected, "{name}");
        }
    }
}
