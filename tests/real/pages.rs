//! The agent's pages in a browser: what axe-core finds that keeps people out.

use crate::support::peers::installed;
use crate::support::quickstart::Quickstart;
use clause9::review::Pack;
use serde_json::{Value, json};
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

/// The page of a review pack: one that was made, with a reading whose course is drawn.
#[test]
fn nothing_keeps_people_out_of_a_pack() {
    let folder = crate::review::past();
    let (is_good, told) = crate::review::made(folder.path(), &["--quarter", "2026-Q1"], "q1");
    assert!(is_good, "{told}");
    let text = std::fs::read_to_string(folder.path().join("q1/pack.json")).expect("a pack");
    let mut pack: Pack = serde_json::from_str(&text).expect("a pack");
    let id = pack.indicators.first().expect("an indicator").id.clone();
    let period = pack.header.period.from..pack.header.period.until;
    let middle = period.start + (period.end - period.start) / 2;
    let time = json!({ "ok": 0, "warning": 0, "breach": middle - period.start, "unknown": period.end - middle, "absent": 0, "unwatched": 0 });
    let reading = json!({
        "labels": { "system": "credit", "feature": "income" }, "begin": null, "end": { "state": "breach", "value": 0.4 }, "change": "worse", "adverse": true, "time": time,
        "changes": 1, "first_breach": middle, "in_breach_since": middle, "worst": null, "reason": null, "rule": "breach: >= 0.25", "method": null, "entry": null,
        "before": [{ "state": "ok", "value": 0.1 }, null, null, null], "coarse": false,
        "course": [{ "from": period.start, "until": middle, "state": "unknown", "value": null }, { "from": middle, "until": period.end, "state": "breach", "value": 0.3, "value_at_end": 0.4 }],
    });
    pack.indicators[0].limits = vec!["breach: >= 0.25".to_owned()];
    pack.indicators[0].readings.insert(0, serde_json::from_value(reading).expect("a reading"));
    assert!(pack.sections.iter().any(|section| section.indicators.contains(&id)), "{id} is shown");
    let page = folder.path().join("page.html");
    std::fs::write(&page, clause9::review::html::render(&pack)).expect("a written page");
    let found = axe(&[format!("file://{}", page.display())]);
    assert!(found.is_empty(), "{found:#?}");
}

/// The page of a gap assessment.
#[test]
fn nothing_keeps_people_out_of_a_gap_assessment() {
    let folder = crate::review::past();
    let out = folder.path().join("gap");
    let config = folder.path().join("agent.yaml");
    let told = crate::support::agent::clause9(&["review", "gap", "--config", &config.to_string_lossy(), "--at", "2026-02-28", "--out", &out.to_string_lossy()]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let found = axe(&[format!("file://{}", out.join("index.html").display())]);
    assert!(found.is_empty(), "{found:#?}");
}

/// Proves that the ones above could fail: a page with what keeps people out.
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
