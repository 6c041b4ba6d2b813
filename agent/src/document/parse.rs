//! YAML text to nodes with places, and references (`${env:NAME}`, `${file:path}`, `${exec:program}`) to their values.

use std::collections::HashSet;

use saphyr::{MarkedYaml, Scalar, YamlData};

use super::{Data, Document, Mistake, Mistakes, Node, Step, join, load::load};

/// Keys under which every value is a secret, whoever wrote it there.
const SECRET_KEYS: &[&str] = &["auth", "password", "token", "bearer", "api_key", "secret"];

impl Document {
    /// Parses `text`. `None` when it is not one YAML document; the mistake is then in `mistakes`.
    pub fn parse(file: &str, text: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let mistake = |line, found, expected| Mistake { file: file.to_owned(), line: Some(line), path: String::new(), found, expected };
        let documents = match load(text) {
            Ok(documents) => documents,
            Err(refusal) => {
                mistakes.push(mistake(refusal.line, refusal.found, refusal.expected));
                return None;
            }
        };
        let [root] = documents.as_slice() else {
            let found = if documents.is_empty() { "the file is empty".to_owned() } else { format!("{} documents; write one", documents.len()) };
            mistakes.push(mistake(1, found, String::new()));
            return None;
        };
        let mut document = Self { file: file.to_owned(), nodes: Vec::new(), left_out: HashSet::new(), misspelt: HashSet::new() };
        let before = mistakes.len();
        document.add(root, None, Step::Root, false, mistakes);
        (mistakes.len() == before).then_some(document)
    }

    /// Replaces `${...}` in every text by what `lookup` gives for the part between the braces; `$${` stands for `${`.
    /// A value that a reference was replaced in is a secret from then on; of one whose reference leads nowhere no more is said.
    pub fn resolve(&mut self, lookup: impl Fn(&str) -> Result<String, String>, mistakes: &mut Mistakes) {
        for node in 0..self.nodes.len() {
            let Data::Text(text) = &self.nodes[node].data else { continue };
            if !text.contains("${") {
                continue;
            }
            match replaced(text, &lookup) {
                Ok(text) => {
                    self.nodes[node].data = Data::Text(text);
                    self.nodes[node].secret = true;
                }
                Err((reference, expected)) => {
                    self.left_out.insert(node);
                    mistakes.push(Mistake {
                        file: self.file.clone(),
                        line: Some(self.nodes[node].line),
                        path: self.path(node),
                        found: format!("${{{reference}}}"),
                        expected,
                    });
                }
            }
        }
    }

    /// Recurses no deeper than a document may be nested, which was counted when it was loaded.
    fn add(&mut self, yaml: &MarkedYaml<'_>, parent: Option<usize>, step: Step, secret: bool, mistakes: &mut Mistakes) -> usize {
        let node = self.nodes.len();
        let secret = secret || matches!(&step, Step::Key(key) if SECRET_KEYS.contains(&key.as_str()));
        self.nodes.push(Node { line: yaml.span.start.line(), parent, step, data: Data::Null, secret });
        let data = match &yaml.data {
            YamlData::Value(scalar) => scalar_data(scalar),
            YamlData::Sequence(items) => {
                Data::List(items.iter().enumerate().map(|(index, item)| self.add(item, Some(node), Step::Index(index), secret, mistakes)).collect())
            }
            YamlData::Mapping(entries) => {
                let mut children = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    match key_text(key) {
                        Some(key) => children.push((key.clone(), self.add(value, Some(node), Step::Key(key), secret, mistakes))),
                        None => mistakes.push(self.unsupported(key, node, "a key that is a list or a map", "a plain key")),
                    }
                }
                Data::Map(children)
            }
            YamlData::Tagged(_, value) => {
                mistakes.push(self.unsupported(value, node, "a YAML tag", "a plain value"));
                Data::Null
            }
            _ => {
                mistakes.push(self.unsupported(yaml, node, "a value that YAML can't read", "a plain value"));
                Data::Null
            }
        };
        self.nodes[node].data = data;
        node
    }

    fn unsupported(&self, yaml: &MarkedYaml<'_>, node: usize, found: &str, expected: &str) -> Mistake {
        Mistake {
            file: self.file.clone(),
            line: Some(yaml.span.start.line()),
            path: join(&self.path(node), "").trim_end_matches('.').to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }
}

fn scalar_data(scalar: &Scalar<'_>) -> Data {
    match scalar {
        Scalar::Null => Data::Null,
        Scalar::Boolean(truth) => Data::Boolean(*truth),
        Scalar::Integer(number) => Data::Integer(*number),
        Scalar::FloatingPoint(number) => Data::Real((*number).into()),
        Scalar::String(text) => Data::Text(text.to_string()),
    }
}

fn key_text(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(truth)) => Some(truth.to_string()),
        _ => None,
    }
}

fn replaced(text: &str, lookup: impl Fn(&str) -> Result<String, String>) -> Result<String, (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            out.push_str(&rest[..start - 1]);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err((rest[start + 2..].to_owned(), "a closing `}`".to_owned()));
        };
        let reference = &rest[start + 2..start + length];
        out.push_str(&lookup(reference).map_err(|expected| (reference.to_owned(), expected))?);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_hidden() {
        let mut mistakes = Mistakes::default();
        let mut document = Document::parse("f.yaml", "a: x-${env:A}-y\nb: $${env:A}\nc: ${env:B}\nd: ${env:A\n", &mut mistakes).unwrap();
        document.resolve(|name| if name == "env:A" { Ok("hush".into()) } else { Err(format!("`{name}` to be set")) }, &mut mistakes);
        assert!(matches!(&document.nodes[1].data, Data::Text(text) if text == "x-hush-y"));
        assert!(matches!(&document.nodes[2].data, Data::Text(text) if text == "${env:A}"));
        assert_eq!(document.mistake("a", "z").to_string(), "f.yaml:1: a: a value that is not shown; expected z");
        let shown: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["f.yaml:3: c: ${env:B}; expected `env:B` to be set", "f.yaml:4: d: ${env:A}; expected a closing `}`"]);
    }

    #[test]
    fn what_stands_under_auth_is_hidden() {
        let mut mistakes = Mistakes::default();
        let document = Document::parse("f.yaml", "sources: [{auth: {bearer: hush}}]\n", &mut mistakes).unwrap();
        assert!(!document.mistake("sources[0].auth.bearer", "x").to_string().contains("hush"));
    }
}
