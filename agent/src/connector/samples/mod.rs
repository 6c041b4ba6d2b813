//! Samples of time series: of exposition pages (`exposition.rs`) and of answers to queries (`query.rs`). Both become rows of the same form,
//! `{name, labels, value, type, help, unit, timestamp}`. Pure.
//!
//! A value that is not finite stays one: jq calculates with it, and the door knows it for unknown. What is not wholly as its format says is
//! refused, with the line and never with what stands there: a page that was cut off, or has a series twice, is no page.

mod exposition;
mod line;
mod query;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    expression::{self, Val},
    failure::{Failure, FailureReason},
    format::bounds::MAX_ROWS,
};

pub(super) use exposition::{ACCEPT, page};
pub(super) use query::answer;

/// Most labels of one series. Those of real ones stay below 30.
const MAX_LABELS: usize = 1024;

/// One sample.
#[derive(Debug, PartialEq)]
struct Sample {
    /// Empty where the result of a query has none.
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
    /// Seconds since 1970, where it is said.
    timestamp: Option<f64>,
    family: Arc<Family>,
}

/// What is said of a metric and of all its samples.
#[derive(Debug, Default, Clone, PartialEq)]
struct Family {
    /// One of the words of the formats; `untyped` is `unknown`.
    kind: Option<&'static str>,
    help: Option<String>,
    unit: Option<String>,
}

impl Sample {
    /// The row that jq gets.
    fn row(self) -> Val {
        let text = |text: Option<&str>| text.map_or(Val::Null, expression::text);
        let labels = self.labels.into_iter().map(|(name, value)| (name, expression::text(value)));
        expression::object(
            [
                ("name", if self.name.is_empty() { Val::Null } else { expression::text(self.name) }),
                ("labels", expression::object(labels)),
                ("value", expression::number(self.value)),
                ("type", text(self.family.kind)),
                ("help", text(self.family.help.as_deref())),
                ("unit", text(self.family.unit.as_deref())),
                ("timestamp", self.timestamp.map_or(Val::Null, expression::number)),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        )
    }
}

/// A number as both formats write it.
fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    plain.then(|| text.parse().ok()).flatten()
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(FailureReason::NotExpectedFormat, message)
}

fn refuse_too_many(samples: usize) -> Result<(), Failure> {
    if samples <= MAX_ROWS {
        return Ok(());
    }
    Err(Failure::new(FailureReason::TooLarge, format!("more than {MAX_ROWS} samples in one answer; ask for fewer")))
}
