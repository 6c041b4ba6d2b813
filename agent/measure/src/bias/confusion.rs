//! Counts of labels against predictions, weighted or not.

use std::ops::Add;

/// A sum of weights, and of their squares, which says how many rows of equal weight it is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// Sum of weights; the number of rows when there are none.
    pub sum: f64,
    /// Sum of squared weights; the number of rows when there are none.
    pub squares: f64,
}

impl Cell {
    /// A number of rows of weight one.
    pub fn rows(rows: u64) -> Self {
        Cell { sum: rows as f64, squares: rows as f64 }
    }

    /// Rows of equal weight that tell as much (Kish 1965): the squared sum of weights over the sum of squared weights.
    pub fn effective_rows(self) -> f64 {
        if self.squares > 0.0 { self.sum * self.sum / self.squares } else { 0.0 }
    }
}

impl Add for Cell {
    type Output = Cell;

    fn add(self, other: Cell) -> Cell {
        Cell { sum: self.sum + other.sum, squares: self.squares + other.squares }
    }
}

/// How often labels and predictions of a group agree and differ. Positive is the favourable outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confusion {
    /// Label and prediction positive.
    pub tp: Cell,
    /// Label negative, prediction positive.
    pub fp: Cell,
    /// Label and prediction negative.
    pub tn: Cell,
    /// Label positive, prediction negative.
    pub r#fn: Cell,
    /// Rows, whatever their weight.
    pub rows: u64,
}

impl Confusion {
    /// From numbers of rows.
    pub fn from_counts(tp: u64, fp: u64, tn: u64, r#fn: u64) -> Self {
        let rows = tp + fp + tn + r#fn;
        Confusion { tp: Cell::rows(tp), fp: Cell::rows(fp), tn: Cell::rows(tn), r#fn: Cell::rows(r#fn), rows }
    }

    /// Adds one row. The caller leaves out rows whose weight is negative or not finite.
    pub fn add(&mut self, label: bool, prediction: bool, weight: f64) {
        let cell = match (label, prediction) {
            (true, true) => &mut self.tp,
            (false, true) => &mut self.fp,
            (false, false) => &mut self.tn,
            (true, false) => &mut self.r#fn,
        };
        cell.sum += weight;
        cell.squares += weight * weight;
        self.rows += 1;
    }

    /// All cells together.
    pub fn all(&self) -> Cell {
        self.tp + self.fp + self.tn + self.r#fn
    }

    /// The same counts with the other outcome as the favourable one.
    pub fn reversed(&self) -> Self {
        Confusion { tp: self.tn, fp: self.r#fn, tn: self.tp, r#fn: self.fp, rows: self.rows }
    }
}

impl Add for Confusion {
    type Output = Confusion;

    fn add(self, other: Confusion) -> Confusion {
        Confusion { tp: self.tp + other.tp, fp: self.fp + other.fp, tn: self.tn + other.tn, r#fn: self.r#fn + other.r#fn, rows: self.rows + other.rows }
    }
}

impl std::iter::Sum for Confusion {
    fn sum<I: Iterator<Item = Confusion>>(groups: I) -> Confusion {
        groups.fold(Confusion::default(), Add::add)
    }
}

/// Confusion counts of many groups at once, for rows of weight one: the fast way in.
///
/// A row is one number, its [`GroupCounts::cell`]. Four tables take turns, since adding to the same counter twice in a row has to wait for
/// the first addition.
#[derive(Clone, Debug)]
pub struct GroupCounts {
    groups: usize,
    tables: [Vec<u64>; 4],
}

impl GroupCounts {
    /// Empty counts for groups `0..groups`.
    pub fn new(groups: usize) -> Self {
        GroupCounts { groups, tables: std::array::from_fn(|_| vec![0; groups * 4]) }
    }

    /// The number of a row's cell.
    #[inline(always)]
    pub fn cell(group: usize, label: bool, prediction: bool) -> usize {
        group * 4 + usize::from(label) * 2 + usize::from(prediction)
    }

    /// Adds rows by their cells.
    ///
    /// # Panics
    ///
    /// When a cell belongs to no group.
    pub fn add(&mut self, cells: impl Iterator<Item = usize>) {
        let [a, b, c, d] = &mut self.tables;
        let mut cells = cells.fuse();
        while let Some(cell) = cells.next() {
            a[cell] += 1;
            for table in [&mut *b, &mut *c, &mut *d] {
                if let Some(cell) = cells.next() {
                    table[cell] += 1;
                }
            }
        }
    }

    /// The counts of every group.
    pub fn confusions(&self) -> Vec<Confusion> {
        let count = |group: usize, label, prediction| {
            let cell = GroupCounts::cell(group, label, prediction);
            self.tables.iter().map(|table| table[cell]).sum()
        };
        let group = |g| Confusion::from_counts(count(g, true, true), count(g, false, true), count(g, false, false), count(g, true, false));
        (0..self.groups).map(group).collect()
    }
}
