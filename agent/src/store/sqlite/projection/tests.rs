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

#[test]
fn what_is_computed_for_all_holds_until_its_records_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = crate::store::Store::open(folder.path(), crate::record::Zone::UTC).unwrap();
    let mut projection = Projection::open(store.path()).and_then(Projection::sharing).unwrap();
    let tables: BTreeSet<String> = ["reviews", "review_states", "occasions", "assessed_models"].map(str::to_owned).into();
    let ask = |projection: &Projection, view: &str| {
        let mut counted = 0;
        let sql = format!("SELECT count(*) FROM {view}");
        let query = Query { sql: &sql, tables: &tables, values: &[], time_limit: Duration::from_secs(60) };
        let take = &mut |row: &dyn crate::store::sql::Row| {
            counted = row.get::<i64>(0)?;
            Ok(std::ops::ControlFlow::Continue(()))
        };
        projection.look().unwrap().ask(&query, take).unwrap();
        counted
    };
    let door = crate::record::Door { now: 2_000_000_000, zone: crate::record::Zone::UTC };
    let mut deliver = |stream: &str, row: &serde_json::Value| {
        let records = door.admit(row).unwrap();
        let delivered = crate::store::Delivered { stream: stream.into(), mode: crate::store::Mode::Changes, records, position: None, feeds: Vec::new() };
        store.commit("t", &[delivered], 100).unwrap().touched
    };
    let review = |id: &str| serde_json::json!({"record": "review", "id": id, "kind": "impact_assessment", "due": "2030-01-01"});
    let version = serde_json::json!({"record": "model_version", "id": "m/1", "model": "m", "version": "1", "in_production": true});
    assert_eq!((ask(&projection, "occasions"), ask(&projection, "assessed_models")), (0, 0));
    let touched = deliver("reviews", &review("1"));
    assert_eq!(ask(&projection, "occasions"), 0, "nobody said that records changed");
    projection.forget(&touched);
    assert_eq!(ask(&projection, "occasions"), 1);
    let touched = deliver("versions", &version);
    projection.forget(&touched);
    assert_eq!((ask(&projection, "occasions"), ask(&projection, "assessed_models")), (1, 1));
    let touched = deliver("reviews", &review("2"));
    projection.forget(&touched);
    assert_eq!((ask(&projection, "assessed_models"), ask(&projection, "occasions")), (1, 2), "through the view between them");
}
