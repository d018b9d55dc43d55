//! Replaces secrets before anything is written.
//!
//! Headers are kept only when they are known to be harmless; parameters of queries and forms, and
//! members of JSON, are replaced when their name speaks of a secret. A value that is replaced becomes
//! a token made with a key, so that equal values stay equal within everything written with that key
//! and the value cannot be guessed from the token.

mod cache;
mod divergence;
mod names;

use std::{borrow::Cow, fmt};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    effects::{Effects, RowUpdate},
    exchange::{Headers, Request, Response},
    fixture::Step,
    json::{self, Json, Value},
    path::{Pattern, PatternError, Segment},
};

use names::{HARMLESS_HEADERS, SECRET_NAMES, SECRET_PARAMETERS, is_secret};

/// What was replaced in a set of fixtures; goes into its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
pub enum RedactionRecord {
    /// Nothing was replaced, for this reason.
    Kept { reason: String },
    /// Header values were replaced, apart from these headers, and so were these places.
    Replaced {
        kept_headers: Vec<String>,
        paths: Vec<String>,
        /// Names of parameters and members; absent in older fixtures.
        #[serde(default)]
        names: Vec<String>,
    },
}

/// Decides what of an exchange may be written.
pub struct Redactor {
    policy: Policy,
}

enum Policy {
    Keep {
        reason: String,
    },
    Replace {
        key: Vec<u8>,
        kept_headers: Vec<String>,
        paths: Vec<(String, Pattern)>,
        /// Of parameters in queries and forms, on top of [`SECRET_NAMES`].
        parameters: Vec<String>,
    },
}

impl Redactor {
    /// Keeps everything: for test values only, and the reason is written down.
    pub fn keep_all(reason: impl Into<String>) -> Self {
        Redactor {
            policy: Policy::Keep {
                reason: reason.into(),
            },
        }
    }

    /// Replaces every header value that is not known to be harmless. Tokens depend on `key`,
    /// which should be random and kept as long as tokens of several runs have to be equal.
    pub fn new(key: impl Into<Vec<u8>>) -> Self {
        Redactor {
            policy: Policy::Replace {
                key: key.into(),
                kept_headers: HARMLESS_HEADERS.iter().map(|&name| name.into()).collect(),
                paths: Vec::new(),
                parameters: SECRET_PARAMETERS.iter().map(|&name| name.into()).collect(),
            },
        }
    }

    /// Replaces what was replaced in fixtures of this record, so that nothing is kept of a replay
    /// that they do not hold.
    ///
    /// # Errors
    /// One of the record's places is no path.
    pub fn as_recorded(
        record: &RedactionRecord,
        key: impl Into<Vec<u8>>,
    ) -> Result<Self, PatternError> {
        let (kept, paths, names) = match record {
            RedactionRecord::Kept { reason } => return Ok(Self::keep_all(reason.clone())),
            RedactionRecord::Replaced {
                kept_headers,
                paths,
                names,
            } => (kept_headers, paths, names),
        };
        let mut redactor = Self::new(key);
        if let Policy::Replace {
            kept_headers,
            parameters,
            ..
        } = &mut redactor.policy
        {
            kept_headers.clone_from(kept);
            let own = names.iter().filter(|name| !is_secret(name));
            parameters.extend(own.cloned());
            parameters.sort();
            parameters.dedup();
        }
        for path in paths {
            redactor = redactor.replace_at(Pattern::parse(path)?, path);
        }
        Ok(redactor)
    }

    /// Also replaces the values of this parameter in queries and forms.
    #[must_use]
    pub fn replace_parameter(mut self, name: &str) -> Self {
        if let Policy::Replace { parameters, .. } = &mut self.policy {
            parameters.push(name.to_ascii_lowercase());
        }
        self
    }

    /// Also keeps the values of this header.
    #[must_use]
    pub fn keep_header(mut self, name: &str) -> Self {
        if let Policy::Replace { kept_headers, .. } = &mut self.policy {
            kept_headers.push(name.to_ascii_lowercase());
            kept_headers.sort();
        }
        self
    }

    /// Also replaces what stands at this place: `$.…` in request and response bodies,
    /// `<table>.…` in rows, `cache.<key>` in the cache.
    #[must_use]
    pub fn replace_at(mut self, pattern: Pattern, text: &str) -> Self {
        if let Policy::Replace { paths, .. } = &mut self.policy {
            paths.push((text.to_owned(), pattern));
        }
        self
    }

    /// What a manifest says about this redactor.
    pub fn record(&self) -> RedactionRecord {
        match &self.policy {
            Policy::Keep { reason } => RedactionRecord::Kept {
                reason: reason.clone(),
            },
            Policy::Replace {
                kept_headers,
                paths,
                parameters,
                ..
            } => RedactionRecord::Replaced {
                kept_headers: kept_headers.clone(),
                paths: paths.iter().map(|(text, _)| text.clone()).collect(),
                names: SECRET_NAMES
                    .iter()
                    .map(|&name| name.to_owned())
                    .chain(parameters.iter().cloned())
                    .collect(),
            },
        }
    }

    /// The step as it may be written.
    pub fn step(&self, step: &Step) -> Step {
        let mut step = step.clone();
        if let Policy::Replace { .. } = self.policy {
            step.request = self.request(&step.request);
            step.response = self.response(&step.response);
            step.effects = step.effects.as_ref().map(|effects| self.effects(effects));
            step.cache = step.cache.as_ref().map(|cache| self.cache(cache));
        }
        step
    }

    /// The request as it may be written.
    pub fn request(&self, request: &Request) -> Request {
        Request {
            method: request.method.clone(),
            target: self.target(&request.target).into_owned(),
            headers: self.headers(&request.headers),
            body: self.body(&request.headers, &request.body),
        }
    }

    /// The response as it may be written.
    pub fn response(&self, response: &Response) -> Response {
        Response {
            headers: self.headers(&response.headers),
            body: self.body(&response.headers, &response.body),
            ..response.clone()
        }
    }

    /// The value of a setting as it may be written: those whose name speaks of a secret are
    /// replaced, and so are addresses with a password.
    pub fn setting(&self, name: &str, value: &str) -> String {
        let name = name.to_ascii_uppercase();
        let secret = [
            "SECRET",
            "TOKEN",
            "PASSWORD",
            "KEY",
            "CREDENTIAL",
            "DSN",
            "_URL",
        ];
        match &self.policy {
            Policy::Replace { key, .. } if secret.iter().any(|word| name.contains(word)) => {
                token(key, value.as_bytes())
            }
            _ => value.to_owned(),
        }
    }

    fn headers(&self, headers: &Headers) -> Headers {
        let Policy::Replace { key, .. } = &self.policy else {
            return headers.clone();
        };
        let redacted = |name: &str, value: &[u8]| match std::str::from_utf8(value) {
            _ if !self.keeps_header(name) => token(key, value).into_bytes(),
            Ok(text) => self.target(text).into_owned().into_bytes(),
            Err(_) => value.to_vec(),
        };
        let fields = headers.0.iter();
        Headers(
            fields
                .map(|(name, value)| (name.clone(), redacted(name, value)))
                .collect(),
        )
    }

    fn keeps_header(&self, name: &str) -> bool {
        match &self.policy {
            Policy::Keep { .. } => true,
            Policy::Replace { kept_headers, .. } => kept_headers
                .iter()
                .any(|kept| kept.eq_ignore_ascii_case(name)),
        }
    }

    /// A target or an address with the secrets of its query replaced.
    fn target<'t>(&self, target: &'t str) -> Cow<'t, str> {
        match target.split_once('?') {
            Some((path, query)) => match self.parameters(query) {
                Cow::Borrowed(_) => Cow::Borrowed(target),
                Cow::Owned(query) => Cow::Owned(format!("{path}?{query}")),
            },
            None => Cow::Borrowed(target),
        }
    }

    /// `name=value&…` with secrets replaced.
    fn parameters<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let Policy::Replace {
            key, parameters, ..
        } = &self.policy
        else {
            return Cow::Borrowed(query);
        };
        let secret = |field: &&str| {
            let name = field.split_once('=').map_or(*field, |(name, _)| name);
            is_secret(name) || parameters.iter().any(|own| own.eq_ignore_ascii_case(name))
        };
        if !query.split('&').any(|field| secret(&field)) {
            return Cow::Borrowed(query);
        }
        let fields = query.split('&').map(|field| match field.split_once('=') {
            Some((name, value)) if secret(&field) => {
                Cow::Owned(format!("{name}={}", token(key, value.as_bytes())))
            }
            _ => Cow::Borrowed(field),
        });
        Cow::Owned(fields.collect::<Vec<_>>().join("&"))
    }

    fn body(&self, headers: &Headers, body: &bytes::Bytes) -> bytes::Bytes {
        if matches!(self.policy, Policy::Keep { .. }) {
            return body.clone();
        }
        if let Ok(value) = json::parse(body) {
            let replaced = self.value("$", &mut Vec::new(), &value);
            return if replaced == value {
                body.clone()
            } else {
                replaced.to_text().into()
            };
        }
        if speaks_of_secrets(body)
            && let Policy::Replace { key, .. } = &self.policy
        {
            return token(key, body).into();
        }
        let form = headers
            .get("content-type")
            .is_some_and(|media| media.starts_with(b"application/x-www-form-urlencoded"));
        match std::str::from_utf8(body).map(|text| self.parameters(text)) {
            Ok(Cow::Owned(replaced)) if form => replaced.into(),
            _ => body.clone(),
        }
    }

    /// The rows as they may be written.
    pub fn effects(&self, effects: &Effects) -> Effects {
        if let Policy::Keep { .. } = self.policy {
            return effects.clone();
        }
        let mut effects = effects.clone();
        for (table, rows) in &mut effects.0 {
            let replace = |list: &'static str, value: &Json| {
                self.value(
                    table,
                    &mut vec![Segment::Key(list), Segment::Index(0)],
                    value,
                )
            };
            for row in &mut rows.inserted {
                *row = replace("inserted", row);
            }
            for row in &mut rows.deleted {
                *row = replace("deleted", row);
            }
            for RowUpdate { pk, before, after } in &mut rows.updated {
                *pk = self.value(
                    table,
                    &mut vec![
                        Segment::Key("updated"),
                        Segment::Index(0),
                        Segment::Key("pk"),
                    ],
                    pk,
                );
                *before = replace("updated", before);
                *after = replace("updated", after);
            }
        }
        effects
    }

    fn value<'v>(&self, root: &str, path: &mut Vec<Segment<'v>>, value: &'v Value<'_>) -> Json {
        let Policy::Replace { key, .. } = &self.policy else {
            return value.clone().into_owned();
        };
        let named = ends_in_secret_name(path);
        if named && !matches!(value, Value::Null) || self.is_pointed_at(root, path) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_text(), |text| text.into_owned());
            return Value::<'static>::string(&token(key, text.as_bytes()));
        }
        value.map_children(path, &mut |path, child| self.value(root, path, child))
    }

    /// Whether a path that was asked for is this place.
    fn is_pointed_at(&self, root: &str, path: &[Segment<'_>]) -> bool {
        match &self.policy {
            Policy::Keep { .. } => false,
            Policy::Replace { paths, .. } => {
                paths.iter().any(|(_, pattern)| pattern.matches(root, path))
            }
        }
    }
}

/// Never shows the key.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("record", &self.record())
            .finish_non_exhaustive()
    }
}

fn ends_in_secret_name(path: &[Segment<'_>]) -> bool {
    matches!(
        path.last(),
        Some(Segment::Key(name)) if is_secret(&json::Text::from_written(name).decoded())
    )
}

/// Whether a body that is no JSON was meant to be, and names a secret: where its value ends cannot be
/// told.
fn speaks_of_secrets(body: &[u8]) -> bool {
    let meant = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    meant
        && SECRET_NAMES.iter().any(|name| {
            body.windows(name.len())
                .any(|at| at.eq_ignore_ascii_case(name.as_bytes()))
        })
}

/// The text with what stands before the `@` of each address (`scheme://user:password@host`)
/// made unreadable: for messages that quote what somebody gave.
pub fn mask_user_info(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        masked.push_str(before);
        let end = address
            .find(|c: char| c == '/' || c == '"' || c == '`' || c.is_whitespace())
            .unwrap_or(address.len());
        rest = match address[..end].rfind('@') {
            Some(at) => {
                masked.push_str("***");
                &address[at..]
            }
            None => address,
        };
    }
    if masked.is_empty() {
        return Cow::Borrowed(text);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// `redacted:` and 16 hexadecimal digits of HMAC-SHA-256 over the value.
fn token(key: &[u8], value: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(value);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("redacted:{hex}")
}

#[cfg(test)]
mod tests;
