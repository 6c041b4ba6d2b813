//! Statistics of two rows of counts: categories, or bins of a numeric column.
//!
//! `p` are the reference window's shares, `q` the current one's. Counts may be weighted sums; then there are no p-values to speak of.

use crate::special::{chi_squared_sf, normal_two_sided};

/// What stands in for shares of zero where a logarithm needs them to be positive. Shares are not brought back to a sum of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floor {
    /// Nothing: an empty bin beside a filled one makes the statistic infinite.
    None,
    /// No share is taken as smaller than this.
    At(f64),
    /// Zero becomes 1e-4, but a millionth of the window's smallest positive share when that is 1e-4 or less (Evidently).
    Evidently,
}

impl Default for Floor {
    fn default() -> Self {
        Floor::At(1e-4)
    }
}

impl Floor {
    fn apply(self, shares: &[f64]) -> Vec<f64> {
        match self {
            Floor::None => shares.to_vec(),
            Floor::At(floor) => shares.iter().map(|share| share.max(floor)).collect(),
            Floor::Evidently => {
                let least = shares.iter().copied().filter(|&share| share > 0.0).fold(f64::INFINITY, f64::min);
                let floor = if least <= 1e-4 { least / 1e6 } else { 1e-4 };
                shares.iter().map(|&share| if share == 0.0 { floor } else { share }).collect()
            }
        }
    }
}

/// Logarithm that a divergence is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Base {
    /// Bits: bounded by 1.
    #[default]
    Two,
    /// Nats: bounded by `ln 2`.
    E,
}

/// Which way a Kullback-Leibler divergence looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// `KL(current || reference)`: what is lost by still believing the reference.
    #[default]
    CurrentFromReference,
    /// `KL(reference || current)`, as Evidently.
    ReferenceFromCurrent,
}

/// Which table a chi-squared or G test reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Table {
    /// Both windows as samples: a table of two rows.
    #[default]
    Contingency,
    /// The same, with Yates' correction when the table is 2 x 2.
    ContingencyYates,
    /// The current window as a sample from the reference's shares, which are taken as exact.
    AgainstReference,
}

/// Two rows of counts over the same bins, with sums and shares.
#[derive(Clone, Debug)]
pub struct Shares {
    x: Vec<f64>,
    y: Vec<f64>,
    n: f64,
    m: f64,
    p: Vec<f64>,
    q: Vec<f64>,
}

/// A statistic of a test with its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// The test's statistic.
    pub statistic: f64,
    /// Probability of at least this statistic when both windows come from one distribution.
    pub p_value: f64,
    /// Degrees of freedom.
    pub degrees: f64,
}

impl Shares {
    /// Counts of the same bins in both windows, aligned; `None` when a window is empty.
    pub fn new(reference: &[f64], current: &[f64]) -> Option<Self> {
        let (x, y) = (reference.to_vec(), current.to_vec());
        let (n, m) = (x.iter().sum::<f64>(), y.iter().sum::<f64>());
        if n <= 0.0 || m <= 0.0 {
            return None;
        }
        let (p, q) = (x.iter().map(|x| x / n).collect(), y.iter().map(|y| y / m).collect());
        Some(Shares { x, y, n, m, p, q })
    }

    /// Bins that hold a row of either window.
    pub fn bins(&self) -> usize {
        self.filled().count()
    }

    /// The counts of bins that are not empty in both windows.
    fn filled(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        pairs(&self.x, &self.y).filter(|(x, y)| x + y > 0.0)
    }

    /// Population stability index, `sum (q - p) ln(q / p)`: the sum of both Kullback-Leibler divergences (Jeffreys 1946).
    pub fn psi(&self, floor: Floor) -> f64 {
        pairs(&floor.apply(&self.p), &floor.apply(&self.q)).map(|(p, q)| if p == q { 0.0 } else { (q - p) * (q / p).ln() }).sum()
    }

    /// Kullback-Leibler divergence in nats. With floored shares it is not exactly zero-bounded, as the shares need not add up to one.
    pub fn kl(&self, floor: Floor, direction: Direction) -> f64 {
        let (p, q) = (floor.apply(&self.p), floor.apply(&self.q));
        let (of, from) = match direction {
            Direction::CurrentFromReference => (&q, &p),
            Direction::ReferenceFromCurrent => (&p, &q),
        };
        pairs(of, from).map(|(a, b)| if a == 0.0 { 0.0 } else { a * (a / b).ln() }).sum()
    }

    /// Kullback-Leibler divergence of shares brought back to a sum of one after the floor (as `scipy.stats.entropy` does).
    pub fn kl_normalised(&self, floor: Floor, direction: Direction) -> f64 {
        let normalise = |shares: Vec<f64>| {
            let sum: f64 = shares.iter().sum();
            shares.into_iter().map(|share| share / sum).collect::<Vec<f64>>()
        };
        let scaled = Shares { p: normalise(floor.apply(&self.p)), q: normalise(floor.apply(&self.q)), ..self.clone() };
        scaled.kl(Floor::None, direction)
    }

    /// Jensen-Shannon divergence (Lin 1991); its root is the distance.
    pub fn jensen_shannon_divergence(&self, base: Base) -> f64 {
        // a ln(a / mean) = -a ln(1 + (b - a) / 2a): small differences keep their digits.
        let half = |a: f64, b: f64| if a > 0.0 { -a * ((b - a) / (2.0 * a)).ln_1p() } else { 0.0 };
        let nats = pairs(&self.p, &self.q).map(|(p, q)| half(p, q) + half(q, p)).sum::<f64>() / 2.0;
        match base {
            Base::E => nats.max(0.0),
            Base::Two => nats.max(0.0) / std::f64::consts::LN_2,
        }
    }

    /// Hellinger distance, between 0 and 1.
    pub fn hellinger(&self) -> f64 {
        (pairs(&self.p, &self.q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum::<f64>() / 2.0).sqrt()
    }

    /// Total variation distance: half the sum of absolute differences, between 0 and 1.
    pub fn total_variation(&self) -> f64 {
        pairs(&self.p, &self.q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
    }

    /// The largest absolute difference of a share.
    pub fn l_infinity(&self) -> f64 {
        pairs(&self.p, &self.q).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max)
    }

    /// Pearson's chi-squared test.
    pub fn chi_squared(&self, table: Table) -> Test {
        let degrees = self.bins() as f64 - 1.0;
        let statistic = match table {
            Table::AgainstReference => self.filled().map(|(x, y)| square_over(y - x * self.m / self.n, x * self.m / self.n)).sum(),
            Table::ContingencyYates if degrees == 1.0 => self.yates(),
            _ => self.filled().map(|(x, y)| (x * self.m - y * self.n).powi(2) / (x + y)).sum::<f64>() / (self.n * self.m),
        };
        Test { statistic, p_value: chi_squared_sf(statistic, degrees), degrees }
    }

    /// Chi-squared of a 2 x 2 table, every difference from what is expected made smaller by one half, though not below zero.
    fn yates(&self) -> f64 {
        let all = self.n + self.m;
        let cell = |count: f64, row: f64, column: f64| {
            let expected = row * column / all;
            let difference = (count - expected).abs();
            (difference - difference.min(0.5)).powi(2) / expected
        };
        self.filled().map(|(x, y)| cell(x, self.n, x + y) + cell(y, self.m, x + y)).sum()
    }

    /// Likelihood ratio (G) test.
    pub fn g_test(&self, table: Table) -> Test {
        let all = self.n + self.m;
        let term = |count: f64, expected: f64| if count > 0.0 { 2.0 * count * (count / expected).ln() } else { 0.0 };
        let sum: f64 = match table {
            Table::AgainstReference => self.filled().map(|(x, y)| term(y, x * self.m / self.n)).sum(),
            _ => self.filled().map(|(x, y)| term(x, self.n * (x + y) / all) + term(y, self.m * (x + y) / all)).sum(),
        };
        let (statistic, degrees) = (sum.max(0.0), self.bins() as f64 - 1.0);
        Test { statistic, p_value: chi_squared_sf(statistic, degrees), degrees }
    }

    /// Cramér's V of the table of two rows, between 0 and 1: the root of chi-squared over the number of rows.
    pub fn cramers_v(&self) -> f64 {
        (self.chi_squared(Table::Contingency).statistic / (self.n + self.m)).sqrt()
    }

    /// z test for the share of all but the first bin, current minus reference, with the pooled variance; two-sided.
    pub fn z_test(&self) -> Test {
        let (p, q) = (1.0 - self.x[0] / self.n, 1.0 - self.y[0] / self.m);
        let pooled = 1.0 - (self.x[0] + self.y[0]) / (self.n + self.m);
        let deviation = (pooled * (1.0 - pooled) * (1.0 / self.n + 1.0 / self.m)).sqrt();
        let statistic = if deviation > 0.0 { (q - p) / deviation } else { 0.0 };
        Test { statistic, p_value: normal_two_sided(statistic), degrees: f64::INFINITY }
    }
}

fn square_over(difference: f64, expected: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference * difference / expected }
}

fn pairs<'a>(a: &'a [f64], b: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
    a.iter().copied().zip(b.iter().copied())
}
