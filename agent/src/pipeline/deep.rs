//! A store against a whole evaluation: what holds in it must be what its own records give.

use std::{collections::BTreeMap, sync::Arc};

use super::core::Core;
use crate::{
    config::Config,
    store::{self, Snapshot},
};

/// Evaluates everything whole on a copy of the store, which stays as it is, as of the last moment that it tells of. Gives every reading that holds in
/// the store and comes out otherwise, in words.
///
/// # Errors
/// What the store reports.
pub fn differences(config: &Config) -> Result<Vec<String>, store::Error> {
    let copy = Snapshot::of(&config.data_dir)?;
    let (held, at) = (texts(copy.readings()?), copy.last_moment()?);
    let config = Config { data_dir: copy.data_dir().to_owned(), ..config.clone() };
    let mut core = Core::open(Arc::new(config), at)?;
    core.evaluate(at);
    drop(core);
    let evaluated = texts(copy.readings()?);
    let missing = || "nothing".to_owned();
    let keys: std::collections::BTreeSet<_> = held.keys().chain(evaluated.keys()).collect();
    let compared = keys.into_iter().map(|key| (key, held.get(key).cloned().unwrap_or_else(missing), evaluated.get(key).cloned().unwrap_or_else(missing)));
    Ok(compared
        .filter(|(_, held, evaluated)| held != evaluated)
        .map(|(key, held, evaluated)| format!("{key}: {held} is stored, {evaluated} comes out"))
        .collect())
}

/// Readings by indicator and labels: value or reason, and state.
fn texts(readings: Vec<(store::Key, store::Interval)>) -> BTreeMap<String, String> {
    let text = |interval: &store::Interval| {
        let value = interval.measured.map(|number| number.to_string()).or_else(|| interval.clock.map(|(since, per)| format!("since {since} per {per}")));
        format!("{} {}", interval.state, value.or_else(|| interval.reason.clone()).unwrap_or_default())
    };
    readings.into_iter().map(|(key, interval)| (format!("{} {}", key.indicator, key.labels), text(&interval))).collect()
}
