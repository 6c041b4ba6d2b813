//! From a query's text to its answer.

use std::path::Path;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures_util::StreamExt as _;

use super::super::spool::Spool;
use super::super::{Error, Result, Source};
use super::answer::{Answer, Writer};
use super::merge::MergeJoins;
use super::problem::{Problem, unknown_table};
use super::refuse::{chance, unheeded};
use super::table::SourceTable;
use super::{Asked, AskedTable, Query, Settings, Table};

/// Memory that a sort sets aside for the merge of what it put on disk; less where there is less in all.
const MERGE_BYTES: usize = 10 << 20;

/// How two tables are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// The smaller one in memory: fast.
    Hash,
    /// Both sorted, on disk where memory does not hold them.
    Merge,
}

/// Runs a query and keeps its answer, showing how many rows there are so far.
///
/// # Errors
/// What is wrong with the query, with place, and what is wrong with the tables' data; an answer that is no window; too little memory or disk.
pub fn answer(query: &Query, tables: &[Table], settings: &Settings, show: &mut dyn FnMut(u64)) -> Result<Box<dyn Source>> {
    let wrong = |problem: &dyn std::fmt::Display| Error::file(Path::new(&query.place), problem);
    let spool = Spool::new(settings.spool.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| wrong(&error))?;
    let run = Run { query, tables, settings, spool: &spool };
    let mut result = runtime.block_on(run.attempt(Join::Hash, show));
    if matches!(result, Err(Problem::Memory)) {
        result = runtime.block_on(run.attempt(Join::Merge, show));
    }
    // Its threads end with it, and with them what they hold of the spool.
    drop(runtime);
    let (fields, asked) = result.map_err(|problem| problem.into_error(query, settings.memory))?;
    Ok(Box::new(Answer::open(query, asked, fields, tables, spool)?))
}

struct Run<'a> {
    query: &'a Query,
    tables: &'a [Table],
    settings: &'a Settings,
    spool: &'a Spool,
}

impl Run<'_> {
    async fn attempt(&self, join: Join, show: &mut dyn FnMut(u64)) -> std::result::Result<(Vec<super::super::Field>, Asked), Problem> {
        let state = self.state(join)?;
        let (plan, asked) = self.plan(&state).await?;
        let physical = state.create_physical_plan(&plan).await?;
        let schema: SchemaRef = physical.schema();
        let mut writer = Writer::create(&self.query.place, &schema, self.spool)?;
        let mut batches = execute_stream(physical, state.task_ctx())?;
        while let Some(batch) = batches.next().await {
            writer.write(&batch?)?;
            show(writer.rows());
        }
        Ok((writer.finish()?, asked))
    }

    fn state(&self, join: Join) -> std::result::Result<SessionState, Problem> {
        let mut config = SessionConfig::new().with_target_partitions(1);
        let options = config.options_mut();
        // Names are what the files say, as everywhere else in this program.
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.collect_spans = true;
        options.execution.sort_spill_reservation_bytes = MERGE_BYTES.min(self.settings.memory / 8);
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![self.spool.path().to_owned()]));
        let environment = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk.with_max_temp_directory_size(u64::MAX))
            .with_memory_pool(Arc::new(FairSpillPool::new(self.settings.memory)))
            .build_arc()?;
        let mut rules = PhysicalOptimizer::new().rules;
        if join == Join::Merge {
            rules.insert(0, Arc::new(MergeJoins));
        }
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .with_config(config)
            .with_runtime_env(environment)
            .with_execution_props(ExecutionProps::new().with_query_execution_start_time(self.settings.now))
            .build();
        for table in self.tables {
            let schema = state.schema_for_ref(TableReference::bare(table.name.as_str()))?;
            schema.register_table(table.name.clone(), Arc::new(SourceTable::new(Arc::clone(&table.source))))?;
        }
        Ok(state)
    }

    /// What the query means, and which tables it reads.
    async fn plan(&self, state: &SessionState) -> std::result::Result<(LogicalPlan, Asked), Problem> {
        let statement = state.sql_to_statement(&self.query.text, &state.config_options().sql_parser.dialect)?;
        match &statement {
            Statement::Statement(query) if matches!(**query, SqlStatement::Query(_)) => unheeded(query)?,
            _ => return Err(Problem::said("only a query (SELECT or WITH ... SELECT) gives a window")),
        }
        let mut names: Vec<String> = state.resolve_table_references(&statement)?.iter().map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        let plan = match state.statement_to_plan(statement).await {
            Ok(plan) => plan,
            Err(error) => return Err(unknown_table(&names, self.tables, &error).unwrap_or_else(|| error.into())),
        };
        chance(&plan)?;
        let read = self.tables.iter().filter(|table| names.contains(&table.name));
        let mut tables: Vec<AskedTable> =
            read.map(|table| AskedTable { name: table.name.clone(), data: table.data.clone(), files: table.files.clone() }).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((plan, Asked { text: self.query.text.clone(), tables }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::super::files::{Files, Options};
    use super::*;

    /// What a join in memory has no room for is joined all the same, by way of the disk.
    #[test]
    fn joins_that_memory_does_not_hold_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.csv");
        let rows: String = (0..200_000).map(|row| format!("a-longer-key-{row},{}\n", row % 7)).collect();
        std::fs::write(&path, format!("a,b\n{rows}")).unwrap();
        let source = Files::open(path.to_str().unwrap(), &Options::default()).unwrap();
        let tables = [Table { name: "t".to_owned(), data: String::new(), source: Arc::new(source), files: Vec::new() }];
        let text = "SELECT x.a, y.b FROM t AS x JOIN t AS y ON x.a = y.a".to_owned();
        let query = Query { place: "--sql".to_owned(), file: None, text };
        let settings = Settings { memory: 8 << 20, spool: Some(folder.path().to_owned()), now: DateTime::default() };
        let spool = Spool::new(Some(folder.path())).unwrap();
        let run = Run { query: &query, tables: &tables, settings: &settings, spool: &spool };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(matches!(runtime.block_on(run.attempt(Join::Hash, &mut |_| ())), Err(Problem::Memory)));
        let mut rows = 0;
        assert!(runtime.block_on(run.attempt(Join::Merge, &mut |written| rows = written)).is_ok());
        assert_eq!(rows, 200_000);
        assert_eq!(answer(&query, &tables, &settings, &mut |_| ()).unwrap().rows(), Some(200_000));
    }
}
