//! Groups against a reference group.

use super::{Confusion, Interval, Measure, Rate};

/// The counts of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The caller's name for it, e.g. `F` or `F|r0`; `None` for rows without a value of the attribute.
    pub key: Option<String>,
    /// Its counts.
    pub confusion: Confusion,
}

/// Which group the others are held against.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Reference {
    /// A privileged group by name.
    Named(String),
    /// The group with the highest selection rate; the larger of equals, then the first by name.
    #[default]
    MostFavoured,
    /// The group with most rows; the first by name of equals.
    Largest,
}

/// A named reference group that no row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no row belongs to the reference group `{0}`")]
pub struct UnknownGroup(pub String);

/// One measure of one group against its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The group; `None` for rows without a value of the attribute.
    pub group: Option<String>,
    /// The reference group; `None` as above.
    pub reference: Option<String>,
    /// What was compared.
    pub measure: Measure,
    /// Its value; `None` where a rate has no rows, or a ratio a reference of zero.
    pub value: Option<f64>,
    /// Confidence interval, where the measure has one.
    pub interval: Option<Interval>,
    /// Rows of the group and of the reference.
    pub rows: (u64, u64),
}

/// The reference group: an index into `groups`. `Ok(None)` when no group has a row. Rows without a value never are the reference unless
/// they are all there is.
///
/// # Errors
///
/// A named group that is not among the groups.
pub fn reference_group(groups: &[Group], reference: &Reference) -> Result<Option<usize>, UnknownGroup> {
    if let Reference::Named(name) = reference {
        let found = groups.iter().position(|group| group.key.as_ref() == Some(name) && group.confusion.rows > 0);
        return found.map(Some).ok_or_else(|| UnknownGroup(name.clone()));
    }
    let rank = |group: &Group| {
        let selection = if *reference == Reference::MostFavoured { Rate::Selection.of(&group.confusion).unwrap_or(-1.0) } else { 0.0 };
        (group.key.is_some(), selection, group.confusion.rows)
    };
    let better = |a: &Group, b: &Group| {
        let (x, y) = (rank(a), rank(b));
        x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(x.2.cmp(&y.2)).then_with(|| b.key.cmp(&a.key))
    };
    let filled = groups.iter().enumerate().filter(|(_, group)| group.confusion.rows > 0);
    Ok(filled.max_by(|a, b| better(a.1, b.1)).map(|(at, _)| at))
}

/// Every measure of every group but the reference, each against the reference, in the order given.
///
/// # Errors
///
/// A named reference group that is not among the groups.
pub fn compare(groups: &[Group], reference: &Reference, measures: &[Measure], level: f64) -> Result<Vec<Comparison>, UnknownGroup> {
    let Some(at) = reference_group(groups, reference)? else {
        return Ok(Vec::new());
    };
    let others = groups.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, group)| group);
    Ok(others.flat_map(|group| measures.iter().map(move |&measure| compare_pair(group, &groups[at], measure, level))).collect())
}

/// All other groups pooled into one against the reference, as AIF360 does. Rows without a value of the attribute stay out.
///
/// # Errors
///
/// A named reference group that is not among the groups.
pub fn compare_pooled(groups: &[Group], reference: &Reference, measures: &[Measure], level: f64) -> Result<Vec<Comparison>, UnknownGroup> {
    let Some(at) = reference_group(groups, reference)? else {
        return Ok(Vec::new());
    };
    let others = groups.iter().enumerate().filter(|(index, group)| *index != at && group.key.is_some());
    let rest = Group { key: Some("(all others)".to_owned()), confusion: others.map(|(_, group)| group.confusion).sum() };
    Ok(measures.iter().map(|&measure| compare_pair(&rest, &groups[at], measure, level)).collect())
}

/// One measure of one group against another.
pub fn compare_pair(group: &Group, reference: &Group, measure: Measure, level: f64) -> Comparison {
    Comparison {
        group: group.key.clone(),
        reference: reference.key.clone(),
        measure,
        value: measure.of(&group.confusion, &reference.confusion),
        interval: measure.interval(&group.confusion, &reference.confusion, level),
        rows: (group.confusion.rows, reference.confusion.rows),
    }
}
