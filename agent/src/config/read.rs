//! Reads the files that people write by hand: never more of one than anybody writes.

use std::{fs::File, io, io::Read as _, path::Path};

use crate::record::Digest;

/// Largest file of a configuration. A hand-written one of a hundred sources has some ten kilobytes; what is this long is another file.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The text of a file.
pub(super) fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Digest of what these files hold. It is another one when a file that could not be read can be.
pub(super) fn digest<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Digest {
    let one = |path| bytes(path).map_or_else(|error| error.to_string(), |bytes| Digest::of(&bytes).to_string());
    let all: Vec<_> = paths.into_iter().map(one).collect();
    Digest::of(all.join("\n").as_bytes())
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_largest_size() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(text(file.path()).unwrap().len() as u64, MAX_FILE_BYTES);
        file.as_file().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(text(file.path()).unwrap_err().to_string(), "it is larger than 16 MiB");
    }

    #[test]
    fn a_digest_follows_what_files_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let of = || digest([one.as_path(), other.as_path()]);
        let missing = of();
        std::fs::write(&one, [0xff]).unwrap();
        std::fs::write(&other, "b").unwrap();
        let written = of();
        assert_eq!(of(), written);
        std::fs::write(&one, [0xfe]).unwrap();
        let changed = of();
        assert!(missing != written && written != changed);
    }
}
