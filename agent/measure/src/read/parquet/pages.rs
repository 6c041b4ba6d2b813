//! The pages of a Parquet file on their way to the decoder, each held against what its bytes can give before memory is taken for it.

use std::fs::File;
use std::io::{Cursor, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::delta;
use super::thrift::{Trouble, walk};

/// Bytes that the head of nearly every page fits.
const HEAD: u64 = 1 << 13;
/// Bytes that no head takes; what a page's statistics hold may be long.
const LONGEST_HEAD: u64 = 1 << 26;

/// All row groups of a file.
pub struct Groups {
    file: Arc<File>,
    size: u64,
    metadata: Arc<ParquetMetaData>,
}

impl Groups {
    /// Of a file of that many bytes with that footer.
    pub fn new(file: File, size: u64, metadata: Arc<ParquetMetaData>) -> Self {
        Groups { file: Arc::new(file), size, metadata }
    }
}

impl RowGroups for Groups {
    fn num_rows(&self) -> usize {
        self.metadata.row_groups().iter().map(|group| group.num_rows() as usize).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(Chunks { file: Arc::clone(&self.file), size: self.size, metadata: Arc::clone(&self.metadata), column, group: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// One column, row group by row group.
struct Chunks {
    file: Arc<File>,
    size: u64,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    group: usize,
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.group)?;
        self.group += 1;
        let column = group.column(self.column);
        let bytes = Arc::new(Slices { file: Arc::clone(&self.file), size: self.size, tightest: tightest(column.compression()) });
        let pages = SerializedPageReader::new(bytes, column, group.num_rows() as usize, None);
        let has_levels = column.column_descr().max_def_level() > 0;
        Some(pages.map(|inner| Box::new(Pages { inner, has_levels }) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunks {}

/// How many bytes one may become at most, by the format of each: 64 bytes of three (Snappy), a byte for every further 255 (LZ4), 258 in two bits
/// (Deflate), 128 KiB of four (Zstandard).
fn tightest(compression: Compression) -> u64 {
    match compression {
        Compression::UNCOMPRESSED => 1,
        Compression::SNAPPY => 22,
        Compression::LZ4 | Compression::LZ4_RAW => 256,
        Compression::GZIP(_) => 1032,
        _ => 1 << 15,
    }
}

/// Pages of one column in one row group.
struct Pages {
    inner: SerializedPageReader<Slices>,
    has_levels: bool,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        match &page {
            // Every value takes a byte at least.
            Some(Page::DictionaryPage { buf, num_values, .. }) if *num_values as usize > buf.len() => {
                Err(bad("a dictionary claims more values than it has bytes"))
            }
            Some(found) if !delta::is_sound(found, self.has_levels) => Err(bad("a page claims more texts than it has values")),
            _ => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

/// The file as the page reader asks for it: the heads of pages and their content.
struct Slices {
    file: Arc<File>,
    size: u64,
    tightest: u64,
}

impl Length for Slices {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Slices {
    type T = Cursor<Bytes>;

    /// Asked for where the head of a page is expected.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut length = HEAD;
        loop {
            let bytes = self.get_bytes(start, length.min(self.size.saturating_sub(start)) as usize)?;
            let mut head = Head::default();
            match walk(&bytes, &mut |path, value| head.note(path, value)) {
                Ok(()) => return head.check(self.tightest).map(|()| Cursor::new(bytes)),
                Err(Trouble::Short) if length < LONGEST_HEAD && length < self.size => length *= 8,
                Err(_) => return Err(bad("the head of a page can't be read")),
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(bad("a page lies outside of the file"));
        }
        let mut file: &File = &self.file;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::with_capacity(length);
        if file.take(length as u64).read_to_end(&mut bytes)? < length {
            return Err(bad("the file ends too early"));
        }
        Ok(bytes.into())
    }
}

/// What the head of a page says of its sizes (fields 2 and 3 of `PageHeader`).
#[derive(Default)]
struct Head {
    plain: i64,
    packed: i64,
}

impl Head {
    fn note(&mut self, path: &[i16], value: i64) {
        match path {
            [2] => self.plain = value,
            [3] => self.packed = value,
            _ => {}
        }
    }

    fn check(&self, tightest: u64) -> Result<()> {
        let plain = u64::try_from(self.plain).map_err(|_| bad("a page has a negative size"))?;
        let packed = u64::try_from(self.packed).map_err(|_| bad("a page has a negative size"))?;
        // Packing nothing takes a few bytes, and levels are not packed.
        if plain > packed.saturating_add(1).saturating_mul(tightest) { Err(bad("a page claims to hold more than it can")) } else { Ok(()) }
    }
}

fn bad(problem: &str) -> ParquetError {
    ParquetError::General(problem.to_owned())
}
