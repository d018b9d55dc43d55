//! The commands through the real binary, between two scorers that serve HTTP and write, each into a
//! PostgreSQL and a Redis database of its own.
//!
//! Needs an installed PostgreSQL and `redis-server` (`scripts/install-test-tools`).
#![expect(
    clippy::print_stdout,
    reason = "with --nocapture a run of all fixtures says what was compared"
)]

mod cache;
mod explore;
mod minimize;
mod redis_server;
mod replay;
#[path = "../reproduction/reproduction.rs"]
mod reproduction;
mod scorers;

use std::path::PathBuf;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

/// What the binary said and how it ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the binary while this process goes on serving.
async fn parity_cli<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("the binary runs");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
