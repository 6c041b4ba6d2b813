//! `--like TOOL`: the numbers and verdicts that another tool would give for the same two windows, so that a team can switch and compare.
//!
//! For each method the tool's own binning, treatment of zeros, logarithm and table, which number it reports (statistic or p-value), its
//! default limit, and the comparison it makes. What a tool has no statistic for, or draws by chance, is [`Unlike`].

mod evidently;
mod nannyml;
mod trustyai;

use std::fmt;
use std::str::FromStr;

pub use nannyml::limit as nannyml_limit;

use super::{Method, Outcome};
use crate::drift::Undefined;
use crate::window::Window;

/// A tool whose way of computing can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Evidently 0.7.
    Evidently,
    /// NannyML 0.13.
    Nannyml,
    /// TrustyAI service (Python).
    Trustyai,
}

/// A tool name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tool to be like; expected evidently, nannyml or trustyai")]
pub struct UnknownLikeness(String);

impl FromStr for Likeness {
    type Err = UnknownLikeness;

    fn from_str(name: &str) -> Result<Self, UnknownLikeness> {
        match name {
            "evidently" => Ok(Likeness::Evidently),
            "nannyml" => Ok(Likeness::Nannyml),
            "trustyai" => Ok(Likeness::Trustyai),
            _ => Err(UnknownLikeness(name.to_owned())),
        }
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Likeness::Evidently => "evidently",
            Likeness::Nannyml => "nannyml",
            Likeness::Trustyai => "trustyai",
        })
    }
}

/// Which of a test's two numbers the tool reports and judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// The statistic or distance.
    Statistic,
    /// The p-value.
    PValue,
}

/// The comparison that means drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drifted {
    /// `value >= limit`
    AtLeast,
    /// `value > limit`
    Above,
    /// `value <= limit`
    AtMost,
    /// `value < limit`
    Below,
}

impl Drifted {
    /// Applies the comparison.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Drifted::AtLeast => value >= limit,
            Drifted::Above => value > limit,
            Drifted::AtMost => value <= limit,
            Drifted::Below => value < limit,
        }
    }
}

/// A tool's default verdict rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Which number is judged.
    pub judged: Number,
    /// When it means drift.
    pub drifted: Drifted,
    /// The default limit.
    pub limit: f64,
}

/// What a tool would report.
#[derive(Clone, Debug, PartialEq)]
pub struct Alike {
    /// Our name of the method.
    pub method: Method,
    /// The number that the tool shows: a statistic or a p-value.
    pub shown: Number,
    /// That number.
    pub value: Result<f64, Unlike>,
    /// Its verdict; `None` when it can't be known from two windows.
    pub is_drift: Option<bool>,
    /// The rule behind the verdict; `None` where the tool takes its limit from chunks of the reference.
    pub rule: Option<Rule>,
    /// How the number was made.
    pub parameters: Vec<(&'static str, String)>,
}

/// Why there is no number like the tool's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// The statistic has no value for these windows.
    #[error(transparent)]
    Undefined(#[from] Undefined),
    /// The tool has no such statistic for such a column.
    #[error("the tool has no such statistic for this column")]
    Absent,
    /// The tool draws it by chance.
    #[error("the tool draws this number by chance")]
    Random,
}

/// A number before it is judged: what is shown, and the p-value if the verdict needs it.
struct Found {
    shown: Number,
    value: f64,
    p_value: Option<f64>,
    parameters: Vec<(&'static str, String)>,
}

impl Likeness {
    /// The methods that the tool itself chooses by default for a numeric column: `reference_rows` rows with a value, and `distinct`
    /// different values in both windows.
    pub fn numeric_default(self, reference_rows: u64, distinct: u64) -> Method {
        match self {
            Likeness::Evidently => match (reference_rows > 1000, distinct) {
                (false, 0..=2) => Method::ZTest,
                (false, 3..=5) => Method::ChiSquared,
                (false, _) => Method::Ks,
                (true, 0..=5) => Method::JensenShannon,
                (true, _) => Method::WassersteinNormed,
            },
            Likeness::Nannyml => Method::JensenShannon,
            Likeness::Trustyai => Method::Ks,
        }
    }

    /// The method that the tool chooses by default for a column of categories; `None` when it has none.
    pub fn categorical_default(self, reference_rows: u64, distinct: u64) -> Option<Method> {
        match self {
            Likeness::Evidently if reference_rows > 1000 => Some(Method::JensenShannon),
            Likeness::Evidently if distinct > 2 => Some(Method::ChiSquared),
            Likeness::Evidently => Some(Method::ZTest),
            Likeness::Nannyml => Some(Method::JensenShannon),
            Likeness::Trustyai => None,
        }
    }

    /// The share of drifted columns at which the tool calls a data set drifted; `None` when it makes no such verdict.
    pub fn dataset_share(self) -> Option<f64> {
        (self == Likeness::Evidently).then_some(0.5)
    }

    /// What the tool would report for a numeric column.
    pub fn numeric(self, method: Method, reference: &Window, current: &Window) -> Alike {
        let found = match self {
            _ if reference.rows() == 0 => Err(Undefined::EmptyReference.into()),
            _ if current.rows() == 0 => Err(Undefined::EmptyCurrent.into()),
            Likeness::Evidently => evidently::numeric(method, reference, current),
            Likeness::Nannyml => nannyml::numeric(method, reference, current),
            Likeness::Trustyai => trustyai::numeric(method, reference, current),
        };
        self.judge(method, found)
    }

    /// What the tool would report for counts of the same categories, sorted by name, nulls left out.
    pub fn categorical(self, method: Method, reference: &[f64], current: &[f64]) -> Alike {
        let found = match self {
            _ if reference.iter().sum::<f64>() <= 0.0 => Err(Undefined::EmptyReference.into()),
            _ if current.iter().sum::<f64>() <= 0.0 => Err(Undefined::EmptyCurrent.into()),
            Likeness::Evidently => evidently::categorical(method, reference, current),
            Likeness::Nannyml => nannyml::categorical(method, reference, current),
            Likeness::Trustyai => Err(Unlike::Absent),
        };
        self.judge(method, found)
    }

    fn judge(self, method: Method, found: Result<Found, Unlike>) -> Alike {
        let rule = self.rule(method);
        match found {
            Err(reason) => Alike { method, shown: Number::Statistic, value: Err(reason), is_drift: None, rule, parameters: Vec::new() },
            Ok(found) => {
                let is_drift = rule.and_then(|rule| {
                    let judged = if rule.judged == found.shown { Some(found.value) } else { found.p_value };
                    judged.map(|value| rule.drifted.holds(value, rule.limit))
                });
                Alike { method, shown: found.shown, value: Ok(found.value), is_drift, rule, parameters: found.parameters }
            }
        }
    }

    /// The tool's default verdict rule for a method.
    pub fn rule(self, method: Method) -> Option<Rule> {
        let rule = |judged, drifted, limit| Some(Rule { judged, drifted, limit });
        match (self, method) {
            (Likeness::Evidently, Method::Ks) => rule(Number::PValue, Drifted::AtMost, 0.05),
            (Likeness::Evidently, Method::ChiSquared | Method::ZTest) => rule(Number::PValue, Drifted::Below, 0.05),
            (Likeness::Evidently, Method::AndersonDarling | Method::GTest) => rule(Number::PValue, Drifted::Below, 0.1),
            (Likeness::Evidently, Method::CramerVonMises) => rule(Number::PValue, Drifted::AtMost, 0.1),
            (Likeness::Evidently, Method::Energy) => rule(Number::Statistic, Drifted::Above, 0.1),
            (Likeness::Evidently, _) => rule(Number::Statistic, Drifted::AtLeast, 0.1),
            (Likeness::Nannyml, Method::ChiSquared) => rule(Number::PValue, Drifted::Below, 0.05),
            (Likeness::Nannyml, _) => None,
            (Likeness::Trustyai, Method::Ks) => rule(Number::PValue, Drifted::Below, 0.05),
            (Likeness::Trustyai, Method::JensenShannon) => rule(Number::Statistic, Drifted::Above, 0.1),
            (Likeness::Trustyai, _) => None,
        }
    }
}

/// Takes the number that is shown from one of our own outcomes.
fn show(outcome: Option<&Outcome>, shown: Number) -> Result<Found, Unlike> {
    let outcome = outcome.ok_or(Unlike::Absent)?;
    let statistic = outcome.value?;
    let p_value = outcome.p_value.map(|p_value| p_value.value);
    let value = match shown {
        Number::Statistic => statistic,
        Number::PValue => p_value.ok_or(Unlike::Absent)?,
    };
    Ok(Found { shown, value, p_value, parameters: outcome.parameters.clone() })
}
