//! The program itself: it serves, traces, logs, and stops when it is told to.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "support/collector.rs"]
mod collector;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use collector::collector;

const TOKEN: &str = "canary-internal-token-2f5d";

/// A running scorer without a database.
struct Scorer {
    process: Child,
    address: SocketAddr,
    logs: mpsc::Receiver<String>,
}

impl Scorer {
    fn start(collector: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_scorer"))
            .env_clear()
            .envs([
                ("SECRET_KEY", "canary-secret-key-8c1e"),
                ("CGRANTS_API_TOKEN", TOKEN),
                ("CERAMIC_CACHE_SCORER_ID", "1"),
                ("TRUSTED_IAM_ISSUERS", r#"["did:key:z"]"#),
                ("ALLOWED_HOSTS", r#"["h"]"#),
                ("DEBUG", "off"),
                (
                    "DATABASE_URL",
                    "postgres://u:canary-password-aa17@127.0.0.1:1/d",
                ),
                ("SCORER_LISTEN", "127.0.0.1:0"),
                ("SCORER_METRICS_LISTEN", "127.0.0.1:0"),
            ])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, logs) = mpsc::channel();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let address = loop {
            let line = logs.recv_timeout(Duration::from_secs(60)).unwrap();
            let line: Json = serde_json::from_str(&line).unwrap();
            if line["message"] == "serving" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self {
            process,
            address,
            logs,
        }
    }

    /// Asks it to stop, as a container runtime does.
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.process.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn exchange(stream: &mut TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

// The collector has to go on while this test waits for the process.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_in_flight_and_the_traces_tell_of_all_without_secrets() {
    let (collector, exports) = collector().await;
    let mut scorer = Scorer::start(collector);
    for (request, status) in [
        ("GET /ceramic-cache/score/canary-path?a=canary-query", "401"),
        ("POST /internal/check-revocations", "401"),
    ] {
        let mut stream = TcpStream::connect(scorer.address).await.unwrap();
        let fields = "Authorization: Bearer canary.canary.canary\r\nCookie: a=canary-cookie";
        let request =
            format!("{request} HTTP/1.1\r\nHost: h\r\n{fields}\r\nConnection: close\r\n\r\n");
        let answer = exchange(&mut stream, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }

    // In flight: the server has read the head, said so, and waits for the body.
    let mut in_flight = TcpStream::connect(scorer.address).await.unwrap();
    let head = format!(
        "POST /internal/check-bans HTTP/1.1\r\nHost: h\r\nAuthorization: {TOKEN}\r\n\
         Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    in_flight.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    in_flight.read_exact(&mut interim).await.unwrap();
    scorer.terminate();
    let mut logs = Vec::new();
    while !logs.iter().any(|line: &String| line.contains("stopping")) {
        logs.push(scorer.logs.recv_timeout(Duration::from_secs(60)).unwrap());
    }
    let answer = exchange(&mut in_flight, "[]").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with(r#"{"detail": "Must provide valid credential(s)"}"#));
    assert!(scorer.process.wait().unwrap().success());
    logs.extend(scorer.logs.iter());

    let spans: Vec<Span> = exports
        .lock()
        .unwrap()
        .iter()
        .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap())
        .flat_map(|export| export.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect();
    let mut routes: Vec<_> = spans
        .iter()
        .map(|span| text(&span.attributes, "route").unwrap())
        .collect();
    routes.sort_unstable();
    assert_eq!(routes, ["ceramic-score", "check-bans", "check-revocations"]);

    let traced: BTreeSet<_> = spans
        .iter()
        .map(|span| text(&span.attributes, "request_id").unwrap().to_owned())
        .collect();
    let logged: BTreeSet<_> = logs
        .iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .filter(|line| line["message"] == "answered")
        .map(|line| line["span"]["request_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(traced.len(), 3, "each request has an id of its own");
    assert_eq!(traced, logged, "by which logs and traces are joined");

    let told = format!("{spans:?}{logs:?}");
    assert!(!told.contains("canary"), "{told}");
}
