//! What a connector says of credentials: where a key goes, how a token is fetched, what a signature is for.

use reqwest::header::HeaderName;
use serde_json::Value as Json;

use super::{
    KeyHeader, Login,
    check::{BASE, Checker},
    raw,
};
use crate::{
    connector::auth::{
        AuthKind, Plain,
        jwt::{BACKDATED, LIFETIME},
        oauth2::{ClientAuth, Grant, ScopeIn},
    },
    keys::jws::Algorithm,
};

/// What is the same for every source that takes tokens of an authorisation server.
#[derive(Debug)]
pub(in crate::connector) struct Oauth2 {
    pub(in crate::connector) token_url: Option<Plain>,
    /// Below the source's address.
    pub(in crate::connector) path: Option<Plain>,
    pub(in crate::connector) grant: Option<Grant>,
    pub(in crate::connector) client_auth: Option<ClientAuth>,
    pub(in crate::connector) scope: Option<Plain>,
    pub(in crate::connector) scope_in: Option<ScopeIn>,
    pub(in crate::connector) audience: Option<Plain>,
    pub(in crate::connector) resource: Option<Plain>,
    pub(in crate::connector) algorithm: Option<Algorithm>,
}

/// How an app's statement is exchanged for a token.
#[derive(Debug)]
pub(in crate::connector) struct App {
    pub(in crate::connector) path: Plain,
    pub(in crate::connector) json: Option<Json>,
    pub(in crate::connector) token: String,
    pub(in crate::connector) expires: String,
    pub(in crate::connector) lifetime_seconds: i64,
    pub(in crate::connector) audience: Option<Plain>,
}

/// What signatures are for.
#[derive(Debug)]
pub(in crate::connector) struct Sigv4 {
    pub(in crate::connector) service: String,
    pub(in crate::connector) region: Option<Plain>,
    /// The service that gives keys for tokens.
    pub(in crate::connector) sts: Option<Plain>,
}

/// Variables of a login.
const LOGIN: &[&str] = &["settings", "vars", "source", "now", "user", "password"];

/// The ways to show who asks.
pub(super) struct Ways {
    pub(super) api_key: Option<KeyHeader>,
    pub(super) login: Option<Login>,
    pub(super) oauth2: Option<Oauth2>,
    pub(super) app: Option<App>,
    pub(super) sigv4: Option<Sigv4>,
}

/// All that is described of them.
pub(super) fn ways(checker: &mut Checker<'_>, raw: &mut raw::Connector) -> Ways {
    let settings: Vec<_> = raw.settings.keys().map(String::as_str).collect();
    let api_key = raw.api_key.take().and_then(|key| key_header(checker, key));
    let login = raw.login.take().and_then(|login| {
        let token = checker.expression("login.token", &login.token, BASE);
        Some(Login { request: checker.request("login.request", login.request, LOGIN)?, token: token? })
    });
    let oauth2 = raw.oauth2.take().and_then(|raw| oauth2(checker, raw, &settings));
    let app = raw.app.take().and_then(|raw| app(checker, raw, &settings));
    let sigv4 = raw.sigv4.take().and_then(|raw| sigv4(checker, raw, &settings));
    accepted(checker, &raw.auth);
    Ways { api_key, login, oauth2, app, sigv4 }
}

/// What `auth` accepts is described where that is needed, under the same word, and what is described is accepted.
fn accepted(checker: &mut Checker<'_>, kinds: &[AuthKind]) {
    for kind in [AuthKind::ApiKey, AuthKind::Login, AuthKind::Oauth2, AuthKind::App, AuthKind::Sigv4] {
        let (path, accepted) = (kind.as_str(), kinds.contains(&kind));
        let described = checker.has(path);
        // A source can say all that there is to say of a server of tokens.
        if accepted && !described && kind != AuthKind::Oauth2 {
            checker.wrong(path, format!("`{path}`, because `auth` accepts it"));
        }
        if !accepted && described {
            checker.wrong("auth", format!("`{path}` among them, because it is described"));
        }
    }
}

fn key_header(checker: &mut Checker<'_>, raw: raw::ApiKey) -> Option<KeyHeader> {
    let name = HeaderName::try_from(raw.header.as_str()).map_err(|_| checker.wrong("api_key.header", "a header's name"));
    Some(KeyHeader { name: name.ok()?, prefix: raw.prefix })
}

fn oauth2(checker: &mut Checker<'_>, raw: raw::Oauth2, settings: &[&str]) -> Option<Oauth2> {
    if raw.token_url.is_some() && raw.path.is_some() {
        checker.wrong("oauth2.path", "either `token_url` or `path`");
    }
    if raw.token_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
        checker.wrong("oauth2.token_url", "an https URL: secrets go there");
    }
    if raw.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        checker.wrong("oauth2.path", "a path that starts with `/`");
    }
    let mut plain = |key: &str, text: Option<String>| optional(checker, &format!("oauth2.{key}"), text, settings, &[]);
    let (token_url, path) = (plain("token_url", raw.token_url), plain("path", raw.path));
    let (scope, audience, resource) = (plain("scope", raw.scope), plain("audience", raw.audience), plain("resource", raw.resource));
    let (grant, client_auth, scope_in, algorithm) = (raw.grant, raw.client_auth, raw.scope_in, raw.algorithm);
    Some(Oauth2 { token_url: token_url?, path: path?, grant, client_auth, scope: scope?, scope_in, audience: audience?, resource: resource?, algorithm })
}

fn app(checker: &mut Checker<'_>, raw: raw::App, settings: &[&str]) -> Option<App> {
    if !raw.path.starts_with('/') {
        checker.wrong("app.path", "a path that starts with `/`");
    }
    let lifetime_seconds = raw.lifetime.map_or(LIFETIME, |raw::Span(seconds)| seconds);
    if !(2 * BACKDATED..=3600).contains(&lifetime_seconds) {
        checker.wrong("app.lifetime", "from 2m to 1h, the first minute of which lies before now");
    }
    let variables = ["installation"];
    let path = optional(checker, "app.path", Some(raw.path), settings, &variables)?;
    let audience = optional(checker, "app.audience", raw.audience, settings, &variables)?;
    Some(App { path: path?, json: raw.json, token: raw.token, expires: raw.expires, lifetime_seconds, audience })
}

fn sigv4(checker: &mut Checker<'_>, raw: raw::Sigv4, settings: &[&str]) -> Option<Sigv4> {
    let region = optional(checker, "sigv4.region", raw.region, settings, &[])?;
    let sts = optional(checker, "sigv4.sts", raw.sts, settings, &[])?;
    Some(Sigv4 { service: raw.service, region, sts })
}

/// The outer `None` means that it is wrong.
fn optional(checker: &mut Checker<'_>, path: &str, text: Option<String>, settings: &[&str], variables: &[&str]) -> Option<Option<Plain>> {
    match text.map(|text| Plain::parse(&text, settings, variables)).transpose() {
        Ok(plain) => Some(plain),
        Err(expected) => {
            checker.wrong(path, expected);
            None
        }
    }
}
