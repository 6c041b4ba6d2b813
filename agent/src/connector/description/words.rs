//! Words that are said of fields of records: whether there is such a field, and whether it can have them.

use crate::{
    document::one_of,
    record::{Kind, SHAPES, Severity, Shape},
};

/// What is wrong with saying that words of a field of records count as these: where below the table's name, and what was expected instead.
/// Table `*` is any.
pub fn refused_words<'w>(table: &str, field: &str, ours: impl IntoIterator<Item = &'w str>) -> Option<(String, String)> {
    let shapes: Vec<&Shape> = SHAPES.iter().filter(|shape| table == "*" || shape.table == table).collect();
    if shapes.is_empty() {
        return Some((table.to_owned(), one_of(table, SHAPES.iter().map(|shape| shape.table))));
    }
    let place = format!("{table}.{field}");
    let takers: Vec<_> = shapes.iter().filter(|shape| shape.takes(field)).collect();
    if takers.is_empty() {
        let known = shapes.iter().flat_map(|shape| shape.fields).filter(|known| known.presence.is_given()).map(|known| known.name);
        return Some((place, one_of(field, known)));
    }
    let kinds = || takers.iter().filter_map(|shape| shape.field(field)).map(|field| field.kind);
    let fits = |word: &str| {
        takers.iter().any(|shape| match shape.field(field).map(|field| field.kind) {
            Some(Kind::Word(words)) => words.contains(&word),
            Some(Kind::Severity) => Severity::parse(word).is_some(),
            _ => true,
        })
    };
    let wrong = ours.into_iter().find(|word| !word.is_empty() && !fits(word))?;
    let known = kinds().flat_map(|kind| match kind {
        Kind::Word(words) => words,
        _ => Severity::WORDS,
    });
    Some((place, one_of(wrong, known.copied())))
}
