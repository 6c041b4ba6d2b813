//! An upstream's own budget of requests, as the headers of its answers tell it. When it is used up, nobody asks before there is more: the next request
//! would only be refused.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// When there is more.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Nothing is left for so long.
    pub(super) fn used_up(&self, wait: Duration) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let then = Instant::now() + wait;
        *until = Some(until.map_or(then, |until| until.max(then)));
    }

    /// Waits until there is more; but gives how long that is when it is longer than `longest`.
    pub(super) async fn wait(&self, longest: Duration) -> Result<(), Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        if wait > longest {
            return Err(wait);
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_asks_before_there_is_more() {
        let pace = Pace::default();
        assert_eq!(pace.wait(Duration::ZERO).await, Ok(()));
        pace.used_up(Duration::from_millis(30));
        pace.used_up(Duration::from_millis(1));
        let began = Instant::now();
        assert_eq!(pace.wait(Duration::from_secs(60)).await, Ok(()));
        assert!(began.elapsed() >= Duration::from_millis(20));
        pace.used_up(Duration::from_secs(3600));
        assert!(pace.wait(Duration::from_secs(60)).await.unwrap_err() > Duration::from_secs(3000));
    }
}
