//! Columns of categories: counting values and bringing two windows' counts into one order.

use std::collections::BTreeMap;

/// Counts for each category of one window, sorted by name so that every result is the same on every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Categories {
    counts: BTreeMap<String, f64>,
    nulls: f64,
}

/// Two windows' counts over the same categories, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aligned {
    /// Every category of either window.
    pub names: Vec<String>,
    /// Its count in the reference window.
    pub reference: Vec<f64>,
    /// Its count in the current window.
    pub current: Vec<f64>,
}

/// What to do with rows that have no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Nulls {
    /// They take no part; their number is reported beside the statistic.
    #[default]
    Dropped,
    /// They are a category of their own, named [`NULL`].
    Category,
}

/// The name of the category of rows without a value.
pub const NULL: &str = "__null__";

impl Categories {
    /// Adds `count` rows (or their weight) of one category.
    pub fn add(&mut self, name: &str, count: f64) {
        match self.counts.get_mut(name) {
            Some(sum) => *sum += count,
            None => drop(self.counts.insert(name.to_owned(), count)),
        }
    }

    /// Adds rows without a value.
    pub fn add_nulls(&mut self, count: f64) {
        self.nulls += count;
    }

    /// Adds another part of the same window. Whole counts add up exactly, in whatever order.
    pub fn merge(&mut self, other: &Categories) {
        other.counts.iter().for_each(|(name, &count)| self.add(name, count));
        self.nulls += other.nulls;
    }

    /// Categories and their counts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.counts.iter().map(|(name, &count)| (name.as_str(), count))
    }

    /// Number of categories.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True without any category.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Rows without a value.
    pub fn nulls(&self) -> f64 {
        self.nulls
    }

    /// Rows with a value.
    pub fn rows(&self) -> f64 {
        self.counts.values().sum()
    }
}

impl Aligned {
    /// Brings two windows into one order.
    pub fn new(reference: &Categories, current: &Categories, nulls: Nulls) -> Self {
        let mut all: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        reference.iter().for_each(|(name, count)| all.entry(name).or_default().0 = count);
        current.iter().for_each(|(name, count)| all.entry(name).or_default().1 = count);
        if nulls == Nulls::Category && reference.nulls + current.nulls > 0.0 {
            let both = all.entry(NULL).or_default();
            *both = (both.0 + reference.nulls, both.1 + current.nulls);
        }
        let mut aligned = Aligned::default();
        for (name, (reference, current)) in all {
            aligned.names.push(name.to_owned());
            aligned.reference.push(reference);
            aligned.current.push(current);
        }
        aligned
    }

    /// Categories of the current window that the reference does not have.
    pub fn unseen(&self) -> impl Iterator<Item = &str> {
        self.only_where(|reference, current| reference == 0.0 && current > 0.0)
    }

    /// Categories of the reference window that the current one no longer has.
    pub fn vanished(&self) -> impl Iterator<Item = &str> {
        self.only_where(|reference, current| reference > 0.0 && current == 0.0)
    }

    fn only_where(&self, is_so: impl Fn(f64, f64) -> bool) -> impl Iterator<Item = &str> {
        let both = self.reference.iter().zip(&self.current);
        self.names.iter().zip(both).filter(move |(_, (x, y))| is_so(**x, **y)).map(|(name, _)| name.as_str())
    }
}
