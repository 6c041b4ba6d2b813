//! YAML documents that people write: parsed with the place of every value, read into types with every mistake found, not only the first.
//! Configuration, connectors and indicators are all read through here. No I/O: text in, types and mistakes out.

mod decode;
mod load;
mod mistake;
mod parse;

use std::{cell::RefCell, collections::HashSet, fmt::Write as _};

use serde::de::DeserializeOwned;

pub use load::{MAX_DEPTH, MAX_VALUES};
pub use mistake::{Mistake, Mistakes};

use crate::record::Digest;

/// Most mistakes of a kind (wrong values, unknown keys) that are told of one document. Whoever has that many wrote another kind of file; each
/// takes a reading of the whole document, so that a file of nothing else would keep the reader busy for hours.
const MAX_MISTAKES: usize = 100;

/// What is expected of a key that must be there.
pub const REQUIRED: &str = "a value, it is required";

/// What reading a document found wrong, beside the mistakes themselves.
struct Found {
    left_out: HashSet<usize>,
    misspelt: HashSet<(usize, String)>,
}

/// A parsed YAML file. Values are nodes; a node knows its line and its path.
#[derive(Debug)]
pub struct Document {
    file: String,
    nodes: Vec<Node>,
    /// What has a mistake already, so that no value has it: nothing else is said of it.
    left_out: HashSet<usize>,
    /// Keys that are missing beside an unknown one that was probably meant: the map's node and the key.
    misspelt: HashSet<(usize, String)>,
}

#[derive(Debug)]
struct Node {
    line: usize,
    parent: Option<usize>,
    step: Step,
    data: Data,
    /// Came out of a reference to the environment or a file, or stands under a key that holds secrets: never shown.
    secret: bool,
}

#[derive(Debug)]
enum Step {
    Root,
    Key(String),
    Index(usize),
}

#[derive(Debug)]
enum Data {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    List(Vec<usize>),
    Map(Vec<(String, usize)>),
}

impl Document {
    /// The file's name, as mistakes show it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Reads the whole document as `T`. Unknown keys are mistakes, and yet no reason to look no further: the value is there all the same,
    /// so that its meaning can be checked in the same go. `None` when a value has the wrong type or is missing. Who gets a value must still ask
    /// whether there were mistakes.
    pub fn read<T: DeserializeOwned>(&self, mistakes: &mut Mistakes) -> Option<T> {
        let mut found = Found { left_out: self.left_out.clone(), misspelt: HashSet::new() };
        let value = self.read_around(&mut found, mistakes);
        // What is left out is missing from the value, and moves what comes after it.
        value.filter(|_| found.left_out.is_empty())
    }

    /// Reads as much of the document as can be read: what has the wrong type, or lacks what it requires, is left out of the value, so that the
    /// meaning of all the rest can be checked in the same go. From then on paths lead to where the value has what they name, and
    /// [`Document::is_settled`] tells of what nothing more is to be said. `None` when nothing is left.
    pub fn read_rest<T: DeserializeOwned>(&mut self, mistakes: &mut Mistakes) -> Option<T> {
        let mut found = Found { left_out: self.left_out.clone(), misspelt: HashSet::new() };
        let value = self.read_around(&mut found, mistakes);
        (self.left_out, self.misspelt) = (found.left_out, found.misspelt);
        value
    }

    /// Serde stops at the first error. So each error is noted, its node left out, and the rest read again, until nothing new turns up or there
    /// are [`MAX_MISTAKES`].
    fn read_around<T: DeserializeOwned>(&self, found: &mut Found, mistakes: &mut Mistakes) -> Option<T> {
        let before = found.left_out.len();
        let unknown = RefCell::new(Vec::new());
        let mut missing = Vec::new();
        let value = loop {
            let error = match T::deserialize(decode::Reader { document: self, node: 0, hidden: &found.left_out, unknown: &unknown }) {
                Ok(value) => break Some(value),
                Err(error) => error,
            };
            let node = error.node.unwrap_or(0);
            let caused_by_hiding = error.missing.as_deref().is_some_and(|key| self.child(node, key).is_some_and(|child| found.left_out.contains(&child)));
            match &error.missing {
                _ if caused_by_hiding => {}
                Some(key) => missing.push((node, key.clone(), mistakes.len())),
                None => mistakes.push(self.decode_mistake(node, error)),
            }
            if node == 0 || !found.left_out.insert(node) || found.left_out.len() - before >= MAX_MISTAKES {
                break None;
            }
        };
        let mut unknown = unknown.into_inner();
        let mut seen = HashSet::new();
        unknown.retain(|(node, key, _)| seen.insert((*node, key.clone())));
        for (node, key, known) in unknown.into_iter().take(MAX_MISTAKES) {
            found.misspelt.extend(nearest(&key, known.iter().copied()).map(|near| (node, near.to_owned())));
            mistakes.push(self.unknown_key(node, &key, known));
        }
        // The hint beside the unknown key says it better.
        missing.retain(|(node, key, _)| !found.misspelt.contains(&(*node, key.clone())));
        for (later, (node, key, place)) in missing.into_iter().enumerate() {
            let expected = REQUIRED.to_owned();
            mistakes.insert(place + later, self.decode_mistake(node, decode::Error { node: Some(node), missing: Some(key), expected }));
        }
        value
    }

    /// Whether the value at `path` has a mistake already, lies in one that has, or is missing because its key is misspelt.
    pub fn is_settled(&self, path: &str) -> bool {
        let (node, rest) = self.find(path);
        let mut up = std::iter::successors(Some(node), |node| self.nodes[*node].parent);
        up.any(|node| self.left_out.contains(&node)) || self.misspelt.contains(&(node, rest.to_owned()))
    }

    /// A mistake about the value at `path` (`sources[2].cron`; empty: the whole file) that reading its type could not see.
    /// A path that is not there points at its nearest ancestor.
    pub fn mistake(&self, path: &str, expected: impl Into<String>) -> Mistake {
        let (node, rest) = self.find(path);
        let found = if rest.is_empty() { self.shown(node) } else { "nothing".to_owned() };
        let path = match (self.path(node), rest) {
            (path, "") => path,
            (path, rest) if rest.starts_with('[') => path + rest,
            (path, rest) => join(&path, rest),
        };
        Mistake { file: self.file.clone(), line: Some(self.nodes[node].line), path, found, expected: expected.into() }
    }

    /// The line of the value at `path`.
    pub fn line(&self, path: &str) -> usize {
        self.nodes[self.find(path).0].line
    }

    /// Whether something is written at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.find(path).1.is_empty()
    }

    /// Whether `true` is written at `path`, for what has to be known before all of it is read.
    pub fn is_true(&self, path: &str) -> bool {
        matches!(self.find(path), (node, "") if matches!(self.nodes[node].data, Data::Boolean(true)))
    }

    /// Whether the value at `path`, or one within it, must not be shown.
    pub fn holds_secret(&self, path: &str) -> bool {
        let (top, rest) = self.find(path);
        let is_within = |node: usize| std::iter::successors(Some(node), |node| self.nodes[*node].parent).any(|node| node == top);
        rest.is_empty() && (0..self.nodes.len()).any(|node| self.nodes[node].secret && is_within(node))
    }

    /// Digest of keys and values, without comments and layout. What must not be shown does not count: a short secret could be guessed from it.
    pub fn digest(&self) -> Digest {
        let mut all = String::new();
        for node in &self.nodes {
            let step = match &node.step {
                Step::Root => String::new(),
                Step::Key(key) => format!("{key:?}"),
                Step::Index(index) => index.to_string(),
            };
            let value = match &node.data {
                _ if node.secret => "***".to_owned(),
                Data::Null => "null".to_owned(),
                Data::Boolean(truth) => truth.to_string(),
                Data::Integer(number) => number.to_string(),
                Data::Real(number) => format!("{number:?}"),
                Data::Text(text) => format!("{text:?}"),
                Data::List(_) => "[]".to_owned(),
                Data::Map(_) => "{}".to_owned(),
            };
            // Where a node stands follows from its parent, which came before it.
            let parent = node.parent.unwrap_or(0);
            let _ = writeln!(all, "{parent} {step} {value}");
        }
        Digest::of(all.as_bytes())
    }

    /// The node at `path`, or its nearest ancestor and what is left of the path. In lists those count that the value has.
    fn find<'p>(&self, path: &'p str) -> (usize, &'p str) {
        let (mut node, mut rest) = (0, path);
        while !rest.is_empty() {
            let Some((next, after)) = self.step(node, rest) else { break };
            (node, rest) = (next, after.strip_prefix('.').unwrap_or(after));
        }
        (node, rest)
    }

    fn step<'p>(&self, node: usize, path: &'p str) -> Option<(usize, &'p str)> {
        if let Some(indexed) = path.strip_prefix('[') {
            let (index, after) = indexed.split_once(']')?;
            let Data::List(items) = &self.nodes[node].data else { return None };
            let item = items.iter().filter(|item| !self.left_out.contains(item)).nth(index.parse().ok()?)?;
            return Some((*item, after));
        }
        let (key, after) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
        self.child(node, key).map(|child| (child, after))
    }

    fn child(&self, node: usize, key: &str) -> Option<usize> {
        match &self.nodes[node].data {
            Data::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, child)| *child),
            _ => None,
        }
    }

    fn path(&self, node: usize) -> String {
        let Some(parent) = self.nodes[node].parent else { return String::new() };
        let parent = self.path(parent);
        match &self.nodes[node].step {
            Step::Root => parent,
            Step::Key(key) if parent.is_empty() => key.clone(),
            Step::Key(key) => format!("{parent}.{key}"),
            Step::Index(index) => format!("{parent}[{index}]"),
        }
    }

    fn shown(&self, node: usize) -> String {
        let node = &self.nodes[node];
        if node.secret {
            return "a value that is not shown".to_owned();
        }
        match &node.data {
            Data::Null => "nothing".to_owned(),
            Data::Boolean(truth) => truth.to_string(),
            Data::Integer(number) => number.to_string(),
            Data::Real(number) => number.to_string(),
            Data::Text(text) => format!("{:?}", mistake::shortened(text)),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
        }
    }

    fn decode_mistake(&self, node: usize, error: decode::Error) -> Mistake {
        let (path, found) = match &error.missing {
            Some(key) => (join(&self.path(node), key), "nothing".to_owned()),
            None => (self.path(node), self.shown(node)),
        };
        Mistake { file: self.file.clone(), line: Some(self.nodes[node].line), path, found, expected: error.expected }
    }

    fn unknown_key(&self, node: usize, key: &str, known: &[&str]) -> Mistake {
        let line = self.child(node, key).map_or(self.nodes[node].line, |child| self.nodes[child].line);
        let (path, expected) = (join(&self.path(node), key), one_of(key, known.iter().copied()));
        Mistake { file: self.file.clone(), line: Some(line), path, found: "an unknown key".to_owned(), expected }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What was expected of a word that is none of the known ones: the one that was probably meant, else any of them.
pub fn one_of<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(typed, known.clone()) {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The known word that was probably meant: nearest by edits, and near enough.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let is_near = |edits: usize, word: &str| edits * 3 <= word.len().max(3);
    // There are at least as many edits as the lengths differ by. Counting edits takes room for the product of both, and what was typed may be long.
    let length = typed.chars().count();
    let known = known.into_iter().filter(|word| is_near(length.abs_diff(word.chars().count()), word));
    let near = known.map(|word| (strsim::damerau_levenshtein(typed, word), word)).min();
    near.filter(|(edits, word)| is_near(*edits, word)).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Shop {
        name: String,
        #[serde(default)]
        open: bool,
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default)]
        prices: BTreeMap<String, f64>,
        #[serde(default)]
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Item {
        id: u32,
        colour: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Fast,
        Slow { factor: f64 },
    }

    fn read(text: &str) -> Result<Shop, Vec<String>> {
        let mut mistakes = Mistakes::default();
        let shop = Document::parse("shop.yaml", text, &mut mistakes).and_then(|document| document.read(&mut mistakes));
        shop.ok_or_else(|| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_good_document_reads() {
        let shop = read("name: corner\nopen: true\nitems: [{id: 1}, {id: 2, colour: red}]\nprices: {tea: 2, jam: 3.5}\nmode: {slow: {factor: 2}}\n").unwrap();
        assert_eq!(shop.items[1], Item { id: 2, colour: Some("red".into()) });
        assert_eq!(shop.prices["tea"], 2.0);
        assert_eq!(shop.mode, Some(Mode::Slow { factor: 2.0 }));
        assert_eq!(read("name: a\nmode: fast\n").unwrap().mode, Some(Mode::Fast));
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let mistakes =
            read("open: maybe\nitmes: []\nitems:\n  - {id: one}\n  - {id: 2, color: red}\n  - {colour: 3}\nprices: {tea: dear}\nmode: quick\n").unwrap_err();
        assert_eq!(
            mistakes,
            [
                "shop.yaml:1: open: \"maybe\"; expected true or false",
                "shop.yaml:4: items[0].id: \"one\"; expected a whole number",
                "shop.yaml:6: items[2].colour: 3; expected a text",
                "shop.yaml:6: items[2].id: nothing; expected a value, it is required",
                "shop.yaml:7: prices.tea: \"dear\"; expected a number",
                "shop.yaml:8: mode: \"quick\"; expected `fast` or `slow`",
                "shop.yaml:1: name: nothing; expected a value, it is required",
                "shop.yaml:2: itmes: an unknown key; expected `items`",
                "shop.yaml:5: items[1].color: an unknown key; expected `colour`",
            ]
        );
    }

    #[test]
    fn a_document_of_nothing_but_mistakes_is_not_read_for_each() {
        let wrong = format!("name: corner\nprices: {{{}}}\n", (0..5_000).map(|item| format!("a{item}: dear, ")).collect::<String>());
        assert_eq!(read(&wrong).unwrap_err().len(), MAX_MISTAKES);
        let unknown = format!("name: corner\n{}", (0..5_000).map(|item| format!("a{item}: 1\n")).collect::<String>());
        let mut mistakes = Mistakes::default();
        let document = Document::parse("shop.yaml", &unknown, &mut mistakes).unwrap();
        assert!(document.read::<Shop>(&mut mistakes).is_some());
        assert_eq!(mistakes.len(), MAX_MISTAKES);
    }

    #[test]
    fn words_are_near_by_edits() {
        for (typed, near) in [("itmes", Some("items")), ("nme", Some("name")), ("it", None), ("itemsitemsitems", None), ("", None)] {
            assert_eq!(nearest(typed, ["name", "items"]), near, "{typed}");
        }
        assert_eq!(nearest(&"x".repeat(10_000_000), ["name", "items"]), None);
    }

    #[test]
    fn broken_yaml_says_where() {
        for (text, message) in [
            ("name: [a\n", "shop.yaml:2: "),
            ("name: a\nname: b\n", "shop.yaml:2: "),
            ("", "shop.yaml:1: the file is empty"),
            ("a: 1\n---\nb: 2\n", "shop.yaml:1: 2 documents"),
        ] {
            let mistakes = read(text).unwrap_err();
            assert!(mistakes[0].starts_with(message), "{text:?}: {mistakes:?}");
        }
    }

    #[test]
    fn a_digest_follows_what_is_said_and_no_secret() {
        let of = |text: &str, secret: &str| {
            let mut mistakes = Mistakes::default();
            let mut document = Document::parse("f.yaml", text, &mut mistakes).unwrap();
            document.resolve(|_| Ok(secret.to_owned()), &mut mistakes);
            document.digest()
        };
        let first = of("a: [1, {b: x}]\npassword: hush\nc: \"${s}\"\n", "one");
        assert_eq!(of("a:\n  - 1 # so many\n  - b: x\npassword: other\nc: \"${s}\"\n", "two"), first);
        for other in ["a: [1, {b: y}]\npassword: hush\nc: \"${s}\"\n", "a: [1, {d: x}]\npassword: hush\nc: \"${s}\"\n", "a: [1, {b: x}]\nc: \"${s}\"\n"] {
            assert_ne!(of(other, "one"), first, "{other}");
        }
    }

    /// What is wrong in one place does not keep the rest from being looked at: lists are shorter then, and paths count as the value does.
    #[test]
    fn the_rest_of_a_document_is_read_beside_its_mistakes() {
        let mut mistakes = Mistakes::default();
        let text = "name: corner\nopen: maybe\nitems:\n  - {id: one}\n  - {id: 2, color: red}\n  - {idd: 3}\n  - {id: 4}\n";
        let mut document = Document::parse("shop.yaml", text, &mut mistakes).unwrap();
        let shop: Shop = document.read_rest(&mut mistakes).unwrap();
        assert_eq!((shop.open, shop.items.iter().map(|item| item.id).collect::<Vec<_>>()), (false, vec![2, 4]));
        assert_eq!(document.mistake("items[1].id", "5").to_string(), "shop.yaml:7: items[3].id: 4; expected 5");
        assert_eq!(document.mistake("items[1].colour", "a colour").to_string(), "shop.yaml:7: items[3].colour: nothing; expected a colour");
        assert!(
            document.is_settled("open") && document.is_settled("items[0].colour") && !document.is_settled("items[1].colour") && !document.is_settled("name")
        );
        let told: Vec<_> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(told, ["open", "items[0].id", "items[1].color", "items[2].idd"], "that `id` is missing is told by the hint: {mistakes}");
    }

    #[test]
    fn paths_lead_to_lines() {
        let mut mistakes = Mistakes::default();
        let document = Document::parse("f.yaml", "a:\n  - b: 1\n  - b: 2\n", &mut mistakes).unwrap();
        assert_eq!(document.line("a[1].b"), 3);
        assert_eq!(document.mistake("a[1].b", "3").to_string(), "f.yaml:3: a[1].b: 2; expected 3");
        assert_eq!(document.mistake("a[1].c", "something").to_string(), "f.yaml:3: a[1].c: nothing; expected something");
    }
}
