//! Addresses in object stores: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`, `abfss://container@account.dfs.core.windows.net/key`.

use std::path::Path;

use super::super::{Error, Result};

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Amazon S3, and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage and Data Lake Storage.
    Azure,
}

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whose it is.
    pub kind: Kind,
    /// Scheme and bucket (or container and account), up to the slash before the key.
    pub root: String,
    /// The key as it is in the store, or a pattern or folder of keys. Nothing in it is decoded: keys may hold `%` codes of their own.
    pub key: String,
}

/// Beginnings of parameters in addresses that open a store to whoever has them.
const SIGNATURES: [&str; 3] = ["sig=", "x-amz-signature=", "x-goog-signature="];

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// No bucket, an empty segment in the key, and secrets within the address, which are not repeated.
    pub fn parse(name: &str) -> Result<Self> {
        let wrong = |shown: &str, problem: &str| Err(Error::file(Path::new(shown), problem));
        let (scheme, rest) = name.split_once("://").unwrap_or_default();
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = match scheme {
            "s3" | "s3a" => Kind::S3,
            "gs" => Kind::Google,
            _ => Kind::Azure,
        };
        let has_secret = bucket.contains(':') || (bucket.contains('@') && kind != Kind::Azure);
        if has_secret {
            return wrong(&format!("{scheme}://..."), "an address holds no credentials; they come from the environment");
        }
        let lower = key.to_ascii_lowercase();
        if let Some(start) = key.find('?').filter(|_| SIGNATURES.iter().any(|signature| lower.contains(signature))) {
            return wrong(&format!("{scheme}://{bucket}/{}", &key[..start]), "an address holds no signature; credentials come from the environment");
        }
        if bucket.is_empty() || bucket.contains(['*', '?', '[']) {
            return wrong(name, "expected a bucket or container after ://, then the key of an object, a folder or a pattern");
        }
        if key.contains("//") || key.starts_with('/') {
            return wrong(name, "a key with an empty part (//) can't be read");
        }
        Ok(Address { kind, root: format!("{scheme}://{bucket}/"), key: key.to_owned() })
    }

    /// The address of an object in the same store, as it is shown.
    pub fn of(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    /// True where the key is a pattern of keys.
    pub fn is_pattern(&self) -> bool {
        self.key.contains(['*', '?', '['])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("s3://b/k.parquet", Kind::S3, "s3://b/", "k.parquet"),
            ("s3://b", Kind::S3, "s3://b/", ""),
            ("gs://b/year=2026/", Kind::Google, "gs://b/", "year=2026/"),
            ("s3a://b/a%20b.csv", Kind::S3, "s3a://b/", "a%20b.csv"),
            ("az://c/x/*.csv", Kind::Azure, "az://c/", "x/*.csv"),
            ("abfss://c@acc.dfs.core.windows.net/x", Kind::Azure, "abfss://c@acc.dfs.core.windows.net/", "x"),
        ];
        for (name, kind, root, key) in cases {
            let expected = Address { kind, root: root.to_owned(), key: key.to_owned() };
            assert_eq!(Address::parse(name).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn wrong_ones_are_named_without_their_secrets() {
        let cases = [
            ("s3://AKIA:hunter2@b/k", "s3://...: an address holds no credentials; "),
            ("gs://hunter2@b/k", "gs://...: an address holds no credentials; "),
            ("az://c/k.csv?sv=2026&SIG=hunter2", "az://c/k.csv: an address holds no signature; "),
            ("s3:///k", "s3:///k: expected a bucket or container after ://, "),
            ("s3://b*/k", "s3://b*/k: expected a bucket"),
            ("s3://b//k", "s3://b//k: a key with an empty part (//) can't be read"),
            ("s3://b/a//k", "s3://b/a//k: a key with an empty part"),
        ];
        for (name, message) in cases {
            let error = Address::parse(name).unwrap_err().to_string();
            assert!(error.starts_with(message) && !error.contains("hunter2"), "{name}: {error}");
        }
    }
}
