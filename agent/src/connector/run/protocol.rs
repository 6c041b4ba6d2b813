//! What answers of two protocols say beside their data: GraphQL and JSON-RPC report errors with a good status, and leave out what nobody notices. Pure.
//!
//! A connection of GraphQL that ends in the middle is one that says so (`pageInfo { hasNextPage }`), wherever in the answer it lies: the stream's own is
//! walked by its pages, one inside of a row by a stream that the row's stream names under `connections`. Any other makes the poll incomplete.

use super::rows::CODES;
use crate::connector::{
    description::{Connection, Protocol, Request},
    expression::{self, Val},
    failure::{Failure, FailureReason},
};

/// Errors of JSON-RPC that every server has.
const RPC_CODES: &[(i64, &str)] = &[
    (-32700, "the request could not be parsed"),
    (-32600, "the request is none"),
    (-32601, "there is no such method"),
    (-32602, "the parameters are wrong"),
    (-32603, "an internal error"),
];

/// Finds an error that an answer with a good status reports in its protocol's own way, and a list of nodes with a hole in it.
///
/// # Errors
/// `upstream_error`, `incomplete`.
pub(super) fn refuse_reported(request: &Request, page: u64, body: &Val) -> Result<(), Failure> {
    match request.protocol {
        Protocol::Plain => Ok(()),
        Protocol::Graphql => graphql(body),
        Protocol::Jsonrpc => jsonrpc(page, body),
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(FailureReason::UpstreamError, message)
}

fn graphql(body: &Val) -> Result<(), Failure> {
    let errors = field(body, "errors");
    if !matches!(&errors, Val::Null) && !matches!(&errors, Val::Arr(items) if items.is_empty()) {
        // Of an error only a code that is known is told: anything else may be data.
        let code = match &errors {
            Val::Arr(items) => {
                items.iter().map(|error| expression::text_of(&field(&field(error, "extensions"), "code"))).find(|code| CODES.contains(&code.as_str()))
            }
            _ => None,
        };
        let code = code.map(|code| format!(": {code}")).unwrap_or_default();
        return Err(wrong(format!("the answer reports an error{code}; with errors, what else it holds is not all")));
    }
    if !matches!(field(body, "data"), Val::Obj(_)) {
        return Err(wrong("the answer has neither data nor errors"));
    }
    refuse_holes(body)
}

/// A node that is null is one that could not be read.
fn refuse_holes(value: &Val) -> Result<(), Failure> {
    match value {
        Val::Arr(items) => items.iter().try_for_each(refuse_holes),
        Val::Obj(entries) => entries.iter().try_for_each(|(key, value)| {
            let has_hole = matches!(value, Val::Arr(items) if items.iter().any(|item| matches!(item, Val::Null)));
            match has_hole && ["nodes", "edges"].contains(&expression::text_of(key).as_str()) {
                true => Err(Failure::new(FailureReason::Incomplete, "a list of nodes has nothing in one place: the upstream could not read that one")),
                false => refuse_holes(value),
            }
        }),
        _ => Ok(()),
    }
}

fn jsonrpc(page: u64, body: &Val) -> Result<(), Failure> {
    let error = field(body, "error");
    if !matches!(error, Val::Null) {
        let code = expression::to_json(&field(&error, "code")).as_i64();
        let told = RPC_CODES.iter().find(|(known, _)| Some(*known) == code).map(|(_, told)| format!(": {told}")).unwrap_or_default();
        return Err(wrong(format!("the answer reports an error{told}")));
    }
    if expression::to_json(&field(body, "id")) != page {
        return Err(wrong("the answer is to another request: its `id` is not the one that was sent"));
    }
    match has(body, "result") {
        true => Ok(()),
        false => Err(wrong("the answer has neither `result` nor `error`")),
    }
}

/// Refuses connections that end in the middle and that nobody walks. `more` says whether the stream's own goes on.
///
/// # Errors
/// `incomplete`.
pub(super) fn refuse_unfinished(connections: &[Connection], body: &Val, rows: &[Val], more: bool) -> Result<(), Failure> {
    let incomplete = |message: String| Err(Failure::new(FailureReason::Incomplete, message));
    let mut inside = 0;
    for (index, row) in rows.iter().enumerate() {
        let unfinished = count_unfinished(row);
        let walked = connections.iter().filter(|connection| connection.is_unfinished(row)).count();
        if unfinished > walked {
            return incomplete(format!("row {}: a list inside of it goes on, and no stream walks it (`connections`)", index + 1));
        }
        inside += unfinished;
    }
    if count_unfinished(body).saturating_sub(inside) > usize::from(more) {
        return incomplete("a list in the answer goes on, and is not walked".to_owned());
    }
    Ok(())
}

fn count_unfinished(value: &Val) -> usize {
    match value {
        Val::Arr(items) => items.iter().map(count_unfinished).sum(),
        Val::Obj(entries) => usize::from(goes_on(value)) + entries.iter().map(|(_, value)| count_unfinished(value)).sum::<usize>(),
        _ => 0,
    }
}

/// Whether this is a connection that ends in the middle.
fn goes_on(value: &Val) -> bool {
    matches!(field(&field(value, "pageInfo"), "hasNextPage"), Val::Bool(true))
}

impl Connection {
    /// Whether this connection of a row ends in the middle.
    pub(super) fn is_unfinished(&self, row: &Val) -> bool {
        goes_on(&self.path.iter().fold(row.clone(), |value, name| field(&value, name)))
    }
}

fn has(value: &Val, name: &str) -> bool {
    matches!(value, Val::Obj(entries) if entries.iter().any(|(key, _)| expression::text_of(key) == name))
}

/// A field of an object; null for anything else.
pub(super) fn field(value: &Val, name: &str) -> Val {
    match value {
        Val::Obj(entries) => entries.get(&expression::text(name)).cloned().unwrap_or_default(),
        _ => Val::Null,
    }
}
