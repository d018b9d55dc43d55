//! What the mirror holds is bounded by its places and the cap, whatever the candidate does: measured
//! on the real process.

use shadow_proxy::config::{MirrorConfig, units::Size};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{program::Program, replica::start, support::Backend};

const BODY: usize = 240 * 1024;
const REQUESTS: usize = 300;
const CLIENTS: usize = 12;

/// Beside the bodies that the mirror holds: connections, their buffers, the allocator's slack.
const SLACK: u64 = 32 * 1024 * 1024;

fn answer() -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + BODY, b'x');
    answer
}

/// Reads requests and never answers.
async fn black_hole(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Announces a gigabyte, and sends it.
async fn gigabyte(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
        let mut sent = stream.write_all(head).await;
        for _ in 0..(1 << 30) / buffer.len() {
            sent = match sent {
                Ok(()) => stream.write_all(&buffer).await,
                error => error,
            };
        }
        if sent.is_err() {
            return;
        }
    }
}

/// Requests with a body, each answered with one; more than the bound passes by.
async fn load(replica: &Program, requests: usize) {
    let address = replica.address;
    let clients = (0..CLIENTS).map(|_| {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: {BODY}\r\n\r\n");
            let request = [head.as_bytes(), &vec![b'y'; BODY]].concat();
            let mut got = vec![0; answer().len()];
            for _ in 0..requests / CLIENTS {
                stream.write_all(&request).await.unwrap();
                stream.read_exact(&mut got).await.unwrap();
                assert!(got == answer(), "the user gets the reference's bytes");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

async fn grows(candidate: &Backend) -> u64 {
    let reference = Backend::start(|_| answer()).await;
    let directory = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
        [listen]
        address = "127.0.0.1:0"
        [admin]
        address = "127.0.0.1:0"
        [reference]
        url = "{}"
        [candidate]
        kind = "http"
        url = "{}"
        [[route]]
        name = "large"
        path = "/large"
        writes = "isolated"
        [mirror]
        capacity = 32
        workers = 4
        body_cap = "256KiB"
        deadline = "1s"
        busy_share = 1.0
        [mirror.breaker]
        pause = "100ms"
        [stage]
        initial = "off"
        "#,
        reference.url(),
        candidate.url()
    );
    let replica = start(directory.path(), "memory", &config, "");
    load(&replica, 10 * CLIENTS).await;
    let without = replica.peak_memory();
    let shadow = serde_json::json!({"stage": "shadow", "actor": "test", "reason": "measure"});
    replica.tell("/api/stage", &shadow).await;
    load(&replica, REQUESTS).await;
    let status = replica
        .until("/api/status", |status| {
            status["open"] == 0 && status["mirror"]["held"] == 0
        })
        .await;
    assert_eq!(status["balanced"], true, "{status}");
    let counts = &status["counts"];
    let number = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(number("seen"), (REQUESTS + 10 * CLIENTS) as u64, "{counts}");
    assert!(number("timed_out") + number("errored") > 0, "{counts}");
    assert!(number("dropped") > 0, "{counts}");
    replica.peak_memory() - without
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_by_places_and_cap_while_large_bodies_pass_by() {
    let mirror = MirrorConfig {
        capacity: 32,
        workers: 4,
        body_cap: Size::kib(256),
        ..MirrorConfig::default()
    };
    let bound = mirror.memory_bound().0;
    let passing = (2 * BODY * REQUESTS) as u64;
    assert!(
        passing > 2 * (bound + SLACK),
        "{passing} would not be noticed"
    );
    for (fault, candidate) in [
        ("black hole", Backend::handling(black_hole).await),
        ("a gigabyte", Backend::handling(gigabyte).await),
    ] {
        let grown = grows(&candidate).await;
        assert!(
            grown <= bound + SLACK,
            "{fault}: {} MiB more for a bound of {} MiB",
            grown >> 20,
            bound >> 20
        );
    }
}
