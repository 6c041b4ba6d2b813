//! Outcomes of several classes: each is held against all others in turn, as if it were the favourable one; then all at once.

use std::collections::{BTreeMap, BTreeSet};

use super::super::cross::Counts;
use super::super::groups::Layout;
use super::yes_or_no::{Run, parts};
use super::{Options, attribute_name, attribute_sets, blank, group_key, reference, shown, unknown};
use crate::bias::{ClassTable, Reference, UnknownGroup};
use crate::job::{Error, Result};
use crate::output::{Direction, Kind, Measurement};

/// Each class against all others, then all at once.
pub fn run(options: &Options, counts: &Counts, layout: Layout, prediction: usize) -> Result<Vec<Measurement>> {
    let (predictions, labels) = (counts.values(prediction), layout.label.map(|label| counts.values(label)).unwrap_or_default());
    if !labels.is_empty() && !predictions.is_empty() && !predictions.iter().any(|class| labels.contains(class)) {
        let problem = format!("no class is both predicted ({}, ...) and labelled ({}, ...)", predictions[0], labels[0]);
        return Err(Error::Asked(problem));
    }
    let all: BTreeSet<&str> = predictions.into_iter().chain(labels).collect();
    let mut measurements = Vec::new();
    for class in &all {
        let (parts, skipped) = parts(counts, layout, prediction, (class, class));
        measurements.extend(Run::new(options, (*class).to_owned(), Some(format!("outcome={class}")), skipped, &parts).all(&parts)?);
    }
    let all: Vec<&str> = all.into_iter().collect();
    for columns in attribute_sets(layout.groups) {
        at_once(options, &class_tables(&columns, counts, layout, prediction, &all), &columns, &mut measurements)?;
    }
    Ok(measurements)
}

/// Labels against predictions for each group; without labels every prediction stands for its label.
fn class_tables(columns: &[usize], counts: &Counts, layout: Layout, prediction: usize, classes: &[&str]) -> BTreeMap<Option<String>, ClassTable> {
    let mut tables: BTreeMap<Option<String>, ClassTable> = BTreeMap::new();
    let code = |value: &Option<String>| value.as_deref().and_then(|value| classes.binary_search(&value).ok());
    for (values, count) in &counts.combinations {
        let table = tables.entry(group_key(columns, values)).or_insert_with(|| ClassTable::new(classes.len()));
        let predicted = code(&values[prediction]);
        let labelled = layout.label.map_or(predicted, |label| code(&values[label]));
        if let (Some(predicted), Some(labelled)) = (predicted, labelled) {
            table.add_count(labelled, predicted, count.cell, count.rows);
        }
    }
    tables
}

/// Measures of all classes together, against the named group or else the largest: who is favoured differs from class to class.
fn at_once(options: &Options, tables: &BTreeMap<Option<String>, ClassTable>, columns: &[usize], out: &mut Vec<Measurement>) -> Result<()> {
    let name = attribute_name(options, columns);
    let rows = tables.values().map(ClassTable::rows).sum();
    let named = match reference(options, columns, |key| tables.get(&Some(key.to_owned())).is_some_and(|table| table.rows() > 0)) {
        Reference::Named(key) => Some(key),
        _ => None,
    };
    let largest = || tables.iter().filter(|(key, _)| key.is_some()).max_by_key(|(_, table)| table.rows()).and_then(|(key, _)| key.clone());
    let Some(key) = named.or_else(largest) else { return Ok(()) };
    let of_reference = tables.get(&Some(key.clone())).filter(|table| table.rows() > 0).ok_or_else(|| unknown(&name, UnknownGroup(key.clone())))?;
    for (group, table) in tables {
        let mut push = |method: &str, kind: Kind, against: Option<&ClassTable>, value: Option<f64>, direction: Direction| {
            let mut measurement = blank(method, &name, kind, rows, 0);
            measurement.subgroup = Some(shown(group.clone()));
            measurement.reference_subgroup = against.map(|_| key.clone());
            measurement.parameters.push(("outcomes", "all classes at once".to_owned()));
            (measurement.value, measurement.direction) = (value, Some(direction));
            measurement.reason = value.is_none().then(|| "a group has no rows, or the reference group's rate is zero".to_owned());
            measurement.n_subgroup = Some(against.map_or(table.rows(), |other| table.rows().min(other.rows())));
            out.push(measurement);
        };
        let has_labels = options.wanted.label.is_some();
        if has_labels {
            push("accuracy", Kind::Ratio, None, table.accuracy(), Direction::Lower);
        }
        if *group == Some(key.clone()) {
            continue;
        }
        push("statistical_parity_distance", Kind::Statistic, Some(of_reference), table.parity_distance(of_reference), Direction::Higher);
        if has_labels {
            let both = table.accuracy().zip(of_reference.accuracy());
            push("accuracy_difference", Kind::Statistic, Some(of_reference), both.map(|(a, b)| a - b), Direction::Abs);
            push("accuracy_ratio", Kind::Ratio, Some(of_reference), both.filter(|(_, b)| *b > 0.0).map(|(a, b)| a / b), Direction::TwoSided);
        }
    }
    Ok(())
}
