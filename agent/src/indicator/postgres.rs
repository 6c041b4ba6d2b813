//! The same method on PostgreSQL: `:name` becomes `$1`, and the result is cast to the types of the column contract, because there a sum is a
//! NUMERIC and a literal has no type.

use super::{Bound, Indicator, Moment, Overrides};

/// An indicator's SQL for PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresQuery {
    /// The statement, with `$1` and so on. Columns have the names and the order of [`super::Columns::names`]; labels and reasons are TEXT, `since`
    /// is BIGINT, all else DOUBLE PRECISION.
    pub text: String,
    /// What to bind.
    pub parameters: Vec<Bound>,
}

pub(super) fn query(indicator: &Indicator, moment: Moment, overrides: &Overrides) -> PostgresQuery {
    let parameters: Vec<_> = indicator.placeholders().iter().map(|name| indicator.bound(name, moment, overrides)).collect();
    let inner = numbered(&indicator.sql, |name| {
        let position = indicator.placeholders().iter().position(|found| found == name)?;
        let kind = if matches!(parameters[position], Bound::Whole(_)) { "BIGINT" } else { "DOUBLE PRECISION" };
        Some(format!("CAST(${} AS {kind})", position + 1))
    });
    let columns = indicator.columns();
    let cast = |(position, name): (usize, &String)| format!("CAST(contract.\"{name}\" AS {}) AS \"{name}\"", columns.postgres_type(position));
    let casts: Vec<_> = columns.names().iter().enumerate().map(cast).collect();
    let text = format!("SELECT {} FROM (\n{}\n) AS contract", casts.join(", "), inner.trim().trim_end_matches(';'));
    PostgresQuery { text, parameters }
}

/// Replaces `:name` outside of texts, quoted names and comments.
fn numbered(sql: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => rest[1..].find(c).map_or(rest.len(), |end| end + 2),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            ':' => {
                let name = &rest[1..];
                let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len())];
                if let Some(new) = replace(name) {
                    out.push_str(&new);
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                1
            }
            c => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_outside_of_texts_and_comments() {
        let sql = "SELECT ':a''s :a', \":a\" -- :a\n, :a + :b /* :a */ , :now::x";
        let numbered = numbered(sql, |name| ["a", "b"].iter().position(|found| *found == name).map(|position| format!("${}", position + 1)));
        assert_eq!(numbered, "SELECT ':a''s :a', \":a\" -- :a\n, $1 + $2 /* :a */ , :now::x");
    }
}
