//! The messages of an Arrow IPC file or stream, each held against the size of the file before memory is taken for it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::{Block, MessageHeader, Schema as Packed, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;

use super::Checked;

/// The first and last bytes of a file; what starts otherwise is a stream.
const MAGIC: &[u8; 6] = b"ARROW1";
/// The length of a footer and the magic.
const TRAILER: u64 = 10;
/// What may stand before a message's length.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Messages one after another: those of a file as its footer lists them, dictionaries first; those of a stream as they come.
pub struct Messages {
    file: File,
    size: u64,
    form: Form,
}

enum Form {
    File(std::vec::IntoIter<Block>),
    /// Where the next message starts.
    Stream(u64),
}

/// One message: its head, and where its body is.
pub struct Message {
    head: Vec<u8>,
    /// Bytes of the file.
    pub body: Range<u64>,
}

impl Message {
    /// What the head says.
    pub fn parsed(&self) -> Checked<arrow_ipc::Message<'_>> {
        root_as_message(&self.head).map_err(|error| format!("the head of a message can't be read: {error}"))
    }

    /// Rows of a batch; none of anything else.
    pub fn rows(&self) -> Checked<u64> {
        match self.parsed()?.header_as_record_batch() {
            Some(batch) => u64::try_from(batch.length()).map_err(|_| "a batch has less than no rows".to_owned()),
            None => Ok(0),
        }
    }
}

/// Finds the schema, and where the messages are.
pub fn open(mut file: File, size: u64) -> Checked<(SchemaRef, Messages)> {
    let mut start = [0; MAGIC.len()];
    let is_file = size > TRAILER && read_at(&mut file, 0, &mut start).is_ok() && start == *MAGIC;
    if is_file { open_file(file, size) } else { open_stream(file, size) }
}

fn open_file(mut file: File, size: u64) -> Checked<(SchemaRef, Messages)> {
    let mut trailer = [0; TRAILER as usize];
    read_at(&mut file, size - TRAILER, &mut trailer)?;
    let (length, magic) = trailer.split_at(4);
    if magic != MAGIC {
        return Err("it does not end as an Arrow file does; cut short?".to_owned());
    }
    let length = four_bytes(length).filter(|&length| u64::from(length) <= size - TRAILER).ok_or("its footer is longer than the file")?;
    let mut footer = vec![0; length as usize];
    read_at(&mut file, size - TRAILER - u64::from(length), &mut footer)?;
    let footer = root_as_footer(&footer).map_err(|error| format!("its footer can't be read: {error}"))?;
    let schema = schema(footer.schema().ok_or("its footer has no schema")?)?;
    let batches = footer.recordBatches().ok_or("its footer lists no batches")?;
    let blocks: Vec<Block> = footer.dictionaries().into_iter().flatten().chain(batches).copied().collect();
    // Each byte belongs to one message at most: a short footer can't make a long scan.
    let all = blocks.iter().try_fold(0_u64, |sum, block| sum.checked_add(range(block)?.end - range(block)?.start));
    if all.is_none_or(|all| all > size) || blocks.iter().any(|block| range(block).is_none_or(|range| range.end > size)) {
        return Err("its footer lists messages outside of the file".to_owned());
    }
    let end = blocks.iter().filter_map(range).map(|range| range.end).max();
    let mut messages = Messages { file, size, form: Form::File(blocks.into_iter()) };
    messages.end_at(end, size - TRAILER - u64::from(length))?;
    Ok((schema, messages))
}

fn open_stream(file: File, size: u64) -> Checked<(SchemaRef, Messages)> {
    let mut messages = Messages { file, size, form: Form::Stream(0) };
    let first = messages.next()?.ok_or("it holds no message")?;
    let parsed = first.parsed()?;
    let packed = parsed.header_as_schema().ok_or("its first message is no schema")?;
    Ok((schema(packed)?, messages))
}

fn schema(packed: Packed<'_>) -> Checked<SchemaRef> {
    if !packed.endianness().equals_to_target_endianness() {
        return Err("its numbers have another byte order than this machine's".to_owned());
    }
    Ok(Arc::new(fb_to_schema(packed)))
}

/// Where a whole message is, head and body.
fn range(block: &Block) -> Option<Range<u64>> {
    let (start, head, body) = (u64::try_from(block.offset()).ok()?, u64::try_from(block.metaDataLength()).ok()?, u64::try_from(block.bodyLength()).ok()?);
    Some(start..start.checked_add(head)?.checked_add(body)?)
}

impl Messages {
    /// True for a file, false for a stream.
    pub fn is_file(&self) -> bool {
        matches!(self.form, Form::File(_))
    }

    /// The next message; `None` at the end.
    pub fn next(&mut self) -> Checked<Option<Message>> {
        let (start, end) = match &mut self.form {
            Form::File(blocks) => {
                let Some(block) = blocks.next() else { return Ok(None) };
                let range = range(&block).ok_or("a message has a negative length")?;
                (range.start, Some(range.end))
            }
            // The mark of its end may be missing.
            Form::Stream(at) if *at == self.size => return Ok(None),
            Form::Stream(at) => (*at, None),
        };
        let Some((head_at, head)) = self.head(start)? else {
            return if self.is_file() { Err("a message without a head".to_owned()) } else { Ok(None) };
        };
        let mut message = Message { body: 0..0, head };
        let body_at = head_at + message.head.len() as u64;
        let length = message.parsed()?.bodyLength();
        let body_end = u64::try_from(length).ok().and_then(|length| body_at.checked_add(length));
        message.body = body_at..body_end.filter(|&at| at <= end.unwrap_or(self.size)).ok_or("a message's body lies outside of the file")?;
        if let Form::Stream(at) = &mut self.form {
            *at = message.body.end;
        } else if message.parsed()?.header_type() == MessageHeader::NONE {
            return Err("a message of no type".to_owned());
        }
        Ok(Some(message))
    }

    /// Makes sure that no message comes after the last one that the footer lists, which ends at `last`: one that lists too few would pass for a shorter
    /// table. Without any, the schema is the last.
    fn end_at(&mut self, last: Option<u64>, footer: u64) -> Checked<()> {
        let last = match last {
            Some(last) => last,
            None => self.head(MAGIC.len().next_multiple_of(8) as u64)?.map_or(footer, |(at, head)| at + head.len() as u64),
        };
        if last < footer && self.head(last)?.is_some() { Err("its footer leaves messages out".to_owned()) } else { Ok(()) }
    }

    /// The head that starts at a place, and where it itself starts; `None` for the mark of a stream's end.
    fn head(&mut self, start: u64) -> Checked<Option<(u64, Vec<u8>)>> {
        let mut length = [0; 4];
        let mut at = start;
        read_at(&mut self.file, at, &mut length)?;
        at += 4;
        if length == CONTINUATION {
            read_at(&mut self.file, at, &mut length)?;
            at += 4;
        }
        let length =
            four_bytes(&length).filter(|&length| u64::from(length) <= self.size.saturating_sub(at)).ok_or("a message's head lies outside of the file")?;
        if length == 0 {
            return Ok(None);
        }
        let mut head = vec![0; length as usize];
        read_at(&mut self.file, at, &mut head)?;
        Ok(Some((at, head)))
    }

    /// Fills a buffer from a place in the file.
    pub fn read(&mut self, at: u64, buffer: &mut [u8]) -> Checked<()> {
        read_at(&mut self.file, at, buffer)
    }
}

fn read_at(file: &mut File, at: u64, buffer: &mut [u8]) -> Checked<()> {
    let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(buffer));
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string(),
    })
}

/// A length that is not negative.
fn four_bytes(bytes: &[u8]) -> Option<u32> {
    let bytes: [u8; 4] = bytes.try_into().ok()?;
    u32::try_from(i32::from_le_bytes(bytes)).ok()
}
