//! Ledger and projection on a real PostgreSQL server.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    postgres::Place,
    tests::{self, Home},
    verify,
};

/// A server of its own. It ends with this value, or by itself when the test's process is gone.
struct Server {
    url: String,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("clause9-postgres-").tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let printed = script(&["start", folder.path().to_str().unwrap(), &port.to_string()]);
        let url = printed.lines().find_map(|line| line.strip_prefix("url=")).unwrap_or_else(|| panic!("no url: {printed}"));
        Self { url: url.to_owned(), folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script(&["stop", self.folder.path().to_str().unwrap()]);
    }
}

fn script(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/postgres");
    let mut command = Command::new(&script);
    command.args(arguments).env("CLAUSE9_PEER_OWNER", std::process::id().to_string()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(output.status.success(), "{} {}", script.display(), arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn ledger_and_projection_hold_on_postgres() {
    let server = Server::start();
    for (name, case) in tests::CASES
        .iter()
        .chain(tests::retention::CASES)
        .chain(tests::redaction::CASES)
        .chain(verify::tests::CASES)
        .chain(verify::tampering::CASES)
        .chain(verify::older_tests::CASES)
    {
        // Seen when it fails.
        println!("{name}");
        case(&|| Home::server(Place::new(&server.url)));
    }
}
