//! Which objects an address means.

use std::path::Path as FilePath;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::super::locate::{self, Format, Part};
use super::super::{Error, Result};
use super::address::Address;
use super::connect::Store;
use super::failure::{explain, is_answer, is_missing};

/// An object of a window.
#[derive(Clone, Debug)]
pub struct Object {
    /// What the store says of it: its key, size and version.
    pub meta: ObjectMeta,
    /// How it is written and what the folders above it say. Its path is the key until it was fetched.
    pub part: Part,
}

/// Finds the objects: one, those in a folder, or those that a pattern fits; in the order of their names.
///
/// # Errors
/// Nothing there, a key that tells no format, and what the store refuses.
pub async fn find(address: &Address, store: &Store, forced: Option<Format>) -> Result<Vec<Object>> {
    if address.is_pattern() {
        return matching(address, store, forced).await;
    }
    if !address.key.is_empty()
        && !address.key.ends_with('/')
        && let Some(meta) = single(address, store, forced).await?
    {
        let base = FilePath::new(&address.key).parent();
        return Ok(vec![object(address, meta, base, forced)?]);
    }
    in_folder(address, store, forced).await
}

/// The object with exactly this key.
async fn single(address: &Address, store: &Store, forced: Option<Format>) -> Result<Option<ObjectMeta>> {
    let path = path(address, &address.key)?;
    let is_folder = |meta: &ObjectMeta| meta.size == 0 && forced.is_none() && locate::format_of(FilePath::new(&address.key)).is_none();
    match store.objects.head(&path).await {
        // Some stores show folders as objects without content.
        Ok(meta) => Ok(Some(meta).filter(|meta| !is_folder(meta))),
        Err(error) if is_missing(&error) => Ok(None),
        // An answer to HEAD has no body; what is wrong stands in that of GET.
        Err(error) if is_answer(&error) => match store.objects.get(&path).await {
            Ok(found) => Ok(Some(found.meta)),
            Err(error) => Err(failed(address, store, &error)),
        },
        Err(error) => Err(failed(address, store, &error)),
    }
}

async fn in_folder(address: &Address, store: &Store, forced: Option<Format>) -> Result<Vec<Object>> {
    let folder = address.key.trim_end_matches('/');
    let listed = list(address, store, folder).await?;
    let wrong = |problem: &str| Error::file(FilePath::new(&address.of(&address.key)), problem);
    if listed.is_empty() {
        return Err(wrong(if folder.is_empty() { "the bucket is empty" } else { "there is no such object, and none below it" }));
    }
    let is_shown = |meta: &ObjectMeta| !locate::is_hidden(FilePath::new(below(meta.location.as_ref(), folder)));
    let is_data = |meta: &ObjectMeta| forced.is_some() || locate::format_of(FilePath::new(meta.location.as_ref())).is_some();
    let chosen: Vec<ObjectMeta> = listed.into_iter().filter(|meta| is_shown(meta) && is_data(meta) && !is_marker(meta)).collect();
    if chosen.is_empty() {
        return Err(wrong(locate::NO_DATA));
    }
    members(address, chosen, folder, forced)
}

async fn matching(address: &Address, store: &Store, forced: Option<Format>) -> Result<Vec<Object>> {
    let wrong = |problem: String| Error::file(FilePath::new(&address.of(&address.key)), problem);
    let pattern = glob::Pattern::new(&address.key).map_err(|error| wrong(format!("this is no pattern: {}", error.msg)))?;
    // As files are matched: a star stays within a folder, two cross them.
    let options = glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };
    let fixed = address.key.split(['*', '?', '[']).next().unwrap_or_default();
    let base = fixed.rfind('/').map_or("", |end| &fixed[..end]);
    let mut listed = list(address, store, base).await?;
    listed.retain(|meta| pattern.matches_with(meta.location.as_ref(), options) && !is_marker(meta));
    if listed.is_empty() {
        return Err(wrong("the pattern matches no object".to_owned()));
    }
    members(address, listed, base, forced)
}

/// What stands for a folder and is none of its objects.
fn is_marker(meta: &ObjectMeta) -> bool {
    meta.size == 0 && locate::format_of(FilePath::new(meta.location.as_ref())).is_none()
}

fn members(address: &Address, mut listed: Vec<ObjectMeta>, base: &str, forced: Option<Format>) -> Result<Vec<Object>> {
    // As files of a folder are sorted.
    listed.sort_by(|a, b| FilePath::new(a.location.as_ref()).cmp(FilePath::new(b.location.as_ref())));
    listed.into_iter().map(|meta| object(address, meta, Some(FilePath::new(base)), forced)).collect()
}

fn object(address: &Address, meta: ObjectMeta, base: Option<&FilePath>, forced: Option<Format>) -> Result<Object> {
    let key = meta.location.as_ref();
    let part = locate::named_part(FilePath::new(&address.of(key)), FilePath::new(key), base, forced)?;
    Ok(Object { meta, part })
}

/// Everything below a folder.
async fn list(address: &Address, store: &Store, folder: &str) -> Result<Vec<ObjectMeta>> {
    let prefix = path(address, folder)?;
    let prefix = Some(&prefix).filter(|_| !folder.is_empty());
    store.objects.list(prefix).try_collect().await.map_err(|error| failed(address, store, &error))
}

fn failed(address: &Address, store: &Store, error: &object_store::Error) -> Error {
    Error::file(FilePath::new(&address.of(&address.key)), explain(error, store))
}

fn path(address: &Address, key: &str) -> Result<Path> {
    Path::parse(key).map_err(|error| Error::file(FilePath::new(&address.of(key)), format_args!("this is no key of an object ({error})")))
}

fn below<'a>(key: &'a str, folder: &str) -> &'a str {
    key.strip_prefix(folder).unwrap_or(key).trim_start_matches('/')
}
