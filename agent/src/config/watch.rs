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
    /// Each path as it was given, and as the operating system names it.
    paths: Vec<(PathBuf, PathBuf)>,
    /// What was touched and has not settled yet: kept here, because whoever waits for changes may leave and come again.
    touched: BTreeSet<PathBuf>,
    /// Since when.
    since: Instant,
}

impl Watcher {
    /// Watches these files and folders, folders with what is below them. A file is watched through its folder, because editors replace
    /// files rather than write into them; a path that is not there yet, through the nearest folder that is.
    ///
    /// # Errors
    /// What the operating system reports, for instance that it watches too many files already.
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
                watcher.watch(&folder, mode)?;
                watched.push(folder);
            }
        }
        let resolved = |path: PathBuf| (path.clone(), path.canonicalize().unwrap_or(path));
        let paths = paths.into_iter().map(resolved).collect();
        Ok(Self { _notify: watcher, events, paths, touched: BTreeSet::new(), since: Instant::now() })
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
            let concerned = |path: &Path| touched.iter().any(|touched| concerns(path, touched));
            let changed: Vec<_> = self.paths.iter().filter(|(_, resolved)| concerned(resolved)).map(|(path, _)| path.clone()).collect();
            if !changed.is_empty() {
                return changed;
            }
        }
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
