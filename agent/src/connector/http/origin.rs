//! Addresses: how a path is put below a source's address, where redirects and links may lead. Pure.

use reqwest::{Method, StatusCode, Url};

use crate::connector::failure::{Failure, FailureReason};

/// A request to an address below `base`, whose own path is a prefix.
pub(in crate::connector) fn below(base: &Url, path: &str, query: &[(String, String)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), path.strip_prefix('/').unwrap_or(path)));
    url.set_query(None);
    url.set_fragment(None);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// Where a redirect leads, and whether credentials may go along.
///
/// # Errors
/// Where it may not lead. `place` is how messages name `from`.
pub(super) fn redirect(
    (from, place): (&Url, &str),
    base: &Url,
    allowed: &[Url],
    status: StatusCode,
    method: &Method,
    location: Option<&str>,
) -> Result<(Url, bool), Failure> {
    let wrong = |message: String| Failure::new(FailureReason::Redirect, message);
    let target = location.and_then(|location| from.join(location).ok());
    let Some(target) = target else { return Err(wrong(format!("{place} redirects ({status}) without a usable address"))) };
    if *method != Method::GET && !matches!(status.as_u16(), 307 | 308) {
        return Err(wrong(format!("{place} redirects ({status}) a POST, which would become a GET; correct the source's `url`")));
    }
    if target.origin() == base.origin() {
        return Ok((target, true));
    }
    let origin = target.origin().ascii_serialization();
    // A body may hold credentials, a login's does.
    if *method != Method::GET {
        return Err(wrong(format!("{place} redirects ({status}) a POST to {origin}, another origin; correct the source's `url`")));
    }
    if allowed.iter().any(|allowed| allowed.origin() == target.origin()) {
        return Ok((target, false));
    }
    Err(wrong(format!("{place} redirects ({status}) to {origin}, another origin; correct the source's `url`, or allow it under `allow_redirects_to`")))
}

/// The address in `Link: <...>; rel="next"`.
pub(super) fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let (target, after) = rest[start + 1..].split_once('>')?;
        // Parameters reach to the next link; a comma may stand inside quotes, a `<` hardly ever does.
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// A next page's address as the upstream gave it, when it stays at the origin.
pub(in crate::connector) fn follow_link((from, place): (&Url, &str), base: &Url, link: &str) -> Result<Url, Failure> {
    let target = from.join(link).map_err(|_| Failure::new(FailureReason::Incomplete, format!("{place}: the next page's address can't be read")))?;
    if target.origin() == base.origin() {
        return Ok(target);
    }
    let origin = target.origin().ascii_serialization();
    Err(Failure::new(FailureReason::Redirect, format!("{place}: the next page is at {origin}, another origin; credentials don't go there")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn paths_go_below_the_prefix() {
        for (base, path, expected) in [
            ("https://a.example", "/api/x", "https://a.example/api/x"),
            ("https://a.example/mlflow/", "/api/x", "https://a.example/mlflow/api/x"),
            ("https://a.example/mlflow?q=1#f", "/m/a%2Fb", "https://a.example/mlflow/m/a%2Fb"),
        ] {
            assert_eq!(below(&url(base), path, &[]).as_str(), expected);
        }
        let query = [("updated_on".to_owned(), ">=2026-01-01T00:00:00+00:00".to_owned())];
        assert_eq!(below(&url("https://a.example"), "/i", &query).query(), Some("updated_on=%3E%3D2026-01-01T00%3A00%3A00%2B00%3A00"));
    }

    #[test]
    fn redirects_keep_to_the_origin() {
        let base = url("https://a.example/p");
        let allowed = [url("https://b.example")];
        let go = |from: &str, status: u16, method: &Method, to: Option<&str>| {
            redirect((&url(from), "x"), &base, &allowed, StatusCode::from_u16(status).unwrap(), method, to)
                .map(|(url, carry)| (url.to_string(), carry))
                .map_err(|f| f.message)
        };
        let from = "https://a.example/p/x?token=hush";
        assert_eq!(go(from, 301, &Method::GET, Some("/y")).unwrap(), ("https://a.example/y".to_owned(), true));
        assert_eq!(go(from, 302, &Method::GET, Some("https://b.example/z")).unwrap(), ("https://b.example/z".to_owned(), false));
        assert_eq!(go("https://b.example/z", 302, &Method::GET, Some("https://a.example/y")).unwrap(), ("https://a.example/y".to_owned(), true));
        assert_eq!(go(from, 307, &Method::POST, Some("/y")).unwrap().0, "https://a.example/y");
        for (status, method, to, message) in [
            (302, Method::GET, Some("https://c.example/login?t=hush"), "to https://c.example, another origin"),
            (302, Method::GET, Some("http://a.example/x"), "to http://a.example, another origin"),
            (302, Method::GET, Some("https://a.example:444/x"), "another origin"),
            (302, Method::POST, Some("/y"), "a POST"),
            (307, Method::POST, Some("https://b.example/z"), "a POST to https://b.example, another origin"),
            (302, Method::GET, None, "without a usable address"),
        ] {
            let error = go(from, status, &method, to).unwrap_err();
            assert!(error.contains(message) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn links_are_found_and_kept_to_the_origin() {
        for (header, expected) in [
            ("<https://a.example/?page=2>; rel=\"next\", <https://a.example/?page=9>; rel=\"last\"", Some("https://a.example/?page=2")),
            ("<https://a.example/?page=1>; rel=\"prev\", <https://a.example/?a=1,2&page=3>; rel=next", Some("https://a.example/?a=1,2&page=3")),
            ("</x>; title=\"a, b\"; rel=\"prev next\"", Some("/x")),
            ("<https://a.example/?page=9>; rel=\"last\"", None),
            ("<broken", None),
            ("", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
        let (from, base) = (url("https://a.example/p/x"), url("https://a.example/p"));
        assert_eq!(follow_link((&from, "x"), &base, "/repositories/1/issues?page=2").unwrap().as_str(), "https://a.example/repositories/1/issues?page=2");
        assert_eq!(follow_link((&from, "x"), &base, "https://b.example/x").unwrap_err().reason, FailureReason::Redirect);
    }
}
