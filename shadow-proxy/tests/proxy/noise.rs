//! The reference is asked twice: what is learnt, and what it is spared.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parity::{rules::Rules, verdict::Verdict};
use parking_lot::Mutex;
use shadow_proxy::{
    Config, Handle, Proxy,
    config::{RouteConfig, units::Span},
    sampling::{Purpose, position},
};

use crate::support::{Backend, PATIENCE, get, raw, raw_text, settled, shadowing};

fn json(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A backend that answers every question with another number of twenty digits, in such steps.
async fn noisy(step: u64) -> Backend {
    let asked = AtomicU64::new(0);
    Backend::start(move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        json(&format!(r#"{{"nonce": "{:020}"}}"#, (number + 1) * step))
    })
    .await
}

/// Asks twice whatever is safe, without a budget that matters.
fn learning(reference: &Backend, candidate: &Backend) -> Config {
    let mut config = shadowing(reference, candidate);
    config.routes = vec![
        RouteConfig::new("read", "GET", "/read"),
        RouteConfig::new("write", "POST", "/write"),
    ];
    config.noise.rate = 1.0;
    config.noise.max_per_second = 10_000;
    config
}

async fn noise_settled(proxy: &Handle) -> parity::accounting::Accounting {
    settled(proxy).await;
    let findings = proxy.findings();
    let noise = findings.noise();
    tokio::time::timeout(PATIENCE, noise.settled())
        .await
        .expect("every probe should have been settled");
    assert!(noise.totals().is_balanced());
    noise.totals()
}

fn probes(backend: &Backend) -> usize {
    let arrived = backend.arrived();
    let is_probe =
        |request: &&crate::support::Arrived| !request.fields("x-shadow-proxy-noise").is_empty();
    arrived.iter().filter(is_probe).count()
}

async fn body(proxy: &Handle, path: &str) -> String {
    let answer = get(proxy.admin_address(), path).await;
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_varies_by_itself_is_learnt_proposed_and_not_held_against_the_candidate() {
    const REQUESTS: usize = 40;
    let (reference, candidate) = (noisy(7_919).await, noisy(104_729).await);
    let proxy = Proxy::start(learning(&reference, &candidate))
        .await
        .unwrap();
    for _ in 0..REQUESTS {
        get(proxy.address(), "/read").await;
    }
    let noise = noise_settled(&proxy).await;
    assert_eq!(
        (noise.seen, noise.diverged),
        (REQUESTS as u64, REQUESTS as u64)
    );
    assert_eq!(probes(&reference), REQUESTS);
    assert_eq!(probes(&candidate), 0);

    let state: serde_json::Value = serde_json::from_str(&body(&proxy, "/api/noise").await).unwrap();
    assert_eq!(state["learning"], true);
    let rule = &state["proposals"][0]["rule"];
    assert_eq!(rule["paths"][0], "$.nonce");
    assert_eq!(rule["evidence"]["n"], REQUESTS);
    assert_eq!(rule["evidence"]["rate"], 1.0);
    assert!(rule["evidence"]["interval"][0].as_f64().unwrap() > 0.5);
    let error = Rules::load(&body(&proxy, "/api/noise.toml").await).unwrap_err();
    assert!(error.to_string().contains("`reason` is empty"), "{error}");

    // Every pair diverged, and so did every pair of the reference with itself.
    let verdicts: serde_json::Value =
        serde_json::from_str(&body(&proxy, "/api/verdicts").await).unwrap();
    let read = verdicts["routes"].as_array().unwrap();
    let read = read.iter().find(|route| route["route"] == "read").unwrap();
    assert_eq!(read["verdict"], "insufficient", "{read}");
    assert_eq!(read["counts"]["reference"]["diverged"], REQUESTS);
    assert_eq!(read["counts"]["candidate"]["diverged"], REQUESTS);
    assert_eq!(read["excess"]["estimate"], 0.0);
}

#[tokio::test]
async fn the_same_divergence_without_noise_fails_the_route() {
    let reference = Backend::answering(&json(r#"{"nonce": "0"}"#)).await;
    let candidate = noisy(7_919).await;
    let proxy = Proxy::start(learning(&reference, &candidate))
        .await
        .unwrap();
    for _ in 0..40 {
        get(proxy.address(), "/read").await;
    }
    let noise = noise_settled(&proxy).await;
    assert_eq!((noise.matched, noise.diverged), (40, 0));
    let verdicts = proxy.findings().verdicts(&[shadow_proxy::verdicts::Judged {
        route: "read".into(),
        over_noise: true,
    }]);
    assert!(
        matches!(verdicts[0].verdict, Verdict::Fail { .. }),
        "{verdicts:?}"
    );
}

#[tokio::test]
async fn the_order_is_drawn_by_the_requests_id() {
    let order = Arc::<Mutex<Vec<&'static str>>>::default();
    let noted = |side: &'static str| {
        let order = Arc::clone(&order);
        move |request: &crate::support::Arrived| {
            let probe = !request.fields("x-shadow-proxy-noise").is_empty();
            if side == "candidate" || probe {
                order.lock().push(side);
            }
            json("{}")
        }
    };
    let reference = Backend::start(noted("reference")).await;
    let candidate = Backend::start(noted("candidate")).await;
    let proxy = Proxy::start(learning(&reference, &candidate))
        .await
        .unwrap();
    let mut firsts = [0, 0];
    for number in 0..20 {
        let id = format!("request-{number}");
        let request = format!(
            "GET /read HTTP/1.1\r\nHost: h\r\nX-Request-Id: {id}\r\nConnection: close\r\n\r\n"
        );
        raw_text(proxy.address(), &request).await;
        noise_settled(&proxy).await;
        let reference_first = position(Purpose::NoiseOrder, &id) < 0.5;
        let expected = if reference_first {
            ["reference", "candidate"]
        } else {
            ["candidate", "reference"]
        };
        assert_eq!(std::mem::take(&mut *order.lock()), expected, "{id}");
        firsts[usize::from(reference_first)] += 1;
    }
    assert!(firsts.iter().all(|count| *count > 0), "{firsts:?}");
}

#[tokio::test]
async fn nothing_is_asked_twice_unless_it_is_safe_and_asked_for() {
    let reference = Backend::answering(&json("{}")).await;
    let candidate = Backend::answering(&json("{}")).await;
    let post =
        b"POST /write HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    for (rate, twice) in [(0.0, 0), (1.0, 1)] {
        let mut config = learning(&reference, &candidate);
        config.noise.rate = rate;
        let proxy = Proxy::start(config).await.unwrap();
        let before = probes(&reference);
        get(proxy.address(), "/read").await;
        get(proxy.address(), "/unnamed").await;
        raw(proxy.address(), post).await;
        assert_eq!(noise_settled(&proxy).await.seen, twice);
        assert_eq!(probes(&reference) - before, twice as usize);
    }
    // A POST that only reads may say so.
    let mut config = learning(&reference, &candidate);
    config.noise.rate = 0.0;
    config.routes[1].mutates = Some(false);
    config.routes[1].noise = Some(1.0);
    config.routes[1].writes = Some(shadow_proxy::config::WritePolicy::Isolated);
    let proxy = Proxy::start(config).await.unwrap();
    raw(proxy.address(), post).await;
    assert_eq!(noise_settled(&proxy).await.matched, 1);
    // One that writes may not.
    let mut config = learning(&reference, &candidate);
    config.routes[1].noise = Some(0.1);
    let error = Proxy::start(config).await.unwrap_err().to_string();
    assert!(error.contains("mutates = false"), "{error}");
}

#[tokio::test]
async fn the_budget_the_breaker_and_the_mark_spare_the_reference() {
    let reference = Backend::answering(&json("{}")).await;
    let candidate = Backend::answering(&json("{}")).await;
    let mut config = learning(&reference, &candidate);
    config.noise.max_per_second = 1;
    let proxy = Proxy::start(config.clone()).await.unwrap();
    for _ in 0..50 {
        get(proxy.address(), "/read").await;
    }
    let noise = noise_settled(&proxy).await;
    assert_eq!(noise.seen, 50);
    assert!(noise.dropped > 0 && noise.compared > 0, "{noise:?}");

    // A probe of a proxy in front of this one is no traffic.
    let marked =
        "GET /read HTTP/1.1\r\nHost: h\r\nX-Shadow-Proxy-Noise: 1\r\nConnection: close\r\n\r\n";
    let before = candidate.arrived().len();
    raw_text(proxy.address(), marked).await;
    let stats = settled(&proxy).await;
    assert_eq!(stats.declined, 1);
    assert_eq!(candidate.arrived().len(), before);
    assert_eq!(proxy.findings().noise().totals().seen, 50);

    // Users are answered, probes are not: the breaker leaves the reference alone.
    let silent = Backend::start(|request| {
        if request.fields("x-shadow-proxy-noise").is_empty() {
            json("{}")
        } else {
            Vec::new()
        }
    })
    .await;
    let mut config = learning(&silent, &candidate);
    config.mirror.deadline = Span::millis(50);
    config.noise.breaker.failures = 2;
    config.noise.breaker.pause = Span::secs(3_600);
    let proxy = Proxy::start(config).await.unwrap();
    for _ in 0..5 {
        get(proxy.address(), "/read").await;
        noise_settled(&proxy).await;
    }
    let noise = noise_settled(&proxy).await;
    assert_eq!((noise.timed_out, noise.dropped), (2, 3), "{noise:?}");
}
