//! Rows that occur more than once.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// Number of rows that repeat an earlier one, from one hash for each row; sorts the hashes.
///
/// Different rows with one hash would be counted too: for `n` rows and 64-bit hashes the chance that there is any is about `n^2 / 2^65`,
/// some 3 in a million for ten million rows.
pub fn duplicate_rows(hashes: &mut [u64]) -> u64 {
    hashes.sort_unstable();
    hashes.chunk_by(|a, b| a == b).map(|run| run.len() as u64 - 1).sum()
}

/// A hash of one row's values as bytes, the same on every run. A missing value differs from an empty one, and values can't run together.
pub fn hash_row<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> u64 {
    let row: Vec<Option<&[u8]>> = values.into_iter().collect();
    BuildHasherDefault::<DefaultHasher>::default().hash_one(row)
}
