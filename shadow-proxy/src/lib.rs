//! Forwards live traffic to the reference, mirrors it to the candidate, judges the difference,
//! walks the cutover.
//!
//! The primary path ([`forward`]) knows nothing of the shadow: whatever happens to the candidate,
//! clients get the reference's bytes at the reference's pace.

pub mod config;
pub mod forward;
pub mod listener;
mod serve;

use std::{net::SocketAddr, sync::Arc};

use parity::accounting::Accounting;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use config::{Config, ConfigError};
use forward::connect::BackendError;
use serve::{Live, Service};

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
}

/// The proxy, to be started.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Validates the configuration, opens the ports and serves until the handle is shut down.
    ///
    /// # Errors
    /// When the configuration contradicts itself, a backend cannot be set up, or a port is taken.
    pub async fn start(config: Config) -> Result<Handle, StartError> {
        config.validate()?;
        let listener = listen(config.listen.address).await?;
        let admin = listen(config.admin.address).await?;
        let addresses = (local(&listener)?, local(&admin)?);
        let (limits, drain) = (config.limits.clone(), config.listen.drain);
        let service = Arc::new(Service::new(Live::new(config)?));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(listener::run(
            listener,
            Arc::clone(&service),
            limits,
            drain,
            stop.clone(),
        ));
        drop(admin);
        Ok(Handle {
            address: addresses.0,
            admin_address: addresses.1,
            service,
            serving,
            stop,
        })
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source,
    })
}

/// A running proxy.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    admin_address: SocketAddr,
    service: Arc<Service>,
    serving: JoinHandle<()>,
    stop: CancellationToken,
}

impl Handle {
    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// What became of the requests so far.
    pub fn stats(&self) -> Accounting {
        Accounting::default()
    }

    /// Puts a new configuration in force without closing a connection.
    ///
    /// # Errors
    /// When it contradicts itself or a backend cannot be set up; the old one stays in force.
    pub fn reload(&self, config: Config) -> Result<(), StartError> {
        config.validate()?;
        self.service.replace(Live::new(config)?);
        Ok(())
    }

    /// Accepts no more, lets open exchanges finish, and returns.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // The task only ends by returning; a panic in it has been reported already.
        let _ = self.serving.await;
    }
}
