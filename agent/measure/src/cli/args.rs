//! The command line as it is typed.

pub(super) mod values;
mod windows;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::bounds::Bounds;
use crate::bias::Measure as BiasMeasure;
use crate::drift::{Binning, Correction, Likeness};
use crate::job::groups;
use crate::job::limits::Limit;
use crate::job::tests::Tests;
use crate::performance::Metric;
use crate::read::Format as FileFormat;
use crate::read::predicate::Predicate;

pub use windows::{Baseline, Current, Data, Reference, Window};

/// Measures drift, bias, performance and data quality of AI systems from their data.
#[derive(Debug, Parser)]
#[command(name = "clause9-measure", version, about, long_about = None, max_term_width = 120, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 fine, 1 error or wrong usage, 2 breach or warning and 3 unknown, where --fail-on asks for them.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Bounds of this process.
    #[command(flatten)]
    pub bounds: Bounds,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// How far each column of a current window is from a reference window.
    #[command(after_help = "Examples:\n  \
        clause9-measure drift --reference train.parquet --current 'week-*.parquet'\n  \
        clause9-measure drift --reference train.csv --current today.csv --tests psi,ks --fail-on breach\n  \
        clause9-measure drift --reference frozen.json --current live/ --where \"region = 'EU'\" --tests all --html drift.html\n  \
        clause9-measure drift --reference a.parquet --current b.parquet --like evidently\n  \
        clause9-measure drift --reference 's3://models/credit/train/' --current 's3://models/credit/live/day=2026-03-*/*.parquet'\n  \
        clause9-measure drift --reference-sql \"SELECT * FROM live WHERE at < '2026-03-01'\" \\\n      \
            --current-sql \"SELECT * FROM live WHERE at >= '2026-03-01'\" --table live=live/\n  \
        clause9-measure drift --reference a.parquet --current b.parquet --format records --system credit-scoring > drift.ndjson")]
    Drift(Box<Drift>),
    /// Freeze a reference window: a file that `drift --reference` accepts, so that the data need not be kept.
    #[command(after_help = "Example:\n  clause9-measure profile --reference train.parquet --out frozen.json\n  \
        clause9-measure drift --reference frozen.json --current today.parquet")]
    Profile(Box<Profile>),
    /// How differently a model treats groups of people.
    #[command(after_help = "Examples:\n  \
        clause9-measure bias --data scored.parquet --prediction y_pred --label y_true --protected sex,race\n  \
        clause9-measure bias --data scored.parquet --score p --threshold 0.5 --label y --protected sex --privileged sex=M --fail-on breach\n  \
        clause9-measure bias --data loans.csv --prediction decision --favourable granted --protected region --compare extremes")]
    Bias(Box<Bias>),
    /// How well predictions and scores meet the labels, beside a baseline window.
    #[command(after_help = "Examples:\n  \
        clause9-measure performance --data scored.parquet --label y_true --prediction y_pred --score p\n  \
        clause9-measure performance --sql 'SELECT p.*, l.paid FROM p JOIN l ON p.loan = l.loan' \\\n      \
            --table p=scored.parquet --table l=labels.csv --label paid --score score\n  \
        clause9-measure performance --data week.parquet --reference validation.parquet --label price --prediction estimate --segment-by region --fail-on breach")]
    Performance(Box<Performance>),
    /// What is missing, new, out of range, repeated or old.
    #[command(after_help = "Examples:\n  \
        clause9-measure quality --data today.csv --reference train.parquet\n  \
        clause9-measure quality --data 'live/*.parquet' --time event_time --limit freshness_seconds=86400 --limit null_share=0.05 --fail-on breach")]
    Quality(Box<Quality>),
    /// List the methods, metrics and measures, and what each says.
    Methods,
}

/// Settings of `bias`.
#[derive(Debug, Args)]
pub struct Bias {
    /// What is measured.
    #[command(flatten)]
    pub data: Data,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Predictions: the decisions that the model gave.
    #[arg(long, value_name = "COLUMN", required_unless_present = "score")]
    pub prediction: Option<String>,
    /// Scores: the probability of the favourable outcome. Without --prediction, scores of --threshold and above are favourable.
    #[arg(long, value_name = "COLUMN")]
    pub score: Option<String>,
    /// From here on a score is a favourable prediction.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.5)]
    pub threshold: f64,
    /// Labels: what turned out to be true. Without them only rates of selection are compared.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// How much a row counts.
    #[arg(long, value_name = "COLUMN")]
    pub weight: Option<String>,
    /// Protected attributes, separated by commas; each is looked at by itself, and all together.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
    pub protected: Vec<String>,
    /// The favourable outcome, against which all others stand together. Default: 1, true or yes of two; of more, each in turn.
    #[arg(long, value_name = "VALUE", alias = "favorable")]
    pub favourable: Option<String>,
    /// What is predicted. Default: by the columns.
    #[arg(long, value_enum, default_value_t = Task::Auto)]
    pub task: Task,
    /// The privileged group of an attribute, with which others are compared. May be given once for each attribute.
    #[arg(long, value_name = "ATTRIBUTE=GROUP", value_parser = values::pair)]
    pub privileged: Vec<(String, String)>,
    /// The reference group of attributes without a privileged one.
    #[arg(long, value_enum, default_value_t = ReferenceGroup::MostFavoured, value_name = "RULE")]
    pub reference_group: ReferenceGroup,
    /// Who is compared: each group with the reference group, all others pooled (AIF360), or the extremes over all groups (Fairlearn).
    #[arg(long, value_enum, default_value_t = Compare::Each, value_name = "HOW")]
    pub compare: Compare,
    /// What a rate that no row of a group could have is with --compare extremes: left out, or zero as Fairlearn has it.
    #[arg(long, value_enum, default_value_t = UndefinedRates::LeftOut, value_name = "HOW")]
    pub undefined_rates: UndefinedRates,
    /// Which measures: all, or names separated by commas (see `methods`).
    #[arg(long, value_name = "all|NAME,...", default_value = "all", value_parser = values::bias_measures)]
    pub measures: BiasMeasures,
    /// The level of confidence intervals.
    #[arg(long, value_name = "LEVEL", default_value_t = 0.95, value_parser = values::level)]
    pub confidence: f64,
    /// Groups with fewer rows are shown but not judged.
    #[arg(long, value_name = "ROWS", default_value_t = 30)]
    pub min_group: u64,
    /// Limit of a breach: METHOD=NUMBER. Differences count on both sides; of a ratio this is the lower limit, its inverse the upper one.
    #[arg(long, value_name = "METHOD=NUMBER", value_parser = values::bias_limit)]
    pub limit: Vec<Limit>,
    /// Limit of a warning, written likewise.
    #[arg(long, value_name = "METHOD=NUMBER", value_parser = values::bias_limit)]
    pub warn: Vec<Limit>,
    /// What is written.
    #[command(flatten)]
    pub output: Output,
}

/// Settings of `performance`.
#[derive(Debug, Args)]
pub struct Performance {
    /// What is measured.
    #[command(flatten)]
    pub data: Data,
    /// The baseline.
    #[command(flatten)]
    pub baseline: Baseline,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Labels: what turned out to be true.
    #[arg(long, value_name = "COLUMN")]
    pub label: String,
    /// Predictions: classes, or numbers for a regression.
    #[arg(long, value_name = "COLUMN", required_unless_present = "score")]
    pub prediction: Option<String>,
    /// Scores: the probability of the positive outcome.
    #[arg(long, value_name = "COLUMN")]
    pub score: Option<String>,
    /// From here on a score is a positive prediction, where there is no column of predictions.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.5)]
    pub threshold: f64,
    /// How much a row counts.
    #[arg(long, value_name = "COLUMN")]
    pub weight: Option<String>,
    /// Columns whose values are segments, each measured by itself too; separated by commas.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub segment_by: Vec<String>,
    /// The positive outcome. Default: 1, true or yes of two.
    #[arg(long, value_name = "VALUE")]
    pub positive: Option<String>,
    /// What is predicted. Default: by the columns.
    #[arg(long, value_enum, default_value_t = Task::Auto)]
    pub task: Task,
    /// How several classes become one number.
    #[arg(long, value_enum, default_value_t = Average::Macro)]
    pub average: Average,
    /// Which metrics: all that the columns give, or names separated by commas (see `methods`).
    #[arg(long, value_name = "all|NAME,...", default_value = "all", value_parser = values::metrics)]
    pub metrics: Metrics,
    /// Limit of a breach: METRIC=NUMBER. Default with a baseline: a loss of a tenth of it.
    #[arg(long, value_name = "METRIC=NUMBER", value_parser = values::performance_limit)]
    pub limit: Vec<Limit>,
    /// Limit of a warning, written likewise. Default with a baseline: a loss of a twentieth of it.
    #[arg(long, value_name = "METRIC=NUMBER", value_parser = values::performance_limit)]
    pub warn: Vec<Limit>,
    /// What is written.
    #[command(flatten)]
    pub output: Output,
}

/// Settings of `quality`.
#[derive(Debug, Args)]
pub struct Quality {
    /// What is measured.
    #[command(flatten)]
    pub data: Data,
    /// What the data is compared with.
    #[command(flatten)]
    pub baseline: Baseline,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// What the columns are.
    #[command(flatten)]
    pub columns: Columns,
    /// Don't count repeated rows, for which every column is read once more.
    #[arg(long)]
    pub no_duplicates: bool,
    /// Limit of a breach: MEASURE=NUMBER.
    #[arg(long, value_name = "MEASURE=NUMBER", value_parser = values::quality_limit)]
    pub limit: Vec<Limit>,
    /// Limit of a warning, written likewise.
    #[arg(long, value_name = "MEASURE=NUMBER", value_parser = values::quality_limit)]
    pub warn: Vec<Limit>,
    /// What is written.
    #[command(flatten)]
    pub output: Output,
}

/// Rules for the reference group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferenceGroup {
    /// The highest rate of favourable predictions.
    MostFavoured,
    /// The most rows.
    Largest,
}

/// What an undefined rate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UndefinedRates {
    /// Nothing.
    LeftOut,
    /// Zero.
    Zero,
}

/// Who is compared with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compare {
    /// Each group with the reference group.
    Each,
    /// All others together with the reference group.
    Pooled,
    /// The extremes over all groups.
    Extremes,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// By the columns: numbers with a fraction are a regression, two values yes or no, more are classes.
    Auto,
    /// Yes or no.
    Binary,
    /// One of several classes.
    Classes,
    /// A number.
    Regression,
}

impl From<Task> for groups::Task {
    fn from(task: Task) -> Self {
        match task {
            Task::Auto => groups::Task::Auto,
            Task::Binary => groups::Task::Binary,
            Task::Classes => groups::Task::Classes,
            Task::Regression => groups::Task::Regression,
        }
    }
}

/// How several classes become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Average {
    /// Every class counts the same.
    Macro,
    /// Classes count by their rows.
    Weighted,
    /// Every row counts the same.
    Micro,
}

/// A list of bias measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BiasMeasures(pub Vec<BiasMeasure>);

/// A list of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics(pub Vec<Metric>);

/// Settings of `drift`.
#[derive(Debug, Args)]
pub struct Drift {
    /// What current data is compared with.
    #[command(flatten)]
    pub reference: Reference,
    /// The data that is measured.
    #[command(flatten)]
    pub current: Current,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// What the columns are.
    #[command(flatten)]
    pub columns: Columns,
    /// Which statistics: auto (the one that suits the column's kind and size), all, or names separated by commas (see `methods`).
    #[arg(long, value_name = "auto|all|NAME,...", default_value = "auto")]
    pub tests: Tests,
    /// How numeric columns become bins: quantiles:N, equal-width:N, equal-width-pooled:N, sturges, doane, distinct or edges:A,B,...
    /// Default: quantiles:10, of the reference; distinct where --tests auto meets a column of at most 5 values.
    #[arg(long, value_name = "RULE")]
    pub bins: Option<Binning>,
    /// Compute and judge as another tool does: evidently, nannyml or trustyai. Limits are then the tool's.
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["bins", "limit", "warn", "nulls", "correction"])]
    pub like: Option<Likeness>,
    /// Rows without a value in columns of categories: left out, or a category of their own.
    #[arg(long, value_enum, default_value_t = Nulls::Drop)]
    pub nulls: Nulls,
    /// How p-values are adjusted for the number of tests before they are judged.
    #[arg(long, value_enum, default_value_t = Adjust::BenjaminiHochberg, value_name = "HOW")]
    pub correction: Adjust,
    /// Limit of a breach: METHOD=NUMBER, METHOD.p_value=NUMBER, or p_value=NUMBER for every test. May be given more than once.
    #[arg(long, value_name = "METHOD=NUMBER", value_parser = values::drift_limit)]
    pub limit: Vec<Limit>,
    /// Limit of a warning, written likewise.
    #[arg(long, value_name = "METHOD=NUMBER", value_parser = values::drift_limit)]
    pub warn: Vec<Limit>,
    /// What is written.
    #[command(flatten)]
    pub output: Output,
}

/// Settings of `profile`.
#[derive(Debug, Args)]
pub struct Profile {
    /// The window to freeze.
    #[command(flatten)]
    pub reference: Reference,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// What the columns are.
    #[command(flatten)]
    pub columns: Columns,
    /// The bins to keep counts for: quantiles:N, equal-width:N, doane, distinct or edges:A,B,...
    #[arg(long, value_name = "RULE", default_value = "quantiles:10")]
    pub bins: Binning,
    /// How many points are kept of each numeric column; with no more different values than these it is kept exactly.
    #[arg(long, value_name = "N", default_value_t = crate::job::profile::POINTS, value_parser = values::points)]
    pub points: usize,
}

/// How data is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// A table that queries can name: a file, a folder, a pattern or an address of a store, as any window. As often as needed.
    #[arg(long, value_name = "NAME=DATA", value_parser = windows::table)]
    pub table: Vec<(String, String)>,
    /// Only rows for which this holds: COLUMN = != < <= > >= LITERAL, COLUMN in (...), COLUMN is null; and, or, not, parentheses.
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<Predicate>,
    /// The file format, whatever names say: parquet, csv, ndjson or arrow.
    #[arg(long, value_name = "FORMAT")]
    pub input_format: Option<FileFormat>,
    /// The delimiter of CSV files; default: the one of , ; | and tab that the header line has most of.
    #[arg(long, value_name = "CHARACTER", value_parser = values::delimiter)]
    pub delimiter: Option<u8>,
    /// Rows of a CSV or NDJSON file from which the kinds of its columns are inferred; default: all.
    #[arg(long, value_name = "N")]
    pub infer_rows: Option<u64>,
    /// Memory for the columns of both windows that are compared at a time, and for each query, such as 512MiB or 2GiB.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = values::bytes)]
    pub memory: usize,
    /// Where objects of stores and answers of queries are kept while they are read, as large as they are: the disk is the limit.
    /// Default: TMPDIR or /tmp, which may be memory.
    #[arg(long, value_name = "FOLDER")]
    pub spool: Option<PathBuf>,
    /// Leave out the digests of the input files, for which each is read once more.
    #[arg(long)]
    pub no_digest: bool,
    /// No progress bar, also on a terminal.
    #[arg(long)]
    pub quiet: bool,
}

/// What the columns are. Names or patterns (`*`, `?`), separated by commas.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns (names or patterns with * and ?, separated by commas)")]
pub struct Columns {
    /// Features; default: every column that is nothing else.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub feature: Vec<String>,
    /// Predictions: the decisions or values that the model gave.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub prediction: Vec<String>,
    /// Scores or probabilities that the model gave.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub score: Vec<String>,
    /// Labels: what turned out to be true.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub label: Vec<String>,
    /// Protected attributes.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub protected: Vec<String>,
    /// When a row happened: gives the window's bounds, and is not measured.
    #[arg(long, value_name = "COLUMN")]
    pub time: Option<String>,
    /// How much a row counts to bias and performance. It is not measured here, and not applied: every row counts once.
    #[arg(long, value_name = "COLUMN")]
    pub weight: Option<String>,
    /// Numbers that stand for categories.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub categorical: Vec<String>,
    /// Measure only these.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub include: Vec<String>,
    /// Do not measure these.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub exclude: Vec<String>,
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// How results are printed: a table, JSON, or records that the agent's `records` connector reads.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write results here instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also write a page with drawings of the distributions.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Exit with 2 (breach, warning) or 3 (unknown) when a result is in such a state; `warning` includes breaches. May be given more than once.
    #[arg(long, value_enum, value_name = "STATE")]
    pub fail_on: Vec<FailOn>,
    /// The AI system that records are about.
    #[arg(long, value_name = "ID")]
    pub system: Option<String>,
    /// The model.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// The model version.
    #[arg(long, value_name = "VERSION")]
    pub model_version: Option<String>,
    /// The part of the data that this is, as a label.
    #[arg(long, value_name = "NAME")]
    pub segment: Option<String>,
}

/// The forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// NDJSON records.
    Records,
}

/// States that end the program with a code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A value beyond the limit of a breach.
    Breach,
    /// A value beyond any limit.
    Warning,
    /// No value.
    Unknown,
}

/// Rows without a value in columns of categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Nulls {
    /// They take no part and are counted beside.
    Drop,
    /// They are a category.
    Category,
}

/// Corrections for many tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Adjust {
    /// None.
    None,
    /// Times their number.
    Bonferroni,
    /// Step-down.
    Holm,
    /// By the expected share of false alarms.
    BenjaminiHochberg,
}

impl From<Adjust> for Correction {
    fn from(adjust: Adjust) -> Self {
        match adjust {
            Adjust::None => Correction::None,
            Adjust::Bonferroni => Correction::Bonferroni,
            Adjust::Holm => Correction::Holm,
            Adjust::BenjaminiHochberg => Correction::BenjaminiHochberg,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_do_not_contradict_one_another() {
        Cli::command().debug_assert();
    }
}
