//! The names of the drift statistics: one table, which parsing, help and output read.

use std::fmt;
use std::str::FromStr;

/// A drift statistic. [`Method::ALL`] is the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is described in its row of the table below")]
pub enum Method {
    Psi,
    Ks,
    Wasserstein,
    WassersteinNormed,
    JensenShannon,
    Hellinger,
    Kl,
    Tvd,
    LInfinity,
    ChiSquared,
    GTest,
    CramersV,
    AndersonDarling,
    CramerVonMises,
    Energy,
    ZTest,
}

/// What a method works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Sorted numbers only.
    Numbers,
    /// Counts of categories, or of a numeric column's bins.
    Counts,
}

struct Row {
    method: Method,
    name: &'static str,
    domain: Domain,
    is_test: bool,
    meaning: &'static str,
}

const fn row(method: Method, name: &'static str, domain: Domain, is_test: bool, meaning: &'static str) -> Row {
    Row { method, name, domain, is_test, meaning }
}

const TABLE: [Row; 16] = [
    row(Method::Psi, "psi", Domain::Counts, false, "population stability index; 0 for equal shares, unbounded"),
    row(Method::Ks, "ks", Domain::Numbers, true, "Kolmogorov-Smirnov: the largest difference of the distribution functions, 0 to 1"),
    row(Method::Wasserstein, "wasserstein", Domain::Numbers, false, "first Wasserstein distance, in the column's unit"),
    row(Method::WassersteinNormed, "wasserstein_normed", Domain::Numbers, false, "Wasserstein distance over the reference's standard deviation"),
    row(Method::JensenShannon, "jensen_shannon", Domain::Counts, false, "Jensen-Shannon distance (root of the divergence), base 2: 0 to 1"),
    row(Method::Hellinger, "hellinger", Domain::Counts, false, "Hellinger distance, 0 to 1"),
    row(Method::Kl, "kl", Domain::Counts, false, "Kullback-Leibler divergence of current from reference, in nats, unbounded"),
    row(Method::Tvd, "tvd", Domain::Counts, false, "total variation distance, 0 to 1"),
    row(Method::LInfinity, "l_infinity", Domain::Counts, false, "largest difference of one share, 0 to 1"),
    row(Method::ChiSquared, "chi_squared", Domain::Counts, true, "Pearson's chi-squared test of both windows"),
    row(Method::GTest, "g_test", Domain::Counts, true, "likelihood ratio test of both windows"),
    row(Method::CramersV, "cramers_v", Domain::Counts, false, "Cramér's V: chi-squared as a strength of association, 0 to 1"),
    row(Method::AndersonDarling, "anderson_darling", Domain::Numbers, true, "k-sample Anderson-Darling test, standardised, midranks"),
    row(Method::CramerVonMises, "cramer_von_mises", Domain::Numbers, true, "two-sample Cramér-von Mises test"),
    row(Method::Energy, "energy", Domain::Numbers, false, "energy distance, in the root of the column's unit"),
    row(Method::ZTest, "z_test", Domain::Counts, true, "z test for two proportions; columns with two values"),
];

impl Method {
    /// Every method, in the order of reports.
    pub const ALL: [Method; 16] = {
        let mut all = [Method::Psi; 16];
        let mut at = 0;
        while at < 16 {
            all[at] = TABLE[at].method;
            at += 1;
        }
        all
    };

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// One line that says what the number is.
    pub fn meaning(self) -> &'static str {
        TABLE[self as usize].meaning
    }

    /// What it works on.
    pub fn domain(self) -> Domain {
        TABLE[self as usize].domain
    }

    /// True when a p-value goes with the statistic.
    pub fn is_test(self) -> bool {
        TABLE[self as usize].is_test
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A method name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no drift method; expected one of {}", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownMethod {
    name: String,
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        Method::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| UnknownMethod { name: name.to_owned() })
    }
}
