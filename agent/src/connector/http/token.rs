//! Tokens: asked of a server of tokens (RFC 6749, 7523) or of the upstream itself. What a server says when it refuses is told only where it is one of
//! the words that the standard knows.

use std::{io::Write as _, path::Path};

use reqwest::{
    Method, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde_json::{Map, Value as Json};

use super::{
    Answer, Call, Peer, Web,
    pass::{Pass, bearer},
};
use crate::{
    connector::{
        auth::{
            self, ReadyApp,
            oauth2::{Form, Ready, Refresh},
        },
        description::Format,
        expression,
        failure::{Failure, FailureReason},
        meter::Meter,
    },
    secret::Secret,
};

/// What a token comes with: itself, and when it ends, epoch seconds.
type Token = (Pass, Option<i64>);

/// Largest file with a refresh token.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Words of RFC 6749 (5.2), 8707 and 7521 by which a server refuses, and what to do about each.
const REFUSALS: [(&str, &str); 9] = [
    (
        "invalid_client",
        "the client is unknown, or its secret or key is not the one on record; check `client_id`, `client_secret`, `key_file` and `client_auth`",
    ),
    (
        "invalid_grant",
        "what was shown is expired, revoked or not this client's; check the refresh token, or the key, `issuer`, `subject` and `assertion_audience`",
    ),
    ("unauthorized_client", "this client may not do that; check `grant`, and the client's permissions at the server"),
    ("unsupported_grant_type", "the server knows no such grant; check `grant` and `token_url`"),
    ("invalid_scope", "check `scope`"),
    ("invalid_target", "check `audience` and `resource`"),
    ("invalid_request", "a parameter is missing or not liked; check `grant`, `client_auth`, `scope`, `audience` and `resource`"),
    ("access_denied", "the server's policy forbids it"),
    ("temporarily_unavailable", "the server is overloaded"),
];

/// A token of a server of tokens.
pub(super) async fn of_server(web: &Web, oauth2: &Ready, issuer: Option<&Peer>, meter: &Meter) -> Result<Token, Failure> {
    let refresh = oauth2.refresh.as_ref().map(Refresh::current).transpose()?;
    // Before anything is asked: a token that is replaced and can't be kept would be lost.
    let spare = oauth2.refresh.as_ref().map(Refresh::spare).transpose()?.flatten();
    let form = oauth2.form(meter.clock(), refresh.as_ref())?;
    let call = call(&oauth2.url, form)?;
    let answer = web.persist(issuer.unwrap_or(&web.peer), &call, None, meter).await.map_err(|setback| web.dated(setback.failure.at("token")))?;
    let status = answer.status;
    let told = object(&answer);
    if status >= 300 {
        return Err(web.dated(refused(&call.place(), status, told.ok().as_ref())));
    }
    let told = told?;
    let text = |key: &str| told.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    let token = text("access_token").ok_or_else(|| unexpected("has no `access_token`"))?;
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(unexpected("gives a token that is no bearer's"));
    }
    if let (Some(place), Some(new)) = (&oauth2.refresh, text("refresh_token").filter(|new| refresh.as_ref().is_none_or(|old| old.expose() != *new))) {
        place.replace(new, spare)?;
    }
    let seconds = told.get("expires_in").and_then(|seconds| seconds.as_i64().or_else(|| seconds.as_str()?.parse().ok()));
    let ends = seconds.map(|seconds| meter.clock() + seconds.clamp(0, i64::from(u32::MAX)));
    Ok((bearer(&Secret::new(token))?, ends))
}

/// A token for an app.
pub(super) async fn of_app(web: &Web, app: &ReadyApp, meter: &Meter) -> Result<Token, Failure> {
    let (name, value) = auth::bearer(&app.statement(meter.clock())?)?;
    let mut call = Call::bare(&app.url, Method::POST, "token");
    call.body = (!app.body.is_empty()).then(|| app.body.clone());
    let refused = |failure: Failure| {
        let advice = match failure.reason {
            FailureReason::Unauthorized => "Check `id` and `key_file` under auth.app",
            FailureReason::NotFound => "Check `installation` under auth.app, and the app's own page at the upstream",
            FailureReason::Forbidden | FailureReason::UnexpectedStatus => "The installation may be suspended, or may not have the rights that are asked for",
            _ => return failure.at("token"),
        };
        Failure { reason: FailureReason::Unauthorized, ..failure.at("token").advised(advice) }
    };
    let answer = web.persist(&web.peer, &call, Some(&Pass::Header(name, value)), meter).await.map_err(|setback| web.dated(refused(setback.failure)))?;
    let told = object(&answer)?;
    let token = told.get(&app.token).and_then(Json::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| unexpected(&format!("has no `{}`", app.token)))?;
    let now = meter.clock();
    let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp());
    let ends = match told.get(&app.expires) {
        Some(Json::Number(seconds)) => seconds.as_i64().map(|seconds| now + seconds.clamp(0, i64::from(u32::MAX))),
        // By the server's own clock.
        Some(Json::String(text)) => moment(text).map(|moment| moment - web.ahead().unwrap_or(0)),
        _ => None,
    };
    let ends = ends.ok_or_else(|| unexpected(&format!("does not say in `{}` when the token ends, as a time or in seconds", app.expires)))?;
    if ends <= now {
        return Err(Failure::new(
            FailureReason::Unauthorized,
            "token: the token that was given had ended already; set the clocks of this machine and the server",
        ));
    }
    Ok((bearer(&Secret::new(token))?, Some(ends)))
}

/// A form in the body of a POST.
pub(super) fn form<'f>(url: &Url, stream: &str, parameters: impl Iterator<Item = (&'f str, &'f str)>) -> Call {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into_bytes();
    let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
    Call { headers, body: Some(body), accept: vec![400, 401], ..Call::bare(url, Method::POST, stream) }
}

fn call(url: &Url, asked: Form) -> Result<Call, Failure> {
    let mut call = form(url, "token", asked.parameters.iter().map(|(name, value)| (*name, value.expose())));
    call.headers.push((ACCEPT, HeaderValue::from_static("application/json")));
    if let Some(header) = asked.authorization {
        call.headers.push((AUTHORIZATION, auth::sensitive(header.expose())?));
    }
    Ok(call)
}

fn object(answer: &Answer) -> Result<Map<String, Json>, Failure> {
    match expression::to_json(&answer.body.decode(Format::Json).map_err(|failure| failure.at("token"))?) {
        Json::Object(object) => Ok(object),
        _ => Err(unexpected("is no object")),
    }
}

fn unexpected(what: &str) -> Failure {
    Failure::new(FailureReason::NotExpectedFormat, format!("token: the answer {what}; check the address of the tokens"))
}

fn refused(place: &str, status: u16, told: Option<&Map<String, Json>>) -> Failure {
    let word = told.and_then(|told| told.get("error")).and_then(Json::as_str);
    let known = word.and_then(|word| REFUSALS.iter().find(|(known, _)| *known == word));
    let message = match known {
        Some((word, advice)) => format!("token: {place} refused ({word}): {advice}"),
        None => format!("token: {place} answered {status}: check `token_url`, `client_id` and what is shown with it"),
    };
    Failure::new(FailureReason::Unauthorized, message)
}

impl Refresh {
    /// The token as it is now.
    fn current(&self) -> Result<Secret, Failure> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| unfit(path, &format!("can't be read: {}", error.kind())))?;
                let token = text.trim();
                let is_one = !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic());
                if is_one { Ok(Secret::new(token)) } else { Err(unfit(path, "holds no refresh token, or more than that")) }
            }
        }
    }

    /// The file that will be put in the place of the one that is there: it is for its owner only.
    fn spare(&self) -> Result<Option<tempfile::NamedTempFile>, Failure> {
        let Self::File(path) = self else { return Ok(None) };
        // Where a link leads to: the link stays.
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let spare = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")));
        spare
            .map(Some)
            .map_err(|error| unfit(&path, &format!("could not be written anew when the token is replaced ({}): the folder must let it", error.kind())))
    }

    /// Keeps the token that the server gave in the place of the one that was shown.
    fn replace(&self, new: &str, spare: Option<tempfile::NamedTempFile>) -> Result<(), Failure> {
        let (Self::File(path), Some(mut spare)) = (self, spare) else {
            let message = "auth.oauth2: the server replaces the refresh token each time, and the new one would be lost with the next restart; give it in \
                `refresh_token_file`, which is kept up to date, or use another grant";
            return Err(Failure::new(FailureReason::Configuration, message));
        };
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let written = spare.write_all(new.as_bytes()).and_then(|()| spare.as_file().sync_all());
        let kept = written.and_then(|()| spare.persist(&path).map_err(|error| error.error));
        kept.map(drop)
            .map_err(|error| unfit(&path, &format!("could not be written anew: {}; the server has replaced the token, sign in for another", error.kind())))
    }
}

fn unfit(path: &Path, what: &str) -> Failure {
    Failure::new(FailureReason::Configuration, format!("auth.oauth2.refresh_token_file: {} {what}", path.display()))
}
