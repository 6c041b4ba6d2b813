//! Why there is no pack.

use std::{io, path::PathBuf};

use super::folder::MANIFEST;
use crate::store;

/// Why there is no pack, or why one can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A period is written in a way that says nothing.
    #[error("{0}")]
    Period(String),
    /// The period goes on.
    #[error("the period {period} has not ended: it ends on {ends}, and a pack tells of whole periods")]
    NotEnded {
        /// The period.
        period: String,
        /// Its end, as the clock on the wall shows it.
        ends: String,
    },
    /// Nothing is stored of the period.
    #[error("nothing is stored of the period {period}: what is known begins on {begins}")]
    BeforeAnything {
        /// The period.
        period: String,
        /// The first moment of which anything is stored.
        begins: String,
    },
    /// Some of what was stored of the period was removed.
    #[error("of the period {period} not everything is stored any more: what ended before {before} was removed by retention")]
    Removed {
        /// The period.
        period: String,
        /// Until when, as the clock on the wall shows it.
        before: String,
    },
    /// Nothing is stored at all.
    #[error("nothing is stored yet; `clause9 run` stores what it sees")]
    NothingStored,
    /// A view is asked for as of a moment that has not come.
    #[error("{0} has not come: what is known then nobody can say")]
    Ahead(String),
    /// A view is asked for as of an entry that there is not.
    #[error("there is no evidence entry {entry}; the last one is {last}")]
    NoEntry {
        /// The entry that was asked for.
        entry: i64,
        /// The last one that there is.
        last: i64,
    },
    /// A view is asked for as of a moment before the period.
    #[error("the period {period} begins on {begins}: as of {known} nothing of it was known")]
    NotBegun {
        /// The period.
        period: String,
        /// Its first moment.
        begins: String,
        /// As of when it is asked for.
        known: String,
    },
    /// A register says something else of a review than what was signed.
    #[error(
        "{row} contradicts its signed result: {what} is not what was signed on {signed}, which evidence entry {entry} holds, since entry {since}; put it back, or sign \
         the result again on a later day"
    )]
    Contradiction {
        /// The register's source and the row.
        row: String,
        /// The field.
        what: String,
        /// The day on which the result was signed.
        signed: String,
        /// The entry that brought what was signed.
        entry: i64,
        /// The entry that brought what contradicts it.
        since: i64,
    },
    /// There is something where the pack is to be.
    #[error("{0} is there already; a pack replaces nothing")]
    Exists(PathBuf),
    /// The store.
    #[error("the store can't be read")]
    Store(#[from] store::Error),
    /// A query of a section.
    #[error("the table `{table}` can't be made")]
    Table {
        /// The table.
        table: String,
        /// Why.
        source: store::Error,
    },
    /// A file or folder.
    #[error("{path} can't be {done}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: `written`.
        done: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The workbook.
    #[error("the workbook can't be made")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// The print.
    #[error("the page can't be printed")]
    Print(#[from] super::pdf::Error),
    /// There is nothing to print with.
    #[error("there is no Chromium to print with; --chromium names one, and the page prints from any browser")]
    NoBrowser,
    /// A folder that holds no pack.
    #[error("{path} holds no pack: {why}")]
    NoPack {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A pack of a later format.
    #[error("{} is of version {version}, and this release reads version {}", path.join(MANIFEST).display(), super::model::VERSION)]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}
