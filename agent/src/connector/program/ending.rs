//! How a program ended, and what that means. Pure, but for the kernel's count of the processes that it ended for want of memory.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use super::{Wrong, said::Said};
use crate::connector::failure::FailureReason;

/// What programs say when an allocation was refused: Rust's `alloc`, Rust's `try_reserve`, the C library.
const REFUSED: [&str; 3] = ["memory allocation of", "memory allocation failed", "Cannot allocate memory"];

/// Signals that end programs, by the numbers that POSIX or every Linux gives them.
const SIGNALS: [(i32, &str); 12] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (6, "SIGABRT"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (15, "SIGTERM"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
];

const KILL: i32 = 9;

/// What is wrong with this end, if anything. `memory` is what it was allowed; `kernel_killed`: the kernel ended a process for want of memory
/// meanwhile.
pub(super) fn wrong(status: ExitStatus, said: &Said, memory: &str, kernel_killed: bool) -> Option<Wrong> {
    if status.success() {
        return None;
    }
    if refused_memory(&said.text()) {
        let advice = "raise its `memory`, or lower the option `memory`, above which it works with sketches";
        return Some((FailureReason::OutOfMemory, format!("needed more than the {memory} that it may have; {advice}")));
    }
    Some(match (status.code(), status.signal()) {
        (Some(code), _) => (FailureReason::ProgramFailed, format!("ended with code {code}")),
        (None, Some(KILL)) if kernel_killed => {
            (FailureReason::OutOfMemory, "was ended by the kernel: the machine or its container ran out of memory".to_owned())
        }
        (None, Some(signal)) => (FailureReason::Killed, format!("was ended by signal {signal}{}", name(signal))),
        (None, None) => (FailureReason::Killed, format!("ended in an unknown way: {status}")),
    })
}

/// Whether what a program said means that it was refused memory.
pub(in crate::connector) fn refused_memory(said: &str) -> bool {
    REFUSED.iter().any(|words| said.contains(words))
}

fn name(signal: i32) -> String {
    SIGNALS.iter().find(|(number, _)| *number == signal).map_or_else(String::new, |(_, name)| format!(" ({name})"))
}

/// Whether output that came with a good end is whole.
pub(super) fn complete(bytes: &[u8]) -> Result<(), Wrong> {
    match bytes.last() {
        Some(b'\n') => Ok(()),
        Some(_) => Err((FailureReason::Truncated, "ended well, but the last line that it printed is not whole".to_owned())),
        // Taking it for "no records" would clear everything.
        None => Err((FailureReason::Incomplete, "ended well, but printed no record; at least one was expected".to_owned())),
    }
}

/// How many processes the kernel has ended since it started because memory ran out, in containers too. 0 where it doesn't say.
pub(in crate::connector) fn kernel_kills() -> u64 {
    let counters = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status as `wait` gives it: the code in the second byte, the signal in the first.
    fn status(code: i32, signal: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8 | signal)
    }

    #[test]
    fn every_end_has_its_reason() {
        let refused = "memory allocation of 8388608 bytes failed\n";
        for (status, said, kernel_killed, expected) in [
            (status(0, 0), "a warning\n", true, None),
            (status(1, 0), "error: no such file\n", false, Some((FailureReason::ProgramFailed, "ended with code 1"))),
            (status(0, 6), refused, false, Some((FailureReason::OutOfMemory, "needed more than the 512 MiB that it may have"))),
            // A shell between says it with a code.
            (status(134, 0), refused, false, Some((FailureReason::OutOfMemory, "needed more than"))),
            (status(1, 0), "Error: Cannot allocate memory (os error 12)\n", false, Some((FailureReason::OutOfMemory, "needed more than"))),
            (status(0, 6), "panicked\n", true, Some((FailureReason::Killed, "was ended by signal 6 (SIGABRT)"))),
            (status(0, 9), "", true, Some((FailureReason::OutOfMemory, "was ended by the kernel"))),
            (status(0, 9), "", false, Some((FailureReason::Killed, "was ended by signal 9 (SIGKILL)"))),
            (status(0, 40), "", false, Some((FailureReason::Killed, "was ended by signal 40"))),
        ] {
            let found = wrong(status, &Said::of(said), "512 MiB", kernel_killed);
            match (found, expected) {
                (None, None) => {}
                (Some((reason, text)), Some((expected, start))) => assert!(reason == expected && text.starts_with(start), "{status}: {reason} {text}"),
                (found, expected) => panic!("{status}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn only_whole_lines_count() {
        assert_eq!(complete(b"{}\n"), Ok(()));
        assert_eq!(complete(b"{}\n{").unwrap_err().0, FailureReason::Truncated);
        assert_eq!(complete(b"").unwrap_err().0, FailureReason::Incomplete);
    }
}
