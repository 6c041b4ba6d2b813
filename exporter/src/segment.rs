//! A family's text, cut into segments of some hundred lines, so that a change of some samples makes anew only the segments that they are in.
//!
//! The text is the only copy of the samples that is kept: lines are sorted by their labels and no two have the same, so where a sample is, or
//! belongs, is found by looking. Which lines share a segment depends on what happened before; the text as a whole does not.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;

use crate::change::Delta;
use crate::exposition::{self, Lines, RenderError};
use crate::family::Family;
use crate::{gzip, line};

/// How many lines a segment has at most; half as many it has at least, but for a family's last one. Fewer would compress worse and be more
/// pieces to send; more would be more to make anew for each change: what changes together often lies far apart, since labels are sorted by
/// their names, whatever they mean. Few in tests, so that they come to every border.
const MAX_LINES: usize = if cfg!(test) { 8 } else { 256 };

/// Some lines of a family, those before them being in the segments before; a family's first segment begins with its HELP and TYPE lines.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) text: Bytes,
    pub(crate) crc: Crc,
    pub(crate) n_series: usize,
    /// How long the HELP and TYPE lines are.
    head_len: usize,
}

impl Segment {
    fn of(text: &[u8], head_len: usize, n_series: usize) -> Arc<Self> {
        // Copied, so that no room is held that is not needed.
        Arc::new(Self { text: Bytes::copy_from_slice(text), crc: gzip::crc(text), n_series, head_len })
    }

    fn head(&self) -> &[u8] {
        &self.text[..self.head_len]
    }

    fn lines(&self) -> &[u8] {
        &self.text[self.head_len..]
    }
}

/// Writes a family whole.
pub(crate) fn write(family: &Family) -> Result<Vec<Arc<Segment>>, RenderError> {
    let lines = Lines::of(family)?;
    let mut text = head(family);
    let mut head_len = text.len();
    let mut segments = Vec::with_capacity(family.len().div_ceil(MAX_LINES));
    for rows in lines.rows().chunks(MAX_LINES) {
        text.reserve(lines.usual_len() * rows.len());
        rows.iter().for_each(|row| lines.write(&mut text, *row));
        segments.push(Segment::of(&text, mem::take(&mut head_len), rows.len()));
        text.clear();
    }
    if segments.is_empty() {
        segments.push(Segment::of(&text, head_len, 0));
    }
    Ok(segments)
}

/// A family after a change. Segments that are not touched are the same as before; there are none before if the family is new.
pub(crate) fn amend(before: &[Arc<Segment>], delta: &Delta) -> Result<Vec<Arc<Segment>>, RenderError> {
    let lines = Lines::of(&delta.family)?;
    let mut text = Vec::with_capacity(lines.usual_len() * delta.len());
    lines.rows().iter().for_each(|row| lines.write(&mut text, *row));
    let edits: Vec<Edit<'_>> = split(&text).zip(lines.rows()).map(|(line, row)| Edit::of(line, delta.removed[*row as usize])).collect();
    Ok(merge(before, &head(&delta.family), &edits))
}

/// A line that is new or takes another's place, or goes.
struct Edit<'t> {
    line: &'t [u8],
    /// The line up to its value.
    labels: &'t [u8],
    removed: bool,
}

impl<'t> Edit<'t> {
    fn of(line: &'t [u8], removed: bool) -> Self {
        // A value has no space in it.
        let end = line.iter().rposition(|byte| *byte == b' ').map_or(line.len(), |space| space + 1);
        Self { line, labels: &line[..end], removed }
    }
}

fn merge(before: &[Arc<Segment>], head: &[u8], mut edits: &[Edit<'_>]) -> Vec<Arc<Segment>> {
    let mut merger = Merger::default();
    let Some((_, later)) = before.split_first() else {
        merger.begin(head);
        merger.merge(&[], edits);
        merger.cut();
        return merger.segments;
    };
    // What comes before a segment's first line belongs into the one before it.
    let place = |edit: &Edit<'_>| later.partition_point(|segment| line::compare(segment.lines(), edit.line).is_le());
    let mut next = edits.first().map(place);
    for (i, segment) in before.iter().enumerate() {
        let has_other_head = i == 0 && segment.head() != head;
        if next != Some(i) && !has_other_head && merger.is_clear() {
            merger.segments.push(Arc::clone(segment));
            continue;
        }
        if i == 0 {
            merger.begin(head);
        }
        let mut here = &edits[..0];
        if next == Some(i) {
            let belongs_here = |edit: &Edit<'_>| before.get(i + 1).is_none_or(|after| line::compare(edit.line, after.lines()).is_lt());
            (here, edits) = edits.split_at(edits.partition_point(belongs_here));
            next = edits.first().map(place);
        }
        merger.merge(segment.lines(), here);
        if merger.ends.len() >= MAX_LINES / 2 {
            merger.cut();
        }
    }
    if !merger.is_clear() {
        merger.cut();
    }
    merger.segments
}

/// Makes segments of lines that come in order.
#[derive(Default)]
struct Merger {
    segments: Vec<Arc<Segment>>,
    /// What is in no segment yet.
    text: Vec<u8>,
    head_len: usize,
    /// Where each of its lines ends.
    ends: Vec<usize>,
}

impl Merger {
    fn is_clear(&self) -> bool {
        self.text.is_empty()
    }

    fn begin(&mut self, head: &[u8]) {
        self.text.extend_from_slice(head);
        self.head_len = head.len();
    }

    fn merge(&mut self, lines: &[u8], edits: &[Edit<'_>]) {
        let lines: Vec<&[u8]> = split(lines).collect();
        let mut rest = &lines[..];
        for edit in edits {
            let (n_before, n_replaced) = find(rest, edit).map_or_else(|place| (place, 0), |place| (place, 1));
            rest[..n_before].iter().for_each(|line| self.push(line));
            rest = &rest[n_before + n_replaced..];
            if !edit.removed {
                self.push(edit.line);
            }
        }
        rest.iter().for_each(|line| self.push(line));
    }

    fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    /// Makes segments of all that is there, each as long as the others.
    fn cut(&mut self) {
        let n_segments = self.ends.len().div_ceil(MAX_LINES).max(1);
        let (mut start, mut n_done) = (0, 0);
        for i in 1..=n_segments {
            let n_lines = self.ends.len() * i / n_segments;
            let end = self.ends[..n_lines].last().copied().unwrap_or(self.head_len);
            self.segments.push(Segment::of(&self.text[start..end], mem::take(&mut self.head_len), n_lines - n_done));
            (start, n_done) = (end, n_lines);
        }
        self.text.clear();
        self.ends.clear();
    }
}

/// Where a line with the labels of the edit is, or else belongs. Changes often come side by side, so the first line is looked at first.
fn find(lines: &[&[u8]], edit: &Edit<'_>) -> Result<usize, usize> {
    match lines.first() {
        Some(first) if first.starts_with(edit.labels) => Ok(0),
        Some(_) => lines.binary_search_by(|found| line::compare(found, edit.line)),
        None => Err(0),
    }
}

/// The lines of a text, each with its end.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

fn head(family: &Family) -> Vec<u8> {
    let mut head = Vec::new();
    exposition::write_head(&mut head, family);
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Kind;
    use crate::name::{LabelName, MetricName};

    const NAME: MetricName = MetricName::from_static("m");
    const I: LabelName = LabelName::from_static("i");

    fn family(numbers: impl Iterator<Item = usize>) -> Family {
        let mut family = Family::new(NAME, "", Kind::Gauge);
        numbers.for_each(|i| family.sample([(&I, format!("{i:03}"))], 1.0).unwrap());
        family
    }

    fn delta(set: &[usize], removed: &[usize]) -> Delta {
        let mut delta = Delta::new(NAME, "", Kind::Gauge);
        set.iter().for_each(|i| delta.set([(&I, format!("{i:03}"))], 2.0).unwrap());
        removed.iter().for_each(|i| delta.remove([(&I, format!("{i:03}"))]).unwrap());
        delta
    }

    fn sizes(segments: &[Arc<Segment>]) -> Vec<usize> {
        segments.iter().map(|segment| segment.n_series).collect()
    }

    fn kept(before: &[Arc<Segment>], after: &[Arc<Segment>]) -> usize {
        after.iter().filter(|segment| before.iter().any(|old| Arc::ptr_eq(old, segment))).count()
    }

    /// Even numbers, so that odd ones are between them.
    fn even() -> Vec<Arc<Segment>> {
        write(&family((0..40).map(|i| 2 * i))).unwrap()
    }

    #[test]
    fn only_what_is_around_a_change_is_made_anew() {
        let before = even();
        assert_eq!(sizes(&before), [8; 5]);
        for (name, set, removed, expected, n_kept) in [
            ("nothing", &[][..], &[][..], &[8, 8, 8, 8, 8][..], 5),
            ("another value", &[20], &[], &[8, 8, 8, 8, 8], 4),
            ("more than a segment holds", &[21], &[], &[8, 4, 5, 8, 8, 8], 4),
            ("before the first", &[], &[0], &[7, 8, 8, 8, 8], 4),
            ("after the last", &[79], &[], &[8, 8, 8, 8, 4, 5], 4),
            ("a whole segment goes", &[], &[16, 18, 20, 22, 24, 26, 28, 30], &[8, 8, 8, 8], 4),
            ("too little is left, and is put to the next", &[], &[16, 18, 20, 22, 24], &[8, 5, 6, 8, 8], 3),
            ("too little is left at the end", &[], &[64, 66, 68, 70, 72, 74, 76], &[8, 8, 8, 8, 1], 4),
            ("what is not there", &[], &[1, 3, 999], &[8, 8, 8, 8, 8], 3),
        ] {
            let after = amend(&before, &delta(set, removed)).unwrap();
            assert_eq!((&sizes(&after)[..], kept(&before, &after)), (expected, n_kept), "{name}");
        }
    }

    #[test]
    fn a_family_may_be_emptied_and_filled_and_begins_with_its_head() {
        let all: Vec<usize> = (0..40).map(|i| 2 * i).collect();
        let empty = amend(&even(), &delta(&[], &all)).unwrap();
        assert_eq!((sizes(&empty), &empty[0].text[..]), (vec![0], &b"# HELP m \n# TYPE m gauge\n"[..]));
        let filled = amend(&empty, &delta(&all, &[])).unwrap();
        assert_eq!(sizes(&filled), [8; 5]);
        let new = amend(&[], &delta(&all, &[7])).unwrap();
        assert_eq!(sizes(&new), [8; 5]);
        let text = |segments: &[Arc<Segment>]| segments.iter().map(|segment| str::from_utf8(&segment.text).unwrap()).collect::<String>();
        assert_eq!(text(&filled), text(&new));
        let mut other = Delta::new(NAME, "other", Kind::Counter);
        other.set([(&I, "000")], 3.0).unwrap();
        let after = amend(&filled, &other).unwrap();
        assert!(text(&after).starts_with("# HELP m other\n# TYPE m counter\nm{i=\"000\"} 3\nm{i=\"002\"} 2\n"), "{}", text(&after));
        assert_eq!(kept(&filled, &after), 4);
    }

    #[test]
    fn the_same_labels_twice_are_refused() {
        for delta in [delta(&[1, 1], &[]), delta(&[1], &[1]), delta(&[], &[1, 1])] {
            assert!(matches!(amend(&even(), &delta), Err(RenderError::DuplicateSeries { .. })));
        }
    }
}
