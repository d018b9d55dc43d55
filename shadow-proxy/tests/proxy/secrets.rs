//! A secret in every slot of the running program: nothing it says, shows or keeps holds one.

use std::{path::Path, process::Command};

use crate::{
    process::{ADMIN_TOKEN, Program},
    support::{Backend, raw_text},
};

/// Begins every planted secret.
const CANARY: &str = "CANARY-93b0";

fn answer(side: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"side": "{side}", "access_token": "{CANARY}-body-{side}", "a": [{{"proof": "{CANARY}-proof-{side}"}}]}}"#
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a={CANARY}-cookie-{side}\r\n\
         X-Whatever: {CANARY}-header-{side}\r\nLocation: /n?token={CANARY}-location-{side}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn request(method: &str, target: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CANARY}-bearer\r\n\
         Cookie: s={CANARY}-session\r\nX-API-Key: {CANARY}-key\r\nX-Unheard-Of: {CANARY}-other\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Every file below a directory, as text.
fn contents(directory: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&contents(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_logs_metrics_pages_or_files() {
    let directory = tempfile::tempdir().unwrap();
    let reference = Backend::answering(&answer("reference")).await;
    let candidate = Backend::answering(&answer("candidate")).await;
    let token = format!("{CANARY}-admin-token");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"));
    command
        .env(ADMIN_TOKEN, &token)
        .env("DATABASE_URL", format!("postgres://u:{CANARY}-url@h/d"))
        .env("RUST_LOG", "debug");
    let program = Program::run(command, directory.path(), &reference, &candidate);
    let targets = [
        format!("/internal/embed/weights?token={CANARY}-query&x=1"),
        format!("/internal/embed/weights?API_KEY={CANARY}-parameter"),
    ];
    for target in &targets {
        let got = raw_text(program.address, &request("GET", target, "")).await;
        assert!(
            got.contains("-body-reference"),
            "users get everything: {got}"
        );
    }
    let post = format!(r#"{{"proof": "{CANARY}-posted"}}"#);
    raw_text(
        program.address,
        &request("POST", "/ceramic-cache/stamps/bulk", &post),
    )
    .await;
    // What is no request, and what cannot be parsed.
    raw_text(
        program.address,
        &format!("GET /\0{CANARY} HTTP/1.1\r\nHost: h\r\n\r\n"),
    )
    .await;

    let mut shown = String::new();
    let admin = |method: &str, path: &str, body: &str, token: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let address = program.admin;
        async move { raw_text(address, &request).await }
    };
    let found = async {
        loop {
            let status = admin("GET", "/api/status", "", &token).await;
            if status.contains("\"diverged\":2") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, found)
        .await
        .expect("two divergences");
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/status",
        "/api/verdicts",
        "/api/clusters",
        "/api/divergences",
        "/api/audit",
        "/elsewhere",
    ] {
        shown.push_str(&admin("GET", path, "", &token).await);
        shown.push_str(&admin("GET", path, "", &format!("{CANARY}-wrong-token")).await);
    }
    let change = r#"{"stage": "canary", "percent": 1.0, "reason": "r", "actor": "a"}"#;
    shown.push_str(&admin("POST", "/api/stage", change, &token).await);
    assert!(shown.contains("redacted:"), "divergences are shown");
    program.signal("HUP");
    program.signal("TERM");
    let log = {
        let log = program.log();
        assert!(program.ended().await.success());
        log
    };
    let kept = contents(directory.path());
    assert!(
        kept.contains("embed-weights") && kept.contains("canary_percent"),
        "{kept}"
    );
    assert!(!log.is_empty());
    for (what, text) in [("log", log), ("pages", shown), ("files", kept)] {
        let at = text.find(CANARY);
        let around = at.map(|at| &text[at.saturating_sub(80)..text.len().min(at + 80)]);
        assert_eq!(around, None, "{what}");
    }
}
