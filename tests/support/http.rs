//! HTTP for tests: blocking, JSON in and out, and loud when an answer is not what the test relies on.

use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::time::Duration;

/// For how long a server may say nothing at all. No measure of its speed: it only ends a test whose server hangs.
const SILENCE: Duration = Duration::from_mins(10);

/// One server and how to be let in.
#[derive(Clone)]
pub struct Http {
    base: String,
    login: Login,
    client: Client,
}

#[derive(Clone)]
pub enum Login {
    None,
    Basic { user: String, password: String },
    Bearer(String),
    Header { name: &'static str, value: String },
}

/// What came back, whatever the status.
pub struct Reply {
    pub status: u16,
    pub text: String,
}

impl Http {
    pub fn new(base: &str, login: Login) -> Self {
        Self::with(base, login, |client| client)
    }

    /// Over TLS, where this certificate and no other is trusted; PEM.
    pub fn trusting(base: &str, login: Login, certificate: &str) -> Self {
        let certificate = Certificate::from_pem(certificate.as_bytes()).expect("a PEM certificate");
        Self::with(base, login, |client| client.tls_certs_only([certificate]))
    }

    fn with(base: &str, login: Login, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        // reqwest asks for one before it knows that there will be no TLS. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A proxy of the machine is for the package registries, not for 127.0.0.1.
        let client = configure(Client::builder().no_proxy().read_timeout(SILENCE)).build().expect("a client");
        Self { base: base.trim_end_matches('/').to_owned(), login, client }
    }

    pub fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, Some(body))
    }

    pub fn put(&self, path: &str, body: &Value) -> Value {
        self.call(Method::PUT, path, Some(body))
    }

    pub fn patch(&self, path: &str, body: &Value) -> Value {
        self.call(Method::PATCH, path, Some(body))
    }

    /// Success and JSON, or the end of the test. An empty body is `null`.
    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let reply = self.send(method.clone(), path, body).unwrap_or_else(|error| panic!("{method} {}{path}: {error}", self.base));
        assert!((200..300).contains(&reply.status), "{method} {}{path}: {} {}", self.base, reply.status, reply.text);
        if reply.text.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&reply.text).unwrap_or_else(|error| panic!("{method} {}{path}: {error} in {}", self.base, reply.text))
    }

    /// Any answer at all, for tests of refusals and of servers that are gone.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, reqwest::Error> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        blocking(request)
    }

    /// What a server says of itself where a test has failed: welcome, and not worth a long wait.
    pub fn told(&self, path: &str) -> String {
        let told = blocking(self.request(Method::GET, path).timeout(Duration::from_secs(20)));
        told.map_or_else(|error| format!("{error:?}"), |reply| format!("{} {}", reply.status, reply.text))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.login {
            Login::None => request,
            Login::Basic { user, password } => request.basic_auth(user, Some(password)),
            Login::Bearer(token) => request.bearer_auth(token),
            Login::Header { name, value } => request.header(*name, value),
        }
    }
}

/// On a thread of its own, so that it also works inside an asynchronous test.
fn blocking(request: RequestBuilder) -> Result<Reply, reqwest::Error> {
    let exchange = async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Reply { status, text: response.text().await? })
    };
    std::thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        scope.spawn(move || runtime().expect("a runtime").block_on(exchange)).join().expect("a request does not panic")
    })
}

/// One request, read by a server of a test's own: method and path with a blank between them, and the body. `None`: whoever asked went away.
pub fn read_request(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let what: Vec<_> = line.split(' ').take(2).collect();
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
    Some((what.join(" "), body))
}
