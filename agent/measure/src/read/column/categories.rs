//! Counting categories: text, truth values, and numbers that stand for categories.

use std::collections::HashMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, DictionaryArray, StringArray};

use super::Column;
use crate::categories::Categories;

/// Counts of categories by name, and by key within the dictionary at hand.
pub(super) struct Counter {
    counts: HashMap<Box<str>, u64>,
    bytes: usize,
    most_bytes: usize,
    nulls: u64,
    /// The dictionary at hand, kept so that its memory is not used for another that would be taken for the same.
    dictionary: Option<StringArray>,
    by_key: Vec<u64>,
}

impl Counter {
    /// What a name takes beside its bytes, about.
    const OVERHEAD: usize = 48;

    pub(super) fn new(most_bytes: usize) -> Self {
        Counter { counts: HashMap::new(), bytes: 0, most_bytes, nulls: 0, dictionary: None, by_key: Vec::new() }
    }

    pub(super) fn push(&mut self, array: &DictionaryArray<Int32Type>) {
        let dictionary = array.values().as_string::<i32>();
        if !self.dictionary.as_ref().is_some_and(|known| is_same(known, dictionary)) {
            self.flush();
            self.by_key.clear();
            self.by_key.resize(dictionary.len(), 0);
            self.dictionary = Some(dictionary.clone());
        }
        if array.null_count() == 0 {
            for &key in array.keys().values() {
                self.by_key[key as usize] += 1;
            }
        } else {
            self.nulls += array.null_count() as u64;
            array.keys().iter().flatten().for_each(|key| self.by_key[key as usize] += 1);
        }
    }

    pub(super) fn push_booleans(&mut self, truths: u64, nulls: u64, rows: u64) {
        self.nulls += nulls;
        self.add("true", truths);
        self.add("false", rows - nulls - truths);
    }

    /// Adds the counts of the dictionary at hand to those by name.
    fn flush(&mut self) {
        let Some(dictionary) = self.dictionary.take() else { return };
        let counts = std::mem::take(&mut self.by_key);
        for (key, &rows) in counts.iter().enumerate() {
            if dictionary.is_null(key) {
                self.nulls += rows;
            } else {
                self.add(dictionary.value(key), rows);
            }
        }
        self.by_key = counts;
    }

    pub(super) fn add(&mut self, name: &str, rows: u64) {
        if rows == 0 {
        } else if let Some(count) = self.counts.get_mut(name) {
            *count += rows;
        } else if self.bytes <= self.most_bytes {
            self.bytes += name.len() + Self::OVERHEAD;
            self.counts.insert(name.into(), rows);
        }
    }

    pub(super) fn finish(mut self) -> Column {
        self.flush();
        if self.bytes > self.most_bytes {
            return Column::TooMany(self.counts.len() as u64);
        }
        let mut categories = Categories::default();
        self.counts.iter().for_each(|(name, &rows)| categories.add(name, rows as f64));
        categories.add_nulls(self.nulls as f64);
        if categories.is_empty() { Column::Empty(self.nulls) } else { Column::Categories(categories) }
    }
}

/// True when both are the same memory.
pub fn is_same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len() && a.value_offsets().as_ptr() == b.value_offsets().as_ptr() && a.value_data().as_ptr() == b.value_data().as_ptr()
}

/// Numbers that stand for categories, by their bits.
#[derive(Default)]
pub(super) struct Codes {
    counts: HashMap<u64, u64>,
    nulls: u64,
    are_integers: bool,
    is_over: bool,
}

impl Codes {
    const BYTES: usize = 64;

    pub(super) fn push(&mut self, array: &ArrayRef, most_bytes: usize) {
        self.nulls += array.null_count() as u64;
        if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            // Zero has two signs and is one category.
            numbers.iter().flatten().for_each(|value| self.add((value + 0.0).to_bits(), most_bytes));
        } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
            self.are_integers = true;
            numbers.iter().flatten().for_each(|value| self.add(value as u64, most_bytes));
        } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
            self.are_integers = true;
            days.iter().flatten().for_each(|value| self.add(i64::from(value) as u64, most_bytes));
        } else {
            self.are_integers = true;
            array.as_primitive::<TimestampMicrosecondType>().iter().flatten().for_each(|value| self.add(value as u64, most_bytes));
        }
    }

    pub(super) fn add(&mut self, bits: u64, most_bytes: usize) {
        if let Some(count) = self.counts.get_mut(&bits) {
            *count += 1;
        } else if self.counts.len() * Self::BYTES <= most_bytes {
            self.counts.insert(bits, 1);
        } else {
            self.is_over = true;
        }
    }

    pub(super) fn finish(self) -> Column {
        if self.is_over {
            return Column::TooMany(self.counts.len() as u64);
        }
        let mut categories = Categories::default();
        for (&bits, &rows) in &self.counts {
            let name = if self.are_integers { (bits as i64).to_string() } else { f64::from_bits(bits).to_string() };
            categories.add(&name, rows as f64);
        }
        categories.add_nulls(self.nulls as f64);
        if categories.is_empty() { Column::Empty(self.nulls) } else { Column::Categories(categories) }
    }
}
