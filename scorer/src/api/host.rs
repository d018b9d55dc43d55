//! Which hosts are served, and over what (contract §1.4).

use crate::settings::Settings;

use super::request::Incoming;

/// The host as Python reads it where a request names none.
const UNNAMED: &str = "unknown";

/// The `Host` header, or what stands in for it.
pub(crate) fn of<'a>(request: &'a Incoming<'_>) -> &'a str {
    request.headers.get("Host").unwrap_or(UNNAMED)
}

/// Whether the host is well-formed and one of `ALLOWED_HOSTS`.
pub(crate) fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let host = host.to_lowercase();
    let Some(domain) = domain(&host) else {
        return false;
    };
    allowed.iter().any(|pattern| {
        let pattern = pattern.to_lowercase();
        match pattern.strip_prefix('.') {
            _ if pattern == "*" => true,
            Some(parent) => domain == parent || domain.ends_with(&pattern),
            None => domain == pattern,
        }
    })
}

/// The host without its port and final dot; nothing if it is malformed.
fn domain(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            let address = &host[1..end - 1];
            let well_formed = address.contains(':')
                && address
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9' | b':' | b'.'));
            well_formed.then(|| host.split_at(end))?
        }
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            let well_formed = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
            well_formed.then_some((name, port))?
        }
    };
    let port_is_fine =
        port.is_empty() || (port.len() > 1 && port[1..].bytes().all(|byte| byte.is_ascii_digit()));
    port_is_fine.then(|| name.strip_suffix('.').unwrap_or(name))
}

/// Whether the proxy in front says that the client came over TLS.
pub(crate) fn is_secure(request: &Incoming<'_>, settings: &Settings) -> bool {
    let Some((name, secure)) = &settings.secure_proxy_ssl_header else {
        return false;
    };
    let name = name.strip_prefix("HTTP_").unwrap_or(name).replace('_', "-");
    let value = request.headers.get(&name).unwrap_or_default();
    let first = value.split(',').next().unwrap_or_default();
    first.trim() == secure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str, patterns: &[&str]) -> bool {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        is_allowed(host, &patterns)
    }

    #[test]
    fn hosts_match_in_any_case_with_any_port() {
        assert!(allowed("API.example.com:8000", &["api.Example.com"]));
        assert!(allowed("api.example.com.", &["api.example.com"]));
        assert!(!allowed("api.example.org", &["api.example.com"]));
        assert!(allowed("[::1]:80", &["[::1]"]));
    }

    #[test]
    fn a_leading_dot_takes_subdomains_in() {
        assert!(allowed("example.com", &[".example.com"]));
        assert!(allowed("a.b.example.com", &[".example.com"]));
        assert!(!allowed("notexample.com", &[".example.com"]));
    }

    #[test]
    fn malformed_hosts_are_refused_even_where_all_are_allowed() {
        assert!(allowed("anything", &["*"]));
        for host in ["", "a b", "a_b", "a:b", "a:", "[::1", "[zz]", "ü"] {
            assert!(!allowed(host, &["*"]), "{host}");
        }
    }
}
