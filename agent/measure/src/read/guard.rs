//! Readers of others' formats may panic on damaged files; here a panic becomes an error like any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

use super::{Error, Result};

thread_local! {
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read`; a panic within is the error that the file is damaged.
pub fn guarded<T>(file: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    silence();
    let was_reading = IS_READING.replace(true);
    // What a panic leaves half done is dropped with the error.
    let result = catch_unwind(AssertUnwindSafe(read));
    IS_READING.set(was_reading);
    result.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::file(file, format_args!("the file is damaged ({})", said.unwrap_or("its reader gave up"))))
    })
}

/// Keeps the panics that are caught here off standard error, and no others.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !IS_READING.get() {
                usual(info);
            }
        }));
    });
}
