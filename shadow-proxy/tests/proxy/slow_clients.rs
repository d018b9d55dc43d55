//! Clients that keep the proxy waiting are let go of, on both ports, and hold up nobody else.

use std::{net::SocketAddr, time::Duration};

use shadow_proxy::{Config, Handle, Proxy, config::units::Span};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::support::{Backend, PATIENCE, get, settled};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn impatient(reference: &Backend) -> Handle {
    let mut config = Config::forwarding_to(&reference.url());
    config.limits.head_timeout = Span::millis(300);
    config.limits.body_idle_timeout = Span::millis(300);
    // As many as there are slow clients below: they must not keep the last one out for ever.
    config.limits.connections = 8;
    Proxy::start(config).await.unwrap()
}

/// Sends `bytes` one by one with pauses, then nothing more; waits until the other side ends it.
async fn drip(address: SocketAddr, bytes: &'static [u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let dripping = async {
        for byte in bytes {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let mut rest = Vec::new();
        // Reset or closed, it is over.
        let _ = stream.read_to_end(&mut rest).await;
        rest
    };
    let answer = timeout(PATIENCE, dripping).await.expect("let go of");
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let reference = Backend::answering(OK).await;
    let proxy = impatient(&reference).await;
    for address in [proxy.address(), proxy.admin_address()] {
        let slow = [
            &b""[..],
            b"G",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"PRI * HT",
            b"PRI * HTTP/2.0\r\n\r\n",
        ];
        let clients: Vec<_> = (0..16)
            .map(|turn| tokio::spawn(drip(address, slow[turn % slow.len()])))
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let answer = get(address, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(reference.arrived().len(), 1, "only the last request");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let reference = Backend::answering(OK).await;
    let proxy = impatient(&reference).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTT")
        .await
        .unwrap();
    let mut answers = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answers))
        .await
        .expect("let go of")
        .unwrap();
    assert!(answers.starts_with(b"HTTP/1.1 200"), "{answers:?}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_gives_its_backend_connection_back() {
    let large = [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"[..],
        &vec![b'x'; 64 << 20],
    ]
    .concat();
    let reference = Backend::start(move |request| match request.line().contains("large") {
        true => large.clone(),
        false => OK.to_vec(),
    })
    .await;
    let mut config = Config::forwarding_to(&reference.url());
    config.limits.body_idle_timeout = Span::millis(300);
    config.reference.max_connections = 1;
    config.reference.connect_timeout = Span::secs(15);
    let proxy = Proxy::start(config).await.unwrap();
    let mut lazy = TcpStream::connect(proxy.address()).await.unwrap();
    lazy.write_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    // The first byte of the answer: from here on the only connection is taken.
    lazy.readable().await.unwrap();
    let answer = get(proxy.address(), "/small").await;
    assert!(answer.ends_with("ok"), "{answer}");
    settled(&proxy).await;
}
