//! Backends that go away and come back: users are told the truth, operators see it, and nothing
//! has to be restarted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use shadow_proxy::{Config, Handle, Proxy, config::units::Span};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::support::{Backend, PATIENCE, get, settled, shadowing};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a backend does now.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Mood {
    Well,
    Gone,
    Silent,
    BreaksOff,
}

/// A backend whose mood can be changed.
#[derive(Debug, Clone, Default)]
struct Moody(Arc<AtomicU8>);

impl Moody {
    fn set(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::Relaxed);
    }

    async fn start(&self) -> Backend {
        let mood = self.clone();
        Backend::handling(move |mut stream| {
            let mood = mood.clone();
            async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let mood = mood.0.load(Ordering::Relaxed);
                    if mood == Mood::Well as u8 {
                        let _ = stream.write_all(OK).await;
                    } else if mood == Mood::Silent as u8 {
                        sleep(PATIENCE).await;
                    } else if mood == Mood::BreaksOff as u8 {
                        let _ = stream.write_all(&OK[..OK.len() - 1]).await;
                        return;
                    } else {
                        // Closed with unread data in it, a socket is reset.
                        let _ = stream.set_zero_linger();
                        return;
                    }
                }
            }
        })
        .await
    }
}

async fn state(proxy: &Handle) -> Value {
    let answer = get(proxy.admin_address(), "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_reference_that_goes_away_is_said_to_users_and_operators_and_used_again() {
    let moody = Moody::default();
    let reference = moody.start().await;
    let candidate = Backend::answering(OK).await;
    let mut config = shadowing(&reference, &candidate);
    config.reference.response_timeout = Span::millis(200);
    let proxy = Proxy::start(config).await.unwrap();
    for (mood, status, class) in [
        (Mood::Gone, "502", "upstream_closed_connection"),
        (Mood::Silent, "504", "upstream_response_timeout"),
    ] {
        moody.set(Mood::Well);
        assert!(get(proxy.address(), "/").await.ends_with("\r\n\r\nok"));
        assert_eq!(state(&proxy).await["reference"], "answers");
        moody.set(mood);
        for _ in 0..3 {
            let answer = get(proxy.address(), "/").await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{mood:?}: {answer}"
            );
            assert!(answer.contains(class), "{mood:?}: {answer}");
        }
        assert_eq!(state(&proxy).await["reference"], "does not answer");
        let metrics = get(proxy.admin_address(), "/metrics").await;
        assert!(metrics.contains("shadow_proxy_reference_up 0"), "{metrics}");
    }
    moody.set(Mood::BreaksOff);
    let broken = get(proxy.address(), "/").await;
    assert!(
        !broken.ends_with("ok"),
        "a client can tell that it is not whole: {broken}"
    );
    moody.set(Mood::Well);
    assert!(get(proxy.address(), "/").await.ends_with("\r\n\r\nok"));
    let metrics = get(proxy.admin_address(), "/metrics").await;
    assert!(metrics.contains("shadow_proxy_reference_up 1"), "{metrics}");
    let stats = settled(&proxy).await;
    assert_eq!(stats.seen, 10, "{stats:?}");
    assert_eq!(
        stats.diverged, 0,
        "what nobody answered is no difference: {stats:?}"
    );
}

#[tokio::test]
async fn a_candidate_that_is_killed_is_left_alone_and_asked_again_when_it_is_back() {
    let moody = Moody::default();
    let reference = Backend::answering(OK).await;
    let candidate = moody.start().await;
    let mut config = shadowing(&reference, &candidate);
    config.mirror.breaker.pause = Span::millis(100);
    let proxy = Proxy::start(config).await.unwrap();
    moody.set(Mood::Gone);
    let until = |word: &'static str| {
        let proxy = &proxy;
        async move {
            let reached = async {
                loop {
                    assert!(get(proxy.address(), "/").await.ends_with("\r\n\r\nok"));
                    let state = state(proxy).await;
                    if state["candidate"].as_str().unwrap().starts_with(word) {
                        return;
                    }
                    sleep(Duration::from_millis(10)).await;
                }
            };
            timeout(PATIENCE, reached).await.expect(word);
        }
    };
    until("left alone").await;
    moody.set(Mood::Well);
    until("asked").await;
    let stats = settled(&proxy).await;
    assert!(stats.errored > 0 && stats.compared > 0, "{stats:?}");
    assert_eq!(stats.diverged, 0, "{stats:?}");
}

#[tokio::test]
async fn a_slow_reference_is_waited_for_and_holds_up_nobody_else() {
    const SLOW: usize = 20;
    let hurry = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&hurry);
    let reference = Backend::handling(move |mut stream| {
        let held = Arc::clone(&held);
        async move {
            let mut buffer = vec![0; 4096];
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                if buffer.starts_with(b"GET /slow") {
                    let _until_then = held.acquire().await;
                }
                let _ = stream.write_all(OK).await;
            }
        }
    })
    .await;
    let config = Config::forwarding_to(&reference.url());
    let proxy = Arc::new(Proxy::start(config).await.unwrap());
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let proxy = Arc::clone(&proxy);
            tokio::spawn(async move { get(proxy.address(), "/slow").await })
        })
        .collect();
    let quick = get(proxy.address(), "/quick").await;
    assert!(quick.ends_with("\r\n\r\nok"), "{quick}");
    hurry.add_permits(SLOW);
    for answer in slow {
        assert!(answer.await.unwrap().ends_with("\r\n\r\nok"));
    }
}
