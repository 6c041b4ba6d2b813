use super::{Peer, tell};
use crate::support::http::{Http, Login};
use crate::support::wait::wait_until;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// Prometheus with an Alertmanager that tells nobody.
pub struct Prometheus {
    peer: Peer,
    http: Http,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Prometheus {
    /// Scrapes `(job, "host:port")` and evaluates the rule files.
    pub fn start(targets: &[(&str, &str)], rules: &[&Path]) -> Self {
        Self::start_with(|dir| std::fs::write(dir.join("prometheus.yml"), config(targets, rules)).expect("a written prometheus.yml"))
    }

    /// With what `prepare` puts into its folder: `prometheus.yml`, `alertmanager.yml`, rules. What it leaves out is as in `tests/peers/prometheus`.
    pub fn start_with(prepare: impl FnOnce(&Path)) -> Self {
        let peer = Peer::start_with("prometheus", |dir, _| prepare(dir));
        let http = Http::new(&peer.url, Login::None);
        Self { peer, http }
    }

    /// For requests that have no method here.
    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn alertmanager(&self) -> Http {
        Http::new(self.peer.fact("alertmanager"), Login::None)
    }

    /// An instant query's series, in Prometheus's order.
    pub fn query(&self, promql: &str) -> Vec<Sample> {
        let query: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = self.http.get(&format!("/api/v1/query?query={query}"));
        let rows = reply["data"]["result"].as_array().unwrap_or_else(|| panic!("{promql}: no series in {reply}"));
        rows.iter().map(|row| sample(row).unwrap_or_else(|| panic!("{promql}: no sample in {row}"))).collect()
    }

    /// Until a query has an answer, which takes a scrape or two.
    pub fn wait_query(&self, promql: &str) -> Vec<Sample> {
        wait_until(&format!("an answer to {promql}"), &[&self.peer], || Some(self.query(promql)).filter(|samples| !samples.is_empty()).ok_or(()))
    }

    /// Until an alert fires and has reached Alertmanager. Gives its labels.
    pub fn wait_alert(&self, name: &str) -> BTreeMap<String, String> {
        let alertmanager = self.alertmanager();
        wait_until(&format!("alert {name}"), &[&self.peer], || {
            let alerts = alertmanager.get("/api/v2/alerts");
            let alert = alerts.as_array().and_then(|alerts| alerts.iter().find(|alert| alert["labels"]["alertname"] == name));
            alert.map(|alert| labels(&alert["labels"])).ok_or(alerts)
        })
    }
}

/// Also how long a scrape may take, which can't be longer: a page is made within milliseconds, so that only a machine that is a hundred times
/// slower has scrapes that fail, and all series of the target gone until the next.
pub const SCRAPE_INTERVAL: &str = "5s";

fn config(targets: &[(&str, &str)], rules: &[&Path]) -> String {
    let mut text = format!(
        "global: {{ scrape_interval: {SCRAPE_INTERVAL}, evaluation_interval: 1s }}\n\
         alerting: {{ alertmanagers: [{{ file_sd_configs: [{{ files: [alertmanagers.json] }}] }}] }}\n",
    );
    text.push_str("rule_files:\n");
    for rule in rules {
        writeln!(text, "  - {:?}", rule.display().to_string()).expect("a String takes text");
    }
    text.push_str("scrape_configs:\n");
    for (job, target) in targets {
        let line = format!("  - {{ job_name: {job:?}, static_configs: [{{ targets: [{target:?}] }}] }}");
        writeln!(text, "{line}").expect("a String takes text");
    }
    text
}

fn sample(row: &Value) -> Option<Sample> {
    // "NaN" and "+Inf" come as text, as every value does.
    let value = row["value"][1].as_str()?.parse().ok()?;
    Some(Sample { labels: labels(&row["metric"]), value })
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let own = ["/api/v1/targets", "/api/v1/alerts"].map(|path| (&self.http, path));
        tell("Prometheus", &own);
        tell("Alertmanager", &[(&self.alertmanager(), "/api/v2/alerts")]);
    }
}

impl Deref for Prometheus {
    type Target = Peer;
    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Prometheus {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}
