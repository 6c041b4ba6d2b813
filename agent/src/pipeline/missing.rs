//! What indicators need and nobody provides, with what to do about it: the first page of somebody new says it in groups, and not once for each indicator.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{slot::Slot, sources::Sources};
use crate::{board::Missing, connector::Registry, record::Feed};

/// The connector of registers.
const REGISTER: &str = "register";

/// The most connectors that are named.
const NAMED: usize = 5;

/// The groups, the largest first: each indicator stands with the records that most lack, so that what helps most comes first.
pub(super) fn missing(slots: &[Slot], sources: &Sources, registry: &Registry) -> Vec<Missing> {
    let lacks = slots.iter().map(|slot| (slot.method.indicator.id.to_string(), sources.missing(&slot.method.indicator.reads)));
    groups(&lacks.filter(|(_, feeds)| !feeds.is_empty()).collect::<Vec<_>>(), registry)
}

/// The groups of indicators and what each lacks.
fn groups(lacks: &[(String, Vec<String>)], registry: &Registry) -> Vec<Missing> {
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    lacks.iter().flat_map(|(_, feeds)| feeds).for_each(|feed| *wanted.entry(feed).or_default() += 1);
    let mut groups: BTreeMap<&str, Missing> = BTreeMap::new();
    for (id, feeds) in lacks {
        let Some(most_wanted) = feeds.iter().max_by_key(|feed| (wanted[feed.as_str()], Reverse(*feed))) else { continue };
        let group = groups.entry(most_wanted).or_insert_with(|| group(most_wanted, registry));
        group.indicators.push(id.clone());
        group.also.extend(feeds.iter().filter(|feed| *feed != most_wanted).cloned());
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.indicators.len()));
    groups
}

/// Where such records could come from.
fn group(feed: &str, registry: &Registry) -> Missing {
    let mut missing = Missing { feed: feed.to_owned(), ..Missing::default() };
    let Ok(feed) = Feed::parse(feed) else { return missing };
    missing.register = register(&feed, registry);
    let others = registry.iter().map(|connector| &connector.description).filter(|description| description.name != REGISTER);
    let feeding = others.filter(|description| description.feeds().any(|fed| fed.overlaps(&feed)));
    missing.connectors = feeding.map(|description| description.name.clone()).take(NAMED).collect();
    missing
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

    fn of(lacks: &[(&str, &[&str])]) -> Vec<Missing> {
        let registry = Registry::load(None, &mut Mistakes::default());
        let owned = |feeds: &[&str]| feeds.iter().map(|feed| (*feed).to_owned()).collect();
        groups(&lacks.iter().map(|(id, feeds)| ((*id).to_owned(), owned(feeds))).collect::<Vec<_>>(), &registry)
    }

    #[test]
    fn what_is_missing_says_where_it_could_come_from() {
        for (feed, expected) in [
            ("cases(risk)", Some("risks")),
            ("reviews(impact_assessment)", Some("impact_assessments")),
            ("reviews(internal_audit)", Some("internal_audits")),
            ("systems", Some("systems")),
            ("measurements(drift)", None),
        ] {
            assert_eq!(of(&[("a", &[feed])])[0].register.as_deref(), expected, "{feed}");
        }
        assert!(of(&[("a", &["measurements(drift)"])])[0].connectors.contains(&"mlflow".to_owned()));
    }

    #[test]
    fn what_most_lack_comes_first() {
        let groups = of(&[("a", &["controls", "cases(risk)"]), ("b", &["cases(risk)"]), ("c", &["datasets"]), ("d", &["cases(risk)", "datasets"])]);
        let told: Vec<_> = groups.iter().map(|group| format!("{}: {}; also {:?}", group.feed, group.indicators.join(" "), group.also)).collect();
        assert_eq!(told, ["cases(risk): a b d; also {\"controls\", \"datasets\"}", "datasets: c; also {}"]);
    }
}
