//! What is done so that evidence can be relied on: the key that signs its heads, and where these are kept outside of the store.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Reader, raw, source};
use crate::{
    connector::{Auth, Target, Tls},
    keys::{SigningKey, open_to_others},
    span::Span,
};

/// How often heads are kept elsewhere, if nothing is said.
const EVERY: Duration = Duration::from_hours(1);

/// What is done so that evidence can be relied on. Two are equal when the same key signs and the same places are meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The key that signs heads.
    pub key: Option<Arc<SigningKey>>,
    /// Where it was read from.
    pub key_file: Option<PathBuf>,
    /// The file to which anchors are appended.
    pub file: Option<PathBuf>,
    /// The server to which they are sent.
    pub url: Option<Target>,
    /// The server that stamps them with its time.
    pub time_stamp: Option<Target>,
    /// How often.
    pub every: Duration,
}

impl Evidence {
    /// What to say of how it is kept, if that is not as it should be.
    pub fn warnings(&self, data_dir: &Path) -> Vec<String> {
        let open = self.key_file.as_deref().and_then(open_to_others);
        let beside = self.file.as_ref().filter(|file| file.starts_with(data_dir));
        let beside = beside
            .map(|file| format!("evidence.anchors.file: {} lies in the data folder: whoever can write the store can write its anchors, too", file.display()));
        open.into_iter().chain(beside).collect()
    }
}

pub(super) fn prove(raw: raw::Evidence, reader: &mut Reader<'_>) -> Evidence {
    let key_file = raw.key.map(|written| reader.path(&written));
    let key = key_file.as_deref().and_then(|file| match SigningKey::read(file) {
        Ok(key) => Some(Arc::new(key)),
        Err(error) => {
            reader.mistake("evidence.key", format!("an Ed25519 private key in PEM, as `clause9 keys new` writes it; {error}"));
            None
        }
    });
    let anchors = raw.anchors;
    let file = anchors.file.as_deref().map(|written| {
        let file = reader.path(written);
        if file.is_dir() || !file.parent().is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
            reader.mistake("evidence.anchors.file", "a file in a folder that exists");
        }
        file
    });
    if anchors.url.is_none() && anchors.auth != Auth::None {
        reader.mistake("evidence.anchors.auth", "nothing without `url`");
    }
    let tls = source::tls(&anchors.tls, "evidence.anchors", reader);
    let url = target("url", anchors.url.as_deref(), anchors.auth, &tls, reader);
    let time_stamp = target("time_stamp", anchors.time_stamp.as_deref(), Auth::None, &tls, reader);
    Evidence { key, key_file, file, url, time_stamp, every: anchors.every.map_or(EVERY, |Span(every)| every) }
}

fn target(key: &str, written: Option<&str>, auth: Auth, tls: &Tls, reader: &mut Reader<'_>) -> Option<Target> {
    let url = match source::base_url(written?) {
        Ok(url) => url,
        Err(expected) => {
            reader.mistake(&format!("evidence.anchors.{key}"), expected);
            return None;
        }
    };
    if !Target::AUTH.contains(&auth.kind()) {
        reader.mistake("evidence.anchors.auth", "none, basic or bearer");
    }
    Some(Target { url, auth, tls: tls.clone() })
}
