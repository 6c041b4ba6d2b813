//! From Arrow's many types to the few that sources deliver.

use std::sync::Arc;

use arrow_array::types::{Date32Type, Date64Type, Float64Type};
use arrow_array::{ArrayRef, NullArray, PrimitiveArray, cast::AsArray as _};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::Kind;

/// What a column of an Arrow type holds.
pub fn kind_of(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 | DataType::UInt64 => Kind::Number,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => Kind::Number,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => Kind::Number,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Integer,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => Kind::Integer,
        DataType::Boolean => Kind::Boolean,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(..) => Kind::Time,
        DataType::Null => Kind::Empty,
        DataType::Dictionary(_, values) => kind_of(values),
        DataType::RunEndEncoded(_, values) => kind_of(values.data_type()),
        _ => Kind::Other,
    }
}

/// Turns an array into the one type of its kind. What has that type already is not touched.
pub fn to_kind(array: &ArrayRef, kind: Kind) -> Result<ArrayRef, ArrowError> {
    let wanted = kind.arrow();
    match array.data_type() {
        from if *from == wanted => Ok(Arc::clone(array)),
        _ if wanted == DataType::Null => Ok(Arc::new(NullArray::new(array.len()))),
        DataType::Time32(unit) => seconds(&cast(array, &DataType::Int32)?, *unit),
        DataType::Time64(unit) | DataType::Duration(unit) => seconds(&cast(array, &DataType::Int64)?, *unit),
        // Through plain integers: the moment counts, not the local time.
        DataType::Timestamp(unit, Some(_)) => {
            let moments = cast(array, &DataType::Int64)?;
            cast(&cast(&moments, &DataType::Timestamp(*unit, None))?, &wanted)
        }
        DataType::RunEndEncoded(_, values) => to_kind(&cast(array, values.data_type())?, kind),
        DataType::Date64 if kind == Kind::Date => days(array),
        DataType::Date32 | DataType::Date64 if kind == Kind::Time => cast(&cast(array, &DataType::Date64)?, &wanted),
        DataType::Utf8View => cast(&cast(array, &DataType::Utf8)?, &wanted),
        DataType::Dictionary(_, values) if kind != Kind::Text => to_kind(&cast(array, values)?, kind),
        DataType::Dictionary(_, values) if **values == DataType::Utf8View => to_kind(&cast(array, values)?, kind),
        _ => cast(array, &wanted),
    }
}

fn seconds(counts: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, ArrowError> {
    let per_second = match unit {
        TimeUnit::Second => 1.0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    };
    let numbers = cast(counts, &DataType::Float64)?;
    let scaled: PrimitiveArray<Float64Type> = numbers.as_primitive::<Float64Type>().unary(|count| count / per_second);
    Ok(Arc::new(scaled))
}

/// The day that a moment is on; also before 1970, where dividing would give the next.
fn days(moments: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    const MILLISECONDS: i64 = 86_400_000;
    let day = |moment: i64| i32::try_from(moment.div_euclid(MILLISECONDS)).map_err(|_| ArrowError::CastError(format!("{moment} milliseconds are no date")));
    let days: PrimitiveArray<Date32Type> = moments.as_primitive::<Date64Type>().try_unary(day)?;
    Ok(Arc::new(days))
}

/// A value that does not fit is an error, not a null that no one would notice.
fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Int64Type, TimestampMicrosecondType};
    use arrow_array::{Array as _, Date32Array, Decimal128Array, DurationMillisecondArray, Int8Array, LargeStringArray, StringViewArray};
    use arrow_array::{Time32SecondArray, TimestampSecondArray, UInt64Array};

    use super::*;

    fn to(array: impl arrow_array::Array + 'static) -> ArrayRef {
        let array: ArrayRef = Arc::new(array);
        let kind = kind_of(array.data_type());
        let result = to_kind(&array, kind).unwrap();
        assert_eq!(*result.data_type(), kind.arrow());
        assert_eq!(result.null_count(), array.null_count());
        result
    }

    #[test]
    fn every_type_of_a_kind_becomes_one() {
        let numbers: [(ArrayRef, f64); 4] = [
            (to(UInt64Array::from(vec![u64::MAX])), 18_446_744_073_709_551_615.0),
            (to(Decimal128Array::from(vec![12345]).with_precision_and_scale(10, 2).unwrap()), 123.45),
            (to(DurationMillisecondArray::from(vec![1500])), 1.5),
            (to(Time32SecondArray::from(vec![3600])), 3600.0),
        ];
        for (array, expected) in numbers {
            assert!((array.as_primitive::<Float64Type>().value(0) - expected).abs() < 1e-9, "{expected}");
        }
        assert_eq!(to(Int8Array::from(vec![Some(-3), None])).as_primitive::<Int64Type>().value(0), -3);
        to(LargeStringArray::from(vec![Some("a"), None, Some("a")]));
        to(StringViewArray::from(vec![Some("a"), None, Some("a")]));
        to(Date32Array::from(vec![20543]));
    }

    #[test]
    fn a_zone_does_not_move_the_moment() {
        let array = to(TimestampSecondArray::from(vec![1_774_915_200]).with_timezone("+02:00"));
        assert_eq!(array.as_primitive::<TimestampMicrosecondType>().value(0), 1_774_915_200_000_000);
    }
}
