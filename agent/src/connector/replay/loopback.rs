//! A small HTTP server on this machine's loopback interface, for recorded answers and for tests. One connection, one answer.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// `GET`, `POST`.
    pub method: String,
    /// Path, still percent-encoded.
    pub path: String,
    /// Query, decoded.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// What is sent, in this order.
    pub body: Vec<Piece>,
    /// The `Content-Length` to announce; without it the body ends with the connection.
    pub length: Option<u64>,
}

/// A part of an answer's body.
#[derive(Debug, Clone)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, so often.
    Repeat(Vec<u8>, u64),
    /// Nothing for so long.
    Pause(Duration),
}

/// The server. It ends when this is dropped.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Longest head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// Longest body of a request.
const MAX_BODY: usize = 16 * 1024 * 1024;

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    /// A whole answer.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, length: Some(body.len() as u64), body: vec![Piece::Bytes(body)] }
    }

    /// JSON.
    pub fn json(status: u16, json: &serde_json::Value) -> Self {
        Self::new(status, "application/json", json.to_string())
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Received {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Loopback {
    /// Starts a server that answers what `handler` says.
    ///
    /// # Errors
    /// No port could be opened.
    pub async fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        Self::serve(TcpListener::bind(("127.0.0.1", 0)).await?, handler)
    }

    /// Starts a server on a port that is open already.
    ///
    /// # Errors
    /// The port has no address.
    pub fn serve(listener: TcpListener, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let handler = Arc::new(handler);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let handler = Arc::clone(&handler);
                connections.spawn(async move {
                    // A client that goes away is no concern of ours.
                    let _ = serve(stream, &*handler).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn url(&self) -> Url {
        Url::parse(&format!("http://{}", self.address)).expect("an address of our own is an address")
    }
}

async fn serve(mut stream: TcpStream, handler: &(impl Fn(&Received) -> Reply + Sync)) -> io::Result<()> {
    let Some(received) = receive(&mut stream).await? else { return Ok(()) };
    let reply = handler(&received);
    let mut head = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = reply.length {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    // A pause that comes first holds the head back too.
    let mut pieces = reply.body.into_iter().peekable();
    while let Some(Piece::Pause(pause)) = pieces.next_if(|piece| matches!(piece, Piece::Pause(_))) {
        tokio::time::sleep(pause).await;
    }
    stream.write_all(head.as_bytes()).await?;
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => stream.write_all(&bytes).await?,
            Piece::Repeat(bytes, times) => {
                for _ in 0..times {
                    stream.write_all(&bytes).await?;
                }
            }
            Piece::Pause(pause) => tokio::time::sleep(pause).await,
        }
    }
    stream.shutdown().await
}

async fn receive(stream: &mut TcpStream) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default());
    let headers: Vec<_> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut received = Received { method, path: path.to_owned(), query, headers, body: bytes.split_off(end + 4) };
    let length = received.header("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0).min(MAX_BODY);
    while received.body.len() < length && stream.read_buf(&mut received.body).await? > 0 {}
    Ok(Some(received))
}
