//! The one stored reading that somebody asks for.

use std::{collections::BTreeMap, fmt};

use crate::{
    document::nearest,
    history::{self, Choice, EXPECTED, Edge},
    record::Zone,
    schedule,
    store::{self, Opened, Reader},
};

/// The most readings that are named where one is asked for.
const NAMED: usize = 20;

/// As of when a reading is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// As it is.
    Now,
    /// As it was when this moment came, epoch seconds: by the entries made before.
    Before(i64),
    /// As it was after an entry of evidence.
    Entry(i64),
}

/// Why there is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOne {
    /// Nothing was ever stored of the indicator; the id that was probably meant.
    Indicator(String, Option<String>),
    /// The indicator never had such a reading.
    Never(String),
    /// It had none then.
    NotThen(String),
    /// There may have been one: what ended before a moment (epoch seconds) was removed by retention.
    Removed(String, i64),
    /// There are several: their labels.
    Several(Vec<String>),
}

impl When {
    /// Reads when: a moment, the end of a day, how long ago; or an entry.
    ///
    /// # Errors
    /// What is wrong, `at` or `entry`, and what was expected.
    pub fn of(at: Option<&str>, entry: Option<&str>, zone: Zone, now: i64) -> Result<Self, (&'static str, &'static str)> {
        match (at, entry) {
            (Some(_), Some(_)) => Err(("entry", "nothing beside `at`")),
            (Some(at), None) => {
                let moment = history::edge(at, Edge::To, zone, now).map_err(|_| ("at", EXPECTED))?;
                // What an entry says that was made at a moment is so at that moment; midnight belongs to the day that begins.
                Ok(Self::Before(if history::day(at).is_some() { moment } else { moment.saturating_add(1) }))
            }
            (None, Some(entry)) => entry.parse().ok().filter(|entry| *entry > 0).map(Self::Entry).ok_or(("entry", "the number of an entry of evidence")),
            (None, None) => Ok(Self::Now),
        }
    }
}

/// The interval of the one reading that is chosen, as of then.
///
/// # Errors
/// What the store reports.
pub fn choose(reader: &Reader, indicator: &str, choice: &Choice, when: When) -> Result<Result<Opened, NotOne>, store::Error> {
    let keys = history::keys(reader, indicator, choice)?;
    let gone = reader.removed()?.readings;
    if let (true, Some(last)) = (keys.is_empty(), gone.last()) {
        return Ok(Err(NotOne::Removed(indicator.to_owned(), last.end)));
    }
    if keys.is_empty() {
        let ever = reader.indicators()?;
        let name = indicator.to_owned();
        let near = || nearest(indicator, ever.iter().map(String::as_str)).map(str::to_owned);
        return Ok(Err(if ever.contains(&name) { NotOne::Never(name) } else { NotOne::Indicator(name, near()) }));
    }
    let entry = match when {
        When::Now => reader.head()?.0.entry,
        When::Entry(entry) => entry,
        When::Before(moment) => reader.head_before(moment)?.map_or(0, |(head, _)| head.entry),
    };
    let mut held = keys.iter().filter_map(|key| reader.reading_after(key, entry).transpose()).collect::<Result<Vec<_>, _>>()?;
    Ok(match held.len() {
        0 => {
            let at = reader.made_at(entry)?;
            let removed = gone.iter().find(|span| at.is_some_and(|at| span.contains(&at)));
            Err(removed.map_or_else(|| NotOne::NotThen(indicator.to_owned()), |span| NotOne::Removed(indicator.to_owned(), span.end)))
        }
        1 => Ok(held.remove(0)),
        _ => Err(NotOne::Several(held.into_iter().map(|held| held.key.labels).collect())),
    })
}

impl fmt::Display for NotOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indicator(id, near) => {
                write!(f, "there is no indicator `{id}` of which anything was ever stored")?;
                near.as_ref().map_or(Ok(()), |near| write!(f, "; did you mean `{near}`?"))
            }
            Self::Never(id) => write!(f, "`{id}` never had such a reading; its history has those that it had"),
            Self::NotThen(id) => write!(f, "there was no such reading of `{id}` then; its history says when there was"),
            Self::Removed(id, before) => {
                write!(f, "no such reading of `{id}` is left: what ended before {} was removed by retention", schedule::rfc3339(*before))
            }
            Self::Several(several) => {
                write!(f, "{} readings are like that; choose one by its system and labels:", several.len())?;
                several.iter().take(NAMED).try_for_each(|labels| write!(f, "\n  {}", shown(labels)))?;
                if several.len() > NAMED { write!(f, "\n  and {} more", several.len() - NAMED) } else { Ok(()) }
            }
        }
    }
}

/// Labels as people type them.
pub fn shown(labels: &str) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_str(labels).unwrap_or_default();
    if labels.is_empty() { "(no labels)".to_owned() } else { labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ") }
}
