//! YAML text to the parser's tree, held to bounds on the way. The parser itself goes from event to event, but its loader recurses, and so does
//! whatever walks or drops a tree: so each event is counted before anything is made of it.

use std::collections::HashMap;

use saphyr::{MarkedYaml, YamlLoader};
use saphyr_parser::{Event, Parser, SpannedEventReceiver as _};

/// How deep lists and maps may lie in each other. What people write stays under 20; trees are walked by recursion on stacks of 2 MiB,
/// which hold some ten times as many.
pub const MAX_DEPTH: usize = 100;

/// Most values that one document may have, lists and maps included. Each takes about half a kilobyte while it is read.
pub const MAX_VALUES: usize = 2_000_000;

/// Most values that anchors and aliases may copy: a few lines of them can stand for any number.
pub const MAX_COPIED_VALUES: usize = 100_000;

/// Most bytes of text that they may copy.
pub const MAX_COPIED_BYTES: usize = 16 * 1024 * 1024;

/// Why a text is no document that can be read.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) line: usize,
    pub(super) found: String,
    pub(super) expected: String,
}

/// The documents in a text.
pub(super) fn load(text: &str) -> Result<Vec<MarkedYaml<'_>>, Refusal> {
    let mut parser = Parser::new_from_str(text);
    let mut loader = YamlLoader::default();
    loader.alias_limit(MAX_COPIED_VALUES);
    let mut bounds = Bounds::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| no_yaml(&error))?;
        bounds.take(&event).map_err(|(found, expected)| Refusal { line: span.start.line(), found, expected })?;
        loader.on_event(event, span);
        if let Some(error) = loader.error() {
            return Err(no_yaml(error));
        }
    }
    Ok(loader.into_documents())
}

fn no_yaml(error: &saphyr::ScanError) -> Refusal {
    Refusal { line: error.marker().line(), found: format!("not YAML: {}", error.info()), expected: String::new() }
}

/// What a value, or a list or map up to here, holds.
#[derive(Debug, Default, Clone, Copy)]
struct Extent {
    /// Lists and maps in each other.
    height: usize,
    values: usize,
    bytes: usize,
}

impl Extent {
    fn add(&mut self, other: Self) {
        self.height = self.height.max(other.height);
        self.values += other.values;
        self.bytes += other.bytes;
    }
}

/// Goes along with the events and keeps count.
#[derive(Debug, Default)]
struct Bounds {
    /// The lists and maps that are open, each with the number of its anchor (0: it has none).
    open: Vec<(usize, Extent)>,
    /// What stands under each anchor.
    anchored: HashMap<usize, Extent>,
    values: usize,
    copied: Extent,
}

/// What was found and what was expected.
type Excess = (String, String);

impl Bounds {
    fn take(&mut self, event: &Event<'_>) -> Result<(), Excess> {
        match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                self.open.push((*anchor, Extent::default()));
                self.check_depth(0)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, mut extent) = self.open.pop().unwrap_or_default();
                extent.height += 1;
                self.close(anchor, extent)
            }
            Event::Scalar(text, _, anchor, _) => self.close(*anchor, Extent { bytes: text.len(), ..Extent::default() }),
            Event::Alias(anchor) => {
                // One that stands within its own anchor, or that nobody declared, is refused when values are read.
                let extent = self.anchored.get(anchor).copied().unwrap_or_default();
                self.check_depth(extent.height)?;
                self.copy(extent)?;
                self.close(0, extent)
            }
            _ => Ok(()),
        }
    }

    /// Takes a value that is whole. The loader keeps a copy of what has an anchor.
    fn close(&mut self, anchor: usize, mut extent: Extent) -> Result<(), Excess> {
        self.values += 1;
        extent.values += 1;
        if self.values > MAX_VALUES {
            return Err((format!("more than {MAX_VALUES} values"), "a document of that many values at most; split it".to_owned()));
        }
        if anchor > 0 {
            self.copy(extent)?;
            self.anchored.insert(anchor, extent);
        }
        if let Some((_, parent)) = self.open.last_mut() {
            parent.add(extent);
        }
        Ok(())
    }

    fn check_depth(&self, further: usize) -> Result<(), Excess> {
        if self.open.len() + further <= MAX_DEPTH {
            return Ok(());
        }
        Err((format!("lists and maps that lie more than {MAX_DEPTH} deep in each other"), "less nesting".to_owned()))
    }

    fn copy(&mut self, extent: Extent) -> Result<(), Excess> {
        self.copied.add(extent);
        if self.copied.values <= MAX_COPIED_VALUES && self.copied.bytes <= MAX_COPIED_BYTES {
            return Ok(());
        }
        let found = format!("anchors and aliases that copy more than {MAX_COPIED_VALUES} values or {} MiB of text", MAX_COPIED_BYTES >> 20);
        Err((found, "fewer of them, or the values written out".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<String> {
        load(text).err().map(|refusal| format!("{}: {}; expected {}", refusal.line, refusal.found, refusal.expected))
    }

    /// Each way to nest, `depth` levels of it.
    fn nested(depth: usize) -> [(&'static str, String); 9] {
        let maps: String = (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        let lists: String = (0..depth).map(|level| format!("{}-\n", " ".repeat(level))).collect();
        let half = depth / 2;
        let anchors = format!("- &a {}{}\n- {}*a{}\n", "[".repeat(half), "]".repeat(half), "[".repeat(depth - half - 1), "]".repeat(depth - half - 1));
        // Each names the one before: a level a line.
        let chain: String = (1..depth - 1).map(|level| format!("- &a{level} [*a{}]\n", level - 1)).collect();
        [
            ("block maps", maps),
            ("block lists", lists),
            ("block lists on one line", format!("{}x\n", "- ".repeat(depth))),
            ("flow lists", format!("{}{}\n", "[".repeat(depth), "]".repeat(depth))),
            ("flow maps", format!("{}{}\n", "{a: ".repeat(depth), "}".repeat(depth))),
            ("lists in keys", format!("{}x\n", "? - ".repeat(half))),
            ("flow in block", format!("{}{}{}\n", "- ".repeat(half), "[".repeat(depth - half), "]".repeat(depth - half))),
            ("an alias far down", anchors),
            ("a chain of aliases", format!("- &a0 []\n{chain}")),
        ]
    }

    #[test]
    fn nesting_has_a_bound_however_it_is_written() {
        for (way, text) in nested(MAX_DEPTH) {
            assert_eq!(refused(&text), None, "{way}");
        }
        let too_deep = nested(MAX_DEPTH + 1);
        for (way, text) in too_deep.into_iter().filter(|(way, _)| *way != "lists in keys") {
            let message = refused(&text).unwrap_or_else(|| panic!("{way} is taken"));
            assert!(message.ends_with(": lists and maps that lie more than 100 deep in each other; expected less nesting"), "{way}: {message}");
        }
        let (_, in_keys) = &nested(MAX_DEPTH + 2)[5];
        assert!(refused(in_keys).is_some_and(|message| message.contains("more than 100 deep")));
    }

    #[test]
    fn the_line_of_the_first_level_too_many_is_told() {
        let [(_, maps), ..] = nested(MAX_DEPTH + 1);
        assert!(refused(&maps).is_some_and(|message| message.starts_with("101: ")), "{:?}", refused(&maps));
    }

    #[test]
    fn copies_have_a_bound() {
        let many = |aliases: usize| format!("- &a [{}]\n{}", "1, ".repeat(999), "- *a\n".repeat(aliases));
        // The anchor itself is a copy of 1,000 values, and each alias another.
        assert_eq!(refused(&many(99)), None);
        let message = "anchors and aliases that copy more than 100000 values or 16 MiB of text; expected fewer of them, or the values written out";
        assert_eq!(refused(&many(100)), Some(format!("101: {message}")));
        let long = |aliases: usize| format!("- &a {}\n{}", "x".repeat(1024 * 1024), "- *a\n".repeat(aliases));
        assert_eq!(refused(&long(15)), None);
        assert_eq!(refused(&long(16)), Some(format!("17: {message}")));
        let within = format!("{}{}{}\n", "&a [".repeat(60), "1, ".repeat(2_000), "]".repeat(60));
        assert!(refused(&within).is_some_and(|refusal| refusal.contains(message)), "anchors within anchors");
    }

    #[test]
    fn values_have_a_bound() {
        let value = Event::Scalar("1".into(), saphyr::ScalarStyle::Plain, 0, None);
        let mut bounds = Bounds { values: MAX_VALUES - 1, ..Bounds::default() };
        assert_eq!(bounds.take(&value), Ok(()));
        let refused = ("more than 2000000 values".to_owned(), "a document of that many values at most; split it".to_owned());
        assert_eq!(bounds.take(&value), Err(refused));
    }
}
