//! Serves the recorded answers of the sample's upstreams where its `agent.yaml` says that they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use url::{Host, Url};

use super::SAMPLE;
use crate::{
    config::{Config, PolledSource},
    connector::{
        Location,
        replay::{Case, Replay},
    },
    document::Mistakes,
};

/// The folder of the sample that holds the answers, a file for each connector.
pub(super) const FOLDER: &str = "upstreams";

/// The path by which a recorded upstream is told from a user's own server on the same machine.
const RECORDED: &str = "/recorded";

/// Starts a server for each source with a recorded address; they end when they are dropped.
pub(super) async fn start(config: &Config, now: i64) -> anyhow::Result<Vec<Replay>> {
    let (mut servers, mut open) = (Vec::new(), BTreeSet::new());
    for polled in &config.sources {
        let Some(address) = recorded_at(polled) else { continue };
        let (name, connector) = (&polled.source.name, &polled.source.connector.name);
        let Some(case) = case(connector)? else { bail!("nothing is recorded of {connector}; give the source `{name}` the `url` of a server") };
        // Two sources may poll the same server.
        if !open.insert(address) {
            continue;
        }
        let listener = TcpListener::bind(address).await.with_context(|| {
            let file = config.file.display();
            format!("{address}, where the recorded answers for `{name}` belong, can't be listened on; end what uses it, or change the port in {file}")
        })?;
        servers.push(Replay::serve(&case, now, listener, RECORDED).map_err(anyhow::Error::msg)?);
    }
    Ok(servers)
}

fn recorded_at(polled: &PolledSource) -> Option<SocketAddr> {
    match &polled.source.location {
        Location::Http(http) => address(&http.base),
        Location::Files(_) | Location::Fetched(_) | Location::Program(_) => None,
    }
}

fn address(url: &Url) -> Option<SocketAddr> {
    let ip: IpAddr = match url.host()? {
        Host::Ipv4(ip) => ip.into(),
        Host::Ipv6(ip) => ip.into(),
        Host::Domain(_) => return None,
    };
    let recorded = url.scheme() == "http" && ip.is_loopback() && url.path().trim_end_matches('/') == RECORDED;
    recorded.then(|| SocketAddr::new(ip, url.port_or_known_default().unwrap_or_default()))
}

/// What is recorded of a connector's upstream.
fn case(connector: &str) -> anyhow::Result<Option<Case>> {
    let Some(file) = SAMPLE.get_file(format!("{FOLDER}/{connector}.yaml")) else { return Ok(None) };
    // Read as if it were a recorded case of the connector: one format for both.
    let files = BTreeMap::from([(format!("fixtures/{connector}.yaml"), file.contents().into())]);
    let mut mistakes = Mistakes::default();
    let case = Case::all("quickstart", &files, &mut mistakes).pop();
    if mistakes.is_empty() { Ok(case) } else { bail!("the recorded answers of {connector}:\n{mistakes}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recorded_addresses_of_this_machine_are_served() {
        let cases = [
            ("http://127.0.0.1:9421/recorded", true),
            ("http://127.0.0.1:9421/recorded/", true),
            ("http://[::1]:9421/recorded", true),
            ("http://127.0.0.1:5000", false),
            ("http://localhost:9421/recorded", false),
            ("http://192.0.2.1:9421/recorded", false),
            ("https://127.0.0.1:9421/recorded", false),
        ];
        for (url, served) in cases {
            assert_eq!(address(&Url::parse(url).unwrap()).is_some(), served, "{url}");
        }
    }
}
