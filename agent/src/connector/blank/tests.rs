//! Registers to begin with, read back by the reader of registers.

use std::sync::Arc;

use super::*;
use crate::{
    connector::{Client, Files, Limits, Location, Own, Poll, Registry, Source},
    document::Mistakes,
    pipeline::poll_once,
    record::{Door, Record, Zone},
};

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

fn register() -> (Arc<Description>, Case) {
    let mut mistakes = Mistakes::default();
    let registry = Registry::load(None, &mut mistakes);
    let connector = registry.get("register").unwrap();
    let case = connector.cases(&mut mistakes).into_iter().find(|case| case.name == "example").unwrap();
    (connector.description.clone(), case)
}

/// The records of these files, as an agent's poll has them: their bodies, by shape and id.
async fn records(connector: &Arc<Description>, files: &[(String, Vec<u8>)]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let location = Location::Files(Files { path: folder.path().to_owned(), own: Own::default() });
    let source = Source { name: "registers".to_owned(), connector: connector.clone(), location, limits: Limits::default(), settings: serde_json::Map::new() };
    let client = Client::new(source).unwrap_or_else(|failure| panic!("{failure}"));
    let poll =
        poll_once(&client, &BTreeMap::new(), Door { now: NOW, zone: Zone::UTC }).await.and_then(Poll::whole).unwrap_or_else(|failure| panic!("{failure}"));
    let line = |record: &Record| (format!("{} {}", record.shape.name, record.id), record.body());
    poll.streams.iter().flat_map(|stream| &stream.records).map(line).collect()
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let (connector, case) = register();
    let mut registers = Blank::all(&connector);
    let rows = rows_of(&connector, &case).unwrap();
    registers.iter_mut().for_each(|register| register.fill(&rows));
    assert!(registers.iter().filter(|register| !register.rows.is_empty()).count() > 12);
    let files: Vec<_> = registers.iter().map(|register| (format!("{}.csv", register.name), register.csv().into_bytes())).collect();
    let (from_csv, from_xlsx) =
        (records(&connector, &files).await, records(&connector, &[("registers.xlsx".to_owned(), workbook(&registers, NOW).unwrap())]).await);
    assert_eq!(from_csv, from_xlsx);
    // The example's own records, without what it keeps beside the fields.
    let mut example: Vec<_> = case.expected.list.unwrap().1.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    let mut ids: Vec<_> = from_csv.keys().map(|key| key.split_once(' ').unwrap().1.to_owned()).collect();
    example.sort();
    ids.sort();
    assert_eq!(ids, example);
}

#[tokio::test]
async fn without_rows_there_is_none_of_each() {
    let (connector, _) = register();
    let registers = Blank::all(&connector);
    assert!(records(&connector, &[("registers.xlsx".to_owned(), workbook(&registers, NOW).unwrap())]).await.is_empty());
    assert_eq!(workbook(&registers, NOW).unwrap(), workbook(&registers, NOW).unwrap(), "the same each time");
}

#[test]
fn columns_say_what_they_are() {
    let (connector, _) = register();
    let column = |register: &str, column: &str| Blank::of(&connector, register).unwrap().columns.into_iter().find(|known| known.name == column).unwrap();
    let due = column("risks", "due");
    assert_eq!((due.needed.as_str(), due.is_day, due.holds.as_str()), ("yes", true, "a day such as 2026-03-31"));
    assert_eq!(column("audits", "next_due").needed, "yes, or due");
    assert_eq!(column("audits", "kind").words.len(), 6);
    assert_eq!(column("incidents", "priority").words, Severity::WORDS);
    assert!(column("incidents", "detected_at").is_day && column("certificates", "expiry").is_day);
    assert_eq!(column("certificates", "status").words, [] as [&str; 0], "its words are not those of a review");
    assert_eq!(column("systems", "in_scope").words, ["yes", "no"]);
    let names: Vec<_> = Blank::of(&connector, "risks").unwrap().columns.into_iter().take(3).map(|column| column.name).collect();
    assert_eq!(names, ["id", "system", "due"]);
    assert!(Blank::of(&connector, "risk").is_none());
    for register in Blank::all(&connector) {
        let silent: Vec<_> = register.columns.iter().filter(|column| column.about.is_empty()).map(|column| &column.name).collect();
        assert!(silent.is_empty(), "{}: {silent:?}", register.name);
    }
}
