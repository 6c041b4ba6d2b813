//! The way to an upstream: this process's own connection to a server or a database, or in a worker the agent, which has it.

use reqwest::Url;

use super::{
    failure::Failure,
    http::{Answer, Call, Web},
    mapper, memo,
    meter::Meter,
    sql::Database,
};

#[derive(Debug)]
pub(super) enum Upstream {
    Web(Box<Web>),
    Sql(Box<Database>),
    Agent(Url, mapper::Agent),
}

impl Upstream {
    pub(super) fn base(&self) -> &Url {
        match self {
            Self::Web(web) => web.base(),
            Self::Sql(database) => database.base(),
            Self::Agent(base, _) => base,
        }
    }

    /// Sends a request and gives its answer.
    pub(super) async fn send(&self, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
        match self {
            Self::Web(_) | Self::Sql(_) => memo::send(self, call, meter).await,
            Self::Agent(..) => self.ask(call, meter).await,
        }
    }

    /// The same, without taking note of it.
    pub(super) async fn ask(&self, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
        match self {
            Self::Web(web) => web.send(call, meter).await,
            Self::Sql(database) => database.ask(call, meter).await,
            Self::Agent(_, agent) => agent.send(call).await,
        }
    }
}
