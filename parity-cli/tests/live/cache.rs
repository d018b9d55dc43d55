//! Redis of live backends: emptied, compared, and left alone where nobody said that it is for tests.

use parity::report::Report;
use parity_cli::database::TEST_REDIS_MARK;

use super::{
    Ended, fixtures, parity_cli,
    redis_server::PASSWORD,
    scorers::{CANDIDATE_REDIS, REFERENCE_REDIS, Scorers},
};

const WEIGHTS: &[u8] = b":1:ceramic_cache_scorer_weights_1";
/// `{"Google": 9}`, pickled.
const STALE: &[u8] = b"\x80\x05\x8c\x0d{\"Google\": 9}\x94.";

async fn run(command: &str, sides: &[String], extra: &[&str]) -> Ended {
    let fixtures = fixtures().display().to_string();
    let mut arguments = vec!["--json", command, &fixtures, "--timeout", "120000"];
    arguments.extend(sides.iter().map(String::as_str));
    arguments.extend(extra);
    let ended = parity_cli(arguments).await;
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    assert!(!ended.stdout.contains(PASSWORD));
    ended
}

fn report(ended: &Ended) -> Report {
    Report::from_json(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr))
}

/// The arguments without `name` and its value, or with another value.
fn with(sides: &[String], name: &str, value: Option<&str>) -> Vec<String> {
    let pairs = sides.chunks(2).filter_map(|pair| {
        if pair[0] != name {
            return Some(pair.to_vec());
        }
        value.map(|value| vec![name.to_owned(), value.to_owned()])
    });
    pairs.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cache_holds_does_not_leak_into_a_scenario_and_is_compared() {
    let scorers = Scorers::start().await;
    let stale: [&[u8]; 3] = [b"SET", WEIGHTS, STALE];
    let () = scorers.redis.ask(CANDIDATE_REDIS, &stale).await;
    let sides = scorers.sides();
    let leaking = with(&sides, "--candidate-redis", None);
    let ended = run("replay", &leaking, &["--filter", "weights/community-main"]).await;
    assert_eq!(
        ended.code,
        Some(1),
        "the stale entry shows: {}",
        ended.stderr
    );

    // Cached within a scenario, emptied before a step, counted to a limit.
    for (filter, steps) in [
        ("[w]eights/cached", 5),
        ("rate-limit/rl4d", 5),
        ("*/id0-raw", 1),
    ] {
        let ended = run("replay", &sides, &["--filter", filter]).await;
        let report = report(&ended);
        let (left_out, diverged) = (&report.uncompared, &report.divergences);
        assert_eq!(ended.code, Some(0), "{filter}: {left_out:#?} {diverged:#?}");
        assert_eq!(report.totals.compared, steps, "{filter}: {left_out:#?}");
    }
    // Two live sides may leak alike; a recording shows which entries each scenario has to set.
    let recorded = with(&sides, "--reference", Some("recorded"));
    let ended = run("replay", &recorded, &["--filter", "weights/c*"]).await;
    let report = report(&ended);
    assert_eq!(ended.code, Some(0), "{:#?}", report.divergences);
    assert_eq!(report.totals.not_comparable, 0, "{:#?}", report.uncompared);
    // Nothing of the runs is left but the mark.
    for number in [REFERENCE_REDIS, CANDIDATE_REDIS] {
        let keys: Vec<String> = scorers.redis.ask(number, &[b"KEYS", b"*"]).await;
        assert_eq!(keys, [TEST_REDIS_MARK]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_marked_or_not_one_sides_own_is_left_alone() {
    let scorers = Scorers::start().await;
    let sides = scorers.sides();
    let entry: [&[u8]; 3] = [b"SET", b"precious", b"1"];
    let () = scorers.redis.ask(3, &entry).await;
    let unmarked = scorers.redis.url(3);
    let wrong = unmarked.replace(PASSWORD, "another-redis-password");
    let same = scorers.redis.url(REFERENCE_REDIS);
    let refused = [
        (
            "--candidate-redis",
            unmarked.as_str(),
            scorers.redis.marking(3),
        ),
        (
            "--candidate-redis",
            &same,
            "was given for both sides".to_owned(),
        ),
        (
            "--candidate-redis",
            &wrong,
            "connecting to Redis database 3 at".to_owned(),
        ),
        (
            "--candidate-redis",
            "redis//:another-redis-password@h",
            "not a usable Redis URL".to_owned(),
        ),
        (
            "--candidate-db",
            &scorers.reference.database,
            "was given for both sides".to_owned(),
        ),
    ];
    for (name, value, message) in refused {
        let sides = with(&sides, name, Some(value));
        let ended = run("replay", &sides, &["--filter", "weights/community-main"]).await;
        assert_eq!(ended.code, Some(64), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&message),
            "{message}: {}",
            ended.stderr
        );
        assert!(
            !ended.stderr.contains("another-redis-password"),
            "{}",
            ended.stderr
        );
    }
    let left: Option<String> = scorers.redis.ask(3, &[b"GET", b"precious"]).await;
    assert_eq!(left.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_compares_a_live_reference_with_itself() {
    let scorers = Scorers::start().await;
    let ended = run("doctor", &scorers.sides(), &["--sample", "12"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(!ended.stdout.contains("null"), "{}", ended.stdout);
}
