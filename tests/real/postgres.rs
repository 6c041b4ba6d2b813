//! The catalogue's SQL runs unchanged on PostgreSQL: every example gives the same readings there as on SQLite.

use crate::support::peers::Peer;
use clause9::indicator::examples::{self, Engine};
use clause9::indicator::{Bound, Catalogue, Cell, Indicator, Moment, Overrides, Row};
use clause9::record::Value;
use clause9::store::tables::{Dialect, create_statements};
use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

#[test]
fn every_example_holds_on_postgres() {
    let peer = Peer::start("postgres");
    let mut postgres = Postgres::connect(&peer.url);
    for statement in create_statements(Dialect::Postgres) {
        postgres.run(&statement).unwrap_or_else(|error| panic!("{error}"));
    }
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let failures: Vec<_> = catalogue.iter().filter_map(|indicator| examples::run_on(&mut postgres, indicator).err()).flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

struct Postgres {
    runtime: Runtime,
    client: Client,
}

impl Postgres {
    fn connect(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    fn run(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, String> {
        self.runtime.block_on(self.client.simple_query(sql)).map_err(|error| format!("{error:?} in {sql}"))
    }
}

impl Engine for Postgres {
    fn clear(&mut self) -> Result<(), String> {
        let tables: Vec<_> = examples::filled_tables().collect();
        self.run(&format!("TRUNCATE {}", tables.join(", "))).map(drop)
    }

    fn insert(&mut self, table: &str, columns: &[&str], values: &[Value]) -> Result<(), String> {
        let values: Vec<_> = values.iter().map(literal).collect();
        self.run(&format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))).map(drop)
    }

    fn evaluate(&mut self, indicator: &Indicator, moment: Moment, overrides: &Overrides) -> Result<Vec<Row>, String> {
        let query = indicator.postgres_query(moment, overrides);
        let bound = query.parameters.iter().map(|bound| match bound {
            Bound::Whole(number) => number as &(dyn ToSql + Sync),
            Bound::Real(number) => number,
        });
        let bound: Vec<_> = bound.collect();
        let rows = self.runtime.block_on(self.client.query(&query.text, &bound)).map_err(|error| format!("{error:?} in {}", query.text))?;
        let read = |row: &tokio_postgres::Row| Row::read(indicator.columns(), |position| cell(row, position)).map_err(|error| error.to_string());
        rows.iter().map(read).collect()
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

fn cell(row: &tokio_postgres::Row, position: usize) -> Cell<'_> {
    match *row.columns()[position].type_() {
        Type::TEXT => row.get::<_, Option<&str>>(position).map_or(Cell::Null, Cell::Text),
        Type::INT8 => row.get::<_, Option<i64>>(position).map_or(Cell::Null, Cell::Integer),
        _ => row.get::<_, Option<f64>>(position).map_or(Cell::Null, Cell::Real),
    }
}
