//! Once an hour the evidence chain is walked beside everything else, with the tables that indicators query, and once a minute the size of the database is looked at.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    aside::{Aside, UnderWay, looks},
    metrics::Metrics,
    worker::Message,
};
use crate::{
    schedule,
    store::{self, Verification, Verified},
};

/// How often the size is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// After how many of these looks the chain is walked.
const LOOKS_PER_WALK: u32 = 60;

/// The task that does it.
#[derive(Debug)]
pub(super) struct Verifier(Aside);

impl Verifier {
    /// What can be mended, `core` is told of.
    pub(super) fn start(database: PathBuf, metrics: Metrics, core: mpsc::Sender<Message>) -> Self {
        Self(Aside::start(&core.clone(), |mut stopped, walking| async move {
            let mut look = looks(LOOK_EVERY);
            for looks in 0_u32.. {
                tokio::select! {
                    _ = look.tick() => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
                metrics.store_size_bytes.set(i64::try_from(store::size(&database)).unwrap_or(i64::MAX));
                if looks % LOOKS_PER_WALK == 0 {
                    let (database, walking) = (database.clone(), walking.clone());
                    let walked = tokio::task::spawn_blocking(move || walk(&database, &walking)).await;
                    let walked = walked.unwrap_or(Err(store::Error::Conflict("the walk fell".to_owned())));
                    if walked.as_ref().is_ok_and(Verified::projection_differs) {
                        let _ = core.send(Message::Mend).await;
                    }
                    tell(walked, &metrics);
                }
            }
        }))
    }

    /// Ends it, also in the middle of a walk.
    pub(super) async fn stop(self) {
        self.0.stop().await;
    }
}

fn walk(database: &Path, walking: &UnderWay) -> Result<Verified, store::Error> {
    let mut verification = Verification::open(database)?;
    walking.during(verification.interrupter(), || verification.verify(&[]))
}

fn tell(walked: Result<Verified, store::Error>, metrics: &Metrics) {
    match walked {
        Ok(verified) => {
            tracing::info!(head = %verified.head, findings = verified.findings.len(), "the evidence was walked; its last entry, kept elsewhere, tells later whether it goes on from there");
            for finding in &verified.findings {
                tracing::error!(finding = %finding, "what is stored is not what was stored; `clause9 verify` says so, too");
            }
            metrics.store_entries.set(verified.head.entry);
            metrics.store_head_info.reset();
            metrics.store_head_info.with_label_values(&[&verified.head.to_string()]).set(1);
            metrics.store_verified.set(verified.is_good().into());
            metrics.store_verified_timestamp_seconds.set(schedule::now());
        }
        // A database that can't be read is told by others; when it was verified last stays.
        Err(error) => tracing::debug!(error = %error, "the evidence could not be walked"),
    }
}

#[cfg(test)]
mod tests {
    use clause9_exporter::OwnMetrics;

    use super::*;
    use crate::{
        record::Zone,
        store::{DATABASE_FILE, Store, sql::Database as _, sqlite::Sqlite},
    };

    #[tokio::test]
    async fn an_edited_store_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join(DATABASE_FILE);
        let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
        store.record_gap(100, 200).unwrap();
        let verified = async || {
            let metrics = Metrics::start(&OwnMetrics::new("t").unwrap()).unwrap();
            let (core, mut told) = mpsc::channel(1);
            let verifier = Verifier::start(database.clone(), metrics.clone(), core);
            let Some(Message::Published(reply)) = told.recv().await else { panic!("it waits for the page") };
            assert_eq!(metrics.store_size_bytes.get(), 0);
            reply.send(()).unwrap();
            while metrics.store_verified_timestamp_seconds.get() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            verifier.stop().await;
            assert!(metrics.store_size_bytes.get() > 4096);
            assert!(metrics.store_entries.get() > 0);
            (metrics.store_verified.get(), matches!(told.try_recv(), Ok(Message::Mend)))
        };
        assert_eq!(verified().await, (1, false));
        let other = Sqlite::open(&database).unwrap();
        other.batch("INSERT INTO sources VALUES ('x', 'forged', 'x', 1, 1, 1)").unwrap();
        assert_eq!(verified().await, (0, true), "the tables that indicators query can be mended");
        assert_eq!(store.renew(300).unwrap().as_deref(), Some("in `sources`, the ledger knows nothing of the row `x` `forged` `x`"));
        other.batch("UPDATE evidence SET body = replace(body, '100', '150')").unwrap();
        assert_eq!(verified().await, (0, false), "entries can't");
    }
}
