//! The tables of a pack: queries over what was stored at the end of the period and, where they are compared, at its beginning.

use std::collections::{BTreeMap, HashMap};

use super::{
    Error,
    model::{Cell, Compared, Row, RowChange},
    moments::Values,
    sections::{Compare, Table},
};
use crate::store::{self, AsOf, sql};

/// The store at the two ends of a period.
#[derive(Debug)]
pub struct Ends {
    /// At its end.
    pub end: AsOf,
    /// At its beginning, and when that was; `None`: nothing was stored then.
    pub begin: Option<(AsOf, i64)>,
}

/// The rows of a table, every one, and how they compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// How they were compared.
    pub compared: Option<Compared>,
}

impl Rows {
    /// The rows of a table.
    ///
    /// # Errors
    /// [`Error::Table`].
    pub fn read(table: &Table, ends: &Ends, values: &Values) -> Result<Self, Error> {
        let ask = |of: &AsOf| ask(of, &table.sql, values).map_err(|source| Error::Table { table: table.id.clone(), source });
        let now = ask(&ends.end)?;
        let plain = |cells: Vec<Cell>, change| Row { cells, change, before: Vec::new() };
        let compared = |with| Compared { with, new: 0, gone: 0, changed: 0, only_changes: table.compare == Compare::Changes };
        match (table.compare, &ends.begin) {
            (Compare::No, _) => Ok(Self { rows: now.into_iter().map(|cells| plain(cells, None)).collect(), compared: None }),
            // Everything would be new, which nobody knows.
            (Compare::Changes, None) => Ok(Self { rows: Vec::new(), compared: Some(compared(None)) }),
            (Compare::All, None) => Ok(Self { rows: now.into_iter().map(|cells| plain(cells, None)).collect(), compared: Some(compared(None)) }),
            (_, Some((begin, at))) => Ok(compare(table, now, ask(begin)?, compared(Some(*at)))),
        }
    }

    /// The rows that have 1 in a column; every row where none is named. Those that are gone do not count.
    pub fn counted(&self, column: Option<usize>) -> impl Iterator<Item = &Row> {
        let counts = move |row: &&Row| column.is_none_or(|column| row.cells.get(column) == Some(&Cell::Integer(1)));
        self.rows.iter().filter(|row| row.change != Some(RowChange::Gone)).filter(counts)
    }
}

fn ask(of: &AsOf, sql: &str, values: &Values) -> Result<Vec<Vec<Cell>>, store::Error> {
    of.tables().rows(sql, &values.of_query(sql), |row| {
        let cell = |column| match row.cell(column) {
            sql::Cell::Integer(number) => Cell::Integer(number),
            sql::Cell::Real(number) => Cell::Real(number),
            sql::Cell::Text(text) => Cell::Text(text.to_owned()),
            sql::Cell::Null | sql::Cell::Blob(_) => Cell::Nothing,
        };
        Ok((0..row.width()).map(cell).collect())
    })
}

/// Rows with how they compare: those that there are in their order, then those that are gone in theirs. Of rows with the same key each is compared with
/// the one in the same place.
fn compare(table: &Table, now: Vec<Vec<Cell>>, before: Vec<Vec<Cell>>, mut compared: Compared) -> Rows {
    let positions: Vec<usize> = table.key.iter().filter_map(|name| table.position(name)).collect();
    let key = |cells: &[Cell]| -> String { format!("{:?}", positions.iter().map(|position| &cells[*position]).collect::<Vec<_>>()) };
    let mut found: HashMap<String, BTreeMap<usize, Vec<Cell>>> = HashMap::new();
    for (place, cells) in before.into_iter().enumerate() {
        found.entry(key(&cells)).or_default().insert(place, cells);
    }
    let mut rows: Vec<Row> = now
        .into_iter()
        .map(|cells| match found.get_mut(&key(&cells)).and_then(BTreeMap::pop_first) {
            None => Row { cells, change: Some(RowChange::New), before: Vec::new() },
            Some((_, was)) if was == cells => Row { cells, change: Some(RowChange::Same), before: Vec::new() },
            Some((_, was)) => Row { cells, change: Some(RowChange::Changed), before: was },
        })
        .collect();
    let gone: BTreeMap<usize, Vec<Cell>> = found.into_values().flatten().collect();
    rows.extend(gone.into_values().map(|cells| Row { cells, change: Some(RowChange::Gone), before: Vec::new() }));
    let count = |change| rows.iter().filter(|row| row.change == Some(change)).count();
    (compared.new, compared.gone, compared.changed) = (count(RowChange::New), count(RowChange::Gone), count(RowChange::Changed));
    if compared.only_changes {
        rows.retain(|row| row.change != Some(RowChange::Same));
    }
    Rows { rows, compared: Some(compared) }
}
