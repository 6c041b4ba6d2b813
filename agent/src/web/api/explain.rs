//! How a stored reading was made: `/api/v1/explain`.

mod answer;

use clause9_exporter::axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};

pub use self::answer::Explanation as Answer;
use super::{Moment, Pair, Problem, Refusal, asked::Asked, refused, stored};
use crate::{
    indicator::Catalogue,
    pipeline::{Handle, When, choose, explain as explained},
    schedule,
};

/// The parameters that there are.
pub(super) const PARAMETERS: [&str; 5] = ["indicator", "system", "label", "at", "entry"];

/// How a reading was made.
///
/// A stored reading: its method as it was then, the records that it was made of, and whether it comes out again.
#[utoipa::path(get, path = "/api/v1/explain", tag = "history",
    params(
        ("indicator" = String, Query, description = "The indicator's id", min_length = 1),
        ("system" = Option<String>, Query, description = "Of this system, by any name that it has now"),
        ("label" = Option<Vec<Pair>>, Query, description = "With this label: its name, an equals sign, its value. A label may be named once"),
        ("at" = Option<Moment>, Query, description = "As of this moment, the end of this day, or so long ago; now unless it is said"),
        ("entry" = Option<i64>, Query, description = "As of this entry of evidence, in place of `at`", minimum = 1),
    ),
    responses(
        (status = 200, description = "The reading", body = Answer),
        (status = 404, description = "There is no such reading, or several", body = Problem),
        (status = 500, description = "The store can't be read", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn explain(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Answer>, Refusal> {
    let wrong = |expected: String| refused(StatusCode::BAD_REQUEST, &expected);
    let asked = Asked::of(query.as_deref().unwrap_or_default(), &PARAMETERS).map_err(wrong)?;
    let indicator = asked.indicator().map_err(wrong)?;
    let zone = handle.configuration.load().zone;
    let when =
        When::of(asked.get("at"), asked.get("entry"), zone, schedule::now()).map_err(|(name, expected)| wrong(format!("{name}: expected {expected}")))?;
    let told = stored(&handle, move |reader| {
        let reading = match choose(reader, &indicator, &asked.choice, when)? {
            Ok(reading) => reading,
            Err(none) => return Ok(Err(none.to_string())),
        };
        // A method of a configuration's own is computed as the evidence has it.
        let catalogue = Catalogue::built_in().unwrap_or_default();
        Ok(Ok(Answer::of(&explained(reader, &catalogue, reading)?)))
    })
    .await?;
    told.map(Json).map_err(|none| refused(StatusCode::NOT_FOUND, &none))
}
