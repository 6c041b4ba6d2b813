//! Metric and label names, checked once when they are made, so that nothing later can render an invalid one.
//! What a name means is not decided here.

use std::borrow::Cow;
use std::fmt;

/// A metric family's name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricName(Cow<'static, str>);

/// A label's name: `[a-zA-Z_][a-zA-Z0-9_]*`, not beginning with `__`, which Prometheus keeps for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelName(Cow<'static, str>);

/// A name that Prometheus would not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text does not follow the grammar of metric names.
    #[error("{0:?} is not a metric name: expected letters, digits, `_` and `:`, not beginning with a digit")]
    Metric(String),
    /// The text does not follow the grammar of label names, or is reserved.
    #[error("{0:?} is not a label name: expected letters, digits and `_`, not beginning with a digit or `__`")]
    Label(String),
}

impl MetricName {
    /// Checks `name` against the grammar.
    ///
    /// # Errors
    /// [`NameError::Metric`] if it does not follow it.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if is_metric_name(name.as_bytes()) { Ok(Self(Cow::Owned(name))) } else { Err(NameError::Metric(name)) }
    }

    /// A name known when the program is written; in a `const`, a bad one does not compile.
    ///
    /// # Panics
    /// If `name` does not follow the grammar.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_metric_name(name.as_bytes()), "not a metric name");
        Self(Cow::Borrowed(name))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LabelName {
    /// Checks `name` against the grammar.
    ///
    /// # Errors
    /// [`NameError::Label`] if it does not follow it or begins with `__`.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if is_label_name(name.as_bytes()) { Ok(Self(Cow::Owned(name))) } else { Err(NameError::Label(name)) }
    }

    /// A name known when the program is written; in a `const`, a bad one does not compile.
    ///
    /// # Panics
    /// If `name` does not follow the grammar or begins with `__`.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_label_name(name.as_bytes()), "not a label name");
        Self(Cow::Borrowed(name))
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_metric_name(name: &[u8]) -> bool {
    is_word(name, true)
}

const fn is_label_name(name: &[u8]) -> bool {
    is_word(name, false) && !(name.len() >= 2 && name[0] == b'_' && name[1] == b'_')
}

// Written with indices because iterators cannot run in a `const fn`.
const fn is_word(name: &[u8], colon: bool) -> bool {
    if name.is_empty() || name[0].is_ascii_digit() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if !(name[i].is_ascii_alphanumeric() || name[i] == b'_' || (colon && name[i] == b':')) {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_decides() {
        //      text          metric label
        for (text, metric, label) in [
            ("up", true, true),
            ("http_2xx_total", true, true),
            ("job:up:sum", true, false),
            ("_hidden", true, true),
            ("__name__", true, false),
            ("__", true, false),
            ("", false, false),
            ("2xx", false, false),
            ("with-dash", false, false),
            ("with space", false, false),
            ("größe", false, false),
        ] {
            assert_eq!(MetricName::new(text).is_ok(), metric, "metric {text:?}");
            assert_eq!(LabelName::new(text).is_ok(), label, "label {text:?}");
        }
    }

    #[test]
    fn a_constant_name_is_checked_by_the_compiler() {
        const NAME: MetricName = MetricName::from_static("up");
        assert_eq!(NAME, MetricName::new("up").unwrap());
    }
}
