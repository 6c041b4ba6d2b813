//! A quantile sketch of bounded size.

use crate::sort::{Scratch, sort};

/// A mergeable quantile sketch (Munro and Paterson 1980; Manku, Rajagopalan and Lindsay 1998; Agarwal et al. 2012).
///
/// Values stand in levels; a value on level `h` stands for `2^h` rows. A full level is sorted and every second value moves up, in turns the
/// first and the second of each pair. Each such step can move the rank of any value by at most `2^h` rows, up for the first and down for the
/// second; the sums of both are kept, so that [`Quantiles::rank_error`] is a bound for this very data and not a probability. For `n` rows and
/// levels of `k` values it is about `n / 2k * log2(n / k)` rows, memory is `8 k log2(n / k)` bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiles {
    capacity: usize,
    levels: Vec<Level>,
    rows: u64,
    /// How many rows a rank may be too high, and too low.
    over: u64,
    under: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Level {
    values: Vec<f64>,
    /// True when the next step keeps the second of each pair.
    keeps_second: bool,
}

impl Quantiles {
    /// A sketch with levels of `capacity` values, at least 16.
    pub fn new(capacity: usize) -> Self {
        Quantiles { capacity: capacity.max(16), levels: vec![Level::default()], rows: 0, over: 0, under: 0 }
    }

    /// A sketch that stays within about `bytes` for up to `rows` rows, and is exact when all of them fit.
    pub fn within(bytes: usize, rows: u64) -> Self {
        let all = bytes / 8;
        if rows <= all as u64 {
            return Self::new(rows as usize + 1);
        }
        // Every level takes a share; more levels are needed the smaller the share is.
        let levels = (1..60).find(|&levels| ((all / levels) as u64) << (levels - 1) >= rows).unwrap_or(60);
        Self::new(all / (levels + 1))
    }

    /// Adds a finite value; what is not finite is the caller's to count.
    pub fn add(&mut self, value: f64) {
        self.rows += 1;
        self.levels[0].values.push(value);
        if self.levels[0].values.len() >= self.capacity {
            self.compact_full();
        }
    }

    /// Adds the sketch of another part. Both may have different capacities; this one's remains.
    pub fn merge(&mut self, other: &Quantiles) {
        self.rows += other.rows;
        self.over += other.over;
        self.under += other.under;
        for (at, level) in other.levels.iter().enumerate() {
            if self.levels.len() <= at {
                self.levels.push(Level::default());
            }
            self.levels[at].values.extend_from_slice(&level.values);
        }
        self.compact_full();
    }

    fn compact_full(&mut self) {
        let mut at = 0;
        while at < self.levels.len() {
            if self.levels[at].values.len() >= self.capacity {
                self.compact(at);
            }
            at += 1;
        }
    }

    /// Moves every second value of a level up.
    fn compact(&mut self, at: usize) {
        if self.levels.len() <= at + 1 {
            self.levels.push(Level::default());
        }
        let (lower, upper) = self.levels.split_at_mut(at + 1);
        let (level, next) = (&mut lower[at], &mut upper[0]);
        sort(&mut level.values, &mut Scratch::default());
        // An odd value out stays behind, which costs no error.
        let left = if level.values.len() % 2 == 1 { level.values.pop() } else { None };
        next.values.extend(level.values.iter().skip(usize::from(level.keeps_second)).step_by(2));
        level.values.clear();
        level.values.extend(left);
        let weight = 1_u64 << at;
        if level.keeps_second {
            self.under += weight;
        } else {
            self.over += weight;
        }
        level.keeps_second = !level.keeps_second;
    }

    /// Rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// True as long as every value is kept.
    pub fn is_exact(&self) -> bool {
        self.over == 0 && self.under == 0
    }

    /// How many rows the rank of any value may be off, at most.
    pub fn rank_error(&self) -> u64 {
        self.over.max(self.under)
    }

    /// The same as a share of all rows: the largest error of the distribution function. A Kolmogorov-Smirnov statistic is off by at most the
    /// sum of both windows' shares, a share in a bin by at most twice its window's.
    pub fn distribution_error(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.rank_error() as f64 / self.rows as f64 }
    }

    /// Values kept in rising order, with the number of rows that each stands for; these add up to all rows.
    pub fn points(&self) -> Vec<(f64, u64)> {
        let of = |(at, level): (usize, &Level)| level.values.iter().map(move |&value| (value, 1_u64 << at)).collect::<Vec<_>>();
        let mut points: Vec<(f64, u64)> = self.levels.iter().enumerate().flat_map(of).collect();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// The value at rank `q * rows`, of those kept; `None` without rows.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let points = self.points();
        let wanted = q.clamp(0.0, 1.0) * self.rows as f64;
        let mut rank = 0;
        let found = points.iter().find(|point| {
            rank += point.1;
            rank as f64 >= wanted
        });
        found.or(points.last()).map(|point| point.0)
    }

    /// Estimated number of rows that are at most `value`.
    pub fn rank(&self, value: f64) -> u64 {
        let of = |(at, level): (usize, &Level)| (level.values.iter().filter(|&&kept| kept <= value).count() as u64) << at;
        self.levels.iter().enumerate().map(of).sum()
    }
}
