//! PostgreSQL compiled to WebAssembly: no installation, exactly one connection.

#[cfg(feature = "carried-postgres")]
pub(super) use available::Server;
#[cfg(not(feature = "carried-postgres"))]
pub(super) use missing::Server;

#[cfg(feature = "carried-postgres")]
mod available {
    use std::{path::Path, sync::mpsc, thread, time::Duration};

    use pglite_oxide::PgliteServer;
    use sqlx::postgres::{PgConnectOptions, PgSslMode};
    use tempfile::TempDir;

    use crate::embedded::EmbeddedError;

    /// The server waits for its client to leave; past this it is left to the end of the process.
    const STOP_TIMEOUT: Duration = Duration::from_secs(2);

    #[derive(Debug)]
    pub(in crate::embedded) struct Server {
        server: Option<PgliteServer>,
        /// Holds the socket, where nobody else can connect.
        socket_directory: TempDir,
        data: String,
    }

    impl Server {
        pub(in crate::embedded) fn start(directory: Option<&Path>) -> Result<Self, EmbeddedError> {
            let socket_directory = tempfile::Builder::new()
                .prefix("scorer-postgres-")
                .tempdir()
                .map_err(EmbeddedError::io("cannot create", std::env::temp_dir()))?;
            let builder = PgliteServer::builder()
                .unix(socket_directory.path().join(".s.PGSQL.5432"))
                .relaxed_durability(directory.is_none());
            let builder = match directory {
                Some(directory) => builder.path(directory),
                None => builder.temporary(),
            };
            let server = builder
                .start()
                .map_err(|error| EmbeddedError::Carried(format!("{error:#}")))?;
            Ok(Self {
                server: Some(server),
                socket_directory,
                data: directory.map_or_else(
                    || "temporary data".to_owned(),
                    |directory| format!("data in {}", directory.display()),
                ),
            })
        }

        pub(in crate::embedded) fn connect_options(&self) -> PgConnectOptions {
            PgConnectOptions::new_without_pgpass()
                .socket(self.socket_directory.path())
                .port(5432)
                .username("postgres")
                .database("postgres")
                .ssl_mode(PgSslMode::Disable)
        }

        pub(in crate::embedded) fn describe(&self) -> String {
            format!(
                "the carried PostgreSQL (WebAssembly, one connection), {}",
                self.data
            )
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let Some(server) = self.server.take() else {
                return;
            };
            let (stopped, wait) = mpsc::channel();
            thread::spawn(move || {
                // Nobody listens any more when the wait below was given up.
                let _ = stopped.send(server.shutdown());
            });
            match wait.recv_timeout(STOP_TIMEOUT) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("carried PostgreSQL: {error:#}"),
                Err(_) => {
                    tracing::warn!("carried PostgreSQL still has a client and was not stopped");
                }
            }
        }
    }
}

#[cfg(not(feature = "carried-postgres"))]
mod missing {
    use std::path::Path;

    use sqlx::postgres::PgConnectOptions;

    use crate::embedded::EmbeddedError;

    /// Cannot exist: this build carries no PostgreSQL.
    #[derive(Debug)]
    pub(in crate::embedded) enum Server {}

    impl Server {
        pub(in crate::embedded) fn start(_: Option<&Path>) -> Result<Self, EmbeddedError> {
            Err(EmbeddedError::NotCarried)
        }

        pub(in crate::embedded) fn connect_options(&self) -> PgConnectOptions {
            match *self {}
        }

        pub(in crate::embedded) fn describe(&self) -> String {
            match *self {}
        }
    }
}
