//! The catalogue: the embedded files, those of a user's folder over them, every mistake in them at once.

use std::{
    cell::LazyCell,
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock},
};

use include_dir::{Dir, include_dir};

use super::{
    Example, Id, Indicator, Local, Own, Reads, check,
    check::Checker,
    local::{self, Trials},
    raw::{RawExample, RawIndicator},
};
use crate::{
    document::{Document, Mistake, Mistakes, nearest},
    record::Feed,
};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../config/indicators");

/// Every indicator, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    indicators: BTreeMap<Id, Arc<Indicator>>,
}

impl Catalogue {
    /// The built-in catalogue. Tests prove that it has no mistakes.
    ///
    /// # Errors
    /// Mistakes in the embedded files.
    pub fn built_in() -> Result<Self, Mistakes> {
        Self::with(&[])
    }

    /// The built-in catalogue and a user's files, each as name and text: an indicator with the id of a built-in one replaces it.
    ///
    /// # Errors
    /// Every mistake in any of the files.
    pub fn with(files: &[(String, String)]) -> Result<Self, Mistakes> {
        // What is built in can't change while the program runs, so it is read once.
        static READ: LazyLock<(BTreeMap<Id, Arc<Indicator>>, Mistakes)> = LazyLock::new(read_built_in);
        let (mut indicators, mut mistakes) = READ.clone();
        if !files.is_empty() {
            let trials = LazyCell::new(Trials::new);
            let local = |indicator: &Indicator| if indicator.has_system() && trials.is_local(indicator) { Local::Tried } else { Local::No };
            let own = read_all(&Checker::new(), files, local, &mut mistakes);
            indicators.extend(own.into_iter().map(|indicator| (indicator.id.clone(), Arc::new(indicator))));
        }
        mistakes.or(Some(Self { indicators }))
    }

    /// The indicator with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Indicator>> {
        self.indicators.get(id)
    }

    #[cfg(test)]
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Arc<Indicator>> {
        self.indicators.get_mut(id)
    }

    /// Every indicator, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Indicator>> + Clone {
        self.indicators.values()
    }

    /// Leaves out an indicator that a configuration disables. False when there is none with this id.
    pub fn disable(&mut self, id: &str) -> bool {
        self.indicators.remove(id).is_some()
    }

    /// The id that was probably meant.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        nearest(id, self.indicators.keys().map(Id::as_str))
    }

    /// The names of all parameters, each once.
    pub fn parameter_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.iter().flat_map(|indicator| indicator.parameters.iter().map(|parameter| parameter.name.as_str())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The catalogue without its examples, which are most of its text: a start needs none of them.
fn read_built_in() -> (BTreeMap<Id, Arc<Indicator>>, Mistakes) {
    let mut mistakes = Mistakes::default();
    let files: Vec<_> = built_in_files().map(|(name, text)| (name, without_examples(text))).collect();
    let local = |indicator: &Indicator| if local::is_declared(indicator.id.as_str()) { Local::Listed } else { Local::No };
    let mut indicators = BTreeMap::new();
    for mut indicator in read_all(&Checker::new(), &files, local, &mut mistakes) {
        indicator.examples = None;
        indicators.insert(indicator.id.clone(), Arc::new(indicator));
    }
    (indicators, mistakes)
}

fn built_in_files() -> impl Iterator<Item = (String, &'static str)> {
    let files = BUILT_IN.files().filter(|file| is_yaml(&file.path().to_string_lossy()));
    files.map(|file| (format!("indicators/{}", file.path().display()), file.contents_utf8().unwrap_or_default()))
}

/// The text of a built-in file with empty lists of examples. Every line stays where it is, for the sake of messages.
fn without_examples(text: &str) -> String {
    let mut inside = false;
    let kept = text.split_inclusive('\n').map(|line| match line {
        "  examples:\n" => {
            inside = true;
            "  examples: []\n"
        }
        // Nothing else of an indicator is indented by less than the keys of its own.
        _ if inside && (line.starts_with("    ") || line.trim().is_empty()) => "\n",
        _ => {
            inside = false;
            line
        }
    });
    kept.collect()
}

/// The examples of an indicator of the built-in catalogue.
pub(super) fn built_in_examples(id: &Id) -> &'static [Example] {
    static READ: LazyLock<BTreeMap<String, Vec<Example>>> = LazyLock::new(|| {
        let mut mistakes = Mistakes::default();
        let mut read = BTreeMap::new();
        for (name, text) in built_in_files() {
            let Some(document) = Document::parse(&name, text, &mut mistakes) else { continue };
            for (position, raw) in document.read::<Vec<RawIndicator>>(&mut mistakes).unwrap_or_default().into_iter().enumerate() {
                let place = Place { document: &document, path: format!("[{position}]") };
                read.insert(raw.id, examples(&place, raw.examples, &mut mistakes));
            }
        }
        assert!(mistakes.is_empty(), "the examples of the built-in catalogue: {mistakes}");
        read
    });
    READ.get(id.as_str()).map_or(&[], Vec::as_slice)
}

fn is_yaml(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|extension| name.ends_with(extension))
}

fn read_all(checker: &Checker, files: &[(String, String)], local: impl Fn(&Indicator) -> Local, mistakes: &mut Mistakes) -> Vec<Indicator> {
    let mut indicators: Vec<Indicator> = Vec::new();
    for (name, text) in files {
        for mut indicator in read_file(checker, name, text, mistakes) {
            indicator.local = local(&indicator);
            if let Some(other) = indicators.iter().find(|other| other.id == indicator.id) {
                let found = format!("a second indicator `{}`", indicator.id);
                mistakes.push(Mistake { file: name.clone(), line: None, path: String::new(), found, expected: format!("one; the other is in {}", other.file) });
            }
            indicators.push(indicator);
        }
    }
    indicators
}

fn read_file(checker: &Checker, name: &str, text: &str, mistakes: &mut Mistakes) -> Vec<Indicator> {
    let Some(document) = Document::parse(name, text, mistakes) else { return Vec::new() };
    let Some(raws) = document.read::<Vec<RawIndicator>>(mistakes) else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut indicators = Vec::new();
    for (position, raw) in raws.into_iter().enumerate() {
        let place = Place { document: &document, path: format!("[{position}]") };
        if !seen.insert(raw.id.clone()) {
            mistakes.push(place.mistake("id", "an id that no other indicator of the file has"));
        }
        indicators.extend(proved(checker, &place, raw, mistakes));
    }
    indicators
}

/// Where an indicator stands in its file.
pub(super) struct Place<'d> {
    pub(super) document: &'d Document,
    pub(super) path: String,
}

impl Place<'_> {
    pub(super) fn mistake(&self, path: &str, expected: impl Into<String>) -> Mistake {
        self.document.mistake(&format!("{}.{path}", self.path), expected)
    }
}

fn proved(checker: &Checker, place: &Place<'_>, raw: RawIndicator, mistakes: &mut Mistakes) -> Option<Indicator> {
    let before = mistakes.len();
    let id = Id::parse(&raw.id);
    if id.is_none() {
        mistakes.push(place.mistake("id", "lower-case letters, digits and underscores, beginning with a letter"));
    }
    let reads = reads(place, &raw.reads, mistakes);
    let readable = mistakes.len() == before;
    let examples = examples(place, raw.examples, mistakes);
    let checked = checker.check(place, &raw.sql, &raw.parameters, readable.then_some(&reads), mistakes);
    if let Some(checked) = &checked {
        check::rules(place, &raw.thresholds, &checked.columns, mistakes);
    }
    let (Some(id), Some(checked), true) = (id, checked, mistakes.len() == before) else { return None };
    let indicator = Indicator {
        id,
        file: place.document.file().to_owned(),
        title: raw.title,
        about: raw.about,
        references: raw.references,
        unit: raw.unit,
        direction: raw.direction,
        reads,
        parameters: raw.parameters,
        sql: raw.sql,
        rules: raw.thresholds,
        why: raw.why,
        rulings: raw.rulings,
        frequency: raw.frequency,
        steps: raw.steps,
        examples: Some(examples),
        columns: checked.columns,
        placeholders: checked.placeholders,
        views: checked.views,
        tables: checked.tables,
        local: Local::No,
    };
    check::words(place, &indicator, mistakes);
    Some(indicator)
}

fn examples(place: &Place<'_>, raws: Vec<RawExample>, mistakes: &mut Mistakes) -> Vec<Example> {
    let mut examples = Vec::with_capacity(raws.len());
    for (position, raw) in raws.into_iter().enumerate() {
        match Example::read(raw) {
            Ok(example) => examples.push(example),
            Err(wrong) => mistakes.push(place.mistake(&format!("examples[{position}].{}", wrong.path), wrong.expected)),
        }
    }
    examples
}

fn reads(place: &Place<'_>, texts: &[String], mistakes: &mut Mistakes) -> Vec<Reads> {
    let mut reads = Vec::with_capacity(texts.len());
    for (position, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(read) => reads.push(read),
            Err(expected) => mistakes.push(place.mistake(&format!("reads[{position}]"), expected)),
        }
    }
    reads
}

/// `systems`, `reviews(impact_assessment, bias_test)`, `measurements(bias)?`, `sources`, `readings`.
fn read(text: &str) -> Result<Reads, String> {
    if let Some(own) = Own::ALL.into_iter().find(|own| own.table() == text.trim()) {
        return Ok(Reads::Own(own));
    }
    let (written, optional) = match text.trim().strip_suffix('?') {
        Some(written) => (written, true),
        None => (text, false),
    };
    let feed = Feed::parse(written).map_err(|expected| format!("`sources`, `readings`, `plan_checks`, or {expected}"))?;
    Ok(Reads::Records { feed, optional })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_examples_says_the_same_of_everything_else() {
        for (name, whole) in built_in_files() {
            let mut mistakes = Mistakes::default();
            let lean = without_examples(whole);
            let read = |text: &str, mistakes: &mut Mistakes| {
                let document = Document::parse(&name, text, mistakes).unwrap();
                document.read::<Vec<RawIndicator>>(mistakes).unwrap()
            };
            let told =
                |raws: Vec<RawIndicator>| -> Vec<_> { raws.into_iter().map(|raw| format!("{:?}", RawIndicator { examples: Vec::new(), ..raw })).collect() };
            let (without, with) = (read(&lean, &mut mistakes), read(whole, &mut mistakes));
            assert!(without.iter().all(|raw| raw.examples.is_empty()) && with.iter().all(|raw| !raw.examples.is_empty()), "{name}");
            assert_eq!(told(without), told(with), "{name}");
            assert_eq!(lean.lines().count(), whole.lines().count(), "{name}");
            assert!(mistakes.is_empty(), "{mistakes}");
        }
    }
}
