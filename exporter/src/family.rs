//! A metric family and its samples, kept small: each label value is stored once per family, a sample is a row of
//! indices. How it becomes text is `exposition`'s business.

use std::collections::HashMap;
use std::sync::Arc;

use crate::name::{LabelName, MetricName};

/// What a family's samples are. Histograms and summaries are left to [`OwnMetrics`](crate::OwnMetrics): a page of
/// readings holds finished numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down. An info metric is a gauge whose value is always 1.
    Gauge,
    /// A value that only rises, save for a restart at zero. By convention its name ends in `_total`.
    Counter,
    /// A value about which no promise is made.
    Untyped,
}

/// One name, its meaning, and the samples under it.
///
/// Samples may have different label sets, because a label without a value is left out.
///
/// ```
/// use clause9_exporter::{Family, Kind, LabelName, MetricName};
///
/// const SYSTEM: LabelName = LabelName::from_static("system");
/// let mut family = Family::new(MetricName::from_static("open_cases"), "Cases that are open", Kind::Gauge);
/// family.sample([(&SYSTEM, "credit-scoring")], 3.0)?;
/// # Ok::<(), clause9_exporter::RepeatedLabel>(())
/// ```
#[derive(Clone, Debug)]
pub struct Family {
    pub(crate) name: MetricName,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) columns: Vec<Column>,
    /// Every sample's labels, one sample after the other, each sample's in the order of their names.
    cells: Vec<Cell>,
    /// Every sample's value.
    pub(crate) values: Vec<f64>,
    /// Where each sample's cells end; they begin where the ones before end.
    ends: Vec<usize>,
}

/// The values that one label takes in a family.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: LabelName,
    pub(crate) values: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, u32>,
}

/// One label of one sample, as indices: `family.columns[column].values[value]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) column: u32,
    pub(crate) value: u32,
}

/// A sample that has one label twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample of {family} has the label {label} twice")]
pub struct RepeatedLabel {
    /// The family that was given the sample.
    pub family: MetricName,
    /// The label in question.
    pub label: LabelName,
}

impl Family {
    /// A family without samples.
    #[must_use]
    pub fn new(name: MetricName, help: impl Into<String>, kind: Kind) -> Self {
        Self { name, help: help.into(), kind, columns: Vec::new(), cells: Vec::new(), values: Vec::new(), ends: Vec::new() }
    }

    /// Adds one sample. Label values may hold any text; an empty one is left out, because to Prometheus an empty
    /// label and an absent one are the same.
    ///
    /// Whether another sample has the same labels is found when the family is rendered.
    ///
    /// # Errors
    /// [`RepeatedLabel`] if a label occurs twice; the family is then as it was before.
    pub fn sample<'a, V>(&mut self, labels: impl IntoIterator<Item = (&'a LabelName, V)>, value: f64) -> Result<(), RepeatedLabel>
    where
        V: AsRef<str>,
    {
        let start = self.cells.len();
        for (name, text) in labels {
            if text.as_ref().is_empty() {
                continue;
            }
            let column = self.column(name);
            let value = self.columns[column as usize].intern(text.as_ref());
            self.cells.push(Cell { column, value });
        }
        let columns = &self.columns;
        let name_of = |cell: &Cell| &columns[cell.column as usize].name;
        let cells = &mut self.cells[start..];
        cells.sort_unstable_by(|a, b| name_of(a).cmp(name_of(b)));
        if let Some(pair) = cells.windows(2).find(|pair| pair[0].column == pair[1].column) {
            let error = RepeatedLabel { family: self.name.clone(), label: name_of(&pair[0]).clone() };
            self.cells.truncate(start);
            return Err(error);
        }
        self.values.push(value);
        self.ends.push(self.cells.len());
        Ok(())
    }

    /// The family's name.
    #[must_use]
    pub fn name(&self) -> &MetricName {
        &self.name
    }

    /// How many samples it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Each sample's labels.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[Cell]> {
        (0..self.len()).map(|row| self.cells_of(row))
    }

    pub(crate) fn cells_of(&self, row: usize) -> &[Cell] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.cells[start..self.ends[row]]
    }

    // A family has a handful of labels, so looking through all of them beats a map.
    fn column(&mut self, name: &LabelName) -> u32 {
        let position = self.columns.iter().position(|column| column.name == *name).unwrap_or_else(|| {
            self.columns.push(Column { name: name.clone(), values: Vec::new(), ids: HashMap::new() });
            self.columns.len() - 1
        });
        u32::try_from(position).expect("label names fit in memory many times before 2^32 of them")
    }
}

impl Column {
    fn intern(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = u32::try_from(self.values.len()).expect("a page of 2^32 label values would not fit in memory");
        let text: Arc<str> = text.into();
        self.values.push(Arc::clone(&text));
        self.ids.insert(text, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LabelName = LabelName::from_static("a");
    const B: LabelName = LabelName::from_static("b");

    fn family() -> Family {
        Family::new(MetricName::from_static("m"), "", Kind::Gauge)
    }

    #[test]
    fn a_repeated_label_changes_nothing() {
        let mut family = family();
        family.sample([(&A, "1")], 1.0).unwrap();
        let error = family.sample([(&B, "1"), (&A, "1"), (&B, "2")], 2.0).unwrap_err();
        assert_eq!(error, RepeatedLabel { family: MetricName::from_static("m"), label: B });
        assert_eq!((family.len(), family.cells.len()), (1, 1));
    }

    #[test]
    fn an_empty_value_is_no_label() {
        let mut family = family();
        family.sample([(&A, ""), (&B, "x")], 1.0).unwrap();
        assert_eq!(family.cells_of(0).len(), 1);
    }

    #[test]
    fn a_value_is_stored_once() {
        let mut family = family();
        for value in [1.0, 2.0] {
            family.sample([(&A, "same")], value).unwrap();
        }
        assert_eq!(family.columns[0].values.len(), 1);
    }
}
