//! The configuration in force, as evidence keeps it: what decides what is polled, when it is stale, and how readings are judged. Nothing secret is in it:
//! addresses are as pages show them, and of settings and credentials there is only that which the digest covers.

use serde_json::{Value, json};

use crate::{
    config::{Config, PolledSource},
    schedule::{self, Staleness},
    threshold::RuleSet,
};

/// All of it.
pub(super) fn document(config: &Config) -> Value {
    let overrides = config.overrides.iter().map(|(indicator, overrides)| {
        let of_catalogue = config.catalogue.get(indicator.as_str()).map(|indicator| indicator.rules.as_slice()).unwrap_or_default();
        let rules = RuleSet::resolve(of_catalogue, overrides);
        (indicator.to_string(), rules.overrides().map(|(rule, _)| rule).collect::<Vec<_>>().into())
    });
    let mut document = json!({
        "digest": config.digest.to_string(),
        "organisation": config.organisation,
        "timezone": config.zone.name(),
        "sources": config.sources.iter().map(source).collect::<Vec<_>>(),
        "indicators": config.catalogue.iter().map(|indicator| indicator.id.as_str()).collect::<Vec<_>>(),
        "disabled": config.off.keys().collect::<Vec<_>>(),
        "reasons": config.off.iter().filter_map(|(id, reason)| Some((id.clone(), reason.clone()?.into()))).collect::<serde_json::Map<_, _>>(),
        "parameters": config.parameters,
        "thresholds": overrides.collect::<serde_json::Map<_, _>>(),
    });
    // Since when heads are signed, and by whose key.
    if let Some(key) = &config.evidence.key {
        document["evidence_key"] = key.public().to_string().into();
    }
    // By which rule retention removes; `verify` holds it to that.
    if !config.keep.is_all() {
        document["store"] = json!({ "keep": config.keep.json() });
    }
    document
}

fn source(polled: &PolledSource) -> Value {
    let connector = &polled.source.connector;
    let feeds = |feeds: &Vec<crate::record::Feed>| feeds.iter().map(ToString::to_string).collect::<Vec<_>>();
    let stale_after = match &polled.staleness {
        Staleness::After(age) => json!({ "seconds": schedule::seconds(*age) }),
        Staleness::Planned { limit, .. } => json!({ "missed_polls": 3, "seconds": schedule::seconds(*limit) }),
    };
    json!({
        "name": polled.source.name,
        "connector": connector.name,
        "connector_digest": connector.digest.to_string(),
        "kind": connector.kind.as_str(),
        "location": polled.source.location.to_string(),
        "schedule": polled.schedule.to_string(),
        "interval_seconds": schedule::seconds(polled.interval),
        "stale_after": stale_after,
        "covers": polled.covers,
        "feeds": polled.feeds.as_ref().map(feeds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_decides_numbers_and_nothing_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.yaml");
        let text = "organisation: { name: Example, timezone: Europe/Berlin }
sources:
  - { name: models, connector: mlflow, url: 'https://mlflow.example.org', auth: { bearer: hush-5f1e8c }, every: 10m, stale_after: 1h, covers: [a] }
indicators: { disable: [drift_psi], off: { drift_distance: no such data }, parameters: { failure_window_days: 3 } }
thresholds: [{ indicator: incidents_open, when: { system: a }, breach: '>= 2', and: {}, for: 30m }]
";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file, 0).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let said = document(&config);
        assert!(!said.to_string().contains("hush"), "{said}");
        let source = &said["sources"][0];
        let of_source = ["name", "connector", "kind", "interval_seconds", "stale_after", "covers"].map(|key| source[key].clone());
        let expected = [json!("models"), json!("mlflow"), json!("model_registry"), json!(600), json!({ "seconds": 3600 }), json!(["a"])];
        assert_eq!(of_source, expected);
        assert_eq!(
            [&said["timezone"], &said["disabled"], &said["parameters"]],
            [&json!("Europe/Berlin"), &json!(["drift_distance", "drift_psi"]), &json!({ "failure_window_days": 3.0 })]
        );
        assert_eq!(said["thresholds"], json!({ "incidents_open": ["breach: >= 2 when system=a for 30m"] }));
        assert_eq!(said["reasons"], json!({ "drift_distance": "no such data" }));
        assert!(!said["indicators"].as_array().unwrap().contains(&json!("drift_psi")));
    }
}
