//! Faults of our own: what a panic leaves behind. A payload that was formatted may quote what an upstream sent, so only a text that stands in
//! the code is told, and the place.

use std::{
    any::Any,
    panic::{self, PanicHookInfo},
    sync::{Mutex, PoisonError},
};

/// The place of the last panic.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic is a line in the log, and only there. [`last_place`] knows where it was.
pub fn log_panics() {
    panic::set_hook(Box::new(|info| {
        tracing::error!(place = place(info), "clause9 itself has a fault here{}", said(info.payload()));
        keep(info);
    }));
}

/// From now on a panic says nothing. [`last_place`] knows where it was.
pub fn keep_panics() {
    panic::set_hook(Box::new(keep));
}

fn keep(info: &PanicHookInfo<'_>) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(place(info));
}

/// Where the last panic was, in processes that log or keep them.
pub fn last_place() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

fn said(payload: &(dyn Any + Send)) -> String {
    payload.downcast_ref::<&'static str>().map_or_else(String::new, |text| format!(": {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_of_the_code_is_told() {
        let upstream = std::hint::black_box("hush");
        let payload = |panics: fn(&str)| panic::catch_unwind(|| panics(upstream)).unwrap_err();
        assert_eq!(said(&*payload(|_| panic!("no such row"))), ": no such row");
        assert_eq!(said(&*payload(|value| panic!("no such row: {value}"))), "");
        assert_eq!(said(&*payload(|_| panic::panic_any(7))), "");
    }
}
