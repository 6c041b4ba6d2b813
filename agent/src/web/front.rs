//! How the pages are reached: address, certificate, credentials, names. All of it can change while they are served.

use std::{io, net::SocketAddr};

use clause9_exporter::{
    AppOptions, Auth, Exporter, Hosts, LiveServer, Reload, ReloadError, ServeOptions, Tls, TlsError,
    axum::{Router, middleware::from_fn},
};
use tokio::{net::TcpListener, task::spawn_blocking};

use super::{api, router};
use crate::{
    config::{Config, Web, WebAuth},
    pipeline::{Handle, Metrics},
};

/// The server of the pages.
#[derive(Debug)]
pub struct Front {
    server: LiveServer,
    exporter: Exporter,
    handle: Handle,
    metrics: Metrics,
}

/// What another configuration needs to be served, ready. Dropped, nothing has changed.
#[derive(Debug)]
pub struct Opened {
    /// Another address, if it is another one.
    listener: Option<TcpListener>,
    tls: Option<Tls>,
}

/// Why the pages can't be served as a configuration has it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is taken, say, or needs privileges.
    #[error("listen: {0} can't be listened on; choose another address")]
    Listen(SocketAddr, #[source] io::Error),
    /// Certificate and key can't be used.
    #[error("web.tls")]
    Tls(#[source] TlsError),
    /// Reading them was cut off.
    #[error("web.tls: the certificate could not be read")]
    CutOff,
}

/// Opens an address. Clients that come wait until it is served.
///
/// # Errors
/// [`OpenError::Listen`].
pub async fn open(listen: SocketAddr) -> Result<TcpListener, OpenError> {
    TcpListener::bind(listen).await.map_err(|error| OpenError::Listen(listen, error))
}

/// Reads the certificate, if there is one.
///
/// # Errors
/// [`OpenError::Tls`], [`OpenError::CutOff`].
pub async fn certificate(web: &Web) -> Result<Option<Tls>, OpenError> {
    let Some(tls) = &web.tls else { return Ok(None) };
    let (certificate, key) = (tls.certificate.clone(), tls.key.clone());
    let read = spawn_blocking(move || Tls::from_files(certificate, key)).await;
    read.map_err(|_| OpenError::CutOff)?.map(Some).map_err(OpenError::Tls)
}

impl Front {
    /// Begins to serve.
    pub fn start(listener: TcpListener, tls: Option<Tls>, config: &Config, handle: Handle, metrics: Metrics) -> Self {
        let exporter = handle.exporter.clone();
        let app = app(&config.web, &exporter, &handle);
        let front = Self { server: LiveServer::start(listener, app, options(tls)), exporter, handle, metrics };
        front.tell(config);
        front
    }

    /// Where the pages are served.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.server.address()
    }

    /// Opens what `next` needs. Nothing where it is served as the one before: then no connection is disturbed.
    ///
    /// # Errors
    /// Why `next` can't be served. What was served is, as it was.
    pub async fn prepare(&self, before: &Config, next: &Config) -> Result<Option<Opened>, OpenError> {
        if (before.listen, &before.web) == (next.listen, &next.web) {
            return Ok(None);
        }
        let tls = certificate(&next.web).await?;
        let listener = if before.listen == next.listen { None } else { Some(open(next.listen).await?) };
        Ok(Some(Opened { listener, tls }))
    }

    /// Serves by another configuration from now on. Requests under way are answered by the one before, and their connections closed.
    pub fn switch(&mut self, opened: Opened, config: &Config) {
        let app = app(&config.web, &self.exporter, &self.handle);
        self.server.replace(opened.listener, app, options(opened.tls));
        self.tell(config);
    }

    /// Lets requests under way finish for a while, and gives the number of connections that were cut off.
    pub async fn stop(self) -> usize {
        self.server.stop().await
    }

    /// Says where the pages are, and whether others than this machine reach them without credentials.
    fn tell(&self, config: &Config) {
        let address = self.address().unwrap_or(config.listen);
        let open = config.web.open_to_others(address);
        self.metrics.web_unauthenticated.set(open.is_some().into());
        if let Some(open) = open {
            tracing::warn!(address = %address, "the pages are open: {open}");
        }
        tracing::info!(address = %address, "serving the page and /metrics");
    }
}

fn options(tls: Option<Tls>) -> ServeOptions {
    ServeOptions { tls, ..ServeOptions::default() }
}

fn app(web: &Web, exporter: &Exporter, handle: &Handle) -> Router {
    let (readers, operators) = (web.auth.as_ref().map(auth), web.operator.as_ref().map(auth));
    let options = AppOptions { auth: readers, operators, hosts: Some(hosts(web)), reload: Some(reload(handle.clone())) };
    clause9_exporter::app(exporter, options, router(handle.clone())).layer(from_fn(api::told_as_json))
}

fn reload(handle: Handle) -> Reload {
    Reload::new(move || {
        let handle = handle.clone();
        async move { handle.reload().await.map_err(ReloadError::Refused) }
    })
}

fn auth(auth: &WebAuth) -> Auth {
    match auth {
        WebAuth::Basic(user, password) => Auth::new().basic(user, password.expose()),
        WebAuth::Bearer(token) => Auth::new().bearer(token.expose()),
    }
}

/// The names under which the agent is asked; `listen` is an address, and those are always answered.
fn hosts(web: &Web) -> Hosts {
    let advice = "add it to `web: { hosts: [...] }` in agent.yaml, or set `external_url`";
    let hosts = web.hosts.iter().fold(Hosts::new().advice(advice), |hosts, name| hosts.name(name));
    web.external_url.iter().fold(hosts, |hosts, url| hosts.origin(&url.origin().ascii_serialization()))
}
