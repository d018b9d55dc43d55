//! A PostgreSQL of this machine, started on a private directory and a Unix socket.

mod binaries;
mod owner;

use std::{
    fs,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tempfile::TempDir;

use self::{binaries::Binaries, owner::Owner};
use super::EmbeddedError;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
/// Names the socket only; nothing listens on TCP.
const PORT: u16 = 5432;

/// Runs the server and ends it when standard input closes, which happens however the owning
/// process ends, `kill -9` included. The first argument is the private directory, removed last.
const GUARD: &str = r#"
private=$1
shift
exec 3<&0
"$@" </dev/null &
server=$!
(read -r _ <&3; kill -INT "$server" 2>/dev/null) &
wait "$server"
: >"$private/ended"
read -r _ <&3
rm -rf -- "$private"
"#;

/// Durability is for data that outlives the process.
const TEMPORARY_SETTINGS: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    // Replays want the same plan every time; whoever loads data analyses it.
    "autovacuum=off",
    "wal_level=minimal",
];

const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "max_connections=64",
    "max_wal_senders=0",
    "log_timezone=UTC",
    "timezone=UTC",
];

#[derive(Debug)]
pub(super) struct Server {
    guard: Child,
    /// Closing it stops the server.
    leash: Option<ChildStdin>,
    /// Socket, log, and the data where it is temporary.
    private: TempDir,
    description: String,
}

impl Server {
    pub(super) fn start(directory: Option<&Path>) -> Result<Self, EmbeddedError> {
        let binaries = Binaries::find().ok_or(EmbeddedError::NotInstalled)?;
        let private = tempfile::Builder::new()
            .prefix("scorer-postgres-")
            .tempdir()
            .map_err(EmbeddedError::io("cannot create", std::env::temp_dir()))?;
        let owner = Owner::of_server(private.path())?;
        owner.give(private.path())?;

        let data = directory.map_or_else(|| private.path().join("data"), Path::to_path_buf);
        if data.join("PG_VERSION").exists() {
            check_version(&data, &binaries)?;
        } else {
            fs::create_dir_all(&data).map_err(EmbeddedError::io("cannot create", &data))?;
            owner.give(&data)?;
            initdb(&binaries, &owner, &data, directory.is_none())?;
        }

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", GUARD, "guard"])
            .arg(private.path())
            .arg(binaries.postgres())
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(private.path())
            .args(["-p", &PORT.to_string()]);
        let temporary: &[&str] = if directory.is_none() {
            &TEMPORARY_SETTINGS
        } else {
            &[]
        };
        for setting in SETTINGS.iter().chain(temporary) {
            command.args(["-c", setting]);
        }
        let log = private.path().join("log");
        let output = fs::File::create(&log).map_err(EmbeddedError::io("cannot create", &log))?;
        let also = output
            .try_clone()
            .map_err(EmbeddedError::io("cannot write", &log))?;
        owner.run(&mut command);
        let mut guard = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(also)
            .env("LC_ALL", "C")
            .current_dir(private.path())
            // Ctrl-C goes to the owner alone, whose end then stops the server in good order.
            .process_group(0)
            .spawn()
            .map_err(EmbeddedError::io("cannot run", "/bin/sh"))?;

        let server = Self {
            leash: guard.stdin.take(),
            guard,
            description: format!(
                "PostgreSQL {} installed in {}, {}",
                binaries.version(),
                binaries.directory().display(),
                directory.map_or_else(
                    || "temporary data".to_owned(),
                    |directory| format!("data in {}", directory.display())
                )
            ),
            private,
        };
        server.wait_until_ready(&data)?;
        Ok(server)
    }

    /// The eighth line of `postmaster.pid` says so, as `pg_ctl` reads it.
    fn wait_until_ready(&self, data: &Path) -> Result<(), EmbeddedError> {
        let started = Instant::now();
        let status = data.join("postmaster.pid");
        while started.elapsed() < START_TIMEOUT {
            if self.private.path().join("ended").exists() {
                return Err(EmbeddedError::DidNotStart(self.log()));
            }
            let ready = fs::read_to_string(&status).is_ok_and(|text| {
                text.lines()
                    .nth(7)
                    .is_some_and(|line| line.trim() == "ready")
            });
            // A persistent directory may still hold the file of a server that was killed.
            if ready && self.socket().exists() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(EmbeddedError::DidNotStart(self.log()))
    }

    fn socket(&self) -> PathBuf {
        self.private.path().join(format!(".s.PGSQL.{PORT}"))
    }

    fn log(&self) -> String {
        let mut text = String::new();
        let read = fs::File::open(self.private.path().join("log"))
            .and_then(|mut file| file.read_to_string(&mut text));
        match read {
            Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
            Ok(_) => "it said nothing".to_owned(),
            Err(error) => format!("its log cannot be read: {error}"),
        }
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.private.path())
            .port(PORT)
            .username("postgres")
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
    }

    pub(super) fn describe(&self) -> String {
        self.description.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.leash.take());
        if let Err(error) = self.guard.wait() {
            tracing::warn!(%error, "PostgreSQL may not have stopped");
        }
    }
}

fn check_version(data: &Path, binaries: &Binaries) -> Result<(), EmbeddedError> {
    let path = data.join("PG_VERSION");
    let found = fs::read_to_string(&path).map_err(EmbeddedError::io("cannot read", &path))?;
    let at_hand = binaries.version();
    if at_hand.split('.').next() == Some(found.trim()) {
        return Ok(());
    }
    Err(EmbeddedError::OtherVersion {
        directory: data.to_path_buf(),
        found: found.trim().to_owned(),
        at_hand: at_hand.to_owned(),
    })
}

fn initdb(
    binaries: &Binaries,
    owner: &Owner,
    data: &Path,
    temporary: bool,
) -> Result<(), EmbeddedError> {
    let mut command = Command::new(binaries.initdb());
    command
        .arg("-D")
        .arg(data)
        // Only the owner of the socket directory can connect.
        .args(["-U", "postgres", "--auth=trust", "--encoding=UTF8"])
        .args([
            "--locale",
            if cfg!(target_os = "linux") {
                "C.UTF-8"
            } else {
                "C"
            },
        ])
        .env("LC_ALL", "C")
        .current_dir(data);
    if temporary {
        command.arg("--no-sync");
    }
    owner.run(&mut command);
    let output = command
        .output()
        .map_err(EmbeddedError::io("cannot run", binaries.initdb()))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(EmbeddedError::Initdb(said.trim().to_owned()))
    }
}
