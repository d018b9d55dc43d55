//! What scripts of other origins are told (contract §1.2, §1.4).

use std::net::Ipv6Addr;

use super::request::Incoming;

/// What a response says about other origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cors {
    /// Nothing: the path is one that the Python extension does not look at.
    Silent,
    /// That it depends on the origin.
    Varies,
    /// That a script of any origin may read it.
    Allowed,
    /// And what it may send: every `OPTIONS` gets to know, asked or not.
    Described,
}

impl Cors {
    pub(super) fn of(request: &Incoming<'_>) -> Self {
        if !covers(&request.path) {
            return Self::Silent;
        }
        let origin = request.headers.get("Origin").unwrap_or_default();
        match (!origin.is_empty() && is_url(origin), &*request.method) {
            (false, _) => Self::Varies,
            (true, "OPTIONS") => Self::Described,
            (true, _) => Self::Allowed,
        }
    }
}

/// Whether this is the question before a request, which is answered for any path that is looked at.
pub(super) fn is_preflight(request: &Incoming<'_>) -> bool {
    let asks = request.headers.get("Access-Control-Request-Method");
    request.method == "OPTIONS" && asks.is_some() && covers(&request.path)
}

/// The expression `^.*$` of the extension: no line feed but a last one.
fn covers(path: &str) -> bool {
    !path.strip_suffix('\n').unwrap_or(path).contains('\n')
}

/// Whether Python's `urlsplit` takes a text: brackets in the host must be around an IP address of
/// version 6 or later. Otherwise the request counts as one without an origin.
fn is_url(text: &str) -> bool {
    let text = text.trim_start_matches(|character| character <= ' ');
    let text = text.replace('\t', "");
    let Some(host) = without_scheme(&text).strip_prefix("//") else {
        return true;
    };
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    match (host.split_once('['), host.contains(']')) {
        (None, closes) => !closes,
        (Some(_), false) => false,
        (Some((_, rest)), true) => {
            is_bracketed_host(rest.split_once(']').map_or(rest, |(inside, _)| inside))
        }
    }
}

fn without_scheme(url: &str) -> &str {
    match url.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            rest
        }
        _ => url,
    }
}

fn is_bracketed_host(host: &str) -> bool {
    if let Some(future) = host.strip_prefix('v') {
        return future.split_once('.').is_some_and(|(version, rest)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !rest.is_empty()
        });
    }
    let (address, zone) = host.split_once('%').unwrap_or((host, "-"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && !zone.contains('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_looked_at_up_to_a_line_feed() {
        for path in ["/a", "/a\n", "\n", ""] {
            assert!(covers(path), "{path:?}");
        }
        for path in ["/a\nb", "/a\n\n", "\n/"] {
            assert!(!covers(path), "{path:?}");
        }
    }

    #[test]
    fn origins_are_whatever_python_can_split() {
        // Each tried with CPython 3.12's urllib.parse.urlsplit.
        for origin in [
            "https://a.test",
            "null",
            "x",
            "http://[::1]:80",
            "http://[::1%eth0]",
            "[::1",
            "a/[",
            "http://h/[",
            "http:/[",
            "http://[v1.x]",
            "//a",
            "\u{e9}",
        ] {
            assert!(is_url(origin), "{origin}");
        }
        for origin in [
            "http://[::1",
            "http://a]",
            "//[",
            "\t //[x]",
            "http://[127.0.0.1]",
            "http://[v.x]",
            "http://[]",
            "http://[::1%]",
            "h\tttp://[",
        ] {
            assert!(!is_url(origin), "{origin}");
        }
    }
}
