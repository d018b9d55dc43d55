//! A PostgreSQL that can be killed and started again at the same address, and keeps what it said
//! it had committed.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use scorer::embedded::{Options, Postgres, Source, migrate};
use sqlx::{Connection as _, PgConnection, PgPool};
use tempfile::TempDir;

/// Every wait in a test with faults; reached only when something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Restartable {
    server: Option<Child>,
    program: PathBuf,
    data: PathBuf,
    port: u16,
    _directory: TempDir,
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// `kill -9`: nothing is said to anybody, the next start recovers.
    Killed,
    /// `pg_ctl stop -m immediate`: connections are dropped, the next start recovers.
    Immediate,
    /// `pg_ctl stop -m fast`: connections are ended, transactions rolled back.
    Fast,
}

impl Restartable {
    /// Starts a server with the schema and whatever `furnish` puts into it.
    pub(crate) async fn start(furnish: impl AsyncFnOnce(&PgPool)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The server may run as another user, who has to get through to its data.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = directory.path().join("data");
        let first = Postgres::start(Options {
            data_directory: Some(data.clone()),
            source: Source::Installed,
            ..Options::default()
        })
        .await
        .unwrap();
        let pool = first.pool();
        migrate(&pool).await.unwrap();
        furnish(&pool).await;
        pool.close().await;
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let process = status.lines().next().unwrap();
        let program = fs::read_link(format!("/proc/{process}/exe")).unwrap();
        tokio::task::spawn_blocking(move || drop(first))
            .await
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let mut server = Self {
            server: None,
            program,
            data,
            port,
            _directory: directory,
        };
        server.resume().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection that no pool knows.
    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    pub(crate) async fn end(&mut self, ending: Ending) {
        let mut server = self.server.take().unwrap();
        let signal = match ending {
            Ending::Killed => "KILL",
            Ending::Immediate => "QUIT",
            Ending::Fast => "INT",
        };
        let sent = Command::new("kill")
            .args([format!("-{signal}"), server.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        tokio::task::spawn_blocking(move || server.wait())
            .await
            .unwrap()
            .unwrap();
    }

    /// Starts the server again and waits until it answers.
    pub(crate) async fn resume(&mut self) {
        let answers = async {
            loop {
                if PgConnection::connect(&self.url()).await.is_ok() {
                    return;
                }
                let running = self.server.as_mut().is_some_and(|server| {
                    // Processes of a killed server may still hold its memory: then it refuses to start.
                    server.try_wait().unwrap().is_none()
                });
                if !running {
                    self.server = Some(self.spawn());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers)
            .await
            .expect("the database should come back");
    }

    fn spawn(&self) -> Child {
        let owner = fs::metadata(&self.data).unwrap();
        let log = self.data.with_extension("log");
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .inspect(|_| {
                // Only root may, and only root needs to.
                let _ = chown(&log, Some(owner.uid()), Some(owner.gid()));
            })
            .unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-D").arg(&self.data);
        command.args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=64",
            // What the kernel was given survives a killed process; it need not reach the disk.
            "fsync=off",
        ] {
            command.args(["-c", setting]);
        }
        if fs::metadata("/proc/self").unwrap().uid() != owner.uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        command
            .process_group(0)
            .current_dir(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }
}

impl Drop for Restartable {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // Already gone is fine.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
