//! Files that are taken whole, such as a dashboard or a file of rules. What is in them is the connector's business; here each document becomes
//! one row, `{file, document}`.

use serde::Deserialize;
use serde_json::json;

use super::{Format, FormatError, Row, json, yaml};

/// The `documents:` section of a stream: the extensions of the files that it reads, by notation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawDocuments")]
pub struct Documents(Vec<(String, Format)>);

#[derive(Deserialize)]
struct RawDocuments {
    #[serde(default)]
    yaml: Vec<String>,
    #[serde(default)]
    json: Vec<String>,
}

impl TryFrom<RawDocuments> for Documents {
    type Error = String;

    fn try_from(raw: RawDocuments) -> Result<Self, String> {
        let of = |extensions: Vec<String>, format| extensions.into_iter().map(move |extension| (extension, format));
        let all: Vec<_> = of(raw.yaml, Format::Yaml).chain(of(raw.json, Format::Json)).collect();
        let plain = |extension: &str| !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let twice = |at: usize| all[..at].iter().any(|(extension, _)| *extension == all[at].0);
        let good = !all.is_empty() && all.iter().enumerate().all(|(at, (extension, _))| plain(extension) && !twice(at));
        if good { Ok(Self(all)) } else { Err("extensions under `yaml` or `json`, in lower case, without a dot, each once".to_owned()) }
    }
}

impl Documents {
    /// The notation of a file with this name; `None` when it is none of these.
    pub fn format_of(&self, name: &str) -> Option<Format> {
        let (_, extension) = name.rsplit_once('.')?;
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, format)| *format)
    }

    /// The extensions as messages list them: `.yaml, .yml`.
    pub fn shown(&self) -> String {
        self.0.iter().map(|(extension, _)| format!(".{extension}")).collect::<Vec<_>>().join(", ")
    }
}

/// Reads a file's documents: of JSON one, of YAML any number.
///
/// # Errors
/// The first thing that is not JSON or YAML in it.
pub fn read(file: &str, format: Format, bytes: &[u8]) -> Result<Vec<Row>, FormatError> {
    let documents = match format {
        Format::Json => vec![(json::document(file, bytes)?, file.to_owned())],
        Format::Yaml => yaml::documents(file, bytes)?,
        other => unreachable!("`Documents` has no {other:?}"),
    };
    Ok(documents.into_iter().map(|(document, place)| Row::new(json!({"file": file, "document": document}), place)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(json: serde_json::Value) -> Result<Documents, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn files_go_by_their_extension() {
        let documents = documents(json!({"yaml": ["yml", "rules"], "json": ["json"]})).unwrap();
        for (name, format) in
            [("a.YML", Some(Format::Yaml)), ("a.b.rules", Some(Format::Yaml)), ("a.json", Some(Format::Json)), ("a.yaml", None), ("rules", None)]
        {
            assert_eq!(documents.format_of(name), format, "{name}");
        }
        assert_eq!(documents.shown(), ".yml, .rules, .json");
    }

    #[test]
    fn extensions_are_plain_words() {
        for wrong in [json!({}), json!({"yaml": [".yml"]}), json!({"yaml": ["YML"]}), json!({"yaml": [""]}), json!({"yaml": ["a"], "json": ["a"]})] {
            assert!(documents(wrong.clone()).unwrap_err().contains("without a dot"), "{wrong}");
        }
    }

    #[test]
    fn each_document_is_a_row() {
        let read = |format, text: &str| super::read("d/a.x", format, text.as_bytes()).map_err(|error| error.to_string());
        let row = |place: &str, document| Row::new(json!({"file": "d/a.x", "document": document}), place.to_owned());
        assert_eq!(read(Format::Json, " [1, {\"A b\": null}]"), Ok(vec![row("d/a.x", json!([1, {"A b": null}]))]));
        assert_eq!(read(Format::Yaml, "a: 1\n"), Ok(vec![row("d/a.x", json!({"a": 1}))]));
        assert_eq!(read(Format::Json, "{\"a\": }"), Err("d/a.x line 1: not JSON: expected value at column 7; expected one JSON document".to_owned()));
    }
}
