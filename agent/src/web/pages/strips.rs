//! How readings of an indicator were lately, as strips of states. It is read from the ledger, beside the core, when somebody asks for the page; what takes too long
//! is given up, and the page says so.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use maud::{Markup, html};
use tokio::{sync::oneshot, time::timeout};

use super::super::{api, words};
use crate::{
    board::Reading,
    draw::{self, Mark, Stretch},
    history::{Course, Past},
    pipeline::Handle,
    store::{self, Reader},
    threshold::State as Verdict,
};

/// How far back they go, in seconds: 90 days.
const LATELY: i64 = 90 * 86_400;

/// Their width, in pixels.
const WIDTH: u16 = 110;

/// The most of them on a page.
const MOST: usize = 100;

/// For how long a reader of the page waits for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// The strips of an indicator.
pub(super) enum Strips {
    /// They are known.
    Known(Known),
    /// Nothing is stored yet.
    None,
    /// The store could not be read, or not in time.
    Unread(&'static str),
}

/// What is stored.
pub(super) struct Known {
    span: Range<i64>,
    unwatched: Vec<Stretch>,
    courses: BTreeMap<BTreeMap<String, String>, Course>,
}

impl Strips {
    /// Reads what is stored of an indicator up to a moment.
    pub(super) async fn read(handle: &Handle, indicator: String, now: i64) -> Self {
        let (give, mut take) = oneshot::channel();
        let read = api::stored(handle, move |reader| {
            // Whoever waits may have gone already: then there is nothing to end.
            let _ = give.send(reader.interrupter());
            Known::read(reader, &indicator, now)
        });
        match timeout(PATIENCE, read).await {
            Ok(Ok(known)) => known.map_or(Self::None, Self::Known),
            Ok(Err(_)) => Self::Unread("What was lately could not be read from the store; the agent's log says why."),
            Err(_) => {
                if let Ok(interrupter) = take.try_recv() {
                    interrupter.interrupt();
                }
                Self::Unread("What was lately takes too long to read; the API has it.")
            }
        }
    }

    /// The strip of the reading in this place of the page.
    pub(super) fn of(&self, place: usize, reading: &Reading) -> Markup {
        let Self::Known(known) = self else { return html! {} };
        html! { @if place < MOST { div.lately { (known.strip(reading)) } } }
    }

    /// What the strips show, above the readings.
    pub(super) fn about(&self) -> Markup {
        html! {
            @match self {
                Self::Known(known) => {
                    p.why { "Beside each reading, its states from " (words::moment(known.span.start)) " until now." }
                    (draw::key())
                }
                Self::None => {}
                Self::Unread(why) => { p.why { (why) } }
            }
        }
    }
}

impl Known {
    fn read(reader: &Reader, indicator: &str, now: i64) -> Result<Option<Self>, store::Error> {
        let (head, _) = reader.head()?;
        let past = Past::new(reader, head.entry, reader.system_names()?)?;
        let Some(first) = past.watched().first() else { return Ok(None) };
        // As long as there is any history.
        let span = first.start.max(now - LATELY)..now;
        if span.is_empty() {
            return Ok(None);
        }
        let courses = past.courses(indicator, &span)?.into_iter().map(|course| (course.labels.clone(), course)).collect();
        Ok(Some(Self { unwatched: unwatched(&span, &past.watched_in(&span)), span, courses }))
    }

    fn strip(&self, reading: &Reading) -> Markup {
        let labels: BTreeMap<_, _> = reading.row.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let steps = self.courses.get(&labels).map(|course| course.steps.as_slice()).unwrap_or_default();
        let stretches = steps.iter().map(|step| {
            // What nobody judges now is shown as that: the ledger does not keep whether somebody did.
            let mark = if step.state == Verdict::Ok && !reading.judged { Mark::Unjudged } else { step.state.into() };
            Stretch { span: step.span.clone(), mark, values: None }
        });
        let mut stretches: Vec<_> = stretches.chain(self.unwatched.iter().cloned()).collect();
        stretches.sort_by_key(|stretch| stretch.span.start);
        let title = format!("States since {}", words::moment(self.span.start));
        draw::strip(&title, &self.span, &stretches, WIDTH)
    }
}

/// When nobody watched.
fn unwatched(span: &Range<i64>, watched: &[Range<i64>]) -> Vec<Stretch> {
    let ends = [span.start].into_iter().chain(watched.iter().map(|watched| watched.end));
    let begins = watched.iter().map(|watched| watched.start).chain([span.end]);
    // The last seconds are not written down yet, while the agent runs.
    let gaps = ends.zip(begins).map(|(from, until)| from..until).filter(|gap| gap.end - gap.start > JUST_NOW || gap.end < span.end && !gap.is_empty());
    gaps.map(|span| Stretch { span, mark: Mark::Unwatched, values: None }).collect()
}

/// How long ago the store may have been written last by an agent that runs, in seconds.
const JUST_NOW: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_watched_is_told_but_not_the_present() {
        let spans = |watched: &[Range<i64>]| unwatched(&(0..10_000), watched).into_iter().map(|stretch| stretch.span).collect::<Vec<_>>();
        assert_eq!(spans(&[0..4_000, 4_010..9_990]), [4_000..4_010]);
        assert_eq!(spans(&[100..9_000]), [0..100, 9_000..10_000]);
        assert_eq!(spans(&[]), [0..10_000]);
    }
}
