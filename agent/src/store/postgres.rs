//! PostgreSQL, so far for the tests of ledger and projection alone: nothing of either may need what only SQLite has.

use std::{
    cell::{Cell as Flag, RefCell},
    collections::HashMap,
    fmt,
    ops::ControlFlow,
    sync::atomic::{AtomicU32, Ordering},
};

use postgres::{
    Client, NoTls, Statement,
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::{
    Error, core,
    sql::{Cell, Database, Interrupter, Objects, Row, Take},
    tables::Dialect,
};

/// A schema of its own on a server, empty at first.
pub(super) struct Place {
    url: String,
    schema: String,
}

impl Place {
    pub(super) fn new(url: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self { url: url.to_owned(), schema: format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    pub(super) fn connect(&self) -> Postgres {
        let client = Client::connect(&self.url, NoTls).unwrap();
        let connection = Postgres { client: RefCell::new(client), statements: RefCell::default(), is_in_transaction: Flag::new(false) };
        // Whoever reads several times in a transaction sees the same each time, as in SQLite.
        let repeatable = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ";
        connection
            .batch(&format!("SET client_min_messages TO warning; CREATE SCHEMA IF NOT EXISTS {0}; SET search_path TO {0}; {repeatable}", self.schema))
            .unwrap();
        connection
    }
}

/// A connection to a server.
pub(super) struct Postgres {
    client: RefCell<Client>,
    statements: RefCell<HashMap<String, Statement>>,
    is_in_transaction: Flag<bool>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("is_in_transaction", &self.is_in_transaction).finish_non_exhaustive()
    }
}

impl Postgres {
    fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.borrow_mut().prepare(&sql.replace('?', "$"))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn schema(&self) -> Result<String, Error> {
        (self as &dyn Database).one("SELECT current_schema()::text", &[], |row| row.get(0))
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&self, sql: &str, values: &[Cell<'_>]) -> Result<usize, Error> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let changed = self.client.borrow_mut().execute(&statement, &values)?;
        Ok(usize::try_from(changed).expect("the rows of a test"))
    }

    fn walk(&self, sql: &str, values: &[Cell<'_>], take: Take<'_>) -> Result<(), Error> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        // All of them, so that other statements may run meanwhile.
        let rows = self.client.borrow_mut().query(&statement, &values)?;
        for row in rows {
            if take(&row)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        match sql {
            "BEGIN" => self.is_in_transaction.set(true),
            "COMMIT" | "ROLLBACK" => self.is_in_transaction.set(false),
            _ => {}
        }
        Ok(self.client.borrow_mut().batch_execute(sql)?)
    }

    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get()
    }

    fn version(&self) -> Result<usize, Error> {
        if !(self as &dyn Database).any("SELECT 1 WHERE to_regclass('meta') IS NOT NULL", &[])? {
            return Ok(0);
        }
        Ok(core::meta(self, core::SCHEMA_VERSION)?.and_then(|version| version.parse().ok()).unwrap_or(0))
    }

    fn set_version(&self, version: usize) -> Result<(), Error> {
        core::set_meta(self, core::SCHEMA_VERSION, &version.to_string())
    }

    fn objects(&self) -> Result<Objects, Error> {
        // Which columns a table has, and what makes a view, an index or a trigger.
        let sql = "SELECT 'table' AS kind, t.table_name::text AS name,
                          string_agg(concat_ws(' ', c.column_name, c.data_type, c.is_nullable, c.column_default, c.is_identity), ', ' ORDER BY c.ordinal_position)
                   FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
                   WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' GROUP BY t.table_name
                   UNION ALL SELECT 'view', viewname::text, definition FROM pg_views WHERE schemaname = current_schema()
                   UNION ALL SELECT 'index', indexname::text, indexdef FROM pg_indexes WHERE schemaname = current_schema()
                   UNION ALL SELECT 'trigger', t.tgname::text, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                   WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal";
        let schema = format!("{}.", self.schema()?);
        let objects = (self as &dyn Database)
            .rows(sql, &[], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<Option<String>>(2)?.map(|definition| definition.replace(&schema, "")))))?;
        Ok(objects.into_iter().collect())
    }

    fn objects_of(&self, make: &dyn Fn(&dyn Database) -> Result<(), Error>) -> Result<Objects, Error> {
        let own = self.schema()?;
        let scratch = format!("{own}_scratch");
        self.batch(&format!("DROP SCHEMA IF EXISTS {scratch} CASCADE; CREATE SCHEMA {scratch}; SET search_path TO {scratch}"))?;
        // What was prepared names the tables of the other schema.
        self.statements.borrow_mut().clear();
        make(self)?;
        let objects = self.objects();
        self.batch(&format!("SET search_path TO {own}; DROP SCHEMA {scratch} CASCADE"))?;
        self.statements.borrow_mut().clear();
        objects
    }

    /// Its files are out of reach of whoever can only connect.
    fn damage(&self) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn interrupter(&self) -> Interrupter {
        let token = self.client.borrow().cancel_token();
        Interrupter::new(move || drop(token.cancel_query(NoTls)))
    }
}

impl Row for postgres::Row {
    fn width(&self) -> usize {
        self.len()
    }

    fn cell(&self, column: usize) -> Cell<'_> {
        match *self.columns()[column].type_() {
            Type::INT8 => self.get::<_, Option<i64>>(column).into(),
            Type::INT4 => self.get::<_, Option<i32>>(column).map(i64::from).into(),
            Type::BOOL => self.get::<_, Option<bool>>(column).map(i64::from).into(),
            Type::FLOAT8 => self.get::<_, Option<f64>>(column).into(),
            Type::BYTEA => self.get::<_, Option<&[u8]>>(column).map_or(Cell::Null, Cell::Blob),
            _ => self.get::<_, Option<&str>>(column).into(),
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Cell::Null => Ok(IsNull::Yes),
            Cell::Integer(number) if *kind == Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
            Cell::Integer(number) => number.to_sql(kind, out),
            Cell::Real(number) => number.to_sql(kind, out),
            Cell::Text(text) => text.to_sql(kind, out),
            Cell::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT4, Type::INT8, Type::FLOAT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => Self::Full,
            Some(&SqlState::UNIQUE_VIOLATION) => Self::Taken(Box::new(error)),
            _ => Self::Database(Box::new(error)),
        }
    }
}
