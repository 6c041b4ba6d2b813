//! `quality`: what is missing, new, out of range, repeated or old in a window, alone and beside a reference.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};

use super::columns::Chosen;
use super::limits::Limits;
use super::{Progress, Result};
use crate::categories::{Aligned, Nulls};
use crate::output::{Direction, Family, Kind, LeftOut, Measurement, Verdict};
use crate::quality::{Kind as SummaryKind, Measure, Range, Summary, column_measures, duplicate_rows, freshness_seconds, row_count_ratio};
use crate::read::column::{self, Column, Room};
use crate::read::{Kind as ColumnKind, Source};

/// The choices of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The limits.
    pub limits: Limits,
    /// The column that says when a row happened.
    pub time: Option<String>,
    /// Seconds since 1970-01-01, which freshness is counted to.
    pub now: f64,
    /// True to count repeated rows, for which every column is read once more.
    pub with_duplicates: bool,
    /// Bytes for the different values of one column.
    pub memory: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Of the window as a whole, then of each column.
    pub measurements: Vec<Measurement>,
    /// Columns that were not measured.
    pub left_out: Vec<LeftOut>,
}

/// Measures the chosen columns.
///
/// # Errors
/// What keeps a window from being read.
pub fn run(current: &dyn Source, reference: Option<&dyn Source>, chosen: &[Chosen], options: &Options, progress: &mut Progress<'_>) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut room = Room::default();
    let rows = (reference.map(rows).transpose()?, rows(current)?);
    whole(current, chosen, options, rows, &mut findings)?;
    let all = chosen.len();
    for (done, chosen) in chosen.iter().enumerate() {
        progress(done, all, &chosen.name);
        let mut look = |source: &dyn Source| look(source, chosen, options.memory, &mut room);
        let Some(now) = look(current)? else {
            findings.left_out.push(LeftOut { column: chosen.name.clone(), reason: "the window lacks the column".to_owned() });
            continue;
        };
        let before = reference.map(&mut look).transpose()?.flatten();
        if matches!(now.column, Column::Other) {
            let reason = "lists, structures and bytes are not looked into".to_owned();
            findings.left_out.push(LeftOut { column: chosen.name.clone(), reason });
            continue;
        }
        findings.measurements.extend(of_column(chosen, &now, before.as_ref(), rows, options));
        for looked in [Some(now), before].into_iter().flatten() {
            if let Column::Numbers(window) = looked.column {
                room.give_back(window);
            }
        }
    }
    options.limits.check_used(&findings.measurements)?;
    Ok(findings)
}

/// A column and what was counted of it.
struct Looked {
    column: Column,
    summary: Summary,
}

fn look(source: &dyn Source, chosen: &Chosen, memory: usize, room: &mut Room) -> Result<Option<Looked>> {
    let Some(place) = source.position(&chosen.name) else { return Ok(None) };
    let limits = column::Limits { number_bytes: memory / 2, category_bytes: memory / 2 };
    let read = column::read(source, &[place], &[chosen.as_categories], limits, room)?;
    let kind = match source.fields()[place].kind {
        ColumnKind::Number => SummaryKind::Number,
        ColumnKind::Integer => SummaryKind::Integer,
        ColumnKind::Boolean => SummaryKind::Boolean,
        ColumnKind::Text => SummaryKind::Text,
        ColumnKind::Date | ColumnKind::Time => SummaryKind::Time,
        ColumnKind::Empty | ColumnKind::Other => SummaryKind::Unknown,
    };
    Ok(read.into_iter().next().map(|column| Looked { summary: summary(&column, kind), column }))
}

fn summary(column: &Column, kind: SummaryKind) -> Summary {
    let mut summary = Summary::new(kind);
    match column {
        Column::Numbers(window) => {
            let excluded = window.excluded();
            summary.rows = window.rows() + excluded.total();
            (summary.nulls, summary.nans, summary.infinities) = (excluded.nulls, excluded.nans, excluded.infinities);
            summary.range = window.range().map(|(low, high)| Range { low, high });
        }
        Column::Categories(categories) => {
            summary.rows = (categories.rows() + categories.nulls()) as u64;
            summary.nulls = categories.nulls() as u64;
            summary.empty = categories.iter().filter(|(name, _)| name.is_empty()).map(|(_, rows)| rows as u64).sum();
        }
        Column::Sketched(sketch) => {
            summary.rows = sketch.rows + sketch.excluded.total();
            (summary.nulls, summary.nans, summary.infinities) = (sketch.excluded.nulls, sketch.excluded.nans, sketch.excluded.infinities);
            summary.range = sketch.range.map(|(low, high)| Range { low, high });
        }
        Column::Empty(rows) => summary.add_nulls(*rows),
        Column::TooMany(_) | Column::Other => {}
    }
    summary
}

fn of_column(chosen: &Chosen, now: &Looked, before: Option<&Looked>, rows: (Option<u64>, u64), options: &Options) -> Vec<Measurement> {
    let numbers = match (before.map(|before| &before.column), &now.column) {
        (Some(Column::Numbers(before)), Column::Numbers(now)) => Some((before, now)),
        _ => None,
    };
    let aligned = match (before.map(|before| &before.column), &now.column) {
        (Some(Column::Categories(before)), Column::Categories(now)) => Some(Aligned::new(before, now, Nulls::Dropped)),
        _ => None,
    };
    let is_countable = !matches!(now.column, Column::TooMany(_));
    let readings = column_measures(&now.summary, before.map(|before| &before.summary), numbers, aligned.as_ref());
    let is_text = matches!(now.summary.kind, SummaryKind::Text);
    let is_number = matches!(now.summary.kind, SummaryKind::Number);
    let fits = |measure: Measure| match measure {
        Measure::EmptyShare => is_text,
        Measure::NanShare | Measure::InfinityShare => is_number,
        _ => true,
    };
    let measured = readings.into_iter().filter(|reading| fits(reading.measure)).map(|reading| {
        let kind = match reading.measure {
            Measure::UnseenCategories | Measure::VanishedCategories | Measure::TypeChange => Kind::Count,
            Measure::NullShareChange => Kind::Statistic,
            _ => Kind::Ratio,
        };
        let mut measurement = Measurement::new(Family::Quality, reading.measure.name(), kind);
        measurement.feature = Some(chosen.name.clone());
        measurement.feature_role = Some(chosen.role.name());
        measurement.direction = Some(if reading.measure == Measure::NullShareChange { Direction::Abs } else { Direction::Higher });
        measurement.value = reading.value.filter(|_| is_countable);
        measurement.reason = match (measurement.value, is_countable) {
            (Some(_), _) => None,
            (None, false) => Some("more different values than fit the memory".to_owned()),
            (None, true) => Some("there are no rows".to_owned()),
        };
        (measurement.n_reference, measurement.n_current) = (rows.0.filter(|_| before.is_some()), Some(rows.1));
        judged(measurement, &options.limits)
    });
    measured.collect()
}

/// What concerns the window as a whole.
fn whole(current: &dyn Source, chosen: &[Chosen], options: &Options, rows: (Option<u64>, u64), findings: &mut Findings) -> Result<()> {
    let mut add = |name: &'static str, kind: Kind, direction: Direction, value: Option<f64>, reason: &str| {
        let mut measurement = Measurement::new(Family::Quality, name, kind);
        (measurement.value, measurement.direction) = (value, Some(direction));
        measurement.reason = value.is_none().then(|| reason.to_owned());
        (measurement.n_reference, measurement.n_current) = (rows.0, Some(rows.1));
        findings.measurements.push(judged(measurement, &options.limits));
    };
    add("row_count", Kind::Count, Direction::Lower, Some(rows.1 as f64), "");
    if let Some(before) = rows.0 {
        add("row_count_ratio", Kind::Ratio, Direction::TwoSided, row_count_ratio(before, rows.1), "the reference window has no rows");
    }
    if let Some(time) = &options.time {
        let newest = newest(current, time)?;
        add("freshness_seconds", Kind::Statistic, Direction::Higher, freshness_seconds(newest, options.now), "the column holds no time");
    }
    if options.with_duplicates {
        let mut hashes = row_hashes(current, chosen)?;
        let repeated = duplicate_rows(&mut hashes);
        let share = (rows.1 > 0).then(|| repeated as f64 / rows.1 as f64);
        add("duplicate_rows", Kind::Count, Direction::Higher, Some(repeated as f64), "");
        add("duplicate_row_share", Kind::Ratio, Direction::Higher, share, "there are no rows");
    }
    Ok(())
}

fn judged(mut measurement: Measurement, limits: &Limits) -> Measurement {
    if let Some(judgement) = limits.judge(&measurement, None, None) {
        (measurement.verdict, measurement.limit) = (Some(judgement.verdict), judgement.limit);
    } else if measurement.value.is_none() {
        measurement.verdict = Some(Verdict::Unknown);
    }
    measurement
}

fn rows(source: &dyn Source) -> Result<u64> {
    if let Some(rows) = source.rows() {
        return Ok(rows);
    }
    let mut rows = 0;
    source.scan(&[], &mut |batch| {
        rows += batch.rows as u64;
        Ok(())
    })?;
    Ok(rows)
}

fn newest(source: &dyn Source, time: &str) -> Result<Option<f64>> {
    let Some(place) = source.position(time) else {
        return Err(super::Error::Asked(format!("{}: there is no column `{time}`", source.name())));
    };
    let kind = source.fields()[place].kind;
    let seconds_in_one = if kind == ColumnKind::Date { 86_400.0 } else { 1.0 };
    let is_time = matches!(kind, ColumnKind::Date | ColumnKind::Time);
    let range = if is_time { column::range(source, place)? } else { None };
    Ok(range.map(|(_, newest)| newest * seconds_in_one))
}

/// One hash for each row, from those of its values; the same on every run and in every format.
fn row_hashes(source: &dyn Source, chosen: &[Chosen]) -> Result<Vec<u64>> {
    let places: Vec<usize> = chosen.iter().filter_map(|chosen| source.position(&chosen.name)).collect();
    let mut hashes = Vec::new();
    source.scan(&places, &mut |batch| {
        let start = hashes.len();
        hashes.resize(start + batch.rows, 0);
        batch.columns.iter().for_each(|array| mix_column(array, &mut hashes[start..]));
        Ok(())
    })?;
    Ok(hashes)
}

/// Mixes a column's values into the hashes of their rows.
fn mix_column(array: &ArrayRef, hashes: &mut [u64]) {
    const NULL: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut mix_all = |values: &mut dyn Iterator<Item = Option<u64>>| {
        hashes.iter_mut().zip(values).for_each(|(hash, value)| *hash = mix(*hash, value.unwrap_or(NULL)));
    };
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let values = dictionary.values().as_string::<i32>();
        let by_key: Vec<Option<u64>> = values.iter().map(|value| value.map(|value| crate::sketch::hash_bytes(value.as_bytes()))).collect();
        mix_all(&mut dictionary.keys().iter().map(|key| key.and_then(|key| by_key[key as usize])));
    } else if let Some(truths) = array.as_boolean_opt() {
        mix_all(&mut truths.iter().map(|truth| truth.map(u64::from)));
    } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        mix_all(&mut numbers.iter().map(|value| value.map(|value| (value + 0.0).to_bits())));
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        mix_all(&mut bits(numbers, |value| value as u64));
    } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        mix_all(&mut bits(days, |value| value as u64));
    } else if let Some(moments) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        mix_all(&mut bits(moments, |value| value as u64));
    } else {
        mix_all(&mut (0..array.len()).map(|_| None));
    }
}

fn bits<T: ArrowPrimitiveType>(array: &arrow_array::PrimitiveArray<T>, as_bits: impl Fn(T::Native) -> u64) -> impl Iterator<Item = Option<u64>> {
    array.iter().map(move |value| value.map(&as_bits))
}

/// One step of a multiplicative hash whose every bit depends on all bits before it (Steele and Vigna's finaliser of SplitMix64).
fn mix(hash: u64, value: u64) -> u64 {
    let mut mixed = hash.rotate_left(23).wrapping_add(value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// What is measured of the window as a whole, and what each says.
pub const WHOLE: [(&str, &str); 5] = [
    ("row_count", "number of rows"),
    ("row_count_ratio", "rows over those of the reference"),
    ("freshness_seconds", "age of the newest row by the column of --time, in seconds"),
    ("duplicate_rows", "rows that repeat an earlier one in every column that is measured"),
    ("duplicate_row_share", "their share of all rows"),
];

/// The names of what can have a limit.
pub fn names() -> Vec<&'static str> {
    Measure::ALL.map(Measure::name).into_iter().chain(WHOLE.map(|(name, _)| name)).collect()
}
