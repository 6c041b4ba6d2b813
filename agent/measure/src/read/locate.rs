//! From what the user names (a file, a glob, a folder) to files, their formats and the values in their folders' names.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Error, Result};

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line; tabs in `.tsv` files.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Arrow IPC file or stream (Feather version 2).
    Ipc,
}

/// A format's name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no file format; expected parquet, csv, ndjson or arrow")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownFormat> {
        match name {
            "parquet" => Ok(Format::Parquet),
            "csv" => Ok(Format::Csv),
            "ndjson" => Ok(Format::Ndjson),
            "arrow" => Ok(Format::Ipc),
            _ => Err(UnknownFormat(name.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Ipc => "arrow",
        })
    }
}

/// One file of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called in output and messages.
    pub name: PathBuf,
    /// Where it is: of an object, where it was fetched to.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// `key=value` folders above it, outermost first; below the folder that was named.
    pub partitions: Vec<(String, String)>,
}

/// The files of a window.
pub struct Located {
    /// One after another.
    pub parts: Vec<Part>,
    /// What must live as long as they are read: the folder that they were fetched into.
    pub keep: Option<Box<dyn std::any::Any + Send + Sync>>,
}

/// What is said of a folder without data.
pub const NO_DATA: &str = "the folder holds no file of a known format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc)";

/// Finds the files, each once, whatever links lead to it. `forced` is the format whatever the names say.
///
/// # Errors
/// Nothing there, an unreadable folder, a glob that matches nothing, a name that tells no format.
pub fn locate(named: &str, forced: Option<Format>) -> Result<Vec<Part>> {
    let path = Path::new(named);
    if path.is_dir() {
        return in_folder(path, forced);
    }
    if path.exists() {
        return Ok(vec![part(path, path.parent(), forced)?]);
    }
    if let Some((scheme, _)) = named.split_once("://") {
        return Err(Error::file(path, format_args!("`{scheme}` addresses can't be read; name files of this machine, or objects in s3://, gs:// or az://")));
    }
    if !named.contains(['*', '?', '[']) {
        return Err(Error::file(path, "there is no such file or folder"));
    }
    matching(named, forced)
}

/// The files that a pattern matches, and those in the folders that it matches.
fn matching(pattern: &str, forced: Option<Format>) -> Result<Vec<Part>> {
    let wrong = |problem: String| Error::file(Path::new(pattern), problem);
    let paths = glob::glob(pattern).map_err(|error| wrong(format!("this is no pattern: {}", error.msg)))?;
    // Partitions count below what comes before the first wildcard, and so does what is hidden: like a shell, only what names it matches it.
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    let (base, rest) = fixed.rfind('/').map_or((None, pattern), |end| (Some(Path::new(&fixed[..end])), &pattern[end + 1..]));
    let is_asked_for = ['.', '_'].map(|sign| rest.split('/').any(|part| part.starts_with(sign)));
    let is_left_out = |path: &Path| {
        let below = base.and_then(|base| path.strip_prefix(base).ok()).unwrap_or(path);
        let has = |sign: char| below.components().any(|part| part.as_os_str().to_string_lossy().starts_with(sign));
        (has('.') && !is_asked_for[0]) || (has('_') && !is_asked_for[1])
    };
    let mut paths = paths.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| Error::file(error.path(), error.error()))?;
    links_last(&mut paths);
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() && !is_left_out(&path) {
            walk(&path, forced, &mut found)?;
        } else if path.is_file() && !is_left_out(&path) {
            found.add(path)?;
        }
    }
    if found.paths.is_empty() {
        return Err(wrong("the pattern matches no file".to_owned()));
    }
    found.into_parts(base, forced)
}

fn in_folder(folder: &Path, forced: Option<Format>) -> Result<Vec<Part>> {
    let mut found = Found::default();
    walk(folder, forced, &mut found)?;
    if found.paths.is_empty() {
        return Err(Error::file(folder, NO_DATA));
    }
    found.into_parts(Some(folder), forced)
}

/// Files and folders as they were found. What a link leads to a second time would count its rows twice, or a folder's without end.
#[derive(Default)]
struct Found {
    paths: Vec<PathBuf>,
    /// Without links.
    files: HashSet<PathBuf>,
    folders: HashSet<PathBuf>,
}

impl Found {
    fn add(&mut self, path: PathBuf) -> Result<()> {
        if self.files.insert(real(&path)?) {
            self.paths.push(path);
        }
        Ok(())
    }

    /// In the order of their names, so that every run reads the same rows in the same order.
    fn into_parts(mut self, base: Option<&Path>, forced: Option<Format>) -> Result<Vec<Part>> {
        self.paths.sort();
        self.paths.iter().map(|path| part(path, base, forced)).collect()
    }
}

/// All files of known formats below a folder, except what is hidden by a leading dot or underscore, as `_SUCCESS` and `_temporary` are.
fn walk(folder: &Path, forced: Option<Format>, found: &mut Found) -> Result<()> {
    if !found.folders.insert(real(folder)?) {
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::file(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    links_last(&mut paths);
    for path in paths.into_iter().filter(|path| !is_hidden(Path::new(path.file_name().unwrap_or_default()))) {
        if path.is_dir() {
            walk(&path, forced, found)?;
        } else if forced.is_some() || format_of(&path).is_some() {
            found.add(path)?;
        }
    }
    Ok(())
}

/// Sorts links behind what they may lead to: of a file's names its own counts, for the folders in it are columns.
fn links_last(paths: &mut [PathBuf]) {
    paths.sort_by_cached_key(|path| (path.ancestors().filter(|part| part.is_symlink()).count(), path.clone()));
}

/// Whether a path has a part that begins with a dot or an underscore.
pub fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(['.', '_']))
}

/// The path without links.
fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| Error::file(path, error))
}

fn part(path: &Path, base: Option<&Path>, forced: Option<Format>) -> Result<Part> {
    named_part(path, path, base, forced)
}

/// A file that is called something else than where it is.
pub fn named_part(name: &Path, path: &Path, base: Option<&Path>, forced: Option<Format>) -> Result<Part> {
    let format = forced
        .or_else(|| format_of(path))
        .ok_or_else(|| Error::file(name, "its name tells no format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc); say --input-format"))?;
    Ok(Part { name: name.to_owned(), path: path.to_owned(), format, partitions: partitions(path, base) })
}

/// The format by the name's end, if it tells one; `.gz` and `.zst` after a text format's end are for its reader.
pub fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let inner = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match inner.rsplit_once('.')?.1 {
        "csv" | "tsv" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ if inner.len() != name.len() => None,
        "parquet" | "pq" => Some(Format::Parquet),
        "arrow" | "feather" | "ipc" | "arrows" => Some(Format::Ipc),
        _ => None,
    }
}

/// Folders named `key=value` between the base and the file; values may hold `%` codes, and the agreed name for null is none.
fn partitions(path: &Path, base: Option<&Path>) -> Vec<(String, String)> {
    let below = base.and_then(|base| path.strip_prefix(base).ok()).unwrap_or(Path::new(""));
    let folders = below.parent().into_iter().flat_map(Path::components);
    folders.filter_map(|folder| folder.as_os_str().to_str()?.split_once('=').map(|(key, value)| (key.to_owned(), decode(value)))).collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_name() {
        let cases = [
            ("a.parquet", Some(Format::Parquet)),
            ("A.CSV", Some(Format::Csv)),
            ("a.csv.gz", Some(Format::Csv)),
            ("a.jsonl.zst", Some(Format::Ndjson)),
            ("a.feather", Some(Format::Ipc)),
            ("a.parquet.gz", None),
            ("a.txt", None),
            ("csv", None),
        ];
        for (name, format) in cases {
            assert_eq!(format_of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn folders_name_values() {
        let path = Path::new("data/key=not/year=2026/city=S%C3%A3o%20Paulo/part.parquet");
        let found = partitions(path, Some(Path::new("data/key=not")));
        assert_eq!(found, [("year".to_owned(), "2026".to_owned()), ("city".to_owned(), "São Paulo".to_owned())]);
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%zz"), "%zz");
    }
}
