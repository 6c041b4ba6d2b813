//! Waiting for the times of a schedule, by a clock that may be set while one waits.

use std::time::Duration;

use tokio::time::Instant;

use super::{Cron, Schedule, now};

/// Waits for the times of a schedule.
#[derive(Debug)]
pub struct Timer(Next);

#[derive(Debug)]
enum Next {
    /// By the monotonic clock, which a clock that is set does not disturb.
    Interval(tokio::time::Interval),
    /// By the wall's clock, and never twice within [`SHORTEST_WAIT`] of the monotonic one.
    Planned { plan: Plan, not_before: Instant },
}

/// The longest sleep towards a wall-clock time, so that a clock that is set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The floor under every wait: whatever a schedule or a clock says, nothing is due more often.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

impl Timer {
    /// Starts now; the first time is one interval away, give or take the jitter.
    pub fn start(schedule: &Schedule) -> Self {
        Self::start_after(schedule, Instant::now())
    }

    /// Starts as if it had when something last was done; it is time at once when that was too long ago for this schedule.
    pub fn start_after(schedule: &Schedule, last: Instant) -> Self {
        match schedule {
            Schedule::Every(interval) => {
                let interval = (*interval).max(SHORTEST_WAIT);
                let mut ticks = tokio::time::interval_at(last + interval + schedule.jitter(now()), interval);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                Self(Next::Interval(ticks))
            }
            Schedule::Cron(cron) => {
                let since = now() - super::seconds(last.elapsed());
                Self(Next::Planned { plan: Plan::start((**cron).clone(), since), not_before: last })
            }
        }
    }

    /// Waits for the next time. May be dropped and called again without losing one.
    pub async fn tick(&mut self) {
        match &mut self.0 {
            Next::Interval(ticks) => drop(ticks.tick().await),
            Next::Planned { plan, not_before } => {
                tokio::time::sleep_until(*not_before).await;
                loop {
                    match plan.look(now()) {
                        Look::Due => break,
                        Look::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds).clamp(SHORTEST_WAIT, LONGEST_SLEEP)).await,
                        Look::Never => std::future::pending().await,
                    }
                }
                *not_before = Instant::now() + SHORTEST_WAIT;
            }
        }
    }
}

/// The next time of a cron expression, looked at by a clock that may jump. Pure: the time is a parameter.
#[derive(Debug)]
struct Plan {
    cron: Cron,
    next: Option<i64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// It is time; the next one is already planned.
    Due,
    /// Not before so many seconds have passed, at least one.
    Wait(u64),
    /// The expression does not come true any more.
    Never,
}

impl Plan {
    fn start(cron: Cron, now: i64) -> Self {
        let next = cron.next(now);
        Self { cron, next }
    }

    fn look(&mut self, now: i64) -> Look {
        let Some(next) = self.next else { return Look::Never };
        // After a clock was set back, times come again that were thought to have passed.
        let after_now = self.cron.next(now);
        if next <= now {
            self.next = after_now;
            return Look::Due;
        }
        let soonest = after_now.map_or(next, |sooner| sooner.min(next));
        self.next = Some(soonest);
        Look::Wait((soonest - now).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Zone;

    const YEAR: i64 = 365 * 86_400;

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_767_225_600;

    /// A clock that runs by what a plan says, and is looked at once while it waits, as if by a timer that sleeps half as long as told.
    fn simulate(expression: &str, zone: &str, mut set: impl FnMut(u32, i64) -> i64) -> (u32, Vec<i64>) {
        let cron = Cron::parse(expression, Zone::parse(zone).unwrap(), NEW_YEAR).unwrap();
        let mut plan = Plan::start(cron, NEW_YEAR);
        let (mut now, mut elapsed, mut looks, mut due) = (NEW_YEAR, 0, 0, Vec::new());
        while elapsed < YEAR {
            looks += 1;
            now = set(looks, now);
            let waited = match plan.look(now) {
                Look::Due => {
                    due.push(now);
                    i64::try_from(SHORTEST_WAIT.as_secs()).unwrap()
                }
                Look::Wait(seconds) => {
                    assert!(seconds >= 1, "{expression} at {now}");
                    if looks % 2 == 0 { i64::try_from(seconds).unwrap() } else { i64::try_from(seconds.div_ceil(2)).unwrap() }
                }
                Look::Never => panic!("{expression} comes true each year"),
            };
            now += waited;
            elapsed += waited;
        }
        (looks, due)
    }

    #[test]
    fn a_year_of_ticks_has_each_planned_time_once() {
        for (expression, zone, times) in [
            ("*/10 * * * *", "Europe/Berlin", 365 * 144),
            ("0 * * * *", "America/New_York", 365 * 24),
            ("30 2 * * *", "Europe/Berlin", 365),
            ("45 1 * * *", "America/New_York", 365),
            // The hour that is skipped and the hour that comes twice even out.
            ("*/30 2 * * *", "Europe/Berlin", 365 * 2),
            ("0 0 * * *", "America/Santiago", 365),
            ("0 8 * * 1-5", "Australia/Lord_Howe", 261),
        ] {
            let (looks, due) = simulate(expression, zone, |_, now| now);
            // A year by UTC ends a few hours before or after it does here.
            assert!(due.len().abs_diff(times) <= 1, "{expression}: {}", due.len());
            assert!(looks as usize <= 8 * due.len(), "{expression}: {looks} looks");
        }
    }

    #[test]
    fn a_clock_that_is_set_makes_no_storm_and_no_silence() {
        let jump = |looks: u32, now: i64| match looks % 400 {
            0 => now - 3 * 3600,
            200 => now + 2 * 3600,
            _ => now,
        };
        let (_, due) = simulate("*/10 * * * *", "Europe/Berlin", jump);
        // Each jump may add one time at once; between jumps there is one each ten minutes.
        assert!((50_000..60_000).contains(&due.len()), "{}", due.len());
        assert!(due.windows(2).all(|pair| pair[0] != pair[1]), "never twice in one second");
    }

    #[tokio::test]
    async fn a_schedule_that_takes_over_is_due_at_once_only_when_it_would_have_been() {
        let every_minute = Schedule::cron("* * * * *", Zone::UTC).unwrap();
        let each_new_year = Schedule::cron("0 0 1 1 *", Zone::UTC).unwrap();
        let long_ago = Instant::now().checked_sub(Duration::from_mins(5)).expect("a machine that runs for five minutes");
        for (name, schedule, last, due) in [
            ("an interval that has passed", Schedule::Every(Duration::from_mins(1)), long_ago, true),
            ("one that has not", Schedule::Every(Duration::from_hours(1)), long_ago, false),
            ("the same from now on", Schedule::Every(Duration::from_mins(1)), Instant::now(), false),
            ("times, of which some have passed", every_minute, long_ago, true),
            ("times that are far away", each_new_year, Instant::now(), false),
        ] {
            let mut timer = Timer::start_after(&schedule, last);
            assert_eq!(tokio::time::timeout(Duration::from_millis(50), timer.tick()).await.is_ok(), due, "{name}");
        }
    }

    #[test]
    fn after_a_clock_was_set_back_times_come_again() {
        let cron = Cron::parse("0 * * * *", Zone::UTC, NEW_YEAR).unwrap();
        let mut plan = Plan::start(cron, NEW_YEAR + 10);
        assert_eq!(plan.look(NEW_YEAR + 10), Look::Wait(3590));
        assert_eq!(plan.look(NEW_YEAR - 5), Look::Wait(5), "it is not due, only planned anew");
        assert_eq!(plan.look(NEW_YEAR), Look::Due);
        assert_eq!(plan.look(NEW_YEAR), Look::Wait(3600));
        assert_eq!(plan.look(NEW_YEAR + 86_400), Look::Due, "what was slept through is made up for once");
        assert_eq!(plan.look(NEW_YEAR + 86_400), Look::Wait(3600));
    }
}
