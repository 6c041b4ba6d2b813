//! Which readings were ever stored.

use super::Choice;
use crate::store::{Error, Key, Reader};

/// The chosen readings of an indicator that were ever stored, sorted by their labels.
///
/// # Errors
/// What the store reports.
pub fn keys(reader: &Reader, indicator: &str, choice: &Choice) -> Result<Vec<Key>, Error> {
    let names = reader.system_names()?;
    let wanted = choice.system.as_deref().map(|system| names.now(system));
    let is_chosen = |labels: &str| {
        let (stored, now) = super::labels(labels, &names);
        let of_system = wanted.is_none_or(|wanted| now.get("system").is_some_and(|system| system == wanted));
        of_system && choice.labels.iter().all(|(name, value)| stored.get(name) == Some(value))
    };
    let labels = reader.labels(indicator)?.into_iter().filter(|labels| is_chosen(labels));
    Ok(labels.map(|labels| Key { indicator: indicator.to_owned(), labels }).collect())
}
