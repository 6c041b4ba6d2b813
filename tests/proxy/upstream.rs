//! Upstreams that page as the real ones do, from a state that is known. What they answer has the shapes of the recordings in
//! `config/connectors/*/fixtures/`.

use super::random::Random;
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is true: the upstream's lists by name.
pub type World = BTreeMap<&'static str, Vec<Value>>;

/// An upstream: how it begins, what it answers, and what may happen to it.
pub struct Upstream {
    /// The source's name.
    pub name: &'static str,
    /// The source in a configuration, `{url}` where its address goes.
    pub source: &'static str,
    pub begin: fn(&mut Random, i64) -> World,
    pub answer: fn(&World, &Received) -> Reply,
    /// One thing happens, at this moment.
    pub change: fn(&mut World, &mut Random, i64),
    /// One row of a paged list is deleted, which hides another from a careless reader.
    pub delete: fn(&mut World, &mut Random),
    /// What rows of the lists always have: names in answers.
    pub always: &'static [(&'static str, &'static [&'static str])],
}

pub const UPSTREAMS: &[Upstream] = &[
    super::redmine::UPSTREAM,
    super::airflow::TWO,
    super::airflow::THREE,
    super::mlflow::UPSTREAM,
    super::grafana::UPSTREAM,
    super::rules::UPSTREAM,
    super::pagerduty::UPSTREAM,
    super::opsgenie::UPSTREAM,
    super::linear::UPSTREAM,
    super::azure_devops::UPSTREAM,
    super::servicenow::UPSTREAM,
    super::trackers::GITHUB,
    super::trackers::GITLAB,
    super::trackers::JIRA_CLOUD,
    super::trackers::JIRA_DATA_CENTER,
];

/// The systems of the inventory.
pub const SYSTEMS: [&str; 4] = ["credit", "fraud", "hiring", "triage"];

pub fn query<'r>(received: &'r Received, name: &str) -> Option<&'r str> {
    received.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

pub fn number(received: &Received, name: &str, default: usize) -> usize {
    query(received, name).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The rows of a page by offset: at most so many, whatever was asked for.
pub fn page(rows: &[Value], received: &Received, most: usize) -> Vec<Value> {
    rows.iter().skip(number(received, "offset", 0)).take(number(received, "limit", 25).min(most)).cloned().collect()
}

/// A moment as most upstreams write it.
pub fn moment(at: i64) -> String {
    // Days since 1970 into a date, after Howard Hinnant's algorithm.
    let (days, seconds) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Takes one row out of a list, if it has more than a few.
pub fn take_one(world: &mut World, list: &str, random: &mut Random) -> Option<Value> {
    let rows = world.get_mut(list)?;
    (rows.len() > 3).then(|| rows.remove(random.below(rows.len())))
}

/// The number of the next row of a list, which grows only.
pub fn next_number(world: &mut World) -> i64 {
    let counter = world.entry("counter").or_insert_with(|| vec![json!(0)]);
    let number = counter[0].as_i64().unwrap_or(0) + 1;
    counter[0] = json!(number);
    number
}

pub fn not_found() -> Reply {
    Reply::json(404, &json!({"error": "there is no such address"}))
}
