//! Objects into files.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{GetOptions, GetRange, ObjectMeta};

use super::super::locate::{Format, Located, Part};
use super::super::spool::{Spool, not_written};
use super::super::{Error, Result};
use super::Progress;
use super::address::Address;
use super::connect::{Store, connect};
use super::failure::explain;
use super::find::{Object, find};

/// Objects that are on their way at the same time: enough for many small ones, few enough for any server.
const AT_ONCE: usize = 8;
/// How often a connection may break without a byte more before it is given up.
const BREAKS: usize = 3;
/// The longest end of an object's name that is kept in the name of its file.
const NAME_BYTES: usize = 60;

/// Finds the objects that a name means and fetches them into a folder below `spool`, showing how far it is.
///
/// # Errors
/// No such objects, what the store refuses, objects that change meanwhile, a full disk.
pub fn fetch(name: &str, forced: Option<Format>, spool: Option<&Path>, show: &mut dyn FnMut(Progress<'_>)) -> Result<Located> {
    let address = Address::parse(name)?;
    let store = connect(&address)?;
    let spool = Spool::new(spool)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::file(Path::new(name), error))?;
    let parts = runtime.block_on(async {
        let objects = find(&address, &store, forced).await?;
        fetch_all(&address, &store, &objects, spool.path(), show).await
    })?;
    Ok(Located { parts, keep: Some(Box::new(spool)) })
}

async fn fetch_all(address: &Address, store: &Store, objects: &[Object], folder: &Path, show: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<Part>> {
    let all = objects.iter().map(|object| object.meta.size).sum();
    let done = Cell::new(0);
    let show = RefCell::new(show);
    let tick = |bytes: usize, object: &str| {
        done.set(done.get() + bytes as u64);
        (*show.borrow_mut())(Progress { done: done.get(), all, object });
    };
    let copies = objects.iter().enumerate().map(|(place, object)| fetch_one(address, store, place, object, folder, &tick));
    // A vector of them first: a stream of borrowing closures is more than the compiler sees through.
    stream::iter(copies.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}

async fn fetch_one(address: &Address, store: &Store, place: usize, object: &Object, folder: &Path, tick: &dyn Fn(usize, &str)) -> Result<Part> {
    let key = object.meta.location.as_ref();
    let (name, path) = (address.of(key), folder.join(file_name(place, key)));
    let mut copy = Copy { store, meta: &object.meta, name: &name, path: &path, version: None, written: 0 };
    copy.fetch(&|bytes| tick(bytes, &name)).await?;
    Ok(Part { path, ..object.part.clone() })
}

/// Names of files are short and without surprises; the end tells how the object is packed.
fn file_name(place: usize, key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    let start = (name.len().saturating_sub(NAME_BYTES)..name.len()).find(|&start| name.is_char_boundary(start)).unwrap_or(0);
    format!("{place}-{}", &name[start..])
}

/// An object on its way into a file.
struct Copy<'a> {
    store: &'a Store,
    /// The object as it was listed.
    meta: &'a ObjectMeta,
    name: &'a str,
    path: &'a Path,
    /// The version that is fetched, once the store has said so.
    version: Option<String>,
    written: u64,
}

impl Copy<'_> {
    /// Fetches it; where the connection breaks, on from there, of the same version only.
    async fn fetch(&mut self, tick: &dyn Fn(usize)) -> Result<()> {
        let mut file = File::create_new(self.path).map_err(|error| self.not_written(&error))?;
        let mut breaks = 0;
        loop {
            let before = self.written;
            let Err(broken) = self.stream(&mut file, tick).await? else { break };
            breaks = if self.written > before { 0 } else { breaks + 1 };
            // Without a version two halves might be of different objects.
            if breaks >= BREAKS || self.version.is_none() {
                return Err(self.failed(explain(&broken, self.store)));
            }
        }
        if self.written != self.meta.size {
            return Err(self.failed(format!("{} bytes came where the store says {}; it may have changed meanwhile", self.written, self.meta.size)));
        }
        Ok(())
    }

    /// One answer, to its end or to where it breaks.
    async fn stream(&mut self, file: &mut File, tick: &dyn Fn(usize)) -> Result<std::result::Result<(), object_store::Error>> {
        let range = (self.written > 0).then_some(GetRange::Offset(self.written));
        if self.written > 0 && self.written == self.meta.size {
            return Ok(Ok(()));
        }
        let options = GetOptions { range, if_match: self.version.clone(), ..GetOptions::default() };
        let answer = match self.store.objects.get_opts(&self.meta.location, options).await {
            Ok(answer) => answer,
            Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. }) => return Err(self.changed()),
            Err(error) => return Err(self.failed(explain(&error, self.store))),
        };
        self.check(&answer.meta)?;
        let mut body = answer.into_stream();
        loop {
            match body.next().await {
                None => return Ok(Ok(())),
                Some(Err(error)) => return Ok(Err(error)),
                Some(Ok(bytes)) => {
                    file.write_all(&bytes).map_err(|error| self.not_written(&error))?;
                    self.written += bytes.len() as u64;
                    tick(bytes.len());
                }
            }
        }
    }

    /// That an answer is of the object as it was listed, and of the version that has begun.
    fn check(&mut self, found: &ObjectMeta) -> Result<()> {
        let is_other = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if bare(a) != bare(b));
        if found.size != self.meta.size || is_other(&self.meta.e_tag, &found.e_tag) || is_other(&self.version, &found.e_tag) {
            return Err(self.changed());
        }
        self.version.clone_from(&found.e_tag);
        Ok(())
    }

    fn changed(&self) -> Error {
        self.failed("the object changed or went while it was fetched; run again when it is complete".to_owned())
    }

    fn failed(&self, problem: String) -> Error {
        Error::file(Path::new(self.name), problem)
    }

    fn not_written(&self, error: &std::io::Error) -> Error {
        self.failed(not_written(self.path.parent().unwrap_or(self.path), error))
    }
}

/// A version without the quotes that lists of some stores leave away.
fn bare(e_tag: &str) -> &str {
    e_tag.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_keep_their_ends() {
        assert_eq!(file_name(3, "a/b=1/part.csv.gz"), "3-part.csv.gz");
        let long = format!("x/{}é.parquet", "é".repeat(500));
        let name = file_name(0, &long);
        assert!(name.len() <= 2 + NAME_BYTES && name.ends_with("é.parquet"), "{name}");
        assert_eq!(file_name(0, "a/"), "0-");
    }

    #[test]
    fn versions_are_compared_without_quotes() {
        assert_eq!(bare("\"0x8D\""), bare("0x8D"));
        assert_eq!(bare("W/\"a\""), "a");
    }
}
