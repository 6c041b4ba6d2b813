//! Which kind a column of a text file has: what all of its cells agree on.

use super::Kind;
use super::tokens::{boolean, date, integer, is_missing_word, is_null, is_number_in_words, number, time};

/// A cell as its format has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value, or a column that the row lacks.
    Null,
    /// A word of a format in which every cell is a word; what it means depends on the column.
    Word(&'a str),
    /// A value that its format calls text.
    Text(&'a str),
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A list or structure.
    Nested,
}

/// What was seen in a column, as flags that add up in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u16);

impl Seen {
    const BOOLEAN: u16 = 1;
    const INTEGER: u16 = 2;
    const NUMBER: u16 = 4;
    const DATE: u16 = 8;
    const TIME: u16 = 16;
    const TEXT: u16 = 32;
    const NESTED: u16 = 64;
    /// A word that is null in every kind of column but text.
    const MISSING: u16 = 128;

    /// Takes note of a cell.
    pub fn note(&mut self, cell: &Cell<'_>) {
        self.0 |= match cell {
            Cell::Null => 0,
            Cell::Word(word) => self.of_word(word.trim()),
            Cell::Text(text) => self.of_text(text),
            Cell::Boolean(_) => Self::BOOLEAN,
            Cell::Integer(_) => Self::INTEGER,
            Cell::Number(_) => Self::NUMBER,
            Cell::Nested => Self::NESTED,
        };
    }

    /// Adds what was seen elsewhere in the same column.
    pub fn merge(&mut self, other: Seen) {
        self.0 |= other.0;
    }

    fn of_word(self, word: &str) -> u16 {
        // Once text, always text: the costly looks are over.
        if self.0 & Self::TEXT != 0 || is_null(word) {
            0
        } else if is_missing_word(word) {
            Self::MISSING
        } else if integer(word).is_some() {
            Self::INTEGER
        } else if number(word).is_some() {
            Self::NUMBER
        } else if boolean(word).is_some() {
            Self::BOOLEAN
        } else {
            self.of_text(word)
        }
    }

    fn of_text(self, text: &str) -> u16 {
        if self.0 & Self::TEXT != 0 {
            0
        } else if is_number_in_words(text) {
            Self::NUMBER
        } else if date(text).is_some() {
            Self::DATE
        } else if time(text).is_some() {
            Self::TIME
        } else {
            Self::TEXT
        }
    }

    /// What the column is. Kinds that don't go together are text, for every value has a spelling.
    pub fn kind(self) -> Kind {
        match self.0 & !Self::MISSING {
            seen if seen & Self::NESTED != 0 => Kind::Other,
            0 if self.0 == 0 => Kind::Empty,
            Self::BOOLEAN => Kind::Boolean,
            Self::INTEGER => Kind::Integer,
            seen if seen != 0 && seen & !(Self::INTEGER | Self::NUMBER) == 0 => Kind::Number,
            Self::DATE => Kind::Date,
            seen if seen != 0 && seen & !(Self::DATE | Self::TIME) == 0 => Kind::Time,
            _ => Kind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_words() {
        let cases: [(&[&str], Kind); 12] = [
            (&["", "null"], Kind::Empty),
            (&["1", " 2 ", ""], Kind::Integer),
            (&["1", "2.5", "1e3"], Kind::Number),
            (&["1", "NA", "inf"], Kind::Number),
            (&["1", "x"], Kind::Text),
            (&["true", "False"], Kind::Boolean),
            (&["true", "1"], Kind::Text),
            (&["2026-01-01"], Kind::Date),
            (&["2026-01-01", "2026-01-01 12:00"], Kind::Time),
            (&["2026-01-01", "5"], Kind::Text),
            (&["NA", "DE"], Kind::Text),
            (&["NA"], Kind::Text),
        ];
        for (words, kind) in cases {
            let mut seen = Seen::default();
            words.iter().for_each(|word| seen.note(&Cell::Word(word)));
            assert_eq!(seen.kind(), kind, "{words:?}");
            // The order of rows and the way they are split over files don't matter.
            let mut merged = Seen::default();
            for word in words.iter().rev() {
                let mut one = Seen::default();
                one.note(&Cell::Word(word));
                merged.merge(one);
            }
            assert_eq!(merged.kind(), kind, "{words:?} merged");
        }
    }

    #[test]
    fn what_a_format_calls_text_is_no_number() {
        let mut seen = Seen::default();
        seen.note(&Cell::Text("12"));
        assert_eq!(seen.kind(), Kind::Text);
        seen.note(&Cell::Nested);
        assert_eq!(seen.kind(), Kind::Other);
    }
}
