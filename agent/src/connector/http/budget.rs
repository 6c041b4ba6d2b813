//! A source's budget of requests: so many per second, as many at once after a pause.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Hands out moments at which a request may go.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    burst: Duration,
    /// When the budget would be full again.
    full_at: Mutex<Option<Instant>>,
}

/// The slowest rate: one request in a hundred seconds. Less would be a source that never comes to an end.
const MIN_PER_SECOND: f64 = 0.01;

impl Budget {
    pub(super) fn new(per_second: f64) -> Self {
        let per_second = if per_second.is_finite() { per_second.max(MIN_PER_SECOND) } else { 1e6 };
        let interval = Duration::from_secs_f64(1.0 / per_second);
        Self { interval, burst: Duration::from_secs(1).saturating_sub(interval), full_at: Mutex::new(None) }
    }

    /// Waits for the next request's turn.
    pub(super) async fn take(&self) {
        let pause = self.reserve(Instant::now());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// Lets nobody through for a while: the upstream asked for it, or had trouble.
    pub(super) fn hold(&self, pause: Duration) {
        self.hold_from(Instant::now(), pause);
    }

    fn hold_from(&self, now: Instant, pause: Duration) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + pause + self.burst;
        *full_at = Some(full_at.map_or(until, |full_at| full_at.max(until)));
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let level = full_at.unwrap_or(now).max(now);
        *full_at = Some(level + self.interval);
        (level - now).saturating_sub(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_an_even_pace() {
        let budget = Budget::new(10.0);
        let now = Instant::now();
        let pauses: Vec<_> = (0..13).map(|_| budget.reserve(now).as_millis()).collect();
        assert_eq!(pauses, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300]);
        assert_eq!(budget.reserve(now + Duration::from_secs(60)).as_millis(), 0);
    }

    #[test]
    fn a_hold_stops_everybody() {
        let budget = Budget::new(10.0);
        let now = Instant::now();
        budget.hold_from(now, Duration::from_secs(5));
        assert_eq!(budget.reserve(now).as_millis(), 5000);
        assert_eq!(budget.reserve(now + Duration::from_secs(5)).as_millis(), 100);
    }

    #[test]
    fn a_slow_budget_has_no_burst() {
        let budget = Budget::new(0.5);
        let now = Instant::now();
        let pauses: Vec<_> = (0..3).map(|_| budget.reserve(now).as_secs()).collect();
        assert_eq!(pauses, [0, 2, 4]);
    }
}
