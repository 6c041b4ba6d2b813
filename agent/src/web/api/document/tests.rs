//! The document: that it is the one that is checked in, that it says what the routes are, and that everything it refers to is there.

use std::{collections::BTreeSet, path::Path};

use super::*;
use crate::web::api::{evidence, explain, history, readings};

#[test]
fn the_document_that_is_checked_in_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != MADE.text {
        std::fs::write(&path, &MADE.text).unwrap();
        panic!("{} was out of date and is written anew: look at what changed", path.display());
    }
}

/// What is a route of the API stands in the source of the router, which can't be asked for its routes.
#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let document = document();
    let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    // A router refuses a path that it has already, and knows no way to list them.
    let source = concat!(
        include_str!("../document.rs"),
        include_str!("../evidence.rs"),
        include_str!("../explain.rs"),
        include_str!("../history.rs"),
        include_str!("../indicators.rs"),
        include_str!("../readings.rs"),
        include_str!("../reviews.rs"),
        include_str!("../sources.rs"),
        include_str!("../status.rs"),
        include_str!("../systems.rs"),
    );
    let declared: BTreeSet<_> =
        source.split("#[utoipa::path(").skip(1).filter_map(|text| Some(as_documented(text.split_once("path = \"")?.1.split_once('"')?.0))).collect();
    assert_eq!(documented, declared);
    for source in [include_str!("../../mod.rs"), include_str!("../../api.rs")] {
        let beside = source.lines().find(|line| line.contains(".route(\"/api/") || line.contains(".route(api::"));
        assert_eq!(beside, None, "a route beside those of the document");
    }
}

#[test]
fn parameters_are_those_that_handlers_read() {
    for (path, read) in [
        ("/api/v1/readings", readings::PARAMETERS.as_slice()),
        ("/api/v1/history", history::PARAMETERS.as_slice()),
        ("/api/v1/explain", explain::PARAMETERS.as_slice()),
        ("/api/v1/evidence", evidence::PARAMETERS.as_slice()),
    ] {
        let sorted = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(parameters(path).to_vec()), sorted(read.iter().map(|name| (*name).to_owned()).collect()), "{path}");
    }
    assert!(MADE.parameters.values().filter(|names| !names.is_empty()).count() == 4, "others read none");
}

#[test]
fn whatever_is_referred_to_is_there_and_every_object_is_exact() {
    let document = document();
    walk(&document, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            let target = document.pointer(reference.strip_prefix('#').unwrap());
            assert!(target.is_some(), "{reference}");
        }
    });
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        walk(schema, &mut |value| {
            let has_fields = value["type"] == "object" && value.get("properties").is_some();
            let is_exact = !has_fields || name.starts_with("Pack") || value["additionalProperties"] == false;
            assert!(is_exact && value.get("allOf").is_none(), "{name}: {value:#}");
        });
    }
    let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    for operation in operations {
        let responses = operation["responses"].as_object().unwrap();
        assert!(operation["security"].as_array().is_some_and(|security| security.len() == 2), "{operation:#}");
        for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
            assert_eq!(response["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Problem", "{status} of {operation:#}");
        }
    }
}

fn walk(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|value| walk(value, look)),
        Value::Array(items) => items.iter().for_each(|value| walk(value, look)),
        _ => {}
    }
}
