//! An exporter for Prometheus: families of finished numbers go in, a page comes out and is served over HTTP.
//!
//! It is for programs that know their readings before they are asked. What changes of the page is rendered and compressed
//! once, the page is published whole, and a scrape copies bytes: however many scrapers come, time out and come again,
//! nothing is computed for them but the few metrics the exporter keeps about itself.
//!
//! ```no_run
//! use clause9_exporter::axum::Router;
//! use clause9_exporter::{AppOptions, Exporter, Family, Kind, LabelName, MetricName, OwnMetrics, ServeOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let exporter = Exporter::new(OwnMetrics::new("example")?)?;
//!
//! const ROOM: LabelName = LabelName::from_static("room");
//! let mut family = Family::new(MetricName::from_static("temperature_celsius"), "Air temperature", Kind::Gauge);
//! family.sample([(&ROOM, "kitchen")], 21.5)?;
//! exporter.publish(&[family])?;
//!
//! let app = clause9_exporter::app(&exporter, AppOptions::default(), Router::new());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9420").await?;
//! let shutdown = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! clause9_exporter::serve(listener, app, ServeOptions::default(), shutdown).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Code map
//!
//! | Module | What |
//! |---|---|
//! | `name`, `family` | names, families and samples; nothing invalid can be built |
//! | `change` | what of a page becomes another |
//! | `order`, `exposition` | families to text |
//! | `segment`, `line` | a family's text in segments, and where in it a sample is |
//! | `gzip`, `page` | segments to a page that can be sent |
//! | `exporter` | the current page and readiness, published whole |
//! | `own`, `process` | metrics of the exporter itself, rendered at each scrape |
//! | `http` | routes, who may ask and under which name, negotiation, panics |
//! | `server` | connections: slots, timeouts, TLS, draining, another address or other routes while serving |
//!
//! # Invariants
//!
//! - No request renders or compresses the page.
//! - No client can keep others from `/metrics`, whatever it sends, does not send, or does not read.
//! - A page is valid or is not published; what was published before stays.
//! - The page's bytes follow from its families alone, however it came to be; how they are compressed does not.
//! - Nothing here knows what is measured, reads a configuration or looks for a clock.

mod change;
mod exporter;
mod exposition;
mod family;
mod gzip;
mod http;
mod line;
mod name;
mod order;
mod own;
mod page;
mod process;
mod segment;
mod server;

pub use axum;
pub use prometheus;

pub use change::{Change, Delta};
pub use exporter::{Exporter, PublishError, Published};
pub use exposition::{CONTENT_TYPE, RenderError, render};
pub use family::{Family, Kind, RepeatedLabel};
pub use http::{AppOptions, Auth, Hosts, Reload, ReloadError, app, security_headers};
pub use name::{LabelName, MetricName, NameError};
#[doc(hidden)]
pub use own::declare_one;
pub use own::{Declare, OwnMetrics, OwnMetricsError};
pub use server::{LiveServer, ServeOptions, Slots, Tls, TlsError, serve};
