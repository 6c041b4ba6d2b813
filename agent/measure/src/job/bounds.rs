//! How far a statistic of shares may be off when each share may be off by so much.
//!
//! The statistics here are sums with one term for each bin, and each term is smallest and largest at known places of the box that its two
//! shares lie in: a term that is zero where both are equal and convex is smallest where they are nearest to each other and largest in a
//! corner. The sums of the smallest and of the largest terms enclose the true statistic for certain; that all shares add up to one is not
//! used, so the truth is nearer than the bound.

use std::f64::consts::{E, LN_2};

use crate::drift::{Base, Direction, Floor, Method, Settings};

/// An interval that a number lies in.
type Between = (f64, f64);

/// The bound of the error of `value`, computed from `counts` whose shares may be off by `errors`, reference first. `None` for statistics and
/// settings that it is not known for: those of tests grow with the number of rows, and so does what they are off by.
pub fn of_shares(method: Method, value: f64, counts: (&[f64], &[f64]), errors: (&[f64], &[f64]), settings: &Settings) -> Option<f64> {
    let (p, q) = (shares(counts.0, errors.0), shares(counts.1, errors.1));
    let pairs = || p.iter().copied().zip(q.iter().copied());
    let rows = (counts.0.iter().sum::<f64>(), counts.1.iter().sum::<f64>());
    let add = |term: &dyn Fn(Between, Between) -> Between| pairs().map(|(p, q)| term(p, q)).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let Floor::At(floor) = settings.floor else { return None };
    let floored = |share: Between| (share.0.max(floor), share.1.max(floor));
    let (low, high) = match method {
        Method::Psi => add(&|p, q| convex(floored(p), floored(q), |p, q| (q - p) * (q / p).ln())),
        Method::Kl if settings.direction == Direction::CurrentFromReference && !settings.is_kl_normalised => add(&|p, q| kl(floored(p), floored(q))),
        Method::JensenShannon => {
            let in_base = if settings.base == Base::Two { LN_2 } else { 1.0 };
            rooted(add(&|p, q| convex(p, q, jensen_shannon)), 2.0 * in_base)
        }
        Method::Hellinger => rooted(add(&|p, q| convex(p, q, |p, q| (p.sqrt() - q.sqrt()).powi(2))), 2.0),
        Method::CramersV => {
            let (n, m) = rows;
            let term = |p: f64, q: f64| if p == q { 0.0 } else { (p - q).powi(2) / (n * p + m * q) };
            rooted(add(&|p, q| convex(p, q, term)), (n + m) / (n * m))
        }
        Method::Tvd => {
            let (low, high) = add(&|p, q| convex(p, q, |p, q| (p - q).abs()));
            (low / 2.0, (high / 2.0).min(1.0))
        }
        Method::LInfinity => {
            let largest = pairs().map(|(p, q)| convex(p, q, |p: f64, q: f64| (p - q).abs()));
            largest.fold((0.0, 0.0), |all: Between, one| (all.0.max(one.0), all.1.max(one.1)))
        }
        _ => return None,
    };
    Some((value - low).max(high - value).max(0.0)).filter(|bound| bound.is_finite())
}

fn shares(counts: &[f64], errors: &[f64]) -> Vec<Between> {
    let rows: f64 = counts.iter().sum();
    counts.iter().zip(errors).map(|(count, error)| ((count / rows - error).max(0.0), (count / rows + error).min(1.0))).collect()
}

/// The smallest and largest value of a convex term that is zero where both shares are equal.
fn convex(p: Between, q: Between, term: impl Fn(f64, f64) -> f64) -> Between {
    let low = if p.1 < q.0 {
        term(p.1, q.0)
    } else if q.1 < p.0 {
        term(p.0, q.1)
    } else {
        0.0
    };
    (low, term(p.0, q.1).max(term(p.1, q.0)))
}

/// The same of `q ln(q / p)`, which falls in `p` and has its least value over `q` at `p / e`.
fn kl(p: Between, q: Between) -> Between {
    let term = |p: f64, q: f64| if q == 0.0 { 0.0 } else { q * (q / p).ln() };
    let least = (p.1 / E).clamp(q.0, q.1);
    (term(p.1, least), term(p.0, q.0).max(term(p.0, q.1)))
}

fn jensen_shannon(p: f64, q: f64) -> f64 {
    let half = |a: f64, b: f64| if a > 0.0 { a * (2.0 * a / (a + b)).ln() } else { 0.0 };
    half(p, q) + half(q, p)
}

/// The root of both ends over a divisor.
fn rooted((low, high): Between, divisor: f64) -> Between {
    ((low.max(0.0) / divisor).sqrt(), (high.max(0.0) / divisor).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::drift::categorical;

    const METHODS: [Method; 7] = [Method::Psi, Method::JensenShannon, Method::Hellinger, Method::Kl, Method::Tvd, Method::LInfinity, Method::CramersV];

    fn value(method: Method, counts: (&[f64], &[f64])) -> f64 {
        categorical(counts.0, counts.1, &[method], &Settings::default()).outcomes[0].value.unwrap()
    }

    proptest! {
        /// Rows are moved between bins; as many as were moved is what the shares are off by.
        #[test]
        fn the_truth_is_within(
            truth in prop::collection::vec((1..400_u32, 1..400_u32), 2..8),
            moved in prop::collection::vec((0..40_u32, 0..40_u32), 8),
        ) {
            let column = |of: fn(&(u32, u32)) -> u32| -> (Vec<f64>, Vec<f64>, Vec<f64>) {
                let exact: Vec<u32> = truth.iter().map(of).collect();
                let mut seen = exact.clone();
                for at in 1..seen.len() {
                    let rows = of(&moved[at]).min(seen[at]);
                    seen[at] -= rows;
                    seen[at - 1] += rows;
                }
                let rows: f64 = exact.iter().map(|&rows| f64::from(rows)).sum();
                let errors = exact.iter().zip(&seen).map(|(a, b)| f64::from(a.abs_diff(*b)) / rows).collect();
                (exact.into_iter().map(f64::from).collect(), seen.into_iter().map(f64::from).collect(), errors)
            };
            let (p, p_seen, p_off) = column(|pair| pair.0);
            let (q, q_seen, q_off) = column(|pair| pair.1);
            for method in METHODS {
                let (exact, seen) = (value(method, (&p, &q)), value(method, (&p_seen, &q_seen)));
                let bound = of_shares(method, seen, (&p_seen, &q_seen), (&p_off, &q_off), &Settings::default()).unwrap();
                prop_assert!((exact - seen).abs() <= bound + 1e-9, "{}: {exact} {seen} {bound}", method.name());
            }
        }
    }

    #[test]
    fn nothing_off_is_a_bound_of_nothing() {
        let (p, q) = ([10.0, 20.0, 70.0], [30.0, 30.0, 40.0]);
        for method in METHODS {
            let bound = of_shares(method, value(method, (&p, &q)), (&p, &q), (&[0.0; 3], &[0.0; 3]), &Settings::default()).unwrap();
            assert!(bound < 1e-12, "{}: {bound}", method.name());
        }
        assert_eq!(of_shares(Method::ChiSquared, 1.0, (&p, &q), (&[0.0; 3], &[0.0; 3]), &Settings::default()), None);
    }
}
