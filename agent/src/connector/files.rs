//! Files: a folder, a glob or one file, read together: none changed meanwhile, or nothing was read. A file of tables that can't be read takes no
//! other with it; of documents all are read or none. What is in them is not known here. The engine goes on with tables like this:
//!
//! ```text
//! let wanted: Vec<&format::Wanted> = streams.iter().map(|stream| &stream.files).collect(); // `files:` of each stream, read by serde
//! let layout = format::Layout { streams: &wanted, own: &source.own };      // which row is the header depends on which are looked for
//! let read = files::read_tables(&source.path, &layout)?;                   // blocks; the same digest as last time: nothing has changed
//! let assigned = format::assign(read.tables, &wanted, &source.own);        // what each stream took, and what is wrong with which
//! ```

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    connector::format::{Documents, Format, FormatError, Layout, Row, Table, bounds::Extent, documents},
    record::Digest,
};

/// Most bytes that one file may have.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Most bytes that all files of a source may have together.
pub const MAX_TOTAL_BYTES: u64 = 256 * 1024 * 1024;

/// Most files that a source may have.
pub const MAX_FILES: usize = 1_000;

/// How deep below the root a glob is followed.
const MAX_DEPTH: usize = 16;

/// Most files and folders that a glob goes past: more are mostly a pattern that starts too far up.
const MAX_LISTED: usize = 100_000;

/// Longest pattern, in bytes. It becomes a regular expression, by recursion where braces stand in braces.
const MAX_PATTERN_BYTES: usize = 1_000;

/// Extensions that hold registers too, in notations that we don't read: left unread without a word they would be missed.
const FOREIGN: &[(&str, &str)] = &[("xls", ".xlsx"), ("xlsb", ".xlsx"), ("ods", ".xlsx"), ("numbers", ".xlsx"), ("toml", ".yaml")];

/// Why files came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file or folder is missing or may not be read.
    #[error("{path}: {what}; {advice}")]
    Unreadable {
        /// Its path, as the configuration names it.
        path: String,
        /// What the operating system says.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// A file changed while it was read: whoever writes it was not done. Reading again later helps.
    #[error("{0}: it changed while it was read; write to a new file and rename it when it is complete")]
    Changing(String),
    /// A limit was passed.
    #[error("{path}: more than {limit}; {advice}")]
    TooLarge {
        /// File or folder.
        path: String,
        /// The limit, with its unit.
        limit: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// What is in the files is wrong: everything that was found.
    #[error("{}", lines(.0))]
    Content(Vec<FormatError>),
}

fn lines(errors: &[FormatError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Which files count, and how each is read.
#[derive(Debug, Clone, Copy)]
enum Kinds<'a> {
    Tables,
    Documents(&'a Documents),
}

impl Kinds<'_> {
    fn format_of(self, name: &str) -> Option<Format> {
        match self {
            Self::Tables => Format::of_name(name),
            Self::Documents(documents) => documents.format_of(name),
        }
    }

    /// What is wrong with a file that does not count.
    fn refuse(self, name: &str) -> Option<FormatError> {
        match self {
            Self::Tables => foreign(name),
            Self::Documents(_) => None,
        }
    }

    /// That none counts.
    fn none(self, root: &Path) -> FileError {
        // An empty folder is what a mount that failed looks like; taking it for "no records" would clear everything.
        let (what, extensions) = match self {
            Self::Tables => ("no register file".to_owned(), ".csv, .xlsx, .yaml, .json or .ndjson".to_owned()),
            Self::Documents(documents) => (format!("no file with the extension {}", documents.shown()), documents.shown()),
        };
        FileError::Unreadable { path: shown(root), what, advice: format!("put at least one {extensions} file there, or remove the source") }
    }
}

/// Files that could not be read, by name, and why.
pub type Broken = Vec<(String, FileError)>;

/// What was read of files with tables.
#[derive(Debug)]
pub struct Tables {
    /// The tables.
    pub tables: Vec<Table>,
    /// The files that could not be read.
    pub broken: Broken,
    /// Covers names and contents: while it stays the same, nothing has changed.
    pub digest: Digest,
}

impl Tables {
    /// The tables, if every file could be read.
    ///
    /// # Errors
    /// Everything that is wrong: a file that is none hides no mistakes in others.
    pub fn whole(self) -> Result<Vec<Table>, String> {
        if self.broken.is_empty() {
            return Ok(self.tables);
        }
        let in_rows = self.tables.iter().flat_map(|table| &table.mistakes).map(ToString::to_string);
        Err(in_rows.chain(self.broken.iter().map(|(_, error)| error.to_string())).collect::<Vec<_>>().join("\n"))
    }
}

/// Reads every table at `path`: a folder, a file, or a glob (`registers/*.csv`, `audits/**/*.xlsx`). In a folder all files directly in it
/// count whose extension is ours. Hidden files, editors' backups and names that begin with `_` are left out. Tables come in the order of
/// file names.
///
/// Blocks: call it where blocking is fine.
///
/// # Errors
/// What keeps all of them from being read. What is wrong with one file is told of that file.
pub fn read_tables(path: &Path, layout: &Layout<'_>) -> Result<Tables, FileError> {
    let mut extent = Extent::default();
    let All { parsed, broken, digest } = read_all(path, Kinds::Tables, |entry, bytes| {
        let tables = entry.format.read(&entry.name, bytes, layout)?;
        extent.add(&entry.name, tables.iter().flat_map(|table| &table.rows))?;
        Ok(tables)
    })?;
    Ok(Tables { tables: parsed.into_iter().flatten().filter(|table| !table.name.starts_with('_')).collect(), broken, digest })
}

/// A file with its documents as rows.
#[derive(Debug, PartialEq)]
pub struct Whole {
    /// Its name below the folder or glob, with `/`.
    pub file: String,
    /// `{file, document}` for each document in it.
    pub rows: Vec<Row>,
}

/// Reads every file at `path` that has one of these extensions, whole. Otherwise as [`read_tables`].
///
/// # Errors
/// The first obstacle to reading, or everything that is wrong in the contents.
pub fn read_documents(path: &Path, wanted: &Documents) -> Result<(Vec<Whole>, Digest), FileError> {
    let mut extent = Extent::default();
    let All { parsed, broken, digest } = read_all(path, Kinds::Documents(wanted), |entry, bytes| {
        // What reads whole files, as Prometheus and Kubernetes do, takes a file without anything in it for one without documents.
        let is_blank = entry.format == Format::Yaml && bytes.iter().all(u8::is_ascii_whitespace);
        let rows = if is_blank { Vec::new() } else { documents::read(&entry.name, entry.format, bytes)? };
        extent.add(&entry.name, &rows)?;
        Ok(Whole { file: entry.name.clone(), rows })
    })?;
    let mut mistakes = Vec::new();
    for (_, error) in broken {
        match error {
            FileError::Content(wrong) => mistakes.extend(wrong),
            obstacle => return Err(obstacle),
        }
    }
    if mistakes.is_empty() { Ok((parsed, digest)) } else { Err(FileError::Content(mistakes)) }
}

/// The digest alone that [`read_tables`], or [`read_documents`] for these extensions, would give; nothing is looked at.
///
/// # Errors
/// The first obstacle to reading.
pub fn digest_at(path: &Path, documents: Option<&Documents>) -> Result<Digest, FileError> {
    let kinds = documents.map_or(Kinds::Tables, Kinds::Documents);
    let Each { entries, contents, broken } = read_each(path, kinds, |bytes| Digest::of(&bytes))?;
    broken.into_iter().next().map_or_else(|| Ok(digest(&entries, contents)), |(_, error)| Err(error))
}

/// What came of files.
struct All<T> {
    parsed: Vec<T>,
    broken: Broken,
    digest: Digest,
}

/// What `parse` makes of each file that counts, and the digest of all.
fn read_all<T>(path: &Path, kinds: Kinds<'_>, mut parse: impl FnMut(&Entry, &[u8]) -> Result<T, FormatError>) -> Result<All<T>, FileError> {
    let Each { entries, contents, mut broken } = read_each(path, kinds, |bytes| bytes)?;
    let mut parsed = Vec::with_capacity(entries.len());
    for (entry, bytes) in entries.iter().zip(&contents) {
        match parse(entry, bytes) {
            Ok(of_file) => parsed.push(of_file),
            Err(mistake) => broken.push((entry.name.clone(), FileError::Content(vec![mistake]))),
        }
    }
    Ok(All { parsed, broken, digest: digest(&entries, contents.iter().map(|bytes| Digest::of(bytes))) })
}

/// The files that count, what is kept of the content of each, and those that could not be read.
struct Each<T> {
    entries: Vec<Entry>,
    contents: Vec<T>,
    broken: Broken,
}

/// Reads the files that count, and keeps what `take` says of each.
fn read_each<T>(path: &Path, kinds: Kinds<'_>, take: impl Fn(Vec<u8>) -> T) -> Result<Each<T>, FileError> {
    let (root, pattern) = split(path);
    let (root, pattern) = (root.as_path(), pattern.as_deref());
    let (listed, mut broken) = list(root, pattern, kinds)?;
    let read: Vec<_> = listed.iter().map(|entry| read(entry).map(&take)).collect();
    // Once more: a set of files of which one was replaced meanwhile would be a picture that never was.
    if let Some(changed) = difference(&listed, &list(root, pattern, kinds)?.0) {
        return Err(FileError::Changing(changed));
    }
    let (mut entries, mut contents) = (Vec::new(), Vec::new());
    for (entry, content) in listed.into_iter().zip(read) {
        match content {
            Ok(content) => {
                contents.push(content);
                entries.push(entry);
            }
            Err(error @ FileError::Changing(_)) => return Err(error),
            Err(error) => broken.push((entry.name, error)),
        }
    }
    Ok(Each { entries, contents, broken })
}

/// The folder that a glob starts from, and the rest of it. What exists under its very name is no glob.
fn split(path: &Path) -> (PathBuf, Option<String>) {
    let is_glob = |part: &std::path::Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let parts: Vec<_> = path.components().collect();
    match parts.iter().position(is_glob).filter(|_| !path.exists()) {
        None => (path.to_owned(), None),
        Some(first) => {
            let root: PathBuf = if first == 0 { PathBuf::from(".") } else { parts[..first].iter().collect() };
            let pattern: Vec<_> = parts[first..].iter().map(|part| part.as_os_str().to_string_lossy()).collect();
            (root, Some(pattern.join("/")))
        }
    }
}

/// A file to be read.
#[derive(Debug, PartialEq)]
struct Entry {
    path: PathBuf,
    /// Relative to the root, with `/`.
    name: String,
    format: Format,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// The files that count, sorted by name, and those that can't be read.
fn list(root: &Path, pattern: Option<&str>, kinds: Kinds<'_>) -> Result<(Vec<Entry>, Broken), FileError> {
    let metadata = fs::metadata(root).map_err(|error| missing(root, &error))?;
    let mut found = Found { root, kinds, glob: pattern.map(|pattern| glob(root, pattern)).transpose()?, entries: Vec::new(), broken: Vec::new(), listed: 0 };
    if metadata.is_dir() {
        found.walk(root, 0)?;
    } else {
        let name = root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        found.glob = None;
        found.add(root.to_owned(), name);
    }
    let Found { mut entries, mut broken, .. } = found;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    broken.sort_by(|(a, _), (b, _)| a.cmp(b));
    if entries.is_empty() && broken.is_empty() {
        return Err(kinds.none(root));
    }
    if entries.len() > MAX_FILES {
        return Err(FileError::TooLarge { path: shown(root), limit: format!("{MAX_FILES} files"), advice: "name the ones that count with a pattern" });
    }
    if entries.iter().map(|entry| entry.bytes).sum::<u64>() > MAX_TOTAL_BYTES {
        return Err(FileError::TooLarge { path: shown(root), limit: format!("{MAX_TOTAL_BYTES} bytes in all files"), advice: "split it into several sources" });
    }
    Ok((entries, broken))
}

/// A walk under way.
struct Found<'a> {
    root: &'a Path,
    kinds: Kinds<'a>,
    glob: Option<globset::GlobMatcher>,
    entries: Vec<Entry>,
    broken: Broken,
    /// Files and folders that were gone past.
    listed: usize,
}

impl Found<'_> {
    fn walk(&mut self, folder: &Path, depth: usize) -> Result<(), FileError> {
        for item in fs::read_dir(folder).map_err(|error| missing(folder, &error))? {
            let path = item.map_err(|error| missing(folder, &error))?.path();
            self.listed += 1;
            if self.listed > MAX_LISTED {
                let limit = format!("{MAX_LISTED} files and folders below it");
                return Err(FileError::TooLarge { path: shown(self.root), limit, advice: "start nearer to the files that count" });
            }
            let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if left_out(&file_name) {
                continue;
            }
            // Links to folders are not followed: they may lead round in circles.
            let folder_itself = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
            if folder_itself && self.glob.is_some() && depth < MAX_DEPTH {
                self.walk(&path, depth + 1)?;
            } else if !folder_itself {
                let below = path.strip_prefix(self.root).unwrap_or(&path);
                let name = below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                self.add(path.clone(), name);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, name: String) {
        if self.glob.as_ref().is_some_and(|glob| !glob.is_match(&name)) {
            return;
        }
        match self.entry(path, &name) {
            Ok(entry) => self.entries.extend(entry),
            Err(error) => self.broken.push((name, error)),
        }
    }

    /// What is to be read of a file; `None` when it does not count.
    fn entry(&self, path: PathBuf, name: &str) -> Result<Option<Entry>, FileError> {
        let Some(format) = self.kinds.format_of(name) else {
            return self.kinds.refuse(name).map_or(Ok(None), |mistake| Err(FileError::Content(vec![mistake])));
        };
        let metadata = fs::metadata(&path).map_err(|error| missing(&path, &error))?;
        if metadata.is_dir() {
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err(FileError::Unreadable { path: shown(&path), what: "neither a file nor a link to one".to_owned(), advice: "remove it".to_owned() });
        }
        let bytes = metadata.len();
        if bytes > MAX_FILE_BYTES {
            return Err(FileError::TooLarge { path: shown(&path), limit: format!("{MAX_FILE_BYTES} bytes"), advice: "split it" });
        }
        Ok(Some(Entry { path, name: name.to_owned(), format, bytes, modified: metadata.modified().ok() }))
    }
}

fn glob(root: &Path, pattern: &str) -> Result<globset::GlobMatcher, FileError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(FileError::TooLarge { path: shown(root), limit: format!("{MAX_PATTERN_BYTES} bytes of pattern"), advice: "write a shorter one" });
    }
    let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| FileError::Unreadable {
        path: shown(root),
        what: format!("the pattern `{pattern}`: {}", error.kind()),
        advice: "write one such as *.csv or **/*.xlsx".to_owned(),
    })
}

/// Hidden files, editors' and Office's working copies, and what a person left out with an underscore.
fn left_out(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.starts_with(['.', '~', '#', '_'])
        || name.ends_with(['~', '#'])
        || [".swp", ".swo", ".bak", ".tmp", ".part", ".orig"].iter().any(|end| lower.ends_with(end))
}

fn foreign(name: &str) -> Option<FormatError> {
    let (_, extension) = name.rsplit_once('.')?;
    let (_, instead) = FOREIGN.iter().find(|(foreign, _)| foreign.eq_ignore_ascii_case(extension))?;
    Some(FormatError::new(name, format!("a .{extension} file, which is not read"), format!("the same saved as {instead}, or a name that begins with `_`")))
}

fn read(entry: &Entry) -> Result<Vec<u8>, FileError> {
    let failed = |error: io::Error| missing(&entry.path, &error);
    let mut bytes = Vec::with_capacity(usize::try_from(entry.bytes).unwrap_or_default());
    File::open(&entry.path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 == entry.bytes { Ok(bytes) } else { Err(FileError::Changing(entry.name.clone())) }
}

/// The name of a file that is not the same in both lists.
fn difference(before: &[Entry], after: &[Entry]) -> Option<String> {
    let changed = before.iter().zip(after).find(|(before, after)| before != after).map(|(before, _)| before);
    let longer = before.get(after.len()).or_else(|| after.get(before.len()));
    changed.or(longer).map(|entry| entry.name.clone())
}

fn digest(entries: &[Entry], contents: impl IntoIterator<Item = Digest>) -> Digest {
    let mut whole = String::new();
    for (entry, content) in entries.iter().zip(contents) {
        writeln!(whole, "{content} {}", entry.name).expect("writing to a string can't fail");
    }
    Digest::of(whole.as_bytes())
}

fn missing(path: &Path, error: &io::Error) -> FileError {
    let (what, advice) = match error.kind() {
        io::ErrorKind::NotFound => ("it is not there".to_owned(), "create it, or correct the path"),
        io::ErrorKind::PermissionDenied => ("it may not be read".to_owned(), "let the user that clause9 runs as read it"),
        _ => (error.to_string(), "look at the disk or the mount"),
    };
    FileError::Unreadable { path: shown(path), what, advice: advice.to_owned() }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod register_tests;
#[cfg(test)]
mod tests;
