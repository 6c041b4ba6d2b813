//! For how long the store keeps what has ended.

use super::{Reader, raw};
use crate::{span::Span, store::Keep};

/// The least that is kept, in seconds. A pack tells of a quarter; and who means months and writes minutes (`24m`) would lose everything.
const LEAST: u64 = 90 * 86_400;

pub(super) fn prove(raw: &raw::Keep, reader: &mut Reader<'_>) -> Keep {
    let mut kept = |what: &str, span: Option<Span>| {
        let Span(span) = span?;
        if span.as_secs() < LEAST {
            reader.mistake(&format!("store.keep.{what}"), "at least 90d, a quarter; 1095d are three years");
        }
        i64::try_from(span.as_secs()).ok()
    };
    Keep { readings: kept("readings", raw.readings), records: kept("records", raw.records) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{HEAD, load};
    use crate::store::Keep;

    const DAY: i64 = 86_400;

    #[test]
    fn everything_is_kept_unless_something_is_said() {
        let keep = |store: &str| load(&format!("{HEAD}registers: registers\n{store}\n")).map(|config| config.keep);
        assert_eq!(keep(""), Ok(Keep::default()));
        assert_eq!(keep("store: { keep: { readings: 730d } }"), Ok(Keep { readings: Some(730 * DAY), records: None }));
        assert_eq!(keep("store: { keep: { readings: 90d, records: 156w } }"), Ok(Keep { readings: Some(90 * DAY), records: Some(1_092 * DAY) }));
        for (store, says) in [
            ("store: { keep: { readings: 24m } }", "agent.yaml:3: store.keep.readings: \"24m\"; expected at least 90d, a quarter; 1095d are three years"),
            ("store: { keep: { records: 2y } }", "agent.yaml:3: store.keep.records: \"2y\"; expected a span of time"),
            ("store: { keep: { all: 1d } }", "agent.yaml:3: store.keep.all: an unknown key; expected one of readings, records"),
        ] {
            let mistakes = keep(store).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(says), "{store}: {mistakes:?}");
        }
    }
}
