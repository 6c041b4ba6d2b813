//! Asking for one answer: sent, decoded and judged by what the connector says that its upstream means; again where that may help.

use std::sync::Arc;

use reqwest::Url;

use super::protocol;
use crate::connector::{
    answer_headers,
    client::Client,
    description::Request,
    expression::{Scope, Val},
    failure::Failure,
    http::{self, Answer, Call},
    mapper,
    meter::Meter,
    verdict::{self, Judged},
};

/// An answer that is a good one, or one with a status that was asked for.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) url: Url,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The address in its `Link: rel="next"`.
    pub(super) next: Option<String>,
    /// The headers that the connector's expressions ask for.
    pub(super) headers: Val,
    /// What it holds, or why that can't be read.
    pub(super) body: Result<Val, Failure>,
}

/// What is asked for, and where in the poll that is.
pub(super) struct Question<'a> {
    pub(super) request: &'a Request,
    pub(super) call: Call,
    pub(super) place: String,
}

/// Sends a request, and gives an answer that counts.
pub(super) async fn ask(client: &Client, question: Question<'_>, scope: &Scope, meter: &Arc<Meter>) -> Result<Heard, Failure> {
    let Question { request, mut call, place } = question;
    call.judge = true;
    for attempt in 0.. {
        let answer = client.web().send(&call, meter).await?;
        let (answer, body, judged) = judged(client, (request, &call, &place), answer, scope).await?;
        let Some(Judged { failure, again }) = judged else { return Ok(heard(answer, body)) };
        let pause = again.then(|| http::pause(attempt, failure.retry_after, &client.source().limits)).flatten();
        call.pause = Some(pause.ok_or(failure)?);
    }
    Err(Failure::internal())
}

/// Decodes and judges an answer, on a thread where that may take its time.
async fn judged(
    client: &Client,
    (request, call, place): (&Request, &Call, &str),
    answer: Answer,
    scope: &Scope,
) -> Result<(Answer, Result<Val, Failure>, Option<Judged>), Failure> {
    let (client, format, scope) = (client.clone(), request.format, scope.clone());
    let (place, address) = (place.to_owned(), call.place());
    let work = move || {
        mapper::at(|| place);
        let body = answer.body.decode(format);
        let judged = verdict::judge(&client.connector().verdicts, &answer, &body, &address, &scope);
        (answer, body, judged)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::internal())
}

fn heard(answer: Answer, body: Result<Val, Failure>) -> Heard {
    let Answer { status, url, etag, last_modified, next, headers, .. } = answer;
    Heard { status, url, etag, last_modified, next, headers: answer_headers::object(&headers), body }
}

impl Heard {
    /// What a single answer holds: none that reports an error.
    pub(super) fn single(self, request: &Request) -> Result<Val, Failure> {
        let body = self.body?;
        protocol::refuse_reported(request, 1, &body).map(|()| body)
    }
}
