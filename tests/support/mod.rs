//! What tests share.

pub mod agent; // the clause9 program itself
pub mod http; // a blocking client for plain HTTP and JSON
pub mod peers; // real servers

use std::time::{Duration, Instant};

/// Tries until there is a value, and says what it waited for when there is none in time.
pub fn wait_for<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(began.elapsed() < limit, "waited {} s for {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(250));
    }
}
