//! The agent's metrics about itself and its sources. What the organisation's readings are is the board's business.

use std::collections::BTreeSet;

use clause9_exporter::{
    OwnMetrics, OwnMetricsError, own_metrics,
    prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec},
};

use crate::{
    anchors::Kind,
    board::SourceStatus,
    connector::{FailureReason, NoteKind},
    record::{DoubtReason, SHAPES},
};

own_metrics! {
    /// Health of the agent and of each source.
    pub struct Metrics {
        /// Version of the agent; always 1.
        pub build_info: IntGaugeVec["version"],
        /// Whether the last load of the configuration was good (1) or the one before is still in force (0).
        pub config_last_reload_successful: IntGauge,
        /// When the configuration in force was loaded.
        pub config_last_reload_success_timestamp_seconds: IntGauge,
        /// Names of systems in the configuration (thresholds, covers, jobs) that the inventory does not have: what is said of them means nothing.
        pub config_unmatched_names: IntGauge,
        /// Whether the last poll of the source was complete (1) or failed (0).
        pub source_up: IntGaugeVec["source", "connector"],
        /// Whether the records of the source are complete: read at least once, and not older than its limit.
        pub source_complete: IntGaugeVec["source"],
        /// When the source was last read completely; 0 means never.
        pub source_last_success_timestamp_seconds: IntGaugeVec["source"],
        /// Whether the register of the source could be read at the last poll (1) or not (0), where each is read by itself.
        pub feed_up: IntGaugeVec["source", "feed"],
        /// When the register of the source was read last; 0 means never.
        pub feed_last_success_timestamp_seconds: IntGaugeVec["source", "feed"],
        /// Age at which the source counts as stale and what depends on it as unknown.
        pub source_stale_after_seconds: IntGaugeVec["source"],
        /// Longest time between two scheduled polls.
        pub source_poll_interval_seconds: IntGaugeVec["source"],
        /// How long the last poll took.
        pub source_poll_duration_seconds: GaugeVec["source"],
        /// Polls by how they ended; the reason is empty for complete ones.
        pub source_polls_total: IntCounterVec["source", "outcome", "reason"],
        /// Complete polls in which every answer was that of the poll before, so that nothing was mapped or compared.
        pub source_polls_unchanged_total: IntCounterVec["source"],
        /// Scheduled polls that were left out because the one before was still running.
        pub source_overruns_total: IntCounterVec["source"],
        /// Records that the source holds now.
        pub source_records: IntGaugeVec["source", "table"],
        /// Pages that the last complete poll read.
        pub source_pages: IntGaugeVec["source"],
        /// Records of the source that are odd in some way and were kept.
        pub source_doubtful_records: IntGaugeVec["source", "reason"],
        /// Fields by which indicators judge and for which a register of the source has no column; its entries count as the source's page says.
        pub source_unstated_fields: IntGaugeVec["source"],
        /// What the source's credentials may not see, or what could not be found out about that; the source's page says each.
        pub source_unseen: IntGaugeVec["source"],
        /// Evaluations of indicators.
        pub evaluations_total: IntCounter,
        /// How long the last evaluation took.
        pub evaluation_duration_seconds: GaugeVec["scope"],
        /// Evaluations of an indicator that failed; its readings are unknown until one succeeds.
        pub indicator_errors_total: IntCounterVec["indicator"],
        /// Whether the database can be written and is still the one in data_dir (1), or some of what is shown could not be stored (0).
        pub store_writable: IntGauge,
        /// Bytes of the database.
        pub store_size_bytes: IntGauge,
        /// Whether the evidence was as it was stored when it was walked last (1), or something was changed or lost (0).
        pub store_verified: IntGauge,
        /// When the evidence was walked last; 0 means not yet since the start.
        pub store_verified_timestamp_seconds: IntGauge,
        /// Number of the last entry of evidence when it was walked last: it never falls, but when entries were lost.
        pub store_entries: IntGauge,
        /// The last entry of evidence when it was walked last, as `clause9 verify --expect` takes it; always 1.
        pub store_head_info: IntGaugeVec["anchor"],
        /// When the head of the evidence was kept there last: in the file, at the server, with a time stamp; 0 means not yet since the start.
        pub anchor_last_success_timestamp_seconds: IntGaugeVec["kind"],
        /// How often the head of the evidence could not be kept there. It is tried again each minute.
        pub anchor_failures_total: IntCounterVec["kind"],
        /// Writes into the database that failed.
        pub store_errors_total: IntCounter,
        /// Whether the management review pack of the last quarter is there (1), or could not be made (0); 1 where none is due or to be made.
        pub review_pack_made: IntGauge,
        /// Cut-off of the last management review pack that the agent made or found; 0 means none.
        pub review_pack_cut_off_timestamp_seconds: IntGauge,
        /// Whether others than this machine reach the pages without credentials (1): listen is no loopback address and web.auth is not set.
        pub web_unauthenticated: IntGauge,
    }
}

impl Metrics {
    /// Registers them, and starts what has no labels to wait for.
    ///
    /// # Errors
    /// Never in a program that passes its tests.
    pub fn start(own: &OwnMetrics) -> Result<Self, OwnMetricsError> {
        let metrics = Self::register(own)?;
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        metrics.store_writable.set(1);
        metrics.store_verified.set(1);
        metrics.review_pack_made.set(1);
        Ok(metrics)
    }

    /// Every series of a source starts at zero, so that the first failure is an increase and not a new series.
    pub fn start_source(&self, source: &str, connector: &str) {
        self.source_up.with_label_values(&[source, connector]);
        self.source_complete.with_label_values(&[source]);
        self.source_last_success_timestamp_seconds.with_label_values(&[source]);
        self.source_poll_duration_seconds.with_label_values(&[source]);
        self.source_polls_unchanged_total.with_label_values(&[source]);
        self.source_overruns_total.with_label_values(&[source]);
        self.source_pages.with_label_values(&[source]);
        self.source_unstated_fields.with_label_values(&[source]);
        self.source_unseen.with_label_values(&[source]);
        self.source_polls_total.with_label_values(&[source, "complete", ""]);
        for reason in FailureReason::ALL {
            self.source_polls_total.with_label_values(&[source, "failed", reason.as_str()]);
        }
        for reason in DoubtReason::ALL {
            self.source_doubtful_records.with_label_values(&[source, reason.as_str()]);
        }
    }

    /// Shows how the sources stand, and takes away the series of registers that were there before and are not any more.
    pub fn show_sources(&self, sources: &[SourceStatus], before: &[SourceStatus]) {
        let registers = |sources: &[SourceStatus]| -> BTreeSet<(String, String)> {
            sources.iter().flat_map(|source| source.registers.iter().map(|register| (source.name.clone(), register.name.clone()))).collect()
        };
        for (source, register) in &registers(before) - &registers(sources) {
            let _ = self.feed_up.remove_label_values(&[&source, &register]);
            let _ = self.feed_last_success_timestamp_seconds.remove_label_values(&[&source, &register]);
        }
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for source in sources {
            for register in &source.registers {
                let labels = [source.name.as_str(), register.name.as_str()];
                self.feed_up.with_label_values(&labels).set(register.failure.is_none().into());
                self.feed_last_success_timestamp_seconds.with_label_values(&labels).set(register.last_success_at.unwrap_or(0));
            }
            let name = [source.name.as_str()];
            self.source_up.with_label_values(&[&source.name, &source.connector]).set((source.failure.is_none() && source.last_success_at.is_some()).into());
            self.source_complete.with_label_values(&name).set((!source.stale).into());
            self.source_last_success_timestamp_seconds.with_label_values(&name).set(source.last_success_at.unwrap_or(0));
            self.source_stale_after_seconds.with_label_values(&name).set(source.stale_after);
            self.source_poll_interval_seconds.with_label_values(&name).set(source.interval);
            self.source_poll_duration_seconds.with_label_values(&name).set(source.took.as_secs_f64());
            self.source_pages.with_label_values(&name).set(whole(source.pages));
            let count = |kind: NoteKind| whole(source.notes.iter().filter(|note| note.kind == kind).count() as u64);
            self.source_unstated_fields.with_label_values(&name).set(count(NoteKind::Unstated));
            self.source_unseen.with_label_values(&name).set(count(NoteKind::Unseen));
            for shape in SHAPES {
                let held = source.records.get(shape.table).copied();
                let feeds = source.feeds.iter().any(|feed| feed.starts_with(shape.table));
                if held.is_some() || feeds {
                    self.source_records.with_label_values(&[&source.name, shape.table]).set(whole(held.unwrap_or(0)));
                } else {
                    // What it fed under another connector, or before its upstream changed.
                    let _ = self.source_records.remove_label_values(&[source.name.as_str(), shape.table]);
                }
            }
            for reason in DoubtReason::ALL {
                let count = source.doubts.get(reason.as_str()).copied().unwrap_or(0);
                self.source_doubtful_records.with_label_values(&[&source.name, reason.as_str()]).set(whole(count));
            }
        }
    }

    /// Starts the series of the kinds of anchors that are configured, and takes those of others away.
    pub fn show_anchors(&self, kinds: &[Kind]) {
        for kind in Kind::ALL {
            let labels = [kind.as_str()];
            if kinds.contains(&kind) {
                self.anchor_last_success_timestamp_seconds.with_label_values(&labels);
                self.anchor_failures_total.with_label_values(&labels);
            } else {
                let _ = self.anchor_last_success_timestamp_seconds.remove_label_values(&labels);
                let _ = self.anchor_failures_total.remove_label_values(&labels);
            }
        }
    }

    /// Takes the series away that names the connector which a source had before.
    pub fn end_connector(&self, source: &str, connector: &str) {
        let _ = self.source_up.remove_label_values(&[source, connector]);
    }

    /// Takes the series of a source away that is not configured any more.
    pub fn end_source(&self, source: &str, connector: &str) {
        let labels = [source];
        self.end_connector(source, connector);
        for vector in [
            &self.source_complete,
            &self.source_last_success_timestamp_seconds,
            &self.source_stale_after_seconds,
            &self.source_poll_interval_seconds,
            &self.source_pages,
            &self.source_unstated_fields,
            &self.source_unseen,
        ] {
            let _ = vector.remove_label_values(&labels);
        }
        let _ = self.source_poll_duration_seconds.remove_label_values(&labels);
        let _ = self.source_polls_unchanged_total.remove_label_values(&labels);
        let _ = self.source_overruns_total.remove_label_values(&labels);
        let _ = self.source_polls_total.remove_label_values(&[source, "complete", ""]);
        for reason in FailureReason::ALL {
            let _ = self.source_polls_total.remove_label_values(&[source, "failed", reason.as_str()]);
        }
        for reason in DoubtReason::ALL {
            let _ = self.source_doubtful_records.remove_label_values(&[source, reason.as_str()]);
        }
        for shape in SHAPES {
            let _ = self.source_records.remove_label_values(&[source, shape.table]);
        }
    }
}
