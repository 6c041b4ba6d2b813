//! The names of the data quality measures, and their values for one column.

use std::fmt;
use std::str::FromStr;

use super::Summary;
use crate::categories::Aligned;
use crate::window::Window;

/// A data quality measure of a column. [`Measure::ALL`] is the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is described in its row of the table below")]
pub enum Measure {
    NullShare,
    NullShareChange,
    NanShare,
    InfinityShare,
    EmptyShare,
    TypeChange,
    OutOfRangeShare,
    UnseenCategoryShare,
    UnseenCategories,
    VanishedCategories,
}

const TABLE: [(Measure, &str, &str); 10] = [
    (Measure::NullShare, "null_share", "share of rows without a value"),
    (Measure::NullShareChange, "null_share_change", "share of rows without a value, minus that of the reference"),
    (Measure::NanShare, "nan_share", "share of rows that hold NaN"),
    (Measure::InfinityShare, "infinity_share", "share of rows that hold an infinity"),
    (Measure::EmptyShare, "empty_share", "share of rows that hold an empty text"),
    (Measure::TypeChange, "type_change", "1 when the column's kind of values is not that of the reference, else 0"),
    (Measure::OutOfRangeShare, "out_of_range_share", "share of numbers outside the reference's smallest and largest"),
    (Measure::UnseenCategoryShare, "unseen_category_share", "share of values that the reference does not have"),
    (Measure::UnseenCategories, "unseen_categories", "number of categories that the reference does not have"),
    (Measure::VanishedCategories, "vanished_categories", "number of the reference's categories that no longer occur"),
];

impl Measure {
    /// Every measure, in the order of reports.
    pub const ALL: [Measure; 10] = {
        let mut all = [Measure::NullShare; 10];
        let mut at = 0;
        while at < 10 {
            all[at] = TABLE[at].0;
            at += 1;
        }
        all
    };

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// One line that says what the number is.
    pub fn meaning(self) -> &'static str {
        TABLE[self as usize].2
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A measure name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no data quality measure; expected one of {}", Measure::ALL.map(Measure::name).join(", "))]
pub struct UnknownMeasure {
    name: String,
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, UnknownMeasure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| UnknownMeasure { name: name.to_owned() })
    }
}

/// One measure of one column; a share has no value without rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// What was measured.
    pub measure: Measure,
    /// Its value.
    pub value: Option<f64>,
}

/// The measures that apply to a column: those of the current window alone, and those beside the reference where there is one.
///
/// `numbers` are both windows of a numeric column, `categories` the aligned counts of a column of categories.
pub fn column_measures(current: &Summary, reference: Option<&Summary>, numbers: Option<(&Window, &Window)>, categories: Option<&Aligned>) -> Vec<Reading> {
    let share = |rows: u64| over(rows as f64, current.rows as f64);
    let mut readings = vec![
        Reading { measure: Measure::NullShare, value: share(current.nulls) },
        Reading { measure: Measure::NanShare, value: share(current.nans) },
        Reading { measure: Measure::InfinityShare, value: share(current.infinities) },
        Reading { measure: Measure::EmptyShare, value: share(current.empty) },
    ];
    if let Some(reference) = reference {
        let before = over(reference.nulls as f64, reference.rows as f64);
        let change = share(current.nulls).zip(before).map(|(now, before)| now - before);
        readings.push(Reading { measure: Measure::NullShareChange, value: change });
        let is_other = f64::from(u8::from(current.kind != reference.kind));
        readings.push(Reading { measure: Measure::TypeChange, value: Some(is_other) });
    }
    if let Some((reference, current)) = numbers {
        readings.push(Reading { measure: Measure::OutOfRangeShare, value: out_of_range(reference, current) });
    }
    if let Some(aligned) = categories {
        readings.extend(of_categories(aligned));
    }
    readings.sort_by_key(|reading| reading.measure as usize);
    readings
}

fn out_of_range(reference: &Window, current: &Window) -> Option<f64> {
    let (low, high) = reference.range()?;
    let values = current.values();
    let below = values.partition_point(|&value| value < low);
    let above = values.len() - values.partition_point(|&value| value <= high);
    over((below + above) as f64, values.len() as f64)
}

fn of_categories(aligned: &Aligned) -> [Reading; 3] {
    let unseen: f64 = aligned.reference.iter().zip(&aligned.current).filter(|(before, _)| **before == 0.0).map(|(_, now)| now).sum();
    let count = |names: usize| Some(names as f64);
    [
        Reading { measure: Measure::UnseenCategoryShare, value: over(unseen, aligned.current.iter().sum()) },
        Reading { measure: Measure::UnseenCategories, value: count(aligned.unseen().count()) },
        Reading { measure: Measure::VanishedCategories, value: count(aligned.vanished().count()) },
    ]
}

fn over(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Rows of the current window over those of the reference; `None` for an empty reference.
pub fn row_count_ratio(reference_rows: u64, current_rows: u64) -> Option<f64> {
    over(current_rows as f64, reference_rows as f64)
}

/// Age in seconds of the newest row, from its time and `now`, both in seconds; negative for a time to come. `None` without any time.
pub fn freshness_seconds(newest: Option<f64>, now: f64) -> Option<f64> {
    newest.map(|newest| now - newest)
}
