//! How many rows have which combination of values: one pass over a few columns of categories, from which groups, confusion tables and
//! segments follow by adding up.

use std::collections::{BTreeMap, HashMap};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
use chrono::{DateTime, SecondsFormat};

use crate::bias::Cell;
use crate::read::column::is_same;

/// Sums over the rows of one combination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Rows.
    pub rows: u64,
    /// Their weights; the rows themselves where there are none.
    pub cell: Cell,
}

impl Count {
    /// Adds another part.
    pub fn add(&mut self, other: Count) {
        self.rows += other.rows;
        self.cell = self.cell + other.cell;
    }
}

/// Counts of combinations of the values of some columns.
pub struct Cross {
    columns: Vec<Values>,
    /// Bits of each column in a combination's number.
    bits: Vec<u32>,
    rows: Vec<u64>,
    /// Only where rows have weights.
    weights: Vec<Cell>,
    /// What was counted before a column needed more bits.
    done: HashMap<Box<[u32]>, Count>,
    numbers: Vec<u32>,
}

/// More combinations than this are not groups any more.
const MOST_BITS: u32 = 20;

/// More combinations than can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the columns have too many combinations of values to count; choose fewer, or columns with fewer values")]
pub struct TooMany;

impl Cross {
    /// An empty table over some columns.
    pub fn new(columns: usize) -> Self {
        let values = (0..columns).map(|_| Values::default()).collect();
        Cross { columns: values, bits: vec![1; columns], rows: vec![0; 1 << columns], weights: Vec::new(), done: HashMap::new(), numbers: Vec::new() }
    }

    /// Adds rows; `weights` is as long as the columns. The number of each row's combination can be had from [`Cross::last_rows`] until the next
    /// call.
    ///
    /// # Errors
    /// More combinations than can be counted.
    pub fn add(&mut self, arrays: &[ArrayRef], weights: Option<&[f64]>) -> Result<(), TooMany> {
        let rows = arrays.first().map_or(0, |array| array.len());
        for (column, array) in self.columns.iter_mut().zip(arrays) {
            column.learn(array);
        }
        self.widen()?;
        self.numbers.clear();
        self.numbers.resize(rows, 0);
        let mut shift = 0;
        for ((column, array), bits) in self.columns.iter().zip(arrays).zip(&self.bits) {
            column.number(array, shift, &mut self.numbers);
            shift += bits;
        }
        match weights {
            None => self.numbers.iter().for_each(|&number| self.rows[number as usize] += 1),
            Some(weights) => {
                self.weights.resize(self.rows.len(), Cell::default());
                for (&number, &weight) in self.numbers.iter().zip(weights) {
                    self.rows[number as usize] += 1;
                    let cell = &mut self.weights[number as usize];
                    *cell = *cell + Cell { sum: weight, squares: weight * weight };
                }
            }
        }
        Ok(())
    }

    /// The codes of the first `columns` columns in each row of the last [`Cross::add`], as one number, and how to take it apart.
    pub fn last_rows(&self, columns: usize) -> (impl Iterator<Item = u32>, Vec<u32>) {
        let bits = self.bits[..columns].to_vec();
        let mask = (1_u32 << bits.iter().sum::<u32>()) - 1;
        (self.numbers.iter().map(move |number| number & mask), bits)
    }

    /// A column's values by code; code 0 is no value.
    pub fn names(&self, column: usize) -> &[String] {
        &self.columns[column].names
    }

    /// Every combination that occurs, as codes, in an order that does not depend on the order of rows.
    pub fn finish(mut self) -> Counts {
        self.flush();
        let names: Vec<Vec<String>> = self.columns.into_iter().map(|column| column.names).collect();
        let combinations = self.done.into_iter().map(|(codes, count)| {
            let values = codes.iter().enumerate().map(|(column, &code)| name(&names[column], code));
            (values.collect::<Vec<Option<String>>>(), count)
        });
        Counts { combinations: combinations.collect() }
    }

    fn widen(&mut self) -> Result<(), TooMany> {
        let needed: Vec<u32> = self.columns.iter().map(|column| usize::BITS - column.names.len().leading_zeros()).collect();
        if needed.iter().zip(&self.bits).all(|(needed, bits)| needed <= bits) {
            return Ok(());
        }
        self.flush();
        self.bits = needed.iter().zip(&self.bits).map(|(&needed, &bits)| needed.max(bits)).collect();
        let all: u32 = self.bits.iter().sum();
        if all > MOST_BITS {
            return Err(TooMany);
        }
        self.rows = vec![0; 1 << all];
        Ok(())
    }

    fn flush(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let weights = std::mem::take(&mut self.weights);
        for (number, &rows) in rows.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            let cell = weights.get(number).copied().unwrap_or_else(|| Cell::rows(rows));
            self.done.entry(apart(number as u32, &self.bits)).or_default().add(Count { rows, cell });
        }
    }
}

/// A day since 1970-01-01 as people write it.
fn day(days: i64) -> String {
    let date = days.checked_mul(86_400).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.map_or_else(|| days.to_string(), |date| date.format("%Y-%m-%d").to_string())
}

/// Microseconds since 1970-01-01 UTC as people write them.
fn moment(microseconds: i64) -> String {
    let time = DateTime::from_timestamp_micros(microseconds);
    time.map_or_else(|| microseconds.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// A combination's number as codes.
pub fn apart(number: u32, bits: &[u32]) -> Box<[u32]> {
    let mut rest = number;
    let take = |&bits: &u32| {
        let code = rest & ((1 << bits) - 1);
        rest >>= bits;
        code
    };
    bits.iter().map(take).collect()
}

/// The name of a code; none for rows without a value.
pub fn name(names: &[String], code: u32) -> Option<String> {
    code.checked_sub(1).map(|at| names[at as usize].clone())
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Every combination of values (none for rows without one) with its sums.
    pub combinations: BTreeMap<Vec<Option<String>>, Count>,
}

impl Counts {
    /// The different values of a column, without none.
    pub fn values(&self, column: usize) -> Vec<&str> {
        let mut values: Vec<&str> = self.combinations.keys().filter_map(|values| values[column].as_deref()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// The values of one column and their codes, from one on.
#[derive(Default)]
struct Values {
    names: Vec<String>,
    by_name: HashMap<String, u32>,
    /// Codes of numbers by their bits.
    by_bits: HashMap<u64, u32>,
    /// Codes of small whole numbers, which most codes are.
    small: Vec<u32>,
    /// The codes of the dictionary at hand, kept with it so that its memory is not used for another that would be taken for the same.
    dictionary: Option<StringArray>,
    by_key: Vec<u32>,
}

/// Whole numbers from zero up to here have a place of their own.
const SMALL: usize = 256;

impl Values {
    /// Gives codes to values that have none yet.
    fn learn(&mut self, array: &ArrayRef) {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            let values = dictionary.values().as_string::<i32>();
            if !self.dictionary.as_ref().is_some_and(|known| is_same(known, values)) {
                self.by_key = values.iter().map(|value| value.map_or(0, |value| self.code(value))).collect();
                self.dictionary = Some(values.clone());
            }
        } else if array.as_boolean_opt().is_some() {
            self.code("false");
            self.code("true");
        } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
            self.learn_integers(numbers, |value| value, |value| value.to_string());
        } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
            self.learn_integers(days, i64::from, day);
        } else if let Some(moments) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            self.learn_integers(moments, |value| value, moment);
        } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            // NaN is how many programs write that there is no value: it must not become a class or group of its own.
            for value in numbers.iter().flatten().filter(|value| !value.is_nan()) {
                // Minus zero is zero.
                let value = value + 0.0;
                let bits = value.to_bits();
                if !self.by_bits.contains_key(&bits) && self.names.len() <= 1 << MOST_BITS {
                    let code = self.code(&value.to_string());
                    self.by_bits.insert(bits, code);
                }
            }
        }
    }

    fn learn_integers<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>, as_integer: impl Fn(T::Native) -> i64, written: impl Fn(i64) -> String) {
        self.small.resize(SMALL, 0);
        let mut learn = |value: i64| {
            if let Some(code) = self.small.get(value as usize) {
                if *code == 0 {
                    self.small[value as usize] = self.code(&written(value));
                }
            } else if !self.by_bits.contains_key(&(value as u64)) && self.names.len() <= 1 << MOST_BITS {
                let code = self.code(&written(value));
                self.by_bits.insert(value as u64, code);
            }
        };
        if array.null_count() == 0 {
            array.values().iter().for_each(|&value| learn(as_integer(value)));
        } else {
            array.iter().flatten().for_each(|value| learn(as_integer(value)));
        }
    }

    fn code(&mut self, name: &str) -> u32 {
        if let Some(&code) = self.by_name.get(name) {
            return code;
        }
        self.names.push(name.to_owned());
        let code = self.names.len() as u32;
        self.by_name.insert(name.to_owned(), code);
        code
    }

    /// Adds each row's code at its place in the combination's number. Rows without a value have code zero and add nothing.
    fn number(&self, array: &ArrayRef, shift: u32, numbers: &mut [u32]) {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            let codes: Vec<u32> = self.by_key.iter().map(|code| code << shift).collect();
            if dictionary.null_count() == 0 {
                numbers.iter_mut().zip(dictionary.keys().values()).for_each(|(number, &key)| *number |= codes[key as usize]);
            } else {
                let keys = dictionary.keys().iter();
                numbers.iter_mut().zip(keys).for_each(|(number, key)| *number |= key.map_or(0, |key| codes[key as usize]));
            }
        } else if let Some(truths) = array.as_boolean_opt() {
            let codes = ["false", "true"].map(|name| self.by_name.get(name).copied().unwrap_or(0) << shift);
            numbers.iter_mut().zip(truths).for_each(|(number, truth)| *number |= truth.map_or(0, |truth| codes[usize::from(truth)]));
        } else if let Some(values) = array.as_primitive_opt::<Int64Type>() {
            self.number_integers(values, |value| value, shift, numbers);
        } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
            self.number_integers(days, i64::from, shift, numbers);
        } else if let Some(moments) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            self.number_integers(moments, |value| value, shift, numbers);
        } else if let Some(values) = array.as_primitive_opt::<Float64Type>() {
            let code = |value: f64| self.by_bits.get(&(value + 0.0).to_bits()).copied().unwrap_or(0);
            numbers.iter_mut().zip(values).for_each(|(number, value)| *number |= value.map_or(0, code) << shift);
        }
    }

    fn number_integers<T: ArrowPrimitiveType>(&self, array: &PrimitiveArray<T>, as_integer: impl Fn(T::Native) -> i64, shift: u32, numbers: &mut [u32]) {
        let code = |value: i64| match self.small.get(value as usize) {
            Some(&code) => code,
            None => self.by_bits.get(&(value as u64)).copied().unwrap_or(0),
        };
        if array.null_count() == 0 {
            numbers.iter_mut().zip(array.values()).for_each(|(number, &value)| *number |= code(as_integer(value)) << shift);
        } else {
            numbers.iter_mut().zip(array).for_each(|(number, value)| *number |= value.map_or(0, |value| code(as_integer(value))) << shift);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array};

    use super::*;

    fn arrays(groups: &[Option<&str>], labels: &[Option<i64>], truths: &[Option<bool>]) -> Vec<ArrayRef> {
        let dictionary: DictionaryArray<Int32Type> = groups.iter().copied().collect();
        vec![Arc::new(dictionary), Arc::new(Int64Array::from(labels.to_vec())), Arc::new(BooleanArray::from(truths.to_vec()))]
    }

    #[test]
    fn combinations_add_up_however_the_rows_come() {
        let mut cross = Cross::new(3);
        cross.add(&arrays(&[Some("a"), None, Some("a")], &[Some(1), Some(1), Some(1)], &[Some(true), None, Some(true)]), None).unwrap();
        // New values, a new dictionary, a number that is not small: the columns need more bits.
        let more = [Some("b"), Some("c"), Some("a"), Some("d"), None];
        cross.add(&arrays(&more, &[Some(-5), Some(1 << 40), Some(1), None, Some(1)], &[Some(false), Some(false), Some(true), None, None]), None).unwrap();
        let counts = cross.finish();
        let rows = |a: Option<&str>, b: Option<&str>, c: Option<&str>| {
            counts.combinations.get([a, b, c].map(|name| name.map(str::to_owned)).as_slice()).map(|count| count.rows)
        };
        assert_eq!(rows(Some("a"), Some("1"), Some("true")), Some(3));
        assert_eq!(rows(None, Some("1"), None), Some(2));
        assert_eq!(rows(Some("b"), Some("-5"), Some("false")), Some(1));
        assert_eq!(rows(Some("c"), Some("1099511627776"), Some("false")), Some(1));
        assert_eq!(rows(Some("d"), None, None), Some(1));
        assert_eq!(counts.combinations.values().map(|count| count.rows).sum::<u64>(), 8);
        assert_eq!(counts.values(0), ["a", "b", "c", "d"]);
    }

    #[test]
    fn weights_add_up() {
        let mut cross = Cross::new(3);
        cross.add(&arrays(&[Some("a"), Some("a")], &[Some(1), Some(1)], &[None, None]), Some(&[0.5, 2.0])).unwrap();
        let counts = cross.finish();
        let count = counts.combinations.values().next().unwrap();
        assert_eq!((count.rows, count.cell.sum, count.cell.squares), (2, 2.5, 4.25));
    }

    #[test]
    fn nan_is_no_value_and_days_are_dates() {
        let mut cross = Cross::new(2);
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(f64::NAN), None, Some(-0.0)]));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![0, 20_000, 20_000, 20_000]));
        cross.add(&[numbers, days], None).unwrap();
        let counts = cross.finish();
        assert_eq!((counts.values(0), counts.values(1)), (vec!["0", "1"], vec!["1970-01-01", "2024-10-04"]));
        let unknown = counts.combinations.get([None, Some("2024-10-04".to_owned())].as_slice());
        assert_eq!(unknown.map(|count| count.rows), Some(2));
    }

    #[test]
    fn identifiers_are_refused() {
        let mut cross = Cross::new(1);
        let many: ArrayRef = Arc::new((0..2_000_000).collect::<Int64Array>());
        assert_eq!(cross.add(&[many], None), Err(TooMany));
    }
}
