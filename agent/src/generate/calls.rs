//! Which functions a query calls.

use std::{collections::BTreeSet, convert::Infallible};

use promql_parser::{
    parser::{self, Expr},
    util::{ExprVisitor, walk_expr},
};

/// The names of the functions that a query of PromQL calls.
pub(super) fn calls(query: &str) -> BTreeSet<&'static str> {
    let mut calls = Calls::default();
    let Ok(_) = walk_expr(&mut calls, &parser::parse(query).unwrap_or_else(|error| panic!("{error}: {query}")));
    calls.0
}

#[derive(Default)]
struct Calls(BTreeSet<&'static str>);

impl ExprVisitor for Calls {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        if let Expr::Call(call) = expression {
            self.0.insert(call.func.name);
        }
        Ok(true)
    }
}
