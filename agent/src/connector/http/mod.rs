//! The HTTP half of the engine: one client per source, kept between polls with what shows who asks and its budget of requests.
//!
//! | File | |
//! |---|---|
//! | `pass.rs` | what goes with a request and shows who asks; kept, renewed |
//! | `login.rs`, `token.rs`, `role.rs` | where it is fetched, if it is |
//! | `sign.rs` | requests that are signed |
//! | `origin.rs` | where redirects and links may lead |
//! | `retry.rs`, `classify.rs`, `budget.rs` | what became of a request, whether and when to repeat it |
//! | `answer.rs` | what an answer is |
//! | `post.rs` | one POST to what is no upstream |

mod answer;
mod budget;
mod classify;
mod login;
mod origin;
mod pace;
mod pass;
mod post;
mod retry;
mod role;
mod sign;
#[cfg(test)]
mod tests;
mod tls;
mod token;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect::Policy,
};

use super::{
    description::{Description, Transport},
    expression::{self, Val},
    failure::{Failure, FailureReason},
    mapper,
    meter::{LogEntry, Meter},
    source::{Http, Limits, Tls},
};
use crate::secret::Secret;
use budget::Budget;
use pace::Pace;
use pass::{Giver, Pass};

pub(super) use answer::{Answer, Body, Fate};
#[cfg(feature = "postgresql")]
pub(super) use classify::cause;
pub(super) use login::log_in;
pub(super) use origin::{below, follow_link};
pub use post::Target;
pub(super) use retry::{RateLimit, ResetIs};

/// Most redirects from one request.
const MAX_REDIRECTS: usize = 5;

/// A request, ready to go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// What it is for, in the log.
    pub(super) stream: String,
    /// Number of the page, in the log.
    pub(super) page: u64,
    pub(super) method: Method,
    pub(super) url: Url,
    /// Its address in messages and the log, in two parts: server, and path as the connector describes it. What rows put into it is left out.
    pub(super) shown: (String, String),
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Vec<u8>>,
    /// Statuses beside 2xx whose answer the caller wants.
    pub(super) accept: Vec<u16>,
    /// Whether verdicts count: where the connector has one on the status, the caller wants the answer, and what it means by its status.
    pub(super) judge: bool,
    /// How long all requests are to be held back before this one, which is made once more.
    pub(super) pause: Option<Duration>,
}

/// The connection to one upstream.
#[derive(Debug)]
pub(super) struct Web {
    peer: Peer,
    http: Http,
    limits: Limits,
    connector: Arc<Description>,
    /// Where that comes from which shows who asks, and what was fetched of it.
    giver: Giver,
    held: pass::State,
    /// By how many seconds the clock of whoever answered last is ahead of this machine's; [`UNKNOWN`] until somebody has said what time it is.
    ahead: AtomicI64,
    settings: Val,
    /// How a worker for the login's jq is started.
    start: Option<mapper::Start>,
    budget: Budget,
    pace: Pace,
    /// What stands after `?` in the address of a file.
    query: Option<Secret>,
}

/// A server, and how it is talked to.
#[derive(Debug)]
struct Peer {
    client: reqwest::Client,
    /// Its address. What shows who asks stays at this origin.
    base: Url,
    /// Other origins to which a redirect may lead, without that.
    allow_redirects_to: Vec<Url>,
    /// Headers of every request.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// No clock was compared yet.
const UNKNOWN: i64 = i64::MIN;

/// A request that did not succeed, and what may be done about it.
struct Setback {
    failure: Failure,
    /// Whether it may help to repeat it.
    passing: bool,
    /// The status, when there was an answer and asking again would not help.
    refused: Option<StatusCode>,
    /// The answer, where it is to be judged.
    answer: Option<Box<Answer>>,
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self { failure, passing: false, refused: None, answer: None }
    }
}

impl Setback {
    /// What is left to the caller: the answer, if it is to be judged.
    fn handed_on(self) -> Result<Answer, Failure> {
        match self.answer {
            Some(answer) => Ok(Answer { fate: Some(Fate { failure: self.failure, passing: self.passing }), ..*answer }),
            None => Err(self.failure),
        }
    }
}

impl Call {
    /// One without anything in it but its address.
    pub(super) fn bare(url: &Url, method: Method, stream: &str) -> Self {
        let shown = (url.origin().ascii_serialization(), url.path().to_owned());
        let (headers, accept) = (Vec::new(), Vec::new());
        Self { stream: stream.to_owned(), page: 1, method, url: url.clone(), shown, headers, body: None, accept, judge: false, pause: None }
    }

    /// How messages name it.
    pub(super) fn place(&self) -> String {
        self.shown.0.clone() + &self.shown.1
    }
}

/// A client for one server.
fn client(url: &Url, tls: &Tls, limits: &Limits) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("clause9/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(limits.connect)
        .read_timeout(limits.read);
    // A proxy has no business between the agent and its own machine, nor what stands beside it.
    if is_loopback(url) || matches!(url.host(), Some(url::Host::Ipv4(address)) if address.is_link_local()) {
        builder = builder.no_proxy();
    }
    let unfit = |_| Failure::new(FailureReason::Configuration, "tls: the certificates could not be used");
    tls::apply(builder, tls, url.scheme())?.build().map_err(unfit)
}

impl Peer {
    /// A server that no upstream's headers go to, and that leads nowhere else.
    fn new(base: &Url, tls: &Tls, limits: &Limits) -> Result<Self, Failure> {
        Ok(Self { client: client(base, tls, limits)?, base: base.clone(), allow_redirects_to: Vec::new(), headers: Vec::new() })
    }
}

impl Web {
    pub(super) fn new(http: &Http, connector: &Arc<Description>, limits: &Limits, settings: Val, start: Option<mapper::Start>) -> Result<Self, Failure> {
        let wrong = |message: &str| Failure::new(FailureReason::Configuration, message);
        if !matches!(http.base.scheme(), "http" | "https") || !http.base.has_host() {
            return Err(wrong("url: an address such as https://host or https://host/prefix"));
        }
        if !http.base.username().is_empty() || http.base.password().is_some() {
            return Err(wrong("url: credentials don't belong there; put them under `auth`"));
        }
        // A connector of files knows nothing of servers that have them.
        let known = if connector.transport == Transport::Files { &Target::AUTH[..] } else { &connector.auth[..] };
        if !known.contains(&http.auth.kind()) {
            let known: Vec<_> = known.iter().map(|kind| kind.as_str()).collect();
            return Err(wrong(&format!("auth: {} takes {}", connector.name, known.join(" or "))));
        }
        let (allow_redirects_to, headers) = (http.allow_redirects_to.clone(), connector.headers.clone());
        let peer = Peer { allow_redirects_to, headers, ..Peer::new(&http.base, &http.tls, limits)? };
        let giver = Giver::new(http, connector, &expression::to_json(&settings), limits)?;
        let budget = Budget::new(limits.requests_per_second);
        let (http, limits, connector) = (http.clone(), limits.clone(), Arc::clone(connector));
        let ahead = AtomicI64::new(UNKNOWN);
        let (held, pace, query) = (pass::State::default(), Pace::default(), None);
        Ok(Self { peer, http, limits, connector, giver, held, ahead, settings, start, budget, pace, query })
    }

    /// The same for a file whose address goes on after `?`.
    pub(super) fn with_query(self, query: Option<Secret>) -> Self {
        Self { query, ..self }
    }

    pub(super) fn base(&self) -> &Url {
        &self.http.base
    }

    /// Sends a request with credentials, repeats it where that may help, fetches them anew where that may.
    pub(super) async fn send(&self, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
        let mut stale = None;
        loop {
            let (generation, pass) = self.pass(stale, meter).await?;
            match self.persist(&self.peer, call, pass.as_ref(), meter).await {
                Ok(answer) => return Ok(answer),
                // Once: a token may have expired. A second refusal is one.
                Err(setback) if self.may_have_ended(setback.refused) && stale.is_none() => stale = generation,
                Err(setback) => {
                    let failure = self.explained(setback.failure.clone(), stale.is_some());
                    return Setback { failure, ..setback }.handed_on();
                }
            }
        }
    }

    /// By how many seconds the clock of whoever answered last is ahead of this machine's, where somebody has said what time it is.
    fn ahead(&self) -> Option<i64> {
        Some(self.ahead.load(Ordering::Relaxed)).filter(|ahead| *ahead != UNKNOWN)
    }

    /// Repeats a request while that may help.
    async fn persist(&self, peer: &Peer, call: &Call, pass: Option<&Pass>, meter: &Meter) -> Result<Answer, Setback> {
        let mut attempt = 0;
        call.pause.iter().for_each(|pause| self.budget.hold(*pause));
        loop {
            let setback = match self.attempt(peer, call, pass, meter).await {
                Ok(answer) => return Ok(answer),
                Err(setback) => setback,
            };
            if setback.answer.is_some() {
                return Err(setback);
            }
            let pause = setback.passing.then(|| retry::pause(attempt, setback.failure.retry_after, fastrand::f64(), &self.limits)).flatten();
            let Some(pause) = pause else { return Err(setback) };
            self.budget.hold(pause);
            attempt += 1;
        }
    }

    /// One request, with the redirects that it leads to.
    async fn attempt(&self, peer: &Peer, call: &Call, pass: Option<&Pass>, meter: &Meter) -> Result<Answer, Setback> {
        let mut url = call.url.clone();
        if let Some(query) = &self.query {
            url.set_query(Some(query.expose()));
        }
        let mut carry = true;
        for _ in 0..=MAX_REDIRECTS {
            // Who gives tokens has a budget of its own.
            let is_upstream = std::ptr::eq(peer, &self.peer);
            if is_upstream {
                self.pace.wait(self.limits.longest_pause).await.map_err(|wait| used_up(call, wait))?;
            }
            self.budget.take().await;
            let started = Instant::now();
            let mut entry = entry(call);
            let result = self.once(peer, (call, &url), pass.filter(|_| carry), meter).await;
            entry.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let response = match result {
                Ok(response) => response,
                Err(setback) => {
                    meter.log(LogEntry { note: setback.failure.reason.text().to_owned(), ..entry });
                    return Err(setback);
                }
            };
            let status = response.status();
            self.compare_clocks(response.headers(), meter);
            entry.status = Some(status.as_u16());
            let wait = retry::pace(status, response.headers(), meter.now(), &self.connector.rate_limits);
            wait.filter(|_| is_upstream).into_iter().for_each(|wait| self.pace.used_up(wait));
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                meter.log(entry);
                let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
                match origin::redirect((&url, &call.place()), &peer.base, &peer.allow_redirects_to, status, &call.method, location) {
                    Ok(next) => (url, carry) = next,
                    Err(failure) => return Err(self.refused(call, response, failure.into(), meter).await),
                }
                continue;
            }
            // A 403 that asks to slow down says nothing of what is there.
            if !status.is_success()
                && (!call.accept.contains(&status.as_u16()) || retry::is_rate_limit(status, response.headers(), &self.connector.rate_limits))
            {
                meter.log(entry);
                let setback = refusal(status, response.headers(), &call.place(), meter.now(), &self.connector.rate_limits);
                return Err(self.refused(call, response, setback, meter).await);
            }
            let answer = Answer::read(response, &call.place(), &self.connector, meter).await;
            entry.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            entry.bytes = answer.as_ref().map_or(0, Answer::bytes);
            entry.note = answer.as_ref().map_or_else(|failure| failure.reason.text().to_owned(), |_| String::new());
            meter.log(entry);
            return answer.map(|answer| if self.query.is_some() { answer.at(&call.url) } else { answer }).map_err(Setback::from);
        }
        Err(Failure::new(FailureReason::Redirect, format!("{}: more than {MAX_REDIRECTS} redirects", call.place())).into())
    }

    /// A setback, with the answer where the connector has verdicts on its status.
    async fn refused(&self, call: &Call, response: Response, setback: Setback, meter: &Meter) -> Setback {
        let status = response.status().as_u16();
        if !(call.judge && self.connector.verdicts.iter().any(|verdict| verdict.statuses.contains(&status))) {
            return setback;
        }
        match Answer::read(response, &call.place(), &self.connector, meter).await {
            Ok(answer) => Setback { answer: Some(Box::new(answer)), ..setback },
            Err(failure) => failure.into(),
        }
    }

    async fn once(&self, peer: &Peer, (call, url): (&Call, &Url), pass: Option<&Pass>, meter: &Meter) -> Result<Response, Setback> {
        meter.take_request();
        let mut url = url.clone();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in peer.headers.iter().chain(&call.headers) {
            headers.insert(name.clone(), value.clone());
        }
        let body = call.body.as_deref().unwrap_or_default();
        match pass {
            Some(Pass::Header(name, value)) => drop(headers.insert(name.clone(), value.clone())),
            Some(Pass::Keys(keys, scope)) => {
                url = sign::address(url);
                headers.extend(sign::headers((keys, scope), &call.method, &url, &headers, body, meter.clock())?);
            }
            None => {}
        }
        let mut request = peer.client.request(call.method.clone(), url).headers(headers);
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| {
            let (failure, passing) = classify::without_answer(&error, &call.place());
            Setback { failure, passing, refused: None, answer: None }
        })
    }

    fn compare_clocks(&self, headers: &HeaderMap, meter: &Meter) {
        if let Some(sent_at) = retry::sent_at(headers) {
            self.ahead.store(sent_at - meter.clock(), Ordering::Relaxed);
        }
    }
}

fn refusal(status: StatusCode, headers: &HeaderMap, place: &str, now: i64, limits: &[RateLimit]) -> Setback {
    let mut failure = classify::bad_status(status, headers, place, limits);
    let passing = retry::is_passing(status, headers, limits);
    failure.retry_after = passing.then(|| retry::asked_pause(headers, now, limits)).flatten();
    Setback { failure, passing, refused: Some(status).filter(|_| !passing), answer: None }
}

/// The upstream said that no request is left, and for longer than a poll waits.
fn used_up(call: &Call, wait: Duration) -> Setback {
    let message = format!("{}: the upstream's budget of requests is used up for {} s more; poll less often", call.place(), wait.as_secs());
    Failure { retry_after: Some(wait), ..Failure::new(FailureReason::RateLimited, message) }.into()
}

/// The pause before a request is made once more that a verdict is on, as that before any other; `None` when it is not to be made.
pub(super) fn pause(attempt: u32, asked: Option<Duration>, limits: &Limits) -> Option<Duration> {
    retry::pause(attempt, asked, fastrand::f64(), limits)
}

fn entry(call: &Call) -> LogEntry {
    LogEntry { stream: call.stream.clone(), method: call.method.to_string(), path: call.shown.1.clone(), page: call.page, ..LogEntry::default() }
}

/// Whether an address is this machine's own.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Of an address that is none of HTTP, numbers are a name, too.
        Some(url::Host::Domain(name)) => name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
