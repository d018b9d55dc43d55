use std::{fs, process::Command};

use parity::fixture::Corpus;

use super::{fixtures, parity_cli, scorers::Scorers};

#[tokio::test(flavor = "multi_thread")]
async fn a_divergence_shrinks_to_one_step_and_the_rows_it_needs() {
    let scorers = Scorers::start().await;
    scorers.candidate.spoil_rows().await;
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("small");
    let mut arguments: Vec<String> = ["minimize", "--scenario", "v2-score/main-alice", "--out"]
        .map(str::to_owned)
        .to_vec();
    arguments.push(out.display().to_string());
    arguments.push(fixtures().display().to_string());
    arguments.extend(scorers.sides());
    let ended = parity_cli(arguments).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("kept whole"),
        "the smaller seed shows the divergence: {}",
        ended.stderr
    );

    let small = Corpus::read(&out.join("fixtures")).unwrap();
    assert_eq!(small.steps(), 1);
    let step = &small.groups[0].scenarios[0].steps[0];
    let headers: Vec<&str> = step
        .request
        .headers
        .0
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    // HTTP/1.1 asks for the one, the service for the other.
    assert_eq!(headers, ["Host", "X-API-Key"]);
    let whole = fs::read_to_string(fixtures().join("seed.sql")).unwrap();
    let seed = small.seed.unwrap();
    let rows = |sql: &str| sql.lines().filter(|line| line.starts_with("\t(")).count();
    assert!(rows(&whole) >= 500, "{}", rows(&whole));
    assert!(rows(&seed) <= 3, "a key, its account, its user: {seed}");

    // What was written is what the reference did: the scorer that is not spoilt agrees.
    let fixtures = out.join("fixtures");
    let diverged = parity_cli::reproduce::divergences_of_embedded(&fixtures).await;
    assert_eq!(diverged.unwrap(), []);

    let shell = Command::new("sh")
        .arg("-n")
        .arg(out.join("curl.sh"))
        .status();
    assert!(shell.unwrap().success(), "curl.sh is a shell script");
    assert!(out.join("reproduction.rs").exists());
}
