//! Management review packs that the agent made: `/api/v1/reviews`, `/api/v1/reviews/2026-Q3` and the files in it.

use std::path::{Path, PathBuf};

use clause9_exporter::axum::{
    Json,
    extract::{self, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{Refusal, refused};
use crate::{
    pipeline::Handle,
    record::Digest,
    review::{
        folder::{EVIDENCE, MANIFEST, Manifest, PACK, PAGE, PDF, SIGNATURE, WORKBOOK},
        html,
    },
};

/// What packs can be asked for: a suffix of the name, what `Accept` calls it, and the file. The first is what is given when nothing is said.
const FORMATS: [(&str, &str, &str); 5] = [
    ("json", "application/json", PACK),
    ("html", "text/html", PAGE),
    ("pdf", "application/pdf", PDF),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", WORKBOOK),
    ("ndjson", "application/x-ndjson", EVIDENCE),
];

/// Every pack, the latest first: its period, its cut-off, the digest of the whole, what it holds.
pub async fn list(State(handle): State<Handle>) -> Result<Json<Value>, Refusal> {
    let packs = in_folder(&handle, |folder| Ok(packs(folder))).await?;
    let one = |(_, manifest): &(PathBuf, Manifest)| {
        let name = &manifest.period;
        json!({
            "period": name, "address": format!("/api/v1/reviews/{name}"), "cut_off": manifest.cut_off, "digest": manifest.digest, "program": manifest.program,
            "evidence": manifest.evidence, "files": manifest.files,
        })
    };
    Ok(Json(json!({ "reviews": packs.iter().map(one).collect::<Vec<_>>() })))
}

/// A pack: `2026-Q3` by what is accepted, JSON where nothing is said; `2026-Q3.html` and the like.
pub async fn pack(State(handle): State<Handle>, extract::Path(name): extract::Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let by_suffix = name.rsplit_once('.').and_then(|(period, suffix)| Some((period.to_owned(), FORMATS.iter().find(|(known, ..)| *known == suffix)?)));
    let (period, (_, kind, file)) = match by_suffix {
        Some((period, format)) => (period, *format),
        None => (
            name,
            *accepted(&headers).ok_or_else(|| refused(StatusCode::NOT_ACCEPTABLE, &format!("packs are {}", FORMATS.map(|(_, kind, _)| kind).join(", "))))?,
        ),
    };
    serve(&handle, period, file.to_owned(), kind).await
}

/// A file of a pack, by the name that its manifest has: `csv/readings.csv`.
pub async fn file(State(handle): State<Handle>, extract::Path((period, file)): extract::Path<(String, String)>) -> Result<Response, Refusal> {
    let kind = match file.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("csv") => "text/csv; charset=utf-8",
        Some(suffix) => FORMATS.iter().find(|(known, ..)| *known == suffix).map_or("application/octet-stream", |(_, kind, _)| kind),
        None => "application/octet-stream",
    };
    serve(&handle, period, file, kind).await
}

/// The format that is wanted most; among equals the first.
fn accepted(headers: &HeaderMap) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let told: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let told = told.join(",");
    if told.trim().is_empty() {
        return FORMATS.first();
    }
    let ranges = told.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok())?;
        (weight > 0.0).then_some((kind, weight))
    });
    let ranges: Vec<_> = ranges.collect();
    let weight = |kind: &str| {
        let family = format!("{}/*", kind.split('/').next().unwrap_or_default());
        let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|(_, weight)| *weight);
        of(kind).or_else(|| of(&family)).or_else(|| of("*/*"))
    };
    let mut best: Option<(&'static (&'static str, &'static str, &'static str), f64)> = None;
    for format in &FORMATS {
        if let Some(weight) = weight(format.1).filter(|weight| best.is_none_or(|(_, most)| *weight > most)) {
            best = Some((format, weight));
        }
    }
    best.map(|(format, _)| format)
}

/// Why a file is not served.
enum Not {
    Pack(Vec<String>),
    File(Vec<String>),
    Whole,
}

async fn serve(handle: &Handle, period: String, file: String, kind: &'static str) -> Result<Response, Refusal> {
    let (asked_period, asked_file) = (period.clone(), file.clone());
    let read = in_folder(handle, move |folder| {
        let packs = packs(folder);
        let Some((pack, manifest)) = packs.iter().find(|(_, manifest)| manifest.period == period) else {
            return Ok(Err(Not::Pack(packs.into_iter().map(|(_, manifest)| manifest.period).collect())));
        };
        // Only what the manifest lists: a name leads nowhere else.
        let listed = manifest.files.iter().find(|listed| listed.name == file);
        let path = match listed {
            Some(listed) => pack.join(&listed.name),
            None if file == MANIFEST || file == SIGNATURE && pack.join(SIGNATURE).is_file() => pack.join(&file),
            None => return Ok(Err(Not::File(manifest.files.iter().map(|listed| listed.name.clone()).collect()))),
        };
        let bytes = std::fs::read(path)?;
        let is_whole = listed.is_none_or(|listed| Digest::of(&bytes).to_string() == listed.sha256);
        Ok(if is_whole { Ok(bytes) } else { Err(Not::Whole) })
    })
    .await?;
    match read {
        Ok(bytes) => Ok(answer(bytes, kind)),
        Err(Not::Pack(there)) => Err(refused(StatusCode::NOT_FOUND, &format!("there is no pack of `{asked_period}`{}", among(&there)))),
        Err(Not::File(there)) => Err(refused(StatusCode::NOT_FOUND, &format!("the pack of {asked_period} has no file `{asked_file}`{}", among(&there)))),
        Err(Not::Whole) => {
            tracing::error!(period = asked_period, file = asked_file, "a file of a review pack is not what its manifest says");
            Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "the file is not what the pack's manifest says; `clause9 review verify` tells more"))
        }
    }
}

fn among(there: &[String]) -> String {
    if there.is_empty() { "; none was made yet".to_owned() } else { format!("; there is {}", there.join(", ")) }
}

fn answer(bytes: Vec<u8>, kind: &'static str) -> Response {
    // The page brings its style sheet, and may do nothing else.
    let policy = if kind == "text/html" { std::str::from_utf8(&bytes).ok().and_then(html::policy_of) } else { None };
    let kind = if kind == "text/html" { "text/html; charset=utf-8" } else { kind };
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if let Some(policy) = policy.and_then(|policy| HeaderValue::from_str(&format!("{policy}; frame-ancestors 'none'")).ok()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The packs in a folder with their manifests, the latest first. What is no pack, or of another release, is passed over.
fn packs(folder: &Path) -> Vec<(PathBuf, Manifest)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut packs: Vec<_> = entries.filter_map(|path| Some((Manifest::read(&path).ok()?, path))).map(|(manifest, path)| (path, manifest)).collect();
    packs.sort_by(|(_, one), (_, other)| (other.cut_off, &other.period).cmp(&(one.cut_off, &one.period)));
    packs
}

/// Reads something from the folder of packs, where it holds nobody up.
async fn in_folder<T: Send + 'static>(handle: &Handle, read: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static) -> Result<T, Refusal> {
    let Some(folder) = handle.configuration.load().packs.clone() else {
        return Err(refused(StatusCode::NOT_FOUND, "this agent makes no review packs: `review: { make: quarterly, out: FOLDER }` in its configuration does"));
    };
    let read = spawn_blocking(move || read(&folder)).await.map_err(|_| refused(StatusCode::SERVICE_UNAVAILABLE, "the agent is stopping"))?;
    read.map_err(|error| {
        tracing::warn!(error = %error, "a review pack could not be read");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "the pack can't be read; the agent's log says why")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        accepted(&headers).map(|(suffix, ..)| *suffix)
    }

    #[test]
    fn the_format_is_the_one_that_is_wanted_most() {
        assert_eq!(accepted(&HeaderMap::new()).map(|(suffix, ..)| *suffix), Some("json"));
        for (accept, suffix) in [
            ("*/*", Some("json")),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("html")),
            ("application/pdf", Some("pdf")),
            ("application/json;q=0.5, application/pdf", Some("pdf")),
            ("application/*;q=0.5, text/*", Some("html")),
            ("application/json;q=0, image/png", None),
            ("text/plain", None),
        ] {
            assert_eq!(wanted(accept), suffix, "{accept}");
        }
    }
}
