//! Keeps web pages away from an admin port that asks for no token.
//!
//! A browser on the same machine reaches loopback addresses for any page it shows. What a page of
//! another site sends names that site: in `Origin`, and, when its name was made to resolve to this
//! machine (DNS rebinding), in `Host`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    #[error(
        "without a configured token the admin port answers to localhost and to IP addresses only"
    )]
    Host,
    #[error("a page of another origin sent this request")]
    Origin,
}

/// Refuses what a page of another site could have sent.
pub(super) fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
    let host = match (uri.authority(), headers.get(header::HOST)) {
        (Some(authority), _) => Some(authority.clone()),
        (None, Some(host)) => Authority::try_from(host.as_bytes()).ok(),
        (None, None) => None,
    };
    let host = host.filter(is_nobodys_name).ok_or(Foreign::Host)?;
    let same = |origin: &HeaderValue| {
        let (_, authority) = origin.to_str().ok()?.split_once("://")?;
        Some(authority.eq_ignore_ascii_case(host.as_str()))
    };
    match headers.get(header::ORIGIN) {
        Some(origin) if same(origin) != Some(true) => Err(Foreign::Origin),
        _ => Ok(()),
    }
}

/// Whether nobody can make the name resolve to something else.
fn is_nobodys_name(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check(&Uri::from_static("/api/stage"), &headers)
    }

    #[test]
    fn tools_and_the_own_page_are_let_in() {
        for host in ["localhost:9900", "127.0.0.1:9900", "[::1]:9900", "10.0.0.7"] {
            assert_eq!(verdict(host, None), Ok(()), "{host}");
            let own = format!("http://{host}");
            assert_eq!(verdict(host, Some(&own)), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_rebound_is_refused() {
        for host in [
            "evil.example:9900",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert_eq!(verdict(host, None), Err(Foreign::Host), "{host}");
        }
        let none = check(&Uri::from_static("/"), &HeaderMap::new());
        assert_eq!(none, Err(Foreign::Host));
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:8000",
            "http://127.0.0.1",
            "null",
            "",
        ] {
            let refused = verdict("127.0.0.1:9900", Some(origin));
            assert_eq!(refused, Err(Foreign::Origin), "{origin}");
        }
    }
}
