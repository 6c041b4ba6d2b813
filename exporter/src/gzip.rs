//! One gzip stream from a large part, compressed once, and a small part compressed for each scrape. Nothing here
//! knows what the parts mean.
//!
//! Gzip allows several members one after the other, and Prometheus reads them, but curl gives up at the second with an
//! error and other clients drop it without a word. So the parts become one member. Deflate can be cut at a byte boundary
//! (a sync flush), a block need not refer to what came before it, and two CRCs can be combined into that of the whole.

use std::io::{self, Write};
use std::mem;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A page of readings becomes a third smaller than at level 1 and takes half as long again; what higher levels gain
/// is not worth their time (see the benchmark).
const LEVEL: u32 = 2;

/// Deflate, no flags, no time, no extra flags, system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The beginning of a gzip stream: header and data so far, cut at a byte boundary and not ended.
#[derive(Debug)]
pub(crate) struct Head {
    bytes: Bytes,
    crc: Crc,
}

impl Head {
    /// Compresses `data`.
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(data);
        Self { bytes: Bytes::from(cut(data).expect("writing into memory does not fail")), crc }
    }

    /// The compressed bytes, which are no valid gzip without the tail that follows them.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Compresses `rest` and ends the stream. Head and tail in this order are one gzip member.
    pub(crate) fn tail(&self, rest: &[u8]) -> Vec<u8> {
        let mut rest_crc = Crc::new();
        rest_crc.update(rest);
        let mut whole = Crc::new();
        whole.combine(&self.crc);
        whole.combine(&rest_crc);
        let mut tail = end(rest).expect("writing into memory does not fail");
        tail.extend_from_slice(&whole.sum().to_le_bytes());
        // Modulo 2^32, as the format has it.
        tail.extend_from_slice(&self.crc.amount().wrapping_add(rest_crc.amount()).to_le_bytes());
        tail
    }
}

fn cut(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(HEADER.to_vec(), Compression::new(LEVEL));
    encoder.write_all(data)?;
    encoder.flush()?;
    // Taken from the encoder rather than returned by it, because its own ways out end the stream.
    let mut bytes = mem::take(encoder.get_mut());
    bytes.shrink_to_fit();
    Ok(bytes)
}

fn end(rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(rest)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn head_and_tail_are_one_member() {
        let long = b"series{label=\"value\"} 1\n".repeat(50_000);
        for (name, head, rest) in [("both", &long[..], &b"own 1\n"[..]), ("no head", b"", b"own 1\n"), ("no rest", b"series 1\n", b""), ("nothing", b"", b"")] {
            let compressed = Head::of(head);
            let stream = [&compressed.bytes()[..], &compressed.tail(rest)].concat();
            // GzDecoder reads one member and checks its CRC and length.
            let (mut text, mut decoder) = (Vec::new(), GzDecoder::new(&stream[..]));
            decoder.read_to_end(&mut text).unwrap();
            assert_eq!(text, [head, rest].concat(), "{name}");
            assert_eq!(decoder.into_inner().len(), 0, "{name}: bytes after the member");
        }
    }
}
