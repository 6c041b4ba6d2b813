//! What a stream can tell of what it does not read: kinds of records that its upstream can't hold, and what these credentials may not see. Pure.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Turn, merge::Admitted, walk::Walked};
use crate::{
    connector::{
        cursor::{Kinds, StreamCursor},
        description::Stream,
        expression::{self, Expression, Scope},
        failure::{Failure, FailureReason},
        format::{Note, NoteKind},
    },
    record::Feed,
};

/// What a stream feeds, and what to remember of it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What it feeds: what the upstream can hold, and what it ever could.
    pub(super) feeds: Vec<Feed>,
    pub(super) kinds: Option<Kinds>,
}

fn scope(turn: &Turn, rows: u64) -> Scope {
    turn.scope.clone().with("rows", expression::from_json(&rows.into()))
}

/// What a stream feeds. A kind that the upstream could ever hold stays fed; when it can't any more, that is remembered, too.
pub(super) fn held(stream: &Stream, turn: &Turn, walked: &Walked, whole: bool) -> Result<Held, Failure> {
    let (Some(kinds), [feed]) = (&stream.kinds, stream.feeds.as_slice()) else {
        let feeds = if stream.feeds.is_empty() { found_in(&walked.admitted) } else { stream.feeds.clone() };
        return Ok(Held { feeds, kinds: None });
    };
    let stands = stands_for(kinds, feed, &scope(turn, walked.rows)).map_err(|failure| failure.at(&stream.name))?;
    let seen = seen(&walked.admitted);
    let known = turn.known.as_ref().and_then(|known: &StreamCursor| known.kinds.clone()).unwrap_or_default();
    let kinds = known.next(stands, &seen, whole);
    let feeds = Feed::of_kinds(feed.table(), &kinds.ever).into_iter().collect();
    Ok(Held { feeds, kinds: Some(kinds) })
}

fn seen(admitted: &[Admitted]) -> BTreeSet<String> {
    admitted.iter().filter_map(|admitted| admitted.record.kind().map(str::to_owned)).collect()
}

fn stands_for(kinds: &Expression, feed: &Feed, scope: &Scope) -> Result<BTreeSet<String>, Failure> {
    let wrong = |message: &str| Failure::new(FailureReason::Mapping, format!("kinds: {message}"));
    let outputs = kinds.run(expression::Val::Null, scope).map_err(|error| wrong(&error.to_string()))?;
    let words: BTreeSet<_> = outputs.iter().map(expression::text_of).collect();
    let known: BTreeSet<_> = feed.each_kind().collect();
    match words.iter().all(|word| known.contains(word.as_str())) {
        true => Ok(words),
        false => Err(wrong(&format!("a word that is none of {}", known.into_iter().collect::<Vec<_>>().join(", ")))),
    }
}

/// What these credentials may not see, or what nobody could find out.
///
/// # Errors
/// `forbidden`, when without that nothing can be vouched for.
pub(super) fn notes(stream: &Stream, turn: &Turn, walked: &Walked) -> Result<Vec<Note>, Failure> {
    let Some(unseen) = &stream.unseen else { return Ok(Vec::new()) };
    let wrong = |message: String| Failure::new(FailureReason::Mapping, format!("{}: unseen: {message}", stream.name));
    let scope = scope(turn, walked.rows).with("headers", walked.headers.clone().unwrap_or_default());
    let outputs = unseen.run(expression::Val::Null, &scope).map_err(|error| wrong(error.to_string()))?;
    let mut notes = Vec::new();
    for output in outputs {
        let told = match expression::to_json(&output) {
            Json::Object(told) if told.len() == 1 => told.into_iter().next(),
            _ => None,
        };
        // Nothing that an upstream sent gets into a message.
        let own = |text: &str| if unseen.is_own(text) { text.to_owned() } else { "these credentials do not see all".to_owned() };
        match told {
            Some((key, Json::String(text))) if key == "refuse" => {
                return Err(Failure::new(FailureReason::Forbidden, format!("{}: {}", stream.name, own(&text))));
            }
            Some((key, Json::String(text))) if key == "tell" => notes.push(Note { kind: NoteKind::Unseen, place: stream.name.clone(), text: own(&text) }),
            _ => return Err(wrong("expected {refuse: text} or {tell: text}".to_owned())),
        }
    }
    Ok(notes)
}

/// The shapes and kinds of what was found, for streams that take any record.
pub(super) fn found_in(admitted: &[Admitted]) -> Vec<Feed> {
    let words: BTreeSet<_> = admitted.iter().map(|admitted| (admitted.record.shape.table, admitted.record.kind())).collect();
    words.into_iter().filter_map(|(table, kind)| Feed::parse(&kind.map_or_else(|| table.to_owned(), |kind| format!("{table}({kind})"))).ok()).collect()
}
