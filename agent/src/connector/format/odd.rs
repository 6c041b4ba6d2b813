//! What is odd in a table and yet no reason to refuse it: it is counted and shown, and everything else of the row is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A cell without a value of its own: it holds an error, or a formula that nobody calculated. In a field it is refused, elsewhere it is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The header of its column, normalised.
    pub column: String,
    /// Where it is: `register.xlsx: reviews!D14`.
    pub place: String,
    /// What is in it.
    pub found: &'static str,
    /// What should be.
    pub expected: &'static str,
}

/// Something odd in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// What kind of oddity.
    pub kind: OddKind,
    /// The field, or the attribute's key.
    pub column: String,
    /// Where it is; of an unknown word the word itself, cut.
    pub shown: String,
}

/// Kinds of [`Odd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddKind {
    /// A cell that holds an error, in a column that no field takes.
    ErrorCell,
    /// A header that stands there more than once, and that no field takes.
    RepeatedHeader,
    /// A word that no list knows; the careful choice was taken.
    UnknownWord,
}

/// Something about a whole table that people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What kind of thing.
    pub kind: NoteKind,
    /// Where: the table's header, or a row.
    pub place: String,
    /// What there is to say, without any value of a cell.
    pub text: String,
}

/// Kinds of [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// No column stands for a field that indicators judge by.
    Unstated,
    /// A row was left out: it sums up the others, or stands above the header.
    LeftOut,
    /// A word that no list knows. It is told itself, on the source's page and nowhere else.
    UnknownWord,
    /// Two lists of an upstream contradict each other: what one names, the other does not have.
    Contradicted,
    /// A stream that had many records has none now.
    Emptied,
    /// What a source's credentials may not see, or what could not be found out about that.
    Unseen,
}

/// The longest piece of a word that is kept with its record.
const SHOWN_CHARS: usize = 40;

/// A word as it may be shown.
pub(super) fn cut(word: &str) -> String {
    word.chars().take(SHOWN_CHARS).collect()
}

/// What spreadsheets write where a formula came to nothing; in CSV it is all that is left of it.
const ERRORS: &[&str] = &["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!", "#ERROR!"];

/// The error that a text is, if it is one.
pub(super) fn error_in(cell: &Json) -> Option<&'static str> {
    let text = cell.as_str()?;
    ERRORS.iter().copied().find(|error| *error == text)
}

/// Words that begin a row of sums, in the languages that registers are kept in; normalised.
const TOTALS: &[&str] = &[
    "total",
    "totals",
    "grand_total",
    "subtotal",
    "sub_total",
    "sum",
    "overall",
    "gesamt",
    "gesamtsumme",
    "summe",
    "insgesamt",
    "zwischensumme",
    "somme",
    "total_général",
    "sous_total",
    "totaux",
    "suma",
    "total_general",
    "totales",
    "totale",
    "totaal",
    "som",
];

/// Whether a row sums up the others: its first cell says so, and all others are numbers.
pub(super) fn is_total<'c>(cells: impl IntoIterator<Item = &'c Json>) -> bool {
    let mut filled = cells.into_iter().filter(|cell| !cell.is_null());
    let first = filled.next().and_then(Json::as_str).map(super::normalised);
    first.is_some_and(|first| TOTALS.contains(&first.as_str())) && filled.all(is_number)
}

fn is_number(cell: &Json) -> bool {
    let figure = |text: &str| text.chars().any(|c| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || " .,'%-+€$£".contains(c));
    cell.is_number() || cell.as_str().is_some_and(figure)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_sums_is_no_entry() {
        for (cells, total) in [
            (json!(["Total", null, 42]), true),
            (json!([null, "Summe:", "1.234,50 €", "12 %"]), true),
            (json!(["TOTAL GÉNÉRAL", 3]), true),
            (json!(["Total"]), true),
            (json!(["Total", "credit", 42]), false),
            (json!(["Total loss of service", 4]), false),
            (json!(["R-1", "Total", 4]), false),
            (json!([7, 8]), false),
            (json!([null]), false),
        ] {
            assert_eq!(is_total(cells.as_array().unwrap()), total, "{cells}");
        }
    }
}
