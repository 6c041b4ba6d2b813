//! `:name` in a query → the placeholders that engines know, by position. What stands in texts, quoted names and comments is none, and neither is `::`.

/// The query with placeholders, `prefix` and a number from 1, and which of `names` each number stands for. A name that is none of these is left as it is.
///
/// # Errors
/// The first of `names` that the query does not use.
pub(super) fn positional<'n>(sql: &str, names: &[&'n str], prefix: char) -> Result<(String, Vec<&'n str>), &'n str> {
    let mut out = String::with_capacity(sql.len());
    let mut used: Vec<&str> = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = passed_over(rest).unwrap_or(first.len_utf8());
        let name = rest.strip_prefix(':').map(word).filter(|name| !out.ends_with(':') && !name.is_empty());
        match name.and_then(|name| names.iter().copied().find(|known| *known == name)) {
            Some(name) => {
                let position = used.iter().position(|known| *known == name).unwrap_or_else(|| {
                    used.push(name);
                    used.len() - 1
                });
                out.push_str(&format!("{prefix}{}", position + 1));
                rest = &rest[1 + name.len()..];
            }
            None => {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    match names.iter().copied().find(|name| !used.contains(name)) {
        Some(unused) => Err(unused),
        None => Ok((out, used)),
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len());
    &text[..end]
}

/// How long what is at the beginning is, if it is a text, a quoted name or a comment. What does not end reaches to the end.
fn passed_over(sql: &str) -> Option<usize> {
    let until = |start: usize, end: &str| sql[start..].find(end).map_or(sql.len(), |at| start + at + end.len());
    match sql.as_bytes() {
        // A doubled quote is two texts beside each other, which is as good.
        [b'\'', ..] => Some(until(1, "'")),
        [b'"', ..] => Some(until(1, "\"")),
        [b'-', b'-', ..] => Some(until(2, "\n")),
        [b'/', b'*', ..] => Some(nested(sql)),
        [b'E' | b'e', b'\'', ..] => Some(escaped(sql)),
        // $tag$ ... $tag$
        [b'$', ..] => {
            let tag = word(&sql[1..]);
            let mark = format!("${tag}$");
            let is_mark = sql.starts_with(&mark) && !tag.starts_with(|first: char| first.is_ascii_digit());
            is_mark.then(|| until(mark.len(), &mark))
        }
        // A word as a whole: an `e` at its end is no beginning of a text.
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'_' => Some(word(sql).len()),
        _ => None,
    }
}

/// The length of a comment, in which others may lie.
fn nested(sql: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < sql.len() {
        match &sql.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a text with backslashes in it.
fn escaped(sql: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in sql.bytes().enumerate().skip(2) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'\'' => return at + 1,
            _ => {}
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_positions() {
        for (sql, expected, used) in [
            ("SELECT :a, :b, :a", "SELECT $1, $2, $1", vec!["a", "b"]),
            ("x > :b AND y::date = :a::date", "x > $1 AND y::date = $2::date", vec!["b", "a"]),
            ("':a' \":a\" -- :a\n /* :a /* */ :b */ :a :b", "':a' \":a\" -- :a\n /* :a /* */ :b */ $1 $2", vec!["a", "b"]),
            ("E'\\':a' || 'it''s :a' || :a || :b", "E'\\':a' || 'it''s :a' || $1 || $2", vec!["a", "b"]),
            ("$x$ :a $$ $x$ || :a || :b || tags[1:2]", "$x$ :a $$ $x$ || $1 || $2 || tags[1:2]", vec!["a", "b"]),
            ("TABLE e':a', :a, :b, :c, :ab, é", "TABLE e':a', $1, $2, :c, :ab, é", vec!["a", "b"]),
            ("type':a' = :a, :b", "type':a' = $1, $2", vec!["a", "b"]),
        ] {
            assert_eq!(positional(sql, &["a", "b"], '$'), Ok((expected.to_owned(), used)), "{sql}");
        }
        assert_eq!(positional("x = :a", &["a"], '?'), Ok(("x = ?1".to_owned(), vec!["a"])));
        assert_eq!(positional("x = ':b' -- :b", &["b"], '?'), Err("b"));
        for open in ["'", "\"", "--", "/*", "E'\\", "$$", "$a$", ":", ""] {
            assert_eq!(positional(open, &[], '$'), Ok((open.to_owned(), Vec::new())), "{open}");
        }
    }
}
