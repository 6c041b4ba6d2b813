//! The folder of a pack: written into a temporary one beside it, put on disk, and renamed at the end. Whatever happens before, there is no pack; after
//! it, there is a whole one.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::signature::Signed;
use super::{
    Error,
    model::{Entry, FORMAT, Header, Previous, VERSION},
};
use crate::{keys::SigningKey, record::Digest};

/// The file that names all others.
pub const MANIFEST: &str = "manifest.json";
/// The file with everything.
pub const PACK: &str = "pack.json";
/// The entries of evidence of the period, one JSON object a line.
pub const EVIDENCE: &str = "evidence.ndjson";
/// The workbook.
pub const WORKBOOK: &str = "pack.xlsx";
/// The page.
pub const PAGE: &str = "index.html";
/// The signature of the file that names all others, where there is a key.
pub const SIGNATURE: &str = "manifest.json.sig";
/// The page as it is printed, where that was asked for. It tells when it was printed: it alone is not the same when it is made again.
pub const PDF: &str = "pack.pdf";

/// How the temporary folder's name begins: what a pack that was never finished leaves behind, if the process was killed.
const DRAFT: &str = ".clause9-review-";

/// What is in a pack, and digests of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is a manifest of.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The organisation.
    pub organisation: String,
    /// The period; of a view also as of when it is.
    pub period: String,
    /// The cut-off, epoch seconds.
    pub cut_off: i64,
    /// Of a view as of another moment that moment, epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<i64>,
    /// The program that made it.
    pub program: String,
    /// The last entry of evidence before the cut-off.
    pub evidence: Option<Entry>,
    /// The digest of the pack as a whole: SHA-256 of a line `SHA256 BYTES NAME` for each file that is reproducible, in the order of `files`, each ended
    /// by a line feed.
    pub digest: String,
    /// Every file but this one and its signature, sorted by name.
    pub files: Vec<Listed>,
}

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether the same store, configuration and program make the same bytes again.
    pub reproducible: bool,
}

impl Manifest {
    /// Of the files in a folder, this one left out.
    pub fn of(folder: &Path, header: &Header) -> Result<Self, Error> {
        let mut files = Vec::new();
        for name in names(folder)? {
            let (bytes, digest) = digest(&folder.join(&name)).map_err(|source| Error::File { path: folder.join(&name), done: "read", source })?;
            let reproducible = name != PDF;
            files.push(Listed { name, bytes, sha256: digest.to_string(), reproducible });
        }
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            organisation: header.organisation.clone(),
            period: header.name().to_owned(),
            cut_off: header.cut_off,
            as_of: header.as_of.as_ref().map(|view| view.at),
            program: header.program.clone(),
            evidence: header.evidence.clone(),
            digest: whole(&files).to_string(),
            files,
        })
    }

    /// Reads that of a pack.
    ///
    /// # Errors
    /// [`Error::NoPack`], [`Error::Newer`].
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let no_pack = |why: String| Error::NoPack { path: folder.to_owned(), why };
        let text = fs::read_to_string(&path).map_err(|error| no_pack(format!("{MANIFEST}: {error}")))?;
        let told: serde_json::Value = serde_json::from_str(&text).map_err(|error| no_pack(format!("{MANIFEST} is not JSON: {error}")))?;
        if told["format"] != FORMAT {
            return Err(no_pack(format!("{MANIFEST} is of something else")));
        }
        match told["version"].as_u64().and_then(|version| u32::try_from(version).ok()) {
            Some(version) if version > VERSION => return Err(Error::Newer { path: folder.to_owned(), version }),
            _ => {}
        }
        serde_json::from_value(told).map_err(|error| no_pack(format!("{MANIFEST}: {error}")))
    }

    /// What a later pack says of it.
    pub fn as_previous(&self) -> Previous {
        Previous { period: self.period.clone(), cut_off: self.cut_off, digest: self.digest.clone(), evidence: self.evidence.clone() }
    }
}

/// The digest of a pack as a whole.
pub fn whole(files: &[Listed]) -> Digest {
    let lines: String = files.iter().filter(|file| file.reproducible).map(|file| format!("{} {} {}\n", file.sha256, file.bytes, file.name)).collect();
    Digest::of(lines.as_bytes())
}

/// The names of all files of a folder but the manifest and its signature, sorted.
///
/// # Errors
/// [`Error::File`].
pub fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(inside) = waiting.pop() {
        let path = folder.join(&inside);
        let refused = |source| Error::File { path: path.clone(), done: "read", source };
        for entry in fs::read_dir(&path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = format!("{inside}{}", entry.file_name().to_string_lossy());
            match entry.file_type().map_err(refused)?.is_dir() {
                true => waiting.push(format!("{name}/")),
                false if name != MANIFEST && name != SIGNATURE => names.push(name),
                false => {}
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Size and digest of a file.
///
/// # Errors
/// What the system reports.
pub fn digest(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((size, Digest(hasher.finalize().into())));
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}

/// A pack that is being written.
#[derive(Debug)]
pub struct Draft {
    folder: TempDir,
    target: PathBuf,
}

impl Draft {
    /// Begins one that is to stand at `target`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::File`].
    pub fn begin(target: &Path) -> Result<Self, Error> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(Error::Exists(target.to_owned()));
        }
        let parent = parent(target);
        let folder = tempfile::Builder::new().prefix(DRAFT).tempdir_in(parent);
        let folder = folder.map_err(|source| Error::File { path: parent.to_owned(), done: "written into", source })?;
        Ok(Self { folder, target: target.to_owned() })
    }

    /// The folder as it is now.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a file, and folders for it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn create(&self, name: &str) -> Result<File, Error> {
        let path = self.folder.path().join(name);
        let made = fs::create_dir_all(parent(&path)).and_then(|()| File::create_new(&path));
        made.map_err(|source| Error::File { path: name.into(), done: "written", source })
    }

    /// Writes a file and puts it on disk.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut file = self.create(name)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| Error::File { path: name.into(), done: "written", source })
    }

    /// Puts a file on disk that another program wrote.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn keep(&self, name: &str) -> Result<(), Error> {
        let kept = File::open(self.folder.path().join(name)).and_then(|file| file.sync_all());
        kept.map_err(|source| Error::File { path: name.into(), done: "written", source })
    }

    /// Writes the manifest and its signature, and gives the folder its name.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::File`].
    pub fn finish(self, header: &Header, key: Option<&SigningKey>) -> Result<Manifest, Error> {
        let manifest = Manifest::of(self.folder.path(), header)?;
        let bytes = json(&manifest);
        self.write(MANIFEST, &bytes)?;
        if let Some(key) = key {
            self.write(SIGNATURE, &json(&Signed::by(key, &bytes)))?;
        }
        self.place()?;
        Ok(manifest)
    }

    /// Gives the folder its name, as it is.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::File`].
    pub fn place(self) -> Result<(), Error> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, done: "written", source }
        };
        let csv = self.folder.path().join("csv");
        for folder in [csv.as_path(), self.folder.path()].into_iter().filter(|folder| folder.exists()) {
            sync(folder).map_err(refused(folder))?;
        }
        // An empty folder would give way to it, which loses nothing.
        if fs::symlink_metadata(&self.target).is_ok() {
            return Err(Error::Exists(self.target));
        }
        fs::rename(self.folder.path(), &self.target).map_err(refused(&self.target))?;
        let _ = self.folder.keep();
        sync(parent(&self.target)).map_err(refused(&self.target))?;
        Ok(())
    }
}

/// JSON as the files of a pack have it.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("texts, numbers and lists always serialise");
    bytes.push(b'\n');
    bytes
}

/// The folder that a path lies in.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts the names in a folder on disk.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
