//! Signed statements: JSON Web Tokens in their compact form (RFC 7519).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use serde_json::{Map, Value as Json, json};

use crate::{
    connector::failure::{Failure, FailureReason},
    keys::jws::TokenKey,
    secret::Secret,
};

/// A statement counts from so many seconds before now on: the other side's clock may be behind.
pub const BACKDATED: i64 = 60;

/// How long a statement counts from its beginning on, in seconds, where nothing says otherwise. It is shown once, at once.
pub const LIFETIME: i64 = 360;

/// What a statement says.
#[derive(Debug, Default, Clone)]
pub struct Claims<'c> {
    /// Who says it.
    pub issuer: &'c str,
    /// Of whom.
    pub subject: Option<&'c str>,
    /// To whom.
    pub audience: Option<&'c str>,
    /// For what.
    pub scope: Option<&'c str>,
    /// How long it counts from its beginning on, in seconds.
    pub lifetime: i64,
}

/// What the header says of the key.
#[derive(Debug, Default, Clone, Copy)]
pub struct Header<'h> {
    /// The key's name.
    pub key_id: Option<&'h str>,
    /// The SHA-256 of its certificate.
    pub thumbprint: Option<&'h str>,
}

/// The statement, signed, as of `now` (epoch seconds).
pub fn compact(key: &TokenKey, header: Header<'_>, claims: &Claims<'_>, now: i64) -> Result<Secret, Failure> {
    let from = now - BACKDATED;
    let mut head = Map::new();
    let mut body = Map::new();
    for (name, value) in [
        ("alg", Some(Json::from(key.algorithm.as_str()))),
        ("typ", Some(json!("JWT"))),
        ("kid", header.key_id.or(key.id.as_deref()).map(Json::from)),
        ("x5t#S256", header.thumbprint.map(Json::from)),
    ] {
        head.extend(value.map(|value| (name.to_owned(), value)));
    }
    for (name, value) in [
        ("iss", Some(Json::from(claims.issuer))),
        ("sub", claims.subject.map(Json::from)),
        ("aud", claims.audience.map(Json::from)),
        ("scope", claims.scope.map(Json::from)),
        ("iat", Some(json!(from))),
        ("exp", Some(json!(from + claims.lifetime))),
        // No two are the same: who has seen one takes it for a copy.
        ("jti", Some(json!(format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))))),
    ] {
        body.extend(value.map(|value| (name.to_owned(), value)));
    }
    let signed = format!("{}.{}", encoded(&Json::Object(head)), encoded(&Json::Object(body)));
    let signature = key.sign(signed.as_bytes()).map_err(|expected| Failure::new(FailureReason::Configuration, format!("auth: expected {expected}")))?;
    Ok(Secret::new(format!("{signed}.{}", BASE64_URL.encode(signature))))
}

fn encoded(json: &Json) -> String {
    BASE64_URL.encode(json.to_string())
}
