//! What no window may be made of: chance, and words that the engine reads and passes over, such as `TABLESAMPLE`.

use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::sql::sqlparser::ast::{GroupByExpr, OrderBy, OrderByKind, Query, Select, Statement, TableFactor, Visit as _, Visitor};

use super::problem::Problem;

/// Refuses clauses that would change the answer if the engine heeded them.
///
/// # Errors
/// Names the clause.
pub fn unheeded(statement: &Statement) -> Result<(), Problem> {
    match statement.visit(&mut Unheeded) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(clause) => Err(Problem::said(format!("not supported: {clause}"))),
    }
}

struct Unheeded;

impl Visitor for Unheeded {
    type Break = &'static str;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
        match factor {
            TableFactor::Table { sample, version, with_ordinality, partitions, json_path, .. } => first(&[
                (sample.is_some(), "a sample of a table"),
                (version.is_some(), "a table as it was at another time"),
                (*with_ordinality, "WITH ORDINALITY"),
                (!partitions.is_empty(), "PARTITION; write a condition"),
                (json_path.is_some(), "a path within a table"),
            ]),
            TableFactor::Derived { sample: Some(_), .. } => ControlFlow::Break("a sample of a query"),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        let modifiers = match &select.group_by {
            GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => modifiers,
        };
        first(&[
            (select.prewhere.is_some(), "PREWHERE; write WHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY; write WITH RECURSIVE"),
            (select.into.is_some(), "SELECT INTO"),
            (select.exclude.is_some(), "EXCLUDE at the end; write * EXCLUDE (...)"),
            (select.value_table_mode.is_some(), "SELECT AS"),
            (!modifiers.is_empty(), "GROUP BY ... WITH; write GROUP BY ROLLUP (...) or CUBE (...)"),
        ])
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        let fills = |order: &OrderBy| match &order.kind {
            OrderByKind::Expressions(list) => order.interpolate.is_some() || list.iter().any(|one| one.with_fill.is_some()),
            OrderByKind::All(_) => order.interpolate.is_some(),
        };
        first(&[(query.order_by.as_ref().is_some_and(fills), "ORDER BY ... WITH FILL")])
    }
}

fn first(clauses: &[(bool, &'static str)]) -> ControlFlow<&'static str> {
    clauses.iter().find(|(is_there, _)| *is_there).map_or(ControlFlow::Continue(()), |(_, clause)| ControlFlow::Break(clause))
}

/// Refuses functions that give something else on every run, such as `random()`.
///
/// # Errors
/// Names the function.
pub fn chance(plan: &LogicalPlan) -> Result<(), Problem> {
    let mut found: Option<String> = None;
    let mut look = |expression: &Expr| {
        if let Expr::ScalarFunction(function) = expression
            && function.func.signature().volatility == Volatility::Volatile
        {
            found = Some(function.func.name().to_owned());
            return Ok::<_, DataFusionError>(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(|node| node.apply_expressions(|expression| expression.apply(&mut look)))?;
    match found {
        Some(name) => Err(Problem::said(format!("{name}() gives something else on every run: no one could make the number again"))),
        None => Ok(()),
    }
}
