//! An app that is installed at an upstream: a statement signed with the app's key is exchanged for a token of the installation.

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    Wrong,
    jwt::{self, Claims, Header},
};
use crate::{
    connector::{description::App as Described, failure::Failure, http},
    keys::jws::TokenKey,
    secret::Secret,
};

/// `auth: { app: { ... } }`: an app's key, with which a token is fetched from the upstream itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct App {
    /// The app's id, as who signs (`iss`).
    #[serde(deserialize_with = "super::word")]
    pub id: String,
    /// The installation whose token is wanted. Required where the connector's path has it.
    #[serde(default, deserialize_with = "super::optional_word")]
    pub installation: Option<String>,
    /// The app's private key: PEM.
    pub key_file: PathBuf,
    /// The key's name (`kid`). Default: none.
    pub key_id: Option<String>,
}

/// What is asked of the upstream: proved.
#[derive(Debug)]
pub(in crate::connector) struct Ready {
    pub(in crate::connector) url: Url,
    pub(in crate::connector) body: Vec<u8>,
    /// The fields of the answer with the token, and with when it ends.
    pub(in crate::connector) token: String,
    pub(in crate::connector) expires: String,
    written: App,
    audience: Option<String>,
    lifetime: i64,
    key: TokenKey,
}

impl App {
    /// Proves it.
    ///
    /// # Errors
    /// The key that is wrong, and what was expected of it.
    pub(in crate::connector) fn ready(&self, described: &Described, base: &Url, settings: &Map<String, Json>) -> Result<Ready, Wrong> {
        if self.id.is_empty() {
            return Err(("id", "the app's id".to_owned()));
        }
        let variables: Vec<_> = self.installation.as_deref().map(|installation| ("installation", installation)).into_iter().collect();
        let missing = |missing: String| match missing.as_str() {
            "`installation`" => ("installation", "the id of the installation".to_owned()),
            setting => ("installation", format!("{setting} of the source")),
        };
        let path = described.path.encoded(settings, &variables).map_err(missing)?;
        let audience = described.audience.as_ref().map(|audience| audience.text(settings, &variables)).transpose().map_err(missing)?;
        let key = TokenKey::read(&self.key_file, None).map_err(|expected| ("key_file", expected))?;
        Ok(Ready {
            url: http::below(base, &path, &[]),
            body: described.json.as_ref().map(|json| json.to_string().into_bytes()).unwrap_or_default(),
            token: described.token.clone(),
            expires: described.expires.clone(),
            written: self.clone(),
            audience,
            lifetime: described.lifetime_seconds,
            key,
        })
    }
}

impl Ready {
    /// The app's own statement, as of `now`.
    pub(in crate::connector) fn statement(&self, now: i64) -> Result<Secret, Failure> {
        let header = Header { key_id: self.written.key_id.as_deref(), thumbprint: None };
        let claims = Claims { issuer: &self.written.id, subject: None, audience: self.audience.as_deref(), scope: None, lifetime: self.lifetime };
        jwt::compact(&self.key, header, &claims, now)
    }
}
