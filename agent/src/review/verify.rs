//! Whether a pack is what it was when it was made: by itself, and by the store that it was made from.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    Error, evidence,
    folder::{self, MANIFEST, Manifest, PACK},
    model::Pack,
    signature::{self, Signer},
};
use crate::{keys::PublicKey, store::Reader};

/// What was found of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its manifest.
    pub manifest: Manifest,
    /// How many entries of evidence it holds.
    pub entries: usize,
    /// Who signed it; where that is wrong, it stands in `wrong`.
    pub signer: Signer,
    /// What is wrong with it; empty: nothing.
    pub wrong: Vec<String>,
}

/// Reads a pack.
///
/// # Errors
/// [`Error::NoPack`], [`Error::Newer`].
pub fn read(folder: &Path) -> Result<(Manifest, Pack), Error> {
    let manifest = Manifest::read(folder)?;
    let no_pack = |why: String| Error::NoPack { path: folder.to_owned(), why };
    let bytes = fs::read(folder.join(PACK)).map_err(|error| no_pack(format!("{PACK}: {error}")))?;
    let pack = serde_json::from_slice(&bytes).map_err(|error| no_pack(format!("{PACK}: {error}")))?;
    Ok((manifest, pack))
}

/// Verifies a pack: its files, its signature, which must be by one of the keys where any are given, and that the entries of evidence in it are those of a
/// store, where one is given.
///
/// # Errors
/// [`Error::NoPack`] when it can't be read at all; what the store reports.
pub fn verify(folder: &Path, keys: &[PublicKey], store: Option<&Reader>) -> Result<Verified, Error> {
    let manifest = Manifest::read(folder)?;
    let mut wrong = files(folder, &manifest)?;
    let signer = signature::check(folder, keys)?.unwrap_or_else(|why| {
        wrong.push(why);
        Signer::Nobody
    });
    // What its digests contradict is read all the same, as far as it can be.
    let pack = match read(folder) {
        Ok((_, pack)) => pack,
        Err(error) if wrong.is_empty() => return Err(error),
        Err(_) => return Ok(Verified { manifest, entries: 0, signer, wrong }),
    };
    let header = &pack.header;
    let told = (header.name(), header.cut_off, header.as_of.as_ref().map(|view| view.at), &header.evidence);
    if told != (&manifest.period, manifest.cut_off, manifest.as_of, &manifest.evidence) {
        wrong.push(format!("{MANIFEST} is not of this {PACK}"));
    }
    let also = |entry: &crate::store::Entry| -> Result<Option<String>, Error> {
        let Some(store) = store else { return Ok(None) };
        let mut held = None;
        store.each_entry(entry.entry - 1, entry.entry, |entry| {
            held = Some(entry);
            Ok(())
        })?;
        let differs = held.as_ref() != Some(entry);
        Ok(differs.then(|| format!("the store's entry {} is {}", entry.entry, if held.is_some() { "another" } else { "not there" })))
    };
    let (entries, found) = evidence::check(folder, header.evidence_before.as_ref(), header.evidence.as_ref(), also)?;
    wrong.extend(found);
    Ok(Verified { manifest, entries, signer, wrong })
}

/// What is wrong with the files.
pub(super) fn files(folder: &Path, manifest: &Manifest) -> Result<Vec<String>, Error> {
    let mut wrong = Vec::new();
    let mut there: BTreeSet<String> = folder::names(folder)?.into_iter().collect();
    for file in &manifest.files {
        if !there.remove(&file.name) {
            wrong.push(format!("{}: the file is gone", file.name));
            continue;
        }
        match folder::digest(&folder.join(&file.name)) {
            Ok((bytes, digest)) if (bytes, digest.to_string()) == (file.bytes, file.sha256.clone()) => {}
            Ok(_) => wrong.push(format!("{}: it is not what the manifest says", file.name)),
            Err(error) => wrong.push(format!("{}: {error}", file.name)),
        }
    }
    wrong.extend(there.into_iter().map(|name| format!("{name}: the manifest does not name it")));
    if folder::whole(&manifest.files).to_string() != manifest.digest {
        wrong.push(format!("{MANIFEST}: the digest of the pack is not that of its files"));
    }
    Ok(wrong)
}
