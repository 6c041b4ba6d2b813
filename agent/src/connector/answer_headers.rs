//! The headers of an answer, as expressions know them: `$headers`, an object by name in lower case.
//!
//! Expressions ask for headers by their names, so it is known beforehand which these are. No others leave the agent, and a poll that finds all
//! answers as they were need not be mapped again because of a date or a number of a request. Pure.

use reqwest::header::HeaderMap;

use super::expression::{self, Val};

/// The variable.
const VARIABLE: &str = "$headers";

/// Headers that hold secrets, or what is as good as one.
const SECRET: &[&str] = &[
    "authentication-info",
    "authorization",
    "cookie",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-auth-token",
    "x-csrf-token",
    "x-subject-token",
    "x-xsrf-token",
];

/// The headers that an expression asks for.
///
/// # Errors
/// What was expected instead: a name that can be known, in lower case, of a header that is no secret.
pub(super) fn named(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for (start, _) in text.match_indices(VARIABLE) {
        let after = &text[start + VARIABLE.len()..];
        if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(name) = name(after) else { return Err("a header by its name in lower case: `$headers[\"x-total\"]`".to_owned()) };
        if SECRET.contains(&name) {
            return Err(format!("another header: `{name}` may hold a secret"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The name in `["x-total"]`, `."x-total"` or `.link`.
fn name(after: &str) -> Option<&str> {
    let quoted = ["[\"", ".\""].iter().find_map(|start| after.strip_prefix(start));
    let name = match quoted {
        Some(quoted) => quoted.split_once('"')?.0,
        None => after.strip_prefix('.')?.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?,
    };
    let is_one = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (!name.is_empty() && name.chars().all(is_one)).then_some(name)
}

/// Those of an answer's headers that are asked for, each once, several values joined by `, `.
pub(super) fn of(headers: &HeaderMap, wanted: &[String]) -> Vec<(String, String)> {
    let value = |name: &String| {
        let values: Vec<_> = headers.get_all(name.as_str()).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| (name.clone(), values.join(", ")))
    };
    wanted.iter().filter_map(value).collect()
}

/// They as a value.
pub(super) fn object(headers: &[(String, String)]) -> Val {
    expression::object(headers.iter().map(|(name, value)| (name.clone(), expression::text(value.as_str()))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_asked_for_by_name() {
        for (text, expected) in [
            (".items[]", Ok(vec![])),
            ("$headers[\"x-total\"] | tonumber", Ok(vec!["x-total"])),
            ("$headers.link // $headers.\"x-next_2\"", Ok(vec!["link", "x-next_2"])),
            ("$headers_of_ours", Ok(vec![])),
            ("$headers | keys", Err("a header by its name")),
            ("$headers[.name]", Err("a header by its name")),
            ("$headers[\"X-Total\"]", Err("a header by its name in lower case")),
            ("$headers[\"x-\\(.a)\"]", Err("a header by its name")),
            ("$headers[\"\"]", Err("a header by its name")),
            ("$headers[\"set-cookie\"]", Err("another header: `set-cookie` may hold a secret")),
            ("$headers.authorization", Err("another header")),
        ] {
            match (named(text), expected) {
                (Ok(names), Ok(expected)) => assert_eq!(names, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{text}: {error}"),
                (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn only_what_is_asked_for_is_taken_and_values_are_joined() {
        let headers: HeaderMap =
            [("x-total", "2"), ("vary", "a"), ("vary", "b"), ("set-cookie", "hush")].iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(*name, value.parse().unwrap());
                headers
            });
        let taken = of(&headers, &["vary".to_owned(), "x-total".to_owned(), "none".to_owned()]);
        assert_eq!(expression::to_json(&object(&taken)), json!({"vary": "a, b", "x-total": "2"}));
    }
}
