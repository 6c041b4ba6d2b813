//! Files as one table: the rows of the first, then those of the second, and so on.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::{ArrayRef, NullArray};

use super::canonical::to_kind;
use super::infer::{Cell, Seen};
use super::ipc::Ipc;
use super::locate::{Located, Part, locate};
use super::parquet::Parquet;
use super::rows::{Gather, constant, too_many_columns};
use super::store::{Progress, fetch, is_address};
use super::{Batch, Error, Field, Format, InputFile, Kind, MOST_COLUMNS, Result, Sink, Source, csv, meter, ndjson};

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The format, whatever the names say.
    pub format: Option<Format>,
    /// The delimiter of CSV; otherwise the one that the header line has most of.
    pub delimiter: Option<u8>,
    /// Rows of each text file that its columns' kinds are inferred from; all by default.
    pub infer_rows: Option<u64>,
    /// Where temporary folders are made; otherwise where the system keeps temporary files.
    pub spool: Option<PathBuf>,
}

/// A table of one or more files.
pub struct Files {
    name: String,
    options: Options,
    fields: Vec<Field>,
    parts: Vec<Opened>,
    inputs: Vec<InputFile>,
    rows: Option<u64>,
    /// The folder that objects were fetched into.
    _keep: Option<Box<dyn std::any::Any + Send + Sync>>,
}

/// One file, looked at.
struct Opened {
    part: Part,
    stamp: Stamp,
    /// What the file itself has.
    reader: Reader,
}

/// What tells a file from one that was written since: its size and its time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>);

impl Stamp {
    fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| Error::file(path, error))?;
        Ok(Stamp(metadata.len(), metadata.modified().ok()))
    }

    fn check(self, path: &Path) -> Result<()> {
        if Stamp::of(path)? == self { Ok(()) } else { Err(Error::file(path, "the file changed while it was read")) }
    }
}

enum Reader {
    Parquet(Parquet),
    Ipc(Ipc),
    /// CSV or NDJSON: names, what was seen, and the number of rows if all were looked at.
    Text(HashMap<String, Seen>, Option<u64>),
}

/// The folder name that stands for no value.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

impl Files {
    /// Finds the files and looks at their columns.
    ///
    /// # Errors
    /// What `locate` and the formats' readers find wrong, and columns that hold different things in different files.
    pub fn open(name: &str, options: &Options) -> Result<Self> {
        Self::open_showing(name, options, &mut |_| ())
    }

    /// The same, and shows how far it is with objects that are fetched from a store.
    ///
    /// # Errors
    /// As [`Files::open`], and what the store refuses.
    pub fn open_showing(name: &str, options: &Options, show: &mut dyn FnMut(Progress<'_>)) -> Result<Self> {
        let located = if is_address(name) {
            fetch(name, options.format, options.spool.as_deref(), show)?
        } else {
            Located { parts: locate(name, options.format)?, keep: None }
        };
        Self::of(name, located, options)
    }

    /// The table of files that were found.
    pub(super) fn of(name: &str, located: Located, options: &Options) -> Result<Self> {
        let mut columns = Columns::default();
        let mut parts = Vec::new();
        for part in located.parts {
            let stamp = Stamp::of(&part.path)?;
            let reader = open(&part, options, &mut columns).map_err(|error| error.renamed(&part.path, &part.name))?;
            parts.push(Opened { part, stamp, reader });
        }
        for opened in &parts {
            for (key, value) in &opened.part.partitions {
                columns.note_word(key, Some(value.as_str()).filter(|value| *value != NULL_FOLDER));
            }
        }
        if columns.names.len() > MOST_COLUMNS {
            return Err(too_many_columns(Path::new(name)));
        }
        let fields = columns.finish()?;
        let inputs = parts.iter().map(|Opened { part, .. }| InputFile { name: part.name.clone(), path: part.path.clone() }).collect();
        let rows = parts.iter().map(Opened::rows).sum();
        Ok(Files { name: name.to_owned(), options: options.clone(), fields, parts, inputs, rows, _keep: located.keep })
    }

    /// Reads a file as it was when it was opened, or fails: columns read one after another would else be of different rows.
    fn scan_part(&self, opened: &Opened, fields: &[&Field], sink: &mut Sink<'_>) -> Result<()> {
        let scanned = self.scan_content(opened, fields, sink);
        // What went wrong in a file that someone is writing is not worth telling.
        opened.stamp.check(&opened.part.path).and(scanned)
    }

    fn scan_content(&self, opened: &Opened, fields: &[&Field], sink: &mut Sink<'_>) -> Result<()> {
        let mut sources = Vec::with_capacity(fields.len());
        let mut wanted = Vec::new();
        for field in fields {
            sources.push(opened.source_of(field, &mut wanted, self)?);
        }
        let (path, name) = (&opened.part.path, &opened.part.name);
        let mut deliver = |read: Vec<ArrayRef>, rows: usize| {
            meter::add_rows(rows as u64);
            let columns: Result<Vec<ArrayRef>> = sources
                .iter()
                .zip(fields)
                .map(|(source, field)| match source {
                    Origin::File(place) => to_kind(&read[*place], field.kind).map_err(|error| Error::column(name, &field.name, error)),
                    Origin::Nothing => Ok(Arc::new(NullArray::new(rows)) as ArrayRef),
                    Origin::Folder(word) => constant(field.kind, word.as_deref(), rows)
                        .ok_or_else(|| Error::column(name, &field.name, "the value in the folder's name is of another kind than the others")),
                })
                .collect();
            sink(Batch { columns: columns?, rows })
        };
        let scanned = match &opened.reader {
            Reader::Parquet(parquet) if wanted.is_empty() => blank(parquet.rows, &mut deliver),
            Reader::Parquet(parquet) => parquet.scan(&wanted, &mut deliver),
            Reader::Ipc(ipc) if wanted.is_empty() => blank(ipc.rows, &mut deliver),
            Reader::Ipc(ipc) => ipc.scan(&wanted, &mut deliver),
            Reader::Text(..) => {
                let read: Vec<&Field> = wanted.iter().map(|&place| &self.fields[place]).collect();
                let mut hand_on = |batch: Batch| deliver(batch.columns, batch.rows);
                let mut gather = Gather::new(path, read.clone(), &mut hand_on);
                match opened.part.format {
                    Format::Ndjson => ndjson::scan(path, &read, &mut gather),
                    _ => csv::scan(path, self.options.delimiter, &read, &mut gather),
                }
            }
        };
        scanned.map_err(|error| error.renamed(path, name))
    }
}

impl Source for Files {
    fn name(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn is_columnar(&self) -> bool {
        !self.parts.iter().any(|opened| matches!(opened.reader, Reader::Text(..)))
    }

    fn scan(&self, columns: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let fields: Vec<&Field> = columns.iter().map(|&column| &self.fields[column]).collect();
        self.parts.iter().try_for_each(|opened| self.scan_part(opened, &fields, sink))
    }

    fn inputs(&self) -> &[InputFile] {
        &self.inputs
    }
}

/// Where a part's column comes from.
enum Origin {
    /// From the file, at this place among those read.
    File(usize),
    /// The same word in every row.
    Folder(Option<String>),
    /// Nothing is known of it.
    Nothing,
}

impl Opened {
    fn rows(&self) -> Option<u64> {
        match &self.reader {
            Reader::Parquet(parquet) => Some(parquet.rows),
            Reader::Ipc(ipc) => Some(ipc.rows),
            Reader::Text(_, rows) => *rows,
        }
    }

    /// Where the column is; adds its place in the file to those to be read. For text files that is its place in the table.
    fn source_of(&self, field: &Field, wanted: &mut Vec<usize>, files: &Files) -> Result<Origin> {
        if let Some((_, word)) = self.part.partitions.iter().find(|(key, _)| *key == field.name) {
            return Ok(Origin::Folder(Some(word.clone()).filter(|word| word != NULL_FOLDER)));
        }
        // Where only the first rows were looked at, values may come after those without.
        let is_known = !matches!(self.reader, Reader::Text(_, None));
        if field.kind == Kind::Other || (field.kind == Kind::Empty && is_known) {
            return Ok(Origin::Nothing);
        }
        let place = match &self.reader {
            Reader::Parquet(parquet) => parquet.fields.iter().position(|other| other.name == field.name),
            Reader::Ipc(ipc) => ipc.fields.iter().position(|other| other.name == field.name),
            // An object may lack a name: that is no value. A line of CSV has all columns of its header.
            Reader::Text(..) if self.part.format == Format::Ndjson => files.position(&field.name),
            Reader::Text(names, _) => files.position(&field.name).filter(|_| names.contains_key(&field.name)),
        };
        let Some(place) = place else {
            return Err(Error::column(&self.part.name, &field.name, "the file lacks this column, which others of the window have"));
        };
        wanted.push(place);
        Ok(Origin::File(wanted.len() - 1))
    }
}

fn open(part: &Part, options: &Options, columns: &mut Columns) -> Result<Reader> {
    let (path, name) = (&part.path, &part.name);
    Ok(match part.format {
        Format::Parquet => {
            let parquet = Parquet::open(path)?;
            columns.note_fields(name, &parquet.fields)?;
            Reader::Parquet(parquet)
        }
        Format::Ipc => {
            let ipc = Ipc::open(path)?;
            columns.note_fields(name, &ipc.fields)?;
            Reader::Ipc(ipc)
        }
        Format::Csv | Format::Ndjson => {
            let inferred = match part.format {
                Format::Csv => csv::infer(path, options.delimiter, options.infer_rows)?,
                _ => ndjson::infer(path, options.infer_rows)?,
            };
            for (column, seen) in &inferred.columns {
                columns.note_seen(column, *seen, Some(name));
            }
            Reader::Text(inferred.columns.into_iter().collect(), inferred.is_whole.then_some(inferred.rows))
        }
    })
}

/// Batches of rows without any column, for what is known of a file without reading it.
fn blank(rows: u64, deliver: &mut dyn FnMut(Vec<ArrayRef>, usize) -> Result<()>) -> Result<()> {
    const ROWS: u64 = 1 << 16;
    (0..rows.div_ceil(ROWS)).try_for_each(|batch| deliver(Vec::new(), (rows - batch * ROWS).min(ROWS) as usize))
}

/// The columns of all files together.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    found: HashMap<String, Found>,
}

#[derive(Default)]
struct Found {
    /// What typed files say, and the first that said so.
    kind: Option<(Kind, PathBuf)>,
    /// What text files and folder names hold.
    seen: Option<Seen>,
    text_file: PathBuf,
}

impl Columns {
    fn entry(&mut self, name: &str) -> &mut Found {
        if !self.found.contains_key(name) {
            self.names.push(name.to_owned());
        }
        self.found.entry(name.to_owned()).or_default()
    }

    fn note_fields(&mut self, path: &Path, fields: &[Field]) -> Result<()> {
        if fields.len() > MOST_COLUMNS {
            return Err(too_many_columns(path));
        }
        let mut names = HashSet::new();
        for field in fields {
            if !names.insert(field.name.as_str()) {
                return Err(Error::file(path, format_args!("it has two columns named `{}`", field.name)));
            }
            let found = self.entry(&field.name);
            let kind = match found.kind.take() {
                None => (field.kind, path.to_owned()),
                Some((kind, first)) => {
                    let both = joined(kind, field.kind).ok_or_else(|| conflict(path, &field.name, field.kind, kind, &first))?;
                    (both, first)
                }
            };
            found.kind = Some(kind);
        }
        Ok(())
    }

    fn note_seen(&mut self, name: &str, seen: Seen, path: Option<&Path>) {
        let found = self.entry(name);
        found.seen.get_or_insert_default().merge(seen);
        if let Some(path) = path {
            found.text_file = path.to_owned();
        }
    }

    fn note_word(&mut self, name: &str, word: Option<&str>) {
        let mut seen = Seen::default();
        seen.note(&word.map_or(Cell::Null, Cell::Word));
        self.note_seen(name, seen, None);
    }

    fn finish(mut self) -> Result<Vec<Field>> {
        let field = |name: String| {
            let found = self.found.remove(&name).unwrap_or_default();
            let kind = match (found.kind, found.seen.map(Seen::kind)) {
                (Some((kind, first)), Some(seen)) => joined(kind, seen).ok_or_else(|| conflict(&found.text_file, &name, seen, kind, &first))?,
                (kind, seen) => kind.map(|(kind, _)| kind).or(seen).unwrap_or(Kind::Empty),
            };
            Ok(Field { name, kind })
        };
        std::mem::take(&mut self.names).into_iter().map(field).collect()
    }
}

fn conflict(path: &Path, name: &str, kind: Kind, other: Kind, first: &Path) -> Error {
    Error::column(path, name, format_args!("{} here, {} in {}", kind.name(), other.name(), first.display()))
}

/// The kind that holds both.
fn joined(a: Kind, b: Kind) -> Option<Kind> {
    match (a, b) {
        _ if a == b => Some(a),
        (Kind::Empty, kind) | (kind, Kind::Empty) => Some(kind),
        (Kind::Integer, Kind::Number) | (Kind::Number, Kind::Integer) => Some(Kind::Number),
        (Kind::Date, Kind::Time) | (Kind::Time, Kind::Date) => Some(Kind::Time),
        _ => None,
    }
}
