//! Connectors: how records come in from outside. A connector only describes (`config/connectors/`, YAML and jq); the one engine here does
//! the rest, and no vendor is named in it.
//!
//! ```text
//! registry ─► description (proved) ─► client (one per source, kept) ─► run: variant, probe, streams ─► records
//!                                        │                                 │
//!                                        ├─ http: auth, budget, retries    └─ request ─► page ─► rows ─► merge
//!                                        └─ sql: one session for each poll
//! ```
//!
//! A poll first asks again what the last stored one asked (`memo.rs`): when all answers are the same, nothing is mapped. Else it is made in full.
//!
//! A poll is complete or none: `page.rs` proves each walk over pages (`page/keyset.rs` those by an order), `run/window.rs` asks by time where lists are capped,
//! `run/reread.rs` for what a list does not tell, `run/cross.rs` compares streams that know of each other, and what can't be proved is
//! read again.
//!
//! A poll is all or nothing: [`poll`] gives every record of every stream, or a [`Failure`] with its reason. Pure are `description`,
//! `template`, `request`, `page`, `cursor`, `format`, `samples`, `library` (jq that connectors share), `answer_headers`, `verdict` (what answers mean), `blank` (registers to begin with), `run/rows.rs` and `run/window.rs`; I/O is in `http`, `sql`, `files`, `program`, `mapper` and `replay`. The only place that knows
//! the HTTP client is `http`, the only one that knows jq is `expression.rs`. `program` starts programs that print records, and `mapper`
//! this program once more for each poll: there the poll is turned and jq is run, under limits that the kernel keeps. Nothing of indicators, thresholds or the store is known here.

mod answer_headers;
mod auth;
pub mod blank;
mod client;
mod cursor;
mod description;
mod explain;
mod expression;
mod failure;
#[cfg(test)]
mod faults;
mod files;
mod format;
mod http;
mod library;
mod mapper;
mod memo;
mod meter;
mod outcome;
mod page;
mod play;
mod program;
mod registry;
pub mod replay;
mod request;
mod run;
mod samples;
mod source;
mod sql;
mod template;
#[cfg(test)]
mod testing;
mod upstream;
mod verdict;

pub use auth::{App, Auth, AuthKind, Login, Oauth2, Sigv4};
pub use client::Client;
pub use cursor::{Kinds, StreamCursor};
pub use description::{ConnectorKind, Description, KeyHeader, Mode, Setting, Stream, Transport, refused_words};
pub use explain::{explain_files, registers, said_of};
pub use failure::{Failure, FailureReason};
pub use format::{Explained, Note, NoteKind, Own, Word};
pub use http::Target;
pub use mapper::{COMMAND as MAP, map_apart, serve as map};
pub use memo::Memo;
pub use meter::LogEntry;
pub use outcome::{Context, Live, Poll, PollMode, StreamPoll, Unread, unread};
pub use page::MOST_WALKS;
pub use play::Played;
pub use program::{is_program, on_path};
pub use registry::{Connector, Contents, Registry};
pub use run::{check_live, poll};
pub use source::{Fetched, Files, Http, Limits, Location, Program, Source, Tls, Turns};
pub use sql::SCHEMES as SQL_SCHEMES;
