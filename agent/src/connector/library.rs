//! The library of jq definitions that connectors share (`config/connectors/lib.jq`), of which each gets those that it uses. Pure.
//!
//! The method behind a connector's records is its own text and what it uses of the library: a digest covers both, and a change of a definition changes
//! it for those that use it, and for nobody else.

use std::{collections::HashSet, sync::LazyLock};

/// The library, as it is written.
const TEXT: &str = include_str!("../../../config/connectors/lib.jq");

/// One definition.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    parameters: usize,
    /// What it says, without comments.
    text: String,
    /// Names that stand in it.
    words: HashSet<&'static str>,
}

static DEFINITIONS: LazyLock<Vec<Definition>> = LazyLock::new(|| definitions(TEXT));

/// The definitions that a connector uses, directly or by way of others, in the library's order. A name of the library's that the connector defines
/// itself, with as many parameters, is its own.
pub(super) fn used_by(connector: &str) -> String {
    let code: Vec<&str> = connector.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let own: HashSet<_> = code.iter().flat_map(|line| heads(line)).collect();
    let mentioned: HashSet<_> = code.iter().flat_map(|line| words(line)).collect();
    let mut used: Vec<&Definition> = Vec::new();
    // A definition uses only those that stand before it.
    for definition in DEFINITIONS.iter().rev() {
        let by_connector = mentioned.contains(definition.name) && !own.contains(&(definition.name, definition.parameters));
        if by_connector || used.iter().any(|later| later.words.contains(definition.name)) {
            used.push(definition);
        }
    }
    used.iter().rev().map(|definition| definition.text.as_str()).collect()
}

/// Each definition begins at the first column and ends where the next one, or the comment before it, does.
fn definitions(library: &'static str) -> Vec<Definition> {
    let code: Vec<&str> = library.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()).collect();
    let mut texts: Vec<Vec<&'static str>> = Vec::new();
    for line in code {
        match texts.last_mut() {
            Some(last) if !line.starts_with("def ") => last.push(line),
            _ => texts.push(vec![line]),
        }
    }
    let read = |lines: Vec<&'static str>| {
        let (name, parameters) = heads(lines[0]).next()?;
        let words = lines.iter().flat_map(|line| words(line)).filter(|word| *word != name).collect();
        Some(Definition { name, parameters, text: lines.join("\n") + "\n", words })
    };
    texts.into_iter().filter_map(read).collect()
}

/// The definitions in a text: their names, and how many parameters they have.
fn heads(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.match_indices("def ").filter_map(|(start, _)| {
        if text[..start].ends_with(goes_on) {
            return None;
        }
        let after = text[start + "def ".len()..].trim_start();
        let (name, rest) = after.split_at(after.find(|c| !goes_on(c)).unwrap_or(after.len()));
        let parameters = rest.strip_prefix('(').and_then(|inside| inside.split_once(')')).map_or(0, |(inside, _)| inside.split(';').count());
        (!name.is_empty()).then_some((name, parameters))
    })
}

fn goes_on(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn words(text: &str) -> HashSet<&str> {
    text.split(|c| !goes_on(c)).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests;
