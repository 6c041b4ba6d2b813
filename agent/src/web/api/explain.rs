//! How a stored reading was made: `/api/v1/explain`.

use clause9_exporter::axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use serde_json::Value;

use super::{Refusal, asked::Asked, refused, stored};
use crate::{
    indicator::Catalogue,
    pipeline::{Handle, When, choose, explain as explained},
    schedule,
};

/// The parameters that there are.
pub(super) const PARAMETERS: [&str; 5] = ["indicator", "system", "label", "at", "entry"];

/// A stored reading: its method as it was then, the records that it was made of, and whether it comes out again.
pub async fn explain(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Value>, Refusal> {
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
        Ok(Ok(explained(reader, &catalogue, reading)?.json()))
    })
    .await?;
    told.map(Json).map_err(|none| refused(StatusCode::NOT_FOUND, &none))
}
