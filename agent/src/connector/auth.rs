//! Credentials: the kinds there are, as the configuration writes them, and as headers.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

use super::{
    description::KeyHeader,
    failure::{Failure, FailureReason},
};

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
}

/// Credentials, as a source's `auth:` gives them: `none`, `{bearer: "..."}`, `{api_key: "..."}`, `{basic: {user, password}}`,
/// `{login: {user, password}}`.
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
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
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
        }
    }
}

impl Auth {
    /// Credentials of this kind.
    pub(super) fn of(kind: AuthKind, user: &str, secret: &str) -> Self {
        let login = || Login { user: user.to_owned(), password: Secret::new(secret) };
        match kind {
            AuthKind::None => Self::None,
            AuthKind::Basic => Self::Basic(login()),
            AuthKind::Bearer => Self::Bearer(Secret::new(secret)),
            AuthKind::ApiKey => Self::ApiKey(Secret::new(secret)),
            AuthKind::Login => Self::Login(login()),
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
        }
    }

    /// The header that goes with every request. `None` for no credentials, and for a login: its token comes later.
    pub(super) fn header(&self, key: Option<&KeyHeader>) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let (name, value) = match self {
            Self::None | Self::Login(_) => return Ok(None),
            Self::Basic(login) => (AUTHORIZATION, format!("Basic {}", BASE64.encode(format!("{}:{}", login.user, login.password.expose())))),
            Self::Bearer(token) => return bearer(token).map(Some),
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

fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
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
