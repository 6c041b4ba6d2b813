//! Writes the sample organisation into a folder.

use std::{
    fs,
    io::Read as _,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use anyhow::{Context as _, bail, ensure};
use include_dir::Dir;

use super::{CONFIG, SAMPLE, upstreams};
use crate::{connector::replay, store};

/// Dashboards, rules and runbooks as `clause9 generate` makes them; `build.rs` packed them.
static DASHBOARDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dashboards.z"));

/// The folder of credentials: readable by its owner only, as real ones would have to be.
const SECRETS: &str = "secrets";

/// The quarter that the sample organisation has behind it: a store as the agent left it, deflated. A test lives the quarter again.
pub(super) const PAST: &str = "past/2026-Q3.z";

/// When that agent was stopped: 2026-10-01T06:00:00Z.
pub(super) const PAST_END: i64 = 1_790_834_400;

/// The ports of the recorded upstreams in the sample's `agent.yaml`: taken where they are free, others where not.
pub(super) const PORTS: [u16; 3] = [9421, 9422, 9423];

/// Writes the sample into `dir`, with upstreams on these ports or on free ones; a sample that is there already stays as it is.
pub(super) fn unfold(dir: &Path, ports: [u16; 3], now: i64) -> anyhow::Result<()> {
    if dir.join(CONFIG).exists() {
        return Ok(());
    }
    let shown = dir.display();
    if dir.exists() {
        ensure!(dir.is_dir(), "{shown} is not a folder; choose another one with --dir");
        let mut entries = fs::read_dir(dir).with_context(|| format!("the folder {shown} can't be read"))?;
        ensure!(entries.next().is_none(), "{shown} holds other things and no {CONFIG}; choose an empty or a new folder with --dir");
    }
    fs::create_dir_all(dir).with_context(|| format!("the folder {shown} can't be made; choose another one with --dir"))?;
    // The configuration comes last: a folder that has one is complete.
    write_folder(&SAMPLE, dir, now)?;
    write_dashboards(dir)?;
    if now > PAST_END {
        write_past(dir)?;
    }
    write_file(CONFIG, &with_ports(text(CONFIG)?, ports)?, dir)
}

fn write_folder(folder: &Dir<'_>, dir: &Path, now: i64) -> anyhow::Result<()> {
    let stays = [Some(Path::new(upstreams::FOLDER)), Path::new(PAST).parent()];
    for inner in folder.dirs().filter(|inner| !stays.contains(&Some(inner.path()))) {
        let path = dir.join(inner.path());
        fs::create_dir_all(&path).with_context(|| format!("the folder {} can't be made", path.display()))?;
        write_folder(inner, dir, now)?;
    }
    for name in folder.files().filter_map(|file| file.path().to_str()).filter(|name| *name != CONFIG) {
        match replay::in_text(text(name)?, now) {
            Ok(text) => write_file(name, &text, dir)?,
            Err(mistake) => bail!("{name} of the sample: {mistake}"),
        }
    }
    Ok(())
}

/// What the monitoring plan is checked against.
fn write_dashboards(dir: &Path) -> anyhow::Result<()> {
    let mut packed = String::new();
    flate2::read::DeflateDecoder::new(DASHBOARDS).read_to_string(&mut packed).context("the dashboards of the sample can't be unpacked")?;
    let mut rest = packed.as_str();
    while let Some((name, after)) = rest.split_once('\n') {
        let (length, after) = after.split_once('\n').context("a dashboard of the sample is cut off")?;
        let (text, following) = after.split_at(length.parse()?);
        let path = dir.join("dashboards").join(name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("{} can't be written", path.display()))?;
        rest = following;
    }
    Ok(())
}

/// The store to go on with.
fn write_past(dir: &Path) -> anyhow::Result<()> {
    let packed = SAMPLE.get_file(PAST).context("the sample has no past")?.contents();
    let data = dir.join("data");
    store::begin_with(&data, &mut flate2::read::DeflateDecoder::new(packed)).with_context(|| format!("the sample's past can't be written into {}", data.display()))
}

fn text(name: &str) -> anyhow::Result<&'static str> {
    SAMPLE.get_file(name).and_then(|file| file.contents_utf8()).with_context(|| format!("{name} of the sample is no text"))
}

fn write_file(name: &str, text: &str, dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.join(name);
    let operation = || format!("{} can't be written", path.display());
    fs::write(&path, text).with_context(operation)?;
    if Path::new(name).starts_with(SECRETS) {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).with_context(operation)?;
    }
    Ok(())
}

/// Puts these ports into the configuration, or free ones where they are taken.
fn with_ports(config: &str, ports: [u16; 3]) -> anyhow::Result<String> {
    // Held until all are chosen, so that none is chosen twice.
    let mut held = Vec::new();
    let mut config = config.to_owned();
    for (written, port) in PORTS.into_iter().zip(ports) {
        let wished = if port == 0 { None } else { TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok() };
        let listener = wished.or_else(any_free);
        let listener = listener.context("no free port for the recorded upstreams")?;
        let chosen = listener.local_addr().context("no free port for the recorded upstreams")?;
        config = config.replace(&format!("{}:{written}/", Ipv4Addr::LOCALHOST), &format!("{chosen}/"));
        held.push(listener);
    }
    Ok(config)
}

/// A port that is free, and that no connection is given by chance while it is not listened on: those get ports from 32768 on.
fn any_free() -> Option<TcpListener> {
    std::iter::repeat_with(|| fastrand::u16(10_000..32_768)).take(100).find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
}
