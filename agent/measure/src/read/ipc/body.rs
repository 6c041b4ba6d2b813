//! The body of a message: which bytes belong to which column, whether they can be what they claim, and reading those that are wanted.

use std::ops::Range;

use arrow_buffer::Buffer;
use arrow_ipc::{Buffer as Place, MetadataVersion, RecordBatch as Header};
use arrow_schema::{DataType, Schema, UnionMode};

use super::Checked;
use super::messages::{Message, Messages};

/// The tightest that anything is packed: Zstandard writes 128 KiB of one byte as 4 bytes. LZ4 stays below 256 to one.
const TIGHTEST: u64 = 1 << 15;
/// Before a packed buffer stands its length, or this where it is not packed after all.
const NOT_PACKED: i64 = -1;
const PREFIX: usize = 8;
/// Shorter bodies are read whole: what more calls cost is more than what they spare.
const SHORT: u64 = 1 << 16;

/// Columns of a batch.
pub struct Wanted<'a> {
    pub schema: &'a Schema,
    pub header: Header<'a>,
    pub version: MetadataVersion,
    pub columns: &'a [usize],
}

/// The lists of a batch that belong to one column.
struct Span {
    nodes: Range<usize>,
    buffers: Range<usize>,
}

/// Reads what the wanted columns need of a body, into its place; the rest is zero and takes no memory.
pub fn read_body(messages: &mut Messages, message: &Message, wanted: &Wanted<'_>) -> Checked<Buffer> {
    let length = message.body.end - message.body.start;
    let places = places(wanted, length)?;
    let size = afford(length)?;
    // A plain list: the system gives its zeros when they are touched, which it does not for memory that must be aligned.
    let mut body = vec![0; size];
    if length <= SHORT {
        messages.read(message.body.start, &mut body)?;
    } else {
        for place in &places {
            messages.read(message.body.start + place.start as u64, &mut body[place.clone()])?;
        }
    }
    if wanted.header.compression().is_some() {
        places.iter().filter(|place| !place.is_empty()).try_for_each(|place| check_packed(&body[place.clone()]))?;
    }
    Ok(Buffer::from_vec(body))
}

/// Where the buffers of the wanted columns are, all within the body.
fn places(wanted: &Wanted<'_>, length: u64) -> Checked<Vec<Range<usize>>> {
    let header = &wanted.header;
    let nodes = header.nodes().ok_or("a batch lists no lengths")?;
    let buffers = header.buffers().ok_or("a batch lists no buffers")?;
    let spans = spans(wanted)?;
    let last = spans.last().map_or((0, 0), |span| (span.nodes.end, span.buffers.end));
    if last != (nodes.len(), buffers.len()) {
        return Err(format!("a batch has {} columns and {} buffers where the schema has {} and {}", nodes.len(), buffers.len(), last.0, last.1));
    }
    let is_whole = |span: &Span| nodes.get(span.nodes.start).length() == header.length();
    if header.length() < 0 || !spans.iter().all(is_whole) {
        return Err(format!("a column is not as long as its batch of {} rows", header.length()));
    }
    let mut places = Vec::new();
    for span in wanted.columns.iter().map(|&column| &spans[column]) {
        for node in span.nodes.clone().map(|at| nodes.get(at)) {
            if !(0..=node.length()).contains(&node.null_count()) {
                return Err(format!("a column has {} rows, {} of them null", node.length(), node.null_count()));
            }
        }
        for at in span.buffers.clone() {
            places.push(place(buffers.get(at), length).ok_or("a buffer lies outside of its batch")?);
        }
    }
    Ok(places)
}

fn place(buffer: &Place, length: u64) -> Option<Range<usize>> {
    let start = u64::try_from(buffer.offset()).ok()?;
    let end = start.checked_add(u64::try_from(buffer.length()).ok()?).filter(|&end| end <= length)?;
    Some(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Holds the length that a packed buffer claims against what could have been packed into it.
fn check_packed(bytes: &[u8]) -> Checked<()> {
    let (prefix, packed) = bytes.split_first_chunk::<PREFIX>().ok_or("a packed buffer without its length")?;
    match i64::from_le_bytes(*prefix) {
        NOT_PACKED => Ok(()),
        length => {
            let length = u64::try_from(length).ok().filter(|length| *length <= packed.len() as u64 * TIGHTEST);
            afford(length.ok_or("a packed buffer claims to hold more than it can")?).map(drop)
        }
    }
}

/// The same number if so much memory can be had: the decoder ends the process where it can't.
fn afford(length: u64) -> Checked<usize> {
    let size = usize::try_from(length).ok().filter(|&size| Vec::<u8>::new().try_reserve_exact(size).is_ok());
    size.ok_or_else(|| format!("{length} bytes are more than there is memory for"))
}

/// The lists' places for each column of the schema.
fn spans(wanted: &Wanted<'_>) -> Checked<Vec<Span>> {
    let mut views = wanted.header.variadicBufferCounts().into_iter().flatten();
    let mut counts = Counts { nodes: 0, buffers: 0, version: wanted.version, views: &mut views };
    let mut spans = Vec::with_capacity(wanted.schema.fields().len());
    for field in wanted.schema.fields() {
        let (nodes, buffers) = (counts.nodes, counts.buffers);
        counts.add(field.data_type())?;
        spans.push(Span { nodes: nodes..counts.nodes, buffers: buffers..counts.buffers });
    }
    Ok(spans)
}

/// Walks the schema and counts how much of a batch's lists each type takes (Arrow columnar format, "Buffer Listing for Each Layout").
struct Counts<'a> {
    nodes: usize,
    buffers: usize,
    version: MetadataVersion,
    /// How many buffers of text each column of views has.
    views: &'a mut dyn Iterator<Item = i64>,
}

impl Counts<'_> {
    fn add(&mut self, data_type: &DataType) -> Checked<()> {
        self.nodes += 1;
        self.buffers += match data_type {
            DataType::Null | DataType::RunEndEncoded(..) => 0,
            DataType::FixedSizeList(..) | DataType::Struct(_) => 1,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => 3,
            DataType::ListView(_) | DataType::LargeListView(_) => 3,
            DataType::Utf8View | DataType::BinaryView => {
                let more = self.views.next().and_then(|count| u32::try_from(count).ok());
                2 + more.ok_or("a column of views does not say how many buffers it has")? as usize
            }
            DataType::Union(_, mode) => 1 + usize::from(self.version < MetadataVersion::V5) + usize::from(*mode == UnionMode::Dense),
            _ => 2,
        };
        match data_type {
            DataType::List(inner) | DataType::LargeList(inner) | DataType::Map(inner, _) | DataType::FixedSizeList(inner, _) => self.add(inner.data_type()),
            DataType::ListView(inner) | DataType::LargeListView(inner) => self.add(inner.data_type()),
            DataType::Struct(fields) => fields.iter().try_for_each(|field| self.add(field.data_type())),
            DataType::Union(fields, _) => fields.iter().try_for_each(|(_, field)| self.add(field.data_type())),
            DataType::RunEndEncoded(ends, values) => self.add(ends.data_type()).and_then(|()| self.add(values.data_type())),
            _ => Ok(()),
        }
    }
}
