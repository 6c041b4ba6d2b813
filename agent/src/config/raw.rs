//! The configuration file as it is typed: names, defaults and nothing proved. What it means is decided in `mod.rs`.
//!
//! The doc comment of a field is its documentation: meaning, unit, what happens when it is missing. What is required and yet has a default here is asked
//! for in `mod.rs`, so that its lack hides no other mistake.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{
    connector::Auth,
    review::YearStart,
    secret::Secret,
    size::Size,
    span::Span,
    threshold::{Condition, Selector},
};

/// The whole file.
#[derive(Debug, Deserialize)]
pub struct File {
    /// Who is monitored, and in which time zone its days begin, which can't be changed while the agent runs. Required.
    #[serde(default)]
    pub organisation: Organisation,
    /// Address and port of the web page and `/metrics`. Default: `127.0.0.1:9420`; opening it wider is a decision, not a default.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Address of the agent's pages as browsers have it: `https://aims.example.org`. Its host is answered, its pages may ask for polls, and
    /// `clause9 generate` makes dashboards link to it. Default: none; the pages are reached by the address of `listen` or by `localhost`.
    pub external_url: Option<String>,
    /// Where the runbooks that `clause9 generate` makes are published: `https://wiki.example.org/aims`. Alerts link to `<this>/<indicator>.md`.
    /// Default: none; `clause9 generate --config` then links to the files.
    pub runbook_url: Option<String>,
    /// Folder of the database. Made when missing, for its owner only. Can't be changed while the agent runs. Default: `data`, beside the
    /// configuration file.
    #[serde(default = "default_data_dir")]
    pub data_dir: String,
    /// Folder of register files (systems, reviews, nonconformities, ...): read as the source `registers`, watched. Missing: no registers.
    #[serde(default, deserialize_with = "registers")]
    pub registers: Option<Registers>,
    /// What is polled. Missing: the registers only.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// What is measured from data, by jobs that run `clause9-measure`. Missing: nothing.
    #[serde(default)]
    pub measure: Measure,
    /// Thresholds that differ from the catalogue's. Missing: none.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    /// Own indicators, parameters, indicators that are switched off. Missing: the built-in catalogue as it is.
    #[serde(default)]
    pub indicators: Indicators,
    /// Management review packs, made with `clause9 review make` or by the agent. Missing: by hand, for quarters of calendar years.
    #[serde(default)]
    pub review: Review,
    /// What the store keeps. Missing: everything, for ever.
    #[serde(default)]
    pub store: Store,
    /// Folder with connectors of your own; one with the name of a built-in one replaces it. Missing: the built-in ones.
    pub connectors: Option<String>,
    /// Where secrets may come from beside `${env:NAME}` and `${file:path}`. Missing: from nowhere else.
    #[serde(default)]
    pub secrets: Secrets,
    /// TLS, authentication and names of the agent's own pages. Missing: none.
    #[serde(default)]
    pub web: Web,
    /// What makes evidence something to rely on: a key that signs its heads, and places outside of the store where they are kept. Missing: heads go
    /// unsigned to the log, `/metrics` and the pages.
    #[serde(default)]
    pub evidence: Evidence,
}

/// Where secrets may come from.
#[derive(Debug, Default, Deserialize)]
pub struct Secrets {
    /// Whether `${exec:program arguments}` and `${exec:["program", "argument with blanks"]}` run a program that prints the secret: once for each start and
    /// reload, without a shell, by an absolute path or a name that is looked up on PATH, in the folder of this file, for 10 seconds at most. Default: no.
    #[serde(default)]
    pub exec: bool,
}

/// What the store keeps.
#[derive(Debug, Default, Deserialize)]
pub struct Store {
    /// For how long what has ended is kept. The agent removes what ended longer ago, a piece at a time, but for that to which the packs in the folder
    /// of `review: { out }` refer, and the last quarter's, each with the four periods before it. `clause9 verify` tells what was removed; entries of
    /// evidence, methods and configurations stay.
    #[serde(default)]
    pub keep: Keep,
}

/// For how long what has ended is kept, each at least `90d`.
#[derive(Debug, Default, Deserialize)]
pub struct Keep {
    /// Intervals of readings. Default: for ever.
    pub readings: Option<Span>,
    /// Versions of records, without which readings from before can't be computed again. Default: for ever.
    pub records: Option<Span>,
}

/// Management review packs (9.3).
#[derive(Debug, Default, Deserialize)]
pub struct Review {
    /// The month in which years begin, for their quarters: `april`. Default: `january`.
    #[serde(default)]
    pub year_starts: YearStart,
    /// When the agent makes the pack of the last quarter: `quarterly`, ten minutes after it ended, or a cron expression, from its first time after that on.
    /// A pack that is there is left alone; one that could not be made is tried again each hour, and after a restart. Default: it makes none.
    pub make: Option<String>,
    /// The folder for these packs, each in a folder named for its quarter: `packs/2026-Q3`. Made when missing; a relative one lies beside the configuration
    /// file. Required together with `make`.
    pub out: Option<String>,
}

/// The organisation.
#[derive(Debug, Default, Deserialize)]
pub struct Organisation {
    /// Its name, shown on pages. Required.
    #[serde(default)]
    pub name: String,
    /// IANA time zone in which its days begin and cron expressions count: `Europe/Berlin`. Required: a due day depends on it.
    #[serde(default)]
    pub timezone: String,
}

/// A folder of registers: written as the folder alone, or as a map.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registers {
    /// The folder; a relative one is looked for beside the configuration file.
    pub path: String,
    /// How often the files are read again even when nothing was noticed. Default: `5m`.
    pub every: Option<Span>,
    /// Your headers by table: `columns: { reviews: { "Due on": due } }`; table `"*"` is for all. Default: none.
    #[serde(default)]
    pub columns: BTreeMap<String, BTreeMap<String, String>>,
    /// Your words by table and column, for files: `values: { systems: { stage: { Deployed: production, "d) Retired*": retired } } }`. A column is
    /// named by its header or its field; `*` in a word stands for anything; an empty text says nothing. Default: none.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// The row with the headers by table, as a spreadsheet counts: `header_row: { risks: 4 }`; table `"*"` is for all. Default: the first of the
    /// upper 20 in which the headers are that the register needs, else the first with anything in it.
    #[serde(default)]
    pub header_row: BTreeMap<String, u64>,
    /// So many rows from the top are left out, by table: `skip_rows: { risks: 3 }`. Default: none.
    #[serde(default)]
    pub skip_rows: BTreeMap<String, u64>,
    /// The sheet that counts, by workbook: `sheet: { risk_register: Register 2026 }`; its others are left out. Default: all that are not hidden.
    #[serde(default)]
    pub sheet: BTreeMap<String, String>,
    /// Register files, or sheets of them (`book.xlsx, training`), that were read once and are gone for good: without a word, what was in them is
    /// unknown until they are back. Default: none.
    #[serde(default)]
    pub removed: BTreeSet<String>,
}

fn registers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Registers>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Option<Registers>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a folder, or a map with path, every, columns and values")
        }

        fn visit_str<E>(self, path: &str) -> Result<Self::Value, E> {
            Ok(Some(Registers { path: path.to_owned(), ..Registers::default() }))
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
    #[serde(default)]
    pub name: String,
    /// The connector that knows this kind of upstream; `clause9 connectors list` shows them. Required.
    #[serde(default)]
    pub connector: String,
    /// Base URL of an HTTP upstream. Required for those. Of a connector that reads tables of files the address of one file; what stands after `?`
    /// is shown nowhere. Of a PostgreSQL server `postgresql://host:port/database`: with TLS, but to this machine or with
    /// `?sslmode=disable`.
    pub url: Option<String>,
    /// Folder or glob of a file source. Required for those. Also an SQLite file, for connectors that read databases. A relative one is looked for beside the configuration file.
    pub path: Option<String>,
    /// For a file behind a `url`: the name that it is read under, which says which table it is and its format. Default: the last part of the url's path.
    pub file: Option<String>,
    /// How to authenticate: `none`, `basic`, `bearer`, `api_key`, `login`, `oauth2`, `app` or `sigv4`, as far as the connector takes it.
    /// Default: `none`.
    #[serde(default)]
    pub auth: Auth,
    /// Poll again after this long. Default: `5m`. Not together with `cron`.
    pub every: Option<Span>,
    /// Poll at these times: minute hour day month weekday, in the organisation's time zone, by cron's rules. Not together with `every`.
    pub cron: Option<String>,
    /// A source that was not read completely for this long is stale: what depends on it is unknown. Default: three intervals, or the third
    /// time at which `cron` would have it read, plus the poll's time limit.
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
    /// What your words mean. For files by table and column: `values: { systems: { stage: { Deployed: production, "d) Retired*": retired } } }`; a
    /// column is named by its header or its field. For servers by the table and field of records: `values: { cases: { status: { Erledigt: closed } } }`.
    /// Table `"*"` is any; `*` in a word stands for anything; an empty text says nothing. They come before the connector's lists. Default: none.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// The row with the headers by table, as a spreadsheet counts: `header_row: { risks: 4 }`; table `"*"` is for all. Default: the first of the
    /// upper 20 in which the headers are that the register needs, else the first with anything in it.
    #[serde(default)]
    pub header_row: BTreeMap<String, u64>,
    /// So many rows from the top are left out, by table: `skip_rows: { risks: 3 }`. Default: none.
    #[serde(default)]
    pub skip_rows: BTreeMap<String, u64>,
    /// The sheet that counts, by workbook: `sheet: { risk_register: Register 2026 }`; its others are left out. Default: all that are not hidden.
    #[serde(default)]
    pub sheet: BTreeMap<String, String>,
    /// Register files, or sheets of them (`book.xlsx, training`), that were read once and are gone for good: without a word, what was in them is
    /// unknown until they are back. Default: none.
    #[serde(default)]
    pub removed: BTreeSet<String>,
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
    /// Processor time that the connector's jq may take in a poll, in whole seconds. Default: `60s`.
    pub mapping_time: Option<Span>,
    /// Memory that rows and records may take while they are mapped, in MiB. Default: 1024.
    pub mapping_mib: Option<u64>,
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
    #[serde(default)]
    pub indicator: String,
    /// Labels or properties of the system for which it holds: `{ system: credit-scoring }`, `{ risk_tier: [high] }`. Default: all readings.
    #[serde(default)]
    pub when: Selector,
    /// Condition of a breach: `">= 0.2"`; `none` switches the level off. Missing: the catalogue's.
    pub breach: Option<String>,
    /// Condition of a warning. Missing: the catalogue's.
    pub warning: Option<String>,
    /// Conditions on facts, which must hold too: `{ fact_days_late: "> 30" }`; `{}` for none. Default: those that the catalogue's rules of the level
    /// have in common; required where they differ. Floors, below which nothing can be told from chance, hold whatever is written.
    pub and: Option<BTreeMap<String, Condition>>,
    /// How long the condition must hold. Default: at once.
    #[serde(rename = "for")]
    pub hold: Option<Span>,
    /// Condition that ends it again. Default: the condition not holding any more.
    pub clear: Option<Condition>,
}

/// What is measured from data.
#[derive(Debug, Default, Deserialize)]
pub struct Measure {
    /// The program that measures, of all jobs; a relative path starts at the configuration file. Default: `clause9-measure` beside `clause9`,
    /// else on `PATH`. A script in its place must `exec` it at its end.
    pub program: Option<String>,
    /// How many jobs may run at the same time; the others wait for their turn. Default: 1, since each scans whole windows.
    pub at_once: Option<usize>,
    /// The jobs. Each is a source: polled, stale, and shown like one, under its name.
    #[serde(default)]
    pub jobs: Vec<Job>,
}

/// One run of `clause9-measure` on a schedule. Its records are what the last run that ended well printed.
#[derive(Debug, Deserialize)]
pub struct Job {
    /// Its name: lower-case letters, digits and hyphens; no source or other job has it. Required.
    #[serde(default)]
    pub name: String,
    /// What is measured: `drift`, `bias`, `performance` or `quality`. Required.
    pub command: Command,
    /// Id of the system in the inventory that it is about. While the job is stale, what it feeds is unknown for this system. Required.
    #[serde(default)]
    pub system: String,
    /// The model, by the name that the registry knows it by. Default: none; the numbers are then about the system.
    pub model: Option<String>,
    /// The model version, in quotes: `"3"`. Default: none; the numbers are then about the version in production.
    pub model_version: Option<String>,
    /// What is compared with: files, a folder or a pattern below the configuration file's folder, an address such as `s3://...`, or a profile.
    /// Required by `drift`; the baseline of `performance` and `quality`.
    pub reference: Option<String>,
    /// The data of `drift`, likewise. Required by it.
    pub current: Option<String>,
    /// The data of `bias`, `performance` and `quality`, likewise. Required by them.
    pub data: Option<String>,
    /// A query over `tables` in the place of `data`, or `@file.sql`. Needs a `clause9-measure` that was built with SQL.
    pub sql: Option<String>,
    /// The same in the place of `reference`.
    pub reference_sql: Option<String>,
    /// The same in the place of `current`.
    pub current_sql: Option<String>,
    /// The tables that queries name: name → files, a folder, a pattern or an address. Default: none.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// Further options of the program by name, with `_` for `-`: `{ tests: [psi, ks], limit: { psi: 0.2 } }`. Default: the program's.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Run again after this long. Default: `1h`. Not together with `cron`.
    pub every: Option<Span>,
    /// Run at these times: minute hour day month weekday, in the organisation's time zone, by cron's rules. Not together with `every`.
    pub cron: Option<String>,
    /// A job that did not end well for this long is stale: what depends on it is unknown. Default: three intervals, or the third
    /// time at which `cron` would have it read, plus the poll's time limit.
    pub stale_after: Option<Span>,
    /// Longest time that a run may take. Default: `10m`.
    pub timeout: Option<Span>,
    /// Memory for data that a run may take; it ends beyond that. Default: `2GiB`. Unless the option `memory` says otherwise, columns that do not
    /// fit into half of it are measured with sketches, whose error is stated.
    pub memory: Option<Size>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// How far a current window is from a reference window.
    Drift,
    /// How differently groups of people are treated.
    Bias,
    /// How well predictions meet labels.
    Performance,
    /// What is missing, new, out of range, repeated or old.
    Quality,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Drift, Self::Bias, Self::Performance, Self::Quality];

    /// Its name, which is also the family of its measurements.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Bias => "bias",
            Self::Performance => "performance",
            Self::Quality => "quality",
        }
    }
}

/// What differs from the built-in catalogue.
#[derive(Debug, Default, Deserialize)]
pub struct Indicators {
    /// Folder with indicators of your own; one with the id of a built-in one replaces it. Missing: the built-in ones.
    pub folder: Option<String>,
    /// Indicators that are not evaluated, each with the reason, which is shown: `{ suppliers_unassessed: we have no suppliers }`. Default: none.
    #[serde(default)]
    pub off: BTreeMap<String, String>,
    /// Ids of indicators that are not evaluated, without a reason. Default: none.
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
    /// Ask for these credentials where something is done: a poll, a reload. They may look, too. Missing: whoever may look may do it.
    pub operator: Option<WebAuth>,
    /// Further names under which the agent is asked, by Prometheus say: `[clause9.monitoring.svc, aims.example.org]`, without scheme and port.
    /// IP addresses, `localhost` and the host of `external_url` need no entry; under any other name it answers 421. Default: none.
    #[serde(default)]
    pub hosts: Vec<String>,
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

/// What makes evidence something to rely on.
#[derive(Debug, Default, Deserialize)]
pub struct Evidence {
    /// PEM file of the Ed25519 private key that signs heads of evidence; `clause9 keys new` makes one. Default: none, heads are not signed.
    pub key: Option<String>,
    /// Where heads are kept, beside the log, `/metrics` and the pages. Default: nowhere.
    #[serde(default)]
    pub anchors: Anchors,
}

/// Where the last entry of evidence is kept outside of the store, at the start, then `every` so often, and at the end. What fails is told, counted and
/// tried again each minute; nothing waits for it.
#[derive(Debug, Default, Deserialize)]
pub struct Anchors {
    /// A file to which a line `N:DIGEST TIME`, and the signature where there is a key, is appended each time; `clause9 verify --expect` reads it. It
    /// belongs where whoever can write the data folder can't write. Default: none.
    pub file: Option<String>,
    /// An address to which each is sent by POST as JSON, as `/api/v1/evidence/head` answers. Default: none.
    pub url: Option<String>,
    /// Credentials for `url`: `none`, `basic` or `bearer`. Default: `none`.
    #[serde(default)]
    pub auth: Auth,
    /// A server of time stamps (RFC 3161). Its replies are kept as `anchors/N.tsr` in the data folder; `clause9 verify --time-stamps` reads them.
    /// Default: none.
    pub time_stamp: Option<String>,
    /// Certificates for talking to both servers. Default: the system's authorities, no client certificate.
    #[serde(default)]
    pub tls: SourceTls,
    /// How often. Default: `1h`.
    pub every: Option<Span>,
}

fn default_listen() -> String {
    "127.0.0.1:9420".to_owned()
}

fn default_data_dir() -> String {
    "data".to_owned()
}
