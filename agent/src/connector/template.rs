//! Texts with values put in: `"{{ row.run_id }}"`. Between the braces stands a jq expression in which variables need no `$`.
//!
//! What becomes of a value depends on the place. In a path it is percent-encoded as one segment, but for a setting that the path begins with; in a query a null leaves the whole
//! parameter out; in JSON a text that is nothing but one expression keeps the value's type.

use serde_json::Value as Json;

use super::expression::{self, Expression, RunError, Scope, Val, Words};

/// A text with expressions in it.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Value(Expression),
    /// A variable of the connector's own, or a setting at the beginning, put into a path as it stands.
    Verbatim(Expression),
}

/// JSON with templates in its texts.
#[derive(Debug)]
pub(super) enum JsonTemplate {
    Literal(Json),
    Text(Template),
    List(Vec<JsonTemplate>),
    Map(Vec<(String, JsonTemplate)>),
}

/// A piece of a text with braces: what stands as it is, or what stands between them.
pub(super) enum Piece<'t> {
    Literal(&'t str),
    Inside(&'t str),
}

/// The pieces of a text, in their order, none of the literal ones empty.
///
/// # Errors
/// When braces are not closed: what was expected.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, after)) = after.split_once("}}") else { return Err("a closing `}}`".to_owned()) };
        if !before.is_empty() {
            pieces.push(Piece::Literal(before));
        }
        pieces.push(Piece::Inside(inside.trim()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Ok(pieces)
}

impl Template {
    /// Parses a text whose expressions may say `words`.
    pub(super) fn parse(text: &str, words: &Words<'_>) -> Result<Self, String> {
        let part = |(position, piece): (usize, Piece<'_>)| match piece {
            Piece::Literal(literal) => Ok(Part::Literal(literal.to_owned())),
            Piece::Inside(inside) => {
                let expression = Expression::compile_bare(inside, words).map_err(|error| format!("a value in {{{{ }}}}: {}", error.message))?;
                let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
                // A setting that a path begins with is one, and no segment of it.
                let own = ["vars.", "settings."].iter().take(if position == 0 { 2 } else { 1 });
                let own = own.filter_map(|variable| inside.strip_prefix(variable)).any(is_name);
                Ok(if own { Part::Verbatim(expression) } else { Part::Value(expression) })
            }
        };
        Ok(Self { parts: pieces(text)?.into_iter().enumerate().map(part).collect::<Result<_, String>>()? })
    }

    /// Whether there is nothing to put in.
    pub(super) fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// The text. `None` when a value in it is null.
    pub(super) fn text(&self, scope: &Scope) -> Result<Option<String>, RunError> {
        self.join(scope, Ok)
    }

    /// The value: that of the only expression, otherwise the text; null when a value in it is null.
    pub(super) fn value(&self, scope: &Scope) -> Result<Val, RunError> {
        match self.parts.as_slice() {
            [Part::Value(only) | Part::Verbatim(only)] => only.one(Val::Null, scope),
            _ => Ok(self.text(scope)?.map_or(Val::Null, expression::text)),
        }
    }

    /// The text as a URL path: each value one encoded segment.
    pub(super) fn path(&self, scope: &Scope) -> Result<String, RunError> {
        let path = self.join(scope, |segment| match segment.as_str() {
            // Dot segments would walk up the path, even encoded ones.
            "" | "." | ".." => Err(RunError("a value for the path is empty or only dots".to_owned())),
            _ => Ok(encoded(&segment)),
        })?;
        path.ok_or_else(|| RunError("a value for the path is missing".to_owned()))
    }

    /// The path as messages show it: what is put in is an upstream's, and left out.
    pub(super) fn shown(&self, scope: &Scope) -> Result<String, RunError> {
        let part = |part: &Part| match part {
            Part::Literal(literal) => Ok(literal.clone()),
            Part::Value(_) => Ok("…".to_owned()),
            Part::Verbatim(expression) => Ok(expression::text_of(&expression.one(Val::Null, scope)?)),
        };
        self.parts.iter().map(part).collect()
    }

    fn join(&self, scope: &Scope, with: impl Fn(String) -> Result<String, RunError>) -> Result<Option<String>, RunError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(expression) | Part::Verbatim(expression) => match expression.one(Val::Null, scope)? {
                    Val::Null => return Ok(None),
                    Val::Arr(_) | Val::Obj(_) => return Err(RunError("a list or an object can't stand inside a text".to_owned())),
                    value if matches!(part, Part::Verbatim(_)) => text.push_str(&expression::text_of(&value)),
                    value => text.push_str(&with(expression::text_of(&value))?),
                },
            }
        }
        Ok(Some(text))
    }
}

impl JsonTemplate {
    pub(super) fn parse(json: &Json, words: &Words<'_>) -> Result<Self, String> {
        Ok(match json {
            Json::String(text) => {
                let template = Template::parse(text, words)?;
                if template.is_literal() { Self::Literal(json.clone()) } else { Self::Text(template) }
            }
            Json::Array(items) => Self::List(items.iter().map(|item| Self::parse(item, words)).collect::<Result<_, _>>()?),
            Json::Object(entries) => {
                Self::Map(entries.iter().map(|(key, value)| Ok((key.clone(), Self::parse(value, words)?))).collect::<Result<_, String>>()?)
            }
            other => Self::Literal(other.clone()),
        })
    }

    /// The JSON. A key whose expression yields null is left out.
    pub(super) fn json(&self, scope: &Scope) -> Result<Json, RunError> {
        Ok(match self {
            Self::Literal(json) => json.clone(),
            Self::Text(template) => expression::to_json(&template.value(scope)?),
            Self::List(items) => Json::Array(items.iter().map(|item| item.json(scope)).collect::<Result<_, _>>()?),
            Self::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (key, value) in entries {
                    let json = value.json(scope)?;
                    if !json.is_null() || matches!(value, Self::Literal(_)) {
                        map.insert(key.clone(), json);
                    }
                }
                Json::Object(map)
            }
        })
    }
}

/// Percent-encodes everything but the characters that mean themselves everywhere (RFC 3986, unreserved).
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope::default()
            .with("row", expression::from_json(&json!({"id": 7, "name": "a/b c+ü", "dots": "..", "none": null, "list": [1]})))
            .with("settings", expression::from_json(&json!({"path": "/a/b c", "name": "a/b"})))
            .with("vars", expression::from_json(&json!({"prefix": "/api/v2"})))
    }

    fn template(text: &str) -> Template {
        Template::parse(text, &Words::of(&["row", "settings", "vars"])).unwrap()
    }

    #[test]
    fn values_in_paths_are_one_segment() {
        assert_eq!(template("/models/{{ row.name }}/x").path(&scope()).unwrap(), "/models/a%2Fb%20c%2B%C3%BC/x");
        assert_eq!(template("{{ vars.prefix }}/dags/{{ row.id }}").path(&scope()).unwrap(), "/api/v2/dags/7");
        assert_eq!(template("{{ settings.path }}/{{ settings.name }}").path(&scope()).unwrap(), "/a/b c/a%2Fb", "a setting is a path where it begins one");
        for text in ["/x/{{ row.dots }}", "/x/{{ row.none }}", "/x/{{ row.list }}"] {
            assert!(template(text).path(&scope()).is_err(), "{text}");
        }
    }

    #[test]
    fn null_leaves_a_text_out() {
        assert_eq!(template(">={{ row.id }}").text(&scope()).unwrap().as_deref(), Some(">=7"));
        assert_eq!(template(">={{ row.none }}").text(&scope()).unwrap(), None);
        assert_eq!(template("plain").text(&scope()).unwrap().as_deref(), Some("plain"));
        assert_eq!(template("{{ if row.none then \"a\" else \"b\" end }} c").text(&scope()).unwrap().as_deref(), Some("b c"));
    }

    #[test]
    fn json_keeps_types() {
        let template =
            JsonTemplate::parse(&json!({"a": "{{ row.id }}", "b": ["n{{ row.id }}"], "c": "{{ row.none }}", "d": null, "e": 1}), &Words::of(&["row"])).unwrap();
        assert_eq!(template.json(&scope()).unwrap(), json!({"a": 7, "b": ["n7"], "d": null, "e": 1}));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, message) in [
            ("{{ row.id", "a closing `}}`"),
            ("{{ rwo.id }}", "a value in {{ }}: undefined filter `rwo`"),
            ("{{ }}", "a value in {{ }}: expected term, found the end"),
        ] {
            assert_eq!(Template::parse(text, &Words::of(&["row"])).unwrap_err(), message, "{text}");
        }
    }
}
