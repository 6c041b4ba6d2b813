//! The environment that a program gets: what it needs to run, to reach object stores and to go through proxies. Nothing else of this process's.

use std::{ffi::OsString, path::Path};

/// A variable's name and value.
pub(super) type Variable = (OsString, OsString);

/// Names that are passed on, in upper or lower case.
const NAMES: [&str; 8] = ["PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Beginnings of names that are passed on: credentials and addresses of object stores.
const BEGINNINGS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Words in names whose values are secrets. What is in none of these names is an address or a region.
const SECRET_WORDS: [&str; 7] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "SAS", "PROXY"];

/// Of these variables, those that are passed on, and the folder for temporary files.
pub(super) fn passed(all: impl Iterator<Item = Variable>, temporary: &Path) -> Vec<Variable> {
    let is_passed = |name: &str| NAMES.contains(&name.to_ascii_uppercase().as_str()) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    let temporary = (OsString::from("TMPDIR"), temporary.as_os_str().to_owned());
    all.filter(|(name, _)| name.to_str().is_some_and(is_passed)).chain([temporary]).collect()
}

/// Whether what this variable says must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name != "NO_PROXY" && SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_is_passed_on() {
        let all =
            ["PATH", "HOME", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_NAME", "https_proxy", "REDMINE_KEY", "LD_PRELOAD", "CLAUSE9_CONFIG", "aws_x"];
        let all = all.map(|name| (OsString::from(name), OsString::from("x")));
        let names: Vec<_> = passed(all.into_iter(), Path::new("/t")).into_iter().map(|(name, _)| name.into_string().unwrap()).collect();
        assert_eq!(names, ["PATH", "HOME", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_NAME", "https_proxy", "TMPDIR"]);
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for (name, secret) in [
            ("AWS_SECRET_ACCESS_KEY", true),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", true),
            ("https_proxy", true),
            ("no_proxy", false),
            ("AWS_REGION", false),
            ("PATH", false),
        ] {
            assert_eq!(is_secret(name), secret, "{name}");
        }
    }
}
