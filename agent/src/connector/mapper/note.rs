//! Where a worker is: it writes this into a file that it shares with the agent, so that the agent can say what it was at when it ended
//! without a word, as it does when its stack or its memory is used up. The file holds names and texts of the connector, nothing of answers.

use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::OnceLock,
};

/// Bytes for each of the two texts; a byte 0 ends them.
const TEXT_BYTES: usize = 512;

/// What a process writes on standard error as it breaks down stands after them.
const WORDS_AT: u64 = 2 * TEXT_BYTES as u64;

/// Bytes that are read of that.
const WORDS_BYTES: usize = 4 << 10;

static NOTE: OnceLock<File> = OnceLock::new();

/// The agent's end.
#[derive(Debug)]
pub(super) struct Note(File);

impl Note {
    pub(super) fn new() -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        file.set_len(WORDS_AT)?;
        file.seek(SeekFrom::Start(WORDS_AT))?;
        Ok(Self(file))
    }

    /// For the worker's standard output and error.
    pub(super) fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// The part of the poll that was last begun, and the expression that was last run there.
    pub(super) fn place(&self) -> String {
        let (part, expression) = (self.text(0), self.text(TEXT_BYTES as u64));
        if expression.is_empty() { part } else { format!("{part}: `{expression}`") }
    }

    /// What the process wrote on standard error.
    pub(super) fn words(&self) -> String {
        let mut bytes = vec![0; WORDS_BYTES];
        let length = self.0.read_at(&mut bytes, WORDS_AT).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn text(&self, offset: u64) -> String {
        let mut bytes = [0; TEXT_BYTES];
        let length = self.0.read_at(&mut bytes, offset).unwrap_or(0);
        String::from_utf8_lossy(bytes[..length].split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
    }
}

/// From now on this process is a worker that leaves word in this file.
pub(super) fn keep(file: File) {
    let _ = NOTE.set(file);
}

/// A part of the poll begins. `place` tells its stream, its page or row.
pub(in crate::connector) fn at(place: impl FnOnce() -> String) {
    if let Some(file) = NOTE.get() {
        write(file, 0, &place());
        write(file, TEXT_BYTES as u64, "");
    }
}

/// An expression is run; `shown` is how messages quote it.
pub(in crate::connector) fn running(shown: &str) {
    if let Some(file) = NOTE.get() {
        write(file, TEXT_BYTES as u64, shown);
    }
}

fn write(file: &File, offset: u64, text: &str) {
    let mut bytes = [0; TEXT_BYTES];
    let length = text.len().min(TEXT_BYTES - 1);
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    // Without a note a failure tells less, and is one all the same.
    let _ = file.write_at(&bytes[..=length], offset);
}
