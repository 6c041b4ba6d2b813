//! Anchors: the number, digest and time of the last entry of evidence, put where whoever can write the store can't. Only by them a chain that was
//! rewritten whole, a tail that was cut off, an old copy or another store in its place is told.
//!
//! Here is what they look like, how they are signed, appended to a file and read again, and what a time stamp is. When they are made, and where
//! they are sent, is the pipeline's business.

mod der;
#[cfg(test)]
pub(crate) mod testing;
pub mod time_stamp;

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    str::FromStr,
};

use serde_json::{Value, json};

use crate::{
    keys::{PublicKey, Signature, SigningKey},
    schedule,
    store::{Anchor, Expected},
};

/// The last entry of evidence at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number and digest.
    pub anchor: Anchor,
    /// When it was made, epoch seconds.
    pub at: i64,
}

impl Head {
    /// What a store says of itself; `None`: it has no entry.
    pub fn of((anchor, at): (Anchor, Option<i64>)) -> Option<Self> {
        at.filter(|_| anchor.entry > 0).map(|at| Self { anchor, at })
    }

    /// What is signed of it: three lines, the last ones its anchor and its time.
    pub fn signed_text(&self) -> String {
        format!("clause9 evidence head\n{}\n{}\n", self.anchor, schedule::rfc3339(self.at))
    }

    /// Its signature.
    pub fn sign(&self, key: &SigningKey) -> Signature {
        key.sign(self.signed_text().as_bytes())
    }

    /// The line of a file of anchors.
    pub fn line(&self, key: Option<&SigningKey>) -> String {
        let signature = key.map(|key| format!(" {}", self.sign(key))).unwrap_or_default();
        format!("{} {}{signature}", self.anchor, schedule::rfc3339(self.at))
    }

    /// As it is sent, and as `/api/v1/evidence/head` answers.
    pub fn as_json(&self, key: Option<&SigningKey>) -> Value {
        let mut json = json!({ "entry": self.anchor.entry, "digest": self.anchor.digest.to_string(), "at": self.at, "anchor": self.anchor.to_string(), "time": schedule::rfc3339(self.at) });
        if let Some(key) = key {
            json["signature"] = self.sign(key).to_string().into();
            json["public_key"] = key.public().to_string().into();
        }
        json
    }
}

/// An anchor that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number and digest.
    pub anchor: Anchor,
    /// The time that was kept with it, epoch seconds.
    pub at: Option<i64>,
    /// The signature that was.
    pub signature: Option<Signature>,
}

impl Kept {
    /// Whether one of these keys signed it.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let (Some(at), Some(signature)) = (self.at, self.signature) else { return false };
        let text = Head { anchor: self.anchor, at }.signed_text();
        keys.iter().any(|key| key.has_signed(text.as_bytes(), &signature))
    }
}

impl From<Kept> for Expected {
    fn from(kept: Kept) -> Self {
        Self { anchor: kept.anchor, at: kept.at }
    }
}

impl From<Anchor> for Kept {
    fn from(anchor: Anchor) -> Self {
        Self { anchor, at: None, signature: None }
    }
}

/// `N:DIGEST`, then its time and its signature, as far as they were kept.
impl FromStr for Kept {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut words = line.split_whitespace();
        let anchor: Anchor = words.next().unwrap_or_default().parse()?;
        let at = words.next().map(|time| chrono::DateTime::parse_from_rfc3339(time).map(|time| time.timestamp()));
        let at = at.transpose().map_err(|_| "after the anchor a time such as 2026-09-30T14:00:00Z".to_owned())?;
        let signature = words.next().map(str::parse).transpose()?;
        if words.next().is_some() {
            return Err("nothing after the signature".to_owned());
        }
        Ok(Self { anchor, at, signature })
    }
}

/// Anchors that must hold, in the order in which they were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnchors(pub Vec<Kept>);

impl KeptAnchors {
    /// Reads what somebody kept: an anchor as it is written, or the text of a file: a line for each, or an answer of `/api/v1/evidence/head`.
    ///
    /// # Errors
    /// Which line is none, and what was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Some(kept) = answered(text) {
            return kept.map(|kept| Self(vec![kept]));
        }
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let kept: Result<Vec<_>, _> =
            lines.map(|(at, line)| line.parse().map_err(|expected| format!("line {} holds no anchor; expected {expected}", at + 1))).collect();
        kept.and_then(|kept| if kept.is_empty() { Err("it holds no anchor".to_owned()) } else { Ok(Self(kept)) })
    }

    /// The last one.
    pub fn last(&self) -> &Kept {
        self.0.last().expect("there is one where any were read")
    }

    /// How many were not signed before the first that was, if one of these keys signed each from then on.
    ///
    /// # Errors
    /// Which is not, in words.
    pub fn signed_from(&self, keys: &[PublicKey]) -> Result<usize, String> {
        let begin = self.0.iter().position(|kept| kept.signature.is_some()).ok_or("no anchor is signed")?;
        let unsigned = self.0[begin..].iter().position(|kept| !kept.is_signed_by(keys));
        match unsigned {
            None => Ok(begin),
            Some(at) => {
                Err(format!("anchor {}, of evidence entry {}, is not signed by the key that was given", begin + at + 1, self.0[begin + at].anchor.entry))
            }
        }
    }
}

/// An answer of `/api/v1/evidence/head`, if the text is one.
fn answered(text: &str) -> Option<Result<Kept, String>> {
    let answer: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let read = || {
        let anchor: Anchor = answer["anchor"].as_str().unwrap_or_default().parse()?;
        let signature = answer["signature"].as_str().map(str::parse).transpose()?;
        Ok(Kept { anchor, at: answer["at"].as_i64(), signature })
    };
    Some(read())
}

/// Appends an anchor to a file, for good: it is on disk when this returns, or the file is as it was. One that is the last line already is not repeated.
///
/// # Errors
/// The system's.
pub fn append(path: &Path, head: &Head, key: Option<&SigningKey>) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o644).open(path)?;
    let line = head.line(key);
    let length = file.seek(SeekFrom::End(0))?;
    let tail = tail(&mut file, length, line.len() + 2)?;
    if tail.trim_end_matches('\n').rsplit('\n').next() == Some(&line) {
        return Ok(());
    }
    // What somebody edited may end without a line break.
    let text = format!("{}{line}\n", if tail.is_empty() || tail.ends_with('\n') { "" } else { "\n" });
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a line would be no anchor, and nobody could tell why.
        let _ = file.set_len(length);
    }
    written
}

fn tail(file: &mut std::fs::File, length: u64, most: usize) -> io::Result<String> {
    let from = length.saturating_sub(most as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

/// Where anchors are put, beside the log, the series and the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file, a line for each.
    File,
    /// A server that takes them as JSON.
    Url,
    /// A server that stamps them with its time.
    TimeStamp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::File, Self::Url, Self::TimeStamp];

    /// Its label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::TimeStamp => "time_stamp",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Digest;

    fn head(entry: i64) -> Head {
        Head { anchor: Anchor { entry, digest: Digest::of(&entry.to_be_bytes()) }, at: 1_795_867_200 + entry }
    }

    fn key(folder: &Path, name: &str) -> SigningKey {
        SigningKey::make(&folder.join(name)).unwrap()
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (key, head) = (key(folder.path(), "key"), head(7));
        let text = head.line(None);
        assert_eq!(text, format!("{} 2026-11-28T12:00:07Z", head.anchor));
        let kept = Kept { anchor: head.anchor, at: Some(head.at), signature: None };
        assert_eq!((text.parse(), head.anchor.to_string().parse()), (Ok(kept), Ok(Kept::from(head.anchor))));
        let signed: Kept = head.line(Some(&key)).parse().unwrap();
        assert!(signed.is_signed_by(&[key.public()]) && !kept.is_signed_by(&[key.public()]));
        assert!(!Kept { at: Some(head.at + 1), ..signed }.is_signed_by(&[key.public()]), "the time is signed, too");
        assert_eq!(KeptAnchors::read(&head.as_json(Some(&key)).to_string()).unwrap(), KeptAnchors(vec![signed]));
        assert_eq!(KeptAnchors::read(&head.as_json(None).to_string()).unwrap(), KeptAnchors(vec![kept]));
        for (wrong, says) in [
            ("", "it holds no anchor"),
            ("\n\nx\n", "line 3 holds no anchor; expected a number and a digest"),
            (&format!("{} yesterday", head.anchor), "line 1 holds no anchor; expected after the anchor a time such as"),
            (&format!("{text} x"), "line 1 holds no anchor; expected a signature"),
            (&format!("{} x", head.line(Some(&key))), "line 1 holds no anchor; expected nothing after the signature"),
            ("{}", "a number and a digest"),
        ] {
            let found = KeptAnchors::read(wrong).unwrap_err();
            assert!(found.starts_with(says), "{wrong}: {found}");
        }
    }

    #[test]
    fn a_file_of_anchors_grows_by_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors");
        append(&path, &head(1), None).unwrap();
        append(&path, &head(1), None).unwrap();
        append(&path, &head(2), None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n{}\n", head(1).line(None), head(2).line(None)));
        // Somebody's editor.
        std::fs::write(&path, text.trim_end()).unwrap();
        append(&path, &head(2), None).unwrap();
        append(&path, &head(3), None).unwrap();
        let kept = KeptAnchors::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((kept.0.len(), kept.last().anchor), (3, head(3).anchor));
        assert!(append(folder.path(), &head(1), None).is_err());
    }

    #[test]
    fn signatures_are_asked_for_from_the_first_one_on() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (key(folder.path(), "old"), key(folder.path(), "new"));
        let lines = |keys: &[Option<&SigningKey>]| {
            KeptAnchors::read(&keys.iter().zip(1..).map(|(key, entry)| head(entry).line(*key) + "\n").collect::<String>()).unwrap()
        };
        let signed = lines(&[None, None, Some(&old), Some(&new)]);
        assert_eq!(signed.signed_from(&[new.public(), old.public()]), Ok(2));
        assert_eq!(signed.signed_from(&[old.public()]).unwrap_err(), "anchor 4, of evidence entry 4, is not signed by the key that was given");
        assert_eq!(
            lines(&[Some(&old), None]).signed_from(&[old.public()]).unwrap_err(),
            "anchor 2, of evidence entry 2, is not signed by the key that was given"
        );
        assert_eq!(lines(&[None]).signed_from(&[old.public()]).unwrap_err(), "no anchor is signed");
    }
}
