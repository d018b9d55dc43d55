//! What `parity-cli replay` says besides divergences, through the real binary: ledger entries and
//! rules that ask to be looked at, what was never seen, and what is new since the baseline.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use parity::{
    coverage::Coverage,
    fixture::{Corpus, Step},
    redact::Redactor,
    report::Report,
};
use parity_cli::stub::{Latency, Stub};
use tokio::process::Command;

/// Recorded answers about bans, and a candidate that answers as recorded.
struct House {
    directory: tempfile::TempDir,
    candidate: Stub,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let house = House {
            candidate: Stub::start(
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                corpus().scenarios().cloned().collect(),
                Latency::Fixed(Duration::ZERO),
            )
            .await
            .expect("the candidate listens"),
            directory,
        };
        house.record(|_| {});
        house.write("fixtures/rules.toml", &rules("2999-12-31"));
        house
    }

    /// Writes the fixtures with other recorded answers than the candidate gives.
    fn record(&self, change: impl FnOnce(&mut Corpus)) {
        let mut corpus = corpus();
        change(&mut corpus);
        let directory = self.path("fixtures");
        let _ = fs::remove_dir_all(directory.join("exchanges"));
        let _ = fs::remove_file(directory.join("manifest.json"));
        corpus
            .write(&directory, &Redactor::keep_all("test values"))
            .expect("fixtures are written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file is written");
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parity-cli"))
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .await
            .expect("the binary runs")
    }

    async fn replay(&self, arguments: &[&str]) -> Run {
        let candidate = format!("http://{}", self.candidate.address());
        let all = [
            &["replay", "fixtures", "--candidate", &candidate][..],
            &["--json", "--jobs", "1", "--report-dir", "run"],
            arguments,
        ]
        .concat();
        let output = self.run(&all).await;
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        Run {
            code: output.status.code().expect("it ends by itself"),
            report: Report::from_json(&String::from_utf8_lossy(&output.stdout))
                .unwrap_or_else(|error| panic!("{error}: {notes}")),
            notes,
        }
    }
}

struct Run {
    code: i32,
    report: Report,
    notes: String,
}

/// The public corpus cut down to its scenarios about bans.
fn corpus() -> Corpus {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let mut corpus = Corpus::read(&directory).expect("the public corpus");
    corpus.groups.retain(|group| group.name == "check-bans");
    corpus
}

fn step(corpus: &mut Corpus, scenario: usize) -> &mut Step {
    &mut corpus.groups[0].scenarios[scenario].steps[0]
}

const FIRST: &str = "check-bans/none";

/// One route, and one rule that no answer about bans needs.
fn rules(expires: &str) -> String {
    format!(
        r#"version = 1
[[route]]
name = "check-bans"
method = "POST"
path = "/internal/check-bans"
[[route]]
name = "elsewhere"
method = "GET"
path = "/elsewhere"
[[rule]]
id = "no-order"
paths = ["$.nowhere"]
equivalence = "unordered"
reason = "a rule to look at"
evidence = {{ n = 1, rate = 1.0, interval = [0.2, 1.0] }}
author = "tests"
expires = "{expires}"
"#
    )
}

/// Accepts a status of 418 instead of 200 where `check-bans/none` shows it.
fn ledger(expires: &str) -> String {
    format!(
        r#"version = 1
[[accepted]]
id = "teapot"
routes = ["check-bans"]
place = "status"
kinds = ["value"]
reference = "418"
direction = "reference_wrong"
reason = "the recorded service was a teapot"
ticket = "T-1"
owner = "tests"
expires = "{expires}"
fixture = "passport/{FIRST}"
"#
    )
}

#[tokio::test]
async fn an_accepted_divergence_is_tolerated_by_name() {
    let house = House::new().await;
    house.record(|corpus| step(corpus, 0).response.status = 418);
    assert_eq!(house.replay(&[]).await.code, 1, "nobody accepted it");

    house.write("fixtures/ledger.toml", &ledger("2999-12-31"));
    let run = house.replay(&[]).await;
    assert_eq!(run.code, 0, "{}", run.notes);
    assert_eq!(run.report.totals.tolerated, 1);
    assert_eq!(run.report.totals.diverged, 0);
    assert!(!run.notes.contains("ledger entry"), "{}", run.notes);

    house.record(|corpus| {
        step(corpus, 0).response.status = 418;
        step(corpus, 1).response.status = 419;
    });
    assert_eq!(house.replay(&[]).await.code, 1, "419 was not accepted");
}

#[tokio::test]
async fn a_ledger_entry_that_no_longer_occurs_is_reported_for_deletion() {
    let house = House::new().await;
    house.write("fixtures/ledger.toml", &ledger("2999-12-31"));
    let gone = "ledger entry teapot: no longer occurs: delete it";
    let run = house.replay(&[]).await;
    assert_eq!(run.code, 0, "{}", run.notes);
    assert!(run.notes.contains(gone), "{}", run.notes);

    let without_its_fixture = house.replay(&["--filter", "check-bans/account*"]).await;
    let notes = without_its_fixture.notes;
    assert!(!notes.contains(gone), "it could not have occurred: {notes}");

    house.write("fixtures/ledger.toml", &ledger("2020-01-01"));
    let expired = "ledger entry teapot: past its expiry: look at it again";
    let run = house.replay(&["--filter", FIRST, "--strict-rules"]).await;
    assert_eq!(run.code, 1, "an expired entry fails wherever it is seen");
    assert!(run.notes.contains(expired), "{}", run.notes);
}

#[tokio::test]
async fn strict_rules_fail_on_dead_and_expired_ones() {
    let house = House::new().await;
    let run = house.replay(&[]).await;
    assert_eq!(run.code, 0, "{}", run.notes);
    assert_eq!(run.report.audit.dead, ["no-order"], "reported all the same");

    let run = house.replay(&["--strict-rules"]).await;
    assert_eq!(run.code, 1, "{}", run.notes);
    assert!(
        run.notes
            .contains("--strict-rules: 0 expired and 1 unneeded"),
        "{}",
        run.notes
    );
    let part = house.replay(&["--strict-rules", "--filter", FIRST]).await;
    assert_eq!(part.code, 0, "a part does not show what is needed nowhere");

    house.write("fixtures/rules.toml", &rules("2020-01-01"));
    let run = house.replay(&["--strict-rules", "--filter", FIRST]).await;
    assert_eq!(run.code, 1, "{}", run.notes);
    assert_eq!(run.report.audit.expired, ["no-order"]);
}

#[tokio::test]
async fn what_was_never_seen_stands_in_the_report() {
    let house = House::new().await;
    let run = house.replay(&[]).await;
    let coverage: Coverage = serde_json::from_value(run.report.coverage.unwrap()).unwrap();
    assert_eq!(coverage.routes["elsewhere"].requests, 0);
    let requests: u64 = coverage.routes.values().map(|route| route.requests).sum();
    assert_eq!(requests, run.report.totals.compared);
    let gaps = coverage.gaps();
    let elsewhere = gaps.iter().find(|gap| gap.route == "elsewhere").unwrap();
    assert!(elsewhere.never_requested);

    let text = house.run(&["report", "text", "run/report.json"]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("never seen: elsewhere"), "{text}");
}

#[tokio::test]
async fn a_run_held_against_the_baseline_fails_on_new_causes_only() {
    let house = House::new().await;
    let with_known = |corpus: &mut Corpus| step(corpus, 0).response.status = 418;
    house.record(with_known);
    assert_eq!(house.replay(&[]).await.code, 1);
    let accept = ["report", "baseline", "run/report.json", "--out", "base"];
    let accepted = house.run(&accept).await;
    assert_eq!(accepted.status.code(), Some(0));

    let against = ["--baseline", "base"];
    let run = house.replay(&against).await;
    assert_eq!(run.code, 0, "{}", run.notes);
    assert_eq!(run.report.totals.diverged, 1, "known, and still diverging");
    assert_eq!(run.report.since_baseline.unwrap().new.len(), 0);

    house.record(|corpus| {
        with_known(corpus);
        step(corpus, 1).response.body = "[]".into();
    });
    let run = house.replay(&against).await;
    assert_eq!(run.code, 1, "{}", run.notes);
    assert_eq!(run.report.since_baseline.unwrap().new.len(), 1);

    house.record(|_| {});
    let run = house.replay(&against).await;
    assert_eq!(run.code, 0, "{}", run.notes);
    assert_eq!(run.report.since_baseline.unwrap().gone.len(), 1);

    house.record(|corpus| drop(corpus.groups[0].scenarios.pop()));
    let run = house.replay(&against).await;
    assert_eq!(run.code, 3, "fewer pairs show less: {}", run.notes);
    assert_eq!(run.report.since_baseline.unwrap().compared_less, 1);
    let run = house
        .replay(&[&against[..], &["--filter", FIRST]].concat())
        .await;
    assert_eq!(run.code, 0, "a part is smaller on purpose: {}", run.notes);
}
