//! Reads the files that people write by hand: never more of one than anybody writes.

use std::{fs::File, io, io::Read as _, path::Path};

/// Largest file of a configuration. A hand-written one of a hundred sources has some ten kilobytes; what is this long is another file.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The text of a file.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    Ok(text)
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
}
