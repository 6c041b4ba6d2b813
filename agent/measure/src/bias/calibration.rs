//! Calibration of scores by group: does a score of 0.7 mean the same for everyone?

/// Sums over the rows whose score falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CalibrationBin {
    /// Sum of weights.
    pub weight: f64,
    /// Weighted sum of scores.
    pub scores: f64,
    /// Weighted sum of positive labels.
    pub positives: f64,
}

/// A group's calibration in bins of equal width over scores from 0 to 1, the last bin closed.
///
/// Parts can be merged. Scores outside 0 to 1, or NaN, are no probabilities; they are counted and left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    bins: Vec<CalibrationBin>,
    rows: u64,
    rejected: u64,
}

impl Calibration {
    /// An empty table of `bins` bins (at least one).
    pub fn new(bins: usize) -> Self {
        Calibration { bins: vec![CalibrationBin::default(); bins.max(1)], rows: 0, rejected: 0 }
    }

    /// Adds one row.
    pub fn add(&mut self, score: f64, label: bool, weight: f64) {
        if !(0.0..=1.0).contains(&score) {
            self.rejected += 1;
            return;
        }
        let last = self.bins.len() - 1;
        let bin = &mut self.bins[((score * (last + 1) as f64) as usize).min(last)];
        bin.weight += weight;
        bin.scores += weight * score;
        bin.positives += if label { weight } else { 0.0 };
        self.rows += 1;
    }

    /// Adds another part of the same group. Both have the same number of bins, or nothing is done and `false` returned.
    #[must_use]
    pub fn merge(&mut self, other: &Calibration) -> bool {
        if self.bins.len() != other.bins.len() {
            return false;
        }
        for (bin, part) in self.bins.iter_mut().zip(&other.bins) {
            bin.weight += part.weight;
            bin.scores += part.scores;
            bin.positives += part.positives;
        }
        self.rows += other.rows;
        self.rejected += other.rejected;
        true
    }

    /// The bins by rising score.
    pub fn bins(&self) -> &[CalibrationBin] {
        &self.bins
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows left out because their score is no probability.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Mean score minus share of positives: calibration in the large. Positive means that the model promises too much.
    pub fn mean_difference(&self) -> Option<f64> {
        let (weight, difference) = self.bins.iter().fold((0.0, 0.0), |(w, d), bin| (w + bin.weight, d + bin.scores - bin.positives));
        (weight > 0.0).then(|| difference / weight)
    }

    /// Expected calibration error (Naeini, Cooper and Hauskrecht 2015): the mean absolute difference of score and share of positives.
    pub fn expected_error(&self) -> Option<f64> {
        let (weight, error) = self.bins.iter().fold((0.0, 0.0), |(w, e), bin| (w + bin.weight, e + (bin.scores - bin.positives).abs()));
        (weight > 0.0).then(|| error / weight)
    }

    /// The largest difference of any bin.
    pub fn maximum_error(&self) -> Option<f64> {
        self.bins.iter().filter(|bin| bin.weight > 0.0).map(|bin| ((bin.scores - bin.positives) / bin.weight).abs()).reduce(f64::max)
    }

    /// The mean over bins of the absolute difference in shares of positives between two groups with scores in the same bin, weighted by the
    /// smaller group of each bin: zero when a score means the same in both (Kleinberg, Mullainathan and Raghavan 2017, condition A).
    /// `None` when no bin holds rows of both.
    pub fn difference(&self, reference: &Calibration) -> Option<f64> {
        let both = self.bins.iter().zip(&reference.bins).filter(|(a, b)| a.weight > 0.0 && b.weight > 0.0);
        let (weight, sum) = both.fold((0.0, 0.0), |(weight, sum), (a, b)| {
            let shared = a.weight.min(b.weight);
            (weight + shared, sum + shared * (a.positives / a.weight - b.positives / b.weight).abs())
        });
        (weight > 0.0 && self.bins.len() == reference.bins.len()).then(|| sum / weight)
    }
}
