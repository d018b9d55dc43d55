//! Which names speak of secrets, and which headers do not.

/// Headers whose values are no secret. Everything else is replaced.
pub(super) const HARMLESS_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cross-origin-opener-policy",
    "date",
    "host",
    "location",
    "origin",
    "referrer-policy",
    "retry-after",
    "server",
    "transfer-encoding",
    "user-agent",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
];

/// Names whose values are secrets wherever they stand: in queries, forms, JSON and rows.
pub(super) const SECRET_NAMES: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "client_secret",
    "id_token",
    "jws",
    "jwt",
    "passwd",
    "password",
    "private_key",
    "proof",
    "proof_value",
    "proofvalue",
    "refresh_token",
    "secret",
    "secret_key",
    "session",
    "sessionid",
    "token",
];

/// Further names of secrets in queries and forms, where a name is shorter than in a document.
pub(super) const SECRET_PARAMETERS: &[&str] = &["code", "key", "sig", "signature", "state"];

/// Whether a value of this name is a secret wherever it stands.
pub(super) fn is_secret(name: &str) -> bool {
    SECRET_NAMES
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name))
}
