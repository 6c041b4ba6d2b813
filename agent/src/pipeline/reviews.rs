//! Management review packs by themselves: at the end of each quarter, if the configuration says so. What counts is whether the pack of the last quarter is
//! there, not whether somebody was there when the quarter ended: an agent that was stopped then, or could not write, makes it as soon as it can, and it is
//! the same pack.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use super::{
    aside::{Aside, UnderWay, looks},
    metrics::Metrics,
    worker::{Message, chain},
};
use crate::{
    config::Config,
    review::{self, Choice, Error, Order, Subject, folder::Manifest},
    schedule,
    store::{DATABASE_FILE, Reader},
};

/// How often it is looked whether a pack is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// After how many of these looks one that could not be made is tried again.
const LOOKS_PER_TRY: u32 = 60;

/// The task that does it.
#[derive(Debug)]
pub(super) struct Reviews {
    config: watch::Sender<Arc<Config>>,
    task: Aside,
}

/// What there is of the pack that is due.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// None is due: none is to be made, or nothing was stored of the last quarter, or its time has not come.
    NotDue,
    /// It is there already. Its cut-off.
    There(i64),
    /// It was made now: where, its cut-off and its digest.
    Made(PathBuf, i64, String),
}

impl Reviews {
    /// Looks as soon as there is a page.
    pub(super) fn start(config: &Arc<Config>, metrics: Metrics, core: mpsc::Sender<Message>) -> Self {
        let (config, mut configs) = watch::channel(Arc::clone(config));
        let task = Aside::start(&core, |mut stopped, making| async move {
            let mut look = looks(LOOK_EVERY);
            let mut waits = 0;
            loop {
                tokio::select! {
                    _ = look.tick() => {}
                    // Another configuration may well be the answer to what went wrong.
                    Ok(()) = configs.changed() => waits = 0,
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
                if waits > 0 {
                    waits -= 1;
                    continue;
                }
                let (config, making) = (Arc::clone(&configs.borrow_and_update()), making.clone());
                let looked = tokio::task::spawn_blocking(move || look_at(&config, schedule::now(), &making)).await;
                if *stopped.borrow() {
                    return;
                }
                match looked {
                    Ok(looked) => waits = tell(looked, &metrics),
                    Err(_) => return tracing::error!("making a management review pack fell; `clause9 review make` makes it by hand"),
                }
            }
        });
        Self { config, task }
    }

    /// Goes on with another configuration.
    pub(super) fn reconfigure(&self, config: &Arc<Config>) {
        self.config.send_replace(Arc::clone(config));
    }

    /// Ends it, also in the middle of a pack, of which nothing is left then: it is made at the next start.
    pub(super) async fn stop(self) {
        self.task.stop().await;
    }
}

/// Makes the pack of the last quarter if it is due and not there.
fn look_at(config: &Config, now: i64, making: &UnderWay) -> Result<Look, Error> {
    let Some(make) = &config.review.make else { return Ok(Look::NotDue) };
    let choice = Choice::last_quarter(now, config.review.year_starts, config.zone);
    let period = choice.period();
    if make.due(period.until).is_none_or(|due| now < due) {
        return Ok(Look::NotDue);
    }
    let to = make.out.join(&period.name);
    if fs::symlink_metadata(&to).is_ok() {
        return match Manifest::read(&to)? {
            Manifest { as_of: Some(_), .. } => Err(Error::NoPack { path: to, why: "that is, none that was frozen at the end of the quarter".to_owned() }),
            manifest => Ok(Look::There(manifest.cut_off)),
        };
    }
    let reader = Reader::open(&config.data_dir.join(DATABASE_FILE))?;
    let subject = Subject { organisation: &config.organisation, zone: config.zone, catalogue: &config.catalogue };
    let order = Order { choice: &choice, as_known: None, to: &to, previous: None, print: None, key: config.evidence.key.as_deref() };
    let made = making.during(reader.tables().interrupter(), || {
        fs::create_dir_all(&make.out).map_err(|source| Error::File { path: make.out.clone(), done: "made", source })?;
        review::write(&reader, &subject, &order, now)
    });
    match made {
        Ok((pack, manifest)) => Ok(Look::Made(to, pack.header.cut_off, manifest.digest)),
        // The first quarter of a store has not ended yet.
        Err(Error::BeforeAnything { .. } | Error::NothingStored) => Ok(Look::NotDue),
        Err(error) => Err(error),
    }
}

/// Tells what there is, and after how many looks it is looked again.
fn tell(looked: Result<Look, Error>, metrics: &Metrics) -> u32 {
    match looked {
        Ok(Look::NotDue) => metrics.review_pack_made.set(1),
        Ok(Look::There(cut_off)) => {
            metrics.review_pack_made.set(1);
            metrics.review_pack_cut_off_timestamp_seconds.set(cut_off);
        }
        Ok(Look::Made(path, cut_off, digest)) => {
            tracing::info!(path = %path.display(), digest, "the management review pack was made");
            metrics.review_pack_made.set(1);
            metrics.review_pack_cut_off_timestamp_seconds.set(cut_off);
        }
        Err(error) => {
            tracing::error!(
                error = chain(&error),
                again_in_seconds = LOOK_EVERY.as_secs() * u64::from(LOOKS_PER_TRY),
                "the management review pack could not be made"
            );
            metrics.review_pack_made.set(0);
            return LOOKS_PER_TRY;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Zone, store::Store};

    /// 2026-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_767_225_600;
    const DAY: i64 = 86_400;
    /// The second quarter of 2026 begins.
    const APRIL: i64 = NEW_YEAR + 90 * DAY;

    fn config(folder: &std::path::Path, review: &str) -> Config {
        fs::create_dir_all(folder.join("registers")).unwrap();
        let text = format!("organisation: {{ name: Example, timezone: UTC }}\nregisters: registers\nreview: {review}\n");
        fs::write(folder.join("agent.yaml"), text).unwrap();
        Config::load(&folder.join("agent.yaml"), NEW_YEAR).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn the_pack_of_the_last_quarter_is_made_once_and_whenever_that_is_possible() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut store = Store::open(&path.join("data"), Zone::UTC).unwrap();
        store.begin_run(NEW_YEAR + DAY).unwrap();
        store.go_on(APRIL + DAY).unwrap();
        let look = |review: &str, now: i64| look_at(&config(path, review), now, &UnderWay::default());
        let quarterly = "{ make: quarterly, out: packs }";
        assert_eq!(look("{}", APRIL + DAY).unwrap(), Look::NotDue, "nobody wants one");
        assert_eq!(look(quarterly, APRIL - 1).unwrap(), Look::NotDue, "of the year before nothing is stored");
        assert_eq!(look(quarterly, APRIL + 60).unwrap(), Look::NotDue, "what was under way at the end is still being stored");
        // The agent was stopped for three weeks.
        let Look::Made(made, cut_off, digest) = look(quarterly, APRIL + 21 * DAY).unwrap() else { panic!("it is due") };
        assert_eq!((made.as_path(), cut_off), (path.join("packs/2026-Q1").as_path(), APRIL));
        assert_eq!(look(quarterly, APRIL + 22 * DAY).unwrap(), Look::There(APRIL));
        // A cron expression says from when on it is made: on the second day at six.
        let cron = "{ make: '0 6 2 * *', out: other }";
        assert_eq!(look(cron, APRIL + DAY).unwrap(), Look::NotDue);
        let Look::Made(_, _, again) = look(cron, APRIL + DAY + 6 * 3_600).unwrap() else { panic!("it is due") };
        assert_eq!(again, digest);
        // A view of the quarter in its place is not its pack.
        let mut view: serde_json::Value = serde_json::from_slice(&fs::read(made.join("manifest.json")).unwrap()).unwrap();
        view["as_of"] = (APRIL + DAY).into();
        fs::create_dir_all(path.join("fourth/2026-Q1")).unwrap();
        fs::write(path.join("fourth/2026-Q1/manifest.json"), view.to_string()).unwrap();
        let told = look("{ make: quarterly, out: fourth }", APRIL + DAY).unwrap_err().to_string();
        assert!(told.ends_with("none that was frozen at the end of the quarter"), "{told}");
        // What is there and no pack is left alone, and told.
        fs::create_dir_all(path.join("third/2026-Q1")).unwrap();
        assert!(look("{ make: quarterly, out: third }", APRIL + DAY).unwrap_err().to_string().contains("holds no pack"));
        fs::write(path.join("file"), "").unwrap();
        assert!(look("{ make: quarterly, out: file/packs }", APRIL + DAY).unwrap_err().to_string().ends_with("can't be made"));
    }

    #[tokio::test]
    async fn a_failure_is_told_and_tried_again() {
        let metrics = Metrics::start(&clause9_exporter::OwnMetrics::new("t").unwrap()).unwrap();
        let shown = || (metrics.review_pack_made.get(), metrics.review_pack_cut_off_timestamp_seconds.get());
        assert_eq!((tell(Ok(Look::NotDue), &metrics), shown()), (0, (1, 0)));
        assert_eq!((tell(Err(Error::NothingStored), &metrics), shown()), (LOOKS_PER_TRY, (0, 0)));
        assert_eq!((tell(Ok(Look::Made(PathBuf::new(), 7, String::new())), &metrics), shown()), (0, (1, 7)));

        let folder = tempfile::tempdir().unwrap();
        let (core, mut told) = mpsc::channel(1);
        let reviews = Reviews::start(&Arc::new(config(folder.path(), "{ make: quarterly, out: packs }")), metrics.clone(), core);
        let Some(Message::Published(reply)) = told.recv().await else { panic!("it waits for the page") };
        reply.send(()).unwrap();
        while metrics.review_pack_made.get() == 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // There is no database. Another configuration asks for none.
        reviews.reconfigure(&Arc::new(config(folder.path(), "{}")));
        while metrics.review_pack_made.get() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        reviews.stop().await;
    }
}
