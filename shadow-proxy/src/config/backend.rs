//! The two backends.

use std::path::PathBuf;

use parity::redact::mask_user_info;
use serde::Deserialize;

use super::units::Span;

/// Which HTTP a backend speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Http1,
    /// HTTP/2; over `http://` with prior knowledge (h2c).
    Http2,
}

/// An HTTP backend with its own connections.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// `http://host:port` or `https://host:port`, without a path.
    pub url: String,
    #[serde(default)]
    pub protocol: Protocol,
    /// Certificates to trust instead of the public ones, PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Sends the backend's own name as `Host` instead of the client's.
    #[serde(default)]
    pub rewrite_host: bool,
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// Longest wait for the response head after the last byte of the request moved.
    #[serde(default = "response_timeout")]
    pub response_timeout: Span,
    /// Longest silence in the middle of a response body.
    #[serde(default = "body_idle_timeout")]
    pub body_idle_timeout: Span,
    /// How long an unused connection is kept. Below the backend's own keep-alive time
    /// (uvicorn: 5 s), so that it is not closed just as a request is put on it.
    #[serde(default = "pool_idle_timeout")]
    pub pool_idle_timeout: Span,
    /// Connections at one time; requests beyond it wait for `connect_timeout`.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
}

const fn connect_timeout() -> Span {
    Span::secs(5)
}
const fn response_timeout() -> Span {
    Span::secs(60)
}
const fn body_idle_timeout() -> Span {
    Span::secs(60)
}
const fn pool_idle_timeout() -> Span {
    Span::secs(4)
}
const fn max_connections() -> usize {
    1024
}

impl Backend {
    /// A backend at `url` with default timeouts.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            protocol: Protocol::default(),
            ca_file: None,
            rewrite_host: false,
            connect_timeout: connect_timeout(),
            response_timeout: response_timeout(),
            body_idle_timeout: body_idle_timeout(),
            pool_idle_timeout: pool_idle_timeout(),
            max_connections: max_connections(),
        }
    }

    /// Scheme and authority.
    ///
    /// # Errors
    /// When the URL has another scheme, no host, or a path.
    pub fn origin(&self) -> Result<(http::uri::Scheme, http::uri::Authority), String> {
        let wrong = || {
            format!(
                "`{}` is not a backend: write `http://host:port` or `https://host:port`, without a user or a path",
                mask_user_info(&self.url)
            )
        };
        let uri: http::Uri = self.url.parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let bare = parts
            .path_and_query
            .is_none_or(|path| path.as_str() == "/" || path.as_str().is_empty());
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority))
                if bare
                    && !authority.as_str().contains('@')
                    && (scheme == http::uri::Scheme::HTTP
                        || scheme == http::uri::Scheme::HTTPS) =>
            {
                Ok((scheme, authority))
            }
            _ => Err(wrong()),
        }
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), String> {
        self.origin()
            .map_err(|message| format!("{key}.url: {message}"))?;
        if self.max_connections == 0 {
            return Err(format!("{key}.max_connections must be at least 1"));
        }
        Ok(())
    }
}

/// The new backend.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CandidateConfig {
    /// The scorer inside this process; its settings come from the environment.
    Embedded(Embedded),
    /// Any HTTP backend.
    Http(Backend),
}

/// The embedded scorer has no options here: its settings come from the environment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {}

impl CandidateConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Http(backend) => backend.validate("candidate"),
        }
    }
}
