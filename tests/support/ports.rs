//! Where servers may listen.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

/// Below what Linux gives to outgoing connections by itself (32768 and more): a server that starts for minutes on a busy machine must not find
/// its port taken by somebody's request.
const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// For how long a port is somebody's who has not listened yet.
const CLAIM: Duration = Duration::from_secs(3_600);

/// A free port that is given to nobody else for an hour: a server may take minutes until it listens, and another one on its port would answer in its
/// place. `free_port` of `tests/peers/lib.sh` makes the same claims.
pub fn free_port() -> u16 {
    let claims = std::env::temp_dir().join("clause9-ports");
    std::fs::create_dir_all(&claims).expect("a folder for claims of ports");
    let chance = RandomState::new().hash_one(std::process::id());
    let start = (chance % u64::from(COUNT)) as u16;
    let mut ports = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    let is_free = |port: &u16| claim(&claims.join(port.to_string())) && TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a free port")
}

/// Makes a folder that says whose a port is, unless somebody else did.
fn claim(path: &Path) -> bool {
    let age = std::fs::metadata(path).and_then(|claim| claim.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age > CLAIM) {
        // Whoever else removes it first may have it.
        let _ = std::fs::remove_dir(path);
    }
    std::fs::create_dir(path).is_ok()
}
