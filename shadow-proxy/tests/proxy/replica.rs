//! The real binary, to be killed; and a database that several of it share, to be taken away.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::{Arc, mpsc},
};

use scorer::embedded::{Options, Postgres, Source};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    sync::{OnceCell, watch},
    time::{Instant, sleep},
};

use crate::support::{PATIENCE, get, raw_text};

/// A proxy in a process of its own.
#[derive(Debug)]
pub(crate) struct Replica {
    process: Child,
    log: mpsc::Receiver<String>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

fn program(directory: &Path, name: &str, config: &str, database: &str) -> Command {
    let file = directory.join(format!("{name}.toml"));
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"));
    command
        .arg("--config")
        .arg(file)
        .env("SINK_URL", database)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Lines of a log as they come.
fn lines_of(log: ChildStderr) -> mpsc::Receiver<String> {
    let (said, lines) = mpsc::channel();
    // Reads on to the end, so that the process never waits for a reader.
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Nobody may listen any more.
            let _ = said.send(line);
        }
    });
    lines
}

/// Waits for the log line that says where a proxy serves users and operators.
fn serving(lines: &mpsc::Receiver<String>) -> (SocketAddr, SocketAddr) {
    let mut log = String::new();
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("the proxy does not serve:\n{log}"));
        let address = |key: &str| {
            let value = line.split_once(key)?.1.split(' ').next()?;
            value.trim().parse().ok()
        };
        if let (Some(address), Some(admin)) = (address(" address="), address(" admin=")) {
            return (address, admin);
        }
        log = format!("{log}{line}\n");
    }
}

/// Runs a command of the binary to its end.
pub(crate) fn run(directory: &Path, config: &str, database: &str, arguments: &[&str]) -> Output {
    let mut command = program(directory, "once", config, database);
    command.args(arguments).output().unwrap()
}

impl Replica {
    /// Starts one, and waits until it serves.
    pub(crate) fn start(directory: &Path, name: &str, config: &str, database: &str) -> Self {
        let mut command = program(directory, name, config, database);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = lines_of(process.stderr.take().unwrap());
        let (address, admin) = serving(&log);
        Self {
            process,
            log,
            address,
            admin,
        }
    }

    /// Sends one GET to the reference through it.
    pub(crate) async fn send(&self, target: &str) -> String {
        get(self.address, target).await
    }

    pub(crate) async fn ask(&self, path: &str) -> Value {
        let answer = get(self.admin, path).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// Changes the stage, or with `/api/kill` switches off.
    pub(crate) async fn tell(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = raw_text(self.admin, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Asks until the answer is as wanted, and returns it.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays at {answer}");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Sends a signal: `-HUP`, `-9`.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for a line of the log.
    pub(crate) fn has_logged(&self, text: &str) {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            if line.expect("it should have said so").contains(text) {
                return;
            }
        }
    }

    /// The most memory that was resident so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        1024 * kib.parse::<u64>().unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
