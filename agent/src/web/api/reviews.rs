//! Management review packs that the agent made: `/api/v1/reviews`, `/api/v1/reviews/2026-Q3` and the files in it.

mod tables;

use std::path::{Path, PathBuf};

use clause9_exporter::axum::{
    Json,
    extract::{self, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::{Problem, Refusal, refused};
use crate::{
    pipeline::Handle,
    record::Digest,
    review::{
        folder::{EVIDENCE, Listed, MANIFEST, Manifest, PACK, PAGE, PDF, SIGNATURE, WORKBOOK},
        html, model,
    },
};

/// What a pack can be asked for as: a suffix of its name, what `Accept` calls it, and what it is.
type Format = (&'static str, &'static str, Content);

/// What of a pack answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// One of its files.
    File(&'static str),
    /// All of its tables as one.
    Tables,
}

/// The first is what is given when nothing is said.
const FORMATS: [Format; 6] = [
    ("json", "application/json", Content::File(PACK)),
    ("html", "text/html", Content::File(PAGE)),
    ("pdf", "application/pdf", Content::File(PDF)),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Content::File(WORKBOOK)),
    ("csv", "text/csv", Content::Tables),
    ("ndjson", "application/x-ndjson", Content::File(EVIDENCE)),
];

/// The packs that were made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reviews {
    /// The latest first.
    reviews: Vec<Review>,
}

/// A pack.
#[derive(Debug, Serialize, ToSchema)]
struct Review {
    /// Its name: `2026-Q3`.
    period: String,
    /// Where it is asked for.
    address: String,
    /// Nothing that came later is in it, epoch seconds.
    cut_off: i64,
    /// The digest of the pack as a whole.
    digest: String,
    /// The program that made it.
    program: String,
    evidence: Option<Evidence>,
    /// Its files.
    files: Vec<File>,
}

/// The last entry of evidence before the cut-off.
#[derive(Debug, Serialize, ToSchema)]
struct Evidence {
    entry: i64,
    digest: String,
    /// When it was made, epoch seconds.
    at: i64,
}

/// A file of a pack.
#[derive(Debug, Serialize, ToSchema)]
struct File {
    /// Its name, with `/` between folders.
    name: String,
    bytes: u64,
    sha256: String,
    /// Whether the same store, configuration and program make the same bytes again.
    reproducible: bool,
}

/// The packs that were made.
///
/// The latest first, each with its cut-off, the digest of the whole, and what it holds.
#[utoipa::path(get, path = "/api/v1/reviews", operation_id = "reviews", tag = "reviews", responses(
    (status = 200, description = "The packs", body = Reviews),
    (status = 404, description = "This agent makes no packs", body = Problem),
    (status = 500, description = "The folder of packs can't be read", body = Problem),
    (status = 503, description = "The agent is stopping", body = Problem),
))]
pub async fn list(State(handle): State<Handle>) -> Result<Json<Reviews>, Refusal> {
    let packs = in_folder(&handle, |folder| Ok(packs(folder))).await?;
    Ok(Json(Reviews { reviews: packs.into_iter().map(|(_, manifest)| Review::from(manifest)).collect() }))
}

/// A pack.
///
/// By suffix, `2026-Q3.html`, or by what is accepted; JSON where neither says anything. As CSV all of its tables are one: the first cell of a row names its table, the
/// first row of a table its columns.
#[utoipa::path(get, path = "/api/v1/reviews/{name}", operation_id = "review", tag = "reviews",
    params(("name" = String, Path, description = "The pack's name, with or without the suffix `.json`, `.html`, `.pdf`, `.xlsx`, `.csv` or `.ndjson`", min_length = 1)),
    responses(
        (status = 200, description = "The pack", content(
            (ref("#/components/schemas/Pack") = "application/json"),
            (String = "text/html"),
            (String = "text/csv"),
            (String = "application/x-ndjson"),
            ("application/pdf"),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        )),
        (status = 404, description = "There is no such pack, or it was not printed", body = Problem),
        (status = 500, description = "The pack is not what its manifest says", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn pack(State(handle): State<Handle>, extract::Path(name): extract::Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let by_suffix = name.rsplit_once('.').and_then(|(period, suffix)| Some((period.to_owned(), FORMATS.iter().find(|(known, ..)| *known == suffix)?)));
    let (period, (_, kind, content)) = match by_suffix {
        Some((period, format)) => (period, *format),
        None => (
            name,
            *accepted(&headers).ok_or_else(|| refused(StatusCode::NOT_ACCEPTABLE, &format!("packs are {}", FORMATS.map(|(_, kind, _)| kind).join(", "))))?,
        ),
    };
    match content {
        Content::File(file) => serve(&handle, period, file.to_owned(), kind, move |pack| pack.file(file)).await,
        Content::Tables => serve(&handle, period, "csv/".to_owned(), "text/csv; charset=utf-8", tables::as_one).await,
    }
}

/// A file of a pack.
///
/// By the name that the pack's manifest has: `csv/readings.csv`.
#[utoipa::path(get, path = "/api/v1/reviews/{name}/{*file}", operation_id = "review_file", tag = "reviews",
    params(
        ("name" = String, Path, description = "The pack's name", min_length = 1),
        ("file" = String, Path, description = "The file's name. Its slashes may stand as they are", min_length = 1),
    ),
    responses(
        (status = 200, description = "The file, as it is", content(
            ("application/json"), (String = "text/html"), (String = "text/csv"), (String = "application/x-ndjson"), ("application/pdf"),
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), ("application/octet-stream"),
        )),
        (status = 404, description = "There is no such pack or file", body = Problem),
        (status = 500, description = "The file is not what the pack's manifest says", body = Problem),
        (status = 503, description = "The agent is stopping", body = Problem),
    )
)]
pub async fn file(State(handle): State<Handle>, extract::Path((period, file)): extract::Path<(String, String)>) -> Result<Response, Refusal> {
    let kind = match file.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("csv") => "text/csv; charset=utf-8",
        Some(suffix) => FORMATS.iter().find(|(known, ..)| *known == suffix).map_or("application/octet-stream", |(_, kind, _)| kind),
        None => "application/octet-stream",
    };
    let wanted = file.clone();
    serve(&handle, period, file, kind, move |pack| pack.file(&wanted)).await
}

/// The format that is wanted most; among equals the first.
fn accepted(headers: &HeaderMap) -> Option<&'static Format> {
    let told: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let told = told.join(",");
    if told.trim().is_empty() {
        return FORMATS.first();
    }
    let ranges = told.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok())?;
        Some((kind, weight))
    });
    let ranges: Vec<_> = ranges.collect();
    let weight = |kind: &str| {
        let family = format!("{}/*", kind.split('/').next().unwrap_or_default());
        let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|(_, weight)| *weight);
        of(kind).or_else(|| of(&family)).or_else(|| of("*/*"))
    };
    let mut best: Option<(&'static Format, f64)> = None;
    for format in &FORMATS {
        if let Some(weight) = weight(format.1).filter(|weight| *weight > 0.0 && best.is_none_or(|(_, most)| *weight > most)) {
            best = Some((format, weight));
        }
    }
    best.map(|(format, _)| format)
}

/// A pack in its folder.
struct Pack {
    folder: PathBuf,
    manifest: Manifest,
}

impl Pack {
    /// A file of it. Only what the manifest lists: a name leads nowhere else.
    fn file(&self, file: &str) -> std::io::Result<Result<Vec<u8>, Not>> {
        let listed = self.manifest.files.iter().find(|listed| listed.name == file);
        let path = match listed {
            Some(listed) => self.folder.join(&listed.name),
            None if file == MANIFEST || file == SIGNATURE && self.folder.join(SIGNATURE).is_file() => self.folder.join(file),
            None => return Ok(Err(Not::File(self.manifest.files.iter().map(|listed| listed.name.clone()).collect()))),
        };
        let bytes = std::fs::read(path)?;
        let is_whole = listed.is_none_or(|listed| Digest::of(&bytes).to_string() == listed.sha256);
        Ok(if is_whole { Ok(bytes) } else { Err(Not::Whole) })
    }
}

/// Why a file is not served.
enum Not {
    Pack(Vec<String>),
    File(Vec<String>),
    Whole,
}

/// Answers with what is read of a pack.
async fn serve<R>(handle: &Handle, period: String, file: String, kind: &'static str, read: R) -> Result<Response, Refusal>
where
    R: FnOnce(&Pack) -> std::io::Result<Result<Vec<u8>, Not>> + Send + 'static,
{
    let (asked_period, asked_file) = (period.clone(), file);
    let read = in_folder(handle, move |folder| {
        let packs = packs(folder);
        match packs.iter().position(|(_, manifest)| manifest.period == period) {
            Some(place) => packs.into_iter().nth(place).map_or(Ok(Err(Not::Whole)), |(folder, manifest)| read(&Pack { folder, manifest })),
            None => Ok(Err(Not::Pack(packs.into_iter().map(|(_, manifest)| manifest.period).collect()))),
        }
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

impl From<Manifest> for Review {
    fn from(manifest: Manifest) -> Self {
        let Manifest { period, cut_off, program, evidence, digest, files, .. } = manifest;
        let file = |Listed { name, bytes, sha256, reproducible }: Listed| File { name, bytes, sha256, reproducible };
        let evidence = evidence.map(|model::Entry { entry, digest, at }| Evidence { entry, digest, at });
        Self { address: format!("/api/v1/reviews/{period}"), period, cut_off, digest, program, evidence, files: files.into_iter().map(file).collect() }
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
            ("text/csv, application/json;q=0.5", Some("csv")),
            ("*/*, application/json;q=0", Some("html")),
            ("text/plain", None),
        ] {
            assert_eq!(wanted(accept), suffix, "{accept}");
        }
    }
}
