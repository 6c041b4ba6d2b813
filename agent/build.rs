//! Built-in connectors and indicators are embedded from `config/`. Cargo does not see new files there by itself.
//!
//! The commit is that of `CLAUSE9_COMMIT`, which builds from an archive set; else, in a release build, that of the repository. Builds for tests and
//! debugging do without, so that a commit alone does not make everything be built anew.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=../config");
    println!("cargo::rerun-if-env-changed=CLAUSE9_COMMIT");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match env::var("CLAUSE9_COMMIT").ok().filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("commit {commit}"),
        None if is_release => repository().map_or_else(|| "commit not known".to_owned(), |commit| format!("commit {commit}")),
        None => "a build for development".to_owned(),
    };
    println!("cargo::rustc-env=CLAUSE9_COMMIT={commit}");
    let features: Vec<_> =
        env::vars().filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase())).filter(|name| name != "default").collect();
    let features = if features.is_empty() { "no optional features".to_owned() } else { format!("features: {}", features.join(", ")) };
    println!("cargo::rustc-env=CLAUSE9_FEATURES={features}");
}

/// The commit that is checked out, and a mark where files differ from it.
fn repository() -> Option<String> {
    let log = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if is_clean { commit } else { format!("{commit} with changes") })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
