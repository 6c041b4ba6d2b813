//! The agent's own pages: certificate, credentials, and the names under which they are asked.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use url::{Host, Url};

use super::{Reader, raw, read, source};
use crate::{record::Digest, secret::Secret};

/// The agent's own pages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Web {
    /// Certificate and key.
    pub tls: Option<WebTls>,
    /// Credentials to ask for.
    pub auth: Option<WebAuth>,
    /// Credentials to ask for where something is done: a poll, a reload. `None`: whoever may look may do it.
    pub operator: Option<WebAuth>,
    /// Names under which they are asked, in small letters.
    pub hosts: Vec<String>,
    /// Their address as browsers have it.
    pub external_url: Option<Url>,
}

/// Certificate and key of the agent's own pages. Two are equal when the files hold the same.
#[derive(Debug, Clone, PartialEq)]
pub struct WebTls {
    /// PEM file of the certificate with its chain.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// Digest of what both held when the configuration was read.
    pub digest: Digest,
}

/// Credentials that the agent's own pages ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum WebAuth {
    /// User and password.
    Basic(String, Secret),
    /// A bearer token.
    Bearer(Secret),
}

impl Web {
    /// The files that hold its certificate and key.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.tls.iter().flat_map(|tls| [tls.certificate.as_path(), tls.key.as_path()])
    }

    /// What to say when whoever reaches the address may read everything and ask for polls, if that is more than this machine.
    pub fn open_to_others(&self, listen: SocketAddr) -> Option<String> {
        let local = listen.ip().to_canonical().is_loopback();
        let does = if self.operator.is_none() { " and may ask for polls and reloads" } else { "" };
        (self.auth.is_none() && !local)
            .then(|| format!("whoever reaches {listen} reads everything{does}: set `web.auth`, or `listen` to 127.0.0.1:{}", listen.port()))
    }
}

pub(super) fn prove(raw: raw::Web, external_url: Option<&str>, reader: &mut Reader<'_>) -> Web {
    let tls = raw.tls.map(|tls| {
        let (certificate, key) = (reader.existing("web.tls.certificate", &tls.certificate), reader.existing("web.tls.key", &tls.key));
        let digest = read::digest([certificate.as_path(), key.as_path()]);
        WebTls { certificate, key, digest }
    });
    let [auth, operator] = [("web.auth", raw.auth), ("web.operator", raw.operator)].map(|(key, written)| credentials(key, written, reader));
    let hosts = raw.hosts.iter().enumerate().filter_map(|(position, written)| {
        let host = host(written);
        if host.is_none() {
            reader.mistake(&format!("web.hosts[{position}]"), "a host name without scheme, port and path, such as aims.example.org");
        }
        host
    });
    let hosts = hosts.collect();
    let external_url = external_url.and_then(|written| published("external_url", "pages'", written, reader));
    Web { tls, auth, operator, hosts, external_url }
}

fn credentials(key: &str, written: Option<raw::WebAuth>, reader: &mut Reader<'_>) -> Option<WebAuth> {
    let auth = written.map(|auth| match auth {
        raw::WebAuth::Basic { user, password } => WebAuth::Basic(user, password),
        raw::WebAuth::Bearer(token) => WebAuth::Bearer(token),
    });
    let empty = match &auth {
        Some(WebAuth::Basic(user, password)) => user.is_empty() || password.expose().is_empty(),
        Some(WebAuth::Bearer(token)) => token.expose().is_empty(),
        None => false,
    };
    if empty {
        reader.mistake(key, "credentials that are not empty");
    }
    auth
}

/// An address that links lead to.
pub(super) fn published(key: &str, whose: &str, written: &str, reader: &mut Reader<'_>) -> Option<Url> {
    let url = source::base_url(written).ok();
    if url.is_none() {
        reader.mistake(key, format!("the {whose} address without user, query and fragment, such as https://aims.example.org"));
    }
    url
}

/// A name as browsers send it: in small letters, what is not ASCII encoded.
fn host(written: &str) -> Option<String> {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || ['-', '.', '_'].contains(&c));
    match Host::parse(written).ok()? {
        Host::Domain(name) => is_name(&name).then_some(name),
        address => Some(address.to_string()),
    }
}
