//! How a stored reading was made: its method as it was then, the records that it was made of, when their sources were read, and the reading computed
//! again.

use std::{collections::BTreeMap, sync::Arc};

use super::{Computed, Difference, Outcome, Ready, Rederiver, compare};
use crate::{
    indicator::{Catalogue, Reads},
    record::{Feed, Shape, shape},
    store::{self, Opened, Reader, sql::Cell},
};

/// The most records of a table that are listed.
const LISTED: usize = 100;

/// How a stored reading was made.
#[derive(Debug)]
pub struct Explanation {
    /// The interval.
    pub stored: Opened,
    /// What it comes to when it is computed again.
    pub outcome: Outcome,
    /// Its method; `None`: the evidence does not have it, or it can't be computed, as the outcome says.
    pub method: Option<Arc<Ready>>,
    /// The records that the method could read: those of the reading's system where it has one.
    pub records: Vec<Records>,
    /// When each source that these came from was read to its end last, epoch seconds; `None`: never.
    pub sources: BTreeMap<String, Option<i64>>,
}

/// Records of a table.
#[derive(Debug)]
pub struct Records {
    /// What of the table is read: `cases(incident)`.
    pub feed: String,
    /// How many there are.
    pub count: usize,
    /// The first of them, by source and id.
    pub listed: Vec<Used>,
}

/// A version of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Where it came from.
    pub source: String,
    /// The stream.
    pub stream: String,
    /// Its id.
    pub id: String,
    /// Where people can look at it.
    pub url: Option<String>,
    /// From when on this version held, epoch seconds.
    pub from: i64,
    /// The entry of the poll that brought it.
    pub entry: i64,
}

/// Explains an interval.
///
/// # Errors
/// What the store reports.
pub fn explain(reader: &Reader, catalogue: &Catalogue, stored: Opened) -> Result<Explanation, store::Error> {
    let mut rederiver = Rederiver::after(stored.entry - 1, reader, catalogue)?;
    let computed = rederiver.entry(stored.entry, stored.from, Some(&[stored.key.clone()].into()))?;
    let outcome = computed.into_iter().find(|computed| computed.key == stored.key).map_or_else(
        || {
            let lies = "an entry that stores readings".to_owned();
            Outcome::Differs(vec![Difference { what: "entry", stored: stored.entry.to_string(), computed: lies }])
        },
        |Computed { outcome, .. }| outcome,
    );
    let method = rederiver.ready(&stored.key.indicator, &stored.interval.method).ok();
    let (mut records, mut sources) = (Vec::new(), BTreeMap::new());
    let system = compare::system(&stored.key);
    for feed in method.iter().flat_map(|method| method.indicator.reads.iter().filter_map(Reads::feed)) {
        let read = used(&rederiver, feed, system.as_deref())?;
        for used in &read.listed {
            let read_at = rederiver.as_of.read_at().get(&used.source).copied().flatten();
            sources.insert(used.source.clone(), read_at);
        }
        records.push(read);
    }
    Ok(Explanation { stored, outcome, method, records, sources })
}

/// The records of a feed that hold, of a system where the table has one.
fn used(rederiver: &Rederiver<'_>, feed: &Feed, system: Option<&str>) -> Result<Records, store::Error> {
    let shape: &Shape = shape::by_table(feed.table()).expect("a feed is of a known table");
    let mut which = vec!["v.shape = ?1".to_owned()];
    let mut values = vec![Cell::from(shape.name)];
    let of_system = if shape.name == "system" { Some("r.id") } else { shape.belongs_to_system.then_some("r.system") };
    if let Some((column, system)) = of_system.zip(system) {
        values.push(system.into());
        which.push(format!("{column} = ?{}", values.len()));
    }
    if let Some(field) = shape.kind_field.filter(|_| !feed.kinds().is_empty()) {
        let first = values.len();
        values.extend(feed.kinds().iter().map(|kind| Cell::from(*kind)));
        let kinds: Vec<_> = (first + 1..=values.len()).map(|position| format!("?{position}")).collect();
        which.push(format!("r.{field} IN ({})", kinds.join(", ")));
    }
    let sql = format!(
        "SELECT v.source, v.stream, v.id, r.url, v.held_from, v.from_entry FROM {} r JOIN record_versions v ON v.source = r.source AND v.id = r.id
         WHERE {} ORDER BY v.source, v.id",
        feed.table(),
        which.join(" AND ")
    );
    let mut listed = rederiver.as_of.tables().rows(&sql, &values, |row| {
        Ok(Used { source: row.get(0)?, stream: row.get(1)?, id: row.get(2)?, url: row.get(3)?, from: row.get(4)?, entry: row.get(5)? })
    })?;
    let count = listed.len();
    listed.truncate(LISTED);
    Ok(Records { feed: feed.to_string(), count, listed })
}
