//! Headers: how people write column names, and the one way in which we compare them.

/// A column's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Normalised: the key in the rows.
    pub name: String,
    /// As it was written.
    pub typed: String,
    /// The letters of its column, where there are columns: `AB`.
    pub column: Option<String>,
    /// The name that it has in common with one before it, if it has one; `name` is then made different.
    pub repeats: Option<String>,
}

impl Header {
    /// The header that was written so.
    pub fn new(typed: &str) -> Self {
        Self { name: normalised(typed), typed: typed.trim().to_owned(), column: None, repeats: None }
    }

    /// The same under another name where a header before it has its name: `note_2`.
    pub fn apart(mut self, is_taken: impl Fn(&str) -> bool) -> Self {
        if is_taken(&self.name) {
            let other = (2_u32..).map(|number| format!("{}_{number}", self.name)).find(|name| !is_taken(name));
            self.repeats = other.map(|other| std::mem::replace(&mut self.name, other));
        }
        self
    }

    /// Where it stands, for messages: `in column G, `Next review``.
    pub fn in_place(&self) -> String {
        if self.column.is_some() { format!("in {}", self.shown()) } else { self.shown() }
    }

    /// How messages name it: `column G, `Next review``.
    pub fn shown(&self) -> String {
        match &self.column {
            Some(column) => format!("column {column}, `{}`", self.typed),
            None => format!("`{}`", self.typed),
        }
    }
}

/// Lower case, with `_` for everything that is no letter or digit: `AI system (main)` is `ai_system_main`. `#` alone is `no`, a number.
pub fn normalised(typed: &str) -> String {
    if typed.trim() == "#" {
        return "no".to_owned();
    }
    let mut name = String::with_capacity(typed.len());
    for character in typed.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_compared_in_one_way() {
        for (typed, name) in [
            (" AI system ", "ai_system"),
            ("AI-System", "ai_system"),
            ("Fällig am", "fällig_am"),
            ("No.", "no"),
            ("#", "no"),
            ("Next review (planned)", "next_review_planned"),
            ("approved_at", "approved_at"),
            ("...", ""),
        ] {
            assert_eq!(normalised(typed), name, "{typed}");
        }
    }
}
