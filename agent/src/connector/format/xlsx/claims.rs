//! What a workbook claims of itself, held against what Excel allows before the workbook's reader sees it. That reader takes
//! it at its word.

use std::io::{BufReader, Cursor, Read};

use quick_xml::{Reader, events::BytesStart, events::Event};
use zip::ZipArchive;

use super::super::{
    FormatError,
    bounds::{MAX_CELLS, MAX_COLUMNS, MAX_UNPACKED_BYTES},
};

/// Rows of an Excel sheet.
pub(super) const MAX_SHEET_ROWS: u32 = 1_048_576;

const EXPECTED: &str = "an .xlsx workbook as Excel or LibreOffice save it";

/// Unpacks everything once and keeps nothing: what the file says of its own size is not to be trusted either.
pub(super) fn check(file: &str, bytes: &[u8]) -> Result<(), FormatError> {
    check_size(file, bytes, MAX_UNPACKED_BYTES)?;
    let mut archive = open(file, bytes)?;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(file, &error))?;
        let place = format!("{file} in {}", part.name().map_err(|error| broken(file, &error))?);
        check_part(&place, part)?;
    }
    Ok(())
}

fn check_size(file: &str, bytes: &[u8], limit: u64) -> Result<(), FormatError> {
    let mut archive = open(file, bytes)?;
    let mut left = limit;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(file, &error))?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(|error| broken(file, &error))?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| FormatError::new(file, format!("a workbook of more than {limit} bytes when unpacked"), "a smaller one"))?;
    }
    Ok(())
}

fn open<'b>(file: &str, bytes: &'b [u8]) -> Result<ZipArchive<Cursor<&'b [u8]>>, FormatError> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(file, &error))
}

fn broken(file: &str, error: &dyn std::fmt::Display) -> FormatError {
    FormatError::new(file, error.to_string(), EXPECTED)
}

/// Every part is looked at, whatever its name: which of them are sheets is what the file says.
fn check_part(place: &str, part: impl Read) -> Result<(), FormatError> {
    let mut reader = Reader::from_reader(BufReader::new(part));
    // As the workbook's reader has it, so that both see the same elements.
    reader.config_mut().check_end_names = false;
    reader.config_mut().check_comments = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element) | Event::Empty(element)) => check_element(place, &element)?,
            // An image, or broken XML: the workbook's reader comes no further either.
            Ok(Event::Eof) | Err(_) => return Ok(()),
            Ok(_) => {}
        }
    }
}

fn check_element(place: &str, element: &BytesStart<'_>) -> Result<(), FormatError> {
    let (wanted, claim): (&str, fn(&str) -> Option<&'static str>) = match element.local_name().as_ref() {
        "c" | "row" => ("r", of_cell),
        "dimension" | "f" | "mergeCell" => ("ref", of_range),
        "sst" => ("uniqueCount", of_texts),
        _ => return Ok(()),
    };
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| FormatError::new(place, format!("an attribute that can't be read: {error}"), EXPECTED))?;
        if attribute.key.as_ref() != wanted {
            continue;
        }
        if let Some(expected) = claim(&attribute.value) {
            let found: String = attribute.value.chars().take(30).collect();
            return Err(FormatError::new(place, format!("`{found}` as `{wanted}` of <{}>", element.local_name().as_ref()), expected));
        }
    }
    Ok(())
}

/// What is expected where a claim is none that Excel could make.
fn of_cell(claim: &str) -> Option<&'static str> {
    position(claim).is_none().then_some("a cell or row up to XFD1048576, the last that a sheet has")
}

fn of_range(claim: &str) -> Option<&'static str> {
    let ends: Option<Vec<_>> = claim.split(':').map(position).collect();
    let sound = ends.is_some_and(|ends| match ends.as_slice() {
        [(first_column, first_row), (last_column, last_row)] => first_column <= last_column && first_row <= last_row,
        ends => ends.len() == 1,
    });
    (!sound).then_some("a range of cells up to XFD1048576, the last that a sheet has, its first cell first")
}

fn of_texts(claim: &str) -> Option<&'static str> {
    let count = claim.bytes().all(|byte| byte.is_ascii_digit()).then(|| claim.parse::<usize>().ok()).flatten();
    count.is_none_or(|count| count > MAX_CELLS).then_some("a number of texts that is not above the number of cells that are read, 10000000")
}

/// Column (none: 0) and row of a reference such as `AB12`, where a sheet has both.
fn position(reference: &str) -> Option<(usize, u32)> {
    let digits = reference.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let letters = &reference[..reference.len() - digits.len()];
    let digit_of = |letter: u8| usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    let column = letters.bytes().try_fold(0_usize, |column, letter| Some(column * 26 + digit_of(letter)).filter(|column| *column <= MAX_COLUMNS))?;
    let row = digits.parse().ok().filter(|row| (1..=MAX_SHEET_ROWS).contains(row) && !digits.starts_with('+'))?;
    Some((column, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_where_a_sheet_does() {
        for good in ["A1", "xfd1048576", "XFD1", "1048576", "AB12", "A01"] {
            assert_eq!(of_cell(good), None, "{good}");
        }
        for bad in ["XFE1", "A1048577", "A0", "A", "", "A-1", "A+1", "Ä1"] {
            assert!(of_cell(bad).is_some(), "{bad}");
        }
        for good in ["A1", "A1:XFD1048576", "B2:B2"] {
            assert_eq!(of_range(good), None, "{good}");
        }
        for bad in ["", "A1:XFE1", "B1:A1", "A2:A1", "A1:B1:C1", "A1:"] {
            assert!(of_range(bad).is_some(), "{bad}");
        }
        for (texts, good) in
            [("0", true), ("10000000", true), ("10000001", false), ("99999999999999999999999", false), ("-1", false), ("+1", false), ("", false)]
        {
            assert_eq!(of_texts(texts).is_none(), good, "{texts}");
        }
    }

    #[test]
    fn claims_are_found_where_the_reader_would() {
        let check = |xml: &str| check_part("b.xlsx in a.xml", xml.as_bytes()).map_err(|error| error.to_string());
        let refused = Err("b.xlsx in a.xml: `XFE1` as `r` of <c>; expected a cell or row up to XFD1048576, the last that a sheet has".to_owned());
        for xml in [
            "<c r=\"XFE1\"/>",
            "<x:c r='XFE1'></x:c>",
            "<a b=\">\"/><c s=\"1\" r = \"XFE1\">",
            "<!-- it's a comment --><c r=\"A1\"/><c r=\"XFE1\"/>",
            "<![CDATA[<c r=\"A1]]><c r=\"XFE1\"/>",
            "<row><wrong></row><c r=\"XFE1\"/>",
        ] {
            assert_eq!(check(xml), refused, "{xml}");
        }
        for xml in ["", "no XML", "\u{0}\u{1}<", "<!--<c r=\"XFE1\"/>-->", "<c t=\"XFE1\"/>", "<d r=\"XFE1\"/>", "<row r=\"1\"/>"] {
            assert_eq!(check(xml), Ok(()), "{xml}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packed = Vec::new();
        let mut archive = zip::ZipWriter::new(Cursor::new(&mut packed));
        archive.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(100_000), &mut archive).unwrap();
        archive.finish().unwrap();
        assert!(packed.len() < 1000);
        let error = check_size("bomb.xlsx", &packed, 99_999).unwrap_err().to_string();
        assert_eq!(error, "bomb.xlsx: a workbook of more than 99999 bytes when unpacked; expected a smaller one");
        check_size("bomb.xlsx", &packed, 100_000).unwrap();
    }
}
