//! A page of families: their segments, and these compressed. A page shares with the one before it whatever did not change. Who publishes it
//! and who reads it is not known here.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Crc;

use crate::change::Change;
use crate::exposition::RenderError;
use crate::family::Family;
use crate::gzip::{self, Deflater};
use crate::name::MetricName;
use crate::segment::{self, Segment};

/// How much text is compressed together, in bytes, unless it comes in larger segments: small families with the ones that follow. Each by itself,
/// a page of small families would be half as large again; all together, much would be compressed anew for each change. Little in tests, so that
/// they come to every border; so with frames.
const PIECE: usize = if cfg!(test) { 256 } else { 16 << 10 };

/// How many pieces lie side by side in memory: they are small, and sending them one by one would take longer than sending their bytes.
const FRAME: usize = if cfg!(test) { 2 } else { 16 };

/// A rendered page, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Page {
    families: BTreeMap<MetricName, Vec<Arc<Segment>>>,
    pieces: Vec<Piece>,
    frames: Vec<Arc<Frame>>,
    crc: Crc,
    pub(crate) n_series: usize,
    /// Length of the text.
    pub(crate) n_bytes: usize,
    /// Length of the compressed text.
    pub(crate) n_gzip_bytes: usize,
}

/// Segments that follow each other, compressed together.
#[derive(Clone, Debug)]
struct Piece {
    segments: Arc<[Arc<Segment>]>,
    /// A part of a frame.
    gzip: Bytes,
}

/// The bytes of some pieces in a row, and what there is to say of them together.
#[derive(Debug)]
struct Frame {
    gzip: Bytes,
    crc: Crc,
    n_series: usize,
    n_bytes: usize,
}

impl Page {
    /// The page before the first publication.
    pub(crate) fn empty() -> Self {
        Self { families: BTreeMap::new(), pieces: Vec::new(), frames: Vec::new(), crc: Crc::new(), n_series: 0, n_bytes: 0, n_gzip_bytes: gzip::HEADER.len() }
    }

    /// The page of `families` alone. It shares with this one what is the same.
    pub(crate) fn replace(&self, families: &[Family]) -> Result<Self, RenderError> {
        let mut after = BTreeMap::new();
        for family in families {
            if after.insert(family.name.clone(), self.write(family)?).is_some() {
                return Err(RenderError::DuplicateFamily(family.name.clone()));
            }
        }
        Ok(self.next(after))
    }

    /// This page with `changes`, one after the other. It shares with this one what did not change.
    pub(crate) fn change(&self, changes: &[Change]) -> Result<Self, RenderError> {
        let mut families = self.families.clone();
        for change in changes {
            match change {
                Change::Family(family) => {
                    families.insert(family.name.clone(), self.write(family)?);
                }
                Change::Samples(delta) => {
                    let segments = families.entry(delta.family.name.clone()).or_default();
                    *segments = segment::amend(segments, delta)?;
                }
                Change::Removed(name) => {
                    families.remove(name);
                }
            }
        }
        Ok(self.next(families))
    }

    /// A family whole, with the segments of this page where they are the same.
    fn write(&self, family: &Family) -> Result<Vec<Arc<Segment>>, RenderError> {
        let mut segments = segment::write(family)?;
        let before = self.families.get(&family.name).map_or(&[][..], |segments| segments);
        for (segment, before) in segments.iter_mut().zip(before).filter(|(segment, before)| segment.text == before.text) {
            *segment = Arc::clone(before);
        }
        Ok(segments)
    }

    /// The page of these families. What is in none of the pieces of this one is compressed.
    fn next(&self, families: BTreeMap<MetricName, Vec<Arc<Segment>>>) -> Self {
        let mut page = Self::empty();
        page.pieces = pieces(families.values().flatten(), &self.pieces);
        let mut before = self.pieces.chunks(FRAME).zip(&self.frames);
        page.frames = page.pieces.chunks_mut(FRAME).map(|pieces| frame(pieces, before.next())).collect();
        for frame in &page.frames {
            page.crc.combine(&frame.crc);
            page.n_series += frame.n_series;
            page.n_bytes += frame.n_bytes;
            page.n_gzip_bytes += frame.gzip.len();
        }
        Self { families, ..page }
    }

    /// The text, to be sent in this order.
    pub(crate) fn plain(&self) -> Vec<Bytes> {
        self.families.values().flatten().map(|segment| segment.text.clone()).collect()
    }

    /// The compressed text, to be sent in this order; it is no valid gzip without the tail that follows it.
    pub(crate) fn gzip(&self) -> Vec<Bytes> {
        [Bytes::from_static(&gzip::HEADER)].into_iter().chain(self.frames.iter().map(|frame| frame.gzip.clone())).collect()
    }

    /// What ends the compressed text, with `rest` at its end.
    pub(crate) fn gzip_tail(&self, rest: &[u8]) -> Vec<u8> {
        gzip::tail(&self.crc, rest)
    }
}

fn pieces<'s>(segments: impl Iterator<Item = &'s Arc<Segment>>, before: &[Piece]) -> Vec<Piece> {
    let by_first: HashMap<_, _> = before.iter().map(|piece| (Arc::as_ptr(&piece.segments[0]), piece)).collect();
    let mut deflater = None;
    let mut make = |segments: Vec<Arc<Segment>>| {
        let known = by_first.get(&Arc::as_ptr(&segments[0])).filter(|piece| same(&piece.segments, &segments));
        known.map_or_else(
            || {
                let texts = segments.iter().map(|segment| &segment.text[..]);
                let gzip = deflater.get_or_insert_with(Deflater::new).piece(texts);
                Piece { segments: segments.into(), gzip }
            },
            |piece| Piece::clone(piece),
        )
    };
    let (mut pieces, mut open, mut n_bytes) = (Vec::new(), Vec::new(), 0);
    for segment in segments {
        if segment.text.len() >= PIECE && !open.is_empty() {
            pieces.push(make(mem::take(&mut open)));
            n_bytes = 0;
        }
        open.push(Arc::clone(segment));
        n_bytes += segment.text.len();
        if n_bytes >= PIECE {
            pieces.push(make(mem::take(&mut open)));
            n_bytes = 0;
        }
    }
    if !open.is_empty() {
        pieces.push(make(open));
    }
    pieces
}

fn same(a: &[Arc<Segment>], b: &[Arc<Segment>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// The frame of these pieces: the one before if it has the same, else a new one, of which the pieces are parts from then on.
fn frame(pieces: &mut [Piece], before: Option<(&[Piece], &Arc<Frame>)>) -> Arc<Frame> {
    let is_same = |before: &[Piece]| before.len() == pieces.len() && before.iter().zip(&*pieces).all(|(a, b)| Arc::ptr_eq(&a.segments, &b.segments));
    if let Some((_, frame)) = before.filter(|(before, _)| is_same(before)) {
        return Arc::clone(frame);
    }
    let gzip = Bytes::from(pieces.iter().map(|piece| &piece.gzip[..]).collect::<Vec<_>>().concat());
    let mut frame = Frame { gzip, crc: Crc::new(), n_series: 0, n_bytes: 0 };
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.gzip.len();
        piece.gzip = frame.gzip.slice(start..end);
        start = end;
        for segment in &*piece.segments {
            frame.crc.combine(&segment.crc);
            frame.n_series += segment.n_series;
            frame.n_bytes += segment.text.len();
        }
    }
    Arc::new(frame)
}

#[cfg(test)]
mod tests;
