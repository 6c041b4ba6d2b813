//! A view: the pack of a period as it was known at another moment than the period's end, and what such a view can't tell. It is another pack than the one
//! that was frozen then, by its name and its digest.

use super::{
    Error,
    model::{self, Entry, Period},
};
use crate::{
    history,
    record::Zone,
    store::{AsOf, Reader},
};

/// As of when a pack tells what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsKnown {
    /// When this moment came, epoch seconds: by the entries of evidence made before.
    Before(i64),
    /// After an entry of evidence.
    Entry(i64),
}

/// What was known then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// The first moment of which nothing was known.
    pub until: i64,
    /// The last entry of evidence.
    pub head: Entry,
    /// Whether the period had not ended.
    is_cut: bool,
}

impl View {
    /// Looks what there is, and cuts the period where what was known ends.
    ///
    /// # Errors
    /// [`Error::Ahead`], [`Error::NoEntry`], [`Error::NotBegun`], [`Error::BeforeAnything`]; what the store reports.
    pub(super) fn of(reader: &Reader, known: AsKnown, period: &mut Period, zone: Zone, now: i64) -> Result<Self, Error> {
        let (until, head) = match known {
            // What an entry says that is made this second is so in this second.
            AsKnown::Before(moment) if moment > now.saturating_add(1) => return Err(Error::Ahead(history::shown(moment, zone))),
            AsKnown::Before(moment) => {
                let Some((head, at)) = reader.head_before(moment)? else {
                    let begins = history::shown(reader.first_at()?.unwrap_or(now), zone);
                    return Err(Error::BeforeAnything { period: format!("before {}", history::shown(moment, zone)), begins });
                };
                (moment, Entry { entry: head.entry, digest: head.digest.to_string(), at })
            }
            AsKnown::Entry(number) => {
                let mut found = None;
                reader.each_entry(number - 1, number, |entry| {
                    found = Some(Entry { entry: entry.entry, digest: entry.digest.to_string(), at: entry.at });
                    Ok(())
                })?;
                let Some(entry) = found else { return Err(Error::NoEntry { entry: number, last: reader.head()?.0.entry }) };
                (entry.at + 1, entry)
            }
        };
        if until <= period.from {
            return Err(Error::NotBegun { period: period.name.clone(), begins: history::shown(period.from, zone), known: history::shown(until, zone) });
        }
        let is_cut = until < period.until;
        if is_cut {
            (period.until, period.last_day) = (until, zone.day_of(until - 1));
        }
        Ok(Self { until, head, is_cut })
    }

    /// What the pack says of it.
    pub(super) fn told(&self, period: &Period, end: &AsOf, zone: Zone) -> model::View {
        let mut limits = Vec::new();
        if self.is_cut {
            limits.push("The period had not ended then: it is told up to that moment only.".to_owned());
        } else if self.until > period.until {
            limits.push(
                "Tables hold records as they stood then: what was closed or changed after the end of the period is told so, and not as it stood at its end."
                    .to_owned(),
            );
            limits.push("Readings are those that were stored as the period went on: what was told later changed none of them.".to_owned());
        }
        let sources = end.configuration()["sources"].as_array().into_iter().flatten().filter_map(|source| source["name"].as_str());
        let mut unread: Vec<_> = sources.filter(|source| end.read_at().get(*source).copied().flatten().is_none()).collect();
        unread.sort_unstable();
        if !unread.is_empty() {
            limits.push(format!("Never read by then, so that nothing of it is known: {}.", unread.join(", ")));
        }
        let known = history::shown(self.until, zone);
        model::View { at: self.until, name: format!("{} as known on {known}, entry {}", period.name, self.head.entry), limits }
    }
}
