//! A bar on standard error while a scan is long; only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A run shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
const WIDTH: usize = 30;

/// Draws over one line again and again, and clears it at the end.
pub struct Bar {
    is_on: bool,
    is_drawn: bool,
    started: Instant,
}

impl Bar {
    /// A bar that shows itself only on a terminal, and not when asked to be quiet.
    pub fn new(is_quiet: bool) -> Self {
        Bar { is_on: !is_quiet && std::io::stderr().is_terminal(), is_drawn: false, started: Instant::now() }
    }

    /// Shows how far the run is.
    pub fn show(&mut self, done: usize, all: usize, next: &str) {
        if !self.is_on || (self.started.elapsed() < PATIENCE && !self.is_drawn) {
            return;
        }
        let line = line(done, all, next);
        // A bar that can't be drawn is no reason to stop.
        let _ = write!(std::io::stderr(), "\r\x1b[2K{line}");
        self.is_drawn = true;
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_drawn {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

fn line(done: usize, all: usize, next: &str) -> String {
    let filled = (done * WIDTH).checked_div(all).unwrap_or(WIDTH);
    let name: String = next.chars().filter(|character| !character.is_control()).take(40).collect();
    format!("[{}{}] {done}/{all} columns {name}", "#".repeat(filled), "-".repeat(WIDTH - filled))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines() {
        assert_eq!(line(5, 10, "age"), format!("[{}{}] 5/10 columns age", "#".repeat(15), "-".repeat(15)));
        assert_eq!(line(0, 0, "\u{1b}x"), format!("[{}] 0/0 columns x", "#".repeat(30)));
    }
}
