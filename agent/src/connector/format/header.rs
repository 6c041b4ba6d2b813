//! Headers: how people write column names, and the one way in which we compare them.

/// A column's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Normalised: the key in the rows.
    pub name: String,
    /// As it was written.
    pub typed: String,
}

impl Header {
    /// The header that was written so.
    pub fn new(typed: &str) -> Self {
        Self { name: normalised(typed), typed: typed.trim().to_owned() }
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
