//! Requests and answers on whose limits two parsers could disagree: never forwarded as they came.

use shadow_proxy::{Config, Proxy};

use crate::support::{Backend, raw};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What an ambiguous request tries to get past the proxy.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn a_request_with_ambiguous_limits_is_refused() {
    let reference = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    for (case, fields) in [
        ("two lengths", "Content-Length: 0\r\nContent-Length: 35\r\n"),
        ("a list of lengths", "Content-Length: 0, 35\r\n"),
        ("a signed length", "Content-Length: +0\r\n"),
        ("a negative length", "Content-Length: -1\r\n"),
        ("a hexadecimal length", "Content-Length: 0x0\r\n"),
        (
            "an endless length",
            "Content-Length: 99999999999999999999\r\n",
        ),
        ("a space before the colon", "Content-Length : 0\r\n"),
        ("a folded field", "X-A: b\r\n Content-Length: 35\r\n"),
        ("a folded first field", " X-A: b\r\n"),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n"),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, identity\r\n",
        ),
        ("a space in a coding", "Transfer-Encoding : chunked\r\n"),
        (
            "a vertical tab before a coding",
            "Transfer-Encoding: \x0bchunked\r\n",
        ),
        (
            "a tab before a coding's colon",
            "Transfer-Encoding\t: chunked\r\n",
        ),
        ("a coding in quotes", "Transfer-Encoding: \"chunked\"\r\n"),
        (
            "a coding hidden by another",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
        ),
        (
            "a coding on a folded line",
            "Transfer-Encoding:\r\n chunked\r\n",
        ),
        (
            "two different lengths",
            "Content-Length: 5\r\ncontent-length: 6\r\n",
        ),
        ("a length with a blank inside", "Content-Length: 1 2\r\n"),
        ("a bare carriage return", "X-A: b\rContent-Length: 35\r\n"),
        ("a null byte", "X-A: b\0c\r\n"),
        ("a name with a space", "X A: b\r\n"),
        ("no name", ": b\r\n"),
    ] {
        let request = format!("POST /outer HTTP/1.1\r\nHost: h\r\n{fields}\r\n{HIDDEN}");
        let before = reference.arrived().len();
        let answer = raw(proxy.address(), request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{case}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{case}: {answer}");
        assert_eq!(
            reference.arrived().len(),
            before,
            "{case} reached the reference"
        );
    }
}

#[tokio::test]
async fn malformed_chunks_end_the_exchange() {
    let reference = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    for (case, body) in [
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("a size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
        ("a size with a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a size too large", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("more data than the size", "2\r\nabc\r\n0\r\n\r\n"),
        (
            "a bare line feed in an extension",
            "3;a\nb\r\nabc\r\n0\r\n\r\n",
        ),
    ] {
        let request = format!(
            "POST /outer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}{HIDDEN}"
        );
        let answer = raw(proxy.address(), request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{case}: {answer}");
        let hidden = reference
            .arrived()
            .iter()
            .any(|request| request.line().contains("hidden"));
        assert!(!hidden, "{case}");
    }
}

#[tokio::test]
async fn of_a_length_and_chunks_only_the_chunks_are_forwarded() {
    let reference = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        let request = format!(
            "POST /outer HTTP/1.1\r\nHost: h\r\n{fields}Connection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        raw(proxy.address(), request.as_bytes()).await;
        let arrived = reference.arrived().pop().unwrap();
        assert!(
            arrived.fields("content-length").is_empty(),
            "{}",
            arrived.head
        );
        assert_eq!(arrived.body, b"5\r\nhello\r\n0\r\n\r\n");
    }
}

#[tokio::test]
async fn an_ambiguous_answer_is_a_502() {
    for (case, answer) in [
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nokok",
        ),
        (
            "no length at all",
            "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        ),
        (
            "a folded field",
            "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "a null byte",
            "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok",
        ),
        ("no HTTP", "hello\r\n\r\n"),
    ] {
        let reference = Backend::answering(answer.as_bytes()).await;
        let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
            .await
            .unwrap();
        let get = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let got = raw(proxy.address(), get).await;
        let got = String::from_utf8_lossy(&got).into_owned();
        assert!(got.starts_with("HTTP/1.1 502"), "{case}: {got}");
        assert!(got.contains("upstream_invalid_response"), "{case}: {got}");
    }
}

/// What a reference adds to an answer must not become the answer to somebody else's request.
#[tokio::test]
async fn bytes_after_an_answer_are_given_to_nobody() {
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for (method, answer) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"),
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 60\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 60\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
    ] {
        let poisoned = format!("{answer}{POISON}");
        let reference = Backend::start(move |request| {
            let first = request.line().contains("first");
            if first { poisoned.as_bytes() } else { OK }.to_vec()
        })
        .await;
        let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
            .await
            .unwrap();
        for target in ["first", "second", "third"] {
            let request =
                format!("{method} /{target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            let got = raw(proxy.address(), request.as_bytes()).await;
            let got = String::from_utf8_lossy(&got).into_owned();
            assert!(!got.contains("poison"), "{method} {answer}: {got}");
            assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_length_and_chunks_keeps_the_chunks_alone() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let reference = Backend::answering(answer).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    let get = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let got = raw(proxy.address(), get).await;
    let got = String::from_utf8_lossy(&got).to_ascii_lowercase();
    let both = got.contains("content-length") && got.contains("transfer-encoding");
    assert!(!both, "{got}");
}
