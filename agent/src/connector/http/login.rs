//! Logging in for a token.

use reqwest::Url;

use super::{Answer, Call, Web};
use crate::{
    connector::{
        auth::Login,
        description::Description,
        expression::{self, Scope, Val},
        failure::{Failure, FailureReason},
        mapper,
        meter::Meter,
        request,
    },
    secret::Secret,
};

impl Web {
    pub(super) async fn log_in(&self, login: &Login, meter: &Meter) -> Result<Secret, Failure> {
        let send = |call: Call| async move { self.persist(&self.peer, &call, None, meter).await.map_err(|setback| setback.failure) };
        let token = match &self.start {
            Some(start) => mapper::log_in(start, (&self.connector, self.base(), &self.limits), &self.settings, login, meter, send).await,
            None => log_in((&self.connector, self.base()), self.settings.clone(), login, send).await,
        };
        token.map(Secret::new)
    }
}

/// The token that a login gives; `send` makes its request.
pub(in crate::connector) async fn log_in<F>(
    (connector, base): (&Description, &Url),
    settings: Val,
    login: &Login,
    send: impl Fn(Call) -> F,
) -> Result<String, Failure>
where
    F: Future<Output = Result<Answer, Failure>>,
{
    mapper::at(|| "login".to_owned());
    let described = connector.login.as_ref().expect("a test at the client's making: the connector takes logins, so it describes one");
    let scope =
        Scope::default().with("settings", settings).with("user", expression::text(&login.user)).with("password", expression::text(login.password.expose()));
    let call: Call = request::render(&described.request, base, &scope, "login")?;
    let answer = send(call).await.map_err(refused)?;
    let body = answer.body.decode(described.request.format)?;
    match described.token.one(body, &scope) {
        Ok(Val::TStr(token)) if !token.is_empty() => Ok(String::from_utf8_lossy(&token).into_owned()),
        _ => Err(Failure::new(FailureReason::NotExpectedFormat, format!("login: the answer has no token at `{}`", described.token.shown()))),
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
