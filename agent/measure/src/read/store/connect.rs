//! From an address and the environment to a store that answers.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use super::super::{Error, Result};
use super::address::{Address, Kind};

/// Until a connection must be there.
const CONNECT: Duration = Duration::from_secs(5);
/// Until a server must say something, whether an answer or the next piece of one. The answer as a whole may take as long as it needs.
const SILENCE: Duration = Duration::from_secs(15);
/// Tries after the first, unless [`RETRY_UNTIL`] is over: with the bounds above a dead server is given up after half a minute.
const RETRIES: usize = 3;
const RETRY_UNTIL: Duration = Duration::from_secs(20);
const BACKOFF: BackoffConfig = BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 2.0 };

/// A store, and what messages need to know of it.
pub struct Store {
    /// The store itself.
    pub objects: Box<dyn ObjectStore>,
    /// Whose it is.
    pub kind: Kind,
    /// The server that is asked.
    pub endpoint: String,
}

/// Sets up a client; nothing is asked yet.
///
/// # Errors
/// Settings in the environment that contradict one another or can't be read.
pub fn connect(address: &Address) -> Result<Store> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only when a provider is in place already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let (objects, endpoint) = match address.kind {
        Kind::S3 => s3(address),
        Kind::Google => google(address),
        Kind::Azure => azure(address),
    }?;
    Ok(Store { objects, kind: address.kind, endpoint })
}

type Connected = Result<(Box<dyn ObjectStore>, String)>;

fn s3(address: &Address) -> Connected {
    let start = AmazonS3Builder::new().with_client_options(bounds()).with_retry(retries()).with_url(&address.root);
    let builder = environment("AWS_").fold(start, |builder, (name, value)| match name.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    let set = |key| builder.get_config_value(&key);
    let own = set(AmazonS3ConfigKey::S3Endpoint).or_else(|| set(AmazonS3ConfigKey::Endpoint));
    let is_open = is_true(set(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp)));
    let region = set(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
    let endpoint = server(address, own, is_open, "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP")?;
    let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    Ok((Box::new(builder.build().map_err(|error| unusable(address, &error))?), endpoint))
}

fn google(address: &Address) -> Connected {
    let start = GoogleCloudStorageBuilder::new().with_client_options(bounds()).with_retry(retries()).with_url(&address.root);
    let builder = environment("GOOGLE_").fold(start, |builder, (name, value)| match name.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    let set = |key| builder.get_config_value(&key);
    let is_open = is_true(set(GoogleConfigKey::Client(ClientConfigKey::AllowHttp)));
    let endpoint = server(address, set(GoogleConfigKey::BaseUrl), is_open, "GOOGLE_BASE_URL", "GOOGLE_ALLOW_HTTP")?;
    let endpoint = endpoint.unwrap_or_else(|| "https://storage.googleapis.com".to_owned());
    Ok((Box::new(builder.build().map_err(|error| unusable(address, &error))?), endpoint))
}

fn azure(address: &Address) -> Connected {
    let start = MicrosoftAzureBuilder::new().with_client_options(bounds()).with_retry(retries()).with_url(&address.root);
    let builder = environment("AZURE_").fold(start, |builder, (name, value)| match name.parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    let set = |key| builder.get_config_value(&key);
    let is_open = is_true(set(AzureConfigKey::Client(ClientConfigKey::AllowHttp)));
    let account = set(AzureConfigKey::AccountName);
    let endpoint = server(address, set(AzureConfigKey::Endpoint), is_open, "AZURE_STORAGE_ENDPOINT", "AZURE_ALLOW_HTTP")?;
    let named = address.root.split_once('@').map(|(_, host)| host.trim_end_matches('/').to_owned());
    let host = named.unwrap_or_else(|| format!("{}.blob.core.windows.net", account.unwrap_or_default()));
    let objects = builder.build().map_err(|error| unusable(address, &error))?;
    Ok((Box::new(objects), endpoint.unwrap_or_else(|| format!("https://{host}"))))
}

/// Variables with this prefix, by their names in small letters, which is how the builders know them.
fn environment(prefix: &str) -> impl Iterator<Item = (String, String)> {
    let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty()).map(|(name, value)| (name.to_ascii_lowercase(), value))
}

fn bounds() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT).with_read_timeout(SILENCE).with_timeout_disabled()
}

fn retries() -> RetryConfig {
    RetryConfig { backoff: BACKOFF, max_retries: RETRIES, retry_timeout: RETRY_UNTIL }
}

fn is_true(value: Option<String>) -> bool {
    value.is_some_and(|value| ["1", "true", "on", "yes", "y"].contains(&value.to_ascii_lowercase().as_str()))
}

/// The server of one's own that a variable names, without what is secret in it. Without encryption only where that is allowed.
fn server(address: &Address, named: Option<String>, is_open: bool, variable: &str, permission: &str) -> Result<Option<String>> {
    let Some(text) = named else { return Ok(None) };
    let wrong = |problem: String| Error::file(Path::new(&address.of(&address.key)), problem);
    let url = url::Url::parse(&text).ok().filter(|url| url.has_host());
    let url = url.ok_or_else(|| wrong(format!("{variable} is no address of a server; expected one such as https://storage.example.org")))?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let shown = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    if url.scheme() == "http" && !is_open {
        return Err(wrong(format!("{variable} is {shown}, which does not encrypt; {permission}=true allows that")));
    }
    Ok(Some(shown))
}

fn unusable(address: &Address, error: &object_store::Error) -> Error {
    let problem = super::failure::innermost(error);
    let prefix = match address.kind {
        Kind::S3 => "AWS_",
        Kind::Google => "GOOGLE_",
        Kind::Azure => "AZURE_",
    };
    Error::file(Path::new(&address.of(&address.key)), format_args!("the settings in {prefix}* variables can't be used: {problem}"))
}
