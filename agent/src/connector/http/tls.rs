//! Certificates: whom to trust, and who we are.

use std::{fs, path::Path, sync::Once};

use reqwest::{Certificate, ClientBuilder, Identity};

use crate::connector::{
    failure::{Failure, FailureReason},
    source::Tls,
};

/// Sets up a client's certificates.
pub(super) fn apply(builder: ClientBuilder, tls: &Tls, scheme: &str) -> Result<ClientBuilder, Failure> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only when a provider is in place already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut builder = match &tls.ca_file {
        Some(file) => {
            let authorities = Certificate::from_pem_bundle(&read("ca_file", file)?).ok().filter(|authorities| !authorities.is_empty());
            builder.tls_certs_only(authorities.ok_or_else(|| wrong("ca_file", file, "holds no PEM certificate"))?)
        }
        // Without TLS nobody needs authorities, and a machine may have none.
        None if scheme == "http" => builder.tls_certs_only([]),
        None => builder,
    };
    match (&tls.cert_file, &tls.key_file) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            let mut pem = read("cert_file", certificate)?;
            pem.push(b'\n');
            pem.extend(read("key_file", key)?);
            builder = builder.identity(Identity::from_pem(&pem).map_err(|_| wrong("cert_file", certificate, "and its key are no PEM pair"))?);
        }
        (Some(file), None) => return Err(wrong("cert_file", file, "needs `key_file` beside it")),
        (None, Some(file)) => return Err(wrong("key_file", file, "needs `cert_file` beside it")),
    }
    Ok(builder)
}

fn read(key: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| wrong(key, file, &format!("can't be read: {}", error.kind())))
}

fn wrong(key: &str, file: &Path, what: &str) -> Failure {
    Failure::new(FailureReason::Configuration, format!("tls.{key}: {} {what}", file.display()))
}
