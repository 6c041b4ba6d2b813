//! The management review pack, clause 9.3: everything that a review must look at, as it was known at the end of a period, frozen in a folder that can be
//! checked offline.
//!
//! What it holds is data: [`sections`] are files of `config/review/`, with the queries behind their tables. Readings are what [`crate::history`] tells; a
//! pack computes none. Everything in it is as of the last entry of evidence before the cut-off, so that the same pack has the same bytes whenever it is
//! made again, whatever was stored since; what came too late for it stands in the next one.

pub mod csv;
pub mod diff;
mod error;
pub mod evidence;
pub mod folder;
pub mod front;
pub mod gap;
pub mod html;
pub mod kept;
pub mod make;
pub mod model;
pub mod moments;
pub mod oscal;
pub mod pdf;
pub mod period;
pub mod provided;
pub mod readings;
pub mod results;
pub mod sections;
pub mod signature;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod verify;
mod view;
mod workbook;

use std::{fs, path::Path};

pub use error::Error;
use folder::{Draft, Manifest, PACK, PAGE, PDF, WORKBOOK, parent};
use make::Before;
pub use make::{Frozen, Subject};
pub use model::Pack;
use model::{Entry, Previous};
pub use period::{Choice, YearStart};
use results::Packs;
pub use view::AsKnown;

use crate::{
    keys::SigningKey,
    store::{self, Reader},
};

/// What a pack is to be.
#[derive(Debug, Clone, Copy)]
pub struct Order<'o> {
    /// The period.
    pub choice: &'o Choice,
    /// As of when what was known is told. `None`: the end of the period.
    pub as_known: Option<AsKnown>,
    /// The folder, which is not there yet.
    pub to: &'o Path,
    /// The pack before it. `None`: the last one beside it that is of this store.
    pub previous: Option<&'o Path>,
    /// Whether it is printed as well, and by which browser; `Some(None)`: one that is found.
    pub print: Option<Option<&'o Path>>,
    /// The key that signs its manifest, if it is signed.
    pub key: Option<&'o SigningKey>,
}

/// Makes the pack of a period.
///
/// # Errors
/// [`Error`]; then there is no folder.
pub fn write(reader: &Reader, subject: &Subject<'_>, order: &Order<'_>, now: i64) -> Result<(Pack, Manifest), Error> {
    let Order { choice, as_known, to, previous, print, key } = *order;
    let frozen = Frozen::of(reader, choice, as_known, subject.zone, now)?;
    let packs = Packs::at_hand(parent(to), previous);
    let pack = match previous {
        Some(folder) => Some(named(reader, &frozen, folder)?),
        None => beside(reader, &frozen, to)?,
    };
    let draft = Draft::begin(to)?;
    let pack = make::make(reader, subject, &frozen, &Before { pack, packs }, &draft)?;
    evidence::write(reader, frozen.head_before(), frozen.head(), &draft)?;
    draft.write(PACK, &folder::json(&pack))?;
    draft.write(oscal::RESULTS, &folder::json(&oscal::assessment_results(&pack)))?;
    draft.write(oscal::COMPONENTS, &folder::json(&oscal::component_definition(&pack)))?;
    draft.write(PAGE, html::render(&pack).as_bytes())?;
    draft.write(WORKBOOK, &workbook::workbook(&pack)?)?;
    if let Some(browser) = print {
        let (page, pdf) = (draft.folder().join(PAGE), draft.folder().join(PDF));
        pdf::print(&page, &pdf, browser, pdf::LIMIT)?.ok_or(Error::NoBrowser)?;
        draft.keep(PDF)?;
    }
    let manifest = draft.finish(&pack.header, key)?;
    Ok((pack, manifest))
}

/// The pack that was named as the one before.
fn named(reader: &Reader, frozen: &Frozen, folder: &Path) -> Result<Previous, Error> {
    let manifest = Manifest::read(folder)?;
    let no_pack = |why: &str| Err(Error::NoPack { path: folder.to_owned(), why: why.to_owned() });
    if manifest.as_of.is_some() {
        return no_pack("that is, none that was frozen at the end of its period: it is a view as of another moment");
    }
    if manifest.cut_off > frozen.period().from {
        return no_pack("that is, none of an earlier period: its cut-off lies after the beginning of this one");
    }
    match manifest.evidence.as_ref().map(|entry| is_of(reader, entry)).transpose()? {
        Some(true) => Ok(manifest.as_previous()),
        _ => no_pack("that is, none of this store: its last entry of evidence is not in it"),
    }
}

/// The last pack of an earlier period beside where this one is to be, if there is one of this store.
fn beside(reader: &Reader, frozen: &Frozen, to: &Path) -> Result<Option<Previous>, Error> {
    // A folder that can't be read is told when the pack is written into it.
    let Ok(entries) = fs::read_dir(parent(to)) else { return Ok(None) };
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_before = |manifest: &Manifest| manifest.as_of.is_none() && manifest.cut_off <= frozen.period().from;
    let mut found: Vec<Manifest> = folders.filter_map(|folder| Manifest::read(&folder).ok()).filter(is_before).collect();
    found.sort_by_key(|manifest| (std::cmp::Reverse(manifest.cut_off), manifest.digest.clone()));
    for manifest in found {
        if let Some(entry) = &manifest.evidence
            && is_of(reader, entry)?
        {
            return Ok(Some(manifest.as_previous()));
        }
    }
    Ok(None)
}

/// Whether an entry is in a store.
fn is_of(reader: &Reader, entry: &Entry) -> Result<bool, store::Error> {
    let mut found = false;
    reader.each_entry(entry.entry - 1, entry.entry, |held| {
        found = held.digest.to_string() == entry.digest;
        Ok(())
    })?;
    Ok(found)
}
