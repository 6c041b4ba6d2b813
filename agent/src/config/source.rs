//! Sources: which connector, where, when, with which credentials.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use url::Url;

use super::{PolledSource, Reader, measure, raw, read};
use crate::{
    connector::{
        Auth, AuthKind, Description, Fetched, Files, Http, Limits, Location, Own, Registry, SQL_SCHEMES, Source, Target, Tls, Transport, refused_words,
    },
    document::one_of,
    record::Feed,
    schedule::{Schedule, Staleness},
    secret::Secret,
    span::{self, Span},
};

/// How often a source is polled that does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);

/// The source that reads the folder `registers:`.
const REGISTERS: &str = "registers";

/// Every source, the registers first.
pub(super) fn all(raw: &raw::File, registry: &Registry, reader: &mut Reader<'_>) -> Vec<PolledSource> {
    let mut sources = Vec::new();
    sources.extend(raw.registers.as_ref().and_then(|raw| registers(raw, registry, reader)));
    let mut names: HashSet<&str> = raw.registers.is_some().then_some(REGISTERS).into_iter().collect();
    let mut kept = HashSet::new();
    for (index, source) in raw.sources.iter().enumerate() {
        let path = format!("sources[{index}]");
        name(&source.name, &path, &mut names, reader);
        if source.auth.kept_file().is_some_and(|file| !kept.insert(file)) {
            reader.mistake(&format!("{path}.auth.oauth2.refresh_token_file"), "a file of this source alone: it is written anew when the token is replaced");
        }
        sources.extend(one(source, &path, registry, reader));
    }
    for (index, job) in raw.measure.jobs.iter().enumerate() {
        name(&job.name, &format!("measure.jobs[{index}]"), &mut names, reader);
    }
    sources.extend(measure::jobs(&raw.measure, registry, reader));
    if sources.is_empty() && raw.sources.is_empty() && raw.measure.jobs.is_empty() && raw.registers.is_none() {
        reader.mistake("sources", "at least one source, or `registers:`");
    }
    sources
}

/// What is said of tables, by `registers:` or by a source of files: the same keys in two structs, since flattened ones lose the lines of mistakes.
macro_rules! own {
    ($raw:expr) => {
        Own {
            columns: $raw.columns.clone(),
            values: $raw.values.clone(),
            header_row: $raw.header_row.clone(),
            skip_rows: $raw.skip_rows.clone(),
            sheet: $raw.sheet.clone(),
            removed: $raw.removed.clone(),
        }
    };
}

fn name<'n>(written: &'n str, path: &str, names: &mut HashSet<&'n str>, reader: &mut Reader<'_>) {
    if !reader.required(&format!("{path}.name")) {
        // Told, or told already.
    } else if !is_name(written) {
        reader.mistake(&format!("{path}.name"), "lower-case letters, digits and hyphens");
    } else if !names.insert(written) {
        reader.mistake(&format!("{path}.name"), "a name that no other source has");
    }
}

fn registers(raw: &raw::Registers, registry: &Registry, reader: &mut Reader<'_>) -> Option<PolledSource> {
    let folder = reader.existing("registers", &raw.path);
    let connector = Arc::clone(&registry.get("register")?.description);
    rows(&raw.header_row, "registers", reader);
    let files = Files { path: folder.clone(), own: own!(raw) };
    let source =
        Source { name: REGISTERS.to_owned(), connector, location: Location::Files(files), limits: Limits::default(), settings: serde_json::Map::new() };
    let interval = raw.every.map_or(DEFAULT_INTERVAL, |Span(every)| every);
    let schedule = Schedule::Every(interval);
    Some(PolledSource {
        staleness: schedule.staleness(source.limits.total),
        source: Arc::new(source),
        schedule,
        interval,
        covers: None,
        feeds: None,
        poll_when_changed: Some(folder),
        certificates: None,
    })
}

fn one(raw: &raw::Source, path: &str, registry: &Registry, reader: &mut Reader<'_>) -> Option<PolledSource> {
    let connector = connector(raw, path, registry, reader);
    let schedule = schedule(raw.every, raw.cron.as_deref(), DEFAULT_INTERVAL, path, reader);
    let feeds = feeds(raw, path, reader);
    let limits = limits(&raw.limits, path, reader);
    let redirects = urls(&raw.allow_redirects_to, &format!("{path}.allow_redirects_to"), reader);
    for (position, system) in raw.covers.iter().flatten().enumerate() {
        reader.system(&format!("{path}.covers[{position}]"), system);
    }
    let (connector, schedule) = (connector?, schedule.unwrap_or(Schedule::Every(DEFAULT_INTERVAL)));
    settings(raw, &connector, path, reader);
    let location = match connector.transport {
        Transport::Http => http(raw, &connector, redirects, path, reader).map(Location::Http),
        Transport::Sql => database(raw, &connector, path, reader).map(Location::Http),
        Transport::Files if raw.url.is_some() && !connector.reads_documents() => fetched(raw, path, reader).map(|fetched| Location::Fetched(Box::new(fetched))),
        Transport::Files => files(raw, path, reader).map(Location::Files),
    };
    let location = location?;
    let interval = schedule.interval(reader.now);
    let poll_when_changed = match &location {
        Location::Files(files) => Some(files.path.clone()),
        Location::Http(_) | Location::Fetched(_) | Location::Program(_) => None,
    };
    let certificates = location.http().filter(|http| http.files().next().is_some()).map(|http| read::digest(http.files()));
    let staleness = staleness(raw.stale_after, &schedule, limits.total, path, reader);
    let source = Source { name: raw.name.clone(), connector, location, limits, settings: raw.settings.clone() };
    if matches!(&source.location, Location::Files(files) if !files.own.removed.is_empty()) && !source.keeps_registers() {
        reader.mistake(&format!("{path}.removed"), format!("nothing, files of the connector {} come and go, and none is missed", source.connector.name));
    }
    let covers = raw.covers.as_ref().map(|systems| systems.iter().cloned().collect());
    Some(PolledSource { source: Arc::new(source), certificates, schedule, interval, staleness, covers, feeds, poll_when_changed })
}

fn connector(raw: &raw::Source, path: &str, registry: &Registry, reader: &mut Reader<'_>) -> Option<Arc<Description>> {
    let found = registry.get(&raw.connector).map(|connector| Arc::clone(&connector.description));
    if reader.required(&format!("{path}.connector")) && found.is_none() {
        let names: Vec<_> = registry.names().collect();
        reader.mistake(&format!("{path}.connector"), one_of(&raw.connector, names));
    }
    found
}

/// From when on a source is stale, one poll of which may take `limit`.
pub(super) fn staleness(written: Option<Span>, schedule: &Schedule, limit: Duration, path: &str, reader: &mut Reader<'_>) -> Staleness {
    let Some(Span(age)) = written else { return schedule.staleness(limit) };
    let interval = schedule.interval(reader.now);
    if age < interval {
        reader.mistake(&format!("{path}.stale_after"), format!("at least the interval, {}: otherwise it is stale before each poll", span::text(interval)));
    }
    Staleness::After(age)
}

/// When a source is polled.
pub(super) fn schedule(every: Option<Span>, cron: Option<&str>, default: Duration, path: &str, reader: &mut Reader<'_>) -> Option<Schedule> {
    match (every, cron) {
        (Some(_), Some(_)) => {
            reader.mistake(&format!("{path}.cron"), "either `every` or `cron`, not both");
            None
        }
        (every, None) => Some(Schedule::Every(every.map_or(default, |Span(every)| every))),
        (None, Some(cron)) => {
            let schedule = Schedule::cron(cron, reader.zone);
            schedule.map_err(|expected| reader.mistake(&format!("{path}.cron"), expected)).ok()
        }
    }
}

fn feeds(raw: &raw::Source, path: &str, reader: &mut Reader<'_>) -> Option<Vec<Feed>> {
    let written = raw.feeds.as_ref()?;
    let mut feeds = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        match Feed::parse(text) {
            Ok(feed) => feeds.push(feed),
            Err(expected) => reader.mistake(&format!("{path}.feeds[{index}]"), expected),
        }
    }
    Some(feeds)
}

fn settings(raw: &raw::Source, connector: &Description, path: &str, reader: &mut Reader<'_>) {
    for (name, expected) in connector.settings(&raw.settings).err().unwrap_or_default() {
        reader.mistake(&format!("{path}.settings.{name}"), expected);
    }
}

fn http(raw: &raw::Source, connector: &Description, allow_redirects_to: Vec<Url>, path: &str, reader: &mut Reader<'_>) -> Option<Http> {
    if raw.path.is_some() {
        reader.mistake(&format!("{path}.path"), format!("`url`, the connector {} talks to a server", connector.name));
    }
    let allowed = &connector.auth;
    if !allowed.contains(&raw.auth.kind()) {
        let words: Vec<_> = allowed.iter().map(|kind| kind.as_str()).collect();
        reader.mistake(&format!("{path}.auth"), format!("for the connector {}: {}", connector.name, words.join(" or ")));
    }
    let Some(written) = &raw.url else {
        reader.mistake(&format!("{path}.url"), "the upstream's base URL, such as https://mlflow.example.org");
        return None;
    };
    let url = base_url(written);
    if let Err(expected) = &url {
        reader.mistake(&format!("{path}.url"), *expected);
    }
    let tls = tls(&raw.tls, path, reader);
    no_tables(raw, connector, path, reader);
    let base = url.ok()?;
    let auth = auth(raw, connector, &base, path, reader);
    Some(Http { base, auth, tls, allow_redirects_to, values: raw.values.clone() })
}

/// What is said of tables in files, where there are none; and words for fields that there are not.
fn no_tables(raw: &raw::Source, connector: &Description, path: &str, reader: &mut Reader<'_>) {
    for (key, given) in [
        ("columns", !raw.columns.is_empty()),
        ("header_row", !raw.header_row.is_empty()),
        ("skip_rows", !raw.skip_rows.is_empty()),
        ("sheet", !raw.sheet.is_empty()),
        ("removed", !raw.removed.is_empty()),
    ] {
        if given {
            reader.mistake(&format!("{path}.{key}"), format!("nothing, the connector {} reads no tables", connector.name));
        }
    }
    for (table, field, words) in raw.values.iter().flat_map(|(table, fields)| fields.iter().map(move |(field, words)| (table, field, words))) {
        if let Some((place, expected)) = refused_words(table, field, words.values().map(String::as_str)) {
            reader.mistake(&format!("{path}.values.{place}"), expected);
        }
    }
}

/// A server of databases, or a file that is one.
fn database(raw: &raw::Source, connector: &Description, path: &str, reader: &mut Reader<'_>) -> Option<Http> {
    const EXPECTED: &str = "`url: postgresql://host/database`, or `path` of an SQLite file";
    if !raw.allow_redirects_to.is_empty() {
        reader.mistake(&format!("{path}.allow_redirects_to"), "nothing, databases don't redirect");
    }
    no_tables(raw, connector, path, reader);
    let tls = tls(&raw.tls, path, reader);
    let base = match (&raw.url, &raw.path) {
        (Some(written), None) => {
            if raw.auth.kind() != AuthKind::Basic {
                reader.mistake(
                    &format!("{path}.auth"),
                    "`basic: { user: ..., password: ... }` of a user of the database who may read what is asked for, and nothing else",
                );
            }
            database_url(written).map_err(|expected| reader.mistake(&format!("{path}.url"), expected)).ok()?
        }
        (None, Some(written)) => {
            if raw.auth.kind() != AuthKind::None {
                reader.mistake(&format!("{path}.auth"), "nothing, an SQLite file takes no credentials");
            }
            let file = std::path::absolute(reader.path(written)).ok().and_then(|file| Url::from_file_path(file).ok());
            file.or_else(|| {
                reader.mistake(&format!("{path}.path"), EXPECTED);
                None
            })?
        }
        _ => {
            reader.mistake(&format!("{path}.url"), EXPECTED);
            return None;
        }
    };
    Some(Http { base, auth: raw.auth.clone(), tls, allow_redirects_to: Vec::new(), values: raw.values.clone() })
}

fn database_url(written: &str) -> Result<Url, &'static str> {
    let url = Url::parse(written).map_err(|_| "a URL such as postgresql://db.example.org/risks")?;
    // The other name that its own clients know.
    let scheme = if url.scheme() == "postgres" { "postgresql" } else { url.scheme() };
    if !SQL_SCHEMES.contains(&scheme) || scheme == "file" {
        return Err("postgresql://host/database, in a build with the feature `postgresql`; an SQLite file is given by `path`");
    }
    let mut url = if scheme == url.scheme() { url } else { Url::parse(&written.replacen("postgres:", "postgresql:", 1)).map_err(|_| "a URL")? };
    if url.host_str().is_none_or(str::is_empty) || url.path().trim_matches('/').is_empty() {
        return Err("host and database: postgresql://db.example.org/risks");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without user and password; they belong into `auth:`");
    }
    match url.query() {
        Some("sslmode=verify-full") => url.set_query(None),
        None | Some("sslmode=disable") => {}
        Some(_) => return Err("nothing after `?` but `sslmode=disable`, or `verify-full`, which is what is done without it"),
    }
    if url.fragment().is_some() { Err("a URL without `#`") } else { Ok(url) }
}

/// Credentials whose files are there, and that have all that they need.
fn auth(raw: &raw::Source, connector: &Description, base: &Url, path: &str, reader: &mut Reader<'_>) -> Auth {
    let mut auth = raw.auth.clone();
    let kind = auth.kind();
    let before = reader.mistakes.len();
    for (key, file) in auth.paths() {
        let written = file.to_string_lossy().into_owned();
        *file = reader.existing(&format!("{path}.auth.{}.{key}", kind.as_str()), &written);
    }
    let settings = connector.settings(&raw.settings).ok();
    if let Some(settings) = settings.filter(|_| reader.mistakes.len() == before && connector.auth.contains(&kind))
        && let Some((key, expected)) = auth.mistake(connector, base, &settings)
    {
        reader.mistake(format!("{path}.auth.{}.{key}", kind.as_str()).trim_end_matches('.'), expected);
    }
    auth
}

/// Certificates, below the `tls` of a path.
pub(super) fn tls(raw: &raw::SourceTls, path: &str, reader: &mut Reader<'_>) -> Tls {
    let mut file = |key: &str, written: &Option<String>| written.as_deref().map(|written| reader.existing(&format!("{path}.tls.{key}"), written));
    let (ca_file, cert_file) = (file("ca_file", &raw.ca_file), file("client_certificate", &raw.client_certificate));
    let key_file = file("client_key", &raw.client_key);
    if cert_file.is_some() != key_file.is_some() {
        reader.mistake(&format!("{path}.tls"), "client_certificate and client_key together");
    }
    Tls { ca_file, cert_file, key_file }
}

/// A base URL carries no credentials: they would end up in logs and pages.
pub(super) fn base_url(written: &str) -> Result<Url, &'static str> {
    let url = Url::parse(written).map_err(|_| "a URL such as https://mlflow.example.org")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without user and password; they belong into `auth:`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL without `?` and `#`");
    }
    Ok(url)
}

fn urls(written: &[String], path: &str, reader: &mut Reader<'_>) -> Vec<Url> {
    let mut urls = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        match base_url(text) {
            Ok(url) => urls.push(url),
            Err(expected) => reader.mistake(&format!("{path}[{index}]"), expected),
        }
    }
    urls
}

fn files(raw: &raw::Source, path: &str, reader: &mut Reader<'_>) -> Option<Files> {
    rows(&raw.header_row, path, reader);
    for (key, given) in [("url", raw.url.is_some()), ("auth", raw.auth.kind().as_str() != "none")] {
        if given {
            reader.mistake(&format!("{path}.{key}"), "nothing, this connector reads files; write `path`");
        }
    }
    let Some(written) = &raw.path else {
        reader.mistake(&format!("{path}.path"), "a folder, a file or a glob such as measurements/*.ndjson");
        return None;
    };
    Some(Files { path: reader.path(written), own: own!(raw) })
}

/// A file that a server has.
fn fetched(raw: &raw::Source, path: &str, reader: &mut Reader<'_>) -> Option<Fetched> {
    rows(&raw.header_row, path, reader);
    if raw.path.is_some() {
        reader.mistake(&format!("{path}.path"), "either `url`, of one file, or `path`");
    }
    if !Target::AUTH.contains(&raw.auth.kind()) {
        reader.mistake(&format!("{path}.auth"), format!("for a file behind a `url`: {}", Target::AUTH.map(AuthKind::as_str).join(" or ")));
    }
    let tls = tls(&raw.tls, path, reader);
    let allow_redirects_to = urls(&raw.allow_redirects_to, &format!("{path}.allow_redirects_to"), reader);
    let (address, query) =
        raw.url.as_deref().map_or(("", None), |written| written.split_once('?').map_or((written, None), |(address, query)| (address, Some(query))));
    let base = base_url(address).map_err(|expected| reader.mistake(&format!("{path}.url"), expected)).ok()?;
    let last = base.path_segments().and_then(Iterator::last).unwrap_or_default();
    let file = raw.file.clone().unwrap_or_else(|| last.to_owned());
    if file.is_empty() || file.contains(['/', '\\']) {
        reader.mistake(&format!("{path}.file"), "the name that the file is read under, `incidents.csv`: it says which table it is, and its format");
    }
    let http = Http { base, auth: raw.auth.clone(), tls, allow_redirects_to, values: BTreeMap::new() };
    Some(Fetched { http, query: query.map(Secret::new), file, own: own!(raw) })
}

/// Rows are counted as spreadsheets do.
fn rows(written: &BTreeMap<String, u64>, path: &str, reader: &mut Reader<'_>) {
    for table in written.iter().filter(|(_, row)| **row == 0).map(|(table, _)| table) {
        reader.mistake(&format!("{path}.header_row.{table}"), "the number of a row, the first is 1");
    }
}

fn limits(raw: &raw::Limits, path: &str, reader: &mut Reader<'_>) -> Limits {
    const MIB: u64 = 1 << 20;
    let default = Limits::default();
    let span = |span: Option<Span>, default| span.map_or(default, |Span(span)| span);
    for (key, wrong) in [
        ("answer_mib", raw.answer_mib == Some(0)),
        ("poll_mib", raw.poll_mib == Some(0)),
        ("pages", raw.pages == Some(0)),
        ("mapping_mib", raw.mapping_mib == Some(0)),
        ("concurrency", raw.concurrency == Some(0)),
        ("requests_per_second", raw.requests_per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite()))),
    ] {
        if wrong {
            reader.mistake(&format!("{path}.limits.{key}"), "a number above zero");
        }
    }
    Limits {
        connect: span(raw.connect_timeout, default.connect),
        read: span(raw.read_timeout, default.read),
        total: span(raw.poll_timeout, default.total),
        answer_bytes: raw.answer_mib.map_or(default.answer_bytes, |mib| mib.saturating_mul(MIB)),
        poll_bytes: raw.poll_mib.map_or(default.poll_bytes, |mib| mib.saturating_mul(MIB)),
        mapping_time: span(raw.mapping_time, default.mapping_time),
        mapping_bytes: raw.mapping_mib.map_or(default.mapping_bytes, |mib| mib.saturating_mul(MIB)),
        pages: raw.pages.map_or(default.pages, u64::from),
        concurrency: raw.concurrency.unwrap_or(default.concurrency),
        requests_per_second: raw.requests_per_second.unwrap_or(default.requests_per_second),
        retries: raw.retries.unwrap_or(default.retries),
        ..default
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
