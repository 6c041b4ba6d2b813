//! That no query writes, and that what was shown leaves nothing behind.

use super::*;

fn count(database: &dyn Database, table: &str) -> i64 {
    database.one(&format!("SELECT count(*) FROM {table}"), &[], |row| row.get(0)).unwrap()
}

/// Asks over all records and over those of no system.
fn ask(projection: &Projection, sql: &str) -> [Result<(), QueryError>; 2] {
    let (tables, look) = (BTreeSet::new(), projection.look().unwrap());
    let query = Query { sql, tables: &tables, values: &[], time_limit: Duration::from_secs(60) };
    [look.ask(&query, &mut |_| panic!("a row")), look.ask_about(&BTreeSet::new(), &query, &mut |_| panic!("a row"))]
}

#[test]
fn a_query_does_not_write() {
    let projection = Projection::in_memory().unwrap();
    let insert = "INSERT INTO main.system_names (name, system) VALUES ('a', 'b')";
    projection.fill(|database| database.batch(insert)).unwrap();
    let writes = ["INSERT INTO main.system_names (name, system) VALUES ('b', 'b')", "DELETE FROM main.system_names", "CREATE TEMP TABLE t (a)"];
    for write in writes {
        assert!(ask(&projection, write).iter().all(Result::is_err), "{write}");
    }
    for reader in projection.readers() {
        assert_eq!(count(reader.database(), "main.system_names"), 1);
    }
}

#[test]
fn the_database_of_a_store_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::store::Store::open(folder.path(), crate::record::Zone::UTC).unwrap();
    let projection = Projection::open(store.path()).unwrap();
    for reader in projection.readers() {
        assert!(reader.database().batch("INSERT INTO main.system_names (name, system) VALUES ('a', 'b')").is_err());
    }
}

#[test]
fn what_fails_fills_nothing() {
    let projection = Projection::in_memory().unwrap();
    let insert = "INSERT INTO main.system_names (name, system) VALUES ('a', 'b')";
    let filled = projection.fill(|database| {
        database.batch(insert)?;
        database.batch(insert)
    });
    assert!(matches!(filled, Err(Error::Taken(_))), "{filled:?}");
    assert_eq!(count(projection.whole.database(), "main.system_names"), 0);
    projection.fill(|database| database.batch(insert)).unwrap();
}

#[test]
fn what_is_shown_stands_before_the_table() {
    let mut projection = Projection::in_memory().unwrap();
    projection.show_sources(&[SourceRow::unread("x")]).unwrap();
    for reader in projection.readers() {
        assert_eq!((count(reader.database(), "sources"), count(reader.database(), "main.sources")), (1, 0));
    }
}

#[test]
fn without_unstored_readings_nothing_stands_before_the_table() {
    let mut projection = Projection::in_memory().unwrap();
    let left = |projection: &Projection| {
        let of = |reader: &Reader| {
            reader.database().rows("SELECT name FROM temp.sqlite_schema WHERE name LIKE '%readings'", &[], |row| row.get::<String>(0)).unwrap()
        };
        projection.readers().map(of).collect::<Vec<_>>()
    };
    let before = left(&projection);
    projection.show_unstored(&[UnstoredReading::Gone { indicator: "i".into(), labels: "2".into() }]).unwrap();
    assert!(left(&projection).iter().all(|names| names.len() == 3));
    projection.show_unstored(&[]).unwrap();
    assert_eq!(left(&projection), before);
    assert_eq!(before, [vec![], vec!["readings".to_owned()]]);
}
