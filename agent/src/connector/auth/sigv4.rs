//! Keys with which each request is signed (Signature Version 4), and where they come from: the configuration, a profile's files, or a role that a
//! container, an instance or a token of an identity provider has. What is fetched is fetched by `http/role.rs`, what signs is `http/sign.rs`.

use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::Wrong;
use crate::{connector::description::Sigv4 as Described, secret::Secret};

/// `auth: { sigv4: { ... } }`: every request is signed. Keys come from exactly one of `access_key_id`, `profile` and `role`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Sigv4 {
    /// The region that the signature is for. Default: the connector's, else the profile's, else the environment variable `AWS_REGION`.
    pub region: Option<String>,
    /// The service that the signature is for. Default: the connector's.
    pub service: Option<String>,
    /// The id of a key.
    pub access_key_id: Option<String>,
    /// The key itself.
    pub secret_access_key: Option<Secret>,
    /// The token that belongs to a key for a while.
    pub session_token: Option<Secret>,
    /// The name of a profile in the files below, which are read again each minute.
    pub profile: Option<String>,
    /// Where profiles have keys. Default: `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// Where profiles have the rest. Default: `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// `container`, `instance` or `web_identity`: whose role gives keys for a while.
    pub role: Option<Role>,
    /// The role for `web_identity`. Default: `AWS_ROLE_ARN`.
    pub role_arn: Option<String>,
    /// File with the identity provider's token for `web_identity`, read each time. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
    /// Address of what gives the keys of a role. Default: for a container what its environment says, for an instance the metadata service at
    /// `http://169.254.169.254`, for `web_identity` the connector's.
    pub endpoint: Option<String>,
}

/// Whose role gives keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// That of the container or pod.
    Container,
    /// That of the virtual machine.
    Instance,
    /// That which a token of an identity provider may take on.
    WebIdentity,
}

/// What a signature is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connector) struct Scope {
    pub(in crate::connector) service: String,
    pub(in crate::connector) region: String,
}

/// A key that signs requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connector) struct Keys {
    pub(in crate::connector) id: String,
    pub(in crate::connector) secret: Secret,
    /// What belongs to it for a while.
    pub(in crate::connector) session: Option<Secret>,
}

/// What signs, for what: proved.
#[derive(Debug)]
pub(in crate::connector) struct Ready {
    pub(in crate::connector) scope: Scope,
    pub(in crate::connector) origin: Origin,
}

/// Where keys come from.
#[derive(Debug)]
pub(in crate::connector) enum Origin {
    Given(Keys),
    Profile { name: String, files: [PathBuf; 2] },
    Container { url: Url, authorization: Option<Authorization> },
    Instance(Url),
    WebIdentity { url: Url, role: String, session: String, token: PathBuf },
}

/// What a container shows.
#[derive(Debug)]
pub(in crate::connector) enum Authorization {
    Given(Secret),
    File(PathBuf),
}

/// The address at which a container's relative address is.
const CONTAINER: &str = "http://169.254.170.2";

/// Hosts that may be asked without TLS: they are on this machine, or next to it.
const NEAR: [&str; 5] = ["127.0.0.1", "localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

impl Keys {
    /// Keys that can be sent.
    pub(in crate::connector) fn new(id: &str, secret: &str, session: Option<&str>) -> Result<Self, Wrong> {
        for (key, text) in [("access_key_id", Some(id)), ("secret_access_key", Some(secret)), ("session_token", session)] {
            if text.is_some_and(|text| text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic())) {
                return Err((key, "letters, digits and signs, without spaces and line breaks".to_owned()));
            }
        }
        Ok(Self { id: id.to_owned(), secret: Secret::new(secret), session: session.map(Secret::new) })
    }
}

impl Sigv4 {
    /// Keys that are given.
    pub(super) fn given(region: &str, id: &str, secret: &str) -> Self {
        let (access_key_id, secret_access_key) = (Some(id.to_owned()), Some(Secret::new(secret)));
        Self { region: Some(region.to_owned()), access_key_id, secret_access_key, ..Self::default() }
    }

    /// Its paths, with the keys under which they stand. None of them is watched: they are read again when they matter.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let all = [("credentials_file", &mut self.credentials_file), ("config_file", &mut self.config_file), ("token_file", &mut self.token_file)];
        all.into_iter().filter_map(|(key, path)| path.as_mut().map(|path| (key, path)))
    }

    /// Proves it. `env` looks up environment variables.
    ///
    /// # Errors
    /// The key that is wrong, and what was expected of it.
    pub(in crate::connector) fn ready(
        &self,
        described: &Described,
        settings: &Map<String, Json>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Ready, Wrong> {
        let keys = self.access_key_id.is_some() || self.secret_access_key.is_some() || self.session_token.is_some();
        let origin = match (keys, &self.profile, self.role) {
            (true, None, None) => self.keys()?,
            (false, Some(name), None) => Origin::Profile { name: name.clone(), files: self.files(env)? },
            (false, None, Some(role)) => self.role(role, described, settings, env)?,
            _ => return Err(("role", "exactly one of `access_key_id` with `secret_access_key`, `profile`, and `role`".to_owned())),
        };
        let of_profile = || match &origin {
            Origin::Profile { name, files } => profile(name, &files.clone().map(|file| std::fs::read_to_string(file).unwrap_or_default())).region,
            _ => None,
        };
        let described_region = described.region.as_ref().and_then(|region| region.text(settings, &[]).ok());
        let region = self.region.clone().or(described_region).or_else(of_profile).or_else(|| env("AWS_REGION"));
        let scope = Scope { service: self.service.clone().unwrap_or_else(|| described.service.clone()), region: region.unwrap_or_default() };
        for (key, word) in [("region", &scope.region), ("service", &scope.service)] {
            if word.is_empty() || !word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                return Err((key, format!("a {key} of lower-case letters, digits and hyphens")));
            }
        }
        Ok(Ready { scope, origin })
    }

    fn keys(&self) -> Result<Origin, Wrong> {
        let needed = |key, text: Option<&str>| text.map(str::to_owned).ok_or((key, format!("`{key}`, its other half is there")));
        let id = needed("access_key_id", self.access_key_id.as_deref())?;
        let secret = needed("secret_access_key", self.secret_access_key.as_ref().map(Secret::expose))?;
        Keys::new(&id, &secret, self.session_token.as_ref().map(Secret::expose)).map(Origin::Given)
    }

    /// The files of a profile: keys, and the rest.
    fn files(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<[PathBuf; 2], Wrong> {
        let find = |key, given: &Option<PathBuf>, variable: &str, name: &str| {
            let home = || env("HOME").map(|home| Path::new(&home).join(".aws").join(name));
            let found = given.clone().or_else(|| env(variable).map(PathBuf::from)).or_else(home);
            found.ok_or((key, format!("a file; neither {variable} nor HOME is set")))
        };
        Ok([
            find("credentials_file", &self.credentials_file, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
            find("config_file", &self.config_file, "AWS_CONFIG_FILE", "config")?,
        ])
    }

    fn role(&self, role: Role, described: &Described, settings: &Map<String, Json>, env: &dyn Fn(&str) -> Option<String>) -> Result<Origin, Wrong> {
        let address = |written: &str| match Url::parse(written) {
            Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(|host| NEAR.contains(&host))) => Ok(url),
            _ => Err(("endpoint", "an https URL, or one of this machine".to_owned())),
        };
        match role {
            Role::Container => {
                let relative = || env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
                let found = self.endpoint.clone().or_else(relative).or_else(|| env("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
                let found = found
                    .ok_or(("endpoint", "an address; no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or ..._FULL_URI is set, as in a container with a role"))
                    .map_err(|(key, expected)| (key, expected.to_owned()))?;
                let file = self.token_file.clone().or_else(|| env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from)).map(Authorization::File);
                let authorization = file.or_else(|| env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|token| Authorization::Given(Secret::new(token))));
                Ok(Origin::Container { url: address(&found)?, authorization })
            }
            Role::Instance => {
                let written = self.endpoint.as_deref().unwrap_or("http://169.254.169.254");
                // Nobody but the machine's own host answers at a link-local address.
                let url = if written == "http://169.254.169.254" { Url::parse(written).map_err(|_| ("endpoint", String::new())) } else { address(written) };
                url.map(Origin::Instance)
            }
            Role::WebIdentity => {
                let of_connector = || described.sts.as_ref().and_then(|sts| sts.text(settings, &[]).ok());
                let needed =
                    |key, found: Option<String>, variable: &str| found.or_else(|| env(variable)).ok_or((key, format!("a value; {variable} is not set")));
                let role = needed("role_arn", self.role_arn.clone(), "AWS_ROLE_ARN")?;
                let token = match &self.token_file {
                    Some(file) => file.clone(),
                    None => needed("token_file", None, "AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
                };
                let written =
                    self.endpoint.clone().or_else(of_connector).ok_or(("endpoint", "the address of the service that gives keys for tokens".to_owned()))?;
                let session = env("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "clause9".to_owned());
                Ok(Origin::WebIdentity { url: address(&written)?, role, session, token })
            }
        }
    }
}

/// What the files of profiles say of one.
#[derive(Debug, Default)]
pub(in crate::connector) struct Profile {
    id: Option<String>,
    secret: Option<Secret>,
    session: Option<Secret>,
    region: Option<String>,
    /// How it gets its keys otherwise.
    other: Option<String>,
    found: bool,
}

/// Reads a profile: the first file has sections named for profiles, the second `default` and `profile NAME`. The first file's keys come first.
pub(in crate::connector) fn profile(name: &str, texts: &[String; 2]) -> Profile {
    let mut profile = Profile::default();
    for (index, text) in texts.iter().enumerate() {
        let is_ours = |section: &str| match section.strip_prefix("profile ") {
            Some(of) if index == 1 => of.trim() == name,
            _ => section == name && (index == 0 || name == "default"),
        };
        let mut ours = false;
        // What stands further in belongs to the line before it, and is about something else.
        for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
            if let Some(section) = line.trim().strip_prefix('[').and_then(|line| line.split(']').next()) {
                ours = is_ours(section.trim());
                profile.found |= ours;
            } else if let Some((key, value)) = line.split_once('=').filter(|_| ours) {
                profile.take(key.trim(), value.trim());
            }
        }
    }
    profile
}

impl Profile {
    fn take(&mut self, key: &str, value: &str) {
        match key {
            "aws_access_key_id" => _ = self.id.get_or_insert_with(|| value.to_owned()),
            "aws_secret_access_key" => _ = self.secret.get_or_insert_with(|| Secret::new(value)),
            "aws_session_token" => _ = self.session.get_or_insert_with(|| Secret::new(value)),
            "region" => _ = self.region.get_or_insert_with(|| value.to_owned()),
            "credential_process" | "credential_source" | "source_profile" | "web_identity_token_file" | "sso_session" | "sso_start_url" => {
                self.other.get_or_insert_with(|| key.to_owned());
            }
            _ => {}
        }
    }

    /// Its keys.
    ///
    /// # Errors
    /// Why there are none.
    pub(in crate::connector) fn keys(&self) -> Result<Keys, String> {
        match (&self.id, &self.secret, &self.other) {
            (Some(id), Some(secret), _) => {
                Keys::new(id, secret.expose(), self.session.as_ref().map(Secret::expose)).map_err(|(key, expected)| format!("its {key} is not {expected}"))
            }
            _ if !self.found => Err("the files have no such profile".to_owned()),
            (_, _, Some(other)) => Err(format!("it gets its keys by `{other}`, which is not followed; write keys into it, or use `role`")),
            _ => Err("it has no aws_access_key_id with aws_secret_access_key".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::auth::Plain;

    fn described() -> Described {
        let plain = |text: &str| Some(Plain::parse(text, &["region"], &[]).unwrap());
        Described { service: "sagemaker".to_owned(), region: plain("{{ settings.region }}"), sts: plain("https://sts.{{ settings.region }}.example.org") }
    }

    fn ready(written: &Sigv4, env: &[(&str, &str)]) -> Result<Ready, Wrong> {
        let settings = json!({"region": "eu-1"});
        let look_up = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        written.ready(&described(), settings.as_object().unwrap(), &look_up)
    }

    #[test]
    fn keys_come_from_one_place() {
        let given = Sigv4::given("eu-2", "id", "hush");
        let proved = ready(&given, &[]).unwrap();
        assert_eq!((proved.scope.region.as_str(), proved.scope.service.as_str()), ("eu-2", "sagemaker"));
        assert!(matches!(&proved.origin, Origin::Given(keys) if keys.id == "id") && !format!("{proved:?}").contains("hush"));
        let role = |role| Sigv4 { role: Some(role), ..Sigv4::default() };
        let proved = ready(&role(Role::Instance), &[]).unwrap();
        assert!(matches!(proved.origin, Origin::Instance(url) if url.as_str() == "http://169.254.169.254/"));
        assert_eq!(proved.scope.region, "eu-1");
        let proved =
            ready(&role(Role::Container), &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hush")]).unwrap();
        assert!(!format!("{proved:?}").contains("hush"));
        assert!(
            matches!(proved.origin, Origin::Container { url, authorization: Some(Authorization::Given(_)) } if url.as_str() == "http://169.254.170.2/v2/x")
        );
        let identity = [("AWS_ROLE_ARN", "arn:x"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
        let Origin::WebIdentity { url, role: arn, session, token } = ready(&role(Role::WebIdentity), &identity).unwrap().origin else { panic!() };
        assert_eq!((url.as_str(), arn.as_str(), session.as_str(), token.to_str()), ("https://sts.eu-1.example.org/", "arn:x", "clause9", Some("/t")));
        let files = |profile: Sigv4, env: &[(&str, &str)]| match ready(&profile, env).unwrap().origin {
            Origin::Profile { files, .. } => files.map(|file| file.display().to_string()),
            other => panic!("{other:?}"),
        };
        let profile = Sigv4 { profile: Some("a".into()), config_file: Some("/c".into()), ..Sigv4::default() };
        assert_eq!(files(profile.clone(), &[("HOME", "/home/a")]), ["/home/a/.aws/credentials", "/c"]);
        assert_eq!(files(profile.clone(), &[("AWS_SHARED_CREDENTIALS_FILE", "/s")]), ["/s", "/c"]);
        for (written, env, key) in [
            (Sigv4::default(), &[][..], "role"),
            (Sigv4 { profile: Some("a".into()), ..given.clone() }, &[], "role"),
            (Sigv4 { secret_access_key: None, ..given.clone() }, &[], "secret_access_key"),
            (Sigv4::given("eu-2", "id", "hush\n"), &[], "secret_access_key"),
            (Sigv4::given("EU", "id", "hush"), &[], "region"),
            (Sigv4 { service: Some("a/b".into()), ..given }, &[], "service"),
            (profile, &[], "credentials_file"),
            (role(Role::Container), &[], "endpoint"),
            (role(Role::Container), &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://elsewhere.example/x")], "endpoint"),
            (Sigv4 { endpoint: Some("http://elsewhere.example".into()), ..role(Role::Instance) }, &[], "endpoint"),
            (role(Role::WebIdentity), &[], "role_arn"),
            (role(Role::WebIdentity), &identity[..1], "token_file"),
        ] {
            assert_eq!(ready(&written, env).unwrap_err().0, key, "{written:?}");
        }
    }

    #[test]
    fn profiles_are_read_from_both_files() {
        let credentials = "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key = a=b\n[dev]\naws_access_key_id=B\naws_secret_access_key=c\naws_session_token = t\n";
        let config = "[default]\nregion = eu-1\ns3 =\n    region = eu-9\n[profile dev]\nregion=eu-2\n[dev]\nregion=eu-3\n[profile sso]\nsso_session = x\n[profile half]\naws_access_key_id=C\n";
        let of = |name: &str| profile(name, &[credentials.to_owned(), config.to_owned()]);
        assert_eq!(of("default").keys().unwrap(), Keys::new("A", "a=b", None).unwrap());
        assert_eq!(of("dev").keys().unwrap(), Keys::new("B", "c", Some("t")).unwrap());
        assert_eq!([of("default").region, of("dev").region].map(Option::unwrap), ["eu-1", "eu-2"]);
        for (name, why) in [("none", "no such profile"), ("sso", "`sso_session`, which is not followed"), ("half", "no aws_access_key_id with")] {
            assert!(of(name).keys().unwrap_err().contains(why), "{name}");
        }
    }
}
