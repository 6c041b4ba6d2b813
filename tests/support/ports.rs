//! Where servers may listen.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

/// Below what Linux gives to outgoing connections by itself (32768 and more): a server that starts for minutes on a busy machine must not find
/// its port taken by somebody's request.
const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// A port that was free a moment ago, chosen by chance, so that tests that run at the same time hardly ever choose the same.
pub fn free_port() -> u16 {
    let chance = RandomState::new().hash_one(std::process::id());
    let start = (chance % u64::from(COUNT)) as u16;
    let mut ports = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
