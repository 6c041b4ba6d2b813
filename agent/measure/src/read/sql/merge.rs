//! Joins that need no more memory than there is: both sides sorted, on disk where memory does not hold them, and read side by side.
//!
//! The engine joins so only what it has cut into several partitions, whose rows come in another order on every run. Here there is one.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};

/// Turns every join that keeps one side in memory into one that sorts both. Comes before all other rules: they add the sorts.
#[derive(Debug)]
pub struct MergeJoins;

impl PhysicalOptimizerRule for MergeJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(merged).data()
    }

    fn name(&self) -> &'static str {
        "merge_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn merged(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let join = match plan.downcast_ref::<HashJoinExec>() {
        // NOT IN with nulls is something that only the other kind of join can.
        Some(join) if !join.null_aware && !join.contains_projection() => join,
        _ => return Ok(Transformed::no(plan)),
    };
    let merge = SortMergeJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        join.on().to_vec(),
        join.filter().cloned(),
        *join.join_type(),
        vec![arrow_schema::SortOptions::default(); join.on().len()],
        join.null_equality(),
    )?;
    Ok(Transformed::yes(Arc::new(merge)))
}
