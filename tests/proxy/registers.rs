//! Registers in files, and what happens to files: half written, renamed, emptied, spoilt.

use super::random::Random;
use std::path::Path;

/// The cases that are true.
#[derive(Debug, Clone)]
pub struct Register(Vec<(u64, &'static str, &'static str)>);

/// The file.
const FILE: &str = "incidents.csv";
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];
const HEADER: &str = "id,system,severity,detected_at,status";

impl Register {
    pub fn begin(random: &mut Random) -> Self {
        Self((1..=12).map(|id| (id, *random.of(&super::upstream::SYSTEMS), *random.of(&SEVERITIES))).collect())
    }

    pub fn change(&mut self, random: &mut Random) {
        let next = self.0.iter().map(|(id, ..)| id + 1).max().unwrap_or(1);
        match random.below(if self.0.len() < 6 { 1 } else { 3 }) {
            0 => self.0.push((next, *random.of(&super::upstream::SYSTEMS), *random.of(&SEVERITIES))),
            1 => drop(self.0.remove(random.below(self.0.len()))),
            _ => {
                let at = random.below(self.0.len());
                self.0[at].2 = *random.of(&SEVERITIES);
            }
        }
    }

    fn text(&self) -> String {
        let row = |(id, system, severity): &(u64, &str, &str)| format!("INC-{id},{system},{severity},2026-01-02,open\n");
        format!("{HEADER}\n{}", self.0.iter().map(row).collect::<String>())
    }

    /// Puts the file in place as it should be.
    pub fn write(&self, folder: &Path) {
        let path = folder.join(FILE);
        if path.is_dir() {
            std::fs::remove_dir(&path).expect("an empty folder goes away");
        }
        std::fs::remove_file(folder.join("incidents.csv.old")).ok();
        std::fs::write(path, self.text()).expect("a written file");
    }

    /// Spoils it. False when what is there now can't be told from a register that is right.
    pub fn spoil(&self, folder: &Path, fault: &str, random: &mut Random) -> bool {
        let path = folder.join(FILE);
        let whole = self.text();
        let write = |bytes: &[u8]| std::fs::write(&path, bytes).expect("a written file");
        match fault {
            "half written" => {
                let half = &whole[..random.below(whole.len())];
                write(half.as_bytes());
                let last = half.lines().last().unwrap_or_default();
                // Cut between two rows, or inside of the last cell, it is a register with fewer rows or another word.
                return !(half.ends_with('\n') && half.lines().count() > 1) && last.matches(',').count() < HEADER.matches(',').count();
            }
            "emptied" => write(b""),
            "garbage inside" => {
                let mut bytes = whole.into_bytes();
                let at = random.below(bytes.len());
                bytes.splice(at..at, [0xff, 0xfe, 0x00]);
                write(&bytes);
            }
            "in another character set" => write(&whole.replace("open", "geöffnet").chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect::<Vec<_>>()),
            "a header twice" => write(whole.replace("severity,detected_at", "severity,severity").as_bytes()),
            "an id twice" => write(format!("{whole}INC-{},hiring,low,2026-01-03,closed\n", self.0[0].0).as_bytes()),
            "a cell too many" => write(whole.replacen(",open\n", ",open,more\n", 1).as_bytes()),
            "a cell too few" => write(whole.replacen(",open\n", "\n", 1).as_bytes()),
            "a quote that does not close" => write(whole.replacen("INC-", "\"INC-", 1).as_bytes()),
            "renamed away" => std::fs::rename(&path, folder.join("incidents.csv.old")).expect("a renamed file"),
            "a folder in its place" => {
                std::fs::remove_file(&path).expect("a file goes away");
                std::fs::create_dir(&path).expect("a folder");
            }
            other => unreachable!("no fault {other}"),
        }
        true
    }
}

pub const FAULTS: &[&str] = &[
    "half written",
    "emptied",
    "garbage inside",
    "in another character set",
    "a header twice",
    "an id twice",
    "a cell too many",
    "a cell too few",
    "a quote that does not close",
    "renamed away",
    "a folder in its place",
];
