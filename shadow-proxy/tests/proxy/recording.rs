//! What is recorded through the proxy can be replayed, and holds no secret.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use parity::{
    bind::Bindings,
    compare::{Context, Observation, compare},
    exchange::{Headers, Response},
    fixture::{Corpus, Step},
    outcome::Outcome,
    redact::RedactionRecord,
    rules::Rules,
};
use parking_lot::Mutex;
use shadow_proxy::{Config, Handle, Proxy, config::units::Size, recording::PLACES};

use tokio::time::timeout;

use crate::support::{Backend, PATIENCE, get, raw};

const CANARY: &str = "CANARY-c4";

fn answer(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: session={CANARY}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The one recording below a directory.
fn recorded(directory: &Path) -> (Corpus, std::path::PathBuf) {
    let mut found = std::fs::read_dir(directory).unwrap();
    let recording = found.next().unwrap().unwrap().path();
    assert!(found.next().is_none());
    (Corpus::read(&recording).unwrap(), recording)
}

async fn recording(reference: &Backend, adjust: impl FnOnce(&mut Config)) -> (Handle, Config) {
    let mut config = Config::forwarding_to(&reference.url());
    adjust(&mut config);
    (Proxy::start(config.clone()).await.unwrap(), config)
}

/// Sends a recorded request once more and compares the answer with the recorded one.
async fn replay(step: &Step, backend: &Backend) -> Outcome {
    let request = &step.request;
    let text = format!(
        "{} {} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        request.method,
        request.target,
        request.body.len()
    );
    let proxy = Proxy::start(Config::forwarding_to(&backend.url()))
        .await
        .unwrap();
    let got = raw(proxy.address(), &[text.as_bytes(), &request.body].concat()).await;
    let got = String::from_utf8(got).unwrap();
    let (_, body) = got.split_once("\r\n\r\n").unwrap();
    let observation = |body: Bytes| Observation {
        response: Response {
            status: 200,
            headers: Headers(vec![("content-type".into(), b"application/json".to_vec())]),
            body,
        },
        effects: None,
    };
    let rules = Rules::none();
    let context = Context {
        rules: &rules,
        route: "any",
        tags: &[],
    };
    let reference = observation(step.response.body.clone());
    let candidate = observation(Bytes::from(body.to_owned()));
    compare(&context, &mut Bindings::default(), &reference, &candidate).outcome
}

#[tokio::test]
async fn a_recording_is_replayed_and_holds_no_secret() {
    let reference = Backend::start(|request| {
        let body = if request.body.is_empty() {
            r#"{"score": "1.10"}"#
        } else {
            r#"{"saved": 1}"#
        };
        answer(body)
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let (proxy, _) = recording(&reference, |config| {
        config.recording.directory = Some(directory.path().to_owned());
    })
    .await;
    for target in ["/a?x=1", &format!("/b?api_key={CANARY}&x=2")] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nX-API-Key: {CANARY}\r\nConnection: close\r\n\r\n"
        );
        raw(proxy.address(), request.as_bytes()).await;
    }
    let body = format!(r#"[{{"stamp": {{"proof": {{"jws": "{CANARY}"}}}}}}]"#);
    let request = format!(
        "POST /c HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {CANARY}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    raw(proxy.address(), request.as_bytes()).await;
    proxy.shutdown().await;

    let (corpus, path) = recorded(directory.path());
    let steps: Vec<&Step> = corpus
        .scenarios()
        .flat_map(|scenario| &scenario.steps)
        .collect();
    let targets: Vec<&str> = steps
        .iter()
        .map(|step| step.request.target.as_str())
        .collect();
    assert_eq!((targets[0], targets[2]), ("/a?x=1", "/c"));
    assert!(
        targets[1].starts_with("/b?api_key=redacted:"),
        "{targets:?}"
    );
    assert!(targets[1].ends_with("&x=2"), "{targets:?}");
    let reader = parity::fixture::Reader::open(&path).unwrap();
    let manifest = reader.manifest();
    assert_eq!(
        (manifest.groups[0].scenarios, manifest.groups[0].steps),
        (3, 3)
    );
    assert!(matches!(
        manifest.redaction,
        RedactionRecord::Replaced { .. }
    ));
    for file in ["manifest.json", "exchanges/recorded.jsonl"] {
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        assert!(!text.contains(CANARY), "{text}");
    }

    let other = Backend::answering(&answer(r#"{"score": "1.1"}"#)).await;
    for step in &steps {
        assert_eq!(replay(step, &reference).await, Outcome::Match, "{step:?}");
    }
    assert_eq!(replay(steps[0], &other).await, Outcome::Diverged);
}

#[tokio::test]
async fn a_recording_says_when_a_request_came_and_how_long_its_answer_took() {
    const THINKS: Duration = Duration::from_millis(100);
    let asked = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&asked);
    let reference = Backend::start(move |_| {
        *seen.lock() = Some(Utc::now());
        std::thread::sleep(THINKS);
        answer("{}")
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let (proxy, _) = recording(&reference, |config| {
        config.recording.directory = Some(directory.path().to_owned());
    })
    .await;
    let (before, begun) = (Utc::now(), Instant::now());
    get(proxy.address(), "/").await;
    let took = begun.elapsed();
    proxy.shutdown().await;
    let (corpus, _) = recorded(directory.path());
    let step = &corpus.scenarios().next().unwrap().steps[0];
    let clock: DateTime<Utc> = step.clock.as_ref().unwrap().parse().unwrap();
    let asked = asked.lock().expect("the reference was asked");
    // The recording has microseconds.
    assert!(before - TimeDelta::microseconds(1) <= clock && clock <= asked);
    let latency = Duration::from_micros(step.latency_us.expect("a latency"));
    assert!(
        THINKS <= latency && latency <= took,
        "{latency:?} of {took:?}"
    );
}

#[tokio::test]
async fn a_recording_ends_at_its_limits_and_users_notice_nothing() {
    let body = format!(r#"{{"pad": "{}"}}"#, "x".repeat(1000));
    let reference = Backend::answering(&answer(&body)).await;
    for (exchanges, bytes, most) in [(5, Size::mib(1), 5), (1000, Size::kib(4), 4)] {
        let directory = tempfile::tempdir().unwrap();
        let (proxy, _) = recording(&reference, |config| {
            config.recording.directory = Some(directory.path().to_owned());
            config.recording.exchanges = exchanges;
            config.recording.bytes = bytes;
        })
        .await;
        for _ in 0..20 {
            assert!(get(proxy.address(), "/").await.ends_with(&body));
        }
        proxy.shutdown().await;
        let (corpus, _) = recorded(directory.path());
        assert!((1..=most).contains(&corpus.steps()), "{}", corpus.steps());
    }
}

#[tokio::test]
async fn what_is_too_large_or_too_much_is_not_recorded_and_counted() {
    let long = "x".repeat(100_000);
    let reference = Backend::start(move |request| {
        if request.line().contains("/large") {
            answer(&long)
        } else {
            answer("{}")
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let (proxy, _) = recording(&reference, |config| {
        config.recording.directory = Some(directory.path().to_owned());
        config.mirror.body_cap = Size::kib(64);
    })
    .await;
    assert!(get(proxy.address(), "/large").await.len() > 100_000);
    get(proxy.address(), "/small").await;
    let recorder = proxy.recorder().unwrap();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&recorder.counts().dropped), 1);
    let written = async {
        while count(&recorder.counts().written) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, written).await.unwrap();
    // Every place is taken by an exchange under way.
    let places: Vec<_> = std::iter::from_fn(|| recorder.place(None)).collect();
    assert_eq!(places.len(), PLACES);
    assert_eq!(count(&recorder.counts().dropped), 2);
    assert!(get(proxy.address(), "/crowded").await.ends_with("{}"));
    assert_eq!(count(&recorder.counts().dropped), 3);
    drop(places);
    proxy.shutdown().await;
    let (corpus, _) = recorded(directory.path());
    assert_eq!(corpus.steps(), 1);
}
