//! One gzip stream from pieces that were compressed each by itself, and a small part compressed for each scrape. Nothing
//! here knows what the pieces mean.
//!
//! Gzip allows several members one after the other, and Prometheus reads them, but curl gives up at the second with an
//! error and other clients drop it without a word. So the pieces become one member. Deflate can be cut at a byte boundary
//! (a sync flush), a block need not refer to what came before it, and CRCs can be combined into that of the whole.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A page of readings becomes a third smaller than at level 1 and takes half as long again; what higher levels gain
/// is not worth their time (see the benchmark).
const LEVEL: u32 = 2;

/// What a stream begins with: deflate, no flags, no time, no extra flags, system unknown.
pub(crate) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The CRC of `data`, and how long it is.
pub(crate) fn crc(data: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(data);
    crc
}

/// Makes pieces. It is kept from one to the next, because what a compressor has to set up costs as much as some pieces.
#[derive(Debug)]
pub(crate) struct Deflater {
    encoder: DeflateEncoder<Vec<u8>>,
}

impl Deflater {
    pub(crate) fn new() -> Self {
        Self { encoder: encoder() }
    }

    /// Compresses the texts into one piece, which is cut at a byte boundary, not ended, and refers to no other.
    pub(crate) fn piece<'t>(&mut self, texts: impl IntoIterator<Item = &'t [u8]>) -> Bytes {
        self.try_piece(texts).expect("writing into memory does not fail")
    }

    fn try_piece<'t>(&mut self, texts: impl IntoIterator<Item = &'t [u8]>) -> io::Result<Bytes> {
        for text in texts {
            self.encoder.write_all(text)?;
        }
        self.encoder.flush()?;
        let piece = Bytes::copy_from_slice(self.encoder.get_ref());
        // Forgets the text. It also ends the stream, into the buffer that is thrown away here.
        self.encoder.reset(Vec::new())?;
        Ok(piece)
    }
}

/// Compresses `rest` and ends the stream. [`HEADER`], the pieces whose texts have `crc` together, and this tail are one gzip member.
pub(crate) fn tail(crc: &Crc, rest: &[u8]) -> Vec<u8> {
    let mut whole = Crc::new();
    whole.combine(crc);
    whole.combine(&self::crc(rest));
    let mut tail = end(rest).expect("writing into memory does not fail");
    tail.extend_from_slice(&whole.sum().to_le_bytes());
    // Modulo 2^32, as the format has it.
    tail.extend_from_slice(&whole.amount().to_le_bytes());
    tail
}

fn end(rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = encoder();
    encoder.write_all(rest)?;
    encoder.finish()
}

fn encoder() -> DeflateEncoder<Vec<u8>> {
    DeflateEncoder::new(Vec::new(), Compression::new(LEVEL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn pieces_and_tail_are_one_member() {
        let long = b"series{label=\"value\"} 1\n".repeat(50_000);
        let mut deflater = Deflater::new();
        for (name, pieces, rest) in [
            ("both", &[&[&long[..]][..]][..], &b"own 1\n"[..]),
            ("several pieces of several texts", &[&[b"a 1\n", &long], &[], &[&long, b"", b"b 2\n"]], b"own 1\n"),
            ("no piece", &[], b"own 1\n"),
            ("no rest", &[&[b"series 1\n"]], b""),
            ("nothing", &[], b""),
        ] {
            let texts = pieces.concat().concat();
            let mut whole = Crc::new();
            pieces.iter().for_each(|texts| whole.combine(&crc(&texts.concat())));
            let mut stream = HEADER.to_vec();
            pieces.iter().for_each(|texts| stream.extend_from_slice(&deflater.piece(texts.iter().copied())));
            stream.extend_from_slice(&tail(&whole, rest));
            // GzDecoder reads one member and checks its CRC and length.
            let (mut text, mut decoder) = (Vec::new(), GzDecoder::new(&stream[..]));
            decoder.read_to_end(&mut text).unwrap();
            assert!(text == [&texts, rest].concat(), "{name}");
            assert_eq!(decoder.into_inner().len(), 0, "{name}: bytes after the member");
        }
    }
}
