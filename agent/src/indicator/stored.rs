//! Indicators as the evidence has them: a method in full, without what the catalogue says beside it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{Columns, Direction, Id, Indicator, Local, Overrides, Own, Parameter, Reads, References, check};
use crate::{
    record::{Feed, SHAPES},
    store::sqlite::{Inspector, Sqlite},
};

impl Indicator {
    /// The indicator that had this method ([`Indicator::method`]), and its parameters. `known` is that of the catalogue with the same id: where its SQL and
    /// views are the same, it is the one.
    ///
    /// # Errors
    /// Why this release can't compute it, in words.
    pub fn of_method(id: &str, document: &Value, known: Option<&Arc<Self>>) -> Result<(Arc<Self>, Overrides), String> {
        let parameters = document["parameters"].as_object().into_iter().flatten();
        let parameters: Overrides = parameters.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        let same = |known: &&Arc<Self>| {
            let method = known.method(&parameters);
            ["sql", "views", "parameters"].iter().all(|part| method[part] == document[part])
        };
        let indicator = match known.filter(same) {
            Some(known) => Arc::clone(known),
            None => Arc::new(of_text(id, document, &parameters)?),
        };
        Ok((indicator, parameters))
    }
}

/// The views of a stored method, by name.
pub fn views(document: &Value) -> BTreeMap<&str, &str> {
    document["views"].as_object().into_iter().flatten().filter_map(|(name, sql)| Some((name.as_str(), sql.as_str()?))).collect()
}

fn of_text(id: &str, document: &Value, parameters: &Overrides) -> Result<Indicator, String> {
    let sql = document["sql"].as_str().ok_or("the method has no SQL")?;
    let database = Sqlite::with_record_tables().map_err(|error| error.to_string())?;
    crate::store::tables::replace_views(&database, &views(document)).map_err(|error| error.to_string())?;
    let inspector = Inspector::new(database, check::may_call).map_err(|error| error.to_string())?;
    let inspected =
        inspector.inspect(sql).map_err(|refused| check::expected(refused.why)).map_err(|expected| format!("its SQL is not what it must be: {expected}"))?;
    let columns = Columns::parse(&inspected.columns).map_err(|wrong| wrong.join("; "))?;
    let is_known = |name: &String| {
        check::MOMENTS.contains(&name.as_str()) || parameters.contains_key(name) || super::in_days(name).is_some_and(|days| parameters.contains_key(&days))
    };
    let placeholders =
        inspected.placeholders.into_iter().map(|name| name.filter(is_known)).collect::<Option<Vec<_>>>().ok_or("it has a parameter without a value")?;
    let parameter = |(name, value): (&String, &f64)| Parameter { name: name.clone(), default: *value, unit: String::new(), about: String::new() };
    Ok(Indicator {
        id: Id::parse(id).ok_or("its id is none")?,
        file: String::new(),
        title: id.to_owned(),
        about: String::new(),
        references: References::default(),
        unit: String::new(),
        direction: Direction::TwoSided,
        reads: reads(inspected.tables.iter().filter_map(|table| check::feeding(table))),
        parameters: parameters.iter().map(parameter).collect(),
        sql: sql.to_owned(),
        rules: Vec::new(),
        why: String::new(),
        rulings: Vec::new(),
        frequency: String::new(),
        steps: Vec::new(),
        examples: Some(Vec::new()),
        columns: Arc::new(columns),
        placeholders,
        views: Vec::new(),
        tables: inspected.tables,
        local: Local::No,
    })
}

/// What is read of these tables: everything in them, since which kinds stands in the SQL.
fn reads(tables: impl Iterator<Item = &'static str>) -> Vec<Reads> {
    let mut tables: Vec<_> = tables.collect();
    tables.sort_unstable();
    tables.dedup();
    let read = |table: &str| match Own::ALL.into_iter().find(|own| own.table() == table) {
        Some(own) => Some(Reads::Own(own)),
        None => SHAPES.iter().find(|shape| shape.table == table).map(|shape| Reads::Records { feed: Feed::all(shape), optional: false }),
    };
    tables.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::indicator::Catalogue;

    #[test]
    fn a_method_of_the_catalogue_is_its_indicator_and_can_be_had_of_its_text_alone() {
        let catalogue = Catalogue::built_in().unwrap();
        for indicator in catalogue.iter() {
            let document = indicator.method(&Overrides::new());
            let (found, _) = Indicator::of_method(indicator.id.as_str(), &document, Some(indicator)).unwrap();
            assert!(Arc::ptr_eq(&found, indicator), "{}", indicator.id);
            let (alone, parameters) = Indicator::of_method(indicator.id.as_str(), &document, None).unwrap_or_else(|why| panic!("{}: {why}", indicator.id));
            assert_eq!((alone.columns(), alone.placeholders(), &alone.tables), (indicator.columns(), indicator.placeholders(), &indicator.tables));
            assert_eq!(alone.pass(), indicator.pass(), "{}", indicator.id);
            assert_eq!(alone.method(&parameters)["parameters"], document["parameters"]);
        }
    }

    #[test]
    fn what_does_more_than_read_is_refused() {
        for sql in ["DELETE FROM cases", "SELECT 1 AS value; DELETE FROM cases", "SELECT load_extension('x') AS value", "SELECT :days AS value", "SELECT 1"] {
            assert!(Indicator::of_method("own", &serde_json::json!({ "sql": sql, "views": {}, "parameters": {} }), None).is_err(), "{sql}");
        }
        for view in ["SELECT 1 AS one; ATTACH 'x' AS y", "SELECT load_extension('x') AS one"] {
            let document = serde_json::json!({ "sql": "SELECT one AS value FROM mine", "views": { "mine": view }, "parameters": {} });
            assert!(Indicator::of_method("own", &document, None).is_err(), "{view}");
        }
    }
}
