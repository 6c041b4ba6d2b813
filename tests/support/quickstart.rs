//! The sample organisation, as a user starts it.

use super::agent::program;
use super::http::{Http, Login};
use super::ports::free_port;
use super::processes::{Process, family, shown};
use super::wait::{Watched, wait_until};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// `clause9 quickstart` with a folder and a port of its own, ended when this is dropped.
pub struct Quickstart {
    pub address: String,
    folder: TempDir,
    child: Child,
    /// Locked for as long as this lives.
    _alone: File,
}

/// The sample's upstreams have ports of their own, written down in its configuration: there can be one sample at a time, in all processes.
const ALONE: &str = "clause9-tests-quickstart.lock";

impl Quickstart {
    pub fn start() -> Self {
        let alone = File::create(std::env::temp_dir().join(ALONE)).expect("a lock file");
        alone.lock().expect("a lock that can be waited for");
        let folder = tempfile::Builder::new().prefix("clause9-quickstart-").tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", free_port());
        let log = File::create(folder.path().join("log")).expect("a log file");
        let mut command = Command::new(program());
        command.args(["quickstart", "--listen", &address, "--dir"]).arg(folder.path().join("sample"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the program starts");
        let started = Self { address, folder, child, _alone: alone };
        let http = Http::new(&format!("http://{}", started.address), Login::None);
        wait_until("the sample to be ready", &[&started], || {
            assert!(!family(&started.roots()).iter().all(Process::has_ended), "the quickstart ended");
            let reply = http.send(reqwest::Method::GET, "/-/ready", None).map_err(|error| error.to_string())?;
            if reply.status == 200 { Ok(()) } else { Err(reply.text) }
        });
        started
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("a process that is ours can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// A file or folder of the sample.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("sample").join(name)
    }
}

impl Watched for Quickstart {
    fn roots(&self) -> Vec<u32> {
        vec![self.child.id()]
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprint!("--- the quickstart's processes\n{}--- the quickstart's log\n{log}", shown(&family(&self.roots())));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
