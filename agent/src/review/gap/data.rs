//! What a gap assessment is made of, as data: `config/review/gap/`. Queries find records, requirements say what shows them, rules judge.

use std::{collections::BTreeMap, sync::LazyLock};

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::model::{Effort, Level, Risk, Standard, Status};
use crate::{
    document::{Document, Mistakes},
    record::Feed,
};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../config/review/gap");

/// Everything.
#[derive(Debug)]
pub struct Data {
    /// What is looked for in records.
    pub queries: Vec<Query>,
    /// Clauses 4 to 10, then the controls of Annex A.
    pub requirements: Vec<Requirement>,
    /// What is looked for before an audit.
    pub stages: Vec<Stage>,
    /// How it is judged.
    pub rules: Rules,
}

/// What is looked for in records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Its id.
    pub id: String,
    /// What its rows are, and what dates them.
    pub about: String,
    /// The records that it reads.
    pub feeds: Vec<Feed>,
    /// It yields `subject`, `source`, `id`, `day` and `at`.
    pub sql: String,
}

/// A clause or a control.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `6.1.3` or `A.6.2.4`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The clause, or the category of controls, that it belongs to.
    pub group: String,
    /// What it asks for, in words of our own.
    pub asks: String,
    /// Whether the standard asks for documented information.
    #[serde(default)]
    pub documented: bool,
    /// What must be shown, each.
    pub parts: Vec<Part>,
    /// What declares it, beside what its parts look for.
    #[serde(default)]
    pub declared: Vec<Source>,
    /// What tells whether it is done in time.
    #[serde(default)]
    pub in_time: Vec<Readings>,
    /// How much it takes.
    pub effort: Effort,
    /// What is at stake while it is missing.
    pub risk: Risk,
    /// Standards with a clause of the same number and subject.
    #[serde(default)]
    pub same_in: Vec<Standard>,
    /// Anchors in the NIST AI RMF beside those of the indicators.
    #[serde(default)]
    pub nist_ai_rmf: Vec<String>,
    /// Anchors in the EU AI Act beside those of the indicators.
    #[serde(default)]
    pub eu_ai_act: Vec<String>,
}

impl Requirement {
    /// Whether it is a control of Annex A.
    pub fn is_control(&self) -> bool {
        self.id.starts_with("A.")
    }

    /// Every indicator that it names.
    pub fn indicators(&self) -> impl Iterator<Item = &str> {
        let of_parts = self.parts.iter().flat_map(|part| &part.shown_by).filter_map(|source| match source {
            Source::Readings(readings) => Some(readings.indicator.as_str()),
            Source::Records(_) => None,
        });
        of_parts.chain(self.in_time.iter().map(|readings| readings.indicator.as_str()))
    }
}

/// A part of a requirement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What is to be shown.
    pub what: String,
    /// Any one of these shows it.
    pub shown_by: Vec<Source>,
}

/// What may show a part.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// Rows of a query.
    Records(Records),
    /// Readings of an indicator.
    Readings(Readings),
}

/// Rows of a query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// The query.
    pub query: String,
    /// Their subjects; none: all.
    #[serde(default)]
    pub of: Vec<String>,
}

/// Readings of an indicator.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readings {
    /// The indicator.
    pub indicator: String,
    /// Labels that they must have.
    #[serde(default, rename = "where")]
    pub labels: BTreeMap<String, String>,
}

/// A stage of a certification audit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What is looked for.
    pub items: Vec<Item>,
}

/// What is looked for in a stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What.
    pub what: String,
    /// The requirement that it is part of.
    pub requirement: String,
    /// The least that this must be.
    pub needs: Status,
}

/// How a gap assessment judges.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Days of a period.
    pub period_days: i64,
    /// Levels of maturity, the lowest first.
    pub levels: Vec<Level>,
    /// The query behind the Statement of Applicability.
    pub statement: String,
    /// The query for what audits covered.
    pub audits: String,
}

/// Everything that is built in.
pub fn data() -> &'static Data {
    // What is built in can't change while the program runs, so it is read once.
    static READ: LazyLock<Data> = LazyLock::new(|| read().unwrap_or_else(|mistakes| panic!("the gap assessment that is built in: {mistakes}")));
    &READ
}

fn read() -> Result<Data, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut requirements: Vec<Requirement> = one("1-clauses.yaml", &mut mistakes).unwrap_or_default();
    requirements.extend(one::<Vec<_>>("2-controls.yaml", &mut mistakes).unwrap_or_default());
    let (stages, queries) = (one("3-readiness.yaml", &mut mistakes), one("queries.yaml", &mut mistakes));
    let rules = one("rules.yaml", &mut mistakes);
    let all = queries.zip(stages).zip(rules).map(|((queries, stages), rules)| Data { queries, requirements, stages, rules });
    mistakes.or(all)
}

/// What stands in a file.
fn one<T: serde::de::DeserializeOwned>(name: &str, mistakes: &mut Mistakes) -> Option<T> {
    let text = BUILT_IN.get_file(name).and_then(|file| file.contents_utf8()).unwrap_or_default();
    Document::parse(&format!("review/gap/{name}"), text, mistakes)?.read(mistakes)
}
