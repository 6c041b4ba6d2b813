//! A source as a table of the query engine: only the columns that a query needs are read.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

use super::super::{Batch, Field, Kind, Source};

/// Batches that are read ahead of the query.
const AHEAD: usize = 2;

/// A source that queries can name.
pub struct SourceTable {
    source: Arc<dyn Source + Send + Sync>,
    /// Places of the columns that a query can see.
    places: Vec<usize>,
    schema: SchemaRef,
}

impl SourceTable {
    /// Of a source; columns of what can't be measured are left out.
    pub fn new(source: Arc<dyn Source + Send + Sync>) -> Self {
        let places: Vec<usize> = (0..source.fields().len()).filter(|&place| source.fields()[place].kind != Kind::Other).collect();
        let fields: Vec<ArrowField> = places.iter().map(|&place| arrow_field(&source.fields()[place])).collect();
        SourceTable { places, schema: Arc::new(Schema::new(fields)), source }
    }
}

fn arrow_field(field: &Field) -> ArrowField {
    let data_type = match field.kind {
        // The engine's own form of text; it has more functions for it than for keys into dictionaries.
        Kind::Text => DataType::Utf8View,
        kind => kind.arrow(),
    };
    ArrowField::new(&field.name, data_type, true)
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.name())
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(&self, _: &dyn Session, columns: Option<&Vec<usize>>, _: &[Expr], _: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match columns {
            None => Arc::clone(&self.schema),
            Some(columns) => Arc::new(self.schema.project(columns)?),
        };
        let places = columns.map_or_else(|| self.places.clone(), |columns| columns.iter().map(|&column| self.places[column]).collect());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(Scan { source: Arc::clone(&self.source), places, schema, properties: Arc::new(properties) }))
    }
}

/// Some columns of a source, from its first row to its last.
struct Scan {
    source: Arc<dyn Source + Send + Sync>,
    places: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan of {}", self.source.name())
    }
}

impl DisplayAs for Scan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl ExecutionPlan for Scan {
    fn name(&self) -> &str {
        "Scan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    /// So that the smaller of two tables is the one that a join keeps in memory. Not exact, so that no count is taken from a footer.
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.source.rows().and_then(|rows| usize::try_from(rows).ok()) {
            statistics.num_rows = Precision::Inexact(rows);
        }
        Ok(Arc::new(statistics))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), AHEAD);
        let (source, places, schema) = (Arc::clone(&self.source), self.places.clone(), Arc::clone(&self.schema));
        let sender = builder.tx();
        builder.spawn_blocking(move || {
            let scanned = source.scan(&places, &mut |batch| {
                let made = record_batch(&schema, &batch);
                let sent = sender.blocking_send(made.map_err(DataFusionError::from));
                // No one reads on: the query has all that it needs, or has failed. The scan's own error is not looked at then.
                sent.map_err(|_| super::super::Error::file(std::path::Path::new(source.name()), "not wanted any more"))
            });
            match scanned {
                Err(error) if !sender.is_closed() => Err(DataFusionError::External(Box::new(error))),
                _ => Ok(()),
            }
        });
        Ok(builder.build())
    }
}

fn record_batch(schema: &SchemaRef, batch: &Batch) -> std::result::Result<RecordBatch, arrow_schema::ArrowError> {
    let columns = batch.columns.iter().zip(schema.fields());
    let columns: std::result::Result<Vec<ArrayRef>, _> = columns.map(|(column, field)| cast(column, field.data_type())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &options)
}
