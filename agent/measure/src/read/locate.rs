//! From what the user names (a file, a glob, a folder) to files, their formats and the values in their folders' names.

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
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// `key=value` folders above it, outermost first; below the folder that was named.
    pub partitions: Vec<(String, String)>,
}

/// Finds the files. `forced` is the format whatever the names say.
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
        return Err(Error::file(path, format_args!("`{scheme}` addresses can't be read; name files of this machine")));
    }
    if !named.contains(['*', '?', '[']) {
        return Err(Error::file(path, "there is no such file or folder"));
    }
    matching(named, forced)
}

fn matching(pattern: &str, forced: Option<Format>) -> Result<Vec<Part>> {
    let wrong = |problem: String| Error::file(Path::new(pattern), problem);
    let paths = glob::glob(pattern).map_err(|error| wrong(format!("this is no pattern: {}", error.msg)))?;
    // Partitions count below what comes before the first wildcard.
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    let base = fixed.rfind('/').map(|end| Path::new(&fixed[..end]));
    let mut parts = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::file(error.path(), error.error()))?;
        if path.is_file() {
            parts.push(part(&path, base, forced)?);
        }
    }
    if parts.is_empty() {
        return Err(wrong("the pattern matches no file".to_owned()));
    }
    Ok(parts)
}

fn in_folder(folder: &Path, forced: Option<Format>) -> Result<Vec<Part>> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.retain(|path| forced.is_some() || format_of(path).is_some());
    if paths.is_empty() {
        return Err(Error::file(folder, "the folder holds no file of a known format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc)"));
    }
    // In the order of their names, so that every run reads the same rows in the same order.
    paths.sort();
    paths.iter().map(|path| part(path, Some(folder), forced)).collect()
}

/// All files below a folder, except what is hidden by a leading dot or underscore, as `_SUCCESS` and `_temporary` are.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error: std::io::Error| Error::file(folder, error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn part(path: &Path, base: Option<&Path>, forced: Option<Format>) -> Result<Part> {
    let format = forced
        .or_else(|| format_of(path))
        .ok_or_else(|| Error::file(path, "its name tells no format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc); say --input-format"))?;
    Ok(Part { path: path.to_owned(), format, partitions: partitions(path, base) })
}

/// The format by the name's end; `.gz` and `.zst` after a text format's end are for its reader.
fn format_of(path: &Path) -> Option<Format> {
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
