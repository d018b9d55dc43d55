//! What happens on a connection over several requests.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{exchange, last, read_to_end, start, status};

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let server = start(&[]).await;
    let mut bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /");
    bytes.extend_from_slice(&last("GET /internal/check-bans", ""));
    let received = exchange(server.address(), &bytes).await;
    let statuses: Vec<_> = received
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|response| &response[..3])
        .collect();
    assert_eq!(statuses, ["302", "404", "405"]);
}

#[tokio::test]
async fn no_request_can_be_smuggled_in_a_body() {
    let server = start(&[]).await;
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 44",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
    ] {
        let bytes = format!(
            "POST /nope HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
        );
        let received = exchange(server.address(), bytes.as_bytes()).await;
        assert_eq!(received.matches("HTTP/1.1 ").count(), 1, "{fields}");
        assert_eq!(status(&received), "400", "{fields}");
    }
}

#[tokio::test]
async fn http_10_connections_end_with_their_answer() {
    let server = start(&[("ALLOWED_HOSTS", r#"["*"]"#)]).await;
    let received = exchange(server.address(), b"GET /nope HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&received), "404");
    assert!(received.contains("Connection: close\r\n"));
}

#[tokio::test]
async fn http_2_without_tls_is_spoken() {
    let server = start(&[]).await;
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let driver = tokio::spawn(connection);
    let request = http::Request::get("http://h/internal/check-bans")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Method not allowed");
    drop(sender);
    driver.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_lets_open_requests_finish_and_ends_idle_connections() {
    let server = start(&[]).await;
    let address = server.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    // The server reads the length and now waits for the body.
    busy.write_all(
        b"POST /nope HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    )
    .await
    .unwrap();
    let mut interim = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut busy, &mut interim)
        .await
        .unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");

    let stopping = tokio::spawn(server.shutdown());
    assert_eq!(read_to_end(&mut idle).await, "");
    busy.write_all(b"{}").await.unwrap();
    let answer = read_to_end(&mut busy).await;
    assert_eq!(status(&answer), "404");
    assert!(answer.contains("Connection: close\r\n"));
    assert!(stopping.await.unwrap(), "all requests finished in time");
    assert!(TcpStream::connect(address).await.is_err());
}
