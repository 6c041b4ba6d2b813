//! Data quality measures of small columns.

use clause9_measure::categories::{Aligned, Categories, Nulls};
use clause9_measure::quality::{Kind, Measure, Range, Summary, column_measures, duplicate_rows, freshness_seconds, hash_row, row_count_ratio};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;

fn value(readings: &[clause9_measure::quality::Reading], measure: Measure) -> Option<f64> {
    readings.iter().find(|reading| reading.measure == measure).and_then(|reading| reading.value)
}

#[test]
fn numbers() {
    let mut summary = Summary::new(Kind::Number);
    [1.0, f64::NAN, 5.0, f64::INFINITY, 0.0].into_iter().for_each(|value| summary.add_number(value));
    summary.add_nulls(5);
    assert_eq!(summary.range, Some(Range { low: 0.0, high: 5.0 }));
    assert_eq!((summary.rows, summary.present(), summary.zeros), (10, 3, 1));
    let mut reference = Summary::new(Kind::Integer);
    (0..4).for_each(|value| reference.add_number(f64::from(value)));
    let window = |values: &[f64]| Window::new(values.to_vec(), 0, &mut Scratch::default());
    let numbers = (window(&[0.0, 1.0, 2.0, 3.0]), window(&[0.0, 1.0, 5.0, -1.0]));
    let readings = column_measures(&summary, Some(&reference), Some((&numbers.0, &numbers.1)), None);
    assert_eq!(value(&readings, Measure::NullShare), Some(0.5));
    assert_eq!(value(&readings, Measure::NullShareChange), Some(0.5));
    assert_eq!(value(&readings, Measure::NanShare), Some(0.1));
    assert_eq!(value(&readings, Measure::InfinityShare), Some(0.1));
    assert_eq!(value(&readings, Measure::TypeChange), Some(1.0));
    assert_eq!(value(&readings, Measure::OutOfRangeShare), Some(0.5));
    assert_eq!(value(&readings, Measure::UnseenCategories), None, "a numeric column has no categories");
}

#[test]
fn categories() {
    let count = |names: &[&str]| {
        let mut categories = Categories::default();
        names.iter().for_each(|name| categories.add(name, 1.0));
        categories
    };
    let aligned = Aligned::new(&count(&["a", "a", "b"]), &count(&["a", "c", "d", "c"]), Nulls::Dropped);
    let mut summary = Summary::new(Kind::Text);
    ["a", "", "d", "c"].iter().for_each(|text| summary.add_text(text));
    let readings = column_measures(&summary, None, None, Some(&aligned));
    assert_eq!(value(&readings, Measure::UnseenCategoryShare), Some(0.75));
    assert_eq!(value(&readings, Measure::UnseenCategories), Some(2.0));
    assert_eq!(value(&readings, Measure::VanishedCategories), Some(1.0));
    assert_eq!(value(&readings, Measure::EmptyShare), Some(0.25));
    assert_eq!(value(&readings, Measure::NullShareChange), None, "nothing to compare with");
}

#[test]
fn empty_columns_have_no_shares() {
    let readings = column_measures(&Summary::new(Kind::Number), Some(&Summary::default()), None, None);
    assert_eq!(value(&readings, Measure::NullShare), None);
    assert_eq!(value(&readings, Measure::NullShareChange), None);
}

#[test]
fn rows_that_repeat() {
    let row = |values: &[Option<&str>]| hash_row(values.iter().map(|value| value.map(str::as_bytes)));
    let rows =
        [row(&[Some("a"), Some("b")]), row(&[Some("ab"), Some("")]), row(&[Some("ab"), None]), row(&[Some("a"), Some("b")]), row(&[Some("a"), Some("b")])];
    assert_eq!(duplicate_rows(&mut rows.to_vec()), 2, "neither a shifted border nor a missing value makes rows alike");
    assert_eq!(duplicate_rows(&mut []), 0);
}

#[test]
fn windows() {
    assert_eq!(row_count_ratio(200, 50), Some(0.25));
    assert_eq!(row_count_ratio(0, 50), None);
    assert_eq!(freshness_seconds(Some(900.0), 1000.0), Some(100.0));
    assert_eq!(freshness_seconds(None, 1000.0), None);
}

#[test]
fn names() {
    for measure in Measure::ALL {
        assert_eq!(measure.name().parse::<Measure>(), Ok(measure));
    }
}
