//! Whether there is anything new since the last poll. A poll's requests and its records follow from its settings, from how far its streams were
//! read, and from what it was answered; so one that asks the same and is answered the same has the same outcome, and needs no jq to know it.
//!
//! A poll that read everything leaves a [`Memo`]: what it asked for, a digest of each answer, and where its streams stood then. The next one
//! asks for that again, each thing only once what led to it was answered as before. When all answers are the same, nothing has changed. When one
//! is not, the poll is made in full, and gets the answers that have come already.
//!
//! The memo counts only once its poll was stored ([`super::Client::remember`]), for the settings it was made under, and in memory.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use reqwest::header::{HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::{
    client::Client,
    cursor,
    description::Window,
    failure::Failure,
    http::{Answer, Call},
    meter::{LogEntry, Meter},
    outcome::{Context, PollMode, StreamPoll},
    program::{self, Printed},
    source::Program,
    upstream::Upstream,
};
use crate::record::{Digest, Record, Zone};

/// Bytes of answers that are kept for a poll in full. What comes beyond them is asked for again if it has to be.
const MOST_HELD_BYTES: u64 = 32 << 20;

/// What a complete poll asked for, what it was answered, and what came of it.
#[derive(Debug)]
pub struct Memo {
    questions: Vec<Question>,
    /// What of the context went into it.
    starts: Vec<Start>,
    zone: Zone,
    /// The poll's day, where expressions read it.
    midnight: Option<i64>,
    streams: Vec<StreamPoll>,
    pages: u64,
    duplicates: u64,
}

#[derive(Debug, Clone)]
enum Asked {
    Call(Box<Call>),
    /// All files of the source.
    Files,
    /// What its program prints.
    Output,
}

#[derive(Debug, Clone)]
struct Question {
    asked: Asked,
    /// The questions before it that were still open when it was asked: everything else may have led to it.
    beside: Vec<usize>,
    answer: Option<Digest>,
    /// `ETag` and `Last-Modified` of an answer by which the upstream can tell whether it is still the same, as headers of a request.
    validators: Vec<(HeaderName, HeaderValue)>,
}

/// Where a stream goes on.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    since: Option<i64>,
    /// `ETag` and `Last-Modified` that are sent.
    validators: Option<(Option<String>, Option<String>)>,
    /// What rows are asked for by that are read again.
    open: Option<BTreeSet<String>>,
}

/// What a poll has asked for so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    questions: Mutex<Vec<Question>>,
    held: Mutex<Held>,
}

/// Answers that came before the poll was made in full.
#[derive(Debug, Default)]
struct Held {
    answers: VecDeque<(Call, Result<Answer, Failure>)>,
    bytes: u64,
    printed: Option<Result<Printed, Failure>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trace {
    fn ask(&self, asked: Asked) -> usize {
        let mut questions = lock(&self.questions);
        let beside = questions.iter().enumerate().filter(|(_, question)| question.answer.is_none()).map(|(index, _)| index).collect();
        questions.push(Question { asked, beside, answer: None, validators: Vec::new() });
        questions.len() - 1
    }

    /// A request that is made once more counts as one: what came of it last.
    fn ask_call(&self, call: &Call) -> usize {
        let plain = Call { pause: None, ..call.clone() };
        let is_same = |question: &Question| matches!(&question.asked, Asked::Call(asked) if **asked == plain);
        let before = if call.pause.is_some() { lock(&self.questions).iter().rposition(is_same) } else { None };
        before.unwrap_or_else(|| self.ask(Asked::Call(Box::new(plain))))
    }

    fn answered(&self, question: usize, answer: Digest) {
        lock(&self.questions)[question].answer = Some(answer);
    }

    fn valid_while(&self, question: usize, validators: Vec<(HeaderName, HeaderValue)>) {
        lock(&self.questions)[question].validators = validators;
    }

    /// The files were read, and this is the digest of names and contents.
    pub(super) fn read_files(&self, digest: Digest) {
        let question = self.ask(Asked::Files);
        self.answered(question, digest);
    }
}

/// Sends a request for a poll in full.
pub(super) async fn send(upstream: &Upstream, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
    let question = meter.trace.ask_call(call);
    let outcome = match meter.trace.take_held(call) {
        Some(outcome) => outcome,
        None => upstream.ask(call, meter).await,
    };
    meter.trace.answered(question, digest(call, &outcome));
    if let Ok(answer) = &outcome {
        meter.trace.valid_while(question, validators(call, answer));
    }
    outcome
}

/// By what to ask whether an answer is still the same, where the call may be answered so and is not yet.
fn validators(call: &Call, answer: &Answer) -> Vec<(HeaderName, HeaderValue)> {
    if !is_conditional(call) || answer.status == 304 || call.headers.iter().any(|(name, _)| [IF_NONE_MATCH, IF_MODIFIED_SINCE].contains(name)) {
        return Vec::new();
    }
    conditions(answer.etag.as_deref(), answer.last_modified.as_deref())
}

/// The headers that ask for an answer only if it is another one than that with these marks.
pub(super) fn conditions(etag: Option<&str>, last_modified: Option<&str>) -> Vec<(HeaderName, HeaderValue)> {
    let both = [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)];
    both.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(value?).ok()?))).collect()
}

/// Runs the source's program for a poll in full.
pub(super) async fn run(client: &Client, meter: &Meter) -> Result<Printed, Failure> {
    let question = meter.trace.ask(Asked::Output);
    let held = lock(&meter.trace.held).printed.take();
    let printed = match held {
        Some(printed) => printed,
        None => program::run(client.program().ok_or_else(Failure::internal)?, client.source().limits.answer_bytes).await,
    };
    if let Ok(printed) = &printed {
        meter.trace.answered(question, Digest::of(&printed.bytes));
    }
    printed
}

/// Digest of everything in an answer that a poll looks at.
fn digest(call: &Call, outcome: &Result<Answer, Failure>) -> Digest {
    let text = match outcome {
        Err(failure) => failure.reason.as_str().to_owned(),
        Ok(answer) if answer.status == 304 => answer.status.to_string(),
        Ok(Answer { status, url, body, etag, last_modified, next, headers, .. }) => {
            let validators = is_conditional(call).then_some((etag, last_modified));
            format!("{status} {url} {:?} {validators:?} {next:?} {headers:?}", body.digest())
        }
    };
    Digest::of(text.as_bytes())
}

fn is_conditional(call: &Call) -> bool {
    call.accept.contains(&304)
}

impl Trace {
    fn hold(&self, call: Call, outcome: Result<Answer, Failure>, meter: &Meter) {
        let bytes = outcome.as_ref().map_or(0, Answer::bytes);
        let mut held = lock(&self.held);
        if held.bytes + bytes > MOST_HELD_BYTES {
            meter.give_back(bytes);
            return;
        }
        held.bytes += bytes;
        held.answers.push_back((call, outcome));
    }

    fn take_held(&self, call: &Call) -> Option<Result<Answer, Failure>> {
        let mut held = lock(&self.held);
        let position = held.answers.iter().position(|(known, _)| known == call)?;
        held.answers.remove(position).map(|(_, outcome)| outcome)
    }
}

impl Memo {
    /// What is to be remembered of a poll, if it can be told later whether it would be the same.
    pub(super) fn new(client: &Client, context: &Context, meter: &Meter, streams: &[StreamPoll], duplicates: u64) -> Option<Self> {
        let connector = client.connector();
        let mut windows = connector.streams.iter().filter_map(|stream| stream.window.as_ref());
        if connector.mentions("now") || windows.clone().any(Window::ends_now) || streams.iter().flat_map(|stream| &stream.records).any(Record::awaits_time) {
            return None;
        }
        Some(Self {
            questions: std::mem::take(&mut *lock(&meter.trace.questions)),
            starts: starts(client, context),
            zone: context.door.zone,
            midnight: (connector.mentions("midnight") || windows.any(|window| window.begin.is_some())).then(|| midnight(context.door.now)),
            streams: streams.iter().map(StreamPoll::unchanged).collect(),
            pages: meter.pages(),
            duplicates,
        })
    }

    pub(super) fn streams(&self) -> Vec<StreamPoll> {
        self.streams.clone()
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Whether a poll in this context would begin as the one that left it.
    fn holds(&self, client: &Client, context: &Context) -> bool {
        let same_day = self.midnight.is_none_or(|day| day == midnight(context.door.now));
        same_day && self.zone == context.door.zone && self.starts == starts(client, context)
    }
}

/// The beginning of a moment's day in UTC, epoch seconds.
pub(super) fn midnight(now: i64) -> i64 {
    now - now.rem_euclid(86_400)
}

fn starts(client: &Client, context: &Context) -> Vec<Start> {
    let method = client.method(context.door.zone);
    let start = |stream: &super::Stream| {
        let known = cursor::known(&context.cursors, &stream.name, &method);
        let since = stream.cursor.as_ref().and_then(|cursor| cursor::since(cursor, known, context.door.now));
        let validators = known.filter(|_| stream.conditional).map(|known| (known.etag.clone(), known.last_modified.clone()));
        let open = known.filter(|_| stream.reread.is_some()).and_then(|known| known.open.clone());
        Start { since, validators, open }
    };
    client.connector().streams.iter().map(start).collect()
}

/// Asks again what the last stored poll asked. The memo, if all answers are the same.
pub(super) async fn unchanged(client: &Client, context: &Context, meter: &Meter) -> Option<Arc<Memo>> {
    let memo = client.memo().filter(|memo| memo.holds(client, context))?;
    let mut open: Vec<usize> = Vec::new();
    let mut under_way = FuturesUnordered::new();
    let mut same = true;
    for (index, question) in memo.questions.iter().enumerate() {
        while same && open.iter().any(|earlier| !question.beside.contains(earlier)) {
            let (answered, answer): (usize, Option<Digest>) = under_way.next().await?;
            open.retain(|earlier| *earlier != answered);
            same = answer == memo.questions[answered].answer;
        }
        if !same {
            break;
        }
        open.push(index);
        under_way.push(async move { (index, ask_again(client, meter, question).await) });
    }
    // What was asked for is waited for: it is needed if the poll is made in full.
    while let Some((answered, answer)) = under_way.next().await {
        same &= answer == memo.questions[answered].answer;
    }
    drop(under_way);
    if !same {
        return None;
    }
    for question in &memo.questions {
        let (stream, method, path) = match &question.asked {
            Asked::Call(_) => continue,
            Asked::Files => ("files", "FILE", client.files().0.file_name().map(|name| name.to_string_lossy().into_owned())),
            Asked::Output => ("output", "RUN", client.program().map(Program::called)),
        };
        let (stream, method, path) = (stream.to_owned(), method.to_owned(), path.unwrap_or_default());
        meter.log(LogEntry { stream, method, path, page: 1, ..LogEntry::default() });
    }
    meter.note_all("as in the poll before");
    Some(memo)
}

/// The digest of an answer; `None` when there is none.
async fn ask_again(client: &Client, meter: &Meter, question: &Question) -> Option<Digest> {
    match &question.asked {
        Asked::Call(call) => {
            let mut asked = call.clone();
            asked.headers.extend(question.validators.iter().cloned());
            let outcome = client.web().ask(&asked, meter).await;
            if !question.validators.is_empty() && matches!(&outcome, Ok(answer) if answer.status == 304) {
                return question.answer;
            }
            let digest = digest(call, &outcome);
            meter.trace.hold((**call).clone(), outcome, meter);
            Some(digest)
        }
        Asked::Files => {
            let reader = client.clone();
            tokio::task::spawn_blocking(move || reader.digest_files()).await.ok()?.ok()
        }
        Asked::Output => {
            let program = client.program()?;
            let printed = program::run(program, client.source().limits.answer_bytes).await;
            let digest = printed.as_ref().ok().map(|printed| Digest::of(&printed.bytes));
            lock(&meter.trace.held).printed = Some(printed);
            digest
        }
    }
}

impl StreamPoll {
    /// The stream of a poll that found all of it as it was.
    fn unchanged(&self) -> Self {
        Self {
            name: self.name.clone(),
            mode: PollMode::Unchanged,
            records: Vec::new(),
            cursor: self.cursor.clone(),
            feeds: self.feeds.clone(),
            notes: self.notes.clone(),
            gone: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
