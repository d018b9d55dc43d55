//! What operators see and steer.

use std::time::Instant;

use serde_json::Value;
use shadow_proxy::{Config, Handle, Proxy, config::operation::Rung, journal};

use crate::support::{Backend, get, raw_text, settled, shadowing};

const OK: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const OTHER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";

async fn ask(proxy: &Handle, path: &str) -> Value {
    let answer = get(proxy.admin_address(), path).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    serde_json::from_str(body).unwrap()
}

async fn post(proxy: &Handle, path: &str, body: &str, headers: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
        body.len()
    );
    raw_text(proxy.admin_address(), &request).await
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn findings_are_shown_clustered_and_journalled() {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::answering(OTHER).await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = shadowing(&reference, &candidate);
    config.journal.directory = Some(directory.path().to_owned());
    let proxy = Proxy::start(config).await.unwrap();
    for _ in 0..3 {
        get(proxy.address(), "/internal/embed/weights?token=CANARY-71").await;
    }
    settled(&proxy).await;
    let status = ask(&proxy, "/api/status").await;
    assert_eq!(status["counts"]["diverged"], 3, "{status}");
    assert_eq!(status["balanced"], true);
    let clusters = ask(&proxy, "/api/clusters").await;
    assert_eq!(
        clusters["clusters"][0]["cluster"]["requests"], 3,
        "{clusters}"
    );
    let id = clusters["clusters"][0]["cluster"]["id"].as_str().unwrap();
    let shown = ask(&proxy, &format!("/api/divergences?cluster={id}&limit=2")).await;
    assert_eq!(shown["divergences"].as_array().unwrap().len(), 2, "{shown}");
    let none = ask(&proxy, "/api/divergences?route=v2-score").await;
    assert_eq!(none["divergences"].as_array().unwrap().len(), 0);
    let verdicts = ask(&proxy, "/api/verdicts").await;
    assert!(
        verdicts["routes"].as_array().unwrap().len() >= 15,
        "{verdicts}"
    );
    let metrics = get(proxy.admin_address(), "/metrics").await;
    for line in [
        "shadow_proxy_requests_total{outcome=\"seen\",route=\"embed-weights\"} 3",
        "shadow_proxy_requests_total{outcome=\"diverged\",route=\"embed-weights\"} 3",
        "shadow_proxy_stage{stage=\"shadow\"} 1",
        "shadow_proxy_upstream_duration_seconds_count{route=\"embed-weights\",side=\"candidate\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    for artefact in [metrics, shown.to_string(), clusters.to_string()] {
        assert!(!artefact.contains("CANARY"), "{artefact}");
    }
    proxy.shutdown().await;
    let kept = journal::read(directory.path()).unwrap();
    assert_eq!((kept.lines.len(), kept.unreadable), (3, 0));
    assert!(
        !serde_json::to_string(&kept.lines)
            .unwrap()
            .contains("CANARY")
    );
}

#[tokio::test]
async fn other_rules_are_another_question_and_start_without_evidence() {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::answering(OTHER).await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = shadowing(&reference, &candidate);
    config.journal.directory = Some(directory.path().to_owned());
    let proxy = Proxy::start(config.clone()).await.unwrap();
    let judged = async |proxy: &Handle| {
        get(proxy.address(), "/internal/embed/weights").await;
        settled(proxy).await;
        let verdicts = ask(proxy, "/api/verdicts").await;
        let routes = verdicts["routes"].as_array().unwrap().iter();
        let route = routes.clone().find(|one| one["route"] == "embed-weights");
        let clusters = ask(proxy, "/api/clusters").await;
        (
            route.unwrap()["counts"]["candidate"]["diverged"].clone(),
            clusters["clusters"][0]["cluster"]["requests"].clone(),
        )
    };
    assert_eq!(judged(&proxy).await, (1.into(), 1.into()));
    proxy.reload(config.clone()).unwrap();
    assert_eq!(judged(&proxy).await, (2.into(), 2.into()), "the same rules");
    let rules = directory.path().join("rules.toml");
    std::fs::write(&rules, "version = 1\n").unwrap();
    config.rules = Some(rules);
    proxy.reload(config).unwrap();
    assert_eq!(judged(&proxy).await, (1.into(), 1.into()), "other rules");
    assert_eq!(proxy.stats().diverged, 3, "the accounts go on");
    proxy.shutdown().await;
    assert_eq!(journal::read(directory.path()).unwrap().lines.len(), 3);
}

#[tokio::test]
async fn a_stage_is_changed_with_a_reason_and_the_kill_switch_acts_at_once() {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::answering(OTHER).await;
    let directory = tempfile::tempdir().unwrap();
    let mut config = shadowing(&reference, &candidate);
    config.stage.state_file = Some(directory.path().join("stage.json"));
    let proxy = Proxy::start(config.clone()).await.unwrap();
    let cutover = r#"{"stage": "cutover", "reason": "all routes pass", "actor": "ann"}"#;
    assert!(
        post(&proxy, "/api/stage", cutover, "")
            .await
            .starts_with("HTTP/1.1 415")
    );
    for wrong in [
        r#"{"stage": "cutover"}"#,
        r#"{"stage": "cutover", "reason": " ", "actor": "ann"}"#,
        r#"{"stage": "canary", "percent": 101, "reason": "r", "actor": "a"}"#,
        r#"{"stage": "elsewhere", "reason": "r", "actor": "a"}"#,
    ] {
        let answer = post(&proxy, "/api/stage", wrong, JSON).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let answer = post(&proxy, "/api/stage", cutover, JSON).await;
    assert!(answer.contains("\"persisted\":true"), "{answer}");
    assert!(get(proxy.address(), "/").await.ends_with("{\"a\": 1}"));
    let begun = Instant::now();
    post(&proxy, "/api/kill", r#"{"reason": "fire"}"#, JSON).await;
    assert!(get(proxy.address(), "/").await.ends_with("{}"));
    assert!(begun.elapsed().as_secs() < 1, "the contract of the switch");
    let audit = ask(&proxy, "/api/audit").await;
    let reasons: Vec<&str> = audit["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["all routes pass", "fire"]);
    proxy.shutdown().await;
    let again = Proxy::start(config).await.unwrap();
    assert_eq!(
        again.stage().standing().stage,
        Rung::Off,
        "kept over a restart"
    );
}

#[tokio::test]
async fn a_page_of_another_site_changes_and_learns_nothing() {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::answering(OTHER).await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    let cutover = r#"{"stage": "cutover", "reason": "r", "actor": "a"}"#;
    let foreign = format!("{JSON}Origin: http://evil.example\r\n");
    let answer = post(&proxy, "/api/stage", cutover, &foreign).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let rebound = format!(
        "POST /api/stage HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {}\r\n{JSON}Connection: close\r\n\r\n{cutover}",
        cutover.len()
    );
    let read = "GET /api/divergences HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    for request in [rebound.as_str(), read] {
        let answer = raw_text(proxy.admin_address(), request).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert_eq!(proxy.stage().standing().stage, Rung::Shadow);
    let own = format!("{JSON}Origin: http://localhost\r\n");
    let answer = post(&proxy, "/api/stage", cutover, &own).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(proxy.stage().standing().stage, Rung::Cutover);
}

#[tokio::test]
async fn a_failing_candidate_loses_its_users_by_itself() {
    let reference = Backend::answering(OK).await;
    let candidate =
        Backend::answering(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
            .await;
    let mut config = shadowing(&reference, &candidate);
    config.stage.initial = Rung::Cutover;
    config.stage.step_back.min_requests = 10;
    let proxy = Proxy::start(config).await.unwrap();
    let mut failed = 0;
    for _ in 0..30 {
        let answer = get(proxy.address(), "/").await;
        failed += usize::from(answer.starts_with("HTTP/1.1 500"));
    }
    assert_eq!(failed, 10, "as many as a judgement takes");
    assert_eq!(proxy.stage().standing().stage, Rung::Shadow);
    let metrics = get(proxy.admin_address(), "/metrics").await;
    assert!(
        metrics.contains("shadow_proxy_step_back_total{reason=\"error_rate\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn with_a_token_nothing_but_health_is_open() {
    let reference = Backend::answering(OK).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let mut config = Config::forwarding_to(&reference.url());
    config.admin.token_file = Some(file);
    let proxy = Proxy::start(config).await.unwrap();
    for path in ["/healthz", "/readyz"] {
        assert!(
            get(proxy.admin_address(), path)
                .await
                .starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
    for path in ["/metrics", "/api/status", "/api/divergences", "/elsewhere"] {
        assert!(
            get(proxy.admin_address(), path)
                .await
                .starts_with("HTTP/1.1 401"),
            "{path}"
        );
    }
    let kill = post(&proxy, "/api/kill", r#"{"reason": "r"}"#, JSON).await;
    assert!(kill.starts_with("HTTP/1.1 401"), "{kill}");
    let request = "GET /api/status HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer 0123456789abcdef\r\nConnection: close\r\n\r\n";
    assert!(
        raw_text(proxy.admin_address(), request)
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let reference = Backend::answering(OK).await;
    let proxy = Proxy::start(Config::forwarding_to(&reference.url()))
        .await
        .unwrap();
    let page = get(proxy.admin_address(), "/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
    assert!(!page.contains("http://") && !page.contains("https://"));
    let files: Vec<&str> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let file = get(proxy.admin_address(), file).await;
        assert!(file.starts_with("HTTP/1.1 200"), "{file}");
    }
}

#[tokio::test]
async fn latency_is_told_for_both_sides_over_time() {
    let reference = Backend::answering(OK).await;
    let candidate = Backend::answering(OK).await;
    let proxy = Proxy::start(shadowing(&reference, &candidate))
        .await
        .unwrap();
    for path in ["/internal/embed/weights", "/internal/embed/weights", "/"] {
        get(proxy.address(), path).await;
    }
    settled(&proxy).await;
    for (route, asked) in [("", 3), ("embed-weights", 2), ("v2-score", 0)] {
        let told = ask(&proxy, &format!("/api/latency?route={route}")).await;
        for side in ["reference", "candidate"] {
            let counts = told["points"].as_array().unwrap().iter();
            let count: u64 = counts
                .map(|point| point[side]["count"].as_u64().unwrap_or(0))
                .sum();
            assert_eq!(count, asked, "{route} {side}: {told}");
        }
    }
}

#[test]
fn the_deployed_configuration_is_valid() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let directory = tempfile::tempdir().unwrap();
    for file in [
        "deploy/shadow-proxy.toml",
        "fixtures/passport/rules.toml",
        "fixtures/passport/ledger.toml",
    ] {
        let from = root.join(file);
        let to = directory.path().join(from.file_name().unwrap());
        std::fs::copy(from, to).unwrap();
    }
    let config = Config::load(&directory.path().join("shadow-proxy.toml")).unwrap();
    shadow_proxy::start::check(&config).unwrap();
    assert!(
        config.explain().contains("at most 66 MiB"),
        "{}",
        config.explain()
    );
}
