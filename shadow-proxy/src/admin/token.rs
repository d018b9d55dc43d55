//! The bearer token of the admin port.

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::AdminConfig;

/// Why there is no token although one was configured.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("admin.token_env: the environment variable `{0}` is not set")]
    Variable(String),
    #[error("admin.token_file: {0}")]
    File(#[from] std::io::Error),
    #[error("the admin token is shorter than 16 characters")]
    TooShort,
}

/// A token, kept as its digest: comparing digests takes the same time for every guess.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The configured token; `None` when none is configured.
    ///
    /// # Errors
    /// When it cannot be read, or could be guessed.
    pub fn read(config: &AdminConfig) -> Result<Option<Self>, TokenError> {
        let text = match (&config.token_env, &config.token_file) {
            (Some(name), _) => {
                std::env::var(name).map_err(|_| TokenError::Variable(name.clone()))?
            }
            (None, Some(path)) => std::fs::read_to_string(path)?,
            (None, None) => return Ok(None),
        };
        Self::new(text.trim()).map(Some)
    }

    fn new(text: &str) -> Result<Self, TokenError> {
        if text.len() < 16 {
            return Err(TokenError::TooShort);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether a request carries the token.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| {
            let digest: [u8; 32] = Sha256::digest(given).into();
            bool::from(digest.ct_eq(&self.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_admits() {
        let token = Token::new("0123456789abcdef").unwrap();
        for (value, admits) in [
            ("Bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer ", false),
            ("0123456789abcdef", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(token.admits(&headers), admits, "{value}");
        }
        assert!(!token.admits(&HeaderMap::new()));
        assert!(Token::new("short").is_err());
    }
}
