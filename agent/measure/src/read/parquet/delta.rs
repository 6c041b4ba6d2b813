//! How many values a page of delta-encoded text claims to hold: its decoder takes memory for all of them before it reads the first.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::Page;

/// True unless a page claims more lengths than it has values. `has_levels` says whether the column may hold nulls.
pub fn is_sound(page: &Page, has_levels: bool) -> bool {
    let streams = match page.encoding() {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return true,
    };
    let most = u64::from(page.num_values());
    let mut rest = values(page, has_levels);
    for _ in 0..streams {
        rest = match rest.and_then(|bytes| after(bytes, most)) {
            Some(rest) => Some(rest),
            None => return false,
        };
    }
    true
}

/// The page without the levels before its values.
fn values(page: &Page, has_levels: bool) -> Option<&[u8]> {
    let buffer: &Bytes = page.buffer();
    match page {
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            buffer.get((*def_levels_byte_len as usize).checked_add(*rep_levels_byte_len as usize)?..)
        }
        Page::DataPage { .. } if has_levels => {
            let (length, rest) = buffer.split_first_chunk::<4>()?;
            rest.get(u32::from_le_bytes(*length) as usize..)
        }
        _ => Some(buffer),
    }
}

/// What follows a run of delta-packed numbers of at most `most` values (Parquet encodings, "Delta Encoding").
fn after(bytes: &[u8], most: u64) -> Option<&[u8]> {
    let mut rest = bytes;
    let (block, miniblocks, values) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    let _first = varint(&mut rest)?;
    if values > most || miniblocks == 0 || block > u64::from(u32::MAX) {
        return None;
    }
    let in_each = block / miniblocks;
    let mut left = values.saturating_sub(1);
    while left > 0 {
        let _least = varint(&mut rest)?;
        let widths = rest.split_off(..usize::try_from(miniblocks).ok()?)?;
        // The decoder may stop before the padding of the last, so only what holds values is passed.
        for &width in widths.iter().take(usize::try_from(left.div_ceil(in_each.max(1))).unwrap_or(usize::MAX)) {
            rest.split_off(..usize::try_from(u64::from(width) * in_each / 8).ok()?)?;
            left = left.saturating_sub(in_each);
        }
        if in_each == 0 {
            return None;
        }
    }
    Some(rest)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(encoding: Encoding, bytes: &[u8]) -> Page {
        let levels = Encoding::RLE;
        let buf = Bytes::copy_from_slice(bytes);
        Page::DataPage { buf, num_values: 3, encoding, def_level_encoding: levels, rep_level_encoding: levels, statistics: None }
    }

    /// Blocks of 128 values in 4 parts, three values of which the first is one and none differs: all parts take no bits.
    const THREE: [u8; 10] = [0x80, 0x01, 0x04, 0x03, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00];

    #[test]
    fn claims_are_held_against_the_page() {
        let with = |at: usize, bytes: &[u8]| [&THREE[..at], bytes, &THREE[at + 1..]].concat();
        let wide = [&THREE[..6], &[32, 0, 0, 0], &[0; 128]].concat();
        let cases: [(&str, Vec<u8>, bool); 8] = [
            ("as it should be", [&THREE[..], b"abc"].concat(), true),
            ("one value, so no block", vec![0x80, 0x01, 0x04, 0x01, 0x02], true),
            ("32 bits for each", wide.clone(), true),
            ("bits that are not there", wide[..100].to_vec(), false),
            ("one more than the page has", with(3, &[0x04]), false),
            ("a million million", with(3, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20]), false),
            ("no parts", with(2, &[0x00]), false),
            ("cut short", THREE[..7].to_vec(), false),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(is_sound(&page(Encoding::DELTA_LENGTH_BYTE_ARRAY, &bytes), false), expected, "{name}");
            let leveled = [&[2, 0, 0, 0, 6, 1], bytes.as_slice()].concat();
            assert_eq!(is_sound(&page(Encoding::DELTA_LENGTH_BYTE_ARRAY, &leveled), true), expected, "{name}, after levels");
            let second = [&THREE[..], &bytes].concat();
            assert_eq!(is_sound(&page(Encoding::DELTA_BYTE_ARRAY, &second), false), expected, "{name}, after prefixes");
        }
        assert!(is_sound(&page(Encoding::PLAIN, b"anything"), true));
    }
}
