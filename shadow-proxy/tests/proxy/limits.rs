//! What a client or a backend may not do for ever, or without measure.

use shadow_proxy::{
    Config, Proxy,
    config::units::{Size, Span},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Backend, PATIENCE, get, raw_text};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn read_once(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
}

fn told(answer: &str, status: &str, class: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status}")),
        "{answer}"
    );
    assert!(answer.contains("application/json"), "{answer}");
    assert!(
        answer.contains(&format!("\"class\": \"{class}\"")),
        "{answer}"
    );
    assert!(
        answer
            .to_ascii_lowercase()
            .contains(&format!("x-shadow-proxy-error: {class}")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_backend_that_fails_is_a_502_503_or_504_with_its_class() {
    let silent = Backend::handling(|mut stream| async move {
        read_once(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let closing = Backend::handling(|mut stream| async move { read_once(&mut stream).await }).await;

    let mut config = Config::forwarding_to(&silent.url());
    config.reference.response_timeout = Span::millis(100);
    let proxy = Proxy::start(config).await.unwrap();
    told(
        &get(proxy.address(), "/").await,
        "504",
        "upstream_response_timeout",
    );

    let proxy = Proxy::start(Config::forwarding_to(&closing.url()))
        .await
        .unwrap();
    told(
        &get(proxy.address(), "/").await,
        "502",
        "upstream_closed_connection",
    );

    let proxy = Proxy::start(Config::forwarding_to("http://no-such-host.invalid"))
        .await
        .unwrap();
    told(
        &get(proxy.address(), "/").await,
        "502",
        "upstream_name_not_resolved",
    );

    let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
    let busy = Backend::handling(move |mut stream| {
        let asked = asked.clone();
        async move {
            read_once(&mut stream).await;
            asked.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut config = Config::forwarding_to(&busy.url());
    config.reference.max_connections = 1;
    config.reference.connect_timeout = Span::millis(100);
    let proxy = Proxy::start(config).await.unwrap();
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    first
        .write_all(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    was_asked.recv().await.unwrap();
    told(
        &get(proxy.address(), "/second").await,
        "503",
        "upstream_saturated",
    );
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_never_looks_whole() {
    for chunked in [false, true] {
        for stalls in [false, true] {
            let backend = Backend::handling(move |mut stream| async move {
                read_once(&mut stream).await;
                let head = if chunked {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                } else {
                    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
                };
                stream.write_all(head.as_bytes()).await.unwrap();
                if stalls {
                    std::future::pending::<()>().await;
                }
            })
            .await;
            let mut config = Config::forwarding_to(&backend.url());
            config.reference.body_idle_timeout = Span::millis(100);
            let proxy = Proxy::start(config).await.unwrap();
            let answer = get(proxy.address(), "/").await;
            assert!(answer.contains("hello"), "{answer}");
            assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
            assert!(
                !answer.contains("502"),
                "the head was gone already: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_is_refused_what_is_beyond_its_limits() {
    let backend = Backend::answering(OK).await;
    let mut config = Config::forwarding_to(&backend.url());
    config.limits.head = Size::kib(16);
    config.limits.header_count = 20;
    config.limits.request_body = Size(10);
    config.limits.body_idle_timeout = Span::millis(100);
    config.limits.head_timeout = Span::millis(200);
    let proxy = Proxy::start(config).await.unwrap();
    let ask = async |fields: &str, body: &str| {
        let request =
            format!("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n{body}");
        raw_text(proxy.address(), &request).await
    };
    let large = format!("X-Large: {}\r\n", "x".repeat(32 * 1024));
    assert!(ask(&large, "").await.starts_with("HTTP/1.1 431"));
    let many: String = (0..30).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert!(ask(&many, "").await.starts_with("HTTP/1.1 431"));
    let announced = ask("Content-Length: 11\r\n", "hello world").await;
    told(&announced, "413", "client_body_too_large");
    let chunks = "Transfer-Encoding: chunked\r\n";
    let unannounced = ask(chunks, "b\r\nhello world\r\n0\r\n\r\n").await;
    told(&unannounced, "413", "client_body_too_large");
    told(
        &ask("Content-Length: 8\r\n", "hel").await,
        "408",
        "client_body_timeout",
    );
    assert!(
        ask("Content-Length: 2\r\n", "ok")
            .await
            .starts_with("HTTP/1.1 200")
    );

    let mut slow = TcpStream::connect(proxy.address()).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, slow.read_to_end(&mut rest)).await;
    closed
        .expect("a head that does not come ends the connection")
        .unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
}

#[tokio::test]
async fn a_client_that_breaks_off_its_body_is_accounted_for_and_costs_no_other_anything() {
    let backend = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&backend.url()))
        .await
        .unwrap();
    for _ in 0..5 {
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        client
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhel")
            .await
            .unwrap();
        drop(client);
        crate::support::settled(&proxy).await;
    }
    assert!(get(proxy.address(), "/").await.ends_with("ok"));
    assert_eq!(crate::support::settled(&proxy).await.seen, 6);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let backend = Backend::answering(OK).await;
    let mut config = Config::forwarding_to(&backend.url());
    config.limits.connections = 1;
    let proxy = Proxy::start(config).await.unwrap();
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    first
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    read_once(&mut first).await;
    let address = proxy.address();
    let second = tokio::spawn(async move { get(address, "/second").await });
    first
        .write_all(b"GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    read_once(&mut first).await;
    let lines: Vec<String> = backend
        .arrived()
        .iter()
        .map(|one| one.line().to_owned())
        .collect();
    assert_eq!(lines, ["GET / HTTP/1.1", "GET /again HTTP/1.1"]);
    drop(first);
    assert!(second.await.unwrap().ends_with("ok"));
}
