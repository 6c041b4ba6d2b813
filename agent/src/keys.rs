//! Ed25519 keys: making and reading them, and what is signed with them; and whether what others signed was signed. [`jws`] has keys that sign for a
//! server of tokens. Only here the crate is known that does the mathematics.
//!
//! A private key is PKCS#8 as PEM, as `openssl genpkey -algorithm ed25519` makes it, too; a public one is what `openssl pkey -pubout` makes of it.

pub mod jws;

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{self, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey, VerificationAlgorithm},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};

use crate::record::Digest;

/// Bytes of a private key's seed, and of a public key.
const KEY_BYTES: usize = 32;

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// What comes before the seed in the PKCS#8 of an Ed25519 key (RFC 8410): version 0, the algorithm, and that 32 bytes follow.
const PRIVATE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What comes before the bytes of a public key in its SubjectPublicKeyInfo (RFC 8410).
const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Largest file that is read as a key.
const MAX_BYTES: u64 = 64 << 10;

/// How a signature begins where it stands in a text.
const SCHEME: &str = "ed25519:";

/// What went wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("the key {} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no Ed25519 private key: expected PEM that begins with BEGIN PRIVATE KEY, as `clause9 keys new` writes it", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} holds no Ed25519 public key: expected PEM that begins with BEGIN PUBLIC KEY, as `clause9 keys new` writes it beside the private one", path.display())]
    NotPublic {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be made; one that is there is left alone.
    #[error("{} can't be made", path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to make a key of")]
    NoRandomness,
}

/// A private key. It is never shown.
pub struct SigningKey(Ed25519KeyPair);

/// The public key of a private one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

/// A signature, as a text `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl SigningKey {
    /// Makes a new key in a file for its owner alone, with its public key beside it in a file with `.pub` after its name. Neither replaces a file.
    ///
    /// # Errors
    /// [`Error::NotMade`], [`Error::NoRandomness`].
    pub fn make(path: &Path) -> Result<Self, Error> {
        let mut seed = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut seed).map_err(|_| Error::NoRandomness)?;
        let key = Self(Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Error::NoRandomness)?);
        let public = public_path(path);
        let taken = || io::Error::new(io::ErrorKind::AlreadyExists, "there is such a file already");
        if public.exists() {
            return Err(Error::NotMade { path: public, source: taken() });
        }
        write_new(path, 0o600, &pem("PRIVATE KEY", &[&PRIVATE[..], &seed[..]].concat()))?;
        write_new(&public, 0o644, &key.public().pem())?;
        Ok(key)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::NotPrivate`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let pem = read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| Error::NotPrivate { path: path.to_owned() })?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| Error::NotPrivate { path: path.to_owned() })?;
        Ok(Self(key))
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes"))
    }

    /// Signs bytes. What they are must be part of them, so that a signature of one thing is none of another.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).as_ref().try_into().expect("a signature of Ed25519 has 64 bytes"))
    }

    /// Signs a digest; `what` says of what it is.
    pub fn sign_digest(&self, what: &str, digest: &Digest) -> Signature {
        self.sign(of_digest(what, digest).as_bytes())
    }
}

/// Which key it is, and nothing of it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(*** of {})", self.public())
    }
}

/// Two are the same key when they have the same public one.
impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::NotPublic`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let pem = read(path)?;
        let bytes = SubjectPublicKeyInfoDer::from_pem_slice(&pem).ok().and_then(|der| der.strip_prefix(&PUBLIC[..])?.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::NotPublic { path: path.to_owned() })
    }

    /// As a file holds it.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &[&PUBLIC[..], &self.0[..]].concat())
    }

    /// Whether this key signed these bytes.
    pub fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        is_signed(Scheme::Ed25519, &self.0, message, &signature.0)
    }

    /// Whether this key signed a digest of this.
    pub fn has_signed_digest(&self, what: &str, digest: &Digest, signature: &Signature) -> bool {
        self.has_signed(of_digest(what, digest).as_bytes(), signature)
    }
}

/// As base64.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a public key, 32 bytes as base64")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.strip_prefix(SCHEME).and_then(|coded| BASE64.decode(coded).ok()?.try_into().ok());
        bytes.map(Self).ok_or("a signature, `ed25519:` and 64 bytes as base64")
    }
}

/// What to say of a private key that others than its owner may read. That is not refused: a cluster that mounts it so would keep the agent from running.
pub fn open_to_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    (mode & 0o077 != 0).then(|| format!("others than its owner may use the private key {shown} (mode {mode:o}): chmod 600 {shown}"))
}

/// Where the public key of the private one in a file is written.
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// How others sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Ed25519; the key is its 32 bytes.
    Ed25519,
    /// RSA with PKCS #1 v1.5; the key is an `RSAPublicKey`.
    Rsa(Hash),
    /// ECDSA over P-256; the key is a point.
    P256(Hash),
    /// ECDSA over P-384, likewise.
    P384(Hash),
}

/// What is signed of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Whether a key signed a message. False, too, for what nobody signs any more: RSA below 2048 bits, a curve with a hash that it is not used with.
pub fn is_signed(scheme: Scheme, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match scheme {
        Scheme::Ed25519 => &signature::ED25519,
        Scheme::Rsa(Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        Scheme::Rsa(Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        Scheme::Rsa(Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        Scheme::P256(Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        Scheme::P256(Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        Scheme::P384(Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        Scheme::P384(Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        Scheme::P256(Hash::Sha512) | Scheme::P384(Hash::Sha512) => return false,
    };
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// What is signed of a digest, so that it is no signature of anything else.
fn of_digest(what: &str, digest: &Digest) -> String {
    format!("clause9 {what}\n{digest}\n")
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// The system's reason, without the path.
fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| Error::NotMade { path: path.to_owned(), source })
}

fn pem(label: &str, der: &[u8]) -> String {
    // Shorter than a line of PEM may be.
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> Vec<u8> {
        assert_eq!(hex.len(), 2 * N);
        (0..N).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    /// The first three of RFC 8032, 7.1: seed, public key, message, signature.
    #[test]
    fn keys_sign_as_rfc_8032_says() {
        let vectors = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                vec![],
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                vec![0x72],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                vec![0xaf, 0x82],
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (seed, public, message, signature) in vectors {
            let path = folder.path().join(seed);
            std::fs::write(&path, pem("PRIVATE KEY", &[&PRIVATE[..], &bytes::<32>(seed)].concat())).unwrap();
            let key = SigningKey::read(&path).unwrap();
            assert_eq!(key.public().0.to_vec(), bytes::<32>(public));
            let signed = key.sign(&message);
            assert_eq!(signed.0.to_vec(), bytes::<64>(signature));
            assert!(key.public().has_signed(&message, &signed) && !key.public().has_signed(b"x", &signed));
            assert_eq!((signed.to_string().parse(), key.public().to_string().parse()), (Ok(signed), Ok(key.public())));
        }
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.pem");
        let key = SigningKey::make(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), open_to_others(&path)), (0o600, None));
        let written = fs::read_to_string(&path).unwrap();
        let coded = written.lines().nth(1).unwrap();
        assert!(!format!("{key:?}").contains(coded) && format!("{key:?}").contains(&key.public().to_string()));
        assert_eq!((SigningKey::read(&path).unwrap(), PublicKey::read(&public_path(&path)).unwrap()), (SigningKey::read(&path).unwrap(), key.public()));
        let error = SigningKey::make(&path).unwrap_err();
        assert!(error.to_string().ends_with("evidence.pem.pub can't be made"), "{error}");
        fs::remove_file(public_path(&path)).unwrap();
        let error = SigningKey::make(&path).unwrap_err();
        assert!(matches!(&error, Error::NotMade { source, .. } if source.kind() == io::ErrorKind::AlreadyExists), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), written);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open_to_others(&path).unwrap().contains("chmod 600 "));
    }

    #[test]
    fn what_is_no_key_is_one_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SigningKey::make(&path).unwrap();
        let other = folder.path().join("other");
        let text = fs::read_to_string(&path).unwrap();
        for wrong in ["", "x", &key.public().pem(), &text[..60], &text.replace("MC4C", "MC4D")] {
            fs::write(&other, wrong).unwrap();
            let error = SigningKey::read(&other).unwrap_err();
            assert!(matches!(error, Error::NotPrivate { .. }), "{error:?}");
        }
        for wrong in ["", "x", &text] {
            fs::write(&other, wrong).unwrap();
            assert!(matches!(PublicKey::read(&other).unwrap_err(), Error::NotPublic { .. }));
        }
        assert!(matches!(SigningKey::read(folder.path()).unwrap_err(), Error::Unreadable { .. }));
        for wrong in ["", "ed25519:", "ed25519:AAAA", "x", &key.sign(b"").to_string()[8..]] {
            assert!(wrong.parse::<Signature>().is_err(), "{wrong}");
        }
    }

    /// The other way of making keys and of looking at them, and of checking what was signed.
    #[test]
    fn openssl_makes_and_checks_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let openssl = |arguments: &[&str]| {
            let output = std::process::Command::new("openssl").args(arguments).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let key = SigningKey::make(Path::new(&at("ours"))).unwrap();
        assert_eq!(openssl(&["pkey", "-in", &at("ours"), "-pubout"]), key.public().pem());
        let digest = Digest::of(b"a manifest");
        let signature = key.sign_digest("review pack", &digest);
        assert!(key.public().has_signed_digest("review pack", &digest, &signature) && !key.public().has_signed_digest("evidence", &digest, &signature));
        fs::write(at("message"), of_digest("review pack", &digest)).unwrap();
        fs::write(at("signature"), signature.0).unwrap();
        openssl(&["pkeyutl", "-verify", "-pubin", "-inkey", &at("ours.pub"), "-rawin", "-in", &at("message"), "-sigfile", &at("signature")]);
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &at("theirs")]);
        let theirs = SigningKey::read(Path::new(&at("theirs"))).unwrap();
        assert_eq!(openssl(&["pkey", "-in", &at("theirs"), "-pubout"]), theirs.public().pem());
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &at("curve")]);
        assert!(matches!(SigningKey::read(Path::new(&at("curve"))).unwrap_err(), Error::NotPrivate { .. }));
    }
}
