//! What stands in `config/review/` keeps the contract of sections and tables.

use super::*;
use crate::{
    review::{
        moments::{Values, placeholders},
        sections::{ALL, Compare, Section, Table, sections},
    },
    store::sqlite::{Inspector, Sqlite},
};

fn tables() -> impl Iterator<Item = (&'static Section, &'static Table)> {
    sections().iter().flat_map(|section| section.tables.iter().map(move |table| (section, table)))
}

#[test]
fn the_inputs_are_the_seven_of_the_standard_in_its_order() {
    let of = |part| sections().iter().filter(|section| section.part == part).map(|section| section.id.as_str()).collect::<Vec<_>>();
    assert_eq!(of(Part::Input), ["a", "b", "c", "d.1", "d.2", "d.3", "e"]);
    assert_eq!(of(Part::Recommended), ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"]);
    assert_eq!((of(Part::Results), of(Part::Corrections)), (vec!["results"], vec!["corrections"]));
    assert!(sections().is_sorted_by_key(|section| match section.part {
        Part::Input => 0,
        Part::Recommended => 1,
        Part::Results => 2,
        Part::Corrections => 3,
    }));
    // A section without what it must hold would be filled whatever happens.
    for section in sections().iter().filter(|section| section.part == Part::Input) {
        assert!(section.tables.iter().any(|table| table.fills != sections::Fills::Nothing), "{}", section.id);
    }
}

#[test]
fn names_are_unique_and_known() {
    let catalogue = Catalogue::built_in().unwrap();
    let (mut sections_seen, mut tables_seen) = (BTreeSet::new(), BTreeSet::new());
    for section in sections() {
        assert!(sections_seen.insert(&section.id), "{}", section.id);
        for id in section.indicators.iter().filter(|id| *id != ALL) {
            assert!(catalogue.get(id).is_some(), "{}: {id}", section.id);
        }
    }
    let is_plain = |id: &str| id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    assert!(sections().iter().all(|section| is_plain(&section.id)));
    for (_, table) in tables() {
        assert!(tables_seen.insert(&table.id) && is_plain(&table.id) && table.id != "readings", "{}", table.id);
        let columns: BTreeSet<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns.len(), table.columns.len(), "{}: a column twice", table.id);
        let counted = table.front.iter().filter_map(|line| line.counts.as_ref());
        for name in table.key.iter().chain(counted) {
            assert!(columns.contains(name.as_str()), "{}: {name}", table.id);
        }
        assert!(table.compare == Compare::No || !table.key.is_empty(), "{} is compared without a key", table.id);
        assert!(table.front.iter().all(|line| line.many.contains("{n}")), "{}", table.id);
    }
}

/// What the placeholders of a query are is known from its text, so that no pack has to prepare it twice; here SQLite tells.
#[test]
fn every_query_only_reads_in_one_order_and_yields_its_columns() {
    let inspector = Inspector::new(Sqlite::with_record_tables().unwrap(), |_| true).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let choice = Choice::quarter("2026-Q3", YearStart::default(), Zone::UTC).unwrap();
    let parameters = catalogue.parameter_names().into_iter().map(|name| (name.to_owned(), 1.0));
    let values = Values::of(&choice.period(), &choice.before(), Zone::UTC).with_parameters(parameters);
    for (_, table) in tables() {
        let inspected = inspector.inspect(&table.sql).unwrap_or_else(|refused| panic!("{}: {refused:?}", table.id));
        let names: Vec<_> = inspected.placeholders.iter().map(|name| name.as_deref().unwrap_or("?")).collect();
        assert_eq!(placeholders(&table.sql), names, "{}", table.id);
        assert!(names.iter().all(|name| values.knows(name)), "{}: {names:?}", table.id);
        assert_eq!(inspected.columns, table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>(), "{}", table.id);
        assert!(table.sql.trim_end().lines().last().is_some_and(|line| line.trim_start().starts_with("ORDER BY ")), "{}", table.id);
    }
}
