//! A bar on standard error while a run is long; only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::read::meter;

/// A run shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is drawn anew.
const PERIOD: Duration = Duration::from_millis(200);
const WIDTH: usize = 30;

/// Draws over one line again and again, from a thread of its own so that nothing waits for it, and clears the line at the end.
pub struct Bar(Option<Drawing>);

struct Drawing {
    step: Arc<Mutex<Step>>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How far a run is.
#[derive(Clone, Default)]
enum Step {
    /// Nothing is known yet, not even the columns.
    #[default]
    Looking,
    /// Bytes of an object that is fetched from a store.
    Fetching { done: u64, all: u64, object: String },
    /// Rows that a query has given; no one knows how many there will be.
    Querying { rows: u64 },
    /// Columns that are done, and the next one.
    Columns { done: usize, all: usize, next: String },
}

impl Bar {
    /// A bar that shows itself only on a terminal, and not when asked to be quiet. To be made before anything is read.
    pub fn new(is_quiet: bool) -> Self {
        Bar((!is_quiet && std::io::stderr().is_terminal()).then(Drawing::start))
    }

    /// Notes which columns are done and which is next.
    pub fn show(&self, done: usize, all: usize, next: &str) {
        self.note(|| Step::Columns { done, all, next: next.to_owned() });
    }

    /// Notes how far fetching is, in bytes.
    pub fn show_fetched(&self, done: u64, all: u64, object: &str) {
        self.note(|| Step::Fetching { done, all, object: object.to_owned() });
    }

    /// Notes how many rows a query has given.
    pub fn show_answered(&self, rows: u64) {
        self.note(|| Step::Querying { rows });
    }

    fn note(&self, step: impl FnOnce() -> Step) {
        if let Some(drawing) = &self.0 {
            *drawing.step.lock().unwrap_or_else(PoisonError::into_inner) = step();
        }
    }
}

impl Drawing {
    fn start() -> Self {
        let step = Arc::new(Mutex::new(Step::default()));
        let (stop, stopped) = channel::<()>();
        let shared = Arc::clone(&step);
        let thread = std::thread::spawn(move || {
            let mut wait = PATIENCE;
            let mut is_drawn = false;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let step = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // A bar that can't be drawn is no reason to stop.
                let _ = write!(std::io::stderr(), "\r\x1b[2K{}", line(&step, meter::bytes(), meter::rows()));
                (wait, is_drawn) = (PERIOD, true);
            }
            if is_drawn {
                let _ = write!(std::io::stderr(), "\r\x1b[2K");
            }
        });
        Drawing { step, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it would panic with is no reason to fail.
            let _ = thread.join();
        }
    }
}

fn line(step: &Step, bytes: u64, rows: u64) -> String {
    match step {
        Step::Looking => format!("looking at the data{}", read(bytes, rows)),
        Step::Fetching { done, all, object } => format!("{} {} of {} {}", bar(*done, *all), size(*done), size(*all), shown(object)),
        Step::Querying { rows } => format!("the query has given {} rows", grouped(*rows)),
        Step::Columns { done, all, next } => format!("{} {done}/{all} columns {}{}", bar(*done as u64, *all as u64), shown(next), read(bytes, rows)),
    }
}

fn bar(done: u64, all: u64) -> String {
    let filled = (done * WIDTH as u64).checked_div(all).map_or(WIDTH, |filled| (filled as usize).min(WIDTH));
    format!("[{}{}]", "#".repeat(filled), "-".repeat(WIDTH - filled))
}

/// A name, short and without what would move the cursor.
fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(40).collect()
}

fn read(bytes: u64, rows: u64) -> String {
    let read = [(bytes, size(bytes)), (rows, format!("{} rows", grouped(rows)))];
    let read = read.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect::<Vec<_>>().join(", ");
    if read.is_empty() { String::new() } else { format!(" ({read} read)") }
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes < 1 << 20 => format!("{} KiB", bytes >> 10),
        _ if bytes < 1 << 30 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap_or_default()).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let columns = |done: usize, all: usize, next: &str| Step::Columns { done, all, next: next.to_owned() };
        let half = format!("[{}{}]", "#".repeat(15), "-".repeat(15));
        assert_eq!(line(&columns(5, 10, "age"), 0, 0), format!("{half} 5/10 columns age"));
        assert_eq!(line(&columns(1, 1, "\u{1b}x"), 5 << 30, 1_234_567), format!("[{}] 1/1 columns x (5.0 GiB, 1,234,567 rows read)", "#".repeat(30)));
        assert_eq!(line(&Step::Looking, 0, 0), "looking at the data");
        assert_eq!(line(&Step::Looking, 3 << 20, 0), "looking at the data (3 MiB read)");
        let fetching = Step::Fetching { done: 1 << 20, all: 2 << 20, object: "s3://a/b.parquet".to_owned() };
        assert_eq!(line(&fetching, 9, 9), format!("{half} 1 MiB of 2 MiB s3://a/b.parquet"));
        assert_eq!(line(&Step::Querying { rows: 12_345 }, 9, 9), "the query has given 12,345 rows");
    }
}
