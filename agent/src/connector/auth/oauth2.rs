//! Tokens of an authorisation server (RFC 6749): what a source writes, what its connector adds, and what is asked of the server.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    Wrong,
    jwt::{self, Claims, Header},
};
use crate::{
    connector::{description::Oauth2 as Described, failure::Failure, http},
    keys::jws::{self, Algorithm, TokenKey},
    secret::Secret,
};

/// `auth: { oauth2: { ... } }`: a token of an authorisation server, fetched anew before it expires. What a source does not say its connector may say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Oauth2 {
    /// Address of the server's token endpoint: https, or at the source's own origin. Default: the connector's; required where it has none.
    pub token_url: Option<String>,
    /// What is shown for a token: `client_credentials`, `refresh_token` or `jwt_bearer` (RFC 7523). Default: `refresh_token` where there is one, else the
    /// connector's, else `client_credentials`.
    pub grant: Option<Grant>,
    /// The client's id. Required but for `jwt_bearer`.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<Secret>,
    /// How the client shows who it is: `basic` or `post` its secret, `private_key_jwt` a statement signed with its key, `none`. Default:
    /// `private_key_jwt` where there is a key, else the connector's, else `basic`; `none` without a secret.
    pub client_auth: Option<ClientAuth>,
    /// Private key for `private_key_jwt` and `jwt_bearer`: PEM, or JSON with the PEM in `private_key`.
    pub key_file: Option<PathBuf>,
    /// The key's name at the server (`kid`). Default: that in a JSON file, else none.
    pub key_id: Option<String>,
    /// Certificate of the key (PEM), whose SHA-256 the server knows the key by (`x5t#S256`). Default: none.
    pub certificate: Option<PathBuf>,
    /// `RS256`, `PS256` or `ES256`. Default: the connector's, else what suits the key.
    pub algorithm: Option<Algorithm>,
    /// A refresh token that stays as it is. A server that replaces it is refused: the new one would be lost.
    pub refresh_token: Option<Secret>,
    /// File with a refresh token, of this source alone. When the server replaces the token the file is written anew, for its owner only.
    pub refresh_token_file: Option<PathBuf>,
    /// Who signs for `jwt_bearer` (`iss`). Default: the owner in a JSON file, else `client_id`.
    pub issuer: Option<String>,
    /// For whom (`sub`). Default: nobody else.
    pub subject: Option<String>,
    /// To whom a signed statement is made (`aud`). Default: `token_url`.
    pub assertion_audience: Option<String>,
    /// What is asked for, separated by spaces. Default: the connector's, else none.
    pub scope: Option<String>,
    /// Where the scope stands: `form`, or `assertion`, the signed statement. Default: the connector's, else `form`.
    pub scope_in: Option<ScopeIn>,
    /// Parameter `audience`, for servers that take it. Default: the connector's, else none.
    pub audience: Option<String>,
    /// Parameter `resource` (RFC 8707). Default: the connector's, else none.
    pub resource: Option<String>,
    /// PEM file of the authority that signed the token server's certificate. Default: the source's `tls` at the source's own origin, else the system's
    /// authorities.
    pub ca_file: Option<PathBuf>,
}

/// What is shown for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The client itself.
    ClientCredentials,
    /// A token that somebody got by signing in.
    RefreshToken,
    /// A signed statement.
    JwtBearer,
}

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Its secret as the password of Basic authentication.
    Basic,
    /// Its secret in the form.
    Post,
    /// A statement signed with its key.
    PrivateKeyJwt,
    /// Not at all.
    None,
}

/// Where a scope stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeIn {
    /// In the form.
    Form,
    /// In the signed statement.
    Assertion,
}

/// What is asked of a server of tokens: proved.
#[derive(Debug)]
pub(in crate::connector) struct Ready {
    pub(in crate::connector) url: Url,
    pub(in crate::connector) ca_file: Option<PathBuf>,
    /// Whether a statement is signed, which depends on the clock.
    pub(in crate::connector) signs: bool,
    pub(in crate::connector) refresh: Option<Refresh>,
    /// As a configuration would have it, with the connector's part.
    written: Oauth2,
    grant: Grant,
    client_auth: ClientAuth,
    key: Option<TokenKey>,
    thumbprint: Option<String>,
}

/// Where a refresh token is.
#[derive(Debug)]
pub(in crate::connector) enum Refresh {
    Given(Secret),
    File(PathBuf),
}

/// A form to be sent, and the header that shows who sends it.
#[derive(Debug, Default)]
pub(in crate::connector) struct Form {
    pub(in crate::connector) authorization: Option<Secret>,
    pub(in crate::connector) parameters: Vec<(&'static str, Secret)>,
}

impl Oauth2 {
    /// The files that it names, but for that which is written.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.key_file, &self.certificate, &self.ca_file].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Its paths, with the keys under which they stand.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let all = [
            ("key_file", &mut self.key_file),
            ("certificate", &mut self.certificate),
            ("ca_file", &mut self.ca_file),
            ("refresh_token_file", &mut self.refresh_token_file),
        ];
        all.into_iter().filter_map(|(key, path)| path.as_mut().map(|path| (key, path)))
    }

    /// The same with what a connector says where this says nothing.
    fn over(&self, described: Option<&Described>, base: &Url, settings: &Map<String, Json>) -> Result<Self, Wrong> {
        let mut whole = self.clone();
        let Some(described) = described else { return Ok(whole) };
        let put_in = |text: &super::Plain, key| text.text(settings, &[]).map_err(|missing| (key, format!("a value, or {missing} of the source")));
        if whole.token_url.is_none() {
            whole.token_url = match (&described.token_url, &described.path) {
                (Some(url), _) => Some(url.encoded(settings, &[]).map_err(|missing| ("token_url", format!("an address, or {missing} of the source")))?),
                (None, Some(path)) => {
                    let path = path.encoded(settings, &[]).map_err(|missing| ("token_url", format!("an address, or {missing} of the source")))?;
                    Some(http::below(base, &path, &[]).into())
                }
                (None, None) => None,
            };
        }
        for (key, own, theirs) in [
            ("scope", &mut whole.scope, &described.scope),
            ("audience", &mut whole.audience, &described.audience),
            ("resource", &mut whole.resource, &described.resource),
        ] {
            if let (None, Some(text)) = (&own, theirs) {
                *own = Some(put_in(text, key)?);
            }
        }
        whole.algorithm = whole.algorithm.or(described.algorithm);
        whole.scope_in = whole.scope_in.or(described.scope_in);
        Ok(whole)
    }

    /// Proves it.
    ///
    /// # Errors
    /// The key that is wrong, and what was expected of it.
    pub(in crate::connector) fn ready(&self, described: Option<&Described>, base: &Url, settings: &Map<String, Json>) -> Result<Ready, Wrong> {
        let written = self.over(described, base, settings)?;
        let url = address(written.token_url.as_deref().ok_or(("token_url", "the address of the token endpoint".to_owned()))?, base)?;
        let refresh = match (&written.refresh_token, &written.refresh_token_file) {
            (Some(_), Some(_)) => return Err(("refresh_token_file", "either `refresh_token` or `refresh_token_file`".to_owned())),
            (Some(token), None) => Some(Refresh::Given(token.clone())),
            (None, Some(file)) => Some(Refresh::File(file.clone())),
            (None, None) => None,
        };
        let by_default = described.and_then(|described| described.grant).unwrap_or(Grant::ClientCredentials);
        let grant = written.grant.unwrap_or(if refresh.is_some() { Grant::RefreshToken } else { by_default });
        let client_auth = written.client_auth.unwrap_or_else(|| match (grant, &written.key_file, &written.client_secret) {
            (Grant::ClientCredentials | Grant::RefreshToken, Some(_), None) => ClientAuth::PrivateKeyJwt,
            (_, _, Some(_)) => described.and_then(|described| described.client_auth).unwrap_or(ClientAuth::Basic),
            (Grant::ClientCredentials, None, None) => ClientAuth::Basic,
            (_, _, None) => ClientAuth::None,
        });
        let signs = grant == Grant::JwtBearer || client_auth == ClientAuth::PrivateKeyJwt;
        let key = written.key_file.as_deref().filter(|_| signs).map(|file| TokenKey::read(file, written.algorithm).map_err(|expected| ("key_file", expected)));
        let thumbprint = written.certificate.as_deref().map(|file| jws::thumbprint(file).map_err(|expected| ("certificate", expected)));
        let ready = Ready {
            url,
            ca_file: written.ca_file.clone(),
            signs,
            refresh,
            grant,
            client_auth,
            key: key.transpose()?,
            thumbprint: thumbprint.transpose()?,
            written,
        };
        ready.whole()
    }
}

/// An address that secrets may be sent to.
fn address(written: &str, base: &Url) -> Result<Url, Wrong> {
    let wrong = |expected: &str| ("token_url", expected.to_owned());
    let url = Url::parse(written).map_err(|_| wrong("a URL such as https://login.example.org/oauth2/token"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("a URL without user, password and `#`"));
    }
    let is_safe = url.scheme() == "https" || url.origin() == base.origin() || (url.scheme() == "http" && http::is_loopback(&url));
    if is_safe { Ok(url) } else { Err(wrong("an https URL: secrets go there")) }
}

impl Ready {
    /// The same when it has all that its grant needs.
    fn whole(self) -> Result<Self, Wrong> {
        let written = &self.written;
        let because = |what: &str, why: &str| format!("{what}, because {why}");
        let has_secret = written.client_secret.is_some();
        for (key, lacks, expected) in [
            ("client_id", self.grant != Grant::JwtBearer && written.client_id.is_none(), because("the client's id", "the grant is a client's")),
            ("client_id", has_secret && written.client_id.is_none(), because("the client's id", "there is a secret")),
            (
                "client_secret",
                matches!(self.client_auth, ClientAuth::Basic | ClientAuth::Post) && !has_secret,
                "the client's secret, or `key_file` with its key".to_owned(),
            ),
            ("key_file", self.signs && self.key.is_none(), because("a private key", "a statement is signed")),
            ("key_file", !self.signs && written.key_file.is_some(), because("nothing", "neither `grant` nor `client_auth` signs anything")),
            ("refresh_token", self.grant == Grant::RefreshToken && self.refresh.is_none(), because("a refresh token", "`grant` says so")),
            ("grant", self.grant != Grant::RefreshToken && self.refresh.is_some(), because("`refresh_token`", "there is one")),
            ("issuer", self.grant == Grant::JwtBearer && self.issuer().is_none(), because("who signs", "`grant` is jwt_bearer")),
            (
                "client_id",
                self.client_auth == ClientAuth::PrivateKeyJwt && written.client_id.is_none(),
                because("the client's id", "`client_auth` is private_key_jwt"),
            ),
        ] {
            if lacks {
                return Err((key, expected));
            }
        }
        Ok(self)
    }

    fn issuer(&self) -> Option<&str> {
        let of_key = || self.key.as_ref().and_then(|key| key.owner.as_deref());
        self.written.issuer.as_deref().or_else(of_key).or(self.written.client_id.as_deref())
    }

    /// The form that asks for a token, as of `now`.
    pub(in crate::connector) fn form(&self, now: i64, refresh: Option<&Secret>) -> Result<Form, Failure> {
        let written = &self.written;
        let mut form = Form::default();
        let mut add = |name: &'static str, value: Option<Secret>| form.parameters.extend(value.map(|value| (name, value)));
        let plain = |text: &Option<String>| text.as_deref().map(Secret::new);
        add(
            "grant_type",
            Some(Secret::new(match self.grant {
                Grant::ClientCredentials => "client_credentials",
                Grant::RefreshToken => "refresh_token",
                Grant::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            })),
        );
        let in_assertion = written.scope_in == Some(ScopeIn::Assertion);
        if self.grant == Grant::JwtBearer {
            let scope = written.scope.as_deref().filter(|_| in_assertion);
            add("assertion", Some(self.statement(self.issuer().unwrap_or_default(), written.subject.as_deref(), scope, now)?));
        }
        add("refresh_token", refresh.filter(|_| self.grant == Grant::RefreshToken).cloned());
        if !(in_assertion && self.grant == Grant::JwtBearer) {
            add("scope", plain(&written.scope));
        }
        add("audience", plain(&written.audience));
        add("resource", plain(&written.resource));
        if self.client_auth != ClientAuth::Basic {
            add("client_id", plain(&written.client_id));
        }
        let id = written.client_id.as_deref().unwrap_or_default();
        match self.client_auth {
            ClientAuth::Post => add("client_secret", written.client_secret.clone()),
            ClientAuth::PrivateKeyJwt => {
                add("client_assertion_type", Some(Secret::new("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")));
                add("client_assertion", Some(self.statement(id, Some(id), None, now)?));
            }
            ClientAuth::Basic => {
                // Both as they would stand in a form (RFC 6749, 2.3.1).
                let coded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let secret = written.client_secret.as_ref().map(Secret::expose).unwrap_or_default();
                form.authorization = Some(Secret::new(format!("Basic {}", BASE64.encode(format!("{}:{}", coded(id), coded(secret))))));
            }
            ClientAuth::None => {}
        }
        Ok(form)
    }

    fn statement(&self, issuer: &str, subject: Option<&str>, scope: Option<&str>, now: i64) -> Result<Secret, Failure> {
        let key = self.key.as_ref().expect("proved: what signs has a key");
        let header = Header { key_id: self.written.key_id.as_deref(), thumbprint: self.thumbprint.as_deref() };
        let audience = self.written.assertion_audience.as_deref().unwrap_or(self.url.as_str());
        jwt::compact(key, header, &Claims { issuer, subject, audience: Some(audience), scope, lifetime: jwt::LIFETIME }, now)
    }
}
