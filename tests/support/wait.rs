//! Waiting that does not depend on how fast a machine or a server is: it lasts as long as the other side gets on, and ends when that stands still.

use super::processes::{Process, Shares, family};
use std::collections::HashMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Who is waited for.
pub trait Watched {
    /// The processes of which all others of it descend, or whose sessions they are in. Empty while it does not run.
    fn roots(&self) -> Vec<u32>;
}

/// A process by its id.
impl Watched for u32 {
    fn roots(&self) -> Vec<u32> {
        vec![*self]
    }
}

/// For how long nothing that can be seen may change, in the time that who is waited for had: many times what the slowest single step takes
/// (an Airflow task imports Airflow for ten seconds), because only a failure is kept waiting by it.
const PATIENCE: Duration = Duration::from_mins(3);

/// For how long something may change and still not be what is waited for.
const MOST: Duration = Duration::from_mins(30);

/// Tries until there is a value. `attempt` says what it saw instead; as long as that changes, the other side gets on.
///
/// What is seen may stand still for `PATIENCE`. That is measured in time that the processes of `servers` had: while they are ready to run and
/// others have the cores, it passes more slowly, and next to no time passes for a server that gets next to nothing of a busy machine.
/// Whoever is dropped by the panic tells what it was doing (`Peer`, `Agent`).
pub fn wait_until<T, Seen: PartialEq + Debug>(what: &str, servers: &[&dyn Watched], attempt: impl FnMut() -> Result<T, Seen>) -> T {
    match patiently(PATIENCE, MOST, servers, attempt) {
        Ok(value) => value,
        Err(GivenUp { seen, still, own, wall }) => panic!(
            "waited for {what} in vain: {} s by the clock, of which the servers had {} s, and nothing changed in the last {} s of those; seen last: {seen:?}",
            wall.as_secs(),
            own.as_secs(),
            still.as_secs()
        ),
    }
}

/// A server that stood still, or that went on without end.
struct GivenUp<Seen> {
    seen: Seen,
    /// How long nothing had changed.
    still: Duration,
    own: Duration,
    wall: Duration,
}

fn patiently<T, Seen: PartialEq>(
    patience: Duration,
    most: Duration,
    servers: &[&dyn Watched],
    mut attempt: impl FnMut() -> Result<T, Seen>,
) -> Result<T, GivenUp<Seen>> {
    let began = Instant::now();
    let mut clock = OwnClock::start();
    let (mut last, mut changed) = (None, Duration::ZERO);
    loop {
        let seen = match attempt() {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        let roots: Vec<u32> = servers.iter().flat_map(|server| server.roots()).collect();
        let own = clock.read(&family(&roots));
        if last.as_ref() != Some(&seen) {
            changed = own;
        }
        if own - changed >= patience || own >= most {
            return Err(GivenUp { seen, still: own - changed, own, wall: began.elapsed() });
        }
        last = Some(seen);
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Time as some processes had it: of each span the share in which they ran, of that in which they ran or were ready to. Whoever sleeps is kept
/// from nothing, so for a server at rest it is the time of the wall clock.
struct OwnClock {
    passed: Duration,
    read_at: Instant,
    threads: HashMap<u32, Shares>,
}

impl OwnClock {
    fn start() -> Self {
        Self { passed: Duration::ZERO, read_at: Instant::now(), threads: HashMap::new() }
    }

    fn read(&mut self, processes: &[Process]) -> Duration {
        let threads: HashMap<u32, Shares> = processes.iter().flat_map(Process::threads).collect();
        let mut since = Shares::default();
        // Of a thread that was not there before, what it did earlier does not count; nor what one did that is gone.
        for (id, now) in &threads {
            if let Some(before) = self.threads.get(id) {
                since.ran += now.ran.saturating_sub(before.ran);
                since.waited += now.waited.saturating_sub(before.waited);
            }
        }
        let now = Instant::now();
        self.passed += (now - self.read_at).mul_f64(share(since));
        self.read_at = now;
        self.threads = threads;
        self.passed
    }
}

fn share(Shares { ran, waited }: Shares) -> f64 {
    if waited == 0 { 1.0 } else { ran as f64 / (ran + waited) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const SHORT: Duration = Duration::from_secs(1);

    #[test]
    fn what_stands_still_is_given_up() {
        let given_up = patiently(SHORT, MOST, &[], || Err::<(), _>("queued")).expect_err("it never comes");
        assert_eq!(given_up.seen, "queued");
        assert!(given_up.still >= SHORT && given_up.still <= given_up.own && given_up.own <= given_up.wall, "{:?}", given_up.still);
    }

    #[test]
    fn what_changes_is_waited_for_beyond_all_patience() {
        let (began, step) = (Instant::now(), Cell::new(0));
        let value = patiently(SHORT, MOST, &[], || {
            step.set(step.get() + 1);
            if began.elapsed() < SHORT * 3 { Err(step.get()) } else { Ok("there") }
        });
        assert!(matches!(value, Ok("there")));
    }

    #[test]
    fn what_changes_for_ever_is_given_up() {
        let step = Cell::new(0);
        let given_up = patiently(MOST, SHORT, &[], || {
            step.set(step.get() + 1);
            Err::<(), _>(step.get())
        });
        assert!(given_up.expect_err("it never comes").own >= SHORT);
    }

    #[test]
    fn time_passes_as_far_as_a_server_has_it() {
        for (ran, waited, expected) in [(0, 0, 1.0), (7, 0, 1.0), (1, 1, 0.5), (1, 3, 0.25), (0, 5, 0.0)] {
            assert_eq!(share(Shares { ran, waited }), expected, "{ran} {waited}");
        }
    }

    /// The machine's own numbers: of a process that is always ready to run, they add up to the time that passes.
    #[test]
    fn a_busy_process_is_seen_with_its_children() {
        let mut busy = std::process::Command::new("sh").args(["-c", "(while :; do :; done) & echo; wait"]).spawn().expect("a shell");
        let root = busy.id();
        let spent = || {
            let processes = family(&[root]);
            let sum = processes.iter().flat_map(Process::threads).fold(0, |sum, (_, shares)| sum + shares.ran + shares.waited);
            (processes.len(), sum)
        };
        let seen = patiently(PATIENCE, MOST, &[&root], || Some(spent()).filter(|(count, sum)| *count == 2 && *sum > 100_000_000).ok_or(()));
        let child = family(&[root]).pop().expect("the child").id();
        let ended = std::process::Command::new("kill").arg(child.to_string()).status();
        assert!(busy.wait().is_ok() && ended.is_ok() && seen.is_ok());
    }
}
