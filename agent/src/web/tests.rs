//! The pages: what they show, and that nothing an upstream says becomes markup.

use std::sync::Arc;

use clause9_exporter::axum::body::to_bytes;

use super::*;
use crate::board::{Board, SourceStatus};

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
