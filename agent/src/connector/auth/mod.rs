//! Credentials: the kinds there are, as the configuration writes them, as headers, and what has to be asked for them. Pure; who asks is `http/pass.rs`.
//!
//! | File | |
//! |---|---|
//! | `oauth2.rs` | tokens of an authorisation server |
//! | `app.rs` | tokens for an app that signs a statement |
//! | `sigv4.rs` | keys that sign each request |
//! | `jwt.rs` | signed statements |
//! | `plain.rs` | texts with settings put in, without jq |

mod app;
pub(super) mod jwt;
pub(super) mod oauth2;
mod plain;
pub(super) mod sigv4;

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

use crate::secret::Secret;

use super::{
    description::{Description, KeyHeader},
    failure::{Failure, FailureReason},
};

pub use app::App;
pub(super) use app::Ready as ReadyApp;
pub use oauth2::Oauth2;
pub(super) use plain::Plain;
pub use sigv4::Sigv4;

/// The key of a kind of credentials that is wrong, and what was expected of it.
type Wrong = (&'static str, String);

/// The kinds of credentials; a connector names those that its upstream takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// No credentials.
    None,
    /// User and password with every request.
    Basic,
    /// A token with every request.
    Bearer,
    /// A key in a header of the upstream's own.
    ApiKey,
    /// User and password once, for a token.
    Login,
    /// A token of an authorisation server.
    Oauth2,
    /// A token for an app that shows a signed statement.
    App,
    /// A signature of each request.
    Sigv4,
}

/// Credentials, as a source's `auth:` gives them: `none`, `{bearer: "..."}`, `{api_key: "..."}`, `{basic: {user, password}}`,
/// `{login: {user, password}}`, `{oauth2: {...}}`, `{app: {...}}`, `{sigv4: {...}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// No credentials.
    #[default]
    None,
    /// User and password with every request.
    Basic(Login),
    /// A token with every request.
    Bearer(Secret),
    /// A key in the header that the connector names.
    ApiKey(Secret),
    /// User and password once, for a token; again when the token is no longer accepted.
    Login(Login),
    /// A token of an authorisation server, fetched anew before it expires.
    Oauth2(Box<Oauth2>),
    /// An app's key, with which a token is fetched, anew before it expires.
    App(Box<App>),
    /// Keys with which each request is signed.
    Sigv4(Box<Sigv4>),
    /// A token in the place of one that would have to be fetched, where an upstream is played. Nobody can write it.
    #[serde(skip)]
    Played(AuthKind, Secret),
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// What credentials come to.
#[derive(Debug)]
pub(super) enum Ready {
    /// A header, or none.
    Header,
    Login(Login),
    Oauth2(Box<oauth2::Ready>),
    App(Box<ReadyApp>),
    Sigv4(Box<sigv4::Ready>),
}

impl AuthKind {
    /// The word in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Login => "login",
            Self::Oauth2 => "oauth2",
            Self::App => "app",
            Self::Sigv4 => "sigv4",
        }
    }
}

impl Auth {
    /// Credentials of this kind, for which nobody has to be asked.
    pub(super) fn of(kind: AuthKind, user: &str, secret: &str) -> Self {
        let login = || Login { user: user.to_owned(), password: Secret::new(secret) };
        match kind {
            AuthKind::None => Self::None,
            AuthKind::Basic => Self::Basic(login()),
            AuthKind::Bearer => Self::Bearer(Secret::new(secret)),
            AuthKind::ApiKey => Self::ApiKey(Secret::new(secret)),
            AuthKind::Login => Self::Login(login()),
            AuthKind::Oauth2 | AuthKind::App => Self::Played(kind, Secret::new(secret)),
            AuthKind::Sigv4 => Self::Sigv4(Box::new(Sigv4::given("played", user, secret))),
        }
    }

    /// The same where a recorded case is played: whoever would give a token or keys is not there.
    pub(super) fn played(&self) -> Self {
        match self {
            Self::Oauth2(_) | Self::App(_) | Self::Sigv4(_) => Self::of(self.kind(), "played", "played"),
            others => others.clone(),
        }
    }

    /// Which kind these are.
    pub fn kind(&self) -> AuthKind {
        match self {
            Self::None => AuthKind::None,
            Self::Basic(_) => AuthKind::Basic,
            Self::Bearer(_) => AuthKind::Bearer,
            Self::ApiKey(_) => AuthKind::ApiKey,
            Self::Login(_) => AuthKind::Login,
            Self::Oauth2(_) => AuthKind::Oauth2,
            Self::App(_) => AuthKind::App,
            Self::Sigv4(_) => AuthKind::Sigv4,
            Self::Played(kind, _) => *kind,
        }
    }

    /// The files that it names, whose change is a change of it.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let oauth2 = if let Self::Oauth2(oauth2) = self { Some(oauth2.files()) } else { None };
        let app = if let Self::App(app) = self { Some(app.key_file.as_path()) } else { None };
        oauth2.into_iter().flatten().chain(app)
    }

    /// The private key that it names.
    pub fn key_file(&self) -> Option<&Path> {
        match self {
            Self::Oauth2(oauth2) => oauth2.key_file.as_deref(),
            Self::App(app) => Some(&app.key_file),
            _ => None,
        }
    }

    /// The file that it keeps up to date.
    pub fn kept_file(&self) -> Option<&Path> {
        if let Self::Oauth2(oauth2) = self { oauth2.refresh_token_file.as_deref() } else { None }
    }

    /// The paths that it names, with the keys under which they stand.
    pub fn paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Self::Oauth2(oauth2) => oauth2.paths().collect(),
            Self::App(app) => vec![("key_file", &mut app.key_file)],
            Self::Sigv4(sigv4) => sigv4.paths().collect(),
            _ => Vec::new(),
        }
    }

    /// The key below its kind that is wrong, and what was expected of it; what can be told without asking anybody.
    pub fn mistake(&self, connector: &Description, base: &Url, settings: &Map<String, Json>) -> Option<(&'static str, String)> {
        self.ready(connector, base, settings).err()
    }

    /// What it comes to with what its connector says, where somebody has to be asked, or requests are signed.
    pub(super) fn ready(&self, connector: &Description, base: &Url, settings: &Map<String, Json>) -> Result<Ready, Wrong> {
        let undescribed = || ("", format!("another kind, the connector {} does not describe this one", connector.name));
        Ok(match self {
            Self::Login(login) => Ready::Login(login.clone()),
            Self::Oauth2(oauth2) => Ready::Oauth2(Box::new(oauth2.ready(connector.oauth2.as_ref(), base, settings)?)),
            Self::App(app) => Ready::App(Box::new(app.ready(connector.app.as_ref().ok_or_else(undescribed)?, base, settings)?)),
            Self::Sigv4(sigv4) => {
                let described = connector.sigv4.as_ref().ok_or_else(undescribed)?;
                Ready::Sigv4(Box::new(sigv4.ready(described, settings, &|name| std::env::var(name).ok())?))
            }
            Self::None | Self::Basic(_) | Self::Bearer(_) | Self::ApiKey(_) | Self::Played(..) => Ready::Header,
        })
    }

    /// The header that goes with every request. `None` for no credentials, and for those that have to be fetched or made.
    pub(super) fn header(&self, key: Option<&KeyHeader>) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let (name, value) = match self {
            Self::None | Self::Login(_) | Self::Oauth2(_) | Self::App(_) | Self::Sigv4(_) => return Ok(None),
            Self::Basic(login) => (AUTHORIZATION, format!("Basic {}", BASE64.encode(format!("{}:{}", login.user, login.password.expose())))),
            Self::Bearer(token) | Self::Played(_, token) => return bearer(token).map(Some),
            Self::ApiKey(secret) => {
                let key = key.ok_or_else(|| Failure::new(FailureReason::Configuration, "auth: the connector does not say where an API key goes"))?;
                (key.name.clone(), format!("{}{}", key.prefix, secret.expose()))
            }
        };
        sensitive(&value).map(|value| Some((name, value)))
    }
}

/// `Authorization: Bearer`.
pub(super) fn bearer(token: &Secret) -> Result<(HeaderName, HeaderValue), Failure> {
    Ok((AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose()))?))
}

/// A text that may be written as a number: ids are.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a number")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// The same where it may be missing.
fn optional_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    word(deserializer).map(Some)
}

pub(super) fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let unfit = || {
        Failure::new(FailureReason::Configuration, "auth: the credentials hold a character that can't be sent in a header; look for a line break at their end")
    };
    let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_reads_as_written() {
        use crate::document::{Document, Mistakes};
        #[derive(Debug, Deserialize)]
        struct Holder {
            auth: Auth,
        }
        let read = |text: &str| {
            let mut mistakes = Mistakes::default();
            let holder = Document::parse("f.yaml", text, &mut mistakes).and_then(|document| document.read::<Holder>(&mut mistakes));
            holder.map(|holder| holder.auth).ok_or_else(|| mistakes.to_string())
        };
        assert_eq!(read("auth: none").unwrap(), Auth::None);
        assert_eq!(read("auth: {bearer: t}").unwrap(), Auth::Bearer(Secret::new("t")));
        assert_eq!(read("auth: {api_key: k}").unwrap().kind(), AuthKind::ApiKey);
        assert_eq!(read("auth: {login: {user: a, password: b}}").unwrap(), Auth::Login(Login { user: "a".into(), password: Secret::new("b") }));
        let mistake = read("auth: {basic: {user: a}}").unwrap_err();
        assert!(mistake.starts_with("f.yaml:1: auth.basic.password: nothing; expected a value, it is required"), "{mistake}");
        assert!(!read("auth: {token: hush}").unwrap_err().contains("hush"));
    }

    #[test]
    fn a_header_never_shows_and_bad_credentials_are_named() {
        let (_, value) = Auth::Bearer(Secret::new("hush")).header(None).unwrap().unwrap();
        assert!(!format!("{value:?}").contains("hush"));
        let failure = Auth::Bearer(Secret::new("hush\n")).header(None).unwrap_err();
        assert!(failure.message.contains("line break") && !format!("{failure:?}").contains("hush"));
    }
}
