//! The routes as a client sees them, without a network: status, headers, body.

use std::io::Read;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use flate2::read::GzDecoder;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::{Family, Kind, MetricName, OwnMetrics};

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let service = TowerToHyperService::new(app.clone());
    let (head, body) = service.call(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

async fn get(app: &Router, path: &str) -> Answer {
    ask(app, "GET", path, &[]).await
}

fn exporter() -> Exporter {
    Exporter::new(OwnMetrics::new("t").unwrap()).unwrap()
}

fn publish(exporter: &Exporter, value: f64) {
    let mut family = Family::new(MetricName::from_static("reading"), "A reading", Kind::Gauge);
    family.sample::<&str>([], value).unwrap();
    exporter.publish(&[family]).unwrap();
}

fn open(exporter: &Exporter) -> Router {
    app(exporter, AppOptions::default(), Router::new())
}

#[tokio::test]
async fn a_scrape_gets_the_page_then_the_own_metrics() {
    let exporter = exporter();
    publish(&exporter, 1.5);
    let answer = get(&open(&exporter), "/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("vary"), "Accept-Encoding");
    assert_eq!(answer.header("content-encoding"), "");
    let start = "# HELP reading A reading\n# TYPE reading gauge\nreading 1.5\n# HELP process_";
    assert!(answer.text().starts_with(start), "{}", answer.text());
    for line in ["t_page_renderings_total 1", "t_page_series 1", "t_page_bytes{encoding=\"identity\"} 58"] {
        assert!(answer.text().lines().any(|found| found == line), "{line} is missing in\n{}", answer.text());
    }
}

#[tokio::test]
async fn gzip_is_the_same_text_in_one_member() {
    let exporter = exporter();
    publish(&exporter, 1.5);
    let answer = ask(&open(&exporter), "GET", "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("vary"), "Accept-Encoding");
    let mut text = String::new();
    let mut decoder = GzDecoder::new(&answer.body[..]);
    decoder.read_to_string(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "something follows the first member");
    assert!(text.contains("\nreading 1.5\n") && text.contains("\nt_page_series 1\n"), "{text}");
}

#[tokio::test]
async fn a_client_that_refuses_both_codings_is_told_so() {
    let answer = ask(&open(&exporter()), "GET", "/metrics", &[("accept-encoding", "identity;q=0")]).await;
    assert_eq!((answer.status, answer.header("vary")), (406, "Accept-Encoding"));
}

#[tokio::test]
async fn before_the_first_page_there_are_own_metrics_only() {
    let exporter = exporter();
    let app = open(&exporter);
    let metrics = get(&app, "/metrics").await;
    assert!(metrics.text().contains("\nt_page_renderings_total 0\n"), "{}", metrics.text());
    assert!(!metrics.text().contains("reading"), "{}", metrics.text());
    let ready = get(&app, "/-/ready").await;
    assert_eq!((ready.status, ready.text()), (503, "no page has been published yet\n"));
}

#[tokio::test]
async fn readiness_gives_one_reason_a_line() {
    let exporter = exporter();
    let app = open(&exporter);
    publish(&exporter, 1.0);
    for (reasons, status, text) in [(vec![], 200, "ready\n"), (vec!["a".to_owned(), "b\nc\r\n".to_owned()], 503, "a\nb c\n"), (vec![], 200, "ready\n")] {
        exporter.set_unready(reasons);
        let answer = get(&app, "/-/ready").await;
        assert_eq!((answer.status, answer.text()), (status, text));
    }
    exporter.set_unready(vec!["a".to_owned()]);
    assert_eq!(get(&app, "/-/healthy").await.status, 200, "health is not readiness");
    exporter.set_unhealthy("the heart has stopped".to_owned());
    for path in ["/-/healthy", "/-/ready"] {
        let answer = get(&app, path).await;
        assert!(answer.status == 503 && answer.text().starts_with("the heart has stopped\n"), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_are_answered_in_plain_text() {
    let reload = Some(Reload::new(async || Ok(())));
    let pages = Router::new().route("/", axum::routing::get(async || "page"));
    let app = app(&exporter(), AppOptions { reload, ..AppOptions::default() }, pages);
    for (method, path, status, allow) in [
        ("GET", "/", 200, ""),
        ("GET", "/nowhere", 404, ""),
        ("GET", "/metrics/", 404, ""),
        ("POST", "/metrics", 405, "GET,HEAD"),
        ("DELETE", "/-/healthy", 405, "GET,HEAD"),
        ("GET", "/-/reload", 405, "POST"),
        ("POST", "/", 405, "GET,HEAD"),
    ] {
        let answer = ask(&app, method, path, &[]).await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{method} {path}");
        assert!(!answer.body.is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let exporter = exporter();
    publish(&exporter, 1.0);
    let app = open(&exporter);
    for path in ["/-/healthy", "/-/ready"] {
        let (head, get) = (ask(&app, "HEAD", path, &[]).await, get(&app, path).await);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
    let head = ask(&app, "HEAD", "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!((head.status, head.body.len(), head.header("content-encoding")), (200, 0, "gzip"));
    assert!(head.header("content-length").parse::<usize>().unwrap() > 0);
}

#[tokio::test]
async fn without_credentials_only_the_probes_answer() {
    let exporter = exporter();
    let options = AppOptions { auth: Some(Auth::new().bearer("good")), reload: Some(Reload::new(async || Ok(()))), ..AppOptions::default() };
    let app = app(&exporter, options, Router::new().route("/", axum::routing::get(async || "page")));
    publish(&exporter, 1.0);
    for (method, path, open) in [
        ("GET", "/metrics", false),
        ("GET", "/", false),
        ("POST", "/-/reload", false),
        ("GET", "/nowhere", false),
        ("GET", "/-/healthy/", false),
        ("GET", "/-/healthy", true),
        ("GET", "/-/ready", true),
    ] {
        for (name, headers, wanted) in
            [("none", &[][..], open), ("bad", &[("authorization", "Bearer bad")], open), ("good", &[("authorization", "Bearer good")], true)]
        {
            let answer = ask(&app, method, path, headers).await;
            assert_eq!(answer.status != 401, wanted, "{method} {path} with {name} credentials");
            let challenge = if wanted { "" } else { "Bearer realm=\"exporter\"" };
            assert_eq!(answer.header("www-authenticate"), challenge, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn readers_look_and_operators_do() {
    let exporter = exporter();
    publish(&exporter, 1.0);
    let (reader, operator) = (("authorization", "Bearer read"), ("authorization", "Bearer operate"));
    let status = async |readers: bool, method: &str, path: &str, headers: &[(&str, &str)]| {
        let options = AppOptions {
            auth: readers.then(|| Auth::new().bearer("read")),
            operators: Some(Auth::new().bearer("operate")),
            reload: Some(Reload::new(async || Ok(()))),
            ..AppOptions::default()
        };
        ask(&app(&exporter, options, Router::new()), method, path, headers).await.status
    };
    for (readers, method, path, headers, expected) in [
        (true, "GET", "/metrics", &[][..], 401),
        (true, "GET", "/metrics", &[reader], 200),
        (true, "GET", "/metrics", &[operator], 200),
        (true, "POST", "/-/reload", &[], 401),
        (true, "POST", "/-/reload", &[reader], 403),
        (true, "POST", "/-/reload", &[operator], 200),
        (true, "GET", "/-/healthy", &[], 200),
        (false, "GET", "/metrics", &[], 200),
        (false, "POST", "/-/reload", &[], 401),
        (false, "POST", "/-/reload", &[reader], 401),
        (false, "POST", "/-/reload", &[operator], 200),
    ] {
        assert_eq!(status(readers, method, path, headers).await, expected, "{readers} {method} {path} {headers:?}");
    }
}

#[tokio::test]
async fn a_reload_answers_with_what_the_hook_says() {
    async fn panics() -> Result<(), ReloadError> {
        panic!("on purpose")
    }
    for (reload, status, text) in [
        (Reload::new(async || Ok(())), 200, "reloaded\n"),
        (Reload::new(async || Err(ReloadError::Refused("line 3: no such key".into()))), 422, "line 3: no such key\n"),
        (Reload::new(async || Err(ReloadError::Failed("disk full".into()))), 500, "disk full\n"),
        (Reload::new(panics), 500, "the reload ended without an answer\n"),
    ] {
        let app = app(&exporter(), AppOptions { reload: Some(reload), ..AppOptions::default() }, Router::new());
        let answer = ask(&app, "POST", "/-/reload", &[]).await;
        assert_eq!((answer.status, answer.text()), (status, text));
    }
    assert_eq!(ask(&open(&exporter()), "POST", "/-/reload", &[]).await.status, 404, "no hook, no route");
}

#[tokio::test]
async fn requests_are_counted_by_route_never_by_path() {
    let exporter = exporter();
    let pages = Router::new().route("/systems/{id}", axum::routing::get(async || "page"));
    let app = app(&exporter, AppOptions::default(), pages);
    let zero = get(&app, "/metrics").await;
    for line in [
        "t_http_requests_total{code=\"200\",route=\"/metrics\"} 0",
        "t_http_requests_total{code=\"401\",route=\"/metrics\"} 0",
        "t_http_requests_total{code=\"503\",route=\"/-/ready\"} 0",
        "t_scrape_duration_seconds_count 0",
    ] {
        assert!(zero.text().lines().any(|found| found == line), "{line} is missing in\n{}", zero.text());
    }
    for path in ["/systems/1", "/systems/2", "/x", "/y", "/-/ready"] {
        get(&app, path).await;
    }
    let counted = get(&app, "/metrics").await;
    for line in [
        "t_http_requests_total{code=\"200\",route=\"/metrics\"} 1",
        "t_http_requests_total{code=\"200\",route=\"/systems/{id}\"} 2",
        "t_http_requests_total{code=\"404\",route=\"unmatched\"} 2",
        "t_http_requests_total{code=\"503\",route=\"/-/ready\"} 1",
        "t_scrape_duration_seconds_count 1",
    ] {
        assert!(counted.text().lines().any(|found| found == line), "{line} is missing in\n{}", counted.text());
    }
}

#[tokio::test]
async fn pages_keep_the_headers_they_set() {
    let own = [("content-security-policy", "default-src 'self'")];
    let pages = Router::new().route("/", axum::routing::get(async || "page")).route("/own", axum::routing::get(async move || (own, "page")));
    let app = app(&exporter(), AppOptions::default(), security_headers(pages));
    let (page, own) = (get(&app, "/").await, get(&app, "/own").await);
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(own.header("content-security-policy"), "default-src 'self'");
    assert_eq!(get(&app, "/-/healthy").await.header("content-security-policy"), "", "not asked for");
}

#[tokio::test]
async fn whatever_is_asked_under_a_strangers_name_is_refused() {
    let exporter = exporter();
    publish(&exporter, 1.0);
    let hosts = Hosts::new().name("aims.example.org").advice("add it to the settings");
    let options =
        AppOptions { auth: Some(Auth::new().bearer("good")), hosts: Some(hosts), reload: Some(Reload::new(async || Ok(()))), ..AppOptions::default() };
    let app = app(&exporter, options, Router::new().route("/", axum::routing::get(async || "page")));
    let good = ("authorization", "Bearer good");
    for (method, path) in [("GET", "/"), ("GET", "/metrics"), ("GET", "/-/healthy"), ("GET", "/-/ready"), ("POST", "/-/reload"), ("GET", "/nowhere")] {
        let known = if path == "/nowhere" { 404 } else { 200 };
        for (headers, status) in [
            (&[("host", "aims.example.org:9420"), good][..], known),
            (&[("host", "127.0.0.1:9420"), good], known),
            (&[("host", "evil.example"), good], 421),
            (&[good], 400),
            (&[("host", "localhost"), ("host", "localhost"), good], 400),
            (&[("host", "localhost"), ("host", "evil.example"), good], 400),
        ] {
            let answer = ask(&app, method, path, headers).await;
            assert_eq!(answer.status, status, "{method} {path} {headers:?}");
            if status == 421 {
                assert_eq!(answer.text(), "the host of this request is none that this server is known by: add it to the settings\n");
            }
        }
    }
    let strange = ask(&app, "GET", "http://evil.example/metrics", &[("host", "localhost"), good]).await;
    assert_eq!(strange.status, 421, "the target's host counts too");
    let fine = ask(&app, "GET", "http://localhost:1/metrics", &[("host", "localhost:1"), good]).await;
    assert_eq!(fine.status, 200);
    let old = Request::builder().version(axum::http::Version::HTTP_10).uri("/-/healthy").body(Body::empty()).unwrap();
    assert_eq!(TowerToHyperService::new(app.clone()).call(old).await.unwrap().status(), 200, "HTTP/1.0 may go without");
    let counted = ask(&app, "GET", "/metrics", &[("host", "localhost"), good]).await;
    assert!(counted.text().contains("\nt_http_requests_total{code=\"421\",route=\"/-/healthy\"} 1\n"), "{}", counted.text());
}

#[tokio::test]
async fn a_page_of_another_origin_may_ask_and_not_tell() {
    let pages = Router::new().route("/poll", axum::routing::post(async || "polled"));
    let app = app(&exporter(), AppOptions { reload: Some(Reload::new(async || Ok(()))), ..AppOptions::default() }, pages);
    let (host, strange) = (("host", "127.0.0.1:9420"), ("origin", "https://evil.example"));
    for path in ["/-/reload", "/poll"] {
        assert_eq!(ask(&app, "POST", path, &[host]).await.status, 200, "{path}: a program");
        assert_eq!(ask(&app, "POST", path, &[host, ("origin", "http://127.0.0.1:9420")]).await.status, 200, "{path}: its own page");
        assert_eq!(ask(&app, "POST", path, &[host, strange]).await.status, 403, "{path}");
        assert_eq!(ask(&app, "POST", path, &[host, ("sec-fetch-site", "cross-site")]).await.status, 403, "{path}");
    }
    assert_eq!(ask(&app, "GET", "/-/healthy", &[host, strange, ("sec-fetch-site", "cross-site")]).await.status, 200);
}

#[tokio::test]
async fn a_panic_is_the_end_of_its_own_request_only() {
    async fn before() -> &'static str {
        panic!("a value of somebody's")
    }
    async fn later() -> &'static str {
        tokio::task::yield_now().await;
        panic!("a value of somebody's")
    }
    let pages =
        Router::new().route("/before", axum::routing::get(before)).route("/later", axum::routing::get(later)).route("/", axum::routing::get(async || "page"));
    let app = app(&exporter(), AppOptions::default(), pages);
    for path in ["/before", "/later", "/later"] {
        let answer = get(&app, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (500, "text/plain; charset=utf-8"), "{path}");
        assert!(!answer.text().contains("somebody"), "{}", answer.text());
    }
    assert_eq!(get(&app, "/").await.text(), "page");
    let metrics = get(&app, "/metrics").await;
    for line in ["t_http_panics_total 3", "t_http_requests_total{code=\"500\",route=\"/later\"} 2"] {
        assert!(metrics.text().lines().any(|found| found == line), "{line} is missing in\n{}", metrics.text());
    }
}
