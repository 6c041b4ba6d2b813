//! The real `clause9` program, run as a user runs it.

use super::processes::{Process, family, shown};
use super::wait::{Watched, wait_until};
use super::{http::Http, http::Login, ports::free_port};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A daemon with a folder of its own. It is told to stop when this is dropped.
pub struct Agent {
    pub url: String,
    folder: TempDir,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

/// The program, from `CLAUSE9_BIN`, else beside this test's own target folder.
pub fn program() -> PathBuf {
    built("clause9", "CLAUSE9_BIN")
}

/// The program that measures, from `CLAUSE9_MEASURE_BIN`, else likewise.
pub fn measure_program() -> PathBuf {
    built("clause9-measure", "CLAUSE9_MEASURE_BIN")
}

fn built(name: &str, variable: &str) -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors().nth(2).expect("tests lie in target/<profile>/deps").join(name)
    };
    let program = std::env::var_os(variable).map_or_else(beside, PathBuf::from);
    assert!(program.is_file(), "{} is not built: cargo build -p {name}", program.display());
    program
}

/// Puts a file in place whole. One that is written where it lies is empty for a moment, which a poll may take for all that there is.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("a written file");
    std::fs::rename(&new, path).expect("a file in its place");
}

/// Runs a command to its end.
pub fn clause9(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

impl Agent {
    /// Starts with the sources of `rest` (YAML below the head) and the files that `prepare` puts into the folder.
    pub fn start(rest: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::start_with(Vec::new(), rest, prepare)
    }

    /// The same with more in its environment.
    pub fn start_with(environment: Vec<(String, String)>, rest: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new().prefix("clause9-agent-").tempdir().expect("a temporary folder");
        let listen = format!("127.0.0.1:{}", free_port());
        let config = format!("organisation: {{ name: Example, timezone: Europe/Berlin }}\nlisten: {listen}\ndata_dir: data\n{rest}");
        std::fs::write(folder.path().join("agent.yaml"), config).expect("a written agent.yaml");
        prepare(folder.path());
        let mut agent = Self { url: format!("http://{listen}"), folder, environment, child: None };
        agent.start_again();
        agent
    }

    /// Starts on the data that is there.
    pub fn start_again(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let config = self.path("agent.yaml");
        let mut command = Command::new(program());
        command.args(["run", "--config"]).arg(config).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("the program starts"));
        wait_until("the agent to be ready", &[self], || {
            assert!(!family(&self.roots()).iter().all(Process::has_ended), "the agent ended");
            let reply = self.http().send(reqwest::Method::GET, "/-/ready", None).map_err(|error| error.to_string())?;
            if reply.status == 200 { Ok(()) } else { Err(reply.text) }
        });
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the agent runs").id()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn http(&self) -> Http {
        Http::new(&self.url, Login::None)
    }

    /// `host:port`, for a scrape configuration.
    pub fn target(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn metrics(&self) -> String {
        self.http().send(reqwest::Method::GET, "/metrics", None).expect("an answer").text
    }

    /// Waits until a line of `/metrics` begins like this, and gives the rest of it.
    pub fn wait_metric(&self, series: &str) -> String {
        self.wait_metric_until(series, |_| true)
    }

    /// The same, until that rest is good.
    pub fn wait_metric_until(&self, series: &str, is_good: impl Fn(&str) -> bool) -> String {
        wait_until(series, &[self], || {
            let page = self.metrics();
            let value = page.lines().find_map(|line| line.strip_prefix(series)).map(|rest| rest.trim().to_owned());
            if value.as_deref().is_some_and(&is_good) { Ok(value.unwrap_or_default()) } else { Err(value) }
        })
    }

    /// Waits until it says that it is not ready, and gives why.
    pub fn wait_unready(&self) -> String {
        self.wait_readiness(503)
    }

    pub fn wait_ready(&self) {
        self.wait_readiness(200);
    }

    fn wait_readiness(&self, status: u16) -> String {
        wait_until(&format!("readiness to be {status}"), &[self], || {
            let reply = self.http().send(reqwest::Method::GET, "/-/ready", None).map_err(|error| error.to_string())?;
            if reply.status == status { Ok(reply.text) } else { Err(reply.text) }
        })
    }

    /// The hardest end there is.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the agent runs");
        child.kill().expect("a process that is ours can be killed");
        child.wait().expect("a killed process ends");
    }

    /// SIGTERM, and whether it ended well.
    pub fn stop(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return true };
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "SIGTERM can be sent");
        let processes = child.id();
        wait_until("the agent to end", &[&processes], || child.try_wait().expect("a child of ours").ok_or(())).success()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} can be sent");
    }
}

impl Watched for Agent {
    fn roots(&self) -> Vec<u32> {
        self.child.iter().map(Child::id).collect()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("--- the agent's processes\n{}--- the agent's log\n{}", shown(&family(&self.roots())), self.log());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
