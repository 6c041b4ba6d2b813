//! What can go wrong in the store, in words for whoever must mend it.

use std::path::{Path, PathBuf};

use crate::schedule::rfc3339;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent works on the folder.
    #[error("{} is in use by another clause9; stop that one, or give this one a `data_dir` of its own", data_dir.display())]
    InUse {
        /// The folder.
        data_dir: PathBuf,
    },
    /// Written by a later version of clause9. Nothing was changed.
    #[error("{} was written by a newer clause9 (schema {found}, this one knows {known}); it was left as it is: use the newer clause9", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The disk is full. What was stored before is intact, the change at hand is not stored.
    #[error("the disk that holds the database is full; nothing that was stored is lost: free some space")]
    Full,
    /// What lies there is no database, or a broken one.
    #[error("{} is damaged, or no database of clause9: bring back a backup, or move it away and start again, which begins a new history", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
    },
    /// The folder can't be used.
    #[error("{} can't be used: let this user write there, or set another `data_dir`", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of the store has lost its name: what is written into it ends with the process.
    #[error("{} is gone, which the agent has open: bring the same file back, or start the agent again, which begins a new history", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A file of the store has lost its name to another file.
    #[error("{} is not the file any more that the agent has open: bring that one back, or start the agent again, which goes on with this one", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The folder takes nothing now.
    #[error("{} can't be written: {reason}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::ErrorKind,
    },
    /// What was asked for was removed by retention.
    #[error("what was stored of it was removed by retention: of what ended before {} not all is there", rfc3339(*before))]
    Removed {
        /// Until when, epoch seconds.
        before: i64,
    },
    /// Records of two sources or two systems contradict each other.
    #[error("{0}")]
    Conflict(String),
    /// There is a row already with what must be unique.
    #[error("a row with the same key is stored already")]
    Taken(#[source] Reason),
    /// A row holds something that it can't.
    #[error("a row is not as clause9 makes it: {0}")]
    Misread(String),
    /// Anything else that the database reports.
    #[error("the database reports an error")]
    Database(#[source] Reason),
}

impl Error {
    /// The same about the database at `path`, where what it reports is that it is none.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Damaged { .. } => Self::Damaged { path: path.to_owned() },
            other => other,
        }
    }
}

/// What an engine reports, in its own words.
pub type Reason = Box<dyn std::error::Error + Send + Sync>;
