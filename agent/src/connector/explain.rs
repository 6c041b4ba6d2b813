//! What a file is taken for: which register each table is, what each column became, what each word counts as. For whoever keeps the file; words
//! of cells are told here, those of fields with lists of words alone, and cut.

use std::path::Path;

use super::{
    description::Description,
    files,
    format::{Explained, Layout, Own, Wanted, explain, normalised},
};

/// Explains the tables at a path, read by a connector of files as a source says that they are to be read.
///
/// # Errors
/// What keeps the files from being read. What is wrong in tables, a poll tells.
pub fn explain_files(connector: &Description, path: &Path, own: &Own) -> Result<Vec<Explained>, String> {
    let streams: Vec<(&str, &Wanted)> = connector.streams.iter().filter_map(|stream| Some((stream.name.as_str(), stream.tables()?))).collect();
    let wanted: Vec<&Wanted> = streams.iter().map(|(_, wanted)| *wanted).collect();
    let names: Vec<&str> = streams.iter().map(|(name, _)| *name).collect();
    let tables = files::read_tables(path, &Layout { streams: &wanted, own }).map_err(|error| error.to_string()).and_then(files::Tables::whole)?;
    Ok(explain(tables, &wanted, &names, own))
}

/// What a source says of these tables, without what it says of others.
pub fn said_of(own: &Own, tables: &[Explained]) -> Own {
    let mut own = own.clone();
    let is_there = |table: &str, column: &str| {
        let of = tables.iter().filter(|known| table == "*" || normalised(table) == known.table);
        of.flat_map(|known| &known.columns).any(|(header, field)| header.to_lowercase().ends_with(&format!("`{}`", column.to_lowercase())) || field == column)
    };
    own.columns.iter_mut().for_each(|(table, columns)| columns.retain(|column, _| is_there(table, column)));
    own.values.iter_mut().for_each(|(table, columns)| columns.retain(|column, _| is_there(table, column)));
    own
}

/// The registers that a connector of files reads, and what each is.
pub fn registers(connector: &Description) -> impl Iterator<Item = (&str, &str)> {
    connector.streams.iter().filter(|stream| stream.tables().is_some()).map(|stream| (stream.name.as_str(), stream.about.as_str()))
}
