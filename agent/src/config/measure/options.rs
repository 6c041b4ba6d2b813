//! The options of `clause9-measure` that a job may set: one table, from which values are checked and arguments made. A test holds it against
//! what the program itself says. What is not in it is the agent's to decide (format, verdicts, progress) or a key of the job.

use serde_json::{Map, Value as Json};

use super::{super::Reader, Command};
use crate::{document::nearest, size};

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text or a number.
    Text,
    /// A number.
    Number,
    /// A size of memory.
    Size,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One name or a list of them.
    Names,
    /// A map of names to texts or numbers.
    Pairs,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// Its name in a configuration; on the command line it has hyphens for `_`.
    pub name: &'static str,
    /// The commands that have it.
    pub commands: &'static [Command],
    /// What it takes.
    pub kind: Kind,
    /// Whether a job must set it.
    pub required: bool,
}

const ALL: &[Command] = &Command::ALL;
const COLUMNS: &[Command] = &[Command::Drift, Command::Quality];
const JUDGED: &[Command] = &[Command::Bias, Command::Performance];
const DRIFT: &[Command] = &[Command::Drift];
const BIAS: &[Command] = &[Command::Bias];
const PERFORMANCE: &[Command] = &[Command::Performance];
const QUALITY: &[Command] = &[Command::Quality];

const fn may(name: &'static str, commands: &'static [Command], kind: Kind) -> Opt {
    Opt { name, commands, kind, required: false }
}

const fn must(name: &'static str, commands: &'static [Command], kind: Kind) -> Opt {
    Opt { name, commands, kind, required: true }
}

const OPTIONS: &[Opt] = &[
    may("where", ALL, Kind::Text),
    may("input_format", ALL, Kind::Text),
    may("delimiter", ALL, Kind::Text),
    may("infer_rows", ALL, Kind::Number),
    may("memory", ALL, Kind::Size),
    may("no_digest", ALL, Kind::Flag),
    may("spool", ALL, Kind::Text),
    may("segment", ALL, Kind::Text),
    may("html", ALL, Kind::Text),
    may("limit", ALL, Kind::Pairs),
    may("warn", ALL, Kind::Pairs),
    may("feature", COLUMNS, Kind::Names),
    may("prediction", COLUMNS, Kind::Names),
    may("score", COLUMNS, Kind::Names),
    may("label", COLUMNS, Kind::Names),
    may("protected", COLUMNS, Kind::Names),
    may("time", COLUMNS, Kind::Text),
    may("weight", ALL, Kind::Text),
    may("categorical", COLUMNS, Kind::Names),
    may("include", COLUMNS, Kind::Names),
    may("exclude", COLUMNS, Kind::Names),
    may("tests", DRIFT, Kind::Names),
    may("bins", DRIFT, Kind::Text),
    may("like", DRIFT, Kind::Text),
    may("nulls", DRIFT, Kind::Word(&["drop", "category"])),
    may("correction", DRIFT, Kind::Word(&["none", "bonferroni", "holm", "benjamini-hochberg"])),
    may("prediction", JUDGED, Kind::Text),
    may("score", JUDGED, Kind::Text),
    may("threshold", JUDGED, Kind::Number),
    may("label", BIAS, Kind::Text),
    must("protected", BIAS, Kind::Names),
    may("favourable", BIAS, Kind::Text),
    may("privileged", BIAS, Kind::Pairs),
    may("reference_group", BIAS, Kind::Word(&["most-favoured", "largest"])),
    may("compare", BIAS, Kind::Word(&["each", "pooled", "extremes"])),
    may("undefined_rates", BIAS, Kind::Word(&["left-out", "zero"])),
    may("measures", BIAS, Kind::Names),
    may("confidence", BIAS, Kind::Number),
    may("min_group", BIAS, Kind::Number),
    must("label", PERFORMANCE, Kind::Text),
    may("segment_by", PERFORMANCE, Kind::Names),
    may("positive", PERFORMANCE, Kind::Text),
    may("task", JUDGED, Kind::Word(&["auto", "binary", "classes", "regression"])),
    may("average", PERFORMANCE, Kind::Word(&["macro", "weighted", "micro"])),
    may("metrics", PERFORMANCE, Kind::Names),
    may("no_duplicates", QUALITY, Kind::Flag),
];

/// The options of a command.
pub fn options(command: Command) -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().filter(move |option| option.commands.contains(&command))
}

/// The arguments that these options stand for. `memory` is what the program may take at all.
pub(super) fn arguments(command: Command, given: &Map<String, Json>, memory: u64, path: &str, reader: &mut Reader<'_>) -> Vec<String> {
    let mut arguments = Vec::new();
    for (name, value) in given {
        let Some(option) = options(command).find(|option| option.name == name) else {
            reader.mistake(&format!("{path}.{name}"), unknown(command, name));
            continue;
        };
        match option.arguments(value) {
            Ok(made) => arguments.extend(made),
            Err(expected) => reader.mistake(&format!("{path}.{name}"), expected),
        }
    }
    for missing in options(command).filter(|option| option.required && !given.contains_key(option.name)) {
        reader.mistake(&format!("{path}.{}", missing.name), "a value, it is required");
    }
    if options(command).any(|option| option.name == "threshold") && !given.contains_key("prediction") && !given.contains_key("score") {
        reader.mistake(&format!("{path}.prediction"), "a column, or one as `score`");
    }
    match given.get("memory").and_then(Json::as_str).and_then(size::parse) {
        Some(wanted) if wanted > memory => reader.mistake(&format!("{path}.memory"), format!("at most the job's own `memory`, {}", size::text(memory))),
        Some(_) => {}
        // What does not count as columns needs room, too.
        None => arguments.push(format!("--memory={}", memory / 2)),
    }
    arguments
}

fn unknown(command: Command, name: &str) -> String {
    let known = || options(command).map(|option| option.name);
    match nearest(&name.replace('-', "_"), known()) {
        Some(near) => format!("`{near}`"),
        None => format!("one of the options of `{}`: {}", command.as_str(), known().collect::<Vec<_>>().join(", ")),
    }
}

impl Opt {
    /// Name and value are one argument, so that no value is taken for an option.
    fn arguments(&self, value: &Json) -> Result<Vec<String>, String> {
        let flag = format!("--{}", self.name.replace('_', "-"));
        let with = |text: String| format!("{flag}={text}");
        match self.kind {
            Kind::Text => Ok(vec![with(plain(value).ok_or("a text or a number")?)]),
            Kind::Number => Ok(vec![with(value.as_number().ok_or("a number")?.to_string())]),
            Kind::Size => {
                let bytes = value.as_str().and_then(size::parse).ok_or(size::EXPECTED)?;
                Ok(vec![with(bytes.to_string())])
            }
            Kind::Flag => Ok(if value.as_bool().ok_or("true or false")? { vec![flag] } else { Vec::new() }),
            Kind::Word(words) => {
                let word = value.as_str().filter(|word| words.contains(word));
                word.map(|word| vec![with(word.to_owned())]).ok_or_else(|| quoted(words))
            }
            Kind::Names => names(value).map(|names| vec![with(names.join(","))]),
            Kind::Pairs => {
                let pairs = value.as_object().filter(|pairs| !pairs.is_empty()).ok_or("a map of names and values")?;
                let pair = |(name, value): (&String, &Json)| Ok(with(format!("{name}={}", plain(value).ok_or("a map of names to texts or numbers")?)));
                pairs.iter().map(pair).collect()
            }
        }
    }
}

/// A value as one types it. What YAML takes for a number or for true was a text to the person who wrote it.
fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn names(value: &Json) -> Result<Vec<String>, String> {
    let expected = "a name or a list of names";
    let list = match value {
        Json::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>(),
        one => plain(one).map(|name| name.split(',').map(|name| name.trim().to_owned()).collect()),
    };
    let list = list.filter(|names| !names.is_empty()).ok_or(expected)?;
    // The program would take it for two.
    if list.iter().any(|name| name.contains(',')) { Err("names without a comma".to_owned()) } else { Ok(list) }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
}
