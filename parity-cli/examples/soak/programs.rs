//! The processes under test, and the database of the candidate.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use parity::{exchange, fixture::Corpus};
use parity_cli::{
    backend::HttpClient,
    database::{FreshDatabase, FreshDatabases, Seed},
};
use scorer::embedded::{Options, Postgres, Source};
use serde_json::Value;
use shadow_proxy::journal;
use tempfile::TempDir;
use tokio::process::Child;

use crate::Failure;

const START: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(60);

/// The endpoints whose answers the candidate gives from a database of its own.
const ROUTES: [(&str, &str); 6] = [
    ("v2-score", "/v2/stamps/{scorer_id}/score/{address}"),
    ("internal-score", "/internal/score/v2/{scorer_id}/{address}"),
    ("embed-score", "/internal/embed/score/{scorer_id}/{address}"),
    ("ceramic-score", "/ceramic-cache/score/{address}"),
    ("embed-weights", "/internal/embed/weights"),
    ("weights", "/ceramic-cache/weights"),
];

fn signal(process: Option<u32>, name: &str) -> Result<(), Failure> {
    let process = process.ok_or("the process has ended")?;
    let sent = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status()?;
    sent.success()
        .then_some(())
        .ok_or_else(|| "the signal could not be sent".into())
}

fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn get(target: &str) -> exchange::Request {
    exchange::Request {
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: exchange::Headers(vec![("Host".to_owned(), b"localhost".to_vec())]),
        body: bytes::Bytes::new(),
    }
}

/// Waits until an address answers with 200.
async fn answers(address: SocketAddr, target: &str) -> Result<(), Failure> {
    let client = HttpClient::new(&format!("http://{address}"), Duration::from_secs(2))?;
    let begun = Instant::now();
    while begun.elapsed() < START {
        if client
            .send(&get(target))
            .await
            .is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{address} does not answer {target}").into())
}

/// A PostgreSQL with the recorded seed.
pub(crate) struct Database {
    postgres: Postgres,
    databases: FreshDatabases,
    database: FreshDatabase,
}

impl Database {
    pub(crate) async fn start(corpus: &Corpus) -> Result<Self, Failure> {
        let postgres = Postgres::start(Options::temporary(Source::Installed)).await?;
        let seed = Seed {
            origin: "seed.sql".to_owned(),
            sql: corpus.seed.clone().unwrap_or_default(),
        };
        let databases = FreshDatabases::prepare(&postgres, &seed).await?;
        let database = databases.take().await?;
        Ok(Self {
            postgres,
            databases,
            database,
        })
    }

    fn url(&self) -> String {
        use sqlx::ConnectOptions as _;
        self.database
            .pool
            .connect_options()
            .to_url_lossy()
            .to_string()
    }

    /// Ends every connection of the scorer.
    pub(crate) async fn cut_connections(&self) -> Result<(), Failure> {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scorer'",
        )
        .execute(&self.database.pool)
        .await?;
        Ok(())
    }

    pub(crate) async fn stop(self) {
        drop(self.database);
        self.databases.close().await;
        drop(self.postgres);
    }
}

/// The candidate.
pub(crate) struct ScorerProgram {
    process: Child,
    program: PathBuf,
    environment: Vec<(String, String)>,
    address: SocketAddr,
}

impl ScorerProgram {
    pub(crate) async fn start(
        programs: &Path,
        corpus: &Corpus,
        database: &Database,
    ) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut environment = corpus.settings.clone();
        for (name, value) in [
            ("DATABASE_URL", database.url()),
            ("SCORER_LISTEN", address.to_string()),
            ("SCORER_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("RUST_LOG", "error".to_owned()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let program = programs.join("scorer");
        let process = spawn(&program, &environment)?;
        let started = Self {
            process,
            program,
            environment,
            address,
        };
        answers(address, "/ready").await?;
        Ok(started)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    pub(crate) async fn kill(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill().await;
    }

    pub(crate) async fn resume(&mut self) -> Result<(), Failure> {
        self.process = spawn(&self.program, &self.environment)?;
        answers(self.address, "/ready").await
    }

    pub(crate) fn signal(&self, name: &str) -> Result<(), Failure> {
        signal(self.process.id(), name)
    }

    pub(crate) async fn stop(mut self) {
        self.kill().await;
    }
}

fn spawn(program: &Path, environment: &[(String, String)]) -> Result<Child, Failure> {
    let child = tokio::process::Command::new(program)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(child)
}

/// The proxy.
pub(crate) struct ProxyProgram {
    process: Child,
    address: SocketAddr,
    admin: HttpClient,
    directory: TempDir,
}

/// What the proxy's journal held at the end.
pub(crate) struct Kept {
    pub(crate) lines: Vec<journal::Line>,
    pub(crate) unreadable: usize,
    /// The oldest lines are gone, as configured.
    pub(crate) rotated: bool,
}

impl ProxyProgram {
    pub(crate) async fn start(
        programs: &Path,
        reference: SocketAddr,
        candidate: SocketAddr,
    ) -> Result<Self, Failure> {
        let (address, admin) = (free_address()?, free_address()?);
        let directory = tempfile::tempdir()?;
        let mut config = format!(
            "rules = \"{}/rules.toml\"\n\
             [listen]\naddress = \"{address}\"\n[admin]\naddress = \"{admin}\"\n\
             [reference]\nurl = \"http://{reference}\"\n\
             [candidate]\nkind = \"http\"\nurl = \"http://{candidate}\"\n\
             [mirror]\ndeadline = \"2s\"\n[mirror.breaker]\npause = \"1s\"\n\
             [journal]\ndirectory = \"journal\"\nfile_size = \"8MiB\"\nfiles = 4\n",
            crate::FIXTURES
        );
        for (name, path) in ROUTES {
            config.push_str(&format!(
                "[[route]]\nname = \"{name}\"\nmethods = [\"GET\"]\npath = \"{path}\"\nwrites = \"isolated\"\n"
            ));
        }
        let file = directory.path().join("shadow-proxy.toml");
        std::fs::write(&file, config)?;
        let program = programs.join("shadow-proxy");
        // A file that may not grow is an error to be told, not the end of the process.
        let process = tokio::process::Command::new("/bin/sh")
            .args(["-c", r#"trap "" XFSZ; exec "$@""#, "sh"])
            .arg(&program)
            .arg("--config")
            .arg(&file)
            .env("RUST_LOG", "off")
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        answers(admin, "/healthz").await?;
        Ok(Self {
            process,
            address,
            admin: HttpClient::new(&format!("http://{admin}"), Duration::from_secs(30))?,
            directory,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    pub(crate) fn signal(&self, name: &str) -> Result<(), Failure> {
        signal(self.process.id(), name)
    }

    /// Size that files of the proxy may grow to.
    pub(crate) fn allow_files(&self, size: &str) -> Result<(), Failure> {
        let done = Command::new("prlimit")
            .args(["--pid", &self.process().to_string()])
            .arg(format!("--fsize={size}:unlimited"))
            .status()?;
        done.success()
            .then_some(())
            .ok_or_else(|| "prlimit failed".into())
    }

    pub(crate) async fn status(&self) -> Result<Value, Failure> {
        let answer = self.admin.send(&get("/api/status")).await?;
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// The accounts when no request is open any more.
    pub(crate) async fn settled(&self) -> Result<Value, Failure> {
        let begun = Instant::now();
        loop {
            let status = self.status().await?;
            if status["open"] == 0 {
                return Ok(status);
            }
            if begun.elapsed() > SETTLE {
                return Err(format!("requests stay open: {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops it in good order, and reads what it kept.
    pub(crate) async fn stop(mut self) -> Result<Kept, Failure> {
        self.signal("TERM")?;
        let status = tokio::time::timeout(SETTLE, self.process.wait()).await??;
        if !status.success() {
            return Err(format!("the proxy ended with {status}").into());
        }
        let directory = self.directory.path().join("journal");
        let contents = journal::read(&directory)?;
        Ok(Kept {
            rotated: !directory.join("divergences-000001.jsonl").exists(),
            lines: contents.lines,
            unreadable: contents.unreadable,
        })
    }
}
