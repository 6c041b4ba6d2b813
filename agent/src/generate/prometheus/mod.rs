//! Prometheus rules that follow from the catalogue, and their tests. Each rule file has a test file beside it, in which every alert fires once
//! and stays silent once, with the labels and texts that are expected.
//!
//! | File | What is in it |
//! |---|---|
//! | `indicators-*.rules.yml` | breach and warning of each indicator; one file for each file of the catalogue |
//! | `agent.rules.yml` | the watch itself: the agent, its sources, readings that stay unknown |
//! | `countdown.rules.yml` | due dates, also while the agent is down |
//! | `recording.rules.yml` | roll-ups by clause, chapter and system |

pub mod countdown;
mod countdown_cases;
mod format;
mod indicators;
mod operation_cases;
pub mod operations;
mod rollup;
pub mod rule;
pub mod template;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use indicators::alert_name;

use super::{Generated, Settings};
use crate::indicator::Catalogue;

/// Every rule file and the tests of the rules.
pub fn files(catalogue: &Catalogue, settings: &Settings) -> Vec<Generated> {
    let folder = Path::new("prometheus");
    let generated = |name: String, text: String| Generated { path: folder.join(name), text };
    rule_files(catalogue, settings)
        .iter()
        .flat_map(|file| [generated(format!("{}.rules.yml", file.name), file.rules()), generated(format!("{}.test.yml", file.name), file.tests())])
        .collect()
}

/// The rules, before they are written.
pub fn rule_files(catalogue: &Catalogue, settings: &Settings) -> Vec<rule::RuleFile> {
    let mut files = indicators::files(catalogue, settings);
    files.extend([operations::file(settings), countdown::file(catalogue, settings), rollup::file(catalogue)]);
    files
}
