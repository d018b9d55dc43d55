//! One TOML file configures everything; a key nobody knows is an error with its line.

pub mod backend;
pub mod comparison;
mod explain;
pub mod mirror;
pub mod operation;
pub mod sink;
pub mod units;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use parity::redact::mask_user_info;
use serde::Deserialize;

pub use backend::{Backend, CandidateConfig, Protocol};
pub use comparison::{NoiseConfig, RowsConfig};
pub use mirror::{BreakerConfig, MirrorConfig, RouteConfig, Sticky, WritePolicy};
pub use operation::{AdminConfig, JournalConfig, RecordingConfig, StageConfig, StepBackConfig};
pub use sink::SinkConfig;
use units::{Size, Span};

use crate::lanes;

/// The whole configuration, as read from one TOML file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub listen: Listen,
    /// The trusted backend: every user is answered by it until the stage says otherwise.
    pub reference: Backend,
    /// Absent: nothing is mirrored, the proxy only forwards.
    #[serde(default)]
    pub candidate: Option<CandidateConfig>,
    #[serde(default)]
    pub forwarded: Forwarded,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub mirror: MirrorConfig,
    /// Route templates in order of precedence. Empty: the endpoints of the scoring service.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteConfig>,
    /// Comparison rules; absent: only byte equality counts as a match.
    #[serde(default)]
    pub rules: Option<PathBuf>,
    /// Accepted divergences; absent: none is accepted.
    #[serde(default)]
    pub ledger: Option<PathBuf>,
    /// Absent: rows are not compared.
    #[serde(default)]
    pub rows: Option<RowsConfig>,
    #[serde(default)]
    pub noise: NoiseConfig,
    #[serde(default)]
    pub redaction: RedactionConfig,
    #[serde(default)]
    pub journal: JournalConfig,
    #[serde(default)]
    pub recording: RecordingConfig,
    /// Absent: what is found stays with this replica.
    #[serde(default)]
    pub sink: Option<SinkConfig>,
    #[serde(default)]
    pub stage: StageConfig,
    #[serde(default)]
    pub admin: AdminConfig,
}

/// Where clients connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    pub address: SocketAddr,
    /// Threads that serve, each with its own connections to the backend. Fixed at start; as many
    /// as the machine has processors when it is not given.
    pub threads: usize,
    /// How long open connections may finish after a stop was asked for.
    pub drain: Span,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            threads: lanes::default_count(),
            drain: Span::secs(30),
        }
    }
}

/// What is done with `X-Forwarded-For`, `-Proto` and `-Host` on the way to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedMode {
    /// The client's address is appended to `X-Forwarded-For`; the others are set where absent.
    #[default]
    Append,
    /// What the client sent is discarded: for a proxy that faces the internet.
    Replace,
    /// Headers pass as received: for a proxy behind one that sets them already.
    Keep,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forwarded {
    pub mode: ForwardedMode,
}

/// What one client may ask of the proxy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Client connections at one time; more wait in the kernel's backlog.
    pub connections: usize,
    /// Bytes of a request or response head.
    pub head: Size,
    pub header_count: usize,
    /// Bytes of a request body; 0 is without limit (the reference has its own).
    pub request_body: Size,
    /// Time for a client to send a complete head.
    pub head_timeout: Span,
    /// Longest silence of a client in the middle of its body, and longest time in which it takes
    /// nothing of an answer.
    pub body_idle_timeout: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head: Size::kib(64),
            header_count: 128,
            request_body: Size(0),
            head_timeout: Span::secs(30),
            body_idle_timeout: Span::secs(60),
        }
    }
}

/// What is made unreadable before anything is kept, on top of what always is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedactionConfig {
    /// More header names whose values are kept; those of all others but a few harmless ones are
    /// replaced by tokens.
    pub keep_headers: Vec<String>,
    /// More JSON paths (`$.credential.proof`) whose values are replaced by tokens.
    pub paths: Vec<String>,
    /// More query parameters whose values are replaced by tokens.
    pub query: Vec<String>,
    /// Environment variable with the key of the tokens: equal secrets get equal tokens across
    /// replicas that share it. Absent: a random key for each start.
    pub key_env: Option<String>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Does not show the line: somebody may have put a secret there.
    #[error("{path} is not a valid configuration: line {line}, column {column}: {message}")]
    Parse {
        path: PathBuf,
        /// Counted from 1, as the column is.
        line: usize,
        column: usize,
        message: String,
    },
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    fn parse(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self::Parse {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: mask_user_info(error.message()).into_owned(),
        }
    }
}

impl Config {
    /// Reads and validates a file; relative paths in it are relative to its directory.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, has a key nobody knows, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::parse(path, &text, &error))?;
        if let Some(directory) = path.parent() {
            config.resolve_paths(directory);
        }
        config.validate()?;
        Ok(config)
    }

    fn resolve_paths(&mut self, directory: &Path) {
        let paths = [
            self.rules.as_mut(),
            self.ledger.as_mut(),
            self.reference.ca_file.as_mut(),
            self.journal.directory.as_mut(),
            self.recording.directory.as_mut(),
            self.stage.state_file.as_mut(),
            self.admin.token_file.as_mut(),
        ];
        let candidate = match &mut self.candidate {
            Some(CandidateConfig::Http(backend)) => backend.ca_file.as_mut(),
            _ => None,
        };
        for path in paths.into_iter().chain([candidate]).flatten() {
            if path.is_relative() {
                *path = directory.join(&*path);
            }
        }
    }

    /// A configuration that forwards to `reference` on a free loopback port and keeps nothing.
    pub fn forwarding_to(reference: &str) -> Self {
        Self {
            listen: Listen {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                ..Listen::default()
            },
            reference: Backend::new(reference),
            candidate: None,
            forwarded: Forwarded::default(),
            limits: Limits::default(),
            mirror: MirrorConfig::default(),
            routes: Vec::new(),
            rules: None,
            ledger: None,
            rows: None,
            noise: NoiseConfig::default(),
            redaction: RedactionConfig::default(),
            journal: JournalConfig::default(),
            recording: RecordingConfig::default(),
            sink: None,
            stage: StageConfig::default(),
            admin: AdminConfig {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                ..AdminConfig::default()
            },
        }
    }

    /// Finds contradictions that a single key cannot show.
    ///
    /// # Errors
    /// Says which keys contradict each other and what to do.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |message: String| Err(ConfigError::Invalid(message));
        self.reference
            .validate("reference")
            .map_err(ConfigError::Invalid)?;
        if let Some(candidate) = &self.candidate {
            candidate.validate().map_err(ConfigError::Invalid)?;
        }
        if !(0.0..=1.0).contains(&self.mirror.rate) {
            return invalid(format!(
                "mirror.rate is {}: write a share between 0.0 (none) and 1.0 (all)",
                self.mirror.rate
            ));
        }
        if self.mirror.workers == 0 || self.mirror.capacity == 0 || self.mirror.threads == 0 {
            return invalid(
                "mirror.threads, mirror.workers and mirror.capacity must be at least 1".into(),
            );
        }
        if !(0..=19).contains(&self.mirror.niceness) {
            return invalid(format!(
                "mirror.niceness is {}: write a number from 0 (no lower priority) to 19 (lowest)",
                self.mirror.niceness
            ));
        }
        if !(0.0..=1.0).contains(&self.mirror.busy_share) {
            return invalid(format!(
                "mirror.busy_share is {}: write a share of the machine between 0.0 and 1.0 (no limit)",
                self.mirror.busy_share
            ));
        }
        for route in &self.routes {
            route.validate().map_err(ConfigError::Invalid)?;
        }
        self.refuse_unacknowledged_writes()?;
        self.refuse_incomparable_rows()?;
        self.noise.validate().map_err(ConfigError::Invalid)?;
        self.stage.validate().map_err(ConfigError::Invalid)?;
        self.recording.validate().map_err(ConfigError::Invalid)?;
        if let Some(sink) = &self.sink {
            sink.validate().map_err(ConfigError::Invalid)?;
        }
        self.admin.validate().map_err(ConfigError::Invalid)
    }

    /// Rows can be compared where the candidate tells them, and numbers are known for numbers.
    fn refuse_incomparable_rows(&self) -> Result<(), ConfigError> {
        let Some(rows) = &self.rows else {
            return Ok(());
        };
        rows.validate().map_err(ConfigError::Invalid)?;
        let embedded = matches!(self.candidate, Some(CandidateConfig::Embedded(_)));
        let missing = match (embedded, &self.rules) {
            (false, _) => {
                "candidate.kind = \"embedded\": only it says which rows it would have written"
            }
            (true, None) => {
                "rules: without their identities every number that the database assigns differs"
            }
            (true, Some(_)) => return Ok(()),
        };
        Err(ConfigError::Invalid(format!("[rows] needs {missing}")))
    }

    /// A candidate that writes to live state has to be asked for twice.
    fn refuse_unacknowledged_writes(&self) -> Result<(), ConfigError> {
        let embedded = matches!(self.candidate, Some(CandidateConfig::Embedded(_)));
        for route in &self.routes {
            match route.writes {
                Some(WritePolicy::Live) if !route.i_accept_that_the_candidate_writes => {
                    return Err(ConfigError::Invalid(format!(
                        "route `{}` has writes = \"live\": every mirrored request would be written a second time. \
                         If that is what you want, add `i_accept_that_the_candidate_writes = true` to the route",
                        route.name
                    )));
                }
                Some(WritePolicy::DryRun) if !embedded => {
                    return Err(ConfigError::Invalid(format!(
                        "route `{}` has writes = \"dry-run\", which only the embedded candidate can do: \
                         use \"skip\", or \"isolated\" when the candidate has its own database",
                        route.name
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn the_smallest_file_names_the_reference() {
        let config = load("[reference]\nurl = \"http://127.0.0.1:8000\"\n").unwrap();
        assert!(config.candidate.is_none());
        assert!(config.admin.address.ip().is_loopback());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error = load("[reference]\nurl = \"http://a\"\n\n[mirror]\nrait = 0.5\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 5"), "{text}");
        assert!(text.contains("rait"), "{text}");
    }

    #[test]
    fn an_error_shows_no_secret() {
        for text in [
            "[reference]\nurl = \"http://user:CANARY@a\"\n",
            "reference = \"http://user:CANARY@a\"\n",
            "[reference]\nurl = \"http://a\"\n[admin]\ntoken = \"CANARY\"\n",
            "[reference]\nurl = \"http://user:CANARY@a/path\"\n",
        ] {
            let error = load(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn live_writes_are_refused_without_acknowledgement() {
        let text = "[reference]\nurl = \"http://a\"\n[candidate]\nkind = \"http\"\nurl = \"http://b\"\n\
                    [[route]]\nname = \"bulk\"\nmethods = [\"POST\"]\npath = \"/x\"\nwrites = \"live\"\n";
        let error = load(text).unwrap_err().to_string();
        assert!(
            error.contains("i_accept_that_the_candidate_writes"),
            "{error}"
        );
        load(&format!(
            "{text}i_accept_that_the_candidate_writes = true\n"
        ))
        .unwrap();
    }

    #[test]
    fn a_dry_run_needs_the_embedded_candidate() {
        let text = "[reference]\nurl = \"http://a\"\n[candidate]\nkind = \"http\"\nurl = \"http://b\"\n\
                    [[route]]\nname = \"bulk\"\nmethods = [\"POST\"]\npath = \"/x\"\nwrites = \"dry-run\"\n";
        assert!(load(text).unwrap_err().to_string().contains("embedded"));
    }

    #[test]
    fn rows_need_a_candidate_that_tells_them_and_rules_that_know_their_numbers() {
        let reference = "[reference]\nurl = \"http://a\"\n[rows]\n";
        let http = "[candidate]\nkind = \"http\"\nurl = \"http://b\"\n";
        let embedded = "[candidate]\nkind = \"embedded\"\n";
        let error = |text: String| load(&text).unwrap_err().to_string();
        assert!(error(format!("rules = \"r\"\n{reference}{http}")).contains("embedded"));
        assert!(error(format!("{reference}{embedded}")).contains("[rows] needs rules"));
        assert!(error(format!("{reference}conections = 1\n")).contains("conections"));
        let config = load(&format!("rules = \"r\"\n{reference}{embedded}")).unwrap();
        assert!(config.explain().contains("SHADOW_PROXY_ROWS_URL"));
    }

    #[test]
    fn the_reference_is_asked_twice_only_where_that_is_possible() {
        let reference = "[reference]\nurl = \"http://a\"\n";
        let error = |text: &str| load(&format!("{reference}{text}")).unwrap_err().to_string();
        assert!(error("[noise]\nrate = 1.5\n").contains("noise.rate"));
        assert!(error("[noise]\nmax_per_second = 0\n").contains("max_per_second"));
        let route = "[[route]]\nname = \"x\"\nmethods = [\"POST\"]\npath = \"/x\"\nnoise = 0.1\n";
        assert!(error(route).contains("mutates = false"));
        let config = load(&format!("{reference}{route}mutates = false\n")).unwrap();
        assert!(config.explain().contains("asked twice"));
    }

    #[test]
    fn an_admin_port_open_to_others_needs_a_token() {
        let text = "[reference]\nurl = \"http://a\"\n[admin]\naddress = \"0.0.0.0:9900\"\n";
        assert!(load(text).unwrap_err().to_string().contains("token"));
    }
}
