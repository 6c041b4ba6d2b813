//! Digests of inputs, so that a reader of a number can prove which data it came from.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::{Error, InputFile, Result, meter};

/// One file as it was when it was measured.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileDigest {
    /// The file as it was named.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

/// The digest of a file's content.
pub fn of_file(input: &InputFile) -> Result<FileDigest> {
    let failed = |error: std::io::Error| Error::file(&input.name, error);
    let mut file = File::open(&input.path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
                meter::add_bytes(read as u64);
            }
        }
    }
    Ok(FileDigest { file: input.name.clone(), bytes, sha256: hex(&hash.finalize()) })
}

/// One digest for a list of files: that of the only one, or that of the list of theirs (as `sha256sum` prints it, without names).
pub fn of_all(files: &[FileDigest]) -> String {
    match files {
        [one] => one.sha256.clone(),
        all => {
            let list: String = all.iter().map(|file| format!("{}\n", file.sha256)).collect();
            of_bytes(list.as_bytes())
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
