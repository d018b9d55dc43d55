//! A secret in every place that is redacted, a run of each command that keeps or shows exchanges, and a
//! search through all that they left. What a request says in its path, or in a member whose name
//! speaks of nothing, is data: a fixture that did not hold it would be another request.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use parity::{
    exchange::{Headers, Request, Response},
    report::Report,
};
use parity_cli::{
    backend::HttpClient,
    database::TEST_DATABASE_MARK,
    http_server::{Handler, HttpServer},
};
use scorer::embedded::{Options, Postgres, Source, migrate};
use sqlx::PgPool;
use tokio::process::Child;

/// Begins every planted secret.
const CANARY: &str = "CANARY-51e7";

const PATIENCE: Duration = Duration::from_secs(60);

/// A backend whose answers, and whose rows, are full of secrets.
struct Leaky {
    pool: PgPool,
    name: &'static str,
}

impl Handler for Leaky {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            if request.method == "POST" {
                sqlx::query(
                    "INSERT INTO ceramic_cache_ceramiccache (address, provider, stamp, proof_value, created_at,
                         updated_at, type, compose_db_save_status, compose_db_stream_id)
                     VALUES ('0x1', 'A', $1::jsonb, $2, now(), now(), 1, '', '')
                     ON CONFLICT DO NOTHING",
                )
                .bind(format!(r#"{{"proof": {{"jws": "{CANARY}-row-{0}"}}}}"#, self.name))
                .bind(format!("{CANARY}-column-{}", self.name))
                .execute(&self.pool)
                .await
                .unwrap();
            }
            let body = format!(
                r#"{{"side": "{0}", "access_token": "{CANARY}-body-{0}", "a": [{{"proof": "{CANARY}-proof-{0}"}}]}}"#,
                self.name
            );
            let fields = [
                ("Content-Type", "application/json".to_owned()),
                ("Content-Length", body.len().to_string()),
                (
                    "Set-Cookie",
                    format!("session={CANARY}-cookie-{}", self.name),
                ),
                ("X-Whatever", format!("{CANARY}-header-{}", self.name)),
                (
                    "Location",
                    format!("/next?code={CANARY}-location-{}", self.name),
                ),
            ];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes()));
            Response {
                status: 200,
                headers: Headers(fields.into()),
                body: Bytes::from(body),
            }
        })
    }
}

fn requests() -> [Request; 3] {
    let request = |method: &str, target: &str, media: &str, body: &str| {
        let fields = [
            ("Host", "localhost".to_owned()),
            ("Content-Type", media.to_owned()),
            ("Authorization", format!("Bearer {CANARY}-bearer")),
            ("Cookie", format!("sessionid={CANARY}-session")),
            ("X-API-Key", format!("{CANARY}-key")),
            ("X-Unheard-Of", format!("{CANARY}-other")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into_bytes()));
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers(fields.into()),
            body: Bytes::from(body.to_owned()),
        }
    };
    [
        request(
            "GET",
            &format!("/a?x=1&token={CANARY}-query&API_KEY={CANARY}-parameter"),
            "text/plain",
            "",
        ),
        request(
            "POST",
            "/b",
            "application/json",
            &format!(
                r#"[{{"stamp": {{"proof": {{"jws": "{CANARY}-stamp"}}}}, "password": "{CANARY}-password"}}]"#
            ),
        ),
        request(
            "POST",
            "/c",
            "application/x-www-form-urlencoded",
            &format!("n=1&secret={CANARY}-form"),
        ),
    ]
}

/// Commands whose output goes into files beside what they write.
struct Runs {
    directory: PathBuf,
}

impl Runs {
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let stream =
            |end: &str| fs::File::create(self.directory.join(format!("{name}.{end}"))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parity-cli"));
        command
            .args(arguments)
            .env("RUST_LOG", "debug")
            .env("PARITY_REDACTION_KEY", format!("{CANARY}-redaction-key"))
            .env("SECRET_KEY", format!("{CANARY}-environment"))
            .stdin(Stdio::null())
            .stdout(stream("out"))
            .stderr(stream("err"));
        command
    }

    /// Runs a command and checks how it ends.
    fn run(&self, name: &str, arguments: &[&str], code: i32) {
        let mut bounded = Command::new("timeout");
        let command = self.command(name, arguments);
        bounded
            .arg("120")
            .arg(command.get_program())
            .args(command.get_args());
        bounded.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let stream =
            |end: &str| fs::File::create(self.directory.join(format!("{name}.{end}"))).unwrap();
        bounded
            .stdin(Stdio::null())
            .stdout(stream("out"))
            .stderr(stream("err"));
        let status = bounded.status().unwrap();
        let error = fs::read_to_string(self.directory.join(format!("{name}.err"))).unwrap();
        assert_eq!(status.code(), Some(code), "{name}: {error}");
    }
}

/// Every file below a directory that holds the text, in plain or as base64 would have it.
fn holding(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|at| at == wanted);
        // Three bytes make four characters: what is in the middle depends on where it begins.
        let encoded = (0..3).any(|shift| {
            let padded = [&vec![b' '; shift][..], text.as_bytes()].concat();
            let whole = base64(&padded);
            holds(&whole.as_bytes()[4..whole.len() - 8])
        });
        if holds(text.as_bytes()) || encoded {
            found.push(path);
        }
    }
    found
}

fn base64(bytes: &[u8]) -> String {
    let response = Response {
        status: 200,
        headers: Headers::default(),
        // What is no text is written as base64; the byte that makes it so comes last.
        body: [bytes, b"\xff\xff\xff"].concat().into(),
    };
    let written: serde_json::Value = serde_json::to_value(&response).unwrap();
    written["body_base64"].as_str().unwrap().to_owned()
}

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
            HttpServer::start(any, Arc::new(Leaky { pool, name }))
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
    assert_eq!(holding(directory.path(), CANARY), Vec::<PathBuf>::new());
    pool.close().await;
}

/// The search finds what it looks for, wherever it is put.
#[test]
fn a_planted_secret_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    assert_eq!(holding(directory.path(), CANARY), Vec::<PathBuf>::new());
    fs::write(below.join("plain"), format!("x{CANARY}y")).unwrap();
    for shift in 0..3 {
        let hidden = base64(format!("{}{CANARY}-and-more", " ".repeat(shift)).as_bytes());
        fs::write(below.join(format!("encoded-{shift}")), hidden).unwrap();
    }
    assert_eq!(holding(directory.path(), CANARY).len(), 4);
}
