//! Load on a small server whose faults and delays are known.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use parity::{fixture::Reader, rules::Rules};
use parity_cli::{
    backend::HttpClient,
    load::{BackendSummary, Pace, Plan, judge, run_turn},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const STEP: &str = r#"{"scenario": "load/one", "step": 1, "tags": ["ep:score"], "clock": null, "request": {"method": "GET", "target": "/score", "headers": []}, "response": {"status": 200, "headers": [], "body": "{\"score\": \"1\", \"error\": null}"}, "effects": null}"#;

#[derive(Clone, Default)]
struct Server {
    asked: Arc<AtomicU32>,
    /// Answers come one after the other; one of them keeps the others waiting.
    turn: Arc<Mutex<()>>,
    stall: Duration,
    /// Which one: so many were asked for before.
    stalled: u32,
    wrong_every: Option<u32>,
}

async fn answer(State(server): State<Server>) -> (StatusCode, &'static str) {
    let number = server.asked.fetch_add(1, Ordering::Relaxed);
    let _turn = server.turn.lock().await;
    if number == server.stalled {
        tokio::time::sleep(server.stall).await;
    }
    match server.wrong_every {
        Some(every) if number % every == 0 => (StatusCode::OK, r#"{"score": "1"}"#),
        _ => (StatusCode::OK, r#"{"score": "2", "error": null}"#),
    }
}

async fn serve(server: Server) -> HttpClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpClient::new(&listen(server).await, Duration::from_secs(5)).expect("a client")
}

/// Serves on a free port and says where.
async fn listen(server: Server) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/score", get(answer))
        .with_state(server);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Fixtures of one request, in a directory of their own.
fn fixtures() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let exchanges = directory.path().join("exchanges");
    std::fs::create_dir(&exchanges).expect("a directory");
    std::fs::write(exchanges.join("g.jsonl"), STEP).expect("written");
    let out = directory.path().join("fixtures");
    parity::fixture::import_recordings(directory.path())
        .expect("imported")
        .write(&out, &parity::redact::Redactor::keep_all("made for a test"))
        .expect("written");
    (directory, out)
}

fn plan() -> Arc<Plan> {
    let (_directory, out) = fixtures();
    let reader = Reader::open(&out).expect("fixtures");
    Arc::new(Plan::from_fixtures(&reader, &Rules::none(), &["score".into()]).expect("a plan"))
}

const TURN: Duration = Duration::from_millis(400);

#[tokio::test]
async fn wrong_answers_are_counted_although_their_status_is_right() {
    let client = serve(Server {
        wrong_every: Some(2),
        ..Server::default()
    })
    .await;
    let result = run_turn(client, plan(), Pace::Users(2), Duration::ZERO, TURN).await;
    assert!(result.samples.count() > 0);
    let share = result.wrong as f64 / result.samples.count() as f64;
    assert!((0.4..=0.6).contains(&share), "{share}");
    assert_eq!(
        result.faults.keys().collect::<Vec<_>>(),
        ["score: members missing: [error], extra: []"]
    );
    assert_eq!(result.errors, 0);
}

#[tokio::test]
async fn a_backend_that_is_not_there_gives_errors_and_no_latencies() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        HttpClient::new(&format!("http://{address}"), Duration::from_secs(1)).expect("a client");
    let result = run_turn(client, plan(), Pace::PerSecond(50.0), Duration::ZERO, TURN).await;
    assert!(result.errors > 0);
    assert_eq!(result.samples.count(), 0);
}

#[tokio::test]
async fn a_stall_shows_in_every_request_that_was_due_meanwhile() {
    let stall = Duration::from_millis(300);
    let open = serve(Server {
        stall,
        ..Server::default()
    })
    .await;
    let open = run_turn(open, plan(), Pace::PerSecond(100.0), Duration::ZERO, TURN).await;
    let closed = serve(Server {
        stall,
        ..Server::default()
    })
    .await;
    let closed = run_turn(closed, plan(), Pace::Users(1), Duration::ZERO, TURN).await;
    // Thirty requests were due during the stall; the one user who waited saw it once.
    assert!(
        open.samples.quantile(0.5).ms > 50.0,
        "{}",
        open.samples.quantile(0.5).ms
    );
    assert!(closed.samples.max_ms() >= 300.0);
    assert!(closed.samples.quantile(0.5).ms < open.samples.quantile(0.5).ms);
}

#[tokio::test]
async fn warm_up_is_not_counted() {
    let stall = Duration::from_millis(300);
    let client = serve(Server {
        stall,
        ..Server::default()
    })
    .await;
    let warm_up = Duration::from_millis(200);
    let result = run_turn(client, plan(), Pace::Users(1), warm_up, TURN).await;
    assert!(result.samples.count() > 0);
    assert!(
        result.samples.max_ms() < 300.0,
        "{}",
        result.samples.max_ms()
    );
}

#[tokio::test]
async fn targets_hold_or_not_by_the_upper_end_of_the_interval() {
    let client = serve(Server::default()).await;
    let result = run_turn(client, plan(), Pace::Users(1), Duration::ZERO, TURN).await;
    let small = Some(100 * 1_048_576);
    let summary = BackendSummary::new("a", &result, Some(Duration::from_millis(150)), small);
    let judged = judge(&summary);
    let holds = |metric: &str| {
        judged
            .iter()
            .find(|judged| judged.target.metric == metric)
            .expect("a target")
            .holds
    };
    assert_eq!(holds("cold start"), Some(false));
    assert_eq!(holds("peak memory"), Some(true));
    assert_eq!(holds("p50 latency"), Some(true));
    let unmeasured = judge(&BackendSummary::new("a", &result, None, None));
    assert_eq!(
        unmeasured[0].holds, None,
        "what was not measured does not hold"
    );
}

/// Runs `parity-cli load` and returns its exit code, its summary and its time series.
async fn load(reference: Server, candidate: Server, extra: &[&str]) -> (i32, Value, String) {
    let (directory, fixtures) = fixtures();
    let out = directory.path().join("out");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(["--json", "load", "--route", "score", "--warm-up", "0"])
        .args(["--reference", &listen(reference).await])
        .args(["--candidate", &listen(candidate).await])
        .args(extra)
        .arg("--out")
        .arg(&out)
        .arg(&fixtures)
        .output()
        .await
        .expect("the binary runs");
    let error = String::from_utf8_lossy(&output.stderr);
    let summary = std::fs::read_to_string(out.join("summary.json"))
        .unwrap_or_else(|missing| panic!("{missing}: {error}"));
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, summary);
    let series = std::fs::read_to_string(out.join("time-series.csv")).expect("a time series");
    (output.status.code().unwrap_or(-1), summary, series)
}

/// The sum of a column of the time series for one backend.
fn sum(series: &str, backend: &str, column: &str) -> u64 {
    let mut lines = series.lines();
    let at = lines
        .next()
        .and_then(|head| head.split(',').position(|name| name == column))
        .expect("the column");
    lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells[0] == backend)
        .map(|cells| cells[at].parse::<u64>().expect("a number"))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_closed_load_a_backend_that_answers_wrongly_is_reported() {
    let wrong = Server {
        wrong_every: Some(3),
        ..Server::default()
    };
    let extra = ["--vus", "3", "--duration", "2", "--turns", "2"];
    let (code, summary, series) = load(Server::default(), wrong, &extra).await;
    assert_eq!(code, 1);
    let [reference, candidate] = ["reference", "candidate"].map(|name| &summary["backends"][name]);
    assert_eq!(
        (&reference["wrong"], &reference["errors"]),
        (&json!(0), &json!(0))
    );
    let (wrong, requests) = (
        candidate["wrong"].as_u64().unwrap(),
        candidate["requests"].as_u64().unwrap(),
    );
    assert!(wrong.abs_diff(requests / 3) <= 3, "{wrong} of {requests}");
    assert_eq!(
        candidate["faults"]["score: members missing: [error], extra: []"],
        wrong
    );
    for (name, side) in [("reference", reference), ("candidate", candidate)] {
        assert_eq!(sum(&series, name, "requests"), side["requests"], "{series}");
        assert_eq!(sum(&series, name, "wrong"), side["wrong"]);
        assert!(side["throughput_per_s"].as_f64().unwrap() > 0.0);
    }
    let targets = summary["targets"].as_array().unwrap();
    let unmeasured = |metric: &str| {
        let judged = targets.iter().find(|judged| judged["metric"] == metric);
        judged.expect("a target")["holds"].is_null()
    };
    assert!(unmeasured("cold start") && unmeasured("peak memory"));
    assert!(!unmeasured("p95 latency"));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_open_load_a_stall_counts_from_when_requests_were_due() {
    let stalling = Server {
        stall: Duration::from_secs(1),
        // The one before only asks whether anybody is there.
        stalled: 1,
        ..Server::default()
    };
    let extra = ["--rate", "50", "--duration", "2", "--turns", "1"];
    let (_, summary, _) = load(Server::default(), stalling, &extra).await;
    let candidate = &summary["backends"]["candidate"];
    // Every request that was due is accounted for, at the rate that was asked for.
    let requests = candidate["requests"].as_u64().unwrap();
    assert_eq!(requests, 100, "{candidate:#}");
    assert_eq!(candidate["errors"], 0);
    assert_eq!(candidate["not_sent"], 0);
    // Fifty requests were due while the first one was kept waiting: their latencies fall from a second to
    // nothing. Counted from when they were sent one after the other, a single one would be slow.
    assert!(
        candidate["p95"]["ms"].as_f64().unwrap() > 500.0,
        "{candidate:#}"
    );
    assert!(candidate["max_ms"].as_f64().unwrap() >= 1_000.0);
}
