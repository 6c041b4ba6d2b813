//! `clause9 run`: polls, judges and serves until it is told to stop.

use std::{net::SocketAddr, path::Path, process::ExitCode};

use anyhow::Context as _;
use clause9_exporter::{Exporter, OwnMetrics};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{check, runtime};
use crate::{
    config::Config,
    fault,
    pipeline::{Agent, Metrics},
    schedule,
    store::DATABASE_FILE,
    web::{Front, front},
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
    let (sources, indicators) = (config.sources.len(), config.catalogue.iter().len());
    tracing::info!(version = crate::BUILD, configuration = %config.file.display(), sources, indicators, off = config.off.len(), "clause9 begins");
    config.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let listener = front::open(listen).await?;
    let tls = front::certificate(&config.web).await?;
    let exporter = Exporter::new(OwnMetrics::new(NAMESPACE)?)?;
    let metrics = Metrics::start(exporter.own())?;
    if !config.data_dir.join(DATABASE_FILE).exists() {
        tracing::info!(data_dir = %config.data_dir.display(), "there is no database yet: history and evidence begin now");
    }
    let agent = Agent::start(config, exporter, metrics.clone()).context("the agent can't start")?;
    let mut front = Front::start(listener, tls, agent.config(), agent.handle(), metrics);
    started(front.address()?);
    let ended = agent.run(&mut front, hangups()?, termination()?).await;
    let cut_off = front.stop().await;
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "connections were cut off");
    }
    tracing::info!("stopped");
    Ok(ended?)
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
