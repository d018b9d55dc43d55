//! How long a backend takes from nothing to its first answer.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use parity::exchange::Request;
use tokio::process::{Child, Command};

use crate::backend::HttpClient;

/// A backend that was started to be measured; ends when it is dropped.
#[derive(Debug)]
pub struct Started {
    child: Child,
    /// From the start of the process to its first answer below 500.
    pub cold_start: Duration,
}

/// Why a backend could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("something answers at {0} already: stop it, or leave the command out")]
    Running(String),
    #[error("cannot start `{command}`: {source}")]
    Spawn {
        command: String,
        source: std::io::Error,
    },
    #[error("`{command}` ended before it answered: {status}")]
    Ended {
        command: String,
        status: std::process::ExitStatus,
    },
    #[error("`{command}` did not answer within {} s", .patience.as_secs())]
    NoAnswer { command: String, patience: Duration },
}

impl Started {
    /// The process, where it still runs.
    pub fn process(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Starts a backend by a shell command and asks until it answers.
///
/// # Errors
/// It is running already, does not start, or does not answer within `patience`.
pub async fn start(
    command: &str,
    client: &HttpClient,
    probe: &Request,
    patience: Duration,
) -> Result<Started, StartError> {
    if client.send(probe).await.is_ok() {
        return Err(StartError::Running(client.base().to_owned()));
    }
    let began = Instant::now();
    let mut child = Command::new("sh")
        // The shell makes way for the backend, so that its process is the one that is measured.
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| StartError::Spawn {
            command: command.to_owned(),
            source,
        })?;
    loop {
        if client
            .send(probe)
            .await
            .is_ok_and(|answer| answer.status < 500)
        {
            return Ok(Started {
                child,
                cold_start: began.elapsed(),
            });
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(StartError::Ended {
                command: command.to_owned(),
                status,
            });
        }
        if began.elapsed() > patience {
            return Err(StartError::NoAnswer {
                command: command.to_owned(),
                patience,
            });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
