//! What operators see and steer: journal, stage, admin port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::units::{Size, Span};

/// Where divergences are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Absent: divergences are counted and clustered, none is kept on disk.
    pub directory: Option<PathBuf>,
    /// Size at which a file is closed and the next begun.
    pub file_size: Size,
    /// Files kept; the oldest goes first.
    pub files: usize,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            directory: None,
            file_size: Size::mib(64),
            files: 8,
        }
    }
}

/// Exchanges with the reference that become fixtures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Every start records into a directory of its own below this one. Absent: nothing is recorded.
    /// `--record` names it, too.
    pub directory: Option<PathBuf>,
    /// Share of requests to record, 0.0 to 1.0; sticky like the mirror.
    pub rate: f64,
    /// Bytes on disk at which a recording ends.
    pub bytes: Size,
    /// Exchanges at which a recording ends.
    pub exchanges: u64,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            directory: None,
            rate: 1.0,
            bytes: Size::mib(256),
            exchanges: 100_000,
        }
    }
}

impl RecordingConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err("recording.rate must be a share between 0.0 and 1.0".into());
        }
        Ok(())
    }
}

/// A rung of the cutover ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The reference serves, nothing is mirrored.
    Off,
    /// The reference serves, the candidate is mirrored and judged.
    #[default]
    Shadow,
    /// The candidate serves a sticky share, the reference the rest (mirrored and judged).
    Canary,
    /// The candidate serves everything, nothing is mirrored.
    Cutover,
    /// The candidate serves everything, the reference is mirrored and judged against.
    ReverseShadow,
}

/// How the ladder starts and when it steps back by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// Rung of the very first start; afterwards the state file decides.
    pub initial: Rung,
    /// Share served by the candidate on the canary rung of the first start, in percent.
    pub canary_percent: f64,
    /// Where the stage survives a restart. Absent: every start begins at `initial`.
    pub state_file: Option<PathBuf>,
    /// Honours `X-Use-Rust-Scorer: true`, which sends one request to the candidate.
    pub honour_header: bool,
    pub step_back: StepBackConfig,
}

impl Default for StageConfig {
    fn default() -> Self {
        Self {
            initial: Rung::default(),
            canary_percent: 1.0,
            state_file: None,
            honour_header: false,
            step_back: StepBackConfig::default(),
        }
    }
}

/// Limits beyond which the stage falls back to `shadow` without asking.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepBackConfig {
    /// Length of the window that is judged.
    pub window: Span,
    /// Fewest requests in the window that allow a judgement.
    pub min_requests: u64,
    /// Share of the candidate's answers that may be failures (5xx, none at all).
    pub max_error_rate: f64,
    /// Share of the compared exchanges that may diverge.
    pub max_divergence_rate: f64,
}

impl Default for StepBackConfig {
    fn default() -> Self {
        Self {
            window: Span::secs(30),
            min_requests: 50,
            max_error_rate: 0.01,
            max_divergence_rate: 0.01,
        }
    }
}

impl StageConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if !(0.0..=100.0).contains(&self.canary_percent) {
            return Err("stage.canary_percent must be between 0 and 100".into());
        }
        for (key, rate) in [
            ("max_error_rate", self.step_back.max_error_rate),
            ("max_divergence_rate", self.step_back.max_divergence_rate),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(format!("stage.step_back.{key} must be between 0.0 and 1.0"));
            }
        }
        Ok(())
    }
}

/// The port for operators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    pub address: SocketAddr,
    /// Environment variable with the bearer token.
    pub token_env: Option<String>,
    /// File with the bearer token; white space around it is ignored.
    pub token_file: Option<PathBuf>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9900)),
            token_env: None,
            token_file: None,
        }
    }
}

impl AdminConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.token_env.is_some() && self.token_file.is_some() {
            return Err("admin.token_env and admin.token_file: give one of them".into());
        }
        if !self.address.ip().is_loopback() && self.token_env.is_none() && self.token_file.is_none()
        {
            return Err(format!(
                "admin.address {} can be reached from other machines: give admin.token_env or admin.token_file, or use 127.0.0.1",
                self.address
            ));
        }
        Ok(())
    }
}
