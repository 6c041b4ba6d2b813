//! Time stamps (RFC 3161): what a server is asked, and what of its reply can be checked here. Pure.
//!
//! A stamp says that a digest was known at a time. It is worth as much as who signed it: [`Stamp::signer`] holds it to a certificate that somebody
//! trusts. Who issued that certificate, and whether it was revoked since, `openssl ts -verify` tells.

use chrono::NaiveDateTime;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::der::{BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, UTF8_STRING, Values, context, sequence, write};
use crate::{
    keys::{Hash, Scheme, is_signed},
    record::Digest,
};

/// The media type of what is asked.
pub const QUERY_TYPE: &str = "application/timestamp-query";

/// The media type of replies.
pub const REPLY_TYPE: &str = "application/timestamp-reply";

/// Longest reply that is read: a token with a chain of certificates has some kilobytes.
pub const MAX_REPLY_BYTES: usize = 256 << 10;

/// Names of things by number, as DER has them.
mod oid {
    pub(super) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    pub(super) const STAMP_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
    pub(super) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
    pub(super) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
    pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    pub(super) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
    pub(super) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
    pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    pub(super) const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    pub(super) const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
    pub(super) const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];
    pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    pub(super) const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
    pub(super) const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    pub(super) const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
    pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
}

/// What is sent to a server: the digest, a number that its reply repeats, and that it may add its certificate.
pub fn query(digest: &Digest, nonce: u64) -> Vec<u8> {
    let imprint = sequence(&[&sequence(&[&write(OID, oid::SHA256), &write(0x05, &[])]), &write(OCTET_STRING, &digest.0)]);
    sequence(&[&write(INTEGER, &[1]), &imprint, &write(INTEGER, &number(nonce)), &write(0x01, &[0xff])])
}

/// A whole number, not below zero, in as few bytes as DER wants.
fn number(number: u64) -> Vec<u8> {
    let bytes = [&[0][..], &number.to_be_bytes()].concat();
    let begin = bytes.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
    bytes[begin..].to_vec()
}

/// A time stamp as a server gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'r> {
    /// The digest that was known.
    pub digest: Digest,
    /// When, epoch seconds.
    pub at: i64,
    nonce: Option<&'r [u8]>,
    /// What is signed, DER.
    info: &'r [u8],
    signed: Signed<'r>,
}

/// How it was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signed<'r> {
    digest_algorithm: &'r [u8],
    /// The attributes that are signed, as they stand: with the tag that they have in a stamp.
    attributes: Option<&'r [u8]>,
    algorithm: &'r [u8],
    signature: &'r [u8],
}

impl<'r> Stamp<'r> {
    /// Reads a reply.
    ///
    /// # Errors
    /// What is wrong with it, in words; the server's own, where it refuses.
    pub fn read(reply: &'r [u8]) -> Result<Self, String> {
        let unreadable = || "no time stamp reply that can be read".to_owned();
        let mut reply = Values::of(reply).enter(SEQUENCE).ok_or_else(unreadable)?;
        let mut status = reply.enter(SEQUENCE).ok_or_else(unreadable)?;
        let code = status.value(INTEGER).ok_or_else(unreadable)?.content;
        // Granted, or granted with changes that do not concern what is stamped.
        if !matches!(code, [0 | 1]) {
            return Err(refusal(code, status));
        }
        let mut content = reply.enter(SEQUENCE).ok_or_else(unreadable)?;
        content.value(OID).filter(|kind| kind.content == oid::SIGNED_DATA).ok_or_else(unreadable)?;
        let signed_data = content.enter(context(0)).and_then(|mut content| content.enter(SEQUENCE)).ok_or_else(unreadable)?;
        Self::of_signed_data(signed_data).ok_or_else(unreadable)
    }

    fn of_signed_data(mut data: Values<'r>) -> Option<Self> {
        data.value(INTEGER)?;
        data.value(SET)?;
        let mut content = data.enter(SEQUENCE)?;
        content.value(OID).filter(|kind| kind.content == oid::STAMP_INFO)?;
        let info = content.enter(context(0))?.value(OCTET_STRING)?.content;
        // Certificates and lists of revoked ones.
        data.value(context(0));
        data.value(context(1));
        let signed = Signed::read(data.enter(SET)?.enter(SEQUENCE)?)?;
        let mut stamp = Values::of(info).enter(SEQUENCE)?;
        stamp.value(INTEGER)?;
        stamp.value(OID)?;
        let mut imprint = stamp.enter(SEQUENCE)?;
        imprint.enter(SEQUENCE)?.value(OID).filter(|algorithm| algorithm.content == oid::SHA256)?;
        let digest = Digest(imprint.value(OCTET_STRING)?.content.try_into().ok()?);
        stamp.value(INTEGER)?;
        let at = moment(stamp.value(GENERALIZED_TIME)?.content)?;
        // How exact it is, and whether stamps are in order, comes before what was sent along.
        let nonce = stamp.find(|value| value.tag == INTEGER).map(|value| value.content);
        Some(Self { digest, at, nonce, info, signed })
    }

    /// Whether it answers the query with this digest and number.
    pub fn answers(&self, digest: &Digest, nonce: u64) -> bool {
        self.digest == *digest && self.nonce == Some(&number(nonce))
    }

    /// Whether the key of this certificate (DER) signed it.
    ///
    /// # Errors
    /// Why it did not, or that this program can't tell, in words.
    pub fn signer(&self, certificate: &[u8]) -> Result<(), String> {
        let unknown = |what: &str| format!("its {what} is none that is checked here; `openssl ts -verify` may know it");
        let digest = hash_named(self.signed.digest_algorithm).ok_or_else(|| unknown("digest"))?;
        let key = Key::of(certificate).ok_or("the certificate can't be read")?;
        let signed = match self.signed.attributes {
            None => self.info.to_vec(),
            Some(attributes) => {
                if !vouches(attributes, &hashed(digest, self.info)).unwrap_or(false) {
                    return Err("what is signed is not this time stamp".to_owned());
                }
                // Signed as the set that they are, not as the optional part of a stamp.
                [&[SET], &attributes[1..]].concat()
            }
        };
        let scheme = key.scheme(self.signed.algorithm, digest).ok_or_else(|| unknown("signature"))?;
        is_signed(scheme, key.bytes, &signed, self.signed.signature).then_some(()).ok_or_else(|| "the key of the certificate has not signed it".to_owned())
    }
}

impl<'r> Signed<'r> {
    fn read(mut info: Values<'r>) -> Option<Self> {
        info.value(INTEGER)?;
        // Whose key it is: by issuer and number, or by a digest of the key.
        info.next()?;
        let digest_algorithm = info.enter(SEQUENCE)?.value(OID)?.content;
        let attributes = info.value(context(0)).map(|attributes| attributes.whole);
        let algorithm = info.enter(SEQUENCE)?.value(OID)?.content;
        Some(Self { digest_algorithm, attributes, algorithm, signature: info.value(OCTET_STRING)?.content })
    }
}

/// Whether signed attributes are those of a time stamp with this digest.
fn vouches(attributes: &[u8], digest: &[u8]) -> Option<bool> {
    let attributes = Values::of(attributes).enter(context(0))?;
    let of = |name: &[u8], tag: u8| {
        let mut found = attributes.filter_map(|attribute| {
            let mut attribute = Values::of(attribute.content);
            attribute.value(OID).filter(|kind| kind.content == name)?;
            attribute.enter(SET)?.value(tag)
        });
        found.next().filter(|_| found.next().is_none()).map(|value| value.content)
    };
    Some(of(oid::CONTENT_TYPE, OID)? == oid::STAMP_INFO && of(oid::MESSAGE_DIGEST, OCTET_STRING)? == digest)
}

/// The public key of a certificate.
struct Key<'c> {
    algorithm: &'c [u8],
    curve: Option<&'c [u8]>,
    bytes: &'c [u8],
}

impl<'c> Key<'c> {
    fn of(certificate: &'c [u8]) -> Option<Self> {
        let mut certificate = Values::of(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
        certificate.value(context(0));
        certificate.value(INTEGER)?;
        // Algorithm, issuer, times, subject.
        for _ in 0..4 {
            certificate.value(SEQUENCE)?;
        }
        let mut key = certificate.enter(SEQUENCE)?;
        let mut algorithm = key.enter(SEQUENCE)?;
        let bits = key.value(BIT_STRING)?.content;
        let bytes = bits.split_first().filter(|(unused, _)| **unused == 0)?.1;
        Some(Self { algorithm: algorithm.value(OID)?.content, curve: algorithm.value(OID).map(|curve| curve.content), bytes })
    }

    fn scheme(&self, signature: &[u8], digest: Hash) -> Option<Scheme> {
        if self.algorithm == oid::ED25519 {
            return (signature == oid::ED25519).then_some(Scheme::Ed25519);
        }
        let hash = match signature {
            oid::RSA => digest,
            oid::RSA_SHA256 | oid::ECDSA_SHA256 => Hash::Sha256,
            oid::RSA_SHA384 | oid::ECDSA_SHA384 => Hash::Sha384,
            oid::RSA_SHA512 => Hash::Sha512,
            _ => return None,
        };
        let is_rsa = [oid::RSA, oid::RSA_SHA256, oid::RSA_SHA384, oid::RSA_SHA512].contains(&signature);
        match (self.algorithm, self.curve) {
            (oid::RSA, _) if is_rsa => Some(Scheme::Rsa(hash)),
            (oid::EC, Some(oid::P256)) if !is_rsa => Some(Scheme::P256(hash)),
            (oid::EC, Some(oid::P384)) if !is_rsa => Some(Scheme::P384(hash)),
            _ => None,
        }
    }
}

fn hash_named(name: &[u8]) -> Option<Hash> {
    match name {
        oid::SHA256 => Some(Hash::Sha256),
        oid::SHA384 => Some(Hash::Sha384),
        oid::SHA512 => Some(Hash::Sha512),
        _ => None,
    }
}

fn hashed(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha256 => Sha256::digest(bytes).to_vec(),
        Hash::Sha384 => Sha384::digest(bytes).to_vec(),
        Hash::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

/// A moment as `20261129190000Z` or `20261129190000.25Z`; parts of a second are left out.
fn moment(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    Some(NaiveDateTime::parse_from_str(whole, "%Y%m%d%H%M%S").ok()?.and_utc().timestamp())
}

/// Why a server refused. Its own words come from outside: what of them is no plain text is left out.
fn refusal(code: &[u8], mut status: Values<'_>) -> String {
    let code = code.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let words = status.enter(SEQUENCE).and_then(|mut words| words.value(UTF8_STRING)).map(|words| String::from_utf8_lossy(words.content).into_owned());
    let words: String = words.unwrap_or_default().chars().filter(|c| !c.is_control()).take(120).collect();
    let failures = status.value(BIT_STRING).and_then(|bits| bits.content.split_first().map(|(_, bits)| bits.to_vec())).unwrap_or_default();
    let failed = |bit: usize| failures.get(bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    let known = [(0, "it does not know SHA-256"), (2, "it does not permit this"), (5, "it can't read what was asked"), (14, "it has no time to tell now")];
    let known = known.into_iter().find(|(bit, _)| failed(*bit)).map(|(_, words)| format!(": {words}")).unwrap_or_default();
    let said = if words.is_empty() { String::new() } else { format!(" (`{words}`)") };
    format!("the server gave no time stamp, status {code}{known}{said}")
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    use super::{super::testing::Authority, *};

    #[test]
    fn numbers_are_as_short_as_they_can_be_and_never_below_zero() {
        for (plain, coded) in [(0, vec![0]), (1, vec![1]), (127, vec![127]), (128, vec![0, 128]), (256, vec![1, 0]), (u64::MAX, [&[0][..], &[255; 8]].concat())]
        {
            assert_eq!(number(plain), coded);
        }
    }

    /// A real authority: what it is asked, what it answers, and what of that holds.
    #[test]
    fn a_reply_of_openssl_is_read_and_held_to_its_signer() {
        for key in ["rsa", "p256", "p384"] {
            let authority = Authority::new(key);
            let digest = Digest::of(key.as_bytes());
            let asked = query(&digest, 0x8000_0000_0000_0001);
            let reply = authority.reply(&asked);
            let stamp = Stamp::read(&reply).unwrap();
            assert!(stamp.answers(&digest, 0x8000_0000_0000_0001));
            assert!(!stamp.answers(&digest, 1) && !stamp.answers(&Digest::of(b"x"), 0x8000_0000_0000_0001));
            assert!((stamp.at - crate::schedule::now()).abs() < 60, "{}", stamp.at);
            let der = |name: &str| CertificateDer::from_pem_slice(&fs::read(authority.path(name)).unwrap()).unwrap();
            assert_eq!(stamp.signer(&der("tsa.pem")), Ok(()), "{key}");
            assert!(stamp.signer(&der("ca.pem")).is_err(), "{key}");
            // By another program, from the file as it is kept.
            fs::write(authority.path("reply.tsr"), &reply).unwrap();
            let checked = |digest: &Digest| {
                let mut command = Command::new("openssl");
                command.args(["ts", "-verify", "-digest", &digest.to_string(), "-in"]).arg(authority.path("reply.tsr"));
                command.arg("-CAfile").arg(authority.path("ca.pem")).output().unwrap().status.success()
            };
            assert!(checked(&digest) && !checked(&Digest::of(b"x")), "{key}");
            // Whatever is changed of it: it can't be read, says something else that is not signed, or says the same.
            let mut random = fastrand::Rng::with_seed(3161);
            let certificate = der("tsa.pem");
            for _ in 0..2_000 {
                let mut changed = reply.clone();
                let at = random.usize(..changed.len());
                changed[at] ^= 1 << random.u8(..8);
                let Ok(other) = Stamp::read(&changed) else { continue };
                if other.signer(&certificate).is_ok() {
                    assert_eq!((other.digest, other.at), (stamp.digest, stamp.at), "{key}: byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let authority = Authority::new("p256");
        let mut asked = query(&Digest::of(b"x"), 7);
        let at = asked.windows(9).position(|name| name == oid::SHA256).unwrap();
        asked[at + 8] = 9;
        let refused = Stamp::read(&authority.reply(&asked)).unwrap_err();
        assert!(refused.starts_with("the server gave no time stamp, status 2: it does not know SHA-256"), "{refused}");
        for reply in [&b""[..], b"<html>", &[0x30, 0x80], &[0x30, 5, 0x30, 3, 2, 1, 0]] {
            assert_eq!(Stamp::read(reply).unwrap_err(), "no time stamp reply that can be read");
        }
    }
}
