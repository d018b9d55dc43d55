//! Requests over HTTP/2, written frame by frame, that would be two requests or another one if they
//! were written down as HTTP/1 as they came.

use shadow_proxy::{Config, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Backend, PATIENCE};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const HEADERS: u8 = 1;
const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
    frame.extend_from_slice(payload);
    frame
}

/// HPACK's plainest form: every field in full, nothing remembered.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|n| *n < 127).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A request with these further fields and this body.
fn request(pseudo: [&str; 3], further: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let [method, path, authority] = pseudo;
    let mut all = vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
    ];
    all.extend_from_slice(further);
    let end = if body.is_empty() { END_STREAM } else { 0 };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS | end, 1, &fields(&all)));
    if !body.is_empty() {
        bytes.extend(frame(DATA, END_STREAM, 1, body));
    }
    bytes
}

const PLAIN: [&str; 3] = ["POST", "/outer", "h"];

#[tokio::test]
async fn what_http_1_would_read_differently_does_not_reach_the_reference() {
    let hidden = "x\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    for (case, bytes) in [
        (
            "a value with a line end",
            request(PLAIN, &[("x-a", hidden)], b""),
        ),
        (
            "a value with a line feed",
            request(PLAIN, &[("x-a", "b\nhidden: 1")], b""),
        ),
        (
            "a value with a null byte",
            request(PLAIN, &[("x-a", "b\0hidden")], b""),
        ),
        (
            "a name with a line end",
            request(PLAIN, &[("x-a: b\r\nhidden", "1")], b""),
        ),
        (
            "a name with a colon",
            request(PLAIN, &[("hidden: 1", "1")], b""),
        ),
        (
            "a name in capitals",
            request(PLAIN, &[("X-Hidden", "1")], b""),
        ),
        (
            "a path with a blank",
            request(["POST", "/outer HTTP/1.1\r\nhidden: 1", "h"], &[], b""),
        ),
        (
            "a method with a blank",
            request(["GET /hidden HTTP/1.1", "/outer", "h"], &[], b""),
        ),
        (
            "a host with a line end",
            request(["POST", "/outer", "h\r\nhidden: 1"], &[], b""),
        ),
        (
            "a coding",
            request(
                PLAIN,
                &[("transfer-encoding", "chunked")],
                b"0\r\n\r\nGET /hidden",
            ),
        ),
        (
            "a connection field",
            request(PLAIN, &[("connection", "x-hidden"), ("x-hidden", "1")], b""),
        ),
        (
            "a length too small",
            request(PLAIN, &[("content-length", "1")], b"xhidden"),
        ),
        (
            "a length too large",
            request(PLAIN, &[("content-length", "99")], b"hidden"),
        ),
        (
            "two lengths",
            request(
                PLAIN,
                &[("content-length", "6"), ("content-length", "1")],
                b"hidden",
            ),
        ),
        (
            "a pseudo field at the end",
            request(PLAIN, &[("x-a", "b"), (":path", "/hidden")], b""),
        ),
    ] {
        let reference = Backend::answering(OK).await;
        let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
            .await
            .unwrap();
        converse(&proxy, &bytes).await;
        for arrived in reference.arrived() {
            let lower = arrived.head.to_ascii_lowercase();
            assert!(!lower.contains("hidden"), "{case}: {}", arrived.head);
            assert!(
                arrived.fields("transfer-encoding").len() <= 1,
                "{case}: {}",
                arrived.head
            );
        }
        assert!(reference.arrived().len() <= 1, "{case}");
    }
}

/// The control: the same frames without any trick are a request that arrives.
#[tokio::test]
async fn a_plain_request_over_http_2_arrives_as_http_1() {
    let reference = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    converse(
        &proxy,
        &request(PLAIN, &[("x-a", "b"), ("content-length", "5")], b"hello"),
    )
    .await;
    let arrived = reference.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].line(), "POST /outer HTTP/1.1");
    assert_eq!(arrived[0].fields("x-a").len(), 1);
    assert_eq!(arrived[0].body, b"hello");
}

/// Sends the bytes and reads until the exchange is over: an answer, a reset stream, or the end of
/// the connection.
async fn converse(proxy: &shadow_proxy::Handle, bytes: &[u8]) {
    const RST_STREAM: u8 = 3;
    const GOAWAY: u8 = 7;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let over = async {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            let (kind, flags) = (head[3], head[4]);
            let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if ends || kind == RST_STREAM || kind == GOAWAY {
                return;
            }
        }
    };
    timeout(PATIENCE, over).await.expect("an end");
}
