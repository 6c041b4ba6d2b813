//! TLS for connections to databases: the same authorities and certificates as for servers of HTTP, and the name in the certificate is checked.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

use crate::connector::{
    failure::{Failure, FailureReason},
    source::Tls,
};

/// Makes handshakes.
#[derive(Clone)]
pub(super) struct Connector(TlsConnector);

/// One server's.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// A connection after its handshake.
pub(super) struct Stream<S>(client::TlsStream<S>);

/// Sets up certificates.
pub(super) fn connector(tls: &Tls) -> Result<Connector, Failure> {
    let unfit = || Failure::new(FailureReason::Configuration, "tls: the certificates could not be used");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|_| unfit())?;
    let builder = match &tls.ca_file {
        None => builder.with_platform_verifier().map_err(|_| unfit())?,
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("ca_file", file)? {
                roots.add(certificate).map_err(|_| unfit())?;
            }
            builder.with_root_certificates(roots)
        }
    };
    let config = match (&tls.cert_file, &tls.key_file) {
        (Some(chain), Some(key)) => {
            let chain = certificates("cert_file", chain)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong("key_file", key))?;
            builder.with_client_auth_cert(chain, key).map_err(|_| unfit())?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Connector(TlsConnector::from(Arc::new(config))))
}

fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    all.ok().filter(|all| !all.is_empty()).ok_or_else(|| wrong(key, file))
}

fn wrong(key: &str, file: &Path) -> Failure {
    Failure::new(FailureReason::Configuration, format!("tls.{key}: {} can't be read, or holds no PEM", file.display()))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake { connector: self.0.clone(), name: ServerName::try_from(domain)?.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Stream) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// None: the name in the certificate was checked, and so was who vouches for it.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
