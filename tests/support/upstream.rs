//! An upstream of a test's own: it lets in whoever asks, answers one case, counts what it was asked for, and keeps answers back when told to.

use super::http;
use serde_json::Value;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

/// A connector for it: `POST /login` for a token, `GET /rows` for rows.
const CONNECTOR: &str = r#"name: rows
kind: incident_tracker
about: an upstream of a test's own
auth: [login]
login: { request: { method: POST, path: /login, json: { user: "{{ user }}", password: "{{ password }}" } }, token: .token }
streams:
  - name: rows
    feeds: [cases]
    request: { path: /rows }
    rows: .rows[]
    key: .id
    records: '{ record: "case", id: .id, kind: "incident", system: "a", severity: "low" }'
"#;

/// A server that ends with the process.
pub struct Upstream {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Whatever was asked, as method and path, with the body that came along.
    asked: Mutex<Vec<(String, Value)>>,
    /// Whether answers to `GET` wait.
    holds: Mutex<bool>,
    released: Condvar,
}

/// Puts the connector into the folder `connectors`.
pub fn add_connector(folder: &Path) {
    let folder = folder.join("connectors/rows");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("connector.yaml"), CONNECTOR).expect("a written connector");
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(&stream, &state));
            }
        });
        Self { url, state }
    }

    /// The source of this name in a configuration, one line of it; `rest` is more of its keys.
    pub fn source(&self, name: &str, rest: &str) -> String {
        format!("  - {{ name: {name}, connector: rows, url: \"{}\", auth: {{ login: {{ user: me, password: \"${{file:password}}\" }} }}, {rest} }}\n", self.url)
    }

    /// The bodies of all requests for this, `POST /login` say.
    pub fn asked(&self, what: &str) -> Vec<Value> {
        let asked = self.state.asked.lock().expect("no handler panics");
        asked.iter().filter(|(asked, _)| asked == what).map(|(_, body)| body.clone()).collect()
    }

    /// How often somebody logged in, and how often rows were asked for.
    pub fn counts(&self) -> (usize, usize) {
        (self.asked("POST /login").len(), self.asked("GET /rows").len())
    }

    /// Keeps answers to `GET` back from now on.
    pub fn hold(&self) {
        *self.state.holds.lock().expect("no handler panics") = true;
    }

    /// Gives them, and all later ones at once.
    pub fn release(&self) {
        *self.state.holds.lock().expect("no handler panics") = false;
        self.state.released.notify_all();
    }
}

/// `None`: whoever asked went away.
fn answer(stream: &TcpStream, state: &State) -> Option<()> {
    let (what, body) = http::read_request(stream)?;
    let is_get = what.starts_with("GET ");
    state.asked.lock().expect("no handler panics").push((what, serde_json::from_slice(&body).unwrap_or_default()));
    if is_get {
        let holds = state.holds.lock().expect("no handler panics");
        drop(state.released.wait_while(holds, |holds| *holds));
    }
    let text = r#"{"token":"t","rows":[{"id":"1"}]}"#;
    let length = text.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    (&*stream).write_all((head + text).as_bytes()).ok()
}
