//! Views: rulings and words that several indicators share, each written once, in `config/views/`, in the SQL that both engines run. They are part
//! of the method of every indicator that reads them, so its digest covers them and the documentation prints them.

use std::{collections::BTreeSet, sync::LazyLock};

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::document::{Document, Mistakes};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../config/views");

/// A view over the record tables and over other views.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The tables and views that its SQL names.
    pub reads: Vec<String>,
    /// The ruling that it follows, and what one row is.
    pub about: String,
    /// Its SELECT.
    pub sql: String,
}

/// Every view, in the order in which they are made: each after all that it reads.
pub fn views() -> &'static [View] {
    // What is built in can't change while the program runs, so it is read once.
    static READ: LazyLock<Vec<View>> = LazyLock::new(|| in_order(read().unwrap_or_else(|mistakes| panic!("the views that are built in: {mistakes}"))));
    &READ
}

fn read() -> Result<Vec<View>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut views = Vec::new();
    for file in BUILT_IN.files() {
        let name = format!("views/{}", file.path().display());
        let document = Document::parse(&name, file.contents_utf8().unwrap_or_default(), &mut mistakes);
        views.extend(document.and_then(|document| document.read::<Vec<View>>(&mut mistakes)).unwrap_or_default());
    }
    mistakes.or(Some(views))
}

/// The same views, each after those that it reads. Where nothing decides, they stay as they were.
fn in_order(mut views: Vec<View>) -> Vec<View> {
    let mut waiting: BTreeSet<String> = views.iter().map(|view| view.name.clone()).collect();
    let mut ordered = Vec::with_capacity(views.len());
    while !views.is_empty() {
        let ready = views.iter().position(|view| view.reads.iter().all(|read| !waiting.contains(read)));
        let view = views.remove(ready.expect("a test proves that no view reads itself, directly or through others"));
        waiting.remove(&view.name);
        ordered.push(view);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        sql::Database,
        sqlite::{Inspector, Sqlite},
        tables::{Dialect, create_statements},
    };

    #[test]
    fn every_view_is_made_after_what_it_reads() {
        let view = |name: &str, reads: &[&str]| View {
            name: name.to_owned(),
            reads: reads.iter().map(|read| (*read).to_owned()).collect(),
            about: String::new(),
            sql: String::new(),
        };
        let ordered = in_order(vec![view("c", &["b", "cases"]), view("a", &["cases"]), view("b", &["a"]), view("d", &[])]);
        assert_eq!(ordered.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn views_have_names_of_their_own() {
        let names: BTreeSet<_> = views().iter().map(|view| view.name.as_str()).collect();
        assert_eq!(names.len(), views().len());
        for statement in create_statements(Dialect::Sqlite) {
            let table = statement.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split([' ', '(']).next());
            assert!(table.is_none_or(|table| !names.contains(table)), "{statement}");
        }
    }

    /// What a view reads decides its place in the order, and is shown: it must be neither more nor less than what its SQL names. So that SQLite
    /// reports just that, each view is a table here.
    #[test]
    fn views_read_what_they_declare() {
        let database = Sqlite::in_memory().unwrap();
        for statement in create_statements(Dialect::Sqlite) {
            database.batch(&statement.replace("CREATE VIEW", "CREATE TABLE")).unwrap();
        }
        let tables: BTreeSet<_> = database.objects().unwrap().into_keys().map(|(_, name)| name).collect();
        let inspector = Inspector::new(database, |_| true).unwrap();
        for view in views() {
            let inspected = inspector.inspect(&view.sql).unwrap_or_else(|refused| panic!("{}: {refused:?}", view.name));
            let read: BTreeSet<_> = inspected.tables.intersection(&tables).cloned().collect();
            assert_eq!(view.reads.iter().cloned().collect::<BTreeSet<_>>(), read, "{}", view.name);
        }
    }
}
