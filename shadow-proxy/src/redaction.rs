//! What of an exchange may be kept, shown or written.

use parity::{
    compare::Observation,
    path::{Pattern, PatternError},
    redact::Redactor,
};

use crate::{config::RedactionConfig, findings::Pair};

/// What rows of the scoring service hold of the same, and of requests: proofs, keys, headers.
const ROW_SECRETS: [&str; 11] = [
    "account_accountapikey.updated[*].hashed_key_sha256",
    "account_accountapikey.updated[*].pk",
    "account_accountapikeyanalytics.inserted[*].api_key_id",
    "account_accountapikeyanalytics.inserted[*].headers.*",
    "account_accountapikeyanalytics.inserted[*].query_params.*",
    "ceramic_cache_ceramiccache.inserted[*].proof_value",
    "ceramic_cache_ceramiccache.inserted[*].stamp.proof",
    "registry_stamp.deleted[*].credential.proof",
    "registry_stamp.inserted[*].credential.proof",
    "registry_stamp.updated[*].credential.proof",
    "ceramic_cache_ceramiccache.updated[*].stamp.proof",
];

/// Why no redactor can be made.
#[derive(Debug, thiserror::Error)]
pub enum RedactionError {
    #[error("redaction.paths: `{path}` is no path: {source}")]
    Path { path: String, source: PatternError },
    #[error("redaction.key_env: the environment variable `{0}` is not set")]
    Key(String),
}

/// Makes pairs harmless.
pub struct Redaction {
    redactor: Redactor,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redaction")
    }
}

impl Redaction {
    /// # Errors
    /// When a path is none, or the variable with the key is missing.
    pub fn new(config: &RedactionConfig) -> Result<Self, RedactionError> {
        let key = match &config.key_env {
            Some(name) => std::env::var(name)
                .map_err(|_| RedactionError::Key(name.clone()))?
                .into_bytes(),
            None => rand::random::<[u8; 32]>().to_vec(),
        };
        let mut redactor = Redactor::new(key);
        for header in &config.keep_headers {
            redactor = redactor.keep_header(header);
        }
        let configured = config.paths.iter().map(String::as_str);
        for path in ROW_SECRETS.into_iter().chain(configured) {
            let pattern = Pattern::parse(path).map_err(|source| RedactionError::Path {
                path: path.to_owned(),
                source,
            })?;
            redactor = redactor.replace_at(pattern, path);
        }
        for parameter in &config.query {
            redactor = redactor.replace_parameter(parameter);
        }
        Ok(Self { redactor })
    }

    /// The pair as it may be kept. Equal secrets become equal tokens, so it compares as before.
    pub fn pair(&self, pair: &Pair) -> Pair {
        let observation = |observed: &Observation| Observation {
            response: self.redactor.response(&observed.response),
            effects: observed
                .effects
                .as_ref()
                .map(|effects| self.redactor.effects(effects)),
        };
        Pair {
            route: pair.route.clone(),
            request: self.redactor.request(&pair.request),
            reference: observation(&pair.reference),
            candidate: observation(&pair.candidate),
            clocks: pair.clocks,
        }
    }

    /// What replaces values in a step.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parity::exchange::{Headers, Request, Response};

    use super::*;

    #[test]
    fn no_secret_survives_in_a_pair() {
        const SECRET: &str = "CANARY-7f3a";
        let headers = |name: &str| Headers(vec![(name.to_owned(), SECRET.as_bytes().to_vec())]);
        let observation = |name: &str| Observation {
            response: Response {
                status: 200,
                headers: headers(name),
                body: Bytes::from(format!(r#"{{"credential": {{"proof": "{SECRET}"}}}}"#)),
            },
            effects: None,
        };
        let pair = Pair {
            route: "r".into(),
            request: Request {
                method: "GET".into(),
                target: format!("/a?x=1&API_KEY={SECRET}"),
                headers: headers("X-API-Key"),
                body: Bytes::from(format!(
                    r#"[{{"stamp": {{"proof": {{"jws": "{SECRET}"}}}}}}]"#
                )),
            },
            reference: observation("Set-Cookie"),
            candidate: observation("Authorization"),
            clocks: None,
        };
        let redaction = Redaction::new(&RedactionConfig::default()).unwrap();
        let kept = redaction.pair(&pair);
        let written = format!(
            "{} {} {}",
            serde_json::to_string(&kept.request).unwrap(),
            serde_json::to_string(&kept.reference.response).unwrap(),
            serde_json::to_string(&kept.candidate.response).unwrap()
        );
        assert!(!written.contains(SECRET), "{written}");
        assert!(kept.request.target.starts_with("/a?x=1&"));
    }
}
