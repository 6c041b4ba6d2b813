//! Management review packs as people make them: by the program, from a data folder with a past.

use crate::support::{
    agent::{Agent, clause9, program},
    http::{Http, Login},
    wait::wait_until,
};
use clause9::{
    record::{Door, Zone},
    store::{Delivered, Mode, Store},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// 2026-01-01T00:00:00Z, and days from it.
const BEGIN: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// A folder with a configuration, and a store that was filled in the first half of 2026.
pub fn past() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "organisation: { name: Example, timezone: UTC }\nregisters: registers\nreview: { year_starts: january }\n";
    std::fs::create_dir(folder.path().join("registers")).expect("a folder");
    std::fs::write(folder.path().join("agent.yaml"), config).expect("a written agent.yaml");
    let mut store = Store::open(&folder.path().join("data"), Zone::UTC).expect("a store");
    let mut commit = |records: &[Value], at: i64| {
        let door = Door { now: at, zone: Zone::UTC };
        let records = records.iter().flat_map(|record| door.admit(record).expect("a record")).collect();
        let stream = Delivered { stream: "s".to_owned(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
        store.commit("registers", &[stream], at).expect("a commit");
    };
    let system = |id: &str| json!({ "record": "system", "id": id, "risk_tier": "high" });
    let action = |closed: Option<i64>| json!({ "record": "case", "id": "MA-1", "kind": "review_action", "title": "=Second reviewer", "due": "2026-03-01", "opened_at": BEGIN, "closed_at": closed });
    commit(&[system("credit"), action(None)], BEGIN + DAY);
    commit(&[system("credit"), system("chat"), action(None)], BEGIN + 40 * DAY);
    // What became of it in March was told in April only.
    commit(&[system("credit"), system("chat"), action(Some(BEGIN + 80 * DAY))], BEGIN + 100 * DAY);
    folder
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn said(arguments: &[&str]) -> (bool, String) {
    let output = clause9(arguments);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The arguments of `review make`.
fn make(folder: &Path, more: &[&str], out: &str) -> Vec<String> {
    let fixed = ["review".to_owned(), "make".to_owned(), "--config".to_owned(), text(&folder.join("agent.yaml")), "--out".to_owned(), text(&folder.join(out))];
    fixed.into_iter().chain(more.iter().map(|more| (*more).to_owned())).collect()
}

pub fn made(folder: &Path, more: &[&str], out: &str) -> (bool, String) {
    let arguments = make(folder, more, out);
    said(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_pack_is_made_verified_and_compared() {
    let folder = past();
    let folder = folder.path();
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1"], "q1");
    assert!(is_good && told.contains("to be decided: 1 action of an earlier management review is late"), "{told}");
    let (is_good, told) = made(folder, &["--quarter", "2026-Q2"], "q2");
    assert!(is_good && told.contains("goes on from the pack of 2026-Q1: "), "{told}");
    for name in [
        "pack.json",
        "pack.xlsx",
        "index.html",
        "evidence.ndjson",
        "manifest.json",
        "csv/readings.csv",
        "csv/actions.csv",
        "oscal-assessment-results.json",
        "oscal-component-definition.json",
    ] {
        assert!(folder.join("q2").join(name).is_file(), "{name}");
    }
    // It was closed in the first quarter, of which nobody knew then.
    let late = std::fs::read_to_string(folder.join("q2/csv/late-cases.csv")).expect("a table");
    assert!(late.contains("changed,registers,MA-1,review_action,2026-01-01,2026-03-22,registers,MA-1,review_action,2026-01-01,"), "{late}");

    let (is_good, told) = said(&["review", "verify", &text(&folder.join("q2")), "--data-dir", &text(&folder.join("data"))]);
    assert!(is_good && told.contains("every one of these entries is in the store"), "{told}");
    let (is_good, told) = said(&["review", "diff", &text(&folder.join("q1")), &text(&folder.join("q2"))]);
    assert!(is_good && told.contains("Actions of management reviews: 0 new, 1 gone, 0 changed"), "{told}");
    let (is_good, told) = said(&["review", "diff", &text(&folder.join("q1")), &text(&folder.join("q2")), "--format", "json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(is_good && told["periods"] == json!(["2026-Q1", "2026-Q2"]), "{told:#}");

    let (is_good, told) = made(folder, &["--from", "2026-01-15", "--to", "2026-02-20"], "days");
    assert!(is_good && told.contains("2026-01-15 to 2026-02-20"), "{told}");
    let written = folder.join("q2/csv/actions.csv");
    std::fs::write(&written, "").expect("a written file");
    let (is_good, told) = said(&["review", "verify", &text(&folder.join("q2"))]);
    assert!(!is_good && told.contains("csv/actions.csv: it is not what the manifest says"), "{told}");
}

#[test]
fn a_gap_assessment_is_made_once_for_a_day_that_has_ended() {
    let folder = past();
    let folder = folder.path();
    let gap = |more: &[&str]| {
        let config = text(&folder.join("agent.yaml"));
        said(&[&["review", "gap", "--config", config.as_str()], more].concat())
    };
    let (first, second) = (text(&folder.join("first")), text(&folder.join("second")));
    let (is_good, told) = gap(&["--at", "2026-02-28", "--out", &first]);
    assert!(is_good && told.contains("2026-02-28\nrequirements: 0 excluded, 1 evidenced, ") && told.contains("Stage 1: documents and readiness: "), "{told}");
    let mut names: Vec<_> = names(Path::new(&first)).into_iter().map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())).collect();
    names.sort();
    assert_eq!(names.into_iter().flatten().collect::<Vec<_>>(), ["gap.json", "gap.xlsx", "index.html"]);
    // What was told later is not in it, whatever is stored by now.
    let told: Value = serde_json::from_str(&std::fs::read_to_string(Path::new(&first).join("gap.json")).expect("a file")).expect("JSON");
    assert_eq!((&told["statement"].as_array().map(Vec::len), &told["was_watched"]), (&Some(38), &json!(false)));
    let (is_good, told) = gap(&["--out", &second]);
    assert!(is_good && told.contains("nobody watched on that day: no reading of it is known"), "{told}");
    for (more, expected) in [
        (&["--at", "2026-02-28", "--out", first.as_str()][..], "is there already; a pack replaces nothing"),
        (&["--at", "2999-01-01", "--out", "never"], "has not ended"),
        (&["--at", "2025-01-01", "--out", "never"], "nothing is stored of the period"),
        (&["--at", "soon", "--out", "never"], "`soon` is no day; expected a day such as 2026-09-30"),
    ] {
        let (is_good, told) = gap(more);
        assert!(!is_good && told.contains(expected), "{more:?}: {told}");
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_written() {
    let folder = past();
    let folder = folder.path();
    let before: Vec<_> = names(folder);
    let config = text(&folder.join("agent.yaml"));
    for (more, expected) in [
        (&["--quarter", "2026-Q7"][..], "`2026-Q7` is no quarter; expected a quarter such as 2026-Q3"),
        (&["--quarter", "2999-Q1"], "the period 2999-Q1 has not ended: it ends on 2999-04-01 00:00"),
        (&["--quarter", "2020-Q1"], "nothing is stored of the period 2020-Q1: what is known begins on 2026-01-02 00:00"),
        (&["--from", "2026-02-01", "--to", "2026-01-01"], "the last day, 2026-01-01, lies before the first, 2026-02-01"),
        (&["--from", "2026-02-01"], "--to <DAY>"),
        (&["--quarter", "2026-Q1", "--previous", "nowhere"], "nowhere holds no pack: manifest.json"),
        (&["--quarter", "2026-Q1", "--pdf", "--chromium", "/no/chromium"], "/no/chromium is no program that can be run"),
        (&["--quarter", "2026-Q1", "--key", config.as_str()], "agent.yaml holds no Ed25519 private key"),
        (&["--quarter", "2026-Q1", "--key", "nowhere"], "the key nowhere can't be read"),
        (&["--quarter", "2026-Q1", "--as-of", "soon"], "--as-of: expected a day such as 2026-09-30"),
        (&["--quarter", "2026-Q1", "--as-of", "999999"], "there is no evidence entry 999999; the last one is "),
        (&["--quarter", "2026-Q1", "--as-of", "2999-01-01"], "2999-01-02 00:00 has not come"),
        (&["--quarter", "2026-Q2", "--as-of", "2026-03-01"], "the period 2026-Q2 begins on 2026-04-01 00:00: as of 2026-03-02 00:00 nothing of it was known"),
        (&["--quarter", "2026-Q1", "--as-of", "2025-12-31"], "what is known begins on 2026-01-02 00:00"),
    ] {
        let (is_good, told) = made(folder, more, "pack");
        assert!(!is_good && told.contains(expected), "{more:?}: {told}");
        assert_eq!(names(folder), before, "{more:?}");
    }
    std::fs::create_dir(folder.join("pack")).expect("a folder");
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1"], "pack");
    assert!(!is_good && told.contains("pack is there already; a pack replaces nothing"), "{told}");
    let (is_good, told) = said(&["review", "verify", &text(&folder.join("pack"))]);
    assert!(!is_good && told.contains("pack holds no pack: manifest.json"), "{told}");
}

#[test]
fn a_pack_is_signed_and_the_signature_is_asked_for() {
    let folder = past();
    let folder = folder.path();
    let (key, other) = (text(&folder.join("evidence.pem")), text(&folder.join("other.pem")));
    for key in [&key, &other] {
        let (is_good, told) = said(&["keys", "new", "--out", key]);
        assert!(is_good, "{told}");
    }
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1"], "unsigned");
    assert!(is_good && told.contains("unsigned; "), "{told}");
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1", "--key", &key], "q1");
    assert!(is_good && told.contains("signed by "), "{told}");
    let config = std::fs::read_to_string(folder.join("agent.yaml")).expect("a file");
    std::fs::write(folder.join("agent.yaml"), format!("{config}evidence: {{ key: evidence.pem }}\n")).expect("a written file");
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1"], "by-configuration");
    assert!(is_good, "{told}");
    let signature = |name: &str| std::fs::read(folder.join(name).join("manifest.json.sig")).expect("a signature");
    assert!(signature("q1") == signature("by-configuration"));

    let verified = |name: &str, more: &[&str]| said(&[&["review", "verify", &text(&folder.join(name))], more].concat());
    let (public, wrong) = (format!("{key}.pub"), format!("{other}.pub"));
    for (name, more, is_good, expected) in [
        ("q1", &[][..], true, "whether that is the key of who should have signed, --public-key tells"),
        ("q1", &["--public-key", &public], true, ", which was asked for"),
        ("q1", &["--public-key", &wrong], false, "another key signed than was asked for"),
        ("q1", &["--public-key", &wrong, "--public-key", &public], true, ", which was asked for"),
        ("q1", &["--public-key", &key], false, "holds no Ed25519 public key"),
        ("unsigned", &[], true, "unsigned: "),
        ("unsigned", &["--public-key", &public], false, "the pack is unsigned"),
    ] {
        let (was_good, told) = verified(name, more);
        assert!(was_good == is_good && told.contains(expected), "{name} {more:?}: {told}");
    }
    let manifest = folder.join("q1/manifest.json");
    let edited = std::fs::read_to_string(&manifest).expect("a manifest").replace("\"organisation\": \"Example\"", "\"organisation\": \"Other\"");
    std::fs::write(manifest, edited).expect("a written manifest");
    for more in [&[][..], &["--public-key", &public]] {
        let (is_good, told) = verified("q1", more);
        assert!(!is_good && told.contains("manifest.json: it is not what ") && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn a_view_and_an_evaluation_tell_what_was_known_then() {
    let folder = past();
    let folder = folder.path();
    let (is_good, told) = made(folder, &["--quarter", "2026-Q1", "--as-of", "2026-05-01"], "view");
    assert!(is_good && told.contains("2026-Q1 as known on 2026-05-02 00:00, entry ") && told.contains("a view as of another moment"), "{told}");
    assert!(!told.contains("1 action of an earlier management review is late"), "it was closed by then: {told}");

    let config = text(&folder.join("agent.yaml"));
    let eval = |more: &[&str]| said(&[&["eval", "--config", config.as_str(), "--indicator", "management_review_actions_overdue"], more].concat());
    let (is_good, told) = eval(&["--at", "2026-03-01", "--format", "json"]);
    let json: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert!(is_good && json["as_of"]["at"] == BEGIN + 60 * DAY - 1 && json["as_of"]["entry"].is_i64(), "{json:#}");
    assert!(json["readings"].as_array().is_some_and(|readings| !readings.is_empty()), "{json:#}");
    assert!(
        json["as_of"]["limits"].as_array().is_some_and(|limits| limits.iter().any(|limit| limit.to_string().contains("no configuration was stored by then")))
    );
    let (is_good, told) = eval(&["--entry", "1"]);
    assert!(is_good && told.contains("as of 2026-01-02T00:00:00Z, evidence entry 1") && told.contains("not known of then: "), "{told}");
    for (more, expected) in [
        (&["--entry", "999"][..], "there is no evidence entry 999; the last one is "),
        (&["--entry", "x"], "--entry: expected the number of an entry of evidence"),
        (&["--at", "2999-01-01"], "has not come"),
        (&["--at", "soon"], "--at: expected a day such as 2026-09-30"),
        (&["--at", "2025-12-01"], "nothing was stored before 2025-12-02 00:00: what is known begins on 2026-01-02 00:00"),
        (&["--at", "2026-03-01", "--entry", "1"], "cannot be used with"),
    ] {
        let (is_good, told) = eval(more);
        assert!(!is_good && told.contains(expected), "{more:?}: {told}");
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names
}

/// Whenever it is killed, there is no pack or a whole one.
#[test]
fn a_pack_is_whole_or_not_there() {
    let folder = past();
    let folder = folder.path();
    let mut seen = [false; 2];
    for (count, milliseconds) in (0..).zip([0, 5, 20, 40, 60, 80, 100, 150, 200, 300, 500, 1_000, 3_000, 10_000, 30_000]) {
        let name = format!("pack-{count}");
        let mut child = Command::new(program())
            .args(make(folder, &["--quarter", "2026-Q1"], &name))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().expect("a process that is ours can be killed");
        child.wait().expect("a killed process ends");
        let pack = folder.join(&name);
        seen[usize::from(pack.exists())] = true;
        if pack.exists() {
            let (is_good, told) = said(&["review", "verify", &text(&pack), "--data-dir", &text(&folder.join("data"))]);
            assert!(is_good, "killed after {milliseconds} ms: {told}");
            break;
        }
    }
    assert_eq!(seen, [true; 2], "killed before it was done, and after");
}

/// As on a full disk: files can't grow any more. Nothing of the pack is left, whichever file it was.
#[test]
fn a_full_disk_leaves_nothing() {
    let folder = past();
    let folder = folder.path();
    let before = names(folder);
    // In blocks of 512 bytes. The store's own temporary file is among the first to grow.
    for blocks in ["1", "16", "64", "256", "1024", "2048", "unlimited"] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("sh").args(["-c", &script]).arg(program()).args(make(folder, &["--quarter", "2026-Q1"], "pack")).output().expect("a shell");
        let told = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert!(blocks != "1" && said(&["review", "verify", &text(&folder.join("pack"))]).0, "{blocks} blocks were enough");
            return;
        }
        assert_eq!(names(folder), before, "{blocks} blocks: {told}");
    }
    panic!("without a limit there is one");
}

#[test]
fn the_agent_makes_the_pack_and_gives_it_to_who_asks() {
    let past = past();
    let more = "registers: registers\nreview: { make: quarterly, out: packs }\nweb: { auth: { bearer: reader }, operator: { bearer: operator } }\n";
    let agent = Agent::start(more, |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: other, owner_role: Head of Credit }\n").expect("a written register");
        std::fs::create_dir_all(folder.join("data")).expect("a folder");
        std::fs::copy(past.path().join("data/clause9.sqlite"), folder.join("data/clause9.sqlite")).expect("a copied store");
    });
    let as_role = |token: &str| Http::new(&format!("http://{}", agent.target()), Login::Bearer(token.to_owned()));
    let (reader, operator) = (as_role("reader"), as_role("operator"));
    wait_until("the pack of the last quarter", &[&agent], || {
        let list = reader.send(Method::GET, "/api/v1/reviews", None).map_err(|error| error.to_string())?.text;
        if list.contains("period") { Ok(()) } else { Err(list) }
    });

    let list = reader.get("/api/v1/reviews");
    let name = list["reviews"][0]["period"].as_str().expect("a pack").to_owned();
    let pack = reader.get(&format!("/api/v1/reviews/{name}"));
    assert_eq!((&pack["header"]["period"]["name"], &pack["format"]), (&Value::from(name.clone()), &Value::from("clause9 management review pack")));
    let asked = |path: &str| reader.send(Method::GET, path, None).expect("an answer");
    let page = asked(&format!("/api/v1/reviews/{name}.html"));
    assert!(page.text.starts_with("<!DOCTYPE html>") && page.text.contains("sha256-"), "{}", page.text);
    assert!(asked(&format!("/api/v1/reviews/{name}/csv/readings.csv")).text.starts_with("indicator,labels,"));
    assert_eq!(asked(&format!("/api/v1/reviews/{name}.ndjson")).status, 200);
    // Every table in one, each row with the name of its own.
    let tables = asked(&format!("/api/v1/reviews/{name}.csv"));
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(tables.text.as_bytes());
    let rows: Vec<_> = rows.records().map(|row| row.expect("a row as wide as the others")).collect();
    for file in list["reviews"][0]["files"].as_array().expect("files").iter().filter_map(|file| file["name"].as_str()) {
        let Some(table) = file.strip_prefix("csv/").and_then(|file| file.strip_suffix(".csv")) else { continue };
        let alone = asked(&format!("/api/v1/reviews/{name}/{file}")).text;
        let mut alone = csv::ReaderBuilder::new().has_headers(false).from_reader(alone.as_bytes());
        let alone: Vec<Vec<String>> = alone.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
        let of_table = rows.iter().filter(|row| &row[0] == table);
        let within: Vec<Vec<String>> = of_table.map(|row| row.iter().skip(1).take(alone[0].len()).map(str::to_owned).collect()).collect();
        assert_eq!(within, alone, "{table}");
    }
    for (path, status, says) in [
        ("/api/v1/reviews/1999-Q1".to_owned(), 404, "there is no pack of `1999-Q1`; there is "),
        (format!("/api/v1/reviews/{name}/../../agent.yaml"), 404, ""),
        (format!("/api/v1/reviews/{name}/%2e%2e%2fagent.yaml"), 404, "has no file"),
        (format!("/api/v1/reviews/{name}.pdf"), 404, "has no file `pack.pdf`"),
    ] {
        let answer = asked(&path);
        assert!(answer.status == status && answer.text.contains(says), "{path}: {} {}", answer.status, answer.text);
    }
    let reloaded = |http: &Http| http.send(Method::POST, "/-/reload", None).expect("an answer").status;
    assert_eq!((reloaded(&reader), reloaded(&operator)), (403, 200), "who may look may not act");
    // One that was touched is not given out.
    std::fs::write(agent.path(&format!("packs/{name}/csv/readings.csv")), "indicator,labels\n").expect("a written file");
    assert_eq!(asked(&format!("/api/v1/reviews/{name}/csv/readings.csv")).status, 500);
}
