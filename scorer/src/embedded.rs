//! A PostgreSQL for whoever has none at hand: tests, replays, demos, a first look at the server.
//!
//! Tried in this order, and [`Postgres::describe`] says which one was taken:
//!
//! 1. the database a caller names (`DATABASE_URL`): used, never started or stopped;
//! 2. a PostgreSQL installed on the machine: started on a private directory and Unix socket;
//! 3. the carried one, PostgreSQL compiled to WebAssembly (feature `carried-postgres`): works
//!    anywhere, but serves exactly one connection.

mod carried;
mod error;
mod installed;
mod migrations;
mod options;

use std::time::Duration;

use sqlx::{
    ConnectOptions as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use error::EmbeddedError;
pub use migrations::{MIGRATIONS_TABLE, migrate};
pub use options::{Options, Source};

/// How long a named database may take to answer before it counts as unreachable.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections a pool opens at most to a database that serves more than one.
const POOL_SIZE: u32 = 16;

/// A PostgreSQL that can be connected to. One that was started here stops when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    connect: PgConnectOptions,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Named,
    Installed(installed::Server),
    Carried(carried::Server),
}

impl Postgres {
    /// Connects to the named database, or starts one.
    ///
    /// # Errors
    /// The named database does not answer, or no PostgreSQL could be started. A broken installed
    /// PostgreSQL is passed over for the carried one, with a warning, unless [`Source::Installed`]
    /// was asked for.
    pub async fn start(options: Options) -> Result<Self, EmbeddedError> {
        if let Some(url) = &options.database_url {
            return Self::named(url).await;
        }
        tokio::task::spawn_blocking(move || Self::start_own(&options))
            .await
            .map_err(|error| EmbeddedError::Broken(error.to_string()))?
    }

    async fn named(url: &str) -> Result<Self, EmbeddedError> {
        let connect: PgConnectOptions = url
            .parse()
            .map_err(|source: sqlx::Error| EmbeddedError::InvalidUrl(source.to_string()))?;
        let place = place(&connect);
        tokio::time::timeout(REACH_TIMEOUT, connect.connect())
            .await
            .map_err(|_| EmbeddedError::Silent {
                place: place.clone(),
                seconds: REACH_TIMEOUT.as_secs(),
            })?
            .map_err(|source| EmbeddedError::Unreachable { place, source })?;
        Ok(Self::new(connect, Backend::Named))
    }

    fn start_own(options: &Options) -> Result<Self, EmbeddedError> {
        let directory = options.data_directory.as_deref();
        match options.source {
            Source::Installed => installed::Server::start(directory).map(Self::from_installed),
            Source::Carried => carried::Server::start(directory).map(Self::from_carried),
            Source::Any => match installed::Server::start(directory) {
                Ok(server) => Ok(Self::from_installed(server)),
                Err(EmbeddedError::NotInstalled) => {
                    carried::Server::start(directory).map(Self::from_carried)
                }
                // A directory that belongs to one kind must not silently be ignored by another.
                Err(error) if directory.is_some() => Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the installed PostgreSQL does not start");
                    carried::Server::start(directory).map(Self::from_carried)
                }
            },
        }
    }

    fn from_installed(server: installed::Server) -> Self {
        Self::new(server.connect_options(), Backend::Installed(server))
    }

    fn from_carried(server: carried::Server) -> Self {
        Self::new(server.connect_options(), Backend::Carried(server))
    }

    /// What runs here may be SQL that holds values, a seed: no statement is logged, slow or not.
    fn new(connect: PgConnectOptions, backend: Backend) -> Self {
        Self {
            connect: connect.disable_statement_logging(),
            backend,
        }
    }

    /// Connection URL. May hold a password: do not log it.
    pub fn url(&self) -> String {
        self.connect.to_url_lossy().to_string()
    }

    /// How to connect, e.g. to another database of the same server.
    pub fn connect_options(&self) -> &PgConnectOptions {
        &self.connect
    }

    /// How many connections may be open at the same time.
    pub fn max_connections(&self) -> u32 {
        if self.is_carried() { 1 } else { POOL_SIZE }
    }

    /// Whether this is the carried PostgreSQL, which serves exactly one connection and cannot hold
    /// a second database.
    pub fn is_carried(&self) -> bool {
        matches!(self.backend, Backend::Carried(_))
    }

    /// Which PostgreSQL this is, for people.
    pub fn describe(&self) -> String {
        match &self.backend {
            Backend::Named => format!("the given database at {}", place(&self.connect)),
            Backend::Installed(server) => server.describe(),
            Backend::Carried(server) => server.describe(),
        }
    }

    /// A pool of at most [`Postgres::max_connections`], connected on first use.
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(self.max_connections())
            .connect_lazy_with(self.connect.clone())
    }
}

/// Where a database is, without any credential.
fn place(connect: &PgConnectOptions) -> String {
    let host = connect.get_socket().map_or_else(
        || format!("{}:{}", connect.get_host(), connect.get_port()),
        |socket| socket.display().to_string(),
    );
    match connect.get_database() {
        Some(database) => format!("{host}/{database}"),
        None => host,
    }
}
