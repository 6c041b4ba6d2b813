//! Arrow IPC: files and streams, Feather version 2.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::canonical::kind_of;
use super::guard::guarded;
use super::{Error, Field, Result};

/// A file whose schema was read.
pub struct Ipc {
    path: PathBuf,
    /// All columns, whatever they hold.
    pub fields: Vec<Field>,
}

/// Batches of either form.
enum Batches {
    File(FileReader<BufReader<File>>),
    Stream(StreamReader<BufReader<File>>),
}

impl Ipc {
    /// Reads the schema.
    pub fn open(path: &Path) -> Result<Self> {
        let schema = batches(path, None)?.schema();
        let fields = schema.fields().iter().map(|field| Field { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
        Ok(Ipc { path: path.to_owned(), fields })
    }

    /// Reads some columns, in the order asked for.
    pub fn scan(&self, columns: &[usize], sink: &mut dyn FnMut(Vec<ArrayRef>, usize) -> Result<()>) -> Result<()> {
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        let order: Vec<usize> = columns.iter().map(|column| sorted.partition_point(|other| other < column)).collect();
        let mut batches = batches(&self.path, Some(sorted))?;
        while let Some(batch) = guarded(&self.path, || batches.next().map_err(|error| damaged(&self.path, &error)))? {
            sink(order.iter().map(|&place| Arc::clone(batch.column(place))).collect(), batch.num_rows())?;
        }
        Ok(())
    }
}

impl Batches {
    fn schema(&self) -> SchemaRef {
        match self {
            Batches::File(reader) => reader.schema(),
            Batches::Stream(reader) => reader.schema(),
        }
    }

    fn next(&mut self) -> std::result::Result<Option<RecordBatch>, ArrowError> {
        match self {
            Batches::File(reader) => reader.next().transpose(),
            Batches::Stream(reader) => reader.next().transpose(),
        }
    }
}

fn batches(path: &Path, projection: Option<Vec<usize>>) -> Result<Batches> {
    let failed = |error: std::io::Error| Error::file(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = [0; 6];
    let read = file.read(&mut magic).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    if read == 0 {
        return Err(Error::file(path, "the file is empty"));
    }
    guarded(path, || {
        let file = BufReader::new(file);
        let batches = match &magic {
            b"ARROW1" => FileReader::try_new(file, projection).map(Batches::File),
            _ => StreamReader::try_new(file, projection).map(Batches::Stream),
        };
        batches.map_err(|error| Error::file(path, format_args!("not a readable Arrow IPC file: {error}")))
    })
}

fn damaged(path: &Path, error: &ArrowError) -> Error {
    Error::file(path, format_args!("the file is damaged ({error})"))
}
