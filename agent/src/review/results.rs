//! Results of management reviews (9.3.3) that people signed: held against the pack that they name, and against what the register says of them since.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Error,
    folder::Manifest,
    model::{Cell, Column, Row, Table},
    verify,
};
use crate::{
    history,
    record::Zone,
    store::{AsOf, Reader, Version},
};

/// The columns of a table of signed results: when it was signed, the digest of the pack that it names, what became of that pack, whether that is wrong.
const COLUMNS: [&str; 4] = ["signed", "pack", "pack_check", "is_pack_wrong"];

/// Packs that results may name.
#[derive(Debug, Clone, Default)]
pub struct Packs(Vec<(PathBuf, Manifest)>);

/// What the pack is that a result names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// One at hand, byte for byte.
    Same(String),
    /// One at hand whose files are not what they were.
    Differs(String),
    /// None at hand has this digest.
    NotAtHand,
}

impl Packs {
    /// The packs in a folder, and one that lies elsewhere.
    pub fn at_hand(folder: &Path, other: Option<&Path>) -> Self {
        // A folder that can't be read is told when a pack is written into it.
        let inside = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let mut packs: Vec<_> = inside.chain(other.map(Path::to_owned)).filter_map(|path| Some((path.clone(), Manifest::read(&path).ok()?))).collect();
        packs.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(packs)
    }

    /// The pack with a digest. Of several with it one that is whole counts.
    ///
    /// # Errors
    /// [`Error::File`] when one can't be read.
    pub fn named(&self, digest: &str) -> Result<Named, Error> {
        let digest = digest.trim().to_ascii_lowercase();
        let mut found = Named::NotAtHand;
        for (path, manifest) in self.0.iter().filter(|(_, manifest)| manifest.digest == digest) {
            if verify::files(path, manifest)?.is_empty() {
                return Ok(Named::Same(manifest.period.clone()));
            }
            found = Named::Differs(manifest.period.clone());
        }
        // A manifest that was made anew names another digest; its pack is not the one that was signed.
        Ok(found)
    }
}

impl Named {
    /// Whether the pack that was signed is not the one at hand.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::Same(_))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(period) => write!(f, "the pack of {period}, as it was"),
            Self::Differs(period) => write!(f, "the pack of {period}, whose files are not what they were"),
            Self::NotAtHand => f.write_str("no pack at hand has this digest"),
        }
    }
}

/// The places of the columns, where a table tells of signed results.
fn places(columns: &[Column]) -> Option<[usize; 4]> {
    let place = |name: &str| columns.iter().position(|column| column.name == name);
    let [signed, pack, check, wrong] = COLUMNS.map(place);
    Some([signed?, pack?, check?, wrong?])
}

/// Says of the results in a table what the packs are that they name.
///
/// # Errors
/// [`Error::File`] when a pack can't be read.
pub(super) fn hold_against(columns: &[Column], rows: &mut [Row], packs: &Packs) -> Result<(), Error> {
    let Some([signed, pack, check, wrong]) = places(columns) else { return Ok(()) };
    for row in rows.iter_mut().filter(|row| row.cells[signed] != Cell::Nothing) {
        (row.cells[check], row.cells[wrong]) = match &row.cells[pack] {
            Cell::Text(digest) => {
                let named = packs.named(digest)?;
                (Cell::Text(named.to_string()), Cell::Integer(named.is_wrong().into()))
            }
            _ => (Cell::Text("it names no pack".to_owned()), Cell::Integer(0)),
        };
    }
    Ok(())
}

/// The results in the tables of a pack, by register and id, and what the packs are that they name.
///
/// # Errors
/// [`Error::File`] when a pack can't be read.
pub fn named<'t>(tables: impl Iterator<Item = &'t Table>, packs: &Packs) -> Result<Vec<(String, Named)>, Error> {
    let mut all = Vec::new();
    for table in tables {
        let Some([signed, pack, ..]) = places(&table.columns) else { continue };
        for row in table.rows.iter().filter(|row| row.cells[signed] != Cell::Nothing) {
            let (Cell::Text(digest), [Cell::Text(source), Cell::Text(id), ..]) = (&row.cells[pack], row.cells.as_slice()) else { continue };
            all.push((format!("{source}: {id}"), packs.named(digest)?));
        }
    }
    Ok(all)
}

/// What of a review is signed: fields and attributes. When the next one is due is none of it.
const OF_REVIEW: [&str; 7] = ["title", "scope", "completed_at", "approved_at", "chair", "attendees", "pack"];

/// What of a decision is signed with it. That it is carried out comes later.
const OF_DECISION: [&str; 7] = ["title", "decided_on", "input", "owner_role", "resources", "decided_at", "due"];

/// Refuses registers that say something else of a review than what was signed, as far as the ledger has what was signed. One that was signed again later counts
/// as it was signed last.
///
/// # Errors
/// [`Error::Contradiction`], of the first; what the store reports.
pub(super) fn refuse_contradictions(reader: &Reader, end: &AsOf, zone: Zone) -> Result<(), Error> {
    let is_review = |version: &Version| version.body["fields"]["kind"] == "management_review";
    let reviews = versions(reader, end, "review", "SELECT source, id FROM reviews WHERE kind = 'management_review'", is_review)?;
    if reviews.iter().all(|review| review.signed().is_none()) {
        return Ok(());
    }
    let decisions = versions(reader, end, "decision", "SELECT source, id FROM decisions", |_| true)?;
    for review in &reviews {
        let Some((signed_at, signed)) = review.signed() else { continue };
        let day = || history::shown(signed_at, zone).chars().take(10).collect::<String>();
        let refuse = |of: &Record, what: &str, entry: i64, since: i64| {
            let row = format!("{}: the {} {}", of.source, of.shape.replace("review", "management review"), of.id);
            Err(Error::Contradiction { row, what: what.to_owned(), signed: day(), entry, since })
        };
        if let Some((what, since)) = review.differs(signed, &OF_REVIEW, end)? {
            return refuse(review, what, signed.entry, since);
        }
        let of_it = |decision: &&Record| {
            decision.source == review.source && decision.versions.iter().any(|version| text(version, "review").as_str() == Some(review.id.as_str()))
        };
        for decision in decisions.iter().filter(of_it) {
            let held = |version: &&Version| version.entry <= signed.entry && version.until_entry.is_none_or(|until| until > signed.entry);
            let was = decision.versions.iter().find(held).or_else(|| decision.versions.iter().find(|version| version.entry > signed.entry));
            // One that was gone when the review was signed is none of it.
            let Some(was) = was else { continue };
            if let Some((what, since)) = decision.differs(was, &OF_DECISION, end)? {
                return refuse(decision, what, was.entry, since);
            }
        }
    }
    Ok(())
}

/// A record with its versions up to the end, in the order of time.
struct Record {
    shape: &'static str,
    source: String,
    id: String,
    versions: Vec<Version>,
}

/// The records of a shape that there are, and those that there were.
fn versions(reader: &Reader, end: &AsOf, shape: &'static str, there: &str, is_one: impl Fn(&Version) -> bool) -> Result<Vec<Record>, Error> {
    let mut ids: Vec<(String, String)> = end.tables().rows(there, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    ids.extend(reader.changed(shape)?);
    ids.sort();
    ids.dedup();
    let mut records = Vec::new();
    for (source, id) in ids {
        let mut versions = reader.versions(shape, &id)?;
        versions.retain(|version| version.source == source && version.entry <= end.entry() && is_one(version));
        if !versions.is_empty() {
            records.push(Record { shape, source, id, versions });
        }
    }
    Ok(records)
}

impl Record {
    /// When it was signed last, and the first version that says so.
    fn signed(&self) -> Option<(i64, &Version)> {
        let last = self.versions.iter().filter_map(|version| text(version, "approved_at").as_i64()).max()?;
        self.versions.iter().find(|version| text(version, "approved_at").as_i64() == Some(last)).map(|version| (last, version))
    }

    /// The first of these in which it is another now, or that it is gone, and by which entry. Where its whole source was removed, nothing is said of it.
    fn differs(&self, was: &Version, what: &[&'static str], end: &AsOf) -> Result<Option<(&'static str, i64)>, Error> {
        let Some(now) = self.versions.last() else { return Ok(None) };
        match now.until_entry.filter(|until| *until <= end.entry()) {
            Some(until) => {
                let is_there = end.tables().any("SELECT 1 FROM record_versions WHERE source = ?1 LIMIT 1", &[(&self.source).into()])?;
                Ok(is_there.then_some(("the row, which is gone,", until)))
            }
            None => Ok(what.iter().find(|name| text(now, name) != text(was, name)).map(|name| (*name, self.since(was, name)))),
        }
    }

    /// Since which entry something is another than it was signed.
    fn since(&self, was: &Version, name: &str) -> i64 {
        let same = self.versions.iter().rposition(|version| text(version, name) == text(was, name));
        same.and_then(|place| self.versions.get(place + 1)).map_or(was.entry, |version| version.entry)
    }
}

/// A field of a version, or what else its register says of it: attributes stand as pairs of name and value.
fn text<'v>(version: &'v Version, name: &str) -> &'v Value {
    static NOTHING: Value = Value::Null;
    match &version.body["fields"][name] {
        Value::Null => version.body["attributes"].as_array().into_iter().flatten().find(|pair| pair[0] == name).map_or(&NOTHING, |pair| &pair[1]),
        value => value,
    }
}
