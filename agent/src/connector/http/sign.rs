//! Signing requests: the one place that knows the crate which does it (Signature Version 4).

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign},
    sign::v4::SigningParams,
};
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use crate::connector::{
    auth::{
        sensitive,
        sigv4::{Keys, Scope},
    },
    failure::{Failure, FailureReason},
};

/// The service whose paths are signed as they are, and whose requests name the digest of their body.
const STORE: &str = "s3";

/// The headers that sign a request, as of `now` (epoch seconds). Signed are the host, the content type and whatever is the scheme's own; what proxies
/// change is not.
pub(super) fn headers(
    (keys, scope): (&Keys, &Scope),
    method: &Method,
    url: &Url,
    sent: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let unfit = || Failure::new(FailureReason::Configuration, "auth: this request can't be signed");
    let session = keys.session.as_ref().map(|session| session.expose().to_owned());
    let identity = Credentials::new(keys.id.as_str(), keys.secret.expose(), session, None, "clause9").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap_or(0)))
        .settings(settings(scope))
        .build()
        .map_err(|_| unfit())?;
    let is_signed = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
    let signed: Option<Vec<_>> = sent.iter().filter(|(name, _)| is_signed(name)).map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let request = SignableRequest::new(method.as_str(), url.as_str(), signed.ok_or_else(unfit)?.into_iter(), SignableBody::Bytes(body)).map_err(|_| unfit())?;
    let (instructions, _) = sign(request, &params.into()).map_err(|_| unfit())?.into_parts();
    instructions.headers().map(|(name, value)| Ok((HeaderName::try_from(name).map_err(|_| unfit())?, sensitive(value)?))).collect()
}

fn settings(scope: &Scope) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if scope.service == STORE {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// The address as it is signed: a space in a query is `%20` and never `+`, which not every server takes for a space.
pub(super) fn address(mut url: Url) -> Url {
    if let Some(query) = url.query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        url.set_query(Some(&query));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{auth::sigv4::Keys, http::origin};

    /// 2015-08-30T12:36:00Z, the moment of the published vectors.
    const THEN: i64 = 1_440_938_160;

    const HOST: &str = "https://example.amazonaws.com";

    fn signature(method: &Method, url: &str, service: &str, session: Option<&str>) -> (String, Vec<String>) {
        let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", session).unwrap();
        let scope = Scope { service: service.to_owned(), region: "us-east-1".to_owned() };
        let url = address(Url::parse(url).unwrap());
        let headers = headers((&keys, &scope), method, &url, &HeaderMap::new(), &[], THEN).unwrap();
        let shown = format!("{headers:?}");
        assert!(!shown.contains("Signature=") && session.is_none_or(|session| !shown.contains(session)), "{shown}");
        let authorization = headers.iter().find(|(name, _)| name == "authorization").unwrap().1.to_str().unwrap().to_owned();
        (authorization, headers.iter().map(|(name, _)| name.to_string()).collect())
    }

    /// Names, requests and signatures of the scheme's published test suite, as far as it is about what is sent here.
    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        let all = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (name, method, path, expected) in [
            ("get-vanilla", Method::GET, "/".to_owned(), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "get-vanilla-query-order-key-case",
                Method::GET,
                "/?Param2=value2&Param1=value1".into(),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("get-vanilla-query-unreserved", Method::GET, format!("/?{all}={all}"), "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
            ("get-vanilla-utf8-query", Method::GET, "/?ሴ=bar".into(), "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
            ("get-unreserved", Method::GET, format!("/{all}"), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
            ("get-slashes-normalized", Method::GET, "//example//".into(), "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
            ("get-relative-normalized", Method::GET, "/example/..".into(), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("post-vanilla", Method::POST, "/".into(), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            ("post-vanilla-query", Method::POST, "/?Param1=value1".into(), "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
        ] {
            let (authorization, _) = signature(&method, &format!("{HOST}{path}"), "service", None);
            let whole = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=";
            assert_eq!(authorization, format!("{whole}{expected}"), "{name}");
        }
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let (authorization, names) = signature(&Method::GET, HOST, "service", Some(token));
        assert!(authorization.ends_with("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"), "get-vanilla-with-session-token");
        assert!(names.contains(&"x-amz-security-token".to_owned()) && !names.contains(&"x-amz-content-sha256".to_owned()), "{names:?}");
        assert!(signature(&Method::GET, HOST, STORE, None).1.contains(&"x-amz-content-sha256".to_owned()));
    }

    #[test]
    fn a_space_is_signed_as_it_is_sent() {
        let url = origin::below(&Url::parse(HOST).unwrap(), "/a", &[("q".to_owned(), "a b+c".to_owned())]);
        assert_eq!((url.query(), address(url.clone()).query()), (Some("q=a+b%2Bc"), Some("q=a%20b%2Bc")));
    }

    #[test]
    fn what_is_said_of_the_body_is_signed() {
        let keys = Keys::new("id", "key", None).unwrap();
        let scope = Scope { service: "service".to_owned(), region: "eu-1".to_owned() };
        let of = |pairs: &[(&'static str, &'static str)], body: &[u8]| {
            let sent = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
            let headers = headers((&keys, &scope), &Method::POST, &Url::parse(HOST).unwrap(), &sent, body, THEN).unwrap();
            headers.iter().find(|(name, _)| name == "authorization").unwrap().1.to_str().unwrap().to_owned()
        };
        let sent = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "A.B"), ("accept", "*/*")];
        assert!(of(&sent, b"{}").contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"));
        assert_ne!(of(&sent, b"{}"), of(&sent, b"{ }"));
    }
}
