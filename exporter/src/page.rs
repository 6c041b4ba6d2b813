//! A page of families, rendered and compressed once. Who publishes it and who reads it is not known here.

use bytes::Bytes;

use crate::exposition::{self, RenderError};
use crate::family::Family;
use crate::gzip;

/// A rendered page, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) plain: Bytes,
    pub(crate) gzip: gzip::Head,
    pub(crate) n_series: usize,
}

impl Page {
    /// Renders and compresses `families`.
    pub(crate) fn render(families: &[Family]) -> Result<Self, RenderError> {
        Ok(Self::of(exposition::render(families)?, families.iter().map(Family::len).sum()))
    }

    /// The page before the first publication.
    pub(crate) fn empty() -> Self {
        Self::of(Vec::new(), 0)
    }

    fn of(text: Vec<u8>, n_series: usize) -> Self {
        Self { gzip: gzip::Head::of(&text), plain: Bytes::from(text), n_series }
    }
}
