//! Who signed a pack: `manifest.json.sig` beside the manifest, which names every other file by its digest. Signed is the digest of the manifest's bytes, so
//! that the same pack signed by the same key has the same bytes.

use std::{fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    folder::{MANIFEST, SIGNATURE},
};
use crate::{
    keys::{PublicKey, Signature, SigningKey},
    record::Digest,
};

/// What is signed, so that a signature of a pack is none of anything else.
const WHAT: &str = "review pack";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The public key that checks it, as base64 of its 32 bytes. By itself it proves nothing: whoever signs anew names another.
    public_key: String,
    /// `ed25519:` and base64.
    signature: String,
}

impl Signed {
    /// Signs a manifest.
    pub fn by(key: &SigningKey, manifest: &[u8]) -> Self {
        Self { public_key: key.public().to_string(), signature: key.sign_digest(WHAT, &Digest::of(manifest)).to_string() }
    }
}

/// Who signed a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Nobody.
    Nobody,
    /// This key did, which the file itself names and nobody asked for.
    Named(String),
    /// This key, which was asked for.
    Expected(String),
}

/// As `review verify` says it.
impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("unsigned: who made it, and whether all of it was made anew, it can't prove"),
            Self::Named(key) => write!(f, "signed by {key}; whether that is the key of who should have signed, --public-key tells"),
            Self::Expected(key) => write!(f, "signed by {key}, which was asked for"),
        }
    }
}

/// Who signed the manifest in a folder, or what is wrong with its signature. Where keys are given, one of them must have.
///
/// # Errors
/// [`Error::File`] when the files can't be read.
pub fn check(folder: &Path, keys: &[PublicKey]) -> Result<Result<Signer, String>, Error> {
    let read = |name: &str| fs::read(folder.join(name));
    let refused = |name: &str| {
        let path = folder.join(name);
        move |source| Error::File { path, done: "read", source }
    };
    let text = match read(SIGNATURE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(if keys.is_empty() { Ok(Signer::Nobody) } else { Err(format!("{SIGNATURE}: the file is gone or never was: the pack is unsigned")) });
        }
        Err(error) => return Err(refused(SIGNATURE)(error)),
    };
    let digest = Digest::of(&read(MANIFEST).map_err(refused(MANIFEST))?);
    Ok(of(&text, &digest, keys))
}

fn of(text: &[u8], digest: &Digest, keys: &[PublicKey]) -> Result<Signer, String> {
    let no_signature = || format!("{SIGNATURE}: it holds no signature, `public_key` and `signature` as `clause9 review make` writes them");
    let signed: Signed = serde_json::from_slice(text).map_err(|_| no_signature())?;
    let (named, signature) = (signed.public_key.parse::<PublicKey>(), signed.signature.parse::<Signature>());
    let (Ok(named), Ok(signature)) = (named, signature) else { return Err(no_signature()) };
    if !named.has_signed_digest(WHAT, digest, &signature) {
        // A key that was asked for and is another than the named one has signed just as little.
        let by = keys.iter().find(|key| key.has_signed_digest(WHAT, digest, &signature));
        return Err(match by {
            Some(key) => format!("{SIGNATURE}: it names the key {named}, and {key} signed"),
            None => format!("{MANIFEST}: it is not what {named} signed"),
        });
    }
    match keys {
        [] => Ok(Signer::Named(signed.public_key)),
        keys if keys.contains(&named) => Ok(Signer::Expected(signed.public_key)),
        _ => Err(format!("{SIGNATURE}: another key signed than was asked for: {named}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_manifest_by_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let key = SigningKey::make(&path.join("key")).unwrap();
        let other = SigningKey::make(&path.join("other")).unwrap();
        let at = |name: &str| path.join(name);
        let asked = |keys: &[PublicKey]| check(path, keys).unwrap();
        fs::write(at(MANIFEST), "a manifest").unwrap();
        let signed = Signed::by(&key, b"a manifest");
        assert_eq!(signed, Signed::by(&key, b"a manifest"), "the same bytes each time");
        assert_eq!(asked(&[]), Ok(Signer::Nobody));
        assert_eq!(asked(&[key.public()]).unwrap_err(), "manifest.json.sig: the file is gone or never was: the pack is unsigned");

        let write = |signed: &Signed| fs::write(at(SIGNATURE), serde_json::to_vec(signed).unwrap()).unwrap();
        write(&signed);
        let named = key.public().to_string();
        assert_eq!((asked(&[]), asked(&[other.public(), key.public()])), (Ok(Signer::Named(named.clone())), Ok(Signer::Expected(named.clone()))));
        assert_eq!(asked(&[other.public()]).unwrap_err(), format!("manifest.json.sig: another key signed than was asked for: {named}"));

        // Naming another key does not make it that key's.
        write(&Signed { public_key: other.public().to_string(), ..signed.clone() });
        assert_eq!(asked(&[other.public()]).unwrap_err(), format!("manifest.json: it is not what {} signed", other.public()));
        assert_eq!(asked(&[key.public()]).unwrap_err(), format!("manifest.json.sig: it names the key {}, and {named} signed", other.public()));
        // A signature of the same digest as something else is none.
        write(&Signed { signature: key.sign_digest("evidence", &Digest::of(b"a manifest")).to_string(), ..signed.clone() });
        assert!(asked(&[]).unwrap_err().starts_with("manifest.json: it is not what "));
        write(&signed);
        fs::write(at(MANIFEST), "another manifest").unwrap();
        for keys in [&[][..], &[key.public()]] {
            assert_eq!(asked(keys).unwrap_err(), format!("manifest.json: it is not what {named} signed"));
        }
        for wrong in ["", "{}", "x", &format!(r#"{{"public_key":"{named}","signature":"ed25519:AAAA"}}"#), r#"{"public_key":"AAAA","signature":"x"}"#] {
            fs::write(at(SIGNATURE), wrong).unwrap();
            assert!(asked(&[]).unwrap_err().contains("it holds no signature"), "{wrong}");
        }
        fs::remove_file(at(SIGNATURE)).unwrap();
        fs::create_dir(at(SIGNATURE)).unwrap();
        assert!(check(path, &[]).unwrap_err().to_string().ends_with("manifest.json.sig can't be read"));
    }
}
