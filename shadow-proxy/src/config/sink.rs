//! Where several replicas put what they found together.

use serde::Deserialize;

use super::units::{Size, Span};

/// A PostgreSQL that replicas share. Its tables are made by `shadow-proxy sink migrate`, never by
/// a proxy that serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Environment variable with the URL of the database; it holds a password, so it is not here.
    pub url_env: String,
    /// Name of this replica in what all of them show; absent: the host's name.
    #[serde(default)]
    pub replica: Option<String>,
    /// Which builds are compared, in any words. Counts of different series are never added up: give
    /// it another value when the reference or an HTTP candidate is replaced by another build.
    #[serde(default)]
    pub series: String,
    /// How often is written and read.
    #[serde(default = "interval")]
    pub interval: Span,
    /// Most divergences, in bytes, that wait while the database is away; more are dropped.
    #[serde(default = "buffer")]
    pub buffer: Size,
    /// Divergences kept in the database, over all replicas; the oldest go first.
    #[serde(default = "keep")]
    pub keep: u32,
    /// A change of stage on one replica holds for all of them.
    #[serde(default = "share_stage")]
    pub share_stage: bool,
}

const fn interval() -> Span {
    Span::secs(1)
}
const fn buffer() -> Size {
    Size::mib(16)
}
const fn keep() -> u32 {
    10_000
}
const fn share_stage() -> bool {
    true
}

impl SinkConfig {
    /// A sink at the URL in this environment variable, with default limits.
    pub fn new(url_env: &str) -> Self {
        Self {
            url_env: url_env.to_owned(),
            replica: None,
            series: String::new(),
            interval: interval(),
            buffer: buffer(),
            keep: keep(),
            share_stage: share_stage(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.interval.0.is_zero() {
            return Err("sink.interval must be longer than 0s".into());
        }
        if self.keep == 0 {
            return Err("sink.keep must be at least 1".into());
        }
        Ok(())
    }
}
