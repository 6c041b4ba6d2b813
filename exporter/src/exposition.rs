//! Families in, text format 0.0.4 out: sorted, escaped, refused when it would not be valid. Nothing here knows HTTP.

use crate::family::{Column, Family, Kind};
use crate::name::MetricName;
use crate::order::{Duplicate, Order};

/// The media type of what [`render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Why a set of families is no valid page. Either is a mistake of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Two families have one name.
    #[error("two families are named {0}")]
    DuplicateFamily(MetricName),
    /// Two samples of a family have the same labels.
    #[error("two samples of {family} have the labels {{{labels}}}")]
    DuplicateSeries {
        /// The family.
        family: MetricName,
        /// The labels, as the page would show them.
        labels: String,
    },
}

/// Renders `families` in the Prometheus text format 0.0.4.
///
/// The same families give the same bytes, in whatever order they and their samples come: families are sorted by
/// name, a sample's labels by name, samples by their labels (an absent label before any value, values by their
/// bytes). Each family has a HELP and a TYPE line, even one without samples.
///
/// # Errors
/// [`RenderError`] if two families or two series are the same; Prometheus would refuse the whole page.
pub fn render(families: &[Family]) -> Result<Vec<u8>, RenderError> {
    let mut sorted: Vec<&Family> = families.iter().collect();
    sorted.sort_unstable_by_key(|family| &family.name);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(RenderError::DuplicateFamily(pair[0].name.clone()));
    }
    let mut page = Vec::new();
    for family in sorted {
        let lines = Lines::of(family)?;
        write_head(&mut page, family);
        page.reserve(lines.usual_len() * family.len());
        for &row in lines.rows() {
            lines.write(&mut page, row);
        }
    }
    page.shrink_to_fit();
    Ok(page)
}

/// What to reserve for a sample at most, in bytes. One long label value must not make a page of short ones reserve
/// its length for each; a page of long ones grows as it is written.
const USUAL_LINE: usize = 256;

/// A family's samples in their order, ready to be written.
pub(crate) struct Lines<'f> {
    family: &'f Family,
    order: Order,
    /// For each slot of the order.
    pairs: Vec<Pairs>,
}

impl<'f> Lines<'f> {
    /// Sorts the samples.
    pub(crate) fn of(family: &'f Family) -> Result<Self, RenderError> {
        let order = Order::of(family).map_err(|Duplicate(row)| duplicate_series(family, row))?;
        let pairs = order.slots.iter().map(|slot| Pairs::of(&family.columns[slot.column], &slot.by_rank)).collect();
        Ok(Self { family, order, pairs })
    }

    /// The positions of the samples in the family, in the order of the page.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.order.rows
    }

    /// What to reserve for a line, in bytes.
    pub(crate) fn usual_len(&self) -> usize {
        let longest = self.family.name.as_str().len() + self.pairs.iter().map(|pairs| pairs.longest).sum::<usize>() + 32;
        longest.min(USUAL_LINE)
    }

    /// Writes the line of the sample at `row` of the family.
    pub(crate) fn write(&self, page: &mut Vec<u8>, row: u32) {
        let row = row as usize;
        page.extend_from_slice(self.family.name.as_str().as_bytes());
        self.write_labels(page, row);
        write_number(page, self.family.values[row]);
        page.push(b'\n');
    }

    /// Writes the labels and the space after them.
    fn write_labels(&self, page: &mut Vec<u8>, row: usize) {
        let start = page.len();
        page.push(b'{');
        for (slot, pairs) in self.order.slots.iter().zip(&self.pairs) {
            if let Some(value) = self.order.value(slot, row) {
                page.extend_from_slice(pairs.get(value));
            }
        }
        if page.len() == start + 1 {
            page[start] = b' ';
        } else {
            // In place of the comma that ends every pair.
            page.pop();
            page.extend_from_slice(b"} ");
        }
    }
}

/// Writes the HELP and TYPE lines.
pub(crate) fn write_head(page: &mut Vec<u8>, family: &Family) {
    let name = family.name.as_str().as_bytes();
    page.extend_from_slice(b"# HELP ");
    page.extend_from_slice(name);
    page.push(b' ');
    write_escaped(page, &family.help, false);
    page.extend_from_slice(b"\n# TYPE ");
    page.extend_from_slice(name);
    page.extend_from_slice(match family.kind {
        Kind::Gauge => b" gauge\n",
        Kind::Counter => b" counter\n",
        Kind::Untyped => b" untyped\n",
    });
}

/// `name="value",` for every value of a label in their order, so that a value is escaped once, however many samples
/// have it.
struct Pairs {
    text: Vec<u8>,
    ends: Vec<usize>,
    longest: usize,
}

impl Pairs {
    fn of(column: &Column, values: &[u32]) -> Self {
        let mut pairs = Self { text: Vec::new(), ends: Vec::with_capacity(values.len()), longest: 0 };
        for &value in values {
            let start = pairs.text.len();
            pairs.text.extend_from_slice(column.name.as_str().as_bytes());
            pairs.text.extend_from_slice(b"=\"");
            write_escaped(&mut pairs.text, &column.values[value as usize], true);
            pairs.text.extend_from_slice(b"\",");
            pairs.ends.push(pairs.text.len());
            pairs.longest = pairs.longest.max(pairs.text.len() - start);
        }
        pairs
    }

    fn get(&self, value: usize) -> &[u8] {
        let start = if value == 0 { 0 } else { self.ends[value - 1] };
        &self.text[start..self.ends[value]]
    }
}

/// Backslash and line feed always, the quotation mark in label values only: so the format says.
fn write_escaped(out: &mut Vec<u8>, text: &str, in_quotes: bool) {
    let mut rest = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (in_quotes && *byte == b'"');
    while let Some(at) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(if rest[at] == b'\n' { b'n' } else { rest[at] });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Up to here every integer is exact, so printing it without exponent loses and invents nothing.
const LARGEST_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The shortest text that reads back as the same number; integers without a decimal point.
fn write_number(page: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        page.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        page.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if let Some(integer) = exact_integer(value) {
        page.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        page.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the round trip shows what was lost")]
fn exact_integer(value: f64) -> Option<i64> {
    let integer = value as i64;
    // By bits, so that -0 stays what it is.
    ((integer as f64).to_bits() == value.to_bits() && value.abs() <= LARGEST_EXACT_INTEGER).then_some(integer)
}

fn duplicate_series(family: &Family, row: usize) -> RenderError {
    let mut labels = Vec::new();
    for cell in family.cells_of(row) {
        let pairs = Pairs::of(&family.columns[cell.column as usize], &[cell.value]);
        labels.extend_from_slice(pairs.get(0));
    }
    labels.pop();
    let labels = String::from_utf8_lossy(&labels).into_owned();
    RenderError::DuplicateSeries { family: family.name.clone(), labels }
}

#[cfg(test)]
mod tests;
