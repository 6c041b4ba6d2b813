//! What is published now: the page, and whether the program is ready. How it gets to a client is `http`'s business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use crate::change::Change;
use crate::exposition::RenderError;
use crate::family::Family;
use crate::http::HttpMetrics;
use crate::name::MetricName;
use crate::own::{OwnMetrics, OwnMetricsError};
use crate::own_metrics;
use crate::page::Page;

/// The handle through which a program publishes and its web server reads. Clones are the same exporter.
#[derive(Clone, Debug)]
pub struct Exporter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    page: ArcSwap<Page>,
    has_page: AtomicBool,
    unready: ArcSwap<Vec<String>>,
    unhealthy: OnceLock<String>,
    /// Held while rendering, so that of two publications the one that began later stays.
    publishing: Mutex<()>,
    own: OwnMetrics,
    page_metrics: PageMetrics,
    http_metrics: HttpMetrics,
}

own_metrics! {
    /// The page as it is published.
    struct PageMetrics {
        /// Times the page was rendered; scrapes do not add to it.
        page_renderings_total: IntCounter,
        /// Size of the published page by content coding, without the exporter's own metrics.
        page_bytes: IntGaugeVec["encoding"],
        /// Series on the published page.
        page_series: IntGauge,
    }
}

/// What a publication came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Series on the page.
    pub n_series: usize,
    /// Size of the text in bytes.
    pub n_bytes: usize,
}

/// Why a page was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The families are no valid page.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The name is kept for the exporter's own metrics, which follow on the same page.
    #[error("the family name {0} is kept for the exporter's own metrics")]
    Reserved(MetricName),
}

impl Exporter {
    /// An exporter without a page. `own` gets the metrics about requests and the page.
    ///
    /// # Errors
    /// [`OwnMetricsError`] if one of their names is taken in `own`.
    pub fn new(own: OwnMetrics) -> Result<Self, OwnMetricsError> {
        let page_metrics = PageMetrics::register(&own)?;
        let http_metrics = HttpMetrics::register(&own)?;
        http_metrics.start_at_zero();
        let page = Page::empty();
        page_metrics.show(&page);
        let shared = Shared {
            page: ArcSwap::from_pointee(page),
            has_page: AtomicBool::new(false),
            unready: ArcSwap::default(),
            unhealthy: OnceLock::new(),
            publishing: Mutex::new(()),
            own,
            page_metrics,
            http_metrics,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Renders and compresses `families` and publishes the page in one step: a scrape sees the page before or the
    /// page after, never a mixture.
    ///
    /// This takes CPU time (some 50 ms for 100,000 series): call it where blocking is allowed. A program that knows what
    /// changed has less to pay with [`update`](Self::update).
    ///
    /// # Errors
    /// [`PublishError`] if the page would not be valid; what was published before stays.
    pub fn publish(&self, families: &[Family]) -> Result<Published, PublishError> {
        self.put(families.iter().map(Family::name), |before| before.replace(families))
    }

    /// Publishes the page that `changes`, one after the other, make of the one that is published, in one step as
    /// [`publish`](Self::publish) does. It is the same page to the byte as if all its families had been published anew, but
    /// only what is around the changes is rendered and compressed: some hundred series for each change, fewer where they
    /// lie side by side on the page.
    ///
    /// # Errors
    /// [`PublishError`] if the page would not be valid; what was published before stays.
    pub fn update(&self, changes: &[Change]) -> Result<Published, PublishError> {
        self.put(changes.iter().map(Change::name), |before| before.change(changes))
    }

    fn put<'n>(
        &self,
        mut names: impl Iterator<Item = &'n MetricName>,
        make: impl FnOnce(&Page) -> Result<Page, RenderError>,
    ) -> Result<Published, PublishError> {
        if let Some(name) = names.find(|name| self.shared.own.owns(name.as_str())) {
            return Err(PublishError::Reserved(name.clone()));
        }
        let _turn = self.shared.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.page_metrics.page_renderings_total.inc();
        let page = make(&self.shared.page.load())?;
        let published = Published { n_series: page.n_series, n_bytes: page.n_bytes };
        self.shared.page_metrics.show(&page);
        self.shared.page.store(Arc::new(page));
        self.shared.has_page.store(true, Ordering::Release);
        Ok(published)
    }

    /// The text of the published page, without the exporter's own metrics. All of it is copied; a scrape is what it is sent by.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        self.page().plain().concat()
    }

    /// Says why the program is not ready, one sentence a reason; none means it is. Until a page is published the
    /// exporter adds that as a reason of its own.
    pub fn set_unready(&self, reasons: Vec<String>) {
        self.shared.unready.store(Arc::new(reasons));
    }

    /// Every reason why the program is not ready.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        let mut reasons: Vec<_> = self.shared.unhealthy.get().cloned().into_iter().collect();
        reasons.extend(self.shared.unready.load().iter().cloned());
        if !self.shared.has_page.load(Ordering::Acquire) {
            reasons.push("no page has been published yet".to_owned());
        }
        reasons
    }

    /// Says that the program can't go on and has to be started again. There is no way back; the first reason stays.
    pub fn set_unhealthy(&self, reason: String) {
        let _ = self.shared.unhealthy.set(reason);
    }

    /// Why the program has to be started again, if it has.
    #[must_use]
    pub fn unhealthy(&self) -> Option<&str> {
        self.shared.unhealthy.get().map(String::as_str)
    }

    /// The exporter's own metrics, to register more.
    #[must_use]
    pub fn own(&self) -> &OwnMetrics {
        &self.shared.own
    }

    pub(crate) fn page(&self) -> Arc<Page> {
        self.shared.page.load_full()
    }

    pub(crate) fn http_metrics(&self) -> &HttpMetrics {
        &self.shared.http_metrics
    }
}

impl PageMetrics {
    fn show(&self, page: &Page) {
        let sizes = [("identity", page.n_bytes), ("gzip", page.n_gzip_bytes)];
        for (encoding, n_bytes) in sizes {
            self.page_bytes.with_label_values(&[encoding]).set(gauge(n_bytes));
        }
        self.page_series.set(gauge(page.n_series));
    }
}

fn gauge(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Delta;
    use crate::family::Kind;

    fn exporter() -> Exporter {
        Exporter::new(OwnMetrics::new("t").unwrap()).unwrap()
    }

    fn family(name: &str, value: f64) -> Family {
        let mut family = Family::new(MetricName::new(name).unwrap(), "", Kind::Gauge);
        family.sample::<&str>([], value).unwrap();
        family
    }

    #[test]
    fn a_refused_page_leaves_the_one_before() {
        let exporter = exporter();
        exporter.publish(&[family("m", 1.0)]).unwrap();
        let before = exporter.page();
        let twice = PublishError::Render(RenderError::DuplicateFamily(MetricName::from_static("m")));
        for (name, families, expected) in [
            ("duplicate", vec![family("m", 2.0), family("m", 3.0)], twice),
            ("own", vec![family("t_m", 2.0)], PublishError::Reserved(MetricName::from_static("t_m"))),
            ("process", vec![family("process_m", 2.0)], PublishError::Reserved(MetricName::from_static("process_m"))),
        ] {
            assert_eq!(exporter.publish(&families), Err(expected), "{name}");
            assert!(Arc::ptr_eq(&before, &exporter.page()), "{name}");
            if name != "duplicate" {
                let changes: Vec<_> = families.into_iter().map(Change::Family).collect();
                assert!(matches!(exporter.update(&changes), Err(PublishError::Reserved(_))), "{name}");
            }
        }
        let mut twice = Delta::new(MetricName::from_static("m"), "", Kind::Gauge);
        (0..2).for_each(|_| twice.set::<&str>([], 1.0).unwrap());
        let changes = [Change::Removed(MetricName::from_static("m")), Change::Samples(twice)];
        assert!(matches!(exporter.update(&changes), Err(PublishError::Render(RenderError::DuplicateSeries { .. }))));
        assert!(Arc::ptr_eq(&before, &exporter.page()));
    }

    #[test]
    fn an_update_builds_on_what_is_published() {
        let exporter = exporter();
        exporter.publish(&[family("a", 1.0), family("b", 1.0)]).unwrap();
        let mut delta = Delta::new(MetricName::from_static("c"), "", Kind::Gauge);
        delta.set::<&str>([], 2.0).unwrap();
        let updated = exporter.update(&[Change::Removed(MetricName::from_static("a")), Change::Samples(delta)]).unwrap();
        let text = exporter.text();
        assert_eq!(text, crate::render(&[family("b", 1.0), family("c", 2.0)]).unwrap());
        assert_eq!(updated, Published { n_series: 2, n_bytes: text.len() });
    }

    #[test]
    fn ready_means_no_reason_and_a_page() {
        let exporter = exporter();
        exporter.set_unready(vec!["a source was never read".to_owned()]);
        assert_eq!(exporter.unready(), ["a source was never read", "no page has been published yet"]);
        exporter.publish(&[]).unwrap();
        exporter.set_unready(vec![]);
        assert!(exporter.unready().is_empty());
        assert_eq!(exporter.unhealthy(), None);
        exporter.set_unhealthy("its heart has stopped".to_owned());
        exporter.set_unhealthy("and more".to_owned());
        assert_eq!((exporter.unhealthy(), exporter.unready()), (Some("its heart has stopped"), vec!["its heart has stopped".to_owned()]));
    }
}
