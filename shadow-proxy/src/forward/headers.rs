//! Hop-by-hop fields end here, end-to-end fields pass in the order they came.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, COOKIE, Entry, HOST, TE, TRANSFER_ENCODING, UPGRADE},
};

use crate::config::ForwardedMode;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a field belongs to one connection whatever `Connection` says (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
    )
}

/// The protocol a message asks to switch to, if it does.
pub fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"));
    asks.then(|| headers.get(UPGRADE).cloned()).flatten()
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|option| !option.is_empty())
}

/// Removes what belongs to the connection the message came on. `TE: trailers` stays, because
/// trailers are passed through. The order of the rest does not change.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip_hop_by_hop_but(headers, false);
}

/// Whether a body comes in chunks, and in nothing else besides.
pub fn is_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_some_and(|coding| coding == "chunked") && codings.next().is_none()
}

/// [`strip_hop_by_hop`], leaving `Transfer-Encoding` where it is if `keep_coding`.
pub fn strip_hop_by_hop_but(headers: &mut HeaderMap, keep_coding: bool) {
    // Nothing ends here by another's word if `Connection` is not there either.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let wants_trailers = headers.get_all(TE).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value
                .split(',')
                .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
        })
    });
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|option| HeaderName::from_bytes(option.as_bytes()).ok())
        .filter(|name| !is_framing(name))
        .collect();
    let ends_here = |name: &HeaderName| {
        let kept = keep_coding && *name == TRANSFER_ENCODING;
        !kept && (is_hop_by_hop(name) || named.contains(name))
    };
    retain(headers, |name| !ends_here(name));
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Fields that `Connection` cannot make disappear: without them the message would mean another.
fn is_framing(name: &HeaderName) -> bool {
    *name == CONTENT_LENGTH || *name == HOST
}

/// `HeaderMap::remove` moves the last field into the gap; this keeps the order.
fn retain(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    // The last field leaves no gap, and most often it is `Connection`.
    while let Some(name) = headers.keys().last().filter(|name| !keep(name)).cloned() {
        headers.remove(&name);
    }
    if headers.keys().all(&keep) {
        return;
    }
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut last: Option<HeaderName> = None;
    for (name, value) in headers.drain() {
        // A repeated field comes with its name only the first time.
        if name.is_some() {
            last = name;
        }
        if let Some(name) = last.as_ref().filter(|name| keep(name)) {
            kept.append(name.clone(), value);
        }
    }
    *headers = kept;
}

/// Removes one field without changing the order of the others.
pub fn remove(headers: &mut HeaderMap, name: &HeaderName) {
    retain(headers, |field| field != name);
}

/// Says who asked, as configured; `client` is its address.
pub fn set_forwarded(headers: &mut HeaderMap, mode: ForwardedMode, client: &HeaderValue) {
    if mode == ForwardedMode::Keep {
        return;
    }
    let replace = mode == ForwardedMode::Replace;
    match headers.entry(FORWARDED_FOR) {
        Entry::Occupied(mut before) => {
            let kept = before.iter().filter(|_| !replace);
            let chain: Vec<&[u8]> = kept.chain([client]).map(HeaderValue::as_bytes).collect();
            if let Ok(chain) = HeaderValue::from_bytes(&chain.join(b", ".as_slice())) {
                before.insert(chain);
            }
        }
        Entry::Vacant(place) => {
            place.insert(client.clone());
        }
    }
    set(
        headers,
        FORWARDED_PROTO,
        HeaderValue::from_static("http"),
        replace,
    );
    match headers.get(HOST).cloned() {
        Some(host) => set(headers, FORWARDED_HOST, host, replace),
        None if replace => remove(headers, &FORWARDED_HOST),
        None => {}
    }
}

/// Sets a field where it is absent, or in any case if `replace`.
fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue, replace: bool) {
    match headers.entry(name) {
        Entry::Vacant(place) => {
            place.insert(value);
        }
        Entry::Occupied(mut before) if replace => {
            before.insert(value);
        }
        Entry::Occupied(_) => {}
    }
}

/// HTTP/2 may split cookies over several fields; HTTP/1.1 wants them in one (RFC 9113 §8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if cookies.len() > 1
        && let Ok(value) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn fields_of_one_connection_end_and_the_rest_keeps_its_order() {
        let mut headers = map(&[
            ("host", "h"),
            ("connection", "close, X-Private"),
            ("a", "1"),
            ("x-private", "secret"),
            ("b", "2"),
            ("keep-alive", "timeout=5"),
            ("a", "3"),
            ("c", "4"),
        ]);
        strip_hop_by_hop(&mut headers);
        let expected = map(&[
            ("host", "h"),
            ("a", "1"),
            ("a", "3"),
            ("b", "2"),
            ("c", "4"),
        ]);
        assert_eq!(fields(&headers), fields(&expected));
    }

    #[test]
    fn connection_cannot_take_the_framing_away() {
        let mut headers = map(&[
            ("host", "h"),
            ("connection", "content-length, host"),
            ("content-length", "3"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(
            fields(&headers),
            fields(&map(&[("host", "h"), ("content-length", "3")]))
        );
    }

    #[test]
    fn a_wish_for_trailers_passes_but_no_other_coding_does() {
        let mut headers = map(&[("te", "gzip, trailers")]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(fields(&headers), fields(&map(&[("te", "trailers")])));
    }

    #[test]
    fn the_client_address_is_appended_replaced_or_kept() {
        let client = HeaderValue::from_static("10.0.0.9");
        let sent = map(&[
            ("host", "h"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
        ]);
        for (mode, expected) in [
            (ForwardedMode::Append, "1.1.1.1, 2.2.2.2, 10.0.0.9"),
            (ForwardedMode::Replace, "10.0.0.9"),
        ] {
            let mut headers = sent.clone();
            set_forwarded(&mut headers, mode, &client);
            assert_eq!(headers["x-forwarded-for"], expected);
            assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
            assert_eq!(headers["x-forwarded-proto"], "http");
        }
        let mut headers = sent.clone();
        set_forwarded(&mut headers, ForwardedMode::Keep, &client);
        assert_eq!(fields(&headers), fields(&sent));
    }

    #[test]
    fn split_cookies_are_joined_for_http1() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers["cookie"], "a=1; b=2");
    }
}
