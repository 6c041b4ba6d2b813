//! Who may scrape: HTTP basic and bearer authentication against a fixed set of credentials. Where the credentials come
//! from is the caller's.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{HEALTHY, READY};

/// The credentials that open the door; with none, it stays closed.
///
/// Only digests are kept, so neither `Debug` nor a memory dump shows a secret, and comparing them takes as long for
/// a near miss as for any other.
#[derive(Clone, Default)]
pub struct Auth {
    basic: Vec<Credential>,
    bearer: Vec<Credential>,
}

/// The digest of what follows the scheme in a good `Authorization` header.
type Credential = [u8; 32];

impl Auth {
    /// No credentials.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also admits this user with HTTP basic authentication. A user name with a colon never matches, since HTTP
    /// ends the name there.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.basic.push(digest(&STANDARD.encode(format!("{user}:{password}"))));
        self
    }

    /// Also admits whoever shows this token. An empty token never matches.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer.push(digest(token));
        self
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, shown)) = value.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let shown = shown.trim();
        let credentials = if scheme.eq_ignore_ascii_case("basic") {
            &self.basic
        } else if scheme.eq_ignore_ascii_case("bearer") {
            &self.bearer
        } else {
            return false;
        };
        let shown_digest = digest(shown);
        // All of them are compared, whichever matches.
        let matched = credentials.iter().fold(Choice::from(0), |found, good| found | good.ct_eq(&shown_digest));
        bool::from(matched) && !shown.is_empty()
    }

    fn challenge(&self) -> Response {
        let mut response = super::plain(StatusCode::UNAUTHORIZED, "credentials are missing or wrong\n");
        let challenges = [
            (!self.bearer.is_empty(), HeaderValue::from_static("Bearer realm=\"exporter\"")),
            // Also where there are no credentials at all: a 401 must name a scheme.
            (!self.basic.is_empty() || self.bearer.is_empty(), HeaderValue::from_static("Basic realm=\"exporter\", charset=\"UTF-8\"")),
        ];
        for (_, challenge) in challenges.into_iter().filter(|(offered, _)| *offered) {
            response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auth({} users, {} tokens)", self.basic.len(), self.bearer.len())
    }
}

/// Who may look, and who may do more.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    /// `None`: everybody.
    pub(super) readers: Option<Auth>,
    /// They may look, too. `None`: whoever may look.
    pub(super) operators: Option<Auth>,
}

/// Lets a request through if it may pass; supervisors may always ask for health and readiness.
pub(super) async fn require(State(roles): State<Roles>, request: Request, next: Next) -> Response {
    let open = [HEALTHY, READY].contains(&request.uri().path());
    let looks = [Method::GET, Method::HEAD].contains(request.method());
    let headers = request.headers();
    let admits = |auth: &Option<Auth>| auth.as_ref().is_some_and(|auth| auth.admits(headers));
    let (is_reader, is_operator) = (admits(&roles.readers), admits(&roles.operators));
    match (&roles.readers, &roles.operators) {
        _ if open || is_operator => next.run(request).await,
        (None, _) if looks => next.run(request).await,
        (Some(_), None) if is_reader => next.run(request).await,
        (Some(_), Some(_)) if is_reader && looks => next.run(request).await,
        (Some(_), Some(_)) if is_reader => super::plain(StatusCode::FORBIDDEN, "these credentials may look, and nothing else\n"),
        (Some(readers), _) if looks => readers.challenge(),
        (_, Some(operators)) => operators.challenge(),
        (Some(readers), None) => readers.challenge(),
        (None, None) => next.run(request).await,
    }
}

fn digest(text: &str) -> Credential {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_credentials_are_admitted() {
        let auth = Auth::new().basic("user", "pass:word").basic("other", "").bearer("token").bearer("");
        for (header, expected) in [
            ("Basic dXNlcjpwYXNzOndvcmQ=", true),
            ("basic dXNlcjpwYXNzOndvcmQ=", true),
            ("Basic  dXNlcjpwYXNzOndvcmQ= ", true),
            ("Basic b3RoZXI6", true),
            ("Basic dXNlcjpwYXNz", false),
            ("Basic dXNlcjpwYXNzOndvcmQ", false),
            ("Bearer token", true),
            ("BEARER token", true),
            ("Bearer Token", false),
            ("Bearer toke", false),
            ("Bearer tokens", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic token", false),
            ("Bearer dXNlcjpwYXNzOndvcmQ=", false),
            ("Digest token", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(header))]);
            assert_eq!(auth.admits(&headers), expected, "{header:?}");
        }
        assert!(!auth.admits(&HeaderMap::new()), "no header");
        assert!(!Auth::new().admits(&HeaderMap::new()), "no credentials");
    }

    #[test]
    fn the_challenge_names_what_is_accepted() {
        for (name, auth, expected) in [
            ("basic", Auth::new().basic("u", "p"), vec!["Basic"]),
            ("bearer", Auth::new().bearer("t"), vec!["Bearer"]),
            ("both", Auth::new().basic("u", "p").bearer("t"), vec!["Bearer", "Basic"]),
            ("neither", Auth::new(), vec!["Basic"]),
        ] {
            let response = auth.challenge();
            let schemes: Vec<&str> =
                response.headers().get_all(header::WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap().split(' ').next().unwrap()).collect();
            assert_eq!(schemes, expected, "{name}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Auth::new().basic("user", "password").bearer("token"));
        assert_eq!(shown, "Auth(1 users, 1 tokens)");
    }
}
