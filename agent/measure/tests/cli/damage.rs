//! Files with bytes flipped, cut off or inserted: an error or numbers, never a panic that gets out, and never a run without end.

use std::path::Path;

use clause9_measure::read::Source as _;
use clause9_measure::read::column::{Limits, Room, read};
use clause9_measure::read::files::{Files, Options};
use proptest::prelude::*;

use crate::support::{batch, csv, ndjson, rows, write_ipc, write_parquet, write_text};

/// Reads every column as a run would.
fn read_all(path: &Path) -> Result<usize, clause9_measure::read::Error> {
    let files = Files::open(path.to_str().unwrap(), &Options::default())?;
    let columns: Vec<usize> = (0..files.fields().len()).collect();
    let as_categories = vec![false; columns.len()];
    Ok(read(&files, &columns, &as_categories, Limits { number_bytes: 1 << 24, category_bytes: 1 << 20 }, &mut Room::default())?.len())
}

#[derive(Clone, Debug)]
enum Change {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => any::<prop::sample::Index>().prop_map(Change::Cut),
        1 => (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ];
    prop::collection::vec(change, 1..6)
}

fn damaged(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        match change {
            _ if bytes.is_empty() => {}
            Change::Flip(at, bits) => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Change::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Change::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
        }
    }
    bytes
}

fn survives(name: &str, write: impl Fn(&Path), cases: u32) {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join(format!("good.{name}"));
    write(&good);
    assert_eq!(read_all(&good).unwrap(), 5);
    let bytes = std::fs::read(&good).unwrap();
    let bad = folder.path().join(format!("bad.{name}"));
    let refused = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(&changes(), |changes| {
        std::fs::write(&bad, damaged(&bytes, &changes)).unwrap();
        if let Err(error) = read_all(&bad) {
            refused.set(refused.get() + 1);
            prop_assert!(error.to_string().starts_with(bad.to_str().unwrap()), "{error}");
        }
        Ok(())
    });
    result.unwrap();
    assert!(refused.get() > 0, "no damage was ever noticed");
}

#[test]
fn parquet() {
    survives("parquet", |path| write_parquet(path, &batch(&rows(1, 200))), 400);
}

#[test]
fn arrow() {
    survives("arrow", |path| write_ipc(path, &batch(&rows(1, 200))), 400);
}

#[test]
fn text() {
    survives("csv", |path| write_text(path, &csv(&rows(1, 100))), 200);
    survives("ndjson", |path| write_text(path, &ndjson(&rows(1, 100))), 200);
    survives("csv.gz", |path| write_text(path, &csv(&rows(1, 100))), 200);
    survives("csv.zst", |path| write_text(path, &csv(&rows(1, 100))), 200);
}
