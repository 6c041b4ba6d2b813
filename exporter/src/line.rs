//! Lines of samples as they are written, compared by their labels in the order of the page: label by label in the order of their names,
//! an absent label before any value, values by their bytes. How samples that are not written yet are sorted is `order`'s business.

use std::cmp::Ordering;
use std::iter;

/// Compares two lines of one family. Values and whatever follows them are not looked at.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (Labels::of(a), Labels::of(b));
    loop {
        let ((name_a, value_a), (name_b, value_b)) = match (a.next(), b.next()) {
            (Some(a), Some(b)) => (a, b),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        // Who has the name that comes first has a label that the other lacks.
        let order = name_b.cmp(name_a);
        if order.is_ne() {
            return order;
        }
        if value_a != value_b {
            return unescaped(value_a).cmp(unescaped(value_b));
        }
    }
}

/// The labels of a line: names, and values as they are written.
struct Labels<'l>(&'l [u8]);

impl<'l> Labels<'l> {
    fn of(line: &'l [u8]) -> Self {
        // No name has either of them in it.
        let end_of_name = line.iter().position(|byte| matches!(byte, b'{' | b' ')).unwrap_or(line.len());
        Self(line[end_of_name..].strip_prefix(b"{").unwrap_or_default())
    }
}

impl<'l> Iterator for Labels<'l> {
    type Item = (&'l [u8], &'l [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_at(self.0.iter().position(|byte| *byte == b'=')?);
        let rest = &rest[b"=\"".len()..];
        let (value, rest) = rest.split_at(end_of_value(rest));
        self.0 = rest.strip_prefix(b"\",").unwrap_or_default();
        Some((name, value))
    }
}

/// Where the quotation mark is that ends a value.
fn end_of_value(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        at += found;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}

fn unescaped(value: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = value.iter().copied();
    iter::from_fn(move || match bytes.next()? {
        b'\\' => bytes.next().map(|escaped| if escaped == b'n' { b'\n' } else { escaped }),
        byte => Some(byte),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_in_the_order_of_their_labels() {
        let sorted = [
            "m 1",
            r#"m{b="1"} 1"#,
            r#"m{a1="1"} 1"#,
            r#"m{a="\n"} 1"#,
            r#"m{a=" "} 1"#,
            r#"m{a="\""} 1"#,
            r#"m{a="1"} 1"#,
            r#"m{a="1",b="1"} 1"#,
            r#"m{a="1",b="1",c="}"} 1"#,
            r#"m{a="12"} 1"#,
            r#"m{a="1="} 1"#,
            r#"m{a="B"} 1"#,
            r#"m{a="\\"} 1"#,
            r#"m{a="\\\",b=\"x"} 1"#,
            r#"m{a="b"} 1"#,
            r#"m{a="ü"} 1"#,
        ];
        let followed = |line: &str| format!("{line}\nm{{b=\"2\"}} 1\n");
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), followed(b).as_bytes()), i.cmp(&j), "{a} and {b}");
            }
            let other_value = format!("{}-2.5", a.strip_suffix('1').unwrap());
            assert_eq!(compare(a.as_bytes(), other_value.as_bytes()), Ordering::Equal, "{a}");
        }
    }
}
