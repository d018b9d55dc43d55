//! Whatever the candidate does, clients get the reference's bytes, and every request is accounted
//! for.

use std::{sync::Arc, time::Duration};

use parity::accounting::Accounting;
use shadow_proxy::{
    Config, Proxy,
    config::units::{Size, Span},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::support::{Backend, get, settled, shadowing};

const REQUESTS: u64 = 60;

/// What goes wrong with the candidate.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Slow(Duration),
    BlackHole,
    Reset,
    OneByteAtATime,
    ServerErrors,
    Garbage,
    Endless,
    KilledMidAnswer,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn misbehave(fault: Fault, mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
        let alive = match fault {
            Fault::Slow(delay) => {
                sleep(delay).await;
                stream.write_all(OK).await
            }
            Fault::BlackHole => std::future::pending().await,
            Fault::Reset => {
                // Closed with unread data in it, a socket is reset.
                stream.set_zero_linger().unwrap();
                return;
            }
            Fault::OneByteAtATime => {
                for byte in OK {
                    sleep(Duration::from_secs(1)).await;
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
                Ok(())
            }
            Fault::ServerErrors => {
                stream
                    .write_all(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno")
                    .await
            }
            Fault::Garbage => {
                stream
                    .write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n\0\0")
                    .await
            }
            Fault::Endless => {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                let piece = vec![b'x'; 64 * 1024];
                while sent.is_ok() {
                    sent = stream.write_all(&piece).await;
                }
                sent
            }
            Fault::KilledMidAnswer => {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
                    .await;
                return;
            }
        };
        if alive.is_err() {
            return;
        }
    }
}

/// Sends requests to a proxy with this fault behind it, and checks every answer.
async fn suffer(fault: Fault, adjust: impl FnOnce(&mut Config)) -> Accounting {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::handling(move |stream| misbehave(fault, stream)).await;
    let mut config = shadowing(&reference, &candidate);
    config.mirror.deadline = Span::millis(300);
    config.mirror.capacity = 16;
    config.mirror.workers = 4;
    config.mirror.body_cap = Size::kib(64);
    adjust(&mut config);
    let proxy = Arc::new(Proxy::start(config).await.unwrap());
    let expected = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let clients = (0..6).map(|_| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move {
            for _ in 0..REQUESTS / 6 {
                let answer = get(proxy.address(), "/internal/embed/weights").await;
                assert_eq!(answer.replace("Content-Length", "content-length"), expected);
                assert!(proxy.stats().is_balanced());
                assert!(proxy.held() <= 16, "more is held than there are places");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let stats = settled(&proxy).await;
    assert_eq!(stats.seen, REQUESTS, "{fault:?}: {stats:?}");
    assert_eq!(reference.arrived().len() as u64, REQUESTS, "{fault:?}");
    stats
}

#[tokio::test]
async fn a_slow_candidate_is_waited_for_by_nobody() {
    let slow = Fault::Slow(Duration::from_millis(200));
    let stats = suffer(slow, |config| config.mirror.deadline = Span::secs(20)).await;
    assert_eq!(stats.compared + stats.dropped, REQUESTS, "{stats:?}");
    assert!(stats.compared > 0 && stats.dropped > 0, "{stats:?}");
}

#[tokio::test]
async fn a_candidate_beyond_its_deadline_times_out_and_is_left_alone() {
    for fault in [
        Fault::Slow(Duration::from_secs(5)),
        Fault::BlackHole,
        Fault::OneByteAtATime,
    ] {
        let stats = suffer(fault, |_| {}).await;
        assert_eq!(
            stats.timed_out + stats.dropped,
            REQUESTS,
            "{fault:?}: {stats:?}"
        );
        assert!(
            stats.timed_out > 0 && stats.dropped > 0,
            "{fault:?}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn a_candidate_that_breaks_off_is_an_error_of_its_own() {
    for fault in [Fault::Reset, Fault::Garbage, Fault::KilledMidAnswer] {
        let stats = suffer(fault, |_| {}).await;
        assert_eq!(
            stats.errored + stats.dropped,
            REQUESTS,
            "{fault:?}: {stats:?}"
        );
        assert!(stats.errored > 0, "{fault:?}: {stats:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_let_go_of_at_the_cap_and_its_candidate_is_left_alone() {
    let stats = suffer(Fault::Endless, |config| {
        config.mirror.deadline = Span::secs(5);
        config.mirror.breaker.failures = 3;
        config.mirror.breaker.pause = Span::secs(3_600);
    })
    .await;
    assert_eq!(stats.errored + stats.dropped, REQUESTS, "{stats:?}");
    // Those that open the breaker, and those that were asked by then.
    assert!((3..=3 + 16).contains(&stats.errored), "{stats:?}");
}

#[tokio::test]
async fn server_errors_of_the_candidate_are_divergences() {
    let stats = suffer(Fault::ServerErrors, |config| config.mirror.capacity = 16).await;
    assert_eq!(stats.diverged + stats.dropped, REQUESTS, "{stats:?}");
    assert!(stats.diverged > 0, "{stats:?}");
}
