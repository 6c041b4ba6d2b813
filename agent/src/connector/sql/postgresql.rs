//! PostgreSQL, and what speaks its protocol: one connection for each poll, on it one transaction that only reads and sees one state (REPEATABLE READ). Rows
//! stream in, each made JSON by the server: it keeps every digit, and a time says of itself whether it has a zone.

use std::{fmt::Write as _, pin::pin};

use futures_util::StreamExt as _;
use serde_json::Value as Json;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{
    Client, Config, Error, NoTls,
    config::SslMode,
    error::ErrorPosition,
    types::{Format, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::{Gathered, Query, placeholders, tls, trimmed};
use crate::connector::{
    auth::{Auth, Login},
    failure::{Failure, FailureReason},
    http,
    meter::Meter,
    source::{Http, Limits},
};

/// Where a server listens whose address says nothing else.
const PORT: u16 = 5432;

/// What the address says of TLS, as the parameter that PostgreSQL's own clients have. Without it there is TLS but to this machine.
const PLAIN: &str = "sslmode=disable";

/// A connection. The task that drives it ends with this.
#[derive(Debug)]
pub(in crate::connector) struct Session {
    client: Client,
    task: JoinHandle<()>,
    /// Whether it has not been answered to the end: then it is broken off, and otherwise it takes its leave by itself.
    is_busy: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_busy {
            self.task.abort();
        }
    }
}

impl Session {
    pub(super) async fn begin(place: &Http, limits: &Limits) -> Result<Self, Failure> {
        let config = config(place, limits)?;
        let connect = async {
            if config.get_ssl_mode() == SslMode::Disable {
                let (client, connection) = config.connect(NoTls).await?;
                return Ok((client, tokio::spawn(async move { drop(connection.await) })));
            }
            let (client, connection) = config.connect(tls::connector(&place.tls)?).await?;
            Ok((client, tokio::spawn(async move { drop(connection.await) })))
        };
        let late = |_| Failure::new(FailureReason::Timeout, "no session in time");
        let (client, task) = timeout(limits.connect + limits.read, connect).await.map_err(late)?.map_err(|error: Refusal| error.0)?;
        let session = Self { client, task, is_busy: false };
        // A pool between, which takes no options at the start, may hand out a session that somebody else has set up.
        let patience = limits.read.as_millis();
        let settings = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {patience}; SET lock_timeout = {patience}; \
             SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1"
        );
        for statement in [settings.as_str(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"] {
            session.client.batch_execute(statement).await.map_err(|error| told(&error, 0))?;
        }
        Ok(session)
    }

    pub(super) async fn run(&mut self, query: &Query, limits: &Limits, meter: &Meter) -> Result<Vec<u8>, Failure> {
        self.is_busy = true;
        let rows = self.rows(query, limits, meter).await;
        self.is_busy = rows.is_err();
        rows
    }

    async fn rows(&self, query: &Query, limits: &Limits, meter: &Meter) -> Result<Vec<u8>, Failure> {
        let names: Vec<&str> = query.values.keys().map(String::as_str).collect();
        let (sql, used) = placeholders::positional(trimmed(&query.sql), &names, '$').map_err(super::unused)?;
        let before = opening(limits.answer_bytes);
        // `OFFSET 0`: or the row would be made JSON twice.
        let sql = format!("{before}{sql}\n) AS \"row\" OFFSET 0) AS \"rows\"");
        let failed = |error: Error| told(&error, before.chars().count());
        // The server ends a query by itself; this is for one that does not answer any more.
        let until = Instant::now() + limits.read + limits.connect;
        let late = |_| Failure::new(FailureReason::Timeout, "no answer in time");
        let statement = timeout_at(until, self.client.prepare(&sql)).await.map_err(late)?.map_err(failed)?;
        let values: Vec<Text> = used.iter().map(|name| Text::of(&query.values[*name])).collect();
        let rows = timeout_at(until, self.client.query_raw(&statement, &values)).await.map_err(late)?.map_err(failed)?;
        let mut rows = pin!(rows);
        let mut gathered = Gathered::new(limits.answer_bytes, Some(meter));
        while let Some(row) = timeout(limits.read + limits.connect, rows.next()).await.map_err(late)? {
            let row = row.map_err(failed)?;
            match row.try_get::<_, Option<&str>>(0).map_err(failed)? {
                Some(row) => gathered.push(row)?,
                None => return Err(Failure::new(FailureReason::TooLarge, "a row that is larger than the whole answer may be; let the query select less")),
            }
        }
        Ok(gathered.bytes)
    }
}

/// What stands before a query, so that its rows come as JSON. One that is too large does not come at all.
fn opening(most: u64) -> String {
    format!(
        "SELECT CASE WHEN pg_catalog.octet_length(\"json\") <= {most} THEN \"json\" END FROM (SELECT pg_catalog.row_to_json(\"row\")::pg_catalog.text AS \"json\" FROM (\n"
    )
}

fn config(place: &Http, limits: &Limits) -> Result<Config, Failure> {
    let wrong = |what: &str| Failure::new(FailureReason::Configuration, what);
    let Auth::Basic(Login { user, password }) = &place.auth else { return Err(wrong("auth: `basic`")) };
    let host = place.base.host_str().ok_or_else(|| wrong("url: postgresql://host/database"))?;
    let database = percent_decoded(place.base.path().trim_matches('/'));
    let mut config = Config::new();
    config.host(host.trim_start_matches('[').trim_end_matches(']')).port(place.base.port().unwrap_or(PORT)).dbname(&database);
    config.user(user).password(password.expose()).application_name("clause9").connect_timeout(limits.connect);
    let is_plain = place.base.query() == Some(PLAIN) || (http::is_loopback(&place.base) && place.tls == Default::default());
    config.ssl_mode(if is_plain { SslMode::Disable } else { SslMode::Require });
    Ok(config)
}

/// The name of a database as it is, not as an address writes it.
fn percent_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes()).next().map_or_else(String::new, |(_, name)| name.into_owned())
}

/// A value for a placeholder, in the notation that the server reads whatever its type is there.
#[derive(Debug)]
struct Text(Option<String>);

impl Text {
    fn of(json: &Json) -> Self {
        Self(match json {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
    }
}

impl ToSql for Text {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.write_str(text)?;
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Why there is no connection.
struct Refusal(Failure);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(told(&error, 0))
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// Codes of errors (SQLSTATE) by their beginning, and what they mean here.
const CODES: [(&str, FailureReason, &str); 18] = [
    ("28", FailureReason::Unauthorized, "the database does not take this user and password, or not from here; check `auth`"),
    ("3D000", FailureReason::NotFound, "there is no such database; check `url`"),
    ("42501", FailureReason::Forbidden, "this user may not read what the query names"),
    ("25006", FailureReason::Forbidden, "the query writes, and nothing is written here"),
    ("57014", FailureReason::Timeout, "the query took too long and was ended; raise the source's `limits: { read_timeout: ... }`"),
    ("55P03", FailureReason::Timeout, "somebody else keeps what the query reads locked"),
    ("0A", FailureReason::Configuration, "the query is one that can't stand inside of another, as one that writes"),
    ("42601", FailureReason::Configuration, "the query is no SELECT that this database understands"),
    ("42P01", FailureReason::Configuration, "the query names a table that there is not"),
    ("42703", FailureReason::Configuration, "the query names a column that there is not"),
    ("42702", FailureReason::Configuration, "the query names a column of which there are several"),
    ("42883", FailureReason::Configuration, "the query calls a function that there is not, or not for these types"),
    ("42", FailureReason::Configuration, "the query can't be run"),
    ("22", FailureReason::UpstreamError, "a value can't be what the query makes of it"),
    ("53", FailureReason::ServerError, "the server has no room, or too many connections"),
    ("57P", FailureReason::ServerError, "the server is starting, stopping or was told to end this session"),
    ("40", FailureReason::ServerError, "the transaction was given up for another"),
    ("", FailureReason::UpstreamError, "the database refused the query"),
];

/// What the server says of an error, by its code; its own words quote names and values. `before` characters of the query are ours.
fn told(error: &Error, before: usize) -> Failure {
    if let Some(error) = error.as_db_error() {
        let code = error.code().code();
        let (_, reason, meaning) = CODES.iter().find(|(beginning, ..)| code.starts_with(beginning)).expect("the last one is the beginning of each");
        let place = match error.position() {
            Some(ErrorPosition::Original(at)) if *at as usize > before && before > 0 => format!(", character {}", *at as usize - before),
            _ => String::new(),
        };
        return Failure::new(*reason, format!("{meaning} (SQLSTATE {code}{place})"));
    }
    if let Some(error) = http::cause::<rustls::Error>(error) {
        return Failure::new(FailureReason::Tls, format!("the TLS handshake failed: {error}; check the certificates and `tls`"));
    }
    match http::cause::<std::io::Error>(error) {
        Some(error) => Failure::new(FailureReason::Unreachable, format!("no connection: {}", error.kind())),
        None if error.is_closed() => Failure::new(FailureReason::Truncated, "the connection closed before the answer's end"),
        None => {
            Failure::new(FailureReason::Unreachable, "no session: is it a PostgreSQL server, and does it take TLS? Without: `?sslmode=disable` after `url`")
        }
    }
}
