//! Metrics that are sums over rows, so that parts of the data can be added up.

/// Sums over rows of a probability and a yes-or-no label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probabilities {
    rows: u64,
    rejected: u64,
    weight: f64,
    logarithms: f64,
    squares: f64,
}

impl Probabilities {
    /// Adds one row. A score that is no probability (NaN, or outside 0 to 1) is counted and left out.
    pub fn add(&mut self, score: f64, label: bool, weight: f64) {
        if !(0.0..=1.0).contains(&score) {
            self.rejected += 1;
            return;
        }
        self.rows += 1;
        self.weight += weight;
        // A wrong answer given with certainty would cost infinitely much: bounded as scikit-learn does.
        let bounded = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        self.logarithms -= weight * if label { bounded.ln() } else { (-bounded).ln_1p() };
        self.squares += weight * (score - f64::from(u8::from(label))).powi(2);
    }

    /// Adds another part of the data.
    pub fn merge(&mut self, other: &Probabilities) {
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.weight += other.weight;
        self.logarithms += other.logarithms;
        self.squares += other.squares;
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows whose score is no probability.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Mean negative logarithm of the probability given to the label, in nats; `None` without rows.
    pub fn log_loss(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.logarithms / self.weight)
    }

    /// Mean squared difference of probability and label (Brier 1950); `None` without rows.
    pub fn brier(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.squares / self.weight)
    }
}

/// Sums over rows of a numeric prediction and its label.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regression {
    rows: u64,
    rejected: u64,
    weight: f64,
    absolute: f64,
    squared: f64,
    mean: f64,
    /// Weighted sum of the labels' squared distances from their mean.
    variation: f64,
}

impl Regression {
    /// Adds one row. Rows with a number that is not finite are counted and left out.
    pub fn add(&mut self, label: f64, prediction: f64, weight: f64) {
        let error = prediction - label;
        if !error.is_finite() {
            self.rejected += 1;
            return;
        }
        self.rows += 1;
        if weight <= 0.0 {
            return;
        }
        self.weight += weight;
        self.absolute += weight * error.abs();
        self.squared += weight * error * error;
        // Welford's update: no large sums are subtracted from each other.
        let distance = label - self.mean;
        self.mean += distance * weight / self.weight;
        self.variation += weight * distance * (label - self.mean);
    }

    /// Adds another part of the data (Chan, Golub and LeVeque 1983).
    pub fn merge(&mut self, other: &Regression) {
        let weight = self.weight + other.weight;
        if other.weight > 0.0 {
            let distance = other.mean - self.mean;
            self.variation += other.variation + distance * distance * self.weight * other.weight / weight;
            self.mean += distance * other.weight / weight;
        }
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.weight = weight;
        self.absolute += other.absolute;
        self.squared += other.squared;
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows with a number that is not finite.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Mean absolute error; `None` without rows.
    pub fn mean_absolute_error(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.absolute / self.weight)
    }

    /// Root of the mean squared error; `None` without rows.
    pub fn root_mean_squared_error(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| (self.squared / self.weight).sqrt())
    }

    /// Coefficient of determination; `None` when the labels do not vary, which leaves nothing to explain.
    pub fn r_squared(&self) -> Option<f64> {
        (self.variation > 0.0).then(|| 1.0 - self.squared / self.variation)
    }
}
