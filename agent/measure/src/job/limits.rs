//! Limits, and the verdicts that follow from them. The defaults are those of the agent's catalogue, so that both say the same.

use crate::drift::Method;
use crate::output::{Direction, Measurement, Verdict};
use crate::read::nearest::did_you_mean;

/// Which of a test's numbers a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The statistic, distance, difference, ratio.
    Value,
    /// The p-value, adjusted for the number of tests.
    PValue,
}

/// A limit as given: `psi=0.25`, `ks.p_value=0.01`, or `p_value=0.01` for every test.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The method; none for every test.
    method: Option<String>,
    judged: Judged,
    value: f64,
}

/// A limit that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no limit: {problem}; expected METHOD=NUMBER{}", if *has_tests { ", METHOD.p_value=NUMBER or p_value=NUMBER" } else { "" })]
pub struct BadLimit {
    text: String,
    problem: String,
    has_tests: bool,
}

impl Limit {
    /// Reads a limit for one of the methods of these names, some of which are tests.
    pub fn read(text: &str, names: &[&'static str], tests: &[&'static str]) -> Result<Self, BadLimit> {
        let wrong = |problem: String| BadLimit { text: text.to_owned(), problem, has_tests: !tests.is_empty() };
        let (name, number) = text.split_once('=').ok_or_else(|| wrong("there is no `=`".to_owned()))?;
        let value = number.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| wrong(format!("`{number}` is no number")))?;
        let (name, judged) = match name.trim().strip_suffix("p_value") {
            Some(method) => (method.trim_end_matches('.'), Judged::PValue),
            None => (name.trim(), Judged::Value),
        };
        if name.is_empty() && judged == Judged::PValue && !tests.is_empty() {
            return Ok(Limit { method: None, judged, value });
        }
        if !names.contains(&name) {
            return Err(wrong(format!("there is no method `{name}`{}", did_you_mean(name, names.iter().copied()))));
        }
        if judged == Judged::PValue && !tests.contains(&name) {
            return Err(wrong(format!("{name} is no test and has no p-value")));
        }
        Ok(Limit { method: Some(name.to_owned()), judged, value })
    }
}

/// All limits of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Beyond this a value is a warning.
    pub warnings: Vec<Limit>,
    /// Beyond this it is a breach.
    pub breaches: Vec<Limit>,
}

/// The limits of a warning and of a breach where none are given.
pub type Defaults = Option<(f64, f64)>;

fn is_test(method: &str) -> bool {
    method.parse::<Method>().is_ok_and(Method::is_test)
}

/// A verdict and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The limit that was crossed, or the nearest that was not.
    pub limit: Option<f64>,
    /// Which number was judged.
    pub judged: Judged,
}

impl Limits {
    /// Holds a measurement against the limits, its value and its p-value; `None` where there are none for it. The worse verdict counts.
    pub fn judge(&self, measurement: &Measurement, of_value: Defaults, of_p_value: Defaults) -> Option<Judgement> {
        let value = self.judge_number(Judged::Value, measurement, of_value);
        let p_value = self.judge_number(Judged::PValue, measurement, of_p_value);
        match (value, p_value) {
            (Some(a), Some(b)) => Some(if a.verdict >= b.verdict { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// Sees to it that every limit had something to judge: one that never applies would look like one that is never crossed.
    ///
    /// # Errors
    /// A limit of a method that nothing was measured by.
    pub fn check_used(&self, measurements: &[Measurement]) -> super::Result<()> {
        let is_unused = |method: &&String| !measurements.iter().any(|measurement| measurement.method == **method);
        match self.methods().find(is_unused) {
            None => Ok(()),
            Some(method) => {
                let problem = format!("there is a limit for {method}, but nothing was measured by it; it needs a column or option that was not given");
                Err(super::Error::Asked(problem))
            }
        }
    }

    /// The methods that limits name.
    pub fn methods(&self) -> impl Iterator<Item = &String> {
        self.warnings.iter().chain(&self.breaches).filter_map(|limit| limit.method.as_ref())
    }

    /// True when there is a limit for the p-values of all tests.
    pub fn has_any_test(&self) -> bool {
        self.warnings.iter().chain(&self.breaches).any(|limit| limit.method.is_none())
    }

    fn judge_number(&self, judged: Judged, measurement: &Measurement, defaults: Defaults) -> Option<Judgement> {
        let find = |limits: &[Limit]| {
            let fits = |limit: &&Limit| limit.judged == judged && limit.method.as_ref().is_none_or(|of| *of == measurement.method);
            limits.iter().rev().find(fits).map(|limit| limit.value)
        };
        let given = (find(&self.warnings), find(&self.breaches));
        // A limit of one's own for a method puts both of the defaults out of force: one alone would contradict it.
        let (warning, breach) = if given.0.is_some() || given.1.is_some() { given } else { defaults.unzip() };
        let nearest = warning.or(breach)?;
        let number = match judged {
            Judged::Value => measurement.value,
            Judged::PValue => match measurement.p_value {
                Some(p_value) => Some(p_value.adjusted.unwrap_or(p_value.value)),
                // A limit for every test is none for what is no test. A test that has lost its p-value, as sketches have, is not fine by that.
                None if measurement.value.is_some() && !is_test(&measurement.method) => return None,
                None => None,
            },
        };
        let of = |verdict: Verdict, limit: f64| Some(Judgement { verdict, limit: Some(limit), judged });
        let Some(number) = number else { return of(Verdict::Unknown, nearest) };
        // Below the noise floor a stability index says nothing: that is fine where the floor is low, and not known where it is high.
        if let Some(floor) = measurement.noise_floor.filter(|floor| judged == Judged::Value && number < *floor) {
            return of(if floor > nearest { Verdict::Unknown } else { Verdict::Ok }, nearest);
        }
        let is_over = |limit: &f64| match judged {
            Judged::Value => is_beyond(number, *limit, measurement.direction),
            Judged::PValue => number < *limit,
        };
        match (breach.filter(is_over), warning.filter(is_over)) {
            (Some(limit), _) => of(Verdict::Breach, limit),
            (None, Some(limit)) => of(Verdict::Warning, limit),
            (None, None) => of(Verdict::Ok, nearest),
        }
    }
}

/// True when a value is on the bad side of its limit. Of a ratio the limit is the lower one; the upper one is its inverse.
fn is_beyond(value: f64, limit: f64, direction: Option<Direction>) -> bool {
    match direction {
        Some(Direction::Lower) => value < limit,
        Some(Direction::Abs) => value.abs() > limit,
        Some(Direction::TwoSided) => value < limit || value > 1.0 / limit,
        Some(Direction::Higher) | None => value >= limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Family, Kind};

    const NAMES: [&str; 3] = ["psi", "ks", "disparate_impact_ratio"];

    fn limits(warning: &str, breach: &str) -> Limits {
        let read = |text: &str| if text.is_empty() { Vec::new() } else { vec![Limit::read(text, &NAMES, &["ks"]).unwrap()] };
        Limits { warnings: read(warning), breaches: read(breach) }
    }

    fn measured(method: &str, value: f64, direction: Direction) -> Measurement {
        let mut measurement = Measurement::new(Family::Drift, method, Kind::Statistic);
        (measurement.value, measurement.direction) = (Some(value), Some(direction));
        measurement
    }

    #[test]
    fn each_direction_has_its_bad_side() {
        let cases = [
            (Direction::Higher, 0.2, 0.2, Verdict::Breach),
            (Direction::Higher, 0.2, 0.19, Verdict::Ok),
            (Direction::Lower, 0.9, 0.9, Verdict::Ok),
            (Direction::Lower, 0.9, 0.89, Verdict::Breach),
            (Direction::Abs, 0.1, -0.11, Verdict::Breach),
            (Direction::Abs, 0.1, 0.1, Verdict::Ok),
            (Direction::TwoSided, 0.8, 0.8, Verdict::Ok),
            (Direction::TwoSided, 0.8, 1.26, Verdict::Breach),
            (Direction::TwoSided, 0.8, 0.79, Verdict::Breach),
        ];
        for (direction, limit, value, verdict) in cases {
            let limits = limits("", &format!("psi={limit}"));
            assert_eq!(limits.judge(&measured("psi", value, direction), None, None).unwrap().verdict, verdict, "{direction:?} {limit} {value}");
        }
    }

    #[test]
    fn given_limits_replace_both_defaults_of_their_method_only() {
        let given = limits("psi=0.3", "");
        let judge = |method: &str, value: f64| given.judge(&measured(method, value, Direction::Higher), Some((0.1, 0.2)), None).unwrap().verdict;
        assert_eq!(judge("psi", 0.25), Verdict::Ok);
        assert_eq!(judge("psi", 0.35), Verdict::Warning);
        assert_eq!(judge("ks", 0.25), Verdict::Breach);
        assert_eq!(Limits::default().judge(&measured("psi", 9.0, Direction::Higher), None, None), None);
    }

    #[test]
    fn noise_is_no_drift() {
        let mut psi = measured("psi", 0.15, Direction::Higher);
        let verdict = |psi: &Measurement| Limits::default().judge(psi, Some((0.1, 0.25)), None).unwrap().verdict;
        assert_eq!(verdict(&psi), Verdict::Warning);
        psi.noise_floor = Some(0.16);
        assert_eq!(verdict(&psi), Verdict::Unknown, "the floor is above the limit");
        (psi.noise_floor, psi.value) = (Some(0.05), Some(0.04));
        assert_eq!(verdict(&psi), Verdict::Ok);
    }
}
