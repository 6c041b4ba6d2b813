//! A time stamp authority of the tests' own: a real one, by openssl.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const EXTENSIONS: &str = "[tsa]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = critical, timeStamping\n";

/// An authority, and who issued its certificate: `ca.pem`, `tsa.pem`.
pub(crate) struct Authority(tempfile::TempDir);

impl Authority {
    /// One that signs with a key of this kind: `rsa`, `p256`, `p384`.
    pub(crate) fn new(kind: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Self(folder);
        let key = match kind {
            "rsa" => ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "p256" => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            _ => ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        };
        fs::write(authority.path("extensions"), EXTENSIONS).unwrap();
        authority.openssl("genpkey", &[&key[..], &["-out", "ca.key"]].concat());
        authority.openssl("genpkey", &[&key[..], &["-out", "tsa.key"]].concat());
        authority.openssl("req", &["-x509", "-new", "-key", "ca.key", "-subj", "/CN=Test authority", "-days", "2", "-out", "ca.pem"]);
        authority.openssl("req", &["-new", "-key", "tsa.key", "-subj", "/CN=Test time stamps", "-out", "tsa.csr"]);
        let issue = ["-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-extensions"];
        authority.openssl("x509", &[&issue[..], &["tsa", "-out", "tsa.pem"]].concat());
        fs::write(authority.path("serial"), "01\n").unwrap();
        let at = |name: &str| authority.path(name).display().to_string();
        let config = format!(
            "[tsa]\ndefault_tsa = this\n[this]\nserial = {}\nsigner_cert = {}\ncerts = {}\nsigner_key = {}\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
             digests = sha256, sha384\nordering = yes\ness_cert_id_chain = no\n",
            at("serial"),
            at("tsa.pem"),
            at("ca.pem"),
            at("tsa.key")
        );
        fs::write(authority.path("config"), config).unwrap();
        authority
    }

    /// A file of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What it answers.
    pub(crate) fn reply(&self, query: &[u8]) -> Vec<u8> {
        fs::write(self.path("query"), query).unwrap();
        self.openssl("ts", &["-reply", "-config", "config", "-queryfile", "query", "-out", "reply"]);
        fs::read(self.path("reply")).unwrap()
    }

    fn openssl(&self, command: &str, arguments: &[&str]) {
        let output = Command::new("openssl").arg(command).args(arguments).current_dir(Path::new(self.0.path())).output().unwrap();
        assert!(output.status.success(), "openssl {command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
