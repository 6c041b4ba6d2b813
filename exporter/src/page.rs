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
/// a page of small families would be half as large again; all together, much would be compressed anew for each change.
const PIECE: usize = 16 << 10;

/// A rendered page, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Page {
    families: BTreeMap<MetricName, Vec<Arc<Segment>>>,
    pieces: Vec<Arc<Piece>>,
    crc: Crc,
    pub(crate) n_series: usize,
    /// Length of the text.
    pub(crate) n_bytes: usize,
    /// Length of the compressed text.
    pub(crate) n_gzip_bytes: usize,
}

/// Segments that follow each other, compressed together.
#[derive(Debug)]
struct Piece {
    segments: Vec<Arc<Segment>>,
    gzip: Bytes,
}

impl Page {
    /// The page before the first publication.
    pub(crate) fn empty() -> Self {
        Self::of(BTreeMap::new(), &[])
    }

    /// The page of `families` alone. It shares with this one what is the same.
    pub(crate) fn replace(&self, families: &[Family]) -> Result<Self, RenderError> {
        let mut after = BTreeMap::new();
        for family in families {
            if after.insert(family.name.clone(), self.write(family)?).is_some() {
                return Err(RenderError::DuplicateFamily(family.name.clone()));
            }
        }
        Ok(Self::of(after, &self.pieces))
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
        Ok(Self::of(families, &self.pieces))
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

    /// Compresses what is in none of the pieces before.
    fn of(families: BTreeMap<MetricName, Vec<Arc<Segment>>>, before: &[Arc<Piece>]) -> Self {
        let pieces = pieces(families.values().flatten(), before);
        let mut page = Self { families, pieces: Vec::new(), crc: Crc::new(), n_series: 0, n_bytes: 0, n_gzip_bytes: gzip::HEADER.len() };
        for segment in pieces.iter().flat_map(|piece| &piece.segments) {
            page.crc.combine(&segment.crc);
            page.n_series += segment.n_series;
            page.n_bytes += segment.text.len();
        }
        page.n_gzip_bytes += pieces.iter().map(|piece| piece.gzip.len()).sum::<usize>();
        Self { pieces, ..page }
    }

    /// The text, to be sent in this order.
    pub(crate) fn plain(&self) -> Vec<Bytes> {
        self.pieces.iter().flat_map(|piece| &piece.segments).map(|segment| segment.text.clone()).collect()
    }

    /// The compressed text, to be sent in this order; it is no valid gzip without the tail that follows it.
    pub(crate) fn gzip(&self) -> Vec<Bytes> {
        let pieces = self.pieces.iter().map(|piece| piece.gzip.clone());
        [Bytes::from_static(&gzip::HEADER)].into_iter().chain(pieces).collect()
    }

    /// What ends the compressed text, with `rest` at its end.
    pub(crate) fn gzip_tail(&self, rest: &[u8]) -> Vec<u8> {
        gzip::tail(&self.crc, rest)
    }
}

fn pieces<'s>(segments: impl Iterator<Item = &'s Arc<Segment>>, before: &[Arc<Piece>]) -> Vec<Arc<Piece>> {
    let by_first: HashMap<_, _> = before.iter().map(|piece| (Arc::as_ptr(&piece.segments[0]), piece)).collect();
    let mut deflater = None;
    let mut make = |segments: Vec<Arc<Segment>>| {
        let known = by_first.get(&Arc::as_ptr(&segments[0])).filter(|piece| same(&piece.segments, &segments));
        known.map_or_else(
            || {
                let texts = segments.iter().map(|segment| &segment.text[..]);
                let gzip = deflater.get_or_insert_with(Deflater::new).piece(texts);
                Arc::new(Piece { segments, gzip })
            },
            |piece| Arc::clone(piece),
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

#[cfg(test)]
mod tests;
