use parity::report::Report;

use super::{Ended, fixtures, parity_cli, scorers::Scorers};

async fn replay(sides: Vec<String>, extra: &[&str]) -> Ended {
    let fixtures = fixtures();
    let mut arguments = vec!["--json".to_owned(), "replay".to_owned()];
    arguments.push(fixtures.display().to_string());
    // Checking a key of the old kind takes seconds in a debug build.
    arguments.extend(["--timeout".to_owned(), "120000".to_owned()]);
    arguments.extend(sides);
    arguments.extend(extra.iter().map(|&text| text.to_owned()));
    parity_cli(arguments).await
}

fn report(ended: &Ended) -> Report {
    Report::from_json(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr))
}

/// Part of the corpus to play; `LIVE_SHARD=1/1` takes all of it.
fn shard() -> String {
    std::env::var("LIVE_SHARD").unwrap_or_else(|_| "1/6".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_live_scorers_with_running_clocks_are_at_parity() {
    let scorers = Scorers::start().await;
    let ended = replay(scorers.sides(), &["--shard", &shard()]).await;
    let report = report(&ended);
    let (totals, left_out, diverged) = (report.totals, &report.uncompared, &report.divergences);
    assert_eq!(
        ended.code,
        Some(0),
        "{totals:?} {left_out:#?} {diverged:#?}"
    );
    println!("{totals:?}, left out: {left_out:#?}");
    assert!(totals.compared >= 180, "{totals:?}");
    assert_eq!(totals.diverged, 0);
    assert_eq!(totals.errored + totals.timed_out, 0, "{totals:?}");
    // Their clocks never show the same microsecond: rows with times agree by the clock alone.
    assert!(totals.tolerated >= 20, "{totals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_live_candidate_writes_wrong_is_found_and_every_reset_holds() {
    let scorers = Scorers::start().await;
    let pool = scorers.candidate.spoil_rows().await;
    let ended = replay(scorers.sides(), &["--filter", "v2-score/main-*"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    let paths: Vec<&str> = report
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.signatures)
        .map(|signature| signature.path.as_str())
        .collect();
    assert_eq!(paths, ["account_accountapikeyanalytics.inserted[*].path"]);
    // Nothing of the run is left but the seed.
    let left: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM account_accountapikeyanalytics),
                (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'parity\\_%')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(left, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_of_a_live_run_join_to_the_whole() {
    let scorers = Scorers::start().await;
    scorers.candidate.spoil_rows().await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let mut runs = Vec::new();
    for (name, shard) in [("whole", "1/1"), ("one", "1/2"), ("two", "2/2")] {
        let out = path(name);
        let extra = [
            "--filter",
            "v2-score/main-*",
            "--shard",
            shard,
            "--report-dir",
            &out,
        ];
        let ended = replay(scorers.sides(), &extra).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        runs.push(report(&ended));
    }
    let [whole, one, two] = runs.as_slice() else {
        panic!("three runs")
    };
    assert!(one.totals.seen > 0 && two.totals.seen > 0);
    let merged = parity_cli([
        "report",
        "merge",
        &path("one/report.json"),
        &path("two/report.json"),
    ])
    .await;
    assert_eq!(merged.code, Some(0), "{}", merged.stderr);
    let merged = report(&merged);
    assert_eq!(merged.totals, whole.totals);
    assert_eq!(merged.verdict, whole.verdict);
    let causes = |report: &Report| -> Vec<_> {
        let clusters = report.clusters.iter();
        clusters
            .map(|cluster| (cluster.signatures.clone(), cluster.requests))
            .collect()
    };
    assert_eq!(causes(&merged), causes(whole));
    let routes = |report: &Report| -> Vec<_> {
        let routes = report.routes.iter();
        routes
            .map(|route| {
                (
                    route.route.clone(),
                    route.accounting,
                    route.judgement.clone(),
                )
            })
            .collect()
    };
    assert_eq!(routes(&merged), routes(whole));
}
