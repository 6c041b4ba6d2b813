//! The page's style sheet: the palette of all pages, the document's own rules, and the head of each printed page, which names its section.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{Pack, Part, Section, contents, section_anchor, tables};
use crate::draw;

const OWN: &str = include_str!("style.css");

/// The style sheet of a pack.
pub(super) fn of(pack: &Pack) -> String {
    let mut style = format!("{}{OWN}", draw::STYLE);
    let header = &pack.header;
    let document = format!("{} \u{2013} Management review pack {}", header.organisation, header.name());
    // Writing into a text can't fail.
    let _ = writeln!(style, "@page {{ @top-left {{ content: {}; }} }}", quoted(&document));
    for (number, sheet) in sheets(&pack.sections).iter().enumerate() {
        let [first, .., last] = sheet[..] else {
            let _ = sheet.first().map(|section| head(&mut style, number, sheet, &contents::title(section)));
            continue;
        };
        head(&mut style, number, sheet, &format!("{} \u{2013} {}", contents::letter(first), contents::letter(last)));
    }
    style
}

/// The head of the pages of some sections. Where its name changes, a page ends.
fn head(style: &mut String, number: usize, sheet: &[&Section], title: &str) {
    let sections: Vec<_> = sheet.iter().map(|section| format!("#{}", section_anchor(&section.id))).collect();
    let is_wide = sheet.iter().flat_map(|section| &section.tables).any(tables::is_very_wide);
    let size = if is_wide { "size: A4 landscape; " } else { "" };
    // Writing into a text can't fail.
    let _ = writeln!(style, "{} {{ page: p{number}; }} @page p{number} {{ {size}@top-right {{ content: {}; }} }}", sections.join(", "), quoted(title));
    // Paper is laid on its side for tables; many indicators stand upright again.
    if let [section] = sheet
        && is_wide
        && section.indicators.len() >= MANY
    {
        let _ =
            writeln!(style, "{} .indicators {{ page: i{number}; }} @page i{number} {{ @top-right {{ content: {}; }} }}", sections.join(", "), quoted(title));
    }
}

/// So many indicators are worth paper of their own.
const MANY: usize = 3;

/// Sections that share their pages: each begins a new one, but those that are so short that a page of their own would be nearly empty.
fn sheets(sections: &[Section]) -> Vec<Vec<&Section>> {
    let mut sheets: Vec<Vec<&Section>> = Vec::new();
    let mut lines = LINES;
    for section in sections {
        let own = length(section);
        match sheets.last_mut().filter(|_| lines + own <= LINES) {
            Some(sheet) => sheet.push(section),
            None => {
                sheets.push(vec![section]);
                lines = 0;
            }
        }
        lines += own;
    }
    sheets
}

/// Lines of a page, about.
const LINES: usize = 48;

/// How many lines a section takes, about.
fn length(section: &Section) -> usize {
    if section.part == Part::Results {
        return LINES;
    }
    let tables = section.tables.iter().map(|table| 6 + 2 * table.rows.len());
    6 + 2 * section.lacks.len() + tables.sum::<usize>() + section.indicators.len() * LINES / 2
}

/// The security policy of a page with this style sheet: nothing is loaded, nothing runs.
pub fn policy(style: &str) -> String {
    format!("default-src 'none'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'", style_hash(style))
}

/// The digest of a style sheet as a policy names it.
pub fn style_hash(style: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(style.as_bytes())))
}

/// A text as a style sheet quotes it. What could end the text, or the element that it stands in, is written by its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:;()-\u{2013}".contains(c) {
            quoted.push(c);
        } else {
            let _ = write!(quoted, "\\{:x} ", u32::from(c));
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_it() {
        assert_eq!(quoted("A </style> \"b\" \\ c\n"), "\"A \\3c \\2f style\\3e  \\22 b\\22  \\5c  c\\a \"");
    }

    #[test]
    fn a_policy_names_the_digest() {
        assert!(policy("").contains("'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"));
    }
}
