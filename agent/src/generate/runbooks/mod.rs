//! Runbooks: a page for each indicator and for the alerts about the watch itself, for somebody who was woken by an alert.

mod page;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt::Write as _;
use std::path::Path;

use super::{Generated, MARK, Settings};
use crate::{indicator::Catalogue, threshold::RuleSet};

/// One page for each indicator, the pages about the watch itself, and the list of them.
pub fn files(catalogue: &Catalogue) -> Vec<Generated> {
    let mut pages: Vec<(String, String)> = catalogue.iter().map(|indicator| (indicator.id.to_string(), page::of(indicator))).collect();
    pages.extend(watch::pages(catalogue));
    pages.push(("README".to_owned(), index(catalogue)));
    let generated =
        |(name, text): (String, String)| Generated { path: Path::new("runbooks").join(format!("{name}.md")), text: format!("{text}\n{}\n", mark()) };
    pages.into_iter().map(generated).collect()
}

/// The last line of each page.
fn mark() -> String {
    format!("<!-- {MARK}: change the catalogue, not this file. -->")
}

fn index(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "# Runbooks\n\nWhat to do when clause9 alerts. The name of an alert of a reading is that of its indicator: `DriftPsi` belongs to `drift_psi`. \
         An alert's `runbook_url` leads to its page; `runbook_url` in the configuration, or `clause9 generate rules --runbook-base URL`, says where the pages are published.\n\n\
         - `severity=critical`: a requirement is not met, or nothing can be said any more. `severity=warning`: see to it in working hours.\n\
         - No page says that all is well: a reading is fine, in warning, in breach or *unknown*, and unknown is not fine.\n\n\
         ## The watch itself\n\n| Alert | Severity | Page |\n|---|---|---|\n",
    );
    for (name, severity, page) in watch::alerts(catalogue) {
        let _ = writeln!(text, "| {name} | {severity} | [{page}]({page}.md) |");
    }
    text.push_str("\n## Indicators\n\n| Indicator | Title | Clause | Limits by default |\n|---|---|---|---|\n");
    for indicator in catalogue.iter() {
        let rules = RuleSet::resolve(&indicator.rules, &[]);
        let limits: Vec<_> = (0..rules.len()).map(|rule| page::code(&rules.text(rule))).collect();
        let limits = if limits.is_empty() { "shown, not judged".to_owned() } else { limits.join("<br>") };
        let clause = indicator.references.clause.join(", ");
        let _ = writeln!(text, "| [{0}]({0}.md) | {1} | {clause} | {limits} |", indicator.id, page::cell(&indicator.title));
    }
    text
}

/// The default address of pages, for the alerts that the pages print.
fn settings() -> Settings {
    Settings::default()
}
