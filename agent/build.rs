//! Built-in connectors and indicators are embedded from `config/`. Cargo does not see new files there by itself.
//!
//! So are the generated files of `dashboards/` that the sample organisation gets, in one text and deflated: most of it is looked at by nobody.
//!
//! The commit is that of `CLAUSE9_COMMIT`, which builds from an archive set; else, in a release build, that of the repository. Builds for tests and
//! debugging do without, so that a commit alone does not make everything be built anew.

use std::{env, fs, io::Write as _, path::Path, process::Command};

/// The folders of `dashboards/` that hold what follows from the catalogue.
const GENERATED: [&str; 3] = ["grafana", "prometheus", "runbooks"];

fn main() {
    println!("cargo::rerun-if-changed=../config");
    println!("cargo::rerun-if-changed=../dashboards");
    fs::write(Path::new(&env::var("OUT_DIR").expect("Cargo sets it")).join("dashboards.z"), dashboards()).expect("Cargo's folder can be written to");
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

/// Each file as its path, a line, how long it is, a line, and its content; all of it deflated.
fn dashboards() -> Vec<u8> {
    let root = Path::new("../dashboards");
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    for folder in GENERATED {
        let mut names: Vec<_> =
            fs::read_dir(root.join(folder)).expect("a folder of generated files").map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        for name in names {
            let path = Path::new(folder).join(name);
            let text = fs::read_to_string(root.join(&path)).expect("a generated file");
            write!(packed, "{}\n{}\n{text}", path.display(), text.len()).expect("there is memory");
        }
    }
    packed.finish().expect("there is memory")
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
