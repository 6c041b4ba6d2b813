//! The sample organisation, as a user starts it, and as somebody corrects its register.

use crate::support::agent::program;
use crate::support::http::{Http, Login};
use crate::support::peers::free_port;
use crate::support::wait_for;
use std::process::{Child, Command, Stdio};

use super::LIMIT;

/// The sample organisation, as a user starts it.
pub struct Quickstart {
    pub address: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl Quickstart {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let sample = folder.path().join("sample");
        let mut command = Command::new(program());
        command.args(["quickstart", "--listen", &address, "--dir"]).arg(&sample).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut started = Self { address, folder, child: command.spawn().expect("the program starts") };
        wait_for("the sample to be ready", LIMIT, || {
            assert!(started.child.try_wait().ok().flatten().is_none(), "the quickstart ended: {}", started.log());
            let reply = Http::new(&format!("http://{}", started.address), Login::None).send(reqwest::Method::GET, "/-/ready", None).ok()?;
            (reply.status == 200).then_some(())
        });
        started
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("a process that is ours can be killed");
        self.child.wait().expect("a killed process ends");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The rule files that it made, which are those of the repository.
    pub fn rules(&self) -> Vec<(String, String)> {
        let folder = self.folder.path().join("sample/dashboards/prometheus");
        let files = std::fs::read_dir(folder).expect("the rules of the sample").flatten();
        let names = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.path())).filter(|(name, _)| name.ends_with(".rules.yml"));
        names.map(|(name, path)| (name, std::fs::read_to_string(path).expect("rules"))).collect()
    }

    /// The next impact assessment of a system is due in a year, as somebody would correct it.
    pub fn correct_register(&self, system: &str) {
        let path = self.folder.path().join("sample/registers/reviews.csv");
        let text = std::fs::read_to_string(&path).expect("the register");
        let next_due = text.lines().next().and_then(|head| head.split(',').position(|name| name == "next_due")).expect("a column next_due");
        let later = Command::new("date").args(["-d", "365 days", "+%F"]).output().expect("a date").stdout;
        let later = String::from_utf8(later).expect("a date is text").trim().to_owned();
        let line = |line: &str| {
            let mut cells: Vec<_> = line.split(',').collect();
            if line.starts_with(&format!("impact_assessment,{system},")) {
                cells[next_due] = &later;
            }
            cells.join(",")
        };
        let corrected: Vec<_> = text.lines().map(line).collect();
        let corrected = corrected.join("\n") + "\n";
        assert_ne!(corrected, text, "the assessment is in the register");
        std::fs::write(path, corrected).expect("a written register");
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the log of the quickstart\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
