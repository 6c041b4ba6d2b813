//! The footer of a Parquet file: read, and held against the file before anything is decoded by it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use parquet::basic::{Compression, ConvertedType, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use super::thrift::{Trouble, walk};

/// The length of the footer, and the magic.
const TRAILER: u64 = 8;
/// Bytes of the widest number, a decimal of 256 bits.
const WIDEST: i32 = 32;

/// Groups within groups of a schema, the whole among them. A list or map takes two. The decoder recurses with frames so large that a few
/// hundred would end the stack.
const MOST_NESTING: usize = 50;

/// Reads the footer of a file of `size` bytes.
pub fn read(file: &mut File, size: u64) -> Result<ParquetMetaData, String> {
    let mut trailer = [0; TRAILER as usize];
    if size < TRAILER {
        return Err("it is too short".to_owned());
    }
    read_at(file, size - TRAILER, &mut trailer)?;
    let (length, magic) = trailer.split_at(4);
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err("its footer is encrypted".to_owned()),
        _ => return Err("it does not end as a Parquet file does; cut short?".to_owned()),
    }
    let length = length.try_into().map_or(u32::MAX, u32::from_le_bytes);
    if u64::from(length) > size - TRAILER {
        return Err("its footer is longer than the file".to_owned());
    }
    let mut footer = vec![0; length as usize];
    read_at(file, size - TRAILER - u64::from(length), &mut footer)?;
    let mut nesting = Nesting::default();
    walk(&footer, &mut |path, value| nesting.note(path, value)).map_err(|trouble| match trouble {
        Trouble::Short => "its footer ends too early".to_owned(),
        Trouble::Malformed => "its footer is no Thrift structure".to_owned(),
    })?;
    if nesting.deepest > MOST_NESTING {
        return Err(format!("its columns are nested more than {MOST_NESTING} deep"));
    }
    let metadata = ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| error.to_string())?;
    check(&metadata, size)?;
    Ok(metadata)
}

/// Follows the schema, which is a tree written as a list (field 2 of the footer): each element says how many after it are its children (field 5).
#[derive(Default)]
struct Nesting {
    /// Children that are still to come, for each group that is open.
    open: Vec<i64>,
    /// Children of the element at hand.
    children: i64,
    deepest: usize,
}

impl Nesting {
    fn note(&mut self, path: &[i16], value: i64) {
        match path {
            [2] => self.next_element(),
            [2, 5] => self.children = value,
            _ => {}
        }
    }

    fn next_element(&mut self) {
        let children = std::mem::take(&mut self.children);
        if children > 0 {
            self.open.push(children);
        }
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
        if let Some(left) = self.open.last_mut() {
            *left -= 1;
        }
        self.deepest = self.deepest.max(self.open.len());
    }
}

fn read_at(file: &mut File, at: u64, buffer: &mut [u8]) -> Result<(), String> {
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(buffer)).map_err(|error| error.to_string())
}

/// What a footer can say that no file can hold: rows without values, values outside of the file, the same bytes as many columns.
fn check(metadata: &ParquetMetaData, size: u64) -> Result<(), String> {
    let mut rows = 0_i64;
    let mut bytes = 0_u64;
    for (place, group) in metadata.row_groups().iter().enumerate() {
        let failed = |problem: &str| format!("row group {place}: {problem}");
        rows = rows.checked_add(group.num_rows()).filter(|_| group.num_rows() >= 0).ok_or_else(|| failed("its number of rows is impossible"))?;
        for column in group.columns() {
            let failed = |problem: String| failed(&format!("column `{}`: {problem}", column.column_path()));
            bytes = bytes.saturating_add(check_column(column, group.num_rows(), size).map_err(failed)?);
        }
    }
    let claimed = metadata.file_metadata().num_rows();
    if rows != claimed {
        return Err(format!("{rows} rows in its row groups, {claimed} by its footer"));
    }
    if bytes > size {
        return Err("its columns take more bytes than the file has".to_owned());
    }
    Ok(())
}

/// Checks one column of a row group; the bytes that it takes.
fn check_column(column: &ColumnChunkMetaData, rows: i64, size: u64) -> Result<u64, String> {
    if let Some(other) = column.file_path() {
        return Err(format!("its values are in another file, {other}"));
    }
    if matches!(column.compression(), Compression::BROTLI(_) | Compression::LZO) {
        return Err(format!("it is packed with {}, which can't be read; write it with zstd, snappy, gzip or lz4", column.compression()));
    }
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
    let end = range.and_then(|(start, length)| start.checked_add(length)).filter(|&end| end <= size);
    if end.is_none() {
        return Err("it lies outside of the file".to_owned());
    }
    let description = column.column_descr();
    if description.max_rep_level() == 0 && column.num_values() != rows {
        return Err(format!("{} values in {rows} rows", column.num_values()));
    }
    let is_decimal = description.converted_type() == ConvertedType::DECIMAL;
    if is_decimal && description.physical_type() == Type::FIXED_LEN_BYTE_ARRAY && description.type_length() > WIDEST {
        return Err(format!("numbers of {} bytes", description.type_length()));
    }
    Ok(range.map_or(0, |(_, length)| length))
}
