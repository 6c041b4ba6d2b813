//! Noticing that files changed. What happens then is the pipeline's business.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{sync::mpsc, time::Instant};

/// Editors write a file in several steps; this much silence means that they are done.
const SETTLED: Duration = Duration::from_millis(300);

/// Where something is written all the time, a log beside the configuration say, there never is silence; after so long it is not waited for any more.
const LONGEST: Duration = Duration::from_secs(2);

/// Watches paths and tells which of them changed. Stops when dropped.
#[derive(Debug)]
pub struct Watcher {
    _notify: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<PathBuf>,
    paths: Vec<Watched>,
    /// What was touched and has not settled yet: kept here, because whoever waits for changes may leave and come again.
    touched: BTreeSet<PathBuf>,
    /// Since when.
    since: Instant,
}

/// A path under each of its names.
#[derive(Debug)]
struct Watched {
    /// As it was given.
    given: PathBuf,
    /// Where it stands in its folder: a symbolic link may be put in its place that leads elsewhere.
    entry: PathBuf,
    /// Where it leads to.
    resolved: PathBuf,
}

impl Watcher {
    /// Watches these files and folders, folders with what is below them. A file is watched through its folder, because editors replace
    /// files rather than write into them; a path that is not there yet, through the nearest folder that is. What can't be watched is told and left
    /// out, a folder say that may be searched and not listed.
    ///
    /// # Errors
    /// What the operating system reports, for instance that too much is watched already.
    pub fn new(paths: Vec<PathBuf>) -> Result<Self, notify::Error> {
        let (sender, events) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if !matches!(event.kind, EventKind::Access(_)) {
                for path in event.paths {
                    // The receiver is gone only when the watcher is being dropped.
                    let _ = sender.send(path);
                }
            }
        })?;
        let mut watched = Vec::new();
        for path in &paths {
            let (folder, mode) = if path.is_dir() { (path.clone(), RecursiveMode::Recursive) } else { (existing_parent(path), RecursiveMode::NonRecursive) };
            if !watched.contains(&folder) {
                if let Err(error) = watcher.watch(&folder, mode) {
                    tracing::warn!(path = %path.display(), error = %error, "changes of this can't be watched; SIGHUP reads the configuration again");
                }
                watched.push(folder);
            }
        }
        let paths = paths.into_iter().map(Watched::new).collect();
        Ok(Self { _notify: watcher, events, paths, touched: BTreeSet::new(), since: Instant::now() })
    }

    /// Also tells of the changes that another one has noticed and not told yet.
    pub fn go_on_from(&mut self, mut before: Self) {
        self.touched.append(&mut before.touched);
        while let Ok(path) = before.events.try_recv() {
            self.touched.insert(path);
        }
    }

    /// Waits for changes and gives the paths that changed, once they have settled. Who stops waiting loses none.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            if self.touched.is_empty() {
                let Some(first) = self.events.recv().await else { return std::future::pending().await };
                self.touched.insert(first);
                self.since = Instant::now();
            }
            let latest = self.since + LONGEST;
            while Instant::now() < latest {
                let settled = (Instant::now() + SETTLED).min(latest);
                let Ok(Some(next)) = tokio::time::timeout_at(settled, self.events.recv()).await else { break };
                self.touched.insert(next);
            }
            let touched = std::mem::take(&mut self.touched);
            let concerned = |path: &&Watched| touched.iter().any(|touched| path.is_concerned(touched));
            let changed: Vec<_> = self.paths.iter().filter(concerned).map(|path| path.given.clone()).collect();
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

impl Watched {
    fn new(given: PathBuf) -> Self {
        let resolved = given.canonicalize().unwrap_or_else(|_| given.clone());
        let entry = given.file_name().map_or_else(|| resolved.clone(), |name| existing_parent(&given).join(name));
        Self { given, entry, resolved }
    }

    fn is_concerned(&self, touched: &Path) -> bool {
        touched == self.entry || concerns(&self.resolved, touched)
    }
}

/// Whether a change at `touched` concerns `watched`: the path itself, something below it, or for a glob something in its folder.
fn concerns(watched: &Path, touched: &Path) -> bool {
    let resolved = touched.canonicalize();
    let touched = resolved.as_deref().unwrap_or(touched);
    touched.starts_with(watched) || (!watched.exists() && touched.starts_with(existing_parent(watched)))
}

fn existing_parent(path: &Path) -> PathBuf {
    let parent = path.ancestors().skip(1).find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("."));
    parent.canonicalize().unwrap_or_else(|_| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_are_noticed_and_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (config, registers) = (folder.path().join("agent.yaml"), folder.path().join("registers"));
        std::fs::write(&config, "a").unwrap();
        std::fs::create_dir(&registers).unwrap();
        let mut watcher = Watcher::new(vec![config.clone(), registers.clone()]).unwrap();
        std::fs::write(folder.path().join("unrelated"), "x").unwrap();
        std::fs::write(registers.join("systems.yaml"), "x").unwrap();
        assert_eq!(watcher.changed().await, [registers]);
        // Editors write a new file and move it over the old one.
        std::fs::write(folder.path().join("agent.yaml.new"), "b").unwrap();
        std::fs::rename(folder.path().join("agent.yaml.new"), &config).unwrap();
        assert_eq!(watcher.changed().await, [config]);
    }

    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_a_change() {
        let (folder, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = folder.path().join("certificate.pem");
        for name in ["1.pem", "2.pem"] {
            std::fs::write(archive.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(archive.path().join("1.pem"), &link).unwrap();
        let mut watcher = Watcher::new(vec![link.clone()]).unwrap();
        std::os::unix::fs::symlink(archive.path().join("2.pem"), folder.path().join("new")).unwrap();
        std::fs::rename(folder.path().join("new"), &link).unwrap();
        assert_eq!(watcher.changed().await, [link]);
    }

    #[tokio::test]
    async fn who_takes_over_tells_what_was_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let (config, other) = (folder.path().join("agent.yaml"), folder.path().join("other"));
        for file in [&config, &other] {
            std::fs::write(file, "a").unwrap();
        }
        let before = Watcher::new(vec![config.clone()]).unwrap();
        std::fs::write(&config, "b").unwrap();
        while before.events.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut after = Watcher::new(vec![other, config.clone()]).unwrap();
        after.go_on_from(before);
        assert_eq!(after.changed().await, [config]);
    }

    #[tokio::test]
    async fn who_stops_waiting_loses_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("agent.yaml");
        let mut watcher = Watcher::new(vec![config.clone()]).unwrap();
        std::fs::write(&config, "a").unwrap();
        // Whoever waits leaves again and again, and sooner than anything settles.
        let mut changed = None;
        for _ in 0..1_000 {
            changed = changed.or(tokio::time::timeout(SETTLED / 3, watcher.changed()).await.ok());
            if changed.is_some() {
                break;
            }
        }
        assert_eq!(changed, Some(vec![config]));
    }

    #[tokio::test]
    async fn what_is_written_all_the_time_hides_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let (config, noise) = (folder.path().join("agent.yaml"), folder.path().join("log"));
        std::fs::write(&config, "a").unwrap();
        let mut watcher = Watcher::new(vec![config.clone()]).unwrap();
        let writes = async {
            loop {
                std::fs::write(&noise, "line").unwrap();
                tokio::time::sleep(SETTLED / 10).await;
            }
        };
        std::fs::write(&config, "b").unwrap();
        tokio::select! {
            changed = watcher.changed() => assert_eq!(changed, [config]),
            () = writes => {}
        }
    }
}
