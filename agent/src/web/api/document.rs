//! The description of the API as an OpenAPI document, made from the routes: `/api/v1/openapi.json`, and `docs/openapi.json` in the repository.
//!
//! What stands beside each handler is what differs; what is the same of all is added here: who may ask, what is refused before a handler is asked, and that an
//! object has all of its fields and no others.

use std::{collections::BTreeMap, sync::LazyLock};

use clause9_exporter::axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use utoipa::PartialSchema as _;

use super::{Moment, Pair, routes};

/// Where it is.
pub const PATH: &str = "/api/v1/openapi.json";

/// The schema of `pack.json`, which a review is.
const PACK: &str = include_str!("../../../../config/schema/pack.json");

/// Fields that an answer has only at times.
const AT_TIMES: [(&str, &str); 2] = [("Head", "signature"), ("Head", "public_key")];

const ABOUT: &str = "What clause9 knows: readings, systems, sources, their history, the evidence for it, and the management review packs that were made. \
    Moments are epoch seconds, and what is not known is null with a reason beside it.\n\nThere are two roles: a *reader* looks, an *operator* may also ask for a poll. \
    An agent without `web: auth` asks nobody for credentials, and one without `web: operator` lets whoever may look do all.";

struct Made {
    text: String,
    /// The names of each path's parameters in the query.
    parameters: BTreeMap<String, Vec<String>>,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let document = document();
    let text = format!("{document:#}\n");
    Made { text, parameters: query_parameters(&document) }
});

/// This document.
///
/// Every route with its parameters, answers and errors, as OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "agent",
    responses((status = 200, description = "The description of this API, an OpenAPI document", body = Object, content_type = "application/json")))]
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], MADE.text.as_str()).into_response()
}

/// The names of the parameters that a route has in its query.
pub fn parameters(route: &str) -> &'static [String] {
    MADE.parameters.get(&as_documented(route)).map(Vec::as_slice).unwrap_or_default()
}

/// A route's path in the document, which knows no parameter that goes over several parts: its slashes are written `%2F`.
pub fn as_documented(route: &str) -> String {
    route.replace("{*", "{")
}

fn query_parameters(document: &Value) -> BTreeMap<String, Vec<String>> {
    let of_path = |item: &Value| {
        let parameters = item.as_object().into_iter().flatten().flat_map(|(_, operation)| operation["parameters"].as_array().into_iter().flatten());
        parameters.filter(|it| it["in"] == "query").filter_map(|it| it["name"].as_str().map(str::to_owned)).collect()
    };
    document["paths"].as_object().into_iter().flatten().map(|(path, item)| (path.clone(), of_path(item))).collect()
}

/// The document.
pub fn document() -> Value {
    let mut document = serde_json::to_value(routes().into_openapi()).unwrap_or_default();
    document["info"] = json!({ "title": "clause9", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT, "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" } });
    document["servers"] = json!([{ "url": "/", "description": "This agent" }]);
    document["tags"] = json!([
        { "name": "readings", "description": "What holds now" }, { "name": "systems", "description": "The inventory" },
        { "name": "sources", "description": "Where records come from" }, { "name": "history", "description": "What was" },
        { "name": "evidence", "description": "What vouches for it" }, { "name": "reviews", "description": "Management review packs" },
        { "name": "agent", "description": "The agent itself" },
    ]);
    document["components"]["securitySchemes"] = json!({
        "basic": { "type": "http", "scheme": "basic", "description": "`web: { auth: { basic: ... } }`, or that of `operator`" },
        "bearer": { "type": "http", "scheme": "bearer", "description": "`web: { auth: { bearer: ... } }`, or that of `operator`" },
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas.iter_mut() {
            *schema = exact(merged(schema.take(), name), name);
        }
        schemas.extend(pack());
        // Types of parameters are referred to, and not brought along as those of answers are.
        schemas.extend([Pair::schema(), Moment::schema()].iter().zip(["Pair", "Moment"]).map(|(schema, name)| (name.to_owned(), json!(schema))));
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        *paths = std::mem::take(paths).into_iter().map(|(path, item)| (as_documented(&path), item)).collect();
        for (method, operation) in paths.values_mut().filter_map(Value::as_object_mut).flatten() {
            complete(method, operation);
        }
    }
    let parts = document["components"]["schemas"].clone();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for schema in schemas.values_mut() {
            flatten(schema, &parts);
        }
    }
    document
}

/// What is the same of all operations.
fn complete(method: &str, operation: &mut Value) {
    let role = if method == "get" { "reader" } else { "operator" };
    operation["security"] = json!([{ "basic": [role] }, { "bearer": [role] }]);
    let problem =
        |description: &str| json!({ "description": description, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let mut refused = vec![
        ("400", "A parameter that there is not, or a value that it can't have"),
        ("401", "Credentials are missing or wrong"),
        ("406", "The answer is of none of the kinds that are accepted"),
        ("421", "The agent is not known by this name: `web: { hosts: [...] }`"),
        ("500", "A fault of the agent"),
    ];
    if method != "get" {
        refused.push(("403", "These credentials may look, and nothing else; or a page of another origin asks"));
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        for (status, description) in refused {
            responses.entry(status).or_insert_with(|| problem(description));
        }
    }
    // What need not be there is left out, and is not null.
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        without_null(&mut parameter["schema"]);
    }
}

fn without_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

/// A type that holds the fields of another: what it adds is made one object with them, once all are known ([`flatten`]).
fn merged(mut schema: Value, name: &str) -> Value {
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        *part = exact(part.take(), name);
    }
    schema
}

/// One object in place of several that all hold.
fn flatten(schema: &mut Value, all: &Value) {
    let Some(parts) = schema["allOf"].as_array().cloned() else { return };
    let mut whole = json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
    for part in parts {
        let named = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).map(|name| all[name].clone());
        let part = named.unwrap_or(part);
        if let (Some(into), Some(from)) = (whole["properties"].as_object_mut(), part["properties"].as_object()) {
            into.extend(from.clone());
        }
        if let (Some(into), Some(from)) = (whole["required"].as_array_mut(), part["required"].as_array()) {
            into.extend(from.iter().cloned());
        }
    }
    if let Some(description) = schema.get("description") {
        whole["description"] = description.clone();
    }
    *schema = whole;
}

/// An object has all of its fields, and no others: what is not known is null.
fn exact(mut schema: Value, name: &str) -> Value {
    let fields: Option<Vec<String>> = schema["properties"].as_object().map(|fields| fields.keys().cloned().collect());
    if let Some(fields) = fields {
        schema["required"] = fields.into_iter().filter(|field| !AT_TIMES.contains(&(name, field.as_str()))).collect();
        schema["additionalProperties"] = false.into();
    }
    for choice in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        *choice = exact(choice.take(), name);
    }
    schema
}

/// The schemas of a pack under names of their own.
fn pack() -> Map<String, Value> {
    let text = PACK.replace("#/$defs/", "#/components/schemas/Pack");
    let mut whole: Value = serde_json::from_str(&text).unwrap_or_default();
    let parts = whole.as_object_mut().and_then(|whole| {
        whole.remove("$schema");
        whole.remove("$defs")
    });
    let parts = parts.as_ref().and_then(Value::as_object).into_iter().flatten().map(|(name, part)| (format!("Pack{name}"), part.clone()));
    parts.chain([("Pack".to_owned(), whole.clone())]).collect()
}

#[cfg(test)]
mod tests;
