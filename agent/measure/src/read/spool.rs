//! The folder for what a run can't keep in memory and can't read where it is: objects of stores, answers of queries.
//!
//! It goes when the run ends, also with an error. A run that is killed leaves its folder behind; the next one that uses the same place removes it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Error, Result};

/// The beginning of the folders' names.
const PREFIX: &str = "clause9-measure-";
/// Held locked by the run whose folder it is in.
const LOCK: &str = "lock";

/// A folder of this run alone, which no other user can read.
#[derive(Debug)]
pub struct Spool {
    // Before the lock: what is declared first is dropped first.
    folder: TempDir,
    _lock: File,
}

impl Spool {
    /// Makes the folder, below `parent` or the place that the system keeps for temporary files.
    ///
    /// # Errors
    /// Where no folder can be made.
    pub fn new(parent: Option<&Path>) -> Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let failed = |error: std::io::Error| Error::file(&parent, format_args!("no temporary folder can be made here ({error}); --spool names another place"));
        clean(&parent);
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent).map_err(failed)?;
            let lock = File::create_new(folder.path().join(LOCK)).and_then(|lock| lock.lock().map(|()| lock));
            match lock {
                // Between its making and its locking another run may have taken it for one that was left behind.
                _ if !folder.path().join(LOCK).exists() => {}
                Ok(lock) => return Ok(Spool { folder, _lock: lock }),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of runs that are no more: those whose lock can be had. What can't be removed stays.
fn clean(parent: &Path) {
    for folder in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if folder.file_name().to_string_lossy().starts_with(PREFIX) {
            remove_if_left_behind(&folder.path());
        }
    }
}

fn remove_if_left_behind(folder: &Path) {
    // One without a lock is being made.
    let Ok(lock) = File::open(folder.join(LOCK)) else { return };
    match lock.try_lock() {
        Ok(()) => drop(std::fs::remove_dir_all(folder)),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
    }
}

/// What a failed write into the spool means to the one who reads of it.
pub fn not_written(spool: &Path, error: &std::io::Error) -> String {
    let parent: PathBuf = spool.parent().unwrap_or(spool).to_owned();
    format!("it can't be kept in {} ({error}); --spool names another place", parent.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_with_their_runs() {
        let parent = tempfile::tempdir().unwrap();
        let spool = Spool::new(Some(parent.path())).unwrap();
        std::fs::write(spool.path().join("x"), "x").unwrap();
        let killed = parent.path().join(format!("{PREFIX}killed"));
        let others = parent.path().join("clause8");
        for folder in [&killed, &others] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join(LOCK), "").unwrap();
        }
        let second = Spool::new(Some(parent.path())).unwrap();
        assert!(spool.path().join("x").exists(), "a run at work keeps its own");
        assert!(!killed.exists(), "one left behind is removed");
        let paths = [spool.path().to_owned(), second.path().to_owned()];
        drop((spool, second));
        assert!(paths.iter().all(|path| !path.exists()));
        assert!(others.exists(), "what is not ours stays");
    }

    #[test]
    fn a_place_that_is_none_is_named() {
        let error = Spool::new(Some(Path::new("/nonexistent/place"))).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/place: no temporary folder can be made here (") && error.ends_with("--spool names another place"), "{error}");
    }
}
