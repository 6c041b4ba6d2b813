//! Files as people and programs keep them, through the whole agent: each folder of `tests/cases/` says in its `RIGHT.md` what is right.

use std::{fs, path::PathBuf};

use super::once;
use crate::{
    board::{Board, Reading},
    config::Config,
    connector::NoteKind,
    indicator::Measured,
    threshold::State,
};

/// 2026-11-28T12:00:00Z.
const NOW: i64 = 1_795_867_200;

fn case(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/cases").join(name)
}

/// What is shown, or why the registers could not be read.
async fn shown(config: &std::path::Path) -> Result<Board, String> {
    let config = Config::load(config, NOW).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let mut once = once::poll(config, |_| true, NOW).await.unwrap();
    if let Some((_, failure)) = once.failures.first() {
        return Err(failure.message.clone());
    }
    once.core.evaluate(NOW);
    Ok(once.core.board(NOW))
}

/// The registers of a case under another configuration.
async fn under(name: &str, registers: &str) -> Result<Board, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = case(name).join("registers");
    let text = format!("organisation: {{ name: Example, timezone: UTC }}\nregisters:\n  path: {}\n{registers}", path.display());
    fs::write(folder.path().join("agent.yaml"), text).unwrap();
    shown(&folder.path().join("agent.yaml")).await
}

/// Registers written here.
async fn of(files: &[(&str, &str)]) -> Result<Board, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("registers")).unwrap();
    for (name, content) in files {
        fs::write(folder.path().join("registers").join(name), content).unwrap();
    }
    fs::write(folder.path().join("agent.yaml"), "organisation: { name: Example, timezone: UTC }\nregisters: registers/\n").unwrap();
    shown(&folder.path().join("agent.yaml")).await
}

fn readings<'b>(board: &'b Board, indicator: &str) -> impl Iterator<Item = &'b Reading> {
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == indicator).unwrap_or_else(|| panic!("no indicator {indicator}"));
    panel.readings.iter().map(|reading| &**reading)
}

/// Readings that are not zero: their labels' values, and how many.
fn counted(board: &Board, indicator: &str) -> Vec<String> {
    let shown = |reading: &Reading| {
        let labels: Vec<_> = reading.row.labels().map(|(_, value)| value.to_owned()).collect();
        let value = reading.row.value(board.at).unwrap_or_default();
        (value != 0.0).then(|| format!("{} {value}", labels.join("/")))
    };
    readings(board, indicator).filter_map(shown).collect()
}

fn doubts(board: &Board, reason: &str) -> u64 {
    board.sources[0].doubts.get(reason).copied().unwrap_or(0)
}

fn lifecycles(board: &Board) -> Vec<String> {
    board.systems.values().map(|system| format!("{} {}", system.id, system.properties.get("lifecycle").map_or("-", String::as_str))).collect()
}

#[tokio::test]
async fn a_spreadsheets_count_of_days_is_no_moment_of_1970() {
    let message = shown(&case("serial-dates").join("agent.yaml")).await.unwrap_err();
    let expected = "row 2: column F, `Opened` (case.opened_at): a whole number; expected a time such as 2026-03-31T14:00:00Z, a day, or epoch seconds since 2000; in a spreadsheet give the column a format of dates";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("row 3: column F, `Opened` (case.opened_at): a number with a fraction"), "{message}");
    let dashless = fs::read_to_string(case("serial-dates").join("yyyymmdd.incidents.yaml")).unwrap();
    let message = of(&[("systems.yaml", "- id: credit-scoring\n"), ("incidents.yaml", &dashless)]).await.unwrap_err();
    assert!(message.contains("`opened_at` (case.opened_at): a whole number; expected a time"), "{message}");
}

#[tokio::test]
async fn an_inventory_without_a_stage_says_so() {
    let board = shown(&case("lifecycle-default").join("agent.yaml")).await.unwrap();
    let notes: Vec<_> =
        board.sources[0].notes.iter().filter(|note| note.kind == NoteKind::Unstated).map(|note| format!("{}: {}", note.place, note.text)).collect();
    let lifecycle = "ai_inventory_2025.csv row 1: no column stands for `lifecycle`: every system counts as in production; the likeliest is column C, \
                     `development_stage`: write `columns: { ai_inventory: { development_stage: lifecycle } }`, and under `values` what its words mean";
    assert!(notes.iter().any(|note| note == lifecycle), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("`risk_tier`") && note.contains("`is_high_impact`")), "{notes:?}");
    assert_eq!(lifecycles(&board), ["X-1 production", "X-2 production", "X-3 production"]);
    assert_eq!(doubts(&board, "unknown_word"), 0);
}

#[tokio::test]
async fn words_of_an_inventory_are_told() {
    let columns = "  columns: { ai_inventory: { development_stage: lifecycle, is_high_impact: risk_tier } }\n";
    let values = "  values: { ai_inventory: { risk_tier: { \"Not High-impact\": minimal } } }\n";
    let board = under("lifecycle-default", &format!("{columns}{values}")).await.unwrap();
    assert_eq!(lifecycles(&board), ["X-1 development", "X-2 retired", "X-3 production"]);
    assert_eq!(doubts(&board, "unknown_word"), 0);
    let breaches = readings(&board, "impact_assessments_missing").filter(|reading| reading.state == State::Breach).count();
    assert_eq!(breaches, 1);
    // A word that nobody told counts as the careful choice, and is in doubt.
    let board = under("lifecycle-default", columns).await.unwrap();
    assert_eq!(doubts(&board, "unknown_word"), 2);
    let tiers: Vec<_> = board.systems.values().filter_map(|system| system.properties.get("risk_tier").map(String::as_str)).collect();
    assert_eq!(tiers, ["unknown", "unknown", "high"], "what it is called and what it counts as are two things");
    let wrong = under("lifecycle-default", "  values: { ai_inventory: { development_stag: { x: planned } } }\n").await.unwrap_err();
    assert!(wrong.contains("values.ai_inventory.development_stag: `ai_inventory` has no such header; expected `development_stage`"), "{wrong}");
}

#[tokio::test]
async fn exports_are_read_with_their_own_words() {
    let board = shown(&case("ciso-export").join("agent.yaml")).await.unwrap();
    assert_eq!(counted(&board, "incidents_open"), ["critical/chat-assistant 1", "unrated/chat-assistant 1"]);
    assert_eq!(counted(&board, "risk_treatments_overdue"), ["chat-assistant 1"]);
    let late: Vec<_> =
        readings(&board, "risk_treatments_overdue").filter_map(|reading| reading.row.fact("fact_days_late", NOW)).filter(|days| *days != 0.0).collect();
    assert_eq!(late, [28.0]);
}

#[tokio::test]
async fn the_header_may_stand_below_titles() {
    let board = shown(&case("banner-rows").join("agent.yaml")).await.unwrap();
    assert_eq!(board.sources[0].records["cases"], 2);
    assert_eq!(counted(&board, "risk_reviews_overdue"), ["credit-scoring 1"]);
    let notes: Vec<_> = board.sources[0].notes.iter().filter(|note| note.kind == NoteKind::LeftOut).map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["this row was taken as the header; 2 above it with something in them were left out"]);
    for told in ["  header_row: { risk_register: 4 }\n", "  skip_rows: { risk_register: 3 }\n"] {
        assert_eq!(under("banner-rows", told).await.unwrap().sources[0].records["cases"], 2);
    }
    let wrong = under("banner-rows", "  header_row: { risk_registr: 4 }\n").await.unwrap_err();
    assert!(wrong.contains("header_row.risk_registr: there is no such table; expected `risk_register`"), "{wrong}");
    let wrong = under("banner-rows", "  header_row: { risk_register: 2 }\n").await.unwrap_err();
    assert!(wrong.contains("row 2, which was taken as the header; another row is told by `header_row`"), "{wrong}");
}

#[tokio::test]
async fn a_broken_cell_that_no_field_takes_loses_nothing() {
    let board = shown(&case("error-cell").join("agent.yaml")).await.unwrap();
    assert_eq!(board.systems.len(), 2);
    assert_eq!(doubts(&board, "error_cell"), 1);
}

#[tokio::test]
async fn headers_that_no_field_takes_may_repeat() {
    let board = of(&[("systems.csv", "id,Please explain,Please explain,please explain\na,x,y,z\n")]).await.unwrap();
    assert_eq!((board.systems.len(), doubts(&board, "repeated_header")), (1, 2));
    let wrong = of(&[("systems.csv", "id,Lifecycle,lifecycle\na,production,retired\n")]).await.unwrap_err();
    assert_eq!(
        wrong.lines().next(),
        Some("register: systems.csv row 1: the headers in column B, `Lifecycle` and column C, `lifecycle` read the same; expected each header of a field once")
    );
}

#[tokio::test]
async fn a_closed_list_is_refused_with_a_way_out() {
    let wrong = of(&[("systems.csv", "id,lifecycle\na,somewhere\n")]).await.unwrap_err();
    assert!(wrong.contains("systems.csv row 2: column B, `lifecycle` (system.lifecycle): a text of 9 characters; expected one of planned,"), "{wrong}");
    assert!(wrong.ends_with(", or a line in `values` that says what your word means"), "{wrong}");
    // Under a header of its own the same word counts as the careful choice.
    let board = of(&[("systems.csv", "id,stage\na,somewhere\n")]).await.unwrap();
    assert_eq!((lifecycles(&board), doubts(&board, "unknown_word")), (vec!["a production".to_owned()], 1));
}

#[tokio::test]
async fn words_for_a_closed_case_close_it() {
    let words = ["Canceled", "Cancelled", "Completed", "Duplicate", "Dismissed", "Mitigated", "Closed - no action", "Closed", "Done"];
    let rows: String = words.iter().enumerate().map(|(row, word)| format!("I-{row},a,high,{word},2026-11-01\n")).collect();
    let incidents = format!("id,system,severity,status,opened_at\n{rows}I-98,a,high,Zurückgestellt,2026-11-01\nI-99,a,high,Investigating,2026-11-01\n");
    let board = of(&[("systems.csv", "id,owner_role\na,x\n"), ("incidents.csv", &incidents)]).await.unwrap();
    assert_eq!(counted(&board, "incidents_open"), ["high/a 2"]);
    let words: Vec<_> = board.sources[0].notes.iter().filter(|note| note.kind == NoteKind::UnknownWord).map(|note| note.text.as_str()).collect();
    assert_eq!(words, ["no list knows the word `Zurückgestellt` in `status` (1 rows): say in `values` what it means"]);
    assert_eq!(doubts(&board, "unknown_word"), 1, "of a word that no list knows it is said that it counts as open");
}

#[tokio::test]
async fn a_row_of_sums_is_no_entry() {
    let risks = "id,title,system,due,residual\nR-1,a,a,2027-01-01,3\nTotal,,,,12\n";
    let board = of(&[("systems.csv", "id,owner_role\na,x\n"), ("risks.csv", risks)]).await.unwrap();
    assert_eq!(board.sources[0].records["cases"], 1);
    assert!(board.sources[0].notes.iter().any(|note| note.place == "risks.csv row 3" && note.text.contains("sums up the others")));
}

#[tokio::test]
async fn registers_are_kept_in_several_languages() {
    for (name, content) in [
        ("risiken.csv", "Nummer;Bezeichnung;KI-System;Schweregrad;Nächste Überprüfung;Status\nR-1;a;a;hoch;31.12.2026;in Bearbeitung\n"),
        ("registre_des_risques.csv", "Identifiant;Intitulé;Système d'IA;Gravité;Prochaine revue;Statut\nR-1;a;a;élevé;31.12.2026;en cours\n"),
        ("riesgos.csv", "Identificador;Título;Sistema de IA;Gravedad;Próxima revisión;Estado\nR-1;a;a;alto;31.12.2026;en curso\n"),
    ] {
        let board = of(&[("systems.csv", "id,owner_role\na,x\n"), (name, content)]).await.unwrap_or_else(|message| panic!("{name}: {message}"));
        assert_eq!((board.sources[0].records["cases"], doubts(&board, "unknown_word")), (1, 0), "{name}");
    }
}

#[tokio::test]
async fn a_header_of_another_language_yields_to_one_that_is_there() {
    let risks = "ref_id,id,system,due,Frist\nX,R-1,a,2027-01-01,soon\n";
    let board = of(&[("systems.csv", "id,owner_role\na,x\n"), ("risks.csv", risks)]).await.unwrap();
    assert_eq!(board.sources[0].records["cases"], 1);
    let wrong = of(&[("risks.csv", "id,system,Frist,Termin\nR-1,a,2027-01-01,2027-01-02\n")]).await.unwrap_err();
    assert!(wrong.contains("column C, `Frist`, and column D, `Termin`, both mean `due`"), "{wrong}");
}

/// What two samples of one distribution measure by chance is no drift, whatever the limits; what lies over it is.
#[tokio::test]
async fn many_categories_and_few_rows_are_no_drift() {
    let board = shown(&case("js-noise").join("agent.yaml")).await.unwrap();
    let of_model = |indicator: &str, model: &str| -> Vec<(String, State, String)> {
        let found = readings(&board, indicator).filter(|reading| reading.row.label("model") == Some(model) && reading.judged);
        let shown = |reading: &Reading| {
            let method = reading.row.label("method").unwrap_or_default().to_owned();
            let reason = if let Measured::Unknown(reason) = &reading.row.measured { reason.as_str() } else { "" };
            (method, reading.state, reason.to_owned())
        };
        found.map(shown).collect()
    };
    let noise = "too few rows to tell from noise: 1500 and 1500 rows";
    for (model, bins) in [("k100", " in 100 bins"), ("k300", " in 300 bins"), ("k300-distances", "")] {
        for (method, state, reason) in of_model("drift_distance", model) {
            assert_eq!((state, reason.as_str()), (State::Unknown, noise), "{model} {method}");
        }
        assert_eq!(of_model("drift_distance", model).len(), 3, "{model}");
        for (_, state, reason) in of_model("drift_psi", model) {
            assert_eq!((state, reason), (State::Unknown, format!("{noise}{bins}")), "{model}");
        }
    }
    // The test says that nothing moved; where nobody tested, nobody can say so.
    for (model, state) in [("k100", State::Ok), ("k300", State::Ok), ("k300-distances", State::Unknown), ("moved", State::Breach)] {
        let shares: Vec<_> = of_model("drifted_feature_share", model).into_iter().map(|(_, state, _)| state).collect();
        assert_eq!(shares, [state], "{model}");
    }
    let moved: Vec<_> = of_model("drift_distance", "moved").into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(moved, [State::Breach; 3]);
}

#[test]
fn a_file_is_explained() {
    let connector = crate::connector::Registry::load(None, &mut crate::document::Mistakes::default()).get("register").unwrap().description.clone();
    let columns = [("development_stage".to_owned(), "lifecycle".to_owned()), ("is_high_impact".to_owned(), "risk_tier".to_owned())].into();
    let own = crate::connector::Own { columns: [("ai_inventory".to_owned(), columns)].into(), ..Default::default() };
    let path = case("lifecycle-default").join("registers/ai_inventory_2025.csv");
    let tables = crate::connector::explain_files(&connector, &path, &own).unwrap();
    let [table] = &tables[..] else { panic!("{tables:?}") };
    assert_eq!((table.register.as_str(), table.rows), ("systems", 3));
    let columns: Vec<_> = table.columns.iter().map(|(header, became)| format!("{header} {became}")).collect();
    assert_eq!(
        columns,
        ["column A, `id` id", "column B, `use_case_name` name", "column C, `development_stage` lifecycle", "column D, `is_high_impact` risk_tier"]
    );
    let words: Vec<_> =
        table.words.iter().map(|word| format!("{} {} {} {}", word.word, word.counts_as.as_deref().unwrap_or("-"), word.rows, word.in_doubt)).collect();
    assert_eq!(
        words,
        [
            "Deployed production 1 false",
            "Pre-deployment development 1 false",
            "Retired retired 1 false",
            "High-impact high 1 false",
            "Not High-impact unknown 2 true"
        ]
    );
    assert_eq!(crate::connector::said_of(&own, &tables), own);

    // In a column that is the field itself an unknown word counts as nothing.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("systems.csv");
    std::fs::write(&path, "id,lifecycle,risk tier\na,Live,Very high\nb,Blubb,low\n").unwrap();
    let tables = crate::connector::explain_files(&connector, &path, &crate::connector::Own::default()).unwrap();
    let words: Vec<_> = tables[0].words.iter().map(|word| format!("{} {}", word.word, word.is_open)).collect();
    assert_eq!(words, ["Blubb true", "Live false", "Very high false", "low false"]);
    // What the connector makes of a column that is no field of the record is said, too.
    let path = folder.path().join("incidents.csv");
    std::fs::write(&path, "id,detected,Priority,severity\n1,2026-01-01,hoch,\n2,2026-01-01,hoch,niedrig\n").unwrap();
    let table = crate::connector::explain_files(&connector, &path, &crate::connector::Own::default()).unwrap().remove(0);
    let became: Vec<_> = table.columns.iter().map(|(_, became)| (became.as_str(), table.becomes.get(became).map(String::as_str))).collect();
    assert_eq!(
        became,
        [
            ("id", None),
            ("detected_at", Some("opened_at where there is none, and an attribute")),
            ("priority", Some("severity where there is none, and an attribute")),
            ("severity", None)
        ]
    );
    let words: Vec<_> = table.words.iter().map(|word| format!("{} {} {:?}", word.field, word.word, word.counts_as)).collect();
    assert_eq!(words, ["priority hoch Some(\"high\")", "severity niedrig Some(\"low\")"]);
}

#[tokio::test]
async fn every_mistake_in_a_file_is_told_in_one_round() {
    let incidents = "id,system,detectd,severity,closed,due,closed on\n\
        1,a,tomorrow,high,soon,31/03/2026,\n\
        2,a,2026-01-01,high,,2026-01-31\n\
        3,a,2026-01-01,#N/A,,never,\n\
        4,a,2026-01-01,low,,,\n";
    let message = of(&[("systems.csv", "id,lifecycle\na,somewhere\n"), ("incidents.csv", incidents)]).await.unwrap_err();
    let lines: Vec<_> = message.lines().map(|line| line.split("; expected").next().unwrap_or(line)).collect();
    let a_day = "a text of 5 characters; expected a day such as 2026-03-31";
    for part in [
        format!("incidents.csv row 4: column F, `due` (case.due): {a_day}"),
        "; column F, `due` (case.due): a text of 10 characters; expected a day such as 2026-03-31; column E, `closed`, or column G, `closed on` (case.closed_at): a text of 4 characters".to_owned(),
    ] {
        assert!(message.contains(&part), "{part}\n{message}");
    }
    for part in [
        "systems.csv row 2: column B, `lifecycle` (system.lifecycle): a text of 9 characters",
        "incidents.csv row 1: the header in column C, `detectd`",
        "incidents.csv row 1: column E, `closed`, and column G, `closed on`, both mean `closed_at`",
        "incidents.csv row 3: 6 cells",
        "incidents.csv row 4, column D, `severity`: #N/A",
        "incidents.csv row 2: column C, `detectd` (case.opened_at): a text of 8 characters",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}\n{message}");
    }
    assert!(!message.contains("incidents.csv row 5"), "{message}");
}

/// A header in two rows, and which line of the file is taken for it: rows that are left out, then what the systems and occasions are.
#[tokio::test]
async fn a_header_may_have_two_rows() {
    for (case, name, text, expected) in [
        ("titles of groups", "systems.csv", "Identification,,Risk,,\nID,Name,Tier,Owner role,Note\na,A,high,head,x\n", Ok(1)),
        ("titles that are names, too", "systems.csv", "System,,Lifecycle,,Risk tier\nID,Name,Stage,Since,Tier\na,A,live,2026,high\n", Ok(1)),
        (
            "names above where there is none below",
            "risks.csv",
            "ID,System,Assessment,,,Title\n,,Level,Next review,Residual,\nR-1,a,high,2027-01-01,0.2,x\n",
            Ok(1),
        ),
        ("the same in another language", "systems.csv", "Kennung,Bezeichnung,Lebenszyklus\nID,Name,Lifecycle\na,A,live\n", Ok(1)),
        ("a title, titles of groups, names", "systems.csv", "Inventory 2026,,,\nWhat,,How,\nID,Name,Tier,Stage\na,A,high,live\n", Ok(1)),
        ("one row", "systems.csv", "ID,Name,Tier\na,A,high\nb,B,low\n", Ok(2)),
        ("words of an entry that are names of columns elsewhere", "internal_audits.csv", "id,scope,planned on,status\nA-1,Audit,2026-12-01,planned\n", Ok(1)),
        (
            "which?",
            "systems.csv",
            "ID,Name,Lifecycle\nID,Owner,Tier\na,A,live\n",
            Err(
                "register: systems.csv row 1: this row and row 2 could each be the header; expected which of them is told: `header_row: { systems: <1 or 2> }`",
            ),
        ),
    ] {
        let read = of(&[(name, text)]).await;
        match (read, expected) {
            (Ok(board), Ok(records)) => {
                let table = name.trim_end_matches(".csv").replace("risks", "cases").replace("internal_audits", "reviews");
                assert_eq!(board.sources[0].records[table.as_str()], records, "{case}");
            }
            (read, expected) => assert_eq!(read.map(|_| 0), expected.map_err(str::to_owned), "{case}"),
        }
    }
}
