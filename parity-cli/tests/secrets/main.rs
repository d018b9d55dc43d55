//! A secret in every place that is redacted, a run of each command that keeps or shows exchanges, and a
//! search through all that they left. What a request says in its path, or in a member whose name
//! speaks of nothing, is data: a fixture that did not hold it would be another request.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

mod plain;
mod planted;
mod runs;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use parity::report::Report;
use parity_cli::{backend::HttpClient, database::TEST_DATABASE_MARK, http_server::HttpServer};
use scorer::embedded::{Options, Postgres, Source, migrate};
use tokio::process::Child;

use planted::{CANARY, Leaky, requests};
use runs::{Runs, assert_clean};

const PATIENCE: Duration = Duration::from_secs(60);

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Waits until it has ended by itself, and well.
async fn ended(process: &mut Child) {
    let status = async {
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let status = tokio::time::timeout(PATIENCE, status).await;
    assert!(status.expect("it should end").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_anything_a_command_keeps_or_says() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let runs = Runs {
        directory: directory.path().to_owned(),
    };
    let secrets = tempfile::tempdir().unwrap();
    let settings = secrets.path().join("settings.env");
    let text = format!(
        "SECRET_KEY={CANARY}-setting\nDATABASE_URL=postgres://u:{CANARY}-url@h/d\nFF_V2_API=on\n"
    );
    fs::write(&settings, text).unwrap();

    let postgres = Postgres::start(Options::temporary(Source::Installed))
        .await
        .unwrap();
    let pool = postgres.pool();
    migrate(&pool).await.unwrap();
    let mark = format!("COMMENT ON DATABASE postgres IS '{TEST_DATABASE_MARK}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(mark))
        .execute(&pool)
        .await
        .unwrap();
    let socket = postgres
        .connect_options()
        .get_socket()
        .unwrap()
        .display()
        .to_string();
    let database =
        format!("postgres://postgres:{CANARY}-database@localhost:5432/postgres?host={socket}");
    let any = "127.0.0.1:0".parse().unwrap();
    let side = |name| {
        let pool = pool.clone();
        async move {
            HttpServer::start(
                any,
                Arc::new(Leaky {
                    pool: Some(pool),
                    name,
                }),
            )
            .await
            .unwrap()
        }
    };
    let (reference, candidate) = (side("reference").await, side("candidate").await);
    let reference_url = format!("http://{}", reference.address());
    let candidate_url = format!("http://{}", candidate.address());

    let listen = free_address().to_string();
    let fixtures = place("fixtures");
    let recording = runs.command(
        "record",
        &[
            "record",
            &reference_url,
            "--listen",
            &listen,
            "--requests",
            "3",
            "--out",
            &fixtures,
            "--db",
            &database,
            "--settings",
            settings.to_str().unwrap(),
        ],
    );
    let mut recording = tokio::process::Command::from(recording)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = HttpClient::new(&format!("http://{listen}"), PATIENCE).unwrap();
    for request in requests() {
        let sent = async {
            // It may not listen yet.
            while client.send(&request).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, sent)
            .await
            .expect("a recorded request");
    }
    ended(&mut recording).await;
    let recorded =
        fs::read_to_string(directory.path().join("fixtures/exchanges/recorded.jsonl")).unwrap();
    assert!(
        recorded.contains("ceramic_cache_ceramiccache"),
        "rows were recorded: {recorded}"
    );
    assert!(recorded.contains("redacted:"), "{recorded}");

    let sides = ["--candidate", &candidate_url, "--candidate-db", &database];
    let with = |arguments: &[&'static str], more: &[&str]| -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        all.extend(more.iter().map(ToString::to_string));
        all
    };
    let run = |name: &str, arguments: Vec<String>, code: i32| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        runs.run(name, &arguments, code);
    };
    let report = place("report");
    let replay = with(&["replay"], &[&fixtures, "--report-dir", &report]);
    run("replay", [replay, with(&[], &sides)].concat(), 1);
    for form in ["html", "junit", "markdown", "text", "json"] {
        let arguments = [
            "report",
            form,
            &format!("{report}/report.json"),
            "--out",
            &place(form),
        ];
        runs.run(&format!("report-{form}"), &arguments, 0);
    }
    let minimize = with(
        &["minimize", "--scenario", "recorded/1", "--budget", "20"],
        &[&fixtures, "--out", &place("minimized")],
    );
    run("minimize", [minimize, with(&[], &sides)].concat(), 1);
    let explore = with(
        &["explore", "--count", "10", "--most", "3", "--budget", "10"],
        &[
            &fixtures,
            "--reference",
            &reference_url,
            "--candidate",
            &candidate_url,
        ],
    );
    run(
        "explore",
        [explore, with(&["--out"], &[&place("explored")])].concat(),
        1,
    );
    let noise = ["--reference", &reference_url, "--again", &candidate_url];
    run(
        "noise",
        with(&["noise"], &[&[fixtures.as_str()], &noise[..]].concat()),
        0,
    );
    for form in ["har", "curl"] {
        let arguments = [
            "export",
            &fixtures,
            "--format",
            form,
            "--out",
            &place(&format!("exported.{form}")),
        ];
        runs.run(&format!("export-{form}"), &arguments, 0);
    }
    for (name, arguments) in [
        (
            "no-backend",
            vec![
                "record",
                "http://u:CANARY-51e7-p@h/x",
                "--listen",
                &listen,
                "--out",
                "x",
            ],
        ),
        (
            "no-login",
            vec![
                "record",
                "http://u:CANARY-51e7-p@h:1",
                "--listen",
                &listen,
                "--out",
                "x",
            ],
        ),
        (
            "no-database",
            vec![
                "record",
                &reference_url,
                "--listen",
                &listen,
                "--out",
                "x",
                "--db",
                "postgres://u:CANARY-51e7-p@127.0.0.1:1/d",
            ],
        ),
        (
            "no-candidate",
            vec![
                "replay",
                &fixtures,
                "--candidate",
                "ftp://u:CANARY-51e7-p@h",
            ],
        ),
        (
            "no-database-url",
            vec![
                "replay",
                &fixtures,
                "--candidate",
                &candidate_url,
                "--candidate-db",
                "http://u:CANARY-51e7-p@h",
            ],
        ),
    ] {
        runs.run(name, &arguments, 64);
        let error = fs::read_to_string(directory.path().join(format!("{name}.err"))).unwrap();
        assert!(error.contains("error: "), "{name} says nothing: {error}");
    }

    let said = fs::read_to_string(directory.path().join("replay.out")).unwrap();
    assert!(
        said.contains("recorded/1"),
        "the replay found something: {said}"
    );
    // What differs was found and is shown, by what stands for it.
    let report = fs::read_to_string(directory.path().join("report/report.json")).unwrap();
    let report = Report::from_json(&report).unwrap();
    for place in [
        "$.access_token",
        "$.a[0].proof",
        "x-whatever",
        "set-cookie",
        "location",
    ] {
        let found = report
            .divergences
            .iter()
            .find(|found| found.divergence.path == place)
            .unwrap_or_else(|| panic!("{place} differs"));
        let [reference, candidate] = [&found.divergence.reference, &found.divergence.candidate]
            .map(|shown| shown.as_deref().unwrap_or_default());
        assert!(reference.contains("redacted:"), "{place}: {reference}");
        assert!(candidate.contains("redacted:"), "{place}: {candidate}");
        assert_ne!(reference, candidate, "{place}");
    }
    let artefacts = [
        "fixtures/exchanges/recorded.jsonl",
        "replay.out",
        "report/report.json",
        "html",
        "junit",
        "text",
        "minimized/fixtures/exchanges/reproduction.jsonl",
        "exported.har",
        "exported.curl",
        "explored",
    ];
    assert_clean(directory.path(), &artefacts);
    // These show names and places, or nothing but what stands for a secret.
    for (artefact, shown) in [
        ("markdown", "redacted:"),
        ("minimized/curl.sh", "curl --silent"),
        ("explore.err", "Header location Value"),
        ("noise.out", "$.access_token"),
    ] {
        let text = fs::read_to_string(directory.path().join(artefact)).unwrap();
        assert!(text.contains(shown), "{text}");
    }
    pool.close().await;
}
