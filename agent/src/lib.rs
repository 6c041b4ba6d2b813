//! clause9 watches an organisation's AI systems the way Clause 9 of ISO/IEC 42001 asks for: one daemon polls upstreams, keeps what they say as
//! records, computes indicators from the records, judges every reading, and shows readings and verdicts to Prometheus and on a page.
//!
//! # The flow, one way only
//!
//! ```text
//! config ─► schedule ─► connector ─► records ─► store ─► indicators ─► thresholds ─► board ─► exporter ─► Prometheus, pages
//!                                                 │                                    │
//!                                                 └── history, evidence chain ◄────────┘
//! ```
//!
//! Where a record goes, step by step:
//!
//! 1. [`pipeline`] has one task for each source. When [`schedule`] says so, it asks [`connector`] for a poll.
//!    A job of `measure:` is a source, too: its poll runs `clause9-measure`, whose output is read as a file of records would be.
//!    First it asks again what the last poll that was stored had asked. When every answer is the same, down to the byte, nothing has changed, and
//!    what is written is that the source was read.
//! 2. Otherwise a worker, a process of that poll alone with limits of time and memory, runs the connector's engine: it walks every page of every stream
//!    that `connector.yaml` describes, maps each row with jq and hands the objects to the [`record::Door`], which checks and types them.
//!    Anything wrong anywhere fails the whole poll, with one [`connector::FailureReason`]; but registers in files stand for themselves: the poll is stored
//!    without those that are broken or gone, and what depends on these becomes unknown in time. What can't be proved to be all (rows shifted between pages, two
//!    lists of one upstream contradict each other) is read again, twice at most. When records that are held did not come, the pipeline polls once more:
//!    what is gone is gone from two polls.
//! 3. The pipeline hands a complete poll to its core, a thread of its own, which commits it to the [`store`] in one transaction: new and changed
//!    records become versions, absent ones are closed, systems are resolved by the inventory's names, an evidence entry vouches for all of it.
//! 4. The core keeps a slot for each indicator, which knows what of it was touched and when time alone will change it. What is touched or due is
//!    evaluated, and nothing else: [`indicator`] asks the [projection](store::Projection), over all records or, where an indicator is *local*, with the
//!    same SQL over the records of some systems only.
//!    Random organisations tell which are (`indicator::local`); nobody says so.
//! 5. Rows that depend on a source that is stale, was never read or does not exist become `unknown`; [`threshold`] judges the rest.
//! 6. What changed goes into the store as intervals with an evidence entry, and then a new [`board`] is published: to the pages of [`web`], and, as
//!    what makes its metric families of those of the board before, to the exporter, which renders what changed, once. The board needs no store:
//!    what could not be stored for half a minute is shown and marked, and how the sources are is always as of now.
//!
//! # Code map
//!
//! | Module | What lives there |
//! |---|---|
//! | [`record`] | shapes (one table), records, values, the door, time zone; values only |
//! | [`fault`] | what a panic leaves behind |
//! | [`document`] | YAML with the place of every value; every mistake at once |
//! | [`config`] | `raw` as typed, `Config` proved good, jobs that measure, programs that print secrets, watching files |
//! | [`connector`] | the one engine for all upstreams: requests, queries to databases, paging, formats, samples, programs, jq, failure reasons, recorded answers |
//! | [`schedule`], [`span`], [`size`], [`trend`] | cron and intervals, the clock; spans of time; sizes of memory; numbers that time changes |
//! | [`store`] | the ledger (record versions, reading intervals, evidence chain) and the projection made from it that indicators query; what both ask of a database ([`store::sql`]) and its engine ([`store::sqlite`]) |
//! | [`indicator`] | the catalogue (YAML and SQL) and its evaluation |
//! | [`threshold`] | rules, conditions, verdicts; pure |
//! | [`plan`] | the monitoring plan against readings, rules and dashboards; pure |
//! | [`anchors`] | what is kept of the evidence outside of the store: heads, signed lines, time stamps; how they are written and read |
//! | [`keys`] | Ed25519 keys: made, read, what is signed with them, whether what others signed was; keys that sign for a server of tokens |
//! | [`board`] | the current picture, and the picture as metric families |
//! | [`pipeline`] | the only module that knows all of the above; takes over configurations by their difference; computes stored readings again (`rederive`), says what other limits would have said of them (`hindsight`), and evaluates the catalogue as of a moment that is over (`then`) |
//! | [`draw`] | pictures of what was, in classes that one style sheet colours: lines with limits and gaps, amounts, strips of states; the palette of all pages |
//! | [`review`] | the 9.3 pack: sections as data, tables and readings as of the cut-off, its page, folder and manifest; verifying, signing and comparing packs; views as of another moment; signed results held against packs and ledger |
//! | [`review::gap`] | what of clauses 4 to 10 and of Annex A is evidenced, declared only or missing; the Statement of Applicability; requirements and queries as data |
//! | [`review::oscal`] | a pack in NIST's OSCAL |
//! | [`history`] | readings and records over time: states, times in them, gaps, what came before; read from the ledger |
//! | [`web`] | pages and how they are reached: address, certificate, credentials; the JSON API ([`web::api`]), its answers as types from which its OpenAPI document is made |
//! | [`generate`] | dashboards, rules and runbooks, made from the catalogue |
//! | [`mod@reference`] | tables for the documentation |
//! | [`cli`] | one file for each command |
//!
//! Connectors and indicators themselves are data, and so are the views that indicators share and the sections of a pack: `config/connectors/`,
//! `config/indicators/`, `config/views/` and `config/review/` (with `gap/`), embedded when the program is built.
//!
//! # Invariants
//!
//! - [`record`] imports nothing of ours. [`connector`], [`indicator`], [`threshold`] and [`store`] do not import one another, but for the rule
//!   type that the catalogue declares beside its SQL, and for what indicators query: the tables ([`store::tables`]) and a look at them
//!   ([`store::Projection`]).
//! - Each outside crate has one home (workbooks are written in two), of which a test keeps the list; the SQL of the store is written once, for every engine.
//! - Only [`schedule`] reads the clock for data; everywhere else `now` is a parameter.
//! - A poll that is complete is complete: each kind of paging has a proof (`connector/page.rs`), also of a list that moves while it is read or is capped and read by time (`page/keyset.rs`, `run/window.rs`), and what has none is said. What a list
//!   does not tell (a row that changes though the filter is on its making) is asked for by itself, and closes nothing by being absent there: the next poll reads everything (`run/reread.rs`). A poll changes everything or nothing. Nothing that was stored is changed, only closed; what is extended in place (the agent's runs, when sources
//!   were read, what rules remember) stands in the entries of evidence that seal it. What ended longer ago than the configuration keeps is removed, if it says so:
//!   under an entry of its own, its seal stays, and a time of which something was removed is one of which nothing is known. A text
//!   that somebody redacts gives way to a mark, under an entry that says so. What indicators query is made from that, and has a digest.
//! - No value is ever carried on as if it were fresh: when a number can't be known, it is `unknown` with a reason, and has no sample.
//! - A configuration is taken over whole, with one transaction for all that it writes, or not at all; what it does not change goes on
//!   undisturbed, and no poll of what it does change is taken in afterwards. A panic in an indicator is that indicator's
//!   failure; one in the core ends it: everything is unknown, health says so, and the agent ends a minute later with an error.
//! - A reading is published after it is stored, or marked when that fails for half a minute. Nothing is written into a database that is not the one in its folder any more.
//! - Whatever in a store can be changed alone, [`store::verify()`] tells (`store/verify/tampering.rs` changes every cell); what agrees with itself, an anchor. Nothing waits
//!   for an anchor: what can't be kept is told, counted and tried again by a task of its own.
//! - A review pack reads and computes no reading anew: everything in it is as of the last entry of evidence before its cut-off, so that it is the same
//!   bytes whenever it is made again, and its signature too. It is whole or not there, and replaces nothing. A view as of another moment has another name, and no pack goes on from it. [`review`] knows no sources and no pages of the agent.
//! - A page holds no colour, script or address of its own but in its one style sheet: a policy that allows nothing else is kept by each. What is unknown or was
//!   watched by nobody has a shape of its own in every picture, and none is told by colour alone ([`draw`]).
//! - What is stored comes out of what is stored: of records, names, sources and methods as of its entry a reading is computed again, and is the same, or what made it
//!   is not in the ledger, which is said. The core's model and a simulated year do that with all that they store.
//! - What the API answers is what its document says: both are made of the same types, and each route stands in it. A page of readings says of which board it is, and what is
//!   there all the time is on exactly one page, whatever comes and goes between two of them.
//! - A scrape computes nothing. No request from outside reaches an upstream, except one that asks for a poll of a configured source.
//! - What belongs to one upstream stands in its `connector.yaml`; there is no vendor's name in Rust.
//! - Only `connector::program`, `connector::mapper`, [`review::pdf`] and `config::exec` start processes, and none is given a secret as an argument. Those of
//!   polls do not outlive the agent; the browser that prints a pack ends by itself, or is ended with its children when its time is over, and so is a program
//!   that prints a secret, which runs only where the configuration says that it may.
//! - What a file may ask for is bounded before room is made for it or anything recurses: nesting, values, columns, cells, rows
//!   (`document::load`, `connector::format::bounds`). A file past a bound is one clear error, and its poll's failure.
//! - Messages about files say place, header and kind of value, never the value of a cell.
//! - A private key is read into [`keys::SigningKey`], which signs and shows nothing else than its public key, or into [`keys::jws::TokenKey`], which shows nothing.
//! - What shows who asks (a header, a token, a signature) goes to the origin that it is for: the source's own, and what a token is fetched with to the server of
//!   tokens. No redirect and no link takes it elsewhere, and no jq sees it, but for that of a login. Tokens are in memory only, but for a refresh token in the file that the
//!   configuration names, written anew when its server replaces it.
//! - What is asked of a database is run in a transaction that only reads, all of a poll in one; a value is bound, never pasted. What it says of an error is told by its
//!   code alone (`connector::sql`).
//! - Secrets are of the type [`secret::Secret`]; nothing that is logged, shown or returned as an error holds one.
//! - No `unsafe`.

// What is printed with these panics when the reader of a pipe goes away; `cli::out` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod anchors;
pub mod board;
pub mod cli;
pub mod config;
pub mod connector;
pub mod document;
pub mod draw;
pub mod fault;
pub mod generate;
pub mod history;
pub mod indicator;
pub mod keys;
pub mod pipeline;
pub mod plan;
pub mod record;
pub mod reference;
pub mod review;
pub mod schedule;
pub mod secret;
pub mod size;
pub mod span;
pub mod store;
pub mod threshold;
pub mod trend;
pub mod web;

/// Version, commit and features of this build, as `clause9 --version` tells them.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CLAUSE9_COMMIT"), "; ", env!("CLAUSE9_FEATURES"), ")");
