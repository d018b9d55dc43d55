//! What is answered before any view is looked for (contract §1.2, §1.4).

use crate::settings::Settings;

use super::{cors, host, request::Incoming, response::Answer};

/// Characters besides letters, digits and `_.-~` that stay as they are in a redirect's path.
const SAFE_IN_PATHS: &[u8] = b"/:@&+$,!*'()";
/// The same for its query.
const SAFE_IN_QUERIES: &[u8] = b"/#%[]=:;$&()+,!?*@'";

/// Redirect to `https`, preflight, refused host: in this order.
pub(super) fn check(request: &Incoming<'_>, settings: &Settings) -> Option<Answer> {
    let host = host::of(request);
    let host_is_allowed = host::is_allowed(host, &settings.allowed_hosts);
    if settings.secure_ssl_redirect && !host::is_secure(request, settings) {
        return Some(if host_is_allowed {
            Answer::moved_to_https(format!("https://{host}{}", full_path(request, "")))
        } else {
            Answer::host_refused_before_all()
        });
    }
    if cors::is_preflight(request) {
        return Some(Answer::preflight());
    }
    (!host_is_allowed).then(Answer::host_refused)
}

/// The redirect to the same path with a slash.
pub(super) fn append_slash(request: &Incoming<'_>) -> Answer {
    Answer::moved(full_path(request, "/"))
}

fn full_path(request: &Incoming<'_>, suffix: &str) -> String {
    let path = quote(&request.path, SAFE_IN_PATHS);
    match request.raw_query {
        "" => format!("{path}{suffix}"),
        query => format!("{path}{suffix}?{}", quote(query, SAFE_IN_QUERIES)),
    }
}

fn quote(text: &str, safe: &[u8]) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || safe.contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            quoted.push_str(&format!("%{byte:02X}"));
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_quote_what_urls_cannot_hold() {
        assert_eq!(quote("/a b/ü;=", SAFE_IN_PATHS), "/a%20b/%C3%BC%3B%3D");
        assert_eq!(quote("a=b%20c&d=\"", SAFE_IN_QUERIES), "a=b%20c&d=%22");
    }
}
