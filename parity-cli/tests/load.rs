//! Load on a small server whose faults and delays are known.

use std::{
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
use tokio::sync::Mutex;

const STEP: &str = r#"{"scenario": "load/one", "step": 1, "tags": ["ep:score"], "clock": null, "request": {"method": "GET", "target": "/score", "headers": []}, "response": {"status": 200, "headers": [], "body": "{\"score\": \"1\", \"error\": null}"}, "effects": null}"#;

#[derive(Clone, Default)]
struct Server {
    asked: Arc<AtomicU32>,
    /// Answers come one after the other; the first one keeps the others waiting.
    turn: Arc<Mutex<()>>,
    stall: Duration,
    wrong_every: Option<u32>,
}

async fn answer(State(server): State<Server>) -> (StatusCode, &'static str) {
    let number = server.asked.fetch_add(1, Ordering::Relaxed);
    let _turn = server.turn.lock().await;
    if number == 0 {
        tokio::time::sleep(server.stall).await;
    }
    match server.wrong_every {
        Some(every) if number % every == 0 => (StatusCode::OK, r#"{"score": "1"}"#),
        _ => (StatusCode::OK, r#"{"score": "2", "error": null}"#),
    }
}

async fn serve(server: Server) -> HttpClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/score", get(answer))
        .with_state(server);
    tokio::spawn(async move { axum::serve(listener, router).await });
    HttpClient::new(&format!("http://{address}"), Duration::from_secs(5)).expect("a client")
}

fn plan() -> Arc<Plan> {
    let directory = tempfile::tempdir().expect("a directory");
    let exchanges = directory.path().join("exchanges");
    std::fs::create_dir(&exchanges).expect("a directory");
    std::fs::write(exchanges.join("g.jsonl"), STEP).expect("written");
    let out = directory.path().join("fixtures");
    parity::fixture::import_recordings(directory.path())
        .expect("imported")
        .write(&out, &parity::redact::Redactor::keep_all("made for a test"))
        .expect("written");
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
        ["score: members missing: [$.error], extra: []"]
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
