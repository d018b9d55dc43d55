//! The recorded corpus goes through the proxy byte for byte.

use std::{path::Path, sync::Arc};

use parity::{
    exchange::{Request, Response},
    fixture::Corpus,
};
use parking_lot::Mutex;
use shadow_proxy::{Config, Proxy, config::ForwardedMode};

use crate::support::{Backend, raw};

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    let mut framed = false;
    for (name, value) in &request.headers.0 {
        framed |= name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding");
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if !framed && !request.body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", request.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

/// The answer as the reference would write it: chunked where it announced no length.
fn answer_bytes(response: &Response) -> Vec<u8> {
    let status = http::StatusCode::from_u16(response.status).unwrap();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", response.status).into_bytes();
    for (name, value) in &response.headers.0 {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if response.headers.get("content-length").is_some() {
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&response.body);
    } else {
        assert!(
            response.body.is_empty(),
            "only redirects come without a length"
        );
        if response.headers.get("transfer-encoding").is_none() {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    bytes
}

fn latin1(text: &str) -> Vec<u8> {
    let byte = |c| u8::try_from(u32::from(c)).expect("one character for each byte");
    text.chars().map(byte).collect()
}

/// The bytes without the lines that belong to one connection, and without the white space around
/// values, which is no part of them (RFC 9110 §5.5).
fn without_connection(bytes: &[u8]) -> Vec<u8> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let mut kept = Vec::new();
    for line in bytes[..end].split(|byte| *byte == b'\n') {
        if line.to_ascii_lowercase().starts_with(b"connection:") {
            continue;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) if !kept.is_empty() => {
                kept.extend_from_slice(&line[..=colon]);
                kept.extend_from_slice(line[colon + 1..].trim_ascii());
            }
            _ => kept.extend_from_slice(line.trim_ascii_end()),
        }
        kept.push(b'\n');
    }
    kept.extend_from_slice(&bytes[end..]);
    kept
}

#[tokio::test]
async fn every_recorded_exchange_passes_byte_for_byte() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let corpus = Corpus::read(&corpus).unwrap();
    let due = Arc::new(Mutex::new(Vec::new()));
    let answer = Arc::clone(&due);
    let reference = Backend::start(move |_| answer.lock().clone()).await;
    let mut config = Config::forwarding_to(&reference.url());
    config.forwarded.mode = ForwardedMode::Keep;
    let proxy = Proxy::start(config).await.unwrap();
    let steps = corpus
        .groups
        .iter()
        .flat_map(|group| &group.scenarios)
        .flat_map(|scenario| &scenario.steps);
    let (mut count, mut changed) = (0, Vec::new());
    for step in steps {
        count += 1;
        let name = format!("{}#{}", step.scenario, step.step);
        let (sent, expected) = (request_bytes(&step.request), answer_bytes(&step.response));
        due.lock().clone_from(&expected);
        let seen = reference.arrived().len();
        let got = raw(proxy.address(), &sent).await;
        if without_connection(&got) != without_connection(&expected) {
            changed.push(format!(
                "{name}: answer {:?} for {:?}",
                String::from_utf8_lossy(&got),
                step.request.target
            ));
            continue;
        }
        let arrived = reference
            .arrived()
            .pop()
            .filter(|_| reference.arrived().len() == seen + 1);
        let arrived = arrived.map(|request| [latin1(&request.head), request.body].concat());
        let arrived = arrived.as_deref().map(without_connection);
        if arrived.as_deref() != Some(&without_connection(&sent)) {
            let arrived = arrived.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            changed.push(format!(
                "{name}: request {arrived:?} for {:?}",
                String::from_utf8_lossy(&sent)
            ));
        }
    }
    assert!(count > 1_000, "{count} steps are not the corpus");
    assert!(
        changed.is_empty(),
        "{} of {count}:\n{}",
        changed.len(),
        changed.join("\n")
    );
}
