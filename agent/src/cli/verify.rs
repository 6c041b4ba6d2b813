//! `clause9 verify`: walks the evidence of a data folder, and the tables that indicators query, and holds both to what was kept elsewhere: anchors, their
//! signatures, time stamps.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{args, counted, rederive::rederive, say};
use crate::{
    anchors::{
        Kept,
        time_stamp::{MAX_REPLY_BYTES, Stamp},
    },
    keys::PublicKey,
    record::Digest,
    schedule,
    store::{Anchor, DATABASE_FILE, Expected, Verification, Verified},
};

/// What the store can't tell of itself.
const BEYOND: &str = "A chain that was rewritten whole, a forged last entry, a tail that was cut off, an old copy, and a new store in the place of another agree with \
                      themselves: keep the last entry elsewhere, and give it back with --expect.";

/// Of how many time stamps each is named.
const MOST_STAMPS: usize = 10;

/// What anchors can't tell.
const AFTER: &str = "What comes after the last of them only a later one can vouch for.";

pub(super) fn execute(args: &args::Verify) -> anyhow::Result<ExitCode> {
    let is_good = verify(args)?;
    // What the chain can't tell of a broken store, computing it again may.
    let comes_out = match args.rederive {
        Some(sample) => rederive(&args.data_dir.join(DATABASE_FILE), sample)?,
        None => true,
    };
    Ok(if is_good && comes_out { ExitCode::SUCCESS } else { ExitCode::from(super::ERROR) })
}

/// Walks the evidence. True when everything is as it was stored.
fn verify(args: &args::Verify) -> anyhow::Result<bool> {
    let path = args.data_dir.join(DATABASE_FILE);
    let kept = Elsewhere::read(args)?;
    let verified = Verification::open(&path).and_then(|mut verification| verification.verify(&kept.expected()))?;
    let (told, is_good) = told(&path, &verified, &kept);
    told.iter().for_each(|line| say!("{line}"));
    Ok(is_good)
}

/// What was kept outside of the store.
#[derive(Debug, Default)]
struct Elsewhere {
    anchors: Vec<Kept>,
    /// What is said of their signatures, if that was asked.
    signatures: Option<Result<String, String>>,
    stamps: Vec<Stamped>,
    /// Whose time stamps are, and the file of that certificate.
    certificate: Option<(PathBuf, Vec<u8>)>,
}

/// A file of a time stamp.
#[derive(Debug)]
struct Stamped {
    file: PathBuf,
    entry: i64,
    /// The digest and when it was stamped, or why that can't be told or is not to be believed.
    stamp: Result<(Digest, i64), String>,
}

impl Elsewhere {
    fn read(args: &args::Verify) -> anyhow::Result<Self> {
        let keys = args.public_key.iter().map(|file| PublicKey::read(file)).collect::<Result<Vec<_>, _>>()?;
        let signed = |kept: &crate::anchors::KeptAnchors| Some((kept.0.len(), kept.signed_from(&keys)));
        let signatures = args.expect.iter().filter(|_| !keys.is_empty()).filter_map(signed);
        let signatures =
            signatures.map(|(all, signed)| signed.map(|unsigned| signed_words(all, unsigned))).reduce(|one, other| Ok(format!("{}; {}", one?, other?)));
        let certificate = args.tsa_certificate.as_deref().map(certificate).transpose()?;
        let stamps = args.time_stamps.as_deref().map(|folder| stamps(folder, certificate.as_ref().map(|(_, der)| &**der))).transpose()?;
        let anchors = args.expect.iter().flat_map(|kept| kept.0.iter().copied()).collect();
        Ok(Self { anchors, signatures, stamps: stamps.unwrap_or_default(), certificate })
    }

    /// Every entry that must be there.
    fn expected(&self) -> Vec<Expected> {
        let stamped = self.stamps.iter().filter_map(|stamped| {
            let (digest, _) = stamped.stamp.as_ref().ok()?;
            Some(Expected::from(Anchor { entry: stamped.entry, digest: *digest }))
        });
        self.anchors.iter().copied().map(Expected::from).chain(stamped).collect()
    }

    /// What of it is not to be relied on, whatever the store says.
    fn findings(&self) -> impl Iterator<Item = String> {
        let signatures = self.signatures.iter().filter_map(|signed| signed.as_ref().err()).map(|what| format!("anchors: {what}"));
        let stamps = self.stamps.iter().filter_map(|stamped| Some(format!("{}: {}", stamped.file.display(), stamped.stamp.as_ref().err()?)));
        signatures.chain(stamps)
    }

    /// What holds of it, where everything does.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        match &*self.anchors {
            [] => {}
            [kept] => words.push(format!("goes on from {}", kept.anchor)),
            [.., last] => {
                let time = last.at.map(|at| format!(" of {}", schedule::rfc3339(at))).unwrap_or_default();
                words.push(format!("goes on from each of {} anchors, the last one {}{time}", self.anchors.len(), last.anchor));
            }
        }
        words.extend(self.signatures.iter().filter_map(|signed| signed.as_ref().ok()).cloned());
        if self.signatures.is_none() && self.anchors.iter().any(|kept| kept.signature.is_some()) {
            words.push("signatures of anchors: not checked; give the key with --public-key".to_owned());
        }
        words.extend(self.stamped());
        if let Some(stamped) = self.stamps.last() {
            let checks = format!("openssl ts -verify -digest DIGEST -in {} -CAfile AUTHORITIES", stamped.file.display());
            words.push(match &self.certificate {
                Some((file, _)) => format!(
                    "time stamps are signed by the key of {}; not checked: who issued it, and whether it was valid then. That does: {checks}",
                    file.display()
                ),
                None => format!("signatures of time stamps: not checked; give --tsa-certificate, or use: {checks}"),
            });
        }
        words
    }

    /// The entries that were stamped: each, or of many the first and the last.
    fn stamped(&self) -> Vec<String> {
        let mut words: Vec<_> = self
            .stamps
            .iter()
            .filter_map(|stamped| Some((stamped, stamped.stamp.as_ref().ok()?.1)))
            .map(|(stamped, at)| format!("entry {} was there at {}, says the time stamp {}", stamped.entry, schedule::rfc3339(at), stamped.file.display()))
            .collect();
        if words.len() > MOST_STAMPS {
            let between = counted(words.len() - 2, "time stamp");
            words.splice(1..words.len() - 1, [format!("and so on: {between} between them")]);
        }
        words
    }
}

/// What is printed, and whether all is as it was stored.
fn told(path: &Path, verified: &Verified, kept: &Elsewhere) -> (Vec<String>, bool) {
    let path = path.display();
    let mut told: Vec<_> = verified.findings.iter().map(|finding| format!("{path}: {finding}")).chain(kept.findings()).collect();
    if !told.is_empty() {
        return (told, false);
    }
    told.push(format!(
        "{path}: {}, every one as it was stored, and the tables that indicators query as they say",
        counted(verified.head.entry, "evidence entry")
    ));
    told.push(format!("last entry: {}", verified.head));
    told.extend(verified.older_until.map(|entry| format!("entries up to {entry}: of an older release, whose own entries cover neither sources nor times")));
    told.extend(verified.removals.iter().map(|removal| format!("removed by retention: {removal}")));
    told.extend(verified.redactions.iter().map(|redaction| format!("redacted: {redaction}")));
    told.extend(verified.recoveries.iter().map(|recovery| format!("recovered from a damaged file: {recovery}")));
    told.extend(verified.gaps.iter().map(|gap| format!("gap: {gap}")));
    told.extend(kept.words());
    told.push(if kept.expected().is_empty() { BEYOND } else { AFTER }.to_owned());
    (told, true)
}

fn signed_words(all: usize, unsigned: usize) -> String {
    match unsigned {
        0 => format!("signed: {}", counted(all, "anchor")),
        unsigned => format!("signed: {}; {} before them without a signature", counted(all - unsigned, "anchor"), counted(unsigned, "anchor")),
    }
}

fn certificate(file: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let text = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
    let der = CertificateDer::from_pem_slice(&text).ok().with_context(|| format!("{} holds no certificate in PEM", file.display()))?;
    Ok((file.to_owned(), der.to_vec()))
}

/// The time stamps in a folder, by the number of their entries.
fn stamps(folder: &Path, certificate: Option<&[u8]>) -> anyhow::Result<Vec<Stamped>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    let mut stamps = Vec::new();
    for entry in entries {
        let file = entry.with_context(|| format!("{} can't be read", folder.display()))?.path();
        // `7.tsr`, or `7-0123456789ab.tsr` where another store had an entry 7.
        let number = file.file_stem().and_then(|stem| stem.to_str()?.split('-').next()?.parse().ok());
        let (Some(number), true) = (number, file.extension().is_some_and(|extension| extension == "tsr")) else { continue };
        let stamp = stamp(&file, certificate);
        stamps.push(Stamped { file, entry: number, stamp });
    }
    anyhow::ensure!(!stamps.is_empty(), "{}: there is no time stamp, no file such as 7.tsr", folder.display());
    stamps.sort_by(|one, other| (one.entry, &one.file).cmp(&(other.entry, &other.file)));
    Ok(stamps)
}

fn stamp(file: &Path, certificate: Option<&[u8]>) -> Result<(Digest, i64), String> {
    let length = fs::metadata(file).map_err(|error| format!("it can't be read: {error}"))?.len();
    if length > MAX_REPLY_BYTES as u64 {
        return Err(format!("it is longer than {MAX_REPLY_BYTES} bytes, no time stamp"));
    }
    let reply = fs::read(file).map_err(|error| format!("it can't be read: {error}"))?;
    let stamp = Stamp::read(&reply)?;
    certificate.map_or(Ok(()), |certificate| stamp.signer(certificate))?;
    Ok((stamp.digest, stamp.at))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        anchors::{self, Head, testing::Authority, time_stamp},
        keys::{SigningKey, public_path},
        record::Zone,
        store::Store,
    };

    /// What a command line says, and whether it is fine. What it can't begin with is an error.
    fn said(arguments: &[&str]) -> Result<(String, bool), String> {
        let cli = args::Cli::try_parse_from([&["clause9", "verify"], arguments].concat()).map_err(|error| error.to_string())?;
        let args::Command::Verify(args) = cli.command else { panic!("another command") };
        let kept = Elsewhere::read(&args).map_err(|error| format!("{error:#}"))?;
        let path = args.data_dir.join(DATABASE_FILE);
        let verified = Verification::open(&path).and_then(|mut verification| verification.verify(&kept.expected())).map_err(|error| error.to_string())?;
        let (told, is_good) = told(&path, &verified, &kept);
        Ok((told.join("\n"), is_good))
    }

    struct Bench {
        folder: tempfile::TempDir,
        heads: Vec<Head>,
    }

    impl Bench {
        /// A store of three runs, and its head after each.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
            let mut run = |from: i64| {
                store.begin_run(from).unwrap();
                Head { anchor: store.end_run(from + 50).unwrap(), at: from + 50 }
            };
            let heads = vec![run(1_000), run(2_000), run(3_000)];
            Self { folder, heads }
        }

        fn at(&self, name: &str) -> String {
            self.folder.path().join(name).to_str().unwrap().to_owned()
        }

        fn said(&self, arguments: &[&str]) -> Result<(String, bool), String> {
            said(&[&["--data-dir", &self.at("")], arguments].concat())
        }
    }

    #[test]
    fn without_an_anchor_it_says_what_only_one_can_tell() {
        let bench = Bench::new();
        let (told, is_good) = bench.said(&[]).unwrap();
        let path = bench.at(DATABASE_FILE);
        let last = bench.heads[2].anchor;
        let whole =
            format!("{path}: 6 evidence entries, every one as it was stored, and the tables that indicators query as they say\nlast entry: {last}\n{BEYOND}");
        assert_eq!((told, is_good), (whole, true));
        for way in ["rewritten whole", "a forged last entry", "a tail that was cut off", "an old copy", "a new store in the place of another"] {
            assert!(BEYOND.contains(way), "{way}");
        }
    }

    #[test]
    fn no_entry_is_not_fine() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), Zone::UTC).unwrap());
        let (told, is_good) = said(&["--data-dir", folder.path().to_str().unwrap()]).unwrap();
        assert!(!is_good && told.contains("the store: there is no evidence entry and no row"), "{told}");
    }

    #[test]
    fn every_line_of_a_file_of_anchors_must_hold_and_its_signature() {
        let bench = Bench::new();
        let keys = ["key", "other"].map(|name| SigningKey::make(Path::new(&bench.at(name))).unwrap());
        let public = ["key", "other"].map(|name| public_path(Path::new(&bench.at(name))).to_str().unwrap().to_owned());
        let (file, expect) = (bench.at("anchors"), |file: &str| vec!["--expect".to_owned(), file.to_owned()]);
        let keep = |head: &Head, key: Option<&SigningKey>| anchors::append(Path::new(&file), head, key).unwrap();
        keep(&bench.heads[0], None);
        keep(&bench.heads[1], Some(&keys[0]));
        let with = |public: &[&str]| {
            let keys = public.iter().flat_map(|file| ["--public-key".to_owned(), (*file).to_owned()]);
            let arguments: Vec<_> = expect(&file).into_iter().chain(keys).collect();
            bench.said(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
        };
        let (told, is_good) = with(&[]);
        let last =
            format!("goes on from each of 2 anchors, the last one {} of 1970-01-01T00:34:10Z\nsignatures of anchors: not checked; ", bench.heads[1].anchor);
        assert!(is_good && told.contains(&last) && told.ends_with(AFTER), "{told}");
        let (told, is_good) = with(&[&public[0]]);
        assert!(is_good && told.contains("\nsigned: 1 anchor; 1 anchor before them without a signature\n"), "{told}");
        let (told, is_good) = with(&[&public[1]]);
        assert!(!is_good && told == "anchors: anchor 2, of evidence entry 4, is not signed by the key that was given", "{told}");
        // Another key takes over.
        keep(&bench.heads[2], Some(&keys[1]));
        assert!(with(&[&public[0], &public[1]]).1 && !with(&[&public[0]]).1);
        // A line in the middle that was not.
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen("2:", "1:", 1)).unwrap();
        let (told, is_good) = with(&[]);
        assert!(!is_good && told.contains("evidence entry 1: it is another one than was expected"), "{told}");
        fs::write(&file, text.replacen("1970-01-01T00:34:10Z", "1970-01-01T00:34:11Z", 1)).unwrap();
        let (told, is_good) = with(&[]);
        assert!(!is_good && told.contains("evidence entry 4: it was made at 1970-01-01T00:34:10Z, and 1970-01-01T00:34:11Z was expected"), "{told}");
        fs::write(&file, "nothing").unwrap();
        let error = bench.said(&["--expect", &file]).unwrap_err();
        assert!(error.contains("line 1 holds no anchor; expected a number and a digest"), "{error}");
        let error = bench.said(&["--expect", &bench.at("nowhere")]).unwrap_err();
        assert!(error.contains("or a file that holds it"), "{error}");
        let error = bench.said(&["--expect", &bench.heads[0].anchor.to_string(), "--public-key", &bench.at("key")]).unwrap_err();
        assert!(error.contains("holds no Ed25519 public key"), "{error}");
    }

    #[test]
    fn time_stamps_are_held_to_their_entries_and_to_their_signer() {
        let bench = Bench::new();
        let (authority, other) = (Authority::new("p256"), Authority::new("p256"));
        let folder = bench.at("anchors");
        fs::create_dir(&folder).unwrap();
        let stamps = |more: &[&str]| bench.said(&[&["--time-stamps", folder.as_str()], more].concat());
        assert!(stamps(&[]).unwrap_err().ends_with("there is no time stamp, no file such as 7.tsr"));
        for head in &bench.heads[..2] {
            let reply = authority.reply(&time_stamp::query(&head.anchor.digest, 1));
            fs::write(format!("{folder}/{}.tsr", head.anchor.entry), reply).unwrap();
        }
        let certificates = [&authority, &other].map(|authority| authority.path("tsa.pem").to_str().unwrap().to_owned());
        let (told, is_good) = stamps(&[]).unwrap();
        assert!(is_good && told.contains("entry 2 was there at 20") && told.contains("entry 4 was there at 20"), "{told}");
        assert!(told.contains("signatures of time stamps: not checked; give --tsa-certificate, or use: openssl ts -verify"), "{told}");
        let (told, is_good) = stamps(&["--tsa-certificate", &certificates[0]]).unwrap();
        assert!(is_good && told.contains("time stamps are signed by the key of ") && told.contains("not checked: who issued it"), "{told}");
        let (told, is_good) = stamps(&["--tsa-certificate", &certificates[1]]).unwrap();
        assert!(!is_good && told.contains("2.tsr: the key of the certificate has not signed it"), "{told}");
        // The time stamp of another entry, and none.
        fs::copy(format!("{folder}/4.tsr"), format!("{folder}/6.tsr")).unwrap();
        let (told, is_good) = stamps(&[]).unwrap();
        assert!(!is_good && told.contains("evidence entry 6: it is another one than was expected"), "{told}");
        fs::write(format!("{folder}/6.tsr"), "x").unwrap();
        let (told, is_good) = stamps(&[]).unwrap();
        assert!(!is_good && told.contains("6.tsr: no time stamp reply that can be read"), "{told}");
        assert!(stamps(&["--tsa-certificate", &bench.at(DATABASE_FILE)]).unwrap_err().ends_with("holds no certificate in PEM"));
    }
}
