//! Tables for the documentation, made from connectors, indicators and shapes themselves, so that no list is kept beside them.

use std::fmt::Write as _;

use crate::{connector::Registry, indicator::Catalogue};

/// Every connector: what it reads, what it yields, how it authenticates.
pub fn connectors(registry: &Registry) -> String {
    let mut table = String::from("| Connector | Reads | Yields | Authentication |\n|---|---|---|---|\n");
    for connector in registry.iter() {
        let description = &connector.description;
        let auth: Vec<_> = description.auth.iter().map(|kind| format!("`{}`", kind.as_str())).collect();
        let tables: std::collections::BTreeSet<_> = description.feeds().map(|feed| format!("`{}`", feed.table())).collect();
        let yields = if tables.is_empty() { "whatever it finds".to_owned() } else { tables.into_iter().collect::<Vec<_>>().join(" ") };
        let auth = if auth.is_empty() { "files".to_owned() } else { auth.join(" ") };
        let _ = writeln!(table, "| `{}` | {} | {yields} | {auth} |", description.name, cell(&description.about));
    }
    table
}

/// Every indicator: its metric, what it means, the clauses it serves, its default limits.
pub fn indicators(catalogue: &Catalogue) -> String {
    let mut table = String::from("| Indicator | Meaning | Clause | Limits by default |\n|---|---|---|---|\n");
    for indicator in catalogue.iter() {
        let rules = crate::threshold::RuleSet::resolve(&indicator.rules, &[]);
        let limits: Vec<_> = (0..rules.len()).map(|rule| format!("`{}`", cell(&rules.text(rule)))).collect();
        let limits = if limits.is_empty() { "shown, not judged".to_owned() } else { limits.join("<br>") };
        let clause = indicator.references.clause.join(", ");
        let _ = writeln!(table, "| `aims_{}` | {} | {clause} | {limits} |", indicator.id, cell(first_sentence(&indicator.about)));
    }
    table
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text.trim(), |(first, _)| first).trim_end_matches('.')
}

/// A text as a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Mistakes;

    /// The README's tables are rewritten where they differ; the test fails then, so that the new text is looked at and committed.
    #[test]
    fn the_readme_has_the_tables_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let mut mistakes = Mistakes::default();
        let registry = Registry::load(None, &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        let catalogue = Catalogue::built_in().unwrap();
        let mut made = readme.clone();
        for (name, table) in [("connectors", connectors(&registry)), ("indicators", indicators(&catalogue))] {
            let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- /{name} -->"));
            let start = made.find(&begin).expect(name) + begin.len();
            let stop = made.find(&end).expect(name);
            made.replace_range(start..stop, &table);
        }
        if made != readme {
            std::fs::write(path, &made).unwrap();
            panic!("the README's tables were out of date; they are written anew: look at them and commit them");
        }
    }
}
