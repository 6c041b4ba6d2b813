//! Texts of alerts. A template is written down once and read in two ways: as Prometheus's own template language, and as the text that comes of
//! it for a given alert, which the rule tests expect.

use std::collections::BTreeMap;

use super::format;

/// A text with places that each alert fills in its own way.
#[derive(Debug, Clone, Default)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// A label's value with something before it; nothing at all for a series that lacks the label.
    Label {
        name: String,
        before: String,
    },
    Value(Format),
    Answers(Answers),
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Up to six significant digits, in the same notation as limits have.
    Number,
    /// Seconds, as days, hours, minutes and seconds.
    Span,
}

/// What a query gives while the alert is active: one label of each series, sorted.
#[derive(Debug, Clone)]
pub struct Answers {
    /// PromQL; each `%q` stands for the value of one label of the alert.
    pub promql: String,
    /// The labels of the alert that fill the places, in their order.
    pub arguments: Vec<String>,
    /// The label of each answer that is shown.
    pub label: String,
    /// What is written when there is no answer.
    pub otherwise: String,
}

/// One series that an alert's expression gives, and what the queries of its texts answer.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Its labels, without those that the rule adds.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// What [`Answers`] give, in any order.
    pub answers: Vec<String>,
}

impl Template {
    /// Adds a fixed text.
    pub fn text(mut self, text: &str) -> Self {
        self.0.push(Part::Text(text.to_owned()));
        self
    }

    /// Adds a label's value and what stands before it; both are left out when the label is missing.
    pub fn label(mut self, before: &str, name: &str) -> Self {
        self.0.push(Part::Label { name: name.to_owned(), before: before.to_owned() });
        self
    }

    /// Adds the value.
    pub fn value(mut self, format: Format) -> Self {
        self.0.push(Part::Value(format));
        self
    }

    /// Adds what a query answers.
    pub fn answers(mut self, answers: Answers) -> Self {
        self.0.push(Part::Answers(answers));
        self
    }

    /// As Prometheus reads it.
    pub fn source(&self) -> String {
        self.0.iter().map(Part::source).collect()
    }

    /// What comes of it.
    pub fn expand(&self, sample: &Sample) -> String {
        self.0.iter().map(|part| part.expand(sample)).collect()
    }
}

impl Part {
    fn source(&self) -> String {
        match self {
            Self::Text(text) => escaped(text),
            Self::Label { name, before } => format!("{{{{ with $labels.{name} }}}}{}{{{{ . }}}}{{{{ end }}}}", escaped(before)),
            Self::Value(Format::Number) => "{{ printf \"%.6g\" $value }}".to_owned(),
            Self::Value(Format::Span) => "{{ $value | humanizeDuration }}".to_owned(),
            Self::Answers(answers) => answers.source(),
        }
    }

    fn expand(&self, sample: &Sample) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Label { name, before } => sample.labels.get(name).map(|value| format!("{before}{value}")).unwrap_or_default(),
            Self::Value(Format::Number) => format::number(sample.value),
            Self::Value(Format::Span) => format::span(sample.value),
            Self::Answers(answers) => answers.expand(&sample.answers),
        }
    }
}

impl Answers {
    fn source(&self) -> String {
        let arguments: String = self.arguments.iter().map(|name| format!(" $labels.{name}")).collect();
        let query = if arguments.is_empty() { format!("query `{}`", self.promql) } else { format!("query (printf `{}`{arguments})", self.promql) };
        let Self { label, otherwise, .. } = self;
        format!(
            "{{{{ range $i, $answer := {query} | sortByLabel {label:?} }}}}{{{{ if $i }}}}; {{{{ end }}}}{{{{ $answer.Labels.{label} }}}}{{{{ else }}}}{}{{{{ end }}}}",
            escaped(otherwise)
        )
    }

    fn expand(&self, answers: &[String]) -> String {
        if answers.is_empty() {
            return self.otherwise.clone();
        }
        let mut answers = answers.to_vec();
        answers.sort_by(|a, b| format::natural_order(a, b));
        answers.join("; ")
    }
}

/// A text that Prometheus's templates take as it is.
fn escaped(text: &str) -> String {
    text.replace("{{", "{{ `{{` }}")
}
