//! Bytes on the ports of the scorer, of the proxy and of the proxy's operators: each connection is
//! answered or closed, no task panics, and the next client is served as ever.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parity::exchange::Request;
use parity_cli::stub::{Latency, Stub};
use proptest::{prelude::*, test_runner::TestRunner};
use scorer::{
    cache::Cache,
    clock::Clock,
    server::Server,
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::{Config, Proxy, config::units::Span};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{config, mutate::mutated, recorded};

/// Reached only when a connection hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Recorded requests as bytes, in both framings.
fn messages() -> Vec<Vec<u8>> {
    let written = |request: &Request, chunked: bool| {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
        for (name, value) in &request.headers.0 {
            if !name.eq_ignore_ascii_case("content-length") {
                bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        let length = request.body.len();
        if chunked {
            let head = format!("Transfer-Encoding: chunked\r\n\r\n{length:x};a=b\r\n");
            bytes.extend_from_slice(&[head.as_bytes(), &request.body, b"\r\n0\r\n\r\n"].concat());
        } else {
            bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            bytes.extend_from_slice(&request.body);
        }
        bytes
    };
    let steps = recorded();
    let some = steps.iter().filter(|step| step.request.body.len() < 4_000);
    let mut messages: Vec<Vec<u8>> = some
        .step_by(20)
        .enumerate()
        .map(|(number, step)| {
            let chunked = number % 2 == 1 && !step.request.body.is_empty();
            written(&step.request, chunked)
        })
        .collect();
    messages.push(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x05\x01\x05\0\0\0\x01\x82\x84\x86\x41\x00"
            .to_vec(),
    );
    messages.push(
        b"POST /api/stage HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 63\r\n\r\n\
          {\"stage\": \"canary\", \"percent\": 1.0, \"reason\": \"r\", \"actor\": \"a\"}"
            .to_vec(),
    );
    messages
}

/// Sends the bytes and nothing more.
async fn throw(address: SocketAddr, bytes: &[u8]) {
    exchange(address, bytes, true).await;
}

/// Sends the bytes and reads until the other side ends the connection. A client that says that
/// nothing more will come may be taken for gone, and gets no answer.
async fn exchange(address: SocketAddr, bytes: &[u8], nothing_more: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let exchange = async {
        // The other side may have had enough before everything is sent.
        let _ = stream.write_all(bytes).await;
        if nothing_more {
            let _ = stream.shutdown().await;
        }
        let _ = stream.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, exchange).await.expect("an end");
    answer
}

async fn is_served(address: SocketAddr, target: &str) -> bool {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes(), false).await;
    answer.starts_with(b"HTTP/1.1 200")
}

async fn scorer() -> Server {
    let pairs = [
        ("SECRET_KEY", "k"),
        ("CGRANTS_API_TOKEN", "t"),
        ("CERAMIC_CACHE_SCORER_ID", "1"),
        ("TRUSTED_IAM_ISSUERS", "[]"),
        ("ALLOWED_HOSTS", r#"["*"]"#),
        ("FF_V2_API", "on"),
        ("SCORER_LISTEN", "127.0.0.1:0"),
        ("SCORER_METRICS_LISTEN", "127.0.0.1:0"),
        // Not a socket: everything that asks the database fails at once.
        ("DATABASE_URL", "postgres://u@h/d?host=/nonexistent"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::from_pairs(pairs).unwrap();
    let databases = Databases::connect(&settings).unwrap();
    let service = Service::new(settings, databases, Cache::in_process(), Clock::system());
    Server::start(Arc::new(service)).await.unwrap()
}

#[test]
fn any_bytes_are_answered_or_refused_and_the_next_client_is_served() {
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::SeqCst);
        report(panic);
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (scorer, stub, proxy) = runtime.block_on(async {
        let scorer = scorer().await;
        let any = "127.0.0.1:0".parse().unwrap();
        let stub = Stub::start(any, Vec::new(), Latency::Fixed(Duration::ZERO))
            .await
            .unwrap();
        let mut config = Config::forwarding_to(&format!("http://{}", stub.address()));
        config.limits.head_timeout = Span::secs(5);
        config.limits.body_idle_timeout = Span::secs(5);
        let proxy = Proxy::start(config).await.unwrap();
        (scorer, stub, proxy)
    });
    let ports = [
        (scorer.address(), "/health"),
        (scorer.metrics_address(), "/health"),
        (proxy.admin_address(), "/healthz"),
    ];
    let outcome = TestRunner::new(config()).run(&mutated(messages()), |bytes| {
        runtime.block_on(async {
            for (address, health) in ports {
                throw(address, &bytes).await;
                assert!(is_served(address, health).await, "{address}{health}");
            }
            throw(proxy.address(), &bytes).await;
            let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            let answer = exchange(proxy.address(), request, false).await;
            assert!(answer.starts_with(b"HTTP/1.1 501"), "the stub's answer");
            assert!(proxy.stats().is_balanced());
        });
        prop_assert_eq!(panics.load(Ordering::SeqCst), 0);
        Ok(())
    });
    drop(stub);
    let _ = std::panic::take_hook();
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
