//! Arrow IPC: files and streams, Feather version 2.
//!
//! Arrow's own decoder believes what a file says of itself: one wrong byte and it asks for more memory than there is, which ends the process.
//! So messages are found here ([`messages`]) and their buffers held against the file ([`body`]) before it decodes anything. That also makes
//! columns readable one by one: only the bytes of those that are wanted are read.

mod body;
mod messages;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{DictionaryBatch, MessageHeader, MetadataVersion, RecordBatch as Header};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};

use self::body::{Wanted, read_body};
use self::messages::{Message, Messages};
use super::canonical::kind_of;
use super::guard::guarded;
use super::{Error, Field, Result};

/// A file whose schema and messages were looked at.
pub struct Ipc {
    path: PathBuf,
    /// All columns, whatever they hold.
    pub fields: Vec<Field>,
    /// The number of rows by the messages.
    pub rows: u64,
}

/// What is wrong; the caller knows the file.
type Problem = String;
type Checked<T> = std::result::Result<T, Problem>;

impl Ipc {
    /// Reads the schema and the heads of all messages.
    pub fn open(path: &Path) -> Result<Self> {
        let unreadable = |problem: Problem| Error::file(path, format_args!("not a readable Arrow IPC file: {problem}"));
        let mut opened = open(path, unreadable)?;
        let names = opened.schema.fields().iter();
        let fields = names.map(|field| Field { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
        let mut rows = 0_u64;
        guarded(path, || {
            while let Some(message) = opened.messages.next().map_err(|problem| damaged(path, &problem))? {
                rows += message.rows().map_err(|problem| damaged(path, &problem))?;
            }
            Ok(())
        })?;
        Ok(Ipc { path: path.to_owned(), fields, rows })
    }

    /// Reads some columns, in the order asked for.
    pub fn scan(&self, columns: &[usize], sink: &mut dyn FnMut(Vec<ArrayRef>, usize) -> Result<()>) -> Result<()> {
        let failed = |problem: Problem| match columns {
            [one] => Error::column(&self.path, &self.fields[*one].name, format_args!("the file is damaged ({problem})")),
            _ => damaged(&self.path, &problem),
        };
        let mut scan = Scan::new(open(&self.path, failed)?, columns);
        while let Some((arrays, rows)) = guarded(&self.path, || scan.next().map_err(failed))? {
            sink(arrays, rows)?;
        }
        Ok(())
    }
}

/// A file at its first message after the schema.
struct Opened {
    schema: SchemaRef,
    messages: Messages,
}

fn open(path: &Path, failed: impl Fn(Problem) -> Error) -> Result<Opened> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let size = file.metadata().map_err(|error| Error::file(path, error))?.len();
    if size == 0 {
        return Err(Error::file(path, "the file is empty"));
    }
    guarded(path, || messages::open(file, size).map(|(schema, messages)| Opened { schema, messages }).map_err(failed))
}

fn damaged(path: &Path, problem: &str) -> Error {
    Error::file(path, format_args!("the file is damaged ({problem})"))
}

/// Some columns on their way from the first batch to the last.
struct Scan {
    opened: Opened,
    columns: Vec<usize>,
    /// The dictionaries that the columns need, and those read so far.
    needed: HashSet<i64>,
    dictionaries: HashMap<i64, ArrayRef>,
}

impl Scan {
    fn new(opened: Opened, columns: &[usize]) -> Self {
        let mut needed = HashSet::new();
        columns.iter().for_each(|&column| dictionaries_of(opened.schema.field(column), &mut needed));
        Scan { opened, columns: columns.to_vec(), needed, dictionaries: HashMap::new() }
    }

    fn next(&mut self) -> Checked<Option<(Vec<ArrayRef>, usize)>> {
        while let Some(message) = self.opened.messages.next()? {
            let parsed = message.parsed()?;
            let version = parsed.version();
            match parsed.header_type() {
                MessageHeader::RecordBatch => {
                    let header = parsed.header_as_record_batch().ok_or("a batch without its head")?;
                    return self.batch(&message, header, version).map(Some);
                }
                MessageHeader::DictionaryBatch => {
                    let header = parsed.header_as_dictionary_batch().ok_or("a dictionary without its head")?;
                    self.dictionary(&message, header, version)?;
                }
                _ => return Err("a message that is neither a batch nor a dictionary".to_owned()),
            }
        }
        Ok(None)
    }

    fn batch(&mut self, message: &Message, header: Header<'_>, version: MetadataVersion) -> Checked<(Vec<ArrayRef>, usize)> {
        let schema = &self.opened.schema;
        let body = read_body(&mut self.opened.messages, message, &Wanted { schema, header, version, columns: &self.columns })?;
        let batch = read_record_batch(&body, header, schema.clone(), &self.dictionaries, Some(&self.columns), &version);
        let batch = batch.map_err(|error| error.to_string())?;
        Ok((batch.columns().to_vec(), batch.num_rows()))
    }

    fn dictionary(&mut self, message: &Message, header: DictionaryBatch<'_>, version: MetadataVersion) -> Checked<()> {
        let id = header.id();
        if !self.needed.contains(&id) {
            return Ok(());
        }
        if !header.isDelta() && self.dictionaries.contains_key(&id) && self.opened.messages.is_file() {
            // A file's dictionaries are read before its batches, so the last would stand for all.
            return Err(format!("it has dictionary {id} twice"));
        }
        let schema = &self.opened.schema;
        let values = value_schema(schema, id).ok_or_else(|| format!("dictionary {id} belongs to no column"))?;
        let batch = header.data().ok_or("a dictionary without values")?;
        let body = read_body(&mut self.opened.messages, message, &Wanted { schema: &values, header: batch, version, columns: &[0] })?;
        read_dictionary(&body, header, schema, &mut self.dictionaries, &version).map_err(|error| error.to_string())
    }
}

/// The numbers of the dictionaries that a column is made of, at any depth.
fn dictionaries_of(field: &ArrowField, found: &mut HashSet<i64>) {
    match field.data_type() {
        DataType::Dictionary(..) => found.extend(dictionary_id(field)),
        DataType::RunEndEncoded(_, values) => dictionaries_of(values, found),
        // Nothing else with parts is ever wanted.
        _ => {}
    }
}

/// The values of a dictionary as a table of one column.
fn value_schema(schema: &Schema, id: i64) -> Option<Schema> {
    let values = schema.fields().iter().find_map(|field| match field.data_type() {
        DataType::Dictionary(_, values) if dictionary_id(field) == Some(id) => Some(values.as_ref().clone()),
        DataType::RunEndEncoded(_, inner) if dictionary_id(inner) == Some(id) => match inner.data_type() {
            DataType::Dictionary(_, values) => Some(values.as_ref().clone()),
            _ => None,
        },
        _ => None,
    })?;
    Some(Schema::new(vec![ArrowField::new("", values, true)]))
}

#[expect(deprecated, reason = "the number is the only link between a dictionary's message and its columns; Arrow's own readers use it too")]
fn dictionary_id(field: &ArrowField) -> Option<i64> {
    field.dict_id()
}
