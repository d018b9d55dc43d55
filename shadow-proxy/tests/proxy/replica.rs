//! Replicas of the real binary, and a database that they share, to be taken away.

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use scorer::embedded::{Options, Postgres, Source};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    sync::{OnceCell, watch},
};

use crate::program::Program;

/// Environment variable with the URL of the shared sink.
pub(crate) const SINK_URL: &str = "SINK_URL";

fn program(directory: &Path, name: &str, config: &str, database: &str) -> Command {
    let file = directory.join(format!("{name}.toml"));
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"));
    command.arg("--config").arg(file).env(SINK_URL, database);
    command
}

/// Runs a command of the binary to its end.
pub(crate) fn run(directory: &Path, config: &str, database: &str, arguments: &[&str]) -> Output {
    let mut command = program(directory, "once", config, database);
    command.args(arguments).output().unwrap()
}

/// Starts a replica, and waits until it serves.
pub(crate) fn start(directory: &Path, name: &str, config: &str, database: &str) -> Program {
    Program::start(program(directory, name, config, database))
}

/// A database of its own for one test.
#[derive(Debug)]
pub(crate) struct Database {
    options: PgConnectOptions,
}

impl Database {
    pub(crate) async fn new(name: &str) -> Self {
        // One server for all tests of this process; it ends with the process.
        static SERVER: OnceCell<Postgres> = OnceCell::const_new();
        let server = SERVER
            .get_or_init(|| async {
                let options = Options::temporary(Source::Installed);
                Postgres::start(options).await.unwrap()
            })
            .await;
        let options = server.connect_options().clone();
        let mut connection = PgConnection::connect_with(&options).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create))
            .execute(&mut connection)
            .await
            .unwrap();
        Self {
            options: options.database(name),
        }
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.unwrap()
    }
}

/// The way to a database, which can be cut.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) url: String,
    open: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(database: &Database) -> Self {
        let options = &database.options;
        let port = options.get_port();
        let socket = options
            .get_socket()
            .unwrap()
            .join(format!(".s.PGSQL.{port}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (user, name) = (options.get_username(), options.get_database().unwrap());
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        let socket = Arc::new(socket);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (mut state, socket) = (state.clone(), Arc::clone(&socket));
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let mut server = UnixStream::connect(&*socket).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            url: format!("postgres://{user}@{address}/{name}?sslmode=disable"),
            open,
        }
    }

    /// Breaks off every connection and takes no more.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn restore(&self) {
        self.open.send_replace(true);
    }
}
