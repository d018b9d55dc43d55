//! Connections to a backend: name, TCP, TLS, each with its own class of failure.

use std::{fs::File, io::BufReader, path::Path, sync::Arc, time::Duration};

use http::uri::{Authority, Scheme};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use crate::config::{Backend, Protocol};

/// Anything HTTP can be spoken over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a backend cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error("{0}")]
    Url(String),
    #[error("cannot read certificates from {path}: {message}")]
    Certificates { path: String, message: String },
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Opens connections to one backend.
pub struct Connector {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// # Errors
    /// When the URL, the certificates or the TLS settings cannot be used.
    pub fn new(backend: &Backend) -> Result<Self, BackendError> {
        let (scheme, authority) = backend.origin().map_err(BackendError::Url)?;
        let host = bare_host(&authority).to_owned();
        let secure = scheme == Scheme::HTTPS;
        let tls = if secure {
            let name = ServerName::try_from(host.clone())
                .map_err(|error| BackendError::Url(format!("`{host}`: {error}")))?;
            Some((tls_connector(backend)?, name))
        } else {
            None
        };
        Ok(Self {
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            host,
            tls,
            timeout: backend.connect_timeout.0,
        })
    }

    /// Connects within the backend's `connect_timeout`.
    pub async fn connect(&self) -> Result<Box<dyn Stream>, Failure> {
        timeout(self.timeout, self.open())
            .await
            .unwrap_or(Err(Failure::ConnectTimeout))
    }

    async fn open(&self) -> Result<Box<dyn Stream>, Failure> {
        let addresses = lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|_| Failure::Resolve)?;
        let mut failure = Failure::Resolve;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Without it small requests wait for acknowledgements; a kernel that
                    // refuses the option only makes us slower.
                    let _ = stream.set_nodelay(true);
                    return self.secure(stream).await;
                }
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    failure = Failure::ConnectTimeout;
                }
                Err(_) => failure = Failure::Connect,
            }
        }
        Err(failure)
    }

    async fn secure(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Failure> {
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => connector
                .connect(name.clone(), stream)
                .await
                .map(|stream| Box::new(stream) as Box<dyn Stream>)
                .map_err(|_| Failure::Tls),
        }
    }
}

/// Host without the brackets of an IPv6 literal.
fn bare_host(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn tls_connector(backend: &Backend) -> Result<TlsConnector, BackendError> {
    let mut roots = RootCertStore::empty();
    match &backend.ca_file {
        Some(path) => {
            for certificate in read_certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match backend.protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BackendError> {
    let wrong = |message: String| BackendError::Certificates {
        path: path.display().to_string(),
        message,
    };
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = CertificateDer::pem_reader_iter(BufReader::new(file))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("no certificate in it".into()));
    }
    Ok(certificates)
}
