//! Metrics of the order that scores give: areas under curves.

use crate::window::Window;

/// What the order of scores says about labels. Equal scores form one step of the curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ranking {
    positives: f64,
    negatives: f64,
    /// Weight of pairs whose positive row has the higher score, ties counting half.
    ordered: f64,
    /// Sum over steps of precision so far times positives of the step.
    precision: f64,
}

impl Ranking {
    /// From the scores of the positive and of the negative rows, every row of weight one.
    pub fn new(positives: &Window, negatives: &Window) -> Self {
        let (mut above, mut below) = (positives.values(), negatives.values());
        let mut ranking = Ranking::default();
        while let Some(score) = highest(above, below) {
            let (i, j) = (above.partition_point(|&value| value < score), below.partition_point(|&value| value < score));
            ranking.step((above.len() - i) as f64, (below.len() - j) as f64);
            (above, below) = (&above[..i], &below[..j]);
        }
        ranking
    }

    /// From rows of `(score, is positive, weight)`, which are sorted here. Rows whose score is NaN are the caller's to leave out.
    pub fn from_weighted(rows: &mut [(f64, bool, f64)]) -> Self {
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut ranking = Ranking::default();
        for step in rows.chunk_by(|a, b| a.0 == b.0) {
            let weight = |label: bool| step.iter().filter(|row| row.1 == label).map(|row| row.2).sum();
            ranking.step(weight(true), weight(false));
        }
        ranking
    }

    /// Adds the rows of the next lower score.
    fn step(&mut self, positives: f64, negatives: f64) {
        // Positives above and half of those beside each new negative row.
        self.ordered += negatives * (self.positives + positives / 2.0);
        self.positives += positives;
        self.negatives += negatives;
        if positives > 0.0 {
            self.precision += positives * (self.positives / (self.positives + self.negatives));
        }
    }

    /// Area under the receiver operating characteristic (Hanley and McNeil 1982); `None` without rows of both labels.
    pub fn roc_auc(&self) -> Option<f64> {
        (self.positives > 0.0 && self.negatives > 0.0).then(|| self.ordered / self.positives / self.negatives)
    }

    /// Average precision, the area under the precision-recall curve without interpolation; `None` without positive rows.
    pub fn average_precision(&self) -> Option<f64> {
        (self.positives > 0.0).then(|| self.precision / self.positives)
    }
}

fn highest(a: &[f64], b: &[f64]) -> Option<f64> {
    match (a.last(), b.last()) {
        (Some(&a), Some(&b)) => Some(a.max(b)),
        (a, b) => a.or(b).copied(),
    }
}
