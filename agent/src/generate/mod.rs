//! Files that follow from the catalogue: Grafana dashboards, Prometheus rules with their tests, runbooks. Each module gives texts; writing them,
//! or comparing them with what is there, is done here. Nothing here knows of records or of the store.

#[cfg(test)]
mod calls;
pub mod grafana;
pub mod prometheus;
pub mod runbooks;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::indicator::Catalogue;

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Where it belongs, relative to the folder `dashboards/`.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// What a user may decide about generated files.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the runbooks are: what `runbook_url` of an alert begins with. Default: their folder in this repository, so that the link names a file.
    pub runbook_base: String,
    /// The agent's page as browsers reach it: what dashboards link to unless their variable says otherwise. Default: the page of an agent on the
    /// same machine.
    pub agent_url: String,
    /// Whether alerts use `keep_firing_for`, with which an alert outlives a restart of the agent. Prometheus before 2.42 and older vmalert refuse a
    /// file that has it. Default: yes.
    pub keeps_firing: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { runbook_base: "dashboards/runbooks".to_owned(), agent_url: "http://127.0.0.1:9420".to_owned(), keeps_firing: true }
    }
}

impl Settings {
    /// The address of a page of the runbooks.
    fn runbook(&self, page: &str) -> String {
        format!("{}/{page}.md", self.runbook_base.trim_end_matches('/'))
    }
}

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Grafana dashboards and their provisioning.
    Dashboards,
    /// Alerting and recording rules with their tests.
    Rules,
    /// One page for each indicator.
    Runbooks,
}

impl Product {
    /// Every product, in the order in which they are made.
    pub const ALL: [Self; 3] = [Self::Dashboards, Self::Rules, Self::Runbooks];

    /// The folder, relative to `dashboards/`, that holds nothing but what is generated: files there that are not made any more are out of date.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Dashboards => "grafana",
            Self::Rules => "prometheus",
            Self::Runbooks => "runbooks",
        }
    }

    /// The files, in the order of their paths.
    pub fn files(self, catalogue: &Catalogue, settings: &Settings) -> Vec<Generated> {
        let mut files = match self {
            Self::Dashboards => grafana::files(catalogue, settings),
            Self::Rules => prometheus::files(catalogue, settings),
            Self::Runbooks => runbooks::files(catalogue),
        };
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }
}

/// Files that are missing from `dir`, differ from what would be made, or would not be made any more.
///
/// # Errors
/// What the file system reports about a folder or a file that is there.
pub fn differences(product: Product, catalogue: &Catalogue, settings: &Settings, dir: &Path) -> io::Result<Vec<PathBuf>> {
    differing(product, &product.files(catalogue, settings), dir)
}

fn differing(product: Product, files: &[Generated], dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut differing: Vec<_> = Vec::new();
    for file in files {
        let there = match fs::read_to_string(dir.join(&file.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Some(text?),
        };
        if there.as_ref() != Some(&file.text) {
            differing.push(file.path.clone());
        }
    }
    differing.extend(leftovers(product, files, dir)?);
    Ok(differing)
}

/// Writes the files into `dir` and removes those that are not made any more. Gives what changed.
///
/// # Errors
/// What the file system reports.
pub fn write(product: Product, catalogue: &Catalogue, settings: &Settings, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let files = product.files(catalogue, settings);
    let changed = differing(product, &files, dir)?;
    for file in files.iter().filter(|file| changed.contains(&file.path)) {
        let path = dir.join(&file.path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, &file.text)?;
    }
    for path in leftovers(product, &files, dir)? {
        fs::remove_file(dir.join(path))?;
    }
    Ok(changed)
}

/// The mark of a generated file: only files that carry it are ever removed.
pub const MARK: &str = "Made by `clause9 generate`";

fn leftovers(product: Product, files: &[Generated], dir: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = dir.join(product.folder());
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut leftovers = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = Path::new(product.folder()).join(entry.file_name());
        let is_ours = || fs::read_to_string(entry.path()).is_ok_and(|text| text.contains(MARK));
        if entry.file_type()?.is_file() && !files.iter().any(|file| file.path == path) && is_ours() {
            leftovers.push(path);
        }
    }
    leftovers.sort();
    Ok(leftovers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is checked in is written anew where it differs; the test fails then, so that the change is looked at and committed.
    #[test]
    fn what_is_checked_in_is_what_would_be_made() {
        let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards"));
        let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let changed: Vec<_> = Product::ALL.into_iter().flat_map(|product| write(product, &catalogue, &Settings::default(), dir).unwrap()).collect();
        assert!(changed.is_empty(), "were out of date and are written anew: look at them and commit them: {changed:?}");
    }

    #[test]
    fn a_file_that_is_not_made_any_more_goes_and_one_of_somebody_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        write(Product::Runbooks, &catalogue, &Settings::default(), dir.path()).unwrap();
        let runbooks = dir.path().join("runbooks");
        fs::write(runbooks.join("gone.md"), format!("<!-- {MARK} -->")).unwrap();
        fs::write(runbooks.join("mine.md"), "mine").unwrap();
        assert_eq!(write(Product::Runbooks, &catalogue, &Settings::default(), dir.path()).unwrap(), [Path::new("runbooks/gone.md")]);
        assert!(!runbooks.join("gone.md").exists() && runbooks.join("mine.md").exists());
    }
}
