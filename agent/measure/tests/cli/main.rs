//! The program as a user meets it: files in, text and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod bias;
mod damage;
mod drift;
mod formats;
mod output;
mod performance;
mod profile;
mod sketches;
mod support;
mod wrong;
