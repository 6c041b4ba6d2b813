//! Whoever is told of alerts: a server that keeps what it gets.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    kept.lock().expect("no test panics while it reads").push((path, serde_json::from_slice(&body).ok()?));
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()
}
