//! Logging in for a token. The token is kept between polls; one that is refused is renewed once, by whoever notices first.

use tokio::sync::Mutex;

use super::{Call, Web};
use crate::{
    connector::{
        auth::Login,
        expression::{self, Scope, Val},
        failure::{Failure, FailureReason},
        meter::Meter,
        request,
    },
    secret::Secret,
};

/// The token, if there is one.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Option<Token>>);

/// A token and the how-manieth it is.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) generation: u64,
    pub(super) secret: Secret,
}

impl Web {
    /// The token; a new one when there is none, or only the `stale` one.
    pub(super) async fn token(&self, login: &Login, stale: Option<u64>, meter: &Meter) -> Result<Token, Failure> {
        let mut state = self.login.0.lock().await;
        if let Some(token) = state.as_ref().filter(|token| Some(token.generation) != stale) {
            return Ok(token.clone());
        }
        let generation = state.take().map_or(0, |token| token.generation) + 1;
        let token = Token { generation, secret: self.log_in(login, meter).await? };
        *state = Some(token.clone());
        Ok(token)
    }

    async fn log_in(&self, login: &Login, meter: &Meter) -> Result<Secret, Failure> {
        let described = self.connector.login.as_ref().expect("a test at the client's making: the connector takes logins, so it describes one");
        let scope = Scope::default()
            .with("settings", self.settings.clone())
            .with("user", expression::text(&login.user))
            .with("password", expression::text(login.password.expose()));
        let call: Call = request::render(&described.request, self.base(), &scope, "login")?;
        let answer = self.persist(&call, None, meter).await.map_err(|setback| refused(setback.failure))?;
        let body = answer.body.decode(described.request.format)?;
        match described.token.one(body, &scope) {
            Ok(Val::TStr(token)) if !token.is_empty() => Ok(Secret::new(String::from_utf8_lossy(&token))),
            _ => Err(Failure::new(FailureReason::NotExpectedFormat, format!("login: the answer has no token at `{}`", described.token.shown()))),
        }
    }
}

/// A login's 400 and 422 mean what 401 means elsewhere.
fn refused(failure: Failure) -> Failure {
    match failure.reason {
        FailureReason::Forbidden | FailureReason::UnexpectedStatus | FailureReason::Unauthorized => {
            Failure { reason: FailureReason::Unauthorized, ..failure.at("the login was refused; check `user` and `password`") }
        }
        _ => failure.at("login"),
    }
}
