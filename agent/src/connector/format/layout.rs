//! What is known of files before they are read: what their owner says of them, and which headers streams look for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{OwnColumns, OwnValues, Wanted, assign, normalised};

/// What a source says of its own tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// Its headers.
    pub columns: OwnColumns,
    /// Its words.
    pub values: OwnValues,
    /// The row with the headers by table, as a spreadsheet counts; `*` for all.
    pub header_row: BTreeMap<String, u64>,
    /// So many rows above everything are left out, by table; `*` for all.
    pub skip_rows: BTreeMap<String, u64>,
    /// The sheet that counts, by workbook; the others are left out.
    pub sheet: BTreeMap<String, String>,
    /// Files, or sheets of them, that are gone for good.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<String>,
}

/// How tables are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'l> {
    /// What the streams look for.
    pub streams: &'l [&'l Wanted],
    /// What the source says.
    pub own: &'l Own,
}

/// From which row on a table counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FirstRow {
    pub(super) number: u64,
    /// Whether it is the header, whatever is in it.
    pub(super) is_header: bool,
}

static NOTHING: Own = Own {
    columns: BTreeMap::new(),
    values: BTreeMap::new(),
    header_row: BTreeMap::new(),
    skip_rows: BTreeMap::new(),
    sheet: BTreeMap::new(),
    removed: BTreeSet::new(),
};

impl Layout<'_> {
    /// Nothing is known.
    pub const PLAIN: Layout<'static> = Layout { streams: &[], own: &NOTHING };

    /// Whether a stream that looks for headers reads a table of one of these names.
    pub(super) fn knows(&self, names: &[String]) -> bool {
        assign::reader(names, self.streams).is_some_and(|(stream, _)| !self.streams[stream].columns.is_empty())
    }

    /// Whether these are headers of a table of one of these names: all that its stream asks for are there.
    pub(super) fn is_header(&self, names: &[String], cells: &[String]) -> bool {
        self.fields(names, cells).is_some()
    }

    /// The field of each cell, if together they are the header of a table of one of these names: all that its stream asks for are there.
    pub(super) fn fields(&self, names: &[String], cells: &[String]) -> Option<Vec<Option<&str>>> {
        let (stream, name) = assign::reader(names, self.streams)?;
        let own = |header: &str| {
            let lines = self.own.columns.iter().filter(|(table, _)| *table == "*" || normalised(table) == name);
            lines.flat_map(|(_, columns)| columns).find(|(typed, _)| normalised(typed) == header).map(|(_, field)| field.as_str())
        };
        let fields: Vec<_> = cells.iter().map(|cell| self.streams[stream].field_of(cell, own)).collect();
        self.streams[stream].is_header(&fields).then_some(fields)
    }

    /// From which row on a table of one of these names counts, if that is said.
    pub(super) fn first_row(&self, names: &[String]) -> Option<FirstRow> {
        let header = of(&self.own.header_row, names).map(|number| FirstRow { number: *number, is_header: true });
        header.or_else(|| of(&self.own.skip_rows, names).map(|skipped| FirstRow { number: skipped + 1, is_header: false }))
    }

    /// The sheet of a workbook that counts, normalised.
    pub(super) fn sheet(&self, workbook: &str) -> Option<&str> {
        of(&self.own.sheet, &[workbook.to_owned()]).map(String::as_str)
    }
}

/// What is said of a table of one of these names; of one that is kept by the year also under its name without it.
fn of<'m, V>(lines: &'m BTreeMap<String, V>, names: &[String]) -> Option<&'m V> {
    let called = |name: &str| lines.iter().find(|(table, _)| normalised(table) == name).map(|(_, line)| line);
    let named = names.iter().map(|name| normalised(name)).find_map(|name| called(&name).or_else(|| called(assign::without_year(&name))));
    named.or_else(|| lines.get("*"))
}
