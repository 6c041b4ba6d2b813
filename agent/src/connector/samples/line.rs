//! One line of a sample: `name{label="value", ...} value timestamp`. A name that is none of letters, digits and underscores stands in quotes as the
//! first thing between the braces, such a label in quotes before its `=`.

use std::collections::BTreeMap;

use super::{MAX_LABELS, number};

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
    /// As it is written: in whole milliseconds, or in seconds.
    pub(super) timestamp: Option<String>,
    /// What follows after ` # `, which only one of the formats allows.
    pub(super) has_exemplar: bool,
}

/// What was wrong, as the end of a sentence.
type Wrong = &'static str;

/// Reads a line without blanks around it.
pub(super) fn read(text: &str) -> Result<Line, Wrong> {
    let mut scanner = Scanner(text);
    let mut name = scanner.word(":").to_owned();
    let mut labels = BTreeMap::new();
    scanner.skip_blanks();
    if scanner.take('{') {
        let quoted = scanner.labels(&mut labels)?;
        name = match (quoted, name.is_empty()) {
            (Some(quoted), true) => quoted,
            (Some(_), false) => return Err("two names"),
            (None, _) => name,
        };
        scanner.skip_blanks();
    }
    if name.is_empty() {
        return Err("no name of a metric");
    }
    let (samples, has_exemplar) = match scanner.0.split_once('#') {
        Some((samples, exemplar)) if samples.ends_with(' ') && exemplar.trim_start().starts_with('{') => (samples, true),
        Some(_) => return Err("something after the value that is neither a time nor an exemplar"),
        None => (scanner.0, false),
    };
    let mut words = samples.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().and_then(number).ok_or("a value that is no number")?;
    let timestamp = words.next().map(str::to_owned);
    if words.next().is_some() {
        return Err("something after the value that is neither a time nor an exemplar");
    }
    Ok(Line { name, labels, value, timestamp, has_exemplar })
}

/// What escapes of texts stand for: a backslash, a line's end and, in quotes, a quote.
pub(super) fn unescaped(text: &str, quoted: bool) -> Result<String, Wrong> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.push(match character {
            '\\' => match characters.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quoted => '"',
                _ => return Err("a backslash before something that needs none"),
            },
            plain => plain,
        });
    }
    Ok(out)
}

/// The rest of a line.
struct Scanner<'t>(&'t str);

impl<'t> Scanner<'t> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, character: char) -> bool {
        self.0.strip_prefix(character).map(|rest| self.0 = rest).is_some()
    }

    /// A name: letters, digits, underscores and `others`, no digit first. Empty when there is none.
    fn word(&mut self, others: &str) -> &'t str {
        let goes_on = |character: char| character.is_ascii_alphanumeric() || character == '_' || others.contains(character);
        let end = self.0.find(|character| !goes_on(character)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            return "";
        }
        self.0 = rest;
        word
    }

    /// A text in quotes, if there is one.
    fn quoted(&mut self) -> Result<Option<String>, Wrong> {
        let Some(inside) = self.0.strip_prefix('"') else { return Ok(None) };
        let mut escaped = false;
        let end = inside.char_indices().find(|(_, character)| {
            let ends = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            ends
        });
        let (end, _) = end.ok_or("a quote that never ends")?;
        self.0 = &inside[end + 1..];
        unescaped(&inside[..end], true).map(Some)
    }

    /// Everything up to the closing brace. A quoted name of the metric, if there is one.
    fn labels(&mut self, into: &mut BTreeMap<String, String>) -> Result<Option<String>, Wrong> {
        let mut name = None;
        for position in 0.. {
            self.skip_blanks();
            if self.take('}') {
                break;
            }
            let label = match self.quoted()? {
                Some(quoted) => quoted,
                None => self.word("").to_owned(),
            };
            self.skip_blanks();
            if self.take('=') {
                self.skip_blanks();
                let value = self.quoted()?.ok_or("a label without a value in quotes")?;
                if label.is_empty() {
                    return Err("a label without a name");
                }
                if into.insert(label, value).is_some() {
                    return Err("a label twice");
                }
            } else if position == 0 && !label.is_empty() {
                name = Some(label);
            } else {
                return Err("a label without a value in quotes");
            }
            if into.len() > MAX_LABELS {
                return Err("too many labels");
            }
            self.skip_blanks();
            if !self.take(',') && !self.0.starts_with('}') {
                return Err("no closing brace");
            }
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<String, Wrong> {
        read(text).map(|Line { name, labels, value, timestamp, has_exemplar }| {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{name} [{}] {value} {} {has_exemplar}", labels.join("|"), timestamp.unwrap_or_default())
        })
    }

    #[test]
    fn lines_are_read() {
        for (text, expected) in [
            ("up 1", "up [] 1  false"),
            ("up{} 1", "up [] 1  false"),
            ("a:b_1{x=\"1\",y=\"\"} +1.5e3 -17", "a:b_1 [x=1|y=] 1500 -17 false"),
            ("up { x = \"a\" , }\t1\t2", "up [x=a] 1 2 false"),
            (r#"up{x="a\\b\"c\nd} # {"} NaN"#, "up [x=a\\b\"c\nd} # {] NaN  false"),
            ("up{x=\"é ☃\"} -Inf", "up [x=é ☃] -inf  false"),
            (r#"{"my.name", "a.b"="c", d="e"} 0x"#, "a value that is no number"),
            (r#"{"my.name", "a.b"="c", d="e"} 0"#, "my.name [a.b=c|d=e] 0  false"),
            (r#"h_bucket{le="1"} 3 1.5 # {trace="x"} 0.4 1.2"#, "h_bucket [le=1] 3 1.5 true"),
        ] {
            let found = line(text);
            assert_eq!(found.as_deref().unwrap_or_else(|wrong| wrong), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for (text, wrong) in [
            ("", "no name of a metric"),
            ("{} 1", "no name of a metric"),
            ("1up 1", "no name of a metric"),
            ("up", "a value that is no number"),
            ("up 1_0", "a value that is no number"),
            ("up 1 2 3", "something after the value that is neither a time nor an exemplar"),
            ("up 1 # a comment", "something after the value that is neither a time nor an exemplar"),
            ("up{x=\"a\" 1", "no closing brace"),
            ("up{x=\"a\",x=\"b\"} 1", "a label twice"),
            ("up{x=\"a} 1", "a quote that never ends"),
            ("up{x=a} 1", "a label without a value in quotes"),
            ("up{=\"a\"} 1", "a label without a name"),
            ("up{x} 1", "two names"),
            ("up{x=\"a\", \"y\"} 1", "a label without a value in quotes"),
            ("up{x=\"\\t\"} 1", "a backslash before something that needs none"),
            ("up{,} 1", "a label without a value in quotes"),
        ] {
            assert_eq!(line(text), Err(wrong), "{text}");
        }
        let many: String = (0..=MAX_LABELS).map(|label| format!("l{label}=\"\",")).collect();
        assert_eq!(line(&format!("up{{{many}}} 1")), Err("too many labels"));
    }
}
