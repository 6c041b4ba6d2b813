//! What indicators need and nobody provides, with what to do about it: the first page of somebody new says it in groups, and not once for each indicator.

use std::collections::BTreeMap;

use super::{slot::Slot, sources::Sources};
use crate::{board::Missing, connector::Registry, record::Feed};

/// The connector of registers.
const REGISTER: &str = "register";

/// The most connectors that are named.
const NAMED: usize = 5;

/// The groups: the indicators that lack the same stand together, the largest group first.
pub(super) fn missing(slots: &[Slot], sources: &Sources, registry: &Registry) -> Vec<Missing> {
    let mut groups: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for slot in slots {
        let feeds = sources.missing(&slot.method.indicator.reads);
        if !feeds.is_empty() {
            groups.entry(feeds).or_default().push(slot.method.indicator.id.to_string());
        }
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(feeds, indicators)| group(feeds, indicators, registry)).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.indicators.len()));
    groups
}

fn group(feeds: Vec<String>, indicators: Vec<String>, registry: &Registry) -> Missing {
    let (mut registers, mut connectors) = (Vec::new(), Vec::new());
    for feed in feeds.iter().filter_map(|feed| Feed::parse(feed).ok()) {
        let register = register(&feed, registry);
        registers.extend(register.filter(|register| !registers.contains(register)));
        let others = registry.iter().map(|connector| &connector.description).filter(|description| description.name != REGISTER);
        let feeding = others.filter(|description| description.feeds().any(|fed| fed.overlaps(&feed))).map(|description| description.name.clone());
        connectors.extend(feeding.filter(|name| !connectors.contains(name)).collect::<Vec<_>>());
    }
    connectors.truncate(NAMED);
    Missing { feeds, indicators, registers, connectors }
}

/// The register that holds such records and the least beside them.
fn register(feed: &Feed, registry: &Registry) -> Option<String> {
    let streams = registry.get(REGISTER)?.description.streams.iter();
    let fitting = streams.filter(|stream| stream.feeds.iter().any(|fed| fed.overlaps(feed)));
    let least = |feeds: &[Feed]| feeds.iter().map(|feed| feed.each_kind().count()).sum::<usize>();
    fitting.min_by_key(|stream| least(&stream.feeds)).map(|stream| stream.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Mistakes;

    #[test]
    fn what_is_missing_says_where_it_could_come_from() {
        let registry = Registry::load(None, &mut Mistakes::default());
        let of = |feeds: &[&str]| group(feeds.iter().map(|feed| (*feed).to_owned()).collect(), vec!["a".to_owned()], &registry);
        assert_eq!(of(&["cases(risk)"]).registers, ["risks"]);
        assert_eq!(of(&["reviews(impact_assessment)", "systems"]).registers, ["impact_assessments", "systems"]);
        assert_eq!(of(&["reviews(internal_audit)"]).registers, ["internal_audits"]);
        let drift = of(&["measurements(drift)"]);
        assert!(drift.registers.is_empty() && drift.connectors.contains(&"mlflow".to_owned()), "{drift:?}");
    }
}
