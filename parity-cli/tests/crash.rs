//! Killed in the middle of writing: what is there afterwards is whole.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use parity::{
    exchange::{Headers, Request, Response},
    fixture::{Corpus, Group, Scenario, Step},
    redact::Redactor,
    report::Report,
};
use parity_cli::http_server::{Handler, HttpServer};

/// Large enough that writing it takes a while.
const BODY: usize = 1 << 20;

/// Kills that have to fall into the middle of writing, and attempts at them.
const IN_THE_MIDDLE: usize = 2;
const ATTEMPTS: usize = 50;

fn response(letter: &str) -> Response {
    Response {
        status: 200,
        headers: Headers(vec![
            ("Content-Type".into(), b"text/plain".to_vec()),
            ("Content-Length".into(), BODY.to_string().into_bytes()),
        ]),
        body: Bytes::from(letter.repeat(BODY)),
    }
}

/// Answers other than those that were recorded.
struct Candidate;

impl Handler for Candidate {
    fn answer(&self, _: Request) -> BoxFuture<'_, Response> {
        Box::pin(async { response("b") })
    }
}

/// Fixtures of one exchange.
fn fixtures(directory: &Path) -> PathBuf {
    let step = Step {
        scenario: "large/1".into(),
        step: 1,
        tags: Vec::new(),
        clock: None,
        sql_before: None,
        redis_flush_before: false,
        request: Request {
            method: "GET".into(),
            target: "/large".into(),
            headers: Headers(vec![("Host".into(), b"localhost".to_vec())]),
            body: Bytes::new(),
        },
        response: response("a"),
        latency_us: None,
        effects: None,
        cache: None,
    };
    let corpus = Corpus {
        groups: vec![Group {
            name: "large".into(),
            scenarios: vec![Scenario {
                name: step.scenario.clone(),
                steps: vec![step],
            }],
        }],
        ..Corpus::default()
    };
    let out = directory.join("fixtures");
    corpus
        .write(&out, &Redactor::keep_all("made for a test"))
        .unwrap();
    out
}

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What is being written in a directory: names that begin with a dot.
fn unfinished(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with('.')
        })
        .collect()
}

/// Kills (SIGKILL) a program as soon as it writes something below the directory. Says whether that
/// was in the middle of it, and clears what was left behind.
fn kill_while_it_writes(directory: &Path, arguments: &[&str]) -> bool {
    let mut process = start(arguments);
    let is_over = loop {
        if !unfinished(directory).is_empty() {
            break false;
        }
        if process.try_wait().unwrap().is_some() {
            break true;
        }
    };
    process.kill().unwrap();
    process.wait().unwrap();
    let left = unfinished(directory);
    for path in &left {
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    !is_over && !left.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_the_former_report_or_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = fixtures(directory.path());
    let candidate = HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::new(Candidate))
        .await
        .unwrap();
    let candidate = format!("http://{}", candidate.address());
    let reports = directory.path().join("reports");
    let arguments = [
        "replay",
        fixtures.to_str().unwrap(),
        "--candidate",
        &candidate,
        "--report-dir",
        reports.to_str().unwrap(),
    ];
    assert_eq!(
        start(&arguments).wait().unwrap().code(),
        Some(1),
        "it differs"
    );
    let written = || fs::read_to_string(reports.join("report.json")).unwrap();
    let (mut former, mut in_the_middle) = (written(), 0);
    assert!(former.len() > 2 * BODY, "the report holds both bodies");
    for _ in 0..ATTEMPTS {
        let killed = kill_while_it_writes(&reports, &arguments);
        let there = written();
        if killed {
            assert!(
                there == former,
                "a report that was not finished is no report"
            );
            in_the_middle += 1;
        }
        let report = Report::from_json(&there).expect("a whole report");
        assert_eq!(report.totals.diverged, 1);
        former = there;
        if in_the_middle == IN_THE_MIDDLE {
            return;
        }
    }
    panic!("{in_the_middle} of {ATTEMPTS} kills were in the middle of writing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_a_whole_recording_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = fixtures(directory.path());
    let backend = HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::new(Candidate))
        .await
        .unwrap();
    let backend = format!("http://{}", backend.address());
    let recordings = directory.path().join("recordings");
    fs::create_dir(&recordings).unwrap();
    let out = recordings.join("new");
    let arguments = [
        "record",
        &backend,
        "--requests-from",
        fixtures.to_str().unwrap(),
        "--keep-values",
        "test values",
        "--out",
        out.to_str().unwrap(),
    ];
    let is_whole = || {
        let recorded = Corpus::read(&out).expect("a whole recording");
        let step = &recorded.groups[0].scenarios[0].steps[0];
        step.response.body == response("b").body
    };
    let mut in_the_middle = 0;
    for _ in 0..ATTEMPTS {
        let killed = kill_while_it_writes(&recordings, &arguments);
        if out.exists() {
            assert!(is_whole());
            fs::remove_dir_all(&out).unwrap();
        } else {
            assert!(killed, "it ended without a recording");
            in_the_middle += 1;
        }
        if in_the_middle == IN_THE_MIDDLE {
            assert!(start(&arguments).wait().unwrap().success());
            assert!(is_whole());
            return;
        }
    }
    panic!("{in_the_middle} of {ATTEMPTS} kills were in the middle of writing");
}
