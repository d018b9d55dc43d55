//! The primary path gives the client the backend's bytes.

use shadow_proxy::{Config, Handle, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Backend, raw, raw_text};

async fn proxy_to(url: &str) -> Handle {
    Proxy::start(Config::forwarding_to(url)).await.unwrap()
}

const ANSWER: &str = "HTTP/1.1 418 Short And Stout\r\nserver: uvicorn\r\nContent-Type: x/y\r\n\
                      X-Frame-Options: DENY\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\n\
                      Set-Cookie: b=2\r\n\r\nhel\0o";

#[tokio::test]
async fn an_answer_arrives_byte_for_byte() {
    let backend = Backend::answering(ANSWER.as_bytes()).await;
    let proxy = proxy_to(&backend.url()).await;
    let answer = raw_text(
        proxy.address(),
        "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
    assert_eq!(answer, format!("{head}\r\nconnection: close\r\n\r\n{body}"));
}

#[tokio::test]
async fn a_request_keeps_target_header_case_order_and_host() {
    let backend = Backend::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let proxy = proxy_to(&backend.url()).await;
    for target in [
        "/internal%2Fembed/a/../b//c;x?q=%zz&q={}",
        "/internal/customization/credential/DeveloperList#RepoOne#110edaa4",
        "http://elsewhere/absolute",
        "/a<b>\"{}|\\^`",
        "/.raw-target/2f",
    ] {
        let request = format!(
            "PoST {target} HTTP/1.1\r\nHost: api.Test\r\nX-API-Key: k\r\nx_api_key: l\r\n\
             ACCEPT: */*\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
        );
        raw(proxy.address(), request.as_bytes()).await;
        let arrived = backend.arrived().pop().unwrap();
        let expected = format!(
            "PoST {target} HTTP/1.1\r\nHost: api.Test\r\nX-API-Key: k\r\nx_api_key: l\r\n\
             ACCEPT: */*\r\nContent-Length: 2\r\nx-forwarded-for: 127.0.0.1\r\n\
             x-forwarded-proto: http\r\nx-forwarded-host: api.Test\r\n\r\n"
        );
        assert_eq!(arrived.head, expected);
        assert_eq!(arrived.body, b"hi");
    }
}

#[tokio::test]
async fn connections_to_the_backend_are_kept_and_a_closed_one_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(&format!("http://{}", listener.local_addr().unwrap())).await;
    let get = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let backend = tokio::spawn(async move {
        let mut answered = Vec::new();
        for requests in [2, 1] {
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..requests {
                let mut buffer = [0; 4096];
                let length = stream.read(&mut buffer).await.unwrap();
                answered.push(length > 0);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
            }
        }
        answered
    });
    for _ in 0..3 {
        let answer = raw(proxy.address(), get).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{answer:?}");
    }
    assert_eq!(backend.await.unwrap(), [true; 3]);
}

#[tokio::test]
async fn a_read_lost_on_a_kept_connection_is_sent_again_as_it_was_and_a_write_is_not() {
    for (method, is_reset, arrivals, status) in [
        ("GET", false, 3, "200 OK"),
        ("GET", true, 3, "200 OK"),
        ("POST", false, 2, "502 Bad Gateway"),
        ("POST", true, 2, "502 Bad Gateway"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = proxy_to(&format!("http://{}", listener.local_addr().unwrap())).await;
        let (heads, mut arrived) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            // The first connection is closed on its second request, without an answer.
            for answers in [1, 2] {
                let (mut stream, _) = listener.accept().await.unwrap();
                for number in 0..2 {
                    let mut buffer = vec![0; 4096];
                    let length = stream.read(&mut buffer).await.unwrap();
                    buffer.truncate(length);
                    heads.send(String::from_utf8(buffer).unwrap()).unwrap();
                    if number == answers {
                        if is_reset {
                            stream.set_zero_linger().unwrap();
                        }
                        break;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        let mut last = String::new();
        for target in ["/first", "/A%2f?b=#c"] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHOST: h\r\nx-Key: k\r\nConnection: close\r\n\r\n"
            );
            last = raw_text(proxy.address(), &request).await;
        }
        assert!(last.starts_with(&format!("HTTP/1.1 {status}")), "{last}");
        let mut seen = Vec::new();
        while let Ok(head) = arrived.try_recv() {
            seen.push(head);
        }
        assert_eq!(seen.len(), arrivals, "{seen:?}");
        assert!(
            seen[1].starts_with(&format!(
                "{method} /A%2f?b=#c HTTP/1.1\r\nHOST: h\r\nx-Key: k\r\n"
            )),
            "{seen:?}"
        );
        assert!(seen[2..].iter().all(|head| *head == seen[1]), "{seen:?}");
    }
}

#[tokio::test]
async fn an_empty_chunked_answer_stays_chunked() {
    let backend = Backend::answering(
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /internal/\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    )
    .await;
    let proxy = proxy_to(&backend.url()).await;
    let answer = raw_text(
        proxy.address(),
        "GET /internal HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    assert!(
        !answer.to_ascii_lowercase().contains("content-length"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_refused_connection_is_a_502_that_says_so() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(&format!("http://{}", gone.local_addr().unwrap())).await;
    drop(gone);
    let answer = raw_text(
        proxy.address(),
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\"class\": \"upstream_connection_refused\""),
        "{answer}"
    );
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let backend = Backend::answering(
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n",
    )
    .await;
    let proxy = proxy_to(&backend.url()).await;
    let answer = raw_text(
        proxy.address(),
        "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTrailer: X-In\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n3\r\nabc\r\n0\r\nX-In: 9\r\n\r\n",
    )
    .await;
    assert!(
        answer
            .to_ascii_lowercase()
            .ends_with("0\r\nx-sum: 7\r\n\r\n"),
        "{answer}"
    );
    let sent = String::from_utf8(backend.arrived().pop().unwrap().body).unwrap();
    assert!(
        sent.to_ascii_lowercase().ends_with("0\r\nx-in: 9\r\n\r\n"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_body_nobody_asked_for_is_not_asked_for() {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(&format!("http://{}", backend.local_addr().unwrap())).await;
    let seen = tokio::spawn(async move {
        let (mut stream, _) = backend.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.unwrap();
        let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
        stream.write_all(answer).await.unwrap();
        let more = stream.read(&mut buffer).await.unwrap_or(0);
        (length, more)
    });
    let answer = raw_text(
        proxy.address(),
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let (length, more) = seen.await.unwrap();
    assert!(length > 0);
    assert_eq!(more, 0, "no body may follow");
}

#[tokio::test]
async fn permission_to_send_a_body_comes_from_the_backend() {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(&format!("http://{}", backend.local_addr().unwrap())).await;
    let seen = tokio::spawn(async move {
        let (mut stream, _) = backend.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let _head = stream.read(&mut buffer).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
            .unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
        buffer.truncate(length);
        buffer
    });
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let mut buffer = [0; 25];
    client.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"abc").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK"), "{rest}");
    assert_eq!(seen.await.unwrap(), b"abc");
}

#[tokio::test]
async fn a_switch_of_protocols_is_carried_through() {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(&format!("http://{}", backend.local_addr().unwrap())).await;
    tokio::spawn(async move {
        let (mut stream, _) = backend.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let _head = stream.read(&mut buffer).await.unwrap();
        stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
            )
            .await
            .unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        stream.write_all(&buffer[..length]).await.unwrap();
    });
    let answer = {
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        client
            .write_all(
                b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
            )
            .await
            .unwrap();
        let mut head = vec![0; 4096];
        let length = client.read(&mut head).await.unwrap();
        head.truncate(length);
        client.write_all(b"GET /# not http").await.unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        (String::from_utf8(head).unwrap(), rest)
    };
    assert!(
        answer.0.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{answer:?}"
    );
    assert!(
        answer.0.to_ascii_lowercase().contains("upgrade: echo"),
        "{answer:?}"
    );
    assert_eq!(answer.1, "GET /# not http");
}

#[tokio::test]
async fn a_new_configuration_takes_effect_without_a_new_connection() {
    let old = Backend::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold").await;
    let new = Backend::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew").await;
    let proxy = proxy_to(&old.url()).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    for expected in ["old", "new"] {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        let mut buffer = vec![0; 4096];
        let length = client.read(&mut buffer).await.unwrap();
        buffer.truncate(length);
        assert!(buffer.ends_with(expected.as_bytes()), "{buffer:?}");
        proxy.reload(Config::forwarding_to(&new.url())).unwrap();
    }
}
