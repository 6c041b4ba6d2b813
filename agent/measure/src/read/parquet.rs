//! Apache Parquet files: only the columns asked for are read, text as keys of the file's own dictionaries.
//!
//! As with Arrow's own files, the decoder believes what it reads: [`footer`] and [`pages`] hold every size against the file before it does.

mod delta;
mod footer;
mod pages;
mod thrift;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Type as PhysicalType;

use self::pages::Groups;
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
        let (mut file, size) = open(path)?;
        if size == 0 {
            return Err(Error::file(path, "the file is empty"));
        }
        guarded(path, || {
            let failed = |error: &dyn std::fmt::Display| Error::file(path, format_args!("not a readable Parquet file: {error}"));
            let footer = footer::read(&mut file, size).map_err(|error| failed(&error))?;
            let plain = ArrowReaderMetadata::try_new(Arc::new(footer), ArrowReaderOptions::new()).map_err(|error| failed(&error))?;
            let options = ArrowReaderOptions::new().with_schema(Arc::new(wished(&plain)));
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options).map_err(|error| failed(&error))?;
            let fields = metadata.schema().fields().iter();
            let fields = fields.map(|field| Field { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
            let rows = metadata.metadata().file_metadata().num_rows() as u64;
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
        let (file, size) = open(path)?;
        let mut reader = guarded(path, || {
            let metadata = Arc::clone(self.metadata.metadata());
            let schema = metadata.file_metadata().schema_descr_ptr();
            let mask = ProjectionMask::roots(&schema, sorted.iter().copied());
            let levels = parquet_to_arrow_field_levels(&schema, mask, Some(self.metadata.schema().fields())).map_err(|error| failed(&error))?;
            let groups = Groups::new(file, size, metadata);
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, BATCH_ROWS, None).map_err(|error| failed(&error))
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

/// The file and its size.
fn open(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let size = file.metadata().map_err(|error| Error::file(path, error))?.len();
    Ok((file, size))
}

/// The types that columns are asked for as. Text comes as dictionary keys: the values of a dictionary page are then made once, not once for
/// each row. Times of 96 bits come in microseconds: in nanoseconds they would end in 2262 and start again in 1677.
fn wished(file: &ArrowReaderMetadata) -> Schema {
    let columns = file.parquet_schema().root_schema().get_fields();
    let is_wide = |place: usize| columns.get(place).is_some_and(|column| column.is_primitive() && column.get_physical_type() == PhysicalType::INT96);
    let wish = |(place, field): (usize, &FieldRef)| match kind_of(field.data_type()) {
        Kind::Text => Arc::new(field.as_ref().clone().with_data_type(Kind::Text.arrow())),
        Kind::Time if is_wide(place) => Arc::new(field.as_ref().clone().with_data_type(Kind::Time.arrow())),
        _ => Arc::clone(field),
    };
    Schema::new(file.schema().fields().iter().enumerate().map(wish).collect::<Vec<_>>())
}
