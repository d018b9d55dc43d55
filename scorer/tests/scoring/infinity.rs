//! Instants without end, which PostgreSQL has and Python has not.

use num_bigint::BigInt;
use scorer::message::Mode;

use crate::world::{World, address, request};

#[tokio::test]
async fn a_claim_without_end_is_held_against_others_and_kept_up_by_its_owner() {
    let world = World::start().await;
    world.community(1).await;
    let engine = world.engine(2);
    for owner in [address(1), address(2)] {
        world.stamp(&owner, "A", &["v0:shared"]).await;
    }
    let scored = async |who: &str| {
        let scored = engine.score(request(1, who), Mode::Commit).await;
        let score = scored.expect("a score").score;
        assert_eq!(score.error, None);
        score.score
    };
    let links = "registry_hashscorerlink WHERE expires_at";
    let first = scored(&address(1)).await;
    let expire = async |end: &str| {
        sqlx::query("UPDATE registry_hashscorerlink SET expires_at = $1::timestamptz")
            .bind(end)
            .execute(&world.pool)
            .await
            .unwrap();
    };
    expire("infinity").await;
    assert_ne!(scored(&address(2)).await, first, "the claim holds");
    assert_eq!(world.count(&format!("{links} = 'infinity'")).await, 1);
    assert_eq!(scored(&address(1)).await, first);
    assert_eq!(
        world.count(&format!("{links} = '2100-01-01Z'")).await,
        1,
        "the claim lasts as long as the stamp again"
    );
    expire("-infinity").await;
    assert_eq!(scored(&address(2)).await, first, "the claim has lapsed");
}

#[tokio::test]
async fn dates_beyond_python_are_its_last_and_first_or_fail_the_score() {
    let world = World::start().await;
    world.community(1).await;
    let engine = world.engine(2);
    let who = address(1);
    world.stamp(&who, "A", &["v0:a"]).await;
    engine.score(request(1, &who), Mode::Commit).await.unwrap();
    let set = async |columns: &str| {
        let update = sqlx::AssertSqlSafe(format!("UPDATE {columns}"));
        sqlx::query(update).execute(&world.pool).await.unwrap();
    };
    set("registry_score SET last_score_timestamp = '-infinity', expiration_date = 'infinity'")
        .await;
    let scorer = BigInt::from(1);
    let stored = engine.stored_or_score(&scorer, &who, Mode::Commit).await;
    let stored = stored.unwrap().score;
    assert_eq!(
        stored.last_score_timestamp.as_deref(),
        Some("0001-01-01T00:00:00+00:00")
    );
    assert_eq!(
        stored.expiration_timestamp.as_deref(),
        Some("9999-12-31T23:59:59.999999+00:00")
    );
    for (date, error) in [
        ("infinity", None),
        ("-infinity", None),
        ("12345-01-01Z", Some("year 12345 is out of range")),
        ("290000-01-01Z", Some("is out of range")),
    ] {
        set(&format!(
            "ceramic_cache_ceramiccache SET updated_at = '{date}', issuance_date = '{date}'"
        ))
        .await;
        let score = engine.score(request(1, &who), Mode::Commit).await.unwrap();
        let told = score.score.error;
        let is_expected = match error {
            None => told.is_none(),
            // A year that chrono does not know is told as the last one that it knows.
            Some(error) => told.as_deref().is_some_and(|told| told.ends_with(error)),
        };
        assert!(is_expected, "{date}: {told:?}");
    }
}
