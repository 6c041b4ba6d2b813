//! Drift: how far a current window of a column is from a reference window.
//!
//! [`numeric`] compares two sorted [`Window`]s, [`categorical`] two rows of counts. Both return one [`Outcome`] for each method asked for:
//! a value, or the reason why there is none, at any sample size. Verdicts and floors on sample sizes are not made here.
//!
//! # Rules for awkward data
//!
//! | Data | Rule |
//! |---|---|
//! | null, NaN, infinity | leaves the numeric statistics and is counted in [`crate::window::Excluded`]; for categories the caller decides whether null is one |
//! | ties | midranks in Anderson-Darling and Cramér-von Mises; Kolmogorov-Smirnov p-values are upper bounds then, as everywhere |
//! | category only in one window | counts zero in the other; psi and kl take its share as [`Floor`] says |
//! | ties in windows of different sizes | the midrank form of Cramér-von Mises grows even if nothing has changed; what ties add stands beside it, and [`Settings::is_tie_corrected`] takes it away |
//! | one value in both windows | distances are 0, tests have the p-value 1; Anderson-Darling and Cramér-von Mises are undefined |
//! | empty window | everything is undefined |
//! | one row | what is defined for one row; Cramér-von Mises needs two in each window, Anderson-Darling four in all |

mod bins;
mod family;
mod likeness;
mod method;
mod shares;
mod walk;

pub use bins::{Binning, Bins, Shape, UnknownBinning};
pub use family::{Correction, adjust, psi_noise_floor};
pub use likeness::{Alike, Drifted, Likeness, Number, Rule, UnknownLikeness, Unlike, nannyml_limit};
pub use method::{Domain, Method, UnknownMethod};
pub use shares::{Base, Direction, Floor, Shares, Table, Test};
pub use walk::{Points, Walk, walk};

pub use crate::special::Bound;
use crate::special::{k_sample_p_value, k_sample_variance, one_sample_sf, two_sample_asymptotic_p, two_sample_exact_p, two_sample_exact_sf};
use crate::window::Window;

/// Up to this many rows in the larger window the Kolmogorov-Smirnov p-value is exact.
pub const KS_EXACT_ROWS: u64 = 10_000;
/// Up to this many rows in the larger window the Cramér-von Mises p-value is exact.
pub const CVM_EXACT_ROWS: u64 = 20;
/// The least standard deviation by which a Wasserstein distance is divided.
pub const LEAST_DEVIATION: f64 = 1e-3;

/// Choices that change a number. The defaults are ours; [`Likeness`] gives those of other tools.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Settings {
    /// Bins of numeric columns.
    pub binning: Binning,
    /// Shares of zero in psi and kl.
    pub floor: Floor,
    /// Base of the Jensen-Shannon distance.
    pub base: Base,
    /// Which way kl looks.
    pub direction: Direction,
    /// True to bring floored shares back to a sum of one before kl.
    pub is_kl_normalised: bool,
    /// The table of chi-squared and G.
    pub table: Table,
    /// True to take away from the Cramér-von Mises statistic what ties alone add. Off by default, as other programs have it.
    pub is_tie_corrected: bool,
}

/// Why a statistic has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// No row of the reference window can take part.
    #[error("the reference window has no values")]
    EmptyReference,
    /// No row of the current window can take part.
    #[error("the current window has no values")]
    EmptyCurrent,
    /// Too few rows for this statistic, at any size of the effect.
    #[error("too few rows for this statistic")]
    TooFewRows,
    /// All rows of both windows hold the same value.
    #[error("all values are the same")]
    OneValue,
    /// The method compares numbers, the column holds categories.
    #[error("needs a numeric column")]
    NeedsNumbers,
    /// The method compares two proportions, the column has more than two values.
    #[error("needs a column with two values")]
    NeedsTwoValues,
    /// A summary stands for the reference window, and this statistic needs the data.
    #[error("needs the data itself, of which only a summary is at hand")]
    NeedsData,
    /// A bin is empty in one window and nothing stands in for it.
    #[error("infinite: a share is zero in one window only")]
    Infinite,
}

/// A p-value, and on which side of it the truth may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// The p-value.
    pub value: f64,
    /// Set where the reference table ends.
    pub bound: Option<Bound>,
}

/// One statistic of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which statistic.
    pub method: Method,
    /// Its value, or why there is none.
    pub value: Result<f64, Undefined>,
    /// The p-value of a test that has a value.
    pub p_value: Option<PValue>,
    /// What is needed to make the number again, as names and values.
    pub parameters: Vec<(&'static str, String)>,
}

/// The comparison of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Rows that took part, reference and current.
    pub rows: (u64, u64),
    /// The bins of a numeric column.
    pub bins: Option<Bins>,
    /// Counts in the bins or categories, reference and current.
    pub counts: (Vec<f64>, Vec<f64>),
    /// One for each method asked for, in that order.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// The outcome of one method, if it was asked for.
    pub fn get(&self, method: Method) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.method == method)
    }
}

/// Compares two windows of a numeric column.
pub fn numeric(reference: &Window, current: &Window, methods: &[Method], settings: &Settings) -> Report {
    let bins = Bins::new(&settings.binning, reference, current);
    let counts = (bins.count(reference.values()), bins.count(current.values()));
    let shares = Shares::new(&counts.0, &counts.1);
    let walked = methods.iter().any(|method| method.domain() == Domain::Numbers || *method == Method::ZTest);
    let mut found = walked.then(|| walk(reference.values(), current.values())).flatten();
    if let Some(walk) = found.as_mut().filter(|_| settings.is_tie_corrected) {
        walk.cramer_von_mises -= std::mem::take(&mut walk.ties_excess);
    }
    let deviation = reference.standard_deviation().filter(|_| methods.contains(&Method::WassersteinNormed));
    let outcomes = methods
        .iter()
        .map(|&method| {
            let mut parameters = parameters(method, settings, Some(&settings.binning));
            let result = match (method.domain(), &shares, found) {
                (_, None, _) => Err(which_is_empty(reference.rows() as f64)),
                (_, Some(_), Some(walk)) if method == Method::ZTest => proportions(&walk),
                (Domain::Numbers, _, Some(walk)) => of_walk(method, &walk, deviation.unwrap_or(0.0)),
                (_, Some(shares), _) => of_shares(method, shares, settings),
            };
            if let Some(walk) = found.filter(|walk| method == Method::CramerVonMises && walk.ties_excess > 0.0) {
                parameters.push(("ties_excess", format!("{:.6}", walk.ties_excess)));
            }
            parameters.extend(found.and_then(|walk| how_p_value(method, &walk)).map(|how| ("p_value", how.to_owned())));
            outcome(method, result, parameters)
        })
        .collect();
    Report { rows: (reference.rows(), current.rows()), bins: Some(bins), counts, outcomes }
}

/// Compares two windows of a column of categories: counts of the same categories in the same order (see [`crate::categories`]).
pub fn categorical(reference: &[f64], current: &[f64], methods: &[Method], settings: &Settings) -> Report {
    let shares = Shares::new(reference, current);
    let rows = (reference.iter().sum::<f64>(), current.iter().sum::<f64>());
    let outcomes = methods
        .iter()
        .map(|&method| {
            let result = match &shares {
                _ if method.domain() == Domain::Numbers => Err(Undefined::NeedsNumbers),
                None => Err(which_is_empty(rows.0)),
                Some(shares) => of_shares(method, shares, settings),
            };
            outcome(method, result, parameters(method, settings, None))
        })
        .collect();
    Report { rows: (rows.0 as u64, rows.1 as u64), bins: None, counts: (reference.to_vec(), current.to_vec()), outcomes }
}

fn which_is_empty(reference_rows: f64) -> Undefined {
    if reference_rows > 0.0 { Undefined::EmptyCurrent } else { Undefined::EmptyReference }
}

/// A value with its p-value, if it has one.
type Valued = (f64, Option<PValue>);

fn outcome(method: Method, result: Result<Valued, Undefined>, parameters: Vec<(&'static str, String)>) -> Outcome {
    match result {
        Ok((value, _)) if !value.is_finite() => Outcome { method, value: Err(Undefined::Infinite), p_value: None, parameters },
        Ok((value, p_value)) => Outcome { method, value: Ok(value), p_value, parameters },
        Err(reason) => Outcome { method, value: Err(reason), p_value: None, parameters },
    }
}

fn exact(value: f64) -> Option<PValue> {
    Some(PValue { value, bound: None })
}

fn of_shares(method: Method, shares: &Shares, settings: &Settings) -> Result<Valued, Undefined> {
    let tested = |test: Test| (test.statistic, exact(test.p_value));
    Ok(match method {
        Method::Psi => (shares.psi(settings.floor), None),
        Method::JensenShannon => (shares.jensen_shannon_divergence(settings.base).sqrt(), None),
        Method::Hellinger => (shares.hellinger(), None),
        Method::Kl if settings.is_kl_normalised => (shares.kl_normalised(settings.floor, settings.direction), None),
        Method::Kl => (shares.kl(settings.floor, settings.direction), None),
        Method::Tvd => (shares.total_variation(), None),
        Method::LInfinity => (shares.l_infinity(), None),
        Method::ChiSquared => tested(shares.chi_squared(settings.table)),
        Method::GTest => tested(shares.g_test(settings.table)),
        Method::CramersV => (shares.cramers_v(), None),
        Method::ZTest if shares.bins() > 2 => return Err(Undefined::NeedsTwoValues),
        Method::ZTest => tested(shares.z_test()),
        Method::Ks | Method::Wasserstein | Method::WassersteinNormed | Method::AndersonDarling | Method::CramerVonMises | Method::Energy => {
            return Err(Undefined::NeedsNumbers);
        }
    })
}

/// The statistics that compare distribution functions, from one walk over both windows.
pub fn of_walk(method: Method, walk: &Walk, reference_deviation: f64) -> Result<(f64, Option<PValue>), Undefined> {
    Ok(match method {
        Method::Ks => (walk.gap as f64 / (walk.n as f64 * walk.m as f64), exact(ks_p_value(walk))),
        Method::Wasserstein => (walk.wasserstein, None),
        Method::WassersteinNormed => (walk.wasserstein / reference_deviation.max(LEAST_DEVIATION), None),
        Method::Energy => ((2.0 * walk.squared_area).sqrt(), None),
        Method::AndersonDarling | Method::CramerVonMises if walk.distinct < 2 => return Err(Undefined::OneValue),
        Method::CramerVonMises if walk.n < 2 || walk.m < 2 => return Err(Undefined::TooFewRows),
        Method::CramerVonMises => (walk.cramer_von_mises, exact(cvm_p_value(walk))),
        Method::AndersonDarling if walk.n + walk.m < 4 => return Err(Undefined::TooFewRows),
        Method::AndersonDarling => {
            let standardised = (walk.anderson_darling - 1.0) / k_sample_variance(walk.n, walk.m).sqrt();
            let (value, bound) = k_sample_p_value(standardised);
            (standardised, Some(PValue { value, bound }))
        }
        Method::ZTest => return proportions(walk),
        _ => return Err(Undefined::NeedsTwoValues),
    })
}

/// Exact where the larger window has at most [`KS_EXACT_ROWS`], else that of one sample of the effective size.
fn ks_p_value(walk: &Walk) -> f64 {
    let (n, m) = (walk.n as f64, walk.m as f64);
    if walk.n.max(walk.m) <= KS_EXACT_ROWS {
        let divisor = greatest_common_divisor(walk.n, walk.m);
        return two_sample_exact_sf(walk.n, walk.m, walk.gap / divisor);
    }
    // Half to even, as the distribution's own authors' programs round.
    let effective = (n.max(m) * n.min(m) / (n + m)).round_ties_even();
    one_sample_sf(effective as u64, walk.gap as f64 / (n * m))
}

/// How the p-value comes about, where that depends on the number of rows.
pub fn how_p_value(method: Method, walk: &Walk) -> Option<&'static str> {
    let most_exact = match method {
        Method::Ks => KS_EXACT_ROWS,
        Method::CramerVonMises => CVM_EXACT_ROWS,
        _ => return None,
    };
    Some(if walk.n.max(walk.m) <= most_exact { "exact" } else { "asymptotic" })
}

fn cvm_p_value(walk: &Walk) -> f64 {
    if walk.n.max(walk.m) <= CVM_EXACT_ROWS {
        let (all, product) = ((walk.n + walk.m) as f64, walk.n as f64 * walk.m as f64);
        let rank_sum = (walk.cramer_von_mises + (4.0 * product - 1.0) / (6.0 * all)) * product * all;
        // Sums of squared midranks are multiples of one quarter: rounding there undoes the detour over the statistic.
        return two_sample_exact_p(walk.n, walk.m, (rank_sum * 4.0).round() / 4.0);
    }
    two_sample_asymptotic_p(walk.n, walk.m, walk.cramer_von_mises)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The z test of a numeric column with at most two values.
fn proportions(walk: &Walk) -> Result<Valued, Undefined> {
    if walk.distinct > 2 {
        return Err(Undefined::NeedsTwoValues);
    }
    let (a, b) = walk.smallest;
    let counts = ([a as f64, (walk.n - a) as f64], [b as f64, (walk.m - b) as f64]);
    let test = Shares::new(&counts.0, &counts.1).ok_or(Undefined::EmptyCurrent)?.z_test();
    Ok((test.statistic, exact(test.p_value)))
}

/// The settings that this method's number depends on.
fn parameters(method: Method, settings: &Settings, binning: Option<&Binning>) -> Vec<(&'static str, String)> {
    let mut parameters = Vec::new();
    if let Some(binning) = binning.filter(|_| method.domain() == Domain::Counts && method != Method::ZTest) {
        parameters.push(("bins", binning.to_string()));
    }
    if matches!(method, Method::Psi | Method::Kl) {
        parameters.push((
            "floor",
            match settings.floor {
                Floor::None => "none".to_owned(),
                Floor::At(floor) => format!("{floor:e}"),
                Floor::Evidently => "1e-4 or least/1e6".to_owned(),
            },
        ));
    }
    match method {
        Method::JensenShannon => {
            parameters.push(("form", "distance".to_owned()));
            parameters.push(("base", if settings.base == Base::Two { "2" } else { "e" }.to_owned()));
        }
        Method::Kl => {
            let of = if settings.direction == Direction::CurrentFromReference { "current||reference" } else { "reference||current" };
            parameters.push(("direction", of.to_owned()));
            parameters.push(("base", "e".to_owned()));
        }
        Method::ChiSquared | Method::GTest => {
            let table = match settings.table {
                Table::Contingency => "contingency",
                Table::ContingencyYates => "contingency, Yates' correction if 2 x 2",
                Table::AgainstReference => "reference shares as exact",
            };
            parameters.push(("table", table.to_owned()));
        }
        Method::WassersteinNormed => parameters.push(("norm", format!("standard deviation of the reference, at least {LEAST_DEVIATION}"))),
        Method::CramerVonMises if settings.is_tie_corrected => parameters.push(("ties", "corrected".to_owned())),
        Method::AndersonDarling | Method::CramerVonMises => parameters.push(("ties", "midranks".to_owned())),
        _ => {}
    }
    parameters
}
