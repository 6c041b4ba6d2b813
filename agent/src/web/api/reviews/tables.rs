//! All tables of a pack as one, for a spreadsheet: below each other, each row begun with the name of its table, so that a filter on the first column is a table. The
//! first row of each names its columns. Rows are filled up to the widest, as readers of CSV expect.

use std::io::{Error, Result as Read};

use super::{Not, Pack};

/// The folder of tables in a pack, and how their names end.
const FOLDER: &str = "csv/";
const SUFFIX: &str = ".csv";

/// The tables as one, in the order of their names.
pub(super) fn as_one(pack: &Pack) -> Read<Result<Vec<u8>, Not>> {
    let mut tables = Vec::new();
    for file in &pack.manifest.files {
        let Some(name) = file.name.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(SUFFIX)) else { continue };
        match pack.file(&file.name)? {
            Ok(bytes) => tables.push((name, bytes)),
            Err(not) => return Ok(Err(not)),
        }
    }
    joined(&tables).map(Ok)
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).from_reader(bytes)
}

fn joined(tables: &[(&str, Vec<u8>)]) -> Read<Vec<u8>> {
    let mut widest = 0;
    for (_, bytes) in tables {
        widest = widest.max(reader(bytes).records().next().transpose().map_err(Error::from)?.map_or(0, |names| names.len()));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (name, bytes) in tables {
        for row in reader(bytes).records() {
            let row = row.map_err(Error::from)?;
            let filling = std::iter::repeat_n("", widest - row.len());
            writer.write_record([*name].into_iter().chain(row.iter()).chain(filling)).map_err(Error::from)?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_below_each_other_and_each_row_says_of_which_it_is() {
        let tables =
            [("actions", b"id,title\nMA-1,\"Second, reviewer\"\n".to_vec()), ("empty", b"id\n".to_vec()), ("risks", b"id,title,state\nR-1,x,open\n".to_vec())];
        let text = String::from_utf8(joined(&tables).unwrap()).unwrap();
        assert_eq!(text, "actions,id,title,\nactions,MA-1,\"Second, reviewer\",\nempty,id,,\nrisks,id,title,state\nrisks,R-1,x,open\n");
        assert_eq!(joined(&[]).unwrap(), b"");
    }
}
