//! Serves one page of gauges with three labels in one of several ways, all over the same HTTP stack, so that only the
//! making of the page differs: `page-server ours|static|prometheus-client|prometheus SERIES`. Prints its port.

use std::error::Error;
use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use clause9_exporter::{AppOptions, Exporter, OwnMetrics, ServeOptions};
use page_server::{HELP, NAME, client_registry, family, labels, value};
use prometheus::Encoder;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(way), Some(n_series)) = (arguments.next(), arguments.next()) else {
        return Err("usage: page-server ours|static|prometheus-client|prometheus SERIES".into());
    };
    let n_series: usize = n_series.parse()?;
    let app = match way.as_str() {
        "ours" => ours(n_series)?,
        "static" => fixed(n_series)?,
        "prometheus-client" => prometheus_client(n_series),
        "prometheus" => prometheus(n_series)?,
        _ => return Err(format!("{way} is no way to serve").into()),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    clause9_exporter::serve(listener, app, ServeOptions::default(), pending()).await;
    Ok(())
}

fn ours(n_series: usize) -> Result<Router, Box<dyn Error>> {
    let exporter = Exporter::new(OwnMetrics::new("own")?)?;
    exporter.publish(&[family(n_series)?])?;
    Ok(clause9_exporter::app(&exporter, AppOptions::default(), Router::new()))
}

fn fixed(n_series: usize) -> Result<Router, Box<dyn Error>> {
    let page = Bytes::from(clause9_exporter::render(&[family(n_series)?])?);
    Ok(Router::new().route("/metrics", get(async move || ([(CONTENT_TYPE, TEXT)], page.clone()))))
}

fn prometheus_client(n_series: usize) -> Router {
    let registry = Arc::new(client_registry(n_series));
    Router::new().route(
        "/metrics",
        get(async move || {
            let mut page = String::new();
            prometheus_client::encoding::text::encode(&mut page, &registry).expect("writing into memory does not fail");
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page)
        }),
    )
}

fn prometheus(n_series: usize) -> Result<Router, Box<dyn Error>> {
    let registry = prometheus::Registry::new();
    let gauges = prometheus::GaugeVec::new(prometheus::Opts::new(NAME, HELP), &["model", "feature", "stat"])?;
    registry.register(Box::new(gauges.clone()))?;
    for i in 0..n_series {
        gauges.with_label_values(&labels(i)).set(value(i));
    }
    let render = async move || {
        let mut page = Vec::new();
        prometheus::TextEncoder::new().encode(&registry.gather(), &mut page).expect("the metrics are valid");
        ([(CONTENT_TYPE, TEXT)], page)
    };
    Ok(Router::new().route("/metrics", get(render)))
}
