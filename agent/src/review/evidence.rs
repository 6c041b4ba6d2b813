//! The entries of evidence of a period in a file of their own, so that the chain can be computed again without the store: the digest of an entry is the
//! SHA-256 of the digest before, its number, its time, its kind and its body, each but the last followed by a line feed.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    folder::{Draft, EVIDENCE},
    model,
};
use crate::{
    record::Digest,
    store::{self, Entry, Reader},
};

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    entry: i64,
    at: i64,
    kind: String,
    body: String,
    previous: String,
    digest: String,
}

/// Writes the entries after one and up to another.
///
/// # Errors
/// What the store reports; [`Error::File`].
pub fn write(reader: &Reader, after: Option<&model::Entry>, to: &model::Entry, draft: &Draft) -> Result<(), Error> {
    let refused = |source| Error::File { path: EVIDENCE.into(), done: "written", source };
    let mut file = BufWriter::new(draft.create(EVIDENCE)?);
    let mut failed = None;
    reader
        .each_entry(after.map_or(0, |entry| entry.entry), to.entry, |entry| {
            let Entry { entry, at, kind, body, previous, digest } = entry;
            let line = Line { entry, at, kind, body, previous: previous.to_string(), digest: digest.to_string() };
            let written = serde_json::to_writer(&mut file, &line).map_err(Into::into).and_then(|()| file.write_all(b"\n"));
            // The walk has no other way to end than with an error of the store.
            written.map_err(|error: std::io::Error| {
                failed = Some(error);
                store::Error::Full
            })
        })
        .or_else(|error| failed.take().map_or(Err(Error::from(error)), |failed| Err(refused(failed))))?;
    let file = file.into_inner().map_err(|error| refused(error.into_error()))?;
    file.sync_all().map_err(refused)
}

/// What is wrong with the file of a pack: that its entries go on from one another, from what was before the period, and end with the one that the
/// pack names. `also` is asked about each entry, and tells what is wrong with it.
///
/// # Errors
/// [`Error::NoPack`] when it can't be read; those of `also`.
pub fn check(
    folder: &Path,
    before: Option<&model::Entry>,
    last: Option<&model::Entry>,
    mut also: impl FnMut(&Entry) -> Result<Option<String>, Error>,
) -> Result<(usize, Vec<String>), Error> {
    let unreadable = |why: String| Error::NoPack { path: folder.join(EVIDENCE), why };
    let file = File::open(folder.join(EVIDENCE)).map_err(|error| unreadable(error.to_string()))?;
    let (mut wrong, mut count) = (Vec::new(), 0);
    let mut expected = before.map(|entry| (entry.entry, entry.digest.clone()));
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| unreadable(error.to_string()))?;
        let Some(entry) = parse(&line) else {
            wrong.push(format!("{EVIDENCE}: line {number} is no entry"));
            expected = None;
            continue;
        };
        if entry.computed() != entry.digest {
            wrong.push(format!("{EVIDENCE}: entry {} is not what its digest says", entry.entry));
        }
        match &expected {
            Some((at, digest)) if (entry.entry, entry.previous.to_string()) != (at + 1, digest.clone()) => {
                wrong.push(format!("{EVIDENCE}: entry {} does not go on from entry {at}", entry.entry));
            }
            // Before the first entry of a store there is nothing.
            None if count == 0 && before.is_none() && entry.entry != 1 => wrong.push(format!("{EVIDENCE}: it begins with entry {}", entry.entry)),
            _ => {}
        }
        wrong.extend(also(&entry)?);
        expected = Some((entry.entry, entry.digest.to_string()));
        count += 1;
    }
    let end = expected.or_else(|| before.map(|entry| (entry.entry, entry.digest.clone())));
    match last.map(|last| (last.entry, last.digest.clone())) {
        Some(last) if end.as_ref() != Some(&last) => {
            wrong.push(format!("{EVIDENCE}: it does not end with {}:{}, the entry that the pack names", last.0, last.1))
        }
        _ => {}
    }
    Ok((count, wrong))
}

fn parse(line: &str) -> Option<Entry> {
    let Line { entry, at, kind, body, previous, digest } = serde_json::from_str(line).ok()?;
    Some(Entry { entry, at, kind, body, previous: Digest::parse(&previous)?, digest: Digest::parse(&digest)? })
}
