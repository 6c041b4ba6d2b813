//! Whoever is told of alerts: a server that keeps what it gets.

use crate::support::http;
use serde_json::Value;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Whoever is told: a server that keeps what it gets.
pub struct Webhook {
    pub url: String,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Webhook {
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);
        // Ends with the process; a test has nothing to clean up there.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || take(stream, &kept));
            }
        });
        Self { url, got }
    }

    /// Every alert of every notification on this path, in their order.
    pub fn alerts(&self, path: &str) -> Vec<Value> {
        let got = self.got.lock().expect("the server does not panic");
        let notifications = got.iter().filter(|(to, _)| to == path);
        notifications.flat_map(|(_, body)| body["alerts"].as_array().cloned().unwrap_or_default()).collect()
    }
}

/// Keeps path and body of one request, and then answers it. `None`: whoever asked went away.
fn take(stream: TcpStream, kept: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let (what, body) = http::read_request(&stream)?;
    let (_, path) = what.split_once(' ')?;
    kept.lock().expect("no test panics while it reads").push((path.to_owned(), serde_json::from_slice(&body).ok()?));
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
}
