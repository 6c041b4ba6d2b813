//! The command line as it is typed. What each command does is in the file of its name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{anchors::KeptAnchors, history, store::Anchor};

/// Watches AI systems the way Clause 9 of ISO/IEC 42001 asks for.
#[derive(Debug, Parser)]
#[command(name = "clause9", version, long_version = crate::BUILD, about, long_about = None, max_term_width = 120, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 fine, 1 error or wrong usage, 2 breach or warning and 3 unknown, where --fail-on asks for them.")]
pub struct Cli {
    /// How log lines are written to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or directives such as `info,clause9::connector=debug`.
    #[arg(long, default_value = "info", global = true, env = "CLAUSE9_LOG", value_name = "LEVEL")]
    pub log_level: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it at work: writes a sample organisation, polls recorded upstream answers and serves the page and /metrics.
    #[command(after_help = "Example:\n  clause9 quickstart\n  clause9 quickstart --dir /tmp/try --listen 127.0.0.1:9999")]
    Quickstart(Quickstart),
    /// Poll, judge and serve until stopped. SIGHUP reads the configuration again, SIGTERM ends after draining.
    #[command(after_help = "Example:\n  clause9 run --config /etc/clause9/agent.yaml --log-format json")]
    Run(Config),
    /// Prove the configuration and all it refers to: connectors, indicators, register files.
    #[command(
        after_help = "Example:\n  clause9 check --config agent.yaml\n  clause9 check --config agent.yaml --live\n  clause9 check --config agent.yaml --against-history --from 2026-07-01 --to 2026-09-30"
    )]
    Check(Check),
    /// Poll every source once, evaluate, print every reading; or evaluate what was stored by a moment that is over.
    #[command(
        after_help = "Example:\n  clause9 eval --config agent.yaml --fail-on breach\n  clause9 eval --config agent.yaml --format json > readings.json\n  \
                      clause9 eval --at 2026-09-30 --indicator incidents_open"
    )]
    Eval(Eval),
    /// Look at connectors and try them.
    #[command(subcommand)]
    Connectors(Connectors),
    /// Register files: what one is taken for, how an empty one begins.
    #[command(subcommand)]
    Registers(Registers),
    /// The monitoring plan (9.1).
    #[command(subcommand)]
    Plan(Plan),
    /// What readings were over a period: values, time in each state, breaches, gaps, and how that compares with the periods before; or every version of
    /// a record.
    #[command(
        after_help = "Days begin and end in the organisation's time zone. A `·` in a course: no agent ran; `?`: unknown; a blank: there was no such reading.\n\n\
                      Example:\n  clause9 history drift_psi --config agent.yaml --system credit-scoring --from 2026-07-01 --to 2026-09-30\n  \
                      clause9 history incidents_open --from 30d --format csv > incidents.csv\n  \
                      clause9 history --record case 4711"
    )]
    History(History),
    /// Say how a stored reading was made: method, limits and rulings in force then, the records that it was made of; and compute it again.
    #[command(after_help = "Exit codes: 0 it comes out, or what made it is not all in the ledger, which is said; 1 it comes out otherwise, or an error.\n\n\
                      Example:\n  clause9 explain incidents_open --system credit-scoring --label severity=high\n  \
                      clause9 explain drift_psi --system credit-scoring --label feature=income --at 2026-09-30\n  \
                      clause9 explain impact_assessments_overdue --system credit-scoring --entry 4711 --format json")]
    Explain(Explain),
    /// Management review packs (9.3): make one, prove that it is what it was, compare two.
    #[command(subcommand)]
    Review(Review),
    /// Walk the evidence chain of a data folder and name the first broken link.
    #[command(after_help = "Example:\n  clause9 verify --data-dir /var/lib/clause9\n  \
                      clause9 verify --data-dir /var/lib/clause9 --rederive 1000\n  \
                      clause9 verify --data-dir /var/lib/clause9 --expect /mnt/elsewhere/anchors --public-key evidence.pem.pub\n  \
                      clause9 verify --data-dir /var/lib/clause9 --time-stamps /var/lib/clause9/anchors --tsa-certificate tsa.pem")]
    Verify(Verify),
    /// The key that signs the heads of evidence.
    #[command(subcommand)]
    Keys(Keys),
    /// Look at the store of a data folder, and back it up.
    #[command(subcommand)]
    Store(Store),
    /// Make Grafana dashboards, Prometheus rules and runbooks from the catalogue: the built-in one, or that of a configuration.
    #[command(
        after_help = "Example:\n  clause9 generate dashboards --out /etc/clause9/dashboards\n  clause9 generate all --config agent.yaml --out dashboards --check"
    )]
    Generate(Generate),
    /// Run the jq of one poll; `clause9` starts this itself.
    #[command(hide = true)]
    Map,
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  clause9 completions bash > /etc/bash_completion.d/clause9")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Config {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "agent.yaml", env = "CLAUSE9_CONFIG")]
    pub config: PathBuf,
}

/// Settings of `quickstart`.
#[derive(Debug, Args)]
pub struct Quickstart {
    /// Folder for the sample organisation; a folder that holds one is used as it is, your changes included.
    #[arg(long, value_name = "DIR", default_value = "clause9-quickstart")]
    pub dir: PathBuf,
    /// Address and port of the page and /metrics. Default: what DIR/agent.yaml says, 127.0.0.1:9420 at first.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<std::net::SocketAddr>,
}

/// Settings of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: Config,
    /// Make one authenticated request to each source too, run each job once, and say what it could read.
    #[arg(long)]
    pub live: bool,
    /// Evaluate everything whole on a copy of the database too, and say what holds in it and comes out otherwise. The agent may run meanwhile.
    #[arg(long)]
    pub deep: bool,
    /// Say what these limits would have said of the readings that were stored, beside what was said of them.
    #[arg(long)]
    pub against_history: bool,
    /// Where that time begins: a day, a moment such as 2026-09-30T14:00:00Z, or how long ago, such as 30d.
    #[arg(long, value_name = "WHEN", default_value = history::DEFAULT_FROM, requires = "against_history")]
    pub from: String,
    /// Where it ends; a day counts to its end. Default: now.
    #[arg(long, value_name = "WHEN", requires = "against_history")]
    pub to: Option<String>,
}

/// Settings of `eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: Config,
    /// How readings are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Exit with 2 (breach, warning) or 3 (unknown) when a reading is in such a state; `warning` includes breaches. May be given more than once.
    #[arg(long, value_enum, value_name = "STATE")]
    pub fail_on: Vec<FailOn>,
    /// Only these indicators. May be given more than once.
    #[arg(long, value_name = "ID")]
    pub indicator: Vec<String>,
    /// In place of a pass over the sources: over what the agent had stored by then, a day, to its end, a moment, or how long ago. No source is asked, and
    /// what can't be known of then is said.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// Likewise, after this entry of evidence.
    #[arg(long, value_name = "N", conflicts_with = "at")]
    pub entry: Option<String>,
}

/// What to do with the monitoring plan.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Poll every source once and prove for each entry: measured, fresh, judged, alerted on, on a dashboard, analysed in time.
    #[command(after_help = "Exit codes: 0 all covered, 1 error, 2 an entry is not covered, 3 an entry could not be checked.\n\n\
                      Example:\n  clause9 plan check --config agent.yaml\n  clause9 plan check --config agent.yaml --format json")]
    Check(PlanCheck),
}

/// Settings of `plan check`.
#[derive(Debug, Args)]
pub struct PlanCheck {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: Config,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What to do with connectors.
#[derive(Debug, Subcommand)]
pub enum Connectors {
    /// List them.
    List(ConnectorFolder),
    /// Print one: what it yields, its settings, its description.
    Show {
        /// The connector.
        name: String,
        /// Where connectors of your own are.
        #[command(flatten)]
        folder: ConnectorFolder,
    },
    /// Run one and print the records: against its recorded answers, or against the source of a configuration.
    #[command(after_help = "Example:\n  clause9 connectors test mlflow\n  clause9 connectors test mlflow --config agent.yaml --source models")]
    Test {
        /// The connector.
        name: String,
        /// Where connectors of your own are.
        #[command(flatten)]
        folder: ConnectorFolder,
        /// Poll this source of --config for real instead of the recorded answers.
        #[arg(long, requires = "config", value_name = "NAME")]
        source: Option<String>,
        /// The configuration that has the source.
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// What to do with registers.
#[derive(Debug, Subcommand)]
pub enum Registers {
    /// Begin a register: its header as CSV, what it needs first, or a workbook with lists to choose from. Without a name: which there are.
    #[command(after_help = "A register with a header alone says that there is none of its kind: leave out those that you do not keep.\n\n\
                      Example:\n  clause9 registers template\n  clause9 registers template risks > registers/risks.csv\n  \
                      clause9 registers template risks --xlsx --output registers\n  clause9 registers template --all --xlsx --example")]
    Template(Template),
    /// Say what a file is taken for: which column became what, what was set aside, what each word counts as, how many records come of it.
    #[command(after_help = "Example:\n  clause9 registers explain registers/risks.xlsx --config agent.yaml")]
    Explain {
        /// A file of registers, or a folder of them.
        file: PathBuf,
        /// A configuration whose `columns`, `values` and the like count. Default: nothing is said of the file.
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Settings of `registers template`.
#[derive(Debug, Args)]
pub struct Template {
    /// The register.
    pub register: Option<String>,
    /// Every register: a file for each, or with --xlsx a sheet for each in registers.xlsx.
    #[arg(long, conflicts_with = "register")]
    pub all: bool,
    /// Write an Excel workbook: days as dates, lists of the words that a column takes, and a sheet `_columns` that says what each column means.
    #[arg(long)]
    pub xlsx: bool,
    /// The folder to write into; made where it is missing. Default: standard output for CSV, the current folder for a workbook.
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// With the rows of an example, to try.
    #[arg(long)]
    pub example: bool,
    /// Replace files that are there.
    #[arg(long)]
    pub force: bool,
}

/// Where connectors of your own are.
#[derive(Debug, Args)]
pub struct ConnectorFolder {
    /// Folder with connectors of your own.
    #[arg(long, value_name = "DIR")]
    pub connectors: Option<PathBuf>,
}

/// Settings of `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Where the configuration is; it says where the data is.
    #[command(flatten)]
    pub config: Config,
    /// The indicator.
    #[arg(required_unless_present_any = ["record", "in_breach"], conflicts_with_all = ["record", "in_breach"])]
    pub indicator: Option<String>,
    /// Every reading of every indicator that was in breach instead, and how long; the longest first.
    #[arg(long, conflicts_with_all = ["record", "system", "label"])]
    pub in_breach: bool,
    /// Every version of a record instead, by its shape and its id: `case 4711`.
    #[arg(long, num_args = 2, value_names = ["SHAPE", "ID"], conflicts_with_all = ["system", "label", "from", "to"])]
    pub record: Vec<String>,
    /// Only readings of this system, by any name that it has now; what was stored under an id that is now its alias, too.
    #[arg(long, value_name = "NAME")]
    pub system: Option<String>,
    /// Only readings with this label. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Where the period begins: a day, a moment such as 2026-09-30T14:00:00Z, or how long ago, such as 30d.
    #[arg(long, value_name = "WHEN", default_value = history::DEFAULT_FROM)]
    pub from: String,
    /// Where it ends; a day counts to its end. Default: now.
    #[arg(long, value_name = "WHEN")]
    pub to: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = HistoryFormat::Table)]
    pub format: HistoryFormat,
}

/// Settings of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Where the configuration is; it says where the data is.
    #[command(flatten)]
    pub config: Config,
    /// The indicator.
    pub indicator: String,
    /// The reading of this system, by any name that it has now.
    #[arg(long, value_name = "NAME")]
    pub system: Option<String>,
    /// The reading with this label. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// As it was at a moment such as 2026-09-30T14:00:00Z, at the end of a day, or so long ago, such as 30d. Default: as it is.
    #[arg(long, value_name = "WHEN", conflicts_with = "entry")]
    pub at: Option<String>,
    /// As it was after an entry of evidence.
    #[arg(long, value_name = "N")]
    pub entry: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How a history is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// For people.
    Table,
    /// For programs: everything, with the periods before.
    Json,
    /// For spreadsheets: a row for each step of each reading.
    Csv,
}

fn label(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("a label and its value, `feature=income`")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An anchor as it is written, or a file that holds some: a line for each, or the answer of `/api/v1/evidence/head`.
fn kept(text: &str) -> Result<KeptAnchors, String> {
    match text.parse::<Anchor>() {
        Ok(anchor) => Ok(KeptAnchors(vec![anchor.into()])),
        Err(expected) => {
            let content = std::fs::read_to_string(text).map_err(|error| format!("{expected}, or a file that holds it ({error})"))?;
            KeptAnchors::read(&content).map_err(|found| format!("the file: {found}"))
        }
    }
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key for a file of its own, readable by its owner alone, and its public key in FILE.pub. Neither replaces a file.
    #[command(after_help = "Example:\n  clause9 keys new --out /etc/clause9/evidence.pem")]
    New {
        /// The file to make: PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` makes it, too.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public key of a private one.
    Show {
        /// The file of the private key.
        file: PathBuf,
    },
}

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Say how much of what is stored, and since when.
    #[command(after_help = "Example:\n  clause9 store stats --data-dir /var/lib/clause9")]
    Stats(StoreStats),
    /// Copy the database into a new file; the agent may run meanwhile. The copy is whole, or is not there.
    #[command(after_help = "To go on from a copy: stop the agent, put the copy into its data folder as clause9.sqlite, start the agent.\n\n\
                      Example:\n  clause9 store backup --data-dir /var/lib/clause9 /backup/clause9-2026-09-30.sqlite")]
    Backup(StoreBackup),
    /// Give back what the database does not need any more to the file system. No agent may run on the folder meanwhile; there must be room for a copy.
    #[command(
        after_help = "What is stored stays as it is. To keep less, say `store: { keep: { readings: 1095d, records: 1095d } }` in the configuration: the agent removes \
                      what ended longer ago, and this gives back its room.\n\n\
                      Example:\n  systemctl stop clause9 && clause9 store compact --data-dir /var/lib/clause9 && systemctl start clause9"
    )]
    Compact(StoreCompact),
    /// Take texts of a record out of all its versions, for good. No agent may run on the folder meanwhile; there must be room for a copy.
    #[command(
        after_help = "Each text gives way to a mark with its SHA-256, so that what is counted by it comes out as before; whoever can guess a short text can \
                      confirm it by that. An entry of evidence says what was redacted, why and by which role: `clause9 verify` accepts that and nothing else. \
                      Mend the upstream first: the text comes back with the next change of the record there. Backups and review packs that were made before keep it.\n\n\
                      Example:\n  systemctl stop clause9 && clause9 store redact case INC-7 --data-dir /var/lib/clause9 --column title --reason 'names a customer' --by dpo"
    )]
    Redact(StoreRedact),
    /// Take what of a damaged database can be read and proves itself into a new data folder.
    #[command(
        after_help = "Entries of evidence are taken over in their order up to the first that does not go on from the one before, and rows under them whose \
                      seals agree. An entry says what was recovered and what was not; `clause9 verify` tells it. Every source counts as never read: what depends on \
                      it is unknown until it was. The damaged file is only read; there must be room for two copies beside the new folder.\n\n\
                      Example:\n  clause9 store recover /var/lib/clause9 --out /var/lib/clause9-recovered"
    )]
    Recover(StoreRecover),
}

/// Settings of `store recover`.
#[derive(Debug, Args)]
pub struct StoreRecover {
    /// The damaged database, or its data folder.
    #[arg(value_name = "FILE_OR_DIR")]
    pub from: PathBuf,
    /// The data folder to make; one that is there is left alone.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Settings of `store redact`.
#[derive(Debug, Args)]
pub struct StoreRedact {
    /// The record's shape: `case`, `review`, ...
    pub shape: String,
    /// Its id.
    pub id: String,
    /// The agent's data folder.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// A text of it: a column such as `title`, or the name of an attribute; several times for several. Default: every text by which no reading is computed.
    #[arg(long, value_name = "COLUMN")]
    pub column: Vec<String>,
    /// Why; it stays in the evidence.
    #[arg(long)]
    pub reason: String,
    /// The role that decided it; it stays in the evidence.
    #[arg(long, value_name = "ROLE")]
    pub by: String,
}

/// Settings of `store compact`.
#[derive(Debug, Args)]
pub struct StoreCompact {
    /// The agent's data folder.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// Settings of `store stats`.
#[derive(Debug, Args)]
pub struct StoreStats {
    /// The agent's data folder.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Settings of `store backup`.
#[derive(Debug, Args)]
pub struct StoreBackup {
    /// The agent's data folder.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The file to make; one that is there is left alone.
    pub file: PathBuf,
}

/// What to do with management review packs.
#[derive(Debug, Subcommand)]
pub enum Review {
    /// Make the pack of a period that has ended, from what was known at its end. The folder is whole, or is not there; the agent may run meanwhile.
    #[command(
        after_help = "The folder holds pack.json with everything, pack.xlsx and index.html to read, csv/ with every row and reading, evidence.ndjson with the \
                      entries of evidence of the period, and manifest.json with digests of all of them. Made again it is the same, byte by byte.\n\n\
                      Example:\n  clause9 review make --config agent.yaml --quarter 2026-Q3 --out packs/2026-Q3\n  \
                      clause9 review make --from 2026-07-01 --to 2026-08-31 --out packs/summer --previous packs/2026-Q2\n  \
                      clause9 review make --quarter 2026-Q3 --as-of 2026-11-15 --out views/2026-Q3-in-november"
    )]
    Make(ReviewMake),
    /// Prove that a pack is what it was when it was made: its files by its manifest, the manifest by its signature, its entries of evidence by their digests.
    #[command(after_help = "Exit codes: 0 it is, 1 it is not, or can't be read.\n\n\
                      Example:\n  clause9 review verify packs/2026-Q3\n  clause9 review verify packs/2026-Q3 --data-dir /var/lib/clause9\n  \
                      clause9 review verify packs/2026-Q3 --public-key evidence.pem.pub")]
    Verify(ReviewVerify),
    /// Say what is different between two packs: readings that got worse or better, rows that are new, gone or changed.
    #[command(after_help = "Example:\n  clause9 review diff packs/2026-Q2 packs/2026-Q3\n  clause9 review diff packs/2026-Q2 packs/2026-Q3 --format json")]
    Diff(ReviewDiff),
    /// Assess what of clauses 4 to 10 and Annex A is evidenced, declared only or missing: maturity, roadmap, Statement of Applicability, readiness for audits.
    #[command(
        after_help = "The folder holds gap.json with everything, and index.html and gap.xlsx to read. Made again it is the same, byte by byte. That something exists \
                      and is in time is all that it can show; its content is for people to judge.\n\n\
                      Example:\n  clause9 review gap --config agent.yaml --out gaps/today\n  clause9 review gap --at 2026-09-30 --out gaps/2026-09-30"
    )]
    Gap(ReviewGap),
}

/// Settings of `review gap`.
#[derive(Debug, Args)]
pub struct ReviewGap {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: Config,
    /// The day at whose end everything is as it was known. Default: yesterday, the last day that has ended.
    #[arg(long, value_name = "DAY")]
    pub at: Option<String>,
    /// The folder to make; one that is there is left alone.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Settings of `review make`.
#[derive(Debug, Args)]
pub struct ReviewMake {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: Config,
    /// The quarter: 2026-Q3 is the third one of the year that begins in 2026, which `review: { year_starts: april }` in the configuration may let begin
    /// in another month than January. Default: the last one that has ended.
    #[arg(long, value_name = "QUARTER", conflicts_with_all = ["from", "to"])]
    pub quarter: Option<String>,
    /// The first day of the period, in place of a quarter.
    #[arg(long, value_name = "DAY", requires = "to")]
    pub from: Option<String>,
    /// The last day of the period.
    #[arg(long, value_name = "DAY", requires = "from")]
    pub to: Option<String>,
    /// Tell of the period what was known at another moment than its end: a day, to its end, a moment, how long ago; or after an entry of evidence, by its number.
    /// Such a view has a name of its own, and says what it can't tell.
    #[arg(long, value_name = "WHEN|ENTRY")]
    pub as_of: Option<String>,
    /// The folder to make; one that is there is left alone.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The pack of the period before, whose digest the pack names. Default: the last one beside it of an earlier period, made from the same store.
    #[arg(long, value_name = "DIR")]
    pub previous: Option<PathBuf>,
    /// Print the page into pack.pdf as well, with a Chromium: the one in PATH, or the one of --chromium. That file alone is not the same when it is made
    /// again, and is left out of the digest of the pack.
    #[arg(long)]
    pub pdf: bool,
    /// The Chromium that prints.
    #[arg(long, value_name = "FILE", requires = "pdf")]
    pub chromium: Option<PathBuf>,
    /// The private key that signs the manifest, as `clause9 keys new` makes it. Default: `evidence: { key }` of the configuration; without either the pack
    /// is unsigned.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// Settings of `review verify`.
#[derive(Debug, Args)]
pub struct ReviewVerify {
    /// The pack.
    #[arg(value_name = "DIR")]
    pub pack: PathBuf,
    /// The agent's data folder: its entries of evidence must be those of the pack.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A folder of packs: those that signed results in this one name by their digest must lie there as they were.
    #[arg(long, value_name = "DIR")]
    pub packs: Option<PathBuf>,
    /// The public key that must have signed the pack; several where one took over from another. An unsigned pack is an error then.
    #[arg(long, value_name = "FILE")]
    pub public_key: Vec<PathBuf>,
}

/// Settings of `review diff`.
#[derive(Debug, Args)]
pub struct ReviewDiff {
    /// The earlier pack.
    #[arg(value_name = "DIR")]
    pub first: PathBuf,
    /// The later one.
    #[arg(value_name = "DIR")]
    pub second: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Settings of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The agent's data folder.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// An entry that must be there, as an earlier `verify`, the agent's log or its `/api/v1/evidence/head` named it, or a file that holds it: the
    /// answer of that address, or the file of `evidence.anchors`, of which every line must hold. A shortened or rewritten store differs from it. May be
    /// given more than once.
    #[arg(long, value_name = "N:DIGEST|FILE", value_parser = kept)]
    pub expect: Vec<KeptAnchors>,
    /// The public key that signed what is expected, from the first line on that is signed; several where one took over from another.
    #[arg(long, value_name = "FILE", requires = "expect")]
    pub public_key: Vec<PathBuf>,
    /// A folder of time stamps, `anchors` in the data folder where the agent has kept it: each must be of the entry with its number.
    #[arg(long, value_name = "DIR")]
    pub time_stamps: Option<PathBuf>,
    /// The certificate (PEM) whose key must have signed them.
    #[arg(long, value_name = "FILE", requires = "time_stamps")]
    pub tsa_certificate: Option<PathBuf>,
    /// Compute stored readings again, too, from the records and methods that were stored: `all`, or about so many, spread evenly.
    #[arg(long, value_name = "all|COUNT", value_parser = sample)]
    pub rederive: Option<Sample>,
}

/// How many readings are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Every one.
    All,
    /// About so many.
    Of(usize),
}

fn sample(text: &str) -> Result<Sample, &'static str> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(Sample::Of(count)),
        _ if text == "all" => Ok(Sample::All),
        _ => Err("expected `all`, or a number of readings"),
    }
}

/// Settings of `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// What to make.
    #[arg(value_enum)]
    pub what: Product,
    /// The folder; files go into `grafana/`, `prometheus/` and `runbooks/` in it. Files that are not made any more are removed.
    #[arg(long, value_name = "DIR", default_value = "dashboards")]
    pub out: PathBuf,
    /// A configuration whose indicators count, those of your own included. Dashboards link to its `external_url`, or to where it has the agent
    /// `listen`; alerts to its `runbook_url`. Default: the built-in catalogue, and an agent at http://127.0.0.1:9420.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the runbooks are published: alerts link to URL/ID.md. Default: the `runbook_url` of the configuration, else the folder
    /// dashboards/runbooks.
    #[arg(long, value_name = "URL")]
    pub runbook_base: Option<String>,
    /// What loads the rules: `current` is Prometheus from 2.42 on, or a vmalert that knows `keep_firing_for`. `older` leaves that field out, which
    /// others refuse with the whole file; an alert then ends, and comes again, when the agent restarts.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "current")]
    pub rules_for: RulesFor,
    /// Write nothing; exit with 1 when anything is out of date.
    #[arg(long)]
    pub check: bool,
}

/// What loads the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFor {
    /// Prometheus from 2.42 on, or a vmalert that knows `keep_firing_for`.
    Current,
    /// Older ones: rules without `keep_firing_for`.
    Older,
}

/// What `generate` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Product {
    /// Everything below.
    All,
    /// Grafana dashboards and their provisioning.
    Dashboards,
    /// Alerting and recording rules with their tests.
    Rules,
    /// One page for each indicator.
    Runbooks,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// States that make `eval` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A warning or a breach.
    Warning,
    /// A breach.
    Breach,
    /// An unknown reading.
    Unknown,
}
