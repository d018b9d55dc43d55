//! Every setting of the Python service that reaches these endpoints (contract §7), and a few of ours.

mod environment;
mod secret;

use std::{fmt, net::SocketAddr, path::Path};

pub use secret::Secret;

use environment::Environment;

/// What the service runs with. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SECRET_KEY`: key of the HS256 signature of access tokens.
    pub secret_key: Secret,
    /// `DEBUG`, true when absent. Only the default of `ALLOWED_HOSTS` depends on it here: Django's
    /// technical error pages are not reproduced.
    pub debug: bool,
    /// `ALLOWED_HOSTS`: host names, `.example.com` for a domain with its subdomains, `*` for all.
    pub allowed_hosts: Vec<String>,
    /// `SECURE_SSL_REDIRECT`: insecure requests are redirected to `https`.
    pub secure_ssl_redirect: bool,
    /// `SECURE_PROXY_SSL_HEADER`: header name (WSGI form, `HTTP_X_FORWARDED_PROTO`) and the value
    /// that marks a request as secure.
    pub secure_proxy_ssl_header: Option<(String, String)>,
    /// `FF_V2_API` is exactly `on`: the `/v2` endpoints exist.
    pub v2_api: bool,
    /// `FF_API_ANALYTICS` is exactly `on`: v2 calls leave an analytics row.
    pub api_analytics: bool,
    /// `RATELIMIT_ENABLE`.
    pub rate_limit: bool,
    /// `CELERY_BROKER_URL`: Redis for counters and weights. Absent: this process keeps them itself.
    pub cache: Option<CacheUrls>,
    /// `INTERNAL_AUTH` and `CGRANTS_API_TOKEN`.
    pub internal_auth: InternalAuth,
    /// `CERAMIC_CACHE_SCORER_ID`: default community, as text; may be empty.
    pub ceramic_cache_scorer_id: String,
    /// `DEMO_API_KEY`: what a demo alias stands for.
    pub demo_api_key: Option<Secret>,
    /// `DEMO_API_SCORER_ID`: what a negative scorer id stands for.
    pub demo_api_scorer_id: Option<String>,
    /// `DEMO_API_KEY_ALIASES`.
    pub demo_api_key_aliases: Vec<Secret>,
    /// `REGISTRY_API_READ_DB`: the database for look-ups of communities and stakes.
    pub registry_read: ReadDatabase,
    /// `DATABASE_URL`. Absent: an embedded PostgreSQL is used.
    pub database_url: Option<Secret>,
    /// `READ_REPLICA_0_URL`.
    pub read_replica_url: Option<Secret>,
    /// `READ_REPLICA_ANALYTICS_URL`.
    pub analytics_replica_url: Option<Secret>,
    /// `DATABASE_POOL_SIZE`: connections at most, per database. Default 5.
    pub database_pool_size: u32,
    /// `HUMAN_POINTS_ENABLED`.
    pub human_points_enabled: bool,
    /// `HUMAN_POINTS_START_TIMESTAMP`: Unix seconds; awards from then on.
    pub human_points_start_timestamp: i64,
    /// `HUMAN_POINTS_MTA_ENABLED`: gates the MetaMask list only.
    pub human_points_mta_enabled: bool,
    /// `FF_MULTI_NULLIFIER` is exactly `on`: nullifiers other than `v0…` count as well.
    pub multi_nullifier: bool,
    /// `TRUSTED_IAM_ISSUERS`.
    pub trusted_iam_issuers: Vec<String>,
    /// `LOGGING_STRATEGY`: the structured strategies look at the session, hence `Vary: Cookie`.
    pub vary_by_cookie: bool,
    /// `V2_HUMAN_POINTS`: whether `include_human_points=true` is honoured on the v2 score.
    pub v2_human_points: V2HumanPoints,
    /// `SCORER_LISTEN`: where the service is served. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `SCORER_METRICS_LISTEN`: where metrics are served. Default `127.0.0.1:9464`.
    pub metrics_listen: SocketAddr,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: collector of traces over HTTP. Absent: no traces are sent.
    pub otlp_endpoint: Option<String>,
}

/// Redis servers: the first takes writes, the others reads (contract §5).
#[derive(Debug, Clone)]
pub struct CacheUrls {
    pub write: Secret,
    /// Empty: the first serves reads too.
    pub reads: Vec<Secret>,
}

/// How the `/internal` endpoints know their callers.
#[derive(Debug, Clone)]
pub enum InternalAuth {
    /// By the token in `Authorization`; an empty token lets nobody in.
    Token(Secret),
    /// Not at all: only the private load balancer can reach this service.
    None,
}

/// A database alias that look-ups may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadDatabase {
    Default,
    Replica,
    AnalyticsReplica,
}

/// Human points in the v2 score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V2HumanPoints {
    /// `include_human_points=true` in the query asks for them.
    Query,
    /// Always null, as in the Python service.
    Never,
}

/// One variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    /// Never quotes the value, which may be secret.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.variable, self.what)
    }
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("settings: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Problem>),
    #[error("cannot read the settings file {path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
}

impl Settings {
    /// Settings of this process.
    ///
    /// # Errors
    /// Lists every variable that is missing or unusable.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_pairs(std::env::vars())
    }

    /// Settings of this process, with what it does not set taken from an `.env` file.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env), or the file cannot be read.
    pub fn from_env_and_file(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|source| SettingsError::File {
            path: path.display().to_string(),
            source,
        })?;
        Self::from_pairs(Self::parse_file(&text).into_iter().chain(std::env::vars()))
    }

    /// Reads the text of an `.env` file into pairs for [`from_pairs`](Self::from_pairs).
    #[must_use]
    pub fn parse_file(text: &str) -> Vec<(String, String)> {
        environment::parse_env_file(text)
    }

    /// Settings from names and values; of a repeated name the last value counts.
    ///
    /// # Errors
    /// Lists every variable that is missing or unusable.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut env = Environment::new(pairs);
        let debug = env.boolean("DEBUG", true);
        let settings = Self {
            secret_key: Secret::new(env.required("SECRET_KEY")),
            debug,
            allowed_hosts: allowed_hosts(&mut env, debug),
            secure_ssl_redirect: env.boolean("SECURE_SSL_REDIRECT", false),
            secure_proxy_ssl_header: env.json(
                "SECURE_PROXY_SSL_HEADER",
                r#"a pair like ["HTTP_X_FORWARDED_PROTO", "https"]"#,
            ),
            v2_api: env.text("FF_V2_API").as_deref() == Some("on"),
            api_analytics: env.text("FF_API_ANALYTICS").as_deref() == Some("on"),
            rate_limit: env.boolean("RATELIMIT_ENABLE", false),
            cache: cache_urls(&mut env),
            internal_auth: internal_auth(&mut env),
            ceramic_cache_scorer_id: env.required("CERAMIC_CACHE_SCORER_ID"),
            demo_api_key: env.non_empty("DEMO_API_KEY").map(Secret::new),
            demo_api_scorer_id: env.non_empty("DEMO_API_SCORER_ID"),
            demo_api_key_aliases: env
                .json::<Vec<String>>("DEMO_API_KEY_ALIASES", "a list of strings")
                .unwrap_or_default()
                .into_iter()
                .map(Secret::new)
                .collect(),
            database_url: env.non_empty("DATABASE_URL").map(Secret::new),
            read_replica_url: env.non_empty("READ_REPLICA_0_URL").map(Secret::new),
            analytics_replica_url: env.non_empty("READ_REPLICA_ANALYTICS_URL").map(Secret::new),
            registry_read: registry_read(&mut env),
            database_pool_size: pool_size(&mut env),
            human_points_enabled: env.boolean("HUMAN_POINTS_ENABLED", false),
            human_points_start_timestamp: env.integer("HUMAN_POINTS_START_TIMESTAMP", 0),
            human_points_mta_enabled: env.boolean("HUMAN_POINTS_MTA_ENABLED", false),
            multi_nullifier: env.text("FF_MULTI_NULLIFIER").as_deref() == Some("on"),
            trusted_iam_issuers: trusted_issuers(&mut env),
            vary_by_cookie: matches!(
                env.text_or("LOGGING_STRATEGY", "default").as_str(),
                "structlog_json" | "structlog_flatline"
            ),
            v2_human_points: env.choice(
                "V2_HUMAN_POINTS",
                V2HumanPoints::Query,
                &[
                    ("query", V2HumanPoints::Query),
                    ("never", V2HumanPoints::Never),
                ],
            ),
            listen: address(&mut env, "SCORER_LISTEN", 8080),
            metrics_listen: address(&mut env, "SCORER_METRICS_LISTEN", 9464),
            otlp_endpoint: env.non_empty("OTEL_EXPORTER_OTLP_ENDPOINT"),
        };
        match env.into_problems() {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(SettingsError::Invalid(problems)),
        }
    }

    /// Points that the scorer reads but cannot honour in full, for the operator at start-up.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.debug {
            warnings.push(
                "DEBUG is on (its default): Django's technical error pages are not reproduced, \
                 errors look as with DEBUG off",
            );
        }
        if self.cache.is_none() {
            warnings.push(
                "CELERY_BROKER_URL is not set: rate-limit counters and cached weights are kept in \
                 this process and are not shared with other processes",
            );
        }
        if matches!(self.internal_auth, InternalAuth::None) {
            warnings.push(
                "INTERNAL_AUTH=none: every caller that can connect may use the internal endpoints",
            );
        }
        warnings
    }
}

fn allowed_hosts(env: &mut Environment, debug: bool) -> Vec<String> {
    let hosts: Vec<String> = env
        .json("ALLOWED_HOSTS", "a list of host names")
        .unwrap_or_default();
    if debug && hosts.is_empty() {
        return [".localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .to_vec();
    }
    hosts
}

fn cache_urls(env: &mut Environment) -> Option<CacheUrls> {
    let text = env.non_empty("CELERY_BROKER_URL")?;
    let mut urls = text.split([';', ',']).map(Secret::new);
    Some(CacheUrls {
        write: urls.next()?,
        reads: urls.collect(),
    })
}

fn internal_auth(env: &mut Environment) -> InternalAuth {
    #[derive(Clone, Copy)]
    enum Kind {
        Token,
        None,
    }
    let words = [("token", Kind::Token), ("none", Kind::None)];
    match env.choice("INTERNAL_AUTH", Kind::Token, &words) {
        Kind::None => InternalAuth::None,
        Kind::Token => {
            let token = env.text("CGRANTS_API_TOKEN");
            if token.is_none() {
                env.refuse(
                    "CGRANTS_API_TOKEN",
                    "must be set: the internal endpoints ask for it \
                     (INTERNAL_AUTH=none if only a private load balancer reaches them)",
                );
            }
            InternalAuth::Token(Secret::new(token.unwrap_or_default()))
        }
    }
}

fn registry_read(env: &mut Environment) -> ReadDatabase {
    let alias = env.choice(
        "REGISTRY_API_READ_DB",
        ReadDatabase::Default,
        &[
            ("default", ReadDatabase::Default),
            ("read_replica_0", ReadDatabase::Replica),
            ("read_replica_analytics", ReadDatabase::AnalyticsReplica),
        ],
    );
    let url = match alias {
        ReadDatabase::Default => return alias,
        ReadDatabase::Replica => "READ_REPLICA_0_URL",
        ReadDatabase::AnalyticsReplica => "READ_REPLICA_ANALYTICS_URL",
    };
    if env.non_empty(url).is_none() {
        env.refuse(
            "REGISTRY_API_READ_DB",
            format!("names a database whose {url} is not set"),
        );
    }
    alias
}

fn pool_size(env: &mut Environment) -> u32 {
    match u32::try_from(env.integer("DATABASE_POOL_SIZE", 5)) {
        Ok(size) if size > 0 => size,
        _ => {
            env.refuse("DATABASE_POOL_SIZE", "must be at least 1");
            1
        }
    }
}

fn trusted_issuers(env: &mut Environment) -> Vec<String> {
    env.json("TRUSTED_IAM_ISSUERS", "a list of issuer DIDs")
        .unwrap_or_else(|| {
            env.refuse(
                "TRUSTED_IAM_ISSUERS",
                "must be set: without issuers no stamp counts",
            );
            Vec::new()
        })
}

fn address(env: &mut Environment, name: &'static str, port: u16) -> SocketAddr {
    let default = SocketAddr::from(([127, 0, 0, 1], port));
    let Some(text) = env.non_empty(name) else {
        return default;
    };
    text.parse().unwrap_or_else(|_| {
        env.refuse(name, format!("must be an address like {default}"));
        default
    })
}

#[cfg(test)]
mod tests;
