//! Columns as typed files have them: what each type becomes, and what is compared with what.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int16Type, Int32Type};
use arrow_array::*;
use arrow_buffer::i256;
use arrow_schema::DataType;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use serde_json::Value;

use crate::support::{batch, drift, rows, run, write_ipc, write_parquet, write_text};
use crate::text::shown;

const DAY: i64 = 86_400_000;

fn words(values: &[Option<&str>]) -> StringArray {
    values.iter().copied().collect()
}

/// Each type, and what is read of it; `parquet` says whether Parquet has it too.
fn types() -> Vec<(&'static str, ArrayRef, &'static str)> {
    let half = |value: f32| half_of(value);
    let text = [Some("a"), None, Some("b"), Some("a")];
    let twice = DictionaryArray::<Int16Type>::new(
        Int16Array::from(vec![Some(0), None, Some(1), Some(2), Some(3)]),
        Arc::new(words(&[Some("a"), Some("b"), Some("a"), None])),
    );
    let coded = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0, 1, 2, 0]), Arc::new(Int64Array::from(vec![Some(5), None, Some(7)])));
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 3, 5]), &words(&[Some("a"), None, Some("b")])).unwrap();
    let number_runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 3, 5]), &Float64Array::from(vec![Some(1.5), None, Some(f64::NAN)])).unwrap();
    vec![
        ("int8", Arc::new(Int8Array::from(vec![Some(-128), None, Some(127)])), "integer -128 127 1 null"),
        ("uint32", Arc::new(UInt32Array::from(vec![u32::MAX, 0])), "integer 0 4294967295"),
        ("uint64", Arc::new(UInt64Array::from(vec![u64::MAX, 1])), "number 1 18446744073709552000"),
        ("int64", Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN, 0])), "integer -9223372036854776000 0 9223372036854776000"),
        ("int64 from the other end", Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, -1])), "integer -9223372036854776000 -1 9223372036854776000"),
        ("float16", half(1.5), "number 1.5"),
        ("float32", Arc::new(Float32Array::from(vec![0.5, f32::NAN, f32::INFINITY])), "number 0.5 1 NaN 1 inf"),
        ("decimal", Arc::new(Decimal128Array::from(vec![12345, -1]).with_precision_and_scale(10, 2).unwrap()), "number -0.01 123.45"),
        ("decimal of 256 bits", Arc::new(Decimal256Array::from(vec![i256::from_i128(12345)]).with_precision_and_scale(50, 2).unwrap()), "number 123.45"),
        ("time of day", Arc::new(Time32SecondArray::from(vec![3600])), "number 3600"),
        ("duration", Arc::new(DurationMillisecondArray::from(vec![-1500])), "number -1.5"),
        ("seconds", Arc::new(TimestampSecondArray::from(vec![-1, 1])), "time -1 1"),
        ("milliseconds", Arc::new(TimestampMillisecondArray::from(vec![-1, 1])), "time -0.001 0.001"),
        ("nanoseconds in a zone", Arc::new(TimestampNanosecondArray::from(vec![1_500_000_000]).with_timezone("+05:00")), "time 1.5"),
        ("days", Arc::new(Date32Array::from(vec![-1, 0])), "date -1 0"),
        ("days as milliseconds", Arc::new(Date64Array::from(vec![-1, -DAY, -DAY - 1, DAY, DAY + 5])), "date -2 -1 -1 1 1"),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None])), "boolean `true` 1 1 null"),
        ("text", Arc::new(words(&text)), "text `a` 2 `b` 1 1 null"),
        ("large text", Arc::new(text.iter().copied().collect::<LargeStringArray>()), "text `a` 2 `b` 1 1 null"),
        ("text views", Arc::new(text.iter().copied().collect::<StringViewArray>()), "text `a` 2 `b` 1 1 null"),
        ("keys of values twice and of none", Arc::new(twice), "text `a` 2 `b` 1 2 null"),
        ("keys of numbers", Arc::new(coded), "integer 5 5 7 1 null"),
        ("runs of text", Arc::new(runs), "text `a` 2 `b` 2 1 null"),
        ("runs of numbers", Arc::new(number_runs), "number 1.5 1.5 1 null 2 NaN"),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"x"[..]])), "other -"),
        ("nothing", Arc::new(NullArray::new(3)), "empty 3 null"),
    ]
}

fn half_of(value: f32) -> ArrayRef {
    arrow_cast::cast(&Float32Array::from(vec![value]), &DataType::Float16).unwrap()
}

#[test]
fn each_type_is_read_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, array, expected) in types() {
        let table = RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap();
        let expected = format!("x {expected}");
        let path = folder.path().join("x.arrow");
        write_ipc(&path, &table);
        assert_eq!(shown(&path, None).unwrap(), expected, "{name} in Arrow");
        if matches!(table.column(0).data_type(), DataType::RunEndEncoded(..) | DataType::Date64) {
            continue;
        }
        let path = folder.path().join("x.parquet");
        write_parquet(&path, &table);
        assert_eq!(shown(&path, None).unwrap(), expected, "{name} in Parquet");
    }
}

/// A table of one column in a file of its own.
fn one(folder: &Path, name: &str, array: ArrayRef) -> String {
    let file = format!("{}.parquet", name.replace(' ', "_"));
    write_parquet(&folder.join(&file), &RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap());
    file
}

/// Times of 96 bits, as older writers have them, reach further than nanoseconds in 64.
#[test]
fn times_of_96_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = Arc::new(parquet::schema::parser::parse_message_type("message m { REQUIRED INT96 x; }").unwrap());
    let mut writer = SerializedFileWriter::new(std::fs::File::create(&path).unwrap(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    // Nanoseconds of the day in two words, and the Julian day: 1970-01-01 is 2440588.
    let moment = |nanoseconds: u64, day: u32| {
        let mut value = Int96::new();
        value.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, 2_440_588 + day);
        value
    };
    column.typed::<Int96Type>().write_batch(&[moment(1_500_000_000, 0), moment(0, 2_932_896)], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    // The second is 9999-12-31, which many write for "for ever".
    assert_eq!(shown(&path, None).unwrap(), "x time 1.5 253402214400");
}

/// What differs between two windows in kind only is compared; what differs in meaning is not, and the reason says so.
#[test]
fn kinds_of_two_windows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let numbers = || (0..40).map(|row| row * row % 37);
    let days = || numbers().map(|day| day as i32 + 20_000);
    let integers = one(folder, "integer", Arc::new(numbers().collect::<Int64Array>()));
    let floats = one(folder, "number", Arc::new(numbers().map(|value| value as f64).collect::<Float64Array>()));
    let texts = one(folder, "text", Arc::new(numbers().map(|value| Some(value.to_string())).collect::<StringArray>()));
    let truths = one(folder, "boolean", Arc::new(numbers().map(|value| Some(value > 9)).collect::<BooleanArray>()));
    let dates = one(folder, "date", Arc::new(Date32Array::from_iter_values(days())));
    let times = one(folder, "time", Arc::new(TimestampMillisecondArray::from_iter_values(days().map(|day| i64::from(day) * DAY))));
    let nothing = one(folder, "empty", Arc::new(NullArray::new(40)));
    let bytes = one(folder, "other", Arc::new(BinaryArray::from(vec![&b"x"[..]; 40])));
    let all = [&integers, &floats, &texts, &truths, &dates, &times, &nothing];
    let same = [(&integers, &floats), (&dates, &times)];
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
        let found = drift(folder, a, b, &["--tests", "psi"]).measurement("x", "psi");
        let is_same = a == b || same.contains(&(a, b)) || same.contains(&(b, a));
        let kinds = (a.trim_end_matches(".parquet"), b.trim_end_matches(".parquet"));
        if a == &nothing || b == &nothing {
            let which = if a == &nothing { "reference" } else { "current" };
            assert_eq!((&found["value"], found["reason"].as_str()), (&Value::Null, Some(&*format!("the {which} window has no values"))), "{kinds:?}");
        } else if is_same {
            assert_eq!(found["value"], 0.0, "{kinds:?}");
        } else {
            let reason = format!("{} in the reference window, {} in the current one", kinds.0, kinds.1);
            assert_eq!((&found["value"], found["reason"].as_str()), (&Value::Null, Some(&*reason)), "{kinds:?}");
        }
    }
    let left = drift(folder, &bytes, &floats, &[]).json()["left_out"][0].clone();
    assert_eq!(left["reason"], "lists, structures and bytes are not compared");
    // Distances of dates and times are in seconds, whichever window has the dates; numbers that stand for categories are compared by name.
    let later = one(folder, "later", Arc::new(TimestampMillisecondArray::from_iter_values(days().map(|day| i64::from(day) * DAY + 1000))));
    for (a, b) in [(&dates, &later), (&later, &dates)] {
        assert_eq!(drift(folder, a, b, &["--tests", "wasserstein"]).measurement("x", "wasserstein")["value"], 1.0);
    }
    let coded = drift(folder, &integers, &floats, &["--tests", "psi", "--categorical", "x"]).measurement("x", "psi");
    assert_eq!((&coded["value"], coded["bins"].as_u64().unwrap() > 9), (&serde_json::json!(0.0), true));
    let coded = drift(folder, &dates, &times, &["--tests", "psi", "--categorical", "x"]).measurement("x", "psi");
    assert_eq!(coded["reason"], "date in the reference window, time in the current one");
}

/// Values near the ends of what numbers hold: a value or a reason, never what merely looks like a number.
#[test]
fn values_at_the_ends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let column = |of: &dyn Fn(i32) -> f64| -> ArrayRef { Arc::new((0..1000).map(of).collect::<Float64Array>()) };
    let ends = one(folder, "ends", column(&|row| if row % 2 == 0 { f64::MAX } else { f64::MIN }));
    let large = one(folder, "large", column(&|row| f64::from(row - 500) * 1e305));
    let small = one(folder, "small", column(&|row| f64::from(row - 500) * 1e-305));
    let usual = one(folder, "usual", column(&|row| f64::from(row - 500)));
    for (a, b) in [(&ends, &large), (&large, &ends), (&ends, &small), (&small, &large), (&large, &usual), (&usual, &ends)] {
        let json = drift(folder, a, b, &["--tests", "all"]).json();
        for one in json["measurements"].as_array().unwrap() {
            assert!(one["value"].is_f64() != one["reason"].is_string(), "{a} {b}: {one:#}");
        }
        let ks = drift(folder, a, b, &["--tests", "ks"]).measurement("x", "ks")["value"].as_f64().unwrap();
        assert!((0.49..0.51).contains(&ks), "{a} {b}: {ks}");
    }
    // Scale changes nothing that has no unit.
    let shifted = |scale: f64| one(folder, &format!("by {scale:e}"), column(&|row| f64::from(row - 400) * scale));
    let normed = |a: &str, b: &str| drift(folder, a, b, &["--tests", "wasserstein_normed"]).measurement("x", "wasserstein_normed");
    let (usual_one, large_one) = (normed(&usual, &shifted(1.0)), normed(&large, &shifted(1e305)));
    assert!(large_one["reason"].is_string() || (large_one["value"].as_f64().unwrap() - usual_one["value"].as_f64().unwrap()).abs() < 1e-6, "{large_one:#}");
}

/// Windows of no row and of one row, alone and beside others: what is defined, and a reason for the rest; nothing fails.
#[test]
fn windows_of_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for count in [0, 1, 2, 50] {
        write_parquet(&folder.join(format!("{count}.parquet")), &batch(&rows(1, count)));
        write_ipc(&folder.join(format!("{count}.arrow")), &batch(&rows(1, count)));
        write_text(&folder.join(format!("{count}.csv")), &crate::support::csv(&rows(1, count)));
    }
    for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 50), (50, 0), (0, 50)] {
        for (from, to) in [("parquet", "arrow"), ("arrow", "parquet"), ("csv", "csv")] {
            let ran = run(folder, &["drift", "--reference", &format!("{a}.{from}"), "--current", &format!("{b}.{to}"), "--tests", "all", "--format", "json"]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{a} {b} {from}");
            for one in ran.json()["measurements"].as_array().unwrap() {
                // A value may have a reason why it is not judged; what has no value always has one.
                assert!(one["value"].is_f64() || one["reason"].is_string(), "{a} {b} {from}: {one:#}");
                assert!(one["verdict"] == "unknown" || one["reason"].is_null(), "{a} {b} {from}: {one:#}");
            }
        }
    }
}
