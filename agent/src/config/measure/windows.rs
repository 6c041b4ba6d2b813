//! What a job reads: data, or answers of queries over tables; and which of them its command needs.

use super::super::{
    Reader,
    raw::{Command, Job},
};
use crate::document::Mistake;

/// What is expected of data.
const DATA: &str = "files, a folder, a pattern or an address";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Yes,
    Perhaps,
    No,
}

/// One window: the key for data and what is written there, the key for a query likewise.
struct Window<'j> {
    data: (&'static str, Option<&'j str>),
    query: (&'static str, Option<&'j str>),
    need: Need,
}

/// Adds the arguments that windows and tables stand for. Gives what is read of them.
pub(super) fn arguments(job: &Job, path: &str, arguments: &mut Vec<String>, reader: &mut Reader<'_>) -> Vec<String> {
    let mut reads = Vec::new();
    for window in windows(job) {
        let (data, query) = (window.data.1, window.query.1);
        for (key, written) in [window.data, window.query] {
            let Some(written) = written else { continue };
            if window.need == Need::No {
                reader.mistake(&format!("{path}.{key}"), format!("nothing, `{}` reads {}", job.command.as_str(), read_by(job)));
            }
            arguments.push(format!("--{}={written}", key.replace('_', "-")));
        }
        if data.is_some() && query.is_some() {
            reader.mistake(&format!("{path}.{}", window.query.0), format!("either `{}` or `{}`, not both", window.data.0, window.query.0));
        } else if data.is_none() && query.is_none() && window.need == Need::Yes {
            reader.mistake(&format!("{path}.{}", window.data.0), format!("{DATA}, it is required"));
        }
        reads.extend(data.map(|data| proved(data, &format!("{path}.{}", window.data.0), reader)));
        reads.extend(query.and_then(|query| query.strip_prefix('@')).map(str::to_owned));
    }
    for (name, data) in &job.tables {
        arguments.push(format!("--table={name}={data}"));
        reads.push(proved(data, &format!("{path}.tables.{name}"), reader));
    }
    let queries = [&job.sql, &job.reference_sql, &job.current_sql];
    if job.tables.is_empty() && queries.iter().any(|query| query.is_some()) {
        reader.mistake(&format!("{path}.tables"), "the tables that the query names");
    } else if !job.tables.is_empty() && queries.iter().all(|query| query.is_none()) {
        reader.mistake(&format!("{path}.tables"), "nothing without a query");
    }
    reads
}

/// The windows that may be written, and which of them the command needs.
fn windows(job: &Job) -> [Window<'_>; 3] {
    let [reference, current, data] = match job.command {
        Command::Drift => [Need::Yes, Need::Yes, Need::No],
        Command::Bias => [Need::No, Need::No, Need::Yes],
        Command::Performance | Command::Quality => [Need::Perhaps, Need::No, Need::Yes],
    };
    [
        Window { data: ("reference", job.reference.as_deref()), query: ("reference_sql", job.reference_sql.as_deref()), need: reference },
        Window { data: ("current", job.current.as_deref()), query: ("current_sql", job.current_sql.as_deref()), need: current },
        Window { data: ("data", job.data.as_deref()), query: ("sql", job.sql.as_deref()), need: data },
    ]
}

fn read_by(job: &Job) -> String {
    let names: Vec<_> = windows(job).into_iter().filter(|window| window.need != Need::No).map(|window| format!("`{}`", window.data.0)).collect();
    names.join(" and ")
}

/// Data as it is written, if that can be right.
fn proved(data: &str, path: &str, reader: &mut Reader<'_>) -> String {
    if data.trim().is_empty() {
        reader.mistake(path, DATA);
    } else if holds_credentials(data) {
        let expected = "an address without credentials; they go into the agent's environment (AWS_..., GOOGLE_..., AZURE_...)";
        let mistake = reader.document.mistake(path, expected);
        reader.mistakes.push(Mistake { found: "a value that is not shown".to_owned(), ..mistake });
    }
    data.to_owned()
}

/// Whether an address has a password or a signature in it, which would be seen like any argument. `abfss://container@account...` has neither.
fn holds_credentials(data: &str) -> bool {
    let Some((_, rest)) = data.split_once("://") else { return false };
    let (user, _) = rest.split('/').next().and_then(|host| host.split_once('@')).unwrap_or_default();
    user.contains(':') || rest.split_once('?').is_some_and(|(_, query)| query.contains('='))
}
