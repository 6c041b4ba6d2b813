//! Times in recorded answers, relative to now, so that they stay fresh: `{{ now-3d }}`. Pure.
//!
//! `{{ now }}`, `{{ now-3d }}`, `{{ now+2h }}` become RFC 3339; with a word behind it `{{ now-3d date }}` a day, `{{ now-3d s }}` epoch seconds
//! and `{{ now-3d ms }}` epoch milliseconds: numbers, when the text holds nothing else.

use chrono::DateTime;
use serde_json::Value as Json;

/// Puts times into every text of `json`.
///
/// # Errors
/// A placeholder that can't be read.
pub(super) fn resolve(json: &Json, now: i64) -> Result<Json, String> {
    Ok(match json {
        Json::String(text) if text.contains("{{") => resolve_text(text, now)?,
        Json::Array(items) => Json::Array(items.iter().map(|item| resolve(item, now)).collect::<Result<_, _>>()?),
        Json::Object(entries) => Json::Object(entries.iter().map(|(key, value)| Ok((key.clone(), resolve(value, now)?))).collect::<Result<_, String>>()?),
        other => other.clone(),
    })
}

/// Puts times into a text, such as a file of the quickstart.
///
/// # Errors
/// A placeholder that can't be read.
pub fn in_text(text: &str, now: i64) -> Result<String, String> {
    Ok(match resolve_text(text, now)? {
        Json::String(text) => text,
        other => other.to_string(),
    })
}

fn resolve_text(text: &str, now: i64) -> Result<Json, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").ok_or_else(|| format!("{text:?}: a closing `}}}}` is missing"))?;
        let value = value(inside.trim(), now).ok_or_else(|| format!("{inside:?}: expected a time such as now-3d, now-3d ms or now+2h date"))?;
        if before.is_empty() && after.is_empty() && out.is_empty() {
            return Ok(value);
        }
        out.push_str(before);
        out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    out.push_str(rest);
    Ok(Json::String(out))
}

fn value(inside: &str, now: i64) -> Option<Json> {
    let (expression, form) = inside.split_once(' ').unwrap_or((inside, ""));
    let offset = expression.strip_prefix("now")?;
    let moment = if offset.is_empty() { now } else { now + seconds(offset)? };
    let date = DateTime::from_timestamp(moment, 0)?;
    Some(match form.trim() {
        "" => Json::String(date.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        "date" => Json::String(date.format("%Y-%m-%d").to_string()),
        "s" => Json::from(moment),
        "ms" => Json::from(moment * 1000),
        _ => return None,
    })
}

fn seconds(offset: &str) -> Option<i64> {
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let (number, unit) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(sign * i64::from(number.parse::<u32>().ok()?) * unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_move_with_now() {
        let body = json!({"a": "{{ now }}", "b": ["{{ now-1d ms }}", "{{now+2h s}}"], "c": "due {{ now-1d date }}!", "d": "{{ now-90s }}", "e": 1});
        let expected = json!({"a": "1970-01-03T00:00:00Z", "b": [86_400_000, 180_000], "c": "due 1970-01-02!", "d": "1970-01-02T23:58:30Z", "e": 1});
        assert_eq!(resolve(&body, 172_800), Ok(expected));
        for text in ["{{ yesterday }}", "{{ now-3x }}", "{{ now", "{{ now-3d fortnight }}", "{{ now- }}"] {
            assert!(resolve(&json!(text), 0).is_err(), "{text}");
        }
    }
}
