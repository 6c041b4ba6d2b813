//! What a store's refusal or silence means: which server, what to check. Nothing of what a server wrote is repeated but its error code, and no
//! secret of ours.

use std::error::Error as _;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::address::Kind;
use super::connect::Store;

/// Whether an object is not there; the bucket as a whole may be missing, too.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
}

/// Whether a server answered at all.
pub fn is_answer(error: &Error) -> bool {
    status(&error.to_string()).is_some()
}

/// The problem in words.
pub fn explain(error: &Error, store: &Store) -> String {
    let text = error.to_string();
    let code = code(&text).map_or_else(String::new, |code| format!(" {code}"));
    let endpoint = &store.endpoint;
    let checks = Checks::of(store.kind);
    if is_about_metadata(&text) {
        return format!("no credentials: none are in the environment, and this machine's metadata service gives none; {}", checks.credentials);
    }
    if text.contains("incorrectly configured region") || code.contains("AuthorizationHeaderMalformed") {
        return format!("{endpoint} says that the bucket is in another region; {}", checks.endpoint);
    }
    match (transport(error), status(&text)) {
        (Some(HttpErrorKind::Connect | HttpErrorKind::Request), _) => {
            format!("no connection to {endpoint} ({}); check {}, the network and a proxy", innermost(error), checks.endpoint_variable)
        }
        (Some(HttpErrorKind::Timeout), _) => format!("no answer from {endpoint} in time; check {}, the network and a proxy", checks.endpoint_variable),
        (Some(_), _) => format!("the connection to {endpoint} broke ({})", innermost(error)),
        (None, Some(404)) if code.contains("Bucket") || code.contains("Container") => format!("there is no such {} at {endpoint}", checks.bucket),
        (None, Some(404)) => "there is no such object".to_owned(),
        (None, Some(status)) if is_refusal(status, &code) => format!("access refused by {endpoint} ({status}{code}); {}", checks.credentials),
        (None, Some(status @ 300..=399)) => format!("{endpoint} redirects ({status}{code}); {}", checks.endpoint),
        (None, Some(status)) => format!("{endpoint} answered with an error ({status}{code})"),
        (None, None) => format!("{endpoint}: {}", innermost(error)),
    }
}

/// What there is to check for a kind of store.
struct Checks {
    bucket: &'static str,
    credentials: &'static str,
    endpoint: &'static str,
    endpoint_variable: &'static str,
}

impl Checks {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::S3 => Checks {
                bucket: "bucket",
                credentials: "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they may list and read here \
                    (AWS_SKIP_SIGNATURE=true for what is open to everyone); profiles in files are not read",
                endpoint: "check AWS_REGION and AWS_ENDPOINT_URL",
                endpoint_variable: "AWS_ENDPOINT_URL",
            },
            Kind::Google => Checks {
                bucket: "bucket",
                credentials: "check GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, and that it may list and read here \
                    (GOOGLE_SKIP_SIGNATURE=true for what is open to everyone)",
                endpoint: "check GOOGLE_BASE_URL",
                endpoint_variable: "GOOGLE_BASE_URL",
            },
            Kind::Azure => Checks {
                bucket: "container",
                credentials: "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_CLIENT_ID, \
                    AZURE_CLIENT_SECRET and AZURE_TENANT_ID, and that they may list and read here (AZURE_SKIP_SIGNATURE=true for what is open to everyone)",
                endpoint: "check AZURE_STORAGE_ENDPOINT",
                endpoint_variable: "AZURE_STORAGE_ENDPOINT",
            },
        }
    }
}

/// The last cause of an error, where it is about the connection; it names no address. Of others only the first line.
pub fn innermost(error: &Error) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// How a request failed that got no answer.
fn transport(error: &Error) -> Option<HttpErrorKind> {
    let mut cause = error.source();
    while let Some(source) = cause {
        if let Some(error) = source.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        cause = source.source();
    }
    None
}

/// Whether an answer is about who asks: by its status, or with codes such as `ExpiredToken`, which S3 gives a status of its own.
fn is_refusal(status: u16, code: &str) -> bool {
    matches!(status, 401 | 403) || code.contains("Token") || code.contains("Credential")
}

/// Whether it was the search for credentials that failed, at the places where clouds keep them for their machines.
fn is_about_metadata(text: &str) -> bool {
    ["169.254.169.254", "169.254.170.2", "metadata.google.internal", "[fd00:ec2::254]"].iter().any(|place| text.contains(place))
}

/// The status of an answer that was no success. The library keeps it in its text only.
fn status(text: &str) -> Option<u16> {
    let after = text.split("status code: ").nth(1)?;
    after.get(..3)?.parse().ok()
}

/// The error code that stores write into their answers, such as `NoSuchBucket`.
fn code(text: &str) -> Option<&str> {
    let after = text.split("<Code>").nth(1)?;
    let code = after.split("</Code>").next()?;
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_their_text() {
        let text = "Server returned non-2xx status code: 403 Forbidden: <?xml?><Error><Code>SignatureDoesNotMatch</Code><StringToSign>x</StringToSign>";
        assert_eq!((status(text), code(text)), (Some(403), Some("SignatureDoesNotMatch")));
        assert_eq!((status("no answer"), code("<Code>a secret, perhaps</Code>")), (None, None));
    }

    #[test]
    fn places_of_credentials_are_known() {
        assert!(is_about_metadata("Error performing PUT http://169.254.169.254/latest/api/token in 5s"));
        assert!(!is_about_metadata("Error performing GET http://169.254.1.1/bucket in 5s"));
    }
}
