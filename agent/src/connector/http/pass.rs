//! What goes with a request and shows who asks. What had to be fetched is kept between polls, and fetched anew before it ends or when it is refused; all
//! requests share it, and whoever needs it first fetches it.

use std::sync::Arc;

use reqwest::{
    StatusCode, Url,
    header::{HeaderName, HeaderValue},
};
use tokio::sync::Mutex;

use super::{Peer, Web, role, token};
use crate::connector::{
    auth::{self, Auth, Login, Ready, ReadyApp, oauth2, sigv4},
    description::Description,
    failure::{Failure, FailureReason},
    meter::Meter,
    source::{Http, Limits, Tls},
};

/// So many seconds before its end something is fetched anew, or a tenth of its life, if that is less: a request may take a while to arrive.
const MARGIN: i64 = 60;

/// What goes with a request.
#[derive(Debug, Clone)]
pub(super) enum Pass {
    Header(HeaderName, HeaderValue),
    /// Keys, and what their signatures are for.
    Keys(sigv4::Keys, Arc<sigv4::Scope>),
}

/// Where it comes from.
#[derive(Debug)]
pub(super) enum Giver {
    /// The same all the time, or nothing.
    Always(Option<Pass>),
    Login(Login),
    /// With the server of tokens, where that is another than the upstream.
    Oauth2(Box<oauth2::Ready>, Option<Box<Peer>>),
    App(Box<ReadyApp>),
    Role(Box<sigv4::Origin>, Arc<sigv4::Scope>),
}

/// What was fetched, if anything was.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Option<Held>>);

/// What was fetched, the how-manieth it is, and until when (epoch seconds) it is used.
#[derive(Debug, Clone)]
struct Held {
    generation: u64,
    pass: Pass,
    until: Option<i64>,
}

impl Giver {
    /// Who gives what a source's credentials are good for.
    pub(super) fn new(http: &Http, connector: &Description, settings: &serde_json::Value, limits: &Limits) -> Result<Self, Failure> {
        let wrong = |key: &str, expected: &str| {
            let path = [http.auth.kind().as_str(), key].join(".");
            Failure::new(FailureReason::Configuration, format!("auth.{}: expected {expected}", path.trim_end_matches('.')))
        };
        let none = serde_json::Map::new();
        let ready = http.auth.ready(connector, &http.base, settings.as_object().unwrap_or(&none)).map_err(|(key, expected)| wrong(key, &expected))?;
        Ok(match ready {
            Ready::Header => Self::Always(http.auth.header(connector.api_key.as_ref())?.map(|(name, value)| Pass::Header(name, value))),
            Ready::Login(login) => Self::Login(login),
            Ready::Oauth2(oauth2) => {
                let issuer = server_of_tokens(&oauth2, &http.base, limits)?;
                Self::Oauth2(oauth2, issuer.map(Box::new))
            }
            Ready::App(app) => Self::App(app),
            Ready::Sigv4(ready) => match (ready.origin, Arc::new(ready.scope)) {
                (sigv4::Origin::Given(keys), scope) => Self::Always(Some(Pass::Keys(keys, scope))),
                (origin, scope) => Self::Role(Box::new(origin), scope),
            },
        })
    }

    /// Whether a refusal may mean that what was fetched has ended. Logins don't say until when they are good, nor do all upstreams tell refusals apart;
    /// of what ends at a known time only 401 is an end, but for signatures, whose refusals are all alike.
    fn may_have_ended(&self, status: StatusCode) -> bool {
        match self {
            Self::Always(_) => false,
            Self::Login(_) | Self::Role(..) => matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
            Self::Oauth2(..) | Self::App(_) => status == StatusCode::UNAUTHORIZED,
        }
    }

    /// By how many seconds clocks may differ, where what is shown depends on the time.
    fn tolerance(&self) -> Option<i64> {
        match self {
            Self::Oauth2(oauth2, _) if oauth2.signs => Some(auth::jwt::BACKDATED),
            Self::App(_) => Some(auth::jwt::BACKDATED),
            // What signatures of requests are allowed everywhere.
            Self::Always(Some(Pass::Keys(..))) | Self::Role(..) => Some(300),
            _ => None,
        }
    }
}

/// The server of tokens, where it is not the upstream itself. It is told nothing that is the upstream's.
fn server_of_tokens(oauth2: &oauth2::Ready, base: &Url, limits: &Limits) -> Result<Option<Peer>, Failure> {
    if oauth2.ca_file.is_none() && oauth2.url.origin() == base.origin() {
        return Ok(None);
    }
    let tls = Tls { ca_file: oauth2.ca_file.clone(), ..Tls::default() };
    Peer::new(&oauth2.url, &tls, limits).map(Some).map_err(|failure| failure.at("auth.oauth2"))
}

impl Web {
    /// What goes with the next request, and the how-manieth it is. Fetched when there is none, when it ends soon, or when only the `stale` one is there.
    pub(super) async fn pass(&self, stale: Option<u64>, meter: &Meter) -> Result<(Option<u64>, Option<Pass>), Failure> {
        if let Giver::Always(pass) = &self.giver {
            return Ok((None, pass.clone()));
        }
        let mut state = self.held.0.lock().await;
        let is_good = |held: &&Held| Some(held.generation) != stale && held.until.is_none_or(|until| meter.clock() < until);
        if let Some(held) = state.as_ref().filter(is_good) {
            return Ok((Some(held.generation), Some(held.pass.clone())));
        }
        let generation = state.as_ref().map_or(0, |held| held.generation) + 1;
        let (pass, ends) = match &self.giver {
            Giver::Always(_) => return Err(Failure::internal()),
            Giver::Login(login) => (bearer(&self.log_in(login, meter).await?)?, None),
            Giver::Oauth2(oauth2, issuer) => token::of_server(self, oauth2, issuer.as_deref(), meter).await?,
            Giver::App(app) => token::of_app(self, app, meter).await?,
            Giver::Role(origin, scope) => {
                let (keys, ends) = role::keys(self, origin, meter).await?;
                (Pass::Keys(keys, Arc::clone(scope)), ends)
            }
        };
        let until = ends.map(|ends| ends - MARGIN.min((ends - meter.clock()) / 10));
        *state = Some(Held { generation, pass: pass.clone(), until });
        Ok((Some(generation), Some(pass)))
    }

    /// Whether what was fetched may have ended, so that another is worth a try.
    pub(super) fn may_have_ended(&self, status: Option<StatusCode>) -> bool {
        status.is_some_and(|status| self.giver.may_have_ended(status))
    }

    /// What there is to say of a refusal beside what the upstream said.
    pub(super) fn explained(&self, failure: Failure, fetched: bool) -> Failure {
        if !matches!(failure.reason, FailureReason::Unauthorized | FailureReason::Forbidden) {
            return failure;
        }
        let failure = match (&self.giver, &self.http.auth) {
            (Giver::Oauth2(..), _) if fetched && failure.reason == FailureReason::Unauthorized => failure.advised(
                "The token is a new one: it may be meant for somebody else, or lack rights. Check `audience`, `resource` and `scope` under auth.oauth2",
            ),
            (_, Auth::Sigv4(_)) => failure.advised("Check the key, its rights, and `region` and `service` under auth.sigv4"),
            _ => failure,
        };
        self.dated(failure)
    }

    /// The same, with a word on clocks that differ by more than what is shown allows.
    pub(super) fn dated(&self, failure: Failure) -> Failure {
        let tolerance = self.giver.tolerance();
        match self.ahead().zip(tolerance).filter(|(ahead, tolerance)| ahead.abs() > *tolerance) {
            Some((ahead, tolerance)) => {
                let direction = if ahead > 0 { "ahead of" } else { "behind" };
                failure.advised(&format!("The server's clock is {} s {direction} this machine's, and {tolerance} s are allowed: set the clocks", ahead.abs()))
            }
            None => failure,
        }
    }
}

/// A token as the header that shows it.
pub(super) fn bearer(token: &crate::secret::Secret) -> Result<Pass, Failure> {
    auth::bearer(token).map(|(name, value)| Pass::Header(name, value))
}
