//! The program as a user meets it: files in, text and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod bias;
mod damage;
mod drift;
mod formats;
mod found;
mod kinds;
mod output;
mod performance;
mod profile;
mod reference;
mod sketches;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "object-store")]
mod stores;
mod support;
mod text;
mod wrong;
