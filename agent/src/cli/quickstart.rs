//! `clause9 quickstart`: the agent at work on a sample organisation. What it serves is real; only its upstreams are recorded.

mod unfold;
mod upstreams;

#[cfg(test)]
mod data;
#[cfg(test)]
mod quarter;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use include_dir::{Dir, include_dir};

use super::{args, check, out::out, run, runtime};
use crate::{config::Config, schedule};

/// The sample organisation. What lies in `upstreams/` is served, everything else is unfolded.
static SAMPLE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../config/quickstart");

/// The configuration file in the folder.
const CONFIG: &str = "agent.yaml";

pub(super) fn execute(args: &args::Quickstart) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    unfold::unfold(&args.dir, unfold::PORTS, now)?;
    let config = match Config::load(&args.dir.join(CONFIG), now) {
        Ok(config) => config,
        Err(mistakes) => return Ok(check::refused(&mistakes)),
    };
    let listen = args.listen.unwrap_or(config.listen);
    free(listen)?;
    runtime()?.block_on(async {
        let _upstreams = upstreams::start(&config, now).await?;
        run::serve(config, listen, |address| out(format_args!("{}", guide(&args.dir, address)))).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says it in this command's words when the port is taken, before anything is started.
fn free(listen: SocketAddr) -> anyhow::Result<()> {
    let wish = "choose another address with --listen, such as --listen 127.0.0.1:9520";
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => anyhow::bail!("{listen} is in use, perhaps by another clause9; {wish}"),
        Err(error) => Err(error).with_context(|| format!("{listen} can't be listened on; {wish}")),
    }
}

/// Where to look, and what to try.
fn guide(dir: &Path, address: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "
clause9 watches the sample organisation in {dir}/

  the page        http://{address}/
  for Prometheus  http://{address}/metrics

Change something and watch the page:
  {dir}/registers/reviews.csv   move the `next_due` of medical-triage's impact assessment into the future and save
  {dir}/agent.yaml              put the `url` and `auth` of your own MLflow, Airflow or Redmine in place of a recorded one

Dates are relative to the day on which the folder was made; another --dir makes a new one. Ctrl-C ends it.
"
    )
}
