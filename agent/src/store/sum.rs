//! One digest for rows in no order, of which one can be added or taken out without looking at the others.
//!
//! It is the sum of the rows' SHA-256 modulo 2^256. Against who can choose rows freely that is weaker than SHA-256 over all of them; it tells the tables
//! that indicators query from what the ledger says, whose own entries are chained by SHA-256.

use std::fmt;

use super::sql::Cell;
use crate::record::Digest;

/// The sum, least significant part first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum([u64; 4]);

impl Sum {
    /// Adds a row.
    pub(super) fn add(&mut self, row: &Digest) {
        self.join(&Self::of(row));
    }

    /// Takes out a row that was added.
    pub(super) fn take_out(&mut self, row: &Digest) {
        let mut borrow = false;
        for (part, other) in self.0.iter_mut().zip(Self::of(row).0) {
            let (less, first) = part.overflowing_sub(other);
            let (less, second) = less.overflowing_sub(borrow.into());
            (*part, borrow) = (less, first || second);
        }
    }

    /// Adds all of another sum.
    pub(super) fn join(&mut self, other: &Self) {
        let mut carry = false;
        for (part, other) in self.0.iter_mut().zip(other.0) {
            let (more, first) = part.overflowing_add(other);
            let (more, second) = more.overflowing_add(carry.into());
            (*part, carry) = (more, first || second);
        }
    }

    /// Reads back what it is shown as.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut parts = [0; 4];
        for (index, part) in parts.iter_mut().rev().enumerate() {
            *part = u64::from_str_radix(text.get(index * 16..index * 16 + 16)?, 16).ok()?;
        }
        Some(Self(parts))
    }

    fn of(row: &Digest) -> Self {
        let mut parts = [0; 4];
        for (part, bytes) in parts.iter_mut().zip(row.0.as_chunks::<8>().0) {
            *part = u64::from_le_bytes(*bytes);
        }
        Self(parts)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|part| write!(f, "{part:016x}"))
    }
}

/// The digest of a row: its table, and each value with its type.
pub(super) fn row<'r>(table: &str, cells: impl Iterator<Item = Cell<'r>>) -> Digest {
    let mut bytes = Vec::with_capacity(256);
    let mut put = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&content.len().to_le_bytes());
        bytes.extend_from_slice(content);
    };
    put(b't', table.as_bytes());
    for cell in cells {
        match cell {
            Cell::Null => put(b'n', &[]),
            Cell::Integer(number) => put(b'i', &number.to_le_bytes()),
            // SQLite keeps whole numbers as such, and of them none is a negative zero.
            Cell::Real(number) => put(b'r', &(number + 0.0).to_bits().to_le_bytes()),
            Cell::Text(text) => put(b'x', text.as_bytes()),
            Cell::Blob(blob) => put(b'b', blob),
        }
    }
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_was_never_there() {
        let rows: Vec<_> = (0_u32..500).map(|number| Digest::of(&number.to_le_bytes())).collect();
        let mut all = Sum::default();
        rows.iter().for_each(|row| all.add(row));
        let mut halves = [Sum::default(); 2];
        rows.iter().rev().enumerate().for_each(|(index, row)| halves[index % 2].add(row));
        let [mut even, odd] = halves;
        even.join(&odd);
        assert_eq!(all, even, "in any order");
        rows[7..].iter().for_each(|row| all.take_out(row));
        let mut few = Sum::default();
        rows[..7].iter().for_each(|row| few.add(row));
        assert_eq!(all, few);
        assert_eq!(Sum::parse(&all.to_string()), Some(all));
        assert_eq!([Sum::parse(""), Sum::parse(&"g".repeat(64)), Sum::parse(&"é".repeat(32))], [None; 3]);
        let mut below_zero = Sum::default();
        below_zero.take_out(&rows[0]);
        below_zero.add(&rows[0]);
        assert_eq!(below_zero, Sum::default());
    }

    #[test]
    fn a_row_is_told_from_every_other() {
        let text = Cell::Text;
        let rows = [
            row("a", [text("b"), text("c")].into_iter()),
            row("a", [text("bc"), text("")].into_iter()),
            row("ab", [text("c")].into_iter()),
            row("a", [text("b"), Cell::Null].into_iter()),
            row("a", [Cell::Integer(1)].into_iter()),
            row("a", [Cell::Real(1.0)].into_iter()),
            row("a", [text("1")].into_iter()),
        ];
        assert_eq!(rows.iter().collect::<std::collections::HashSet<_>>().len(), rows.len());
        assert_eq!(row("a", [Cell::Real(-0.0)].into_iter()), row("a", [Cell::Real(0.0)].into_iter()), "as SQLite gives it back");
    }
}
