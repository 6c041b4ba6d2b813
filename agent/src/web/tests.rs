//! The pages: what they show, and that nothing an upstream says becomes markup.

use std::sync::Arc;

use clause9_exporter::axum::body::to_bytes;

use super::*;
use crate::{
    board::{Board, Panel, Reading, SourceStatus},
    indicator::{Catalogue, Cell, Row},
    pipeline::Configuration,
    threshold::State,
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
    let state = clause9_exporter::axum::extract::State(handle.clone());
    let page = text(pages::status(state).await).await;
    assert!(page.contains("A &lt;b&gt;Ltd") && page.contains("? stale: mapping"), "{page}");
    assert!(page.contains("? not ready</span> the store: /data/&lt;i&gt;x&lt;/i&gt; is gone"), "every page says why the agent is not ready: {page}");
    let state = clause9_exporter::axum::extract::State(handle);
    let page = text(pages::source(state, clause9_exporter::axum::extract::Path("models".into())).await).await;
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn a_refused_configuration_is_told_beside_the_one_in_force() {
    let handle = Handle::detached();
    let state = || clause9_exporter::axum::extract::State(handle.clone());
    let in_force = Configuration { digest: "0123456789ab".into(), since: 1_767_225_600, refused: None };
    handle.configuration.store(Arc::new(in_force.clone()));
    let page = text(pages::status(state()).await).await;
    assert!(page.contains("0123456789ab") && page.contains("in force since 2026-01-01 00:00:00 UTC") && !page.contains("refused"), "{page}");
    let json = api::status(state()).await.0;
    assert_eq!(json["configuration"], serde_json::json!({ "digest": "0123456789ab", "in_force_since": 1_767_225_600, "refused": null }));

    handle.configuration.store(Arc::new(Configuration { refused: Some((1_767_225_660, "listen: <b> is taken".into())), ..in_force }));
    let page = text(pages::status(state()).await).await;
    assert!(page.contains("read at 2026-01-01 00:01:00 UTC was refused") && page.contains("listen: &lt;b&gt; is taken"), "{page}");
    let json = api::status(state()).await.0;
    assert_eq!(json["configuration"]["refused"], serde_json::json!({ "at": 1_767_225_660, "message": "listen: <b> is taken" }));
    assert_eq!(json["not_ready"], serde_json::json!(["no page has been published yet"]));
}

/// Breach, unknown, warning, ok: in the counts, in what needs attention, in the columns and in an indicator's own list.
#[tokio::test]
async fn what_is_worst_stands_on_top() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let indicator = catalogue.get("impact_assessments_overdue").unwrap();
    let reading = |state: State| {
        let cell = |name: &str| match name {
            "value" => Cell::Integer(1),
            "system" => Cell::Text(state.as_str()),
            _ => Cell::Null,
        };
        let row = Row::read(indicator.columns(), |position| cell(&indicator.columns().names()[position])).unwrap();
        Arc::new(Reading { row, state, rule: None, judged: true, since: 0 })
    };
    let panel =
        Panel { readings: [State::Warning, State::Ok, State::Unknown, State::Breach].map(reading).to_vec(), ..Panel::empty(indicator, Vec::new(), Vec::new()) };
    let handle = Handle::detached();
    handle.board.store(Arc::new(Board { panels: vec![Arc::new(panel)], ..Board::default() }));
    let state = || clause9_exporter::axum::extract::State(handle.clone());
    let in_order = |page: &str, marks: [&str; 4]| {
        let places: Vec<_> = marks.iter().filter_map(|mark| page.find(mark)).collect();
        assert!(places.is_sorted() && places.len() >= 3, "{places:?} of {marks:?} in {page}");
    };
    let page = text(pages::status(state()).await).await;
    in_order(&page, ["\u{2717} breach", "? unknown", "! warning", "\u{2713} ok"]);
    in_order(&page, ["system=&quot;breach&quot;", "system=&quot;unknown&quot;", "system=&quot;warning&quot;", "system=&quot;ok&quot;"]);
    in_order(&page, [">Breach</th>", ">Unknown</th>", ">Warning</th>", ">Ok</th>"]);
    let page = text(pages::indicator(state(), clause9_exporter::axum::extract::Path("impact_assessments_overdue".into())).await).await;
    in_order(&page, ["system=&quot;breach&quot;", "system=&quot;unknown&quot;", "system=&quot;warning&quot;", "system=&quot;ok&quot;"]);
}
