//! How a stored reading was made, for programs: the same from the command line and from the API. Moments are epoch seconds, as everywhere in the API.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    pipeline::{self, Difference, Outcome, Ready},
    store::Opened,
    threshold::State,
    web::api::{Word, history::facts},
};

/// How a stored reading was made, and whether it comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The indicator's id.
    indicator: String,
    labels: BTreeMap<String, String>,
    /// The entry of evidence with which it began.
    entry: i64,
    from: i64,
    /// Null: it holds.
    until: Option<i64>,
    /// The value; null while it is unknown, for clocks, and for the age of a source.
    value: Option<f64>,
    clock: Option<Clock>,
    state: Word,
    /// Null: an older release stored it.
    state_since: Option<i64>,
    /// Why it was unknown.
    reason: Option<String>,
    /// The rule that was hit.
    rule: Option<String>,
    /// Facts at the beginning, and the moments from which those that time changes count.
    facts: BTreeMap<String, f64>,
    computed_again: ComputedAgain,
    method: Option<Method>,
    /// Digest of the method.
    method_digest: String,
    /// The records that the method could read.
    records: Vec<Records>,
    /// When each source that these came from was read to its end last; null: never.
    sources_read_at: BTreeMap<String, Option<i64>>,
}

/// A value that grows by itself, or counts down.
#[derive(Debug, Serialize, ToSchema)]
struct Clock {
    /// When it was zero, or will be.
    since: i64,
    /// How many seconds make one; -1 where the seconds left are counted.
    per_seconds: f64,
}

/// What it comes to when it is computed again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum ComputedAgain {
    /// The same.
    Same,
    /// Something that had a part in it is not stored.
    Told {
        /// What.
        words: String,
    },
    /// Otherwise.
    Differs {
        /// In what.
        differences: Vec<Otherwise>,
    },
}

/// A difference.
#[derive(Debug, Serialize, ToSchema)]
struct Otherwise {
    /// Of what.
    what: String,
    /// As it is stored.
    stored: String,
    /// As it comes out.
    computed: String,
}

/// The method as evidence has it; null: evidence lacks it, or it can't be computed.
#[derive(Debug, Serialize, ToSchema)]
struct Method {
    in_force_since: i64,
    /// The entry with which it came into force.
    entry: i64,
    /// SQL, views, parameters, rules, as the release wrote them that had it in force.
    #[schema(value_type = Object)]
    document: Value,
}

/// Records of a table.
#[derive(Debug, Serialize, ToSchema)]
struct Records {
    /// What of the table is read: `cases(incident)`.
    feed: String,
    /// How many there are.
    count: usize,
    /// The first of them, by source and id.
    listed: Vec<Version>,
}

/// A version of a record.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    source: String,
    stream: String,
    id: String,
    /// Where people can look at it.
    url: Option<String>,
    /// From when on it held.
    from: i64,
    /// The entry of the poll that brought it.
    entry: i64,
}

impl Explanation {
    /// Everything about an explanation.
    pub fn of(explanation: &pipeline::Explanation) -> Self {
        let Opened { key, interval, since, from, until, entry } = &explanation.stored;
        let state = State::ALL.into_iter().find(|state| state.as_str() == interval.state);
        Self {
            indicator: key.indicator.clone(),
            labels: serde_json::from_str(&key.labels).unwrap_or_default(),
            entry: *entry,
            from: *from,
            until: *until,
            value: interval.measured,
            clock: interval.clock.map(|(since, per_seconds)| Clock { since, per_seconds }),
            // What no release wrote is nothing that is known.
            state: state.unwrap_or(State::Unknown).into(),
            state_since: since.as_ref().map(|since| since.from),
            reason: interval.reason.clone(),
            rule: interval.rule.as_deref().map(str::to_owned),
            facts: facts(&serde_json::from_str(&interval.facts).unwrap_or_default()),
            computed_again: ComputedAgain::from(&explanation.outcome),
            method: explanation.method.as_deref().map(Method::from),
            method_digest: interval.method.to_string(),
            records: explanation.records.iter().map(Records::from).collect(),
            sources_read_at: explanation.sources.clone(),
        }
    }
}

impl From<&Outcome> for ComputedAgain {
    fn from(outcome: &Outcome) -> Self {
        let one = |it: &Difference| Otherwise { what: it.what.to_owned(), stored: it.stored.clone(), computed: it.computed.clone() };
        match outcome {
            Outcome::Same => Self::Same,
            Outcome::Told(words) => Self::Told { words: words.clone() },
            Outcome::Differs(differences) => Self::Differs { differences: differences.iter().map(one).collect() },
        }
    }
}

impl From<&Ready> for Method {
    fn from(method: &Ready) -> Self {
        Self { in_force_since: method.stored.at, entry: method.stored.entry, document: method.stored.document.clone() }
    }
}

impl From<&pipeline::Records> for Records {
    fn from(records: &pipeline::Records) -> Self {
        let version = |used: &pipeline::Used| Version {
            source: used.source.clone(),
            stream: used.stream.clone(),
            id: used.id.clone(),
            url: used.url.clone(),
            from: used.from,
            entry: used.entry,
        };
        Self { feed: records.feed.clone(), count: records.count, listed: records.listed.iter().map(version).collect() }
    }
}
