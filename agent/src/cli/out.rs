//! What commands print. Whoever reads a pipe may go away at any moment and has read enough then: that is no failure, and no panic. What can't be
//! written for another reason, on a full disk say, is remembered, and the command fails at its end.

use std::{
    fmt::Arguments,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// Prints a line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::out::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line on standard error.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::out::err(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {say, tell};

/// Why something could not be written on standard output.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a text on standard output.
pub(crate) fn out(text: Arguments<'_>) {
    if let Err(error) = write(&mut io::stdout().lock(), text) {
        FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Prints a text on standard error. Where even that can't be written there is nobody to tell.
pub(crate) fn err(text: Arguments<'_>) {
    let _ = write(&mut io::stderr().lock(), text);
}

/// Why something that was printed since this was asked last is not on standard output.
pub(super) fn take_failure() -> Option<io::Error> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn write(to: &mut impl Write, text: Arguments<'_>) -> io::Result<()> {
    match to.write_fmt(text).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// So many of a thing: `1 source`, `2 sources`. The plural is the singular with an `s`, but for a `y`.
pub(super) fn counted(count: impl TryInto<usize>, one: &str) -> String {
    let count = count.try_into().unwrap_or(usize::MAX);
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that fails.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
        assert!(write(&mut Failing(io::ErrorKind::BrokenPipe), format_args!("x")).is_ok());
        assert_eq!(write(&mut Failing(io::ErrorKind::StorageFull), format_args!("x")).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn things_are_counted_as_people_do() {
        assert_eq!([counted(0, "source"), counted(1, "source"), counted(2, "entry"), counted(1, "entry")], ["0 sources", "1 source", "2 entries", "1 entry"]);
    }
}
