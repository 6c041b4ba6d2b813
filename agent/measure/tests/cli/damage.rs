//! Files with bytes flipped, lengths overwritten, parts cut off, inserted or moved: an error or numbers, never a panic that gets out, memory
//! without bound (which ends the process), or a run without end. `PROPTEST_CASES` says how many of each; the default is a quick look.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, Float32Array, LargeStringArray, RecordBatch, RunArray, StringViewArray};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_select::concat::concat_batches;
use clause9_measure::read::column::{Limits, Room, read};
use clause9_measure::read::files::{Files, Options};
use clause9_measure::read::{Error, Source as _};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use crate::support::{batch, csv, ndjson, rows, write_text};
use crate::text::shown;

/// What one damaged file may use of a processor, whatever else the machine does. No file here has more than a few hundred rows.
const PATIENCE: Duration = Duration::from_secs(20);

/// What this thread, which does all the reading, has used so far.
fn used() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

/// Reads every column as a run would: each by itself, then all together; tells the number of columns and rows.
fn read_all(path: &Path) -> Result<(usize, u64), Error> {
    let files = Files::open(path.to_str().unwrap(), &Options::default())?;
    let columns: Vec<usize> = (0..files.fields().len()).collect();
    let limits = Limits { number_bytes: 1 << 24, category_bytes: 1 << 20 };
    for &column in &columns {
        read(&files, &[column], &[false], limits, &mut Room::default())?;
    }
    read(&files, &columns, &vec![false; columns.len()], limits, &mut Room::default())?;
    let mut rows = 0;
    files.scan(&columns, &mut |batch| {
        rows += batch.rows as u64;
        Ok(())
    })?;
    Ok((columns.len(), rows))
}

#[derive(Clone, Debug)]
enum Change {
    Flip(Spot, u8),
    Set(Spot, u8),
    /// A length of 4 or 8 bytes.
    Length(Spot, i64, bool),
    /// A length of as many bytes as it takes.
    Varint(Spot, u64),
    Cut(Index),
    Insert(Spot, Vec<u8>),
    /// A part of the file in another place.
    Copy(Index, Spot, usize),
}

/// Anywhere, or near the end, where footers are.
#[derive(Clone, Debug)]
struct Spot(Index, bool);

impl Spot {
    fn of(&self, length: usize) -> usize {
        let end = if self.1 { length.min(1500) } else { length };
        length - end + self.0.index(end)
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let spot = || (any::<Index>(), any::<bool>()).prop_map(|(at, is_late)| Spot(at, is_late));
    let lengths = prop::sample::select(vec![0, 1, -1, 7, 255, 1 << 16, 1 << 30, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 33, 1 << 40, 1 << 62, i64::MAX]);
    let change = prop_oneof![
        4 => (spot(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        4 => (spot(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (spot(), lengths, any::<bool>()).prop_map(|(at, length, is_long)| Change::Length(at, length, is_long)),
        2 => (spot(), 0..64_u32).prop_map(|(at, bits)| Change::Varint(at, u64::MAX >> bits)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (spot(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<Index>(), spot(), 1..64_usize).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ];
    prop::collection::vec(change, 1..5)
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..].iter_mut().zip(with).for_each(|(byte, new)| *byte = *new);
}

fn damaged(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        let length = bytes.len();
        match change {
            _ if bytes.is_empty() => {}
            Change::Flip(at, bits) => bytes[at.of(length)] ^= bits,
            Change::Set(at, byte) => bytes[at.of(length)] = *byte,
            // Fixed lengths are aligned to eight bytes as Arrow writes them.
            Change::Length(at, value, true) => overwrite(&mut bytes, at.of(length) & !7, &value.to_le_bytes()),
            Change::Length(at, value, false) => overwrite(&mut bytes, at.of(length) & !3, &(*value as i32).to_le_bytes()),
            Change::Varint(at, value) => {
                let mut digits: Vec<u8> = (0..64).step_by(7).map(|shift| (value >> shift) as u8 | 0x80).take_while(|&byte| byte != 0x80).collect();
                digits.last_mut().into_iter().for_each(|last| *last &= 0x7f);
                overwrite(&mut bytes, at.of(length), &digits);
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Insert(at, more) => {
                let at = at.of(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Copy(from, to, count) => {
                let from = from.index(length);
                let part = bytes[from..(from + count).min(length)].to_vec();
                overwrite(&mut bytes, to.of(length), &part);
            }
        }
    }
    bytes
}

/// Writes a good file that ends with `name`, and reads it damaged in `cases` ways.
fn survives(name: &str, write: impl Fn(&Path), cases: u32) {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join(format!("good.{name}"));
    write(&good);
    let (columns, rows) = read_all(&good).unwrap();
    assert!(columns >= 5, "{name}");
    // What ends by itself may end earlier; what says how many rows it has must have them.
    let is_counted = matches!(name, "parquet" | "arrow");
    let bytes = std::fs::read(&good).unwrap();
    let bad = folder.path().join(format!("bad.{name}"));
    let refused = std::cell::Cell::new(0);
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let result = TestRunner::new(config).run(&changes(), |changes| {
        std::fs::write(&bad, damaged(&bytes, &changes)).unwrap();
        let before = used();
        match read_all(&bad) {
            Err(error) => {
                refused.set(refused.get() + 1);
                prop_assert!(error.to_string().starts_with(bad.to_str().unwrap()), "{error}");
            }
            Ok((_, found)) => prop_assert!(!is_counted || found == rows, "{found} rows of {rows}"),
        }
        prop_assert!(used() - before < PATIENCE, "it took {:?}", used() - before);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(refused.get() > 0, "{name}: no damage was ever noticed");
}

/// The small table, and columns of types that are stored in ways of their own.
fn wide(count: usize) -> RecordBatch {
    let word = |row: usize| (!row.is_multiple_of(9)).then(|| ["", "a", "quite a long text, longer than a view holds by itself", "ü"][row % 4]);
    let mut lists = ListBuilder::new(StringBuilder::new());
    (0..count).for_each(|row| lists.append_value((0..row % 3).map(|_| word(row))));
    let ends = arrow_array::Int32Array::from(vec![count as i32 / 2, count as i32]);
    let more: [(&str, ArrayRef); 6] = [
        ("keys", Arc::new((0..count).map(word).collect::<DictionaryArray<Int8Type>>())),
        ("views", Arc::new((0..count).map(word).collect::<StringViewArray>())),
        ("large", Arc::new((0..count).map(word).collect::<LargeStringArray>())),
        ("small", Arc::new((0..count).map(|row| (row % 5 != 0).then_some(row as f32)).collect::<Float32Array>())),
        ("lists", Arc::new(lists.finish())),
        ("runs", Arc::new(RunArray::<Int32Type>::try_new(&ends, &arrow_array::Int64Array::from(vec![Some(7), None])).unwrap())),
    ];
    let table = batch(&rows(1, count));
    let all = table.schema().fields().iter().map(|field| field.name().clone()).zip(table.columns().to_vec()).collect::<Vec<_>>();
    let all = all.into_iter().chain(more.into_iter().map(|(name, array)| (name.to_owned(), array)));
    RecordBatch::try_from_iter_with_nullable(all.map(|(name, array)| (name, array, true))).unwrap()
}

fn write_parquet(path: &Path, batch: &RecordBatch, settings: impl Fn(WriterPropertiesBuilder) -> WriterPropertiesBuilder) {
    let properties = settings(WriterProperties::builder().set_max_row_group_row_count(Some(90))).build();
    let without_runs = batch.project(&(0..batch.num_columns() - 1).collect::<Vec<_>>()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), without_runs.schema(), Some(properties)).unwrap();
    writer.write(&without_runs).unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet() {
    type Settings = fn(WriterPropertiesBuilder) -> WriterPropertiesBuilder;
    let settings: [(&str, Settings); 9] = [
        ("plain", |settings| settings.set_compression(Compression::UNCOMPRESSED)),
        ("snappy", |settings| settings.set_compression(Compression::SNAPPY)),
        ("second version", |settings| settings.set_writer_version(WriterVersion::PARQUET_2_0).set_compression(Compression::ZSTD(Default::default()))),
        ("gzip", |settings| settings.set_compression(Compression::GZIP(Default::default()))),
        ("lz4", |settings| settings.set_compression(Compression::LZ4_RAW)),
        ("no dictionaries", |settings| settings.set_dictionary_enabled(false)),
        ("small pages", |settings| settings.set_data_page_row_count_limit(20).set_write_batch_size(10)),
        ("lengths apart", |settings| settings.set_dictionary_enabled(false).set_column_encoding("city".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)),
        ("prefixes apart", |settings| settings.set_dictionary_enabled(false).set_column_encoding("city".into(), Encoding::DELTA_BYTE_ARRAY)),
    ];
    for (name, settings) in settings {
        println!("{name}");
        survives("parquet", |path| write_parquet(path, &wide(200), settings), 120);
    }
}

#[test]
fn arrow() {
    let packings = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];
    for packing in packings {
        println!("{packing:?}");
        let options = || IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap().try_with_compression(packing).unwrap();
        let file = |path: &Path| {
            let batch = wide(100);
            let mut writer = FileWriter::try_new_with_options(File::create(path).unwrap(), &batch.schema(), options()).unwrap();
            (0..2).for_each(|_| writer.write(&batch).unwrap());
            writer.finish().unwrap();
        };
        let stream = |path: &Path| {
            let batch = wide(100);
            let mut writer = StreamWriter::try_new_with_options(File::create(path).unwrap(), &batch.schema(), options()).unwrap();
            (0..2).for_each(|_| writer.write(&batch).unwrap());
            writer.finish().unwrap();
        };
        survives("arrow", file, 250);
        survives("arrows", stream, 250);
    }
}

/// A footer with one wrong bit, whichever it is, never makes rows vanish.
#[test]
fn footers() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.arrow"), folder.path().join("bad.arrow"));
    let batch = wide(100);
    let keys = batch.schema().index_of("keys").unwrap();
    let batch = batch.project(&[0, keys]).unwrap();
    let mut writer = FileWriter::try_new(File::create(&good).unwrap(), &batch.schema()).unwrap();
    (0..2).for_each(|_| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    assert_eq!(read_all(&good).unwrap().1, 200);
    let bytes = std::fs::read(&good).unwrap();
    let trailer = bytes.len() - 10;
    let footer = trailer - usize::from(u16::from_le_bytes([bytes[trailer], bytes[trailer + 1]]));
    for bit in 8 * footer..8 * bytes.len() {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&bad, bytes).unwrap();
        if let Ok((_, rows)) = read_all(&bad) {
            assert_eq!(rows, 200, "bit {} of byte {} of the footer", bit % 8, bit / 8 - footer);
        }
    }
}

/// Bodies so long that only the wanted columns' bytes are read.
#[test]
fn long_arrow() {
    let write = |path: &Path| {
        let batch = wide(100);
        let long = concat_batches(&batch.schema(), std::iter::repeat_n(&batch, 12)).unwrap();
        let mut writer = FileWriter::try_new(File::create(path).unwrap(), &long.schema()).unwrap();
        writer.write(&long).unwrap();
        writer.finish().unwrap();
        assert!(std::fs::metadata(path).unwrap().len() > 1 << 17);
    };
    survives("arrow", write, 120);
}

/// Three numbers, with the checksum of their page, as no writer at hand here makes it.
const WITH_CHECKSUM: &str = "
    504152311500153c153c159dfbd7920f1c15061500150615061c000000020000000601000000000000f83f0000000000000440000000000000104015
    04192c35001806736368656d61150200150a2502180178001606191c191c26001c150a192506001918017815001606166e166e2608491c1500150015
    02003c290619260006000000166e16062608166e002820706172717565742d6370702d6172726f772076657273696f6e2032362e302e31191c1c0000
    007a00000050415231
";

/// Where a page has a checksum, no other value passes for one of its own.
#[test]
fn checksums() {
    let digits: Vec<u8> = WITH_CHECKSUM.bytes().filter(u8::is_ascii_hexdigit).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(shown(&path, None).unwrap(), "x number 1.5 2.5 4");
    let values = bytes.windows(8).position(|value| value == 1.5_f64.to_le_bytes()).unwrap();
    for at in values..values + 24 {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let said = shown(&path, None).unwrap_err().to_string();
        assert!(said.contains("column `x`: the file is damaged (") && said.contains("checksum"), "{at}: {said}");
    }
}

/// A file that is cut short anywhere is refused; a stream may end after any message, which is then all it holds.
#[test]
fn cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = |end: &str| folder.path().join(format!("x.{end}"));
    let table = wide(30);
    let mut writer = StreamWriter::try_new(File::create(path("arrows")).unwrap(), &table.schema()).unwrap();
    (0..3).for_each(|_| writer.write(&table).unwrap());
    writer.finish().unwrap();
    crate::support::write_ipc(&path("arrow"), &table);
    write_parquet(&path("parquet"), &table, |settings| settings);
    for (end, fits) in [("arrows", &[30, 60, 90, 0][..]), ("arrow", &[]), ("parquet", &[])] {
        let bytes = std::fs::read(path(end)).unwrap();
        let mut found = std::collections::BTreeSet::new();
        for cut in (0..bytes.len()).step_by(8) {
            std::fs::write(path(end), &bytes[..cut]).unwrap();
            found.extend(read_all(&path(end)).map(|(_, rows)| rows));
        }
        assert_eq!(found, fits.iter().copied().collect(), "{end}");
    }
}

#[test]
fn text() {
    survives("csv", |path| write_text(path, &csv(&rows(1, 100))), 200);
    survives("ndjson", |path| write_text(path, &ndjson(&rows(1, 100))), 200);
    survives("csv.gz", |path| write_text(path, &csv(&rows(1, 100))), 200);
    survives("csv.zst", |path| write_text(path, &csv(&rows(1, 100))), 200);
    survives("jsonl.zst", |path| write_text(path, &ndjson(&rows(1, 100))), 200);
}
