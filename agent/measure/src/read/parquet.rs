//! Apache Parquet files: only the columns asked for are read, text as keys of the file's own dictionaries.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::canonical::kind_of;
use super::guard::guarded;
use super::{Error, Field, Kind, Result};

/// Rows in a batch: large enough that what each one costs is nothing, small enough to stay in the second cache.
const BATCH_ROWS: usize = 1 << 15;

/// A file whose footer was read.
pub struct Parquet {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    /// All columns, whatever they hold.
    pub fields: Vec<Field>,
    /// The number of rows by the footer.
    pub rows: u64,
}

impl Parquet {
    /// Reads the footer.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            return Err(Error::file(path, "the file is empty"));
        }
        guarded(path, || {
            let failed = |error: parquet::errors::ParquetError| Error::file(path, format_args!("not a readable Parquet file: {error}"));
            let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
            let schema = Schema::new(plain.schema().fields().iter().map(with_dictionary).collect::<Vec<_>>());
            let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options).map_err(failed)?;
            let fields = metadata.schema().fields().iter();
            let fields = fields.map(|field| Field { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
            let rows = u64::try_from(metadata.metadata().file_metadata().num_rows())
                .map_err(|_| Error::file(path, "the file is damaged (its number of rows is negative)"))?;
            Ok(Parquet { path: path.to_owned(), metadata, fields, rows })
        })
    }

    /// Reads some columns, in the order asked for.
    pub fn scan(&self, columns: &[usize], sink: &mut dyn FnMut(Vec<ArrayRef>, usize) -> Result<()>) -> Result<()> {
        let path = &self.path;
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        let order: Vec<usize> = columns.iter().map(|column| sorted.partition_point(|other| other < column)).collect();
        let failed = |error: &dyn std::fmt::Display| match columns {
            [one] => Error::column(path, &self.fields[*one].name, format_args!("the file is damaged ({error})")),
            _ => Error::file(path, format_args!("the file is damaged ({error})")),
        };
        let file = open(path)?;
        let mut reader = guarded(path, || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), sorted.iter().copied());
            builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|error| failed(&error))
        })?;
        let mut rows = 0;
        while let Some(batch) = guarded(path, || reader.next().transpose().map_err(|error| failed(&error)))? {
            rows += batch.num_rows() as u64;
            sink(order.iter().map(|&place| Arc::clone(batch.column(place))).collect(), batch.num_rows())?;
        }
        if rows != self.rows {
            return Err(failed(&format_args!("{rows} rows where its footer says {}", self.rows)));
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::file(path, error))
}

/// Text is asked for by dictionary keys: the values of a dictionary page are then made once, not once for each row.
fn with_dictionary(field: &FieldRef) -> FieldRef {
    match kind_of(field.data_type()) {
        Kind::Text => Arc::new(field.as_ref().clone().with_data_type(Kind::Text.arrow())),
        _ => Arc::clone(field),
    }
}
