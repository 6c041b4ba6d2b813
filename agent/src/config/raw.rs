//! The configuration file as it is typed: names, defaults and nothing proved. What it means is decided in `mod.rs`.
//!
//! The doc comment of a field is its documentation: meaning, unit, what happens when it is missing.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    connector::Auth,
    secret::Secret,
    span::Span,
    threshold::{Condition, Selector},
};

/// The whole file.
#[derive(Debug, Deserialize)]
pub struct File {
    /// Who is monitored, and in which time zone its days begin. Required.
    pub organisation: Organisation,
    /// Address and port of the web page and `/metrics`. Default: `127.0.0.1:9420`; opening it wider is a decision, not a default.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Folder of the database. Made when missing. Default: `data`, beside the configuration file.
    #[serde(default = "default_data_dir")]
    pub data_dir: String,
    /// Folder of register files (systems, reviews, nonconformities, ...): read as the source `registers`, watched. Missing: no registers.
    #[serde(default, deserialize_with = "registers")]
    pub registers: Option<Registers>,
    /// What is polled. Missing: the registers only.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Thresholds that differ from the catalogue's. Missing: none.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// Own indicators, parameters, indicators that are switched off. Missing: the built-in catalogue as it is.
    #[serde(default)]
    pub indicators: Indicators,
    /// Folder with connectors of your own; one with the name of a built-in one replaces it. Missing: the built-in ones.
    pub connectors: Option<String>,
    /// TLS and authentication of the agent's own pages. Missing: neither.
    #[serde(default)]
    pub web: Web,
}

/// The organisation.
#[derive(Debug, Deserialize)]
pub struct Organisation {
    /// Its name, shown on pages. Required.
    pub name: String,
    /// IANA time zone in which its days begin and cron expressions count: `Europe/Berlin`. Required: a due day depends on it.
    pub timezone: String,
}

/// A folder of registers: written as the folder alone, or as a map.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registers {
    /// The folder; a relative one is looked for beside the configuration file.
    pub path: String,
    /// How often the files are read again even when nothing was noticed. Default: `5m`.
    pub every: Option<Span>,
    /// Your headers by table: `columns: { reviews: { "Due on": due } }`; table `"*"` is for all. Default: none.
    #[serde(default)]
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
}

fn registers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Registers>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Option<Registers>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a folder, or a map with path, every and columns")
        }

        fn visit_str<E>(self, path: &str) -> Result<Self::Value, E> {
            Ok(Some(Registers { path: path.to_owned(), every: None, columns: BTreeMap::new() }))
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Registers::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// One upstream.
#[derive(Debug, Deserialize)]
pub struct Source {
    /// Its name: lower-case letters, digits and hyphens; unique. Required.
    pub name: String,
    /// The connector that knows this kind of upstream; `clause9 connectors list` shows them. Required.
    pub connector: String,
    /// Base URL of an HTTP upstream. Required for those.
    pub url: Option<String>,
    /// Folder or glob of a file source. Required for those. A relative one is looked for beside the configuration file.
    pub path: Option<String>,
    /// How to authenticate: `none`, `basic`, `bearer`, `api_key` or `login`. Default: `none`.
    #[serde(default)]
    pub auth: Auth,
    /// Poll again after this long. Default: `5m`. Not together with `cron`.
    pub every: Option<Span>,
    /// Poll at these times: minute hour day month weekday, in the organisation's time zone. Not together with `every`.
    pub cron: Option<String>,
    /// A source that was not read completely for this long is stale: what depends on it is unknown. Default: three intervals.
    pub stale_after: Option<Span>,
    /// Ids of the systems about which it knows. Default: all.
    pub covers: Option<Vec<String>>,
    /// What of the connector's records this source is relied on for: `cases(incident)`. Default: all that the connector yields.
    pub feeds: Option<Vec<String>>,
    /// Settings of the connector; `clause9 connectors show NAME` lists them. Default: the connector's defaults.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Your headers by table, for files: `columns: { reviews: { "Due on": due } }`; table `"*"` is for all. Default: none.
    #[serde(default)]
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
    /// Certificates. Default: the system's authorities, no client certificate.
    #[serde(default)]
    pub tls: SourceTls,
    /// Origins (`https://other.example.org`) to which redirects may lead; credentials never go along. Default: none.
    #[serde(default)]
    pub allow_redirects_to: Vec<String>,
    /// Timeouts, sizes, rates. Defaults are in the documentation of each.
    #[serde(default)]
    pub limits: Limits,
}

/// Certificates for talking to an upstream.
#[derive(Debug, Default, Deserialize)]
pub struct SourceTls {
    /// PEM file of the authority that signed the upstream's certificate. Default: the system's authorities.
    pub ca_file: Option<String>,
    /// PEM file of a client certificate with its chain. Default: none.
    pub client_certificate: Option<String>,
    /// PEM file of the client certificate's key.
    pub client_key: Option<String>,
}

/// Bounds for one source.
#[derive(Debug, Default, Deserialize)]
pub struct Limits {
    /// Longest time to connect. Default: `5s`.
    pub connect_timeout: Option<Span>,
    /// Longest silence while reading an answer. Default: `30s`.
    pub read_timeout: Option<Span>,
    /// Longest time for a whole poll. Default: `10m`.
    pub poll_timeout: Option<Span>,
    /// Largest answer, in MiB after decompression. Default: 64.
    pub answer_mib: Option<u64>,
    /// Largest poll, in MiB after decompression. Default: 512.
    pub poll_mib: Option<u64>,
    /// Most pages of one stream. Default: 10000.
    pub pages: Option<u32>,
    /// Most requests a second. Default: 10.
    pub requests_per_second: Option<f64>,
    /// Most requests at once. Default: 4.
    pub concurrency: Option<usize>,
    /// How often a request that failed for a passing reason is tried again. Default: 3.
    pub retries: Option<u32>,
}

/// An override of the catalogue's thresholds.
#[derive(Debug, Deserialize)]
pub struct Threshold {
    /// The indicator. Required.
    pub indicator: String,
    /// Labels or properties of the system for which it holds: `{ system: credit-scoring }`, `{ risk_tier: [high] }`. Default: all readings.
    #[serde(default)]
    pub when: Selector,
    /// Condition of a breach: `">= 0.2"`; `none` switches the level off. Missing: the catalogue's.
    pub breach: Option<String>,
    /// Condition of a warning. Missing: the catalogue's.
    pub warning: Option<String>,
    /// How long the condition must hold. Default: at once.
    #[serde(rename = "for")]
    pub hold: Option<Span>,
    /// Condition that ends it again. Default: the condition not holding any more.
    pub clear: Option<Condition>,
}

/// What differs from the built-in catalogue.
#[derive(Debug, Default, Deserialize)]
pub struct Indicators {
    /// Folder with indicators of your own; one with the id of a built-in one replaces it. Missing: the built-in ones.
    pub folder: Option<String>,
    /// Ids of indicators that are not evaluated. Default: none.
    #[serde(default)]
    pub disable: Vec<String>,
    /// Parameters of indicators by name: `{ bias_max_age_days: 60 }`. Default: the catalogue's.
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
}

/// The agent's own pages.
#[derive(Debug, Default, Deserialize)]
pub struct Web {
    /// Serve HTTPS. Missing: HTTP.
    pub tls: Option<WebTls>,
    /// Ask for credentials. Missing: no.
    pub auth: Option<WebAuth>,
}

/// Certificate of the agent's own pages.
#[derive(Debug, Deserialize)]
pub struct WebTls {
    /// PEM file of the certificate with its chain.
    pub certificate: String,
    /// PEM file of its key.
    pub key: String,
}

/// Credentials that the agent's own pages ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebAuth {
    /// User and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
}

fn default_listen() -> String {
    "127.0.0.1:9420".to_owned()
}

fn default_data_dir() -> String {
    "data".to_owned()
}
