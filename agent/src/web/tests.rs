//! The pages: what they show, and that nothing an upstream says becomes markup.

use std::sync::Arc;

use clause9_exporter::axum::{
    body::to_bytes,
    extract::{Path, RawQuery, State},
    response::IntoResponse as _,
};

use super::*;
use crate::{
    board::{Board, Limit, Missing, Panel, Reading, SourceStatus, SystemStatus, Waiting},
    indicator::{Catalogue, Cell, Indicator, Row},
    pipeline::Configuration,
    threshold::{Level, State as Verdict},
};

async fn text(response: impl clause9_exporter::axum::response::IntoResponse) -> String {
    let body = to_bytes(response.into_response().into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn what_upstreams_say_is_never_markup() {
    let handle = Handle::detached();
    let source =
        SourceStatus { name: "models".into(), failure: Some(("mapping", "row <script>alert(1)</script>".into())), stale: true, ..SourceStatus::default() };
    handle.board.store(Arc::new(Board { organisation: "A <b>Ltd".into(), sources: vec![source], ..Board::default() }));
    handle.exporter.set_unready(vec!["the store: /data/<i>x</i> is gone".to_owned()]);
    let state = State(handle.clone());
    let page = text(pages::status(state, RawQuery(None)).await).await;
    assert!(page.contains("A &lt;b&gt;Ltd") && page.contains("? stale: mapping"), "{page}");
    assert!(page.contains("? not ready</span> the store: /data/&lt;i&gt;x&lt;/i&gt; is gone"), "every page says why the agent is not ready: {page}");
    let state = State(handle);
    let page = text(pages::source(state, Path("models".into()), RawQuery(None)).await).await;
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn before_the_first_evaluation_nothing_is_said_to_be_fine() {
    let handle = Handle::detached();
    let page = text(pages::status(State(handle.clone()), RawQuery(None)).await).await;
    assert!(page.contains("Nothing has been evaluated yet") && !page.contains("Nothing is in breach") && !page.contains("As of"), "{page}");
    let asked = async |handle: &Handle| {
        let state = || State(handle.clone());
        let answers = [
            api::readings::readings(state(), RawQuery(None)).await.into_response(),
            api::indicators::indicators(state()).await.into_response(),
            api::sources::sources(state()).await.into_response(),
            api::systems::systems(state()).await.into_response(),
        ];
        answers.map(|answer| answer.status().as_u16())
    };
    assert_eq!(asked(&handle).await, [503; 4]);
    assert_eq!(asked(&shown(board(&[]))).await, [200; 4]);
}

#[tokio::test]
async fn a_refused_configuration_is_told_beside_the_one_in_force() {
    let handle = Handle::detached();
    let state = || State(handle.clone());
    let in_force = Configuration {
        digest: "0123456789ab".into(),
        file: "/etc/clause9/agent.yaml".into(),
        started: 1_767_225_000,
        since: 1_767_225_600,
        refused: None,
        ..Default::default()
    };
    handle.configuration.store(Arc::new(in_force.clone()));
    let page = text(pages::status(state(), RawQuery(None)).await).await;
    assert!(
        page.contains("0123456789ab")
            && page.contains("in force since 2026-01-01 00:00:00 UTC")
            && page.contains("/etc/clause9/agent.yaml")
            && !page.contains("refused"),
        "{page}"
    );
    assert!(page.contains(crate::BUILD) && page.contains("started 2025-12-31 23:50:00 UTC"), "{page}");
    let json = serde_json::to_value(api::status::status(state()).await.0).unwrap();
    assert_eq!((&json["started"], &json["configuration"]["in_force_since"]), (&1_767_225_000.into(), &1_767_225_600.into()));
    assert_eq!((&json["configuration"]["file"], &json["configuration"]["refused"]), (&"/etc/clause9/agent.yaml".into(), &serde_json::Value::Null));

    handle.configuration.store(Arc::new(Configuration { refused: Some((1_767_225_660, "listen: <b> is taken".into())), ..in_force }));
    let page = text(pages::status(state(), RawQuery(None)).await).await;
    assert!(page.contains("read at 2026-01-01 00:01:00 UTC was refused") && page.contains("listen: &lt;b&gt; is taken"), "{page}");
    let json = serde_json::to_value(api::status::status(state()).await.0).unwrap();
    assert_eq!(json["configuration"]["refused"], serde_json::json!({ "at": 1_767_225_660, "message": "listen: <b> is taken" }));
    assert_eq!(json["not_ready"], serde_json::json!(["no page has been published yet"]));
}

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A reading of `impact_assessments_overdue`.
fn reading(indicator: &Indicator, system: &str, tier: &str, state: Verdict) -> Reading {
    let cell = |name: &str| match name {
        "value" => Cell::Integer(1),
        "system" => Cell::Text(system),
        "risk_tier" => Cell::Text(tier),
        _ => Cell::Null,
    };
    let row = Row::read(indicator.columns(), |position| cell(&indicator.columns().names()[position])).unwrap();
    Reading { row, state, rule: None, waiting: None, judged: true, since: 0 }
}

/// A board with readings of one indicator: system, tier and state of each.
fn board(readings: &[(&str, &str, Verdict)]) -> Board {
    let catalogue = catalogue();
    let indicator = catalogue.get("impact_assessments_overdue").unwrap();
    let readings = readings.iter().map(|(system, tier, state)| Arc::new(reading(indicator, system, tier, *state))).collect();
    let systems = ["chat", "credit", "triage"].map(|id| (id.to_owned(), SystemStatus { id: id.to_owned(), ..SystemStatus::default() }));
    let panel = Panel { readings, ..Panel::empty(indicator, Vec::new(), Vec::new()) };
    Board { panels: vec![Arc::new(panel)], systems: Arc::new(systems.into()), ..Board::default() }
}

fn shown(board: Board) -> Handle {
    let handle = Handle::detached();
    handle.board.store(Arc::new(board));
    handle
}

async fn status(handle: &Handle, query: &str) -> String {
    text(pages::status(State(handle.clone()), RawQuery(Some(query.to_owned()))).await).await
}

async fn indicator(handle: &Handle, id: &str) -> String {
    text(pages::indicator(State(handle.clone()), Path(id.to_owned()), RawQuery(None)).await).await
}

fn in_order(page: &str, marks: &[&str]) {
    let places: Vec<_> = marks.iter().map(|mark| page.find(mark).unwrap_or_else(|| panic!("no {mark} in {page}"))).collect();
    assert!(places.is_sorted(), "{places:?} of {marks:?} in {page}");
}

/// Breach, unknown, warning, ok: in the counts, in what needs attention, in the columns and in an indicator's own list.
#[tokio::test]
async fn what_is_worst_stands_on_top() {
    let of = |state: Verdict| (state.as_str(), "minimal", state);
    let handle = shown(board(&[Verdict::Warning, Verdict::Ok, Verdict::Unknown, Verdict::Breach].map(of)));
    let page = status(&handle, "").await;
    in_order(&page, &["\u{2717} breach", "? unknown", "! warning", "\u{2713} ok"]);
    in_order(&page, &["<span class=\"system\">breach<", "<span class=\"system\">unknown<", "<span class=\"system\">warning<"]);
    in_order(&page, &[">Breach</th>", ">Unknown</th>", ">Warning</th>", ">Ok</th>"]);
    let system = |name: &str| format!("<span class=\"name\">system</span> {name}<");
    let page = indicator(&handle, "impact_assessments_overdue").await;
    in_order(&page, &["breach", "unknown", "warning", "ok"].map(system).each_ref().map(String::as_str));
}

/// Of equally bad ones the highest tier first, then by system.
#[tokio::test]
async fn high_risk_comes_first() {
    let readings =
        [("chat", "minimal", Verdict::Breach), ("triage", "high", Verdict::Breach), ("credit", "high", Verdict::Breach), ("apple", "high", Verdict::Warning)];
    let handle = shown(board(&readings));
    in_order(
        &status(&handle, "").await,
        &["<span class=\"system\">credit<", "<span class=\"system\">triage<", "<span class=\"system\">chat<", "<span class=\"system\">apple<"],
    );
}

#[tokio::test]
async fn a_system_can_be_looked_at_alone_and_links_keep_to_it() {
    let handle = shown(board(&[("chat", "minimal", Verdict::Breach), ("credit", "high", Verdict::Breach)]));
    let page = status(&handle, "system=credit&refresh=on").await;
    assert!(page.contains("<span class=\"system\">credit<") && !page.contains("<span class=\"system\">chat<"), "{page}");
    assert!(
        page.contains("<option value=\"credit\" selected>") && page.contains("href=\"/indicators/impact_assessments_overdue?system=credit&amp;refresh=on\""),
        "{page}"
    );
    let page = status(&handle, "system=%3Cb%3E").await;
    assert!(!page.contains("<b>") && page.contains("only &lt;b&gt;") && page.contains("There are no readings of &lt;b&gt;."), "{page}");
}

/// Nothing changes by itself unless that is wanted, and then it can be stopped; the keyboard reaches what must be moved, and each page has a heading and a way past the head.
#[tokio::test]
async fn pages_can_be_read_by_everybody() {
    let handle = shown(Board { at: 1_795_867_200, ..board(&[("credit", "high", Verdict::Breach)]) });
    for (page, is_renewed) in
        [(status(&handle, "").await, false), (status(&handle, "refresh=on").await, true), (indicator(&handle, "impact_assessments_overdue").await, false)]
    {
        assert_eq!(page.contains("http-equiv=\"refresh\""), is_renewed, "{page}");
        assert!(page.contains(if is_renewed { ">Stop that</a>" } else { "refresh=on\">Show anew every" }), "{page}");
        assert_eq!((page.matches("<h1>").count(), page.matches("As of ").count()), (1, 1), "{page}");
        in_order(&page, &["href=\"#content\"", "<header>", "<main id=\"content\""]);
        assert_eq!(
            (page.matches("<table").count(), page.matches("<pre").count()),
            (page.matches("<caption").count(), page.matches("<pre tabindex=\"0\"").count())
        );
    }
}

#[tokio::test]
async fn what_is_not_there_has_a_way_back() {
    let mut board = board(&[]);
    board.off = [("drift_psi".to_owned(), Some("no such data".to_owned()))].into();
    let handle = shown(board);
    let page = indicator(&handle, "nothing").await;
    assert!(page.contains("There is no indicator `nothing`.") && page.contains("<a href=\"/\">To the status page</a>"), "{page}");
    assert!(indicator(&handle, "drift_psi").await.contains("switched off: no such data"));
    assert!(status(&handle, "").await.contains("drift_psi</span>: no such data"));
}

#[tokio::test]
async fn what_nobody_provides_is_told_once_with_what_to_do() {
    let mut board = board(&[("credit", "high", Verdict::Unknown)]);
    board.missing = vec![Missing {
        feed: "reviews(impact_assessment)".into(),
        indicators: vec!["impact_assessments_overdue".into()],
        also: ["cases(change)".to_owned()].into(),
        register: Some("impact_assessments".into()),
        connectors: vec!["records".into()],
    }];
    let page = status(&shown(board), "").await;
    for part in [
        "reviews(impact_assessment)",
        "clause9 registers template impact_assessments &gt; registers/impact_assessments.csv",
        "indicators:\n  off:\n    impact_assessments_overdue: ",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains("<span class=\"system\">credit<"), "told in its group: {page}");
}

/// Limits in words, those of the configuration first; what waits; parameters as they are in force.
#[tokio::test]
async fn an_indicator_shows_what_is_in_force() {
    let catalogue = catalogue();
    let indicator_ = catalogue.get("bias_disparate_impact_ratio").unwrap();
    let limit = |rule: &str, words: &str, overrides| Limit { level: Level::Breach, rule: rule.into(), words: words.into(), overrides };
    let limits = vec![limit("breach: < 0.9 for 30m", "below 0.9, for 30 minutes", true), limit("breach: < 0.8", "below 0.8", false)];
    let cell = |name: &str| if name == "value" { Cell::Real(0.85) } else { Cell::Null };
    let row = Row::read(indicator_.columns(), |position| cell(&indicator_.columns().names()[position])).unwrap();
    let waiting = Some(Waiting { rule: "breach: < 0.9 for 30m".into(), since: 1_767_225_600, until: 1_767_227_400 });
    let reading = Reading { row, state: Verdict::Ok, rule: None, waiting, judged: true, since: 0 };
    let panel = Panel { readings: [Arc::new(reading)].into(), ..Panel::empty(indicator_, Vec::new(), limits) };
    let parameter = &indicator_.parameters[0];
    let parameters = [(parameter.name.clone(), parameter.default + 7.0)].into();
    let handle = shown(Board { panels: vec![Arc::new(panel)], parameters, ..Board::default() });
    let page = indicator(&handle, "bias_disparate_impact_ratio").await;
    in_order(&page, &["breach: below 0.9, for 30 minutes (of the configuration)", "breach: below 0.8<"]);
    assert!(page.contains("Waiting since 2026-01-01 00:00:00 UTC, from 2026-01-01 00:30:00 UTC on a"), "{page}");
    let in_force = format!("{} {}", words::number(parameter.default + 7.0), parameter.unit);
    assert!(page.contains(&in_force) && page.contains(&format!("The catalogue's is {}.", words::number(parameter.default))), "{page}");
    assert!(status(&handle, "").await.contains("Waiting since"), "what waits needs attention before it is too late");
    let json = serde_json::to_value(api::indicators::indicators(State(handle.clone())).await.unwrap().0).unwrap();
    let shown = &json["indicators"][0]["parameters"][0];
    assert_eq!((shown["value"].as_f64(), shown["default"].as_f64()), (Some(parameter.default + 7.0), Some(parameter.default)));
    assert_eq!(json["indicators"][0]["limits"][0]["words"], "below 0.9, for 30 minutes");
}

async fn ask(handle: &Handle, query: &str) -> (u16, serde_json::Value) {
    let response = api::readings::readings(State(handle.clone()), RawQuery(Some(query.to_owned()))).await.into_response();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&text(response).await).unwrap())
}

#[tokio::test]
async fn the_api_filters_and_refuses_what_it_does_not_know() {
    let handle = shown(board(&[("chat", "minimal", Verdict::Breach), ("credit", "high", Verdict::Breach), ("credit", "high", Verdict::Ok)]));
    for (query, count) in [
        ("", 3),
        ("state=breach", 2),
        ("state=breach&state=ok", 3),
        ("state=breach&system=credit", 1),
        ("system=triage", 0),
        ("indicator=impact_assessments_overdue&state=unknown", 0),
    ] {
        let (status, json) = ask(&handle, query).await;
        assert_eq!((status, json["readings"].as_array().map(Vec::len)), (200, Some(count)), "{query}");
    }
    for (query, refused, expected) in [
        ("state=braech", 400, "there is no state `braech`; did you mean `breach`?; possible: ok, warning, unknown, breach"),
        ("indicator=impact_assessment_overdue", 404, "there is no indicator `impact_assessment_overdue`; did you mean `impact_assessments_overdue`?"),
        ("system=credt", 404, "there is no system `credt`; did you mean `credit`?; possible: chat, credit, triage"),
        ("sytem=credit", 400, "there is no parameter `sytem`; did you mean `system`?; possible: state, indicator, system"),
        ("source=nobody", 404, "there is no source `nobody`"),
        ("label=feture=a", 404, "there is no label `feture`"),
        ("label=a", 400, "label: expected a name and its value"),
        ("property=tier=high", 404, "there is no property `tier`"),
        ("limit=0", 400, "limit: expected a whole number from 1 to 10000"),
        ("limit=2&limit=3", 400, "limit: it is there twice"),
        ("cursor=x", 400, "cursor: expected what `next`"),
    ] {
        let (status, json) = ask(&handle, query).await;
        assert!(status == refused && json["error"].as_str().is_some_and(|error| error.starts_with(expected)), "{query}: {status} {json}");
    }
}

#[test]
fn json_is_what_the_api_gives_to_those_who_take_it() {
    for (accepted, is_taken) in [
        ("", true),
        ("*/*", true),
        ("application/json", true),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true),
        ("text/csv", false),
        ("text/csv, application/json;q=0", false),
        ("text/csv, application/json; q=0.1", true),
    ] {
        assert_eq!(api::accepts_json(accepted), is_taken, "{accepted}");
    }
}
