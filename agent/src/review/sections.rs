//! What a pack is made of, as data: `config/review/`, one file for each part. Sections name the indicators that they show and the tables that they
//! hold; a table is a title, a query and its columns.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use super::model::{Column, ColumnKind, Part};
use crate::{
    document::{Document, Mistakes},
    record::Feed,
};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../config/review");

/// A section.
#[derive(Debug, Deserialize)]
pub struct Section {
    /// Its id.
    pub id: String,
    /// What it is to 9.3.
    pub part: Part,
    /// Its title.
    pub title: String,
    /// The clauses that it serves.
    pub clauses: Vec<String>,
    /// What it is for.
    pub about: String,
    /// The indicators that it shows; `all` alone: every one.
    #[serde(default)]
    pub indicators: Vec<String>,
    /// Its tables.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Titles of the columns of a table that people fill in.
    #[serde(default)]
    pub form: Vec<String>,
}

/// The word for every indicator.
pub const ALL: &str = "all";

/// A table.
#[derive(Debug, Deserialize)]
pub struct Table {
    /// Its id, unique in the pack.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What its rows are, and what counts.
    pub about: String,
    /// Of which records some must be provided.
    #[serde(default)]
    pub feeds: Vec<Feed>,
    /// What the section lacks without it.
    #[serde(default)]
    pub fills: Fills,
    /// The columns that tell its rows apart.
    #[serde(default)]
    pub key: Vec<String>,
    /// Whether it is compared with the beginning of the period.
    #[serde(default)]
    pub compare: Compare,
    /// Sentences of the first page.
    #[serde(default)]
    pub front: Vec<FrontLine>,
    /// What the query yields, in its order.
    pub columns: Vec<RawColumn>,
    /// The query.
    pub sql: String,
}

/// What a section lacks without a table.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fills {
    /// Nothing: the table is there in addition.
    #[default]
    Nothing,
    /// What nobody provides. An empty table is no lack.
    Provided,
    /// This, unless the table has rows: somebody must have said something.
    Rows(String),
}

/// Whether a table is compared with the beginning of the period.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// It is not.
    #[default]
    No,
    /// Every row is told, and how it compares.
    All,
    /// Only rows that are new, gone or changed are told.
    Changes,
}

/// A sentence of the first page, told when a table has such rows.
#[derive(Debug, Deserialize)]
pub struct FrontLine {
    /// Where it stands.
    pub list: FrontList,
    /// A column of 0 and 1: rows that have 1 count. Absent: all.
    #[serde(rename = "where")]
    pub counts: Option<String>,
    /// The sentence for one row.
    pub one: String,
    /// The sentence for several, `{n}` of them.
    pub many: String,
}

/// Lists of sentences of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontList {
    /// What nobody looked at.
    Unseen,
    /// What is to be decided.
    Decisions,
}

/// A column: its name in the query, its title, what its values are.
#[derive(Debug, Deserialize)]
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What its values are.
    #[serde(default = "text")]
    pub kind: ColumnKind,
}

fn text() -> ColumnKind {
    ColumnKind::Text
}

impl Table {
    /// The columns as a pack has them.
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|column| Column { name: column.name.clone(), title: column.title.clone(), kind: column.kind }).collect()
    }

    /// The place of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Every section, in the order in which they are read.
pub fn sections() -> &'static [Section] {
    // What is built in can't change while the program runs, so it is read once.
    static READ: LazyLock<Vec<Section>> = LazyLock::new(|| read().unwrap_or_else(|mistakes| panic!("the sections that are built in: {mistakes}")));
    &READ
}

fn read() -> Result<Vec<Section>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut files: Vec<_> = BUILT_IN.files().collect();
    files.sort_by_key(|file| file.path());
    let mut sections = Vec::new();
    for file in files {
        let name = format!("review/{}", file.path().display());
        let document = Document::parse(&name, file.contents_utf8().unwrap_or_default(), &mut mistakes);
        sections.extend(document.and_then(|document| document.read::<Vec<Section>>(&mut mistakes)).unwrap_or_default());
    }
    mistakes.or(Some(sections))
}
