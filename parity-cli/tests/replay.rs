//! `parity-cli replay` and `stub` through the real binary: what they find, and what they say when
//! they cannot be used as asked.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parity::{fixture::Corpus, redact::Redactor, report::Report};
use scorer::embedded::{Options, Postgres};

fn public_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

/// The public corpus cut down to its scenarios about bans, as fixtures of their own.
fn small_fixtures(change: impl FnOnce(&mut Corpus)) -> tempfile::TempDir {
    let mut corpus = Corpus::read(&public_fixtures()).expect("the public corpus");
    corpus.groups.retain(|group| group.name == "check-bans");
    change(&mut corpus);
    let directory = tempfile::tempdir().expect("a directory");
    corpus
        .write(directory.path(), &Redactor::keep_all("test values"))
        .expect("fixtures");
    fs::copy(
        public_fixtures().join("rules.toml"),
        directory.path().join("rules.toml"),
    )
    .expect("rules");
    directory
}

fn replay(fixtures: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .arg("replay")
        .arg(fixtures)
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Exit code 64 with this text in the message, no panic, and no report.
fn assert_refused(fixtures: &Path, arguments: &[&str], expected: &str) {
    let reports = tempfile::tempdir().expect("a directory");
    let directory = reports.path().join("report");
    let report_dir = ["--report-dir", directory.to_str().expect("UTF-8")];
    let output = replay(fixtures, &[arguments, &report_dir].concat());
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains(expected), "no `{expected}` in: {text}");
    assert!(!text.contains("panicked"), "{text}");
    assert!(!directory.exists(), "a report was begun");
}

/// A running `parity-cli stub`, ended with the test.
struct RunningStub(Child, String);

impl RunningStub {
    fn of(fixtures: &Path) -> Self {
        Self::with(fixtures, &[])
    }

    fn with(fixtures: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_parity-cli"))
            .args(["stub", "--json", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .arg(fixtures)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let output = child.stdout.take().expect("standard output is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the stub says where it listens");
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let address = said["address"].as_str().expect("an address");
        Self(child, format!("http://{address}"))
    }
}

impl Drop for RunningStub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_embedded_scorer_is_at_parity_on_bans() {
    let fixtures = small_fixtures(|_| {});
    let reports = tempfile::tempdir().unwrap();
    let directory = reports.path().join("new/report");
    let output = replay(
        fixtures.path(),
        &["--json", "--report-dir", directory.to_str().unwrap()],
    );
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let printed = Report::from_json(&String::from_utf8_lossy(&output.stdout)).unwrap();
    let written = fs::read_to_string(directory.join("report.json")).unwrap();
    assert_eq!(Report::from_json(&written).unwrap(), printed);
    assert_eq!(printed.totals.compared, 63);
    assert_eq!(printed.totals.diverged, 0);
    assert!(printed.totals.is_balanced());
}

#[test]
fn a_changed_answer_and_a_changed_row_are_found() {
    let fixtures = small_fixtures(|corpus| {
        let scenarios = &mut corpus.groups[0].scenarios;
        scenarios[0].steps[0].response.status = 418;
        let row = serde_json::from_str(r#"{"registry_event":{"inserted":[{"id":1}]}}"#);
        scenarios[1].steps[0].effects = Some(row.expect("effects"));
    });
    let output = replay(fixtures.path(), &["--json", "--jobs", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let report = Report::from_json(&String::from_utf8_lossy(&output.stdout)).unwrap();
    assert_eq!(report.totals.diverged, 2);
    let paths: Vec<_> = report
        .divergences
        .iter()
        .map(|found| (found.scenario.as_str(), found.divergence.path.as_str()))
        .collect();
    assert!(paths.iter().any(|(_, path)| path.is_empty()), "{paths:?}");
    assert!(
        paths
            .iter()
            .any(|(_, path)| path.starts_with("registry_event")),
        "{paths:?}"
    );
}

#[test]
fn recorded_answers_served_over_http_are_at_parity_with_themselves() {
    let fixtures = small_fixtures(|_| {});
    let stub = RunningStub::of(fixtures.path());
    let arguments = ["--candidate", &stub.1, "--jobs", "1", "--json"];
    let output = replay(fixtures.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));

    let other = small_fixtures(|corpus| {
        let answer = &mut corpus.groups[0].scenarios[0].steps[0].response;
        answer.body = "{}".into();
        answer
            .headers
            .0
            .retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    });
    let output = replay(other.path(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
}

fn parity_cli(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

#[test]
fn a_report_is_written_for_each_of_its_readers_and_two_are_told_apart() {
    let fixtures = small_fixtures(|_| {});
    let stub = RunningStub::of(fixtures.path());
    let wrong = small_fixtures(|corpus| {
        corpus.groups[0].scenarios[0].steps[0].response.status = 418;
    });
    let out = tempfile::tempdir().unwrap();
    let [clean, diverged] = [("clean", fixtures.path()), ("diverged", wrong.path())].map(|run| {
        let (name, fixtures) = run;
        let directory = out.path().join(name).display().to_string();
        let arguments = ["--candidate", &stub.1, "--jobs", "1", "--quiet"];
        replay(
            fixtures,
            &[&arguments[..], &["--report-dir", &directory]].concat(),
        );
        format!("{directory}/report.json")
    });
    for (format, shown) in [
        ("html", "<!DOCTYPE html>"),
        ("junit", "<testsuite "),
        ("markdown", "check-bans"),
        ("text", "diverged: check-bans"),
        ("json", "\"parity-report\""),
    ] {
        let output = parity_cli(&["report", format, &diverged]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert!(text.contains(shown) && text.contains("418"), "{format}");
    }
    let worse = parity_cli(&["report", "diff", &clean, &diverged]);
    assert_eq!(worse.status.code(), Some(1), "{}", errors(&worse));
    assert!(String::from_utf8_lossy(&worse.stdout).contains("### New: 1"));
    let better = parity_cli(&["report", "diff", &diverged, &clean]);
    assert_eq!(better.status.code(), Some(0), "{}", errors(&better));
    assert!(String::from_utf8_lossy(&better.stdout).contains("### Fixed: 1"));
}

#[test]
fn the_doctor_passes_equal_sides_and_fails_sides_that_are_set_up_differently() {
    let fixtures = small_fixtures(|_| {});
    let stub = RunningStub::of(fixtures.path());
    let path = fixtures.path().display().to_string();
    let well = parity_cli(&["doctor", &path, "--candidate", &stub.1]);
    let text = String::from_utf8_lossy(&well.stdout);
    assert_eq!(well.status.code(), Some(0), "{text}{}", errors(&well));
    assert!(!text.contains("FAILED"), "{text}");
    let other = small_fixtures(|corpus| {
        for scenario in &mut corpus.groups[0].scenarios {
            scenario.steps[0].response.status = 403;
        }
    });
    let path = other.path().display().to_string();
    let ill = parity_cli(&["doctor", &path, "--candidate", &stub.1]);
    let text = String::from_utf8_lossy(&ill.stdout);
    assert_eq!(ill.status.code(), Some(1), "{text}");
    assert!(
        text.contains("FAILED  both sides look set up alike"),
        "{text}"
    );
}

#[test]
fn what_is_exported_is_imported_again_and_asks_the_same() {
    let fixtures = small_fixtures(|_| {});
    let path = fixtures.path().display().to_string();
    let out = tempfile::tempdir().unwrap();
    let [har, again] = ["session.har", "again"].map(|name| out.path().join(name));
    let [har, again] = [&har, &again].map(|path| path.display().to_string());
    for arguments in [
        &["export", &path, "--format", "har", "--out", &har][..],
        &["import", &har, "--format", "har", "--out", &again],
    ] {
        let output = parity_cli(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    }
    let requests = |directory: &str| -> Vec<_> {
        let corpus = Corpus::read(Path::new(directory)).expect("fixtures");
        let steps = corpus.scenarios().flat_map(|scenario| &scenario.steps);
        steps
            .map(|step| (step.request.clone(), step.response.body.clone()))
            .collect()
    };
    assert_eq!(requests(&again), requests(&path));
    let curl = parity_cli(&["export", &path, "--format", "curl"]);
    let commands = String::from_utf8_lossy(&curl.stdout)
        .matches("curl --silent")
        .count();
    assert_eq!(commands, requests(&path).len());
}

#[test]
fn what_is_recorded_from_a_backend_replays_against_it() {
    let fixtures = small_fixtures(|_| {});
    let stub = RunningStub::of(fixtures.path());
    let target = tempfile::tempdir().unwrap();
    let out = target.path().join("recorded");
    let record = |extra: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_parity-cli"))
            .args(["record", &stub.1, "--requests-from"])
            .arg(fixtures.path())
            .arg("--out")
            .arg(&out)
            .args(extra)
            .output()
            .unwrap()
    };
    let output = record(&["--keep-values", "test values"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let recorded = Corpus::read(&out).unwrap();
    assert_eq!(recorded.steps(), 63);
    let mut steps = recorded.scenarios().flat_map(|scenario| &scenario.steps);
    assert!(steps.all(|step| step.latency_us.is_some_and(|time| time > 0)));
    let output = replay(&out, &["--candidate", &stub.1, "--jobs", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));

    let again = record(&[]);
    assert_eq!(again.status.code(), Some(64), "existing fixtures are kept");
    fs::remove_dir_all(&out).unwrap();
    assert!(record(&[]).status.success());
    let text = fs::read_to_string(out.join("exchanges/recorded.jsonl")).unwrap();
    let corpus = Corpus::read(fixtures.path()).unwrap();
    let secrets = corpus.scenarios().flat_map(|scenario| &scenario.steps);
    let secrets = secrets.filter_map(|step| step.request.headers.get("authorization"));
    let mut checked = 0;
    for secret in secrets.filter(|secret| secret.len() > 8) {
        checked += 1;
        let secret = String::from_utf8_lossy(secret);
        assert!(!text.contains(&*secret), "a credential was written");
    }
    assert!(checked > 0, "the fixtures have credentials to look for");
}

#[test]
fn a_stub_takes_as_long_as_the_recorded_backend_took_when_asked_to() {
    let slow = small_fixtures(|corpus| {
        corpus.groups[0].scenarios.truncate(2);
        for scenario in &mut corpus.groups[0].scenarios {
            scenario.steps[0].latency_us = Some(700_000);
        }
    });
    let stub = RunningStub::with(slow.path(), &["--latency", "recorded"]);
    let output = replay(slow.path(), &["--candidate", &stub.1, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let report = Report::from_json(&String::from_utf8_lossy(&output.stdout)).unwrap();
    let latency = report
        .routes
        .iter()
        .find_map(|route| route.latency.as_ref())
        .expect("both were timed");
    let [reference, candidate] = [&latency.reference, &latency.candidate]
        .map(|side| side.as_ref().expect("a latency").p50_ms);
    assert!((690.0..=710.0).contains(&reference), "{reference}");
    assert!(candidate >= 690.0, "{candidate}");

    let unmeasured = small_fixtures(|_| {});
    let refused = Command::new(env!("CARGO_BIN_EXE_parity-cli"))
        .args(["stub", "--latency", "recorded"])
        .arg(unmeasured.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(64));
    assert!(errors(&refused).contains("hold no latencies"));
}

#[test]
fn a_backend_that_does_not_answer_is_not_counted_as_parity() {
    let fixtures = small_fixtures(|_| {});
    let output = replay(
        fixtures.path(),
        &["--candidate", "http://127.0.0.1:1", "--json"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let report = Report::from_json(&String::from_utf8_lossy(&output.stdout)).unwrap();
    assert_eq!(report.totals.compared, 0);
    let totals = report.totals;
    // A step after one without an answer has no state to be compared on.
    assert_eq!(totals.errored + totals.not_comparable, totals.seen);
    assert!(totals.errored > totals.not_comparable);
}

/// A server that reads a request and hangs up; it counts the requests.
fn hanging_up() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream).lines();
            if lines.next().is_some_and(|line| line.is_ok()) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (format!("http://{address}"), asked)
}

#[test]
fn a_request_without_an_answer_is_counted_and_not_sent_again() {
    let fixtures = small_fixtures(|corpus| {
        let scenarios = &mut corpus.groups[0].scenarios;
        scenarios.retain(|scenario| scenario.steps.len() == 1);
    });
    let (address, asked) = hanging_up();
    let output = replay(fixtures.path(), &["--candidate", &address, "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let report = Report::from_json(&String::from_utf8_lossy(&output.stdout)).unwrap();
    assert!(report.totals.seen > 50);
    assert_eq!(report.totals.errored, report.totals.seen);
    assert_eq!(asked.load(Ordering::SeqCst), report.totals.seen);
}

#[test]
fn a_broken_fixture_is_named_with_its_line() {
    let fixtures = small_fixtures(|_| {});
    let path = fixtures.path().join("exchanges/check-bans.jsonl");
    let mut lines: Vec<_> = fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines[6].truncate(40);
    fs::write(&path, lines.join("\n")).unwrap();
    assert_refused(fixtures.path(), &[], "check-bans.jsonl:7: ");
}

#[test]
fn another_format_version_is_refused() {
    let fixtures = small_fixtures(|_| {});
    let path = fixtures.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"major\": 1", "\"major\": 9")).unwrap();
    assert_refused(fixtures.path(), &[], "fixture format 9.");
}

#[test]
fn a_directory_without_fixtures_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert_refused(empty.path(), &[], "manifest.json");
}

#[test]
fn rules_that_are_not_understood_are_named() {
    let fixtures = small_fixtures(|_| {});
    fs::write(fixtures.path().join("rules.toml"), "version = 1\nfoo = 2\n").unwrap();
    assert_refused(fixtures.path(), &[], "rules.toml");
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let fixtures = small_fixtures(|_| {});
    let url = "postgres://me:hidden@127.0.0.1:1/postgres";
    assert_refused(
        fixtures.path(),
        &["--postgres", url],
        "127.0.0.1:1/postgres",
    );
    let output = replay(fixtures.path(), &["--postgres", url]);
    assert!(!errors(&output).contains("hidden"), "{}", errors(&output));
}

#[test]
fn a_seed_that_does_not_load_is_named_with_its_line() {
    let fixtures = small_fixtures(|corpus| {
        corpus.seed = Some("SELECT 1;\nINSERT INTO nowhere VALUES (1);\n".to_owned());
    });
    assert_refused(fixtures.path(), &[], "seed.sql:2: seed does not load");
}

#[test]
fn a_selection_of_nothing_is_refused() {
    let fixtures = small_fixtures(|_| {});
    assert_refused(fixtures.path(), &["--filter", "no-such-*"], "no scenario");
    assert_refused(fixtures.path(), &["--shard", "3/2"], "no shard");
}

#[tokio::test]
async fn a_database_that_is_not_marked_for_tests_is_left_alone() {
    let fixtures = small_fixtures(|_| {});
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let pool = postgres.pool();
    sqlx::raw_sql("CREATE TABLE precious (id int); INSERT INTO precious VALUES (1)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let url = postgres.url();
    let arguments = ["--candidate", "http://127.0.0.1:1", "--candidate-db", &url];
    assert_refused(fixtures.path(), &arguments, "COMMENT ON DATABASE");
    let pool = postgres.pool();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM precious")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
    pool.close().await;
}
