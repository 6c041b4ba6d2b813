//! Under which names the server may be asked, and from where it may be told to do something. A browser sends what any web page makes it send:
//! a page whose own name was pointed at this server's address (DNS rebinding) shows in `Host`, one of another origin in `Origin` and
//! `Sec-Fetch-Site`. Programs send neither of the last two.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use super::plain;

/// The names by which a server is known. IP addresses and `localhost` always are: no stranger's page can have such a name.
///
/// `Host` is compared without its port, without regard to case and to a dot at the end. A request in HTTP/1.0 without `Host` is
/// answered, since no browser sends one; in HTTP/1.1 it is refused (400), as are two of them. A target with a host of its own
/// (`GET http://name/metrics`) is held to the same names. Any other name is answered 421.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: BTreeSet<String>,
    origins: Vec<Origin>,
    advice: String,
}

/// Scheme, host and port; a port that the scheme implies is written out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// A host as a request names it.
#[derive(Debug, PartialEq, Eq)]
struct Authority {
    host: String,
    is_address: bool,
    port: Option<u16>,
}

impl Hosts {
    /// IP addresses and `localhost` only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also this name, without a port.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.insert(bare(name));
        self
    }

    /// Also this address as browsers have it, `https://name` with a port if need be: its name, and requests from its pages even where a proxy
    /// writes another `Host`. What is no such address changes nothing.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        if let Some(origin) = Origin::parse(origin) {
            self.names.insert(origin.host.clone());
            self.origins.push(origin);
        }
        self
    }

    /// What a refusal tells to do about it, in one line. Default: nothing.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    fn knows(&self, authority: &str) -> bool {
        Authority::parse(authority).is_some_and(|authority| authority.is_address || authority.host == "localhost" || self.names.contains(&authority.host))
    }
}

/// Answers only what is asked under a name of the server.
pub(super) async fn known(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let named: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
    if named.len() > 1 || (named.is_empty() && request.version() >= Version::HTTP_11) {
        return plain(StatusCode::BAD_REQUEST, "a request has one Host header\n");
    }
    let in_header = named.iter().all(|host| host.to_str().is_ok_and(|host| hosts.knows(host)));
    let in_target = request.uri().authority().is_none_or(|authority| hosts.knows(authority.as_str()));
    if in_header && in_target {
        return next.run(request).await;
    }
    let advice = if hosts.advice.is_empty() { String::new() } else { format!(": {}", hosts.advice) };
    plain(StatusCode::MISDIRECTED_REQUEST, format!("the host of this request is none that this server is known by{advice}\n"))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a page of another origin ask, as links do, but not tell the server to do anything.
pub(super) async fn same_origin(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let only_asks = [Method::GET, Method::HEAD].contains(request.method());
    if only_asks || comes_from_here(request.headers(), &hosts.origins) {
        return next.run(request).await;
    }
    plain(StatusCode::FORBIDDEN, "this request was sent by a page of another origin\n")
}

fn comes_from_here(headers: &HeaderMap, origins: &[Origin]) -> bool {
    let text = |name: HeaderName| headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).next().and_then(Authority::parse);
    let is_ours = |origin: &str| {
        let Some(origin) = Origin::parse(origin) else { return false };
        let is_asked = host.as_ref().is_some_and(|host| host.host == origin.host && host.port.or_else(|| implied(&origin.scheme)) == origin.port);
        is_asked || origins.contains(&origin)
    };
    text(SEC_FETCH_SITE).all(|site| ["same-origin", "none"].contains(&site)) && text(header::ORIGIN).all(is_ours)
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let Authority { host, port, .. } = Authority::parse(authority)?;
        let port = port.or_else(|| implied(&scheme));
        Some(Self { scheme, host, port })
    }
}

fn implied(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl Authority {
    /// Nothing when it is none: a user before the name, a port that is no number, characters that no name has.
    fn parse(text: &str) -> Option<Self> {
        let (host, is_address, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (address, port) = bracketed.split_once(']')?;
            let address: Ipv6Addr = address.split('%').next()?.parse().ok()?;
            (address.to_string(), true, port)
        } else {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let host = bare(name);
            let is_address = host.parse::<Ipv4Addr>().is_ok();
            (host, is_address, port)
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || ['-', '.', '_'].contains(&c);
        if host.is_empty() || !(is_address || host.chars().all(is_name)) {
            return None;
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Self { host, is_address, port })
    }
}

/// A name as it is compared.
fn bare(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_port_case_and_final_dot() {
        let hosts = Hosts::new().name("Aims.Example.org").origin("https://monitor.example.org:8443");
        for host in [
            "aims.example.org",
            "AIMS.example.ORG:9420",
            "aims.example.org.",
            "aims.example.org.:80",
            "aims.example.org:",
            "monitor.example.org",
            "localhost",
            "LocalHost:9420",
            "localhost.",
            "127.0.0.1:9420",
            "192.0.2.1",
            "[::1]:9420",
            "[fe80::1%25eth0]",
            "[2001:DB8::1]",
        ] {
            assert!(hosts.knows(host), "{host}");
        }
        for host in [
            "",
            ":80",
            ".",
            "evil.example",
            "example.org",
            "aims.example.org.evil.example",
            "aims.example.org..",
            "xaims.example.org",
            "localhost.evil.example",
            "evil.example@localhost",
            "localhost@evil.example",
            "localhost:80@evil.example",
            "localhost:x",
            "localhost:99999",
            "localhost/x",
            "[::1",
            "[::1]x",
            "[evil.example]",
            "::1",
            "127.0.0.1.evil.example",
            "127.1",
            "aims.example.org evil.example",
            "aims.example.org,evil.example",
        ] {
            assert!(!hosts.knows(host), "{host:?}");
        }
    }

    #[test]
    fn only_pages_of_this_origin_may_tell_it_to_do_something() {
        let hosts = Hosts::new().name("other.example.org").origin("https://monitor.example.org");
        type Case = (&'static str, &'static [(&'static str, &'static str)], bool);
        let cases: &[Case] = &[
            ("a program", &[("host", "127.0.0.1:9420")], true),
            ("a program in HTTP/1.0", &[], true),
            ("its own page", &[("host", "127.0.0.1:9420"), ("origin", "http://127.0.0.1:9420"), ("sec-fetch-site", "same-origin")], true),
            ("typed by the user", &[("host", "127.0.0.1:9420"), ("sec-fetch-site", "none")], true),
            ("its own page at an implied port", &[("host", "monitor.example.org"), ("origin", "https://Monitor.example.org:443")], true),
            ("its own page behind a proxy that writes Host anew", &[("host", "127.0.0.1:9420"), ("origin", "https://monitor.example.org")], true),
            ("IPv6", &[("host", "[::1]:9420"), ("origin", "http://[0::1]:9420")], true),
            ("another page", &[("host", "127.0.0.1:9420"), ("origin", "https://evil.example")], false),
            ("another page, at least a browser says so", &[("host", "127.0.0.1:9420"), ("sec-fetch-site", "cross-site")], false),
            ("another port", &[("host", "127.0.0.1:9420"), ("origin", "http://127.0.0.1:3000")], false),
            ("another port of the same site", &[("host", "localhost:9420"), ("sec-fetch-site", "same-site")], false),
            ("another scheme of the configured one", &[("host", "127.0.0.1:9420"), ("origin", "http://monitor.example.org")], false),
            ("a name of the server, but not the one asked", &[("host", "127.0.0.1:9420"), ("origin", "http://other.example.org")], false),
            ("a sandboxed page", &[("host", "127.0.0.1:9420"), ("origin", "null")], false),
            ("no address", &[("host", "127.0.0.1:9420"), ("origin", "127.0.0.1:9420")], false),
            ("two origins", &[("host", "x"), ("origin", "http://x"), ("origin", "http://evil.example")], false),
            ("two sites", &[("host", "x"), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
        ];
        for (name, headers, expected) in cases {
            let headers =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).fold(HeaderMap::new(), |mut all, (name, value)| {
                    all.append(name, value);
                    all
                });
            assert_eq!(comes_from_here(&headers, &hosts.origins), *expected, "{name}");
        }
    }
}
