//! What is mirrored, how much of it, and what the candidate may do with writes.

use serde::Deserialize;

use super::units::{Size, Span};

/// What keeps requests of one origin together when only a share is mirrored or served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// Each request by itself.
    None,
    /// The `{address}` of the route's path, in lower case; without one, the API key.
    #[default]
    Address,
    /// The `X-API-Key` or `Authorization` header; without one, the client's address.
    ApiKey,
}

/// The mirror: how much, how wide, how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MirrorConfig {
    /// Share of requests to mirror, 0.0 to 1.0.
    pub rate: f64,
    pub sticky: Sticky,
    /// Threads of the mirror, apart from those that serve. Fixed at start.
    pub threads: usize,
    /// How far these threads stand back when the processor is scarce: 0 (as important as those
    /// that serve) to 19. Fixed at start.
    pub niceness: i32,
    /// Share of the machine's processor time that these threads take at most while hardly one is
    /// idle, 0.0 to 1.0 (without limit); requests beyond it are dropped. Fixed at start.
    pub busy_share: f64,
    /// Requests the candidate is asked at one time.
    pub workers: usize,
    /// Exchanges held at one time, from the first byte to the verdict; more are dropped.
    pub capacity: usize,
    /// Largest request or response body that is mirrored.
    pub body_cap: Size,
    /// The candidate's time for a whole answer.
    pub deadline: Span,
    /// How far the clocks of the two sides may be from the clock of this machine. A time in an
    /// answer or a row agrees when each side took it from its own clock while it answered.
    pub clock_skew: Span,
    pub breaker: BreakerConfig,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self {
            rate: 1.0,
            sticky: Sticky::default(),
            threads: 1,
            niceness: 10,
            busy_share: 0.03,
            workers: 8,
            capacity: 512,
            body_cap: Size::kib(256),
            deadline: Span::secs(5),
            clock_skew: Span::millis(100),
            breaker: BreakerConfig::default(),
        }
    }
}

impl MirrorConfig {
    /// Most memory that mirrored bodies can take: request and response of every held exchange,
    /// and the candidate's answer for every worker.
    pub fn memory_bound(&self) -> Size {
        let cap = self.body_cap.0;
        Size((2 * self.capacity as u64 + self.workers as u64).saturating_mul(cap))
    }
}

/// When the candidate is left alone for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures in a row (timeouts, refusals, resets) that open it.
    pub failures: u32,
    /// How long it stays open before one request may try again.
    pub pause: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            pause: Span::secs(5),
        }
    }
}

/// What the mirrored side may do with a request that can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WritePolicy {
    /// Not mirrored. Default on an HTTP candidate for requests that can change rows.
    Skip,
    /// Answered without writing. Default of the embedded candidate, and only it can.
    DryRun,
    /// Mirrored; the candidate writes to a database of its own.
    Isolated,
    /// Mirrored; the candidate writes where the reference writes.
    Live,
}

/// One route: which requests, under which name, with which policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Name in metrics, journal and verdicts.
    pub name: String,
    /// Methods in upper case; empty: every method.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Template such as `/v2/stamps/{scorer_id}/score/{address}`: `{name}` stands for one segment.
    pub path: String,
    #[serde(default)]
    pub writes: Option<WritePolicy>,
    /// Whether a request can change rows; absent: by its method. Matters for a GET that writes.
    #[serde(default)]
    pub mutates: Option<bool>,
    /// Share of this route's requests to mirror instead of `mirror.rate`.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Share of this route's requests of which the reference is asked twice, instead of
    /// `noise.rate`; also for methods other than GET and HEAD, where they only read.
    #[serde(default)]
    pub noise: Option<f64>,
    /// Required by `writes = "live"`.
    #[serde(default)]
    pub i_accept_that_the_candidate_writes: bool,
}

impl RouteConfig {
    /// A route with default policy.
    pub fn new(name: &str, method: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            methods: vec![method.to_owned()],
            path: path.to_owned(),
            writes: None,
            mutates: None,
            rate: None,
            noise: None,
            i_accept_that_the_candidate_writes: false,
        }
    }

    /// Whether a request can change rows: as configured, or by its method.
    pub fn can_write(&self) -> bool {
        let reads =
            |method: &String| matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
        self.mutates
            .unwrap_or(self.methods.is_empty() || !self.methods.iter().all(reads))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if !self.path.starts_with('/') {
            return Err(format!(
                "route `{}`: path `{}` must start with `/`",
                self.name, self.path
            ));
        }
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err(format!(
                "route `{}`: rate must be a share between 0.0 and 1.0",
                self.name
            ));
        }
        match self.noise {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                return Err(format!(
                    "route `{}`: noise must be a share between 0.0 and 1.0",
                    self.name
                ));
            }
            Some(share) if share > 0.0 && self.can_write() => {
                return Err(format!(
                    "route `{}`: noise asks the reference twice, and this route can change rows; \
                     leave it out, or say `mutates = false` if the route only reads",
                    self.name
                ));
            }
            _ => {}
        }
        if let Some(method) = self.methods.iter().find(|m| **m != m.to_ascii_uppercase()) {
            return Err(format!(
                "route `{}`: method `{method}` must be in upper case",
                self.name
            ));
        }
        Ok(())
    }
}
