//! The data folder: made for its owner alone, locked by one agent, and looked at while the agent runs. Files that are open outlive their names, so
//! a database that somebody removed or replaced would take everything written since with it, in silence, if nobody compared the two.

use std::{
    ffi::OsString,
    fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{DATABASE_FILE, Error};

/// The bytes of the database with what was not yet put into its one file.
pub fn size(database: &Path) -> u64 {
    let beside = |suffix: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |file| file.len())
    };
    beside("") + beside("-wal")
}

/// Makes the database of a folder on which no agent works as small as what it holds. It is as it was, or as small, whenever that is cut off.
///
/// # Errors
/// [`Error::InUse`], [`Error::Newer`]; [`Error::Full`] without room for a copy; what SQLite reports.
pub fn compact(data_dir: &Path) -> Result<(), Error> {
    let _folder = Folder::open(data_dir)?;
    let path = data_dir.join(DATABASE_FILE);
    super::core::open(&path).and_then(|database| database.compact()).map_err(|error| error.at(&path))
}

/// Puts a database that was made elsewhere into a data folder that has none, as [`Folder::open`] would make it.
///
/// # Errors
/// There is one already, or it can't be written.
pub fn begin_with(data_dir: &Path, database: &mut impl io::Read) -> io::Result<()> {
    make(data_dir)?;
    let mut file = OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(data_dir.join(DATABASE_FILE))?;
    io::copy(database, &mut file).map(drop)
}

/// The file whose lock says that an agent works on the folder. The lock goes with the process, however it ends.
const LOCK_FILE: &str = "clause9.lock";

/// Written and removed again to see whether the folder takes anything.
const PROBE_FILE: &str = "clause9.probe";

/// Bytes of the probe: a block, which a full disk does not have.
const PROBE: [u8; 4096] = [0; 4096];

/// Records name people: the folder is for its owner, and so is each file.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// The folder of an open store, with the files as they were when it was opened.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: Vec<(PathBuf, Identity)>,
    /// Locked for as long as this lives.
    _lock: File,
}

/// What tells a file from any other, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl Folder {
    /// Makes the folder where it is missing, takes its lock, and makes the database's file where that is missing: SQLite gives the files that it
    /// makes beside it the same mode.
    pub(super) fn open(data_dir: &Path) -> Result<Self, Error> {
        make(data_dir).map_err(|source| Error::Folder { path: data_dir.to_owned(), source })?;
        if let Some(warning) = open_to_others(data_dir) {
            tracing::warn!("{warning}");
        }
        let lock = lock(data_dir)?;
        for path in files(data_dir) {
            close_to_others(&path);
        }
        let database = data_dir.join(DATABASE_FILE);
        // Closed again before SQLite opens it: closing a file gives up every lock that the process has on it.
        file(&database).map_err(|source| Error::Folder { path: database, source })?;
        Ok(Self { path: data_dir.to_owned(), files: Vec::new(), _lock: lock })
    }

    /// Remembers which files are open, once the database is.
    pub(super) fn remember(&mut self) {
        let there = files(&self.path).into_iter().filter_map(|path| Some((Identity::from(&std::fs::metadata(&path).ok()?), path)));
        self.files = there.map(|(identity, path)| (path, identity)).collect();
    }

    /// Whether the files that are open are still those that the folder's names stand for.
    pub(super) fn in_place(&self) -> Result<(), Error> {
        for (path, identity) in &self.files {
            match std::fs::metadata(path) {
                Ok(metadata) if Identity::from(&metadata) == *identity => {}
                Ok(_) => return Err(Error::Replaced { path: path.clone() }),
                Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
                    return Err(Error::Gone { path: path.clone() });
                }
                Err(error) => return Err(unwritable(path, &error)),
            }
        }
        Ok(())
    }

    /// Whether the files may be written and the folder takes more. The database itself is not touched.
    pub(super) fn writable(&self) -> Result<(), Error> {
        for (path, _) in &self.files {
            access(path, Access::WRITE_OK).map_err(|error| unwritable(path, &error.into()))?;
        }
        let probe = self.path.join(PROBE_FILE);
        let written = file(&probe).and_then(|mut file| file.write_all(&PROBE));
        let removed = std::fs::remove_file(&probe);
        written.and(removed).map_err(|error| unwritable(&self.path, &error))
    }
}

/// What to say of a folder into which others than its owner may look. Its mode is left as it is: somebody may want it so.
pub fn open_to_others(data_dir: &Path) -> Option<String> {
    let mode = std::fs::metadata(data_dir).ok()?.permissions().mode() & 0o777;
    let shown = data_dir.display();
    (mode & OTHERS != 0).then(|| format!("others than its owner may use the data folder (mode {mode:o}): chmod {FOLDER_MODE:o} {shown}"))
}

fn make(data_dir: &Path) -> io::Result<()> {
    if data_dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(data_dir)
}

/// Takes the folder's lock, or says that somebody else has it.
fn lock(data_dir: &Path) -> Result<File, Error> {
    let path = data_dir.join(LOCK_FILE);
    let file = file(&path).map_err(|source| Error::Folder { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { data_dir: data_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::Folder { path, source }),
    }
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(false).mode(FILE_MODE).open(path)
}

/// The lock, the database, and what SQLite keeps beside it.
fn files(data_dir: &Path) -> Vec<PathBuf> {
    let of_database = ["", "-wal", "-shm"].map(|ending| OsString::from(format!("{DATABASE_FILE}{ending}")));
    of_database.into_iter().chain([LOCK_FILE.into()]).map(|name| data_dir.join(name)).collect()
}

/// The agent's own files are closed to others, and that is said.
fn close_to_others(path: &Path) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS == 0 {
        return;
    }
    let shown = path.display();
    match std::fs::set_permissions(path, Permissions::from_mode(FILE_MODE)) {
        Ok(()) => tracing::warn!("others than its owner could use {shown} (mode {mode:o}); now they can't (mode {FILE_MODE:o})"),
        Err(error) => tracing::warn!(error = %error, "others than its owner may use {shown} (mode {mode:o}): chmod {FILE_MODE:o} {shown}"),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        reason => Error::Unwritable { path: path.to_owned(), reason },
    }
}
