//! The answer of a query, in a temporary file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::super::canonical::{kind_of, to_kind};
use super::super::files::{Files, Options};
use super::super::locate::{Format, Located, Part};
use super::super::spool::{Spool, not_written};
use super::super::{Error, Field, InputFile, Kind, Result, Sink, Source};
use super::{Asked, Query, Table};

/// The file in the spool.
const FILE: &str = "answer.parquet";
/// Rows that are gathered before they are written: few enough for wide tables, many enough for long runs of one column.
const GROUP_ROWS: usize = 1 << 17;

/// Writes an answer, batch by batch.
pub struct Writer {
    place: PathBuf,
    folder: PathBuf,
    fields: Vec<Field>,
    schema: SchemaRef,
    file: ArrowWriter<File>,
    rows: u64,
}

impl Writer {
    /// Starts a new file, in place of one that an earlier attempt left.
    ///
    /// # Errors
    /// Columns that are no window's, a folder that can't be written to.
    pub fn create(place: &str, schema: &Schema, spool: &Spool) -> Result<Self> {
        let wrong = |problem: &dyn std::fmt::Display| Error::file(Path::new(place), problem);
        let fields: Vec<Field> = schema.fields().iter().map(|field| Field { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
        if fields.is_empty() {
            return Err(wrong(&"the answer has no columns"));
        }
        for (at, field) in fields.iter().enumerate() {
            if fields[..at].iter().any(|other| other.name == field.name) {
                return Err(wrong(&format_args!("the answer has two columns named `{}`; give one of them another name with AS", field.name)));
            }
        }
        let stored = Schema::new(fields.iter().map(|field| ArrowField::new(&field.name, stored_type(field.kind), true)).collect::<Vec<_>>());
        let stored = Arc::new(stored);
        let file = File::create(spool.path().join(FILE)).map_err(|error| wrong(&not_written(spool.path(), &error)))?;
        let file = ArrowWriter::try_new(file, Arc::clone(&stored), Some(properties(&fields))).map_err(|error| wrong(&error))?;
        Ok(Writer { place: PathBuf::from(place), folder: spool.path().to_owned(), fields, schema: stored, file, rows: 0 })
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().zip(&self.fields);
        let stored = |(column, field): (&ArrayRef, &Field)| {
            let made = match field.kind {
                Kind::Text => arrow_cast::cast(column, &stored_type(field.kind)),
                kind => to_kind(column, kind),
            };
            made.map_err(|error| Error::column(&self.place, &field.name, error))
        };
        let columns: Vec<ArrayRef> = columns.map(stored).collect::<Result<_>>()?;
        let wrong = |problem: &dyn std::fmt::Display| Error::file(&self.place, problem);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| wrong(&error))?;
        self.rows += batch.num_rows() as u64;
        self.file.write(&batch).map_err(|error| self.failed(error))
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file; the columns are what the answer holds.
    pub fn finish(mut self) -> Result<Vec<Field>> {
        self.file.finish().map_err(|error| self.failed(error))?;
        Ok(self.fields)
    }

    fn failed(&self, error: parquet::errors::ParquetError) -> Error {
        let problem = match &error {
            parquet::errors::ParquetError::External(inner) => match inner.downcast_ref::<std::io::Error>() {
                Some(error) => not_written(&self.folder, error),
                None => error.to_string(),
            },
            _ => error.to_string(),
        };
        Error::file(&self.place, problem)
    }
}

/// Text as it comes, everything else as sources deliver it.
fn stored_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8View,
        kind => kind.arrow(),
    }
}

/// What costs least to write and to read once: no compression, no statistics, dictionaries for text only.
fn properties(fields: &[Field]) -> WriterProperties {
    let start = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_enabled(false);
    let texts = fields.iter().filter(|field| field.kind == Kind::Text);
    texts.fold(start, |builder, field| builder.set_column_dictionary_enabled(ColumnPath::from(vec![field.name.clone()]), true)).build()
}

/// A source of an answer's rows.
pub struct Answer {
    name: String,
    asked: Asked,
    fields: Vec<Field>,
    inputs: Vec<InputFile>,
    file: Files,
}

impl Answer {
    /// Reads what was written; the spool goes with the answer.
    ///
    /// # Errors
    /// A file that can't be read again.
    pub fn open(query: &Query, asked: Asked, fields: Vec<Field>, tables: &[Table], spool: Spool) -> Result<Self> {
        let file = query.file.as_ref().map_or_else(|| "query".to_owned(), |file| file.display().to_string());
        let names: Vec<&str> = asked.tables.iter().map(|table| table.name.as_str()).collect();
        let name = if names.is_empty() { file } else { format!("{file} over {}", names.join(", ")) };
        let read = tables.iter().filter(|table| names.contains(&table.name.as_str()));
        let inputs = read.flat_map(|table| table.source.inputs()).cloned().collect();
        let part = Part { name: PathBuf::from(&name), path: spool.path().join(FILE), format: Format::Parquet, partitions: Vec::new() };
        let located = Located { parts: vec![part], keep: Some(Box::new(spool)) };
        let file = Files::of(&name, located, &Options::default())?;
        Ok(Answer { name, asked, fields, inputs, file })
    }
}

impl Source for Answer {
    fn name(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn rows(&self) -> Option<u64> {
        self.file.rows()
    }

    fn is_columnar(&self) -> bool {
        true
    }

    fn scan(&self, columns: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        self.file.scan(columns, sink)
    }

    fn inputs(&self) -> &[InputFile] {
        &self.inputs
    }

    fn asked(&self) -> Option<&Asked> {
        Some(&self.asked)
    }
}
