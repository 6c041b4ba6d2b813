//! The most frequent categories in bounded memory.

use std::collections::BTreeMap;

/// A mergeable summary of frequent categories (Misra and Gries 1982; Agarwal et al. 2012).
///
/// Keeps at most `2k` counters. A count is never too high, and too low by at most [`Frequent::missed`], which never exceeds `rows / (k + 1)`:
/// every category with more rows than that is among those kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Frequent {
    keeps: usize,
    counts: BTreeMap<String, u64>,
    rows: u64,
    missed: u64,
}

impl Frequent {
    /// A summary that keeps at least `keeps` categories (one or more).
    pub fn new(keeps: usize) -> Self {
        Frequent { keeps: keeps.max(1), counts: BTreeMap::new(), rows: 0, missed: 0 }
    }

    /// Adds rows of one category.
    pub fn add(&mut self, name: &str, rows: u64) {
        self.rows += rows;
        match self.counts.get_mut(name) {
            Some(count) => *count += rows,
            None => drop(self.counts.insert(name.to_owned(), rows)),
        }
        if self.counts.len() > 2 * self.keeps {
            self.shrink();
        }
    }

    /// Adds the summary of another part.
    pub fn merge(&mut self, other: &Frequent) {
        self.rows += other.rows;
        self.missed += other.missed;
        for (name, &count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
        if self.counts.len() > 2 * self.keeps {
            self.shrink();
        }
    }

    /// Takes the count of the first category beyond those to keep away from all, so that at most `keeps` remain.
    fn shrink(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, &mut cut, _) = counts.select_nth_unstable_by(self.keeps, |a, b| b.cmp(a));
        self.missed += cut;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(cut);
            *count > 0
        });
    }

    /// Rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How much any count may be too low; 0 means that all counts are exact and all categories are there.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Categories kept, by name, with counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, &count)| (name.as_str(), count))
    }

    /// Rows of categories that are not kept, together; the sum of what all counts lack.
    pub fn others(&self) -> u64 {
        self.rows - self.counts.values().sum::<u64>()
    }
}
