//! Exposition pages: the text format 0.0.4, in which a page that was cut between two lines looks whole, and OpenMetrics 1.0, whose last line is
//! `# EOF`. Which of them it is, the content type says.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Family, Sample, line, number, refuse_too_many, wrong};
use crate::connector::{
    expression::Val,
    failure::{Failure, FailureReason},
};

/// What is asked for: the one that proves its end, else the older one.
pub(in crate::connector) const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// Beginning of OpenMetrics' content type.
const OPENMETRICS: &str = "application/openmetrics-text";

/// The last line of OpenMetrics.
const END: &str = "# EOF";

/// Types of metrics, and the ends of names that their samples may have beside the metric's own.
const KINDS: [(&str, &[&str]); 8] = [
    ("counter", &["_total", "_created"]),
    ("gauge", &[]),
    ("histogram", &["_bucket", "_sum", "_count", "_created"]),
    ("gaugehistogram", &["_bucket", "_gsum", "_gcount"]),
    ("summary", &["_sum", "_count", "_created"]),
    ("info", &["_info"]),
    ("stateset", &[]),
    ("unknown", &[]),
];

/// The samples of a page.
///
/// # Errors
/// `truncated` for a page that has not its end, `not_expected_format` for anything else that the format forbids, with the line.
pub(in crate::connector) fn page(text: &str, content_type: &str) -> Result<Vec<Val>, Failure> {
    samples(text, content_type).map(|samples| samples.into_iter().map(Sample::row).collect())
}

fn samples(text: &str, content_type: &str) -> Result<Vec<Sample>, Failure> {
    // A document of JSON is another answer, and none that was cut off.
    if text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Err(wrong("the answer is JSON, not a page of samples; check `url`"));
    }
    let is_open = content_type.trim_start().to_ascii_lowercase().starts_with(OPENMETRICS);
    let truncated = |what: &str| Err(Failure::new(FailureReason::Truncated, what));
    let whole = match is_open {
        true => match text.strip_suffix('\n').unwrap_or(text).strip_suffix(END) {
            Some(whole) => whole,
            None => return truncated("the page has no `# EOF` at its end: it was cut off"),
        },
        false if !text.ends_with('\n') => return truncated("the page's last line has no end: it was cut off"),
        false => text,
    };
    let mut page = Page { is_open, ..Page::default() };
    for (index, line) in whole.lines().enumerate() {
        page.take(line).map_err(|what| wrong(format!("line {}: {what}", index + 1)))?;
        refuse_too_many(page.samples.len())?;
    }
    Ok(page.samples)
}

#[derive(Default)]
struct Page {
    is_open: bool,
    families: HashMap<String, Arc<Family>>,
    /// Metrics that have samples already: what is said of them comes before.
    begun: HashSet<String>,
    /// The metric of the sample before.
    last: String,
    /// Names and labels.
    series: HashSet<String>,
    samples: Vec<Sample>,
}

impl Page {
    fn take(&mut self, written: &str) -> Result<(), String> {
        let text = if self.is_open { written } else { written.trim_matches([' ', '\t']) };
        match text.strip_prefix('#') {
            Some(comment) => self.comment(comment),
            None if text.is_empty() && !self.is_open => Ok(()),
            None => self.sample(text),
        }
    }

    fn comment(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim_start_matches([' ', '\t']);
        let mut words = text.splitn(3, [' ', '\t']);
        let (key, name, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !matches!(key, "HELP" | "TYPE" | "UNIT") || (key == "UNIT" && !self.is_open) {
            // Anything else is a comment, which OpenMetrics does not have.
            return if self.is_open { Err("a `#` before something that is none of HELP, TYPE and UNIT".to_owned()) } else { Ok(()) };
        }
        // One that is in quotes is found by what is in them.
        let name = line::unescaped(name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name), true)?;
        if name.is_empty() {
            return Err(format!("a {key} without the name of a metric"));
        }
        if self.begun.contains(&name) {
            return Err(format!("a {key} after samples of its metric"));
        }
        let family = Arc::make_mut(self.families.entry(name).or_default());
        let was_said = match key {
            "HELP" => family.help.replace(line::unescaped(rest, self.is_open)?).is_some(),
            "UNIT" => family.unit.replace(rest.to_owned()).is_some(),
            _ => {
                let word = if rest.trim() == "untyped" { "unknown" } else { rest.trim() };
                let kind = KINDS.iter().find(|(known, _)| *known == word).ok_or("a type of metric that there is not")?;
                family.kind.replace(kind.0).is_some()
            }
        };
        if was_said { Err(format!("a second {key} of the same metric")) } else { Ok(()) }
    }

    fn sample(&mut self, text: &str) -> Result<(), String> {
        let line::Line { name, labels, value, timestamp, has_exemplar } = line::read(text)?;
        if has_exemplar && !self.is_open {
            return Err("something after the value that is no time".to_owned());
        }
        let timestamp = timestamp.as_deref().map(|timestamp| self.moment(timestamp)).transpose()?;
        let metric = self.metric(&name).to_owned();
        if metric != self.last {
            if !self.begun.insert(metric.clone()) && self.is_open {
                return Err("samples of a metric that others stand between".to_owned());
            }
            self.last.clone_from(&metric);
        }
        // Quoted, so that no value can look like another label.
        if !self.series.insert(format!("{name} {labels:?}")) {
            return Err("a series that stands twice".to_owned());
        }
        let family = self.families.get(&metric).cloned().unwrap_or_default();
        self.samples.push(Sample { name, labels, value, timestamp, family });
        Ok(())
    }

    /// Seconds since 1970.
    fn moment(&self, text: &str) -> Result<f64, &'static str> {
        const WRONG: &str = "something after the value that is no time";
        if self.is_open {
            return number(text).filter(|seconds| seconds.is_finite()).ok_or(WRONG);
        }
        let milliseconds: i64 = text.parse().map_err(|_| WRONG)?;
        #[expect(clippy::cast_precision_loss, reason = "times of this age are exact to far less than a millisecond")]
        Ok(milliseconds as f64 / 1000.0)
    }

    /// The metric that a sample belongs to: one of its own name, or one whose type has samples that are called so.
    fn metric<'n>(&self, name: &'n str) -> &'n str {
        if self.families.contains_key(name) {
            return name;
        }
        let is_of = |metric: &&str, end: &str| {
            let kind = self.families.get(*metric).and_then(|family| family.kind);
            kind.is_some_and(|kind| KINDS.iter().any(|(known, ends)| *known == kind && ends.contains(&end)))
        };
        let cut = |end: &&str| name.strip_suffix(*end).filter(|metric| is_of(metric, end));
        KINDS.iter().flat_map(|(_, ends)| *ends).find_map(cut).unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::connector::expression;

    const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
    const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    fn rows(content_type: &str, text: &str) -> Result<Vec<Json>, String> {
        let rows = page(text, content_type).map_err(|failure| format!("{}: {}", failure.reason, failure.message))?;
        Ok(rows.iter().map(expression::to_json).collect())
    }

    fn row(name: &str, labels: Json, value: Json, about: [Json; 4]) -> Json {
        let [kind, help, unit, timestamp] = about;
        json!({"name": name, "labels": labels, "value": value, "type": kind, "help": help, "unit": unit, "timestamp": timestamp})
    }

    #[test]
    fn the_text_format_is_read() {
        let text = "# HELP drift A \\\\ and\\na line \"quoted\"\n# TYPE drift untyped\n# a comment\n\n\
            drift{model=\"m\"} 0.25 1795287488501\n  drift NaN\n\
            # TYPE latency histogram\nlatency_bucket{le=\"+Inf\"} 3\nlatency_sum +Inf\n# TYPE jobs_total counter\njobs_total 7\nalone -Inf\r\n";
        let help = json!("A \\ and\na line \"quoted\"");
        let none = || Json::Null;
        let expected = [
            row("drift", json!({"model": "m"}), json!(0.25), [json!("unknown"), help.clone(), none(), json!(1_795_287_488.501)]),
            row("drift", json!({}), json!("NaN"), [json!("unknown"), help, none(), none()]),
            row("latency_bucket", json!({"le": "+Inf"}), json!(3), [json!("histogram"), none(), none(), none()]),
            row("latency_sum", json!({}), json!("Infinity"), [json!("histogram"), none(), none(), none()]),
            row("jobs_total", json!({}), json!(7), [json!("counter"), none(), none(), none()]),
            row("alone", json!({}), json!("Infinity"), [none(), none(), none(), none()]),
        ];
        assert_eq!(rows(PLAIN, &text.replace('\r', "")).unwrap(), expected);
    }

    #[test]
    fn openmetrics_is_read() {
        let text = "# TYPE wait_seconds counter\n# UNIT wait_seconds seconds\n# HELP wait_seconds Time \\\"lost\\\".\n\
            wait_seconds_total{a=\"b\"} 3.5 1795287488.5 # {trace_id=\"x\"} 0.67\nwait_seconds_created{a=\"b\"} 1.5\n# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF";
        let about = |moment: Json| [json!("counter"), json!("Time \"lost\"."), json!("seconds"), moment];
        let expected = vec![
            row("wait_seconds_total", json!({"a": "b"}), json!(3.5), about(json!(1_795_287_488.5))),
            row("wait_seconds_created", json!({"a": "b"}), json!(1.5), about(Json::Null)),
            row("build_info", json!({"v": "1"}), json!(1), [json!("info"), Json::Null, Json::Null, Json::Null]),
        ];
        assert_eq!(rows(OPEN, text).as_ref(), Ok(&expected));
        assert_eq!(rows(OPEN, &format!("{text}\n")), Ok(expected));
        assert_eq!(rows(OPEN, "# EOF\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_was_cut_off_is_no_page() {
        let plain = "truncated: the page's last line has no end: it was cut off";
        let open = "truncated: the page has no `# EOF` at its end: it was cut off";
        for (content_type, text, message) in [
            (PLAIN, "up 1\nup{a=\"b\"} 17", plain),
            ("", "up 1", plain),
            (OPEN, "up 1\n", open),
            (OPEN, "up 1\n# EO", open),
            (OPEN, "", open),
            (OPEN, "up 1\n# EOF\nup{a=\"b\"} 1\n", open),
        ] {
            assert_eq!(rows(content_type, text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_the_formats_forbid_is_refused() {
        for (content_type, text, message) in [
            (PLAIN, "up 1\nup 2\n", "line 2: a series that stands twice"),
            (PLAIN, "up{a=\"1\",b=\"2\"} 1\nup{b=\"2\",a=\"1\"} 1 5\n", "line 2: a series that stands twice"),
            (PLAIN, "# TYPE up gauge\n# TYPE up gauge\n", "line 2: a second TYPE of the same metric"),
            (PLAIN, "up 1\n# TYPE up gauge\n", "line 2: a TYPE after samples of its metric"),
            (PLAIN, "# TYPE up hush\n", "line 1: a type of metric that there is not"),
            (PLAIN, "up 1 1.5\n", "line 1: something after the value that is no time"),
            (PLAIN, "up 1 # {a=\"b\"} 1\n", "line 1: something after the value that is no time"),
            (PLAIN, "{\"hush\": 1}\n", "the answer is JSON, not a page of samples; check `url`"),
            ("application/json", "{\"hush\": [1]}", "the answer is JSON, not a page of samples; check `url`"),
            (OPEN, "# hush\n# EOF\n", "line 1: a `#` before something that is none of HELP, TYPE and UNIT"),
            (OPEN, "\n# EOF\n", "line 1: no name of a metric"),
            (OPEN, "a 1\nb 1\na{x=\"1\"} 1\n# EOF\n", "line 3: samples of a metric that others stand between"),
            (OPEN, "# EOF\n# EOF\n", "line 1: a `#` before something that is none of HELP, TYPE and UNIT"),
        ] {
            assert_eq!(rows(content_type, text), Err(format!("not_expected_format: {message}")), "{text}");
        }
    }
}
