//! The agent's pages in a browser: what axe-core finds that keeps people out.

use crate::support::peers::installed;
use crate::support::quickstart::Quickstart;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs axe on these pages with the Chromium of this machine.
fn axe(urls: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/axe.py");
    let axe = installed("axe").join("node_modules/axe-core/axe.min.js");
    assert!(axe.is_file(), "{} is not there: run tests/peers/axe install", axe.display());
    let output = Command::new("python3").arg(script).arg("chromium").arg(axe).args(urls).output().expect("Python starts");
    let Output { status, stdout, stderr } = output;
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).lines().map(|line| serde_json::from_str(line).expect("a finding")).collect()
}

fn is_grave(finding: &Value) -> bool {
    ["serious", "critical"].iter().any(|impact| finding["impact"] == *impact)
}

#[test]
fn nothing_keeps_people_out_of_the_pages() {
    let sample = Quickstart::start();
    let pages =
        ["/", "/?system=cv-screening", "/indicators/drift_psi", "/indicators/impact_assessments_overdue?system=cv-screening", "/sources/registers", "/nothing"];
    let found = axe(&pages.map(|page| format!("http://{}{page}", sample.address)));
    let grave: Vec<_> = found.iter().filter(|finding| is_grave(finding)).collect();
    assert!(grave.is_empty(), "{grave:#?}");
}

/// Proves that the one above could fail: a page with what keeps people out.
#[test]
fn what_keeps_people_out_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("page.html");
    let text = "<!DOCTYPE html><html><head><title>x</title></head><body><main><h1>x</h1><p style=\"color: #999; background: #aaa\">grey</p><img src=\"x\"></main></body></html>";
    std::fs::write(&page, text).expect("a written page");
    let found = axe(&[format!("file://{}", page.display())]);
    let mut rules: Vec<_> = found.iter().filter(|finding| is_grave(finding)).map(|finding| finding["rule"].as_str().expect("a rule")).collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules, ["color-contrast", "html-has-lang", "image-alt"]);
}
