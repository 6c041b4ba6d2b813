//! `clause9 run`: polls, judges and serves until it is told to stop.

use std::{net::SocketAddr, path::Path, process::ExitCode};

use anyhow::Context as _;
use clause9_exporter::{AppOptions, Auth, Exporter, Hosts, OwnMetrics, Reload, ReloadError, ServeOptions, Tls};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};

use super::{check, runtime};
use crate::{
    config::{Config, Web, WebAuth},
    fault,
    pipeline::{Agent, Handle, Metrics},
    schedule,
    store::DATABASE_FILE,
    web,
};

/// The namespace of the agent's own metrics.
const NAMESPACE: &str = "clause9";

pub(super) fn execute(file: &Path) -> anyhow::Result<ExitCode> {
    let config = match Config::load(file, schedule::now()) {
        Ok(config) => config,
        Err(mistakes) => return Ok(check::refused(&mistakes)),
    };
    let listen = config.listen;
    runtime()?.block_on(serve(config, listen, |_| {}))?;
    Ok(ExitCode::SUCCESS)
}

/// Serves at `listen` until SIGTERM or SIGINT. `started` is told the address once pages can be asked for.
pub(super) async fn serve(config: Config, listen: SocketAddr, started: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    fault::log_panics();
    let listener = TcpListener::bind(listen).await.with_context(|| format!("{listen} can't be listened on; choose another `listen`"))?;
    let address = listener.local_addr()?;
    let exporter = Exporter::new(OwnMetrics::new(NAMESPACE)?)?;
    let metrics = Metrics::start(exporter.own())?;
    let tls = tls(&config.web)?;
    let auth = config.web.auth.as_ref().map(auth);
    let hosts = Some(hosts(&config.web));
    let open = config.web.open_to_others(address);
    metrics.web_unauthenticated.set(open.is_some().into());
    if let Some(open) = open {
        tracing::warn!(address = %address, "the pages are open: {open}");
    }
    if !config.data_dir.join(DATABASE_FILE).exists() {
        tracing::info!(data_dir = %config.data_dir.display(), "there is no database yet: history and evidence begin now");
    }
    let agent = Agent::start(config, exporter.clone(), metrics).context("the agent can't start")?;
    let app_options = AppOptions { auth, hosts, reload: Some(reload(agent.handle(), tls.clone())) };
    let app = clause9_exporter::app(&exporter, app_options, web::router(agent.handle()));
    let options = ServeOptions { tls, ..ServeOptions::default() };
    let (stop, mut stopped) = watch::channel(false);
    let server = tokio::spawn(async move { clause9_exporter::serve(listener, app, options, async move { drop(stopped.wait_for(|stop| *stop).await) }).await });
    tracing::info!(address = %address, "serving the page and /metrics");
    started(address);
    let ended = agent.run(hangups()?, termination()?).await;
    stop.send_replace(true);
    let cut_off = server.await.unwrap_or(0);
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "connections were cut off");
    }
    tracing::info!("stopped");
    Ok(ended?)
}

/// Reads the configuration again, and the certificate: it is renewed in place more often than anything else changes.
fn reload(handle: Handle, tls: Option<Tls>) -> Reload {
    Reload::new(move || {
        let (handle, tls) = (handle.clone(), tls.clone());
        async move {
            tls.map_or(Ok(()), |tls| tls.reload()).map_err(|error| ReloadError::Refused(format!("web.tls: {error}")))?;
            handle.reload().await.map_err(ReloadError::Refused)
        }
    })
}

fn tls(web: &Web) -> anyhow::Result<Option<Tls>> {
    web.tls.as_ref().map(|(certificate, key)| Tls::from_files(certificate, key)).transpose().context("web.tls")
}

fn auth(auth: &WebAuth) -> Auth {
    match auth {
        WebAuth::Basic(user, password) => Auth::new().basic(user, password.expose()),
        WebAuth::Bearer(token) => Auth::new().bearer(token.expose()),
    }
}

/// The names under which the agent is asked; `listen` is an address, and those are always answered.
fn hosts(web: &Web) -> Hosts {
    let advice = "add it to `web: { hosts: [...] }` in agent.yaml, or set `external_url`, and start the agent again";
    let hosts = web.hosts.iter().fold(Hosts::new().advice(advice), |hosts, name| hosts.name(name));
    web.external_url.iter().fold(hosts, |hosts, url| hosts.origin(&url.origin().ascii_serialization()))
}

/// SIGHUPs as messages.
fn hangups() -> anyhow::Result<mpsc::Receiver<()>> {
    let mut signals = signal(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            // One that is waiting already does the same.
            let _ = sender.try_send(());
        }
    });
    Ok(receiver)
}

/// Ends with the first SIGTERM or SIGINT.
fn termination() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
