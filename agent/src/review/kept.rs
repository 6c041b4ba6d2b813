//! What frozen packs refer to, so that nothing of it is removed from the store: their periods, with the periods before that they are compared with.

use std::{
    fs::{self, File},
    io::BufReader,
    ops::Range,
    path::Path,
};

use serde::Deserialize;

use super::{
    Choice, Error,
    folder::{Manifest, PACK},
    model::{Entry, Period},
};

/// What of a pack is needed.
#[derive(Debug, Deserialize)]
struct Told {
    header: Header,
}

#[derive(Debug, Deserialize)]
struct Header {
    period: Period,
    before: Vec<Period>,
    evidence_before: Option<Entry>,
}

/// The spans of time to which the packs of a folder refer (epoch seconds). Every folder in it whose name does not begin with a dot must be one.
///
/// # Errors
/// [`Error::File`] when the folder can't be read; [`Error::NoPack`], [`Error::Newer`] for the first pack that can't.
pub fn spans(out: &Path) -> Result<Vec<Range<i64>>, Error> {
    let refused = |source| Error::File { path: out.to_owned(), done: "read", source };
    let mut spans = Vec::new();
    for entry in fs::read_dir(out).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let path = entry.path();
        if path.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
            spans.push(span_of(&path)?);
        }
    }
    spans.sort_by_key(|span| (span.start, span.end));
    Ok(spans)
}

fn span_of(folder: &Path) -> Result<Range<i64>, Error> {
    let no_pack = |why: String| Error::NoPack { path: folder.to_owned(), why };
    Manifest::read(folder)?;
    let file = File::open(folder.join(PACK)).map_err(|error| no_pack(format!("{PACK}: {error}")))?;
    let Told { header } = serde_json::from_reader(BufReader::new(file)).map_err(|error| no_pack(format!("{PACK}: {error}")))?;
    Ok(of(&header.period, &header.before, header.evidence_before.as_ref()))
}

/// The span to which the pack of a period refers that is yet to be made.
pub fn span_to_be(choice: &Choice) -> Range<i64> {
    of(&choice.period(), &choice.before(), None)
}

/// From the first of the periods before, or the entry from which those of the period go on, to its end.
fn of(period: &Period, before: &[Period], evidence_before: Option<&Entry>) -> Range<i64> {
    let starts = before.iter().map(|period| period.from).chain(evidence_before.map(|entry| entry.at));
    starts.fold(period.from, i64::min)..period.until
}
