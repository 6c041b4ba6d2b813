//! How much has been read so far, for whoever shows it. One count for the whole process, as there is one run in it; nothing is computed from it.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

static BYTES: AtomicU64 = AtomicU64::new(0);
static ROWS: AtomicU64 = AtomicU64::new(0);

/// Bytes of files that are read as a whole: text, and whatever a digest is made of. They only grow.
pub fn bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

/// Rows of columns that were handed on. They only grow.
pub fn rows() -> u64 {
    ROWS.load(Ordering::Relaxed)
}

/// Counts bytes.
pub fn add_bytes(more: u64) {
    BYTES.fetch_add(more, Ordering::Relaxed);
}

/// Counts rows.
pub fn add_rows(more: u64) {
    ROWS.fetch_add(more, Ordering::Relaxed);
}

/// Counts what is read through it.
pub struct Metered<R>(pub R);

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        add_bytes(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_counted() {
        let (before, rows_before) = (bytes(), rows());
        let mut text = String::new();
        Metered(&b"four"[..]).read_to_string(&mut text).unwrap();
        add_rows(5);
        // Other tests read files meanwhile.
        assert!(bytes() >= before + 4 && rows() >= rows_before + 5);
        assert_eq!(text, "four");
    }
}
