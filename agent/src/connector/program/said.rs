//! What a program said last on standard error, fit to be shown: few lines, short, plain text, no secrets.

use std::{collections::VecDeque, sync::LazyLock};

use regex::Regex;
use tokio::{io::AsyncReadExt as _, process::ChildStderr};

use super::surroundings::{self, Variable};

/// Bytes that are kept of what it says: the last ones.
const KEPT_BYTES: usize = 16 << 10;

/// Lines that a message quotes: the last ones.
const SHOWN_LINES: usize = 5;

/// Characters that a message quotes of a line.
const SHOWN_CHARS: usize = 400;

/// A secret shorter than this would hide parts of ordinary words.
const SHORTEST_SECRET: usize = 4;

/// The last of what was said.
#[derive(Debug, Default)]
pub(super) struct Said {
    bytes: VecDeque<u8>,
    /// Whether something before it was left out.
    cut: bool,
}

impl Said {
    /// Listens to the end. All of it is read, or the program would wait for us.
    pub(super) async fn listen(&mut self, mut stderr: ChildStderr) {
        let mut piece = vec![0; 4 << 10];
        // An error ends it as its end does: what matters is what was heard until then.
        while let Ok(length @ 1..) = stderr.read(&mut piece).await {
            self.hear(&piece[..length]);
        }
    }

    fn hear(&mut self, piece: &[u8]) {
        self.bytes.extend(piece);
        let surplus = self.bytes.len().saturating_sub(KEPT_BYTES);
        self.cut |= surplus > 0;
        self.bytes.drain(..surplus);
    }

    /// The last lines, as the end of a message; empty when nothing was said.
    pub(super) fn told(&self, surroundings: &[Variable]) -> String {
        let text = plain(&self.text());
        let lines = text.lines().skip(usize::from(self.cut)).map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<_> = lines.map(|line| shortened(&without_secrets(line, surroundings))).collect();
        let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        if last.is_empty() { String::new() } else { format!(": {}", last.join(" | ")) }
    }

    /// All that was kept of it. Not for messages: [`Self::told`] is.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }

    /// What a program is supposed to have said.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        let mut said = Self::default();
        said.hear(text.as_bytes());
        said
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that a test has run")
}

/// Lines without what moves cursors, rings bells or changes colours. What a carriage return would overwrite is a line of its own.
fn plain(text: &str) -> String {
    static ESCAPES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)"));
    let text = ESCAPES.replace_all(text, "").replace('\r', "\n").replace('\t', " ");
    text.chars().filter(|character| *character == '\n' || !(character.is_control() || is_invisible(*character))).collect()
}

/// Characters that turn the direction of writing or show nothing: they would make a message read as something else.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The line without the values of secret variables, user and query parts of addresses, and words that say that a secret follows.
fn without_secrets(line: &str, surroundings: &[Variable]) -> String {
    static USERS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/'"@]*@"#));
    static QUERIES: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://[^\s'"?#]*\?)[^\s'"]+"#));
    static NAMED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b((?:[a-z0-9_-]*(?:key|secret|token|password|signature)|sig)=|bearer |basic )[^\s,;&]+"));
    let mut line = line.to_owned();
    let secrets = surroundings.iter().filter_map(|(name, value)| name.to_str().zip(value.to_str()));
    for (_, value) in secrets.filter(|(name, value)| value.len() >= SHORTEST_SECRET && surroundings::is_secret(name)) {
        line = line.replace(value, "***");
    }
    let line = USERS.replace_all(&line, "$1");
    let line = QUERIES.replace_all(&line, "$1***");
    NAMED.replace_all(&line, "$1***").into_owned()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_plainly() {
        for (said, told) in [
            ("", ""),
            ("\n \n", ""),
            ("error: train.csv: no such file\n", ": error: train.csv: no such file"),
            ("1\n2\n3\n4\n5\n6\nhalf", ": 3 | 4 | 5 | 6 | half"),
            ("10 %\r20 %\r\u{1b}[2Kdone\n", ": 10 % | 20 % | done"),
            ("\u{1b}[1;31merror\u{1b}[0m:\u{7} a\u{202e}b\u{0}c\td\n", ": error: abc d"),
            ("\u{1b}]0;title\u{7}plain\n", ": plain"),
        ] {
            assert_eq!(Said::of(said).told(&[]), told, "{said:?}");
        }
        assert_eq!(Said::of(&"x".repeat(1_000)).told(&[]), format!(": {}...", "x".repeat(SHOWN_CHARS)));
    }

    #[test]
    fn much_that_is_said_is_not_kept() {
        let mut said = Said::default();
        for number in 0..20_000 {
            said.hear(format!("line {number} \u{e9}\n").as_bytes());
        }
        assert_eq!(said.bytes.len(), KEPT_BYTES);
        assert_eq!(said.told(&[]), ": line 19995 \u{e9} | line 19996 \u{e9} | line 19997 \u{e9} | line 19998 \u{e9} | line 19999 \u{e9}");
        // The first line that is left may be half of one, and then hide what the rest of it would have been taken for.
        let mut one = Said::of(&"y".repeat(KEPT_BYTES));
        one.hear(b"z\nlast\n");
        assert_eq!(one.told(&[]), ": last");
    }

    #[test]
    fn secrets_are_not_told() {
        let surroundings =
            [("AWS_SECRET_ACCESS_KEY", "hush-1"), ("AWS_REGION", "eu-west-1"), ("AZURE_X_KEY", "abc")].map(|(name, value)| (name.into(), value.into()));
        for (said, told) in [
            ("signed with hush-1 in eu-west-1", "signed with *** in eu-west-1"),
            ("abc is no secret that could be told from a word", "abc is no secret that could be told from a word"),
            ("GET https://me:hush@store.example.org/a.parquet?X-Sig=hush: 403", "GET https://store.example.org/a.parquet?*** 403"),
            ("AccountKey=hush;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
            ("authorization: Bearer hush", "authorization: Bearer ***"),
            ("column token: expected a number", "column token: expected a number"),
        ] {
            assert_eq!(Said::of(said).told(&surroundings), format!(": {told}"), "{said}");
        }
    }
}
