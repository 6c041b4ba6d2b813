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
        let rules = RuleSet::resolve(&[], overrides);
        (indicator.to_string(), (0..rules.len()).map(|rule| rules.text(rule)).collect::<Vec<_>>().into())
    });
    json!({
        "digest": config.digest.to_string(),
        "organisation": config.organisation,
        "timezone": config.zone.name(),
        "sources": config.sources.iter().map(source).collect::<Vec<_>>(),
        "indicators": config.catalogue.iter().map(|indicator| indicator.id.as_str()).collect::<Vec<_>>(),
        "disabled": config.disabled,
        "parameters": config.parameters,
        "thresholds": overrides.collect::<serde_json::Map<_, _>>(),
    })
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
