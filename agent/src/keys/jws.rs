//! Keys that sign statements for a server of tokens (RFC 7515, 7518): RSA and P-256. Such a key signs, and shows nothing of itself.

use std::{fmt, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;

use super::read;
use crate::record::Digest;

/// How a statement is signed, by its name in RFC 7518.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA, PSS, with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// A private key that signs statements.
pub struct TokenKey {
    pair: Pair,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The name by which the other side knows it, where its file says that.
    pub id: Option<String>,
    /// Whose key it is, where its file says that.
    pub owner: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// A key as JSON, as some issuers hand it out: the PEM is one of the fields.
#[derive(Deserialize)]
struct Wrapped {
    private_key: String,
    private_key_id: Option<String>,
    client_email: Option<String>,
}

impl Algorithm {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}

impl TokenKey {
    /// Reads a key: PEM, or JSON with the PEM in `private_key`. Without an algorithm RSA signs as RS256.
    ///
    /// # Errors
    /// What was expected of the file.
    pub fn read(path: &Path, algorithm: Option<Algorithm>) -> Result<Self, String> {
        let bytes = read(path).map_err(|error| format!("a file that can be read: {}", super::reason(&error)))?;
        let wrapped: Option<Wrapped> = bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&bytes).ok()).flatten();
        let (pem, id, owner) = match &wrapped {
            Some(wrapped) => (wrapped.private_key.as_bytes(), wrapped.private_key_id.clone(), wrapped.client_email.clone()),
            None => (bytes.as_slice(), None, None),
        };
        let pair = Pair::read(pem)?;
        let algorithm = match (&pair, algorithm) {
            (Pair::Rsa(_), None) => Algorithm::Rs256,
            (Pair::Rsa(_), Some(algorithm @ (Algorithm::Rs256 | Algorithm::Ps256))) => algorithm,
            (Pair::P256(_), None | Some(Algorithm::Es256)) => Algorithm::Es256,
            (Pair::Rsa(_), Some(Algorithm::Es256)) => return Err("a key of the curve P-256, because the algorithm is ES256; this one is RSA".to_owned()),
            (Pair::P256(_), Some(algorithm)) => return Err(format!("an RSA key, because the algorithm is {}; this one is of a curve", algorithm.as_str())),
        };
        Ok(Self { pair, algorithm, id, owner })
    }

    /// Signs a statement. Nothing but what this key is for is to be signed with it.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let random = SystemRandom::new();
        let unable = |_| "random numbers from the system".to_owned();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = if self.algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map_err(unable)?;
                Ok(signature)
            }
            Pair::P256(pair) => Ok(pair.sign(&random, message).map_err(unable)?.as_ref().to_vec()),
        }
    }
}

impl Pair {
    fn read(pem: &[u8]) -> Result<Self, String> {
        const EXPECTED: &str = "a private key as PEM that begins with BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY, without a password; RSA of 2048 bits or \
            more, or the curve P-256";
        let random = SystemRandom::new();
        match PrivateKeyDer::from_pem_slice(pem).map_err(|_| EXPECTED)? {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Self::Rsa).map_err(|_| EXPECTED.to_owned()),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                let curve = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random).map(Self::P256);
                RsaKeyPair::from_pkcs8(der).map(Self::Rsa).or_else(|_| curve()).map_err(|_| EXPECTED.to_owned())
            }
            PrivateKeyDer::Sec1(_) => Err(format!("{EXPECTED}; `openssl pkcs8 -topk8 -nocrypt -in FILE` makes such a file of this one")),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

/// How it signs, and nothing of it.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(*** {})", self.algorithm.as_str())
    }
}

/// The SHA-256 of a certificate, as the header `x5t#S256` has it (RFC 7515, 4.1.8).
///
/// # Errors
/// What was expected of the file.
pub fn thumbprint(path: &Path) -> Result<String, String> {
    let bytes = read(path).map_err(|error| format!("a file that can be read: {}", super::reason(&error)))?;
    let certificate = CertificateDer::from_pem_slice(&bytes).map_err(|_| "a certificate as PEM that begins with BEGIN CERTIFICATE")?;
    Ok(BASE64_URL.encode(Digest::of(&certificate).0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Hash, Scheme, is_signed};

    /// `openssl` makes the keys and says what the public ones are.
    #[test]
    fn keys_of_others_sign_what_their_public_key_confirms() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let openssl = |arguments: &[&str]| {
            let output = std::process::Command::new("openssl").args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", &at("pkcs8")]);
        openssl(&["rsa", "-in", &at("pkcs8"), "-traditional", "-out", &at("pkcs1")]);
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &at("curve")]);
        openssl(&["ec", "-in", &at("curve"), "-out", &at("sec1")]);
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", &at("small")]);
        openssl(&["pkcs8", "-topk8", "-in", &at("pkcs8"), "-passout", "pass:x", "-out", &at("locked")]);
        let pem = std::fs::read_to_string(at("pkcs8")).unwrap();
        let json = serde_json::json!({"private_key": pem, "private_key_id": "7", "client_email": "a@b.example"}).to_string();
        std::fs::write(at("json"), json).unwrap();
        let rsa = openssl(&["rsa", "-in", &at("pkcs8"), "-RSAPublicKey_out", "-outform", "DER"]);
        for name in ["pkcs8", "pkcs1", "json"] {
            let key = TokenKey::read(Path::new(&at(name)), None).unwrap();
            assert_eq!(key.algorithm, Algorithm::Rs256);
            let signature = key.sign(b"statement").unwrap();
            assert!(is_signed(Scheme::Rsa(Hash::Sha256), &rsa, b"statement", &signature) && !is_signed(Scheme::Rsa(Hash::Sha256), &rsa, b"other", &signature));
            let named = (name == "json").then(|| ("7".to_owned(), "a@b.example".to_owned()));
            assert_eq!((key.id.clone().zip(key.owner.clone()), format!("{key:?}")), (named, "TokenKey(*** RS256)".to_owned()));
        }
        let key = TokenKey::read(Path::new(&at("pkcs8")), Some(Algorithm::Ps256)).unwrap();
        std::fs::write(at("statement"), "statement").unwrap();
        std::fs::write(at("signature"), key.sign(b"statement").unwrap()).unwrap();
        openssl(&["rsa", "-in", &at("pkcs8"), "-pubout", "-out", &at("public")]);
        let pss = ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-verify", &at("public"), "-signature", &at("signature")];
        openssl(&[&["dgst"], &pss[..], &[&at("statement")]].concat());
        let key = TokenKey::read(Path::new(&at("curve")), None).unwrap();
        let signature = key.sign(b"statement").unwrap();
        let der = openssl(&["pkey", "-in", &at("curve"), "-pubout", "-outform", "DER"]);
        let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, &der[der.len() - 65..]);
        assert_eq!((key.algorithm, public.verify(b"statement", &signature)), (Algorithm::Es256, Ok(())));
        for (name, algorithm, expected) in [
            ("small", None, "RSA of 2048 bits"),
            ("locked", None, "without a password"),
            ("sec1", None, "openssl pkcs8 -topk8"),
            ("public", None, "BEGIN PRIVATE KEY"),
            ("none", None, "a file that can be read: No such file"),
            ("curve", Some(Algorithm::Rs256), "an RSA key, because the algorithm is RS256"),
            ("pkcs1", Some(Algorithm::Es256), "a key of the curve P-256"),
        ] {
            let error = TokenKey::read(Path::new(&at(name)), algorithm).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
        openssl(&["req", "-x509", "-key", &at("pkcs8"), "-subj", "/CN=a", "-out", &at("certificate")]);
        let der = openssl(&["x509", "-in", &at("certificate"), "-outform", "DER"]);
        assert_eq!(thumbprint(Path::new(&at("certificate"))).unwrap(), BASE64_URL.encode(Digest::of(&der).0));
        assert!(thumbprint(Path::new(&at("pkcs8"))).unwrap_err().contains("BEGIN CERTIFICATE"));
    }
}
