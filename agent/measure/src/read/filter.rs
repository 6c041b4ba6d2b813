//! A source's rows for which a predicate is true.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, Scalar, StringArray, TimestampMicrosecondArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::FilterBuilder;

use super::nearest::did_you_mean;
use super::predicate::{Comparison, Literal, Predicate};
use super::tokens::{date, time};
use super::{Batch, Error, Field, InputFile, Kind, Result, Sink, Source};

/// A source and which of its rows are kept: one bit each, found in one scan.
pub struct Filtered<S> {
    inner: S,
    keep: BooleanBuffer,
    kept: u64,
}

impl<S: Source> Filtered<S> {
    /// Finds the rows.
    ///
    /// # Errors
    /// A column that is not there or a literal of another kind than its column, and what keeps the source from being read.
    pub fn new(inner: S, predicate: &Predicate) -> Result<Self> {
        let columns = predicate.columns();
        let places: Vec<usize> = columns.iter().map(|column| place(&inner, column)).collect::<Result<_>>()?;
        let bound = bind(predicate, &inner, &columns)?;
        let mut keep = BooleanBufferBuilder::new(inner.rows().unwrap_or(0) as usize);
        let name = Path::new(inner.name()).to_owned();
        inner.scan(&places, &mut |batch| {
            let is_true = bound.evaluate(&batch).map_err(|error| Error::file(&name, error))?;
            match is_true.nulls() {
                None => keep.append_buffer(is_true.values()),
                Some(valid) => keep.append_buffer(&(is_true.values() & valid.inner())),
            }
            Ok(())
        })?;
        let keep = keep.finish();
        let kept = keep.count_set_bits() as u64;
        Ok(Filtered { inner, keep, kept })
    }
}

impl<S: Source> Source for Filtered<S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fields(&self) -> &[Field] {
        self.inner.fields()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.kept)
    }

    fn is_columnar(&self) -> bool {
        self.inner.is_columnar()
    }

    fn inputs(&self) -> &[InputFile] {
        self.inner.inputs()
    }

    fn asked(&self) -> Option<&super::sql::Asked> {
        self.inner.asked()
    }

    fn scan(&self, columns: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let mut start = 0;
        self.inner.scan(columns, &mut |batch| {
            if start + batch.rows > self.keep.len() {
                return Err(Error::file(Path::new(self.inner.name()), "the data changed while it was read"));
            }
            let keep = BooleanArray::new(self.keep.slice(start, batch.rows), None);
            start += batch.rows;
            match keep.true_count() {
                0 => Ok(()),
                rows if rows == batch.rows => sink(batch),
                rows => {
                    let filter = FilterBuilder::new(&keep).optimize().build();
                    let columns = batch.columns.iter().map(|column| filter.filter(column)).collect::<std::result::Result<_, _>>();
                    let columns = columns.map_err(|error| Error::file(Path::new(self.inner.name()), error))?;
                    sink(Batch { columns, rows })
                }
            }
        })
    }
}

fn place(source: &dyn Source, column: &str) -> Result<usize> {
    source.position(column).ok_or_else(|| {
        let names = source.fields().iter().map(|field| field.name.as_str());
        Error::file(Path::new(source.name()), format_args!("there is no column `{column}`{}", did_you_mean(column, names)))
    })
}

/// A predicate whose columns are places in a batch and whose literals are values of their columns' types.
enum Bound {
    Compare(usize, Comparison, Value),
    In(usize, Vec<Value>),
    IsNull(usize),
    And(Box<Bound>, Box<Bound>),
    Or(Box<Bound>, Box<Bound>),
    Not(Box<Bound>),
}

/// A literal as an array of one value.
struct Value {
    scalar: Scalar<ArrayRef>,
    /// True where whole numbers are compared with one that is not.
    as_number: bool,
}

fn bind(predicate: &Predicate, source: &dyn Source, columns: &[&str]) -> Result<Bound> {
    let at = |column: &str| columns.iter().position(|other| *other == column).unwrap_or_default();
    let value = |column: &str, literal: &Literal| {
        let kind = source.fields()[place(source, column)?].kind;
        value_of(kind, literal).ok_or_else(|| {
            let problem = format!("the column is {} and can't be compared with {literal}", kind.name());
            Error::column(Path::new(source.name()), column, problem)
        })
    };
    let both = |a: &Predicate, b: &Predicate| Ok((Box::new(bind(a, source, columns)?), Box::new(bind(b, source, columns)?)));
    Ok(match predicate {
        Predicate::Compare(column, comparison, literal) => Bound::Compare(at(column), *comparison, value(column, literal)?),
        Predicate::In(column, list) => Bound::In(at(column), list.iter().map(|literal| value(column, literal)).collect::<Result<_>>()?),
        Predicate::IsNull(column) => Bound::IsNull(at(column)),
        Predicate::And(a, b) => both(a, b).map(|(a, b)| Bound::And(a, b))?,
        Predicate::Or(a, b) => both(a, b).map(|(a, b)| Bound::Or(a, b))?,
        Predicate::Not(inner) => Bound::Not(Box::new(bind(inner, source, columns)?)),
    })
}

fn value_of(kind: Kind, literal: &Literal) -> Option<Value> {
    let exact = |array: ArrayRef| Value { scalar: Scalar::new(array), as_number: false };
    Some(match (kind, literal) {
        (Kind::Integer, Literal::Number(digits)) => match digits.parse::<i64>() {
            Ok(value) => exact(Arc::new(Int64Array::from(vec![value]))),
            Err(_) => Value { scalar: Scalar::new(Arc::new(Float64Array::from(vec![digits.parse::<f64>().ok()?]))), as_number: true },
        },
        (Kind::Number, Literal::Number(digits)) => exact(Arc::new(Float64Array::from(vec![digits.parse::<f64>().ok()?]))),
        (Kind::Boolean, Literal::Boolean(value)) => exact(Arc::new(BooleanArray::from(vec![*value]))),
        (Kind::Text, Literal::Text(text)) => exact(Arc::new(StringArray::from(vec![text.as_str()]))),
        (Kind::Date, Literal::Text(text)) => match date(text) {
            Some(day) => exact(Arc::new(Date32Array::from(vec![day]))),
            None => return None,
        },
        (Kind::Time, Literal::Text(text)) => exact(Arc::new(TimestampMicrosecondArray::from(vec![time(text)?]))),
        // Nothing in such a column compares with anything.
        (Kind::Empty, _) => exact(Arc::new(arrow_array::NullArray::new(1))),
        _ => return None,
    })
}

impl Bound {
    fn evaluate(&self, batch: &Batch) -> std::result::Result<BooleanArray, ArrowError> {
        match self {
            Bound::Compare(column, comparison, value) => compare(&batch.columns[*column], *comparison, value),
            Bound::In(column, values) => {
                let nothing = BooleanArray::from(vec![false; batch.rows]);
                values.iter().try_fold(nothing, |found, value| arrow_or(&found, &compare(&batch.columns[*column], Comparison::Equal, value)?))
            }
            Bound::IsNull(column) => {
                let column = &batch.columns[*column];
                Ok(match column.logical_nulls() {
                    Some(valid) => BooleanArray::new(!valid.inner(), None),
                    None => BooleanArray::from(vec![false; batch.rows]),
                })
            }
            Bound::And(a, b) => arrow_and(&a.evaluate(batch)?, &b.evaluate(batch)?),
            Bound::Or(a, b) => arrow_or(&a.evaluate(batch)?, &b.evaluate(batch)?),
            Bound::Not(inner) => {
                let inner = inner.evaluate(batch)?;
                Ok(BooleanArray::new(!inner.values(), inner.nulls().cloned()))
            }
        }
    }
}

fn compare(column: &ArrayRef, comparison: Comparison, value: &Value) -> std::result::Result<BooleanArray, ArrowError> {
    if *column.data_type() == DataType::Null {
        return Ok(BooleanArray::new_null(column.len()));
    }
    let column = if value.as_number { cast(column, &DataType::Float64)? } else { Arc::clone(column) };

    match comparison {
        Comparison::Equal => arrow_ord::cmp::eq(&column, &value.scalar),
        Comparison::NotEqual => arrow_ord::cmp::neq(&column, &value.scalar),
        Comparison::Less => arrow_ord::cmp::lt(&column, &value.scalar),
        Comparison::AtMost => arrow_ord::cmp::lt_eq(&column, &value.scalar),
        Comparison::Greater => arrow_ord::cmp::gt(&column, &value.scalar),
        Comparison::AtLeast => arrow_ord::cmp::gt_eq(&column, &value.scalar),
    }
}

/// `and` of three-valued logic: false wins over null.
fn arrow_and(a: &BooleanArray, b: &BooleanArray) -> std::result::Result<BooleanArray, ArrowError> {
    let (a_true, b_true) = (is_true(a), is_true(b));
    let known = &(&is_known(a) & &is_known(b)) | &(&is_false(a) | &is_false(b));
    Ok(BooleanArray::new(&a_true & &b_true, Some(known.into())))
}

/// `or` of three-valued logic: true wins over null.
fn arrow_or(a: &BooleanArray, b: &BooleanArray) -> std::result::Result<BooleanArray, ArrowError> {
    let either = &is_true(a) | &is_true(b);
    let known = &(&is_known(a) & &is_known(b)) | &either;
    Ok(BooleanArray::new(either, Some(known.into())))
}

fn is_known(array: &BooleanArray) -> BooleanBuffer {
    array.nulls().map_or_else(|| BooleanBuffer::new_set(array.len()), |valid| valid.inner().clone())
}

fn is_true(array: &BooleanArray) -> BooleanBuffer {
    array.values() & &is_known(array)
}

fn is_false(array: &BooleanArray) -> BooleanBuffer {
    &!array.values() & &is_known(array)
}
