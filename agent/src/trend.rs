//! A number as a function of time: the same at every moment, or the time since a moment or until one. Time is a parameter.

/// A number that is the same at every moment, or that the passing of time alone changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trend {
    /// The same at every moment.
    Constant(f64),
    /// The time since a moment; with a negative `per` the time that is left until it.
    Clock {
        /// When it is zero, epoch seconds.
        since: i64,
        /// How many seconds make one; never 0.
        per: f64,
    },
}

impl Trend {
    /// The seconds since a moment, negative before it.
    pub fn since(moment: i64) -> Self {
        Self::Clock { since: moment, per: 1.0 }
    }

    /// The seconds left until a moment, negative after it.
    pub fn until(moment: i64) -> Self {
        Self::Clock { since: moment, per: -1.0 }
    }

    /// The number at `now`, epoch seconds.
    #[expect(clippy::cast_precision_loss, reason = "epoch seconds are far below 2^53")]
    pub fn at(self, now: i64) -> f64 {
        match self {
            Self::Constant(number) => number,
            // Adding zero makes the end of a countdown 0 and not -0.
            Self::Clock { since, per } => now.saturating_sub(since) as f64 / per + 0.0,
        }
    }

    /// By how much it grows in a second.
    pub fn growth(self) -> f64 {
        match self {
            Self::Constant(_) => 0.0,
            Self::Clock { per, .. } => 1.0 / per,
        }
    }

    /// The moment at which a clock is zero.
    pub fn zero_at(self) -> Option<i64> {
        match self {
            Self::Constant(_) => None,
            Self::Clock { since, .. } => Some(since),
        }
    }
}

impl std::ops::Neg for Trend {
    type Output = Self;

    fn neg(self) -> Self {
        match self {
            Self::Constant(number) => Self::Constant(-number),
            Self::Clock { since, per } => Self::Clock { since, per: -per },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_count_from_a_moment_and_down_to_one() {
        for (trend, numbers) in [
            (Trend::Constant(7.0), [7.0, 7.0, 7.0]),
            (Trend::since(1_000), [-60.0, 0.0, 90.0]),
            (Trend::until(1_000), [60.0, 0.0, -90.0]),
            (-Trend::since(1_000), [60.0, 0.0, -90.0]),
            (Trend::Clock { since: 1_000, per: 60.0 }, [-1.0, 0.0, 1.5]),
        ] {
            assert_eq!([940, 1_000, 1_090].map(|now| trend.at(now)), numbers, "{trend:?}");
            assert!((trend.at(1_001) - trend.at(1_000) - trend.growth()).abs() < 1e-12, "{trend:?}");
        }
        assert!(Trend::until(1_000).at(1_000).is_sign_positive());
        assert!(Trend::since(i64::MIN).at(1_000) > 0.0, "no moment overflows");
    }
}
