//! What is said again and again is said a few times a minute, and counted from then on: a fault that comes back at once must not fill the disk
//! that the evidence is on. Whoever reads the log still learns that it went on, and how often.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Filter};

/// How often the same may be said in a minute.
const LINES: u64 = 5;

/// After so long counting begins anew, and what was left out is told.
const WINDOW: Duration = Duration::from_secs(60);

/// What was said since the window began.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<HashMap<Key, Said>>);

/// Lines are the same when the same place of the program says them of the same source: their numbers may differ each time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Identifier,
    source: String,
}

#[derive(Debug, Default)]
struct Said {
    message: String,
    count: u64,
}

/// Lets through what was not said too often.
pub(super) struct Limit(pub(super) Arc<Repeats>);

impl<S: Subscriber> Filter<S> for Limit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Who asks for every detail gets it.
        *metadata.level() > Level::INFO || metadata.target() == module_path!() || self.0.admit(event)
    }
}

impl Repeats {
    fn admit(&self, event: &Event<'_>) -> bool {
        let mut words = Words::default();
        event.record(&mut words);
        let mut said = self.lock();
        let said = said.entry(Key { place: event.metadata().callsite(), source: words.source }).or_default();
        said.count += 1;
        if said.count == 1 {
            said.message = words.message;
        }
        said.count <= LINES
    }

    /// Begins a new window. Gives what was left out in the one before: of which source, what, how often.
    fn turn(&self) -> Vec<(String, String, u64)> {
        let said = std::mem::take(&mut *self.lock());
        let left_out = said.into_iter().filter(|(_, said)| said.count > LINES);
        left_out.map(|(key, said)| (key.source, said.message, said.count - LINES)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells each minute what was left out, on a thread that ends with the program.
pub(super) fn tell(repeats: Arc<Repeats>) -> io::Result<()> {
    let tell = move || {
        loop {
            std::thread::sleep(WINDOW);
            for (source, message, lines) in repeats.turn() {
                tracing::warn!(source, lines, message, "the same was said more often and left out");
            }
        }
    };
    std::thread::Builder::new().name("log".to_owned()).spawn(tell).map(drop)
}

/// The fields of a line that make it the same as another.
#[derive(Default)]
struct Words {
    source: String,
    message: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "source" {
            value.clone_into(&mut self.source);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "source" => self.source = format!("{value:?}"),
            "message" => self.message = format!("{value:?}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tracing_subscriber::{Layer as _, fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Lines {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_storm_is_a_few_lines_and_a_count() {
        let (repeats, lines) = (Arc::new(Repeats::default()), Lines::default());
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(Limit(Arc::clone(&repeats))));
        tracing::subscriber::with_default(subscriber, || {
            let say = |source: &str, number: u64| tracing::warn!(source, number, "a poll is due");
            (0..1_000).for_each(|number| say("tickets", number));
            say("models", 0);
            (0..20).for_each(|_| tracing::debug!("a detail"));
            let left_out = repeats.turn();
            assert_eq!(left_out, [("tickets".to_owned(), "a poll is due".to_owned(), 1_000 - LINES)]);
            say("tickets", 1_000);
            assert!(repeats.turn().is_empty(), "a new window forgets");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
        assert_eq!((count("\"tickets\""), count("\"models\""), count("a detail")), (6, 1, 20), "{text}");
    }
}
