//! A secret in every slot of the running program: nothing it says, shows or keeps holds one.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    process::{ADMIN_TOKEN, start},
    replica::{Database, Relay, SINK_URL, run},
    support::{Backend, raw_text},
};

/// Begins every planted secret.
const CANARY: &str = "CANARY-93b0";

/// Begins what is no secret and stands beside them: where it is not found nothing was looked through.
const MARKER: &str = "MARKER-93b0";

fn answer(side: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"side": "{MARKER}-{side}", "access_token": "{CANARY}-body-{side}", "a": [{{"proof": "{CANARY}-proof-{side}"}}]}}"#
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

/// Every row of the sink.
async fn rows(database: &Database) -> String {
    let mut text = String::new();
    for table in ["run", "route", "signature", "divergence", "stage_change"] {
        let select = format!("SELECT to_json(one)::text FROM shadow_proxy.{table} one");
        let mut connection = database.connect().await;
        let rows = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(select));
        text.extend(rows.fetch_all(&mut connection).await.unwrap());
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_logs_metrics_pages_files_or_the_sink() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::new("secrets").await;
    let relay = Relay::to(&database).await;
    let (scheme, place) = relay.url.split_once("://").unwrap();
    let (user, place) = place.split_once('@').unwrap();
    let sink = format!("{scheme}://{user}:{CANARY}-sink@{place}");
    let migrated = format!("[reference]\nurl = \"http://h\"\n[sink]\nurl_env = \"{SINK_URL}\"\n");
    let made = run(directory.path(), &migrated, &sink, &["sink", "migrate"]);
    assert!(made.status.success(), "{made:?}");
    let reference = Backend::answering(&answer("reference")).await;
    let candidate = Backend::answering(&answer("candidate")).await;
    let token = format!("{CANARY}-admin-token");
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"));
    command
        .arg("--record")
        .arg(directory.path().join("recordings"))
        .env(ADMIN_TOKEN, &token)
        .env(SINK_URL, &sink)
        .env("DATABASE_URL", format!("postgres://u:{CANARY}-url@h/d"))
        .env("RUST_LOG", "trace");
    let program = start(command, directory.path(), &reference, &candidate);
    let targets = [
        format!("/internal/embed/weights?token={CANARY}-query&x={MARKER}-query"),
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
            let body = status.split_once("\r\n\r\n").unwrap().1;
            let status: Value = serde_json::from_str(body).unwrap();
            let is_kept = status["sink"]["written"] == 2 && status["recording"]["written"] == 3;
            if status["counts"]["diverged"] == 2 && is_kept {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, found)
        .await
        .expect("two divergences, shared, and a recording");
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
    program.has_logged("stopping").await;
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
    assert!(log.contains("TRACE"), "{log}");
    let rows = rows(&database).await;
    for (what, text) in [
        ("pages", &shown),
        ("journal", &contents(&directory.path().join("journal"))),
        ("recording", &contents(&directory.path().join("recordings"))),
        ("sink", &rows),
    ] {
        for side in ["query", "reference"] {
            let marker = format!("{MARKER}-{side}");
            assert!(text.contains(&marker), "{what} has no {marker}: {text}");
        }
    }
    let gone = format!("postgres://u:{CANARY}-nowhere@127.0.0.1:1/d");
    let refused = run(directory.path(), &migrated, &gone, &["sink", "migrate"]);
    assert!(!refused.status.success());
    let said = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
    assert!(said.starts_with("shadow-proxy: "), "{said}");
    for (what, text) in [
        ("log", log),
        ("pages", shown),
        ("files", kept),
        ("sink", rows),
        ("refusal", said),
    ] {
        let at = text.find(CANARY);
        let around = at.map(|at| &text[at.saturating_sub(80)..text.len().min(at + 80)]);
        assert_eq!(around, None, "{what}");
    }
}
