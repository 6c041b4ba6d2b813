//! Which content coding a client gets, from `Accept-Encoding` (RFC 9110, section 12.5.3).

use axum::http::{HeaderMap, header};

/// The codings a page is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

/// The coding to answer with; none if the client refuses both. Gzip is taken whenever it is wanted as much as
/// the plain text.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Coding> {
    let mut wanted = Wanted::default();
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        wanted.note(entry);
    }
    let gzip = wanted.gzip.or(wanted.any).unwrap_or(0);
    // The plain text is acceptable unless refused by name or with everything else that is not named.
    let identity_refused = wanted.identity.or(wanted.any) == Some(0);
    if gzip > 0 && gzip >= wanted.identity.unwrap_or(0) { Some(Coding::Gzip) } else { (!identity_refused).then_some(Coding::Identity) }
}

/// Weights in thousandths, where given.
#[derive(Default)]
struct Wanted {
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Wanted {
    fn note(&mut self, entry: &str) {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let coding = coding.trim();
        let slot = if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            &mut self.gzip
        } else if coding.eq_ignore_ascii_case("identity") {
            &mut self.identity
        } else if coding == "*" {
            &mut self.any
        } else {
            return;
        };
        *slot = Some(weight(parameters));
    }
}

/// `q=0.5` as 500. No parameter means 1; one that cannot be read counts as a refusal, because what the client
/// meant by it is not known and the other coding is always there.
fn weight(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1000;
    }
    let Some((name, value)) = parameters.split_once('=') else {
        return 0;
    };
    if !name.trim().eq_ignore_ascii_case("q") {
        return 0;
    }
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits => format!("{decimals:0<3}").parse().unwrap_or(0),
        "1" if digits && decimals.bytes().all(|byte| byte == b'0') => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_client_decides() {
        for (header, expected) in [
            ("", Some(Coding::Identity)),
            ("gzip", Some(Coding::Gzip)),
            ("GZIP", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("deflate, gzip;q=0.5 , br", Some(Coding::Gzip)),
            ("gzip;q=0", Some(Coding::Identity)),
            ("gzip;q=0.000", Some(Coding::Identity)),
            ("gzip;q=0.001", Some(Coding::Gzip)),
            ("gzip; q=1.0", Some(Coding::Gzip)),
            ("gzip;Q=0", Some(Coding::Identity)),
            ("gzip;q=nonsense", Some(Coding::Identity)),
            ("gzip;level=9", Some(Coding::Identity)),
            ("*", Some(Coding::Gzip)),
            ("*;q=0", None),
            ("gzip;q=0, *", Some(Coding::Identity)),
            ("identity", Some(Coding::Identity)),
            ("identity;q=0", None),
            ("identity;q=0, gzip", Some(Coding::Gzip)),
            ("identity;q=0, gzip;q=0", None),
            ("identity;q=0, *", Some(Coding::Gzip)),
            ("gzip;q=0.5, identity;q=0.8", Some(Coding::Identity)),
            ("gzip;q=0.5, identity;q=0.5", Some(Coding::Gzip)),
            ("*;q=0, identity", Some(Coding::Identity)),
            ("br", Some(Coding::Identity)),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(negotiate(&headers), expected, "{header:?}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(negotiate(&headers), Some(Coding::Identity));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("identity;q=0"));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(negotiate(&headers), Some(Coding::Gzip));
    }
}
