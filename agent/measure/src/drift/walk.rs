//! One walk over two sorted windows together, which yields every statistic that compares their distribution functions.
//!
//! With `n` reference and `m` current values, `i` and `j` of which are at most `x`, the walk keeps the whole number `d = i m - j n`, which is
//! `n m` times the difference of the two empirical distribution functions. All statistics are sums of `d` and of `d` at the middle of a
//! block of equal values, so nothing is rounded before it is added and nothing large is subtracted from anything large.

mod stride;

/// Sorted values, each standing for one or more rows.
pub trait Points {
    /// Number of points.
    fn points(&self) -> usize;
    /// The value of a point; never falling.
    fn value(&self, at: usize) -> f64;
    /// How many rows the point stands for, at least one.
    fn weight(&self, at: usize) -> u64;
    /// Rows in all.
    fn rows(&self) -> u64;
    /// The values themselves, when each stands for one row.
    fn single_rows(&self) -> Option<&[f64]> {
        None
    }
}

impl Points for &[f64] {
    #[inline(always)]
    fn points(&self) -> usize {
        <[f64]>::len(self)
    }
    #[inline(always)]
    fn value(&self, at: usize) -> f64 {
        self[at]
    }
    #[inline(always)]
    fn weight(&self, _: usize) -> u64 {
        1
    }
    fn rows(&self) -> u64 {
        <[f64]>::len(self) as u64
    }
    fn single_rows(&self) -> Option<&[f64]> {
        Some(self)
    }
}

/// Values with their numbers of rows: distinct values with counts, or what a quantile sketch has kept.
impl Points for &[(f64, u64)] {
    fn points(&self) -> usize {
        <[(f64, u64)]>::len(self)
    }
    fn value(&self, at: usize) -> f64 {
        self[at].0
    }
    fn weight(&self, at: usize) -> u64 {
        self[at].1
    }
    fn rows(&self) -> u64 {
        self.iter().map(|point| point.1).sum()
    }
}

/// What the walk found. All sums are those of two non-empty windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// Reference rows.
    pub n: u64,
    /// Current rows.
    pub m: u64,
    /// The largest absolute `i m - j n`; divided by `n m` it is the Kolmogorov-Smirnov statistic.
    pub gap: u64,
    /// A value where that largest difference is reached.
    pub location: f64,
    /// First Wasserstein distance: the area between the distribution functions, in the column's unit.
    pub wasserstein: f64,
    /// The integral of the squared difference of the distribution functions; the energy distance is the root of its double.
    pub squared_area: f64,
    /// Cramér-von Mises statistic `T` (Anderson 1962), with midranks for ties.
    pub cramer_von_mises: f64,
    /// What ties alone add to that statistic: nothing without ties, next to nothing for windows of one size, but without bound for tied
    /// columns of windows of different sizes, even if nothing has changed: `(n - m)^2 (n + m) / (12 n m)` for a constant.
    pub ties_excess: f64,
    /// k-sample Anderson-Darling statistic before standardisation (Scholz and Stephens 1987, equation 7: midranks); NaN for one distinct value.
    pub anderson_darling: f64,
    /// Different values in both windows together.
    pub distinct: u64,
    /// Rows with the smallest value of all, in the reference and in the current window.
    pub smallest: (u64, u64),
}

/// Walks over two windows that both hold at least one value; `None` otherwise.
pub fn walk(reference: impl Points, current: impl Points) -> Option<Walk> {
    let (n, m) = (reference.rows(), current.rows());
    if n == 0 || m == 0 {
        return None;
    }
    let mut state = State::new(n, m, reference.value(0).min(current.value(0)));
    let (mut i, mut j) = match (reference.single_rows(), current.single_rows()) {
        (Some(reference), Some(current)) => state.stride(reference, current),
        _ => (0, 0),
    };
    while i < reference.points() && j < current.points() {
        let (x, y) = (reference.value(i), current.value(j));
        let from_reference = x <= y;
        let rows = if from_reference { reference.weight(i) } else { current.weight(j) };
        state.step(if from_reference { x } else { y }, if from_reference { rows } else { 0 }, if from_reference { 0 } else { rows });
        i += usize::from(from_reference);
        j += usize::from(!from_reference);
    }
    for at in i..reference.points() {
        state.step(reference.value(at), reference.weight(at), 0);
    }
    for at in j..current.points() {
        state.step(current.value(at), 0, current.weight(at));
    }
    Some(state.finish())
}

/// Sums over the blocks of equal values that are complete, and the block at hand.
struct State {
    n: i64,
    m: i64,
    /// Value of the block at hand.
    x: f64,
    /// Rows before the block, and up to now.
    before: (i64, i64),
    now: (i64, i64),
    /// `i m - j n` before the block, and up to now.
    difference_before: i64,
    difference: i64,
    gap: i64,
    location: f64,
    area: f64,
    squared_area: f64,
    /// Sums over blocks of `rows * (2 d)^2` at the block's middle, plain and over the weight of Anderson and Darling.
    middle: f64,
    weighted: f64,
    ties: Ties,
    distinct: u64,
    smallest: (u64, u64),
}

/// Corrections for blocks of more than one row: of `a` reference and `b` current rows.
#[derive(Default)]
struct Ties {
    /// Sum of `a^3 - a`, of `b^3 - b`, and of `a b (a + b)`.
    a3: f64,
    b3: f64,
    mixed: f64,
}

impl State {
    fn new(n: u64, m: u64, x: f64) -> Self {
        State {
            n: n as i64,
            m: m as i64,
            x,
            before: (0, 0),
            now: (0, 0),
            difference_before: 0,
            difference: 0,
            gap: 0,
            location: x,
            area: 0.0,
            squared_area: 0.0,
            middle: 0.0,
            weighted: 0.0,
            ties: Ties::default(),
            distinct: 0,
            smallest: (0, 0),
        }
    }

    #[inline(always)]
    fn step(&mut self, x: f64, reference: u64, current: u64) {
        if x > self.x {
            self.close_block();
            let width = x - self.x;
            let difference = self.difference as f64;
            self.area += difference.abs() * width;
            self.squared_area += difference * difference * width;
            self.x = x;
        }
        self.now.0 += reference as i64;
        self.now.1 += current as i64;
        self.difference += reference as i64 * self.m - current as i64 * self.n;
    }

    #[inline(always)]
    fn close_block(&mut self) {
        let all = (self.n + self.m) as f64;
        let rows = (self.now.0 + self.now.1 - self.before.0 - self.before.1) as f64;
        let doubled = (self.difference_before + self.difference) as f64;
        let rank = (self.now.0 + self.now.1 + self.before.0 + self.before.1) as f64;
        let term = rows * doubled * doubled;
        self.middle += term;
        self.weighted += term / (rank * (2.0 * all - rank) - all * rows);
        if rows > 1.0 {
            self.add_ties();
        }
        if self.difference.abs() > self.gap {
            self.gap = self.difference.abs();
            self.location = self.x;
        }
        if self.distinct == 0 {
            self.smallest = (self.now.0 as u64, self.now.1 as u64);
        }
        self.distinct += 1;
        self.before = self.now;
        self.difference_before = self.difference;
    }

    fn add_ties(&mut self) {
        let (a, b) = ((self.now.0 - self.before.0) as f64, (self.now.1 - self.before.1) as f64);
        self.ties.a3 += a * (a * a - 1.0);
        self.ties.b3 += b * (b * b - 1.0);
        self.ties.mixed += a * b * (a + b);
    }

    fn finish(mut self) -> Walk {
        self.close_block();
        let (n, m) = (self.n as f64, self.m as f64);
        let (all, product) = (n + m, n * m);
        Walk {
            n: self.n as u64,
            m: self.m as u64,
            gap: self.gap as u64,
            location: self.location,
            wasserstein: self.area / product,
            squared_area: self.squared_area / product / product,
            cramer_von_mises: self.cramer_von_mises(n, m) + self.ties_excess(n, m),
            ties_excess: self.ties_excess(n, m),
            anderson_darling: if self.distinct < 2 { f64::NAN } else { (all - 1.0) / all / product * self.weighted },
            distinct: self.distinct,
            smallest: self.smallest,
        }
    }

    /// Anderson's `T = U / (n m N) - (4 n m - 1) / (6 N)` rewritten with the differences at the blocks' middles, as if without ties.
    fn cramer_von_mises(&self, n: f64, m: f64) -> f64 {
        let (all, product) = (n + m, n * m);
        self.middle / 4.0 / product / (all * all) + 1.0 / (4.0 * all)
    }

    /// What midranks add to that for blocks of more than one row.
    fn ties_excess(&self, n: f64, m: f64) -> f64 {
        let (all, product) = (n + m, n * m);
        let Ties { a3, b3, mixed } = self.ties;
        (m * m * a3 + n * n * b3) / (12.0 * product * all * all) - mixed / (4.0 * all * all) + (n * a3 + m * b3) / (12.0 * product * all)
    }
}
