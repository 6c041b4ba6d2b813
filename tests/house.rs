//! Each outside crate has one home: what is replaced one day, or differs from what was expected, is then one folder's concern.

use std::path::{Path, PathBuf};

/// Crates, and the only files or folders that name them: one, but for a crate that two write the same kind of file with.
const HOMES: [(&str, &[&str]); 18] = [
    ("aws_credential_types", &["agent/src/connector/http/sign.rs"]),
    ("aws_sigv4", &["agent/src/connector/http/sign.rs"]),
    ("calamine", &["agent/src/connector/format/"]),
    ("cron", &["agent/src/schedule"]),
    ("jaq_core", &["agent/src/connector/expression.rs"]),
    ("notify", &["agent/src/config/watch.rs"]),
    ("plotters", &["agent/src/draw/"]),
    ("plotters_backend", &["agent/src/draw/"]),
    ("reqwest", &["agent/src/connector/"]),
    ("ring", &["agent/src/keys"]),
    // The store, and files that others write.
    ("rusqlite", &["agent/src/store/sqlite/", "agent/src/connector/sql/"]),
    // Registers to begin with, and packs.
    ("rust_xlsxwriter", &["agent/src/connector/", "agent/src/review/"]),
    ("rustls_platform_verifier", &["agent/src/connector/sql/"]),
    ("tokio_postgres", &["agent/src/connector/sql/"]),
    ("tokio_rustls", &["exporter/src/server/", "agent/src/connector/sql/"]),
    ("tracing_subscriber", &["agent/src/cli/logs"]),
    ("utoipa", &["agent/src/web/api"]),
    ("utoipa_axum", &["agent/src/web/api"]),
];

#[test]
fn outside_crates_stay_in_their_homes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["agent/src", "exporter/src"] {
        collect(&root.join(folder), &mut files);
    }
    let mut seen = [false; HOMES.len()];
    for file in &files {
        let name = file.strip_prefix(&root).expect("it was found there").to_string_lossy();
        let text = std::fs::read_to_string(file).expect("a source file");
        for (seen, (outside, homes)) in seen.iter_mut().zip(HOMES) {
            let Some(line) = text.lines().find(|line| names(line, outside)) else { continue };
            assert!(homes.iter().any(|home| name.starts_with(home)), "{name} names {outside}, whose home is {}: {line}", homes.join(", "));
            *seen = true;
        }
    }
    assert_eq!(seen, [true; HOMES.len()], "every home has somebody in it");
}

/// Files that start processes, and how often.
const STARTERS: [(&str, usize); 4] =
    [("agent/src/config/exec.rs", 1), ("agent/src/connector/mapper/agent.rs", 1), ("agent/src/connector/program/mod.rs", 1), ("agent/src/review/pdf.rs", 1)];

#[test]
fn few_places_start_processes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["agent/src", "exporter/src"] {
        collect(&root.join(folder), &mut files);
    }
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let name = file.strip_prefix(&root).expect("it was found there").to_string_lossy().into_owned();
        let is_test = name.contains("/tests") || TEST_FILES.contains(&name.as_str());
        let starts = code.lines().filter(|line| !line.trim_start().starts_with("//") && line.contains("Command::new(")).count();
        if starts > 0 && !is_test {
            found.push((name, starts));
        }
    }
    found.sort();
    let found: Vec<_> = found.iter().map(|(name, starts)| (name.as_str(), *starts)).collect();
    assert_eq!(found, STARTERS);
}

/// Files that only tests have.
const TEST_FILES: [&str; 3] = ["agent/src/anchors/testing.rs", "agent/src/pipeline/core/year.rs", "agent/src/store/real.rs"];

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Whether a line of code uses a crate: `reqwest::Client`, not `super::postgres::Place`, and not words about it.
fn names(line: &str, outside: &str) -> bool {
    let line = line.trim_start();
    let is_path = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_:/\"`".contains(c)) && line[at + outside.len()..].starts_with("::")
    };
    !line.starts_with("//") && line.match_indices(outside).any(|(at, _)| is_path(at))
}
