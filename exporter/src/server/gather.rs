//! Pieces of an answer that are ready are handed to the connection together. It would take each piece as a write of its own, up to 16 of them, and
//! leave it at that until they are written; of one buffer it writes 64 pieces with one call. What the pieces are is not known here.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

/// As many as the connection writes with one call.
const MAX_PIECES: usize = 64;

/// Some pieces, one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: VecDeque<Bytes>,
    n_bytes: usize,
}

impl Batch {
    fn push(&mut self, piece: Bytes) {
        // Of an empty one nothing could be written, as of a connection that is stuck.
        if !piece.is_empty() {
            self.n_bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.n_bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'s>(&'s self, slices: &mut [IoSlice<'s>]) -> usize {
        let filled = slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| *slice = IoSlice::new(piece));
        filled.count()
    }

    fn advance(&mut self, mut n_bytes: usize) {
        self.n_bytes -= n_bytes;
        while let Some(piece) = self.pieces.front_mut() {
            if n_bytes < piece.len() {
                return piece.advance(n_bytes);
            }
            n_bytes -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// A body whose pieces are gathered.
pub(super) struct Gathered<B: Body> {
    body: B,
    /// What followed the last batch and is no data.
    held: Option<Option<Result<Frame<Bytes>, B::Error>>>,
}

impl<B: Body> Gathered<B> {
    pub(super) fn of(body: B) -> Self {
        Self { body, held: None }
    }
}

impl<B> Body for Gathered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Unpin,
{
    type Data = Batch;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Batch>, B::Error>>> {
        let mut batch = Batch::default();
        while batch.pieces.len() < MAX_PIECES {
            let next = self.held.take().map_or_else(|| Pin::new(&mut self.body).poll_frame(cx), Poll::Ready);
            match next {
                Poll::Ready(Some(Ok(frame))) if frame.is_data() => frame.into_data().into_iter().for_each(|piece| batch.push(piece)),
                Poll::Ready(other) if batch.pieces.is_empty() => {
                    return Poll::Ready(other.map(|frame| frame.map(|frame| frame.map_data(|_| Batch::default()))));
                }
                Poll::Ready(other) => {
                    self.held = Some(other);
                    break;
                }
                Poll::Pending if batch.pieces.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(Frame::data(batch))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.held {
            Some(held) => held.is_none(),
            None => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    type Polled = Poll<Option<Result<Frame<Bytes>, &'static str>>>;

    /// What polls yield, in turn.
    struct Script(VecDeque<Polled>);

    impl Body for Script {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
            self.0.pop_front().expect("nobody asks after the end")
        }
    }

    fn data(text: &'static str) -> Polled {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
    }

    /// What each poll yields, until the end.
    fn polled(script: impl IntoIterator<Item = Polled>) -> Vec<String> {
        let mut body = Gathered::of(Script(script.into_iter().collect()));
        let mut found = Vec::new();
        loop {
            found.push(match Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
                Poll::Pending => "pending".to_owned(),
                Poll::Ready(None) => return found,
                Poll::Ready(Some(Err(error))) => error.to_owned(),
                Poll::Ready(Some(Ok(frame))) => frame.into_data().map_or("trailers".to_owned(), |mut batch| {
                    let n_bytes = batch.remaining();
                    String::from_utf8(batch.copy_to_bytes(n_bytes).to_vec()).unwrap()
                }),
            });
        }
    }

    #[test]
    fn what_is_ready_comes_together_and_all_else_after_it() {
        let (end, trailers) = (|| Poll::Ready(None), || Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))));
        assert_eq!(polled([end()]), [""; 0]);
        assert_eq!(polled([data("a"), data(""), data("b"), end()]), ["ab"]);
        assert_eq!(polled([Poll::Pending, data("a"), Poll::Pending, data("b"), data("c"), end()]), ["pending", "a", "bc"]);
        assert_eq!(polled([data("a"), trailers(), end()]), ["a", "trailers"]);
        assert_eq!(polled([data("a"), Poll::Ready(Some(Err("broken"))), end()]), ["a", "broken"]);
        let many = polled((0..MAX_PIECES + 2).map(|_| data("a")).chain([end()]));
        assert_eq!(many, ["a".repeat(MAX_PIECES), "aa".to_owned()]);
    }

    #[test]
    fn a_batch_is_taken_bit_by_bit() {
        let whole = || {
            let mut batch = Batch::default();
            ["ab", "", "cde"].into_iter().for_each(|text| batch.push(Bytes::from_static(text.as_bytes())));
            batch
        };
        for n_taken in 0..=5 {
            let mut batch = whole();
            batch.advance(n_taken);
            let mut slices = [IoSlice::new(&[]); 4];
            let n_slices = batch.chunks_vectored(&mut slices);
            let left: Vec<u8> = slices[..n_slices].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(left, b"abcde"[n_taken..], "{n_taken}");
            assert_eq!(batch.remaining(), 5 - n_taken);
            assert_eq!(batch.chunk().is_empty(), n_taken == 5, "{n_taken}: whoever waits for a first byte would wait for ever");
        }
    }
}
