//! Texts of a connector with settings put in, as `{{ settings.tenant }}`. Beside credentials no jq is run: what stands between the braces is a name.

use serde_json::{Map, Value as Json};

use crate::connector::template::{self, Piece};

/// A text with names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connector) struct Plain(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Setting(String),
    Variable(String),
}

impl Plain {
    /// Parses a text that may name these settings and variables.
    ///
    /// # Errors
    /// What was expected.
    pub(in crate::connector) fn parse(text: &str, settings: &[&str], variables: &[&str]) -> Result<Self, String> {
        let part = |piece| match piece {
            Piece::Literal(literal) => Ok(Part::Literal(literal.to_owned())),
            Piece::Inside(inside) => match inside.strip_prefix("settings.") {
                Some(name) if settings.contains(&name) => Ok(Part::Setting(name.to_owned())),
                None if variables.contains(&inside) => Ok(Part::Variable(inside.to_owned())),
                _ => {
                    let known = settings.iter().map(|name| format!("`settings.{name}`")).chain(variables.iter().map(|name| format!("`{name}`")));
                    Err(format!("between braces one of {}, and no jq", known.collect::<Vec<_>>().join(", ")))
                }
            },
        };
        template::pieces(text)?.into_iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// The text.
    ///
    /// # Errors
    /// The name of what is missing.
    pub(in crate::connector) fn text(&self, settings: &Map<String, Json>, variables: &[(&str, &str)]) -> Result<String, String> {
        self.join(settings, variables, str::to_owned)
    }

    /// The text as a part of an address: each value one encoded segment.
    ///
    /// # Errors
    /// The name of what is missing, or would walk up a path.
    pub(in crate::connector) fn encoded(&self, settings: &Map<String, Json>, variables: &[(&str, &str)]) -> Result<String, String> {
        self.join(settings, variables, template::encoded)
    }

    fn join(&self, settings: &Map<String, Json>, variables: &[(&str, &str)], with: fn(&str) -> String) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            let (name, value) = match part {
                Part::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Part::Setting(name) => {
                    let value = settings.get(name).and_then(|value| value.as_str().map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string)));
                    (format!("`settings.{name}`"), value)
                }
                Part::Variable(name) => {
                    let value = variables.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
                    (format!("`{name}`"), value)
                }
            };
            let value = value.filter(|value| !matches!(value.trim(), "" | "." | "..")).ok_or(name)?;
            text.push_str(&with(&value));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_values() {
        let text = Plain::parse("https://{{ settings.host }}/a/{{who}}/b", &["host"], &["who"]).unwrap();
        let settings = |json: Json| json.as_object().cloned().unwrap();
        let good = settings(json!({"host": "login.example.org"}));
        assert_eq!(text.text(&good, &[("who", "me")]).unwrap(), "https://login.example.org/a/me/b");
        assert_eq!(text.encoded(&good, &[("who", "../x?y")]).unwrap(), "https://login.example.org/a/..%2Fx%3Fy/b");
        assert_eq!(text.text(&settings(json!({"host": 7})), &[("who", "me")]).unwrap(), "https://7/a/me/b");
        for (given, who, missing) in
            [(json!({"host": null}), "me", "`settings.host`"), (json!({"host": "  "}), "me", "`settings.host`"), (json!({"host": "a"}), "..", "`who`")]
        {
            assert_eq!(text.encoded(&settings(given), &[("who", who)]).unwrap_err(), missing);
        }
        for wrong in ["{{ settings.other }}", "{{ .jq }}", "{{ whom }}", "{{ settings.host"] {
            assert!(Plain::parse(wrong, &["host"], &["who"]).is_err(), "{wrong}");
        }
    }
}
